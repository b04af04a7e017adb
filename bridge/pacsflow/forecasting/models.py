"""The candidates behind one face: `fit` gives a value, and a value forecasts from any origin."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from pacsflow.forecasting.arma import Arma, fit_arma, rolling
from pacsflow.forecasting.decompose import decompose
from pacsflow.forecasting.results import DAY, WEEK
from pacsflow.forecasting.transform import fill

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pacsflow.forecasting.results import Floats

    Ints = NDArray[np.int64]


class Fitted(Protocol):
    """A model with its parameters: a value, which holds no data."""

    @property
    def name(self) -> str:
        """Name in the field's notation, ``ARIMA(2,0,1)(0,1,0)168``."""
        ...

    def paths(self, y: Floats, origins: Ints, horizon: int) -> Floats:
        """Forecast `horizon` hours from each origin ``o``, using ``y[:o]`` alone.

        Returns shape ``(len(origins), horizon)``.
        """
        ...


class Model(Protocol):
    """A candidate: how to get a `Fitted` from history."""

    @property
    def key(self) -> str:
        """Short name, unique among the candidates."""
        ...

    @property
    def hours_needed(self) -> int:
        """Hours of history below which it cannot be fitted."""
        ...

    def fit(self, y: Floats, *, exact: bool) -> Fitted:
        """Fit to wall-clock hours `y`; `exact` asks for full maximum likelihood."""
        ...


@dataclass(frozen=True, slots=True)
class SeasonalNaive:
    """Same hour `period` hours ago (the last one with a value)."""

    period: int

    @property
    def key(self) -> str:
        """Short name."""
        return f"naive{self.period}"

    @property
    def name(self) -> str:
        """Name for people."""
        return f"seasonal naive {self.period}"

    @property
    def hours_needed(self) -> int:
        """One period."""
        return self.period

    def fit(self, y: Floats, *, exact: bool) -> SeasonalNaive:  # noqa: ARG002
        """Return itself: there is nothing to estimate."""
        return self

    def paths(self, y: Floats, origins: Ints, horizon: int) -> Floats:
        """Repeat the last period."""
        return np.stack([repeat_last(y[:o], self.period, horizon) for o in origins])


def repeat_last(y: Floats, period: int, horizon: int) -> Floats:
    """Return the last `period` values, gaps filled from earlier periods, as often as needed."""
    last = y[-period:].copy()
    if len(last) < period:
        last = np.r_[np.full(period - len(last), np.nan), last]
    back = 2
    while not np.isfinite(last).all() and back * period <= len(y):
        gaps = ~np.isfinite(last)
        last[gaps] = y[len(y) - back * period : len(y) - (back - 1) * period][gaps]
        back += 1
    if not np.isfinite(last).all():
        last = fill(np.r_[fill(y)[-DAY:], last])[-period:]
    return np.resize(last, horizon)


@dataclass(frozen=True, slots=True, eq=False)
class FittedSeasonalDifference:
    """ARMA on the difference to the same hour of an earlier period."""

    arma: Arma
    period: int

    @property
    def name(self) -> str:
        """ARIMA(p,0,q)(0,1,0)s."""
        return f"ARIMA({self.arma.p},0,{self.arma.q})(0,1,0){self.period}"

    def paths(self, y: Floats, origins: Ints, horizon: int) -> Floats:
        """Add the forecast difference to the last period."""
        x = seasonal_difference(y, self.period)
        base = np.stack([repeat_last(y[:o], self.period, horizon) for o in origins])
        ahead = rolling(self.arma, x, np.maximum(origins - self.period, 0), horizon)
        # Beyond one period the difference is to a forecast, which already holds its own.
        for step in range(self.period, horizon):
            ahead[:, step] += ahead[:, step - self.period]
        return np.asarray(base + ahead)


def seasonal_difference(y: Floats, period: int) -> Floats:
    """Return ``y[t] - y[t - period]``, NaN where either is missing."""
    return np.asarray(y[period:] - y[:-period])


@dataclass(frozen=True, slots=True)
class SeasonalDifference:
    """ARIMA(p,0,q)(0,1,0)s, order by AICc."""

    period: int = WEEK

    @property
    def key(self) -> str:
        """Short name."""
        return f"arima{self.period}"

    @property
    def hours_needed(self) -> int:
        """A period and a day."""
        return self.period + DAY

    def fit(self, y: Floats, *, exact: bool) -> FittedSeasonalDifference:
        """Choose the order on the difference."""
        return FittedSeasonalDifference(
            fit_arma(seasonal_difference(y, self.period), exact=exact), self.period
        )


@dataclass(frozen=True, slots=True, eq=False)
class FittedDecomposition:
    """STL seasons, repeated, and an ARIMA for what is left."""

    arma: Arma
    d: int

    @property
    def name(self) -> str:
        """MSTL + ARIMA(p,d,q)."""
        return f"MSTL(24,168) + ARIMA({self.arma.p},{self.d},{self.arma.q})"

    def paths(self, y: Floats, origins: Ints, horizon: int) -> Floats:
        """Decompose again at every origin: nothing later may shape the seasons."""
        out = np.empty((len(origins), horizon))
        for row, origin in enumerate(origins):
            adjusted, seasons = decompose(fill(y[:origin]), horizon)
            if self.d:
                steps = rolling(self.arma, np.diff(adjusted), np.array([origin - 1]), horizon)[0]
                out[row] = adjusted[-1] + np.cumsum(steps) + seasons
            else:
                level = float(np.mean(adjusted[-WEEK:]))
                ahead = rolling(self.arma, adjusted - level, np.array([origin]), horizon)[0]
                out[row] = level + ahead + seasons
        return out


@dataclass(frozen=True, slots=True)
class Decomposition:
    """MSTL (Bandara, Hyndman and Bergmeir 2021) with an ARIMA on the seasonally adjusted rest."""

    d: int = 1
    hours_needed: int = WEEK + DAY

    @property
    def key(self) -> str:
        """Short name."""
        return f"mstl{self.d}"

    def fit(self, y: Floats, *, exact: bool) -> FittedDecomposition:
        """Choose the order on the seasonally adjusted series (or its difference)."""
        adjusted, _ = decompose(fill(y), 1)
        x = np.diff(adjusted) if self.d else adjusted - np.mean(adjusted[-WEEK:])
        return FittedDecomposition(fit_arma(x, exact=exact), self.d)
