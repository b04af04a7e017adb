"""How far clocks are apart: what is compared, whose clock is right, and for how long that holds."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from math import isnan

import duckdb
import pyarrow as pa
import pytest

from pacsflow.ledger.clocks import (
    CLOCKS,
    Clock,
    measure,
    near,
    on_one_clock,
    spans,
    tell,
)
from pacsflow.ledger.engine import empty
from pacsflow.ledger.records import Kept
from pacsflow.ledger.tables import TABLES

DAY = date(2026, 3, 2)
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def measured(**seen: list[float]) -> list[Clock]:
    """Return clocks of sensors that saw connections so many seconds late, NaN for not at all."""
    rows = [
        {
            "sensor": sensor, "ts": NOON + timedelta(seconds=60 * number + late), "bytes": number,
            "source": "a", "destination": "b", "source_packets": 1, "destination_packets": 1,
        }
        for sensor, lates in seen.items()
        for number, late in enumerate(lates)
        if not isnan(late)
    ]  # fmt: skip
    with duckdb.connect(config={"threads": 1}) as duck:
        duck.execute("SET TimeZone = 'UTC'")
        duck.register("seen", pa.Table.from_pylist(rows, TABLES["connections"]))
        return list(measure(duck, "FROM seen", empty(TABLES["associations"])))


def told(**seen: list[float]) -> dict[str, tuple[str, float, int]]:
    return {c.sensor: (c.reference, round(c.seconds, 3), c.pairs) for c in measured(**seen)}


NAN = float("nan")


class TestMeasuring:
    def test_five_connections_that_both_saw(self) -> None:
        on_time = [0.0] * 5
        assert measured(a=on_time, b=[7.0] * 5) == [
            Clock("a", DAY, "a", 0.0, 0), Clock("b", DAY, "a", 7.0, 5),
        ]  # fmt: skip
        assert measured(a=on_time, b=[7.0] * 4 + [NAN]) == []
        assert told(a=on_time, b=[-2, -2, -1, -1, -2]) == {"a": ("a", 0, 0), "b": ("a", -2, 5)}
        assert told(a=on_time, b=[0, 0, 1, 2.1, 2.1]) == {}, "their middle half is too wide"

    @pytest.mark.parametrize(("hours", "found"), [(26, True), (26.01, False), (-26.01, False)])
    def test_no_further_than_zones_are(self, hours: float, found: bool) -> None:
        assert bool(measured(a=[0.0] * 5, b=[3600 * hours] * 5)) is found

    def test_most_are_right_and_of_as_many_the_first_name(self) -> None:
        late, right = [3600.0] * 5, [0.0] * 5
        assert {s: r for s, (r, _, _) in told(a=late, b=right, c=right).items()} == {
            "a": "b", "b": "b", "c": "b",
        }  # fmt: skip
        assert told(a=late, b=right)["b"] == ("a", -3600, 5)
        agreeing = [1799.0] * 5
        assert told(a=late, b=right, c=agreeing)["a"] == ("b", 3600, 5)
        beyond = [1800.0] * 5
        assert told(a=[9999.0] * 5, b=right, c=beyond)["b"] == ("a", -9999, 5), "none agrees"

    def test_through_a_third_that_shares_with_both(self) -> None:
        found = told(a=[*[0.0] * 5, *[NAN] * 5], b=[10.0] * 10, c=[*[NAN] * 5, *[13.0] * 5])
        assert found == {"b": ("b", 0, 0), "a": ("b", -10, 5), "c": ("b", 3, 5)}
        chain = told(
            a=[*[0.0] * 5, *[NAN] * 10], b=[*[2.0] * 10, *[NAN] * 5],
            c=[*[NAN] * 5, *[7000.0] * 10], d=[*[NAN] * 10, *[7001.0] * 5],
        )  # fmt: skip
        assert chain == {
            "a": ("a", 0, 0), "b": ("a", 2, 5), "c": ("a", 7000, 5), "d": ("a", 7001, 5),
        }  # fmt: skip

    def test_pairs_that_share_nothing_have_clocks_of_their_own(self) -> None:
        found = told(
            a=[*[0.0] * 5, *[NAN] * 5], b=[*[1.0] * 5, *[NAN] * 5],
            c=[*[NAN] * 5, *[0.0] * 5], d=[*[NAN] * 5, *[9.0] * 5],
        )  # fmt: skip
        assert {sensor: reference for sensor, (reference, _, _) in found.items()} == {
            "a": "a", "b": "a", "c": "c", "d": "c",
        }  # fmt: skip


def clock(day: int, seconds: float, sensor: str = "s") -> Clock:
    return Clock(sensor, DAY + timedelta(days=day), "r", seconds, 9)


def held(*clocks: Clock) -> list[tuple[str, int, int, float]]:
    return [
        (row["clock"], (row["begins"] - DAY).days, (row["ends"] - DAY).days, row["seconds"])
        for row in spans(clocks).to_pylist()
    ]


class TestSpans:
    def test_a_week_before_and_after_it_was_measured(self) -> None:
        assert held(clock(0, 5.0)) == [("s", -7, 7, 5.0)]
        assert held(clock(0, -5.0), clock(0, 3.0, "a")) == [("a", -7, 7, 3.0), ("s", -7, 7, -5.0)]

    def test_until_it_is_measured_again(self) -> None:
        assert held(clock(3, 6.0), clock(0, 5.0)) == [("s", -7, 3, 5.0), ("s", 3, 10, 6.0)]
        assert held(clock(0, 5.0), clock(10, 6.0)) == [("s", -7, 7, 5.0), ("s", 7, 17, 6.0)]
        assert held(clock(0, 5.0), clock(20, 6.0)) == [("s", -7, 7, 5.0), ("s", 13, 27, 6.0)]
        assert held(clock(0, 0.0), clock(2, 6.0)) == [("s", 2, 9, 6.0)]

    def test_five_milliseconds_move_something(self) -> None:
        assert held(clock(0, 0.005)) == [("s", -7, 7, 0.005)]
        assert held(clock(0, -0.0049)) == []

    def test_the_first_and_the_last_day_that_there_is(self) -> None:
        rows = spans([Clock("a", date.min, "r", 5.0, 9), Clock("b", date.max, "r", 5.0, 9)])
        found = [(row["begins"], row["ends"]) for row in rows.to_pylist()]
        assert found == [(date.min, date(1, 1, 8)), (date(9999, 12, 24), date.max)]
        assert rows.schema == CLOCKS


def moved(table: str, time: str, *clocks: Clock, sensor: str | None = "s") -> list[float]:
    """Return by how many seconds rows move: an hour before a week, three in it, and after it."""
    at = [datetime(2026, 2, 22, 23, tzinfo=UTC), NOON - timedelta(days=7.5), NOON,
          NOON + timedelta(days=6, hours=11), NOON + timedelta(days=6.5)]  # fmt: skip
    rows = {"number": range(5), time: at, "sensor": pa.array([sensor] * 5, pa.string())}
    with duckdb.connect(config={"threads": 1}) as duck:
        duck.execute("SET TimeZone = 'UTC'")
        tell(duck, clocks)
        duck.register("mine", pa.table(rows))
        query = f"SELECT epoch({time}) FROM ({on_one_clock('FROM mine', table)}) ORDER BY number"
        found = duck.sql(query).fetchall()
    return [was.timestamp() - now for was, (now,) in zip(at, found, strict=True)]


class TestMoving:
    @pytest.mark.parametrize(
        ("seconds", "by"), [(3600, 3600), (1799, 0), (1801, 3600), (-5401, -7200), (5399, 3600)]
    )
    def test_hours_by_whole_hours_from_the_first_day_until_the_last(
        self, seconds: float, by: float
    ) -> None:
        assert moved("traffic", "hour", clock(0, seconds)) == [0, by, by, by, 0]

    def test_associations_by_the_difference_itself(self) -> None:
        assert moved("associations", "ts", clock(0, 1.25)) == [0, 1.25, 1.25, 1.25, 0]
        assert moved("associations", "ts", clock(0, 1.25), sensor=None) == [0] * 5
        assert moved("associations", "ts", clock(0, 1.25, ""), sensor=None)[1] == 1.25

    def test_whether_anything_moves_is_said(self) -> None:
        with duckdb.connect() as duck:
            assert tell(duck, [clock(0, 5.0)]) is True
            assert tell(duck, [clock(0, 0.0)]) is False
            assert duck.sql("SELECT sensor, seconds FROM measured_clocks").fetchall() == [("s", 0)]


def test_files_of_the_days_beside_are_near() -> None:
    days = ["2026-03-01", "2026-03-02", "2026-03-03", "2026-03-04", "2026-03-05"]
    files = [Kept(f"connections/day={day}/x.parquet", "", 1, 1, frozenset()) for day in days]
    months = [
        Kept(f"connections/month={m}/x.parquet", "", 1, 1, frozenset())
        for m in ("2026-02", "2026-03")
    ]
    found = near([*files, *months], date(2026, 3, 3), date(2026, 3, 3))
    assert found == [*files[1:4], months[1]]
    assert near([*files, *months], date(2026, 3, 1), date(2026, 3, 1)) == [*files[:2], *months]
