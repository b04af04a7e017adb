"""`export`: ledger rows, associations and endpoints for other programs."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import typer

from pacsflow.cli import app
from pacsflow.cli.common import (
    Inputs,
    InventoryOption,
    LedgerOption,
    OriginOption,
    PseudonymOption,
    Question,
    asked,
    key_of,
    to_csv,
)
from pacsflow.errors import UsageError
from pacsflow.outputs import replacing, write_bytes, write_text

ORDER = {"traffic": "hour, source, destination, service, origin", "endpoints": "ts, host"}


class What(StrEnum):
    """Which table."""

    TRAFFIC = "traffic"
    ASSOCIATIONS = "associations"
    ENDPOINTS = "endpoints"
    NOTICES = "notices"


@app.command(rich_help_panel="Look")
def export(
    inputs: Inputs = None,
    out: Annotated[
        Path | None,
        typer.Option("-o", "--out", help="A file ending in .xlsx, .csv, .json or .parquet."),
    ] = None,
    what: Annotated[What, typer.Option(help="Which table; .xlsx holds them all.")] = What.TRAFFIC,
    ledger: LedgerOption = None,
    inventory: InventoryOption = None,
    origin: OriginOption = "",
    pseudonymise: PseudonymOption = None,
) -> None:
    """Write the hourly ledger rows, associations, endpoints or notices to a file.

    The ending of the file says how: .xlsx (a workbook with sheets and charts), .csv, .json or
    .parquet. No cell can become a formula.

    Example: `pacsflow export logs/ -o week.xlsx`
    """
    if out is None:
        raise UsageError("name the file: -o week.xlsx, .csv, .json or .parquet")
    ending = out.suffix.lower()
    if ending not in {".xlsx", ".csv", ".json", ".parquet"}:
        raise UsageError(f"{out}: expected a name that ends in .xlsx, .csv, .json or .parquet")
    if not out.parent.is_dir():
        raise UsageError(f"{out.parent}: there is no such folder")
    with asked(inputs, ledger, inventory, origin, pseudonyms=key_of(pseudonymise)) as question:
        if ending == ".xlsx":
            from pacsflow.export.workbook import write_workbook  # noqa: PLC0415 - only here

            write_workbook(question, out)
        else:
            _write(_table(question, what), out, ending)
    sys.stdout.write(f"{out.resolve()}\n")


def _table(question: Question, what: What) -> pa.Table:
    where, values = ("origin = ?", [question.origin]) if what is What.TRAFFIC else ("TRUE", [])
    order = ORDER.get(what.value, "ts")
    query = f"SELECT * FROM {what.value} WHERE {where} ORDER BY {order}"
    return question.connection.sql(query, params=values).to_arrow_table()


def _write(table: pa.Table, out: Path, ending: str) -> None:
    if ending == ".parquet":
        with replacing(out) as part:
            pq.write_table(table, part, compression="zstd")
        return
    rows = table.to_pylist()
    for row in rows:
        for name, value in row.items():
            if hasattr(value, "isoformat"):
                row[name] = value.isoformat().replace("+00:00", "Z")
    if ending == ".json":
        write_bytes(out, orjson.dumps(rows, option=orjson.OPT_INDENT_2))
    else:
        write_text(out, to_csv(table.column_names, [list(row.values()) for row in rows]))
