"""What an explorer looks at, as a value: every key makes a new one, so going back is easy."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from pacsflow.explore.query import COLUMNS, SHOWN, Condition

if TYPE_CHECKING:
    from pacsflow.explore.query import Frames

RANK_HEADER = ("value", "frames", "percent", "bytes", "estimated_bytes")
INTERVAL = ("lower_95", "upper_95")
"""Ends of the estimated bytes' 95 % interval, where frames are samples."""
MOST = 1_000_000


@dataclass(frozen=True, slots=True)
class View:
    """A ranking of one column, or a list of frames, under some conditions.

    Parameters
    ----------
    by
        The ranked column, a key of COLUMNS.
    number
        Rows at most.
    conditions
        What the frames must fulfil.
    dicom
        DICOM frames alone.
    listing
        True for the frames themselves, False for the ranking.
    skip
        Frames before the first that is listed.
    """

    by: str = "source"
    number: int = 5
    conditions: tuple[Condition, ...] = ()
    dicom: bool = False
    listing: bool = False
    skip: int = 0

    def column(self, by: str) -> View:
        """Rank another column."""
        return replace(self, by=by, listing=False, skip=0)

    def rows(self, number: int) -> View:
        """Show another number of rows."""
        return replace(self, number=max(1, min(number, MOST)), skip=0)

    def toggled(self) -> View:
        """Show DICOM alone, or everything again."""
        return replace(self, dicom=not self.dicom, skip=0)

    def frames(self) -> View:
        """List the frames, or go back to the ranking."""
        return replace(self, listing=not self.listing, skip=0)

    def address(self, text: str) -> View:
        """Keep the frames of one address; an empty text takes the condition away."""
        rest = tuple(c for c in self.conditions if c.column != "address")
        more = (Condition("address", text.strip()),) if text.strip() else ()
        return replace(self, conditions=rest + more, skip=0)

    def containing(self, text: str) -> View:
        """Keep the frames whose Info contains a text; an empty one takes the condition away."""
        rest = tuple(c for c in self.conditions if c.column != "info contains")
        more = (Condition("info contains", text),) if text else ()
        return replace(self, conditions=rest + more, skip=0)

    def into(self, value: str | None) -> View:
        """Drill down: keep the frames with this value and rank the next column that is free."""
        conditions = (*self.conditions, Condition(self.by, value))
        taken = {c.column for c in conditions}
        names = list(COLUMNS)
        after = names[names.index(self.by) + 1 :] + names
        free = next((name for name in after if name not in taken), None)
        if free is None:
            return replace(self, conditions=conditions, listing=True, skip=0)
        return replace(self, conditions=conditions, by=free, skip=0)

    def page(self, step: int) -> View:
        """List the frames further on (or back)."""
        return replace(self, skip=max(0, self.skip + step * self.number)) if self.listing else self

    @property
    def title(self) -> str:
        """One line that says what is shown."""
        what = "frames" if self.listing else f"top {self.number} by {self.by}"
        where = ["DICOM"] if self.dicom else []
        where += [str(condition) for condition in self.conditions]
        return what + (", of " + ", ".join(where) if where else "")


@dataclass(frozen=True, slots=True)
class Screen:
    """The answer to a view: a header and rows, and how many frames it is about."""

    header: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    frames: int


def answer(frames: Frames, view: View) -> Screen:
    """Ask the frames what a view wants to see."""
    if view.listing:
        rows = frames.show(view.number, view.conditions, dicom=view.dicom, skip=view.skip)
        total = frames.count(view.conditions, dicom=view.dicom)
        return Screen(SHOWN, tuple(rows), total)
    ranked = frames.rank(view.by, view.number, view.conditions, dicom=view.dicom)
    header = (view.by, *RANK_HEADER[1:])
    if not any(ranked.estimates):
        return Screen(header, ranked.rows, ranked.total)
    estimated = tuple(
        (*row, round(total.lower), round(total.upper)) if total else (*row, None, None)
        for row, total in zip(ranked.rows, ranked.estimates, strict=True)
    )
    return Screen((*header, *INTERVAL), estimated, ranked.total)
