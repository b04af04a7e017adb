"""Every source behind one face: `find` names the inputs, `read` yields their rows.

>>> for source in find(["logs/"]).sources:
...     for log, batch in read(source, Quality()):
...         ...
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from pacsflow.errors import InputError
from pacsflow.readers.quality import Quality
from pacsflow.readers.source import CaptureOptions, Format, Source

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    import pyarrow as pa

    from pacsflow.readers.discovery import Inputs, find, without_copies
    from pacsflow.readers.sniff import recognise

__all__ = [
    "CaptureOptions",
    "Format",
    "Inputs",
    "Quality",
    "Source",
    "find",
    "read",
    "recognise",
    "without_copies",
]
_LATE = {
    "Inputs": "discovery",
    "find": "discovery",
    "recognise": "sniff",
    "without_copies": "discovery",
}


def __getattr__(name: str) -> object:
    """Import what is asked for when it is asked for: a ledger is asked without any reader."""
    if name in _LATE:
        found: object = getattr(import_module(f"{__name__}.{_LATE[name]}"), name)
        globals()[name] = found
        return found
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def read(
    source: Source, quality: Quality, columns: Collection[str] | None = None
) -> Iterator[tuple[str, pa.RecordBatch]]:
    """Yield ``(log, rows)``: the log's name as in ``log_fields.ZEEK_LOGS`` and rows in its columns.

    Where `columns` are given, others of the source's own log may be null.
    Rows that cannot be read are counted in `quality`; a source that cannot be used at all raises
    `InputError`, whatever is wrong with it.
    """
    from pacsflow.readers.untold import Untold  # noqa: PLC0415 - it needs Arrow's functions

    quality.path = str(source.path)
    untold = Untold(columns)
    try:
        for log, rows in _read(source, quality, columns):
            if log == "conn":
                untold.look(rows)
            yield log, rows
    except (ValueError, TypeError, IndexError, KeyError, OverflowError, RecursionError) as error:
        told = (str(error).splitlines() or [type(error).__name__])[0][:200]
        problem = f"it is not written as its kind is: {told}"
        raise InputError(source.path, problem, hint="export or copy it again") from error
    untold.tell(quality)
    quality.finish()


def _read(
    source: Source, quality: Quality, columns: Collection[str] | None
) -> Iterator[tuple[str, pa.RecordBatch]]:
    if source.format is Format.ZEEK_TSV:
        from pacsflow.readers import zeek_tsv  # noqa: PLC0415 - none needs all of them

        yield from zeek_tsv.read_logs(source, quality, columns)
    elif source.format is Format.ZEEK_JSON:
        from pacsflow.readers import zeek_json  # noqa: PLC0415 - likewise

        yield from zeek_json.read(source, quality, columns)
    elif source.format is Format.ZEEK_TABLE:
        from pacsflow.readers import zeek_sheets, zeek_table  # noqa: PLC0415 - likewise

        reader = zeek_sheets if zeek_sheets.is_workbook(source.path) else zeek_table
        yield from reader.read(source, quality, columns)
    elif source.format is Format.WIRESHARK_JSON:
        from pacsflow.readers import wireshark_json  # noqa: PLC0415 - likewise

        yield from (("frames", batch) for batch in wireshark_json.read(source.path, quality))
    elif source.format is Format.CAPTURE:
        from pacsflow.readers import capture, spooled  # noqa: PLC0415 - likewise

        with spooled.unpacked(source.path) as path:
            yield from capture.read(path, quality, source.capture, columns)
    elif source.format is Format.TABLE:
        from pacsflow.readers import spreadsheet  # noqa: PLC0415 - likewise

        batches = spreadsheet.read(
            source.path,
            quality,
            columns=columns,
            start=source.capture.start,
            sampling_rate=source.capture.sampling_rate or 1,
            date_order=source.capture.date_order,
        )
        yield from (("frames", batch) for batch in batches)
    else:
        raise InputError(source.path, f"{source.kind}: pacsflow has no use for it")
