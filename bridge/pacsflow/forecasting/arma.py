"""Zero-mean ARMA on a stationary series with gaps: order by AICc, forecasts from any origin."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from statsmodels.tsa.arima.estimators.hannan_rissanen import hannan_rissanen
from statsmodels.tsa.statespace.sarimax import SARIMAX

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pacsflow.forecasting.values import Floats

ORDERS = ((0, 0), (1, 0), (2, 0), (3, 0), (0, 1), (1, 1), (2, 1), (3, 1))
"""(p, q) that are compared; more did not forecast better on traffic (docs/forecasting.md)."""
_EDGE = 0.999


@dataclass(frozen=True, slots=True, eq=False)
class Arma:
    """A fitted ARMA(p, q) without mean.

    Parameters
    ----------
    p, q
        Orders.
    ar, ma
        Coefficients, shapes ``(p,)`` and ``(q,)``: ``x[t] = sum(ar * x[t-1...]) + e[t] +
        sum(ma * e[t-1...])``.
    sigma
        Standard deviation of the innovations.
    aicc
        AICc of the exact Gaussian likelihood; comparable only on the same series.
    compared
        Orders and their AICc, best first.
    """

    p: int
    q: int
    ar: Floats
    ma: Floats
    sigma: float
    aicc: float
    compared: tuple[tuple[int, int, float], ...] = ()


def fit_arma(
    x: Floats, orders: tuple[tuple[int, int], ...] = ORDERS, *, exact: bool = True
) -> Arma:
    """Fit the ARMA whose AICc is smallest.

    Starting values come from Hannan and Rissanen (1982); each order is scored by the exact
    likelihood at them, and the winner is (with `exact`) refined by maximum likelihood in state
    space, which takes gaps (NaN) as they are.

    Parameters
    ----------
    x
        Stationary series with mean zero, NaN where there is no value.
    orders
        Orders to compare; none may be left out for want of data but (0, 0).
    exact
        Whether to maximise the likelihood of the winner, or to keep the starting values.
    """
    seen = x[np.isfinite(x)]
    scale = float(np.sqrt(np.mean(seen**2))) if seen.size else 0.0
    if scale == 0.0 or seen.size < 12:
        return Arma(0, 0, np.empty(0), np.empty(0), scale, np.inf)
    scaled = x / scale
    scored = []
    for p, q in orders:
        if seen.size < 8 * (p + q + 1):
            continue
        start = _start(scaled, p, q)
        if start is None:
            continue
        scored.append((_aicc(scaled, p, q, start, seen.size), p, q, start))
    if not scored:
        return Arma(0, 0, np.empty(0), np.empty(0), scale, np.inf)
    scored.sort(key=lambda row: row[0])
    compared = tuple((p, q, aicc) for aicc, p, q, _ in scored)
    best, p, q, params = scored[0]
    if exact and p + q:
        # Hannan-Rissanen is coarse for mixed orders: refine the nearest rivals, too.
        rivals = [row for row in scored[:3] if row[0] < best + 10]
        refined = [
            (*_maximise(scaled, row[1], row[2], row[3], seen.size), *row[1:3]) for row in rivals
        ]
        refined.sort(key=lambda row: row[0])
        best, params, p, q = refined[0]
        done = {(row[2], row[3]): row[0] for row in refined}
        compared = tuple(
            sorted(((a, b, done.get((a, b), c)) for a, b, c in compared), key=lambda row: row[2])
        )
    sigma = _sigma(scaled, p, q, params)
    return Arma(p, q, params[:p], params[p:], sigma * scale, best, compared)


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
    if arma.p + arma.q == 0 or not len(x):
        return np.zeros((origins.size, horizon))
    scale = arma.sigma or 1.0
    model = _model(x / scale, arma.p, arma.q)
    params = np.r_[arma.ar, arma.ma]
    model.update(params, transformed=True)
    states = model.ssm.filter().predicted_state[:, origins]
    transition = model.ssm["transition"]
    design = model.ssm["design"][0]
    paths = np.empty((origins.size, horizon))
    for step in range(horizon):
        paths[:, step] = design @ states
        states = transition @ states
    return paths * scale


def residuals(arma: Arma, x: Floats) -> Floats:
    """Return one-step forecast errors, NaN where `x` is."""
    if arma.p + arma.q == 0:
        return x.copy()
    scale = arma.sigma or 1.0
    model = _model(x / scale, arma.p, arma.q)
    model.update(np.r_[arma.ar, arma.ma], transformed=True)
    errors: Floats = model.ssm.filter().forecasts_error[0] * scale
    errors[~np.isfinite(x)] = np.nan
    return errors


def spread(arma: Arma, horizon: int) -> Floats:
    """Return the standard deviation of the forecast error at 1 .. `horizon` steps."""
    psi = np.zeros(horizon)
    psi[0] = 1.0
    for j in range(1, horizon):
        value = arma.ma[j - 1] if j <= arma.q else 0.0
        for i in range(min(arma.p, j)):
            value += arma.ar[i] * psi[j - 1 - i]
        psi[j] = value
    return np.asarray(arma.sigma * np.sqrt(np.cumsum(psi**2)))


def _model(x: Floats, p: int, q: int) -> Any:  # noqa: ANN401  statsmodels has no types
    return SARIMAX(x, order=(p, 0, q), concentrate_scale=True)


def _start(x: Floats, p: int, q: int) -> Floats | None:
    """Hannan-Rissanen estimates, pulled inside the stationary and invertible region."""
    if p + q == 0:
        return np.empty(0)
    filled = np.where(np.isfinite(x), x, 0.0)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found, _ = hannan_rissanen(filled, p, q, demean=False)
    except (ValueError, np.linalg.LinAlgError):
        return None
    ar = _inside(np.asarray(found.ar_params, dtype=float), -1.0)
    ma = _inside(np.asarray(found.ma_params, dtype=float), 1.0)
    return np.concatenate([ar, ma])


def _inside(coefficients: Floats, sign: float) -> Floats:
    """Shrink a lag polynomial until all its roots lie outside the unit circle."""
    if not coefficients.size or not np.all(np.isfinite(coefficients)):
        return np.zeros_like(coefficients)
    inverse_roots = np.abs(np.roots(np.r_[1.0, sign * coefficients]))
    largest = inverse_roots.max(initial=0.0)
    if largest < _EDGE:
        return coefficients
    shrink = _EDGE / largest * 0.99
    return np.asarray(coefficients * shrink ** np.arange(1, coefficients.size + 1))


def _aicc(x: Floats, p: int, q: int, params: Floats, n: int) -> float:
    model = _model(x, p, q)
    loglike = float(model.loglike(params, transformed=True)) if p + q else _white(x)
    return _penalised(loglike, p + q + 1, n)


def _white(x: Floats) -> float:
    seen = x[np.isfinite(x)]
    return float(-0.5 * seen.size * (np.log(2 * np.pi * np.mean(seen**2)) + 1))


def _penalised(loglike: float, k: int, n: int) -> float:
    return -2 * loglike + 2 * k + 2 * k * (k + 1) / max(n - k - 1, 1)


def _maximise(x: Floats, p: int, q: int, start: Floats, n: int) -> tuple[float, Floats]:
    model = _model(x, p, q)
    before = _aicc(x, p, q, start, n)
    if p + q == 0:
        return before, start
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = model.fit(start_params=start, disp=0, cov_type="none", maxiter=60)
        after = _penalised(float(found.llf), p + q + 1, n)
        params = np.asarray(found.params, dtype=float)
    except (ValueError, np.linalg.LinAlgError):
        return before, start
    if not np.isfinite(after) or after > before or not np.all(np.isfinite(params)):
        return before, start
    return after, params


def _sigma(x: Floats, p: int, q: int, params: Floats) -> float:
    if p + q == 0:
        seen = x[np.isfinite(x)]
        return float(np.sqrt(np.mean(seen**2)))
    model = _model(x, p, q)
    model.update(params, transformed=True)
    return float(np.sqrt(model.ssm.filter().scale))
