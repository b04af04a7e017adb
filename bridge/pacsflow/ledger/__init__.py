"""The traffic ledger (contract 3): a Parquet dataset by day that any engine reads, and a journal.

Adding is idempotent (a source is known by the hash of its content) and atomic: a source's files
are made in a staging folder; the journal says what will be moved; they are moved; the journal says
that they were. Whoever opens the ledger next finishes a move that was begun, and throws away
staged files whose move was not. Who reads shares the folder's lock; files move under all of it, so
that what is read is the ledger of one moment.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import time
from concurrent.futures import as_completed
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from pacsflow.errors import InputError, LedgerError, PacsflowError
from pacsflow.hourly import connect
from pacsflow.ledger.journal import Entry, Journal
from pacsflow.ledger.tables import TABLES
from pacsflow.workers import cores, pool

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager

    import duckdb
    import pyarrow as pa

    from pacsflow.ledger.staging import Fingerprint, Staged
    from pacsflow.pseudonyms import Pseudonyms
    from pacsflow.readers import Source

__all__ = ["Added", "Entry", "Ledger"]

MARKER = "pacsflow-ledger"
JOURNAL = "journal.sqlite"
STAGING = ".staging"
ALONE = 4
"""Up to so many files one process is quicker than starting several."""
LARGE = 5_000_000
"""Files of this mean size, bytes, go to the processes one by one, smaller ones in batches."""
BATCH = 16
SAME_START = 10_000
"""Microseconds within which two tools may say that one association began."""
ONCE_EACH = f"""
    WITH last AS (
        SELECT {{what}} FROM {{table}} QUALIFY uid IS NULL OR row_number() OVER (
            PARTITION BY uid, ts ORDER BY "end" IS NULL, duration DESC NULLS LAST) = 1
    )
    SELECT * FROM last
    WINDOW flow AS (PARTITION BY "id.orig_h", "id.orig_p", "id.resp_h", "id.resp_p"
                    ORDER BY ts, uid)
    QUALIFY NOT coalesce(
        uid <> lag(uid) OVER flow
        AND epoch_us(ts) - lag(epoch_us(ts)) OVER flow < {SAME_START}, FALSE)
"""
"""Of a long association dicom.log has a row every few minutes; the last one tells it all. What a
sensor and a capture both saw has two, with a uid of each; one is enough."""
TOGETHER = 64
"""So many small sources are written to the journal at once; each is still whole or not there."""


@dataclass(frozen=True, slots=True)
class Added:
    """What became of the sources that were to be added."""

    added: tuple[Entry, ...]
    known: tuple[Source, ...]
    """Sources whose content was in the ledger already."""
    problems: tuple[PacsflowError, ...]


class Ledger:
    """A ledger's folder, open for adding and for asking.

    Parameters
    ----------
    folder
        Where it lies.
    create
        Make it where there is none; otherwise a missing ledger raises `LedgerError`.
    """

    def __init__(self, folder: Path, *, create: bool = False) -> None:
        self.folder = folder
        self.pseudonyms: Pseudonyms | None = None
        """Set by who asks: what `connect` and `entries` give then names nobody."""
        marker = folder / MARKER
        if not marker.is_file():
            if not create:
                hint = f"pacsflow ingest LOGS... --ledger {folder} makes one"
                raise LedgerError(f"{folder}: there is no ledger here; {hint}")
            if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
                raise LedgerError(f"{folder}: neither a ledger nor an empty folder to make one in")
            try:
                folder.mkdir(parents=True, exist_ok=True)
                marker.write_text("1\n", encoding="ascii")
            except OSError as error:
                raise LedgerError(f"{folder}: cannot be made: {error.strerror}") from None
        self.journal = Journal(folder / JOURNAL)
        with self._writing() as locked:
            if locked:
                self._recover()

    @classmethod
    @contextmanager
    def temporary(cls) -> Iterator[Ledger]:
        """Make a ledger that is gone afterwards, for a report on files alone."""
        with tempfile.TemporaryDirectory(prefix="pacsflow-") as folder:
            yield cls(Path(folder) / "ledger", create=True)

    def _writing(self, *, wait: bool = False) -> AbstractContextManager[bool]:
        """Hold the ledger for writing; yields False where another process has it."""
        return _lock(self.folder / MARKER, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))

    @contextmanager
    def _reading(self) -> Iterator[None]:
        """Keep the files where they are; not before a move that was begun is finished."""
        while True:
            with _lock(self.folder, fcntl.LOCK_SH):
                if not self.journal.entries(committed=False):
                    yield
                    return
            # Who began it is dead: moves are written down and made under the lock.
            with self._writing() as locked:
                if locked:
                    self._recover()
            time.sleep(0.01)

    def _recover(self) -> None:
        if begun := self.journal.entries(committed=False):
            with _lock(self.folder, fcntl.LOCK_EX):
                self._move(begun)
        shutil.rmtree(self.folder / STAGING, ignore_errors=True)

    def _move(self, entries: Sequence[Entry]) -> None:
        """Move entries' staged files into place; doing it again changes nothing."""
        replaced = {entry.replaces for entry in entries} - {""}
        old = [e for e in self.journal.entries() if e.sha256 in replaced] if replaced else []
        for entry in entries:
            staging = self.folder / STAGING / entry.sha256
            for name in entry.files:
                target = self.folder / name
                target.parent.mkdir(parents=True, exist_ok=True)
                if (staging / name).exists():
                    (staging / name).replace(target)
        for name in (name for entry in old for name in entry.files):
            (self.folder / name).unlink(missing_ok=True)
        self.journal.commit(entries)
        for entry in entries:
            shutil.rmtree(self.folder / STAGING / entry.sha256, ignore_errors=True)

    def add(
        self,
        sources: Sequence[Source],
        *,
        simulated: bool = False,
        workers: int | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> Added:
        """Add what is new in `sources`; what is there already changes nothing.

        A log that has grown since it was added (its first bytes are the old file) replaces its
        earlier self, also where it was moved, or packed, in the meantime. `progress` is called with
        sources done and their number.
        """
        with self._writing(wait=True):
            self._recover()
            return self._add(sources, simulated, workers or cores(), progress)

    def _add(
        self,
        sources: Sequence[Source],
        simulated: bool,
        workers: int,
        progress: Callable[[int, int], None] | None,
    ) -> Added:
        from pacsflow.ledger import staging  # noqa: PLC0415 - asking a ledger takes none of it

        entries = self.journal.entries()
        by_hash = {entry.sha256 for entry in entries}
        by_path = {entry.path: entry for entry in entries}
        # A log that is gone from its place, or has become another, may have been rotated.
        moved = {e.sha256: e for e in entries if staging.stamp(Path(e.path)) != e.stamp}
        added: list[Entry] = []
        known: list[Source] = []
        problems: list[PacsflowError] = []
        todo: list[tuple[Source, Fingerprint, str]] = []
        for source in sources:
            path = str(source.path.resolve())
            old = by_path.get(path)
            if old is not None and old.stamp == staging.stamp(source.path):
                known.append(source)
                continue
            earlier = [e.size for e in moved.values() if e.kind == source.kind]
            try:
                replaceable = staging.is_replaceable(source)
                print_ = staging.fingerprint(source.path, earlier if replaceable else ())
            except PacsflowError as error:
                problems.append(error)
                self.journal.problem(path, str(error), datetime.now(UTC))
                continue
            if print_.sha256 in by_hash:
                known.append(source)
                continue
            by_hash.add(print_.sha256)
            grown = next((sha for sha in print_.prefixes if sha in moved), "")
            moved.pop(grown, None)
            todo.append((source, print_, grown))
        waiting: list[Entry] = []
        for done, (item, staged) in enumerate(self._staged(todo, workers), 1):
            if isinstance(staged, PacsflowError):
                problems.append(staged)
                path = str(item[0].path.resolve())
                self.journal.problem(path, str(staged), datetime.now(UTC))
            else:
                waiting.append(_entry(staged, item[2], simulated=simulated))
            if len(waiting) == TOGETHER or done == len(todo):
                with _lock(self.folder, fcntl.LOCK_EX):
                    self.journal.begin(waiting)
                    self._move(waiting)
                added += waiting
                waiting = []
            if progress:
                progress(done, len(todo))
        shutil.rmtree(self.folder / STAGING, ignore_errors=True)
        return Added(tuple(added), tuple(known), tuple(problems))

    def _staged(
        self, todo: list[tuple[Source, Fingerprint, str]], workers: int
    ) -> Iterator[tuple[tuple[Source, Fingerprint, str], Staged | PacsflowError]]:
        """Stage every source, on several processes where that pays."""
        folders = [self.folder / STAGING / item[1].sha256 for item in todo]
        mean = sum(item[1].size for item in todo) / max(1, len(todo))
        large = mean > LARGE
        if workers == 1 or len(todo) <= 1 or (len(todo) <= ALONE and not large):
            for item, folder in zip(todo, folders, strict=True):
                yield item, _stage_all([(item[0], item[1], folder)])[0]
            return
        batches = [range(i, min(i + BATCH, len(todo))) for i in range(0, len(todo), BATCH)]
        if large:
            batches = [range(i, i + 1) for i in range(len(todo))]
        with pool(min(workers, len(batches))) as executor:
            running = {
                executor.submit(
                    _stage_all, [(todo[i][0], todo[i][1], folders[i]) for i in batch]
                ): batch
                for batch in batches
            }
            for future in as_completed(running):
                yield from zip((todo[i] for i in running[future]), future.result(), strict=True)

    def entries(self) -> list[Entry]:
        """Return every source that is in the ledger."""
        entries = self.journal.entries()
        if self.pseudonyms is None:
            return entries
        return [replace(e, path=f"input {e.sha256[:8]}", examples=()) for e in entries]

    def problems(self) -> list[InputError]:
        """Return what could not be added."""
        found = [
            InputError(path, text.removeprefix(path).lstrip(":, "))
            for path, text in self.journal.problems()
        ]
        return list(self.pseudonyms.problems(found)) if self.pseudonyms else found

    @contextmanager
    def connect(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Open a DuckDB with one view a table.

        The ledger stays as it is meanwhile: who adds to it waits before moving files into it.
        """
        with self._reading(), connect() as connection:
            self._views(connection)
            yield connection

    def _views(self, connection: duckdb.DuckDBPyConnection) -> None:
        for table, schema in TABLES.items():
            files = [str(path) for path in sorted((self.folder / table).glob("day=*/*.parquet"))]
            if files:
                rows = connection.read_parquet(files, hive_partitioning=False)
            else:
                rows = connection.sql(_empty(schema))
            if self.pseudonyms is not None:
                rows = connection.from_arrow(self.pseudonyms.table(rows.to_arrow_table()))
            if table == "associations":
                rows.create_view("every")
                rows = connection.sql(ONCE_EACH.format(what="*", table="every"))
            rows.create_view(table)


@contextmanager
def _lock(path: Path, how: int) -> Iterator[bool]:
    """Hold a file or folder's lock; yields False where it is held and `how` says not to wait."""
    try:
        lock = os.open(path, os.O_RDONLY)
    except OSError as error:
        raise LedgerError(f"{path.parent}: cannot be opened: {error.strerror}") from None
    try:
        try:
            fcntl.flock(lock, how)
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(lock)


def _empty(schema: pa.Schema) -> str:
    """Return SQL for a table without rows; DuckDB would import pandas to take it from Arrow."""
    kinds = {"string": "VARCHAR", "int64": "BIGINT", "int32": "INTEGER", "double": "DOUBLE",
             "bool": "BOOLEAN", "timestamp[us, tz=UTC]": "TIMESTAMPTZ"}  # fmt: skip
    columns = [f'NULL::{kinds.get(str(f.type), "VARCHAR[]")} AS "{f.name}"' for f in schema]
    return f"SELECT {', '.join(columns)} WHERE FALSE"


def _stage_all(
    items: list[tuple[Source, Fingerprint, Path]],
) -> list[Staged | PacsflowError]:
    """Stage several sources in one process."""
    from pacsflow.ledger.staging import stage  # noqa: PLC0415 - likewise

    return [stage(source, print_, folder) for source, print_, folder in items]


def _entry(staged: Staged, replaces: str, *, simulated: bool) -> Entry:
    quality = staged.quality
    return Entry(
        sha256=staged.fingerprint.sha256,
        path=str(staged.source.path.resolve()),
        kind=staged.source.kind,
        size=staged.fingerprint.size,
        rows=quality.rows,
        unreadable=quality.unreadable,
        examples=tuple(quality.examples),
        notes=tuple(quality.notes),
        first=staged.first,
        last=staged.last,
        added=datetime.now(UTC),
        simulated=simulated,
        files=tuple(staged.files),
        replaces=replaces,
        stamp=staged.fingerprint.stamp,
    )
