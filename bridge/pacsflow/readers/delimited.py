"""Reads delimited text (csv, tsv, semicolons) as columns of cells, a row a line.

A quote that is never closed must not swallow the rows behind it: a row ends where its line ends,
unless what follows is no row of its own and closes the quote.
"""

from __future__ import annotations

import csv
import itertools
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

from pacsflow.errors import InputError
from pacsflow.readers.arrays import strings
from pacsflow.readers.blocks import BLOCK, blocks
from pacsflow.readers.cells import Cells, joined, needed, without_blank
from pacsflow.readers.columns import BESIDE, Header, beside, read_header
from pacsflow.readers.limits import exceeded, limits
from pacsflow.readers.quality import Quality

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

DELIMITERS = ",;\t|"
HEADER_WITHIN = 50
"""The header stands in one of the first so many lines."""
MOST_LINES = 20
"""A cell may go over so many lines."""
_OF_TSHARK = re.compile(r"[\"']?[a-z_][a-z0-9_]*(?:\.[A-Za-z0-9_]+)+[\"']?([^\w.\"'])")
"""A header as ``tshark -T fields -E separator=`` writes it."""
_IN_SINGLE = re.compile(rb"'[^']*'(?:[^\w' ]|\r?$)")
_NEWLINE = ord("\n")
_RULE = b"+-=|: \r"
"""What the lines are made of that databases' clients draw around tables."""
_RULED = np.frombuffer(b"+-=|", dtype=np.uint8)


class Reads(Protocol):
    """Says what header some names are, and whether they are one."""

    def __call__(self, names: list[str], *, delimiter: str = "") -> Header | None:
        """Return the header, or None."""


@dataclass(frozen=True, slots=True)
class Layout:
    """How a table is written, from its header on."""

    line: int
    """Lines before the header."""
    text: bytes
    """The header as it is written."""
    delimiter: str
    header: Header
    quote: str = '"'
    """What stands around cells; ``tshark -E quote=s`` writes another one than is usual."""


class Part(NamedTuple):
    """Rows of a table and the header that stands above them."""

    header: Header
    cells: Cells
    number: int = 0
    """So many headers stand above that one."""
    log: str = ""
    """The log of Zeek's whose rows these are, where the table itself says it."""


def find_header(text: bytes, read: Reads = read_header) -> Layout | None:
    """Return the first line that is a header, and its delimiter.

    What a header is says `read`: by default one that names at least two columns of frames.
    """
    told = ""
    lines = text.split(b"\n", HEADER_WITHIN + 1)
    for number, raw in enumerate(lines[:HEADER_WITHIN]):
        line = _decoded(raw).removeprefix("\ufeff").rstrip("\r\n")
        if found := re.fullmatch(r'"?sep=([,;\t|])"?', line.strip(" ")):
            told = found[1]
            continue
        delimiter = told or _delimiter(line)
        header = read(_split(line, delimiter), delimiter=delimiter)
        if header is not None:
            return Layout(number, raw, delimiter, header, _quote(lines[number : number + 2]))
    return None


def split(raw: bytes, layout: Layout) -> list[str]:
    """Return the cells of one line of a table."""
    return _split(_decoded(raw).rstrip("\r\n"), layout.delimiter, layout.quote)


def _quote(lines: list[bytes]) -> str:
    """Return the quote around the cells of a header, or of the row below it."""
    return "'" if any(map(_IN_SINGLE.match, lines)) else '"'


def _delimiter(line: str) -> str:
    """Return what separates the names of a header: of tshark's fields, any sign may."""
    found = _OF_TSHARK.match(line)
    return found[1] if found else max(DELIMITERS, key=line.count)


def _decoded(raw: bytes) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("cp1252", "replace")


def _split(line: str, delimiter: str, quote: str = '"') -> list[str]:
    try:
        return next(csv.reader([line], delimiter=delimiter, quotechar=quote), [])
    except csv.Error:
        return line.split(delimiter)


def read(
    path: Path,
    quality: Quality,
    columns: Collection[str] | None,
    *,
    block: int = BLOCK,
    find: Callable[[bytes], Layout | None] = find_header,
) -> Iterator[Part]:
    """Yield the rows under the header, and under each other header further on, as `find` knows it.

    Raises
    ------
    InputError
        If none of the first lines names two columns of frames.
    """
    layout: Layout | None = None
    rest, rest_line, sections, whole_blocks = b"", 0, 0, 0
    for number, data, complete in blocks(path, quality, size=block):
        text, line, whole_blocks = _utf8(data, quality), number, whole_blocks + 1
        if layout is None:
            layout = _layout(path, text, find)
            text = (
                text.split(b"\n", layout.line + 1)[-1] if text.count(b"\n") > layout.line else b""
            )
            line += layout.line + 1
        elif rest:
            text, line = rest + text, rest_line
        text, rest = _without_open_end(text, layout.quote.encode()) if complete else (text, b"")
        rest_line = line + text.count(b"\n")
        for layout, start, part in _sections(text, line, layout, find):  # noqa: B020
            sections += 1
            if sections - whole_blocks > limits().headers:
                raise exceeded(path, "headers", "it has too many headers", start)
            for each, cells in _each(part, start, layout, quality, columns):
                yield Part(each, cells, sections - whole_blocks)
    if rest and layout is not None:
        for each, cells in _each(rest, rest_line, layout, quality, columns):
            yield Part(each, cells, sections - whole_blocks)
    if layout is None:
        problem = f"no header in it; {quality.examples[0]}" if quality.examples else "it is empty"
        raise InputError(path, problem, hint="a table of frames was expected")


def _each(
    text: bytes, line: int, layout: Layout, quality: Quality, columns: Collection[str] | None
) -> Iterator[tuple[Header, Cells]]:
    """Yield the rows of each of the tables that stand beside each other; of most, of one."""
    headers = beside(layout.header)
    if len(headers) == 1:
        yield layout.header, _parse(text, line, layout, quality, columns)
        return
    quality.note(BESIDE % len(headers))
    for header in headers:
        cells = _parse(text, line, replace(layout, header=header), quality, columns)
        yield header, without_blank(cells)
        quality = Quality()  # what is wrong with a line is said once


def preview(path: Path, name: str) -> Iterator[pa.Array]:
    """Yield the whole of one column."""
    for part in read(path, Quality(path=str(path)), [name]):
        if name in part.cells.columns:
            yield part.cells.columns[name]


def _layout(path: Path, text: bytes, find: Callable[[bytes], Layout | None]) -> Layout:
    layout = find(text)
    if layout is None:
        shown = _decoded(text.partition(b"\n")[0][:320]).removeprefix("\ufeff")
        raise InputError(
            path,
            f"no column of frames in {shown[:80]!r}",
            hint="Time, Protocol, Source, Destination, Length, ... were expected",
            line=1,
        )
    if len(layout.header.names) > limits().fields:
        raise exceeded(path, "fields", "the header has too many columns", layout.line + 1)
    return layout


def _sections(
    text: bytes, line: int, layout: Layout, find: Callable[[bytes], Layout | None]
) -> Iterator[tuple[Layout, int, bytes]]:
    """Split text at headers that are repeated, or that follow with another table."""
    start, ends = 0, _ends(text)
    for place in _candidates(text, ends, layout):
        begin = int(ends[place - 1]) + 1 if place else 0
        raw = text[begin : int(ends[place])]
        if raw.rstrip(b"\r") == layout.text.rstrip(b"\r"):
            found: Layout | None = layout
        else:
            found = find(raw)
            if found is not None and len(found.header.places) < 3:
                found = None
        if found is None:
            continue
        yield layout, line, text[start:begin]
        line += text.count(b"\n", start, begin) + 1
        start, layout = int(ends[place]) + 1, found
    yield layout, line, text[start:]


def _ends(text: bytes) -> NDArray[np.int64]:
    return np.flatnonzero(np.frombuffer(text, dtype=np.uint8) == _NEWLINE)


def _candidates(text: bytes, ends: NDArray[np.int64], layout: Layout) -> list[int]:
    """Return the lines that may be headers: those without a digit, and copies of the header."""
    raw = np.frombuffer(text, dtype=np.uint8)
    digits = np.flatnonzero((raw >= ord("0")) & (raw <= ord("9")))
    bounds = np.searchsorted(digits, np.concatenate([[0], ends]))
    bare = np.flatnonzero(np.diff(bounds) == 0)
    found = set(bare[:10_000].tolist())
    copy, place = layout.text + b"\n", -1
    while (place := text.find(copy, place + 1)) >= 0:
        if place == 0 or text[place - 1] == _NEWLINE:
            found.add(int(np.searchsorted(ends, place)))
    return sorted(found)


def _utf8(data: bytes, quality: Quality) -> bytes:
    """Return text as UTF-8 with plain line ends; what is not UTF-8 is taken for Windows-1252."""
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        quality.note("not all text is UTF-8; it was read as Windows-1252")
        data = data.decode("cp1252", "replace").encode("utf-8")
    if b"\r" in data:
        data = data.replace(b"\r\n", b"\n").replace(b"\r", b" ")
    return data


def _without_open_end(text: bytes, quote: bytes) -> tuple[bytes, bytes]:
    """Split off lines at the end whose quote the next block may close."""
    lines = text.removesuffix(b"\n").rsplit(b"\n", MOST_LINES)
    opened = -1
    for number, raw in enumerate(lines):
        if raw.count(quote) % 2 and (number or len(lines) <= MOST_LINES):
            opened = number if opened < 0 else -1
    if opened < 0 or (opened == 0 and len(lines) == 1):
        return text, b""
    rest = b"\n".join([*lines[opened:], b""])
    return text[: len(text) - len(rest)], rest


def _parse(
    data: bytes, line: int, layout: Layout, quality: Quality, columns: Collection[str] | None
) -> Cells:
    asked = needed(layout.header, columns)
    data, lines = _whole_lines(data, line, layout, quality)
    width = len(layout.header.names)
    places = sorted({place for found in asked.values() for place in found})
    if not lines.size:
        return Cells(lines, {name: strings([]) for name in asked})
    made, refused = _table(data, layout, places, len(lines))
    for place in refused:
        quality.bad_row(int(lines[place]), f"expected {width} columns")
    made = {place: _without_formulas(column) for place, column in made.items()}
    return Cells(
        np.delete(lines, refused),
        {name: joined([made[place] for place in found]) for name, found in asked.items()},
    )


def _without_formulas(column: pa.Array) -> pa.Array:
    """Return as text what a program wrote so that spreadsheets keep it text.

    That is ``="text"``, and an apostrophe before what begins like a number.
    """
    if pc.any(pc.starts_with(column, '="')).as_py():
        column = pc.replace_substring_regex(column, r'^="(.*)"$', r"\1")
    if pc.any(pc.starts_with(column, "'")).as_py():
        column = pc.replace_substring_regex(column, r"^'(\d[^']*)$", r"\1")
    return column


def _table(
    data: bytes, layout: Layout, places: list[int], count: int
) -> tuple[dict[int, pa.Array], list[int]]:
    """Return the columns at some places, and the lines that have another number of columns."""
    refused: list[int] = []
    width = len(layout.header.names)

    def refuse(row: pacsv.InvalidRow) -> str:
        refused.append(row.number - 1)
        return "skip"

    names = [str(i) for i in range(width)]
    try:
        table = pacsv.read_csv(
            pa.BufferReader(data),
            pacsv.ReadOptions(column_names=names, use_threads=False, block_size=len(data) + 1),
            pacsv.ParseOptions(
                delimiter=layout.delimiter,
                quote_char=layout.quote,
                ignore_empty_lines=False,
                invalid_row_handler=refuse,
            ),
            pacsv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()),
                include_columns=[str(place) for place in places],
                null_values=[""],
                strings_can_be_null=True,
                quoted_strings_can_be_null=True,
            ),
        ).combine_chunks()
    except pa.ArrowInvalid:
        return _one_by_one(data, layout, places)
    if table.num_rows + len(refused) != count:
        return _one_by_one(data, layout, places)
    return {place: _one_chunk(table[str(place)]) for place in places}, refused


def _one_by_one(
    data: bytes, layout: Layout, places: list[int]
) -> tuple[dict[int, pa.Array], list[int]]:
    """Read the lines one by one: quotes that stand inside a cell make others differ."""
    columns: dict[int, list[str | None]] = {place: [] for place in places}
    refused: list[int] = []
    for number, raw in enumerate(data.removesuffix(b"\n").split(b"\n")):
        cells = _split(_decoded(raw), layout.delimiter, layout.quote)
        if len(cells) != len(layout.header.names):
            refused.append(number)
            continue
        for place, column in columns.items():
            column.append(cells[place] or None)
    return {place: strings(column) for place, column in columns.items()}, refused


def _one_chunk(column: pa.ChunkedArray) -> pa.Array:
    return column.chunk(0) if column.num_chunks == 1 else strings([])


def _whole_lines(
    data: bytes, line: int, layout: Layout, quality: Quality
) -> tuple[bytes, NDArray[np.int64]]:
    """Return the rows whose quotes are closed and that are not empty, and their lines' numbers."""
    if data and not data.endswith(b"\n"):
        data += b"\n"
    raw = np.frombuffer(data, dtype=np.uint8)
    ends = _ends(data)
    numbers = line + np.arange(len(ends), dtype=np.int64)
    starts = np.concatenate([[0], ends[:-1] + 1]) if ends.size else ends
    quotes = np.searchsorted(np.flatnonzero(raw == ord(layout.quote)), np.append(starts, len(raw)))
    odd = np.diff(quotes) % 2 == 1
    short = np.flatnonzero(ends - starts < 3 * len(layout.header.names))
    empty = np.zeros(len(ends), dtype=np.bool_)
    nothing = f' \t"{layout.delimiter}{layout.quote}'.encode()
    empty[[i for i in short.tolist() if not data[starts[i] : ends[i]].strip(nothing)]] = True
    ruled = np.flatnonzero(np.isin(raw[starts], _RULED)) if ends.size else short
    empty[[i for i in ruled.tolist() if not data[starts[i] : ends[i]].strip(_RULE)]] = True
    if not (odd.any() or empty.any()):
        return data, numbers
    lines = data.split(b"\n")
    over, taken = _cells_over_lines(lines, np.flatnonzero(odd).tolist(), layout)
    kept: list[bytes] = []
    kept_numbers: list[int] = []
    for place in range(len(ends)):
        if place in over:
            kept.append(over[place])
        elif place in taken or empty[place]:
            continue
        elif odd[place]:
            quality.bad_row(int(numbers[place]), "a quote is opened and not closed")
            continue
        else:
            kept.append(lines[place])
        kept_numbers.append(int(numbers[place]))
    return b"\n".join([*kept, b""]), np.array(kept_numbers, dtype=np.int64)


def _cells_over_lines(
    lines: list[bytes], odd: list[int], layout: Layout
) -> tuple[dict[int, bytes], set[int]]:
    """Return rows whose cell goes over several lines, and the lines that belong to them.

    A line that has as many columns as the header is a row of its own.
    """
    delimiter = layout.delimiter.encode()
    width = len(layout.header.names)
    over: dict[int, bytes] = {}
    taken: set[int] = set()
    for first, last in itertools.pairwise(odd):
        if first in taken or last - first > MOST_LINES:
            continue
        following = lines[first + 1 : last + 1]
        if any(more.count(delimiter) + 1 >= width for more in following):
            continue
        whole = b" ".join(lines[first : last + 1])
        if len(_split(_decoded(whole), layout.delimiter, layout.quote)) == width:
            over[first] = whole
            taken.update(range(first + 1, last + 1))
    return over, taken
