"""`live`: the DICOM of an interface as it goes by."""

from __future__ import annotations

import shutil
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from pacsflow.cli import app
from pacsflow.cli.console import tell, warn
from pacsflow.cli.options import FormatOption, speaking
from pacsflow.cli.tables import Listing, OutputFormat, cell_width, emit_several
from pacsflow.errors import UsageError
from pacsflow.export.rows import to_line
from pacsflow.printable import counted, escape_controls
from pacsflow.programs.pyshark_view import COLUMNS, association_frames, live_frames, news
from pacsflow.words.tables import LEFT_OUT

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pacsflow.programs.pyshark_view import FrameView

SHOWN = {
    "ts": ("Time (UTC)", 15), "source": ("From", 21), "destination": ("To", 21),
    "association": ("Id", 4), "calling_ae": ("Calling AE", 16), "called_ae": ("Called AE", 16),
    "state": ("State", 9), "operation": ("Operation", 9), "modality": ("Modality", 8),
    "status": ("Status", 24),
}  # fmt: skip
"""What a line of the table shows: heading and usual width of the columns that are in it."""
NEEDED = ("ts", "association", "operation", "state", "status", "calling_ae", "called_ae", "source")
"""What a narrow terminal shows rather than the rest, the first before the later."""


@app.command()
@speaking
def live(
    interface: Annotated[
        str,
        typer.Argument(
            metavar="INTERFACE", help="As `tshark -D` names it: eth0, any; - for a pipe."
        ),
    ],
    count: Annotated[int | None, typer.Option(min=1, help="End after so many lines.")] = None,
    every_frame: Annotated[
        bool, typer.Option("--every-frame", help="Also frames that tell nothing new.")
    ] = False,
    how: FormatOption = OutputFormat.TABLE,
) -> None:
    """Show associations on an interface as they happen, until interrupted (Ctrl-C).

    One line for each step of an association: requested, accepted, each operation and its answer,
    released or aborted. Capturing takes privileges: see `tshark -D`.

    Example: `pacsflow live eth0`
    """
    if how is OutputFormat.CSV:
        raise UsageError("live writes a table, or --format json: one object a line")
    names = fitting(shutil.get_terminal_size().columns if sys.stdout.isatty() else None)
    lines, associations = 0, set()
    try:
        frames = live_frames(interface, warn=warn, begun=lambda: _say_begun(interface))
        for frame in frames if every_frame else news(frames):
            if not lines and how is OutputFormat.TABLE:
                _head(names)
            tell(_json(frame) if how is OutputFormat.JSON else aligned(_cells(frame), names))
            lines += 1
            associations.add(frame.tags.get("assoc.id"))
            if lines == count:
                break
    except KeyboardInterrupt:
        pass
    told = counted(len(associations), "association", "associations")
    sys.stderr.write(f"{counted(lines, 'line', 'lines')} of {told}\n")


def _say_begun(interface: str) -> None:
    sys.stderr.write(f"capturing on {interface}, Ctrl-C ends\n")
    sys.stderr.flush()


def _head(names: Sequence[str]) -> None:
    """Begin the table, once there is something to tell; name what the terminal has no room for."""
    if left := [heading for name, (heading, _) in SHOWN.items() if name not in names]:
        told = LEFT_OUT.replace("csv", "json") % {"columns": ", ".join(left)}
        sys.stderr.write(f"{told}\n")
    tell(aligned({name: heading for name, (heading, _) in SHOWN.items()}, names))


def fitting(width: int | None) -> list[str]:
    """Return the columns that a terminal of `width` columns has room for; None has it for all."""
    if width is None:
        return list(SHOWN)
    taken, room = set[str](), width + 1
    for name in (*NEEDED, *SHOWN):
        if name not in taken and SHOWN[name][1] < room:
            taken.add(name)
            room -= SHOWN[name][1] + 1
    return [name for name in SHOWN if name in taken]


def aligned(cells: dict[str, str], names: Sequence[str]) -> str:
    """Return a line; what is wider than its column is whole, and moves what follows it."""
    padded = (
        cells[name] + " " * (SHOWN[name][1] - cell_width(cells[name])) for name in names
    )  # fmt: skip
    return " ".join(padded).rstrip()


def _cells(frame: FrameView) -> dict[str, str]:
    row = dict(zip(COLUMNS, frame.row(), strict=True))
    row["ts"] = datetime.fromtimestamp(frame.ts, UTC).strftime("%H:%M:%S.%f")
    return {name: escape_controls(str(row[name])) for name in SHOWN}


def _json(frame: FrameView) -> str:
    return to_line(dict(zip(COLUMNS, frame.row(), strict=True))).rstrip("\n")


def show_association(capture: Path, association: int, number: int, how: OutputFormat) -> None:
    """Show the frames of one association of a capture."""
    rows = []
    for frame in association_frames(capture, association, warn=warn):
        row = frame.row()
        row[1] = datetime.fromtimestamp(frame.ts, UTC).strftime("%Y-%m-%d %H:%M:%S.%fZ")
        rows.append(row)
        if len(rows) >= number:
            break
    if not rows:
        raise UsageError(f"{capture}: no association {association} in it")
    title = f"Association {association} of {capture}"
    emit_several([Listing("frames", title, COLUMNS, rows)], how)
