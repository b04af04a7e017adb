"""Histories that changed for good: another level, another unit, a clock that drifts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pacsflow.forecasting.results import DAY, WEEK

if TYPE_CHECKING:
    from pacsflow.forecasting.results import Floats

_UNIT = 200.0
"""From this factor on no habit changes so: a unit did, or what is counted."""
_TOLD = 1.6
"""From this factor on a change of level is told."""
_BEFORE, _AFTER = 7, 3
"""Days that are needed before and since a change of level."""
_HOURS = 12
"""Hours in use that are needed on either side of a change of unit."""
_APART = 0.5
"""The two sides' deciles keep at least this share of the change between them."""
_WORKING = 5
_FURTHEST, _DRIFT = 8, 2
"""Hours that a clock is looked for to be off, and from which on it is told, first to last week."""
_BETTER = 0.1
"""How much better the shapes agree (correlation) once the clock is put right."""


@dataclass(frozen=True, slots=True)
class Step:
    """A change of level that lasts to the end.

    Parameters
    ----------
    first
        Position of the first hour of the new level.
    times
        The level since, in that before.
    """

    first: int
    times: float

    @property
    def is_unit(self) -> bool:
        """Whether no change of habit is so large."""
        return max(self.times, 1 / self.times) >= _UNIT


def level_step(y: Floats, first: int) -> Step | None:
    """Return the change of level that parts a history in two, each side alike in itself.

    Parameters
    ----------
    y
        Wall-clock hours, NaN where there is no data.
    first
        Wall-clock hour of the first.
    """
    begin = (-first) % DAY
    days = (len(y) - begin) // DAY
    if days < _BEFORE + 1:
        return None
    table = y[begin : begin + days * DAY].reshape(days, DAY)
    there = np.isfinite(table).sum(axis=1) >= DAY // 2
    mean = np.where(there, np.nansum(table, axis=1) / np.maximum(np.isfinite(table).sum(1), 1), 0)
    used = there & (mean > 0)
    if used.sum() < _BEFORE + 1:
        return None
    kind = ((first + begin) // DAY + np.arange(days)) % 7 >= _WORKING
    level = np.log(np.maximum(mean, np.finfo(float).tiny))
    best = max(
        (_step(level, kind, used, cut) for cut in range(2, days)),
        key=lambda found: found[1],
        default=(0.0, 0.0, 0),
    )
    change, _, cut = best
    large = abs(change) >= np.log(_UNIT)
    enough = large or (int(used[:cut].sum()) >= _BEFORE and int(used[cut:].sum()) >= _AFTER)
    if not enough or abs(change) < np.log(_TOLD):
        return None
    at = _to_the_hour(y, begin + cut * DAY, change)
    if large and not _hours_part(y[:at], y[at:], change):
        return None
    return Step(at, float(np.exp(change)))


def _hours_part(before: Floats, after: Floats, change: float) -> bool:
    """Say whether hours in use, enough of them, are on either side: it is of no quiet day alone."""
    low, high = before[before > 0], after[after > 0]
    if min(low.size, high.size) < _HOURS:
        return False
    if change < 0:
        low, high = high, low
    return bool(np.quantile(high, 0.1) > np.quantile(low, 0.9))


def _step(level: Floats, kind: np.ndarray, used: np.ndarray, cut: int) -> tuple[float, float, int]:
    """Return the change at a cut (logarithm), how much of all it explains, and the cut."""
    late = np.arange(len(level)) >= cut
    parts = [
        (level[used & late & (kind == one)], level[used & ~late & (kind == one)])
        for one in (False, True)
    ]
    both = [(after, before) for after, before in parts if after.size and before.size]
    if not both:
        return 0.0, 0.0, cut
    change = float(
        np.average(
            [np.median(after) - np.median(before) for after, before in both],
            weights=[min(after.size, before.size) for after, before in both],
        )
    )
    sign = np.sign(change) or 1.0
    gap = min(
        float(np.quantile(sign * after, 0.1) - np.quantile(sign * before, 0.9))
        for after, before in both
    )
    if gap < _APART * abs(change):
        return 0.0, 0.0, cut
    between = sum(
        a.size * b.size / (a.size + b.size) * float(a.mean() - b.mean()) ** 2 for a, b in both
    )
    return change, between, cut


def _to_the_hour(y: Floats, day: int, change: float) -> int:
    """Return the first hour of a change of unit, for it shows at once; the day of another."""
    if abs(change) < np.log(_UNIT):
        return day
    sign = np.sign(change)
    middle = np.log(np.nanmedian(y[day:][y[day:] > 0])) - change / 2
    for hour in range(day + 2 * DAY - 1, max(day - DAY, 0), -1):
        value = y[hour] if hour < len(y) else np.nan
        if value > 0 and sign * np.log(value) < sign * middle:
            return hour + 1
    return day


def clock_drift(y: Floats) -> int:
    """Return by how many hours the last week's shape is later than the first's; 0 where steady.

    Told only where the weeks between move the same way in more than one step, so that neither
    summer time nor a new timetable is a drift.
    """
    weeks = len(y) // WEEK
    if weeks < 3:
        return 0
    table = y[len(y) - weeks * WEEK :].reshape(weeks, WEEK)
    filled = np.where(np.isfinite(table), table, np.nanmean(y) if np.isfinite(y).any() else 0.0)
    lags = [_lag(filled[0], week) for week in filled[1:]]
    moved = np.array([0, *(lag for lag, _ in lags)])
    steps = np.diff(moved)
    one_way = (steps >= 0).all() or (steps <= 0).all()
    if not one_way or abs(moved[-1]) < _DRIFT or np.abs(steps).max() == abs(moved[-1]):
        return 0
    return int(moved[-1]) if lags[-1][1] >= _BETTER else 0


def _lag(one: Floats, other: Floats) -> tuple[int, float]:
    """Return by how many hours `other` is later, and how much better they agree then."""
    if np.ptp(one) == 0 or np.ptp(other) == 0:
        return 0, 0.0
    shifts = range(-_FURTHEST, _FURTHEST + 1)
    agree = [float(np.corrcoef(one, np.roll(other, -shift))[0, 1]) for shift in shifts]
    best = int(np.argmax(agree))
    return best - _FURTHEST, agree[best] - agree[_FURTHEST]
