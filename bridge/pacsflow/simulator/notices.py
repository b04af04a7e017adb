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
    bulk = (associations["orig"] == hospital.index(told.bulk_host)) & (associations["get_rq"] >= 40)
    if bulk.any():
        row = associations[bulk][:1]
        objects = int(row["store_rq"][0])
        message = f"{hospital.devices[row['orig'][0]].address} retrieved {objects} objects"
        raised.append((int(end_of(row)[0]), row, "DICOM::Bulk_Retrieval", message))
    new = (associations["orig"] == hospital.newcomer) & (associations["store_rq"] > 0)
    since = microseconds(told.newcomer_since)
    if new.any() and start_us <= since < start_us + 24 * HOUR_US:
        row = associations[new][:1]
        device = hospital.devices[hospital.newcomer]
        raised.append(
            (int(end_of(row)[0]), row, "DICOM::Unknown_Store_Sender",
             f"{device.address} ({device.ae_title}) is in no inventory and stores to the PACS")
        )  # fmt: skip
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
