"""Logs and captures as they arrive: what is new goes into the ledger, what grows waits."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from pacsflow.errors import ClosedError
from pacsflow.ledger import Added, Ledger
from pacsflow.ledger.store import holds_files
from pacsflow.outputs import nothing_left
from pacsflow.readers import Format, find

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from pacsflow.errors import InputError
    from pacsflow.readers import CaptureOptions, Inputs

SETTLED = 10.0
"""Seconds for which a capture or sheet must not have changed before it is read: it cannot be read
again as it grows, as a log can."""


def ready(found: Inputs, now: float) -> Inputs:
    """Leave out the captures and sheets that somebody is still writing."""
    logs = {Format.ZEEK_TSV, Format.ZEEK_JSON}
    still = [
        s
        for s in found.sources
        if s.format in logs or (s.path.is_file() and now - s.path.stat().st_mtime >= SETTLED)
    ]
    return replace(found, sources=tuple(still))


def unread(added: Added, inputs: Sequence[str]) -> list[InputError]:
    """Return the problems of what was named itself: missing, closed, or nothing that is read."""
    return [problem for problem in added.problems if problem.path in inputs]


def to_open(added: Added, inputs: Sequence[str]) -> list[InputError]:
    """Return the problems that somebody has to put right: `unread`, and what is closed below."""
    below = [problem for problem in added.problems if isinstance(problem, ClosedError)]
    return list(dict.fromkeys([*unread(added, inputs), *below]))


def add_new(
    inputs: Sequence[str],
    ledger: Path,
    capture: CaptureOptions,
    sensor: str | Callable[[Path], str] = "",
) -> Added:
    """Add what is new; what could not be read is among the problems of what is returned.

    Where there is nothing to add, no ledger is made.
    """
    found = ready(find(inputs, capture), time.time())
    if not found.sources:
        return Added((), (), tuple(_still(found.problems, inputs)))
    with nothing_left(ledger, lambda: holds_files(ledger)):
        book = Ledger(ledger, create=True)
        added = book.add(found.sources, simulated=found.simulated, sensor=sensor)
    return replace(added, problems=tuple(_still([*found.problems, *added.problems], inputs)))


def _still(problems: Iterable[InputError], inputs: Sequence[str]) -> Iterator[InputError]:
    """Yield the problems but those of files that were moved meanwhile: they are met again there."""
    for problem in problems:
        if problem.path in inputs or os.path.lexists(problem.path):
            yield problem
