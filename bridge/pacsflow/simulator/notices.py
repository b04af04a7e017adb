"""The notices a sensor with the DICOM scripts would raise on the simulated story."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from pacsflow.simulator import schema
from pacsflow.simulator.encode import seconds
from pacsflow.simulator.rhythm import HOUR_US
from pacsflow.simulator.story import microseconds
from pacsflow.simulator.tables import end_of

if TYPE_CHECKING:
    from pacsflow.simulator.span import Span
    from pacsflow.simulator.tables import Rows


FINDS, RETRIEVALS = 5000, 200
"""C-FIND requests and results within ten minutes, C-GET and C-MOVE requests within an hour: the
thresholds of the Zeek package."""


def notices(what: Span, associations: Rows, start_us: int) -> tuple[np.ndarray, list[pa.Array]]:
    """Return when (microseconds) and what notices one day's associations raise.

    Parameters
    ----------
    what
        The span, for its story.
    associations
        The day's associations, sorted by their end.
    start_us
        Start of the day, microseconds since the epoch.
    """
    hospital, told = what.hospital, what.story
    raised: list[tuple[int, Rows, str, str]] = []

    def notice(rows: Rows, note: str, message: str) -> None:
        raised.append((int(end_of(rows[:1])[0]), rows[:1], f"DICOM::{note}", message))

    by_bulk_host = associations[associations["orig"] == hospital.index(told.bulk_host)]
    address = hospital.devices[hospital.index(told.bulk_host)].address
    asked = by_bulk_host[by_bulk_host["find_rq"] + by_bulk_host["rsp_pending"] >= FINDS]
    asked = asked[asked["get_rq"] == 0]
    if len(asked):
        message = f"{address} sent or got {FINDS} C-FIND requests and results"
        notice(asked, "Find_Enumeration", message)
    taken = by_bulk_host[by_bulk_host["get_rq"] > 1]
    taken = taken[np.cumsum(taken["get_rq"]) >= RETRIEVALS]
    if len(taken):
        notice(taken, "Bulk_Retrieval", f"{address} sent {RETRIEVALS} C-GET and C-MOVE requests")
    device = hospital.devices[hospital.newcomer]
    new = associations[associations["orig"] == hospital.newcomer]
    since = microseconds(told.newcomer_since)
    if start_us <= since < start_us + 24 * HOUR_US:
        stored = new[new["store_rq"] > 0]
        if len(stored):
            titles = f"{device.ae_title} to {hospital.devices[stored['resp'][0]].ae_title}"
            notice(
                stored,
                "Store_From_Unknown_Sender",
                f"objects from {device.address}, which the inventory does not know, {titles}",
            )
            pacs = hospital.devices[stored["resp"][0]].address
            message = f"{pacs} has an association with {device.address} for the first time"
            notice(stored, "New_Peer", message)
    raised.sort(key=lambda notice: notice[0])
    return np.array([n[0] for n in raised], dtype=np.int64), _columns(what, raised)


def _columns(what: Span, raised: list[tuple[int, Rows, str, str]]) -> list[pa.Array]:
    """Return the columns of schema.NOTICE."""
    devices = what.hospital.devices
    given: dict[str, list[str | None]] = {field.name: [] for field in schema.NOTICE}
    for when, row, note, message in raised:
        orig, resp = devices[row["orig"][0]].address, devices[row["resp"][0]].address
        port = str(row["resp_p"][0])
        values: dict[str, str] = {
            "ts": str(seconds(np.array([when]))[0]), "uid": row["uid"][0].decode("ascii"),
            "id.orig_h": orig, "id.orig_p": str(row["orig_p"][0]), "id.resp_h": resp,
            "id.resp_p": port, "proto": "tcp", "note": note, "msg": message, "src": orig,
            "dst": resp, "p": port, "actions": "Notice::ACTION_LOG", "email_dest": "(empty)",
            "suppress_for": "3600.000000",
        }  # fmt: skip
        for name, column in given.items():
            column.append(values.get(name))
    return [pa.array(column, pa.string()) for column in given.values()]
