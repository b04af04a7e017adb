"""What the service remembers between its rounds, in one small file beside the ledger."""

from __future__ import annotations

import hashlib
import json
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from pacsflow.ledger.locking import lock
from pacsflow.outputs import write_text

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pacsflow.configuration.schema import Settings

FILE = "service.json"
LOCK = "service.lock"
SKIPPED = "service.skipped"
LARGEST = 4 << 20


@dataclass(slots=True)
class State:
    """When each job was last done, how often it failed since, and what was told.

    Parameters
    ----------
    done
        The moment (UTC) at which each job last ended well, by its name.
    failed
        Failures in a row, by job.
    told
        The findings for the SIEM that were told: their severity, by identity; of two weeks.
    week
        Numbers of the week that was last looked at, for the metrics.
    problems
        What could not be read in the last round.
    """

    done: dict[str, datetime] = field(default_factory=dict)
    failed: dict[str, int] = field(default_factory=dict)
    told: dict[str, str] = field(default_factory=dict)
    week: dict[str, float] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


def name_of(settings: Settings) -> str:
    """Return what tells a configuration from every other one, in any process."""
    return hashlib.sha256(repr(settings).encode()).hexdigest()


@contextmanager
def alone(folder: Path, name: str = "") -> Iterator[bool]:
    """Be the only service on a ledger; yields False, and counts it, where another one is.

    Meanwhile `holder` gives the name.
    """
    place = folder / LOCK
    place.touch()
    with lock(place, wait=False) as held:
        if not held:
            with (folder / SKIPPED).open("ab") as file:
                file.write(b".")
        else:
            with suppress(OSError):  # a full disk must not keep a round from pruning
                place.write_text(name)
        yield held


def holder(folder: Path) -> str:
    """Return the name of the service that is, or was, the only one on a ledger."""
    try:
        with (folder / LOCK).open("rb") as file:
            return file.read(100).decode("ascii", "replace")
    except OSError:
        return ""


def skipped(folder: Path) -> int:
    """Return how many rounds found another service on the ledger."""
    path = folder / SKIPPED
    return path.stat().st_size if path.is_file() else 0


def read_state(folder: Path) -> State:
    """Return what is remembered; a file that cannot be read is as none."""
    try:
        with (folder / FILE).open("rb") as file:
            kept: Any = json.loads(file.read(LARGEST))
        return State(
            {str(name): datetime.fromisoformat(text) for name, text in kept["done"].items()},
            {str(name): int(count) for name, count in kept["failed"].items()},
            {str(name): str(severity) for name, severity in kept["told"].items()},
            {str(name): float(value) for name, value in kept["week"].items()},
            [str(line) for line in kept["problems"]],
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return State()


def save_state(folder: Path, state: State) -> None:
    """Write it down, whole or not at all; raises `UsageError` where there is no room."""
    kept = {
        "done": {name: moment.isoformat() for name, moment in state.done.items()},
        "failed": state.failed,
        "told": state.told,
        "week": state.week,
        "problems": state.problems,
    }
    write_text(folder / FILE, json.dumps(kept, indent=1) + "\n")
