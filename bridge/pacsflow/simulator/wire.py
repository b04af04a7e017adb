"""From associations to the TCP connections that carry them (PS3.8 9.1.1: one each)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pacsflow.simulator.profiles import PROFILES
from pacsflow.simulator.tables import (
    CONNECTION,
    HISTORIES,
    SERVICES,
    STATES,
    Rows,
    count_packets,
    new_connections,
    new_uids,
)

if TYPE_CHECKING:
    from pacsflow.simulator.equipment import Hospital

_PDU_AND_PDV_HEADER = 12
_REQUEST, _RESPONSE = 134, 122
"""Mean bytes of a command set, with two UIDs in it."""


def dial(rng: np.random.Generator, hospital: Hospital, table: Rows) -> None:
    """Give each association its AE titles, ports, PDU count and uid, in place.

    AE titles and called port that were set before (not zero) stay as they are.
    """
    n = len(table)
    port = np.array([device.port for device in hospital.devices])
    table["resp_p"] = np.where(table["resp_p"] == 0, port[table["resp"]], table["resp_p"])
    table["orig_p"] = rng.integers(32768, 61000, n)
    table["calling"] = np.where(table["calling"] == 0, table["orig"], table["calling"])
    table["called"] = np.where(table["called"] == 0, table["resp"], table["called"])
    table["data_pdus"] = _data_pdus(hospital, table)
    table["uid"] = new_uids(rng, n)
    # a busy sensor misses a little of the largest transfers
    data = table["data_orig"] + table["data_resp"]
    gap = (rng.random(n) < 0.004) & (data > 1_000_000)
    table["missed"] = np.where(gap, rng.integers(1, 60, n) * 1448, 0)
    np.minimum(table["missed"], data // 10, out=table["missed"])


def _data_pdus(hospital: Hospital, table: Rows) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Return how many P-DATA-TF PDUs an association has: one a command, and the data sets'."""
    limit = np.array([device.max_pdu for device in hospital.devices]) - 6
    out, back = table["data_orig"], table["data_resp"]
    objects_out = np.where(table["get_rq"] == 0, table["store_rq"], 0) + table["find_rq"]
    objects_out = np.maximum(objects_out + table["n_rq"] + table["move_rq"], 1)
    objects_back = np.maximum(
        np.where(table["get_rq"] > 0, table["store_rq"], 0)
        + np.where(table["find_rq"] > 0, table["rsp_pending"], 0),
        1,
    )
    pdus = objects_out * -(-(out // objects_out) // limit[table["resp"]])
    pdus += objects_back * -(-(back // objects_back) // limit[table["orig"]])
    pdus += _commands(table).sum(axis=0)
    total: np.ndarray[tuple[int], np.dtype[np.int64]] = pdus
    return total


def _commands(table: Rows) -> np.ndarray[tuple[int, int], np.dtype[np.int64]]:
    """Return command sets sent by originator and responder, shape (2, rows).

    In a C-GET the responder asks for the C-STOREs and the originator answers them: the number of
    commands in each direction is the same as if the originator stored.
    """
    asked = sum(
        table[name].astype(np.int64)
        for name in ("echo_rq", "store_rq", "find_rq", "get_rq", "move_rq", "cancel_rq", "n_rq")
    )
    answered = sum(
        table[name].astype(np.int64)
        for name in ("rsp_success", "rsp_warning", "rsp_failure", "rsp_pending", "rsp_cancel")
    )
    return np.stack([asked, answered])


def connections_of(rng: np.random.Generator, table: Rows) -> Rows:
    """Return the conn.log rows of associations, in the same order, with the same uids.

    Parameters
    ----------
    rng
        Source of the histories.
    table
        Associations, shape (rows,).
    """
    if not len(table):
        return np.zeros(0, CONNECTION)
    request, answer = _negotiation_sizes()
    commands = _commands(table)
    # header bytes are shared between the directions as the data is
    data = np.maximum(table["data_orig"] + table["data_resp"], 1)
    headers = table["data_pdus"] * _PDU_AND_PDV_HEADER
    headers_out = headers * table["data_orig"] // data
    profile = table["profile"]
    replied = table["result"] != 2
    midstream = table["midstream"]
    orig_bytes = table["data_orig"] + headers_out + commands[0] * (_REQUEST + 12)
    resp_bytes = table["data_resp"] + headers - headers_out + commands[1] * (_RESPONSE + 12)
    orig_bytes = orig_bytes + np.where(midstream, 10, request[profile])
    resp_bytes = resp_bytes + np.where(midstream, 10, np.where(replied, answer[profile], 0))
    rejected = table["result"] == 1
    orig_bytes = np.where(rejected, request[profile], orig_bytes)
    resp_bytes = np.where(rejected, 10, resp_bytes)

    clean = rng.choice(4, len(table), p=[0.72, 0.12, 0.12, 0.04])
    # One packet sent again in a thousand is usual, ten in twenty are not: letters need bytes.
    clean = np.where((clean == 3) & (orig_bytes + resp_bytes < 20e6), 2, clean)
    clean = np.where((clean == 2) & (orig_bytes + resp_bytes < 1e6), 0, clean)
    history = np.where(table["missed"] > 0, HISTORIES.index("ShADadgfF"), clean)
    history = np.where(table["end"] == 1, HISTORIES.index("ShADadR"), history)
    history = np.where(table["end"] == 2, HISTORIES.index("ShADadfr"), history)
    history = np.where(midstream, HISTORIES.index("DadAfF"), history)
    state = np.where(table["end"] == 1, STATES.index("RSTO"), STATES.index("SF"))
    state = np.where((table["end"] == 2) & ~rejected, STATES.index("RSTR"), state)
    state = np.where(midstream, STATES.index("OTH"), state)
    rows = new_connections(
        table["start"] - np.where(midstream, 0, 900), duration=table["duration"] + 1_700,
        orig=table["orig"], resp=table["resp"], orig_p=table["orig_p"], resp_p=table["resp_p"],
        service=SERVICES.index("dicom"), state=state, history=history, orig_bytes=orig_bytes,
        resp_bytes=resp_bytes, missed=table["missed"], uid=table["uid"],
    )  # fmt: skip
    count_packets(rows)
    return rows


def _negotiation_sizes() -> tuple[
    np.ndarray[tuple[int], np.dtype[np.int64]], np.ndarray[tuple[int], np.dtype[np.int64]]
]:
    """Return bytes of A-ASSOCIATE-RQ and -AC (with the release PDUs) of each profile."""
    request = [
        74 + 25 + 90 + 10 + profile.ctx_offered * 58 + 21 * len(profile.transfer_syntaxes)
        for profile in PROFILES
    ]
    answer = [74 + 25 + 90 + 10 + profile.ctx_offered * 29 for profile in PROFILES]
    return np.array(request), np.array(answer)
