"""Writes sFlow version 5 datagrams, from the specification (sflow.org, sflow_version_5.txt)."""

from __future__ import annotations

import ipaddress
import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

START = 1772438400
"""2026-03-02 08:00 UTC, a Monday."""
U32 = 1 << 32


def address(text: str) -> bytes:
    """Return an address as 4 or 16 bytes."""
    return ipaddress.ip_address(text).packed


def tcp(
    source: str, port: int, destination: str, to: int, *, length: int, payload: bytes = b"",
    seq: int = 1, vlan: int | None = None, flags: int = 16,
) -> bytes:  # fmt: skip
    """Return the first bytes of an Ethernet frame whose IPv4 packet says it has `length` bytes."""
    link = bytes.fromhex("020000000001020000000002")
    link += struct.pack(">HH", 0x8100, vlan) if vlan is not None else b""
    ip = struct.pack(">BBHHHBBH", 0x45, 0, length, 1, 0, 64, 6, 0)
    segment = struct.pack(">HHIIBBHHH", port, to, seq % U32, 1, 0x50, flags, 8192, 0, 0)
    head = link + b"\x08\x00" + ip + address(source) + address(destination)
    return head + segment + payload


def raw_header(frame: bytes, length: int, *, protocol: int = 1, stripped: int = 4) -> bytes:
    """Return a record (format 1): the first bytes of a frame of `length` bytes, FCS included."""
    padded = frame + b"\0" * (-len(frame) % 4)
    body = struct.pack(">IIII", protocol, length, stripped, len(frame)) + padded
    return struct.pack(">II", 1, len(body)) + body


def interface_counters(
    index: int, octets_in: int, packets_in: int, octets_out: int = 0, packets_out: int = 0
) -> bytes:
    """Return a record (format 1 of counters): generic counters of an interface, all unicast."""
    body = struct.pack(">IIQII", index, 6, 1_000_000_000, 1, 3)
    body += struct.pack(">QIIIIII", octets_in, packets_in % U32, 0, 0, 0, 0, 0)
    body += struct.pack(">QIIIIII", octets_out, packets_out % U32, 0, 0, 0, 0, 0)
    return struct.pack(">II", 1, len(body)) + body


def flow_sample(
    sequence: int, source: int, rate: int, pool: int, records: Iterable[bytes], *, drops: int = 0,
    into: int | None = None, out_of: int = 0, expanded: bool = False, kind: int = 0,
) -> bytes:  # fmt: skip
    """Return a flow sample; `kind` 0 is an interface, `into` the input interface."""
    records = list(records)
    into = source if into is None else into
    body = struct.pack(">I", sequence % U32)
    if expanded:
        body += struct.pack(">IIIIIIIII", kind, source, rate, pool % U32, drops, 0, into, 0, out_of)
    else:
        body += struct.pack(">IIIIII", kind << 24 | source, rate, pool % U32, drops, into, out_of)
    body += struct.pack(">I", len(records)) + b"".join(records)
    return struct.pack(">II", 3 if expanded else 1, len(body)) + body


def counter_sample(
    sequence: int, source: int, records: Iterable[bytes], *, expanded: bool = False, kind: int = 0
) -> bytes:
    """Return a counter sample."""
    records = list(records)
    body = struct.pack(">I", sequence % U32)
    body += struct.pack(">II", kind, source) if expanded else struct.pack(">I", kind << 24 | source)
    body += struct.pack(">I", len(records)) + b"".join(records)
    return struct.pack(">II", 4 if expanded else 2, len(body)) + body


def datagram(
    agent: str, sequence: int, uptime: int, samples: Iterable[bytes], *, sub_agent: int = 0
) -> bytes:
    """Return a datagram; `uptime` in milliseconds."""
    samples = list(samples)
    packed = address(agent)
    head = struct.pack(">II", 5, 1 if len(packed) == 4 else 2) + packed
    head += struct.pack(">IIII", sub_agent, sequence % U32, uptime % U32, len(samples))
    return head + b"".join(samples)


def udp(payload: bytes, *, source: str = "10.9.0.250", port: int = 6343) -> bytes:
    """Return an Ethernet frame that carries a datagram to a collector."""
    link = bytes.fromhex("0200000000fe0200000000fd0800")
    ip = struct.pack(">BBHHHBBH", 0x45, 0, 28 + len(payload), 1, 0, 64, 17, 0)
    ip += address(source) + address("10.9.0.254")
    return link + ip + struct.pack(">HHHH", 40000, port, 8 + len(payload), 0) + payload


def write_pcap(path: Path, frames: Iterable[tuple[float, bytes]]) -> Path:
    """Write frames with their times in seconds since `START`."""
    with path.open("wb") as out:
        out.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
        for seconds, frame in frames:
            micro = round((START + seconds) * 1_000_000)
            out.write(struct.pack("<II", micro // 1_000_000, micro % 1_000_000))
            out.write(struct.pack("<II", len(frame), len(frame)) + frame)
    return path
