"""What the rules may look at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pacsflow.findings.thresholds import Thresholds
    from pacsflow.inventory import Inventory
    from pacsflow.week.facts import Associations, Coverage, Equipment, Incident, Totals
    from pacsflow.week.hosts import Hosts
    from pacsflow.week.sensors import Sensors
    from pacsflow.week.traffic import Scope


@dataclass(frozen=True, slots=True)
class Facts:
    """One week's facts, computed; rules only look."""

    scope: Scope
    hosts: Hosts
    inventory: Inventory
    coverage: Coverage
    totals: Totals
    associations: Associations | None
    equipment: tuple[Equipment, ...]
    incidents: tuple[Incident, ...]
    thresholds: Thresholds
    clock_known: bool = True
    """Whether anybody said the site's zone: without it nothing is told of times of day."""
    sensors: Sensors | None = None
    """What each sensor saw, where any has a name."""
