"""Holidays and days like them: which wall-clock hours they are, and what the history shows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

import numpy as np
from dateutil.easter import easter

from pacsflow.errors import UsageError
from pacsflow.forecasting.results import DAY, WEEK

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from pacsflow.forecasting.results import Floats

KINDS = ("holidays", "half-holidays", "bridges", "year-end")
"""Public holidays; days that are free for some (Carnival's Monday and Tuesday, and what a calendar
calls optional or half); working days alone between free ones; those from Christmas Eve to the
year's end, whatever else they are but public holidays."""
_MONDAY = date(1970, 1, 5).toordinal()
_CARNIVAL = (48, 47)
"""Days before Easter."""
_WORKING, _DECEMBER, _EVE = 5, 12, 24
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

    def names(self, years: range, categories: Sequence[str] = ("public",)) -> dict[date, str]:
        """Return the holidays of `years` with their names, of such `categories` as are kept."""
        import holidays  # noqa: PLC0415  half a second, and only with --holidays

        try:
            kept = holidays.country_holidays(self.country, subdiv=self.subdivision or None)
        except NotImplementedError as error:
            asked = "-".join(filter(None, (self.country, self.subdivision)))
            raise UsageError(
                f"no holidays are known for {asked!r} (expected e.g. BR or BR-SP)"
            ) from error
        known = tuple(one for one in categories if one in kept.supported_categories)
        if not known:
            return {}
        found = holidays.country_holidays(
            self.country, subdiv=self.subdivision or None, years=years, categories=known
        )
        return dict(found.items())

    def special_days(self, first: int, hours: int) -> dict[str, NDArray[np.bool_]]:
        """Return the hours of each kind of day that is no ordinary one (see `KINDS`).

        Parameters
        ----------
        first
            First wall-clock hour (see `transform.Wall.first`).
        hours
            How many.
        """
        days = (first + np.arange(hours)) // DAY + _MONDAY
        if not days.size:
            return {}
        begin, end = (date.fromordinal(int(day)) for day in (days[0] - 1, days[-1] + 1))
        kind_of = _kinds(self, range(begin.year, end.year + 1))
        found = np.array([kind_of.get(day, "") for day in range(int(days[0]), int(days[-1]) + 1)])
        kinds = found[days - days[0]]
        return {kind: kinds == kind for kind in KINDS if (kinds == kind).any()}


def _kinds(calendar: HolidayCalendar, years: range) -> dict[int, str]:
    """Return the kind of each special day of `years`, by its ordinal; weekends are none."""
    public = {day.toordinal() for day in calendar.names(years)}
    half = {day.toordinal() for day in calendar.names(years, ("optional", "half_day"))}
    free = public | half | {easter(year).toordinal() - n for year in years for n in _CARNIVAL}
    kind_of = dict.fromkeys(public, "holidays")
    for day in range(date(years[0], 1, 1).toordinal(), date(years[-1], 12, 31).toordinal() + 1):
        when = date.fromordinal(day)
        if day in public or when.weekday() >= _WORKING:
            continue
        around = [date.fromordinal(day + step) for step in (-1, 1)]
        if when.month == _DECEMBER and when.day >= _EVE:
            kind_of[day] = "year-end"
        elif day in free:
            kind_of[day] = "half-holidays"
        elif all(d.toordinal() in public | half or d.weekday() >= _WORKING for d in around):
            kind_of[day] = "bridges"
    return kind_of


@dataclass(frozen=True, slots=True)
class HolidayEffect:
    """How far a kind of day lies from an ordinary day (0) towards a Sunday (1).

    Parameters
    ----------
    kind
        Of `KINDS`.
    share
        The coefficient, by least squares over all hours of such days in the history.
    t
        The coefficient over its standard error, days (not hours) being independent.
    days
        Such days in the history that are not Sundays.
    """

    kind: str
    share: float
    t: float
    days: int

    @property
    def shows(self) -> bool:
        """Whether the history shows such days to be different."""
        return self.days > 0 and self.share > 0 and self.t >= _LEAST_T


def holiday_effects(
    y: Floats, first: int, special: Mapping[str, NDArray[np.bool_]]
) -> tuple[HolidayEffect, ...]:
    """Return what the history shows of each kind of day that is in it or ahead of it.

    Parameters
    ----------
    y
        Wall-clock hours.
    first
        Wall-clock hour of the first.
    special
        Hours of each kind, those of `y` and some more (see `HolidayCalendar.special_days`).
    """
    masks = {kind: mask[: len(y)] for kind, mask in special.items()}
    ordinary = np.where(np.any([*masks.values()], axis=0), np.nan, y) if masks else y
    return tuple(_effect(kind, y, first, mask, ordinary) for kind, mask in masks.items())


def _effect(
    kind: str, y: Floats, first: int, mask: NDArray[np.bool_], clean: Floats
) -> HolidayEffect:
    """Regress a kind's distance from ordinary days on Sundays' distance from them."""
    hours = first + np.arange(len(y))
    use = np.flatnonzero(mask & ((hours // DAY) % 7 != 6) & np.isfinite(y)).tolist()
    rows = []
    for hour in use:
        ordinary = _near(clean, [hour + WEEK * k for k in (-2, -1, 1, 2)])
        sunday = int(hour) + DAY * (6 - int(hours[hour] // DAY) % 7)
        quiet = _near(clean, [sunday + WEEK * k for k in (-2, -1, 0, 1)])
        rows.append((hours[hour] // DAY, quiet - ordinary, y[hour] - ordinary))
    table = np.array([row for row in rows if np.isfinite(row).all()])
    if len(table) < _LEAST_HOURS:
        return HolidayEffect(kind, 0.0, 0.0, 0)
    day, x, z = table.T
    square = float(x @ x)
    if square == 0:
        return HolidayEffect(kind, 0.0, 0.0, 0)
    share = float(x @ z / square)
    days = np.unique(day)
    scores = np.array([float(x[day == d] @ (z[day == d] - share * x[day == d])) for d in days])
    # Cluster-robust by day (Liang and Zeger 1986); with few days never less than the plain error.
    plain = float(np.sum((z - share * x) ** 2)) / max(len(z) - 1, 1) * square
    error = np.sqrt(max(float(scores @ scores), plain)) / square
    return HolidayEffect(kind, min(share, 1.2), share / max(float(error), 1e-12), len(days))


def _near(values: Floats, places: list[int]) -> float:
    there = [values[p] for p in places if 0 <= p < len(values) and np.isfinite(values[p])]
    return float(np.mean(there)) if there else float("nan")


def with_holidays(
    path: Floats, y: Floats, first: int, mask: NDArray[np.bool_], share: float
) -> Floats:
    """Move forecast hours of special days from the ordinary forecast towards the last Sundays.

    Parameters
    ----------
    path
        Forecast of the wall-clock hours after `y`.
    y, first
        History without such days (gaps), and its first wall-clock hour.
    mask
        Whether each forecast hour is on such a day.
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
