"""Reads batches of sources on the cores of this machine."""

from __future__ import annotations

from concurrent.futures import as_completed
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

from pacsflow.ledger.staging import stage
from pacsflow.readers.discovery import LOGS
from pacsflow.workers import cores, pool

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from pacsflow.ledger.staging import Batch, Known, Task


LITTLE = 16_000_000
"""Bytes that are read sooner than another process starts."""
PROGRAM = 4_000_000
"""What a source that a program reads is worth, bytes: it starts for each anew."""
UNPACKED = 8
"""Bytes that one of a packed log holds."""


@dataclass(frozen=True, slots=True)
class Processes:
    """Processes that read side by side; what is little is read sooner than another starts.

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
        if not self.workers and sum(map(_weight, chain.from_iterable(batches))) < LITTLE:
            workers = 1
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


def _weight(task: Task) -> int:
    if task.source.log == "frames":
        return task.size + PROGRAM
    return task.size * (UNPACKED if task.source.path.suffix in LOGS else 1)
