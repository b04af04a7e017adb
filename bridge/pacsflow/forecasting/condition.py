"""What kind of history a series has: it may start late, have stopped, or be constant."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from pacsflow.forecasting.results import DAY, HOURS_NEEDED, WEEK, NotEnoughHistory
from pacsflow.forecasting.transform import to_wall
from pacsflow.terms.message import Message, count, message

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pacsflow.forecasting.results import Floats
    from pacsflow.forecasting.transform import Wall
    from pacsflow.series import HourlySeries

    Ints = NDArray[np.int64]

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
    data
        Hours with data that each of `y` is made of (see `transform.Wall`).
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
    data: Ints
    level: float | None = None
    too_short: bool = False
    began: int | None = None
    impossible: int = 0
    notes: tuple[Message, ...] = ()


def refusal(series: HourlySeries, zone: str, horizon: int = WEEK) -> NotEnoughHistory | None:
    """Return why there is no forecast of a series that is too short for one, else None.

    It needs none of the libraries that models are fitted with, whose import takes seconds.
    """
    return too_little(series, make_ready(series, zone, horizon)[1])


def too_little(series: HourlySeries, found: HistoryCondition) -> NotEnoughHistory | None:
    """Return what to answer where `found` says that its series is too short, else None."""
    if not found.too_short:
        return None
    there = int(found.data.sum())
    return NotEnoughHistory(
        series.name, there, HOURS_NEEDED, found.began, impossible=found.impossible
    )


def make_ready(series: HourlySeries, zone: str, horizon: int) -> tuple[Wall, HistoryCondition]:
    """Return a series on the wall clock's grid, and what is special about it, gaps left."""
    notes: list[Message] = []
    values = possible(series.values)
    impossible = int(np.isfinite(series.values).sum() - np.isfinite(values).sum())
    if impossible:
        series = replace(series, values=values)
        notes.append(message("history-impossible", hours=count(impossible)))
    wall = to_wall(series, zone, horizon)
    gaps = len(series) - impossible - int(wall.data.sum())
    if gaps:
        notes.append(message("history-gaps", gaps=count(gaps), hours=count(len(series))))
    ended = int(np.argmax(np.isfinite(values[::-1]))) if wall.data.any() else 0
    if ended >= DAY:
        notes.append(message("history-ended", hours=count(ended)))
    return wall, replace(_examine(wall, notes), impossible=impossible)


def possible(values: Floats) -> Floats:
    """Return hours without those below zero or beyond what traffic can be, which are missing."""
    with np.errstate(invalid="ignore"):
        return np.where((values < 0) | (values > _MOST), np.nan, values)


def _examine(wall: Wall, notes: list[Message]) -> HistoryCondition:
    begin = int(np.argmax(wall.data > 0)) if wall.data.any() else 0  # before it nothing is known
    y, first, data = wall.values[begin:], wall.first + begin, wall.data[begin:]
    y = np.where(y < _LEAST, 0.0, y)
    if data.sum() < HOURS_NEEDED:
        return HistoryCondition(y, first, data, too_short=True)
    alive = np.flatnonzero(np.nan_to_num(y) != 0)
    if not alive.size:
        return HistoryCondition(y, first, data, 0.0, notes=(*notes, Message("history-zero")))
    seen = y[np.isfinite(y)]
    if np.ptp(seen) == 0:
        level = float(seen[0])
        return HistoryCondition(y, first, data, level, notes=(*notes, Message("history-level")))
    silent = int(data[alive[-1] + 1 :].sum())
    if silent >= WEEK and silent > 2 * _longest_silence(y[alive[0] : alive[-1] + 1]):
        notes.append(message("history-stopped", hours=count(silent)))
        return HistoryCondition(y, first, data, 0.0, notes=tuple(notes))
    if alive.size == 1:
        notes.append(Message("history-one-hour"))
        return HistoryCondition(y, first, data, 0.0, notes=tuple(notes))
    begin = int(alive[0])
    if data[:begin].sum() >= WEEK:  # a week or more of zeros before the first traffic
        y, first, data = y[begin:], first + begin, data[begin:]
        notes.append(message("history-began", hours=count(len(y))))
    if data.sum() < HOURS_NEEDED:
        return HistoryCondition(y, first, data, too_short=True, began=len(y))
    return HistoryCondition(y, first, data, notes=tuple(notes))


def hours_unseen(y: Floats) -> int:
    """Return how many hours of the week a history holds no data of."""
    return WEEK - len(np.unique(np.flatnonzero(np.isfinite(y)) % WEEK))


def _longest_silence(y: Floats) -> int:
    longest = run = 0
    for value in y.tolist():
        run = run + 1 if value == 0 else 0 if value == value else run  # noqa: PLR0124  NaN
        longest = max(longest, run)
    return longest
