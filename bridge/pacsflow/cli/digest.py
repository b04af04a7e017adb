"""`digest`: the first screen of the weekly page as text, for a mail or a chat."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from pacsflow.cli import app
from pacsflow.cli.options import HolidaysOption, LanguageOption, Request, reading
from pacsflow.cli.week_report import (
    REPORTED,
    FailOption,
    ForecastOption,
    SiteOption,
    build,
    exit_code,
    language_of,
)


@app.command()
@reading(REPORTED)
def digest(
    request: Request,
    markdown: Annotated[bool, typer.Option("--markdown", help="For a chat.")] = False,
    site: SiteOption = "",
    lang: LanguageOption = None,
    holidays: HolidaysOption = "",
    no_forecast: ForecastOption = False,
    fail_on: FailOption = None,
) -> int:
    """Print the week in three sentences, its status and findings, as text or Markdown.

    Example: `pacsflow digest --ledger /srv/pacsflow --markdown`
    """
    from pacsflow_reports import render_digest

    made = build(request, site=site, forecasts=not no_forecast, holidays=holidays)
    text = render_digest(made, lang=language_of(lang), markdown=markdown)
    sys.stdout.write(text.rstrip("\n") + "\n")
    return exit_code(made, fail_on)
