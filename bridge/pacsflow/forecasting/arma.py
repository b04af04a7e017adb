"""Zero-mean ARMA on a stationary series with gaps: order by AICc, forecasts from any origin.

Orders are compared cheaply (Hannan and Rissanen 1982, conditional likelihood); the one that is
used in the end is estimated by exact maximum likelihood in statsmodels' state space.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.linalg import LinAlgError, solve_toeplitz
from scipy.signal import lfilter
from statsmodels.tsa.statespace.sarimax import SARIMAX

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pacsflow.forecasting.results import Floats

ORDERS = ((0, 0), (1, 0), (2, 0), (3, 0), (0, 1), (1, 1), (2, 1), (3, 1))
"""(p, q) that are compared; more did not forecast better on traffic (docs/forecasting.md)."""
_MOST = 5
_LONG = 30
_EDGE = 0.9995
_ROUNDS = 5
_LEAST = 12
_REMEMBERED = 336


@dataclass(frozen=True, slots=True, eq=False)
class Arma:
    """A fitted ARMA(p, q) without mean.

    Parameters
    ----------
    ar, ma
        Coefficients, shapes ``(p,)`` and ``(q,)``: ``x[t] = sum(ar * x[t-1...]) + e[t] +
        sum(ma * e[t-1...])``.
    sigma
        Standard deviation of the innovations.
    compared
        Orders (p, q) and their AICc (conditional likelihood), best first.
    """

    ar: Floats
    ma: Floats
    sigma: float
    compared: tuple[tuple[int, int, float], ...] = ()

    @property
    def p(self) -> int:
        """Autoregressive order."""
        return int(self.ar.size)

    @property
    def q(self) -> int:
        """Moving-average order."""
        return int(self.ma.size)


def fit_arma(
    x: Floats,
    orders: tuple[tuple[int, int], ...] = ORDERS,
    *,
    exact: bool = True,
) -> Arma:
    """Fit the ARMA whose AICc is smallest.

    Parameters
    ----------
    x
        Stationary series with mean zero, NaN where there is no value.
    orders
        Orders to compare.
    exact
        Whether to refine the winner by exact maximum likelihood, which takes gaps as they are.
    """
    seen = np.isfinite(x)
    count = int(seen.sum())
    scale = float(np.sqrt(np.mean(x[seen] ** 2))) if count else 0.0
    if scale == 0.0 or count < _LEAST:
        return Arma(np.empty(0), np.empty(0), scale)
    search = _Search(np.where(seen, x, 0.0) / scale, seen)
    for p, q in orders:
        search.score(p, q)
    ranked = sorted((row[0], *order) for order, row in search.tried.items())
    aicc, p, q = ranked[0]
    ar, ma = search.tried[p, q][1:]
    compared = tuple((b, c, a) for a, b, c in ranked if np.isfinite(a))
    if exact and p + q and np.isfinite(aicc):
        ar, ma = _maximise(x / scale, ar, ma)
    errors = _innovations(search.x, ar, ma)[seen]
    return Arma(ar, ma, float(np.sqrt(np.mean(errors**2))) * scale, compared)


class _Search:
    """Cheap scores of many orders on one series: lagged products are computed once."""

    def __init__(self, x: Floats, seen: NDArray[np.bool_]) -> None:
        self.x, self.seen, self.n = x, seen, int(seen.sum())
        self.tried: dict[tuple[int, int], tuple[float, Floats, Floats]] = {}
        long = min(_LONG, x.size // 4)
        errors = _innovations(x, _yule_walker(x, long), np.empty(0))
        start = long + _MOST
        lagged = [x[start - k : x.size - k] for k in range(1, _MOST + 1)]
        lagged += [errors[start - k : x.size - k] for k in range(1, _MOST + 1)]
        columns = np.stack([*lagged, x[start:]])
        self._products = columns @ columns.T

    def score(self, p: int, q: int) -> float:
        """Return the AICc of an order, estimated by Hannan and Rissanen's second stage."""
        if (p, q) not in self.tried:
            self.tried[p, q] = self._score(p, q)
        return self.tried[p, q][0]

    def _score(self, p: int, q: int) -> tuple[float, Floats, Floats]:
        nothing = np.zeros(p), np.zeros(q)
        if self.n < 8 * (p + q + 1):
            return (np.inf, *nothing)
        use = [*range(p), *range(_MOST, _MOST + q)]
        gram = self._products[np.ix_(use, use)]
        try:
            found = np.linalg.solve(gram + 1e-9 * np.eye(len(use)), self._products[use, -1])
        except np.linalg.LinAlgError:
            return (np.inf, *nothing)
        ar, ma = _inside(found[:p], -1.0), _inside(found[p:], 1.0)
        if q:
            ar, ma = self._gauss_newton(ar, ma)
        errors = _innovations(self.x, ar, ma)[self.seen]
        k = p + q + 1
        likelihood = self.n * np.log(max(float(np.mean(errors**2)), 1e-12))
        return float(likelihood + 2 * k * self.n / max(self.n - k - 1, 1)), ar, ma

    def _gauss_newton(self, ar: Floats, ma: Floats) -> tuple[Floats, Floats]:
        """Minimise the conditional sum of squares (Box and Jenkins 1976, section 7.1.3)."""
        errors = _innovations(self.x, ar, ma)
        loss = float(np.sum(errors[self.seen] ** 2))
        for _ in range(_ROUNDS):
            lagged = lfilter([1.0], [1.0, *ma.tolist()], np.stack([self.x, errors]))
            slopes = np.zeros((ar.size + ma.size, self.x.size))
            for lag in range(1, ar.size + 1):
                slopes[lag - 1, lag:] = lagged[0, :-lag]
            for lag in range(1, ma.size + 1):
                slopes[ar.size + lag - 1, lag:] = lagged[1, :-lag]
            gram = slopes @ slopes.T
            gram[np.diag_indices_from(gram)] *= 1 + 1e-9
            try:
                step = np.linalg.solve(gram, slopes @ errors)
            except np.linalg.LinAlgError:
                break
            for size in (1.0, 0.5, 0.2):
                new_ar = _inside(ar + size * step[: ar.size], -1.0)
                new_ma = _inside(ma + size * step[ar.size :], 1.0)
                trial = _innovations(self.x, new_ar, new_ma)
                new_loss = float(np.sum(trial[self.seen] ** 2))
                if new_loss < loss:
                    break
            else:
                break
            gained = loss - new_loss
            ar, ma, errors, loss = new_ar, new_ma, trial, new_loss
            if gained < 1e-4 * loss:
                break
        return ar, ma


def _yule_walker(x: Floats, order: int) -> Floats:
    lags = np.array([x[k:] @ x[: x.size - k] for k in range(order + 1)]) / x.size
    lags[0] *= 1.0 + 1e-6
    try:
        return np.asarray(solve_toeplitz(lags[:-1], lags[1:]))
    except (LinAlgError, np.linalg.LinAlgError):
        return np.zeros(order)


def _innovations(x: Floats, ar: Floats, ma: Floats) -> Floats:
    return np.asarray(lfilter([1.0, *(-ar).tolist()], [1.0, *ma.tolist()], x))


def _inside(coefficients: Floats, sign: float) -> Floats:
    """Shrink a lag polynomial until all its roots lie outside the unit circle."""
    if _stable([sign * value for value in coefficients.tolist()]):
        return coefficients
    if not np.all(np.isfinite(coefficients)):
        return np.zeros_like(coefficients)
    polynomial = np.concatenate([[1.0], sign * coefficients])
    largest = np.abs(np.roots(polynomial)).max(initial=0.0)
    if largest <= _EDGE:
        return coefficients
    return np.asarray(coefficients * (_EDGE / largest) ** np.arange(1, coefficients.size + 1))


def _stable(polynomial: list[float]) -> bool:
    """Say whether 1 + c1 z + c2 z^2 + ... has all roots beyond 1 / edge (Schur-Cohn step-down)."""
    row = [value / _EDGE ** (i + 1) for i, value in enumerate(polynomial)]
    while row:
        last = row[-1]
        if not -1.0 < last < 1.0:
            return False
        scale = 1.0 - last * last
        row = [(a - last * b) / scale for a, b in zip(row[:-1], row[-2::-1], strict=True)]
    return True


def _model(x: Floats, p: int, q: int) -> Any:  # noqa: ANN401  statsmodels has no types
    return SARIMAX(x, order=(p, 0, q), concentrate_scale=True)


def _maximise(x: Floats, ar: Floats, ma: Floats) -> tuple[Floats, Floats]:
    """Return maximum-likelihood estimates, or the starting values where they do not improve."""
    start = np.r_[ar, ma]
    model = _model(x, ar.size, ma.size)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            before = model.loglike(start)
            found = model.fit(start_params=start, disp=0, cov_type="none", maxiter=25)
        params = np.asarray(found.params, dtype=float)
        better = np.all(np.isfinite(params)) and found.llf >= before
    except (ValueError, np.linalg.LinAlgError):
        return ar, ma
    if not better:
        return ar, ma
    return _inside(params[: ar.size], -1.0), _inside(params[ar.size :], 1.0)


def rolling(arma: Arma, x: Floats, origins: NDArray[np.int64], horizon: int) -> Floats:
    """Forecast `x` from each origin by the Kalman filter, parameters as they are.

    Parameters
    ----------
    arma
        Fitted model.
    x
        The series; the forecast from origin ``o`` uses ``x[:o]`` alone.
    origins
        Positions in ``0 .. len(x)``.
    horizon
        Steps ahead.

    Returns
    -------
    Floats
        Shape ``(len(origins), horizon)``.
    """
    if origins.size == 1:
        # The state forgets: what is older than two weeks does not move a forecast.
        begin = max(0, int(origins[0]) - _REMEMBERED)
        x, origins = x[begin : int(origins[0])], origins - begin
    if arma.p + arma.q == 0 or not np.isfinite(x).any():
        return np.zeros((origins.size, horizon))
    filtered, model = _filtered(arma, x)
    states = filtered.predicted_state[:, origins]
    transition, design = model.ssm["transition"], model.ssm["design"][0]
    paths = np.empty((origins.size, horizon))
    for step in range(horizon):
        paths[:, step] = design @ states
        states = transition @ states
    return paths * (arma.sigma or 1.0)


def residuals(arma: Arma, x: Floats) -> Floats:
    """Return one-step forecast errors, NaN where `x` is."""
    if arma.p + arma.q == 0:
        return x.copy()
    errors: Floats = _filtered(arma, x)[0].forecasts_error[0] * (arma.sigma or 1.0)
    errors[~np.isfinite(x)] = np.nan
    return errors


def _filtered(arma: Arma, x: Floats) -> tuple[Any, Any]:
    model = _model(x / (arma.sigma or 1.0), arma.p, arma.q)
    model.update(np.r_[arma.ar, arma.ma], transformed=True)
    return model.ssm.filter(), model
