"""Forecasts of hourly series that say how good they are."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from pacsflow.forecasting.calendar import HolidayCalendar
from pacsflow.forecasting.results import (
    Backtest,
    BacktestRow,
    CapacityOutlook,
    Diagnostics,
    Forecast,
    Incident,
    NotEnoughHistory,
    Score,
    UnitRoot,
    Verdict,
)

if TYPE_CHECKING:
    from pacsflow.forecasting.anomalies import anomalies, incidents
    from pacsflow.forecasting.backtesting import backtest
    from pacsflow.forecasting.batch import backtest_many, forecast_many
    from pacsflow.forecasting.capacity import capacity_outlook
    from pacsflow.forecasting.engine import forecast

_LATE = {
    "anomalies": "anomalies",
    "incidents": "anomalies",
    "backtest": "backtesting",
    "backtest_many": "batch",
    "capacity_outlook": "capacity",
    "forecast": "engine",
    "forecast_many": "batch",
}

__all__ = [
    "Backtest",
    "BacktestRow",
    "CapacityOutlook",
    "Diagnostics",
    "Forecast",
    "HolidayCalendar",
    "Incident",
    "NotEnoughHistory",
    "Score",
    "UnitRoot",
    "Verdict",
    "anomalies",
    "backtest",
    "backtest_many",
    "capacity_outlook",
    "forecast",
    "forecast_many",
    "incidents",
]


def __getattr__(name: str) -> object:
    """Import statsmodels (seconds) when something is forecast, not when a command starts."""
    if name in _LATE:
        found: object = getattr(import_module(f"{__name__}.{_LATE[name]}"), name)
        globals()[name] = found
        return found
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
