"""What a user can choose of a report."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pacsflow.findings.thresholds import Thresholds
from pacsflow.ledger.selection import Selection
from pacsflow.site import SaidBy

if TYPE_CHECKING:
    from pacsflow.terms.networks import Network


@dataclass(frozen=True, slots=True)
class Options:
    """What a user can choose of a report.

    `week` is ``2026-W10``, one of its days, or empty for the latest that has data; `origin` is
    zeek, capture or sflow, or empty for the one that covers most hours; an empty `title` is the
    usual one, in the page's language; `holidays` is a country or a country's state, ``BR-SP``;
    `local_networks` are the site's own beside private address space.
    """

    week: str = ""
    zone: str = "UTC"
    zone_said_by: SaidBy = SaidBy.OPTION
    title: str = ""
    site: str = ""
    origin: str = ""
    forecasts: bool = True
    thresholds: Thresholds = field(default_factory=Thresholds)
    command: str = ""
    top: int = 10
    holidays: str = ""
    local_networks: tuple[Network, ...] = ()
    selection: Selection = field(default_factory=Selection)
    """Which rows count; a report's period is its week, and the weeks before it."""
