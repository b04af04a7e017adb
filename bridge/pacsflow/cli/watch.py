"""`watch`: keeps a ledger, and its weekly pages, up to date while logs and captures arrive."""

from __future__ import annotations

import signal
import sys
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pacsflow.cli import app
from pacsflow.cli.common import (
    Inputs,
    InventoryOption,
    KeylogOption,
    PseudonymOption,
    SamplingOption,
    capture_options,
    name_unread,
)
from pacsflow.cli.report import ConfigOption, ZoneOption, build, count_added
from pacsflow.errors import UsageError
from pacsflow.ledger import Ledger
from pacsflow.readers import Format, find
from pacsflow.week.options import Options

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    from pacsflow.readers import CaptureOptions, Found

SETTLED = 10.0
"""Seconds for which a capture or sheet must not have changed before it is read: it cannot be read
again as it grows, as a log can."""


def ready(found: Found, now: float) -> Found:
    """Leave out the captures and sheets that somebody is still writing."""
    logs = {Format.ZEEK_TSV, Format.ZEEK_JSON}
    still = [
        s
        for s in found.sources
        if s.format in logs or (s.path.is_file() and now - s.path.stat().st_mtime >= SETTLED)
    ]
    return replace(found, sources=tuple(still))


def look(inputs: list[str], ledger: Path, capture: CaptureOptions, told: set[str]) -> bool:
    """Add what is new; say what was added, and each problem once. True where anything was."""
    found = ready(find(inputs, capture), time.time())
    added = Ledger(ledger, create=True).add(found.sources, simulated=found.simulated)
    problems = {str(problem): problem for problem in (*found.problems, *added.problems)}
    name_unread(problem for text, problem in problems.items() if text not in told)
    told |= problems.keys()
    if added.added:
        moment = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        sys.stdout.write(f"{moment} {count_added(added)}\n")
        sys.stdout.flush()
    return bool(added.added)


@app.command(rich_help_panel="Main")
def watch(
    inputs: Inputs = None,
    ledger: Annotated[
        Path, typer.Option("--ledger", "-l", help="The ledger's folder; made where there is none.")
    ] = Path("pacsflow-ledger"),
    every: Annotated[float, typer.Option(min=1, help="Seconds between looks.")] = 300.0,
    once: Annotated[bool, typer.Option("--once", help="Look once and end: for cron.")] = False,
    archive: Annotated[
        Path | None,
        typer.Option(help="Also keep the latest week's page, and an index, in this folder."),
    ] = None,
    inventory: InventoryOption = None,
    site_tz: ZoneOption = "UTC",
    lang: Annotated[str, typer.Option(help="Of the pages: en or pt-BR.")] = "en",
    sampling_rate: SamplingOption = None,
    keylog: KeylogOption = None,
    pseudonymise: PseudonymOption = None,
    config: ConfigOption = None,
) -> None:
    """Keep a ledger up to date while logs and captures arrive, until interrupted.

    Logs may be looked at while they grow and are rotated; captures are taken when nobody has
    written to them for ten seconds. With --archive the latest week's page is made anew whenever
    something was added.

    Example: `pacsflow watch /opt/zeek/logs --ledger /srv/pacsflow --archive /srv/www/pacsflow`
    """
    if not inputs:
        raise UsageError("nothing to watch: name folders, logs or captures")
    capture = capture_options(sampling_rate, keylog, inventory)
    told: set[str] = set()

    def round_() -> None:
        if look(inputs, ledger, capture, told) and archive:
            options = Options(zone=site_tz)
            made = build(
                None, ledger, inventory, config, options, capture, pseudonymise=pseudonymise
            )
            from pacsflow_reports import write_archive  # noqa: PLC0415 - Jinja only for pages

            sys.stdout.write(f"{write_archive(made, archive, lang=lang).page}\n")
            sys.stdout.flush()

    if once:
        round_()
    else:
        _until_interrupted(round_, every)


def _until_interrupted(round_: Callable[[], None], every: float) -> None:
    """Call `round_` every so many seconds; a signal ends it after the round that it meets."""
    ended = threading.Event()

    def end(_number: int, _frame: FrameType | None) -> None:
        ended.set()

    before = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        while not ended.is_set():
            round_()
            ended.wait(every)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
