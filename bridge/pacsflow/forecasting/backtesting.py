"""Backtest: forecasts of the past, everything chosen again at every origin."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pacsflow.forecasting.engine import forecast
from pacsflow.forecasting.models import repeat_last
from pacsflow.forecasting.results import (
    DAY,
    HOURS_NEEDED,
    WEEK,
    Backtest,
    BacktestRow,
    NotEnoughHistory,
)
from pacsflow.forecasting.verdict import scaling, smape
from pacsflow.series import HOUR
from pacsflow.terms.message import Message, count, message, percent

if TYPE_CHECKING:
    from pacsflow.forecasting.calendar import HolidayCalendar
    from pacsflow.series import HourlySeries


def backtest(
    series: HourlySeries,
    *,
    horizon: int = WEEK,
    origins: int = 8,
    step: int | None = None,
    history: int | None = None,
    holidays: HolidayCalendar | None = None,
    zone: str = "UTC",
) -> Backtest:
    """Forecast from several points of the past and compare with what came.

    Parameters
    ----------
    series
        The history.
    horizon
        Hours ahead.
    origins
        Most forecasts to make.
    step
        Hours between origins; left out, they are spread over what the history allows.
    history
        Hours of history each forecast may use; all that is before the origin when left out.
    holidays, zone
        As for `forecast`.
    """
    first = max(history or 0, HOURS_NEEDED + DAY)
    last = len(series) - horizon
    if last < first:
        return Backtest(
            series.name,
            series.unit,
            horizon,
            (),
            message("backtest-short", there=count(len(series)), needed=count(first + horizon)),
        )
    if step:
        points = np.arange(last, first - 1, -step)[:origins][::-1]
    else:
        points = np.unique(np.linspace(first, last, min(origins, last - first + 1)).round())
    rows = []
    for point in points.astype(int):
        begin = max(0, point - history) if history else 0
        past = series.between(series.start + begin * HOUR, series.start + int(point) * HOUR)
        made = forecast(past, horizon=horizon, holidays=holidays, zone=zone)
        if isinstance(made, NotEnoughHistory):
            continue
        actual = series.values[point : point + horizon]
        seen = np.isfinite(actual)
        if not seen.any():
            continue
        scale = scaling(past.values)
        error = float(np.mean(np.abs(actual - made.mean)[seen]))
        naive = [
            float(np.mean(np.abs(actual - repeat_last(past.values, period, horizon))[seen]))
            for period in (WEEK, DAY)
        ]
        inside = (actual >= made.lower95) & (actual <= made.upper95)
        rows.append(
            BacktestRow(
                made.start,
                made.model,
                int(seen.sum()),
                error / scale,
                naive[0] / scale,
                naive[1] / scale,
                smape(actual, made.mean),
                float(np.mean(inside[seen])),
            )
        )
    if not rows:
        return Backtest(series.name, series.unit, horizon, (), Message("backtest-none"))
    mean = {
        name: float(np.mean([getattr(row, name) for row in rows]))
        for name in ("mase", "mase_naive168", "mase_naive24", "smape", "coverage95")
    }
    gain = 100 * (1 - mean["mase"] / mean["mase_naive168"]) if mean["mase_naive168"] else 0.0
    outcome = message(
        "backtest-better" if gain >= 0 else "backtest-worse",
        forecasts=count(len(rows)),
        percent=percent(round(abs(gain))),
        inside=percent(round(100 * mean["coverage95"])),
    )
    return Backtest(series.name, series.unit, horizon, tuple(rows), outcome, **mean)
