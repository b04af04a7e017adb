"""The rule of incidents: hours that were far from what had been forecast before they happened."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pacsflow.findings.finding import Finding
from pacsflow.findings.queries import LARGEST, linked
from pacsflow.terms import message
from pacsflow.terms.severity import Severity

if TYPE_CHECKING:
    from pacsflow.findings.facts import Facts

RULE = {"more": "traffic-above", "less": "traffic-below"}
SILENT = "traffic-silent"


def traffic_unusual(facts: Facts) -> list[Finding]:
    """Return a finding for every silence, and for what is as seldom as `incident_deviations`.

    A silence of hours in which much was forecast is told however short the history is: weeks alone
    could show that it is rare.
    """
    least = facts.thresholds.incident_deviations
    return [
        Finding(
            rule=SILENT if incident.silent else RULE[incident.direction],
            severity=Severity.MEDIUM if incident.silent else Severity.LOW,
            area="traffic",
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
            values=message.values(
                seen_bytes=message.octets(incident.bytes_seen),
                expected_bytes=message.octets(incident.bytes_expected),
                who=message.hosts(incident.parties),
            ),
        )
        for incident in facts.incidents
        for who in [[party.address for party in incident.parties]]
        if least > 0 and (incident.silent or incident.unlikely >= least)
    ]
