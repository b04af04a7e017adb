"""Counts rows of conn.log that leave out what is summed: a sum of nothing is no zero."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from pacsflow.printable import counted

if TYPE_CHECKING:
    from collections.abc import Collection

    from pacsflow.readers.quality import Quality

SIDES = ("orig", "resp")


@dataclass(slots=True)
class Untold:
    """Rows without packets, bytes or durations; fields that nobody asks for are not missed.

    Parameters
    ----------
    columns
        The fields that are asked for; None for all.
    """

    columns: Collection[str] | None = None
    payload: int = 0
    """Rows of which payload has to stand for IP bytes."""
    bytes: int = 0
    packets: int = 0
    durations: int = 0

    def look(self, rows: pa.RecordBatch) -> None:
        """Count what a batch leaves out."""
        if self.columns is not None and "orig_ip_bytes" not in self.columns:
            return
        no_ip = [pc.is_null(rows[f"{side}_ip_bytes"]) for side in SIDES]
        if any(rows[f"{side}_ip_bytes"].null_count for side in SIDES):
            none = [
                pc.and_(n, pc.is_null(rows[f"{s}_bytes"]))
                for n, s in zip(no_ip, SIDES, strict=True)
            ]
            self.bytes += _number(pc.or_(*none))
            self.payload += _number(pc.and_not(pc.or_(*no_ip), pc.and_(*none)))
        if any(rows[f"{side}_pkts"].null_count for side in SIDES):
            self.packets += _number(pc.or_(*(pc.is_null(rows[f"{side}_pkts"]) for side in SIDES)))
        if rows["duration"].null_count:
            both = pc.and_(*(pc.greater(rows[f"{side}_bytes"], 0) for side in SIDES))
            spoke = pc.fill_null(both, fill_value=False)
            self.durations += _number(pc.and_(pc.is_null(rows["duration"]), spoke))

    def tell(self, quality: Quality) -> None:
        """Say what was left out."""
        for count, told in (
            (self.bytes, "no bytes of one side or of both: these are counted as 0"),
            (self.payload, "no IP bytes of one side or of both: payload was counted"),
            (self.packets, "no packets of one side or of both: these are counted as 0"),
            (
                self.durations,
                "no duration: counted in the hour of the beginning",
            ),
        ):
            if count:
                quality.note(f"{counted(count, 'connection tells', 'connections tell')} {told}")


def _number(mask: pa.Array) -> int:
    return int(pc.sum(mask).as_py() or 0)
