"""ARMA orders, estimates and forecasts against statsmodels' own and against the known truth."""

from __future__ import annotations

import numpy as np
import pytest
from statsmodels.tsa.statespace.sarimax import SARIMAX

from pacsflow.forecasting.arma import Arma, fit_arma, residuals, rolling
from pacsflow.forecasting.verdict import diebold_mariano, scaling, smape


def arma_process(ar: tuple[float, ...], ma: tuple[float, ...], n: int, seed: int = 1) -> np.ndarray:
    rng = np.random.default_rng(seed)
    e = rng.standard_normal(n + 200)
    x = np.zeros(n + 200)
    for t in range(3, n + 200):
        x[t] = e[t] + sum(a * x[t - 1 - i] for i, a in enumerate(ar))
        x[t] += sum(m * e[t - 1 - j] for j, m in enumerate(ma))
    return x[200:]


@pytest.mark.parametrize(
    ("ar", "ma"), [((0.7,), ()), ((0.5, 0.3), ()), ((0.9,), (-0.5,)), ((), (0.6,))]
)
def test_estimates_are_near_the_truth_and_the_likelihood_near_statsmodels(
    ar: tuple[float, ...], ma: tuple[float, ...]
) -> None:
    x = arma_process(ar, ma, 2000)
    found = fit_arma(x, ((len(ar), len(ma)),))
    assert found.ar == pytest.approx(ar, abs=0.1)
    assert found.ma == pytest.approx(ma, abs=0.1)
    assert found.sigma == pytest.approx(1, abs=0.1)
    model = SARIMAX(x, order=(len(ar), 0, len(ma)), concentrate_scale=True)
    theirs = model.fit(disp=0).llf
    assert model.loglike(np.r_[found.ar, found.ma]) == pytest.approx(theirs, abs=0.5)


def test_the_order_that_made_the_series_is_found() -> None:
    assert fit_arma(arma_process((0.6, 0.3), (), 3000)).p >= 2
    white = fit_arma(np.random.default_rng(0).standard_normal(2000))
    assert white.p + white.q <= 1


def test_rolling_forecasts_are_statsmodels_forecasts_with_gaps() -> None:
    x = arma_process((0.9,), (-0.4,), 300)
    x[40:60] = np.nan
    arma = Arma(np.array([0.9]), np.array([-0.4]), 1.0)
    model = SARIMAX(x[:250], order=(1, 0, 1))
    theirs = model.smooth([0.9, -0.4, 1.0]).forecast(30)
    ours = rolling(arma, x, np.array([100, 250]), 30)
    assert ours[1] == pytest.approx(theirs, rel=1e-6, abs=1e-9)
    left = residuals(arma, x)
    assert np.isnan(left[45])
    assert np.isfinite(left[100])


def test_what_makes_no_series_makes_no_model() -> None:
    for x in (np.zeros(100), np.full(100, np.nan), np.empty(0), np.ones(5)):
        assert fit_arma(x).p == 0


def test_scores_by_hand() -> None:
    y = np.arange(72.0)
    assert scaling(y) == 24
    assert smape(np.array([[1.0, 0.0]]), np.array([[3.0, 0.0]])) == pytest.approx(50)


def test_diebold_mariano_tells_better_from_equal() -> None:
    rng = np.random.default_rng(5)
    good, bad = rng.normal(0, 1, (30, 48)), rng.normal(0, 2, (30, 48))
    assert diebold_mariano(good, bad) < 0.01
    equal = diebold_mariano(rng.normal(0, 1, (30, 48)), rng.normal(0, 1, (30, 48)))
    assert equal > 0.05
    assert diebold_mariano(good[:3], bad[:3]) is None
