"""Puts the frames of a capture into the order of their times, where it tells too little without.

Several queues of a network card, or files put together, make a capture whose frames stand out
of their order; further than a segment is waited for, an association falls to pieces.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pacsflow.programs import tools, unprivileged
from pacsflow.readers import zeek_tsv
from pacsflow.readers.quality import Quality

if TYPE_CHECKING:
    from pacsflow.programs.tools import Tool
    from pacsflow.readers.capture_log import Told

DISORDER = 0.02
"""A capture without an association may hold one where this share of its frames is out of order."""


def is_wanted(told: Told, dicom: Path) -> bool:
    """Say whether a capture told less than it may hold, for its frames are out of their order.

    Where its clock stepped back their times are no order.
    """
    frames = told.frames("out of order")
    if not frames or told.frames("clock"):
        return False
    missing, rows = lost(dicom)
    return bool(missing) or (not rows and frames > DISORDER * told.frames("seen"))


def lost(dicom: Path) -> tuple[int, int]:
    """Return what a dicom.log's rows miss, in bytes and beginnings and ends, and their number."""
    missing = rows = 0
    for batch in zeek_tsv.read(dicom, "dicom", Quality()):
        for row in batch.select(["missed_bytes", "flags", "end"]).to_pylist():
            rows += 1
            missing += row["missed_bytes"] or 0
            missing += "midstream" in (row["flags"] or ())
            missing += row["end"] == "incomplete"
    return missing, rows


def in_order(capture: Path, target: Path, tshark: Tool) -> Path | None:
    """Write the capture to `target`, its frames sorted by time; None where that cannot be done."""
    reordercap = tools.beside(tshark, "reordercap")
    if reordercap is None:
        return None
    account = unprivileged.account_for(reordercap)
    with unprivileged.scratch(account, "pacsflow-order-") as folder:
        lent = unprivileged.lend(capture, folder / "capture", account)
        process = unprivileged.start(
            [reordercap, lent, folder / "ordered"], account, folder=Path("/")
        )
        if process.wait() != 0 or not unprivileged.take(folder / "ordered", target, account):
            return None
    return target
