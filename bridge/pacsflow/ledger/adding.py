"""Adds sources to a ledger: reads them side by side, and brings them in a few at a time."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import PurePath
from typing import TYPE_CHECKING

import numpy as np

from pacsflow.errors import InputError, NoRoomError, PacsflowError
from pacsflow.ledger import apart, shifted
from pacsflow.ledger.capture_places import OF_FRAMES, remark
from pacsflow.ledger.compaction import leave_out
from pacsflow.ledger.engine import engine
from pacsflow.ledger.fingerprints import stamp
from pacsflow.ledger.parquet import Writers
from pacsflow.ledger.records import Change, Entry, of_hashes, of_kinds, of_mark, of_paths
from pacsflow.ledger.rolled import rolled
from pacsflow.ledger.staging import PLAIN, Batch, Hands, Known, Staged, Task
from pacsflow.ledger.store import STAGING, Store
from pacsflow.ledger.twins import Twins, counted_before, find_twins, paths, taken_back, uids

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    import duckdb
    from numpy.typing import NDArray

    from pacsflow.ledger.records import Kept
    from pacsflow.readers import Source

LARGE = 5_000_000
"""Files of this size, bytes, are read one by one, smaller ones in batches: one batch is read
sooner than another process starts."""
BATCH = 64
"""So many small files, of LARGE bytes together at most, share files in the ledger; they come into
it together, or not at all."""
LITTLE = 24
"""For so many logs their beginnings are hashed for every size of a log that is in."""
AGAIN = 3
"""So often a batch is read again for what others tell of its connections."""


@dataclass(slots=True)
class Adding:
    """One run that adds sources; who makes it holds the ledger.

    Parameters
    ----------
    store
        The ledger's folder.
    hands
        Who reads the sources.
    simulated
        Whether they are a simulation's.
    """

    store: Store
    hands: Hands
    simulated: bool = False
    added: list[Entry] = field(default_factory=list)
    known: list[Source] = field(default_factory=list)
    problems: list[InputError] = field(default_factory=list)
    there: set[str] = field(default_factory=set)
    """SHA-256 of what is in the ledger."""
    by_path: dict[str, Entry] = field(default_factory=dict)
    """What was in it from the places of the sources when the run began."""
    earlier: dict[str, tuple[int, ...]] = field(default_factory=dict)
    """Sizes of sources that logs may have grown from, by kind: of the kinds that were asked for."""
    again: set[str] = field(default_factory=set)
    """And those of which rows were lost: they are taken in once more."""
    tunnels: set[str] = field(default_factory=set)

    def run(
        self,
        sources: Sequence[Source],
        sensor: Callable[[Path], str],
        progress: Callable[[int, int], None] | None,
    ) -> None:
        """Add the sources; see `Ledger.add`."""
        journal = self.store.journal
        self.there, lost = journal.hashes(), journal.lost()
        self.again = {sha for sha in self.there if sha[:16] in lost}
        self.tunnels = _tunnels(self.store)
        tasks = list(self._new(sources, sensor))
        done = 0
        staging = self.store.folder / STAGING
        for batch in self.hands.each(_batches(tasks), staging, self._what_is_known):
            self._settle(batch)
            done += len(batch.staged)
            if progress:
                progress(done, len(tasks))
        shutil.rmtree(staging, ignore_errors=True)

    def _new(self, sources: Sequence[Source], sensor: Callable[[Path], str]) -> Iterator[Task]:
        """Yield what has to be read: all that does not lie where and as it lay before."""
        known = of_paths({str(source.path.resolve()) for source in sources})
        self.by_path = {entry.path: entry for entry in self.store.journal.entries(known)}
        for source in sources:
            old = self.by_path.get(str(source.path.resolve()))
            unchanged = old is not None and old.stamp == stamp(source.path)
            if old is not None and unchanged and old.sha256 not in self.again:
                self._known(source, old)
                continue
            earlier = self._earlier(source.kind, len(sources))
            yield Task(source, sensor(source.path), earlier)

    def _earlier(self, kind: str, number: int) -> tuple[int, ...]:
        """Return the sizes of logs that one of `number` logs may have grown from.

        To hash a log's beginning for each size is little for few logs; for many it is less to look
        which of the logs are gone from their place.
        """
        if kind not in self.earlier:
            journal = self.store.journal
            if number <= LITTLE:
                self.earlier[kind] = tuple(journal.sizes(kind))
            else:
                moved = filter(_has_moved, journal.entries(of_kinds({kind})))
                self.earlier[kind] = tuple(sorted({entry.size for entry in moved}))
        return self.earlier[kind]

    def _entry(self, sha256: str) -> Entry | None:
        """Return what is in the ledger, by its SHA-256."""
        if sha256 not in self.there:
            return None
        return next(iter(self.store.journal.entries(of_hashes({sha256}))), None)

    def _known(self, source: Source, old: Entry) -> None:
        self.known.append(source)
        asked = options_of(source)
        if old.options != asked:
            problem = f"is in the ledger {old.options or 'without --sampling-rate'}, and stays so"
            hint = f"to have it {asked or 'without'}, add it to a ledger that does not have it"
            self._problem(source, InputError(source.path, problem, hint=hint))

    def _problem(self, source: Source, error: PacsflowError) -> None:
        """Keep why a source could not be added, also where a program is to blame (`ToolError`).

        That there is no room for its rows is no fault of the source: it is raised.
        """
        if isinstance(error, NoRoomError):
            raise error
        named = error if isinstance(error, InputError) else InputError(source.path, str(error))
        self.problems.append(named)
        kept = InputError(source.path.resolve(), named.problem, hint=named.hint, line=named.line)
        self.store.journal.problem(kept.path, str(kept), datetime.now(UTC))

    def _what_is_known(self) -> Known:
        return Known(frozenset(self.there - self.again), frozenset(self.tunnels))

    def _settle(self, batch: Batch) -> None:
        """Bring a batch into the ledger, without what others tell of its connections."""
        hashes = [s.print.sha256 for s in batch.staged if s.print and not s.known]
        if any(sha in self.there and sha not in self.again for sha in hashes):
            tasks = [staged.task for staged in batch.staged]
            batch = self.hands.one(tasks, batch.folder, self._what_is_known())
        grown = {s.print.sha256: self._grown(s) for s in batch.staged if s.print and not s.known}
        replaced = frozenset(sha[:16] for sha in grown.values() if sha)
        kept = self.store.journal.files() if replaced else self.store.journal.named()
        with engine() as duck:
            batch, twins = self._once_each(duck, batch, kept, replaced)
            carried = uids(duck, paths(batch.folder, batch.files, "tunnels")) - self.tunnels
            change = Change(files=list(batch.files))
            frames = self._frames(batch)
            alike = self._apart(duck, batch, kept, frames) | self._shifted(duck, batch, kept)
            self._fill(change, batch, grown, frames, alike)
            folders = [batch.folder]
            rows = counted_before(duck, self.store.folder, kept, twins.superseded, carried)
            if rows.num_rows:
                folders.append(batch.folder / "back")
                writers = Writers(folders[-1])
                for table, made in taken_back(duck, rows, frozenset(self.tunnels | carried)):
                    writers.add(table, made)
                change.files += writers.close()
            if replaced:
                folders.append(batch.folder / "left")
                leave_out(duck, self.store.folder, folders[-1], kept, replaced, change)
        if change.sources or change.files:
            self.store.commit(change, folders)
        self.tunnels |= carried
        for sha in change.forgotten:
            self.there.discard(sha)
            self.again.discard(sha)
        self.there.update(entry.sha256 for entry in change.sources)
        self.added += change.sources
        shutil.rmtree(batch.folder, ignore_errors=True)

    def _once_each(
        self,
        duck: duckdb.DuckDBPyConnection,
        batch: Batch,
        kept: Sequence[Kept],
        replaced: frozenset[str],
    ) -> tuple[Batch, Twins]:
        """Read a batch again for as long as it tells what others tell."""
        tasks = [staged.task for staged in batch.staged]
        drop: dict[str, NDArray[np.int64]] = {}
        before = rolled(duck, self.store.folder, kept, batch.files, self.store.journal.clocks())
        if before:
            batch = self.hands.one(
                tasks, batch.folder, replace(self._what_is_known(), rolled=before)
            )
        for _ in range(AGAIN):
            twins = find_twins(duck, batch.folder, batch.files, self.store.folder, kept, replaced)
            inside = uids(duck, paths(batch.folder, batch.files, "tunnels"))
            outer = uids(duck, paths(batch.folder, batch.files, "lasting"))
            outer &= self.tunnels | inside
            if not twins.drop and not outer:
                break
            for mark, keys in twins.drop.items():
                drop[mark] = np.union1d(drop[mark], keys) if mark in drop else keys
            known = Known(frozenset(self.there), frozenset(self.tunnels | outer), drop, before)
            batch = self.hands.one(tasks, batch.folder, known)
        return batch, twins

    def _grown(self, staged: Staged) -> str:
        """Return the hash of the log that a source has grown from, or is; empty for none."""
        assert staged.print is not None  # noqa: S101 - for the reader of types
        if staged.print.sha256 in self.again:
            return staged.print.sha256
        kind = staged.task.source.kind
        for sha in staged.print.prefixes:
            entry = self._entry(sha)
            if entry and entry.kind == kind and _has_moved(entry):
                return sha
        return ""

    def _apart(
        self,
        duck: duckdb.DuckDBPyConnection,
        batch: Batch,
        kept: Sequence[Kept],
        frames: Sequence[Entry],
    ) -> dict[str, list[str]]:
        """Return what is to be said of captures that another one is like at another time."""
        added = {
            staged.print.sha256[:16]: (staged.task.source.path.name, staged.first, staged.last)
            for staged in batch.staged
            if staged.task.source.log == "frames" and staged.print and not staged.known
            if staged.first and staged.last and not staged.error
        }
        if not added:
            return {}
        names = {entry.file: PurePath(entry.path).name for entry in frames}
        ledger = self.store.folder, kept
        return apart.remarks(duck, (batch.folder, batch.files), ledger, added, names)

    def _shifted(
        self, duck: duckdb.DuckDBPyConnection, batch: Batch, kept: Sequence[Kept]
    ) -> dict[str, list[str]]:
        """Return what is to be said of logs that another one is like by another clock."""
        added = {
            staged.print.sha256[:16]: staged.task.source.path.name
            for staged in batch.staged
            if staged.print and not staged.known and not staged.error
            if staged.task.source.log != "frames"
        }

        def name(mark: str) -> str:
            if mark in added:
                return added[mark]
            there = self.store.journal.entries(of_mark(mark))
            return PurePath(there[0].path).name if there else mark

        ledger = self.store.folder, kept
        return shifted.remarks(duck, (batch.folder, batch.files), ledger, added, name)

    def _fill(
        self,
        change: Change,
        batch: Batch,
        grown: dict[str, str],
        frames: Sequence[Entry],
        alike: dict[str, list[str]],
    ) -> None:
        """Say in a change which sources came in, and what became of the others."""
        for staged in batch.staged:
            if staged.error:
                self._problem(staged.task.source, staged.error)
            elif staged.known:
                self.known.append(staged.task.source)
                if staged.print and (old := self._entry(staged.print.sha256)):
                    self.known.pop()
                    self._known(staged.task.source, old)
            elif staged.print:
                remarks = [*self._remarks(staged), *alike.get(staged.print.sha256[:16], ())]
                entry = _entry(staged, remarks, self.simulated)
                others = [*frames, *change.sources]
                if said := remark(entry, others, sampled=staged.sampled):
                    entry = replace(entry, notes=(*entry.notes, said))
                change.sources.append(entry)
                if sha := grown.get(staged.print.sha256):
                    change.forgotten.add(sha)

    def _frames(self, batch: Batch) -> list[Entry]:
        """Return the sources of frames that are in, where one of a batch is one, too."""
        if all(staged.task.source.log != "frames" for staged in batch.staged):
            return []
        return self.store.journal.entries(of_kinds(OF_FRAMES))

    def _remarks(self, staged: Staged) -> list[str]:
        """Return what is to be said of a log that has become shorter in its place."""
        assert staged.print is not None  # noqa: S101 - likewise
        path = str(staged.task.source.path.resolve())
        old = self.by_path.get(path)
        if old is None or staged.task.source.format not in PLAIN:
            return []
        if staged.print.size < old.size and old.sha256 not in staged.print.prefixes:
            before = f"the log was {old.size:,} bytes long when it was added before"
            return [f"{before} and is {staged.print.size:,} now: what it told then stays"]
        return []


def _has_moved(entry: Entry) -> bool:
    """Say whether a source is gone from its place, or has become another."""
    return stamp(entry.path) != entry.stamp


def _batches(tasks: list[Task]) -> list[list[Task]]:
    """Return the tasks in batches: large files alone and first, small ones some together."""
    sizes = [(task, task.size) for task in tasks]
    large = sorted((s for s in sizes if s[1] > LARGE), key=lambda s: s[1], reverse=True)
    batches, together = [[task] for task, _ in large], LARGE + 1
    for task, size in sizes:
        if size > LARGE:
            continue
        together += size
        if together > LARGE or len(batches[-1]) == BATCH:
            batches.append([])
            together = size
        batches[-1].append(task)
    return batches


def _tunnels(store: Store) -> set[str]:
    """Return the connections that are known to carry others."""
    files = paths(store.folder, store.journal.named(), "tunnels")
    if not files:
        return set()
    with engine() as duck:
        return uids(duck, files)


def options_of(source: Source) -> str:
    """Return what the user said of a source that its rows depend on, as they said it."""
    rate = source.capture.sampling_rate
    return f"with --sampling-rate {rate}" if rate and source.log == "frames" else ""


def _entry(staged: Staged, remarks: Sequence[str], simulated: bool) -> Entry:
    assert staged.print is not None  # noqa: S101 - likewise
    quality, source = staged.quality, staged.task.source
    sensors = staged.sensors | ({staged.task.sensor} - {""})
    return Entry(
        sha256=staged.print.sha256,
        path=str(source.path.resolve()),
        kind=source.kind,
        size=staged.print.size,
        rows=quality.rows,
        unreadable=quality.unreadable,
        examples=tuple(quality.examples),
        notes=(*quality.notes, *remarks),
        first=staged.first,
        last=staged.last,
        added=datetime.now(UTC),
        simulated=simulated,
        stamp=staged.print.stamp,
        options=options_of(source),
        sensors=tuple(sorted(sensors)),
        twins=staged.twins,
    )
