"""What a journal says of a ledger: its sources, its files, and a change of them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from pacsflow.errors import LedgerError
from pacsflow.ledger.tables import TABLES

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from datetime import datetime
    from pathlib import Path

NAME = re.compile(
    rf"({'|'.join(TABLES)})/(day=\d{{4}}-\d\d-\d\d|month=\d{{4}}-\d\d)/[0-9A-Za-z_-]{{1,80}}\.parquet"
)
"""How files of a ledger are called: none lies outside its folder."""


IN_SECONDS = (
    "all its times are whole seconds: connections that another log of this time has with exact "
    "times count twice; leave one of both out"
)
"""The remark on such a log, which is one only where there is another of its time."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One source that is in the ledger.

    Parameters
    ----------
    stamp
        Size and time of change of the file as it lay on disk, to know it again without reading.
    options
        What the user said of it (``--sampling-rate``), which its rows depend on.
    sensors
        Which sensors its rows are of, where that is known.
    twins
        Connections in it that other files tell as well, and that it does not count.
    """

    sha256: str
    path: str
    kind: str
    size: int
    rows: int
    unreadable: int
    examples: tuple[str, ...]
    notes: tuple[str, ...]
    first: datetime | None
    last: datetime | None
    added: datetime
    simulated: bool
    stamp: str = ""
    options: str = ""
    sensors: tuple[str, ...] = ()
    twins: int = 0

    @property
    def file(self) -> str:
        """Return the mark that its rows bear."""
        return self.sha256[:16]

    @property
    def sensor(self) -> str:
        """Return the sensor that saw all of it; empty where it was several, or nobody said."""
        return self.sensors[0] if len(self.sensors) == 1 else ""


@dataclass(frozen=True, slots=True)
class Chosen:
    """Some of a ledger's sources: a year has tens of thousands, a question is about few.

    Parameters
    ----------
    where, values
        SQL of the journal that leaves out no source that is meant, and the values of its ``?``.
    holds
        Says of each of these whether it is meant.
    """

    where: str
    values: tuple[str, ...]
    holds: Callable[[Entry], bool]


def of_time(start: datetime, end: datetime) -> Chosen:
    """Choose the sources that have something in [start, end), and those that say no times."""

    def holds(entry: Entry) -> bool:
        if entry.first is None or entry.last is None:
            return True
        return entry.first < end and entry.last >= start

    day = timedelta(days=1)  # times in the journal may be of another zone
    days = str((end + day).date()), str((start - day).date())
    where = (
        "first IS NULL OR last IS NULL OR (substr(first, 1, 10) <= ? AND substr(last, 1, 10) >= ?)"
    )
    return Chosen(where, days, holds)


def of_kinds(kinds: Collection[str]) -> Chosen:
    """Choose the sources of some kinds."""
    return Chosen(*_one_of("kind", kinds), lambda entry: entry.kind in kinds)


def of_paths(paths: Collection[str]) -> Chosen:
    """Choose the sources that lay at some paths."""
    return Chosen(*_one_of("path", paths), lambda entry: entry.path in paths)


def of_hashes(hashes: Collection[str]) -> Chosen:
    """Choose sources by their SHA-256."""
    return Chosen(*_one_of("sha256", hashes), lambda entry: entry.sha256 in hashes)


def of_mark(mark: str) -> Chosen:
    """Choose the source whose rows bear a mark."""
    return Chosen("substr(sha256, 1, 16) = ?", (mark,), lambda entry: entry.file == mark)


def _one_of(column: str, values: Collection[str]) -> tuple[str, tuple[str, ...]]:
    """Return a condition for few values; SQLite takes no more, and all rows are read then."""
    if len(values) > FEW:
        return "TRUE", ()
    return f"{column} IN ({', '.join('?' * len(values))})", tuple(values)


FEW = 500
"""Values that are asked for by name."""


def with_remarks(lost: Collection[str]) -> Chosen:
    """Choose at least the sources of which something is to be said; `lost` are marks of some."""
    among, values = _one_of("substr(sha256, 1, 16)", lost)
    where = f"unreadable <> 0 OR notes <> '[]' OR {among}"
    return Chosen(where, values, lambda _entry: True)


@dataclass(frozen=True, slots=True)
class Kept:
    """One Parquet file of the ledger; `holds` are the marks of the sources that it has rows of."""

    name: str
    sha256: str
    size: int
    rows: int
    holds: frozenset[str]

    @property
    def table(self) -> str:
        """Return the table of which it is a part."""
        return self.name.split("/", 1)[0]

    @property
    def period(self) -> str:
        """Return its day or month, as ``2026-03-02`` or ``2026-03``."""
        return self.name.split("/")[1].partition("=")[2]


@dataclass(slots=True)
class Change:
    """What one transaction does to a ledger."""

    sources: list[Entry] = field(default_factory=list)
    forgotten: set[str] = field(default_factory=set)
    """SHA-256 of sources that are no longer in."""
    files: list[Kept] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)
    """Names of files that are no longer part of it."""
    lost: list[Kept] = field(default_factory=list)
    """Of these the damaged ones, whose rows are to be had again from their sources alone."""


def checked(name: str, journal: Path) -> str:
    """Return a file's name; `LedgerError` where a journal names what cannot be of its ledger."""
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise LedgerError(f"{journal}: names a file that is none of a ledger's: {str(name)[:80]!r}")
    return name
