"""`explore`: the frames of captures and tables, interactively."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pacsflow.cli import app
from pacsflow.cli.console import progress
from pacsflow.cli.frames import frame_sources, tell_losses, tell_notes
from pacsflow.cli.options import SOURCES, Request, reading
from pacsflow.errors import UsageError

if TYPE_CHECKING:
    from pacsflow.readers import Quality, Source


@app.command()
@reading(tuple(name for name in (*SOURCES, "with_info") if name not in {"ledger", "inventory"}))
def explore(request: Request) -> None:
    """Explore frames in the terminal: pick a column, a number, an address, DICOM only or not.

    Enter drills down into the value under the cursor, f lists the frames, b goes back, x writes
    what is on the screen to a .csv, .json or .xlsx file. Captures and tables of frames are read.

    Example: `pacsflow explore study.xlsx`
    """
    from pacsflow.explore.query import Frames
    from pacsflow.explore.session import Session
    from pacsflow.outputs import scratch_folder

    key, sources = request.key(), frame_sources(request, "explore shows frames")
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError("explore needs a terminal; pacsflow top and pacsflow show need none")
    with scratch_folder() as scratch, Frames(Path(scratch)) as rows:
        done = 0
        with progress("reading") as update:

            def told(source: Source, quality: Quality) -> None:
                nonlocal done
                done += 1
                update(done, len(sources))
                tell_notes(source, quality)
                tell_losses(source, quality)

            rows.load(sources, told, key)
        Session(rows, write_screen).application().run()


def write_screen(path: Path, header: tuple[str, ...], rows: tuple[tuple[Any, ...], ...]) -> None:
    """Write the rows on the screen; the ending of the name says how.

    Raises `UsageError` for another ending or a folder that is not there.
    """
    from pacsflow.export.rows import to_csv, to_objects
    from pacsflow.outputs import write_text

    ending = path.suffix.lower()
    if not path.parent.is_dir():
        raise UsageError(f"{path.parent}: there is no such folder")
    if ending in {".csv", ".json"}:
        write_text(path, (to_csv if ending == ".csv" else to_objects)(header, rows))
    elif ending == ".xlsx":
        from pacsflow.export.workbook import write_table

        write_table(path, "frames", header, rows)
    else:
        raise UsageError(f"{path}: expected a name that ends in .csv, .json or .xlsx")
