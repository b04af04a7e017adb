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

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from pacsflow.errors import InputError
from pacsflow.readers.blocks import Block, blocks, has_controls, pieces
from pacsflow.readers.checked import ADDRESSES, DECIMAL, checked, counts, may_be_rounded
from pacsflow.readers.limits import exceeded, limits
from pacsflow.readers.log_kinds import judged
from pacsflow.readers.zeek_values import (
    NO_ZONE,
    SenselessError,
    converter,
    has_no_zone,
    to_counts,
    to_text,
    unescape,
)
from pacsflow.terms.log_fields import (
    CONNECTION,
    COUNTS,
    REQUIRED,
    TEXTS,
    TIME,
    ZEEK_LOGS,
    sensor_field,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator
    from pathlib import Path

    from pacsflow.readers.quality import Quality
    from pacsflow.readers.source import Source

OF_JSON = "a row of JSON in a log with tabs: give the rows of each as a file (grep '^{')"
ESCAPED = re.compile(r"\\x([0-9a-fA-F]{2})")
_KEY = re.compile(
    rb"#(separator|set_separator|empty_field|unset_field|path|fields|types)(?![a-z_])"
)
_KEYS = re.compile(rb"(?m)^" + _KEY.pattern + rb"[^\n]*\n?")
_ROWS = re.compile(rb"(?m)^(?![ \t]*(?:#|\r?$))")
"""Where lines begin that are neither comments nor blank."""
_COMMENTS = re.compile(rb"(?:#[^\n]*+(?:\n|\Z))*+")
_INDENTED = re.compile(
    rb"(?m)^[ \t]+(?=#(?:separator|set_separator|empty_field|unset_field|path|open|close|fields"
    rb"|types)(?![a-z_]))"
)


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


def parse_header(lines: Iterable[bytes], path: Path, line: int = 1) -> Header:
    r"""Return the header; `lines` are the ``#`` lines, `line` the number of the first.

    Field names and types are read by zat. Raises `InputError` without ``#fields`` or where names
    and types do not match.
    """
    told = {"separator": "\\x09", "set_separator": ",", "empty_field": "(empty)"}
    told |= {"unset_field": "-", "path": ""}
    raw_fields = raw_types = b""
    for raw in lines:
        text = raw.decode("utf-8", "replace").rstrip("\r\n")
        if text.startswith("#separator"):
            told["separator"] = text[11:].strip(" ").rstrip("\t") or "\\x09"
            continue
        if raw.startswith(b"#fields"):
            raw_fields = raw
        elif raw.startswith(b"#types"):
            raw_types = raw
        separator = _unescape(told["separator"])
        key, _, value = text[1:].partition(separator)
        if key in told:
            told[key] = value
    separator = _unescape(told["separator"])
    _check_separator(path, raw_fields, separator, line)
    if not raw_fields or len(separator) != 1:
        raise InputError(path, "expected a Zeek log with a #fields line", line=line)
    if raw_fields.count(separator.encode()) > limits().fields:
        raise exceeded(path, "fields", "the header has too many field names", line)
    if raw_types:
        fields, kinds = _zat_field_info(raw_fields + raw_types, separator)
    else:
        fields, kinds = raw_fields.decode("utf-8", "replace").strip().split(separator)[1:], []
    if not fields or (kinds and len(fields) != len(kinds)) or len(set(fields)) != len(fields):
        twice = next((name for name in fields if fields.count(name) > 1), "")
        problem = f"the header has {len(fields)} field names and {len(kinds)} types"
        problem = f"the field {twice[:40]} stands twice in the header" if twice else problem
        raise InputError(path, problem, hint="the log is damaged or was cut", line=line)
    return Header(
        path=told["path"],
        separator=separator,
        set_separator=told["set_separator"] or ",",
        empty=told["empty_field"],
        unset=told["unset_field"],
        fields=tuple(_zeeks_name(name, fields) for name in fields),
        types=tuple(kinds),
    )


def _check_separator(path: Path, fields: bytes, separator: str, line: int) -> None:
    if fields and not fields.startswith(b"#fields" + separator.encode()):
        problem = "its fields are not separated as its line #separator says"
        hint = "a spreadsheet or an editor has changed it: give the log as Zeek wrote it"
        raise InputError(path, problem, hint=hint, line=line)


def _zeeks_name(name: str, fields: Collection[str]) -> str:
    """Return what Zeek calls a field, where a site has other names for sensors and scopes."""
    if name == sensor_field(fields):
        return "sensor"
    scoped = name.replace("id_", "id.", 1)
    return scoped if scoped in CONNECTION and scoped not in fields else name


@lru_cache(maxsize=1024)
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
    for part, header in _parts_with_headers(path, quality):
        yield _rows(part, header, log, quality, columns)


def read_logs(
    source: Source, quality: Quality, columns: Collection[str] | None = None
) -> Iterator[tuple[str, pa.RecordBatch]]:
    """Yield ``(log, rows)`` of a file, each row under the log that its own header declares.

    Rows of logs that are not used, or that stand in another log as well, are counted.
    """
    known: dict[Header, str] = {}
    for part, header in _parts_with_headers(source.path, quality):
        if header not in known:
            log, twin = judged(header.path, source.path.name, header.fields)
            known[header] = log if is_wanted(source, log, twin=twin) else ""
        if log := known[header]:
            yield log, _rows(part, header, log, quality, columns if log == source.log else None)
        else:
            quality.pass_over(header.path or "unknown", len(_ROWS.findall(part.data)))


def is_wanted(source: Source, log: str, *, twin: bool) -> bool:
    """Say whether rows of `log` that stand in `source` are used.

    Connections are hours of traffic, which only a source of conn.log is made into, and which count
    each connection once.
    """
    if log not in ZEEK_LOGS or (twin and not source.twin and log != "conn"):
        return False
    return log == source.log or log not in {"conn", "frames", "sflow"}


def _parts_with_headers(path: Path, quality: Quality) -> Iterator[tuple[Block, Header]]:
    """Yield the runs of rows, each with the header that stands above it."""
    above = _Above(path)
    for block in blocks(path, quality):
        for part in _parts(_without_blanks(block)):
            if part.data.startswith(b"#"):
                above.take(part)
            elif above.header is None and not part.data.strip():
                continue
            elif above.header is None:
                problem = "expected a #fields line before the rows"
                raise InputError(path, problem, line=part.line)
            else:
                yield part, above.header
    if above.header is None:
        raise InputError(path, "expected a Zeek log with a #fields line, found none", line=1)


class _Above:
    """The header that stands above the rows to come, as its lines come by."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.header: Header | None = None
        self._lines: dict[bytes, bytes] = {}
        self._known: dict[tuple[bytes, ...], Header] = {}

    def take(self, part: Block) -> None:
        """Take one ``#`` line; raises `InputError` where a header is damaged, or one too many."""
        found = _KEY.match(part.data)
        if not found:
            return
        if found[1] == b"separator":
            self._lines = {}
        if found[1] == b"fields":
            self._lines.pop(b"types", None)
        self._lines[found[1]] = part.data
        if found[1] not in {b"fields", b"types"} or b"fields" not in self._lines:
            return
        lines = tuple(self._lines.values())
        if lines not in self._known:
            if len(self._known) >= limits().headers:
                raise exceeded(self.path, "headers", "it has too many different headers", part.line)
            self._known[lines] = parse_header(lines, self.path, part.line)
        self.header = self._known[lines]


def _without_blanks(block: Block) -> Block:
    """Return a block whose header lines have no blanks before them."""
    data = block.data
    if b"#" not in data or not (data[:1] in b" \t\r\n" or b"\n " in data or b"\n\t" in data):
        return block
    return block._replace(data=_INDENTED.sub(b"", data))


def _parts(block: Block) -> Iterator[Block]:
    """Split a block into single lines of headers and the runs of rows between them."""
    data, start, line = block.data, 0, block.line
    while start < len(data):
        if data.startswith(b"#", start):
            run = _COMMENTS.match(data, start)
            end = run.end() if run else len(data)
            for told in _KEYS.finditer(data, start, end):
                line += data.count(b"\n", start, told.start())
                start = told.start()
                yield Block(line, told[0], complete=block.complete)
        else:
            # To look for two bytes takes ten times as long as for one.
            found = data.find(b"\n#", start) if data.find(b"#", start) >= 0 else -1
            end = found + 1 if found >= 0 else len(data)
            yield Block(line, data[start:end], complete=block.complete or end < len(data))
        line += data.count(b"\n", start, end)
        start = end


def _rows(
    block: Block, header: Header, log: str, quality: Quality, columns: Collection[str] | None
) -> pa.RecordBatch:
    if b"\r" in block.data and b"\r\n" in block.data:
        block = block._replace(data=block.data.replace(b"\r\n", b"\n"))
    batch = _fast(block, header, log, columns)
    if batch is None:
        batches = []
        for piece in pieces(block):
            made = _fast(piece, header, log, columns) if piece is not block else None
            batches.append(_slow(piece, header, log, quality) if made is None else made)
        batch = batches[0]
        if len(batches) > 1:
            (batch,) = pa.Table.from_batches(batches).combine_chunks().to_batches() or [batch]
    quality.rows += batch.num_rows
    return batch


def _fast(
    block: Block, header: Header, log: str, wanted: Collection[str] | None
) -> pa.RecordBatch | None:
    """Return the block's rows, or None where anything in it is not as it should be."""
    if not (block.complete and block.data.isascii()) or has_controls(block.data):
        return None
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
        if table.num_rows != block.data.count(b"\n") or may_be_rounded(
            block.data, columns.get("ts")
        ):
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
    return pa.string() if kind in (TEXTS, COUNTS) else kind


def _finish(name: str, kind: pa.DataType, column: pa.Array, header: Header) -> pa.Array:
    """Bring one parsed column to its final type; ValueError where a value is out of bounds."""
    if kind == TEXTS:
        lists = _unescaped(pc.split_pattern(column, header.set_separator))
        empty = pc.fill_null(pc.equal(column, header.empty), fill_value=False)
        return pc.if_else(empty, pa.scalar([], TEXTS), lists) if pc.any(empty).as_py() else lists
    if kind == COUNTS:
        return counts(pc.split_pattern(column, header.set_separator))
    if pa.types.is_string(kind) and name not in ADDRESSES:
        nothing = pc.equal(column, header.empty)
        if pc.any(nothing).as_py():
            column = pc.if_else(pc.fill_null(nothing, False), pa.scalar(None, kind), column)
        return _unescaped(column)
    return checked(name, kind, column)


def _unescaped(column: pa.Array) -> pa.Array:
    """Undo the writer's escapes in a column of texts or of lists of texts, where it has any."""
    texts = column.flatten() if pa.types.is_list(column.type) else column
    if not pc.any(pc.match_substring(texts, "\\")).as_py():
        return column
    values = column.to_pylist()
    if pa.types.is_list(column.type):
        return pa.array([v and [unescape(t) for t in v] for v in values], column.type)
    return pa.array([v and unescape(v) for v in values], column.type)


def _slow(block: Block, header: Header, log: str, quality: Quality) -> pa.RecordBatch:
    schema = ZEEK_LOGS[log]
    places = [
        (
            name,
            header.fields.index(name) if name in header.fields else -1,
            _sensible(converter(name, kind), quality)
            if name == "duration"
            else converter(name, kind),
        )
        for name, kind in zip(schema.names, schema.types, strict=True)
    ]
    lists = {name for name, kind in zip(schema.names, schema.types, strict=True) if kind == TEXTS}
    required = set(REQUIRED[log])
    columns: list[list[Any]] = [[] for _ in places]
    lines = block.data.split(b"\n")
    for offset, raw in enumerate(lines):
        if not raw:
            continue
        senseless = quality.senseless
        cells = raw.decode("utf-8", "backslashreplace").split(header.separator)
        try:
            if len(cells) != len(header.fields):
                cut = offset == len(lines) - 1 and not block.complete
                raise ValueError(  # noqa: TRY301 - every bad row takes the one way out
                    OF_JSON
                    if raw.startswith(b"{") and not cut
                    else f"expected {len(header.fields)} columns, found {len(cells)}"
                    + (": the last line is cut" if cut else "")
                )
            row = [
                _value(name, cells[place] if place >= 0 else None, convert, header, lists, required)
                for name, place, convert in places
            ]
        except ValueError as error:
            quality.senseless = senseless
            quality.bad_row(block.line + offset, str(error))
            continue
        if (
            not columns[0]
            and "ts" in header.fields
            and has_no_zone(cells[header.fields.index("ts")])
        ):
            quality.note(NO_ZONE)
        if offset == len(lines) - 1 and not block.complete:
            quality.note("its last line has no end: what stands last in it may be cut")
        for column, value in zip(columns, row, strict=True):
            column.append(value)
    arrays = [pa.array(c, kind) for c, kind in zip(columns, schema.types, strict=True)]
    return pa.record_batch(arrays, schema=schema)


def _sensible(convert: Callable[[str], Any], quality: Quality) -> Callable[[str], Any]:
    """Return what reads durations: one that can be none is not set, and counted."""

    def interval(cell: str) -> float | None:
        try:
            return float(convert(cell))
        except SenselessError:
            quality.senseless += 1
            return None

    return interval


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
        if convert is to_counts:
            return convert(cell, header.set_separator)
        if cell == header.empty and convert is to_text:
            return None
        value = convert(cell)
        return unescape(value) if convert is to_text else value
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None
