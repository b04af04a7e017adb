"""Changes the frames of a capture as networks and captures do: copies, losses, fragments, order."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

Frame = tuple[float, bytes, int]
"""Seconds, captured bytes, length on the wire."""


def read(path: Path) -> list[Frame]:
    """Return the frames of a pcap in the order of little-endian machines, microseconds."""
    data, at, frames = path.read_bytes(), 24, []
    while at < len(data):
        seconds, micro, captured, wire = struct.unpack_from("<IIII", data, at)
        frames.append((seconds + micro / 1e6, data[at + 16 : at + 16 + captured], wire))
        at += 16 + captured
    return frames


def write(path: Path, frames: Iterable[Frame], link: int = 1) -> Path:
    """Write a pcap."""
    with path.open("wb") as out:
        out.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, link))
        for ts, data, wire in frames:
            micro = round(ts * 1e6)
            out.write(struct.pack("<IIII", micro // 1_000_000, micro % 1_000_000, len(data), wire))
            out.write(data)
    return path


def write_sections(path: Path, sections: Iterable[tuple[str, int, Iterable[Frame]]]) -> Path:
    """Write a pcapng with a section for each of byte order, link type and frames; nanoseconds."""

    def block(order: str, kind: int, body: bytes) -> bytes:
        body += bytes(-len(body) % 4)
        size = struct.pack(order + "I", len(body) + 12)
        return struct.pack(order + "I", kind) + size + body + size

    with path.open("wb") as out:
        for order, link, frames in sections:
            header = struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1)
            resolution = struct.pack(order + "HHBxxxHH", 9, 1, 9, 0, 0)
            out.write(block(order, 0x0A0D0D0A, header))
            out.write(block(order, 1, struct.pack(order + "HHI", link, 0, 0) + resolution))
            for ts, data, wire in frames:
                nano = round(ts * 1e6) * 1000
                place = nano >> 32, nano & 0xFFFFFFFF, len(data), wire
                out.write(block(order, 6, struct.pack(order + "IIIII", 0, *place) + data))
    return path


def copied(frames: Iterable[Frame], later: float, *, routed: bool = False) -> list[Frame]:
    """Return the frames and a copy of each, so many seconds later; routed: behind a router."""
    out = []
    for ts, data, wire in frames:
        out.append((ts, data, wire))
        copy = bytearray(data)
        if routed:
            copy[:12] = b"\x02\0\0\0\3\1\x02\0\0\0\3\2"
            copy[22] -= 1
        out.append((ts + later, bytes(copy), wire))
    return sorted(out, key=lambda frame: frame[0])


def put_together(frames: Iterable[Frame], most: int = 20_000) -> Iterator[Frame]:
    """Give frames of IPv4 and TCP as a network card does that joins segments which follow."""
    kept: dict[bytes, Frame] = {}
    for ts, data, wire in frames:
        ends, total = data[26:38], int.from_bytes(data[16:18], "big")
        before, payload = kept.pop(ends, None), data[54 : 14 + total]
        if before and before[1][:14] and len(before[1]) + len(payload) < most and payload:
            joined = bytearray(before[1] + payload)
            joined[16:18] = (len(joined) - 14).to_bytes(2, "big")
            kept[ends] = (before[0], bytes(joined), len(joined))
            continue
        if before:
            yield before
        if payload and not data[47] & 7:
            kept[ends] = (ts, data[: 14 + total], 14 + total)
        else:
            yield ts, data, wire
    yield from kept.values()


def add(data: bytearray, at: int, step: int) -> None:
    """Add to the 32 bits at `at`: a sequence number, of another connection."""
    number = int.from_bytes(data[at : at + 4], "big") + step
    data[at : at + 4] = (number % 2**32).to_bytes(4, "big")


ENDS6 = {
    bytes((10, 1, 0, number)): bytes.fromhex("20010db8") + bytes(11) + bytes([number])
    for number in range(1, 250)
}
"""The IPv6 address that stands for an address of 10.1.0.0/24."""


def ipv6(data: bytes) -> bytes:
    """Return an Ethernet frame of IPv4 as one of IPv6 between 2001:db8::/32."""
    total = int.from_bytes(data[16:18], "big")
    payload = data[34 : 14 + total]
    head = struct.pack(">IHBB", 0x60000000, len(payload), data[23], data[22])
    ends = ENDS6[data[26:30]] + ENDS6[data[30:34]]
    return data[:12] + b"\x86\xdd" + head + ends + payload


def fragments6(data: bytes, ident: int, size: int = 600) -> Iterator[bytes]:
    """Give an Ethernet frame of IPv6 as the frames of its fragments (RFC 8200, 4.5)."""
    payload = data[54:]
    for at in range(0, len(payload), size):
        piece = payload[at : at + size]
        more = int(at + size < len(payload))
        extension = struct.pack(">BBHI", data[20], 0, at | more, ident)
        head = bytearray(data[:54])
        head[18:21] = struct.pack(">HB", len(piece) + 8, 44)
        yield bytes(head) + extension + piece


def extended(data: bytes, kind: int, header: bytes) -> bytes:
    """Return an Ethernet frame of IPv6 with one more extension header, the first of all."""
    size = int.from_bytes(data[18:20], "big") + 1 + len(header)
    return (
        data[:18] + struct.pack(">HB", size, kind) + data[21:54] + data[20:21] + header + data[54:]
    )


def fragments(data: bytes, ident: int, size: int = 600) -> Iterator[bytes]:
    """Give an Ethernet frame as the frames of IPv4 fragments with up to `size` bytes each."""
    total = int.from_bytes(data[16:18], "big")
    payload = data[34 : 14 + total]
    for at in range(0, len(payload), size):
        piece = payload[at : at + size]
        more = 0x2000 if at + size < len(payload) else 0
        head = bytearray(data[:34])
        head[16:18] = struct.pack(">H", 20 + len(piece))
        head[18:22] = struct.pack(">HH", ident, more | at // 8)
        yield bytes(head) + piece


def ipv6_of(data: bytes) -> bytes:
    """Return an Ethernet frame of IPv4, between whatever hosts, as one of IPv6."""
    total = int.from_bytes(data[16:18], "big")
    payload = data[34 : 14 + total]
    head = struct.pack(">IHBB", 0x60000000, len(payload), data[23], data[22])
    ends = b"".join(b"\x20\x01\x0d\xb8" + bytes(8) + data[at : at + 4] for at in (26, 30))
    return data[:12] + b"\x86\xdd" + head + ends + payload
