"""Reads the cells of a workbook (ECMA-376) as a stream, a few megabytes of its sheet at a time.

Programs write the rows of a table all alike. A pattern made of one row reads all rows that are
written as it is at the speed of the unpacking; any row that is not goes through an XML parser.
"""

from __future__ import annotations

import re
import zipfile
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING
from xml.parsers import expat
from xml.sax.saxutils import escape

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pacsflow.errors import InputError
from pacsflow.readers.arrays import from_bytes, integers, strings
from pacsflow.readers.cells import Cells, portuguese
from pacsflow.readers.columns import match_columns
from pacsflow.readers.workbook import Workbook, cell_texts, rows_of, unescape

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from pacsflow.readers.quality import Quality

CHUNK = 4 << 20
LONGEST_ROW = 8 << 20
MOST_PATTERNS = 12
HEADER_WITHIN = 50
"""The header stands in one of the first so many rows."""

_ROW = re.compile(rb"<row[ >].*?</row>|<row [^>]*/>", re.DOTALL)
_NUMBER = re.compile(rb'<row r="(\d{1,9})"')
_CELL = re.compile(
    rb'<c r="([A-Z]{1,3})(\d+)"((?: s="\d+")?)((?: t="[a-zA-Z]+")?)>'
    rb"(<v>|<is><t(?: xml:space=\"preserve\")?>)([^<]*)(</v>|</t></is>)</c>"
)


def read(
    path: Path,
    quality: Quality,  # noqa: ARG001 - the face of all tables' readers
    columns: Collection[str] | None,
    *,
    chunk: int = CHUNK,
) -> Iterator[Cells]:
    """Yield the rows under the header of the first sheet that has one.

    Raises
    ------
    InputError
        If the workbook is damaged or encrypted, or no sheet names two columns of frames.
    """
    try:
        with Workbook(path) as book:
            yield from _read(path, book, columns, chunk)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        problem = f"the workbook is damaged or encrypted: {error}"
        raise InputError(path, problem, hint="open it and save it again as .xlsx") from None
    except expat.ExpatError as error:
        raise InputError(path, f"the workbook's XML is damaged: {error}") from None
    except OSError as error:
        raise InputError(path, f"cannot be read: {error.strerror or error}") from None


def _read(
    path: Path, book: Workbook, columns: Collection[str] | None, chunk: int
) -> Iterator[Cells]:
    for sheet in book.sheets:
        header = _find_header(book, sheet)
        if header is None:
            continue
        asked = {
            name: place
            for name, place in header.places.items()
            if columns is None or name in columns
        }
        scanner = _Scanner(book, asked, header)
        for rows in _row_chunks(path, book, sheet, chunk):
            made = scanner.scan(rows)
            if len(made.lines):
                yield made
        return
    raise InputError(
        path,
        f"none of its sheets ({', '.join(book.names)[:80]}) names columns of frames",
        hint="Time, Protocol, Source, Destination, Length, ... were expected in one row",
    )


@dataclass(frozen=True, slots=True)
class _Header:
    row: int
    places: dict[str, int]
    portuguese: bool


def _find_header(book: Workbook, sheet: str) -> _Header | None:
    """Return where the first rows of a sheet name at least two columns of frames."""
    for count, (number, cells) in enumerate(rows_of(book.stream(sheet, 1 << 14))):
        if count == HEADER_WITHIN:
            return None
        names = [""] * (max(cells, default=-1) + 1)
        for place, (kind, text) in cells.items():
            names[place] = book.string(int(text)) if kind == "s" and text.isdigit() else text
        places = match_columns(names)
        if len(places) >= 2:
            return _Header(number, places, portuguese(names))
    return None


def _row_chunks(path: Path, book: Workbook, sheet: str, chunk: int) -> Iterator[bytes]:
    """Yield the sheet's XML in pieces that begin and end where a row does.

    A sheet that is not written so (with prefixes: ``<x:row>``) is parsed and written anew.
    """
    rest, first = b"", True
    with book.open(sheet) as file:
        while data := file.read(chunk):
            data = rest + data
            if first:
                start = data.find(b"<row")
                if start < 0 and len(data) <= chunk:
                    rest = data
                    continue
                if start < 0:
                    yield from _written_anew(book, sheet)
                    return
                data, first = data[start:], False
            end = data.rfind(b"</row>") + len(b"</row>") if b"</row>" in data else 0
            rest = data[end:]
            if end:
                yield data[:end]
            if len(rest) > LONGEST_ROW + chunk:
                raise InputError(path, f"a row of more than {LONGEST_ROW >> 20} megabytes")
    if first:
        yield from _written_anew(book, sheet)


def _written_anew(book: Workbook, sheet: str) -> Iterator[bytes]:
    """Yield the sheet's rows as plain XML, a thousand at a time."""
    pieces: list[str] = []
    for number, cells in rows_of(book.stream(sheet)):
        pieces.append(f'<row r="{number}">')
        for place, (kind, text) in cells.items():
            inline = kind == "inlineStr"
            told = f' t="{"str" if inline else kind}"' if kind else ""
            pieces.append(f'<c r="{column_letters(place)}{number}"{told}><v>{escape(text)}</v></c>')
        pieces.append("</row>")
        if len(pieces) > 10_000:
            yield "".join(pieces).encode()
            pieces.clear()
    yield "".join(pieces).encode()


class _Pattern:
    """One way in which a row is written: which columns it has, and of which type."""

    def __init__(self, row: bytes, asked: dict[str, int]) -> None:
        """Make the pattern of `row`; raises ValueError where it is not written plainly."""
        self.kinds: dict[str, bytes] = {}
        wanted = {place: name for name, place in asked.items()}
        last = row.find(b">") + 1
        pattern = rb'<row r="\d+"[^>]*>'
        for cell in _CELL.finditer(row):
            if cell.start() != last:
                raise ValueError("a cell of another form")
            last = cell.end()
            letters, _, style, kind, before, _, after = cell.groups()
            name = wanted.get(column_number(letters))
            pattern += rb'<c r="' + letters + rb'\d+"' + re.escape(style + kind + b">" + before)
            pattern += (rb"([^<]*)" if name else rb"[^<]*") + re.escape(after) + rb"</c>"
            if name:
                self.kinds[name] = kind
        if row[last:] != b"</row>" or not self.kinds:
            raise ValueError("a row of another form")
        self._pattern = re.compile(pattern + rb"</row>")

    def split(self, rows: bytes) -> tuple[NDArray[np.int64], dict[str, list[bytes]], bytes]:
        """Return numbers and cells of the rows that are written so, and the other rows."""
        parts = self._pattern.split(rows)
        step = self._pattern.groups + 1
        rest = b"".join(parts[::step])
        cells = {name: parts[i::step] for i, name in enumerate(self.kinds, 1)}
        numbers = None if rest else _consecutive(rows, len(parts) // step)
        if numbers is None:
            found = (_NUMBER.match(row.group()) for row in self._pattern.finditer(rows))
            numbers = np.array([int(number[1]) if number else 0 for number in found], np.int64)
        return numbers, cells, rest


def _consecutive(rows: bytes, count: int) -> NDArray[np.int64] | None:
    """Return the rows' numbers where the first and the last say that they follow each other."""
    first, last = _NUMBER.match(rows), _NUMBER.match(rows, rows.rfind(b"<row "))
    if first is None or last is None or int(last[1]) - int(first[1]) + 1 != count:
        return None
    return np.arange(int(first[1]), int(last[1]) + 1, dtype=np.int64)


class _Scanner:
    """Takes cells of the asked columns out of rows of XML."""

    def __init__(self, book: Workbook, asked: dict[str, int], header: _Header) -> None:
        self.book, self.asked, self.header = book, asked, header
        self._patterns: list[_Pattern] = []
        self._last = 0

    def scan(self, rows: bytes) -> Cells:
        """Return the cells of the rows below the header."""
        numbers: list[NDArray[np.int64]] = []
        columns: dict[str, list[pa.Array]] = {name: [] for name in self.asked}
        rest, used = rows, 0
        if not self._last and rows.count(b"<row") != rows.count(b'<row r="'):
            used = MOST_PATTERNS  # rows that do not tell their number must be read in order
        while rest and used < MOST_PATTERNS and (used < len(self._patterns) or self._learn(rest)):
            pattern = self._patterns[used]
            used += 1
            lines, cells, rest = pattern.split(rest)
            numbers.append(lines)
            for name, made in columns.items():
                made.append(
                    self._texts(cells[name], pattern.kinds[name])
                    if name in cells
                    else pa.nulls(len(lines), pa.string())
                )
        if rest:
            self._parse(rest, numbers, columns)
        lines = np.concatenate(numbers)
        made_of = {name: pa.concat_arrays(made) for name, made in columns.items()}
        self._last = int(lines.max(initial=self._last))
        below = lines > self.header.row
        if not below.all() or (len(numbers) > 1 and (np.diff(lines) < 0).any()):
            order = np.argsort(lines, kind="stable")
            order = order[below[order]]
            lines = lines[order]
            made_of = {name: made.take(integers(order)) for name, made in made_of.items()}
        return Cells(
            lines,
            made_of,
            self.header.places,
            portuguese=self.header.portuguese,
            days_from_1904=self.book.days_from_1904,
        )

    def _learn(self, rows: bytes) -> bool:
        """Add a pattern made of a row in the middle; False where none fits."""
        for place in (len(rows) // 2, len(rows) // 3, 0):
            found = _ROW.search(rows, place)
            if found is None:
                continue
            try:
                self._patterns.append(_Pattern(found.group(), self.asked))
            except ValueError:
                continue
            return True
        return False

    def _texts(self, values: list[bytes], kind: bytes) -> pa.Array:
        """Return the texts of cells of one type (ECMA-376 18.18.11)."""
        column = from_bytes(values)
        if kind == b' t="s"':
            return self.book.take(column)
        if kind and pc.any(pc.match_substring_regex(column, "&|_x")).as_py():
            column = strings([unescape(text) for text in column.to_pylist()])
        return pc.if_else(pc.equal(column, ""), pa.scalar(None, pa.string()), column)

    def _parse(
        self, rows: bytes, numbers: list[NDArray[np.int64]], columns: dict[str, list[pa.Array]]
    ) -> None:
        """Append what an XML parser finds in the rows that are not all alike."""
        lines: list[int] = []
        texts: dict[str, list[str | None]] = {name: [] for name in self.asked}
        for number, cells in cell_texts(rows, self._last):
            told = {name: self._one(cells.get(place)) for name, place in self.asked.items()}
            if not any(told.values()):
                continue  # a row of empty cells, as spreadsheet programs leave behind
            lines.append(number)
            for name, text in told.items():
                texts[name].append(text)
        numbers.append(np.array(lines, dtype=np.int64))
        for name, made in columns.items():
            made.append(strings(texts[name]))

    def _one(self, cell: tuple[str, str] | None) -> str | None:
        kind, text = cell or ("", "")
        if kind == "s":
            text = self.book.string(int(text)) if text.isdecimal() else ""
        return text or None


def column_number(letters: bytes) -> int:
    """Return the place (from 0) of a column's letters: A is 0, AA is 26."""
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number - 1


def column_letters(place: int) -> str:
    """Return the letters of a column's place (from 0)."""
    letters = ""
    place += 1
    while place:
        place, letter = divmod(place - 1, 26)
        letters = chr(65 + letter) + letters
    return letters
