"""What a week's page says of samples: losses, counters, and hours in which there are too few."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pacsflow.agents import read_sampling
from pacsflow.ledger.series import estimates
from pacsflow.terms import message
from pacsflow.terms.counted import is_sampled

if TYPE_CHECKING:
    from pacsflow.terms.message import Message
    from pacsflow.week.traffic import Scope


def notes(scope: Scope) -> list[Message]:
    """Return a message for each thing that a reader of the week's estimates has to know."""
    if not is_sampled(scope.origin):
        return []
    week = scope.week
    found = estimates(scope.connection, "bytes", origin=scope.origin)
    hours = [total for hour, total in found.items() if week.start <= hour < week.end]
    few = sum(total.few for total in hours)
    told = read_sampling(scope.connection, week.start, week.end).notes()
    if few:
        hours_seen = message.count(len(hours))
        told.insert(0, message.message("few-samples", few=message.count(few), hours=hours_seen))
    return told
