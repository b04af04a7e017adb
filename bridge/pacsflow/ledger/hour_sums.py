"""Sums what connections moved by hour, pair and service: on numbers that stand for the names.

Names get numbers as they come. Sums wait in memory until they are many; then the hours that seem
complete are given out, and later rows of such an hour become rows of their own, which add up.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from pacsflow.ledger.schemas import HOUR
from pacsflow.ledger.tables import WRITTEN
from pacsflow.readers.arrays import repeated

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    Ints = NDArray[np.int64]
    Codes = NDArray[np.int32]

MUCH = 1 << 17
"""Sums that may wait."""
MANY_NAMES = 1 << 20
"""So many names are known at a time: after them all sums are given out, and all are forgotten."""
LATEST = 2
"""Hours before the last one seen that are not yet taken to be complete."""
AT_ONCE = 1 << 17
"""Rows of a table that is given out."""
COUNTED = ("communications", "packets", "bytes", "missed_bytes")
HOUR_US = 3_600_000_000
_WORD = np.int64(1 << 32)
_MOST = (1 << 63) - 1


class Names:
    """Numbers for names, in the order in which they come."""

    def __init__(self) -> None:
        self.known: dict[str | None, int] = {}

    def __len__(self) -> int:
        return len(self.known)

    def numbers(self, column: pa.Array) -> Codes:
        """Return the numbers of a string column, which may be dictionary-encoded; null has one."""
        words = column
        if not pa.types.is_dictionary(words.type):
            words = column.dictionary_encode(null_encoding="encode")
        known = self.known
        made = [known.setdefault(word, len(known)) for word in words.dictionary.to_pylist()]
        found: Codes = np.array(made, np.int32)
        return found[words.indices.to_numpy(zero_copy_only=False)] if made else found

    def texts(self) -> pa.Array:
        """Return the names in the order of their numbers."""
        return pa.array(self.known, pa.string())

    def ranked(self) -> tuple[Codes, pa.Array]:
        """Return each number's place among the sorted names, null before all, and these names."""
        words = sorted(self.known, key=lambda word: (word is not None, word or ""))
        ranks: Codes = np.empty(len(words), np.int32)
        ranks[[self.known[word] for word in words]] = np.arange(len(words), dtype=np.int32)
        return ranks, pa.array(words, pa.string())


@dataclass(frozen=True, slots=True)
class Sums:
    """What connections came to, by hour, originator, responder, service and sensor.

    Names are numbers of `Names`; all arrays have the shape (sums,).
    """

    hour: Ints
    a: Codes
    b: Codes
    service: Codes
    sensor: Codes
    communications: Ints
    packets: tuple[Ints, Ints]
    """Of the originator and of the responder; likewise `bytes`."""
    bytes: tuple[Ints, Ints]
    missed: Ints

    def __len__(self) -> int:
        return len(self.hour)

    def where(self, chosen: NDArray[np.bool_]) -> Sums:
        """Return some of the sums."""
        return Sums(
            self.hour[chosen], self.a[chosen], self.b[chosen], self.service[chosen],
            self.sensor[chosen], self.communications[chosen],
            (self.packets[0][chosen], self.packets[1][chosen]),
            (self.bytes[0][chosen], self.bytes[1][chosen]), self.missed[chosen],
        )  # fmt: skip


def together(parts: Sequence[Sums]) -> Sums:
    """Return several sums as one, in their order."""

    def joined(name: str) -> NDArray[Any]:
        return np.concatenate([getattr(part, name) for part in parts])

    def both(name: str) -> tuple[Ints, Ints]:
        pairs = [getattr(part, name) for part in parts]
        return np.concatenate([p[0] for p in pairs]), np.concatenate([p[1] for p in pairs])

    return Sums(
        joined("hour"), joined("a"), joined("b"), joined("service"), joined("sensor"),
        joined("communications"), both("packets"), both("bytes"), joined("missed"),
    )  # fmt: skip


class HourSums:
    """Keeps sums until they are given out as rows of ``traffic``."""

    def __init__(self) -> None:
        self.hosts, self.services, self.sensors = Names(), Names(), Names()
        self.waiting: list[Sums] = []
        self.count = 0

    def add(self, sums: Sums) -> None:
        """Take sums; equal names and hours may come again."""
        self.waiting.append(sums)
        self.count += len(sums)

    def ready(self) -> Iterator[pa.Table]:
        """Yield what is to wait no longer, names as numbers that stand for them (`WRITTEN`)."""
        if len(self.hosts) > MANY_NAMES or len(self.services) > MANY_NAMES:
            yield from self.finish()
        elif self.count > MUCH:
            whole = together(self.waiting)
            complete = whole.hour < whole.hour.max() - LATEST
            if 2 * complete.sum() < len(whole):
                complete[:] = True
            left = whole.where(~complete)
            self.waiting, self.count = [left], len(left)
            yield from self._rows(whole.where(complete))

    def finish(self) -> Iterator[pa.Table]:
        """Yield all that waits, and forget the names."""
        if self.count:
            yield from self._rows(together(self.waiting))
        self.waiting, self.count = [], 0
        self.hosts, self.services, self.sensors = Names(), Names(), Names()

    def _rows(self, sums: Sums) -> Iterator[pa.Table]:
        """Yield both directions, sorted, equal ones as one."""
        named = [names.ranked() for names in (self.hosts, self.services, self.sensors)]
        ranks, (hosts, services, sensors) = [one[0] for one in named], (one[1] for one in named)
        a, b = ranks[0][sums.a], ranks[0][sums.b]
        service, sensor = ranks[1][sums.service], ranks[2][sums.sensor]
        key = packed(
            (
                (np.concatenate([sums.hour, sums.hour]), 0),
                (np.concatenate([a, b]), len(ranks[0])),
                (np.concatenate([b, a]), len(ranks[0])),
                (np.concatenate([service, service]), len(ranks[1])),
                (np.concatenate([sensor, sensor]), len(ranks[2])),
            )
        )
        order = np.argsort(key, kind="stable")
        key = key[order]
        starts = np.flatnonzero(np.concatenate(([True], key[1:] != key[:-1])))
        del key
        nothing = np.zeros_like(sums.missed)
        added = [
            added_up(np.concatenate(pair)[order], starts)
            for pair in (
                (sums.communications, nothing), sums.packets, sums.bytes, (sums.missed, nothing),
            )
        ]  # fmt: skip
        counted = np.flatnonzero(np.any([values != 0 for values in added], axis=0))
        places = order[starts]
        del order, starts
        for begin in range(0, len(counted), AT_ONCE):
            some = counted[begin : begin + AT_ONCE]
            forth = places[some] < len(sums)
            row = np.where(forth, places[some], places[some] - len(sums))
            yield _table(
                sums.hour[row],
                {
                    "source": _named(np.where(forth, a[row], b[row]), hosts),
                    "destination": _named(np.where(forth, b[row], a[row]), hosts),
                    "service": _named(service[row], services),
                    "sensor": _named(sensor[row], sensors),
                },
                [values[some] for values in added],
            )


def _named(ranks: Codes, words: pa.Array) -> pa.Array:
    if words.null_count:  # null is the first of all: its rows have no number
        ranks, words = ranks - np.int32(1), words[1:]
        return pa.DictionaryArray.from_arrays(pa.array(ranks, mask=ranks < 0), words)
    return pa.DictionaryArray.from_arrays(pa.array(ranks), words)


def _table(hours: Ints, names: dict[str, pa.Array], added: Sequence[Ints]) -> pa.Table:
    """Return rows with the columns that are one and the same in all of them."""
    size = len(hours)
    columns = names | {
        "hour": pa.array(hours * HOUR_US, HOUR),
        "origin": repeated("zeek", size),
        "samples": pa.array(np.zeros(size, np.int64)),
        "weight_squares": pa.array(np.zeros(size)),
        "file": repeated(None, size),
    }
    for name, values in zip(COUNTED, added, strict=True):
        columns[name] = pa.array(values)
    schema = WRITTEN["traffic"]
    return pa.table([columns[name] for name in schema.names], schema)


def packed(columns: Sequence[tuple[NDArray[Any], int]]) -> Ints:
    """Return one number a row that sorts as the columns do, the first before all.

    Parameters
    ----------
    columns
        Numbers and how many there are: from 0 to below it; where that is 0, any.
    """
    key: Ints = np.zeros(len(columns[0][0]), np.int64)
    most = 1
    for values, number in columns:
        low = 0 if number or not len(values) else int(values.min())
        size = number or (int(values.max()) - low + 1 if len(values) else 1)
        if most * size > _MOST:
            key = np.unique(key, return_inverse=True)[1]
            most = int(key.max()) + 1
        key = key * size + (values - low)
        most *= size
    return key


def added_up(values: Ints, starts: Ints) -> Ints:
    """Return the sum of each run that begins at `starts`; what 64 bits cannot hold is clamped."""
    sums = np.add.reduceat(values, starts) if len(starts) else values
    longest = int(np.diff(starts, append=len(values)).max(initial=0))
    least, most = int(values.min(initial=0)), int(values.max(initial=0))
    if max(most, -least) * longest <= _MOST:
        return sums
    high = np.add.reduceat(values // _WORD, starts)
    low = np.add.reduceat(values % _WORD, starts)
    high += low // _WORD
    outside = (high >= 1 << 31) | (high < -(1 << 31))
    return np.where(outside, np.where(high < 0, -_MOST, _MOST), sums)
