"""Reads delimited text (csv, tsv, semicolons) as columns of cells, a row a line.

A quote that is never closed must not swallow the rows behind it: a row ends where its line ends.
"""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv

from pacsflow.errors import InputError
from pacsflow.readers.arrays import strings
from pacsflow.readers.blocks import BLOCK, blocks
from pacsflow.readers.cells import Cells, portuguese
from pacsflow.readers.columns import match_columns

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from pacsflow.readers.quality import Quality

DELIMITERS = ",;\t"
_QUOTE, _NEWLINE = ord('"'), ord("\n")


def read(
    path: Path, quality: Quality, columns: Collection[str] | None, *, block: int = BLOCK
) -> Iterator[Cells]:
    """Yield the rows under the header in the first line.

    Raises
    ------
    InputError
        If the first line names fewer than two columns of frames.
    """
    header: _Header | None = None
    for number, data, _ in blocks(path, quality, size=block):
        text, line = _utf8(data, quality), number
        if header is None:
            header = _Header(path, text.partition(b"\n")[0])
            text, line = text.partition(b"\n")[2], line + 1
        if text:
            yield _parse(text, line, header, quality, columns)
    if header is None:
        raise InputError(path, "the file is empty", hint="a table of frames was expected")


class _Header:
    """The first line: the delimiter, and which column of frames stands where."""

    def __init__(self, path: Path, line: bytes) -> None:
        text = line.decode("utf-8").removeprefix("\ufeff").rstrip("\r\n")
        self.delimiter = max(DELIMITERS, key=text.count)
        self.names = next(csv.reader([text], delimiter=self.delimiter), [])
        self.places = match_columns(self.names)
        self.portuguese = portuguese(self.names)
        if len(self.places) < 2:
            raise InputError(
                path,
                f"no column of frames in {text[:80]!r}",
                hint="Time, Protocol, Source, Destination, Length, ... were expected",
                line=1,
            )


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


def _parse(
    data: bytes, line: int, header: _Header, quality: Quality, columns: Collection[str] | None
) -> Cells:
    data, lines = _whole_lines(data, line, quality)
    refused: list[int] = []

    def refuse(row: pacsv.InvalidRow) -> str:
        refused.append(row.number - 1)
        return "skip"

    width = len(header.names)
    asked = {
        name: place for name, place in header.places.items() if columns is None or name in columns
    }
    if not lines.size:
        return Cells(lines, {name: strings([]) for name in asked}, header.places)
    names = [str(i) for i in range(width)]
    table = pacsv.read_csv(
        pa.BufferReader(data),
        pacsv.ReadOptions(column_names=names, use_threads=False, block_size=len(data) + 1),
        pacsv.ParseOptions(
            delimiter=header.delimiter, ignore_empty_lines=False, invalid_row_handler=refuse
        ),
        pacsv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()),
            include_columns=[str(place) for place in asked.values()],
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=True,
        ),
    ).combine_chunks()
    for place in refused:
        quality.bad_row(int(lines[place]), f"expected {width} columns")
    lines = np.delete(lines, refused)
    made = {name: _one_chunk(table[str(place)]) for name, place in asked.items()}
    return Cells(lines, made, header.places, portuguese=header.portuguese)


def _one_chunk(column: pa.ChunkedArray) -> pa.Array:
    return column.chunk(0) if column.num_chunks == 1 else strings([])


def _whole_lines(data: bytes, line: int, quality: Quality) -> tuple[bytes, NDArray[np.int64]]:
    """Return the lines whose quotes are closed and that are not empty, and their numbers."""
    if not data.endswith(b"\n"):
        data += b"\n"
    raw = np.frombuffer(data, dtype=np.uint8)
    ends = np.flatnonzero(raw == _NEWLINE)
    numbers = line + np.arange(len(ends), dtype=np.int64)
    starts = np.concatenate([[0], ends[:-1] + 1])
    quotes = np.searchsorted(np.flatnonzero(raw == _QUOTE), np.append(starts, len(raw)))
    open_ = np.diff(quotes) % 2 == 1
    empty = ends == starts
    if not (open_.any() or empty.any()):
        return data, numbers
    for number in numbers[open_].tolist():
        quality.bad_row(number, "a quote is opened and not closed")
    keep = ~(open_ | empty)
    kept = [data[a : b + 1] for a, b in zip(starts[keep], ends[keep], strict=True)]
    return b"".join(kept), numbers[keep]
