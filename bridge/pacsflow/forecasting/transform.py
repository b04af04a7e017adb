"""From UTC hours to wall-clock hours and back: daylight saving, gaps and scale in one place.

People work by the clock on the wall, so the weekly shape is one of local hours. On the wall-clock
grid the hour that does not exist in spring is a gap, and the hour that comes twice in autumn is
the mean of both; a forecast for either of them is the forecast of that hour on the wall.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np

from pacsflow.errors import UsageError
from pacsflow.forecasting.results import DAY, WEEK
from pacsflow.series import HOUR

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pacsflow.forecasting.results import Floats
    from pacsflow.series import HourlySeries

_EPOCH = datetime(1970, 1, 5, tzinfo=UTC)
"""A Monday, so that the hour of the week is the hour number modulo 168."""


@dataclass(frozen=True, slots=True, eq=False)
class Wall:
    """A series on the wall-clock grid.

    Parameters
    ----------
    values
        One value a wall-clock hour, NaN where there is none, shape ``(hours,)``.
    first
        Wall-clock hours from Monday 1970-01-05 00:00 to the first value: ``first % 168`` is its
        hour of the week, Monday first.
    future
        Position on the grid of each forecast hour, counted from the end of `values`.
    past
        Wall-clock hour, as `first`, of each hour of the series; never falling.
    data
        Hours with data that each of `values` is made of: 2 where autumn repeats one.
    """

    values: Floats
    first: int
    future: NDArray[np.int64]
    past: NDArray[np.int64]
    data: NDArray[np.int64]

    @property
    def horizon(self) -> int:
        """Wall-clock hours to forecast so that every UTC hour is covered."""
        return int(self.future.max(initial=-1)) + 1


def zone_of(name: str) -> ZoneInfo:
    """Return the IANA zone called `name`; raises UsageError where there is none."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise UsageError(
            f"no time zone is called {name!r} (expected e.g. Europe/Lisbon)"
        ) from error


def wall_hours(start: datetime, hours: int, zone: str) -> NDArray[np.int64]:
    """Return the wall-clock hour number (see `Wall.first`) of each of `hours` UTC hours."""
    info = zone_of(zone)
    base = int((start - _EPOCH) / HOUR)
    if zone == "UTC":
        return np.arange(base, base + hours, dtype=np.int64)
    out = np.empty(hours, dtype=np.int64)
    # The offset changes a few times a year: ask once a day, and hour by hour only around a change.
    position = 0
    while position < hours:
        ahead = min(DAY, hours - position)
        now = _offset(start + position * HOUR, info)
        if now == _offset(start + (position + ahead - 1) * HOUR, info):
            offsets = np.full(ahead, now)
        else:
            offsets = np.array([_offset(start + (position + i) * HOUR, info) for i in range(ahead)])
        out[position : position + ahead] = base + position + np.arange(ahead) + offsets
        position += ahead
    return out


def _offset(moment: datetime, info: ZoneInfo) -> int:
    offset = moment.astimezone(info).utcoffset() or timedelta(0)
    return int(offset // HOUR)


def to_wall(series: HourlySeries, zone: str, horizon: int) -> Wall:
    """Put a series on the wall-clock grid and say where the next `horizon` hours lie on it."""
    hours = wall_hours(series.start, len(series) + horizon, zone)
    known, ahead = hours[: len(series)], hours[len(series) :]
    first = int(known[0]) if known.size else int(hours[0]) if hours.size else 0
    size = int(known[-1]) - first + 1 if known.size else 0
    total, count = np.zeros(size), np.zeros(size, dtype=np.int64)
    seen = np.isfinite(series.values)
    np.add.at(total, known[seen] - first, series.values[seen])
    np.add.at(count, known[seen] - first, 1)
    values = np.full(size, np.nan)
    values[count > 0] = total[count > 0] / count[count > 0]
    return Wall(values, first, ahead - first - size, known, count)


def fill(values: Floats) -> Floats:
    """Fill gaps from the nearest weeks' same hour, then the nearest days', then the mean.

    Only for methods that cannot take a gap as it is; an all-gap series becomes zeros.
    """
    out = values.copy()
    for step in (WEEK, DAY):
        for back in range(1, len(out) // step + 1):
            for shift in (back * step, -back * step):
                gaps = np.flatnonzero(~np.isfinite(out))
                if not gaps.size:
                    return out
                source = gaps - shift
                fits = (source >= 0) & (source < len(out))
                out[gaps[fits]] = values[source[fits]]
    gaps = ~np.isfinite(out)
    if gaps.any():
        out[gaps] = np.nanmean(out) if not gaps.all() else 0.0
    return out
