"""When links fill: forecasts beside the capacities that the inventory names, and growth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pacsflow.forecasting import capacity_outlook
from pacsflow.week.facts import CapacityNote

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pacsflow.inventory import Inventory
    from pacsflow.terms.party import Party
    from pacsflow.week.curves import Made

AN_HOUR = 125_000 * 3600
"""Bytes that a megabit a second carries in an hour."""
DEVICES = 12
"""So many links of equipment other than PACS are forecast, those with most bytes."""


@dataclass(frozen=True, slots=True)
class Link:
    """One way of a host's link; `capacity` in bytes an hour, 0 where it is not known."""

    name: str
    way: str
    """in, out, or empty for all traffic."""
    made: Made
    capacity: float = 0.0


def capacity_of(party: Party, inventory: Inventory) -> float:
    """Return what a host's link carries in an hour, bytes; 0 where the inventory does not say."""
    item = inventory.find(party.address, party.ae_titles)
    return item.capacity * AN_HOUR if item else 0.0


def notes(imaging: Made, links: Iterable[Link], *, limit: int = 30) -> tuple[CapacityNote, ...]:
    """Return the growth of imaging traffic, then every link with its capacity, the fullest first.

    Parameters
    ----------
    imaging
        All imaging traffic.
    links
        Each way of each link.
    limit
        So many links at most.
    """
    found = [note for link in links if link.capacity and (note := _note(link))]
    found.sort(key=lambda n: -n.peak_bytes_per_hour / (n.capacity_bytes_per_hour or 1))
    whole = _note(Link(imaging.curve.title, "", imaging))
    return (*([whole] if whole and whole.growth_percent_month is not None else []), *found[:limit])


def _note(link: Link) -> CapacityNote | None:
    if link.made.coming is None:
        return None
    found = capacity_outlook(link.made.series, link.made.coming, link.capacity or None)
    return CapacityNote(
        name=link.name,
        way=link.way,
        capacity_bytes_per_hour=link.capacity or None,
        peak_bytes_per_hour=found.peak,
        reached=found.reached,
        growth_percent_month=found.growth_percent_month,
        growth_lower=found.growth_lower,
        growth_upper=found.growth_upper,
        months_soon=found.months_soon,
        months_late=found.months_late,
    )
