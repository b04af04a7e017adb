"""Makes worse versions of a capture, as sensors, samplers and cables do; and slower ones."""

from __future__ import annotations

import itertools
import random
import struct
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

HEADER = struct.Struct("<IHHiIII")
RECORD = struct.Struct("<IIII")


@dataclass(frozen=True)
class Frame:
    """A frame: microseconds since 1970, length on the wire, bytes that were captured."""

    time: int
    length: int
    data: bytes

    @property
    def flags(self) -> int:
        """TCP flags; the captures hold nothing but Ethernet, IPv4, TCP."""
        return self.data[14 + (self.data[14] & 15) * 4 + 13]

    @property
    def payload(self) -> int:
        """Bytes of TCP payload on the wire."""
        start = 14 + (self.data[14] & 15) * 4
        return self.length - start - (self.data[start + 12] >> 4) * 4

    @property
    def ends(self) -> tuple[bytes, bytes]:
        """Address and port of sender and receiver."""
        d, start = self.data, 14 + (self.data[14] & 15) * 4
        return d[26:30] + d[start : start + 2], d[30:34] + d[start + 2 : start + 4]


def read(path: Path) -> list[Frame]:
    """Return the frames of a classic pcap file in microseconds and this machine's byte order."""
    data = path.read_bytes()
    assert HEADER.unpack_from(data)[0] == 0xA1B2C3D4, path
    frames, at = [], HEADER.size
    while at < len(data):
        seconds, micro, captured, length = RECORD.unpack_from(data, at)
        at += RECORD.size
        frames.append(Frame(seconds * 1_000_000 + micro, length, data[at : at + captured]))
        at += captured
    return frames


def write(path: Path, frames: list[Frame]) -> Path:
    """Write frames as they come, Ethernet."""
    with path.open("wb") as out:
        out.write(HEADER.pack(0xA1B2C3D4, 2, 4, 0, 0, 262144, 1))
        for f in frames:
            seconds, micro = divmod(f.time, 1_000_000)
            out.write(RECORD.pack(seconds, micro, len(f.data), f.length) + f.data)
    return path


def stretch(frames: list[Frame], factor: int) -> list[Frame]:
    """Return the frames with pauses of over half a second made so many times as long."""
    out, late = frames[:1], 0
    for before, f in itertools.pairwise(frames):
        if f.time - before.time > 500_000:
            late += (f.time - before.time) * (factor - 1)
        out.append(replace(f, time=f.time + late))
    return out


def cut(frames: list[Frame], length: int = 128) -> list[Frame]:
    """128 bytes of each frame: of a request and its answer the AE titles, and no context."""
    return [replace(f, data=f.data[:length]) for f in frames]


def cut_later(frames: list[Frame]) -> list[Frame]:
    """256 bytes of each frame: some contexts, and seldom the role selection behind them."""
    return cut(frames, 256)


def sampled(frames: list[Frame], seed: int = 1) -> list[Frame]:
    """One frame in ten, by chance."""
    chance = random.Random(seed)
    return [f for f in frames if chance.random() < 0.1]


def sampled_cut(frames: list[Frame], seed: int = 1) -> list[Frame]:
    """One frame in ten, 128 bytes of it: what sFlow leaves."""
    return cut(sampled(frames, seed))


def midstream(frames: list[Frame]) -> list[Frame]:
    """Without the start of each connection: handshake and association request and answer."""
    seen: dict[frozenset[bytes], list[int]] = {}
    out = []
    for f in frames:
        sent = seen.setdefault(frozenset(f.ends), [0, 0])
        side = f.ends[0] > f.ends[1]
        if sent[0] and sent[1]:
            out.append(f)
        elif f.payload:
            sent[side] = 1
    return out


def one_direction(frames: list[Frame]) -> list[Frame]:
    """Only what went to the server: the side that got the first SYN."""
    servers = {f.ends[1] for f in frames if f.flags & 0x12 == 0x02}
    return [f for f in frames if f.ends[1] in servers]


def reordered(frames: list[Frame], seed: int = 1) -> list[Frame]:
    """One data frame in five changes places with the next; times stay in order."""
    chance, out = random.Random(seed), list(frames)
    at = 0
    while at < len(out) - 1:
        a, b = out[at], out[at + 1]
        if a.payload and b.payload and not (a.flags | b.flags) & 7 and chance.random() < 0.2:
            out[at], out[at + 1] = replace(b, time=a.time), replace(a, time=b.time)
            at += 1
        at += 1
    return out


def lossy(frames: list[Frame], seed: int = 1) -> list[Frame]:
    """One frame in twenty is lost to the sensor."""
    chance = random.Random(seed)
    return [f for f in frames if chance.random() >= 0.05]


DEGRADATIONS: dict[str, Callable[[list[Frame]], list[Frame]]] = {
    "whole": lambda frames: frames,
    "cut at 128 bytes": cut,
    "cut at 256 bytes": cut_later,
    "mid-stream": midstream,
    "one direction": one_direction,
}
BY_CHANCE: dict[str, Callable[[list[Frame], int], list[Frame]]] = {
    "1 in 10": sampled,
    "1 in 10, cut": sampled_cut,
    "reordered": reordered,
    "5 % lost": lossy,
}
"""Which frames they touch hangs on a seed."""
