"""When things happen: the hospital's week, and arrivals drawn from it."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from datetime import date
    from zoneinfo import ZoneInfo

    from numpy.typing import NDArray

HOUR_US = 3_600_000_000

# Relative activity by local hour of the day; each row is scaled to a mean weekday sum of 1.
_DAY = {
    # appointments: mornings full, a lunch dip, a thinner afternoon
    "appointments": (
        0, 0, 0, 0, 0, 0.1, 0.6, 3.2, 5.2, 5.8, 5.6, 4.4, 2.3, 3.2, 4.6, 4.7, 4.0, 2.6, 1.2, 0.6,
        0.3, 0.1, 0, 0,
    ),
    # emergency: all day, more in the evening
    "emergency": (
        1.5, 1.2, 1.0, 0.8, 0.8, 1.0, 1.4, 2.0, 2.6, 2.9, 3.0, 2.8, 2.5, 2.6, 2.8, 2.9, 3.0, 3.2,
        3.4, 3.4, 3.1, 2.7, 2.2, 1.8,
    ),
    "office": (
        0.2, 0.2, 0.2, 0.2, 0.2, 0.3, 0.8, 3.0, 5.0, 5.5, 5.3, 4.8, 2.4, 3.6, 4.9, 5.0, 4.6, 3.4,
        1.5, 0.8, 0.5, 0.4, 0.3, 0.2,
    ),
    "always": (1,) * 24,
    # patients and their guests: from breakfast on, most in the evening
    "leisure": (
        1.0, 0.5, 0.3, 0.2, 0.2, 0.4, 1.2, 2.4, 3.0, 3.4, 3.6, 3.6, 3.4, 3.8, 4.2, 4.4, 4.4, 4.6,
        5.4, 6.4, 6.8, 6.2, 4.4, 2.2,
    ),
    # prior studies are brought to the reading stations before the morning
    "night": (0, 0, 3, 4, 2.5, *(0,) * 19),
}  # fmt: skip
_WEEK = {
    "appointments": (1.12, 1.05, 1.02, 1.0, 0.81, 0.22, 0.04),
    "emergency": (1.02, 0.97, 0.96, 0.97, 1.05, 1.08, 0.98),
    "office": (1.05, 1.02, 1.0, 1.0, 0.93, 0.16, 0.09),
    "always": (1.0,) * 7,
    "leisure": (1.0, 1.0, 1.0, 1.0, 1.0, 1.1, 1.15),
    "night": (1.05, 1.0, 1.0, 1.0, 0.95, 0.12, 0.1),
}
DAILY_NOISE = 0.06
"""Standard deviation of the logarithm of a day's activity."""


COUNTRIES = {"America/Sao_Paulo": "BR"}
"""Countries whose public holidays a simulated hospital keeps, by its zone."""
_SUNDAY = 6


def local_hours(
    start: datetime, hours: int, zone: ZoneInfo, *, holidays: bool = False
) -> NDArray[np.int64]:
    """Return (hour of the day, day of the week) of each UTC hour, local time, shape (hours, 2).

    With `holidays` a public holiday of the zone's country (`COUNTRIES`) is a Sunday.
    """
    local = [(start + timedelta(hours=h)).astimezone(zone) for h in range(hours)]
    free = set()
    if holidays and zone.key in COUNTRIES:
        free = {day for year in {m.year for m in local} for day in _free(zone.key, year)}
    return np.array(
        [(m.hour, _SUNDAY if m.date() in free else m.weekday()) for m in local], dtype=np.int64
    )


@cache
def _free(zone: str, year: int) -> frozenset[date]:
    import holidays  # noqa: PLC0415  half a second

    return frozenset(holidays.country_holidays(COUNTRIES[zone], years=year))


def shape(name: str, local: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the relative activity of each hour, shape (hours,); a weekday sums to about 1."""
    day = np.asarray(_DAY[name], dtype=np.float64)
    week = np.asarray(_WEEK[name])
    rate: NDArray[np.float64] = (day / day.sum())[local[:, 0]] * week[local[:, 1]]
    return rate


def arrivals(
    rng: np.random.Generator,
    per_day: float,
    shape_of_week: NDArray[np.float64],
    who: NDArray[np.int64],
    start_us: int,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Draw arrivals of a Poisson process, a row of devices at a time.

    Returns
    -------
    tuple
        Device index and time in microseconds since the epoch, both of shape (arrivals,).
    """
    days = int(np.ceil(len(shape_of_week) / 24))
    factor = np.repeat(rng.lognormal(0.0, DAILY_NOISE, days), 24)[: len(shape_of_week)]
    counts = rng.poisson(per_day * shape_of_week * factor, (len(who), len(shape_of_week)))
    device, hour = np.nonzero(counts)
    times: Any = counts[device, hour]
    device, hour = np.repeat(device, times), np.repeat(hour, times)
    offset = rng.integers(10_000, HOUR_US, len(hour))
    return who[device], start_us + hour.astype(np.int64) * HOUR_US + offset
