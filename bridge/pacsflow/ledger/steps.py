"""Finds numbers that occur more than once, or beside each other, among more than memory holds.

A log of conn.log's rows has one for each connection (`keys.flow_steps`): those that are alone tell
that nothing has to be looked at twice.
"""

from __future__ import annotations

import tempfile
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    Numbers = NDArray[np.uint64]

MOST = 1 << 21
"""So many numbers are held in memory: 16 MB."""
RANGES = 64
"""Parts, a power of two, in which numbers are compared: so much less memory at a time."""
_EDGES = np.arange(1, RANGES, dtype=np.uint64) << np.uint64(64 - RANGES.bit_length() + 1)
_SIZE = np.dtype(np.uint64).itemsize


class Steps:
    """Takes numbers in any order; what is too much for memory waits in a file without a name."""

    def __init__(self) -> None:
        self._held: list[Numbers] = []
        self._count = 0
        self._file: Any = None
        self._runs: list[tuple[int, NDArray[np.int64]]] = []
        """Where in the file a sorted run begins, in numbers, and where in it each range does."""

    def __bool__(self) -> bool:
        return bool(self._count or self._runs)

    def add(self, numbers: Numbers) -> None:
        """Take numbers, shape (any,)."""
        self._held.append(numbers)
        self._count += len(numbers)
        if self._count >= MOST:
            self._put_away()

    def repeated(self) -> Numbers:
        """Return the numbers that occur more than once, or beside each other, sorted."""
        found, before = [np.empty(0, np.uint64)], np.empty(0, np.uint64)
        for some in self._ranges():
            numbers = np.sort(np.concatenate([before, some]))
            close = numbers[1:] - numbers[:-1] <= 1
            found += [numbers[1:][close], numbers[:-1][close]]
            before = numbers[-1:]
        return np.unique(np.concatenate(found))

    def among(self, chosen: Numbers) -> int:
        """Return how many of the numbers are among the chosen ones."""
        return sum(int(np.isin(some, chosen).sum()) for some in self._ranges())

    def _put_away(self) -> None:
        run = np.sort(np.concatenate(self._held))
        if self._file is None:
            self._file = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as the numbers
        begin = sum(int(places[-1]) for _, places in self._runs)
        self._file.write(run.data)
        self._runs.append((begin, _places(run)))
        self._held, self._count = [], 0

    def _ranges(self) -> Iterator[Numbers]:
        """Yield the numbers of one range after the other, those of a range in any order."""
        held = [np.sort(part) for part in self._held]
        places = [_places(part) for part in held]
        for number in range(RANGES):
            mine = [
                part[at[number] : at[number + 1]] for part, at in zip(held, places, strict=True)
            ]
            mine += [self._read(begin, *at[number : number + 2]) for begin, at in self._runs]
            yield np.concatenate(mine) if mine else np.empty(0, np.uint64)

    def _read(self, begin: int, first: int, end: int) -> Numbers:
        self._file.seek((begin + int(first)) * _SIZE)
        found: Numbers = np.frombuffer(self._file.read(int(end - first) * _SIZE), np.uint64)
        return found


def _places(run: Numbers) -> NDArray[np.int64]:
    """Return where in sorted numbers each range begins, and where the last one ends."""
    return np.concatenate(([0], np.searchsorted(run, _EDGES), [len(run)])).astype(np.int64)
