"""`run`: does what the configuration says, by itself."""

from __future__ import annotations

from typing import Annotated

import typer

from pacsflow.cli import UNUSABLE, USABLE, app
from pacsflow.cli.console import hide, say, warn
from pacsflow.cli.options import Request, reading
from pacsflow.cli.settings import settings


@app.command()
@reading(())
def run(
    request: Request,
    once: Annotated[
        bool, typer.Option("--once", help="One round, then end: for timers and cron.")
    ] = False,
) -> int:
    """Do what the configuration says: add logs, forecast at night, write the page, send it.

    What is due and was missed is done in the next round; a job that fails is tried again. Ends
    with 2 where anything of a single round (--once) went wrong.

    Example: `pacsflow run --once --config /etc/pacsflow/pacsflow.toml`
    """
    del request
    from pacsflow.cli.watch import until_interrupted
    from pacsflow.configuration.choices import key_of
    from pacsflow.service.rounds import run_round

    known = settings()
    hide(key_of(known))
    if once:
        return USABLE if run_round(known, say, warn) else UNUSABLE

    def round_() -> None:
        run_round(known, say, warn)

    until_interrupted(round_, known.service.every)
    return USABLE
