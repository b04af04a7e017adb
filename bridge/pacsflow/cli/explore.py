"""`explore`: the frames of captures and tables, interactively."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from pacsflow.cli import app
from pacsflow.cli.common import Inputs, PseudonymOption, key_of, progress, to_csv, warn
from pacsflow.cli.frames import sources_of
from pacsflow.errors import UsageError
from pacsflow.outputs import write_bytes, write_text

if TYPE_CHECKING:
    from pacsflow.readers import Quality, Source


@app.command(rich_help_panel="Look")
def explore(inputs: Inputs = None, pseudonymise: PseudonymOption = None) -> None:
    """Explore frames in the terminal: pick a column, a number, an address, DICOM only or not.

    Enter drills down into the value under the cursor, f lists the frames, b goes back, x writes
    what is on the screen to a .csv, .json or .xlsx file. Captures and tables of frames are read.

    Example: `pacsflow explore study.xlsx`
    """
    from pacsflow.explore.query import Frames  # noqa: PLC0415 - only where it is asked
    from pacsflow.explore.session import Session  # noqa: PLC0415 - likewise

    key = key_of(pseudonymise)
    sources = [source for source in sources_of(inputs) if source.log == "frames"]
    if not sources:
        raise UsageError("explore shows frames: give captures or tables of frames, not logs")
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError("explore needs a terminal; pacsflow top and pacsflow show need none")
    with tempfile.TemporaryDirectory(prefix="pacsflow-") as scratch, Frames(Path(scratch)) as rows:
        done = 0
        with progress("reading") as update:

            def told(source: Source, quality: Quality) -> None:
                nonlocal done
                done += 1
                update(done, len(sources))
                if quality.unreadable:
                    warn(f"{source.path}: {quality.unreadable} unreadable; {quality.examples[0]}")

            rows.load(sources, told, key)
        Session(rows, write_screen).application().run()


def write_screen(path: Path, header: tuple[str, ...], rows: tuple[tuple[Any, ...], ...]) -> None:
    """Write the rows on the screen; the ending of the name says how.

    Raises `UsageError` for another ending or a folder that is not there.
    """
    ending = path.suffix.lower()
    if not path.parent.is_dir():
        raise UsageError(f"{path.parent}: there is no such folder")
    if ending == ".csv":
        write_text(path, to_csv(header, [_plain(row) for row in rows]))
    elif ending == ".json":
        objects = [dict(zip(header, _plain(row), strict=True)) for row in rows]
        write_bytes(path, orjson.dumps(objects, option=orjson.OPT_INDENT_2))
    elif ending == ".xlsx":
        from pacsflow.export.workbook import write_table  # noqa: PLC0415 - only here

        write_table(path, "frames", header, rows)
    else:
        raise UsageError(f"{path}: expected a name that ends in .csv, .json or .xlsx")


def _plain(row: tuple[Any, ...]) -> list[Any]:
    return [cell.isoformat() if hasattr(cell, "isoformat") else cell for cell in row]
