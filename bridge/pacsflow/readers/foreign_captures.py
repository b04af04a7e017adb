"""Captures that are neither pcap nor pcapng: tshark reads them, editcap makes pcapng of them."""

from __future__ import annotations

import struct

BEGINNINGS = (
    b"snoop\0\0\0", b"RTSS", b"GMBU", b"TRSNIFF data", b"XCP\0", b"\x05VNF", b"\xaa\xaa\xaa\xaa",
)  # fmt: skip
"""snoop (RFC 1761), Microsoft's Network Monitor 1 and 2, Sniffer for DOS and Windows, Visual
Networks, 5View."""
_RECORD = struct.Struct("<IIBBxxxxxx")
_LENGTH = struct.Struct(">H")
_KINDS = range(1, 49)
_MOMENTS = range(631152000, 4102444800)
"""Seconds of 1990 to 2100."""
_RECORDS = 3


def is_foreign(start: bytes) -> bool:
    """Say whether a file that starts like this is such a capture; `start` is 64 KiB of it."""
    return start.startswith(BEGINNINGS) or _is_erf(start)


def _is_erf(start: bytes) -> bool:
    """Say whether records of Endace's cards stand here, which have no header above them.

    Each has a time with its fraction first, then a kind, flags, and its own length. Text could
    have all of that by chance.
    """
    at = 0
    if start[: _RECORD.size].isascii() and start[: _RECORD.size].decode("ascii").isprintable():
        return False
    for found in range(_RECORDS + 1):
        if at >= len(start):
            return found > 0 and at == len(start)
        if at + _RECORD.size > len(start):
            return False
        _, seconds, kind, _ = _RECORD.unpack_from(start, at)
        (size,) = _LENGTH.unpack_from(start, at + 10)
        if seconds not in _MOMENTS or kind % 128 not in _KINDS or size < _RECORD.size:
            return False
        at += size
    return True
