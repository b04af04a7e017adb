"""Candidates that average whole weeks: at their level, or without the highest and the lowest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pacsflow.forecasting.models import repeat_last
from pacsflow.forecasting.profiles import day_type_hours
from pacsflow.forecasting.results import DAY, WEEK
from pacsflow.forecasting.transform import fill

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pacsflow.forecasting.results import Floats

    Ints = NDArray[np.int64]

_WEEKS = 8
"""Weeks that are averaged, at most."""
_MEMORY = 0.85
"""Weight of a week older by one."""
_HOUR = np.arange(WEEK)
_GROUPS = (
    (_HOUR % DAY, 0.1),
    (day_type_hours(_HOUR), 0.5),
    (_HOUR, 1.0),
)
"""What an hour of the week is like: the hour of the day, of the day type, itself; and how many
values of the former each of the latter's mean is drawn to it by."""


@dataclass(frozen=True, slots=True)
class LevelledWeeks:
    """The shape of a week, learned from weeks divided by their level, at the last week's level.

    Parameters
    ----------
    first
        Wall-clock hour of the first value (see `transform.Wall`).
    """

    first: int
    hours_needed: int = WEEK + DAY

    @property
    def key(self) -> str:
        """Short name."""
        return "levelled"

    @property
    def name(self) -> str:
        """Name for people."""
        return "levelled week"

    def fit(self, y: Floats, *, exact: bool) -> LevelledWeeks:  # noqa: ARG002
        """Return itself: there is nothing to estimate before a forecast is asked for."""
        return self

    def paths(self, y: Floats, origins: Ints, horizon: int) -> Floats:
        """Learn the shape before each origin, and give it the level of the week before it."""
        return np.stack([self._path(y[:origin], horizon) for origin in origins])

    def _path(self, y: Floats, horizon: int) -> Floats:
        known = fill(y)
        if not known.any():
            return np.zeros(horizon)
        begin = max(0, len(y) - _WEEKS * WEEK)
        shape = _week_shape((y / _level(known))[begin:], self.first + begin)
        ahead = (self.first + len(y) + np.arange(horizon)) % WEEK
        return np.asarray(shape[ahead] * known[-WEEK:].mean())


def _level(known: Floats) -> Floats:
    """Return the mean of the week around each hour; at the ends, of the first and the last week."""
    half = WEEK // 2
    total = np.r_[0.0, np.cumsum(known)]
    middle = (total[WEEK:] - total[:-WEEK]) / WEEK
    level = np.r_[np.full(half, middle[0]), middle, np.full(half, middle[-1])][: len(known)]
    return np.asarray(np.maximum(level, 1e-6 * known.mean()))


def _week_shape(ratio: Floats, first: int) -> Floats:
    """Return the mean of each hour of the week, drawn to those of its day type and of its hour."""
    seen = np.isfinite(ratio)
    age = (len(ratio) - 1 - np.arange(len(ratio))) // WEEK
    weight = np.where(seen, _MEMORY**age, 0.0)
    value = np.where(seen, ratio, 0.0)
    place = (first + np.arange(len(ratio))) % WEEK
    shape = np.full(WEEK, float((weight * value).sum() / weight.sum()))
    for group, drawn in _GROUPS:
        total = np.bincount(group[place], weight * value, WEEK)[group]
        count = np.bincount(group[place], weight, WEEK)[group]
        shape = (total + drawn * shape) / (count + drawn)
    return shape


@dataclass(frozen=True, slots=True)
class TrimmedWeeks:
    """The mean of up to eight weeks, hour by hour without the highest and the lowest value."""

    hours_needed: int = WEEK

    @property
    def key(self) -> str:
        """Short name."""
        return "trimmed"

    @property
    def name(self) -> str:
        """Name for people."""
        return "trimmed week"

    def fit(self, y: Floats, *, exact: bool) -> TrimmedWeeks:  # noqa: ARG002
        """Return itself: there is nothing to estimate."""
        return self

    def paths(self, y: Floats, origins: Ints, horizon: int) -> Floats:
        """Average the weeks before each origin."""
        return np.stack([self._path(y[:origin], horizon) for origin in origins])

    @staticmethod
    def _path(y: Floats, horizon: int) -> Floats:
        last = repeat_last(y, WEEK, WEEK)
        weeks = min(_WEEKS, len(y) // WEEK)
        if weeks < 2:
            return np.resize(last, horizon)
        table = y[len(y) - weeks * WEEK :].reshape(weeks, WEEK)
        seen = np.isfinite(table)
        count = seen.sum(axis=0)
        total = np.where(seen, table, 0.0).sum(axis=0)
        highest = np.max(table, axis=0, initial=0.0, where=seen)
        ends = highest + np.min(table, axis=0, initial=np.inf, where=seen)
        trim = count >= 3
        total = np.where(trim, total - np.where(trim, ends, 0.0), total)
        left = np.where(trim, count - 2, count)
        mean = np.divide(total, left, out=last, where=left > 0)
        return np.resize(mean, horizon)
