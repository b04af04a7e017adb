"""The way from inputs to a week's report, which several commands take."""

from __future__ import annotations

import os
import shlex
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pacsflow.cli import FOUND, USABLE
from pacsflow.cli.console import progress
from pacsflow.cli.options import FILTERS, SOURCES, Request
from pacsflow.cli.settings import settings
from pacsflow.terms.severity import Severity

if TYPE_CHECKING:
    from pacsflow.report.options import Options
    from pacsflow.report.weekly import WeeklyReport
    from pacsflow.terms.languages import LanguageCode
    from pacsflow_reports import ArchivePaths

REPORTED = (*SOURCES, "week", "site_tz", *FILTERS)
"""The shared options of what reports on a week."""

FailOption = Annotated[
    Severity | None,
    typer.Option("--fail-on", help="End with 1 where a finding is of this severity or above."),
]
SiteOption = Annotated[str, typer.Option("--site", help="The hospital's name.")]
TitleOption = Annotated[str, typer.Option("--title", help="The page's title.")]
LogoOption = Annotated[Path | None, typer.Option("--logo", help="PNG or SVG for the page's head.")]
PdfOption = Annotated[bool, typer.Option("--pdf", help="Also a PDF, where there is a Chromium.")]
ForecastOption = Annotated[bool, typer.Option("--no-forecast", help="Leave forecasts out.")]


def build(request: Request, **chosen: object) -> WeeklyReport:
    """Read, forecast and find, with progress; the whole way from inputs to a `WeeklyReport`.

    `chosen` are further fields of `Options`; an empty one is as it is configured.
    """
    from pacsflow.cli.inputs import inventory_of, opened
    from pacsflow.report.build import build_report

    options = _options(request, **chosen)
    with opened(request) as found:
        request.tell_clock()
        known = inventory_of(request.inventory, found.inputs)
        with progress("forecasting" if options.forecasts else "looking") as update:
            return build_report(
                found.ledger, known, options, problems=found.problems, progress=update
            )


def _options(request: Request, **chosen: object) -> Options:
    from pacsflow.configuration.choices import options_of

    command = "pacsflow" if request.keyfile else command_given()
    options, clock = options_of(settings(), request.week, command), request.clock()
    chosen |= {"zone": clock.zone, "zone_said_by": clock.said_by}
    chosen["selection"] = replace(request.selection(), start=None, end=None)
    chosen["origin"] = request.origin.value if request.origin else ""
    given = {name: value for name, value in chosen.items() if value not in (None, "")}
    return replace(options, **given)  # type: ignore[arg-type]


def language_of(lang: LanguageCode | None) -> str:
    """Return the language that was asked for, or the configured one."""
    return lang.value if lang else settings().site.language


def command_given() -> str:
    """Return the command as it was given, without the folders of files, which name people."""
    words = []
    for before, word in zip(["", *sys.argv[1:]], sys.argv[1:], strict=False):
        option, _, value = word.rpartition("=") if word.startswith("--") else ("", "", word)
        is_zone = {"--site-tz", "--zone"} & {before, option}
        told = Path(value).name if os.sep in value and not is_zone else value
        words.append(f"{option}={told}" if option else told)
    return shlex.join(["pacsflow", *words])


def keep_pages(
    made: WeeklyReport,
    folder: Path,
    lang: LanguageCode | None = None,
    logo: Path | None = None,
    *,
    pdf: bool = False,
) -> ArchivePaths:
    """Write a week's page, and the index, into an archive; what was not chosen is as configured."""
    from pacsflow_reports import write_archive

    known = settings()
    return write_archive(
        made,
        folder,
        lang=language_of(lang),
        pdf=pdf or known.archive.pdf,
        logo=logo or known.site.logo,
    )


def exit_code(made: WeeklyReport, fail_on: Severity | None) -> int:
    """Return 1 where there is a finding at or above the asked severity."""
    if fail_on and any(f.severity.rank >= fail_on.rank for f in made.findings):
        return FOUND
    return USABLE
