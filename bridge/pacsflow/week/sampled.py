"""What a week's page says of samples: losses, counters, and hours in which there are too few."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pacsflow.agents import read_sampling
from pacsflow.ledger.series import estimates

if TYPE_CHECKING:
    from pacsflow.week.traffic import Slice

GROUPED = re.compile(r"(?<=\d),(?=\d{3}\b)")


def notes(part: Slice) -> list[str]:
    """Return a sentence for each thing that a reader of the week's estimates has to know."""
    if part.origin != "sflow":
        return []
    week = part.week
    found = estimates(part.connection, "bytes", origin=part.origin)
    hours = [total for hour, total in found.items() if week.start <= hour < week.end]
    few = sum(total.few for total in hours)
    told = read_sampling(part.connection, week.start, week.end).notes()
    # The page groups digits as its language does.
    told = [GROUPED.sub("", note) for note in told]
    if few:
        told.insert(
            0,
            f"In {few} of {len(hours)} hours with data there are too few samples: the 95 % "
            "interval of their bytes reaches further than 50 %.",
        )
    return told
