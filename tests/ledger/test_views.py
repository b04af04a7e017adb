"""What counts once of what several files, sensors or captures tell: the views' queries by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa
import pytest

from findings.a_week import CT, PACS, Row, assoc, at, conn, hour
from pacsflow.ledger import views
from pacsflow.ledger.tables import TABLES
from pacsflow.terms.networks import INTERNET

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def duck() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        yield connection


def fill(duck: duckdb.DuckDBPyConnection, table: str, rows: list[Row]) -> None:
    duck.register("given", pa.Table.from_pylist(rows, TABLES[table]))
    duck.execute(f"CREATE TABLE {table} AS FROM given")


def told(milliseconds: float, uid: str, file: str = "f", **row: Any) -> Row:
    """Return an association of one flow, so long after ten o'clock."""
    ports = {"id.orig_p": 4000, "id.resp_p": 104, "end": "released", "duration": 1.0}
    return assoc(10 + milliseconds / 3_600_000, uid, file=file, **ports | row)


class TestAssociations:
    def once(self, duck: duckdb.DuckDBPyConnection, *rows: Row) -> list[tuple[str, float]]:
        """Return uids and durations of what is left, by both ways there are to it."""
        fill(duck, "associations", list(rows))
        query = views.ONCE_EACH.format(what="*", table="associations")
        shown = duck.sql(f"SELECT uid, duration FROM ({query}) ORDER BY ALL").fetchall()
        twice = views.ASSOCIATIONS_TWICE.format(table="associations")
        duck.execute(f"DELETE FROM associations WHERE rowid IN ({twice})")
        kept = duck.sql("SELECT uid, duration FROM associations ORDER BY ALL").fetchall()
        assert kept == shown
        return shown

    def test_of_one_row_told_again_and_again_the_last_word(self, duck: Any) -> None:
        going_on = [told(0, "A", duration=d, end=None) for d in (1.0, 9.0, 5.0)]
        assert self.once(duck, *going_on, told(0, "A", duration=4.0)) == [("A", 4.0)]

    def test_of_rows_without_an_end_the_longest(self, duck: Any) -> None:
        rows = [told(0, "A", duration=d, end=None) for d in (None, 5.0, 9.0, 7.0)]
        assert self.once(duck, *rows) == [("A", 9.0)]

    def test_without_a_uid_nothing_is_known_again(self, duck: Any) -> None:
        rows = [told(0, "A", duration=1.0) | {"uid": None}, told(20, "A") | {"uid": None}]
        assert len(self.once(duck, *rows)) == 2

    @pytest.mark.parametrize(("apart", "left"), [(9.999, ["A"]), (10, ["A", "B"])])
    def test_ten_milliseconds_are_two_associations(
        self, duck: Any, apart: float, left: list[str]
    ) -> None:
        found = self.once(duck, told(0, "A", "f"), told(apart, "B", "g"))
        assert [uid for uid, _ in found] == left

    def test_steps_of_less_add_up_to_one_run(self, duck: Any) -> None:
        rows = [told(9 * n, uid, uid) for n, uid in enumerate("ABC")]
        assert [uid for uid, _ in self.once(duck, *rows)] == ["A"]

    @pytest.mark.parametrize("change", [{"id.orig_p": 1}, {"id.resp_p": 1}, {"id.orig_h": PACS},
                                        {"id.resp_h": CT}])  # fmt: skip
    def test_other_flows_are_others(self, duck: Any, change: Row) -> None:
        assert len(self.once(duck, told(0, "A", "f"), told(1, "B", "g") | change)) == 2

    def test_of_two_files_the_one_that_tells_more_has_all_its_rows(self, duck: Any) -> None:
        rows = [told(0, "A", "a"), told(1, "B", "b"), told(4, "C", "b")]
        assert [uid for uid, _ in self.once(duck, *rows)] == ["B", "C"]

    def test_of_files_that_tell_as_much_the_first(self, duck: Any) -> None:
        rows = [told(0, "A", "b"), told(1, "B", "a")]
        assert [uid for uid, _ in self.once(duck, *rows)] == ["B"]

    def test_before_that_who_names_no_sensor(self, duck: Any) -> None:
        rows = [told(0, "A", "a", sensor="s"), told(1, "B", "z"), told(2, "C", "b", sensor="r")]
        assert [uid for uid, _ in self.once(duck, *rows)] == ["B"]


def test_of_a_connection_that_is_told_twice_the_larger_row_is_left(duck: Any) -> None:
    rows = [conn(1, "A", bytes=5), conn(1, "A", bytes=9), conn(1, "A", bytes=7),
            conn(2, "A", bytes=1), conn(1, "B", bytes=1),
            *[conn(1, bytes=3) | {"uid": None}] * 2]  # fmt: skip
    fill(duck, "connections", rows)
    query = views.ONCE["connections"].format(table="connections")
    wanted = [(1,), (1,), (3,), (3,), (9,)]
    assert duck.sql(f"SELECT bytes FROM ({query}) ORDER BY 1").fetchall() == wanted
    twice = views.CONNECTIONS_TWICE.format(table="connections")
    duck.execute(f"DELETE FROM connections WHERE rowid IN ({twice})")
    assert duck.sql("SELECT bytes FROM connections ORDER BY 1").fetchall() == wanted


def test_rows_that_differ_by_their_file_alone_are_one(duck: Any) -> None:
    rows = [{"ts": at(1), "note": "N", "src": CT, "file": f} for f in ("a", "b")]
    fill(duck, "notices", [*rows, rows[0] | {"src": PACS}])
    query = views.ONCE["notices"].format(table="notices")
    found = duck.sql(f"SELECT src, file FROM ({query}) ORDER BY src").fetchall()
    assert found == [(CT, None), (PACS, None)]


class TestWhoSawMost:
    def best(self, duck: Any, *rows: Row, captured: dict[str, str] | None = None) -> list[Any]:
        fill(duck, "traffic", [{"file": "f"} | row for row in rows])
        places = pa.table(
            {"file": pa.array(list(captured or {}), pa.string()),
             "vantage": pa.array(list((captured or {}).values()), pa.string())}
        )  # fmt: skip
        duck.register("captured", places)
        query = views._BEST.format(table="traffic")
        return duck.sql(
            f"SELECT coalesce(sensor, ''), service, bytes FROM ({query}) ORDER BY ALL"
        ).fetchall()

    def test_all_services_of_a_family_are_of_one_sensor(self, duck: Any) -> None:
        rows = [
            hour(1, 60, sensor="a"), hour(1, 50, sensor="a", service="dicom?"),
            hour(1, 100, sensor="b"), hour(1, 7, sensor="b", service="http"),
            hour(1, 3, sensor="a", service="http"),
        ]  # fmt: skip
        assert self.best(duck, *rows) == [
            ("a", "dicom", 60), ("a", "dicom?", 50), ("b", "http", 7),
        ]  # fmt: skip

    def test_rows_of_one_sensor_add_up(self, duck: Any) -> None:
        rows = [hour(1, 60, sensor="a"), hour(1, 50, sensor="a"), hour(1, 100, sensor="b")]
        assert self.best(duck, *rows) == [("a", "dicom", 110)]

    @pytest.mark.parametrize(
        "change",
        [{"hour": at(2)}, {"source": PACS}, {"destination": CT}, {"origin": "sflow"}],
    )
    def test_what_is_another_is_chosen_for_itself(self, duck: Any, change: Row) -> None:
        rows = [hour(1, 60, sensor="a"), hour(1, 100, sensor="b") | change]
        assert len(self.best(duck, *rows)) == 2

    def test_of_as_many_bytes_the_most_packets_then_the_nameless(self, duck: Any) -> None:
        same = [hour(1, 9, sensor="a", packets=2), hour(1, 9, sensor="b", packets=3)]
        assert self.best(duck, *same) == [("b", "dicom", 9)]
        duck.execute("DROP TABLE traffic")
        assert self.best(duck, hour(1, 9, sensor="a"), hour(1, 9)) == [("", "dicom", 9)]
        duck.execute("DROP TABLE traffic")
        assert self.best(duck, hour(1, 9, sensor="b"), hour(1, 9, sensor="a")) == [
            ("a", "dicom", 9)
        ]

    def test_places_of_captures_are_chosen_among_and_of_other_origins_not(self, duck: Any) -> None:
        rows = [hour(1, n, origin=origin, file=file) for n, origin, file in (
            (5, "capture", "x"), (8, "capture", "y"), (4, "capture", "z"), (1, "zeek", "x"),
            (2, "zeek", "y"),
        )]  # fmt: skip
        found = self.best(duck, *rows, captured={"x": "core", "y": "edge", "z": "core"})
        assert [octets for _, _, octets in found] == [3, 9]

    @pytest.mark.parametrize("side", ["source", "destination"])
    def test_where_the_internet_is_one_host_it_was_chosen_before(
        self, duck: Any, side: str
    ) -> None:
        rows = [hour(1, n, sensor=s) | {side: INTERNET} for n, s in ((5, "a"), (8, "b"))]
        assert [octets for _, _, octets in self.best(duck, *rows)] == [5, 8]
