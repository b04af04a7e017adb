"""`ingest`: adds logs and captures to a ledger that lasts."""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pacsflow.cli import app
from pacsflow.cli.console import name_unread, progress, tell
from pacsflow.cli.options import Request, reading
from pacsflow.cli.settings import settings
from pacsflow.errors import UsageError
from pacsflow.outputs import nothing_left
from pacsflow.printable import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pacsflow.ledger import Added
    from pacsflow.ledger.spark import Spark

ADDED = ("inputs", "inventory", "keylog", "sampling_rate", "capture_start", "date_order")
"""The shared options of what adds to a ledger."""


class Engine(StrEnum):
    """Who reads what is added."""

    LOCAL = "local"
    SPARK = "spark"


IntoOption = Annotated[
    Path | None,
    typer.Option(
        "--ledger", "-l",
        help="The ledger's folder, made where there is none; pacsflow-ledger by default.",
    ),
]  # fmt: skip
SensorOption = Annotated[
    str, typer.Option("--sensor", metavar="NAME", help="The sensor that saw all of it.")
]
FoldersOption = Annotated[
    bool, typer.Option(help="The folders right below the inputs are sensors, and name them.")
]


EngineOption = Annotated[
    Engine,
    typer.Option(
        help="Who reads: processes of this machine, or Spark, which reads hdfs:// and s3a:// too."
    ),
]


def into(ledger: Path | None) -> Path:
    """Return the ledger that was named, or the configured one, or the usual one."""
    return ledger or settings().ledger.folder or Path("pacsflow-ledger")


@app.command()
@reading(ADDED)
def ingest(
    request: Request,
    ledger: IntoOption = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes; by default all cores.")
    ] = None,
    sensor: SensorOption = "",
    sensor_folders: FoldersOption = False,
    engine: EngineOption = Engine.LOCAL,
) -> None:
    """Add logs and captures to a ledger that lasts; what is in it already changes nothing.

    Run it as often as you like, over the same folders: files are known by their content, a log
    that has grown replaces its earlier self, a run that is killed leaves the ledger as it was.

    Example: `pacsflow ingest /opt/zeek/logs --ledger /srv/pacsflow`
    """
    if not request.inputs:
        raise UsageError("nothing to add: name logs, captures or folders")
    named = sensor_of(request.inputs, sensor, folders=sensor_folders)
    if engine is Engine.LOCAL:
        _ingest(request, into(ledger), named, workers)
        return
    if workers:
        raise UsageError("--workers has no effect with --engine spark: Spark says how many work")
    from pacsflow.ledger.spark import cluster

    with cluster() as spark:
        _ingest(request, into(ledger), named, None, spark)


def _ingest(
    request: Request,
    folder: Path,
    sensor: str | Callable[[Path], str],
    workers: int | None,
    spark: Spark | None = None,
) -> None:
    """Add what the inputs are, and say what became of them."""
    from pacsflow.cli.inputs import name_losses, sources
    from pacsflow.ledger import Ledger
    from pacsflow.ledger.store import holds_files

    found = sources(request, spark)
    with nothing_left(folder, lambda: holds_files(folder)), progress("reading") as update:
        added = Ledger(folder, create=True).add(
            found.sources,
            simulated=found.simulated,
            sensor=sensor,
            workers=workers,
            hands=spark,
            progress=update,
        )
    problems = [*found.problems, *added.problems]
    _told(added, folder)
    name_losses(added.added, found.summary())
    name_unread(problems)
    if problems and not added.added and not added.known:
        raise problems[0]


def sensor_of(inputs: Sequence[str], sensor: str, *, folders: bool) -> str | Callable[[Path], str]:
    """Return whose the inputs are, as `Ledger.add` wants it; by default as it is configured."""
    from pacsflow.configuration import choices

    if sensor and folders:
        raise UsageError("give either --sensor or --sensor-folders")
    known = settings().inputs
    if sensor or folders or list(inputs) != [str(path) for path in known.paths]:
        known = replace(known, sensor=sensor, sensor_folders=folders)
    return choices.sensor_of(known, inputs)


def count_added(added: Added) -> str:
    """Return how many files were added, with how many rows, as a line says it."""
    rows = sum(e.rows for e in added.added)
    bad = sum(e.unreadable for e in added.added)
    text = f"{counted(len(added.added), 'file', 'files')} added ({counted(rows, 'row', 'rows')}"
    return text + (f", {bad:,} unreadable)" if bad else ")")


def _told(added: Added, ledger: Path) -> None:
    text = f"{ledger}: {count_added(added)}"
    text += f", {counted(len(added.known), 'was', 'were')} in it already" if added.known else ""
    tell(text)
