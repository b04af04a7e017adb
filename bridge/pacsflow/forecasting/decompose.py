"""MSTL: seasons of a day and a week taken out by repeated STL (Bandara et al. 2021)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from statsmodels.tsa.seasonal import STL

from pacsflow.forecasting.results import DAY, WEEK

if TYPE_CHECKING:
    from pacsflow.forecasting.results import Floats

_PERIODS = (DAY, WEEK)
_WINDOWS = (11, 15)
"""Seasonal windows 7 + 4 k, as in Bandara et al. (2021), section 3."""
_ROUNDS = 2


def decompose(y: Floats, horizon: int) -> tuple[Floats, Floats]:
    """Split a series without gaps into a seasonally adjusted rest and its seasons to come.

    `statsmodels.tsa.seasonal.MSTL` leaves a period out below two cycles; here the weekly season
    is kept from one week and a day on, where it is last week's shape, smoothed.

    Returns
    -------
    adjusted
        ``y`` without its seasons, same shape.
    seasons
        Last day's and last week's seasonal values, repeated over `horizon` hours.
    """
    seasonal = [np.zeros_like(y) for _ in _PERIODS]
    rest = y.copy()
    for _ in range(_ROUNDS):
        for i, (period, window) in enumerate(zip(_PERIODS, _WINDOWS, strict=True)):
            rest = rest + seasonal[i]
            # Loess at some points with linear interpolation between (Cleveland et al. 1990,
            # section 3.8) and two inner rounds (their advice): four times faster than the
            # defaults, and seasons that differ by 0.1 %.
            found = STL(
                rest,
                period=period,
                seasonal=window,
                seasonal_deg=0,
                trend_jump=period // 4,
                low_pass_jump=period // 4,
            ).fit(inner_iter=2, outer_iter=0)
            seasonal[i] = np.asarray(found.seasonal)
            rest = rest - seasonal[i]
    ahead = np.zeros(horizon)
    for period, values in zip(_PERIODS, seasonal, strict=True):
        ahead += np.resize(values[-period:], horizon)
    return rest, ahead
