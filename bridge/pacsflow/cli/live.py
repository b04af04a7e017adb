"""`live`: tagged frames of an interface as they come."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import orjson
import typer

from pacsflow.cli import app
from pacsflow.cli.common import Format, FormatOption, emit
from pacsflow.errors import UsageError
from pacsflow.pyshark_view import COLUMNS, association_frames, live_frames

if TYPE_CHECKING:
    from pathlib import Path

WIDTHS = (6, 15, 7, 22, 22, 5, 16, 16, 10, 10)


@app.command(rich_help_panel="Look")
def live(
    interface: Annotated[str, typer.Argument(metavar="INTERFACE", help="As tshark -D names it.")],
    count: Annotated[int | None, typer.Option(min=1, help="End after so many frames.")] = None,
    how: FormatOption = Format.TABLE,
) -> None:
    """Show the DICOM frames of an interface as they come, until interrupted.

    Example: `pacsflow live eth0`
    """
    if how is Format.CSV:
        raise UsageError("live writes a table, or --format json: one object a line")
    try:
        for frame in live_frames(interface, count=count):
            row = frame.row()
            if how is Format.JSON:
                text = orjson.dumps(dict(zip(COLUMNS, row, strict=True))).decode()
            else:
                row[1] = datetime.fromtimestamp(frame.ts, UTC).strftime("%H:%M:%S.%f")
                cells = zip(row, WIDTHS, strict=False)
                text = " ".join(str(cell)[:width].ljust(width) for cell, width in cells).rstrip()
            sys.stdout.write(text + "\n")
            sys.stdout.flush()
    except KeyboardInterrupt:
        return


def show_association(capture: Path, association: int, number: int, how: Format) -> None:
    """Show the frames of one association of a capture."""
    rows = []
    for frame in association_frames(capture, association):
        row = frame.row()
        row[1] = datetime.fromtimestamp(frame.ts, UTC).isoformat(sep=" ", timespec="microseconds")
        rows.append(row)
        if len(rows) >= number:
            break
    if not rows:
        raise UsageError(f"{capture}: no association {association} in it")
    emit(f"Association {association} of {capture}", list(COLUMNS), rows, how)
