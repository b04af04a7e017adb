"""Hundreds of series on all cores, one BLAS thread a worker, with progress."""

from __future__ import annotations

import os
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from pacsflow.forecasting.condition import refusal
from pacsflow.forecasting.results import WEEK
from pacsflow.threads import NAMES
from pacsflow.workers import cores, pool

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from pacsflow.forecasting.calendar import HolidayCalendar
    from pacsflow.forecasting.results import Backtest, Forecast, NotEnoughHistory
    from pacsflow.series import HourlySeries

Answer = TypeVar("Answer")
_WORTH_IT = 6
"""Series below which starting workers costs more than it saves."""


def forecast_many(
    series: Sequence[HourlySeries],
    *,
    horizon: int = WEEK,
    holidays: HolidayCalendar | None = None,
    zone: str = "UTC",
    workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> list[Forecast | NotEnoughHistory]:
    """Forecast every series; the answers come in the order of the series.

    Parameters
    ----------
    series
        The histories.
    horizon, holidays, zone
        As for `forecast`.
    workers
        Processes; one a core when left out. 1 stays in this process.
    progress
        Called with (done, all) as answers come.
    """
    refused = [refusal(item, zone, horizon) for item in series]
    if progress and any(refused):
        progress(len(series) - refused.count(None), len(series))
    long = [item for item, answer in zip(series, refused, strict=True) if answer is None]
    made = iter(_forecasts(long, horizon, holidays, zone, workers, _later(progress, len(series))))
    return [answer or next(made) for answer in refused]


def _forecasts(
    series: Sequence[HourlySeries],
    horizon: int,
    holidays: HolidayCalendar | None,
    zone: str,
    workers: int | None,
    progress: Callable[[int, int], None] | None,
) -> list[Forecast | NotEnoughHistory]:
    """Forecast series that are long enough for what fits models to be imported."""
    if not series:
        return []
    from pacsflow.forecasting.engine import forecast  # noqa: PLC0415 - statsmodels takes seconds

    one = partial(forecast, horizon=horizon, holidays=holidays, zone=zone)
    return _spread(one, series, _WORTH_IT, workers, progress)


def _later(
    progress: Callable[[int, int], None] | None, everything: int
) -> Callable[[int, int], None] | None:
    """Return `progress` for whoever does the last of `everything`."""
    return progress and (lambda done, mine: progress(everything - mine + done, everything))


def backtest_many(
    series: Sequence[HourlySeries],
    *,
    horizon: int = WEEK,
    origins: int = 8,
    holidays: HolidayCalendar | None = None,
    zone: str = "UTC",
    workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> list[Backtest]:
    """Test every series on its past, as `forecast_many` forecasts them."""
    from pacsflow.forecasting.backtesting import backtest  # noqa: PLC0415 - as above

    one = partial(backtest, horizon=horizon, origins=origins, holidays=holidays, zone=zone)
    return _spread(one, series, 2, workers, progress)


def _spread(
    one: Callable[[HourlySeries], Answer],
    series: Sequence[HourlySeries],
    worth_it: int,
    workers: int | None,
    progress: Callable[[int, int], None] | None,
) -> list[Answer]:
    """Apply `one` to every series, in this process or in as many as there are cores."""
    workers = min(workers or cores(), len(series))
    done: list[Answer] = []
    if workers <= 1 or len(series) < worth_it:
        for item in series:
            done.append(one(item))
            if progress:
                progress(len(done), len(series))
        return done
    # The server imports statsmodels once; its children are copies of it.
    preload = ["pacsflow.forecasting.engine"]
    with _one_thread(), pool(workers, preload) as executor:
        for answer in executor.map(one, series, chunksize=max(1, len(series) // (workers * 16))):
            done.append(answer)
            if progress:
                progress(len(done), len(series))
    return done


@contextmanager
def _one_thread() -> Iterator[None]:
    """Start workers with one BLAS thread each: the matrices are small, the cores are taken."""
    before = {name: os.environ.get(name) for name in NAMES}
    os.environ.update(dict.fromkeys(NAMES, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
