"""Writes rows as CSV and JSON: text that hides nothing, no cell that a spreadsheet runs."""

from __future__ import annotations

import csv
import io
import math
import re
from dataclasses import fields, is_dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import orjson

from pacsflow.printable import escape_controls

if TYPE_CHECKING:
    from collections.abc import Sequence

FORMULA = re.compile(r"(^|[;\t|,])([\s'\"]*)(?=[=+\-@\uff1d\uff0b\uff0d\uff20])")
"""Where a formula may begin: at a cell's start, or after what another locale takes for the end of
a cell (a list separator); Excel takes the wide signs of Japanese keyboards, too."""


def plain_cell(cell: Any) -> Any:  # noqa: ANN401 - a cell is of any type
    """Return a cell as CSV holds it: no formula, times in ISO 8601, numbers without an exponent."""
    if isinstance(cell, (list, tuple)):
        cell = ", ".join(map(str, cell))
    if isinstance(cell, str):
        return FORMULA.sub(r"\1\2'", escape_controls(cell))
    if isinstance(cell, float):
        return spread(cell) if math.isfinite(cell) else None
    return iso(cell)


def spread(value: float) -> str:
    """Return a number that no spreadsheet takes for another one, whatever its decimal sign is.

    Where a point groups thousands, 1.234 would be read as 1234: 1.2340 is not. Whole ones need no
    point at all.
    """
    whole, _, decimals = positional(value).partition(".")
    if not decimals.strip("0"):
        return "0" if whole == "-0" else whole
    return f"{whole}.{decimals}" + ("0" if len(decimals) == 3 else "")


def positional(value: float) -> str:
    """Return all digits of a finite number, never with an exponent."""
    text = repr(value)
    return format(Decimal(text), "f") if "e" in text else text


def iso(value: Any) -> Any:  # noqa: ANN401 - likewise
    """Return a time as text in ISO 8601, UTC as Z; anything else as it is."""
    return value.isoformat().replace("+00:00", "Z") if hasattr(value, "isoformat") else value


def to_csv(
    columns: Sequence[str], rows: Sequence[Sequence[Any]], *, decimal_comma: bool = False
) -> str:
    """Return RFC 4180 text, with a header.

    With `decimal_comma` it is as spreadsheets write it in languages with one: semicolons between
    cells, and a byte order mark, by which Excel knows UTF-8.
    """
    text = io.StringIO()
    if decimal_comma:
        text.write("\ufeff")
    writer = csv.writer(text, delimiter=";" if decimal_comma else ",")
    made = _with_comma if decimal_comma else plain_cell
    writer.writerow([plain_cell(column) for column in columns])
    writer.writerows([made(cell) for cell in row] for row in rows)
    return text.getvalue()


def _with_comma(cell: Any) -> Any:  # noqa: ANN401 - a cell is of any type
    made = plain_cell(cell)
    return made.replace(".", ",") if isinstance(cell, float) and made else made


def to_json(value: object) -> str:
    """Return JSON text of lists, dictionaries, dataclasses and cells; what is no number is null."""
    how = orjson.OPT_INDENT_2 | orjson.OPT_SERIALIZE_NUMPY
    return orjson.dumps(_json(value), option=how).decode() + "\n"


def to_line(value: object) -> str:
    """Return JSON text on one line."""
    return orjson.dumps(_json(value), option=orjson.OPT_SERIALIZE_NUMPY).decode() + "\n"


def to_objects(
    columns: Sequence[str], rows: Sequence[Sequence[Any]], remarks: Sequence[dict[str, Any]] = ()
) -> str:
    """Return JSON text: a list with an object for each row, and one of `remarks` behind them."""
    made: list[dict[str, Any]] = [dict(zip(columns, row, strict=True)) for row in rows]
    return to_json([*made, *([{"remarks": list(remarks)}] if remarks else [])])


def _field(value: Any) -> Any:  # noqa: ANN401 - likewise
    """Return a field of a dataclass; its times keep their offset."""
    return value.isoformat() if hasattr(value, "isoformat") else _json(value)


def _json(value: Any) -> Any:  # noqa: ANN401 - likewise
    if is_dataclass(value):
        return {f.name: _field(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, str):
        return escape_controls(str(value))
    if isinstance(value, dict):
        return {escape_controls(str(key)): _json(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_json(item) for item in value]
    return iso(value)
