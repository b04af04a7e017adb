"""Makes one capture out of many small ones: mutated copies, each with addresses of its own."""

from __future__ import annotations

import random
import struct
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Frame = tuple[int, bytes, int]
"""Microseconds since the epoch, captured bytes, length on the wire."""


def read_frames(capture: Path) -> list[Frame]:
    """Return the frames of a capture in any format that Wireshark's editcap reads."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "plain.pcap"
        subprocess.run(
            ["editcap", "-F", "pcap", str(capture), str(path)], check=True, capture_output=True
        )
        data = path.read_bytes()
    frames, at = [], 24
    while at + 16 <= len(data):
        seconds, micro, captured, wire = struct.unpack_from("<IIII", data, at)
        frames.append((seconds * 1_000_000 + micro, data[at + 16 : at + 16 + captured], wire))
        at += 16 + captured
    return frames


def move(frame: Frame, copy: int) -> Frame:
    """Return the frame with its IPv4 addresses moved to networks of the copy's own."""
    ts, data, wire = frame
    if len(data) < 34 or data[12:14] != b"\x08\x00":
        return frame
    moved = bytearray(data)
    for at in (26, 30):
        moved[at : at + 3] = bytes((10 + copy // 65536, copy // 256 % 256, copy % 256))
    return ts, bytes(moved), wire


def mutate(frames: list[Frame], seed: int) -> list[Frame]:  # noqa: C901 - a list of mishaps
    """Return the frames with one to four things wrong with them."""
    rng = random.Random(seed)
    out = list(frames)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(out))
        ts, data, wire = out[at]
        kind = rng.randrange(8)
        changed = bytearray(data)
        if kind == 0 and len(data) > 54:
            for _ in range(rng.randint(1, 8)):
                changed[rng.randrange(54, len(data))] = rng.randrange(256)
        elif kind == 1 and len(data) > 58:
            # A length field that lies, in the first bytes of the payload.
            where = rng.randrange(54, min(len(data) - 4, 96))
            changed[where : where + 4] = rng.choice(
                [b"\xff\xff\xff\xff", b"\0\0\0\0", b"\x7f\xff\xff\xff", b"\0\0\0\x01"]
            )
        elif kind == 2:
            changed = changed[: rng.randrange(len(data) + 1)]
        elif kind == 3 and len(out) > 1:
            del out[at]
            continue
        elif kind == 4:
            out.insert(rng.randrange(len(out) + 1), out[at])
            continue
        elif kind == 5 and len(out) > 1:
            other = rng.randrange(len(out))
            out[at], out[other] = out[other], out[at]
            continue
        elif kind == 6 and len(data) > 54:
            # Anything in the headers but the addresses.
            where = rng.choice([*range(12, 26), *range(34, 54)])
            changed[where] = rng.randrange(256)
        elif len(data) > 60:
            cut = rng.randrange(54, len(data))
            changed = changed[:cut] + bytes(rng.randrange(256) for _ in range(rng.randint(1, 40)))
        out[at] = (ts, bytes(changed), max(wire, len(changed)))
    return out


def mutations(sources: list[list[Frame]], count: int, seed: int = 1) -> Iterator[Frame]:
    """Give `count` mutated copies, one after the other."""
    for copy in range(count):
        for frame in mutate(sources[copy % len(sources)], seed * 1_000_003 + copy):
            yield move(frame, copy)


def prefixes(sources: list[list[Frame]]) -> Iterator[Frame]:
    """Give every prefix of each source, its last frame cut somewhere."""
    copy, rng = 0, random.Random(7)
    for frames in sources:
        for n in range(1, len(frames) + 1):
            ts, data, wire = frames[n - 1]
            cut = (ts, data[: rng.randrange(len(data) + 1)], wire)
            for frame in [*frames[: n - 1], cut]:
                yield move(frame, copy)
            copy += 1


def byte_prefixes(sources: list[list[Frame]]) -> Iterator[Frame]:
    """Give, for each byte of each frame, the frames before it and its own cut after that byte."""
    copy = 0
    for frames in sources:
        for n, (ts, data, wire) in enumerate(frames):
            for cut in range(len(data) + 1):
                for frame in [*frames[:n], (ts, data[:cut], wire)]:
                    yield move(frame, copy)
                copy += 1


def copies(frames: list[Frame], count: int) -> Iterator[Frame]:
    """Give `count` unchanged copies."""
    for copy in range(count):
        for frame in frames:
            yield move(frame, copy)


def write(path: Path, frames: Iterable[Frame]) -> int:
    """Write a pcap and return its number of frames; times go on from the first frame's."""
    number = 0
    with path.open("wb") as out:
        out.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 1))
        for _, data, wire in frames:
            seconds, micro = 1772438400 + number // 10000, number % 10000 * 100
            out.write(struct.pack("<IIII", seconds, micro, len(data), wire) + data)
            number += 1
    return number
