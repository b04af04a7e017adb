"""The Box-Jenkins identification, shown: stationarity, correlograms, residual tests."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import jarque_bera
from statsmodels.stats.diagnostic import acorr_ljungbox
from statsmodels.tsa.stattools import acf, adfuller, pacf
from statsmodels.tsa.stattools import kpss as kpss_test

from pacsflow.forecasting.arma import residuals
from pacsflow.forecasting.models import (
    FittedSeasonalDifference,
    SeasonalDifference,
    seasonal_difference,
)
from pacsflow.forecasting.profiles import FittedRegression
from pacsflow.forecasting.results import DAY, WEEK, Diagnostics, UnitRoot
from pacsflow.forecasting.transform import fill
from pacsflow.terms.message import Message, count, message, models, number, text

if TYPE_CHECKING:
    from pacsflow.forecasting.models import Fitted
    from pacsflow.forecasting.results import Floats

_LAGS = WEEK + DAY


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
    """Return the identification: of the ARIMA that was chosen, or that was compared.

    Parameters
    ----------
    y
        Wall-clock hours.
    parts
        What makes the forecast.
    dm_p
        From the verdict.
    """
    level = fill(y)
    if len(y) < WEEK + 2 * DAY:
        return Diagnostics(adf=adf(level), kpss=kpss(level), dm_p=dm_p)
    difference = seasonal_difference(y, WEEK)
    x = np.where(np.isfinite(difference), difference, 0.0)
    if np.ptp(x) == 0:
        return Diagnostics(
            adf=adf(level),
            kpss=kpss(level),
            why=(Message("weeks-repeat"),),
            dm_p=dm_p,
        )
    chosen = next((part for part in parts if isinstance(part, FittedSeasonalDifference)), None)
    model = chosen or SeasonalDifference().fit(y, exact=False)
    lags = min(_LAGS, x.size // 2 - 1)
    left, name = _rest(y, parts, model)
    return Diagnostics(
        adf=adf(level),
        kpss=kpss(level),
        adf_difference=adf(x),
        kpss_difference=kpss(x),
        difference="difference to the same hour of last week",
        acf=tuple(acf(x, nlags=lags, fft=True).tolist()),
        pacf=tuple(pacf(x, nlags=lags, method="ldb").tolist()),
        band=1.96 / float(np.sqrt(x.size)),
        order=model.name,
        why=_why(model, name),
        aicc=tuple((f"ARIMA({p},0,{q})(0,1,0)168", value) for p, q, value in model.arma.compared),
        ljung_box_24=_ljung_box(left, DAY, model.arma.p + model.arma.q),
        ljung_box_168=_ljung_box(left, WEEK, model.arma.p + model.arma.q),
        normality=float(jarque_bera(left).pvalue) if left.size > 20 else None,
        dm_p=dm_p,
    )


def _rest(
    y: Floats, parts: tuple[Fitted, ...], model: FittedSeasonalDifference
) -> tuple[Floats, str]:
    """Return the residuals of the ARIMA part that makes the forecast, and whose they are."""
    for part in parts:
        if isinstance(part, FittedRegression):
            error = y - part.terms.level(y, 0)
            return _finite(residuals(part.arma, error)), part.name
    left = residuals(model.arma, seasonal_difference(y, WEEK))
    return _finite(left), model.name


def _finite(x: Floats) -> Floats:
    return np.asarray(x[np.isfinite(x)])


def _ljung_box(left: Floats, lag: int, used: int) -> float | None:
    if left.size <= lag + 10 or np.ptp(left) == 0:
        return None
    found = acorr_ljungbox(left, lags=[lag], model_df=used)
    return float(found["lb_pvalue"].iloc[0])


def _why(model: FittedSeasonalDifference, rest: str) -> tuple[Message, ...]:
    compared = model.arma.compared
    if not compared:
        return (message("order-given", model=models([model.name])),)
    told = {"model": models([model.name]), "orders": count(len(compared))}
    if len(compared) > 1:
        (_, _, best), (p, q, next_best) = compared[:2]
        told |= {"below": number(next_best - best), "next": text(f"({p},0,{q})")}
    why = message("order-chosen" if len(compared) > 1 else "order-alone", **told)
    if rest == model.name:
        return (why,)
    return (why, message("residuals-of", model=models([rest])))
