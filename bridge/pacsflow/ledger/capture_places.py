"""Tells pieces of one capture, whose frames add up, from captures of one time, whose frames do not.

Files of frames whose times do not overlap are pieces of what was seen at one place, as those of a
ring buffer. Files that overlap were taken at several places, or are copies of one another: what
both have of a pair of hosts in an hour counts once.
"""

from __future__ import annotations

import re
from itertools import pairwise, takewhile
from pathlib import PurePath
from typing import TYPE_CHECKING, Protocol

import pyarrow as pa

from pacsflow.ledger.engine import empty
from pacsflow.readers import Format

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    import duckdb

    from pacsflow.ledger.records import Entry

OF_FRAMES = {Format.CAPTURE.value, Format.WIRESHARK_JSON.value, Format.TABLE.value}
"""Kinds of sources that are frames."""
DISORDER = 1.0
"""Seconds by which the pieces of one capture may overlap: several queues write it."""
CAPTURED = pa.schema(
    [
        ("file", pa.string()),
        ("vantage", pa.int32()),
        ("file_first", pa.timestamp("us", tz="UTC")),
        ("file_last", pa.timestamp("us", tz="UTC")),
        ("holes", pa.int32()),
    ]
)
"""`holes`: how many files are missing before this one, of those that one program has numbered."""
NUMBERED = re.compile(
    r"(?P<stem>(?:.*\D)?)(?P<number>\d{1,5})(?:_\d{14})?(?P<suffix>\.[^0-9][^/]*)?"
)
"""The name of a file of a series, as dumpcap and tcpdump give them: not the times in it."""


class Spanned(Protocol):
    """Something that was seen from a moment to another."""

    @property
    def first(self) -> datetime | None:
        """When it begins; None where it does not say."""

    @property
    def last(self) -> datetime | None:
        """When it ends."""


def overlap(one: Spanned, other: Spanned) -> bool:
    """Say whether two sources saw the same time, and not merely one after the other."""
    if one.first is None or one.last is None or other.first is None or other.last is None:
        return False
    common = (min(one.last, other.last) - max(one.first, other.first)).total_seconds()
    shorter = min((entry.last - entry.first).total_seconds() for entry in (one, other))  # type: ignore[operator]
    return common > min(DISORDER, shorter / 2) or (common == shorter == 0)


def is_of_frames(entry: Entry) -> bool:
    """Say whether a source is frames that say when they were."""
    return entry.kind in OF_FRAMES and entry.first is not None


def places_of(entries: Iterable[Entry]) -> dict[str, int]:
    """Return a number for each source of frames, by its mark; those of one number add up.

    A file goes on where one stopped that is called most like it.
    """
    latest: list[Entry] = []  # of each place who lasts longest: what comes next must not overlap
    found: dict[str, int] = {}
    for entry in sorted(filter(is_of_frames, entries), key=_order):
        free = [
            number
            for number, last in enumerate(latest)
            if last.sensors == entry.sensors and not overlap(last, entry)
        ]
        if free:
            at = max(free, key=lambda n: (_alike(latest[n].path, entry.path), _end(latest[n])))
            latest[at] = max(latest[at], entry, key=_end)
        else:
            at = len(latest)
            latest.append(entry)
        found[entry.file] = at
    return found


def _steps(place: list[Entry]) -> list[int]:
    """Return by how much the number of each file is above the one before; 0 in another series."""
    named = [NUMBERED.fullmatch(PurePath(entry.path).name) for entry in place]
    return [
        int(other["number"]) - int(one["number"])
        if one and other and one.group("stem", "suffix") == other.group("stem", "suffix")
        else 0
        for one, other in pairwise(named)
    ]


def _holes(entries: Iterable[Entry], numbers: dict[str, int]) -> dict[str, int]:
    """Return how many holes are before each file, by its mark, among those of its place.

    Numbers that are times of day do not go up by one.
    """
    places: dict[int, list[Entry]] = {}
    for entry in sorted(entries, key=_order):
        places.setdefault(numbers[entry.file], []).append(entry)
    found: dict[str, int] = {}
    for place in places.values():
        steps, holes = _steps(place), 0
        counts = 1 in steps
        found[place[0].file] = holes
        for entry, step in zip(place[1:], steps, strict=True):
            holes += counts and step > 1
            found[entry.file] = holes
    return found


def _alike(one: str, other: str) -> int:
    """Return in how many first characters two paths agree."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


def _order(entry: Entry) -> tuple[datetime, str]:
    return _begin(entry), entry.path


def _begin(entry: Entry) -> datetime:
    assert entry.first is not None  # noqa: S101 - for the reader of types: see is_of_frames
    return entry.first


def _end(entry: Entry) -> datetime:
    return entry.last or _begin(entry)


def tell(connection: duckdb.DuckDBPyConnection, entries: Iterable[Entry]) -> tuple[int, int]:
    """Make the table ``captured`` of the sources of frames; returns how many, and of places.

    Its columns are those of `CAPTURED`.
    """
    entries = [*filter(is_of_frames, entries)]
    numbers = places_of(entries)
    holes = _holes(entries, numbers)
    rows = [
        {
            "file": entry.file,
            "vantage": numbers[entry.file],
            "file_first": entry.first,
            "file_last": entry.last,
            "holes": holes[entry.file],
        }
        for entry in entries
    ]
    if rows:
        connection.register("captured_rows", pa.Table.from_pylist(rows, CAPTURED))
        connection.execute("CREATE OR REPLACE TEMP TABLE captured AS SELECT * FROM captured_rows")
        connection.unregister("captured_rows")
    else:  # DuckDB would import pandas to take them
        connection.execute(f"CREATE OR REPLACE TEMP TABLE captured AS {empty(CAPTURED)}")
    return len(rows), len(set(numbers.values()))


def remark(entry: Entry, others: Iterable[Entry], *, sampled: bool = False) -> str:
    """Return what is to be said of a source of frames that was taken while another was.

    `sampled` says that it has samples.
    """
    if not is_of_frames(entry):
        return ""
    same = [
        other.path.rsplit("/", 1)[-1]
        for other in others
        if is_of_frames(other) and other.file != entry.file and overlap(entry, other)
    ]
    if not same:
        return ""
    more = f" and {len(same) - 1} more" if len(same) > 1 else ""
    told = (
        f"it was taken at the time of {same[0]}{more}: what both saw of a pair of hosts in an hour "
        "counts once, as the one that saw more has it"
    )
    return f"{told}; samples that both have count twice" if sampled else told
