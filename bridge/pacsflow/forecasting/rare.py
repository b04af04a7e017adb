"""Rare traffic: on few days, at no fixed hour. Days and weeks can be forecast, hours hardly."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pacsflow.forecasting.profiles import weekend_hours
from pacsflow.forecasting.results import DAY, WEEK

if TYPE_CHECKING:
    from pacsflow.forecasting.results import Floats

_DAYS, _HOURS = 0.5, 0.1
"""At most these shares of days and of hours hold traffic where it is rare."""
_REGULAR = 0.5
"""From this share of the hours in use that were in use a week before, too, hours are forecast."""
_LEAST = 3
"""Hours in use, below which nothing is told of a habit."""
_LATE = 2
_QUANTILES = (0.9, 0.975)


@dataclass(frozen=True, slots=True, eq=False)
class RareUse:
    """How a series is used that is rarely used.

    Parameters
    ----------
    days, all_days
        Days with traffic, of those with data.
    low, high
        Days with traffic in a week, of which nine in ten weeks lie between (as counted, at least
        by the chance of days that know nothing of each other).
    each
        Median traffic of a day that has some, unit of the series.
    """

    days: int
    all_days: int
    low: int
    high: int
    each: float


def rare_use(y: Floats, first: int) -> RareUse | None:
    """Return the use of a rare series; None where traffic is frequent, or keeps to its hours.

    Parameters
    ----------
    y
        Wall-clock hours, NaN where there is no data.
    first
        Wall-clock hour of the first.
    """
    seen, used = np.isfinite(y), np.nan_to_num(y) > 0
    if used.sum() < _LEAST or used.sum() > _HOURS * seen.sum() or _is_regular(used):
        return None
    day = (first + np.arange(len(y))) // DAY - first // DAY
    there = np.bincount(day[seen], minlength=day[-1] + 1) > 0
    totals = np.bincount(day[seen], y[seen], minlength=day[-1] + 1)[there]
    active = int((totals > 0).sum())
    if active > _DAYS * totals.size:
        return None
    low, high = _days_a_week(totals > 0)
    return RareUse(active, int(totals.size), low, high, float(np.median(totals[totals > 0])))


def _is_regular(used: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> bool:
    """Say whether use keeps to its hours of the week, give or take one."""
    if len(used) < 2 * WEEK:
        return False
    near = used | np.roll(used, 1) | np.roll(used, -1)
    again = used[WEEK:] & near[:-WEEK]
    return int(again.sum()) >= _REGULAR * max(1, int(used[WEEK:].sum()))


def _days_a_week(active: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> tuple[int, int]:
    """Return the 5 and 95 % quantiles of days in use, of seven that know nothing of each other."""
    from scipy.stats import binom  # noqa: PLC0415  half a second, and for few series

    chance = (active.sum() + 0.5) / (active.size + 1)
    low, high = np.asarray(binom.ppf([0.05, 0.95], 7, chance)).tolist()
    return int(low), int(high)


def rare_bands(
    y: Floats, first: int, ahead: int
) -> tuple[Floats, Floats, Floats, tuple[float, float]]:
    """Return mean and upper 80 and 95 % bounds of `ahead` hours, and the interval of their sum.

    The mean of an hour is that of the hour of the day, two hours to either side, on days of its
    kind (working or not), drawn to the mean of all hours. Lower bounds are zero.
    """
    hours = first + np.arange(len(y) + ahead)
    kind = weekend_hours(hours)
    known, coming = kind[: len(y)], kind[len(y) :]
    tables = [_of_kind(y, known, one) for one in range(2 * DAY)]
    mean, upper80, upper95 = (np.array(column)[coming] for column in zip(*tables, strict=True))
    return mean, np.maximum(upper80, mean), np.maximum(upper95, mean), _sums(y, ahead)


def _of_kind(y: Floats, kinds: np.ndarray, one: int) -> tuple[float, float, float]:
    near = [one // DAY * DAY + (one + shift) % DAY for shift in range(-_LATE, _LATE + 1)]
    values = y[np.isin(kinds, near) & np.isfinite(y)]
    overall = float(np.mean(y[np.isfinite(y)]))
    mean = float((values.sum() + WEEK / 7 * overall) / (values.size + WEEK / 7))
    if not values.size:
        return mean, mean, mean
    upper80, upper95 = np.quantile(values, _QUANTILES)
    return mean, float(upper80), float(upper95)


def _sums(y: Floats, ahead: int) -> tuple[float, float]:
    """Return the 2.5 and 97.5 % quantiles of the sum of `ahead` hours: days drawn from all days.

    The days are those of the history, in any order: use that comes in series varies more.
    """
    rows = len(y) // DAY
    days = np.nansum(y[len(y) - rows * DAY :].reshape(rows, DAY), axis=1)
    drawn = np.random.default_rng(rows).choice(days, (2000, max(1, round(ahead / DAY))))
    low, high = np.quantile(drawn.sum(axis=1), [0.025, 0.975])
    return float(low), float(high)
