"""Silence: hours in which next to nothing passed where the forecast expects traffic."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pacsflow.forecasting.results import WEEK

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pacsflow.forecasting.results import Floats

_DEAD = 0.02
"""Share of the expected at or below which an hour is dead."""
_LEAST_HOURS, _LEAST_MASS = 2, 1.0
"""A silence is so many hours long, and so many busy hours (95th percentile) are missing."""


def silences(
    seen: Floats, expected: Floats, history: Floats
) -> list[tuple[NDArray[np.int64], float]]:
    """Return runs of dead hours and the probability that a week holds one as large.

    Silences of the weeks before are counted: where `k` of `n` weeks held one that took as much,
    the next does with ``(k + 1) / (n + 1)``, whatever the traffic's distribution. NaN, an hour in
    which the sensor saw nothing at all, is no silence.

    Parameters
    ----------
    seen, expected
        Hours that came and their forecast, one length, 168 or more.
    history
        The hours before them.
    """
    if len(expected) < WEEK:
        return []
    week = expected[:WEEK]
    busy = float(np.quantile(week, 0.95))
    past = np.resize(np.roll(week, len(history) % WEEK), len(history))
    before = [float(past[run].sum()) for run in _dead_runs(history, past)]
    weeks = float(np.isfinite(history).sum()) / WEEK
    found = []
    for run in _dead_runs(seen, expected):
        mass = float(expected[run].sum())
        if len(run) >= _LEAST_HOURS and mass >= _LEAST_MASS * busy:
            as_large = sum(other >= mass for other in before)
            found.append((run, min(1.0, (as_large + 1) / (weeks + 1))))
    return found


def _dead_runs(seen: Floats, expected: Floats) -> list[NDArray[np.int64]]:
    with np.errstate(invalid="ignore"):
        dead = np.flatnonzero((seen <= _DEAD * expected) & (expected > 0))
    if not dead.size:
        return []
    return [np.asarray(run) for run in np.split(dead, np.flatnonzero(np.diff(dead) > 1) + 1)]
