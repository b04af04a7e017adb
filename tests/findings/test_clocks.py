"""Rules of time: what each says in full, and what is just below it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from findings.a_week import CT, PACS, Row, a_week, assoc, conn, hour, shown
from pacsflow.findings import clocks
from pacsflow.ledger.vantage import Offset
from pacsflow.week.sensors import Sensors, SensorView

if TYPE_CHECKING:
    from pacsflow.findings.finding import Finding


def soon(hours: float) -> datetime:
    now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    return now + timedelta(hours=hours)


class TestFuture:
    def told(self, **tables: Any) -> list[Finding]:
        return clocks.future_rows(a_week(**tables))

    def test_rows_of_a_time_that_has_not_come(self) -> None:
        rows = [{"hour": soon(h), "origin": "zeek", "rows": 7} for h in (-1, 1, 3, 4)]
        seen = [{"ts": soon(h), "host": CT, "evidence_uid": f"E{h}"} for h in (-1, 2, 5)]
        connections = [{"ts": soon(h), "uid": f"K{h}", "source": CT, "destination": PACS}
                       for h in (0, 3)]  # fmt: skip
        associations = [assoc(1, "A") | {"ts": soon(4)}, assoc(1) | {"ts": soon(4), "uid": None}]
        (found,) = self.told(coverage=rows, endpoints=seen, connections=connections,
                             associations=associations)  # fmt: skip
        values = dict(found.values)
        assert (found.rule, found.area, found.severity.value) == ("future-rows", "data", "medium")
        assert (found.count, values["number"].value) == (16, 16)
        assert values["last"].value == soon(5)
        assert found.rows == ("E5", "A", "K3", "E2")

    def test_is_quiet_below(self) -> None:
        assert not self.told()
        assert not self.told(coverage=[{"hour": soon(0), "origin": "zeek", "rows": 7}])
        row = [{"hour": soon(3), "origin": "zeek", "rows": 7}]
        assert self.told(coverage=row)
        assert not self.told(coverage=row, known={"ahead_hours": 0})
        assert not self.told(coverage=row, known={"ahead_hours": 4})
        assert not self.told(coverage=row, known={"ahead_hours": 1e300}), "no calendar has that"


class TestSkew:
    def seen(self, late: list[float], **more: Any) -> list[Row]:
        return [
            assoc(
                i + 1 + seconds / 3600, f"{sensor}{i}", community_id=f"1:{i}", data_pdus=i, **more
            )
            for i, by in enumerate(late)
            for sensor, seconds in (("A", 0.0), ("B", by))
        ]

    def told(self, rows: list[Row], **more: Any) -> list[Finding]:
        return clocks.clock_skew(a_week(associations=rows, **more))

    def test_two_sensors_that_do_not_agree(self) -> None:
        found = shown(self.told(self.seen([4.9, 5, 5, 5.1, 6])), "clock-skew", "data")
        assert found.pop("skew_seconds") == pytest.approx(5, abs=1e-5)
        assert found == {
            "severity": "medium", "start": None, "end": None, "parties": [], "count": 5,
            "rows": ["A0", "A1", "A2", "A3", "A4"],
        }  # fmt: skip

    def test_is_quiet_below(self) -> None:
        late = [6.0] * 5
        assert self.told(self.seen(late))
        assert not self.told(self.seen(late[:4]))
        assert not self.told(self.seen([4.9] * 5))
        assert not self.told(self.seen(late), known={"skew_seconds": 0})
        assert not self.told(self.seen(late), known={"skew_seconds": 6.1})
        assert self.told(self.seen([6, 6, 6, 11, 11])), "their quartiles lie 5 s apart"
        assert not self.told(self.seen([6, 6, 6, 12, 12]))
        rows = self.seen(late)
        assert not self.told([r | {"community_id": None} for r in rows])
        assert not self.told([r | {"uid": "A"} for r in rows]), "one row that was read twice"
        assert not self.told([*rows, *(r | {"uid": r["uid"] + "x"} for r in rows[::2])]), "thrice"
        for name, value in (("calling_ae", "X"), ("called_ae", "X"), ("data_pdus", 99)):
            other = [r | ({name: value} if r["uid"][0] == "B" else {}) for r in rows]
            assert not self.told(other), name


class TestSkewByConnections:
    """Where associations tell nothing, connections that two sensors saw may."""

    ROWS = [
        conn(1, "FIRST", sensor="b"), conn(2, "NEXT", sensor="b"), conn(0, "ZERO", sensor="b"),
        conn(3, "OTHER", sensor="a"), conn(4, "N", sensor="b") | {"uid": None},
        conn(-0.1, "OLD", sensor="b"), conn(168, "LATE", sensor="b"), conn(5, "NAMELESS"),
    ]  # fmt: skip

    def told(self, *offsets: Offset | None, rows: list[Row] = ROWS, **more: Any) -> list[Finding]:
        views = tuple(
            SensorView(str(n), 168, None, 1.0, 0.0, 1.0, None, offset=offset)
            for n, offset in enumerate(offsets)
        )
        return clocks.clock_skew(
            a_week(connections=rows, facts={"sensors": Sensors(views)}, **more)
        )

    def test_the_clock_that_is_most_wrong(self) -> None:
        offsets = Offset("c", "a", 6.0, 0.1, 99), None, Offset("b", "a", -7.5, 0.2, 12)
        assert shown(self.told(*offsets), "clock-skew", "data") == {
            "severity": "medium", "start": None, "end": None, "parties": [], "count": 12,
            "skew_seconds": 7.5, "rows": ["ZERO", "FIRST", "NEXT"],
        }  # fmt: skip
        many = [conn(n, f"{n:02}", sensor="b") for n in range(11)]
        (found,) = self.told(*offsets, rows=many)
        assert found.rows == tuple(f"{n:02}" for n in range(10))

    def test_a_sensor_without_a_name_has_rows_too(self) -> None:
        (found,) = self.told(Offset("", "a", 9.0, 0.1, 5))
        assert found.rows == ("NAMELESS",)

    def test_is_quiet_below(self) -> None:
        assert not self.told()
        assert not self.told(None)
        assert not self.told(Offset("b", "a", 4.9, 0.1, 99))
        assert self.told(Offset("b", "a", 5.0, 0.1, 99))
        assert not self.told(Offset("b", "a", 99.0, 0.1, 99), known={"skew_seconds": 0})


RNG = np.random.default_rng(4)
WEEK = RNG.normal(10, 1, 168)


def moved(lag: int) -> np.ndarray:
    """Return the week so many hours later."""
    y = np.full(168, np.nan)
    if lag >= 0:
        y[lag:] = WEEK[: 168 - lag]
    else:
        y[:lag] = WEEK[-lag:]
    return y


@pytest.mark.parametrize("lag", [-15, -14, -3, -1, 0, 1, 3, 14, 15])
def test_the_shift_of_a_series_is_found_up_to_fourteen_hours(lag: int) -> None:
    assert clocks.shift(WEEK, moved(lag)) == (lag if abs(lag) <= 14 else 0)


@pytest.mark.parametrize(("rest", "found"), [(0.8, 3), (0.85, 0)])
def test_a_shift_must_fit_by_eight_tenths(rest: float, found: int) -> None:
    noise = np.random.default_rng(1).normal(0, rest, 168)
    assert clocks.shift(WEEK, moved(3) + noise) == found


@pytest.mark.parametrize(("weight", "found"), [(0.6, 3), (0.66, 0)])
def test_a_shift_must_fit_three_tenths_better(weight: float, found: int) -> None:
    """The sum of a series and a later self fits both; of equal weights neither far better."""
    assert clocks.shift(WEEK, moved(3) + weight * (WEEK - 10)) == found


def test_hours_of_one_value_or_too_few_tell_nothing() -> None:
    assert clocks.shift(np.ones(168), WEEK) == 0
    assert clocks.shift(WEEK, np.ones(168)) == 0
    for hours, found in ((75, 3), (74, 0)):  # 72 or 71 of both at a lag of none
        assert clocks.shift(np.where(np.arange(168) < hours, WEEK, np.nan), moved(3)) == found


class TestHours:
    PATTERN = [1 + (h % 24) ** 2 % 17 + (h // 24) for h in range(168)]

    def facts(self, late: int, **more: Any) -> Any:
        traffic = [hour(h, 9, communications=n) for h, n in enumerate(self.PATTERN)]
        rows = [assoc(h + late + n / 100, f"C{h:03}-{n}") for h in range(168 - late)
                for n in range(self.PATTERN[h])]  # fmt: skip
        return a_week(traffic=traffic, associations=rows, **more)

    def test_a_log_whose_hours_are_shifted(self) -> None:
        found = shown(clocks.hours_disagree(self.facts(3)), "hours-disagree", "data")
        assert found == {
            "severity": "medium", "start": None, "end": None, "parties": [], "count": 1,
            "name": "dicom.log", "other": "zeek", "shift": "+3",
            "rows": [f"C{h:03}-{n}" for h, many in enumerate((1, 2, 5, 2)) for n in range(many)],
        }  # fmt: skip

    def test_is_quiet_below(self) -> None:
        assert not clocks.hours_disagree(self.facts(0))
        assert not clocks.hours_disagree(self.facts(3, known={"skew_seconds": 0}))
        assert not clocks.hours_disagree(a_week())

    def test_another_origin(self) -> None:
        own = [hour(h, 9, communications=n) for h, n in enumerate(self.PATTERN)]
        other = [hour(h - 2, 9, communications=n, origin="capture")
                 for h, n in enumerate(self.PATTERN)]  # fmt: skip
        web = [hour(h, 9, communications=99, service="http") for h in range(0, 168, 5)]
        facts = a_week(traffic=[*own, *other, *web], origins=("zeek", "capture"))
        found = shown(clocks.hours_disagree(facts), "hours-disagree", "data")
        assert (found["name"], found["other"], found["shift"]) == ("capture", "zeek", "-2")
        assert not clocks.hours_disagree(a_week(traffic=[*own, *other], origins=("zeek",)))
