"""Rules of operation: what each says in full, and what is just below it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from findings.a_week import (
    CT,
    MONTH,
    OTHER,
    PACS,
    VIEWER,
    Row,
    a_week,
    assoc,
    at,
    conn,
    counted,
    in_full,
    shown,
)
from pacsflow.findings import operations
from pacsflow.terms.party import Party
from pacsflow.week.facts import Gap

if TYPE_CHECKING:
    from collections.abc import Callable

    from pacsflow.findings.facts import Facts
    from pacsflow.findings.finding import Finding


def device(address: str, state: str, role: str = "modality", **more: Any) -> SimpleNamespace:
    party = Party(address, role=role, basis=more.pop("basis", ""))
    seen = {"first_seen": at(3), "last_seen": at(-30), "connections": 7, "peers": 2}
    return SimpleNamespace(party=party, state=state, **seen | more)


def with_devices(*devices: SimpleNamespace, **more: Any) -> Facts:
    return a_week(facts={"equipment": devices}, **more)


CONNECTIONS = [
    conn(-30, "LAST"), conn(-31, "BEFORE"), conn(-MONTH - 1, "OLD"), conn(3, "NOW"),
    conn(-29, "OTHER", VIEWER, OTHER), conn(170, "AFTER"),
]  # fmt: skip


def test_silent_equipment_with_its_last_connections() -> None:
    devices = [
        device(PACS, "silent", "pacs"), device(CT, "silent"), device(VIEWER, "silent", "printer"),
        device(OTHER, "active", "pacs"),
    ]  # fmt: skip
    facts = with_devices(*devices, connections=CONNECTIONS)
    assert shown(operations.pacs_silent(facts), "pacs-silent", "pacs") == {
        "severity": "critical", "start": -30, "end": None, "parties": [PACS], "host": PACS,
        "count": 1, "last": -30, "rows": ["LAST", "BEFORE"],
    }  # fmt: skip
    ct, viewer = operations.device_silent(facts)
    assert in_full(ct) == {
        "severity": "medium", "start": -30, "end": None, "parties": [CT], "host": CT,
        "count": 1, "last": -30, "rows": ["LAST", "BEFORE"],
    }  # fmt: skip
    assert (ct.rule, ct.area, viewer.area) == ("device-silent", "modalities", "modalities")
    assert (viewer.severity.value, viewer.rows) == ("low", ("OTHER",))
    for rule in (operations.pacs_silent, operations.device_silent):
        assert not rule(with_devices(*devices, known={"silent_days": 0}))
        assert not rule(with_devices(device(PACS, "new", "pacs"), device(CT, "active")))


def test_new_equipment_with_its_first_connections() -> None:
    facts = with_devices(device(CT, "new"), device(PACS, "active"), connections=CONNECTIONS)
    assert shown(operations.device_new(facts), "device-new", "security") == {
        "severity": "medium", "start": 3, "end": None, "parties": [CT], "host": CT, "first": 3,
        "count": 1, "connections": 7, "peers": 2, "rows": ["NOW"],
    }  # fmt: skip
    known = with_devices(device(CT, "new", basis="inventory"))
    assert operations.device_new(known)[0].severity.value == "low"
    assert not operations.device_new(with_devices(device(CT, "new"), known={"learning_days": 0}))


SHARES: dict[str, tuple[Callable[[Facts], list[Finding]], Row, dict[str, Any], str]] = {
    "rejects-high": (
        operations.rejects_high, {"result": "rejected"},
        {"results": {"accepted": 9, "rejected": 1}}, "reject_percent",
    ),
    "aborts-high": (
        operations.aborts_high, {"end": "aborted"}, {"ends": {"released": 9, "aborted": 1}},
        "abort_percent",
    ),
    "failures-high": (operations.failures_high, {"rsp_failure": 2}, {}, "failure_percent"),
}  # fmt: skip


@pytest.mark.parametrize("rule", SHARES)
class TestShares:
    def facts(self, rule: str, bad: int, total: int, **more: Any) -> Facts:
        _, row, kinds, _ = SHARES[rule]
        kinds = {kind: {label: bad if n else 99 for n, label in enumerate(labels)}
                 for kind, labels in kinds.items()}  # fmt: skip
        rows = [assoc(1 + n, **row) for n in range(bad)]
        rows += [assoc(99, rsp_failure=0), assoc(-1, **row), assoc(-2, rsp_failure=1)]
        return a_week(associations=rows, facts={"associations": counted(total, **kinds)}, **more)

    def test_a_share_from_its_threshold_on(self, rule: str) -> None:
        function, _, _, threshold = SHARES[rule]
        found = function(self.facts(rule, 12, 100, known={threshold: 12.0}))
        assert shown(found, rule, "associations") == {
            "severity": "medium", "start": None, "end": None, "parties": [], "count": 12,
            "total": 100, "percent": 12.0, "limit": 12.0,
            "rows": [f"C{n}" for n in range(12, 2, -1)],
        }  # fmt: skip
        assert not function(self.facts(rule, 11, 100, known={threshold: 12.0}))
        assert not function(self.facts(rule, 12, 100, known={threshold: 0}))

    def test_four_times_as_much_is_grave(self, rule: str) -> None:
        function, *_ = SHARES[rule]
        for bad, severity in ((20, "high"), (19, "medium")):
            (found,) = function(self.facts(rule, bad, 100))
            assert found.severity.value == severity

    def test_of_few_nothing_is_told(self, rule: str) -> None:
        function, *_ = SHARES[rule]
        assert function(self.facts(rule, 5, 20))
        assert not function(self.facts(rule, 5, 19))
        assert function(self.facts(rule, 5, 19, known={"least_associations": 19}))
        assert not function(a_week(associations=[assoc(1, **SHARES[rule][1])]))


class TestRising:
    def told(
        self, now: int, total: int, before: int, previous: int | None, **more: Any
    ) -> list[Finding]:
        rows = [assoc(1 + n / 10, result="rejected") for n in range(now)]
        rows += [assoc(-1 - n / 100, f"B{n}", result="rejected") for n in range(before)]
        rows += [assoc(-170, result="rejected"), assoc(-3, "OK"), assoc(3, "FINE")]
        found = counted(total, previous, results={"rejected": now})
        return operations.rejects_rising(
            a_week(associations=rows, facts={"associations": found}, **more)
        )

    def test_a_share_that_rose_beyond_chance(self) -> None:
        assert shown(self.told(20, 100, 5, 100), "rejects-rising", "associations") == {
            "severity": "medium", "start": None, "end": None, "parties": [], "count": 20,
            "total": 100, "percent": 20.0, "before_percent": 5.0, "before_count": 5,
            "before_total": 100, "rows": [f"C{1 + n / 10:g}" for n in range(19, 9, -1)],
        }  # fmt: skip

    def test_is_quiet_below(self) -> None:
        assert self.told(60, 300, 30, 300), "twice, and 3.4 standard errors"
        assert not self.told(60, 300, 31, 300)
        assert not self.told(17, 100, 4, 100), "2.999 standard errors"
        assert self.told(18, 100, 4, 100), "3.2 standard errors"
        assert not self.told(17, 100, 5, 100), "2.7 of them"
        assert not self.told(9, 20, 0, 100)
        assert self.told(10, 20, 0, 100)
        assert not self.told(10, 19, 0, 100)
        assert not self.told(10, 20, 0, 19)
        assert self.told(10, 20, 0, 20)
        assert not self.told(10, 20, 0, None)
        assert not self.told(10, 20, 0, 0)
        assert not self.told(0, 20, 0, 20, known={"reject_rise_count": 0})
        assert self.told(9, 20, 0, 100, known={"reject_rise_count": 9})
        assert not self.told(10, 20, 0, 100, known={"reject_rise_factor": 0})
        assert not operations.rejects_rising(a_week())


def test_bytes_that_zeek_missed() -> None:
    connections = [
        conn(5, "SOME", missed_bytes=3), conn(6, "NONE"), conn(7, "MOST", missed_bytes=9),
        conn(-1, "OLD", missed_bytes=99), conn(168, "NEXT", missed_bytes=99),
    ]  # fmt: skip
    found = operations.loss_high(a_week(missed=1, totals=99, connections=connections))
    assert shown(found, "loss-high", "data") == {
        "severity": "medium", "start": None, "end": None, "parties": [], "count": 1,
        "percent": 1.0, "missed": 1, "rows": ["MOST", "SOME"],
    }  # fmt: skip
    assert not operations.loss_high(a_week(missed=1, totals=100))
    assert not operations.loss_high(a_week())
    assert not operations.loss_high(a_week(missed=1, totals=0, known={"missed_percent": 0}))
    assert operations.loss_high(a_week(missed=1, totals=0))


def test_a_gap_with_the_rows_on_either_side() -> None:
    connections = [conn(9, "BEFORE"), conn(8, "EARLIER"), conn(22, "AFTER"), conn(23, "LATER"),
                   conn(-1, "OLD"), conn(168, "NEXT"), conn(15, "INSIDE")]  # fmt: skip
    facts = a_week(gaps=(Gap(at(10), at(21), 11),), connections=connections)
    assert shown(operations.sensor_gap(facts), "sensor-gap", "data") == {
        "severity": "low", "start": 10, "end": 21, "parties": [], "count": 1,
        "hours": 11 * 3600, "rows": ["BEFORE", "AFTER"],
    }  # fmt: skip
    for hours, least, severity in (
        (12, 1, "medium"), (1, 1, "low"), (1, 2, ""), (9, 0, ""), (2, 2, "low"),
    ):  # fmt: skip
        gap = Gap(at(10), at(10 + hours), hours)
        found = operations.sensor_gap(a_week(gaps=(gap,), known={"gap_hours": least}))
        assert "".join(f.severity.value for f in found) == severity
