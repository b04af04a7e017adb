"""Intervals from the errors of held-back forecasts, wider where the hour is a restless one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pacsflow.forecasting.values import DAY, WEEK

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pacsflow.forecasting.values import Floats

_CAUTION = 1.2
"""Widening where no week could be held back (measured: docs/forecasting.md)."""


@dataclass(frozen=True, slots=True, eq=False)
class Widths:
    """Half widths of the intervals in units of the hour's own scale.

    Parameters
    ----------
    scale
        Typical absolute change of each hour of the week, shape ``(168,)``, unit of the series.
    q80, q95
        Half widths in units of `scale`.
    sigma
        Standard deviation of the error in units of `scale`.
    """

    scale: Floats
    q80: float
    q95: float
    sigma: float


def hour_scale(y: Floats, first: int) -> Floats:
    """Return the mean absolute weekly (or daily) change of each hour of the week, smoothed.

    Each hour's own value is shrunk towards that of the same hour of all days, and this towards
    the mean of all hours, by how many values there are.
    """
    period = WEEK if len(y) >= 2 * WEEK else DAY
    change = np.abs(y[period:] - y[:-period]) if len(y) > period else np.empty(0)
    hour = (first + period + np.arange(change.size)) % WEEK
    seen = np.isfinite(change)
    if not seen.any():
        return np.ones(WEEK)
    overall = float(np.mean(change[seen])) or 1.0
    week_sum = np.bincount(hour[seen], change[seen], WEEK)
    week_count = np.bincount(hour[seen], minlength=WEEK).astype(float)
    smooth = np.array([0.25, 0.5, 1.0, 0.5, 0.25])
    week_sum, week_count = (
        sum(
            weight * np.roll(part, shift)
            for weight, shift in zip(smooth, range(-2, 3), strict=True)
        )
        for part in (week_sum, week_count)
    )
    day_sum = week_sum.reshape(7, DAY).sum(axis=0)
    day_count = week_count.reshape(7, DAY).sum(axis=0)
    day = (day_sum + 4.0 * overall) / (day_count + 4.0)
    week = (week_sum + 6.0 * np.tile(day, 7)) / (week_count + 6.0)
    return np.asarray(np.maximum(week, 0.05 * overall))


def widths(y: Floats, first: int, errors: Floats, origins: NDArray[np.int64]) -> Widths:
    """Return interval widths from held-back `errors` (origins x horizon).

    Where fewer than a week of hours was held back, the weekly (or daily) differences of the
    history stand in for the errors, widened.
    """
    scale = hour_scale(y, first)
    ratios: Floats = np.empty(0)
    if errors.size:
        hour = (first + origins[:, None] + np.arange(errors.shape[1])[None, :]) % WEEK
        ratios = np.abs(errors / scale[hour])
        ratios = ratios[np.isfinite(ratios)]
    caution = 1.0
    if ratios.size < WEEK:
        period = WEEK if len(y) >= WEEK + DAY else DAY
        change = y[period:] - y[:-period]
        hour = (first + period + np.arange(change.size)) % WEEK
        ratios = np.abs(change / scale[hour])
        ratios = ratios[np.isfinite(ratios)]
        caution = _CAUTION
    if not ratios.size:
        return Widths(scale, 1.3, 2.0, 1.0)
    q80, q95 = np.quantile(ratios, [0.80, 0.95])
    return Widths(
        scale,
        float(q80) * caution,
        float(q95) * caution,
        float(np.sqrt(np.mean(np.minimum(ratios, 3 * q95 + 1e-12) ** 2))) * caution,
    )
