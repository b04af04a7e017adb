"""Reads the journal of a ledger of format 1, and makes it one of today's.

There, every source had files of its own: one a table and day, named by the source's hash. They stay
as they are; the next compaction gives them the columns that they lack.
"""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

from pacsflow.errors import LedgerError
from pacsflow.ledger.disk import sha256_of
from pacsflow.ledger.records import checked
from pacsflow.printable import counted

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path


STAGING = ".staging"


def files(database: sqlite3.Connection) -> list[tuple[str, str, int, int, str]]:
    """Return name, hash, size, rows and source of the files, where the journal knows them."""
    rows = database.execute("SELECT sha256, files FROM sources WHERE committed = 1").fetchall()
    return [(name, "", 0, 0, sha[:16]) for sha, names in rows for name in json.loads(names)]


ENTRIES = (
    "SELECT sha256, path, kind, size, rows, unreadable, examples, notes, first, last, added,"
    " simulated, stamp, '', '[]', 0 FROM sources WHERE committed = 1 ORDER BY first, path"
)


def migrate(database: sqlite3.Connection, folder: Path, tables: str, version: int) -> None:
    """Make a journal one of today's, in one transaction.

    Raises
    ------
    LedgerError
        Where it names files that a ledger cannot have, or that are missing.
    """
    journal = folder / "journal.sqlite"
    for name, *_ in files(database):
        checked(name, journal)
    _finish_moves(database, folder)
    kept = files(database)
    missing = [name for name, *_ in kept if not (folder / name).is_file()]
    if missing:
        told = (
            f"{counted(len(missing), 'file', 'files')} of the ledger not there, such as "
            f"{missing[0]}"
        )
        raise LedgerError(f"{folder}: {told}; it stays of the earlier format until they are back")
    entries = database.execute(ENTRIES).fetchall()
    hashed = [(*_measured(folder / name, name), mark) for name, *_, mark in kept]
    database.execute("BEGIN IMMEDIATE")
    database.execute("ALTER TABLE sources RENAME TO sources_1")
    for statement in tables.split(";"):
        database.execute(statement)
    marks = ",".join("?" * 16)
    database.executemany(f"INSERT INTO sources VALUES ({marks})", entries)
    database.executemany("INSERT INTO files VALUES (?, ?, ?, ?)", [row[:4] for row in hashed])
    database.executemany("INSERT INTO holds VALUES (?, ?)", [(row[0], row[4]) for row in hashed])
    database.execute("DROP TABLE sources_1")
    database.execute(f"PRAGMA user_version = {version}")
    database.execute("COMMIT")


def _measured(path: Path, name: str) -> tuple[str, str, int, int]:
    """Return a file's name, hash, size and rows."""
    import pyarrow.parquet as pq  # noqa: PLC0415 - a ledger of today is opened without

    return name, sha256_of(path), path.stat().st_size, int(pq.read_metadata(path).num_rows)


def _finish_moves(database: sqlite3.Connection, folder: Path) -> None:
    """Finish what an earlier pacsflow had begun to move, as it would have."""
    begun: list[tuple[Any, ...]] = database.execute(
        "SELECT sha256, files, replaces FROM sources WHERE committed = 0"
    ).fetchall()
    for sha, names, replaces in begun:
        staging = folder / STAGING / sha
        if len(sha) != 64 or not sha.isalnum():
            raise LedgerError(f"{folder / 'journal.sqlite'}: names a source by no hash")
        for name in json.loads(names):
            target = folder / checked(name, folder / "journal.sqlite")
            target.parent.mkdir(parents=True, exist_ok=True)
            if (staging / name).exists():
                (staging / name).replace(target)
        old = database.execute("SELECT files FROM sources WHERE sha256 = ?", (replaces,)).fetchone()
        for name in json.loads(old[0]) if old else []:
            (folder / checked(name, folder / "journal.sqlite")).unlink(missing_ok=True)
        database.execute("DELETE FROM sources WHERE sha256 = ?", (replaces,))
        database.execute("UPDATE sources SET committed = 1 WHERE sha256 = ?", (sha,))
    database.commit()
    shutil.rmtree(folder / STAGING, ignore_errors=True)
