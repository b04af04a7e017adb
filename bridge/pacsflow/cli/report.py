"""`report`, `ingest`, `findings`: from logs and captures to the weekly page."""

from __future__ import annotations

import os
import shlex
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import orjson
import typer

from pacsflow.cli import FOUND, USABLE, app
from pacsflow.cli.common import (
    Format,
    FormatOption,
    Inputs,
    InventoryOption,
    KeylogOption,
    LedgerOption,
    OriginOption,
    PseudonymOption,
    SamplingOption,
    StartOption,
    capture_options,
    emit,
    inventory_of,
    key_of,
    name_unread,
    opened,
    progress,
    say,
    shown,
    warn,
)
from pacsflow.errors import InputError, UsageError
from pacsflow.findings.facts import Thresholds, read_thresholds
from pacsflow.json_values import to_json_value
from pacsflow.ledger import Ledger
from pacsflow.outputs import write_text
from pacsflow.readers import CaptureOptions, find
from pacsflow.week.options import Options
from pacsflow.weekly import Severity, WeeklyReport

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pacsflow.ledger import Added

WeekOption = Annotated[
    str,
    typer.Option(
        "--week", help="2026-W10, or one of its days; by default the latest that has data."
    ),
]
ZoneOption = Annotated[
    str, typer.Option("--site-tz", help="The site's time zone, such as America/Sao_Paulo.")
]
ConfigOption = Annotated[
    Path | None, typer.Option("--config", help="TOML file with thresholds under [findings].")
]
FailOption = Annotated[
    Severity | None,
    typer.Option("--fail-on", help="End with 1 where a finding is of this severity or above."),
]


class ReportFormat(StrEnum):
    """What `report` writes."""

    HTML = "html"
    JSON = "json"


def build(
    inputs: list[str] | None,
    ledger: Path | None,
    inventory: Path | None,
    config: Path | None,
    options: Options,
    capture: CaptureOptions | None = None,
    pseudonymise: Path | None = None,
) -> WeeklyReport:
    """Read, forecast and find, with progress; the whole way from inputs to a `WeeklyReport`."""
    thresholds = read_thresholds(config) if config else Thresholds()
    options = Options(
        week=options.week, zone=options.zone, title=options.title, site=options.site,
        origin=options.origin, forecasts=options.forecasts, thresholds=thresholds,
        command="pacsflow" if pseudonymise else _command(), top=options.top,
    )  # fmt: skip
    from pacsflow.week.build import build_report  # noqa: PLC0415 - statsmodels takes seconds

    with opened(inputs, ledger, capture, key_of(pseudonymise)) as found:
        known = inventory_of(inventory, found.inputs, found.pseudonyms)
        with progress("forecasting") as update:
            return build_report(
                found.ledger, known, options, problems=found.problems, progress=update
            )


def _command() -> str:
    """Return the command as it was given, without the folders of files, which name people."""
    words = []
    for before, word in zip(["", *sys.argv[1:]], sys.argv[1:], strict=False):
        option, _, value = word.rpartition("=") if word.startswith("--") else ("", "", word)
        is_zone = "--site-tz" in {before, option}
        told = Path(value).name if os.sep in value and not is_zone else value
        words.append(f"{option}={told}" if option else told)
    return shlex.join(["pacsflow", *words])


@app.command(rich_help_panel="Main")
def report(
    inputs: Inputs = None,
    out: Annotated[
        Path | None,
        typer.Option("-o", "--out", help="The HTML file; by default pacsflow-WEEK.html."),
    ] = None,
    ledger: LedgerOption = None,
    inventory: InventoryOption = None,
    week: WeekOption = "",
    site_tz: ZoneOption = "UTC",
    title: Annotated[str, typer.Option(help="The page's title.")] = "Medical image traffic",
    site: Annotated[str, typer.Option(help="The hospital's name.")] = "",
    lang: Annotated[str, typer.Option(help="en or pt-BR.")] = "en",
    logo: Annotated[Path | None, typer.Option(help="PNG or SVG for the page's head.")] = None,
    archive: Annotated[
        Path | None,
        typer.Option(help="Keep a page a week and an index with the trend in this folder."),
    ] = None,
    pdf: Annotated[
        bool, typer.Option("--pdf", help="Also a PDF, where there is a Chromium.")
    ] = False,
    origin: OriginOption = "",
    no_forecast: Annotated[
        bool, typer.Option("--no-forecast", help="Leave forecasts out.")
    ] = False,
    top: Annotated[int, typer.Option(min=1, max=100, help="Rows in the top tables.")] = 10,
    sampling_rate: SamplingOption = None,
    keylog: KeylogOption = None,
    capture_start: StartOption = None,
    pseudonymise: PseudonymOption = None,
    config: ConfigOption = None,
    fail_on: FailOption = None,
    how: Annotated[
        ReportFormat, typer.Option("--format", "-f", help="html, or json on standard output.")
    ] = ReportFormat.HTML,
) -> int:
    """Write the weekly page: a self-contained HTML file, from logs and captures or a ledger.

    Give several weeks of logs to get a forecast; the latest week with data is the one reported.

    Example: `pacsflow report /opt/zeek/logs -o week.html --site-tz America/Sao_Paulo`
    """
    options = Options(
        week=week, zone=site_tz, title=title, site=site, origin=origin,
        forecasts=not no_forecast, top=top,
    )  # fmt: skip
    capture = capture_options(sampling_rate, keylog, inventory, capture_start)
    made = build(inputs, ledger, inventory, config, options, capture, pseudonymise)
    if how is ReportFormat.JSON:
        sys.stdout.write(orjson.dumps(to_json_value(made), option=orjson.OPT_INDENT_2).decode())
        sys.stdout.write("\n")
    elif archive:
        from pacsflow_reports import write_archive  # noqa: PLC0415 - Jinja only where it is needed

        paths = write_archive(made, archive, lang=lang, pdf=pdf)
        sys.stdout.write(f"{paths.page}\n{paths.index}\n")
    else:
        from pacsflow_reports import html_to_pdf, render_html  # noqa: PLC0415 - likewise

        target = out or Path(f"pacsflow-{made.week}.html")
        write_text(target, render_html(made, lang=lang, logo=logo))
        sys.stdout.write(f"{target.resolve()}\n")
        if pdf:
            html_to_pdf(target, target.with_suffix(".pdf"))
            sys.stdout.write(f"{target.with_suffix('.pdf').resolve()}\n")
    return exit_code(made, fail_on)


def exit_code(made: WeeklyReport, fail_on: Severity | None) -> int:
    """Return 1 where there is a finding at or above the asked severity."""
    if fail_on and any(f.severity.rank >= fail_on.rank for f in made.findings):
        return FOUND
    return USABLE


@app.command(rich_help_panel="Main")
def ingest(
    inputs: Inputs = None,
    ledger: Annotated[
        Path, typer.Option("--ledger", "-l", help="The ledger's folder; made where there is none.")
    ] = Path("pacsflow-ledger"),
    inventory: InventoryOption = None,
    sampling_rate: SamplingOption = None,
    keylog: KeylogOption = None,
    capture_start: StartOption = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes; by default all cores.")
    ] = None,
) -> None:
    """Add logs and captures to a ledger that lasts; what is in it already changes nothing.

    Run it as often as you like, over the same folders: files are known by their content, a log
    that has grown replaces its earlier self, a run that is killed leaves the ledger as it was.

    Example: `pacsflow ingest /opt/zeek/logs --ledger /srv/pacsflow`
    """
    if not inputs:
        raise UsageError("nothing to add: name logs, captures or folders")
    found = find(inputs, capture_options(sampling_rate, keylog, inventory, capture_start))
    book = Ledger(ledger, create=True)
    with progress("reading") as update:
        added = book.add(found.sources, simulated=found.simulated, workers=workers, progress=update)
    problems = [*found.problems, *added.problems]
    _told(added, ledger)
    name_unread(problems)
    if problems and not added.added and not added.known:
        raise problems[0]
    if not found.sources:
        raise InputError(inputs[0], "no log or capture that pacsflow reads")


def count_added(added: Added) -> str:
    """Return how many files were added, with how many rows, as a line says it."""
    rows = sum(e.rows for e in added.added)
    bad = sum(e.unreadable for e in added.added)
    text = f"{len(added.added)} files added ({rows:,} rows"
    return text + (f", {bad:,} unreadable)" if bad else ")")


def _told(added: Added, ledger: Path) -> None:
    text = f"{ledger}: {count_added(added)}"
    text += f", {len(added.known)} were in it already" if added.known else ""
    sys.stdout.write(text + "\n")
    for entry in [e for e in added.added if e.notes][:10]:
        say(f"{entry.path}: {shown('; '.join(entry.notes))}")
    for entry in [e for e in added.added if e.unreadable][:10]:
        warn(f"{entry.path}: {shown(entry.examples)}")


@app.command(rich_help_panel="Main")
def findings(
    inputs: Inputs = None,
    ledger: LedgerOption = None,
    inventory: InventoryOption = None,
    week: WeekOption = "",
    site_tz: ZoneOption = "UTC",
    origin: OriginOption = "",
    pseudonymise: PseudonymOption = None,
    config: ConfigOption = None,
    fail_on: FailOption = None,
    how: FormatOption = Format.TABLE,
) -> int:
    """List what somebody should know of a week, the most severe first, with what to do.

    Example: `pacsflow findings --ledger /srv/pacsflow --fail-on high || mail -s pacsflow it@...`
    """
    options = Options(week=week, zone=site_tz, origin=origin, forecasts=False)
    made = build(inputs, ledger, inventory, config, options, pseudonymise=pseudonymise)
    columns = ["severity", "area", "title", "evidence", "action", "count", "rule"]
    rows: Sequence[list[object]] = [
        [f.severity.value, f.area, f.title, list(f.evidence), f.action, f.count, f.id]
        for f in made.findings
    ]
    emit(f"Findings of {made.week}", columns, rows, how)
    return exit_code(made, fail_on)
