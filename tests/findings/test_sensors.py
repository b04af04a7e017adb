"""The rule of a sensor that stood still: what it says in full, and what is just below it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from findings.a_week import PACS, a_week, at, conn, shown
from pacsflow.findings.sensors import sensor_silent
from pacsflow.terms.party import Party
from pacsflow.week.facts import Gap
from pacsflow.week.sensors import Sensors, SensorView

if TYPE_CHECKING:
    from pacsflow.findings.finding import Finding

GAP = Gap(at(10), at(16), 6)
AROUND = [
    conn(9.5 - n / 10, f"B{n}", sensor="s") for n in range(7)
] + [conn(16 + n / 10, f"A{n}", sensor="s") for n in range(7)] + [
    conn(9.9, "other", sensor="t"), conn(12, "inside", sensor="s"), conn(9.8, "none"),
]  # fmt: skip


def view(name: str, *silences: Gap, unseen: tuple[Party, ...] = ()) -> SensorView:
    return SensorView(name, 1, None, 1, 1, 1, None, silences=silences, unseen=unseen)


def told(*views: SensorView, **known: Any) -> list[Finding]:
    facts = {"sensors": Sensors(views)}
    return sensor_silent(a_week(connections=AROUND, facts=facts, known=known))


def test_with_the_hosts_left_unseen_and_the_connections_around_it() -> None:
    hosts = tuple(Party(f"10.0.0.{n}", role="modality") for n in range(1, 9))
    found = told(view("s", GAP, unseen=hosts))
    assert shown(found, "sensor-silent", "data") == {
        "severity": "medium", "start": 10, "end": 16, "count": 1, "sensor": "s",
        "hours": 6 * 3600, "parties": [p.address for p in hosts[:5]],
        "rows": [*(f"B{n}" for n in range(5)), *(f"A{n}" for n in range(5))],
        "number": 8, "hosts": [p.address for p in hosts[:5]],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("roles", "severity"),
    [([], "low"), (["modality"], "medium"), (["modality", "pacs"], "high")],
)
def test_who_is_unseen_makes_it_grave(roles: list[str], severity: str) -> None:
    unseen = tuple(Party(PACS, role=role) for role in roles)
    (finding,) = told(view("s", GAP, unseen=unseen))
    assert finding.severity.value == severity
    assert ("number" in dict(finding.values)) is bool(roles)


def test_a_sensor_without_a_name_has_rows_without_one() -> None:
    (finding,) = told(view("", GAP))
    assert dict(finding.values)["sensor"].value == "unnamed"
    assert finding.rows == ("none",)


def test_every_silence_of_six_hours_is_told_and_no_shorter_one() -> None:
    short, long = Gap(at(1), at(6), 5), Gap(at(30), at(40), 10)
    found = told(view("a", short, GAP), view("b", long))
    assert [f.start for f in found] == [at(10), at(30)]
    assert not told(view("a", GAP), sensor_silent_hours=0)
    assert not sensor_silent(a_week(facts={"sensors": None}))
