"""Candidates that learn a profile: of the week, smoothed, of day types, or of Fourier terms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pacsflow.forecasting.arma import Arma, fit_arma, rolling
from pacsflow.forecasting.results import DAY, WEEK
from pacsflow.forecasting.transform import fill

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pacsflow.forecasting.results import Floats

    Ints = NDArray[np.int64]


def smoothed_week(y: Floats, theta: float) -> Floats:
    """Return, for each hour and the week after, the weighted mean of the same hours before it.

    The week ``k`` weeks back weighs ``theta ** (k - 1)``; gaps weigh nothing. Shape
    ``(len(y) + 168,)``; the first week is NaN.
    """
    total = len(y) + WEEK
    out = np.full(total, np.nan)
    value, weight = np.zeros(WEEK), np.zeros(WEEK)
    for start in range(0, len(y), WEEK):
        week = y[start : start + WEEK]
        size = week.size
        seen = np.isfinite(week)
        value[:size] = theta * value[:size] + np.where(seen, week, 0.0)
        weight[:size] = theta * weight[:size] + seen
        following = slice(start + WEEK, start + WEEK + size)
        with np.errstate(invalid="ignore", divide="ignore"):
            out[following] = value[:size] / weight[:size]
    return out


@dataclass(frozen=True, slots=True, eq=False)
class FittedSmoothedWeek:
    """ARMA around an exponentially smoothed week."""

    arma: Arma
    theta: float

    @property
    def name(self) -> str:
        """ARIMA(p,0,q)(0,1,1)168: seasonal exponential smoothing is its moving-average part."""
        return f"ARIMA({self.arma.p},0,{self.arma.q})(0,1,1)168, theta {self.theta}"

    def paths(self, y: Floats, origins: Ints, horizon: int) -> Floats:
        """Add the forecast distance from the smoothed week to it."""
        week = smoothed_week(y, self.theta)
        distance = (y - week[: len(y)])[WEEK:]
        ahead = rolling(self.arma, distance, np.maximum(origins - WEEK, 0), horizon)
        for row, origin in enumerate(origins):
            ahead[row] += np.resize(fill(week[: origin + WEEK])[-WEEK:], horizon)
        return ahead


@dataclass(frozen=True, slots=True)
class SmoothedWeek:
    """ARIMA(p,0,q)(0,1,1)168 with a given seasonal moving-average coefficient -`theta`."""

    theta: float
    hours_needed: int = 2 * WEEK + DAY

    @property
    def key(self) -> str:
        """Short name."""
        return f"smooth{self.theta}"

    def fit(self, y: Floats, *, exact: bool) -> FittedSmoothedWeek:
        """Choose the order of the distance from the smoothed week."""
        distance = (y - smoothed_week(y, self.theta)[: len(y)])[WEEK:]
        return FittedSmoothedWeek(fit_arma(distance, exact=exact), self.theta)


@dataclass(frozen=True, slots=True, eq=False)
class FittedRegression:
    """ARMA errors around a regression that is estimated again at every origin."""

    arma: Arma
    terms: Terms

    @property
    def name(self) -> str:
        """What the regressors are, and the order of the errors."""
        return f"{self.terms.label} + ARMA({self.arma.p},{self.arma.q})"

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
    """Regressors of the clock.

    Parameters
    ----------
    first
        Wall-clock hour of the first value (see `transform.Wall`).
    kind
        ``day types`` (hour of the day for working days, Saturdays and Sundays) or ``Fourier``
        (harmonics of a day and a week).
    memory
        Weight of a day one week older than another.
    """

    first: int
    kind: str
    memory: float = 1.0

    @property
    def label(self) -> str:
        """Name for people."""
        return "day types" if self.kind == "day types" else "Fourier terms"

    def level(self, y: Floats, horizon: int) -> Floats:
        """Return the regression's values over the history and `horizon` hours more."""
        hours = self.first + np.arange(len(y) + horizon)
        weight = self.memory ** ((len(y) - 1 - np.arange(len(y))) // DAY / 7.0)
        weight[~np.isfinite(y)] = 0.0
        value = np.where(np.isfinite(y), y, 0.0)
        if self.kind == "day types":
            kind = np.array([0, 0, 0, 0, 0, 1, 2])[(hours // DAY) % 7] * DAY + hours % DAY
            past = kind[: len(y)]
            total = np.bincount(past, weight * value, 3 * DAY)
            count = np.bincount(past, weight, 3 * DAY)
            overall = total.sum() / max(count.sum(), 1e-12)
            mean = np.where(count > 0, total / np.maximum(count, 1e-12), overall)
            # An unseen kind of day looks like the working days.
            unseen = count == 0
            mean[unseen] = np.tile(mean[:DAY], 3)[unseen]
            return np.asarray(mean[kind])
        # All terms repeat every week: 168 rows hold the whole design.
        design = fourier_terms(np.arange(WEEK))
        past = hours[: len(y)] % WEEK
        gram = design.T @ (np.bincount(past, weight, WEEK)[:, None] * design)
        gram[np.diag_indices_from(gram)] += 1e-6 * max(float(np.trace(gram)), 1.0) / len(gram)
        beta = np.linalg.solve(gram, design.T @ np.bincount(past, weight * value, WEEK))
        return np.asarray((design @ beta)[hours % WEEK])


_DAILY, _WEEKLY, _SIDE = 8, 6, (1, 2)


def fourier_terms(hours: Ints) -> Floats:
    """Return harmonics of a day and a week, and the weekly side bands of the daily ones.

    The side bands (k / 24 +- j / 168) let working days and weekends have different days.
    """
    waves = {7 * k for k in range(1, _DAILY + 1)} | set(range(1, _WEEKLY + 1))
    waves |= {7 * k + sign * j for k in range(1, 5) for j in _SIDE for sign in (-1, 1)}
    angle = 2 * np.pi * np.outer(hours % WEEK, np.array(sorted(waves))) / WEEK
    return np.concatenate([np.ones((len(hours), 1)), np.sin(angle), np.cos(angle)], axis=1)


@dataclass(frozen=True, slots=True)
class Regression:
    """Regression on the clock with ARMA errors, order by AICc."""

    terms: Terms
    hours_needed: int

    @property
    def key(self) -> str:
        """Short name."""
        return "daytypes" if self.terms.kind == "day types" else "fourier"

    def fit(self, y: Floats, *, exact: bool) -> FittedRegression:
        """Choose the order of the errors."""
        error = y - self.terms.level(y, 0)
        return FittedRegression(fit_arma(error, exact=exact), self.terms)


@dataclass(frozen=True, slots=True, eq=False)
class FittedPlain:
    """ARIMA without seasons."""

    arma: Arma
    d: int

    @property
    def name(self) -> str:
        """ARIMA(p,d,q)."""
        return f"ARIMA({self.arma.p},{self.d},{self.arma.q})"

    def paths(self, y: Floats, origins: Ints, horizon: int) -> Floats:
        """Forecast level and deviation."""
        out = np.empty((len(origins), horizon))
        for row, origin in enumerate(origins):
            past = y[:origin]
            if self.d:
                steps = rolling(self.arma, np.diff(past), np.array([origin - 1]), horizon)[0]
                out[row] = fill(past)[-1] + np.cumsum(steps)
            else:
                level = float(np.nanmean(past)) if np.isfinite(past).any() else 0.0
                out[row] = level + rolling(self.arma, past - level, np.array([origin]), horizon)[0]
        return out


@dataclass(frozen=True, slots=True)
class Plain:
    """ARIMA(p,d,q), order by the stepwise search of Hyndman and Khandakar (2008), d by KPSS."""

    d: int = 0
    hours_needed: int = 4 * DAY

    @property
    def key(self) -> str:
        """Short name."""
        return f"plain{self.d}"

    def fit(self, y: Floats, *, exact: bool) -> FittedPlain:
        """Choose the order: step by step for the forecast, from the usual ones for trials."""
        x = np.diff(y) if self.d else y - (np.nanmean(y) if np.isfinite(y).any() else 0.0)
        return FittedPlain(fit_arma(x, stepwise=exact, exact=exact), self.d)
