"""Selection by rolling origin: every candidate forecasts held-back hours from what was before.

The mean of ARIMA on the weekly difference and of MSTL is the forecast to beat: combining a model
that follows last week with one that averages weeks was better on every kind of series tried than
picking the winner of a few overlapping held-back weeks. Another candidate is taken only where it
is better by a twentieth *and* by more than chance does; last week's values are taken where the
forecast to beat is worse than they are by a tenth (docs/forecasting.md has the measurements).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pacsflow.forecasting.models import Decomposition, SeasonalDifference, SeasonalNaive
from pacsflow.forecasting.profiles import Plain, Regression, SmoothedWeek, Terms
from pacsflow.forecasting.results import DAY, WEEK, combined_name

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pacsflow.forecasting.models import Fitted, Model
    from pacsflow.forecasting.results import Floats

    Ints = NDArray[np.int64]

DEFAULT = "arima168+mstl1"
_COMBINATIONS = (
    DEFAULT,
    "arima168+mstl1+daytypes",
    "mstl1+daytypes",
    "smooth0.8+daytypes",
    "daytypes+fourier",
)
_MOST_ORIGINS = 10
HELD_BACK_FROM = WEEK + 2 * DAY
"""Hours of history from which on some can be held back, to forecast them from those before."""
_GAIN = 0.95
_SURE = 3.5
_LOSS = 1.1
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


def candidates(hours: int, first: int) -> tuple[Model, ...]:
    """Return what `hours` of history from wall-clock hour `first` allow."""
    return tuple(model for model in _every(first) if hours >= model.hours_needed)


def _every(first: int) -> tuple[Model, ...]:
    return (
        SeasonalNaive(WEEK),
        SeasonalNaive(DAY),
        SeasonalDifference(WEEK),
        Decomposition(),
        SmoothedWeek(0.4),
        SmoothedWeek(0.8),
        Regression(Terms(first, "day types", _MEMORY), WEEK),
        Regression(Terms(first, "Fourier", _MEMORY), 2 * WEEK),
        Plain(),
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
    for key in _COMBINATIONS:
        parts_of = [by_key[part] for part in key.split("+") if part in by_key]
        if len(parts_of) == key.count("+") + 1:
            paths = np.mean([part.paths for part in parts_of], axis=0)
            trials.append(Trial(key, combined_name([p.name for p in parts_of]), paths))
    return Rolling(origins, actual, tuple(trials))


def choose(held_back: Rolling, hours: int) -> str:
    """Return the key of the candidate to use."""
    base = DEFAULT if hours >= WEEK + DAY else "naive168"
    if not held_back.tried(base):
        return base
    best, gain = base, np.log(_GAIN)
    for trial in held_back.trials:
        ratio = log_ratio(held_back, trial.key, base)
        if ratio.size < 3:
            break
        # Overlapping weeks count half.
        error = float(np.std(ratio, ddof=1)) / np.sqrt(ratio.size / 2)
        if ratio.mean() < gain and -ratio.mean() > _SURE * error:
            best, gain = trial.key, float(ratio.mean())
    if log_ratio(held_back, best, "naive168").mean() > np.log(_LOSS):
        return "naive168"
    return best


def log_ratio(held_back: Rolling, key: str, rival: str) -> Floats:
    """Return, for each origin, the logarithm of a candidate's loss over its rival's."""
    losses = [np.maximum(held_back.losses(k), 1e-12) for k in (key, rival)]
    return np.asarray(np.log(losses[0] / losses[1]))


def fit_chosen(key: str, y: Floats, first: int) -> tuple[Fitted, ...]:
    """Fit the chosen candidate, or the parts of the combination, to the whole history.

    Last week's values need no whole week: where autumn repeats an hour, 168 are 167 of the wall.
    """
    models = {model.key: model for model in _every(first)}
    return tuple(models[part].fit(y, exact=True) for part in key.split("+"))
