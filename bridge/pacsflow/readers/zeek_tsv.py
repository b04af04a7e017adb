"""Reads Zeek's tab-separated logs: zat reads the header, Arrow the rows, bad rows are named.

Arrow parses a block at full speed when all of it is well-formed. When anything in a block is not,
that block is read line by line, so that each bad row is counted and named, and no other is lost.
"""

from __future__ import annotations

import re
import tempfile
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from pacsflow.errors import InputError
from pacsflow.readers.arrays import strings
from pacsflow.readers.blocks import Block, blocks
from pacsflow.readers.values import (
    COUNT_MAX,
    EARLIEST,
    LATEST,
    LONGEST,
    converter,
    to_address,
    to_text,
    unescape,
)
from pacsflow.terms.log_fields import REQUIRED, TEXTS, TIME, ZEEK_LOGS

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

    from pacsflow.readers.quality import Quality

DECIMAL = pa.decimal128(18, 6)
ESCAPED = re.compile(r"\\x([0-9a-fA-F]{2})")
ADDRESSES = {"id.orig_h", "id.resp_h", "host"}


@dataclass(frozen=True, slots=True)
class Header:
    """What the lines that start with ``#`` say about the rows below them."""

    path: str
    separator: str
    set_separator: str
    empty: str
    unset: str
    fields: tuple[str, ...]
    types: tuple[str, ...]


def parse_header(lines: list[bytes], path: Path, line: int = 1) -> Header:
    r"""Return the header; `lines` are the ``#`` lines, `line` the number of the first.

    Field names and types are read by zat. Raises `InputError` without ``#fields`` or where names
    and types do not match.
    """
    told = {"separator": "\\x09", "set_separator": ",", "empty_field": "(empty)"}
    told |= {"unset_field": "-", "path": ""}
    for raw in lines:
        text = raw.decode("utf-8", "replace").rstrip("\r\n")
        if text.startswith("#separator"):
            told["separator"] = text[11:].strip(" ") or "\\x09"
            continue
        separator = _unescape(told["separator"])
        key, _, value = text[1:].partition(separator)
        if key in told:
            told[key] = value
    separator = _unescape(told["separator"])
    names = [raw for raw in lines if raw.startswith(b"#fields")]
    types = [raw for raw in lines if raw.startswith(b"#types")]
    if not names or len(separator) != 1:
        raise InputError(path, "expected a Zeek log with a #fields line", line=line)
    if types:
        fields, kinds = _zat_field_info(b"".join([names[-1], types[-1]]), separator)
    else:
        fields, kinds = names[-1].decode("utf-8", "replace").strip().split(separator)[1:], []
    if not fields or (kinds and len(fields) != len(kinds)) or len(set(fields)) != len(fields):
        problem = f"the header has {len(fields)} field names and {len(kinds)} types"
        raise InputError(path, problem, hint="the log is damaged or was cut", line=line)
    return Header(
        path=told["path"],
        separator=separator,
        set_separator=told["set_separator"] or ",",
        empty=told["empty_field"],
        unset=told["unset_field"],
        fields=tuple(fields),
        types=tuple(kinds),
    )


@lru_cache(maxsize=256)
def _zat_field_info(lines: bytes, separator: str) -> tuple[list[str], list[str]]:
    """Let zat read names and types from a file that holds the header alone, with tabs."""
    from zat.utils.field_info import get_field_info  # noqa: PLC0415 - zat takes 0.3 s to import

    text = lines.decode("utf-8", "replace").replace("\r", "").replace(separator, "\t")
    preamble = "#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n"
    preamble += "#unset_field\t-\n#path\tlog\n#open\t0\n"
    with tempfile.NamedTemporaryFile(suffix=".log") as file:
        file.write((preamble + text.rstrip("\n") + "\n").encode())
        file.flush()
        names, types = get_field_info(file.name)
    return list(names), list(types)


def _unescape(text: str) -> str:
    return ESCAPED.sub(lambda m: chr(int(m.group(1), 16)), text)


def read(
    path: Path, log: str, quality: Quality, columns: Collection[str] | None = None
) -> Iterator[pa.RecordBatch]:
    """Yield the rows of one log in the columns of ``log_fields.ZEEK_LOGS[log]``.

    Where `columns` are given, the others may be null: what nobody asks for is not parsed.
    Concatenated logs (a new header in the middle) are read with the header that applies.
    """
    header: Header | None = None
    pending: list[bytes] = []
    for block in blocks(path, quality):
        for part in _parts(block):
            if part.data.startswith(b"#"):
                pending.append(part.data)
                if part.data.startswith((b"#types", b"#fields")) and any(
                    p.startswith(b"#fields") for p in pending
                ):
                    header = parse_header(pending, path, part.line)
                elif part.data.startswith(b"#separator"):
                    pending = [part.data]
                continue
            if header is None:
                raise InputError(path, "expected a #fields line before the rows", line=part.line)
            yield _rows(part, header, log, quality, columns)
    if header is None:
        raise InputError(path, "expected a Zeek log with a #fields line, found none", line=1)


def _parts(block: Block) -> Iterator[Block]:
    """Split a block into single ``#`` lines and the runs of rows between them."""
    data, start, line = block.data, 0, block.line
    while start < len(data):
        if data.startswith(b"#", start):
            end = data.find(b"\n", start) + 1 or len(data)
        else:
            # To look for two bytes takes ten times as long as for one.
            found = data.find(b"\n#", start) if data.find(b"#", start) >= 0 else -1
            end = found + 1 if found >= 0 else len(data)
        part = data[start:end]
        yield Block(line, part, complete=block.complete or end < len(data))
        line += part.count(b"\n")
        start = end


def _rows(
    block: Block, header: Header, log: str, quality: Quality, columns: Collection[str] | None
) -> pa.RecordBatch:
    if b"\r" in block.data and b"\r\n" in block.data:
        block = block._replace(data=block.data.replace(b"\r\n", b"\n"))
    clean = block.complete and block.data.isascii() and not _has_controls(block.data)
    batch = _fast(block, header, log, columns) if clean else None
    if batch is None:
        batch = _slow(block, header, log, quality)
    quality.rows += batch.num_rows
    return batch


def _has_controls(data: bytes) -> bool:
    """Say whether ASCII text has control characters besides tabs and line ends."""
    codes = np.frombuffer(data, dtype=np.uint8)
    low, tabs, ends = (np.count_nonzero(found) for found in (codes < 32, codes == 9, codes == 10))
    return bool(low != tabs + ends) or b"\x7f" in data


def _fast(
    block: Block, header: Header, log: str, wanted: Collection[str] | None
) -> pa.RecordBatch | None:
    """Return the block's rows, or None where anything in it is not as it should be."""
    schema = ZEEK_LOGS[log]
    there = [
        name for name in schema.names
        if name in header.fields and (wanted is None or name in wanted)
    ]  # fmt: skip
    kinds = {name: _csv_type(schema.field(name).type) for name in there}
    try:
        table = csv.read_csv(
            pa.BufferReader(block.data),
            read_options=csv.ReadOptions(
                column_names=list(header.fields), use_threads=False, block_size=len(block.data) + 1
            ),
            parse_options=csv.ParseOptions(
                delimiter=header.separator, quote_char=False, escape_char=False
            ),
            convert_options=csv.ConvertOptions(
                column_types=kinds,
                include_columns=there,
                null_values=[header.unset],
                strings_can_be_null=True,
                true_values=["T"],
                false_values=["F"],
            ),
        )
        columns = {name: table.column(name).combine_chunks() for name in there}
        if table.num_rows != block.data.count(b"\n"):
            return None
        for name in REQUIRED[log]:
            if name not in columns or columns[name].null_count:
                return None
        arrays = [
            _finish(name, kind, columns[name], header)
            if name in columns
            else pa.nulls(table.num_rows, kind)
            for name, kind in zip(schema.names, schema.types, strict=True)
        ]
    except (pa.ArrowInvalid, ValueError):
        return None
    return pa.record_batch(arrays, schema=schema)


def _csv_type(kind: pa.DataType) -> pa.DataType:
    """Return the type in which Arrow's CSV reader takes a column before `_finish` has it."""
    if kind == TIME:
        return DECIMAL
    return pa.string() if kind == TEXTS else kind


def _finish(name: str, kind: pa.DataType, column: pa.Array, header: Header) -> pa.Array:
    """Bring one parsed column to its final type; ValueError where a value is out of bounds."""
    if kind == TIME:
        micro = _microseconds(column)
        _within(micro, int(EARLIEST) * 1_000_000, int(LATEST) * 1_000_000 - 1)
        return micro.cast(kind)
    if kind == TEXTS:
        lists = _unescaped(pc.split_pattern(column, header.set_separator))
        empty = pc.fill_null(pc.equal(column, header.empty), fill_value=False)
        return pc.if_else(empty, pa.scalar([], TEXTS), lists) if pc.any(empty).as_py() else lists
    if name in ADDRESSES:
        encoded = column.dictionary_encode()
        canonical = strings([to_address(value) for value in encoded.dictionary.to_pylist()])
        return pc.take(canonical, encoded.indices)
    if pa.types.is_string(kind):
        return _unescaped(column)
    if pa.types.is_int32(kind):
        _within(column, 0, 65535)
    elif pa.types.is_int64(kind):
        _within(column, 0, COUNT_MAX)
    elif pa.types.is_floating(kind):
        if not pc.all(pc.is_finite(column)).as_py() and column.null_count < len(column):
            raise ValueError("not finite")
        _within(column, 0, LONGEST if name == "duration" else float("inf"))
    return column


def _microseconds(column: pa.Array) -> pa.Array:
    """Return int64 microseconds of a column of `DECIMAL` seconds: its unscaled integers."""
    words = np.frombuffer(column.buffers()[1], dtype=np.int64)[2 * column.offset :]
    valid = column.is_valid().buffers()[1] if column.null_count else None
    data = pa.py_buffer(np.ascontiguousarray(words[: 2 * len(column) : 2]))
    return pa.Array.from_buffers(pa.int64(), len(column), [valid, data])


def _unescaped(column: pa.Array) -> pa.Array:
    """Undo the writer's escapes in a column of texts or of lists of texts, where it has any."""
    texts = column.flatten() if pa.types.is_list(column.type) else column
    if not pc.any(pc.match_substring(texts, "\\")).as_py():
        return column
    values = column.to_pylist()
    if pa.types.is_list(column.type):
        return pa.array([v and [unescape(t) for t in v] for v in values], column.type)
    return pa.array([v and unescape(v) for v in values], column.type)


def _within(column: pa.Array, low: float, high: float) -> None:
    found = pc.min_max(column).as_py()
    if found["min"] is not None and (found["min"] < low or found["max"] > high):
        raise ValueError("out of bounds")


def _slow(block: Block, header: Header, log: str, quality: Quality) -> pa.RecordBatch:
    schema = ZEEK_LOGS[log]
    places = [
        (name, header.fields.index(name) if name in header.fields else -1, converter(name, kind))
        for name, kind in zip(schema.names, schema.types, strict=True)
    ]
    lists = {name for name, kind in zip(schema.names, schema.types, strict=True) if kind == TEXTS}
    required = set(REQUIRED[log])
    columns: list[list[Any]] = [[] for _ in places]
    lines = block.data.split(b"\n")
    for offset, raw in enumerate(lines):
        if not raw:
            continue
        cells = raw.decode("utf-8", "backslashreplace").split(header.separator)
        try:
            if len(cells) != len(header.fields):
                cut = offset == len(lines) - 1 and not block.complete
                raise ValueError(  # noqa: TRY301 - every bad row takes the one way out
                    f"expected {len(header.fields)} columns, found {len(cells)}"
                    + (": the last line is cut" if cut else "")
                )
            row = [
                _value(name, cells[place] if place >= 0 else None, convert, header, lists, required)
                for name, place, convert in places
            ]
        except ValueError as error:
            quality.bad_row(block.line + offset, str(error))
            continue
        for column, value in zip(columns, row, strict=True):
            column.append(value)
    arrays = [pa.array(c, kind) for c, kind in zip(columns, schema.types, strict=True)]
    return pa.record_batch(arrays, schema=schema)


def _value(
    name: str,
    cell: str | None,
    convert: Any,  # noqa: ANN401 - a converter of any Zeek type
    header: Header,
    lists: set[str],
    required: set[str],
) -> Any:  # noqa: ANN401 - a value of any Arrow type
    if cell is None or cell == header.unset:
        if name in required:
            raise ValueError(f"{name} is not set")
        return None
    try:
        if name in lists:
            if cell == header.empty:
                return []
            return [unescape(to_text(item)) for item in cell.split(header.set_separator)]
        value = convert(cell)
        return unescape(value) if convert is to_text else value
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None
