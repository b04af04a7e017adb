"""Two sensors that nobody has named tell the same traffic by clocks that differ: that is said."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa
import pytest

from pacsflow.ledger.parquet import Writers
from pacsflow.ledger.shifted import remarks
from pacsflow.ledger.tables import TABLES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

T = datetime(2026, 3, 2, 8, tzinfo=UTC)
HOUR = 3600.0
Row = dict[str, Any]


def connection(at: float, packets: int, octets: int | None = 200_000, **other: Any) -> Row:
    told = {"source": "10.0.0.1", "destination": "10.0.0.2", "destination_packets": 7}
    told |= {"ts": T + timedelta(seconds=at), "source_packets": packets, "bytes": octets}
    return told | other


def association(at: float, port: int, octets: tuple[int, int] = (0, 0), **other: Any) -> Row:
    told = {"id.orig_h": "10.0.0.1", "id.orig_p": port, "id.resp_h": "10.0.0.2", "id.resp_p": 104}
    sides = dict(zip(("data_bytes_orig", "data_bytes_resp"), octets, strict=True))
    return told | {"ts": T + timedelta(seconds=at)} | sides | other


def later(rows: list[Row], seconds: float, **other: Any) -> list[Row]:
    return [row | {"ts": row["ts"] + timedelta(seconds=seconds)} | other for row in rows]


class Logs:
    """Says what is to be said of logs whose rows are given by their marks."""

    def __init__(self, duck: duckdb.DuckDBPyConnection, folder: Path) -> None:
        self.duck, self.folder = duck, folder

    def __call__(
        self, before: dict[str, list[Row]], new: dict[str, list[Row]], table: str = "connections"
    ) -> dict[str, list[str]]:
        both = [self._written(place, logs, table) for place, logs in (("l", before), ("s", new))]
        return remarks(self.duck, both[1], both[0], set(new), lambda mark: f"{mark}.log")

    def _written(self, place: str, logs: dict[str, list[Row]], table: str) -> Any:
        writers = Writers(self.folder / place)
        for mark, rows in logs.items():
            told = [row | {"file": mark} for row in rows]
            writers.add(table, pa.Table.from_pylist(told, TABLES[table]))
        return self.folder / place, writers.close()


@pytest.fixture
def said(tmp_path: Path) -> Iterator[Logs]:
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        yield Logs(connection, tmp_path)
        assert connection.sql("SHOW TABLES").fetchall() == [], "the next batch has its own"


def images(number: int, spacing: float = 60.0) -> list[Row]:
    """Return connections that are like no other, at times that are no rhythm."""
    return [connection(spacing * n + n * n % 37, 100 + n, 200_000 + n) for n in range(number)]


class TestMany:
    """Thirty images that both have once: half of the smaller log, by one difference."""

    def test_it_is_said_with_its_figures(self, said: Logs) -> None:
        logs = images(30)
        assert said({"a": logs}, {"b": later(logs, 90.5)}) == {
            "b": ["30 of its imaging connections are like those of a.log, 90.50 seconds later: two "
                  "sensors saw the same traffic, it seems, by clocks that differ. It counts twice, "
                  f"{30 * 200_000 + 435:,} bytes of these alone; add each with its --sensor NAME"]
        }  # fmt: skip
        (told,) = said({"a": logs}, {"b": later(logs, -90.5)})["b"]
        assert "90.50 seconds earlier" in told

    def test_of_two_new_ones_it_is_said_once(self, said: Logs) -> None:
        logs = images(30)
        found = said({}, {"a": logs, "b": later(logs, 90)})
        assert {mark: len(told) for mark, told in found.items()} == {"b": 1}
        assert said({}, {"a": logs}) == {}, "a log is like itself"

    def test_of_several_the_most_like_is_named(self, said: Logs) -> None:
        logs = images(40)
        before = {"a": logs[:30], "b": logs, "c": logs[:35]}
        (told,) = said(before, {"d": later(logs, 90)})["d"]
        assert told.startswith("40 of its imaging connections are like those of b.log")

    @pytest.mark.parametrize(("seconds", "is_said"), [(0.005, False), (0.5, True)])
    def test_what_is_one_connection_counts_once(
        self, said: Logs, seconds: float, is_said: bool
    ) -> None:
        logs = images(30)
        assert bool(said({"a": logs}, {"b": later(logs, seconds)})) is is_said

    @pytest.mark.parametrize(("hours", "is_said"), [(26, True), (26.01, False), (-26, True)])
    def test_zones_are_no_further_apart(self, said: Logs, hours: float, is_said: bool) -> None:
        logs = images(1001)
        assert bool(said({"a": logs}, {"b": later(logs, hours * HOUR)})) is is_said

    @pytest.mark.parametrize(
        ("one", "other", "is_said"),
        [(None, None, True), ("e", "e", True), ("e", "w", False), (None, "w", False),
         ("e", None, False)],
    )  # fmt: skip
    def test_sensors_with_names_count_once_anyway(
        self, said: Logs, one: str | None, other: str | None, is_said: bool
    ) -> None:
        logs = images(30)
        found = said({"a": later(logs, 0, sensor=one)}, {"b": later(logs, 90, sensor=other)})
        assert bool(found) is is_said

    @pytest.mark.parametrize("field", ["source", "destination", "source_packets",
                                       "destination_packets", "bytes"])  # fmt: skip
    def test_what_is_not_alike_is_not_the_same(self, said: Logs, field: str) -> None:
        other = {field: "10.9.9.9" if field in {"source", "destination"} else 999_999}
        logs = images(30)
        assert said({"a": logs}, {"b": later(logs, 90, **other)}) == {}

    @pytest.mark.parametrize(("shared", "is_said"), [(500, True), (499, False)])
    def test_half_of_the_smaller_log_is_enough(
        self, said: Logs, shared: int, is_said: bool
    ) -> None:
        """Of logs with so many that not all can be looked at one by one."""
        logs = images(3000, 20)
        others = later(images(1000 - shared, 20), 30, destination="10.0.0.3")
        mine = later(logs[:shared], 90) + others
        assert bool(said({"a": logs}, {"b": mine})) is is_said
        assert bool(said({"b": mine}, {"a": later(logs, 180)})) is is_said

    @pytest.mark.parametrize(("octets", "is_said"), [(100_000, True), (99_999, False)])
    def test_what_is_asked_by_the_hour_is_no_image(
        self, said: Logs, octets: int, is_said: bool
    ) -> None:
        logs = [connection(60 * n, 100 + n, octets) for n in range(1001)]
        assert bool(said({"a": logs}, {"b": later(logs, 90)})) is is_said
        assert said({"a": later(logs, 0, bytes=None)}, {"b": later(logs, 90, bytes=None)}) == {}

    def test_what_a_log_has_twice_tells_nothing(self, said: Logs) -> None:
        logs = images(1001)
        twice = logs + later(logs, 7)
        assert said({"a": twice}, {"b": later(twice, 90)}) == {}

    def test_differences_that_are_many_are_none(self, said: Logs) -> None:
        logs = images(1001)
        spread = [later([row], 90 + n % 11)[0] for n, row in enumerate(logs)]
        assert said({"a": logs}, {"b": spread}) == {}


def alike(number: int, spacing: float = 600.0, octets: int = 200_000) -> list[Row]:
    """Return connections that are all alike."""
    return [connection(spacing * n, 100, octets) for n in range(number)]


class TestFew:
    """Where there are few images, all that one log tells is in the other, in its order."""

    def test_one_image_is_enough(self, said: Logs) -> None:
        (told,) = said({"a": alike(1)}, {"b": later(alike(1), 90)})["b"]
        assert told.startswith("1 of its imaging connections are like those of a.log, 90.00 second")
        assert "200,000 bytes" in told

    def test_all_of_the_smaller_must_be_there(self, said: Logs) -> None:
        more = [*alike(3), connection(5000, 99)]
        assert said({"a": more}, {"b": later(alike(3), 90)})
        assert said({"a": alike(3)}, {"b": later(more, 90)})
        assert not said({"a": more}, {"b": [*later(alike(3), 90), connection(5000, 98)]})

    def test_a_log_is_not_like_itself(self, said: Logs) -> None:
        assert said({}, {"a": alike(2), "b": [connection(0, 5)]}) == {}
        assert list(said({}, {"a": alike(2), "b": later(alike(2), 90)})) == ["b"]

    def test_two_of_the_ledger_are_not_said_again(self, said: Logs) -> None:
        before = {"a": alike(2), "b": later(alike(2), 90)}
        assert said(before, {"c": [connection(0, 5)]}) == {}

    @pytest.mark.parametrize(
        ("seconds", "is_said"),
        [(0.005, False), (0.02, True), (600, True), (601, False), (-600, True), (900, True),
         (905, True), (906, False), (895, True), (894, False), (HOUR, True),
         (5 * HOUR + 2700, True), (85_500, True), (86_400, False), (90_000, False)],
    )  # fmt: skip
    def test_by_a_clock_that_nobody_sets_or_of_another_zone(
        self, said: Logs, seconds: float, is_said: bool
    ) -> None:
        """What is asked each day is a day later no other sensor's."""
        assert bool(said({"a": alike(1)}, {"b": later(alike(1), seconds)})) is is_said

    @pytest.mark.parametrize(("more", "is_said"), [(1.0, True), (1.1, False), (-1.1, False)])
    def test_by_one_difference(self, said: Logs, more: float, is_said: bool) -> None:
        """Within a second: network and clocks are no more even."""
        logs = alike(3)
        apart = [later([row], 90 + by)[0] for row, by in zip(logs, (0, more, 0), strict=True)]
        assert bool(said({"a": logs}, {"b": apart})) is is_said

    @pytest.mark.parametrize(
        ("number", "octets", "is_said"),
        [(3, 500, True), (2, 500, False), (2, 100_000, True), (2, 99_999, False)],
    )
    def test_without_an_image_it_takes_some(
        self, said: Logs, number: int, octets: int, is_said: bool
    ) -> None:
        logs = alike(number, octets=octets)
        assert bool(said({"a": logs}, {"b": later(logs, 90)})) is is_said

    @pytest.mark.parametrize(("seconds", "is_said"), [(599, True), (600, False)])
    def test_and_times_that_overlap(self, said: Logs, seconds: float, is_said: bool) -> None:
        """Half of what the shorter lasts: what is asked by the hour is an hour later the same."""
        logs = alike(3, octets=500)
        longer = [*logs, connection(9000, 1)]
        assert bool(said({"a": longer}, {"b": later(logs, seconds)})) is is_said

    @pytest.mark.parametrize(("number", "is_said"), [(1000, True), (1001, False)])
    def test_of_logs_that_are_small(self, said: Logs, number: int, is_said: bool) -> None:
        logs = alike(number, 20, 500)
        assert bool(said({"a": logs}, {"b": later(logs, 90)})) is is_said

    @pytest.mark.parametrize(
        ("one", "other", "is_said"), [(None, None, True), ("e", "w", False), (None, "w", False)]
    )
    def test_of_sensors_without_a_name(
        self, said: Logs, one: str | None, other: str | None, is_said: bool
    ) -> None:
        logs = alike(3)
        found = said({"a": later(logs, 0, sensor=one)}, {"b": later(logs, 90, sensor=other)})
        assert bool(found) is is_said


class TestAssociations:
    """Ports tell more than packets do: two are enough, and they need no images."""

    @pytest.mark.parametrize(("number", "is_said"), [(1, False), (2, True)])
    def test_two_suffice(self, said: Logs, number: int, is_said: bool) -> None:
        logs = [association(600 * n, 4000 + n) for n in range(number)]
        found = said({"a": logs}, {"b": later(logs, 90)}, "associations")
        assert bool(found) is is_said

    def test_data_sets_are_of_both_sides(self, said: Logs) -> None:
        logs = [association(600 * n, 4000 + n, (5, 7)) for n in range(40)]
        (told,) = said({"a": logs}, {"b": later(logs, 90)}, "associations")["b"]
        assert told.startswith("40 of its associations are like those of a.log")
        assert "480 bytes" in told
        image = [association(0, 4000, (60_000, 40_000))]
        assert said({"a": image}, {"b": later(image, 90)}, "associations")

    def test_without_any_many_are_found_too(self, said: Logs) -> None:
        logs = [association(20 * n, 4000 + n) for n in range(1001)]
        (told,) = said({"a": logs}, {"b": later(logs, 90)}, "associations")["b"]
        assert told.startswith("1,001 of its associations")
        assert ", 0 bytes" in told or "twice, 0 bytes" in told

    @pytest.mark.parametrize("field", ["id.orig_h", "id.orig_p", "id.resp_h", "id.resp_p"])
    def test_other_ends_are_other_associations(self, said: Logs, field: str) -> None:
        logs = [association(600 * n, 4000 + n) for n in range(3)]
        other = {field: "10.9.9.9" if field.endswith("h") else 9}
        assert said({"a": logs}, {"b": later(logs, 90, **other)}, "associations") == {}
