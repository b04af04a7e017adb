"""Reads rows of Zeek's logs that stand on the sheets of a workbook, each as the log that it is."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pacsflow.errors import InputError
from pacsflow.outputs import scratch_folder
from pacsflow.printable import escape_controls
from pacsflow.readers import workbook, zeek_table
from pacsflow.readers.arrays import booleans
from pacsflow.readers.blocks import head
from pacsflow.readers.cells import Cells
from pacsflow.readers.delimited import Part
from pacsflow.readers.dialects import WRAPPERS
from pacsflow.readers.log_kinds import log_of_name
from pacsflow.readers.quality import Quality
from pacsflow.readers.sniff import OLE, ZIP

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    import pyarrow as pa

    from pacsflow.readers.columns import Header
    from pacsflow.readers.source import Source
    from pacsflow.readers.workbook import Sheet


HELD = tuple(f"id{dot}orig_h{end}:" for dot in "._" for end in ('"', "&quot;"))
"""Where JSON stands in cells."""
_JSON = b'{"id.orig_h":'


def is_workbook(path: Path) -> bool:
    """Say whether a table is a workbook, not text."""
    return head(path, 8).startswith((ZIP, OLE))


def signs(path: Path) -> Collection[str]:
    """Return the columns by which a sheet is known for one of Zeek's rows; none where none is.

    What else stands in the workbook may tell it of columns that others have as well.
    """
    dataset = zeek_table.OF_DATASET.decode()
    there = workbook.may_name(path, {*zeek_table.SIGNS, *HELD, dataset})
    found = there & zeek_table.SIGNS
    if dataset in there:
        found.add("event.dataset")
    if not there.isdisjoint(HELD):
        found.update(WRAPPERS)
    return found


def header(names: list[str], known: Collection[str] = zeek_table.SIGNS) -> Header | None:
    """Return the header that a sheet's row is: that of a log as it is written has a sign first."""
    if names[:1] == ["#fields"]:
        names = [*names[1:], ""]
    return zeek_table.header(names, signs=known)


def first_rows(path: Path, most: int, known: Collection[str]) -> list[dict[str, Any]] | None:
    """Return some rows of each sheet that holds rows of a log of Zeek's; None where none does.

    Nor where other sheets are frames: they may tell the same traffic once more.

    Raises
    ------
    InputError
        If the workbook cannot be read, or none of those sheets has the columns of its log.
    """
    with scratch_folder() as folder:
        cells = workbook.write_cells(path, Path(folder))
        frames, _ = workbook.tables(path, Quality(), cells)
        there, _ = workbook.tables(path, Quality(), cells, partial(header, known=known))
        places = {sheet.place for sheet in there}
        if not there or any(s.header.has_time and s.place not in places for s in frames):
            return None
        good = _whole(path, there, Quality())
        rows: list[dict[str, Any]] = []
        for sheet in good:
            part = next(_parts(sheet), None)
            found = list(zeek_table.rows_in(part.cells))[:most] if part else []
            rows += [zeek_table.row_of(sheet.header, row, _log(sheet)) for _, row in found]
        if not rows:
            raise InputError(path, "the table has a header, but no row", hint="export it again")
        return rows


def read(
    source: Source, quality: Quality, columns: Collection[str] | None = None
) -> Iterator[tuple[str, pa.RecordBatch]]:
    """Yield ``(log, rows)`` in the columns of ``log_fields.ZEEK_LOGS[log]``.

    Raises
    ------
    InputError
        If no row can be read, or its writer has rounded what is summed.
    """
    del columns
    with scratch_folder() as folder:
        cells = workbook.write_cells(source.path, Path(folder))
        known = partial(header, known=signs(source.path))
        there, others = workbook.tables(source.path, quality, cells, known)
        good = _whole(source.path, there, quality)
        if others:
            shown = ", ".join(escape_controls(name)[:40] for name in others[:10])
            quality.note(f"sheets without rows of Zeek's logs were left out: {shown}")
        workbook.tell_several(good, quality)
        parts = (part for sheet in good for part in _parts(sheet))
        yield from zeek_table.rows_of(source, parts, quality)


def _log(sheet: Sheet) -> str:
    """Return the log whose columns a sheet has, else the one that it is called after."""
    return zeek_table.log_of(sheet.header.names) or log_of_name(sheet.name)


def _whole(path: Path, sheets: list[Sheet], quality: Quality) -> list[Sheet]:
    """Return the sheets that have the columns of their log, and say which have not."""
    good: list[Sheet] = []
    lacking: list[tuple[str, str]] = []
    for sheet in sheets:
        called = f"{log}.xlsx" if (log := _log(sheet)) else path.name
        text = _JSON if "_raw" in sheet.header.places or not log else b""
        if missed := zeek_table.missing(sheet.header, called, text):
            lacking.append((escape_controls(sheet.name)[:40], missed))
        else:
            good.append(sheet)
    if not good:
        name, missed = lacking[0]
        problem = f"its sheet {name} has rows of Zeek's logs, without {missed}"
        hint = "export these columns, too, or give the log itself"
        raise InputError(path, problem, hint=hint)
    if lacking:
        told = "; ".join(f"{name}, without {missed}" for name, missed in dict.fromkeys(lacking[:5]))
        quality.note(f"sheets of Zeek's rows were left out: {told}")
    return good


def _parts(sheet: Sheet) -> Iterator[Part]:
    """Yield the rows of a sheet; lines of a log that begin with # are none."""
    log, (first, *_) = _log(sheet), sheet.header.names
    for cells in sheet.read(None):
        told = cells.columns[first].to_pylist() if first in cells.columns else []
        comments = np.array([bool(text) and text.startswith("#") for text in told], dtype=np.bool_)
        if comments.any():
            kept = booleans(~comments)
            columns = {name: column.filter(kept) for name, column in cells.columns.items()}
            cells = Cells(cells.lines[~comments], columns)  # noqa: PLW2901 - without comments
        yield Part(sheet.header, cells, log=log)
