"""`export`: ledger rows, associations, endpoints and response times for other programs."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pacsflow.cli import app
from pacsflow.cli.console import tell
from pacsflow.cli.options import DecimalCommaOption, Request, reading
from pacsflow.errors import UsageError

if TYPE_CHECKING:
    import pyarrow as pa

    from pacsflow.library.questions import Question

ORDER = {
    "traffic": "hour, source, destination, service, origin",
    "endpoints": "ts, host",
    "times": "hour, client, server, operation",
}


class What(StrEnum):
    """Which table."""

    TRAFFIC = "traffic"
    ASSOCIATIONS = "associations"
    ENDPOINTS = "endpoints"
    NOTICES = "notices"
    TIMES = "times"


@app.command()
@reading()
def export(
    request: Request,
    out: Annotated[
        Path | None,
        typer.Option("-o", "--out", help="A file ending in .xlsx, .csv, .json or .parquet."),
    ] = None,
    what: Annotated[
        What | None, typer.Option(help="Which table, by default traffic; .xlsx holds them all.")
    ] = None,
    decimal_comma: DecimalCommaOption = False,
) -> None:
    """Write the hourly ledger rows, associations, endpoints, notices or times to a file.

    The ending of the file says how: .xlsx (a workbook with sheets and charts), .csv, .json or
    .parquet. `--what times` has the hours' response times with their histograms (t00: less than
    1 ms, then twice as far each), which add up. No cell can become a formula. Period, time zone,
    origin, sensors and version stand in the sheet `about`, in the metadata of Parquet, and beside a
    .csv or .json in NAME-metadata.json.

    Example: `pacsflow export logs/ -o week.xlsx`
    """
    if out is None:
        raise UsageError("name the file: -o week.xlsx, .csv, .json or .parquet")
    ending = out.suffix.lower()
    if ending not in {".xlsx", ".csv", ".json", ".parquet"}:
        raise UsageError(f"{out}: expected a name that ends in .xlsx, .csv, .json or .parquet")
    if not out.parent.is_dir():
        raise UsageError(f"{out.parent}: there is no such folder")
    if ending == ".xlsx" and what:
        raise UsageError("--what has no effect on .xlsx, which holds all tables")
    if ending != ".csv" and decimal_comma:
        raise UsageError(f"--decimal-comma has no effect on {ending}, only on .csv")
    from pacsflow.cli.inputs import asked

    with asked(request) as question:
        if ending == ".xlsx":
            from pacsflow.export.workbook import write_workbook

            write_workbook(question, out, request.clock().said)
        else:
            from pacsflow.export.about import about

            what = what or What.TRAFFIC
            logs = () if what is What.TRAFFIC else (what.value,)
            told = about(question.connection, question.origin, request.clock().said, logs)
            _write(_table(question, what), out, told, decimal_comma=decimal_comma)
    tell(f"{out.resolve()}")


def _table(question: Question, what: What) -> pa.Table:
    where, values = ("origin = ?", [question.origin]) if what is What.TRAFFIC else ("TRUE", [])
    order = ORDER.get(what.value, "ts")
    query = f"SELECT * FROM {what.value} WHERE {where} ORDER BY {order}"
    return question.connection.sql(query, params=values).to_arrow_table()


def _write(table: pa.Table, out: Path, told: dict[str, str], *, decimal_comma: bool) -> None:
    """Write the table; what it is of is the metadata of Parquet, and a file beside the others."""
    from pacsflow.export.rows import to_csv, to_json, to_objects
    from pacsflow.outputs import replacing

    if out.suffix.lower() == ".parquet":
        from pyarrow import parquet

        with replacing(out) as part:
            known = {**(table.schema.metadata or {}), **told}
            parquet.write_table(table.replace_schema_metadata(known), part, compression="zstd")
        return
    rows = [list(row.values()) for row in table.to_pylist()]
    if out.suffix.lower() == ".json":
        text = to_objects(table.column_names, rows)
    else:
        text = to_csv(table.column_names, rows, decimal_comma=decimal_comma)
    beside = out.with_name(f"{out.name}-metadata.json")
    with replacing(out) as part, replacing(beside) as about:  # both, or neither
        part.write_text(text, encoding="utf-8", newline="")
        about.write_text(to_json(told), encoding="utf-8", newline="")
