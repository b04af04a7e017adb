"""Looks after a ledger: verifies its files, lets old days go, and takes in another ledger's."""

from __future__ import annotations

import shutil
import sqlite3
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow.parquet as pq

from pacsflow.errors import LedgerError
from pacsflow.ledger.compaction import Heap, compact
from pacsflow.ledger.disk import sha256_of
from pacsflow.ledger.engine import engine
from pacsflow.ledger.records import Change
from pacsflow.ledger.store import JOURNAL, STAGING, make

if TYPE_CHECKING:
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
        faults = [
            Fault(k.name, problem, tuple(sorted(paths.get(mark, mark) for mark in k.holds)))
            for k in kept
            if (problem := _problem(ledger.folder / k.name, k))
        ]
        named = {k.name for k in kept} | set(ledger.journal.leftovers()[1])
        faults += [
            Fault(name, "lies there, and the journal does not name it: it counts for nothing here")
            for name in ledger.store.lying()
            if name not in named
        ]
    return faults


def _problem(path: Path, kept: Kept) -> str:
    if not path.is_file():
        return "is missing"
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
        with engine() as duck:
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
        with ledger.store.writing(), ledger.store.reading():
            ledger.store.recover()
            make(part)
            files = ledger.journal.files()
            for kept in files:
                place = part / kept.name
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(ledger.folder / kept.name, place)
            source = sqlite3.connect(ledger.folder / JOURNAL)
            copy = sqlite3.connect(part / JOURNAL)
            source.backup(copy)
            copy.close()
            source.close()
        part.replace(target)
    except OSError as error:
        shutil.rmtree(part, ignore_errors=True)
        raise LedgerError(f"{target}: cannot be written: {error.strerror}") from None
    return len(files)
