"""Reads rows of conn.log as arrays in which the originator is who began the connection."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pacsflow.readers.arrays import flat
from pacsflow.terms.ports import DICOM_PORTS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]

SPOKE = 120
"""IP bytes of a side above which it said something, where its payload is not told."""
LEAST_REQUEST = 99
"""Bytes of an A-ASSOCIATE-RQ before its first context: header, fixed fields, application context
(PS3.8, 9.3.2)."""
HANDSHAKE = 700
"""Bytes that the client of TLS sends for the sake of TLS alone, so that no association fits in
beside them: 621 of OpenSSL's with TLS 1.3, up to 674 with TLS 1.2 and keys on elliptic curves."""
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_OTHER_SIDE = str.maketrans(_LETTERS + _LETTERS.lower(), _LETTERS.lower() + _LETTERS)


@dataclass(frozen=True, slots=True)
class Faced:
    """Connections; `a` began them, `b` answered. All arrays have the shape (connections,)."""

    us: Ints
    """When they began, microseconds since 1970."""
    d: NDArray[np.float64]
    """How long they took, seconds; 0 where that is not told."""
    a: pa.Array
    b: pa.Array
    port: NDArray[np.int32]
    """Of `b`; -1 where it is not told."""
    proto: pa.Array
    service: pa.Array
    udp: NDArray[np.bool_]
    turned: NDArray[np.bool_]
    """Whether Zeek told them the other way round."""
    spoke: NDArray[np.bool_]
    """Whether both sides said something, and who began enough for an association."""
    handshakes: int
    """How many on DICOM's ports carry hardly more than the handshake of TLS."""
    out_packets: Ints
    in_packets: Ints
    out_bytes: Ints
    in_bytes: Ints
    missed: Ints


def faced(rows: pa.Table) -> Faced:
    """Return rows of conn.log.

    Of a connection that Zeek took up in the middle the side that it saw first is its originator. A
    DICOM port there, none on the other side and no SYN from it tell that it is the other way.
    """
    ours, theirs = _ports(rows["id.orig_p"]), _ports(rows["id.resp_p"])
    proto, service = flat(rows["proto"]), flat(rows["service"])
    turned = _turned(rows, ours, theirs, proto)
    a, b = flat(rows["id.orig_h"]), flat(rows["id.resp_h"])
    packets = _count(rows["orig_pkts"]), _count(rows["resp_pkts"])
    sent, received = (
        _count(pc.coalesce(rows[f"{side}_ip_bytes"], rows[f"{side}_bytes"]))
        for side in ("orig", "resp")
    )
    sizes = sent, received
    spoke = _spoke(rows)
    idle = _idle(rows, spoke, theirs, service)
    spoke &= ~idle
    if turned.any():
        swap = pa.array(turned)
        a, b = pc.if_else(swap, b, a), pc.if_else(swap, a, b)
        packets, sizes = _swapped(turned, *packets), _swapped(turned, *sizes)
        theirs = np.where(turned, ours, theirs)
    return Faced(
        us=flat(rows["ts"]).cast(pa.int64()).to_numpy(),
        d=flat(rows["duration"].fill_null(0.0)).to_numpy(),
        a=a, b=b, port=theirs, proto=proto, service=service,
        udp=_true(pc.equal(proto, "udp")), turned=turned, spoke=spoke,
        handshakes=int(np.sum(idle & _is_tls(service))),
        out_packets=packets[0], in_packets=packets[1], out_bytes=sizes[0], in_bytes=sizes[1],
        missed=_count(rows["missed_bytes"]),
    )  # fmt: skip


def turn(histories: pa.ChunkedArray, turned: NDArray[np.bool_]) -> pa.Array:
    """Return histories as the other side would tell them, where they are `turned`."""
    told = flat(histories)
    if not turned.any():
        return told
    words = told.dictionary_encode()
    other = [w and w.translate(_OTHER_SIDE) for w in words.dictionary.to_pylist()]
    theirs = pa.DictionaryArray.from_arrays(words.indices, pa.array(other, pa.string()))
    return pc.if_else(pa.array(turned), theirs.dictionary_decode(), told)


def _turned(
    rows: pa.Table, ours: NDArray[np.int32], theirs: NDArray[np.int32], proto: pa.Array
) -> NDArray[np.bool_]:
    found: NDArray[np.bool_] = np.isin(ours, DICOM_PORTS) & (theirs >= 0)
    found &= ~np.isin(theirs, DICOM_PORTS)
    if found.any():
        begun = pc.fill_null(pc.match_substring(rows["history"], "S"), True)
        found &= _true(pc.equal(proto, "tcp")) & ~_true(begun)
    return found


def _spoke(rows: pa.Table) -> NDArray[np.bool_]:
    """Say where both sides said something: payload, or more than headers where that is not told."""
    payload = pc.greater(pc.add(rows["orig_bytes"], rows["resp_bytes"]), 0)
    some = flat(payload.fill_null(True)).to_numpy(zero_copy_only=False)
    found: NDArray[np.bool_] = _both_over(rows, "ip_bytes", SPOKE) & some
    return found | _both_over(rows, "bytes", 0)


def _is_tls(service: pa.Array) -> NDArray[np.bool_]:
    return _true(pc.is_in(service, pa.array(["ssl", "tls"])))


def _idle(
    rows: pa.Table, spoke: NDArray[np.bool_], port: NDArray[np.int32], service: pa.Array
) -> NDArray[np.bool_]:
    """Say where both sides spoke, on a port of DICOM, and no association can have been asked for.

    That is known where the connection was seen from its SYN on.
    """
    sent = flat(rows["orig_bytes"].fill_null(HANDSHAKE)).to_numpy()
    found: NDArray[np.bool_] = spoke & (sent < HANDSHAKE) & np.isin(port, DICOM_PORTS)
    if found.any():
        found &= (sent < LEAST_REQUEST) | _is_tls(service)
        found &= _true(pc.equal(flat(rows["proto"]), "tcp"))
        found &= _true(pc.match_substring(rows["history"], "S"))
    return found


def _both_over(rows: pa.Table, what: str, least: int) -> NDArray[np.bool_]:
    found: NDArray[np.bool_] = (_count(rows[f"orig_{what}"]) > least) & (
        _count(rows[f"resp_{what}"]) > least
    )
    return found


def _swapped(turned: NDArray[np.bool_], ours: Ints, theirs: Ints) -> tuple[Ints, Ints]:
    return np.where(turned, theirs, ours), np.where(turned, ours, theirs)


def _count(column: pa.ChunkedArray) -> Ints:
    found: Ints = flat(column.fill_null(0)).to_numpy()
    return found


def _ports(column: pa.ChunkedArray) -> NDArray[np.int32]:
    found: NDArray[np.int32] = flat(column.fill_null(-1)).to_numpy()
    return found


def _true(column: pa.ChunkedArray | pa.Array) -> NDArray[np.bool_]:
    found: NDArray[np.bool_] = flat(column.fill_null(False)).to_numpy(zero_copy_only=False)
    return found
