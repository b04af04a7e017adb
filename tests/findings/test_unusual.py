"""The rule of incidents: what it says in full, and what is just below it."""

from __future__ import annotations

from typing import Any

import pytest

from findings.a_week import CT, OTHER, PACS, VIEWER, a_week, at, conn, shown
from pacsflow.findings.unusual import traffic_unusual
from pacsflow.terms.party import Party
from pacsflow.week.facts import Incident

CONNECTIONS = [
    conn(9, "SMALL", bytes=1), conn(10.9, "LARGE", bytes=5), conn(11, "AFTER", bytes=9),
    conn(8.9, "BEFORE", bytes=9), conn(10, "OTHER", VIEWER, OTHER, bytes=7),
]  # fmt: skip


def told(direction: str, deviations: float, *who: str, silent: bool = False, **more: Any) -> Any:
    parties = tuple(map(Party, who))
    made = Incident(
        "imaging", at(9), at(11), direction, 9e9, 1e9, deviations, parties, silent=silent
    )
    return traffic_unusual(a_week(connections=CONNECTIONS, facts={"incidents": (made,)}, **more))


@pytest.mark.parametrize(
    ("direction", "rule"), [("more", "traffic-above"), ("less", "traffic-below")]
)
def test_hours_far_from_their_forecast(direction: str, rule: str) -> None:
    assert shown(told(direction, 4.0, CT), rule, "traffic") == {
        "severity": "low", "start": 9, "end": 11, "parties": [CT], "who": [CT], "count": 1,
        "seen_bytes": 9e9, "expected_bytes": 1e9, "rows": ["LARGE", "SMALL"],
    }  # fmt: skip
    assert shown(told(direction, 4.0, PACS), rule, "traffic")["rows"] == ["LARGE", "SMALL"]
    assert shown(told(direction, 4.0), rule, "traffic")["rows"] == ["OTHER", "LARGE", "SMALL"]
    assert not told(direction, 3.99)
    assert told(direction, 3.99, known={"incident_deviations": 3.99})
    assert not told(direction, 99, known={"incident_deviations": 0})


def test_a_silence_is_told_however_short_the_history() -> None:
    (found,) = told("less", 0.1, silent=True)
    assert (found.rule, found.severity.value) == ("traffic-silent", "medium")
    assert not told("less", 0.1, silent=True, known={"incident_deviations": 0})
