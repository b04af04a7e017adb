"""What is asked of a ledger's tables: series, estimates, what sensors share, some of the rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from findings.a_week import CT, OTHER, PACS, VIEWER, Row, a_week, assoc, at, conn, hour
from pacsflow.errors import UsageError
from pacsflow.inventory import Inventory, Item
from pacsflow.ledger.selection import Selection, select
from pacsflow.ledger.series import covered_hours, estimates, origins, read_series
from pacsflow.ledger.vantage import Vantage, offsets, vantages

if TYPE_CHECKING:
    import duckdb

WEEK = at(0), at(168)


def tables(**rows: list[Row]) -> duckdb.DuckDBPyConnection:
    """Return a connection to a ledger of these rows; nothing is chosen from several sensors."""
    made = a_week(**rows).scope.connection
    made.execute("CREATE OR REPLACE VIEW seen_traffic AS FROM traffic")
    return made


def covering(*hours: float, origin: str = "zeek") -> list[Row]:
    return [{"hour": at(h), "origin": origin, "rows": 1} for h in hours]


def octets(connection: duckdb.DuckDBPyConnection, **asked: Any) -> list[float]:
    found = read_series(connection, "x", **{"origin": "zeek"} | asked)
    return [-1.0 if np.isnan(value) else value for value in found.values.tolist()]


class TestSeries:
    ROWS: list[Row] = [hour(1, 5), hour(1, 7, source=PACS), hour(3, 9), hour(4, 11, origin="sflow")]

    def test_no_data_and_no_traffic_are_two_things(self) -> None:
        made = tables(traffic=self.ROWS, coverage=covering(0, 1, 3, 4))
        assert octets(made) == [0, 12, -1, 9, 0]
        assert octets(made, start=at(1), end=at(3)) == [12, -1]
        assert octets(made, start=at(-1), end=at(1)) == [-1, 0]
        assert octets(made, start=at(2)) == [-1, 9, 0]
        assert octets(made, end=at(2)) == [0, 12]
        assert octets(made, where="source = ?", values=[CT]) == [0, 5, -1, 9, 0]
        assert octets(made, column="communications", start=at(1), end=at(2)) == [2]
        assert octets(made, covered={at(1), at(4)}) == [12, -1, -1, 0]
        assert octets(made, start=at(0.5), end=at(1.5)) == [12]
        assert read_series(made, "x", origin="zeek").start == at(0)

    def test_where_nothing_is_covered_there_is_nothing(self) -> None:
        made = tables(traffic=self.ROWS)
        assert octets(made) == []
        assert octets(made, start=at(1)) == []
        assert octets(made, start=at(1), end=at(3)) == [-1, -1]
        assert octets(made, start=at(3), end=at(1)) == []

    def test_hours_and_origins(self) -> None:
        made = tables(coverage=[*covering(1, 2), *covering(1, 2, 3, origin="sflow"),
                                *covering(1, 1, 1, 1, origin="capture")])  # fmt: skip
        assert covered_hours(made, "zeek") == {at(1), at(2)}
        assert origins(made) == ["sflow", "zeek", "capture"]
        assert origins(tables(coverage=[*covering(1), *covering(1, origin="sflow"),
                                        *covering(1, origin="capture")])) == [
            "zeek", "sflow", "capture"]  # fmt: skip

    def test_an_estimate_by_the_hour_has_its_interval_also_where_nothing_was_seen(self) -> None:
        sampled = {"origin": "sflow", "samples": 4, "packets": 400, "weight_squares": 1e10}
        rows = [hour(1, 200_000, **sampled), hour(2, 0, origin="sflow", packets=0)]
        made = tables(traffic=rows, coverage=covering(1, 2, 3, origin="sflow"))
        found = estimates(made, "bytes", origin="sflow")
        assert sorted(found) == [at(1), at(2), at(3)]
        assert (found[at(1)].value, found[at(1)].samples) == (200_000, 4)
        assert found[at(1)].error == pytest.approx(np.exp(1.959964 * 1e5 / 200_000) - 1)
        assert (found[at(2)].value, found[at(2)].upper) == (0, 3 * 100 * 500)
        assert estimates(made, "packets", origin="sflow")[at(3)].upper == 300
        packets = estimates(made, "packets", origin="sflow")[at(1)]
        assert packets.error == pytest.approx(np.exp(1.959964 / 2) - 1), "of four samples"
        none = estimates(made, "bytes", where="source = ?", values=[OTHER], origin="sflow")
        assert {total.upper for total in none.values()} == {0}


class TestSensors:
    def test_what_each_saw_alone_and_with_others(self) -> None:
        rows = [
            hour(1, 100, sensor="a"), hour(1, 60, sensor="b", service="dicom?"),
            hour(2, 30, sensor="a"), hour(2, 7, sensor="b", service="http"), hour(3, 50),
            hour(1, 9, sensor="b", source=PACS, destination=CT), hour(1, 999, origin="capture"),
            hour(-1, 999, sensor="a"), hour(168, 999, sensor="a"),
        ]  # fmt: skip
        found = vantages(tables(traffic=rows), "zeek", *WEEK)
        assert found == (
            Vantage("a", 130, 30, 100, 100),
            Vantage("b", 76, 16, 60, 100),
            Vantage("", 50, 50, 0, 0),
        )
        assert [vantage.lacking for vantage in found] == [0, pytest.approx(0.4), None]

    def of(self, *apart: float, **change: Any) -> list[tuple[str, str, float, int]]:
        rows = []
        for n, seconds in enumerate(apart):
            later = conn(n + 1 + seconds / 3600, f"B{n}", sensor="b", bytes=n + 1)
            rows += [conn(n + 1, f"A{n}", sensor="a", bytes=n + 1), later | change]
        found = offsets(tables(connections=rows), *WEEK)
        return [(o.sensor, o.reference, round(o.seconds, 3), o.connections) for o in found]

    def test_how_far_clocks_are_apart(self) -> None:
        assert self.of(2, 2, 2, 2, 2.5) == [("a", "b", -2, 5), ("b", "a", 2, 5)]
        assert self.of(2, 2, 2, 2) == [], "five connections are needed"
        assert self.of(0, 0, 2, 1, 1) == [("a", "b", -1, 5), ("b", "a", 1, 5)], "a second of spread"
        assert self.of(0, 0, 2.1, 1.05, 1.2) == []
        days = [72 * 3600.0] * 5
        assert self.of(*days) == [("a", "b", -days[0], 5), ("b", "a", days[0], 5)], "a date wrong"
        for other in ({"source_packets": 9}, {"destination_packets": 9}, {"bytes": 99},
                      {"source": OTHER}, {"destination": OTHER}, {"sensor": "a"}):  # fmt: skip
            assert self.of(2, 2, 2, 2, 2, **other) == []

    def test_what_occurs_twice_at_one_tells_nothing(self) -> None:
        rows = [
            conn(1 + n / 10, f"{sensor}{n}", sensor=sensor) for n in range(6) for sensor in "ab"
        ]
        assert offsets(tables(connections=rows), *WEEK) == ()


SITE = Inventory.of([Item(VIEWER, "read1", "workstation")])


class TestSelection:
    ROWS: dict[str, list[Row]] = {
        "traffic": [
            hour(1, 1, sensor="s"), hour(2, 2, service="dicom?"), hour(3, 4, service="http"),
            hour(4, 8, source=VIEWER), hour(5, 16, source=OTHER, destination=VIEWER),
        ],
        "associations": [
            assoc(1, "A", services=["storage"]), assoc(2, "B", calling_ae="X", orig=OTHER),
            assoc(3, "C", called_ae="X", services=["query"], sensor="s"),
        ],
        "connections": [conn(1, "K"), conn(2, "L", service="dicom?"), conn(3, "M", source=OTHER)],
    }  # fmt: skip

    def of(self, **asked: Any) -> tuple[float, str, str]:
        made = tables(**self.ROWS)
        select(made, Selection(**asked), SITE)
        octets = made.sql("SELECT coalesce(sum(bytes), 0) FROM traffic").fetchall()[0][0]
        names = [
            "".join(row[0] for row in made.sql(f"SELECT uid FROM {t} ORDER BY uid").fetchall())
            for t in ("associations", "connections")
        ]
        return int(octets), *names

    @pytest.mark.parametrize(
        ("asked", "found"),
        [
            ({}, (31, "ABC", "KLM")),
            ({"start": at(2)}, (30, "BC", "LM")),
            ({"end": at(2)}, (1, "A", "K")),
            ({"host": VIEWER}, (24, "", "")),
            ({"host": "read1"}, (24, "", "")),
            ({"host": OTHER}, (16, "B", "M")),
            ({"host": "10.0.0.1"}, (7, "AC", "KL")),
            ({"host": "10.0.0.8/30"}, (16, "B", "M")),
            ({"host": "10.0.0.0/8"}, (31, "ABC", "KLM")),
            ({"ae": "X"}, (31, "BC", "KLM")),
            ({"ae": "CT1"}, (7, "AC", "KL")),
            ({"service": "dicom"}, (27, "ABC", "KLM")),
            ({"service": "dicom?"}, (2, "", "L")),
            ({"service": "http"}, (4, "", "")),
            ({"service": "storage"}, (0, "A", "")),
            ({"sensor": "s"}, (1, "C", "")),
            ({"host": OTHER, "start": at(3)}, (16, "", "M")),
        ],
    )
    def test_rows_that_are_asked_for(self, asked: Row, found: tuple[int, str, str]) -> None:
        assert self.of(**asked) == found

    @pytest.mark.parametrize(
        ("asked", "said"),
        [
            ({"host": "10.9.9.9"}, "no host '10.9.9.9'"), ({"host": "11.0.0.0/8"}, "no host"),
            ({"ae": "NOBODY"}, "no AE title 'NOBODY'"),
            ({"service": "ftp"}, "there is dicom, dicom\\?, http, query, storage$"),
            ({"sensor": "t"}, "there is s$"),
        ],
    )  # fmt: skip
    def test_what_occurs_nowhere_is_an_error(self, asked: Row, said: str) -> None:
        with pytest.raises(UsageError, match=said):
            self.of(**asked)

    def test_a_sensor_has_no_effect_where_nobody_says_which(self) -> None:
        with pytest.raises(UsageError, match="has no effect"):
            select(tables(traffic=[hour(1, 1)]), Selection(sensor="s"), SITE)

    def test_what_a_sensor_saw_itself_is_what_is_asked_of_it(self) -> None:
        made = tables(traffic=[hour(1, 5, sensor="b")])
        rows = "SELECT * REPLACE ('a' AS sensor, 3 AS bytes) FROM traffic UNION ALL FROM traffic"
        made.execute(f"CREATE OR REPLACE VIEW seen_traffic AS {rows}")
        select(made, Selection(sensor="a"), SITE)
        assert made.sql("SELECT sum(bytes)::INTEGER FROM traffic").fetchall() == [(3,)]

    def test_services_are_named_a_dozen_at_a_time(self) -> None:
        rows = [hour(1, 1, service=f"s{n:02}") for n in range(14)]
        with pytest.raises(UsageError, match=r"s00, .*, s11, \.\.\.$"):
            select(tables(traffic=rows), Selection(service="x"), SITE)
