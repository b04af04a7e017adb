"""What somebody should know of a week: one small function a rule, all listed in `RULES`.

A rule takes `Facts` and returns findings; it has an id, an area, thresholds in `Thresholds` and a
line in docs/findings.md. Rules that a Zeek notice covers stay silent where that notice was raised.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pacsflow.findings import notices, operations
from pacsflow.findings.facts import Facts, Thresholds

if TYPE_CHECKING:
    from collections.abc import Callable

    from pacsflow.weekly import Finding

__all__ = ["RULES", "Facts", "Thresholds", "findings"]

RULES: tuple[Callable[[Facts], list[Finding]], ...] = (
    operations.pacs_silent,
    operations.device_silent,
    operations.device_new,
    operations.rejects_high,
    operations.aborts_high,
    operations.failures_high,
    operations.loss_high,
    operations.sensor_gap,
    operations.outside,
    notices.from_zeek,
)


def findings(facts: Facts) -> tuple[Finding, ...]:
    """Return every rule's findings, the most severe first."""
    found = [finding for rule in RULES for finding in rule(facts)]
    found.sort(key=lambda f: (-f.severity.rank, f.area, f.id, f.title))
    return tuple(found)
