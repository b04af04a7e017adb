"""Hours of response times, by the rows that are added up, and which of several tellings counts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa
import pytest

from pacsflow.ledger import times
from pacsflow.ledger.times import ELEMENTS, LEAST, MOST, ONCE, RAW, SECONDS, SUMS, TWICE, TimesHours
from pacsflow.ledger.times import TIMES as HOURS
from pacsflow.terms.log_fields import DICOM_TIMES

if TYPE_CHECKING:
    from collections.abc import Iterator

T = datetime(2026, 3, 2, 8, tzinfo=UTC)
SCHEMA = pa.schema(
    [
        DICOM_TIMES.field(name) if name in DICOM_TIMES.names else pa.field(name, pa.string())
        for name in RAW
    ]
)
STORE = {
    "uid": "C1", "id.orig_h": "10.0.0.1", "id.orig_p": 4000, "id.resp_h": "10.0.0.2",
    "id.resp_p": 104, "operation": "store", "requestor": "orig", "count": 3, "failed": 1,
    "data_sets": 3, "data_pdvs": 6, "data_bytes": 3000, "data_time": 0.5, "silent_time": 0.125,
    "ack_wait_time": 0.0625, "pause_time": 0.25, "response_min": 0.25, "response_mean": 0.5,
    "response_max": 0.75, "response_times": [0, 0, 2, 1], "first_responses": 2,
    "first_response_mean": 0.125, "first_response_max": 0.25, "outstanding": 1, "ops_window": 0,
    "setup_time": 0.5, "round_trip": 0.25, "orig_resent": 2, "resp_resent": 3,
    "orig_closed_time": 1.0, "resp_closed_time": 2.0, "origin": "zeek", "file": "f",
}  # fmt: skip
FIND = {"operation": "find", "data_bytes": 8}
Row = dict[str, Any]


@pytest.fixture
def duck() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        yield connection


def row(at: float = 0, **told: Any) -> Row:
    return STORE | {"ts": T + timedelta(seconds=at)} | told


def hours(duck: duckdb.DuckDBPyConnection, *batches: list[Row]) -> list[Row]:
    """Return the hours that rows come to, batch by batch."""
    sums, made = TimesHours(duck), list[pa.Table]()
    for rows in batches:
        made += sums.take(pa.Table.from_pylist(rows, SCHEMA))
        made += sums.finish()
    assert not list(sums.finish())
    return [told for table in made for told in table.to_pylist()]


class TestSums:
    def test_an_hour_is_the_sum_of_its_associations(self, duck: duckdb.DuckDBPyConnection) -> None:
        (told,) = hours(duck, [row(), row(3599.9, uid="C2", count=1, failed=0)])
        assert {name: told[name] for name in SUMS} == {
            "associations": 2, "single": 1, "windowed": 1, "one_at_a_time": 1, "count": 4,
            "failed": 1, "timed": 6, "first_responses": 4, "data_sets": 6, "data_pdvs": 12,
            "data_bytes": 6000, "opened": 2, "setups": 2, "round_trips": 2, "resent": 10,
        }  # fmt: skip
        assert {name: told[name] for name in SECONDS} == {
            "response_seconds": 3.0, "first_response_seconds": 0.5, "data_seconds": 1.0,
            "silent_seconds": 0.25, "ack_wait_seconds": 0.125, "pause_seconds": 0.5,
            "setup_seconds": 1.0, "round_trip_seconds": 0.5, "client_closed_seconds": 2.0,
            "server_closed_seconds": 4.0,
        }  # fmt: skip
        assert [told[name] for name in ELEMENTS[:5]] == [0, 0, 4, 2, 0]
        assert (told["hour"], told["client"], told["server"]) == (T, "10.0.0.1", "10.0.0.2")

    def test_an_hour_and_a_pair_and_an_operation_have_their_own(
        self, duck: duckdb.DuckDBPyConnection
    ) -> None:
        others = [{"at": 3600}, {"id.orig_h": "10.0.0.9"}, FIND, {"origin": "capture"},
                  {"sensor": "east"}, {"file": "g"}]  # fmt: skip
        assert len(hours(duck, [row(), *(row(**other) for other in others)])) == 7

    def test_who_asked_is_the_client(self, duck: duckdb.DuckDBPyConnection) -> None:
        (told,) = hours(duck, [row(requestor="resp")])
        assert (told["client"], told["server"]) == ("10.0.0.2", "10.0.0.1")
        assert (told["client_closed_seconds"], told["server_closed_seconds"]) == (2.0, 1.0)

    def test_extremes_are_of_all(self, duck: duckdb.DuckDBPyConnection) -> None:
        more = {"uid": "C2", "response_min": 0.125, "response_max": 0.875, "round_trip": 0.125,
                "first_response_max": 0.5, "outstanding": 4}  # fmt: skip
        for rows in ([row(), row(9, **more)], [row(9, **more), row()]):
            (told,) = hours(duck, rows)
            assert [told[name] for name in (*MOST, *LEAST)] == [0.875, 0.5, 4.0, 0.125, 0.125]
            assert told["slowest"] == "C2"

    def test_what_nobody_saw_is_nothing(self, duck: duckdb.DuckDBPyConnection) -> None:
        plain = {"ts", "uid", "operation", "requestor", "count", "origin", "file"}
        bare = {n: v for n, v in row().items() if n in plain or n.startswith("id.")}
        (told,) = hours(duck, [bare])
        assert {told[name] for name in (*SECONDS, *MOST, *LEAST)} == {None}
        assert sum(told[name] for name in SUMS) == 1 + 1 + 3, "associations, opened, count"
        assert sum(told[name] for name in ELEMENTS) == 0

    @pytest.mark.parametrize(
        ("window", "count", "outstanding", "told"),
        [(1, 3, 1, (0, 0)), (0, 3, 1, (1, 1)), (4, 2, 1, (1, 1)), (4, 3, 2, (1, 0)),
         (4, 1, 1, (0, 0))],
    )  # fmt: skip
    def test_several_may_be_under_way_and_are_not(
        self, duck: duckdb.DuckDBPyConnection, window: int, count: int, outstanding: int, told: Any
    ) -> None:
        (it,) = hours(duck, [row(ops_window=window, count=count, outstanding=outstanding)])
        assert (it["windowed"], it["one_at_a_time"]) == told


class TestOpened:
    """What holds for an association counts with the operation that moved most, once."""

    @pytest.mark.parametrize("apart", [False, True])
    def test_also_where_its_rows_come_apart(
        self, duck: duckdb.DuckDBPyConnection, apart: bool
    ) -> None:
        rows = [row(), row(**FIND)]
        found = hours(duck, *([[r] for r in rows] if apart else [rows[::-1]]))
        assert {told["operation"]: told["opened"] for told in found} == {"store": 1, "find": 0}

    def test_of_those_that_moved_nothing_the_first(self, duck: duckdb.DuckDBPyConnection) -> None:
        rows = [row(operation="find", data_bytes=None), row(operation="echo", data_bytes=None)]
        found = hours(duck, rows)
        assert {told["operation"]: told["opened"] for told in found} == {"echo": 1, "find": 0}

    @pytest.mark.parametrize(
        "other", [{"at": 1}, {"uid": "C2"}, {"id.orig_p": 4001}, {"file": "g"}]
    )
    def test_another_has_its_own(self, duck: duckdb.DuckDBPyConnection, other: Row) -> None:
        found = hours(duck, [row(), row(**FIND | other)])
        assert [told["opened"] for told in found] == [1, 1]

    def test_only_the_last_ones_are_remembered(
        self, duck: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Rows of one association are written together: memory does not grow with a log."""
        last = times._LAST.replace(str(times.REMEMBERED), "1")
        monkeypatch.setattr(times, "_LAST", last)
        sums = TimesHours(duck)
        list(sums.take(pa.Table.from_pylist([row(), row(uid="C2")], SCHEMA)))
        list(sums.finish())
        assert len(sums.before) == 1

    def test_rows_wait_until_they_are_many(
        self, duck: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(times, "MUCH", 2)
        sums = TimesHours(duck)
        one = pa.Table.from_pylist([row()], SCHEMA)
        assert [len(list(sums.take(one))) for _ in range(6)] == [0, 0, 1, 0, 0, 1]


def hour(**told: Any) -> Row:
    plain = {"hour": T, "client": "10.0.0.1", "server": "10.0.0.2", "operation": "store",
             "origin": "zeek", "file": "f", "count": 1, "sign": 1, "slowest": "C1"}  # fmt: skip
    return dict.fromkeys((*SUMS, *ELEMENTS), 0) | plain | told


def counted(duck: duckdb.DuckDBPyConnection, *rows: Row) -> list[Row]:
    """Return the rows that count; those that do not are the ones that are said to be twice."""
    duck.register("told_", pa.Table.from_pylist(list(rows), HOURS))
    duck.execute("CREATE OR REPLACE TABLE hours AS FROM told_")
    duck.execute("CREATE OR REPLACE TABLE single AS FROM told_")
    found = duck.sql(ONCE.format(table="hours")).to_arrow_table().to_pylist()
    duck.execute(f"DELETE FROM single WHERE rowid IN ({TWICE.format(table='single')})")
    left = duck.sql("SELECT sum(count), count(DISTINCT file) FROM single").fetchall()
    assert left == [(sum(told["count"] for told in found), len({t["file"] for t in found}))]
    return found


class TestOnce:
    def test_what_two_files_tell_alike_counts_once(self, duck: duckdb.DuckDBPyConnection) -> None:
        (told,) = counted(duck, hour(file="g"), hour(file="f"))
        assert told["file"] == "f"

    def test_what_they_tell_of_others_adds_up(self, duck: duckdb.DuckDBPyConnection) -> None:
        assert len(counted(duck, hour(), hour(file="g", sign=2))) == 2

    @pytest.mark.parametrize(
        "other", [{"client": "10.0.0.9"}, {"server": "10.0.0.9"}, {"operation": "find"},
                  {"hour": T + timedelta(hours=1)}],
    )  # fmt: skip
    def test_other_hours_pairs_and_operations_are_others(
        self, duck: duckdb.DuckDBPyConnection, other: Row
    ) -> None:
        assert len(counted(duck, hour(), hour(file="g", **other))) == 2

    @pytest.mark.parametrize("what", ["sensor", "origin"])
    def test_of_two_sensors_or_tools_the_one_that_saw_more(
        self, duck: duckdb.DuckDBPyConnection, what: str
    ) -> None:
        """All that it saw of it, whatever files tell it."""
        rows = [
            hour(file="f", count=5, **{what: "east"}),
            hour(file="g", count=4, sign=2, **{what: "west"}),
            hour(file="h", count=3, sign=3, **{what: "west"}),
        ]
        for told in (rows, rows[::-1]):
            assert {it["file"] for it in counted(duck, *told)} == {"g", "h"}

    def test_of_two_that_saw_as_much_it_is_always_the_same(
        self, duck: duckdb.DuckDBPyConnection
    ) -> None:
        rows = [hour(file="f", sign=2), hour(file="g", sensor="west", sign=3),
                hour(file="h", sensor="east", sign=4)]  # fmt: skip
        for told in (rows, rows[::-1]):
            assert [it["sensor"] for it in counted(duck, *told)] == ["east"]

    def test_a_name_is_better_than_none(self, duck: duckdb.DuckDBPyConnection) -> None:
        """Of the same associations the rows that say who saw them count."""
        (told,) = counted(duck, hour(), hour(file="g", sensor="east"))
        assert told["sensor"] == "east"

    def test_parts_of_an_hour_in_one_file_are_one(self, duck: duckdb.DuckDBPyConnection) -> None:
        """Batches make rows of their own; the same hour in another file is one row."""
        sums = dict.fromkeys((*SUMS, *ELEMENTS), 2)
        part = sums | dict.fromkeys(SECONDS, 0.5) | {"response_max": 1.0, "response_min": 0.5}
        rest = part | {"response_max": 2.0, "response_min": 0.25, "sign": 5, "slowest": "C2"}
        for parts in ((part, rest), (rest, part)):
            (told,) = counted(duck, *(hour(**p) for p in parts), hour(file="g", count=4, sign=6))
            assert {told[name] for name in (*SUMS, *ELEMENTS)} == {4}
            assert {told[name] for name in SECONDS} == {1.0}
            assert (told["response_max"], told["response_min"]) == (2.0, 0.25)
            assert told["slowest"] == "C2"
