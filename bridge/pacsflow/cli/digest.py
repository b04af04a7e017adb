"""`digest`: the first screen of the weekly page as text, for a mail or a chat."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from pacsflow.cli import app
from pacsflow.cli.common import Inputs, InventoryOption, LedgerOption, OriginOption, PseudonymOption
from pacsflow.cli.report import (
    ConfigOption,
    FailOption,
    WeekOption,
    ZoneOption,
    build,
    exit_code,
)
from pacsflow.week.options import Options


@app.command(rich_help_panel="Main")
def digest(
    inputs: Inputs = None,
    markdown: Annotated[bool, typer.Option("--markdown", help="For a chat.")] = False,
    ledger: LedgerOption = None,
    inventory: InventoryOption = None,
    week: WeekOption = "",
    site_tz: ZoneOption = "UTC",
    site: Annotated[str, typer.Option(help="The hospital's name.")] = "",
    lang: Annotated[str, typer.Option(help="en or pt-BR.")] = "en",
    origin: OriginOption = "",
    no_forecast: Annotated[
        bool, typer.Option("--no-forecast", help="Leave forecasts out.")
    ] = False,
    pseudonymise: PseudonymOption = None,
    config: ConfigOption = None,
    fail_on: FailOption = None,
) -> int:
    """Print the week in five sentences, its status and findings, as text or Markdown.

    Example: `pacsflow digest --ledger /srv/pacsflow --markdown`
    """
    from pacsflow_reports import render_digest  # noqa: PLC0415 - Jinja only where it is needed

    options = Options(week=week, zone=site_tz, site=site, origin=origin, forecasts=not no_forecast)
    made = build(inputs, ledger, inventory, config, options, pseudonymise=pseudonymise)
    sys.stdout.write(render_digest(made, lang=lang, markdown=markdown).rstrip("\n") + "\n")
    return exit_code(made, fail_on)
