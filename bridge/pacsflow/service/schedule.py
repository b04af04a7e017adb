"""When something is due, on the site's clock; what was missed is due until it is done."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from pacsflow.configuration.kinds import DAYS

if TYPE_CHECKING:
    from datetime import time
    from zoneinfo import ZoneInfo

AHEAD = timedelta(hours=1)
"""Something that was done further in the future than this was done under a wrong clock."""


def latest(now: datetime, at: time, zone: ZoneInfo, day: str = "") -> datetime:
    """Return the latest moment (UTC), not after `now`, of this time of day (on this weekday)."""
    today = now.astimezone(zone).date()
    back = (today.weekday() - DAYS.index(day)) % 7 if day else 0
    step = timedelta(days=7 if day else 1)
    date = today - timedelta(days=back)
    moment = datetime.combine(date, at, zone).astimezone(UTC)
    return moment if moment <= now else datetime.combine(date - step, at, zone).astimezone(UTC)


def is_due(done: datetime | None, moment: datetime, now: datetime) -> bool:
    """Say whether what has to be done at `moment` has not been done since."""
    return done is None or done < moment or done > now + AHEAD
