"""`demo`: a simulated hospital's logs, and the report on them."""

from __future__ import annotations

import json
import shutil
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pacsflow.cli import app
from pacsflow.cli.console import progress, say, tell
from pacsflow.cli.ingest import ingest
from pacsflow.cli.options import speaking
from pacsflow.cli.report import report
from pacsflow.errors import UsageError
from pacsflow.outputs import named, nothing_left

if TYPE_CHECKING:
    from collections.abc import Iterator

ZONE = "America/Sao_Paulo"
HOLIDAYS = "BR"


class LogFormat(StrEnum):
    """How the logs are written."""

    TSV = "tsv"
    JSON = "json"


def _marked(marker: Path) -> dict[str, Any]:
    """Return what the marker of simulated logs says; nothing where it says nothing."""
    try:
        found = json.loads(marker.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


@contextmanager
def _alone(folder: Path, marker: Path) -> Iterator[None]:
    """Let one run at a time write the demo: who comes second finds it done, never half of it."""
    from pacsflow.ledger.locking import lock

    path = folder / ".lock"
    others = [name for name in folder.iterdir() if name != path] if folder.is_dir() else []
    if others and not marker.is_file():
        raise UsageError(f"{folder}: has files that are no demo; name a new or an empty folder")
    folder.mkdir(parents=True, exist_ok=True)
    path.touch()
    with lock(path, wait=False) as free:
        if not free:
            say(f"{folder}: another run writes it; waiting for it")
    with lock(path):
        yield


@app.command()
@speaking
def demo(
    folder: Annotated[Path, typer.Argument(help="Where the simulated logs go.")] = Path("demo"),
    weeks: Annotated[int, typer.Option(min=1, max=104, help="Weeks of logs.")] = 6,
    seed: Annotated[int, typer.Option(help="Another seed is another hospital.")] = 1,
    scale: Annotated[float, typer.Option(min=0.01, help="How much traffic.")] = 1.0,
    how: Annotated[LogFormat, typer.Option("--format", "-f", help="tsv or json.")] = LogFormat.TSV,
    out: Annotated[Path | None, typer.Option("-o", "--out", help="The report's HTML file.")] = None,
    no_report: Annotated[bool, typer.Option("--no-report", help="Write the logs alone.")] = False,
) -> None:
    """Simulate a hospital, write its hourly rotated Zeek logs, and report on its last week.

    CT, MR, CR, US, mammography, two PACS, a worklist and workstations; office, web, video, backup
    and updates; working hours, weekends, holidays, a nightly prefetch, month's end, a migration, an
    archive out of service, one sensor outage, one new device and one anomaly. The same seed gives
    the same logs, and the report says that they are simulated.

    Example: `pacsflow demo /tmp/demo --weeks 8`
    """
    from pacsflow.simulator import hospital, write_logs

    logs, marker = folder / "logs", folder / "logs" / "SIMULATED"
    asked = {"seed": seed, "weeks": weeks, "scale": scale, "format": how.value, "complete": True}
    with nothing_left(folder, lambda: "complete" in _marked(marker)), _alone(folder, marker):
        if not asked.items() <= _marked(marker).items():
            for old in (logs, folder / "ledger"):
                shutil.rmtree(old, ignore_errors=True)
            with progress("simulating") as update, named(logs):
                write_logs(
                    hospital(seed, scale=scale),
                    logs,
                    weeks=weeks,
                    format=how.value,
                    progress=update,
                )
            whole = _marked(marker) | {"complete": True}
            marker.write_text(json.dumps(whole, indent=2) + "\n", encoding="utf-8")
        tell(f"{logs.resolve()}")
        ready = folder / "ledger" / "demo-is-in"
        if not no_report and not ready.is_file():
            ingest(inputs=[str(logs)], ledger=folder / "ledger")
            ready.touch()
    if not no_report:
        report(
            ledger=folder / "ledger",
            inventory=logs / "inventory.tsv",
            out=out or folder / "report.html",
            site_tz=ZONE,
            holidays=HOLIDAYS,
        )
