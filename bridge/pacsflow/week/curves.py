"""Curves with what was expected and what comes: all series forecast together, on all cores."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pacsflow.forecasting import Forecast, HolidayCalendar, NotEnoughHistory
from pacsflow.forecasting.cache import forecast_many_kept
from pacsflow.week.facts import Band, Curve, Hours

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime
    from pathlib import Path

    from numpy.typing import NDArray

    from pacsflow.series import HourlySeries
    from pacsflow.week.period import Week


HISTORY_WEEKS = 12
"""So many weeks a forecast rests on at most."""


@dataclass(frozen=True, slots=True)
class CurveRequest:
    """One curve to make; `series` reaches as far back as the ledger does."""

    key: str
    title: str
    series: HourlySeries


@dataclass(frozen=True, slots=True)
class Made:
    """A series, its curve, and its forecasts: of the week from before it, and of what comes."""

    series: HourlySeries
    curve: Curve
    expected: Forecast | None
    coming: Forecast | None = None


def curves(
    requests: Sequence[CurveRequest],
    week: Week,
    *,
    forecasts: bool = True,
    holidays: str = "",
    folder: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, Made]:
    """Return every request's curve by its key, with the forecast that was made before the week.

    Two forecasts a series: one from what was known before the week, to compare the week with, and
    one from all that is known, for the week to come. `folder` is the ledger's, which keeps them;
    `holidays` are a country's, or a country's state's (``BR-SP``).
    Both rest on as many weeks, so that the forecast that one week's page shows is the one that the
    next week is compared with.
    """
    before = [r.series.between(week.shifted(-HISTORY_WEEKS).start, week.start) for r in requests]
    until = [r.series.between(week.shifted(1 - HISTORY_WEEKS).start, week.end) for r in requests]
    made: list[Forecast | NotEnoughHistory | None] = [None] * (2 * len(requests))
    if forecasts and requests:
        hours = int((week.end - week.start).total_seconds() // 3600)
        made = list(
            forecast_many_kept(
                folder,
                [*before, *until],
                horizon=max(hours, 168),
                zone=week.zone.key,
                holidays=HolidayCalendar.parse(holidays) if holidays else None,
                progress=progress,
            )
        )
    return {
        request.key: Made(
            request.series,
            _curve(request, week, expected, coming),
            expected if isinstance(expected, Forecast) else None,
            coming if isinstance(coming, Forecast) else None,
        )
        for request, expected, coming in zip(
            requests, made[: len(requests)], made[len(requests) :], strict=True
        )
    }


def _curve(
    request: CurveRequest,
    week: Week,
    expected: Forecast | NotEnoughHistory | None,
    coming: Forecast | NotEnoughHistory | None,
) -> Curve:
    observed = hours_of(request.series, week.start, week.end)
    last = week.shifted(-1)
    previous = hours_of(request.series, last.start, last.end)
    told = coming if isinstance(coming, Forecast) else None
    verdict = told.verdict if told else None
    return Curve(
        title=request.title,
        observed=observed,
        previous=previous if any(v is not None for v in previous.values) else None,
        expected=band(expected, week.start, len(observed.values)),
        forecast=band(coming, week.end, 168),
        models=told.models if told else (),
        verdict=verdict.message if verdict else None,
        suits=verdict.suits if verdict else None,
        mase=_finite(verdict.mase) if verdict else None,
        mase_naive168=_finite(verdict.mase_naive168) if verdict else None,
        coverage95=_finite(verdict.coverage95) if verdict else None,
        reason=coming.reason if isinstance(coming, NotEnoughHistory) else None,
    )


def hours_of(series: HourlySeries, start: datetime, end: datetime) -> Hours:
    """Return the series on the grid from `start` to `end`; None where there is no data."""
    count = int((end - start).total_seconds() // 3600)
    offset = int((series.start - start).total_seconds() // 3600)
    there = series.values[max(0, -offset) : max(0, count - offset)].tolist()
    known = [value if math.isfinite(value) else None for value in there]
    before = [None] * min(count, max(0, offset))
    after = [None] * (count - len(before) - len(known))
    return Hours(series.name, series.unit, start, (*before, *known, *after))


def band(made: Forecast | NotEnoughHistory | None, start: datetime, hours: int) -> Band | None:
    """Return the part of a forecast from `start` on, or None where there is none."""
    if not isinstance(made, Forecast):
        return None
    skip = int((start - made.start).total_seconds() // 3600)
    if skip < 0 or skip >= len(made.mean):
        return None

    def cut(values: NDArray[np.float64]) -> tuple[float, ...]:
        return tuple(np.asarray(values[skip : skip + hours], dtype=float).tolist())

    return Band(
        start=start,
        mean=cut(made.mean),
        lower80=cut(made.lower80),
        upper80=cut(made.upper80),
        lower95=cut(made.lower95),
        upper95=cut(made.upper95),
    )


def _finite(value: float | None) -> float | None:
    return float(value) if value is not None and np.isfinite(value) else None
