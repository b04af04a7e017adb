"""The ledger's journal: which sources are in, and which files hold them, in one SQLite database.

A change is one transaction: what it adds and what it takes away are there together or not at all.
A file that the journal does not name is no part of the ledger.
"""

from __future__ import annotations

import json
import os
import re
import sqlite3
from contextlib import contextmanager
from datetime import date, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar

from pacsflow.errors import LedgerError, NoRoomError
from pacsflow.ledger import format_1
from pacsflow.ledger.clocks import Clock
from pacsflow.ledger.records import Change, Chosen, Entry, Kept, checked
from pacsflow.rollback import names_another, rollback_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

T = TypeVar("T")
VERSION = 2
MOST_SECONDS = 1e7
"""By which a sensor's clock can differ from another's, over all those between them."""
_TABLES = """
CREATE TABLE IF NOT EXISTS sources (
    sha256 TEXT PRIMARY KEY, path TEXT NOT NULL, kind TEXT NOT NULL, size INTEGER NOT NULL,
    rows INTEGER NOT NULL, unreadable INTEGER NOT NULL, examples TEXT NOT NULL,
    notes TEXT NOT NULL, first TEXT, last TEXT, added TEXT NOT NULL, simulated INTEGER NOT NULL,
    stamp TEXT NOT NULL, options TEXT NOT NULL, sensors TEXT NOT NULL, twins INTEGER NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS sizes ON sources (kind, size);
CREATE TABLE IF NOT EXISTS files (
    name TEXT PRIMARY KEY, sha256 TEXT NOT NULL, size INTEGER NOT NULL, rows INTEGER NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS holds (
    file TEXT NOT NULL, source TEXT NOT NULL, PRIMARY KEY (file, source)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS begun (name TEXT PRIMARY KEY) STRICT;
CREATE TABLE IF NOT EXISTS garbage (name TEXT PRIMARY KEY) STRICT;
CREATE TABLE IF NOT EXISTS lost (
    source TEXT NOT NULL, file TEXT NOT NULL, rows INTEGER NOT NULL, PRIMARY KEY (source, file)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS problems (
    path TEXT PRIMARY KEY, problem TEXT NOT NULL, seen TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS clocks (
    sensor TEXT NOT NULL, day TEXT NOT NULL, reference TEXT NOT NULL, seconds REAL NOT NULL,
    pairs INTEGER NOT NULL, PRIMARY KEY (sensor, day)
) STRICT, WITHOUT ROWID;
"""
_COMPUTES = re.compile(r"\b(AS|CHECK|DEFAULT|GENERATED|REFERENCES|VIRTUAL|WHERE)\b", re.IGNORECASE)
"""What no table of a ledger's says of itself."""
_ENTRY = (
    "sha256, path, kind, size, rows, unreadable, examples, notes, first, last, added, simulated,"
    " stamp, options, sensors, twins"
)


class Journal:
    """Reads and writes the journal; every method is one transaction.

    Parameters
    ----------
    path
        The database.
    writable
        False where the ledger is only read; the journal is then left exactly as it is.

    Raises
    ------
    LedgerError
        Where it is missing, damaged, or of a newer format than this pacsflow writes and the
        ledger is to be written.
    """

    def __init__(self, path: Path, *, writable: bool = True) -> None:
        self.path = path
        self.writable = writable
        self._known: dict[str, tuple[object, list[Any]]] = {}
        if not writable and not path.is_file():
            raise LedgerError(f"{path}: the journal is missing; it says what the ledger holds")
        with self._database() as database:
            self.version = int(database.execute("PRAGMA user_version").fetchone()[0])
            if self.version > VERSION:
                raise LedgerError(
                    f"{path}: written by a newer pacsflow (format {self.version}, this one knows "
                    f"{VERSION}) and not touched; install that version"
                )
            if writable and self.version in {0, VERSION}:
                database.executescript(_TABLES)
                if self.version != VERSION:  # nothing is written where nothing changes
                    database.execute(f"PRAGMA user_version = {VERSION}")
                self.version = VERSION

    @contextmanager
    def _database(self) -> Iterator[sqlite3.Connection]:
        try:
            if self.writable:
                if names_another(self.path):
                    back = rollback_of(self.path)
                    raise LedgerError(f"{back}: names a file that is none of a ledger's")
                database = sqlite3.connect(self.path, timeout=30)
            else:
                # Without a right to write, SQLite can neither lock nor mend: nobody else writes.
                place = self.path.resolve().as_uri()
                immutable = "" if _is_writable(self.path.parent) else "&immutable=1"
                database = sqlite3.connect(f"{place}?mode=ro{immutable}", timeout=30, uri=True)
        except sqlite3.Error as error:
            raise LedgerError(f"{self.path}: cannot be opened ({error})") from None
        try:
            database.execute("PRAGMA trusted_schema = OFF")
            database.execute("PRAGMA synchronous = FULL")
            _refuse_programs(database)
            with database:
                yield database
        except sqlite3.OperationalError as error:
            kind = NoRoomError if "full" in str(error) else LedgerError
            raise kind(f"{self.path}: {_operational(error)}") from None
        except (sqlite3.Error, ValueError, TypeError) as error:
            told = str(error).splitlines()[0][:200]
            raise LedgerError(f"{self.path}: not a ledger's journal ({told})") from None
        finally:
            database.close()

    def migrate(self) -> None:
        """Make a journal of an earlier format one of today's; who calls holds the ledger."""
        if self.version != 1:
            return
        with self._database() as database:
            database.isolation_level = None
            try:
                format_1.migrate(database, self.path.parent, _TABLES, VERSION)
            except BaseException:
                if database.in_transaction:
                    database.execute("ROLLBACK")
                raise
        self.version = VERSION

    def begin(self, names: Iterable[str]) -> None:
        """Write down which files are about to be put in place."""
        with self._database() as database:
            database.executemany("INSERT OR REPLACE INTO begun VALUES (?)", [(n,) for n in names])

    def commit(self, change: Change) -> None:
        """Make a change part of the ledger."""
        with self._database() as database:
            for sha in sorted(change.forgotten):
                database.execute("DELETE FROM sources WHERE sha256 = ?", (sha,))
                database.execute("DELETE FROM lost WHERE source = ?", (sha[:16],))
            for kept in change.lost:
                database.executemany(
                    "INSERT OR REPLACE INTO lost VALUES (?, ?, ?)",
                    [(source, kept.name, kept.rows) for source in sorted(kept.holds)],
                )
            for entry in change.sources:
                marks = ",".join("?" * 16)
                database.execute(f"INSERT OR REPLACE INTO sources VALUES ({marks})", _row(entry))
                database.execute("DELETE FROM problems WHERE path = ?", (_kept_path(entry.path),))
            for name in change.dropped:
                database.execute("DELETE FROM files WHERE name = ?", (name,))
                database.execute("DELETE FROM holds WHERE file = ?", (name,))
                database.execute("INSERT OR REPLACE INTO garbage VALUES (?)", (name,))
            for kept in change.files:
                database.execute(
                    "INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?)",
                    (kept.name, kept.sha256, kept.size, kept.rows),
                )
                database.executemany(
                    "INSERT OR REPLACE INTO holds VALUES (?, ?)",
                    [(kept.name, source) for source in sorted(kept.holds)],
                )
                database.execute("DELETE FROM begun WHERE name = ?", (kept.name,))
                database.execute("DELETE FROM garbage WHERE name = ?", (kept.name,))

    def leftovers(self) -> tuple[list[str], list[str]]:
        """Return the files that a change began to put in place, and those that may be deleted."""
        with self._database() as database:
            begun = [row[0] for row in database.execute("SELECT name FROM begun")]
            garbage = [row[0] for row in database.execute("SELECT name FROM garbage")]
        return [checked(n, self.path) for n in begun], [checked(n, self.path) for n in garbage]

    def cleared(self, names: Iterable[str]) -> None:
        """Write down that leftovers are gone."""
        values = [(name,) for name in names]
        with self._database() as database:
            database.executemany("DELETE FROM begun WHERE name = ?", values)
            database.executemany("DELETE FROM garbage WHERE name = ?", values)

    def problem(self, path: str, problem: str, seen: datetime) -> None:
        """Keep why a source could not be added."""
        with self._database() as database:
            database.execute(
                "INSERT OR REPLACE INTO problems VALUES (?, ?, ?)",
                (_kept_path(path), _printable(problem), seen.isoformat()),
            )

    def problems(self) -> list[tuple[str, str]]:
        """Return path and problem of every source that could not be added."""
        with self._database() as database:
            rows = database.execute("SELECT path, problem FROM problems ORDER BY path").fetchall()
            return [(_path(path), _is(str, problem)) for path, problem in rows]

    def entries(self, chosen: Chosen | None = None) -> list[Entry]:
        """Return the sources, or those that are chosen, the earliest first."""
        if chosen is None:
            return self._unless_known("entries", self._read_entries)
        return [entry for entry in self._read_entries(chosen) if chosen.holds(entry)]

    def hashes(self) -> set[str]:
        """Return the SHA-256 of the sources."""
        query = f"SELECT sha256 FROM sources WHERE TRUE{self._only_committed()}"
        with self._database() as database:
            return {_is(str, row[0]) for row in database.execute(query).fetchall()}

    def sizes(self, kind: str) -> list[int]:
        """Return the sizes of the sources of a kind, bytes, each once and the smallest first."""
        query = f"SELECT DISTINCT size FROM sources WHERE kind = ?{self._only_committed()}"
        with self._database() as database:
            return sorted(_is(int, row[0]) for row in database.execute(query, [kind]).fetchall())

    def simulated(self) -> bool:
        """Say whether any source is a simulation's."""
        query = f"SELECT count(*) FROM sources WHERE simulated <> 0{self._only_committed()}"
        with self._database() as database:
            return bool(database.execute(query).fetchone()[0])

    def _only_committed(self) -> str:
        return " AND committed = 1" if self.version == 1 else ""

    def _read_entries(self, chosen: Chosen | None = None) -> list[Entry]:
        where, values = (chosen.where, chosen.values) if chosen else ("TRUE", ())
        query = f"SELECT {_ENTRY} FROM sources WHERE {where} ORDER BY first, path"
        with self._database() as database:
            if self.version == 1:
                query, values = format_1.ENTRIES, ()
            rows = database.execute(query, [*map(_kept_path, values)]).fetchall()
            return [_entry(row) for row in rows]

    def _unless_known(self, what: str, read: Callable[[], list[T]]) -> list[T]:
        """Return what was read before, where nothing was committed since; a list of its own."""
        state = _state(self.path)
        before, found = self._known.get(what, (None, []))
        if state is None or state != before:
            found = read()
            self._known[what] = state, found
        return list(found)

    def lost(self) -> dict[str, list[str]]:
        """Return the names of damaged files that are no longer, by the marks of their sources.

        Such a source is in the ledger in part; who adds it again has it whole.
        """
        found: dict[str, list[str]] = {}
        with self._database() as database:
            query = "SELECT source, file FROM lost ORDER BY source, file"
            for source, file in database.execute(query) if _has(database, "lost") else ():
                found.setdefault(source, []).append(checked(file, self.path))
        return found

    def named(self) -> list[Kept]:
        """Return the files of the ledger, by name, without saying whose rows they have."""
        if self.version == 1:
            return self.files()
        query = "SELECT name, sha256, size, rows, NULL FROM files ORDER BY name"
        with self._database() as database:
            return [self._kept(*row) for row in database.execute(query).fetchall()]

    def files(self) -> list[Kept]:
        """Return the files of the ledger, by name, and of which sources they have rows."""
        return self._unless_known("files", self._read_files)

    def _read_files(self) -> list[Kept]:
        with self._database() as database:
            if self.version == 1:
                old = format_1.files(database)
                return [
                    Kept(checked(n, self.path), sha, size, rows, frozenset({mark}))
                    for n, sha, size, rows, mark in old
                ]
            rows = database.execute(
                "SELECT name, sha256, size, rows, group_concat(source) FROM files"
                " LEFT JOIN holds ON file = name GROUP BY name ORDER BY name"
            ).fetchall()
            return [self._kept(*row) for row in rows]

    def _kept(self, name: str, sha: str, size: int, count: int, held: str | None) -> Kept:
        marks = frozenset(_is(str, held or "").split(",")) - {""}
        numbers = _is(int, size), _is(int, count)
        return Kept(checked(name, self.path), _is(str, sha), *numbers, marks)

    def measured(self, days: tuple[date, date], clocks: Iterable[Clock]) -> None:
        """Keep the sensors' clocks of some days, from the first to the last of them."""
        rows = [(c.sensor, str(c.day), c.reference, c.seconds, c.pairs) for c in clocks]
        with self._database() as database:
            database.execute("DELETE FROM clocks WHERE day BETWEEN ? AND ?", list(map(str, days)))
            database.executemany("INSERT OR REPLACE INTO clocks VALUES (?, ?, ?, ?, ?)", rows)

    def clocks(self) -> list[Clock]:
        """Return how far the sensors' clocks were apart, by sensor and day."""
        query = "SELECT sensor, day, reference, seconds, pairs FROM clocks ORDER BY sensor, day"
        with self._database() as database:
            if not _has(database, "clocks"):
                return []
            rows = database.execute(query).fetchall()
            return [
                Clock(_is(str, a), date.fromisoformat(b), _is(str, c), _seconds(d), _is(int, e))
                for a, b, c, d, e in rows
            ]

    def sensors(self) -> set[str]:
        """Return the names of the sensors whose rows are in the ledger."""
        if self.version == 1:
            return set()
        with self._database() as database:
            rows = database.execute("SELECT DISTINCT sensors FROM sources").fetchall()
            return {name for row in rows for name in _texts(row[0])}


def _state(path: Path) -> object:
    """Return what differs after each commit; None where that cannot be told.

    SQLite counts commits in the database's header, but for those that wait in a log beside it
    (SQLite, "Database File Format", 1.3).
    """
    try:
        if path.with_name(f"{path.name}-journal").exists():
            return None
        with path.open("rb") as file:
            head, about = file.read(28), os.fstat(file.fileno())
    except OSError:
        return None
    in_place = len(head) == 28 and head[18:20] == b"\x01\x01"
    return (about.st_ino, about.st_size, about.st_mtime_ns, head[24:]) if in_place else None


def _has(database: sqlite3.Connection, table: str) -> bool:
    """Say whether a journal has a table: an earlier pacsflow wrote some without."""
    query = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?"
    return bool(database.execute(query, [table]).fetchall())


def _refuse_programs(database: sqlite3.Connection) -> None:
    """Raise ValueError where a journal computes: views, triggers, columns that are made."""
    rows = database.execute("SELECT type, name, coalesce(sql, '') FROM sqlite_master").fetchall()
    for kind, name, sql in rows:
        if kind not in {"table", "index"} or _COMPUTES.search(str(sql)):
            raise ValueError(f"{str(kind)[:20]} {str(name)[:60]!r} is none of it")


def _operational(error: sqlite3.OperationalError) -> str:
    text = str(error)
    if "full" in text:
        return "the disk is full; nothing of this change was kept"
    if "readonly" in text:
        return "cannot be written: it is read-only"
    if "no such table" in text or "no such column" in text:
        return f"not a ledger's journal ({text})"
    return text


def _is_writable(folder: Path) -> bool:
    """Say whether files can be made in a folder, by asking rather than by its mode."""
    import tempfile  # noqa: PLC0415 - only where a ledger is read

    try:
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def _kept_path(path: str) -> str:
    """Return a path as text for SQLite, which has no place for a name that is no Unicode."""
    plain = path == _printable(path) and not path.startswith('"')
    return path if plain else json.dumps(path)


def _path(kept: str) -> str:
    return _is(str, json.loads(kept) if _is(str, kept).startswith('"') else kept)


def _is(kind: type[T], value: object) -> T:
    """Return a value of a journal; TypeError where it is of another kind."""
    if type(value) is not kind:
        raise TypeError(f"expected {kind.__name__}, found {type(value).__name__}")
    return value


def _seconds(value: object) -> float:
    """Return how far clocks are apart; ValueError where no clocks can be."""
    if not abs(_is(float, value)) <= MOST_SECONDS:
        raise ValueError(f"clocks that are {value} s apart")
    return _is(float, value)


def _printable(text: str) -> str:
    return text.encode(errors="backslashreplace").decode()


def _row(e: Entry) -> tuple[Any, ...]:
    return (
        e.sha256, _kept_path(e.path), e.kind, e.size, e.rows, e.unreadable, json.dumps(e.examples),
        json.dumps(e.notes), _text(e.first), _text(e.last), e.added.isoformat(), int(e.simulated),
        e.stamp, e.options, json.dumps(e.sensors), e.twins,
    )  # fmt: skip


def _entry(row: Sequence[Any]) -> Entry:
    return Entry(
        sha256=_is(str, row[0]),
        path=_path(row[1]),
        kind=_is(str, row[2]),
        size=_is(int, row[3]),
        rows=_is(int, row[4]),
        unreadable=_is(int, row[5]),
        examples=_texts(row[6]),
        notes=_texts(row[7]),
        first=_time(row[8]),
        last=_time(row[9]),
        added=datetime.fromisoformat(row[10]),
        simulated=bool(row[11]),
        stamp=_is(str, row[12]),
        options=_is(str, row[13]),
        sensors=_texts(row[14]),
        twins=_is(int, row[15]),
    )


@lru_cache(maxsize=1024)
def _texts(told: str) -> tuple[str, ...]:
    """Return the texts of a list in JSON: thousands of sources have the same, mostly none."""
    try:
        texts = json.loads(_is(str, told))
    except RecursionError:
        raise ValueError("a list that is nested too deep") from None
    return tuple(_is(str, text) for text in _is(list, texts))


def _text(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


def _time(text: str | None) -> datetime | None:
    if not text:
        return None
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"a time without a zone: {text[:40]}")
    return moment
