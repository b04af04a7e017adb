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
from pacsflow.cli.options import SOURCES, Request
from pacsflow.terms.severity import Severity

if TYPE_CHECKING:
    from pacsflow.report.options import Options
    from pacsflow.report.weekly import WeeklyReport

REPORTED = (*SOURCES, "week", "site_tz", "origin")
"""The shared options of what reports on a week."""

ConfigOption = Annotated[
    Path | None, typer.Option("--config", help="TOML file with thresholds under [findings].")
]
FailOption = Annotated[
    Severity | None,
    typer.Option("--fail-on", help="End with 1 where a finding is of this severity or above."),
]
SiteOption = Annotated[str, typer.Option("--site", help="The hospital's name.")]
ForecastOption = Annotated[bool, typer.Option("--no-forecast", help="Leave forecasts out.")]


def build(request: Request, config: Path | None = None, **chosen: object) -> WeeklyReport:
    """Read, forecast and find, with progress; the whole way from inputs to a `WeeklyReport`.

    `chosen` are further fields of `Options`.
    """
    from pacsflow.cli.inputs import inventory_of, opened
    from pacsflow.report.build import build_report

    options = _options(request, config, **chosen)
    with opened(request) as found:
        known = inventory_of(request.inventory, found.inputs, found.pseudonyms)
        with progress("forecasting" if options.forecasts else "looking") as update:
            return build_report(
                found.ledger, known, options, problems=found.problems, progress=update
            )


def _options(request: Request, config: Path | None, **chosen: object) -> Options:
    from pacsflow.findings.thresholds import Thresholds, read_thresholds
    from pacsflow.report.options import Options

    options = Options(
        week=request.week,
        zone=request.zone,
        origin=request.origin.value if request.origin else "",
        thresholds=read_thresholds(config) if config else Thresholds(),
        command="pacsflow" if request.pseudonymise else command_given(),
    )
    return replace(options, **chosen)  # type: ignore[arg-type]


def command_given() -> str:
    """Return the command as it was given, without the folders of files, which name people."""
    words = []
    for before, word in zip(["", *sys.argv[1:]], sys.argv[1:], strict=False):
        option, _, value = word.rpartition("=") if word.startswith("--") else ("", "", word)
        is_zone = {"--site-tz", "--zone"} & {before, option}
        told = Path(value).name if os.sep in value and not is_zone else value
        words.append(f"{option}={told}" if option else told)
    return shlex.join(["pacsflow", *words])


def exit_code(made: WeeklyReport, fail_on: Severity | None) -> int:
    """Return 1 where there is a finding at or above the asked severity."""
    if fail_on and any(f.severity.rank >= fail_on.rank for f in made.findings):
        return FOUND
    return USABLE
