"""Mends a ledger: damaged files go, and their sources are taken in again where they are found."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from pacsflow.errors import LedgerError, PacsflowError
from pacsflow.ledger import Ledger
from pacsflow.ledger.fingerprints import fingerprint
from pacsflow.ledger.locking import lock
from pacsflow.ledger.records import Change
from pacsflow.ledger.store import JOURNAL, MARKER, is_writable, lying, refuse_links, set_aside
from pacsflow.ledger.upkeep import damaged, foreign
from pacsflow.readers import CaptureOptions, find

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from pacsflow.errors import InputError
    from pacsflow.ledger.records import Entry
    from pacsflow.readers import Source


@dataclass(frozen=True, slots=True)
class Repaired:
    """What a repair came to.

    Parameters
    ----------
    aside
        Where damaged files, and those that were none of the ledger's, lie now.
    missing
        Names of files that were gone.
    again
        Sources that were taken in again.
    lost
        Sources of which rows are lost: they were not found as they had been.
    problems
        What could not be read on the way.
    """

    aside: tuple[Path, ...]
    missing: tuple[str, ...]
    again: tuple[Entry, ...]
    lost: tuple[Entry, ...]
    problems: tuple[InputError, ...]


def repair(
    folder: Path,
    given: Sequence[str | Path] = (),
    progress: Callable[[int, int], None] | None = None,
) -> Repaired:
    """Mend a ledger: its sources are looked for where they lay, and among what is `given`.

    Nothing is deleted. Without a journal everything that is given is taken in anew.

    Raises
    ------
    LedgerError
        Where there is no ledger, it cannot be written, or its journal is lost and nothing given.
    """
    if not (folder / MARKER).is_file():
        raise LedgerError(f"{folder}: there is no ledger here")
    refuse_links(folder)  # before what lies behind one is opened
    aside = list(_begun_anew(folder, given))
    ledger = Ledger(folder)
    if aside:
        taken = find(given)
        added = ledger.add(taken.sources, simulated=taken.simulated, progress=progress)
        problems = (*taken.problems, *added.problems)
        return Repaired(tuple(aside), (), added.added, (), problems)
    missing = []
    with ledger.store.writing():
        ledger.store.recover()
        bad = [kept for kept, _ in damaged(folder, ledger.journal.files())]
        # Links first: what lies behind them is not the ledger's to move.
        for name in [*foreign(ledger), *(kept.name for kept in bad)]:
            path = folder / name
            if path.exists() or path.is_symlink():
                aside.append(set_aside(folder, name))
            else:
                missing.append(name)
        if bad:
            ledger.store.commit(Change(dropped=[k.name for k in bad], lost=bad), [])
    gone = ledger.journal.lost()
    wanted = {entry.sha256: entry for entry in ledger.journal.entries() if entry.file in gone}
    found = list(found_again(wanted, given))
    sensors = {source.path.resolve(): entry.sensor for source, entry in found}
    added = ledger.add(
        [source for source, _ in found],
        sensor=lambda path: sensors.get(path.resolve(), ""),
        simulated=any(entry.simulated for _, entry in found),
        progress=progress,
    )
    gone = ledger.journal.lost()
    lost = tuple(entry for entry in ledger.entries() if entry.file in gone)
    return Repaired(tuple(aside), tuple(missing), added.added, lost, added.problems)


def _begun_anew(folder: Path, given: Sequence[str | Path]) -> Iterator[Path]:
    """Set aside a journal that is none, and the files that nobody knows any more without it."""
    journal = folder / JOURNAL
    if journal.is_file() and _is_database(journal):
        return
    kept = list(lying(folder))
    if not given:
        raise LedgerError(
            f"{folder}: its journal is lost, and what it named cannot be told apart: name the logs "
            f"to take in again: pacsflow ledger repair {folder} LOGS..."
        )
    if not is_writable(folder):
        raise LedgerError(f"{folder}: cannot be changed: it is read-only here")
    with lock(folder / MARKER):
        for name in [*([JOURNAL] if journal.exists() else []), *kept]:
            yield set_aside(folder, name)


def _is_database(path: Path) -> bool:
    """Say whether a file is SQLite's and of a ledger; one of a newer format is."""
    import sqlite3  # noqa: PLC0415 - for what is damaged alone

    try:
        with sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True) as database:
            database.execute("SELECT count(*) FROM sources").fetchone()
            (told,) = database.execute("PRAGMA quick_check(1)").fetchone()
            return str(told) == "ok"
    except sqlite3.OperationalError as error:
        return "no such table" not in str(error)
    except sqlite3.DatabaseError:
        return False


def found_again(
    wanted: Mapping[str, Entry], given: Sequence[str | Path]
) -> Iterator[tuple[Source, Entry]]:
    """Yield sources that are wanted, by their SHA-256, where they are as they were, or have grown.

    They are looked for where they lay, and among what is `given`.
    """
    paths = [entry.path for entry in wanted.values() if Path(entry.path).is_file()]
    if not (paths or (wanted and given)):
        return
    for source in find([*paths, *given]).sources:
        try:
            told = fingerprint(source.path, {entry.size for entry in wanted.values()})
        except PacsflowError:
            continue
        sha = next((s for s in (told.sha256, *told.prefixes) if s in wanted), "")
        if sha:
            yield _as_before(source, wanted[sha]), wanted[sha]


def _as_before(source: Source, entry: Entry) -> Source:
    """Return a source with what the user had said of it."""
    rate = re.fullmatch(r"with --sampling-rate (\d+)", entry.options)
    return replace(source, capture=CaptureOptions(int(rate[1]))) if rate else source
