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
from pacsflow.cli.console import name_unread
from pacsflow.cli.ingest import ADDED, DEFAULT, IntoOption, count_added
from pacsflow.cli.options import LanguageCode, Request, reading
from pacsflow.cli.week_report import ConfigOption, SiteOption, build
from pacsflow.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    from pacsflow.readers import CaptureOptions, Inputs

SETTLED = 10.0
"""Seconds for which a capture or sheet must not have changed before it is read: it cannot be read
again as it grows, as a log can."""


def ready(found: Inputs, now: float) -> Inputs:
    """Leave out the captures and sheets that somebody is still writing."""
    from pacsflow.readers import Format

    logs = {Format.ZEEK_TSV, Format.ZEEK_JSON}
    still = [
        s
        for s in found.sources
        if s.format in logs or (s.path.is_file() and now - s.path.stat().st_mtime >= SETTLED)
    ]
    return replace(found, sources=tuple(still))


def look(inputs: list[str], ledger: Path, capture: CaptureOptions, told: set[str]) -> bool:
    """Add what is new; say what was added, and each problem once. True where anything was."""
    from pacsflow.ledger import Ledger
    from pacsflow.readers import find

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


@app.command()
@reading((*ADDED, "pseudonymise", "site_tz"))
def watch(
    request: Request,
    ledger: IntoOption = DEFAULT,
    every: Annotated[
        float | None, typer.Option(min=1, help="Seconds between looks; 300 by default.")
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="Look once and end: for cron.")] = False,
    archive: Annotated[
        Path | None,
        typer.Option(help="Also keep the latest week's page, and an index, in this folder."),
    ] = None,
    site: SiteOption = "",
    lang: Annotated[LanguageCode | None, typer.Option(help="Of the pages; en by default.")] = None,
    config: ConfigOption = None,
) -> None:
    """Keep a ledger up to date while logs and captures arrive, until interrupted.

    Logs may be looked at while they grow and are rotated; captures are taken when nobody has
    written to them for ten seconds. With --archive the latest week's page is made anew whenever
    something was added.

    Example: `pacsflow watch /opt/zeek/logs --ledger /srv/pacsflow --archive /srv/www/pacsflow`
    """
    if not request.inputs:
        raise UsageError("nothing to watch: name folders, logs or captures")
    if once and every:
        raise UsageError("--every has no effect with --once")
    of_pages = {
        "--site": site, "--lang": lang, "--config": config, "--site-tz": request.site_tz,
        "--pseudonymise": request.pseudonymise,
    }  # fmt: skip
    for option in (name for name, value in of_pages.items() if value and not archive):
        raise UsageError(f"{option} has no effect without --archive")
    inputs, capture, told = request.inputs, request.capture(), set[str]()
    asked = Request(
        ledger=ledger, inventory=request.inventory, site_tz=request.site_tz,
        pseudonymise=request.pseudonymise,
    )  # fmt: skip

    def round_() -> None:
        if look(inputs, ledger, capture, told) and archive:
            from pacsflow_reports import write_archive

            made = build(asked, config, site=site)
            page = write_archive(made, archive, lang=(lang or LanguageCode.EN).value).page
            sys.stdout.write(f"{page}\n")
            sys.stdout.flush()

    if once:
        round_()
    else:
        _until_interrupted(round_, every or 300.0)


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
