"""What kind of history a series has: it may start late, have stopped, or be constant."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pacsflow.forecasting.results import HOURS_NEEDED, WEEK

if TYPE_CHECKING:
    from pacsflow.forecasting.results import Floats


@dataclass(frozen=True, slots=True, eq=False)
class HistoryCondition:
    """A history made ready, and what is special about it.

    Parameters
    ----------
    y
        Wall-clock hours from the series' true beginning on.
    first
        Wall-clock hour of the first.
    level
        The one value of a series that needs no model (all zero, constant, stopped), else None.
    too_short
        There is too little of it for a forecast.
    began
        Hours since the series began, where zeros before that are left out.
    notes
        What was found, one sentence each.
    """

    y: Floats
    first: int
    level: float | None = None
    too_short: bool = False
    began: int | None = None
    notes: tuple[str, ...] = ()


def examine(y: Floats, first: int) -> HistoryCondition:
    """Return the history made ready for models, gaps left as they are."""
    notes: list[str] = []
    there = int(np.isfinite(y).sum())
    if there < HOURS_NEEDED:
        return HistoryCondition(y, first, too_short=True)
    gaps = len(y) - there
    if gaps:
        notes.append(f"{gaps} of {len(y)} hours are without data; they count as missing, not zero.")
    alive = np.flatnonzero(np.nan_to_num(y) != 0)
    if not alive.size:
        return HistoryCondition(y, first, 0.0, notes=(*notes, "Every hour with data is zero."))
    seen = y[np.isfinite(y)]
    if np.ptp(seen) == 0:
        return HistoryCondition(
            y, first, float(seen[0]), notes=(*notes, "All hours have one value.")
        )
    silent = int(np.isfinite(y[alive[-1] + 1 :]).sum())
    if silent >= WEEK and silent > 2 * _longest_silence(y[: alive[-1] + 1]):
        notes.append(
            f"The series has been zero for its last {silent} hours: it is taken to have stopped."
        )
        return HistoryCondition(y, first, 0.0, notes=tuple(notes))
    if alive.size == 1:
        notes.append("One hour alone is not zero; it is not expected again.")
        return HistoryCondition(y, first, 0.0, notes=tuple(notes))
    y, first = _from_beginning(y, first, int(alive[0]), notes)
    if np.isfinite(y).sum() < HOURS_NEEDED:
        return HistoryCondition(y, first, too_short=True, began=len(y))
    return HistoryCondition(y, first, notes=tuple(notes))


def _from_beginning(y: Floats, first: int, begin: int, notes: list[str]) -> tuple[Floats, int]:
    """Leave out a week or more of zeros before the first traffic."""
    if np.isfinite(y[:begin]).sum() < WEEK:
        return y, first
    y, first = y[begin:], first + begin
    notes.append(f"The series began {len(y)} hours ago; the zeros before are left out.")
    return y, first


def _longest_silence(y: Floats) -> int:
    longest = run = 0
    for value in y.tolist():
        run = run + 1 if value == 0 else 0 if value == value else run  # noqa: PLR0124  NaN
        longest = max(longest, run)
    return longest
