"""The candidate that learns a profile of the hours of working days, Saturdays and Sundays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pacsflow.forecasting.arma import Arma, fit_arma, rolling
from pacsflow.forecasting.results import DAY

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pacsflow.forecasting.results import Floats

    Ints = NDArray[np.int64]

_WORKING = 5
"""Days of a week that are worked, from Monday on."""


def day_type_hours(hours: Ints) -> Ints:
    """Return the hour of the day of wall-clock hours; those of Saturdays and Sundays follow."""
    return np.array([0, 0, 0, 0, 0, 1, 2])[(hours // DAY) % 7] * DAY + hours % DAY


def weekend_hours(hours: Ints) -> Ints:
    """Return the hour of the day of wall-clock hours; those of weekends follow."""
    return ((hours // DAY) % 7 >= _WORKING) * DAY + hours % DAY


@dataclass(frozen=True, slots=True, eq=False)
class FittedRegression:
    """ARMA errors around a regression that is estimated again at every origin."""

    arma: Arma
    terms: Terms

    @property
    def name(self) -> str:
        """What the regressors are, and the order of the errors."""
        return f"day types + ARMA({self.arma.p},{self.arma.q})"

    def paths(self, y: Floats, origins: Ints, horizon: int) -> Floats:
        """Forecast regression and errors."""
        out = np.empty((len(origins), horizon))
        for row, origin in enumerate(origins):
            level = self.terms.level(y[:origin], horizon)
            error = y[:origin] - level[:origin]
            ahead = rolling(self.arma, error, np.array([origin]), horizon)[0]
            out[row] = level[origin:] + ahead
        return out


@dataclass(frozen=True, slots=True)
class Terms:
    """Hour of the day for working days, Saturdays and Sundays.

    Parameters
    ----------
    first
        Wall-clock hour of the first value (see `transform.Wall`).
    memory
        Weight of a day one week older than another.
    """

    first: int
    memory: float = 1.0

    def level(self, y: Floats, horizon: int) -> Floats:
        """Return the means over the history and `horizon` hours more."""
        hours = self.first + np.arange(len(y) + horizon)
        weight = self.memory ** ((len(y) - 1 - np.arange(len(y))) // DAY / 7.0)
        weight[~np.isfinite(y)] = 0.0
        value = np.where(np.isfinite(y), y, 0.0)
        kind = day_type_hours(hours)
        past = kind[: len(y)]
        total = np.bincount(past, weight * value, 3 * DAY)
        count = np.bincount(past, weight, 3 * DAY)
        overall = total.sum() / max(count.sum(), 1e-12)
        mean = np.where(count > 0, total / np.maximum(count, 1e-12), overall)
        # An unseen kind of day looks like the working days.
        unseen = count == 0
        mean[unseen] = np.tile(mean[:DAY], 3)[unseen]
        return np.asarray(mean[kind])


@dataclass(frozen=True, slots=True)
class Regression:
    """Day types with ARMA errors, order by AICc."""

    terms: Terms
    hours_needed: int

    @property
    def key(self) -> str:
        """Short name."""
        return "daytypes"

    def fit(self, y: Floats, *, exact: bool) -> FittedRegression:
        """Choose the order of the errors."""
        error = y - self.terms.level(y, 0)
        return FittedRegression(fit_arma(error, exact=exact), self.terms)
