"""Anomalies: hours outside the interval that was forecast before they happened."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pacsflow.forecasting.values import WEEK, Forecast, Incident, NotEnoughHistory
from pacsflow.series import HOUR

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from numpy.typing import NDArray

    from pacsflow.forecasting.calendar import HolidayCalendar
    from pacsflow.series import HourlySeries

JOIN_HOURS = 3
"""Hours outside with fewer than this many inside between them are one incident."""
_HISTORY = 4


def anomalies(
    series: HourlySeries,
    *,
    since: datetime | None = None,
    holidays: HolidayCalendar | None = None,
    zone: str = "UTC",
    parts: Sequence[HourlySeries] = (),
) -> list[Incident]:
    """Forecast each week from `since` on from what was known before it, and say what fell outside.

    Parameters
    ----------
    series
        The series to examine.
    since
        UTC; the last week when left out. Weeks without enough history before them are left out.
    holidays, zone
        As for `forecast`.
    parts
        Series of the endpoints whose sum `series` is, to name who made the difference.

    Returns
    -------
    list of Incident
        Most unlikely and largest first.
    """
    from pacsflow.forecasting.engine import forecast  # noqa: PLC0415 - statsmodels takes seconds

    origin = since or max(series.start, series.end - WEEK * HOUR)
    found: list[Incident] = []
    while origin < series.end:
        expected = forecast(series.between(series.start, origin), holidays=holidays, zone=zone)
        if not isinstance(expected, NotEnoughHistory):
            found.extend(incidents(series, expected, parts=parts))
        origin += WEEK * HOUR
    return rank(found)


def incidents(
    series: HourlySeries, expected: Forecast, *, parts: Sequence[HourlySeries] = ()
) -> list[Incident]:
    """Compare what came with what was forecast before, and join neighbouring hours.

    Parameters
    ----------
    series
        Holds the hours that `expected` covers.
    expected
        A forecast made from data before them.
    parts
        As for `anomalies`.
    """
    seen = np.full(expected.horizon, np.nan)
    offset = int((expected.start - series.start) / HOUR)
    take = series.values[max(offset, 0) : max(offset, 0) + expected.horizon]
    if offset >= 0:
        seen[: take.size] = take
    with np.errstate(invalid="ignore"):
        above, below = seen > expected.upper95, seen < expected.lower95
    found = []
    for direction, flags in (("more", above), ("less", below)):
        for hours in _runs(flags):
            found.append(_incident(series, expected, seen, hours, direction, parts))  # noqa: PERF401
    return rank(found)


def rank(found: list[Incident]) -> list[Incident]:
    """Order by how unlikely and by how much."""
    largest = max((abs(i.seen - i.expected) for i in found), default=0.0) or 1.0
    return sorted(
        found, key=lambda i: -(min(i.unlikely, 50.0) * np.sqrt(abs(i.seen - i.expected) / largest))
    )


def _runs(flags: NDArray[np.bool_]) -> list[NDArray[np.int64]]:
    where = np.flatnonzero(flags)
    if not where.size:
        return []
    return [
        np.asarray(run) for run in np.split(where, np.flatnonzero(np.diff(where) > JOIN_HOURS) + 1)
    ]


def _incident(
    series: HourlySeries,
    expected: Forecast,
    seen: NDArray[np.float64],
    hours: NDArray[np.int64],
    direction: str,
    parts: Sequence[HourlySeries],
) -> Incident:
    sigma = np.maximum((expected.upper95 - expected.mean)[hours] / 1.96, 1e-12)
    distance = np.abs(seen[hours] - expected.mean[hours]) / sigma
    return Incident(
        series=series.name,
        unit=series.unit,
        start=expected.start + int(hours[0]) * HOUR,
        end=expected.start + (int(hours[-1]) + 1) * HOUR,
        hours=len(hours),
        direction=direction,
        seen=float(seen[hours].sum()),
        expected=float(expected.mean[hours].sum()),
        unlikely=float(distance.max()),
        endpoints=_who(expected, hours, direction, parts),
    )


def _who(
    expected: Forecast,
    hours: NDArray[np.int64],
    direction: str,
    parts: Sequence[HourlySeries],
) -> tuple[tuple[str, float], ...]:
    """Compare each endpoint with the median of its own same hours of the weeks before."""
    sign = 1.0 if direction == "more" else -1.0
    surplus = []
    for part in parts:
        offset = int((expected.start - part.start) / HOUR)
        total = 0.0
        for hour in hours:
            now = _at(part, offset + int(hour))
            weeks = range(1, _HISTORY + 1)
            before = [_at(part, offset + int(hour) - WEEK * week) for week in weeks]
            known = [v for v in before if np.isfinite(v)]
            if np.isfinite(now):
                total += now - (float(np.median(known)) if known else 0.0)
        if total * sign > 0:
            surplus.append((part.name, total))
    surplus.sort(key=lambda row: -abs(row[1]))
    return tuple(surplus[:5])


def _at(part: HourlySeries, position: int) -> float:
    return float(part.values[position]) if 0 <= position < len(part) else float("nan")
