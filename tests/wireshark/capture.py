"""Writes small captures: Ethernet, IPv4, TCP segments, in the classic pcap format."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

SYN, ACK, PSH_ACK = 2, 16, 24


def segment(
    source: str, port: int, destination: str, to: int, payload: bytes, *, seq: int, flags: int
) -> bytes:
    """Return one frame."""
    ip_source, ip_destination = (bytes(map(int, a.split("."))) for a in (source, destination))
    tcp = struct.pack(">HHIIBBHHH", port, to, seq & 0xFFFFFFFF, 1, 0x50, flags, 8192, 0, 0)
    ip = struct.pack(">BBHHHBBH", 0x45, 0, 40 + len(payload), 1, 0, 64, 6, 0)
    link = b"\x02\0\0\0\0" + ip_destination[-1:] + b"\x02\0\0\0\0" + ip_source[-1:] + b"\x08\x00"
    return link + ip + ip_source + ip_destination + tcp + payload


def conversation(client: str, server: str, port: int, first: bytes, *, syn: bool) -> list[bytes]:
    """Return the frames of a stream whose both sides send `first` again and again."""
    frames, mine, theirs = [], 1000, 9000
    ends = (client, 40000, server, port)
    back = (server, port, client, 40000)
    if syn:
        frames += [
            segment(*ends, b"", seq=mine - 1, flags=SYN),
            segment(*back, b"", seq=theirs - 1, flags=SYN | ACK),
            segment(*ends, b"", seq=mine, flags=ACK),
        ]
    for _ in range(4):
        frames.append(segment(*ends, first, seq=mine, flags=PSH_ACK))
        frames.append(segment(*back, first, seq=theirs, flags=PSH_ACK))
        mine, theirs = mine + len(first), theirs + len(first)
    return frames


def write_pcap(path: Path, frames: Iterable[bytes]) -> Path:
    """Write frames, one a millisecond from 2026-03-02 08:00 UTC on."""
    with path.open("wb") as out:
        out.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
        for i, frame in enumerate(frames):
            seconds, micro = 1772438400 + i // 1000, i % 1000 * 1000
            out.write(struct.pack("<IIII", seconds, micro, len(frame), len(frame)) + frame)
    return path
