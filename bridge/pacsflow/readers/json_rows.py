"""Turns rows of JSON into the columns of a log: together where all are plain, else one by one."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from pacsflow.readers.checked import ADDRESSES, checked
from pacsflow.readers.json_columns import UNSET
from pacsflow.readers.zeek_values import (
    SenselessError,
    converter,
    has_no_zone,
    to_address,
    to_texts,
    to_time,
)
from pacsflow.terms.log_fields import COUNTS, REQUIRED, TEXTS, TIME, ZEEK_LOGS, sensor_field

if TYPE_CHECKING:
    from collections.abc import Callable

PIECE = 512
"""So many rows are tried together where something is odd in more of them."""


class _Field(NamedTuple):
    """A column, and how its values are read."""

    name: str
    kind: pa.DataType
    convert: Callable[[Any], Any]
    required: bool
    outer: str
    inner: str


class Rows:
    """The rows of one log, as they come, each with the number of its line.

    Attributes
    ----------
    senseless
        Durations of rows that were returned which can be none, and are not set in them.
    zoneless
        Whether a row came whose time says no zone.
    """

    def __init__(self, log: str) -> None:
        self.schema = ZEEK_LOGS[log]
        self.fields = [
            _Field(n, t, converter(n, t), n in REQUIRED[log], *_nested(n))
            for n, t in zip(self.schema.names, self.schema.types, strict=True)
        ]
        self.lines: list[int] = []
        self.rows: list[dict[str, Any]] = []
        self.senseless, self.zoneless = 0, False

    def add(self, line: int, row: dict[str, Any]) -> None:
        """Keep one row."""
        self.lines.append(line)
        self.rows.append(row)
        self.zoneless = self.zoneless or has_no_zone(row.get("ts"))

    def batch(self, bad: dict[int, str]) -> pa.RecordBatch:
        """Return the rows, and forget them; lines of those that cannot be read go to `bad`."""
        lines, rows = self.lines, self.rows
        self.lines, self.rows = [], []
        if (whole := self._together(rows)) is not None:
            return whole
        parts = [self._one_by_one([], [], bad)]
        for start in range(0, len(rows), PIECE):
            some = rows[start : start + PIECE]
            part = self._together(some) if len(rows) > PIECE else None
            if part is None:
                part = self._one_by_one(lines[start : start + PIECE], some, bad)
            parts.append(part)
        return pa.concat_batches(parts)

    def _together(self, rows: list[dict[str, Any]]) -> pa.RecordBatch | None:
        """Return rows whose values are all of their column's type; None where any is not."""
        try:
            arrays = [_column(field, rows) for field in self.fields]
        except (ValueError, TypeError, OverflowError, pa.ArrowException):
            return None
        return pa.record_batch(arrays, schema=self.schema)

    def _one_by_one(
        self, lines: list[int], rows: list[dict[str, Any]], bad: dict[int, str]
    ) -> pa.RecordBatch:
        columns: list[list[Any]] = [[] for _ in self.fields]
        for line, row in zip(lines, rows, strict=True):
            try:
                values, senseless = _values(row, self.fields)
            except ValueError as error:
                bad[line] = str(error)
                continue
            self.senseless += senseless
            for column, value in zip(columns, values, strict=True):
                column.append(value)
        arrays = [pa.array(c, kind) for c, kind in zip(columns, self.schema.types, strict=True)]
        return pa.record_batch(arrays, schema=self.schema)


def _nested(name: str) -> tuple[str, str]:
    """Return the object, and the name in it, under which a field with a dot stands as well."""
    outer, dot, inner = name.partition(".")
    return (outer, inner) if dot else ("", "")


def _value(row: dict[str, Any], field: _Field) -> Any:  # noqa: ANN401 - of JSON
    """Return what a row has for a field, under its own name or another."""
    value = row.get(field.name)
    if value is not None:
        return value
    if field.outer:
        nested = row.get(field.outer)
        return nested.get(field.inner) if isinstance(nested, dict) else None
    return row.get(sensor_field(row) or "") if field.name == "sensor" else None


def _column(field: _Field, rows: list[dict[str, Any]]) -> pa.Array:
    """Return a column; raises an error of Arrow, a ValueError or a TypeError where it is odd."""
    name, kind = field.name, field.kind
    if field.outer or name == "sensor":
        values = [_value(row, field) for row in rows]
    else:
        values = [row.get(name) for row in rows]
    if kind == TIME:
        values = [None if value is None else to_time(value) for value in values]
    elif name in ADDRESSES:
        values = [None if value is None else to_address(value) for value in values]
    elif kind == TEXTS:
        if any(type(value) is str for value in values):
            raise ValueError("one by one")
        values = [None if value is None else to_texts(value) for value in values]
    elif not _plain_types(kind).issuperset(map(type, values)):
        raise ValueError("one by one")
    made = pa.array(values, kind)
    if field.required and made.null_count:
        raise ValueError(f"{name} is not set")
    if pa.types.is_string(kind) and name not in ADDRESSES:
        return _plain_texts(made)
    return made if kind in (TIME, TEXTS) or name in ADDRESSES else checked(name, kind, made)


@cache
def _plain_types(kind: pa.DataType) -> frozenset[type]:
    """Return the types of values that Arrow takes for what they are: it makes 1 of 1.5."""
    if kind == COUNTS:
        return frozenset({type(None)})
    if pa.types.is_integer(kind):
        return frozenset({int, type(None)})
    if pa.types.is_floating(kind):
        return frozenset({float, int, type(None)})
    return frozenset({bool if pa.types.is_boolean(kind) else str, type(None)})


def _plain_texts(column: pa.Array) -> pa.Array:
    """Return texts that can be shown as they are; ValueError where some cannot."""
    if column.null_count == len(column):
        return column
    if (
        not pc.all(pc.ascii_is_printable(column)).as_py()
        or pc.any(pc.is_in(column, pa.array(UNSET))).as_py()
    ):
        raise ValueError("one by one")
    return column


def _values(row: dict[str, Any], fields: list[_Field]) -> tuple[list[Any], int]:
    """Return one row's values, and how many durations can be none; ValueError for others so."""
    values: list[Any] = []
    senseless = 0
    for field in fields:
        value = _value(row, field)
        if type(value) is list and len(value) == 1 and field.kind != TEXTS:
            value = value[0]
        if value is None or (type(value) is str and value in UNSET):
            if field.required:
                raise ValueError(f"{field.name} is not set")
            values.append(None)
            continue
        try:
            values.append(field.convert(value))
        except (ValueError, TypeError) as error:
            if field.name == "duration" and isinstance(error, SenselessError):
                values.append(None)
                senseless += 1
                continue
            raise ValueError(f"{field.name}: {error}") from None
    return values, senseless
