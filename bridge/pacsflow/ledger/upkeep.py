"""Looks after a ledger: verifies its files, lets old days go, and takes in another ledger's."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow.parquet as pq

from pacsflow.errors import LedgerError
from pacsflow.ledger.compaction import Heap, compact
from pacsflow.ledger.disk import sha256_of, sync_folder
from pacsflow.ledger.engine import engine
from pacsflow.ledger.records import Change
from pacsflow.ledger.store import JOURNAL, STAGING, is_there, lying, make

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import date
    from pathlib import Path

    from pacsflow.ledger import Ledger
    from pacsflow.ledger.records import Kept


@dataclass(frozen=True, slots=True)
class Fault:
    """A file that is not as the journal says, and the sources that it has rows of."""

    name: str
    problem: str
    sources: tuple[str, ...] = ()


def verify(ledger: Ledger) -> list[Fault]:
    """Read every file again; returns those that are missing, changed, or not of the ledger."""
    with ledger.store.reading():
        kept = ledger.journal.files()
        paths = {entry.file: entry.path for entry in ledger.entries()}
        bad = damaged(ledger.folder, kept)
        faults = [Fault(k.name, problem, _named(paths, k.holds)) for k, problem in bad]
        faults += [Fault(name, FOREIGN) for name in foreign(ledger)]
        names: dict[str, set[str]] = {}
        for mark, files in ledger.journal.lost().items():
            for name in files:
                names.setdefault(name, set()).add(mark)
        faults += [Fault(n, LOST, _named(paths, marks)) for n, marks in sorted(names.items())]
    return faults


FOREIGN = "lies there, and the journal does not name it: it counts for nothing here"
LOST = "was damaged and is gone; its rows are lost until these sources are added again"


def _named(paths: dict[str, str], marks: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(paths.get(mark, f"a source of hash {mark}...") for mark in marks))


def damaged(folder: Path, files: Iterable[Kept]) -> list[tuple[Kept, str]]:
    """Return the files that are missing or not as they were written, and what is wrong."""
    return [(k, problem) for k in files if (problem := _problem(folder, k))]


def foreign(ledger: Ledger) -> list[str]:
    """Return the names of what lies where a ledger's files do, and is none of them."""
    known = {k.name for k in ledger.journal.files()} | set(ledger.journal.leftovers()[1])
    return [name for name in lying(ledger.folder) if name not in known]


def _problem(folder: Path, kept: Kept) -> str:
    path = folder / kept.name
    if not is_there(folder, kept.name):
        return "is a link, and no file" if path.is_symlink() else "is missing"
    try:
        if kept.sha256:
            return "" if sha256_of(path) == kept.sha256 else "is not what was written"
        pq.read_metadata(path)
    except (OSError, ValueError) as error:
        return f"cannot be read: {str(error).splitlines()[0][:100]}"
    return ""


def prune(ledger: Ledger, before: date) -> int:
    """Let go the rows of days before one (UTC); returns how many files went or became smaller.

    Sources stay known, so that a log that still lies somewhere is not taken in again.
    """
    with ledger.store.writing():
        ledger.store.recover()
        change, staging = Change(), ledger.folder / STAGING / "prune"
        with ledger.store.room(), engine() as duck:
            for kept in ledger.journal.files():
                if kept.period[: len(str(before))] >= str(before)[: len(kept.period)] and not (
                    kept.period == str(before)[:7] and before.day > 1
                ):
                    continue
                change.dropped.append(kept.name)
                if kept.period == str(before)[:7]:
                    heap = Heap(kept.table, f"month={kept.period}", (kept,))
                    left = compact(duck, ledger.folder, staging, heap, until=before)
                    change.files += [left] if left else []
        if change.dropped:
            ledger.store.commit(change, [staging])
        shutil.rmtree(ledger.folder / STAGING, ignore_errors=True)
        return len(change.dropped)


def export(ledger: Ledger, target: Path) -> int:
    """Copy the ledger of this moment into a new folder; returns how many files it has."""
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise LedgerError(f"{target}: neither an empty folder nor a new one")
    part = target.with_name(f".{target.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    try:
        with _held(ledger), ledger.store.reading():
            make(part)
            files = ledger.journal.files()
            for kept in files:
                place = part / kept.name
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(ledger.folder / kept.name, place)
                sha256_of(place, sync=True)
            _copy_journal(ledger.folder / JOURNAL, part / JOURNAL)
        for place in [part, *(path for path in part.rglob("*") if path.is_dir())]:
            sync_folder(place)
        part.replace(target)
        sync_folder(target.parent)
    except BaseException as error:
        shutil.rmtree(part, ignore_errors=True)
        if not isinstance(error, (OSError, sqlite3.Error)):
            raise
        told = (error.strerror if isinstance(error, OSError) else "") or str(error)
        raise LedgerError(f"{target}: cannot be written: {told}; nothing of it was kept") from None
    return len(files)


@contextmanager
def _held(ledger: Ledger) -> Iterator[None]:
    """Hold a ledger as it is; one on a medium that nobody can write to stays so by itself."""
    if not ledger.store.writable:
        yield
        return
    with ledger.store.writing():
        ledger.store.recover()
        yield


def _copy_journal(path: Path, copy: Path) -> None:
    only = f"{path.resolve().as_uri()}?mode=ro"
    with (
        closing(sqlite3.connect(only, uri=True)) as source,
        closing(sqlite3.connect(copy)) as into,
    ):
        source.backup(into)
    sha256_of(copy, sync=True)
