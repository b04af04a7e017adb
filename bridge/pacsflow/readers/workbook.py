"""Reads the cells of workbooks (.xlsx, .xlsb, .xls, .ods): all sheets that name columns of frames.

Calamine reads them, in a process of its own that may use so much memory and time and no more.
"""

from __future__ import annotations

import hashlib
import re
import signal
import subprocess
import sys
import zipfile
import zlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import orjson
import pyarrow.compute as pc

from pacsflow.errors import InputError, unreadable
from pacsflow.printable import escape_controls
from pacsflow.readers import sheet_cells
from pacsflow.readers.arrays import booleans, strings
from pacsflow.readers.cells import Cells, joined, needed, without_blank
from pacsflow.readers.columns import BESIDE, Header, beside, read_header
from pacsflow.readers.limits import exceeded, limits

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
    from pathlib import Path

    import pyarrow as pa

    from pacsflow.readers.quality import Quality

    Read = Callable[[list[str]], Header | None]

BOOK = "xl/workbook.xml"
_PART = re.compile(r"haredStrings\.|worksheets/|content\.xml")
SEARCHED = 1 << 22
"""So many bytes of a workbook's parts are searched for the names of columns."""
_OF_1904 = re.compile(rb"date1904\s*=\s*[\"'](?:1|true|on)")
_DAMAGED = (
    zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError,
)  # fmt: skip
"""What `zipfile` raises for archives that are cut, changed, encrypted or packed in another way."""
HEADER_WITHIN = 50
"""The header stands in one of the first so many rows."""
MOST_LIKELY = 3
"""A row further down that names so many columns is the header of another table."""
_LINE = re.compile(r"[#{]|(?:[^,;\t|]*[,;\t|]){3}")
"""What a line of a log or of a table is, and no cell of it."""
_DIGIT = re.compile(r"\d")
AGAIN = "open it and save it again as .xlsx"
ENDS = {
    "SIGXCPU": "seconds", "SIGKILL": "memory", "SIGABRT": "memory", "SIGSEGV": "memory",
    "SIGBUS": "memory", "SIGXFSZ": "unpacked",
}  # fmt: skip
ENDED_BY = {-number: ENDS[number.name] for number in signal.Signals if number.name in ENDS}
"""What ended the process that reads, and the limit that this is of; not all systems have all."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """One sheet that names columns of frames, or one of the tables that stand in it."""

    name: str
    header: Header
    row: int
    """The number of the header's row (from 1)."""
    cells: Path
    place: int
    """Where the sheet's pieces begin in the file of cells."""
    end: int = sys.maxsize
    """The number of the row in which the next table's header stands."""
    beside: int = 1
    """So many tables stand beside each other under that row."""

    def read(self, columns: Collection[str] | None) -> Iterator[Cells]:
        """Yield the rows below the header, as text."""
        asked = needed(self.header, columns)
        with self.cells.open("rb") as file:
            file.seek(self.place)
            for line in file:
                piece = orjson.loads(line)
                if isinstance(piece, str):
                    return
                number, found = piece
                rows = max(0, min(len(found[0]) if found else 0, self.end - number))
                skip = max(0, min(rows, self.row + 1 - number))
                if skip == rows:
                    continue
                made = {
                    name: joined([_column(found, place, skip, rows) for place in places])
                    for name, places in asked.items()
                }
                cells = Cells(np.arange(number + skip, number + rows, dtype=np.int64), made)
                yield (
                    without_blank(cells) if self.beside > 1 else _without_empty(cells, found, skip)
                )


def alike(sheets: Iterable[Sheet]) -> list[list[Sheet]]:
    """Put together the tables of a sheet under one header that is repeated."""
    found: dict[tuple[int, tuple[str, ...]], list[Sheet]] = {}
    for sheet in sheets:
        found.setdefault((sheet.place, sheet.header.names), []).append(sheet)
    return list(found.values())


def preview(tables: Sequence[Sheet]) -> Callable[[str], Iterator[pa.Array]]:
    """Return what yields the whole of a column."""

    def column(name: str) -> Iterator[pa.Array]:
        for table in tables:
            for cells in table.read([name]):
                if name in cells.columns:
                    yield cells.columns[name]

    return column


def sheets(path: Path, quality: Quality, folder: Path) -> list[Sheet]:
    """Return the sheets of a workbook that name columns of frames; their cells go to `folder`.

    Of sheets with and without times those without are left out: they sum the others up. What is
    read of several, and what is left out, is a remark.

    Raises
    ------
    InputError
        If the workbook is damaged or encrypted, asks for more than the limits, or has no such
        sheet.
    """
    cells = write_cells(path, folder)
    found, others = tables(path, quality, cells)
    if not found:
        if lines := _with_lines(path, cells):
            problem = f"sheet {_shown(lines)!r} has whole lines in its first column"
            hint = "copy that column into a text file, a line a cell, and give the file"
            raise InputError(path, problem, hint=hint)
        shown = ", ".join(_shown(name) for name in others)[:80]
        raise InputError(
            path,
            f"none of its sheets ({shown}) names columns of frames",
            hint="Time, Protocol, Source, Destination, Length, ... were expected in one row",
        )
    timed = [sheet for sheet in found if sheet.header.has_time]
    if timed and len(timed) < len(found):
        left = ", ".join(_shown(_place(s, found)) for s in found if not s.header.has_time)
        quality.note(f"sheets without a column Time beside others with one were left out: {left}")
        found = timed
    if others:
        shown = ", ".join(_shown(name) for name in others[:10])
        quality.note(f"sheets without columns of frames were left out: {shown}")
    tell_several(found, quality)
    return found


def tables(
    path: Path, quality: Quality, cells: Path, read: Read = read_header
) -> tuple[list[Sheet], list[str]]:
    """Return the tables of a workbook whose headers `read` knows, and the sheets without any."""
    found: list[Sheet] = []
    others: list[str] = []
    since_1904 = _counts_from_1904(path)
    for told in _without_copies(_beginnings(path, cells, read), quality):
        there = _tables(told, cells, read)
        for most in {sheet.beside for sheet in there if sheet.beside > 1}:
            quality.note(f"sheet {_shown(told.name)}: {BESIDE % most}")
        if since_1904:
            there = [replace(t, header=replace(t.header, since_1904=True)) for t in there]
        found += there
        if told.columns and not there:
            others.append(told.name)
    return found, others


def tell_several(tables: Iterable[Sheet], quality: Quality) -> None:
    """Say which sheets were read, where it is more than one."""
    names = list(dict.fromkeys(sheet.name for sheet in tables))
    if len(names) > 1:
        several = ", ".join(map(_shown, names[:20]))
        quality.note(f"{len(names)} sheets were read: {several}")


def may_name(path: Path, names: Collection[str]) -> set[str]:
    """Return which of these texts may stand in cells: its parts are searched, not read."""
    parts = list(_beginnings_of_parts(path))
    codings = ("utf-8", "utf-16-le")
    return {n for n in names if any(n.encode(c) in data for data in parts for c in codings)}


def _beginnings_of_parts(path: Path) -> Iterator[bytes]:
    """Yield what stands first in a workbook, where the texts and first rows of sheets are."""
    left = SEARCHED
    try:
        if not zipfile.is_zipfile(path):
            with path.open("rb") as file:
                yield file.read(left)
            return
        with zipfile.ZipFile(path) as archive:
            for member in filter(_PART.search, archive.namelist()):
                with archive.open(member) as file:
                    data = file.read(min(left, SEARCHED if "haredStrings" in member else 1 << 18))
                left -= len(data)
                yield data
    except (*_DAMAGED, OSError):
        return  # what is wrong with it is said when it is read


def _with_lines(path: Path, cells: Path) -> str:
    """Return the sheet whose first column has lines of a log or of a table, or nothing."""
    for told, _ in _beginnings(path, cells, lambda _names: None):
        filled = [column for column in told.columns if any(v not in {None, ""} for v in column)]
        texts = [v for v in filled[0] if v] if len(filled) == 1 else []
        if texts and all(type(text) is str and _LINE.match(text) for text in texts):
            return told.name
    return ""


def _place(sheet: Sheet, sheets: list[Sheet]) -> str:
    """Return a sheet's name, with the row where it holds several tables."""
    several = sum(other.place == sheet.place for other in sheets) > 1
    return f"{sheet.name[:20]} from row {sheet.row}" if several else sheet.name


def _shown(name: str) -> str:
    return escape_controls(name)[:40]


def write_cells(path: Path, folder: Path) -> Path:
    """Let the other process write the workbook's cells to a file in `folder`; return the file."""
    target = folder / "cells"
    size = _checked_size(path)
    megabytes = size >> 20
    allowed = limits()
    most_bytes = max(allowed.unpacked, allowed.expansion * size)
    numbers = (
        allowed.memory + 20 * megabytes,
        allowed.seconds + megabytes // 2,
        most_bytes,
        allowed.sheets,
    )
    command = [sys.executable, "-P", sheet_cells.__file__, str(path.absolute()), str(target)]
    try:
        done = subprocess.run(
            [*command, *map(str, numbers)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            check=False,
            timeout=numbers[1] if sys.platform == "win32" else None,
        )
    except subprocess.TimeoutExpired:
        problem = "to read it takes more than a table of frames does"
        raise exceeded(path, "seconds", problem) from None
    told = done.stderr.decode("utf-8", "replace").strip()
    if done.returncode == sheet_cells.TOO_MANY_SHEETS:
        raise exceeded(path, "sheets", f"it has more than {allowed.sheets} sheets")
    if done.returncode == sheet_cells.UNREADABLE and "File too large" not in told:
        raise _damaged(path, told)
    if done.returncode:
        limit = ENDED_BY.get(done.returncode, "unpacked" if "too large" in told else "memory")
        raise exceeded(path, limit, "to read it takes more than a table of frames does")
    return target


def _damaged(path: Path, told: object) -> InputError:
    reason = escape_controls(str(told))[:200]
    return InputError(path, f"the workbook is damaged or encrypted: {reason}", hint=AGAIN)


def _checked_size(path: Path) -> int:
    """Return the file's size; raises `InputError` where its parts declare far more."""
    try:
        size = path.stat().st_size
        if not zipfile.is_zipfile(path):
            with path.open("rb") as file:
                if file.read(2) == b"PK":
                    raise InputError(path, "the workbook is damaged", hint=AGAIN)
            return size
        with zipfile.ZipFile(path) as archive:
            declared = sum(member.file_size for member in archive.infolist())
    except _DAMAGED as error:
        raise _damaged(path, error) from None
    except OSError as error:
        raise unreadable(path, error) from None
    if declared > max(limits().workbook, limits().expansion * size):
        raise exceeded(path, "expansion", f"its parts unpack to {declared:,} bytes")
    return size


class _Beginning(NamedTuple):
    """What a sheet is called, the columns of its first rows, and where its pieces begin."""

    name: str
    columns: list[list[Any]]
    place: int
    headers: dict[int, Header]
    """The rows that are headers, without those of the beginning that have a digit in them."""


def _beginnings(path: Path, cells: Path, read: Read) -> Iterator[tuple[_Beginning, bytes]]:
    """Yield each sheet's beginning, and the hash of all that stands in it."""
    with cells.open("rb") as file:
        told, whole = _Beginning("", [], 0, {}), hashlib.sha256()
        for line in iter(file.readline, b""):
            if line.startswith(b'"'):
                if told.name:
                    yield told, whole.digest()
                told = _Beginning(orjson.loads(line), [], file.tell(), {})
                whole = hashlib.sha256()
                continue
            whole.update(line)
            number, columns = orjson.loads(line)
            told.headers.update(_headers(number, columns, read))
            if len(told.headers) > limits().headers:
                raise exceeded(path, "headers", "it has too many headers", number)
            if not told.columns:
                told = told._replace(columns=[column[:HEADER_WITHIN] for column in columns])
        if told.name:
            yield told, whole.digest()


def _headers(number: int, columns: list[list[Any]], read: Read) -> Iterator[tuple[int, Header]]:
    """Yield the rows of a piece that name three columns of frames, and have no digit in them."""
    for row, values in enumerate(zip(*columns, strict=True), number):
        if all(value is None or _is_word(value) for value in values) and any(values):
            header = read([value or "" for value in values])
            if header is not None and len(header.places) >= MOST_LIKELY:
                yield row, header


def _is_word(value: str | float | bool) -> bool:
    return type(value) is str and _DIGIT.search(value) is None


def _without_copies(
    sheets: Iterable[tuple[_Beginning, bytes]], quality: Quality
) -> Iterator[_Beginning]:
    """Leave out sheets in which the same stands as in another, and say so."""
    names: dict[bytes, str] = {}
    for told, whole in sheets:
        first = names.setdefault(whole, told.name)
        if first == told.name or not told.columns:
            yield told
        else:
            quality.note(f"sheet {_shown(told.name)} is a copy of {_shown(first)}: left out")


def _counts_from_1904(path: Path) -> bool:
    """Say whether a workbook's days count from 1904 (ECMA-376 18.2.28)."""
    if not zipfile.is_zipfile(path):
        return False
    try:
        with zipfile.ZipFile(path) as archive:
            if BOOK not in archive.namelist():
                return False
            with archive.open(BOOK) as book:
                return _OF_1904.search(book.read(1 << 20)) is not None
    except _DAMAGED as error:
        raise _damaged(path, error) from None


def _tables(told: _Beginning, cells: Path, read: Read) -> list[Sheet]:
    """Return the tables of a sheet: below its first header, and below each that follows."""
    first = _first_header(told.columns, read)
    if first is None:
        return []
    row, header = first
    rows = {row: header} | {r: h for r, h in told.headers.items() if r > row}
    ends = [*list(rows)[1:], sys.maxsize]
    return [
        Sheet(told.name, each, row, cells, told.place, end, len(found))
        for (row, header), end in zip(rows.items(), ends, strict=True)
        for found in [beside(header)]
        for each in found
    ]


def _first_header(columns: list[list[Any]], read: Read) -> tuple[int, Header] | None:
    for row, values in enumerate(zip(*columns, strict=True), 1):
        header = read([_text(value) or "" for value in values])
        if header is not None:
            return row, header
    return None


def _without_empty(cells: Cells, columns: list[list[Any]], skip: int) -> Cells:
    """Leave out rows in which no cell at all has anything: spreadsheets leave such behind."""
    bare = np.ones(len(cells.lines), dtype=np.bool_)
    for column in cells.columns.values():
        if not column.null_count:
            return cells
        bare &= pc.is_null(column).to_numpy(zero_copy_only=False)
    for place in np.flatnonzero(bare).tolist():
        bare[place] = all(column[skip + place] in {None, ""} for column in columns)
    if not bare.any():
        return cells
    kept = {name: column.filter(booleans(~bare)) for name, column in cells.columns.items()}
    return Cells(cells.lines[~bare], kept)


def _column(columns: list[list[Any]], place: int, skip: int, rows: int) -> pa.Array:
    if place >= len(columns):
        return strings([None] * (rows - skip))
    return strings([_text(value) for value in columns[place][skip:rows]])


def _text(value: str | float | bool | None) -> str | None:
    """Return a cell as text; None where it is empty."""
    if type(value) is str:
        return value or None
    if type(value) is float:
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    return None if value is None else str(value)
