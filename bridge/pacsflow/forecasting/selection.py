"""Selection by rolling origin: every candidate forecasts held-back hours from what was before."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pacsflow.forecasting.models import (
    Decomposition,
    Fitted,
    Model,
    SeasonalDifference,
    SeasonalNaive,
)
from pacsflow.forecasting.values import DAY, WEEK

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pacsflow.forecasting.values import Floats

    Ints = NDArray[np.int64]

NAIVE = ("naive168", "naive24")
COMBINED = ("arima168", "mstl1")
MOST_ORIGINS = 14
_TIE = 1.03
"""A single candidate must beat the combination by this much to be taken instead."""


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """Held-back forecasts of one candidate.

    Parameters
    ----------
    key, name
        Of the candidate.
    paths
        Forecasts, shape ``(origins, horizon)``.
    """

    key: str
    name: str
    paths: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Rolling:
    """All held-back forecasts of one series.

    Parameters
    ----------
    origins
        Positions at which the forecasts were made, shape ``(origins,)``.
    actual
        What came, NaN where nothing did or the series ends, shape ``(origins, horizon)``.
    trials
        One of each candidate.
    """

    origins: Ints
    actual: Floats
    trials: tuple[Trial, ...]

    def errors(self, key: str) -> Floats:
        """Return actual less forecast of a candidate, shape ``(origins, horizon)``."""
        return np.asarray(self.actual - self.trial(key).paths)

    def mae(self, key: str) -> float:
        """Return the mean absolute error over all held-back hours."""
        errors = self.errors(key)
        return float(np.nanmean(np.abs(errors))) if np.isfinite(errors).any() else float("nan")

    def trial(self, key: str) -> Trial:
        """Return the trial of a candidate; KeyError where it was not tried."""
        for trial in self.trials:
            if trial.key == key:
                return trial
        raise KeyError(key)


def candidates(hours: int) -> tuple[Model, ...]:
    """Return what `hours` of history allow."""
    every: tuple[Model, ...] = (
        SeasonalNaive(WEEK),
        SeasonalNaive(DAY),
        SeasonalDifference(WEEK),
        Decomposition(1),
    )
    return tuple(model for model in every if hours >= model.hours_needed)


def rolling_origin(y: Floats, horizon: int) -> Rolling:
    """Let every candidate forecast the later half of `y` from up to 14 origins.

    Parameters are estimated before the first origin and again before the middle one; between
    them only the state moves on, so that no forecast has seen what it is judged on.
    """
    hours = len(y)
    first = max(WEEK + DAY, hours // 2)
    last = hours - DAY
    if last < first:
        return Rolling(np.empty(0, dtype=np.int64), np.empty((0, horizon)), ())
    count = min(MOST_ORIGINS, (last - first) // DAY + 1)
    origins = np.unique(np.linspace(first, last, count).round().astype(np.int64))
    padded = np.r_[y, np.full(horizon, np.nan)]
    actual = np.stack([padded[o : o + horizon] for o in origins])
    stages = np.array_split(origins, 2) if len(origins) > 3 else [origins]
    trials = []
    for model in candidates(first):
        parts = []
        name = ""
        for stage in stages:
            fitted = model.fit(y[: stage[0]], exact=False)
            parts.append(fitted.paths(y[: stage[-1]], stage, horizon))
            name = fitted.name
        trials.append(Trial(model.key, name, np.maximum(np.concatenate(parts), 0.0)))
    trials.extend(_combination(trials))
    return Rolling(origins, actual, tuple(trials))


def _combination(trials: list[Trial]) -> list[Trial]:
    parts = [trial for trial in trials if trial.key in COMBINED]
    if len(parts) < 2:
        return []
    name = "mean of " + " and ".join(part.name for part in parts)
    return [Trial("mean", name, np.mean([part.paths for part in parts], axis=0))]


def choose(held_back: Rolling, hours: int) -> str:
    """Return the key of the candidate to use."""
    tried = {trial.key: held_back.mae(trial.key) for trial in held_back.trials}
    tried = {key: mae for key, mae in tried.items() if np.isfinite(mae)}
    if not tried:
        return "mean" if hours >= WEEK + DAY else "naive168"
    best = min(tried, key=lambda key: tried[key])
    if "mean" in tried and tried["mean"] <= _TIE * tried[best]:
        return "mean"
    return best


def fit_chosen(key: str, y: Floats) -> tuple[Fitted, ...]:
    """Fit the chosen candidate, or the parts of the combination, to the whole history."""
    wanted = COMBINED if key == "mean" else (key,)
    return tuple(model.fit(y, exact=True) for model in candidates(len(y)) if model.key in wanted)
