"""What kind of history a series has: it may start late, have stopped, or be constant."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pacsflow.forecasting.results import HOURS_NEEDED, WEEK, NotEnoughHistory
from pacsflow.forecasting.transform import to_wall
from pacsflow.terms.message import Message, count, message

if TYPE_CHECKING:
    from pacsflow.forecasting.results import Floats
    from pacsflow.forecasting.transform import Wall
    from pacsflow.series import HourlySeries

_MOST, _LEAST = 1e30, 1e-30
"""Beyond the one no hour's traffic can be (nor its square a float); below the other it is zero."""


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
    impossible
        Hours whose values no traffic can have; they are gaps.
    began
        Hours since the series began, where zeros before that are left out.
    notes
        What was found.
    """

    y: Floats
    first: int
    level: float | None = None
    too_short: bool = False
    began: int | None = None
    impossible: int = 0
    notes: tuple[Message, ...] = ()


def refusal(series: HourlySeries, zone: str, horizon: int = WEEK) -> NotEnoughHistory | None:
    """Return why there is no forecast of a series that is too short for one, else None.

    It needs none of the libraries that models are fitted with, whose import takes seconds.
    """
    wall = to_wall(series, zone, horizon)
    return too_little(series, examine_wall(wall))


def too_little(series: HourlySeries, found: HistoryCondition) -> NotEnoughHistory | None:
    """Return what to answer where `found` says that its series is too short, else None."""
    if not found.too_short:
        return None
    there = int(np.isfinite(found.y).sum())
    return NotEnoughHistory(
        series.name, there, HOURS_NEEDED, found.began, impossible=found.impossible
    )


def examine_wall(wall: Wall) -> HistoryCondition:
    """Return what `examine` says of a series on the wall clock's grid."""
    return examine(wall.values, wall.first, len(wall.values) - len(np.unique(wall.past)))


def examine(y: Floats, first: int, skipped: int = 0) -> HistoryCondition:
    """Return the history made ready for models, gaps left as they are.

    Parameters
    ----------
    y, first
        Wall-clock hours, and that of the first (see `transform.Wall`).
    skipped
        How many of the hours no clock of the zone showed: they lack no data.
    """
    notes: list[Message] = []
    wrong = (y < 0) | (y > _MOST)
    impossible = int(wrong.sum())
    if impossible:
        y = np.where(wrong, np.nan, y)
        notes.append(message("history-impossible", hours=count(impossible)))
    y = np.where(y < _LEAST, 0.0, y)
    there = int(np.isfinite(y).sum())
    if there < HOURS_NEEDED:
        return HistoryCondition(y, first, too_short=True, impossible=impossible)
    hours = len(y) - skipped
    if hours > there + impossible:
        gaps = count(hours - there - impossible)
        notes.append(message("history-gaps", gaps=gaps, hours=count(hours)))
    alive = np.flatnonzero(np.nan_to_num(y) != 0)
    if not alive.size:
        return HistoryCondition(y, first, 0.0, notes=(*notes, Message("history-zero")))
    seen = y[np.isfinite(y)]
    if np.ptp(seen) == 0:
        level = float(seen[0])
        return HistoryCondition(y, first, level, notes=(*notes, Message("history-level")))
    silent = int(np.isfinite(y[alive[-1] + 1 :]).sum())
    if silent >= WEEK and silent > 2 * _longest_silence(y[alive[0] : alive[-1] + 1]):
        notes.append(message("history-stopped", hours=count(silent)))
        return HistoryCondition(y, first, 0.0, notes=tuple(notes))
    if alive.size == 1:
        notes.append(Message("history-one-hour"))
        return HistoryCondition(y, first, 0.0, notes=tuple(notes))
    y, first = _from_beginning(y, first, int(alive[0]), notes)
    if np.isfinite(y).sum() < HOURS_NEEDED:
        return HistoryCondition(y, first, too_short=True, began=len(y))
    return HistoryCondition(y, first, notes=tuple(notes))


def _from_beginning(y: Floats, first: int, begin: int, notes: list[Message]) -> tuple[Floats, int]:
    """Leave out a week or more of zeros before the first traffic."""
    if np.isfinite(y[:begin]).sum() < WEEK:
        return y, first
    y, first = y[begin:], first + begin
    notes.append(message("history-began", hours=count(len(y))))
    return y, first


def _longest_silence(y: Floats) -> int:
    longest = run = 0
    for value in y.tolist():
        run = run + 1 if value == 0 else 0 if value == value else run  # noqa: PLR0124  NaN
        longest = max(longest, run)
    return longest
