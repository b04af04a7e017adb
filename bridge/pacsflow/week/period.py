"""Which week a report is about: an ISO week of the site's zone, Monday to Sunday."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pacsflow.errors import UsageError
from pacsflow.series import whole_hour

if TYPE_CHECKING:
    from collections.abc import Iterable

ENOUGH = 0.5
"""A week counts as reportable by default when at least this share of its hours has data."""


@dataclass(frozen=True, slots=True)
class Week:
    """One ISO week in a zone: the hours (UTC) that begin in it, 167 to 169."""

    monday: date
    zone: ZoneInfo

    @property
    def name(self) -> str:
        """Return the ISO name, such as ``2026-W10``."""
        year, week, _ = self.monday.isocalendar()
        return f"{year}-W{week:02d}"

    @property
    def start(self) -> datetime:
        """Return the first hour, UTC, that begins on Monday in the zone."""
        return whole_hour(datetime.combine(self.monday, time(), self.zone))

    @property
    def end(self) -> datetime:
        """Return the first hour of the week after it, UTC."""
        return self.shifted(1).start

    def shifted(self, weeks: int) -> Week:
        """Return the week so many weeks later."""
        return Week(self.monday + timedelta(weeks=weeks), self.zone)


def zone_of(name: str) -> ZoneInfo:
    """Return a time zone by its IANA name; `UsageError` where there is none of that name."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise UsageError(
            f"no time zone is called {name!r}; use an IANA name such as America/Sao_Paulo"
        ) from None


def week_of(moment: datetime, zone: ZoneInfo) -> Week:
    """Return the week that a moment falls in."""
    day = moment.astimezone(zone).date()
    return Week(day - timedelta(days=day.weekday()), zone)


def parse_week(text: str, zone: ZoneInfo) -> Week:
    """Return the week named by ``2026-W10`` or by any of its days, ``2026-03-04``."""
    found = re.fullmatch(r"(\d{4})-?W(\d{1,2})", text.strip(), re.IGNORECASE)
    try:
        if found:
            return Week(date.fromisocalendar(int(found[1]), int(found[2]), 1), zone)
        day = date.fromisoformat(text.strip())
    except ValueError:
        raise UsageError(
            f"{text!r} is no week; expected such as 2026-W10 or one of its days, 2026-03-04"
        ) from None
    return Week(day - timedelta(days=day.weekday()), zone)


def latest_week(hours: Iterable[datetime], zone: ZoneInfo) -> Week | None:
    """Return the latest week of which at least half has data; failing that the fullest latest one.

    Parameters
    ----------
    hours
        Hours with data, UTC.
    """
    counts: dict[date, int] = {}
    for hour in hours:
        monday = week_of(hour, zone).monday
        counts[monday] = counts.get(monday, 0) + 1
    if not counts:
        return None
    full = [monday for monday, count in counts.items() if count >= ENOUGH * 168]
    return Week(max(full) if full else max(counts), zone)
