"""The two tables that all traffic is made of: associations and connections, in numpy columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

Rows = np.ndarray[tuple[int], np.dtype[np.void]]

UNSET = -1
"""Stands for Zeek's unset field in the integer columns."""

CONNECTION = np.dtype(
    [
        ("start", "i8"),  # microseconds since the epoch
        ("duration", "i8"),  # microseconds, UNSET where no answer came
        ("orig", "i4"),  # index of the device
        ("resp", "i4"),
        ("orig_p", "i4"),
        ("resp_p", "i4"),
        ("proto", "i1"),  # IP protocol number: 1, 6, 17
        ("service", "i1"),  # index into SERVICES
        ("state", "i1"),  # index into STATES
        ("history", "i2"),  # index into HISTORIES
        ("orig_bytes", "i8"),
        ("resp_bytes", "i8"),
        ("missed", "i8"),
        ("orig_pkts", "i8"),
        ("resp_pkts", "i8"),
        ("orig_ip", "i8"),
        ("resp_ip", "i8"),
        ("uid", "S18"),
    ]
)

ASSOCIATION = np.dtype(
    [
        ("start", "i8"),
        ("duration", "i8"),
        ("orig", "i4"),
        ("resp", "i4"),
        ("orig_p", "i4"),
        ("resp_p", "i4"),
        ("calling", "i4"),  # index of the device, or a negative index into FOREIGN_AE
        ("called", "i4"),
        ("profile", "i2"),  # index into profiles.PROFILES
        ("result", "i1"),  # index into RESULTS
        ("end", "i1"),  # index into ENDS
        ("reject_result", "i1"),
        ("reject_source", "i1"),
        ("reject_reason", "i1"),
        ("abort_source", "i1"),
        ("abort_reason", "i1"),
        ("echo_rq", "i4"),
        ("store_rq", "i4"),
        ("find_rq", "i4"),
        ("get_rq", "i4"),
        ("move_rq", "i4"),
        ("cancel_rq", "i4"),
        ("n_rq", "i4"),
        ("rsp_success", "i4"),
        ("rsp_warning", "i4"),
        ("rsp_failure", "i4"),
        ("rsp_pending", "i4"),
        ("rsp_cancel", "i4"),
        ("failure_code", "i4"),  # the status, UNSET where nothing failed
        ("move_destination", "i4"),  # as calling
        ("data_pdus", "i8"),
        ("data_orig", "i8"),
        ("data_resp", "i8"),
        ("missed", "i8"),
        ("midstream", "?"),
        ("uid", "S18"),
    ]
)

SERVICES = (
    "-", "dicom", "ssl", "dns", "http", "smb", "ntp", "ldap", "krb", "ssh", "snmp", "dhcp",
)  # fmt: skip
STATES = ("SF", "S0", "REJ", "RSTO", "RSTR", "OTH", "S1", "SH")
HISTORIES = (
    "ShADadfF",
    "ShADadFf",
    "ShADadTfF",
    "ShADadTTfF",
    "ShADadttfF",
    "ShADadgfF",
    "ShADadGTfF",
    "ShADadR",
    "ShADadfr",
    "S",
    "Sr",
    "Dd",
    "ShADd",
    "DadAfF",
    "-",
    "D",
)
RESULTS = ("accepted", "rejected", "no_reply", "unknown")
ENDS = ("released", "aborted", "closed", "incomplete")
FOREIGN_AE = ("ANY-SCP", "PACS", "ORTHANC", "STORESCP", "DCM4CHEE", "ARCHIVE", "TEST", "READ99")
"""AE titles that belong to no device: guesses, and a mistyped destination."""


def concatenate(tables: Iterable[Rows], dtype: np.dtype[np.void]) -> Rows:
    """Return the rows of all tables; an empty table where there are none."""
    rows = [table for table in tables if len(table)]
    return np.concatenate(rows) if rows else np.zeros(0, dtype)


def new_associations(start: NDArray[np.int64], **columns: Any) -> Rows:  # noqa: ANN401
    """Return an association table with defaults: accepted, released, nothing asked, nothing sent.

    Parameters
    ----------
    start
        Microseconds since the epoch, shape (rows,).
    columns
        Values (scalars or arrays of shape (rows,)) of columns of ASSOCIATION.
    """
    table: Rows = np.zeros(len(start), ASSOCIATION)
    table["start"] = start
    for name in (
        "reject_result", "reject_source", "reject_reason", "abort_source", "abort_reason",
        "failure_code", "move_destination",
    ):  # fmt: skip
        table[name] = UNSET if name != "move_destination" else np.iinfo("i4").min
    for name, value in columns.items():
        table[name] = value
    return table


NO_AE = int(np.iinfo("i4").min)
"""Stands for no AE title in the columns that index AE titles."""


def foreign(title: str) -> int:
    """Return the column value that stands for an AE title of FOREIGN_AE."""
    return -1 - FOREIGN_AE.index(title)


def new_connections(start: NDArray[np.int64], **columns: Any) -> Rows:  # noqa: ANN401
    """Return a connection table: TCP, SF, packets and IP bytes worked out from the payload."""
    table: Rows = np.zeros(len(start), CONNECTION)
    table["start"] = start
    table["proto"] = 6
    for name, value in columns.items():
        table[name] = value
    return table


def count_packets(table: Rows) -> None:
    """Fill the packet and IP byte columns from payload, protocol and state, in place."""
    tcp = table["proto"] == 6
    out, back = np.maximum(table["orig_bytes"], 0), np.maximum(table["resp_bytes"], 0)
    segments_out, segments_back = -(-out // 1448), -(-back // 1448)
    # delayed acknowledgements: one for two segments; three packets open and close each side
    answered = (table["duration"] >= 0) & (table["state"] != STATES.index("REJ"))
    table["orig_pkts"] = np.where(
        tcp,
        np.where(answered, 3 + segments_out + segments_back // 2, 1),
        np.maximum(-(-out // 512), 1),
    )
    table["resp_pkts"] = np.where(
        tcp,
        np.where(answered, 2 + segments_back + segments_out // 2,
                 (table["state"] == STATES.index("REJ")).astype(np.int64)),
        np.where(back > 0, -(-back // 512), 0),
    )  # fmt: skip
    header = np.where(tcp, 52, 28)
    table["orig_ip"] = out + table["orig_pkts"] * header
    table["resp_ip"] = back + table["resp_pkts"] * header


_ALPHABET = np.frombuffer(
    b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", dtype=np.uint8
)


def new_uids(rng: np.random.Generator, n: int) -> NDArray[np.bytes_]:
    """Return `n` connection uids as Zeek writes them: C and 17 base-62 digits."""
    digits = np.empty((n, 18), dtype=np.uint8)
    digits[:, 0] = ord("C")
    digits[:, 1:] = _ALPHABET[rng.integers(0, 62, (n, 17))]
    return digits.reshape(-1).view("S18")


def end_of(table: Rows) -> NDArray[np.int64]:
    """Return when each row ended, microseconds since the epoch: when Zeek writes it."""
    end: NDArray[np.int64] = table["start"] + np.maximum(table["duration"], 0)
    return end
