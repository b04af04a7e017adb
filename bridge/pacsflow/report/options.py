"""What a user can choose of a report."""

from __future__ import annotations

from dataclasses import dataclass, field

from pacsflow.findings.thresholds import Thresholds


@dataclass(frozen=True, slots=True)
class Options:
    """What a user can choose of a report.

    `week` is ``2026-W10``, one of its days, or empty for the latest that has data; `origin` is
    zeek, capture or sflow, or empty for the one that covers most hours; an empty `title` is the
    usual one, in the page's language.
    """

    week: str = ""
    zone: str = "UTC"
    title: str = ""
    site: str = ""
    origin: str = ""
    forecasts: bool = True
    thresholds: Thresholds = field(default_factory=Thresholds)
    command: str = ""
    top: int = 10
