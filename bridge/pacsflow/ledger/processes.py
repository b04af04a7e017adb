"""Reads batches of sources on the cores of this machine."""

from __future__ import annotations

from concurrent.futures import as_completed
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pacsflow.ledger.staging import stage
from pacsflow.workers import cores, pool

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from pacsflow.ledger.staging import Batch, Known, Task


@dataclass(frozen=True, slots=True)
class Processes:
    """Processes that read side by side; one batch alone is read sooner than another starts.

    Parameters
    ----------
    workers
        How many at most; 0 for as many as there are cores.
    """

    workers: int = 0

    def each(
        self, batches: Sequence[list[Task]], folder: Path, known: Callable[[], Known]
    ) -> Iterator[Batch]:
        """Yield the batches as they are read."""
        workers = min(self.workers or cores(), len(batches))
        if workers <= 1:
            for number, batch in enumerate(batches):
                yield stage(batch, folder / str(number), known())
            return
        before = known()
        with pool(workers) as executor:
            running = [
                executor.submit(stage, batch, folder / str(number), before, threads=1)
                for number, batch in enumerate(batches)
            ]
            for future in as_completed(running):
                yield future.result()

    def one(self, tasks: list[Task], folder: Path, known: Known) -> Batch:
        """Read one batch."""
        return stage(tasks, folder, known)
