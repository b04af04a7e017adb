"""What a log tells twice counts once, and what carries other connections does not count."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import duckdb
import numpy as np
import pyarrow as pa
import pytest

from pacsflow.ledger import connections
from pacsflow.ledger.connections import Connections, Learnt
from pacsflow.ledger.keys import connection_keys
from pacsflow.ledger.schemas import OF_CONN
from pacsflow.readers.arrays import repeated
from pacsflow.terms.log_fields import ZEEK_LOGS

if TYPE_CHECKING:
    from collections.abc import Iterator

T0, DAY = 1772438400_000_000, 86_400_000_000
SCHEMA = pa.schema([field for field in ZEEK_LOGS["conn"] if field.name in OF_CONN])
ROW = {
    "uid": "C1", "id.orig_h": "10.0.0.1", "id.orig_p": 4000, "id.resp_h": "10.0.0.2",
    "id.resp_p": 104, "proto": "tcp", "service": "dicom", "duration": 1.0, "orig_bytes": 900,
    "resp_bytes": 80, "missed_bytes": 0, "history": "ShADadFf", "orig_pkts": 10,
    "orig_ip_bytes": 1000, "resp_pkts": 2, "resp_ip_bytes": 100,
}  # fmt: skip
ONE = 1100

Row = dict[str, Any]


@pytest.fixture
def duck() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        yield connection


def row(at: float = 0, **told: Any) -> Row:
    """Return a connection that began so many milliseconds after `T0`."""
    return ROW | {"ts": T0 + round(at * 1000)} | told


def batch(rows: list[Row]) -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist(rows, SCHEMA)


class Read:
    """A log that was read as often as it asks for."""

    def __init__(
        self, duck: duckdb.DuckDBPyConnection, *batches: list[Row], sensor: Any = None, **more: Any
    ) -> None:
        learnt, self.times = Learnt(), 0
        named = {"name": "conn.log", "tunnels": frozenset(), "drop": None} | more
        while True:
            self.times += 1
            self.tables: dict[str, list[pa.Table]] = {}
            log = Connections(duck, learnt=learnt, **named)
            for rows in batches:
                names = sensor if isinstance(sensor, list) else [sensor] * len(rows)
                for table, made in log.add(batch(rows), pa.array(names, pa.string())):
                    self.tables.setdefault(table, []).append(made)
            if not log.again():
                break
        for table, made in log.finish():
            self.tables.setdefault(table, []).append(made)
        self.said, self.sensors, self.twins = list(log.told()), log.sensors, log.twins

    def rows(self, table: str) -> list[Row]:
        return [row for part in self.tables.get(table, ()) for row in part.to_pylist()]

    @property
    def sums(self) -> tuple[int, int]:
        """Return all bytes and communications."""
        rows = self.rows("traffic")
        return sum(row["bytes"] for row in rows), sum(row["communications"] for row in rows)


class TestTwice:
    @pytest.mark.parametrize("at", [0, 5, 9.9])
    @pytest.mark.parametrize("apart", [False, True])
    def test_rows_that_begin_together_are_one(
        self, duck: duckdb.DuckDBPyConnection, at: float, apart: bool
    ) -> None:
        """In one piece of the log or in two: within 10 ms, while the other goes on."""
        rows = [row(), row(at, uid="C2")]
        log = Read(duck, *([[r] for r in rows] if apart else [rows]))
        assert log.sums == (ONE, 1)
        assert log.said == [
            "1 row tells a connection that other rows tell: counted once",
            "1 connection has rows of several uids: the sensor's cluster spreads a connection over "
            "its workers, and its totals may be too low",
        ]
        assert (log.times, log.twins) == (3, 1)

    @pytest.mark.parametrize(
        "other",
        [{"at": 10}, {"at": 5, "id.orig_p": 4001}, {"at": 5, "id.resp_p": 105},
         {"at": 5, "id.orig_h": "10.0.0.3"}, {"at": 0, "proto": "udp"}],
    )  # fmt: skip
    def test_others_are_two(self, duck: duckdb.DuckDBPyConnection, other: Row) -> None:
        log = Read(duck, [row(), row(**other)])
        assert log.sums == (2 * ONE, 2)
        assert log.said == []

    def test_what_is_nowhere_near_is_read_once(self, duck: duckdb.DuckDBPyConnection) -> None:
        assert Read(duck, [row(), row(1000)]).times == 1

    @pytest.mark.parametrize(
        ("lasts", "at", "number"),
        [(0.004, 4, 1), (0.004, 5, 2), (0.0, 5, 1), (None, 5, 1), (0.005, 9.9, 2)],
    )
    def test_one_that_was_over_is_another(
        self, duck: duckdb.DuckDBPyConnection, lasts: Any, at: float, number: int
    ) -> None:
        """Ports are used again at once; without a duration nobody knows that it was over."""
        assert Read(duck, [row(duration=lasts), row(at, uid="C2")]).sums[1] == number

    def test_the_longest_of_those_before_says_whether_it_goes_on(
        self, duck: duckdb.DuckDBPyConnection
    ) -> None:
        rows = [row(duration=0.009), row(1, uid="C2", duration=0.001), row(8, uid="C3")]
        assert Read(duck, rows).sums == (ONE, 1)

    def test_one_that_does_not_say_how_long_says_nothing_of_the_third(
        self, duck: duckdb.DuckDBPyConnection
    ) -> None:
        rows = [row(duration=None), row(1, uid="C2", duration=0.001), row(8, uid="C3")]
        assert Read(duck, rows).sums[1] == 2

    def test_what_has_no_port_is_one_where_it_begins_together(
        self, duck: duckdb.DuckDBPyConnection
    ) -> None:
        """A ping has none: the next may begin at once."""
        ping = {"proto": "icmp", "id.orig_p": None, "id.resp_p": None}
        assert Read(duck, [row(**ping), row(5, **ping)]).sums[1] == 2
        assert Read(duck, [row(**ping), row(0, **ping)]).sums[1] == 1

    @pytest.mark.parametrize(
        ("less", "more"),
        [({"duration": 1.0}, {"duration": 2.0}), ({"duration": None}, {"duration": 0.5}),
         ({}, {"orig_ip_bytes": 1001}), ({}, {"resp_ip_bytes": 101}),
         ({"orig_ip_bytes": None}, {"orig_ip_bytes": 1}),
         ({"resp_ip_bytes": None}, {"resp_ip_bytes": 1})],
    )  # fmt: skip
    def test_the_row_that_tells_most_counts(
        self, duck: duckdb.DuckDBPyConnection, less: Row, more: Row
    ) -> None:
        rows = [row(uid="less", **less), row(uid="more", **more)]
        for told in (rows, rows[::-1]):
            log = Read(duck, told)
            assert [r["uid"] for r in log.rows("connections")] == ["more"]

    def test_of_two_that_are_alike_the_first_counts(self, duck: duckdb.DuckDBPyConnection) -> None:
        rows = [row(uid="first"), row(uid="second")]
        assert [r["uid"] for r in Read(duck, rows).rows("connections")] == ["first"]

    def test_one_uid_twice_is_no_cluster(self, duck: duckdb.DuckDBPyConnection) -> None:
        log = Read(duck, [row(), row(), row(), row(5000, uid="C2")])
        assert log.said == ["2 rows tell connections that other rows tell: counted once"]
        assert log.sums == (2 * ONE, 2)

    def test_two_sensors_have_each_their_own(self, duck: duckdb.DuckDBPyConnection) -> None:
        log = Read(duck, [row(), row()], sensor=["east", None])
        assert len(log.rows("keys")) == 2
        assert log.sensors == {"east"}


class TestKeys:
    def test_each_connection_has_one_of_its_day_and_sensor(
        self, duck: duckdb.DuckDBPyConnection
    ) -> None:
        """By them another log's row of the same connection is known."""
        rows = [row(), row(DAY / 1000 - 8 * 3_600_000 * 1), row(1000), row(1000 + DAY / 1000)]
        names = ["east", None, "west", "east"]
        log = Read(duck, rows, sensor=names)
        keys = connection_keys(batch(rows), pa.array(names)).tolist()
        days = ["2026-03-02", "2026-03-03", "2026-03-02", "2026-03-03"]
        told = {(str(r["day"]), r["key"], r["sign"], r["sensor"]) for r in log.rows("keys")}
        assert told == set(zip(days, keys, [1] * 4, names, strict=True))
        assert len(log.rows("keys")) == 4
        assert log.sensors == {"east", "west"}
        for part in log.tables["keys"]:
            assert len(set(part["day"].to_pylist())) == len(set(part["sensor"].to_pylist())) == 1


class TestElsewhere:
    def test_what_other_files_tell_is_left_out(self, duck: duckdb.DuckDBPyConnection) -> None:
        rows = [row(), row(1000), row(2000)]
        drop = connection_keys(batch(rows[:2]), repeated(None, 2))
        log = Read(duck, rows, drop=drop)
        assert log.sums == (ONE, 1)
        assert log.said == ["2 rows tell connections that other rows tell: counted once"]
        assert Read(duck, rows, drop=np.empty(0, np.int64)).sums == (3 * ONE, 3)

    def test_so_is_what_another_sensor_told_of_rolled_up_months(
        self, duck: duckdb.DuckDBPyConnection
    ) -> None:
        class Told:
            def counts(self, rows: pa.RecordBatch, _: pa.Array) -> Any:
                return np.array(rows["id.orig_p"]) == 4001

        rows = [row(), row(**{"id.orig_p": 4001})]
        log = Read(duck, rows, rolled=Told())
        assert log.sums == (ONE, 1)
        assert log.said == [
            "1 row tells a connection that another sensor told, of months that are rolled up: "
            "counted once, as it told them"
        ]
        drop = connection_keys(batch(rows[1:]), repeated(None, 1))
        log = Read(duck, rows, rolled=Told(), drop=drop)
        assert len(log.said) == 1, "of a row one thing is said"
        assert log.said[0].startswith("1 row tells a connection that other rows tell")


class TestTunnels:
    def test_one_that_is_known_does_not_count(self, duck: duckdb.DuckDBPyConnection) -> None:
        log = Read(duck, [row(), row(1000, uid="C2")], tunnels=frozenset({"C1"}))
        assert (log.sums, log.times) == ((ONE, 1), 1)
        assert log.said == ["1 row is a tunnel whose inner connections are counted instead"]

    def test_one_that_shows_later_makes_the_log_be_read_again(
        self, duck: duckdb.DuckDBPyConnection
    ) -> None:
        inner = row(1000, uid="C2", tunnel_parents=["C1"], **{"id.orig_h": "10.9.0.1"})
        log = Read(duck, [row(), inner], sensor="east")
        assert (log.sums, log.times) == ((ONE, 1), 2)
        assert log.rows("tunnels") == [
            {"ts": pa.scalar(T0 + 1_000_000, pa.timestamp("us", "UTC")).as_py(), "uid": "C1",
             "sensor": "east", "file": None}
        ]  # fmt: skip

    def test_nothing_inside_of_nothing_is_no_tunnel(self, duck: duckdb.DuckDBPyConnection) -> None:
        log = Read(duck, [row(tunnel_parents=[]), row(1000)])
        assert (log.rows("tunnels"), log.times) == ([], 1)

    def test_of_a_row_that_is_left_out_already_nothing_more_is_said(
        self, duck: duckdb.DuckDBPyConnection
    ) -> None:
        drop = connection_keys(batch([row()]), repeated(None, 1))
        rows = [row(), row(1000, uid="C2")]
        log = Read(duck, rows, tunnels=frozenset({"C1"}), drop=drop)
        assert log.sums == (ONE, 1)
        assert log.said == ["1 row tells a connection that other rows tell: counted once"]
        assert len(Read(duck, [row(), row()], tunnels=frozenset({"C1"})).said) == 1


class TestNetworks:
    """A mirror of both sides of a router has each connection in two VLANs."""

    def said(self, duck: duckdb.DuckDBPyConnection, one: Row, other: Row) -> list[str]:
        return Read(duck, [row(**{"vlan": 5} | one), row(3, **{"vlan": 6} | other)]).said

    def test_what_is_alike_in_both_is_said(self, duck: duckdb.DuckDBPyConnection) -> None:
        (told,) = self.said(duck, {}, {})
        assert told.startswith("2 connections carry the same")

    @pytest.mark.parametrize(
        ("one", "other"),
        [({"vlan": None}, {"vlan": None, "id.orig_p": 9}), ({"vlan": None}, {}),
         ({}, {"orig_bytes": 901}), ({}, {"resp_bytes": 81}), ({}, {"id.orig_p": 4001}),
         ({"orig_bytes": 0, "resp_bytes": 0}, {"orig_bytes": 0, "resp_bytes": 0}),
         ({"orig_bytes": None, "resp_bytes": None}, {"orig_bytes": None, "resp_bytes": None})],
    )  # fmt: skip
    def test_what_is_not_is_not(
        self, duck: duckdb.DuckDBPyConnection, one: Row, other: Row
    ) -> None:
        assert self.said(duck, one, other) == []

    @pytest.mark.parametrize("side", ["orig_bytes", "resp_bytes"])
    def test_bytes_of_one_side_suffice(self, duck: duckdb.DuckDBPyConnection, side: str) -> None:
        empty = dict.fromkeys({"orig_bytes", "resp_bytes"} - {side})
        (told,) = self.said(duck, empty, empty)
        assert told.startswith("2 connections carry the same")

    def test_both_are_counted(self, duck: duckdb.DuckDBPyConnection) -> None:
        log = Read(duck, [row(vlan=5), row(3, vlan=6)])
        assert log.sums == (2 * ONE, 2)


class TestInterim:
    def test_rows_of_conn_long_are_of_connections_that_go_on(
        self, duck: duckdb.DuckDBPyConnection
    ) -> None:
        """They may be told again: they are kept by themselves to be taken back."""
        for name, number in (("Conn_LONG.log", 1), ("conn.log", 0)):
            log = Read(duck, [row(duration=20.0)], name=name)
            assert len(log.rows("lasting")) == number

    @pytest.mark.parametrize(("piece", "parts"), [(2, 1), (3, 0)])
    def test_rows_are_summed_as_they_are_enough(
        self, duck: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch, piece: int,
        parts: int,
    ) -> None:  # fmt: skip
        """Memory does not grow with a log."""
        monkeypatch.setattr(connections, "PIECE", piece)
        log = Connections(duck, "conn.log", frozenset(), None, Learnt())
        made = [
            table
            for at in (0, 1000)
            for table, _ in log.add(batch([row(at)]), pa.nulls(1, pa.string()))
        ]
        assert made.count("keys") == parts
        assert [table for table, _ in log.finish()].count("keys") == 1 - parts


def test_somebody_who_looks_what_a_port_speaks_is_said(duck: duckdb.DuckDBPyConnection) -> None:
    tls = {"service": "ssl", "id.resp_p": 2762, "orig_bytes": 650, "resp_bytes": 2500}
    (told,) = Read(duck, [row(**tls)]).said
    assert told.startswith("1 TLS connection carries to ports of DICOM hardly more than a handsh")
