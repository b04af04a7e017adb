"""`findings`: what somebody should know of a week, for cron and for eyes."""

from __future__ import annotations

from pacsflow.cli import app
from pacsflow.cli.building import REPORTED, ConfigOption, FailOption, build, exit_code
from pacsflow.cli.options import FormatOption, Request, reading
from pacsflow.cli.tables import Format, emit


@app.command()
@reading(REPORTED)
def findings(
    request: Request,
    config: ConfigOption = None,
    fail_on: FailOption = None,
    how: FormatOption = Format.TABLE,
) -> int:
    """List what somebody should know of a week, the most severe first, with what to do.

    Example: `pacsflow findings --ledger /srv/pacsflow --fail-on high || mail -s pacsflow it@...`
    """
    made = build(request, config, forecasts=False)
    columns = ["severity", "area", "title", "evidence", "action", "count", "rule"]
    rows: list[list[object]] = [
        [f.severity.value, f.area, f.title, list(f.evidence), f.action, f.count, f.id]
        for f in made.findings
    ]
    emit(f"Findings of {made.week}", columns, rows, how)
    return exit_code(made, fail_on)
