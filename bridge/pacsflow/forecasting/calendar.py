"""Public holidays: which wall-clock hours they cover, and what the history shows of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

import numpy as np

from pacsflow.errors import UsageError
from pacsflow.forecasting.results import DAY, WEEK

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pacsflow.forecasting.results import Floats

_MONDAY = date(1970, 1, 5).toordinal()
_LEAST_HOURS = 12
_LEAST_T = 2.0


@dataclass(frozen=True, slots=True)
class HolidayCalendar:
    """Public holidays of a country and, where given, a subdivision (ISO 3166-2).

    Parameters
    ----------
    country
        ISO 3166-1 alpha-2, ``BR``.
    subdivision
        Part after the hyphen of ISO 3166-2, ``SP``; empty for the whole country.
    """

    country: str
    subdivision: str = ""

    @classmethod
    def parse(cls, text: str) -> HolidayCalendar:
        """Read ``BR`` or ``BR-SP``; raises UsageError where no such calendar is known."""
        country, _, subdivision = text.strip().upper().partition("-")
        calendar = cls(country, subdivision)
        calendar.names(range(2024, 2025))
        return calendar

    def names(self, years: range) -> dict[date, str]:
        """Return the holidays of `years` with their names."""
        import holidays  # noqa: PLC0415  half a second, and only with --holidays

        try:
            found = holidays.country_holidays(
                self.country, subdiv=self.subdivision or None, years=years
            )
        except NotImplementedError as error:
            asked = "-".join(filter(None, (self.country, self.subdivision)))
            raise UsageError(
                f"no holidays are known for {asked!r} (expected e.g. BR or BR-SP)"
            ) from error
        return dict(found.items())

    def mask(self, first: int, hours: int) -> NDArray[np.bool_]:
        """Say of each wall-clock hour (see `transform.Wall.first`) whether it is on a holiday."""
        if hours <= 0:
            return np.zeros(0, dtype=bool)
        days = (first + np.arange(hours)) // DAY + _MONDAY
        years = range(date.fromordinal(int(days[0])).year, date.fromordinal(int(days[-1])).year + 1)
        known = np.array([day.toordinal() for day in self.names(years)], dtype=np.int64)
        return np.asarray(np.isin(days, known))


@dataclass(frozen=True, slots=True)
class HolidayEffect:
    """How far a holiday lies from an ordinary day (0) towards a Sunday (1).

    Parameters
    ----------
    share
        The coefficient, by least squares over all holiday hours of the history.
    t
        The coefficient over its standard error, holidays (not hours) being independent.
    days
        Holidays in the history that are not Sundays.
    """

    share: float
    t: float
    days: int

    @property
    def shows(self) -> bool:
        """Whether the history shows holidays to be different."""
        return self.days > 0 and self.share > 0 and self.t >= _LEAST_T


def holiday_effect(y: Floats, first: int, mask: NDArray[np.bool_]) -> HolidayEffect:
    """Regress holidays' distance from ordinary days on Sundays' distance from them.

    Parameters
    ----------
    y
        Wall-clock hours.
    first
        Wall-clock hour of the first.
    mask
        Whether each hour is on a holiday, as long as `y`.
    """
    hours = first + np.arange(len(y))
    clean = np.where(mask, np.nan, y)
    use = np.flatnonzero(mask & ((hours // DAY) % 7 != 6) & np.isfinite(y)).tolist()
    rows = []
    for hour in use:
        ordinary = _near(clean, [hour + WEEK * k for k in (-2, -1, 1, 2)])
        sunday = int(hour) + DAY * (6 - int(hours[hour] // DAY) % 7)
        quiet = _near(clean, [sunday + WEEK * k for k in (-2, -1, 0, 1)])
        rows.append((hours[hour] // DAY, quiet - ordinary, y[hour] - ordinary))
    table = np.array([row for row in rows if np.isfinite(row).all()])
    if len(table) < _LEAST_HOURS:
        return HolidayEffect(0.0, 0.0, 0)
    day, x, z = table.T
    square = float(x @ x)
    if square == 0:
        return HolidayEffect(0.0, 0.0, 0)
    share = float(x @ z / square)
    days = np.unique(day)
    scores = np.array([float(x[day == d] @ (z[day == d] - share * x[day == d])) for d in days])
    # Cluster-robust by day (Liang and Zeger 1986); with few days never less than the plain error.
    plain = float(np.sum((z - share * x) ** 2)) / max(len(z) - 1, 1) * square
    error = np.sqrt(max(float(scores @ scores), plain)) / square
    return HolidayEffect(min(share, 1.2), share / max(float(error), 1e-12), len(days))


def _near(values: Floats, places: list[int]) -> float:
    there = [values[p] for p in places if 0 <= p < len(values) and np.isfinite(values[p])]
    return float(np.mean(there)) if there else float("nan")


def with_holidays(
    path: Floats, y: Floats, first: int, mask: NDArray[np.bool_], share: float
) -> Floats:
    """Move forecast holiday hours from the ordinary forecast towards the last Sundays.

    Parameters
    ----------
    path
        Forecast of the wall-clock hours after `y`.
    y, first
        History without holidays (gaps), and its first wall-clock hour.
    mask
        Whether each forecast hour is on a holiday.
    share
        From `HolidayEffect`.
    """
    out = path.copy()
    hours = first + len(y) + np.arange(len(path))
    for step in np.flatnonzero(mask & ((hours // DAY) % 7 != 6)):
        back = (int(hours[step] // DAY) + 1) % 7  # days since Sunday
        last = len(y) + int(step) - DAY * back
        while last >= len(y):
            last -= WEEK
        quiet = _near(y, [last, last - WEEK, last - 2 * WEEK])
        if np.isfinite(quiet):
            out[step] += share * (quiet - out[step])
    return out
