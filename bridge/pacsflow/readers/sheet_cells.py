"""Run as a process of its own: writes the cells of a workbook's sheets to a file, within limits.

``python sheet_cells.py WORKBOOK TARGET MEGABYTES SECONDS BYTES SHEETS``. Calamine keeps a whole
sheet in memory and trusts what the file says of its size; the operating system does not. The
target has a line for each sheet (its name as a JSON text) and one for each piece of it: a JSON
array of the number of its first row and its columns.
"""

from __future__ import annotations

import sys
from datetime import timedelta
from itertools import islice
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

ROWS = 20_000
"""Rows of a piece."""
TOO_MANY_SHEETS, UNREADABLE = 4, 3
"""Exit codes; the reason of the second stands on standard error."""


def main(arguments: list[str]) -> int:
    """Return the exit code."""
    source, target, *numbers = arguments
    megabytes, seconds, most_bytes, sheets = map(int, numbers)
    _limit(megabytes, seconds, most_bytes)
    from python_calamine import CalamineError, CalamineWorkbook  # noqa: PLC0415 - after the limits

    try:
        with CalamineWorkbook.from_path(source) as book:
            if len(book.sheet_names) > sheets:
                return TOO_MANY_SHEETS
            with open(target, "wb") as file:  # noqa: PTH123 - pathlib costs its import
                for name in book.sheet_names:
                    _write(book, name, file)
    except (CalamineError, OSError, ValueError) as error:
        sys.stderr.write(str(error))
        return UNREADABLE
    return 0


def _limit(megabytes: int, seconds: int, most_bytes: int) -> None:
    """Have the system end this process where it takes more; Windows knows no such limits."""
    if sys.platform == "win32":
        return
    import resource  # noqa: PLC0415 - there is none on Windows

    for kind, most in (
        (resource.RLIMIT_DATA, megabytes << 20),
        (resource.RLIMIT_AS, (megabytes + 256) << 20),
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_FSIZE, most_bytes),
        (resource.RLIMIT_CORE, 0),
    ):
        hard = resource.getrlimit(kind)[1]
        resource.setrlimit(kind, (most if hard < 0 else min(most, hard), hard))


def _write(book: object, name: str, file: IO[bytes]) -> None:
    import orjson  # noqa: PLC0415 - likewise
    from python_calamine import WorksheetNotFound  # noqa: PLC0415

    try:
        sheet = book.get_sheet_by_name(name)  # type: ignore[attr-defined]
    except WorksheetNotFound:
        return  # a sheet of charts
    file.write(orjson.dumps(name) + b"\n")
    for number, rows in _pieces(sheet.iter_rows(), 1):
        piece = [number, list(zip(*rows, strict=True))]
        file.write(orjson.dumps(piece, default=_text) + b"\n")


def _pieces(rows: Iterable[list[object]], number: int) -> Iterator[tuple[int, list[list[object]]]]:
    several = iter(rows)
    while piece := list(islice(several, ROWS)):
        yield number, piece
        number += len(piece)


def _text(value: object) -> str:
    if isinstance(value, timedelta):
        seconds = value.total_seconds()
        minutes, rest = divmod(seconds, 60)
        return f"{int(minutes // 60):02d}:{int(minutes % 60):02d}:{rest:09.6f}"
    return str(value)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
