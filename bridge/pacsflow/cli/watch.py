"""`watch`: keeps a ledger, and its weekly pages, up to date while logs and captures arrive."""

from __future__ import annotations

import signal
import threading
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pacsflow.cli import UNUSABLE, USABLE, app
from pacsflow.cli.console import name_unread, tell
from pacsflow.cli.ended import ENDING
from pacsflow.cli.ingest import (
    ADDED,
    FoldersOption,
    IntoOption,
    SensorOption,
    count_added,
    into,
    sensor_of,
)
from pacsflow.cli.options import HolidaysOption, LanguageOption, Request, reading
from pacsflow.cli.settings import settings
from pacsflow.cli.week_report import (
    FailOption,
    LogoOption,
    PdfOption,
    SiteOption,
    TitleOption,
    build,
    exit_code,
    keep_pages,
)
from pacsflow.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    from pacsflow.ledger import Added
    from pacsflow.readers import CaptureOptions


def look(
    inputs: list[str],
    ledger: Path,
    capture: CaptureOptions,
    told: set[str],
    sensor: str | Callable[[Path], str] = "",
) -> Added:
    """Add what is new; say what was added, and each problem once."""
    from pacsflow.service.arrivals import add_new

    added = add_new(inputs, ledger, capture, sensor)
    problems = {str(problem): problem for problem in added.problems}
    name_unread(problem for text, problem in problems.items() if text not in told)
    told.update(problems)
    if added.added:
        moment = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        tell(f"{moment} {count_added(added)}")
    return added


@app.command()
@reading((*ADDED, "pseudonymise", "site_tz"))
def watch(
    request: Request,
    ledger: IntoOption = None,
    sensor: SensorOption = "",
    sensor_folders: FoldersOption = False,
    every: Annotated[
        float | None, typer.Option(min=1, help="Seconds between looks; 300 by default.")
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="Look once and end: for cron.")] = False,
    archive: Annotated[
        Path | None,
        typer.Option(help="Also keep the latest week's page, and an index, in this folder."),
    ] = None,
    site: SiteOption = "",
    title: TitleOption = "",
    lang: LanguageOption = None,
    logo: LogoOption = None,
    pdf: PdfOption = False,
    holidays: HolidaysOption = "",
    fail_on: FailOption = None,
) -> int:
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
    if fail_on and not once:
        raise UsageError("--fail-on has no effect without --once: a watch goes on")
    of_pages = {
        "--site": site, "--title": title, "--lang": lang, "--logo": logo, "--pdf": pdf,
        "--holidays": holidays, "--fail-on": fail_on, "--site-tz": request.site_tz,
        "--pseudonymise": request.pseudonymise,
    }  # fmt: skip
    for option in (name for name, value in of_pages.items() if value and not archive):
        raise UsageError(f"{option} has no effect without --archive")
    inputs, folder, told = request.inputs, into(ledger), set[str]()
    named = sensor_of(inputs, sensor, folders=sensor_folders)
    asked = replace(request, inputs=None, ledger=folder, keylog=None, sampling_rate=None,
                    capture_start=None, date_order=None)  # fmt: skip
    code = USABLE

    from pacsflow.service.arrivals import unread

    def round_() -> None:
        nonlocal code
        added = look(inputs, folder, request.capture(), told, named)
        if once and unread(added, inputs):  # as `ingest` ends: what was named is no input
            code = UNUSABLE
        if added.added and archive:
            made = build(asked, site=site, title=title, holidays=holidays)
            page = keep_pages(made, archive, lang, logo, pdf=pdf).page
            tell(f"{page}")
            code = code or exit_code(made, fail_on)

    if once:
        round_()
    else:
        until_interrupted(round_, every or settings().service.every)
    return code


def until_interrupted(round_: Callable[[], None], every: float) -> None:
    """Call `round_` every so many seconds; a signal ends it after the round that it meets."""
    ended = threading.Event()

    def end(_number: int, _frame: FrameType | None) -> None:
        ended.set()

    before = {number: signal.signal(number, end) for number in ENDING}
    try:
        while not ended.is_set():
            round_()
            ended.wait(every)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
