"""Takes another ledger's sources into one, as if their logs had been added to it.

Hours cannot be taken apart again: where a log of the other ledger tells some connections that are
counted here already, it is read again, if it is where it was; else it stays out, and is named.
"""

from __future__ import annotations

import shutil
from collections import defaultdict
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import PurePath
from typing import TYPE_CHECKING

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pacsflow.errors import LedgerError, let_interrupts_pass
from pacsflow.ledger import apart, shifted
from pacsflow.ledger.capture_places import is_of_frames
from pacsflow.ledger.compaction import Heap, compact, leave_out
from pacsflow.ledger.engine import engine
from pacsflow.ledger.parquet import Writers
from pacsflow.ledger.records import Change
from pacsflow.ledger.schemas import LASTING
from pacsflow.ledger.store import STAGING, is_there
from pacsflow.ledger.twins import NETTED, counted_before, find_twins, paths, taken_back, uids
from pacsflow.terms.networks import INTERNET

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from pacsflow.ledger import Ledger
    from pacsflow.ledger.records import Entry, Kept

OF_CONNECTIONS = {"traffic", "coverage", "connections", "keys", "lasting", "tunnels"}
"""Tables that a conn.log feeds: of one that tells nothing new, no row of them comes in."""


@dataclass(slots=True)
class Merged:
    """What became of another ledger's sources.

    Parameters
    ----------
    added, known
        Sources that came in, and those that were in already.
    replaced
        Sources of this ledger that tell less than one that came in, which took their place.
    torn
        Those that tell in part what is counted here already, and must be read again.
    lost
        Those of which rows are lost in the other ledger: it is to be repaired first.
    rolled
        Hours in which one ledger has the Internet's hosts as one, and the other tells of the same
        host of the site: what sensors of both saw of it cannot be told apart any more.
    said
        What is to be said of sources that came in, each by its path: that it tells what one of
        this ledger tells by another clock.
    """

    added: list[Entry] = field(default_factory=list)
    known: list[Entry] = field(default_factory=list)
    replaced: list[Entry] = field(default_factory=list)
    torn: list[Entry] = field(default_factory=list)
    lost: list[Entry] = field(default_factory=list)
    rolled: int = 0
    said: list[tuple[str, str]] = field(default_factory=list)


def merge(ledger: Ledger, other: Ledger) -> Merged:
    """Take in the sources of another ledger, all of them in one change.

    Raises
    ------
    LedgerError
        Where one cannot be read, or the disk is full; the ledger is then as it was.
    """
    if ledger.folder.resolve() == other.folder.resolve():
        raise LedgerError(f"{other.folder}: is this ledger itself")
    staging = ledger.folder / STAGING / "merge"
    with ledger.store.writing(), other.store.reading():
        ledger.store.recover()
        try:
            with ledger.store.room():
                return _Merging(ledger, other, staging).run()
        except (duckdb.Error, pa.ArrowException) as error:
            let_interrupts_pass(error)
            told = str(error).splitlines()[0][:200]
            hint = f"pacsflow ledger verify {other.folder} says which file"
            raise LedgerError(f"{other.folder}: cannot be merged: {told} ({hint})") from None
        finally:
            shutil.rmtree(staging, ignore_errors=True)


@dataclass(slots=True)
class _Merging:
    """One merge; the ledger is held, and the other one read."""

    ledger: Ledger
    other: Ledger
    staging: Path
    done: Merged = field(default_factory=Merged)

    def run(self) -> Merged:
        here = {entry.sha256: entry for entry in self.ledger.journal.entries()}
        lost = self.other.journal.lost()
        new: dict[str, Entry] = {}
        for entry in self.other.journal.entries():
            if entry.sha256 in here:
                self.done.known.append(entry)
            elif entry.file in lost:
                self.done.lost.append(entry)
            else:
                new[entry.file] = entry
        if new:
            with engine() as duck:
                self._settle(duck, new, {entry.file: entry for entry in here.values()})
            self.ledger.compare_clocks(new.values())
            self.ledger.tidy()
        return self.done

    def _settle(
        self, duck: duckdb.DuckDBPyConnection, new: dict[str, Entry], here: Mapping[str, Entry]
    ) -> None:
        """Bring the new sources in; those that tell what is told here are looked at one by one."""
        wanted = set(new)
        while True:
            files = self._staged(duck, wanted)
            kept = self.ledger.journal.files()
            gone = frozenset(self._replaced)
            drop, superseded = self._twins(duck, files, kept, gone)
            torn = self._torn(duck, files, drop, wanted)
            if not torn:
                break
            less = self._tells_less(duck, torn, files, kept, here) - gone
            if less:
                self.done.replaced += [here[mark] for mark in sorted(less)]
                continue
            self.done.torn += [new[mark] for mark in sorted(torn)]
            wanted -= torn
        self._commit(duck, files, kept, new, wanted, drop, superseded)

    @property
    def _replaced(self) -> set[str]:
        return {entry.file for entry in self.done.replaced}

    def _staged(self, duck: duckdb.DuckDBPyConnection, wanted: set[str]) -> list[Kept]:
        """Write the rows of some sources of the other ledger, a file a table and period."""
        shutil.rmtree(self.staging, ignore_errors=True)
        by_place: dict[tuple[str, str], list[Kept]] = defaultdict(list)
        for kept in self.other.journal.files():
            if not kept.holds & wanted:
                continue
            if not is_there(self.other.folder, kept.name):
                raise LedgerError(f"{self.other.folder / kept.name}: a file of it is missing")
            by_place[kept.table, kept.name.split("/")[1]].append(kept)
        made = []
        for (table, period), files in sorted(by_place.items()):
            others = frozenset[str]().union(*(kept.holds for kept in files)) - wanted
            heap = Heap(table, period, tuple(files))
            one = compact(duck, self.other.folder, self.staging, heap, sorted(others))
            if one and one.holds - wanted:
                raise LedgerError(f"{self.other.folder / files[0].name}: has rows of no source")
            made += [one] if one else []
        return made

    def _twins(
        self,
        duck: duckdb.DuckDBPyConnection,
        files: list[Kept],
        kept: list[Kept],
        gone: frozenset[str],
    ) -> tuple[dict[str, NDArray[np.int64]], pa.Table | None]:
        """Compare the connections of both ledgers, a month at a time."""
        drop: dict[str, NDArray[np.int64]] = {}
        superseded: list[pa.Table] = []
        for month in sorted({one.period[:7] for one in files}):
            mine = [one for one in files if one.period[:7] == month]
            found = find_twins(duck, self.staging, mine, self.ledger.folder, kept, gone)
            for mark, keys in found.drop.items():
                drop[mark] = np.union1d(drop[mark], keys) if mark in drop else keys
            superseded += [found.superseded] if found.superseded is not None else []
        return drop, pa.concat_tables(superseded) if superseded else None

    def _torn(
        self,
        duck: duckdb.DuckDBPyConnection,
        files: list[Kept],
        drop: Mapping[str, NDArray[np.int64]],
        wanted: set[str],
    ) -> set[str]:
        """Return the sources of which some connections are told here, and cannot be taken out.

        Those that can are a source's all, and the lasting ones, which are kept row by row.
        """
        counts = _counts(duck, paths(self.staging, files, "keys"))
        lasting = _lasting(duck, paths(self.staging, files, "lasting"))
        torn = set()
        for mark, keys in drop.items():
            if mark not in wanted or len(keys) >= counts.get(mark, 0):
                continue
            known = lasting.filter(pc.equal(lasting["file"], mark))["key"].to_numpy()
            if not np.isin(keys, known).all():
                torn.add(mark)
        return torn

    def _tells_less(
        self,
        duck: duckdb.DuckDBPyConnection,
        torn: set[str],
        files: list[Kept],
        kept: list[Kept],
        here: Mapping[str, Entry],
    ) -> set[str]:
        """Return sources of this ledger whose connections are all told by one that comes in."""
        theirs = paths(self.staging, files, "keys")
        ours = paths(self.ledger.folder, kept, "keys")
        if not ours:
            return set()
        marks = pa.table({"file": pa.array(sorted(torn), pa.string())})
        duck.register("torn", marks)
        duck.read_parquet(theirs, hive_partitioning=False).create_view("theirs", replace=True)
        duck.read_parquet(ours, hive_partitioning=False).create_view("ours", replace=True)
        rows = duck.sql(
            """WITH told AS (SELECT DISTINCT key FROM theirs WHERE file IN (FROM torn)),
                    counted AS (
                        SELECT key, file FROM ours GROUP BY key, file HAVING sum(sign) > 0)
               SELECT file FROM counted GROUP BY file
               HAVING bool_and(key IN (SELECT key FROM told))"""
        ).fetchall()
        return {row[0] for row in rows if row[0] in here and here[row[0]].kind.endswith("conn.log")}

    def _commit(
        self,
        duck: duckdb.DuckDBPyConnection,
        files: list[Kept],
        kept: list[Kept],
        new: Mapping[str, Entry],
        wanted: set[str],
        drop: Mapping[str, NDArray[np.int64]],
        superseded: pa.Table | None,
    ) -> None:
        counts = _counts(duck, paths(self.staging, files, "keys"))
        traffic = (
            paths(self.ledger.folder, kept, "traffic"),
            paths(self.staging, files, "traffic"),
        )
        self.done.rolled = _rolled_hours(duck, *traffic)
        nothing_new = {m for m, keys in drop.items() if len(keys) >= counts.get(m, 0)}
        change, folders = Change(), [self.staging]
        for one in files:
            if one.table in OF_CONNECTIONS and one.holds & nothing_new:
                folders.append(self.staging / "left" / one.name.replace("/", "-"))
                leave_out(duck, self.staging, folders[-1], [one], frozenset(nothing_new), change)
            else:
                change.files.append(one)
        change.dropped.clear()
        back = self._taken_back(duck, files, kept, drop, nothing_new, superseded)
        if back:
            folders.append(self.staging / "back")
            change.files += back
        gone = frozenset(self._replaced)
        if gone:
            folders.append(self.staging / "replaced")
            leave_out(duck, self.ledger.folder, folders[-1], kept, gone, change)
            change.forgotten = {entry.sha256 for entry in self.done.replaced}
        now = datetime.now(UTC)
        alike = self._alike(duck, files, kept, new, wanted - nothing_new)
        for mark in sorted(wanted):
            told = new[mark].twins + len(drop.get(mark, ()))
            more = [text for text in alike.get(mark, ()) if text not in new[mark].notes]
            self.done.said += [(new[mark].path, text) for text in more]
            notes = (*new[mark].notes, *more)
            change.sources.append(replace(new[mark], added=now, twins=told, stamp="", notes=notes))
        self.ledger.store.commit(change, folders)
        self.done.added += change.sources

    def _alike(
        self,
        duck: duckdb.DuckDBPyConnection,
        files: list[Kept],
        kept: list[Kept],
        new: Mapping[str, Entry],
        wanted: set[str],
    ) -> dict[str, list[str]]:
        """Return what is to be said of sources that one of this ledger is like by another clock."""
        both = (self.staging, files), (self.ledger.folder, kept)
        entries = {entry.file: entry for entry in (*self.ledger.entries(), *new.values())}
        names = {mark: PurePath(entry.path).name for mark, entry in entries.items()}
        captured = [new[mark] for mark in wanted if is_of_frames(new[mark])]
        logs = wanted - {entry.file for entry in captured}
        said = shifted.remarks(duck, *both, logs, lambda mark: names.get(mark, mark))
        times = {e.file: (names[e.file], e.first, e.last) for e in captured if e.first and e.last}
        before = {mark: name for mark, name in names.items() if is_of_frames(entries[mark])}
        return said | (apart.remarks(duck, *both, times, before) if times else {})

    def _taken_back(
        self,
        duck: duckdb.DuckDBPyConnection,
        files: list[Kept],
        kept: list[Kept],
        drop: Mapping[str, NDArray[np.int64]],
        nothing_new: set[str],
        superseded: pa.Table | None,
    ) -> list[Kept]:
        """Write the rows that take back what is told twice, or carries others."""
        known = uids(duck, paths(self.ledger.folder, kept, "tunnels"))
        theirs = uids(duck, paths(self.staging, files, "tunnels"))
        lasting = _lasting(duck, paths(self.staging, files, "lasting"))
        inside = [
            pc.and_(pc.equal(lasting["file"], mark), pc.is_in(lasting["key"], pa.array(keys)))
            for mark, keys in drop.items()
            if mark not in nothing_new
        ]
        twice = pc.is_in(lasting["uid"], pa.array(sorted(known), pa.string()))
        for more in inside:
            twice = pc.or_(twice, more)
        rows = [
            lasting.filter(pc.fill_null(twice, fill_value=False)),
            counted_before(duck, self.ledger.folder, kept, superseded, theirs - known),
        ]
        writers = Writers(self.staging / "back")
        for table, made in taken_back(duck, pa.concat_tables(rows), frozenset(known | theirs)):
            writers.add(table, made)
        return writers.close()


def _counts(duck: duckdb.DuckDBPyConnection, files: list[str]) -> dict[str, int]:
    """Return how many connections each source of some files counts."""
    if not files:
        return {}
    rows = duck.read_parquet(files, hive_partitioning=False).aggregate("file, count(*)", "file")
    return dict(rows.fetchall())


def _rolled_hours(duck: duckdb.DuckDBPyConnection, ours: list[str], theirs: list[str]) -> int:
    """Return in how many hours two ledgers tell of one host, one of them with the Internet as one.

    A host's peer counts as the Internet's unless it has the Internet as its peer itself.
    """
    if not ours or not theirs:
        return 0
    duck.read_parquet(ours, hive_partitioning=False).create_view("our_hours", replace=True)
    duck.read_parquet(theirs, hive_partitioning=False).create_view("their_hours", replace=True)
    rows = duck.sql(
        f"""WITH ends AS (
                SELECT mine, hour, unnest([source, destination]) AS host,
                       unnest([destination, source]) AS peer
                FROM (SELECT TRUE AS mine, hour, source, destination FROM our_hours
                      UNION ALL SELECT FALSE, hour, source, destination FROM their_hours)
            ), own AS (SELECT DISTINCT host FROM ends WHERE peer = '{INTERNET}')
            SELECT count(DISTINCT hour) FROM (
                SELECT hour FROM ends WHERE host IN (FROM own) AND peer NOT IN (FROM own)
                GROUP BY hour, host
                HAVING count(DISTINCT mine) = 2 AND bool_or(peer = '{INTERNET}'))"""
    ).fetchall()
    return int(rows[0][0])


def _lasting(duck: duckdb.DuckDBPyConnection, files: list[str]) -> pa.Table:
    if not files:
        return LASTING.empty_table()
    duck.read_parquet(files, hive_partitioning=False).create_view("their_lasting", replace=True)
    return duck.sql(NETTED.format("their_lasting")).to_arrow_table().cast(LASTING)


def read_again(ledger: Ledger, torn: Iterable[Entry]) -> Iterator[Entry]:
    """Add the logs that a merge could not take apart, where they lie as they were.

    Yields those that are not there any more: they stay out.
    """
    from pacsflow.ledger.repair import found_again  # noqa: PLC0415 - seldom

    wanted = {entry.sha256: entry for entry in torn}
    found = list(found_again(wanted, ()))
    for source, entry in found:
        ledger.add([source], sensor=entry.sensor, simulated=entry.simulated)
        del wanted[entry.sha256]
    yield from wanted.values()
