"""Contract 4: `WeeklyReport`, everything that a week's page shows, computed and finished.

Units: bytes are octets, times are UTC, durations are seconds. `None` is "not known", never zero.
The report's package renders these values and computes nothing.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from html import escape
from typing import TYPE_CHECKING

from pacsflow.terms.severity import Severity

if TYPE_CHECKING:
    from datetime import date, datetime

    from pacsflow.findings.finding import Finding
    from pacsflow.week.facts import (
        Associations,
        CapacityNote,
        Coverage,
        Curve,
        Equipment,
        FlowMap,
        HeatMap,
        Incident,
        ModalityFlow,
        PacsFlow,
        PairRanking,
        Ranking,
        Software,
        Totals,
    )
    from pacsflow.week.sensors import SensorView
    from pacsflow.week.speed import Speed


SCHEMA_VERSION = 1


class Status(StrEnum):
    """State of an area: good, look, act, or not known for want of data."""

    GOOD = "good"
    LOOK = "look"
    ACT = "act"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class AreaStatus:
    """One light of the first screen."""

    area: str
    """traffic, pacs, modalities, associations, security, data."""
    status: Status
    reason: str
    """no-data, no-dicom-log, none-captured, none-sampled, no-imaging, no-pacs, files-not-read,
    rows-unreadable, hours-missing, sensor-stood-still, unseen-for-hours, nothing-unusual,
    nothing-unusual-seen (of a week with hours that are not known), or finding."""
    findings: int = 0
    """Findings of the area."""
    finding: int | None = None
    """The place of the gravest in the report's findings, where it is the reason."""


@dataclass(frozen=True, slots=True)
class Provenance:
    """How the page came to be, so that somebody can make it again."""

    pacsflow_version: str
    created: datetime
    command: str
    options: tuple[tuple[str, str], ...]
    versions: tuple[tuple[str, str], ...]
    simulated: bool
    pseudonymised: bool


@dataclass(frozen=True, slots=True, repr=False)
class WeeklyReport:
    """One finished week.

    The week runs from `start` (inclusive) to `end` (exclusive), both UTC; `week` is the ISO week in
    the site's `zone`. Hours are UTC on the wire and shown in `zone`.
    """

    title: str
    site: str
    zone: str
    week: str
    first_day: date
    last_day: date
    start: datetime
    end: datetime
    coverage: Coverage
    totals: Totals
    traffic: Curve
    communications: Curve
    imaging: Curve
    pacs: tuple[PacsFlow, ...]
    modalities: tuple[ModalityFlow, ...]
    senders: Ranking
    receivers: Ranking
    imaging_senders: Ranking
    imaging_receivers: Ranking
    pairs: PairRanking
    flow_map: FlowMap
    heat_map: HeatMap
    associations: Associations | None
    equipment: tuple[Equipment, ...]
    software: tuple[Software, ...]
    findings: tuple[Finding, ...]
    incidents: tuple[Incident, ...]
    status: tuple[AreaStatus, ...]
    capacity: tuple[CapacityNote, ...]
    provenance: Provenance
    speed: Speed | None = None
    sensors: tuple[SensorView, ...] = ()
    """Where any has a name."""
    other_pacs: int = 0
    """How many there are besides those in the list, as of the next one."""
    other_modalities: int = 0
    schema_version: int = field(default=SCHEMA_VERSION)

    @property
    def hours_covered(self) -> int:
        """The hours of the week that have data; of several sensors those of the one with fewest.

        What one sensor saw while another stood still covers nothing that the other alone sees.
        """
        return min((view.hours for view in self.sensors), default=self.coverage.hours_with_data)

    def _facts(self) -> list[tuple[str, str]]:
        """Return what tells one report from another, at a glance."""
        counts = Counter(finding.severity.value for finding in self.findings)
        found = ", ".join(f"{counts[s.value]} {s.value}" for s in Severity if counts[s.value])
        hours = f"{self.hours_covered} of {self.coverage.hours_expected}"
        return [
            ("week", self.week),
            ("site", self.site or "not named"),
            ("zone", self.zone),
            ("hours with data", hours),
            ("imaging bytes", f"{self.totals.imaging_bytes.value:,.0f}"),
            ("findings", found or "none"),
            ("simulated", "yes" if self.provenance.simulated else "no"),
        ]

    def __repr__(self) -> str:
        return f"WeeklyReport({', '.join(f'{name}: {text}' for name, text in self._facts())})"

    def _repr_html_(self) -> str:
        rows = (f"<tr><th>{name}</th><td>{escape(text)}</td></tr>" for name, text in self._facts())
        return f"<table>{''.join(rows)}</table>"
