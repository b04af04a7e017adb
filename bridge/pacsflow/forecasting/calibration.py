"""Intervals from the errors of held-back forecasts, wider where the hour is a restless one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import t as student

from pacsflow.forecasting.results import DAY, WEEK

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pacsflow.forecasting.results import Floats

_CAUTION = 1.2
"""Widening where no week could be held back (measured: docs/forecasting.md)."""
_TAIL = 1.15
"""Widening of 95 % bounds: some held-back weeks show few of what is rare, and the candidates'
weights are of the very same weeks (measured: docs/forecasting.md)."""
_FLOOR = 0.05
_APART = 6
_ENOUGH_WEEKS = 8
_DOUBT = 1.25
_SMOOTH = ((-2, 0.25), (-1, 0.5), (0, 1.0), (1, 0.5), (2, 0.25))


@dataclass(frozen=True, slots=True, eq=False)
class Widths:
    """Half widths of the intervals in units of the hour's own scale.

    Parameters
    ----------
    scale
        Typical absolute change of each hour of the week, shape ``(168,)``, unit of the series.
    q80, q95
        Half widths in units of `scale`.
    """

    scale: Floats
    q80: float
    q95: float

    def bounds(self, path: Floats, first: int) -> tuple[Floats, Floats, Floats, Floats]:
        """Return lower and upper 80 %, lower and upper 95 % bounds, none below zero.

        `first` is the wall-clock hour of the first value of `path`.
        """
        scale = self.scale[(first + np.arange(len(path))) % WEEK]
        return (
            np.maximum(path - self.q80 * scale, 0.0),
            path + self.q80 * scale,
            np.maximum(path - self.q95 * scale, 0.0),
            path + self.q95 * scale,
        )

    def half95(self, firsts: NDArray[np.int64], hours: int) -> Floats:
        """Return half widths of the 95 % interval, shape ``(len(firsts), hours)``.

        `firsts` are the wall-clock hours at which forecasts of `hours` begin.
        """
        place = (firsts[:, None] + np.arange(hours)[None, :]) % WEEK
        return np.asarray(self.q95 * self.scale[place])


def hour_scale(y: Floats, first: int) -> Floats:
    """Return the mean absolute weekly (or daily) change of each hour of the week, smoothed.

    Each hour's own value is shrunk towards that of the same hour of all days, and this towards
    the mean of all hours, by how many values there are.
    """
    period, change = _changes(y, 2 * WEEK)
    change = np.abs(change)
    hour = (first + period + np.arange(change.size)) % WEEK
    seen = np.isfinite(change)
    if not seen.any():
        there = y[np.isfinite(y)]
        return np.full(WEEK, (float(np.std(there)) if there.size else 0.0) or 1.0)
    overall = float(np.mean(change[seen])) or 1.0
    raw_sum = np.bincount(hour[seen], change[seen], WEEK)
    raw_count = np.bincount(hour[seen], minlength=WEEK).astype(float)
    week_sum = np.sum([weight * np.roll(raw_sum, shift) for shift, weight in _SMOOTH], axis=0)
    week_count = np.sum([weight * np.roll(raw_count, shift) for shift, weight in _SMOOTH], axis=0)
    day_sum = week_sum.reshape(7, DAY).sum(axis=0)
    day_count = week_count.reshape(7, DAY).sum(axis=0)
    day = (day_sum + 4.0 * overall) / (day_count + 4.0)
    week = (week_sum + 6.0 * np.tile(day, 7)) / (week_count + 6.0)
    return np.asarray(np.maximum(week, _FLOOR * overall))


def _changes(y: Floats, enough: int) -> tuple[int, Floats]:
    """Return the period of the changes that tell of errors, and them.

    They are weekly from `enough` hours of history on, unless what there is lies within one week.
    """
    if len(y) >= enough:
        change = np.asarray(y[WEEK:] - y[:-WEEK])
        if np.isfinite(change).sum() >= DAY:
            return WEEK, change
    return DAY, np.asarray(y[DAY:] - y[:-DAY])


def ratios(scale: Floats, first: int, errors: Floats, origins: NDArray[np.int64]) -> Floats:
    """Return absolute errors in units of the scale of their hour, shape of `errors`."""
    hour = (first + origins[:, None] + np.arange(errors.shape[1])[None, :]) % WEEK
    return np.asarray(np.abs(errors) / scale[hour])


def persistence(errors: Floats) -> float:
    """Return the autocorrelation (about zero) of errors six hours apart, 0 to 1.

    A level that is off stays off, so that a week of errors says little more than one of them.
    """
    early, late = errors[:, :-_APART], errors[:, _APART:]
    both = np.isfinite(early) & np.isfinite(late)
    if not both.any():
        return 1.0
    products = float(np.sum(early[both] * late[both]))
    squares = float(np.sum(early[both] ** 2) + np.sum(late[both] ** 2)) / 2
    return min(1.0, max(0.0, products / squares)) if squares > 0 else 0.0


def calibrate(y: Floats, first: int, errors: Floats, origins: NDArray[np.int64]) -> Widths:
    """Return interval widths from held-back `errors`, shape ``(origins, horizon)``.

    Where fewer than a week of hours was held back, the weekly (or daily) differences of the
    history stand in for the errors, widened. Where errors persist, few weeks have shown but few of
    them: up to eight weeks of history the intervals are wider by the persistence.
    """
    scale = hour_scale(y, first)
    found = ratios(scale, first, errors, origins)[np.isfinite(errors)] if errors.size else errors
    caution, path = 1.0, errors
    if found.size < WEEK:
        period, change = _changes(y, WEEK + DAY)
        path = change[None, :]
        places = period + np.arange(change.size)
        found = ratios(scale, first, change[:, None], places)[np.isfinite(change)].ravel()
        caution = _CAUTION
    if not found.size:
        return Widths(scale, 1.3, 2.0)
    few = max(0.0, (_ENOUGH_WEEKS - len(y) / WEEK) / (_ENOUGH_WEEKS - 1))
    caution = max(caution, 1.0 + _DOUBT * float(np.sqrt(persistence(path))) * few**2)
    q80, q95 = np.quantile(found, [0.80, 0.95])
    return Widths(scale, float(q80) * caution, float(q95) * caution * _TAIL)


def held_back_coverage(
    y: Floats, first: int, errors: Floats, origins: NDArray[np.int64]
) -> float | None:
    """Return the share of held-back hours inside the 95 % interval.

    The width for each origin is calibrated on the other origins alone; None below three.
    """
    if len(origins) < 3:
        return None
    table = ratios(hour_scale(y, first), first, errors, origins)
    inside = total = 0
    for row in range(len(origins)):
        others = np.delete(table, row, axis=0)
        others = others[np.isfinite(others)]
        mine = table[row][np.isfinite(table[row])]
        if others.size and mine.size:
            inside += int((mine <= _TAIL * np.quantile(others, 0.95)).sum())
            total += mine.size
    return inside / total if total else None


def total_width(width: Widths, errors: Floats, hours: NDArray[np.int64]) -> float:
    """Return the half width of the 95 % interval of the sum over wall-clock `hours`.

    From the mean errors of held-back forecasts of at least three days; before there are three of
    them, as if all hours erred together.
    """
    long = np.isfinite(errors).sum(axis=1) >= 3 * DAY if errors.size else np.zeros(0, dtype=bool)
    if long.sum() < 3:
        return float(width.q95 * width.scale[hours % WEEK].sum())
    means = np.nanmean(errors[long], axis=1)
    # Overlapping weeks tell less than they count: Student's t with half as many.
    reach = float(student.ppf(0.975, max(2, int(long.sum()) // 2)))
    return float(reach * np.sqrt(np.mean(means**2)) * len(hours))
