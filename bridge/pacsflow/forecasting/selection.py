"""Weights by rolling origin: every candidate forecasts held-back hours from what was before.

The forecast is a mean of candidates, each weighing the more the less it erred on held-back hours.
Their errors differ: one follows last week, one averages weeks, one lets the level walk. Last
week's values are taken alone where no model comes near them: schedules repeat to the hour, and a
tenth of a model that does not would be most of the error (docs/forecasting.md has the
measurements).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from pacsflow.forecasting.models import Decomposition, SeasonalDifference, SeasonalNaive
from pacsflow.forecasting.profiles import Regression, Terms
from pacsflow.forecasting.results import DAY, WEEK, combined_name
from pacsflow.forecasting.weeks import LevelledWeeks, TrimmedWeeks

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from pacsflow.forecasting.models import Fitted, Model
    from pacsflow.forecasting.results import Floats

    Ints = NDArray[np.int64]

DEFAULT = "arima168+mstl1"
MIX = "mix"
"""The key of the weighted mean."""
_MOST_ORIGINS = 10
HELD_BACK_FROM = WEEK + 2 * DAY
"""Hours of history from which on some can be held back, to forecast them from those before."""
_SHARES = {
    "arima168": 2.0,
    "mstl1": 2.0,
    "levelled": 2.0,
    "daytypes": 1.0,
    "trimmed": 1.0,
    "naive168": 0.5,
}
"""Weights of candidates that err alike."""
_POWER = 24.0
"""A loss of 3 % more (over all origins, geometric mean) halves a weight."""
_LEAST = 0.1
"""Less than this share is not worth a model's fit."""
_MODELS = (DEFAULT, "levelled", "daytypes")
_LOSS = 1.05
"""Where all of these lose so many times what last week's values do, they are taken alone."""
_ASTRAY = 0.25
"""A trimmed mean whose sum is off by this share trims what matters: seldom and large hours."""
_UNLIKE = 2.0
"""Day types are no such series' way, whose eighth day they miss by so many times last week's
values, and that has no more days to tell."""
_FLOOR = 1e-3
"""Losses below this share of yesterday's values' are as good as none."""
_MEMORY = 0.8


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """Held-back forecasts of one candidate: its key, name and paths ``(origins, horizon)``."""

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

    def tried(self, key: str) -> bool:
        """Say whether a candidate forecast held-back hours."""
        return any(trial.key == key for trial in self.trials)

    def trial(self, key: str) -> Trial:
        """Return the trial of a candidate; KeyError where it was not tried."""
        for trial in self.trials:
            if trial.key == key:
                return trial
        raise KeyError(key)

    def errors(self, key: str) -> Floats:
        """Return actual less forecast of a candidate, shape ``(origins, horizon)``."""
        return np.asarray(self.actual - self.trial(key).paths)

    def losses(self, key: str) -> Floats:
        """Return the mean absolute error from each origin, shape ``(origins,)``."""
        return np.asarray(np.nanmean(np.abs(self.errors(key)), axis=1))

    def mae(self, key: str) -> float:
        """Return the mean absolute error over all held-back hours."""
        return float(np.nanmean(np.abs(self.errors(key))))

    def with_mean(self, weights: Mapping[str, float]) -> tuple[Rolling, str]:
        """Return these trials and that of the weighted mean, and its key.

        Of one candidate alone it is that candidate's; where one was not tried there is none.
        """
        if len(weights) == 1:
            return self, next(iter(weights))
        if not all(self.tried(key) for key in weights):
            return self, MIX
        parts = [self.trial(key) for key in weights]
        paths = np.tensordot(list(weights.values()), np.stack([p.paths for p in parts]), axes=1)
        name = combined_name([part.name for part in parts])
        return replace(self, trials=(*self.trials, Trial(MIX, name, paths))), MIX


def candidates(hours: int, first: int) -> tuple[Model, ...]:
    """Return what `hours` of history from wall-clock hour `first` allow."""
    return tuple(model for model in _every(first) if hours >= model.hours_needed)


def _every(first: int) -> tuple[Model, ...]:
    return (
        SeasonalNaive(WEEK),
        SeasonalNaive(DAY),
        SeasonalDifference(WEEK),
        Decomposition(),
        Regression(Terms(first, _MEMORY), WEEK),
        LevelledWeeks(first),
        TrimmedWeeks(),
    )


def rolling_origin(y: Floats, first: int, horizon: int) -> Rolling:
    """Let every candidate forecast the later half of `y` from up to ten origins.

    Parameters are estimated before the first origin and again before the middle one; between
    them only the state moves on, so that no forecast has seen what it is judged on.
    """
    hours = len(y)
    begin, last = max(HELD_BACK_FROM - DAY, hours // 2), hours - DAY
    nothing = Rolling(np.empty(0, dtype=np.int64), np.empty((0, horizon)), ())
    if last < begin:
        return nothing
    count = min(_MOST_ORIGINS, (last - begin) // DAY + 1)
    origins = np.unique(np.linspace(begin, last, count).round().astype(np.int64))
    padded = np.r_[y, np.full(horizon, np.nan)]
    actual = np.stack([padded[o : o + horizon] for o in origins])
    judged = np.isfinite(actual).any(axis=1)
    origins, actual = origins[judged], actual[judged]
    if not origins.size:
        return nothing
    stages = np.array_split(origins, 2) if len(origins) > 3 else [origins]
    trials = []
    for model in candidates(begin, first):
        parts = []
        for stage in stages:
            fitted = model.fit(y[: stage[0]], exact=False)
            parts.append(fitted.paths(y[: stage[-1]], stage, horizon))
        trials.append(Trial(model.key, fitted.name, np.maximum(np.concatenate(parts), 0.0)))
    by_key = {trial.key: trial for trial in trials}
    both = [by_key[part] for part in DEFAULT.split("+") if part in by_key]
    if len(both) == 2:
        paths = np.mean([part.paths for part in both], axis=0)
        trials.append(Trial(DEFAULT, combined_name([part.name for part in both]), paths))
    return Rolling(origins, actual, tuple(trials))


def weigh(held_back: Rolling, y: Floats, first: int) -> dict[str, float]:
    """Return the candidates that make the forecast, and their weights, heaviest first.

    Parameters
    ----------
    held_back
        From `rolling_origin`.
    y, first
        The history, and its first wall-clock hour.
    """
    if len(y) < WEEK + DAY:
        return {"naive168": 1.0}
    if not held_back.tried(DEFAULT) or len(held_back.origins) < 2:
        even = ("arima168", "mstl1", *(("daytypes",) if _days_alike(y, first) else ()))
        return dict.fromkeys(even, 1 / len(even))
    if all(log_loss(held_back, key) > log_loss(held_back, "naive168") + np.log(_LOSS)
           for key in _MODELS if held_back.tried(key)):  # fmt: skip
        return {"naive168": 1.0}
    keys = [key for key in _SHARES if held_back.tried(key) and not _astray(held_back, key)]
    loss = np.array([log_loss(held_back, key) for key in keys])
    weight = np.array([_SHARES[key] for key in keys]) * np.exp(-_POWER * (loss - loss.min()))
    weight = np.where(weight >= _LEAST * weight.sum(), weight, 0.0)
    weight /= weight.sum()
    order = np.argsort(-weight, kind="stable")
    return {keys[at]: float(weight[at]) for at in order if weight[at] > 0}


def log_loss(held_back: Rolling, key: str) -> float:
    """Return the mean logarithm, over origins, of a candidate's mean absolute error."""
    least = max(_FLOOR * held_back.mae("naive24"), 1e-12) if held_back.tried("naive24") else 1e-12
    return float(np.log(np.maximum(held_back.losses(key), least)).mean())


def _astray(held_back: Rolling, key: str) -> bool:
    if key != "trimmed":
        return False
    seen = np.isfinite(held_back.actual)
    came = float(held_back.actual[seen].sum())
    return abs(float(held_back.trial(key).paths[seen].sum()) - came) > _ASTRAY * came


def _days_alike(y: Floats, first: int) -> bool:
    """Say whether the hours after the first week are as the day types of that week say."""
    beyond = y[WEEK:HELD_BACK_FROM]
    level = Terms(first, _MEMORY).level(y[:WEEK], len(beyond))[WEEK:]
    seen = np.isfinite(beyond) & np.isfinite(y[: len(beyond)])
    by_type = np.abs(beyond - level)[seen].sum()
    return bool(by_type <= _UNLIKE * np.abs(beyond - y[: len(beyond)])[seen].sum())


def fit_chosen(weights: Mapping[str, float], y: Floats, first: int) -> tuple[Fitted, ...]:
    """Fit the parts of the weighted mean to the whole history.

    Last week's values need no whole week: where autumn repeats an hour, 168 are 167 of the wall.
    """
    models = {model.key: model for model in _every(first)}
    return tuple(models[key].fit(y, exact=True) for key in weights)
