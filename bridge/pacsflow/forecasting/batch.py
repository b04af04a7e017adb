"""Hundreds of series on all cores, one BLAS thread a worker, with progress."""

from __future__ import annotations

import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from pacsflow.forecasting.engine import forecast
from pacsflow.forecasting.values import WEEK

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from pacsflow.forecasting.calendar import HolidayCalendar
    from pacsflow.forecasting.values import Forecast, NotEnoughHistory
    from pacsflow.series import HourlySeries

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
    workers = min(workers or len(os.sched_getaffinity(0)), len(series))
    if workers <= 1 or len(series) < _WORTH_IT:
        done: list[Forecast | NotEnoughHistory] = []
        for item in series:
            done.append(one(item))
            if progress:
                progress(len(done), len(series))
        return done
    context = multiprocessing.get_context("forkserver")
    # The server imports statsmodels once; its children are copies of it.
    context.set_forkserver_preload(["pacsflow.forecasting.preload"])
    done = []
    with (
        _one_thread(),
        ProcessPoolExecutor(workers, mp_context=context) as pool,
    ):
        for answer in pool.map(one, series, chunksize=max(1, len(series) // (workers * 16))):
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
