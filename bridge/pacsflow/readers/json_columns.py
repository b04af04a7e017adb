"""Reads lines of Zeek's JSON as whole columns, where every row of them is as Zeek writes it.

Whatever is not (another shape, another type, an escape, a number too large) is told by None: then
the lines are read one by one, with all that shippers do to them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import json

from pacsflow.readers.blocks import Block, has_controls
from pacsflow.readers.checked import ADDRESSES, DECIMAL, checked, counts, may_be_rounded
from pacsflow.terms.log_fields import COUNTS, REQUIRED, SENSOR_NAMES, TEXTS, TIME, ZEEK_LOGS

if TYPE_CHECKING:
    from collections.abc import Collection

UNSET = ("", "-", "(empty)")
"""What Zeek's tab-separated logs, and shippers that read them, write for nothing."""
ELSEWHERE = ("id", "id_orig_h", "id_orig_p", "id_resp_h", "id_resp_p")
"""Where shippers keep addresses and ports: rows that have any of these are not Zeek's own."""
NO_NUMBER = re.compile(rb"[:,\[] *-?(?:NaN|Inf)")
"""What Arrow takes for a number, and JSON does not."""
PATHS = ("_path", "_log_type")


def columns_of(
    block: Block, log: str, declared: str, wanted: Collection[str] | None
) -> pa.RecordBatch | None:
    """Return the rows of a block of lines, or None where any of them is not as it should be.

    Parameters
    ----------
    log
        Whose columns they have.
    declared
        The path that all of them must declare; empty where none may declare one.
    wanted
        The columns that are asked for: others may be null.
    """
    data = block.data
    if not (block.complete and data.isascii()) or has_controls(data):
        return None
    if any(sign in data for sign in (b"\\", b"\r", b"\t")):
        return None
    if (b"NaN" in data or b"Inf" in data) and NO_NUMBER.search(data):
        return None
    schema = ZEEK_LOGS[log]
    names = [n for n in schema.names if wanted is None or n in wanted or n in REQUIRED[log]]
    kinds = {n: _json_type(schema.field(n).type) for n in names}
    others = {n: pa.string() for n in (*PATHS, *ELSEWHERE, *SENSOR_NAMES)}
    try:
        table = json.read_json(
            pa.BufferReader(data),
            read_options=json.ReadOptions(use_threads=False, block_size=len(data) + 1),
            parse_options=json.ParseOptions(
                explicit_schema=pa.schema(kinds | others), unexpected_field_behavior="ignore"
            ),
        )
        there = {name: table.column(name).combine_chunks() for name in table.schema.names}
        if not _is_plain(data, table.num_rows, there, declared):
            return None
        if may_be_rounded(data, there.get("ts")):
            return None
        arrays = [
            _finished(name, schema.field(name).type, _sensor(there) if name == "sensor" else told)
            if (told := there.get(name)) is not None and name in kinds
            else pa.nulls(table.num_rows, schema.field(name).type)
            for name in schema.names
        ]
    except (pa.ArrowInvalid, ValueError):
        return None
    batch = pa.record_batch(arrays, schema=schema)
    return None if any(batch[name].null_count for name in REQUIRED[log]) else batch


def _json_type(kind: pa.DataType) -> pa.DataType:
    return DECIMAL if kind == TIME else pa.list_(pa.int64()) if kind == COUNTS else kind


def _is_plain(data: bytes, rows: int, there: dict[str, pa.Array], declared: str) -> bool:
    """Say whether each line is one row, of one log, with nothing where shippers put it."""
    if not rows or data.count(b"}\n") != rows or data.count(b"\n") != rows:
        return False
    if any(there[name].null_count < rows for name in ELSEWHERE):
        return False
    if declared:
        return bool(pc.all(pc.fill_null(pc.equal(there["_path"], declared), False)).as_py())
    return all(there[name].null_count == rows for name in PATHS)


def _sensor(there: dict[str, pa.Array]) -> pa.Array:
    """Return who saw the rows; ValueError where several columns may say so."""
    told = [there[n] for n in ("sensor", *SENSOR_NAMES) if there[n].null_count < len(there[n])]
    if len(told) > 1:
        raise ValueError("several columns name a sensor")
    return told[0] if told else there["sensor"]


def _finished(name: str, kind: pa.DataType, column: pa.Array) -> pa.Array:
    if kind == TEXTS:
        if column.flatten().null_count:
            raise ValueError("null in a set")
        return column
    if kind == COUNTS:
        return counts(column)
    if pa.types.is_string(kind) and name not in ADDRESSES:
        unset = pc.is_in(column, pa.array(UNSET))
        if pc.any(unset).as_py():
            return pc.if_else(unset, pa.scalar(None, kind), column)
        return column
    return checked(name, kind, column)
