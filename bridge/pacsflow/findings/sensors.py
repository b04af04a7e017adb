"""Rules of sensors: one that stood still while others went on, and whom it alone sees."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pacsflow.findings.finding import Finding
from pacsflow.findings.queries import uids
from pacsflow.terms import message
from pacsflow.terms.severity import Severity

if TYPE_CHECKING:
    from pacsflow.findings.facts import Facts
    from pacsflow.week.facts import Gap
    from pacsflow.week.sensors import SensorView


def sensor_silent(facts: Facts) -> list[Finding]:
    """Return one finding for every silence of one sensor of several, with the hosts left unseen."""
    least = facts.thresholds.sensor_silent_hours
    views = facts.sensors.views if facts.sensors else ()
    return [
        _silence(facts, view, gap)
        for view in views
        for gap in view.silences
        if 0 < least <= gap.hours
    ]


def _silence(facts: Facts, view: SensorView, gap: Gap) -> Finding:
    values = message.values(
        sensor=message.text(view.name) if view.name else message.code("unnamed"),
        hours=message.seconds(3600 * gap.hours),
        start=message.at(gap.start),
        end=message.at(gap.end),
    )
    if view.unseen:
        values += message.values(
            number=message.count(len(view.unseen)), hosts=message.hosts(view.unseen)
        )
    pacs = any(party.role == "pacs" for party in view.unseen)
    return Finding(
        rule="sensor-silent",
        severity=Severity.HIGH if pacs else Severity.MEDIUM if view.unseen else Severity.LOW,
        area="data",
        start=gap.start,
        end=gap.end,
        parties=view.unseen[: message.NAMED],
        rows=_around(facts, view.name, gap),
        values=values,
    )


def _around(facts: Facts, sensor: str, gap: Gap) -> tuple[str, ...]:
    """Return the sensor's last connections before a silence, and the first after it."""
    mine = "SELECT uid FROM connections WHERE coalesce(sensor, '') = ? AND uid IS NOT NULL"
    asked = facts.scope.connection.execute(
        f"(({mine} AND ts < ? ORDER BY ts DESC, uid LIMIT 5) UNION ALL"
        f" ({mine} AND ts >= ? ORDER BY ts, uid LIMIT 5))",
        [sensor, gap.start, sensor, gap.end],
    )
    return uids(row[0] for row in asked.fetchall())
