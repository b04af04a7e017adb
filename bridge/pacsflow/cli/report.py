"""`report`: from logs and captures to the weekly page."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pacsflow.cli import app
from pacsflow.cli.console import tell
from pacsflow.cli.options import HolidaysOption, LanguageOption, Request, reading
from pacsflow.cli.settings import settings
from pacsflow.cli.week_report import (
    REPORTED,
    FailOption,
    ForecastOption,
    LogoOption,
    PdfOption,
    SiteOption,
    TitleOption,
    build,
    exit_code,
    keep_pages,
    language_of,
)
from pacsflow.errors import UsageError

if TYPE_CHECKING:
    from pacsflow.report.weekly import WeeklyReport
    from pacsflow.terms.languages import LanguageCode


class ReportFormat(StrEnum):
    """What `report` writes."""

    HTML = "html"
    JSON = "json"


@app.command()
@reading(REPORTED)
def report(
    request: Request,
    out: Annotated[
        Path | None,
        typer.Option("-o", "--out", help="The file; by default pacsflow-WEEK.html."),
    ] = None,
    title: TitleOption = "",
    site: SiteOption = "",
    holidays: HolidaysOption = "",
    lang: LanguageOption = None,
    logo: LogoOption = None,
    archive: Annotated[
        Path | None,
        typer.Option(help="Keep a page a week and an index with the trend in this folder."),
    ] = None,
    pdf: PdfOption = False,
    no_forecast: ForecastOption = False,
    top: Annotated[int, typer.Option(min=1, max=100, help="Rows in the top tables.")] = 10,
    fail_on: FailOption = None,
    how: Annotated[
        ReportFormat,
        typer.Option("--format", "-f", help="html, or json (on standard output without -o)."),
    ] = ReportFormat.HTML,
) -> int:
    """Write the weekly page: a self-contained HTML file, from logs and captures or a ledger.

    Give several weeks of logs to get a forecast; the latest week with data is the one reported.

    Example: `pacsflow report /opt/zeek/logs -o week.html --site-tz America/Sao_Paulo`
    """
    if archive and out:
        raise UsageError("-o has no effect with --archive, which names its pages by the week")
    if how is ReportFormat.JSON:
        of_pages = {"--lang": lang, "--logo": logo, "--archive": archive, "--pdf": pdf}
        for option in (name for name, value in of_pages.items() if value):
            raise UsageError(f"{option} has no effect on --format json")
    made = build(
        request, title=title, site=site, holidays=holidays, forecasts=not no_forecast, top=top
    )
    if how is ReportFormat.JSON:
        _write_json(made, out)
    else:
        archive = archive or (None if out else _usual_archive(request))
        _write_pages(made, lang, out, archive, logo, pdf=pdf)
    return exit_code(made, fail_on)


def _usual_archive(request: Request) -> Path | None:
    """Return the configured archive for the configured ledger's pages, and for no others."""
    known = settings()
    is_the_sites = request.ledger is not None and request.ledger == known.ledger.folder
    return known.archive.folder if is_the_sites else None


def _write_json(made: WeeklyReport, out: Path | None) -> None:
    from pacsflow.export.rows import to_json
    from pacsflow.outputs import write_text

    text = to_json(made)
    if out:
        write_text(out, text)
        tell(f"{out.resolve()}")
    else:
        sys.stdout.write(text)


def _write_pages(
    made: WeeklyReport,
    lang: LanguageCode | None,
    out: Path | None,
    archive: Path | None,
    logo: Path | None,
    *,
    pdf: bool,
) -> None:
    from pacsflow.outputs import write_text
    from pacsflow_reports import html_to_pdf, render_html

    if archive:
        paths = keep_pages(made, archive, lang, logo, pdf=pdf)
        written = [paths.page, paths.index]
    else:
        page = (out or Path(f"pacsflow-{made.week}.html")).resolve()
        logo = logo or settings().site.logo
        write_text(page, render_html(made, lang=language_of(lang), logo=logo))
        written = [page]
        if pdf:
            html_to_pdf(page, page.with_suffix(".pdf"))
            written.append(page.with_suffix(".pdf"))
    for path in written:
        tell(str(path))
