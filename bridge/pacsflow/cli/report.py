"""`report`: from logs and captures to the weekly page."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pacsflow.cli import app
from pacsflow.cli.options import LanguageCode, Request, reading
from pacsflow.cli.week_report import (
    REPORTED,
    ConfigOption,
    FailOption,
    ForecastOption,
    SiteOption,
    build,
    exit_code,
)
from pacsflow.errors import UsageError

if TYPE_CHECKING:
    from pacsflow.report.weekly import WeeklyReport


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
    title: Annotated[str | None, typer.Option(help="The page's title.")] = None,
    site: SiteOption = "",
    lang: Annotated[LanguageCode | None, typer.Option(help="Of the page; en by default.")] = None,
    logo: Annotated[Path | None, typer.Option(help="PNG or SVG for the page's head.")] = None,
    archive: Annotated[
        Path | None,
        typer.Option(help="Keep a page a week and an index with the trend in this folder."),
    ] = None,
    pdf: Annotated[
        bool, typer.Option("--pdf", help="Also a PDF, where there is a Chromium.")
    ] = False,
    no_forecast: ForecastOption = False,
    top: Annotated[int, typer.Option(min=1, max=100, help="Rows in the top tables.")] = 10,
    config: ConfigOption = None,
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
    chosen = {"site": site, "forecasts": not no_forecast, "top": top}
    made = build(request, config, **chosen, **({"title": title} if title else {}))
    if how is ReportFormat.JSON:
        _write_json(made, out)
    else:
        _write_pages(made, lang or LanguageCode.EN, out, archive, logo, pdf=pdf)
    return exit_code(made, fail_on)


def _write_json(made: WeeklyReport, out: Path | None) -> None:
    import orjson

    from pacsflow.outputs import write_text

    text = orjson.dumps(made, option=orjson.OPT_INDENT_2).decode() + "\n"
    if out:
        write_text(out, text)
        sys.stdout.write(f"{out.resolve()}\n")
    else:
        sys.stdout.write(text)


def _write_pages(
    made: WeeklyReport,
    lang: LanguageCode,
    out: Path | None,
    archive: Path | None,
    logo: Path | None,
    *,
    pdf: bool,
) -> None:
    from pacsflow.outputs import write_text
    from pacsflow_reports import html_to_pdf, render_html, write_archive

    if archive:
        paths = write_archive(made, archive, lang=lang.value, pdf=pdf, logo=logo)
        written = [paths.page, paths.index]
    else:
        page = (out or Path(f"pacsflow-{made.week}.html")).resolve()
        write_text(page, render_html(made, lang=lang.value, logo=logo))
        written = [page]
        if pdf:
            html_to_pdf(page, page.with_suffix(".pdf"))
            written.append(page.with_suffix(".pdf"))
    sys.stdout.write("".join(f"{path}\n" for path in written))
