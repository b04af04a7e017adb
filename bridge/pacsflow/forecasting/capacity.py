"""Capacity: when the forecast's upper bound reaches it, and how fast the traffic grows."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from pacsflow.forecasting.results import WEEK, CapacityOutlook
from pacsflow.series import HOUR

if TYPE_CHECKING:
    from pacsflow.forecasting.results import Floats, Forecast
    from pacsflow.series import HourlySeries

_LEAST_WEEKS = 6
_MOST_MISSING = 0.1
_WEEKS_A_MONTH = 30 / 7
FAR_MONTHS = 36
"""What is farther away is told as more than this."""


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
    sentences = []
    if capacity:
        over = np.flatnonzero(made.upper95 >= capacity)
        if over.size:
            reached = made.start + int(over[0]) * HOUR
            sentences.append(
                f"The upper 95 % bound reaches the capacity at {reached:%Y-%m-%d %H:%M} UTC, "
                f"and in {over.size} of {made.horizon} hours."
            )
        else:
            sentences.append(
                f"The upper 95 % bound stays below the capacity: {100 * peak / capacity:.0f} % of "
                "it in the busiest hour."
            )
    if growth is None:
        sentences.append(f"Growth is told from {_LEAST_WEEKS} whole weeks of history on.")
        return CapacityOutlook(capacity, peak, reached, None, None, None, " ".join(sentences))
    rate, low, high = growth
    sentences.append(
        f"Weekly totals change by {100 * rate:+.0f} % a month (95 % interval {100 * low:+.0f} to "
        f"{100 * high:+.0f} %)."
    )
    soon = late = None
    if capacity and reached is None and low > 0:
        soon, late = _months(peak, capacity, high), _months(peak, capacity, low)
        sentences.append(
            f"At this growth the capacity is reached in {_told(soon)} to {_told(late)} months."
        )
    told = " ".join(sentences)
    return CapacityOutlook(
        capacity, peak, reached, 100 * rate, 100 * low, 100 * high, told, soon, late
    )


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


def _told(months: float) -> str:
    return f"{months:.0f}" if months <= FAR_MONTHS else f"more than {FAR_MONTHS}"
