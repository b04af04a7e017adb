"""Reads tables of frames (xlsx, csv): the nine columns of the hospital study, in any order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pacsflow.errors import InputError
from pacsflow.readers import delimited, xlsx
from pacsflow.readers.blocks import head
from pacsflow.readers.cells import Converter

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from datetime import datetime
    from pathlib import Path

    import pyarrow as pa

    from pacsflow.readers.quality import Quality


def read(
    path: Path,
    quality: Quality,
    *,
    columns: Collection[str] | None = None,
    start: datetime | None = None,
    sampling_rate: int = 1,
) -> Iterator[pa.RecordBatch]:
    """Yield frames in the columns of ``log_fields.FRAMES``, in bounded memory.

    Headers are matched by ``columns.match_columns``, so that their order, case and language
    (English, Portuguese) do not matter, and some may be missing. A row with text in a number
    cell, or a time that is none, is counted in `quality` with its line (or row) and left out.

    Parameters
    ----------
    path
        A ``.xlsx`` workbook (its first sheet that has such a header is read) or delimited text.
    quality
        Counts rows and unreadable rows, and keeps remarks.
    columns
        Columns of FRAMES that are asked for; the others are null (quicker). All by default.
    start
        When the capture began: for tables whose times are seconds since then (Wireshark's
        default). Without it such frames have no time.
    sampling_rate
        One frame in how many was sampled; tables do not say.

    Raises
    ------
    InputError
        If the file is damaged, or no header of frames is found in it.
    """
    convert = Converter(quality, start=start, sampling_rate=sampling_rate)
    module = xlsx if head(path, 4) == b"PK\x03\x04" else delimited
    found = False
    for batch in module.read(path, quality, columns):
        found = True
        yield convert(batch)
    if not found and not quality.unreadable:
        raise InputError(path, "the table has a header, but no row", hint="export it again")
