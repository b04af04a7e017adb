"""Capacity: when the forecast's upper bound reaches it, and how fast the traffic grows."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from pacsflow.forecasting.results import WEEK, CapacityOutlook
from pacsflow.series import HOUR
from pacsflow.terms.message import Message, at, change, count, message, months, percent

if TYPE_CHECKING:
    from pacsflow.forecasting.results import Floats, Forecast
    from pacsflow.series import HourlySeries

_LEAST_WEEKS = 6
_MOST_MISSING = 0.1
_WEEKS_A_MONTH = 30 / 7


def capacity_outlook(
    series: HourlySeries, made: Forecast, capacity: float | None = None
) -> CapacityOutlook:
    """Compare a forecast with a capacity, and extrapolate the growth of weekly totals.

    Growth is the slope of the logarithm of weekly totals (ordinary least squares, Student
    interval), weeks counted back from the end of the history; weeks of which more than a tenth is
    missing are left out, fewer missing hours are made up for by the week's mean.

    Parameters
    ----------
    series
        The history behind `made`.
    made
        The forecast.
    capacity
        Unit of the series an hour: a link of 1 Gbit/s carries 450e9 bytes an hour.
    """
    peak = float(made.upper95.max(initial=0.0))
    growth = growth_a_month(series.values)
    reached = None
    notes: list[Message] = []
    if capacity:
        over = np.flatnonzero(made.upper95 >= capacity)
        if over.size:
            reached = made.start + int(over[0]) * HOUR
            hours = {"over": count(over.size), "hours": count(made.horizon)}
            notes.append(message("capacity-reached", reached=at(reached), **hours))
        else:
            notes.append(message("capacity-kept", share=percent(round(100 * peak / capacity))))
    if growth is None:
        notes.append(message("growth-later", weeks=count(_LEAST_WEEKS)))
        return CapacityOutlook(capacity, peak, reached, None, None, None, tuple(notes))
    rate, low, high = (100 * share for share in growth)
    notes.append(message("growth", rate=change(rate), low=change(low), high=change(high)))
    soon = late = None
    if capacity and reached is None and low > 0:
        soon, late = _months(peak, capacity, high / 100), _months(peak, capacity, low / 100)
        notes.append(message("capacity-months", months=months(soon, late)))
    return CapacityOutlook(capacity, peak, reached, rate, low, high, tuple(notes), soon, late)


def student_975(freedom: int) -> float:
    """Return the 97.5 % quantile of Student's distribution, to 0.05 % from 4 degrees on.

    Abramowitz and Stegun 26.7.5. Importing scipy for it would cost half a second.
    """
    x = 1.959963984540054
    terms = (
        (x**3 + x) / 4,
        (5 * x**5 + 16 * x**3 + 3 * x) / 96,
        (3 * x**7 + 19 * x**5 + 17 * x**3 - 15 * x) / 384,
        (79 * x**9 + 776 * x**7 + 1482 * x**5 - 1920 * x**3 - 945 * x) / 92160,
    )
    return x + float(sum(term / freedom**power for power, term in enumerate(terms, 1)))


def growth_a_month(values: Floats) -> tuple[float, float, float] | None:
    """Return growth over 30 days with its 95 % interval, as fractions; None for want of weeks."""
    weeks = len(values) // WEEK
    if weeks < _LEAST_WEEKS:
        return None
    table = values[len(values) - weeks * WEEK :].reshape(weeks, WEEK)
    seen = np.isfinite(table).mean(axis=1)
    use = np.flatnonzero(seen >= 1 - _MOST_MISSING)
    if use.size < _LEAST_WEEKS:
        return None
    totals = np.nanmean(table[use], axis=1)
    if (totals <= 0).any():
        return None
    x, y = use.astype(float), np.log(totals)
    x -= x.mean()
    slope = float(x @ y / (x @ x))
    rest = y - y.mean() - slope * x
    error = math.sqrt(float(rest @ rest) / (use.size - 2) / float(x @ x))
    reach = student_975(use.size - 2) * error
    low, mid, high = (
        math.expm1(min(_WEEKS_A_MONTH * s, 50.0)) for s in (slope - reach, slope, slope + reach)
    )
    return mid, low, high


def _months(peak: float, capacity: float, rate: float) -> float:
    return math.log(capacity / max(peak, 1e-12)) / math.log1p(max(rate, 1e-9))
