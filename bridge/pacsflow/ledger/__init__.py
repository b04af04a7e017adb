"""The traffic ledger (contract 3): a Parquet dataset by day that any engine reads, and a journal.

Adding is idempotent (a source is known by the hash of its content) and atomic: the journal names
the files of which the ledger consists, and a change of them is one transaction. Who reads, reads
the files that were named when they began, and nobody deletes these meanwhile.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pacsflow.errors import InputError, LedgerError
from pacsflow.ledger.clocks import measure, near
from pacsflow.ledger.engine import engine
from pacsflow.ledger.records import Change, Entry, with_remarks
from pacsflow.ledger.sources import entries_of
from pacsflow.ledger.store import MARKER, STAGING, Store, is_there, make
from pacsflow.ledger.views import select, show
from pacsflow.outputs import scratch_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    import duckdb

    from pacsflow.ledger.records import Chosen
    from pacsflow.ledger.staging import Hands
    from pacsflow.pseudonyms import Pseudonyms
    from pacsflow.readers import Source

__all__ = ["Added", "Entry", "Ledger"]


@dataclass(frozen=True, slots=True)
class Added:
    """What became of the sources that were to be added."""

    added: tuple[Entry, ...]
    known: tuple[Source, ...]
    """Sources whose content was in the ledger already."""
    problems: tuple[InputError, ...]


class Ledger:
    """A ledger's folder, open for adding and for asking.

    Parameters
    ----------
    folder
        Where it lies.
    create
        Make it where there is none; otherwise a missing ledger raises `LedgerError`.
    """

    def __init__(self, folder: str | Path, *, create: bool = False) -> None:
        self.folder = folder = Path(folder)
        self.pseudonyms: Pseudonyms | None = None
        """Set by who asks: what `connect` and `entries` give then names nobody."""
        self.lasts = True
        """Whether it is kept: one that is gone after a report is not worth compacting."""
        if not (folder / MARKER).is_file():
            if not create:
                hint = f"pacsflow ingest LOGS... --ledger {folder} makes one"
                raise LedgerError(f"{folder}: there is no ledger here; {hint}")
            make(folder)
        self.store = Store(folder)
        self.journal = self.store.journal

    @classmethod
    @contextmanager
    def temporary(cls) -> Iterator[Ledger]:
        """Make a ledger that is gone afterwards, for a report on files alone."""
        with scratch_folder() as folder:
            made = cls(Path(folder) / "ledger", create=True)
            made.lasts = False
            yield made

    def named(self) -> Ledger:
        """Return the same ledger without a key."""
        return Ledger(self.folder)

    def add(
        self,
        sources: Sequence[Source],
        *,
        simulated: bool = False,
        sensor: str | Callable[[Path], str] = "",
        workers: int | None = None,
        hands: Hands | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> Added:
        """Add what is new in `sources`; what is there already changes nothing.

        A log that has grown since it was added (its first bytes are the old file) replaces its
        earlier self, also where it was moved, or packed, in the meantime. A connection that
        several logs tell counts once.

        Parameters
        ----------
        sources
            From `readers.find`.
        simulated
            Whether they are a simulation's.
        sensor
            Whose they are, or a function that says it of a path; empty where rows may say so.
        workers
            Processes; by default as many as there are cores.
        hands
            Who reads the sources in the place of this machine's processes (`ledger.spark`).
        progress
            Called with sources done and their number.
        """
        from pacsflow.ledger.adding import Adding  # noqa: PLC0415 - asking a ledger takes none of it
        from pacsflow.ledger.processes import Processes  # noqa: PLC0415 - likewise

        with self.store.writing(), self.store.room():
            self.store.recover()
            adding = Adding(self.store, hands or Processes(workers or 0), simulated)
            named = sensor if callable(sensor) else lambda _path: sensor
            adding.run(sources, named, progress)
            if adding.added:
                self.compare_clocks(adding.added)
                self.tidy()
        return Added(tuple(adding.added), tuple(adding.known), tuple(adding.problems))

    def compare_clocks(self, new: Iterable[Entry]) -> None:
        """Measure the sensors' clocks on the days of new sources; call it holding the ledger."""
        times = [(e.first, e.last) for e in new if e.first and e.last and e.sensors]
        if not times or not self.journal.sensors():
            return
        days = min(first.date() for first, _ in times), max(last.date() for _, last in times)
        files = [k for k in self.journal.named() if k.table in {"connections", "associations"}]
        close = near(files, *days)
        with engine() as duck:
            rows = (
                select(duck, self.folder, table, [k for k in close if k.table == table])
                for table in ("connections", "associations")
            )
            known = [c for c in measure(duck, *rows) if days[0] <= c.day <= days[1]]
        self.journal.measured(days, known)

    def compact(self) -> tuple[int, int]:
        """Make one file of many wherever days or months are closed; returns files before, after."""
        with self.store.writing():
            self.store.recover()
            before = len(self.journal.named())
            self.compare_clocks(self.journal.entries())
            self._compact(everything=True)
            return before, len(self.journal.named())

    def tidy(self) -> None:
        """Compact what is worth it, where the ledger lasts; call it holding the ledger."""
        if self.lasts:
            self._compact(everything=False)

    def _compact(self, *, everything: bool) -> None:
        from pacsflow.ledger.compaction import compact, heaps  # noqa: PLC0415 - likewise

        todo = heaps(self.journal.named(), everything=everything)
        if not todo:
            return
        staging = self.folder / STAGING / "compact"
        with engine() as duck:
            for heap in todo:
                with self.store.room():
                    made = compact(duck, self.folder, staging, heap)
                files = [made] if made else []
                dropped = [kept.name for kept in heap.files]
                self.store.commit(Change(files=files, dropped=dropped), [staging])

    def entries(self, chosen: Chosen | None = None) -> list[Entry]:
        """Return every source that is in the ledger, or those that are chosen (`records`)."""
        return entries_of(self.journal, self.pseudonyms, chosen)

    def entries_with_remarks(self) -> list[Entry]:
        """Return at least the sources of which something is to be said."""
        return self.entries(with_remarks(self.journal.lost()))

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

        The ledger that it shows is that of this moment, whoever adds to it meanwhile.
        """
        with self.store.reading():
            files = self.journal.named()
            missing = [k.name for k in files if not is_there(self.folder, k.name)]
            if missing:
                hint = "pacsflow ledger repair takes its sources in again, verify says which"
                raise LedgerError(
                    f"{self.folder / missing[0]}: a file of the ledger is missing; {hint}"
                )
            with engine() as connection:
                show(connection, self.folder, files, self.journal, self.pseudonyms)
                yield connection
