"""Reads tables of frames (workbooks, csv): the nine columns of the hospital study, in any order."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow.compute as pc

from pacsflow.errors import InputError
from pacsflow.outputs import scratch_folder
from pacsflow.readers import delimited, workbook
from pacsflow.readers.again import Again
from pacsflow.readers.blocks import head
from pacsflow.readers.cells import Converter
from pacsflow.readers.sniff import OLE, ZIP

if TYPE_CHECKING:
    from collections.abc import Collection, Hashable, Iterator
    from datetime import datetime

    import pyarrow as pa

    from pacsflow.readers.columns import Header
    from pacsflow.readers.quality import Quality


def read(
    path: Path,
    quality: Quality,
    *,
    columns: Collection[str] | None = None,
    start: datetime | None = None,
    sampling_rate: int = 1,
    date_order: str = "",
) -> Iterator[pa.RecordBatch]:
    """Yield frames in the columns of ``log_fields.FRAMES``, in bounded memory.

    Headers are matched by ``columns.read_header``, so that their order, case and language do not
    matter, and some may be missing. A row with text in a number cell, or a time that is none, is
    counted in `quality` with its line (or row) and left out.

    Parameters
    ----------
    path
        A workbook (all of its sheets that have such a header are read) or delimited text.
    quality
        Counts rows and unreadable rows, and keeps remarks.
    columns
        Columns of FRAMES that are asked for; the others are null (quicker). All by default.
    start
        When the capture began: for tables whose times are seconds since then (Wireshark's
        default). Without it such frames have no time.
    sampling_rate
        One frame in how many was sampled; tables do not say.
    date_order
        ``dmy`` or ``mdy``, for dates that could be either.

    Raises
    ------
    InputError
        If the file is damaged, no header of frames is found in it, or its dates may be read in two
        ways.
    """
    quality.path = quality.path or str(path)
    told = _Told(quality, columns, start, sampling_rate, date_order)
    magic = head(path, 8)
    rows = _sheets if magic.startswith((ZIP, OLE)) else _lines
    found = False
    for batch in rows(path, told):
        found = True
        yield batch
    if not found and not quality.unreadable:
        raise InputError(path, "the table has a header, but no row", hint="export it again")


class _Told:
    """What the caller says of a table; makes the converter of each header."""

    def __init__(
        self,
        quality: Quality,
        columns: Collection[str] | None,
        start: datetime | None,
        sampling_rate: int,
        date_order: str,
    ) -> None:
        self.quality, self.columns = quality, columns
        self.start, self.sampling_rate, self.date_order = start, sampling_rate, date_order

    def converter(self, header: Header, preview: object, where: str = "") -> Converter:
        """Return what turns rows under one header into frames."""
        return Converter(
            self.quality,
            header,
            preview,  # type: ignore[arg-type]
            self.columns,
            self.start,
            self.sampling_rate,
            self.date_order,
            where,
        )


class _Spans:
    """From when to when the parts of a file are: its sheets, or tables below each other."""

    def __init__(self) -> None:
        self.spans: dict[Hashable, tuple[datetime, datetime]] = {}

    def seen(self, part: Hashable, frames: pa.RecordBatch) -> pa.RecordBatch:
        """Return the frames, and keep when they are."""
        first, last = pc.min_max(frames["ts"]).as_py().values()
        if first is not None:
            before = self.spans.get(part, (first, last))
            self.spans[part] = min(first, before[0]), max(last, before[1])
        return frames

    def tell(self, quality: Quality) -> bool:
        """Say that two parts overlap, where they do."""
        spans = sorted(self.spans.values())
        overlap = any(late[0] <= early[1] for early, late in itertools.pairwise(spans))
        if overlap:
            quality.note(
                "its sheets, or tables below each other, overlap in time: a frame that stands in "
                "two of them counts twice"
            )
        return overlap


def _lines(path: Path, told: _Told) -> Iterator[pa.RecordBatch]:
    converters: dict[tuple[str, ...], Converter] = {}
    spans, again = _Spans(), Again()
    for header, cells, number, _ in delimited.read(path, told.quality, told.columns):
        if header.names not in converters:
            converters[header.names] = told.converter(
                header, lambda name: delimited.preview(path, name)
            )
        if len(cells.lines):
            again.seen(cells)
            yield spans.seen((number, header.names), converters[header.names](cells))
    if not spans.tell(told.quality):
        again.tell(told.quality)


def _sheets(path: Path, told: _Told) -> Iterator[pa.RecordBatch]:
    with scratch_folder() as folder:
        relative, spans, again = "", _Spans(), Again()
        found = workbook.sheets(path, told.quality, Path(folder))
        for tables in workbook.alike(found):
            name = tables[0].name[:40]
            where = f"sheet {name!r}: " if len({sheet.place for sheet in found}) > 1 else ""
            convert = told.converter(tables[0].header, workbook.preview(tables), where)
            for table in tables:
                for cells in table.read(told.columns):
                    again.seen(cells)
                    part = table.place, table.row, table.header.names
                    yield spans.seen(part, convert(cells))
            if convert.times.is_relative and told.start is not None:
                if relative:
                    raise InputError(
                        path,
                        f"the times of sheets {relative!r} and {name!r} both count from "
                        "a start, and one start was given",
                        hint="save each sheet as a file, and give --capture-start FILE=TIME",
                    )
                relative = name
        if not spans.tell(told.quality):
            again.tell(told.quality)
