"""The Box-Jenkins identification, shown: stationarity, correlograms, residual tests."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import jarque_bera
from statsmodels.stats.diagnostic import acorr_ljungbox
from statsmodels.tsa.stattools import acf, adfuller, pacf
from statsmodels.tsa.stattools import kpss as kpss_test

from pacsflow.forecasting.arma import Arma, residuals
from pacsflow.forecasting.models import FittedSeasonalDifference, seasonal_difference
from pacsflow.forecasting.transform import fill
from pacsflow.forecasting.values import DAY, WEEK, Diagnostics, UnitRoot

if TYPE_CHECKING:
    from pacsflow.forecasting.models import Fitted
    from pacsflow.forecasting.values import Floats

_LAGS = 2 * WEEK


def adf(x: Floats) -> UnitRoot | None:
    """Return the augmented Dickey-Fuller test (null hypothesis: a unit root)."""
    if np.ptp(x) == 0 or x.size < 3 * DAY:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        statistic, p = adfuller(x, maxlag=DAY, autolag=None)[:2]
    says = "no unit root" if p < 0.05 else "a unit root is not ruled out"
    return UnitRoot(float(statistic), float(p), says)


def kpss(x: Floats) -> UnitRoot | None:
    """Return the KPSS test (null hypothesis: stationary around a level)."""
    if np.ptp(x) == 0 or x.size < 3 * DAY:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        statistic, p = kpss_test(x, regression="c", nlags="auto")[:2]
    says = "not stationary" if p < 0.05 else "stationarity is not ruled out"
    return UnitRoot(float(statistic), float(p), says)


def diagnose(y: Floats, parts: tuple[Fitted, ...], dm_p: float | None) -> Diagnostics:
    """Return the identification of the ARIMA part that was chosen (or would have been)."""
    level = fill(y)
    arima = next((p for p in parts if isinstance(p, FittedSeasonalDifference)), None)
    if len(y) < WEEK + 2 * DAY or np.ptp(level) == 0:
        return Diagnostics(adf=adf(level), kpss=kpss(level), dm_p=dm_p)
    difference = seasonal_difference(y, WEEK)
    x = np.where(np.isfinite(difference), difference, 0.0)
    if np.ptp(x) == 0:
        return Diagnostics(adf=adf(level), kpss=kpss(level), dm_p=dm_p)
    lags = min(_LAGS, x.size // 2 - 1)
    arma = arima.arma if arima else Arma(np.empty(0), np.empty(0), 0.0)
    left = residuals(arma, difference)[np.isfinite(difference)]
    box: list[float | None] = []
    for lag in (DAY, WEEK):
        if left.size > lag + 10:
            found = acorr_ljungbox(left, lags=[lag], model_df=arma.p + arma.q)
            box.append(float(found["lb_pvalue"].iloc[0]))
        else:
            box.append(None)
    return Diagnostics(
        adf=adf(level),
        kpss=kpss(level),
        adf_difference=adf(x),
        kpss_difference=kpss(x),
        difference="difference to the same hour of last week",
        acf=tuple(float(v) for v in acf(x, nlags=lags, fft=True)),
        pacf=tuple(float(v) for v in pacf(x, nlags=lags, method="ldb")),
        band=1.96 / np.sqrt(x.size),
        order=arima.name if arima else "",
        why="",
        aicc=tuple((f"ARIMA({p},0,{q})", value) for p, q, value in arma.compared),
        ljung_box_24=box[0],
        ljung_box_168=box[1],
        normality=float(jarque_bera(left).pvalue) if left.size > 20 else None,
        dm_p=dm_p,
    )
