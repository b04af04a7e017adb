"""Mutants of encapsulated, cut and reordered captures: no Lua error, and every frame accounted for.

`python -m tests.wireshark.mutants 10000` makes so many; a test makes a few.
"""

from __future__ import annotations

import random
import sys
import tempfile
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from tests.conftest import CAPTURES
from tests.wireshark import mutate, pieces, tagging, wrapping

from pacsflow.programs import tools

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

NAMES = ("abort_scu", "echo_ok", "qr_find", "rejected_wrong_ae")
ONCE = 200
"""Mutants of one run of tshark."""
ETHERNET = [wrap for link, wrap in wrapping.LAYERS.values() if link == wrapping.ETHERNET]
WRAPS: list[Callable[[bytes], bytes]] = [
    *(wrap for _, wrap in wrapping.TUNNELS.values()), *ETHERNET, pieces.ipv6_of, lambda f: f,
]  # fmt: skip


def _wrapped(frame: mutate.Frame, wrap: Callable[[bytes], bytes]) -> mutate.Frame:
    ts, data, _ = frame
    if len(data) < 34 or data[12:14] != b"\x08\x00":
        return frame
    made = wrap(data)
    return ts, made, len(made)


@cache
def sources() -> list[list[mutate.Frame]]:
    """Return the frames of the captures that are changed."""
    return [mutate.read_frames(CAPTURES / f"{name}.pcapng") for name in NAMES]


def mutant(seed: int) -> Iterator[mutate.Frame]:
    """Give a capture's frames, wrapped once or twice, cut, reordered, damaged."""
    rng = random.Random(seed)
    frames = [mutate.move(frame, seed % 65536) for frame in rng.choice(sources())]
    for _ in range(rng.choice((1, 1, 2))):
        wrap = rng.choice(WRAPS)
        frames = [_wrapped(frame, wrap) for frame in frames]
    if rng.random() < 0.3:
        snap = rng.choice((40, 64, 96, 128, 200))
        frames = [(ts, data[:snap], wire) for ts, data, wire in frames]
    if rng.random() < 0.3:
        order = sorted(range(len(frames)), key=lambda n: n + rng.uniform(0, 4))
        frames = [frames[n] for n in order]
    yield from mutate.mutate(frames, seed)


def check(folder: Path, tshark: str, seeds: range) -> tuple[int, str]:
    """Read mutants with the plugin; returns their frames, and what is wrong (empty for nothing)."""
    capture, logs = folder / "mutants.pcap", folder / "logs"
    logs.mkdir(exist_ok=True)
    number = mutate.write(capture, (f for seed in seeds for f in mutant(seed)))
    done = tagging.run(
        tshark, capture, "-T", "fields", "-e", "frame.number", "-e", "_ws.expert.message",
        export=logs,
    )  # fmt: skip
    if "Lua" in done.stderr or "Lua Error" in done.stdout:
        told = done.stderr if "Lua" in done.stderr else done.stdout
        return number, next(line for line in told.splitlines() if "Lua" in line)
    rows = [r for r in (logs / "frames.log").read_bytes().splitlines() if r[:1] != b"#"]
    told = [r.split(b"\t") for r in (logs / "capture.log").read_bytes().splitlines()]
    copies = sum(int(r[3]) for r in told if r[2:] and r[2].startswith(b"copy"))
    if len(rows) + copies != number:
        return number, f"{number} frames, {len(rows)} rows and {copies} copies"
    if len({row.count(b"\t") for row in rows}) != 1:
        return number, "rows have different numbers of columns"
    return number, ""


def run(count: int, first: int = 0) -> tuple[int, list[str]]:
    """Read so many mutants; returns their frames, and what is wrong with which."""
    tshark, frames, found = str(tools.tshark().path), 0, []
    with tempfile.TemporaryDirectory() as folder:
        for start in range(first, first + count, ONCE):
            seeds = range(start, min(start + ONCE, first + count))
            number, wrong = check(Path(folder), tshark, seeds)
            frames += number
            if wrong:
                found.append(f"mutants {seeds.start} to {seeds.stop - 1}: {wrong}")
    return frames, found


def main() -> int:
    """Make as many mutants as the argument says; the exit code is 1 where one is taken amiss."""
    count = int(sys.argv[1])
    frames, found = run(count, int(sys.argv[2]) if len(sys.argv) > 2 else 0)
    sys.stdout.write("".join(f"{line}\n" for line in found))
    sys.stdout.write(f"{count:,} mutants, {frames:,} frames, {len(found)} runs amiss\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
