"""The rule of incidents: hours that were far from what had been forecast before they happened."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pacsflow.findings.looking import LARGEST, label, linked
from pacsflow.weekly import Finding, Severity

if TYPE_CHECKING:
    from pacsflow.findings.facts import Facts

RULE = {"more": "traffic-above", "less": "traffic-below"}
ACTION = {
    "more": "Ask those who moved most what they did in these hours; a migration, a backup or a "
    "full worklist explain most of it.",
    "less": "Ask whether equipment stood still in these hours, and look at the PACS's own log and "
    "at the switches between.",
}
WORD = {"more": "far above", "less": "far below"}


def traffic_unusual(facts: Facts) -> list[Finding]:
    """Return a finding for every incident at least `incident_deviations` from its forecast."""
    return [
        Finding(
            id=RULE[incident.direction],
            severity=Severity.LOW,
            area="traffic",
            title=f"Imaging traffic was {WORD[incident.direction]} what was forecast",
            evidence=(
                f"{incident.bytes_seen:.0f} bytes seen, {incident.bytes_expected:.0f} expected",
                f"Moved most: {', '.join(map(label, incident.parties)) or '-'}",
            ),
            action=ACTION[incident.direction],
            start=incident.start,
            end=incident.end,
            parties=incident.parties,
            rows=linked(
                facts,
                incident.start,
                incident.end,
                "list_contains(?, source) OR list_contains(?, destination)" if who else "TRUE",
                [who, who] if who else (),
                order=LARGEST,
            ),
            source=RULE[incident.direction],
            params=(
                ("seen_bytes", f"{incident.bytes_seen:.0f}"),
                ("expected_bytes", f"{incident.bytes_expected:.0f}"),
                ("who", ", ".join(map(label, incident.parties)) or "-"),
            ),
        )
        for incident in facts.incidents
        for who in [[party.address for party in incident.parties]]
        if 0 < facts.thresholds.incident_deviations <= incident.unlikely
    ]
