"""The ledger's journal: which source is in, in which files, in one small SQLite database."""

from __future__ import annotations

import json
import sqlite3
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from pacsflow.errors import LedgerError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

VERSION = 1
_TABLES = """
CREATE TABLE IF NOT EXISTS sources (
    sha256 TEXT PRIMARY KEY, path TEXT NOT NULL, kind TEXT NOT NULL, size INTEGER NOT NULL,
    rows INTEGER NOT NULL, unreadable INTEGER NOT NULL, examples TEXT NOT NULL,
    notes TEXT NOT NULL, first TEXT, last TEXT, added TEXT NOT NULL, simulated INTEGER NOT NULL,
    files TEXT NOT NULL, replaces TEXT NOT NULL, stamp TEXT NOT NULL,
    committed INTEGER NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS problems (
    path TEXT PRIMARY KEY, problem TEXT NOT NULL, seen TEXT NOT NULL
) STRICT;
"""


@dataclass(frozen=True, slots=True)
class Entry:
    """One source that is in the ledger; `files` are paths below the ledger's folder."""

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
    files: tuple[str, ...]
    replaces: str = ""
    stamp: str = ""
    """Size and time of change of the file as it lay on disk, to know it again without reading."""


class Journal:
    """Reads and writes the journal; every method is one transaction."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with self._database() as database:
            version = database.execute("PRAGMA user_version").fetchone()[0]
            if version > VERSION:
                raise LedgerError(
                    f"{path}: written by a newer pacsflow (format {version}, this one reads "
                    f"{VERSION}); install that version"
                )
            database.executescript(_TABLES)
            database.execute(f"PRAGMA user_version = {VERSION}")

    @contextmanager
    def _database(self) -> Iterator[sqlite3.Connection]:
        database = sqlite3.connect(self.path, timeout=30)
        try:
            with database:
                yield database
        except sqlite3.DatabaseError as error:
            raise LedgerError(f"{self.path}: not a ledger's journal ({error})") from None
        finally:
            database.close()

    def begin(self, entries: Sequence[Entry]) -> None:
        """Write down what is about to be moved into the ledger."""
        values = [
            (
                e.sha256, e.path, e.kind, e.size, e.rows, e.unreadable, json.dumps(e.examples),
                json.dumps(e.notes), _text(e.first), _text(e.last), e.added.isoformat(),
                int(e.simulated), json.dumps(e.files), e.replaces, e.stamp, 0,
            )
            for e in entries
        ]  # fmt: skip
        with self._database() as database:
            marks = ",".join("?" * 16)
            database.executemany(f"INSERT OR REPLACE INTO sources VALUES ({marks})", values)

    def commit(self, entries: Sequence[Entry]) -> None:
        """Write down that they were moved, and that what they replace is gone."""
        with self._database() as database:
            for entry in entries:
                database.execute("DELETE FROM sources WHERE sha256 = ?", (entry.replaces,))
                database.execute(
                    "UPDATE sources SET committed = 1 WHERE sha256 = ?", (entry.sha256,)
                )
                database.execute("DELETE FROM problems WHERE path = ?", (entry.path,))

    def problem(self, path: str, problem: str, seen: datetime) -> None:
        """Keep why a source could not be added."""
        with self._database() as database:
            database.execute(
                "INSERT OR REPLACE INTO problems VALUES (?, ?, ?)",
                (path, problem, seen.isoformat()),
            )

    def problems(self) -> list[tuple[str, str]]:
        """Return path and problem of every source that could not be added."""
        with self._database() as database:
            return list(database.execute("SELECT path, problem FROM problems ORDER BY path"))

    def entries(self, *, committed: bool = True) -> list[Entry]:
        """Return the sources, or those whose move was begun and not finished."""
        with self._database() as database:
            rows = database.execute(
                "SELECT sha256, path, kind, size, rows, unreadable, examples, notes, first, last,"
                " added, simulated, files, replaces, stamp FROM sources WHERE committed = ?"
                " ORDER BY first, path",
                (int(committed),),
            ).fetchall()
        return [
            Entry(
                row[0],
                row[1],
                row[2],
                row[3],
                row[4],
                row[5],
                tuple(json.loads(row[6])),
                tuple(json.loads(row[7])),
                _time(row[8]),
                _time(row[9]),
                datetime.fromisoformat(row[10]),
                bool(row[11]),
                tuple(json.loads(row[12])),
                row[13],
                row[14],
            )
            for row in rows
        ]


def _text(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
