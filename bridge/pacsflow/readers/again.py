"""Notices that a table's first rows come again: that it was pasted, or put together, twice."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from pacsflow.readers.cells import Cells
    from pacsflow.readers.quality import Quality

NEAR = 64
"""Within so many rows the time changes, or it says nothing that they come again."""
PLACES = 1000
"""So many rows of the first one's time are compared with it in a piece."""


class Again:
    """Looks at piece after piece of a file, whatever sheet or table each is of."""

    def __init__(self) -> None:
        self.first: list[dict[str, str | None]] = []
        self.line = 0

    def seen(self, cells: Cells) -> None:
        """Look for the first rows, up to one of another time, in more rows."""
        time = next((name for name in ("ts", "date") if name in cells.columns), "")
        if self.line or not time:
            return
        begin = 0
        if not self.first:
            begin = _until_another(cells.columns[time][:NEAR].to_pylist())
            self.first = _rows(cells, 0, begin)
        if self.first:
            self._search(cells, time, begin)

    def _search(self, cells: Cells, time: str, begin: int) -> None:
        first = pa.scalar(self.first[0].get(time), pa.string())
        same = pc.fill_null(pc.equal(cells.columns[time], first), False)
        places = np.flatnonzero(same.to_numpy(zero_copy_only=False))
        for place in places[places >= begin][:PLACES].tolist():
            if _rows(cells, place, len(self.first)) == self.first:
                self.line = int(cells.lines[place])
                return

    def tell(self, quality: Quality) -> None:
        """Say where they come again."""
        if self.line:
            quality.note(
                f"its first rows come again in line {self.line}: rows that stand in it twice "
                "count twice"
            )


def _until_another(times: list[str | None]) -> int:
    """Return how many rows there are up to the first of another time; 0 where all have one."""
    return next((n for n, text in enumerate(times, 1) if text != times[0]), 0)


def _rows(cells: Cells, place: int, count: int) -> list[dict[str, str | None]]:
    columns = {
        name: column.slice(place, count).to_pylist()
        for name, column in cells.columns.items()
        if name != "number"  # that of a row in the table, not of a frame
    }
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
