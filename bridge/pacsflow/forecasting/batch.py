"""Hundreds of series on all cores, one BLAS thread a worker, with progress."""

from __future__ import annotations

import os
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from pacsflow.forecasting.backtesting import backtest
from pacsflow.forecasting.engine import forecast
from pacsflow.forecasting.results import WEEK
from pacsflow.workers import cores, pool

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from pacsflow.forecasting.calendar import HolidayCalendar
    from pacsflow.forecasting.results import Backtest, Forecast, NotEnoughHistory
    from pacsflow.series import HourlySeries

Answer = TypeVar("Answer")
_WORTH_IT = 6
"""Series below which starting workers costs more than it saves."""
_THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")


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
    one = partial(forecast, horizon=horizon, holidays=holidays, zone=zone)
    return _spread(one, series, _WORTH_IT, workers, progress)


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
    preload = ["pacsflow.forecasting.batch"]
    with _one_thread(), pool(workers, preload) as executor:
        for answer in executor.map(one, series, chunksize=max(1, len(series) // (workers * 16))):
            done.append(answer)
            if progress:
                progress(len(done), len(series))
    return done


@contextmanager
def _one_thread() -> Iterator[None]:
    """Start workers with one BLAS thread each: the matrices are small, the cores are taken."""
    before = {name: os.environ.get(name) for name in _THREADS}
    os.environ.update(dict.fromkeys(_THREADS, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
