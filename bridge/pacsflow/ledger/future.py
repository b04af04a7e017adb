"""Says which hours have not come: a row of them would choose the week, and stretch a series.

Readers refuse what lies more than a year ahead. What is nearer is kept, and a finding tells it.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

AHEAD = timedelta(days=2)
"""So far may a sensor's clock, or this machine's, be wrong."""
MADE = datetime(2026, 11, 1, tzinfo=UTC)
"""A machine whose clock stands before this was written does not know what is to come."""


def come(hours: Iterable[datetime]) -> set[datetime]:
    """Return the hours that have come; all where none has: then this machine's clock is wrong."""
    every, now = set(hours), datetime.now(UTC)
    there = {hour for hour in every if hour <= now + AHEAD}
    return every if now < MADE or not there else there
