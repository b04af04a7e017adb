"""The joint error of neighbouring hours: how far sums over windows of a forecast are off.

Hours of one forecast err together, so that intervals of single hours say little about six hours in
a row. What held-back forecasts were off by over windows of 1 to 24 hours says it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pacsflow.forecasting.results import WEEK, JointError

if TYPE_CHECKING:
    from pacsflow.forecasting.results import Floats

LENGTHS = (1, 2, 3, 4, 6, 8, 12, 18, 24)
"""Hours of a window."""
_USUAL, _RARE = 0.90, 0.99
_LEAST_APART = 0.15
_WINDOWS = 30.0
"""A week's windows, of all lengths, count as so many times those of one length that do not overlap.
Chosen on simulated series, a road, a car park, demand and the UK backbone (docs/forecasting.md)."""
TOGETHER = JointError(*((value,) * len(LENGTHS) for value in (0.6, 1.3, 0.6, 1.3)))
"""Where too little was held back: as if all hours erred together."""


def joint_error(errors: Floats, half_widths: Floats) -> JointError:
    """Return what sums over windows were off by, in units of their summed 95 % half widths.

    Parameters
    ----------
    errors
        Actual less forecast of held-back forecasts, NaN where there was nothing to compare with,
        shape ``(origins, horizon)``.
    half_widths
        Half widths of the 95 % interval of the same hours.
    """
    if np.isfinite(errors).sum() < 2 * WEEK:
        return TOGETHER
    more, less = (_side(sign * errors, half_widths) for sign in (1.0, -1.0))
    return JointError(more[0], more[1], less[0], less[1])


def _side(errors: Floats, half_widths: Floats) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return the 90 and the 99 % quantile for each length of window."""
    usual: list[float] = []
    rare: list[float] = []
    for hours in LENGTHS:
        rows = zip(errors, half_widths, strict=True)
        ratios = np.concatenate([window_ratios(error, width, hours) for error, width in rows])
        ratios = ratios[np.isfinite(ratios)]
        low, high = np.quantile(ratios, [_USUAL, _RARE]).tolist() if ratios.size else (0.6, 1.3)
        # Few weeks have shown few long windows: no less than independent hours would give.
        low, high = max(low, 0.0), max(high, rare[0] / np.sqrt(hours) if rare else 0.0)
        usual.append(low)
        rare.append(max(high, low + _LEAST_APART))
    return tuple(usual), tuple(rare)


def window_ratios(errors: Floats, half_widths: Floats, hours: int) -> Floats:
    """Return the summed errors over the summed half widths of every window of `hours`.

    NaN where fewer than half of the window's hours are known; shape ``(len(errors) - hours + 1,)``.
    """
    if len(errors) < hours:
        return np.empty(0)
    known = np.isfinite(errors)
    window = np.ones(hours)
    total = np.convolve(np.where(known, errors, 0.0), window, "valid")
    width = np.convolve(np.where(known, half_widths, 0.0), window, "valid")
    count = np.convolve(known, window, "valid")
    enough = (2 * count >= hours) & (width > 0)
    return np.asarray(np.divide(total, width, out=np.full(total.shape, np.nan), where=enough))


def week_probability(ratio: Floats, usual: float, rare: float, hours: int) -> Floats:
    """Return the probability that a week holds a window of any length as far off as `ratio`.

    The tail is exponential through the 90 and the 99 % quantile.

    Parameters
    ----------
    ratio
        Of windows of `hours`, on the side that `usual` and `rare` are of.
    usual, rare
        From `JointError`.
    """
    decades = 1.0 + np.maximum(ratio - usual, 0.0) / (rare - usual)
    trials = _WINDOWS * WEEK / hours
    chance = np.where(ratio > usual, 10.0 ** -np.minimum(decades, 300.0), 1.0)
    return np.asarray(-np.expm1(-trials * chance))
