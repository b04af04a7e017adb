"""Connections to hourly sums, without a ledger: facing, names of services, shares, keys."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest

from pacsflow.ledger import hour_sums
from pacsflow.ledger.conn_hours import ConnHours
from pacsflow.ledger.engine import engine
from pacsflow.ledger.facing import faced, turn
from pacsflow.ledger.hour_sums import HourSums, Names, Sums, added_up, packed
from pacsflow.ledger.keys import connection_keys, flow_steps, neighbours
from pacsflow.ledger.schemas import OF_CONN
from pacsflow.terms.log_fields import ZEEK_LOGS

if TYPE_CHECKING:
    from collections.abc import Iterator

    import duckdb

Row = dict[str, Any]
T0 = 1772438400
"""2026-03-02 08:00 UTC."""
MOST = 2**63 - 1
SCHEMA = pa.schema(
    [
        *(ZEEK_LOGS["conn"].field(name) for name in OF_CONN),
        ("key", pa.int64()),
        ("interim", pa.bool_()),
    ]
)
ROW: Row = {
    "uid": "C1", "id.orig_h": "10.0.0.1", "id.orig_p": 40000, "id.resp_h": "10.0.0.2",
    "id.resp_p": 104, "proto": "tcp", "service": "dicom", "duration": 1.5, "orig_bytes": 1000,
    "resp_bytes": 100, "missed_bytes": 7, "history": "ShADadFf", "orig_pkts": 10,
    "orig_ip_bytes": 1400, "resp_pkts": 8, "resp_ip_bytes": 420, "local_orig": True,
    "local_resp": False, "sensor": None, "key": 1, "interim": False,
}  # fmt: skip


def conn(*rows: Row) -> pa.Table:
    """Return rows of conn.log; `at` is when one began, seconds after `T0`."""
    told = [ROW | row for row in rows]
    for row in told:
        row["ts"] = datetime.fromtimestamp(T0, UTC).replace(microsecond=0)
    made = pa.Table.from_pylist(told, SCHEMA)
    moments = [round((T0 + row.get("at", 0.0)) * 1e6) for row in told]
    kind = SCHEMA.field("ts").type
    return made.set_column(0, SCHEMA.field("ts"), pa.array(moments, pa.int64()).cast(kind))


@pytest.fixture(scope="module")
def duck() -> Iterator[duckdb.DuckDBPyConnection]:
    with engine() as made:
        yield made


def tables(duck: duckdb.DuckDBPyConnection, *rows: Row) -> dict[str, list[Row]]:
    """Return what connections come to, by table; hours count from `T0`."""
    hours = ConnHours(duck)
    found: dict[str, list[Row]] = {}
    for made in (hours.add(conn(*rows)), hours.finish()):
        for name, table in made:
            found.setdefault(name, []).extend(table.to_pylist())
    for row in found["traffic"] + found["coverage"]:
        row["hour"] = int(row["hour"].timestamp() - T0) // 3600
    return found


def traffic(duck: duckdb.DuckDBPyConnection, *rows: Row, of: str = "10.0.0.1") -> list[Row]:
    return [row for row in tables(duck, *rows)["traffic"] if row["source"] == of]


class TestFacing:
    MIDDLE: Row = {"id.orig_p": 104, "id.resp_p": 50000, "history": "Dad"}

    @pytest.mark.parametrize(
        ("change", "turned"),
        [
            ({}, True),
            ({"history": "DadS"}, False),
            ({"history": "sDad"}, True),
            ({"history": None}, False),
            ({"proto": "udp"}, False),
            ({"proto": None}, False),
            ({"id.orig_p": 105}, False),
            ({"id.resp_p": 11112}, False),
            ({"id.resp_p": None}, False),
            ({"id.resp_p": 0}, True),
        ],
    )
    def test_who_was_seen_first_in_the_middle_did_not_begin(
        self, change: Row, turned: bool
    ) -> None:
        told = faced(conn(self.MIDDLE | change, {}))
        assert told.turned.tolist() == [turned, False]
        one, other = ("10.0.0.2", "10.0.0.1") if turned else ("10.0.0.1", "10.0.0.2")
        assert (told.a[0].as_py(), told.b[0].as_py()) == (one, other)
        assert (told.a[1].as_py(), told.port[1]) == ("10.0.0.1", 104)
        if turned:
            assert (told.out_packets[0], told.in_packets[0]) == (8, 10)
            assert (told.out_bytes[0], told.in_bytes[0], told.port[0]) == (420, 1400, 104)
        assert told.missed.tolist() == [7, 7]

    def test_what_is_not_told_is_nothing(self) -> None:
        nothing = dict.fromkeys(
            ("id.resp_p", "duration", "missed_bytes", "orig_pkts", "resp_pkts", "orig_bytes",
             "resp_bytes", "orig_ip_bytes", "resp_ip_bytes")
        )  # fmt: skip
        told = faced(conn(nothing))
        numbers = (told.port, told.d, told.missed, told.out_packets, told.in_bytes)
        assert [n.tolist() for n in numbers] == [[-1], [0.0], [0], [0], [0]]
        assert (told.us.tolist(), told.spoke.tolist()) == ([T0 * 1_000_000], [False])

    def test_payload_stands_for_ip_bytes_that_are_not_told(self) -> None:
        told = faced(conn({"orig_ip_bytes": None}, {"resp_ip_bytes": None, "orig_ip_bytes": 0}))
        assert told.out_bytes.tolist() == [1000, 0]
        assert told.in_bytes.tolist() == [420, 100]
        assert faced(conn({"proto": "udp"}, {})).udp.tolist() == [True, False]

    @pytest.mark.parametrize(
        ("payload", "ip", "spoke"),
        [
            ((1, 1), (0, 0), True), ((1, 0), (120, 400), False), ((1, 0), (121, 121), True),
            ((1, 0), (121, 120), False), ((0, 0), (999, 999), False),
            ((None, 5), (121, 121), True), ((None, None), (121, 121), True),
            ((None, None), (120, 121), False), ((0, 1), (None, 121), False),
        ],
    )  # fmt: skip
    def test_both_sides_said_something(self, payload: Any, ip: Any, spoke: bool) -> None:
        row = {"orig_bytes": payload[0], "resp_bytes": payload[1],
               "orig_ip_bytes": ip[0], "resp_ip_bytes": ip[1], "id.resp_p": 9}  # fmt: skip
        assert faced(conn(row)).spoke.tolist() == [spoke]

    @pytest.mark.parametrize(
        ("change", "spoke", "handshakes"),
        [
            ({"orig_bytes": 98}, False, 0), ({"orig_bytes": 99}, True, 0),
            ({"orig_bytes": 699, "service": "ssl"}, False, 1),
            ({"orig_bytes": 98, "service": "tls"}, False, 1),
            ({"orig_bytes": 700, "service": "ssl"}, True, 0),
            ({"orig_bytes": None, "service": "ssl"}, True, 0),
            ({"orig_bytes": 98, "proto": "udp"}, True, 0),
            ({"orig_bytes": 98, "history": "Dad"}, True, 0),
            ({"orig_bytes": 98, "id.resp_p": 9999}, True, 0),
            ({"orig_bytes": 98, "resp_bytes": 0, "service": "ssl"}, False, 0),
        ],
    )  # fmt: skip
    def test_whoever_looks_what_a_port_speaks_asked_for_no_association(
        self, change: Row, spoke: bool, handshakes: int
    ) -> None:
        silent = {"resp_ip_bytes": 60} if change.get("resp_bytes") == 0 else {}
        told = faced(conn({"service": None} | change | silent))
        assert (told.spoke.tolist(), told.handshakes) == ([spoke], handshakes)

    def test_a_history_is_told_from_the_other_side(self) -> None:
        told = pa.chunked_array([["ShADad", "Dat^"], [None, "Dat^"]])
        found = turn(told, np.array([False, True, True, False])).to_pylist()
        assert found == ["ShADad", "dAT^", None, "Dat^"]
        assert turn(told, np.zeros(4, bool)).to_pylist() == ["ShADad", "Dat^", None, "Dat^"]


SILENT: Row = {"resp_bytes": 0, "resp_ip_bytes": 60}


class TestServices:
    @pytest.mark.parametrize(
        ("change", "service"),
        [
            ({}, "dicom"),
            ({"service": "ssl,DICOM", "id.resp_p": 9}, "ssl,dicom"),
            ({"service": "ssl,dicom", "id.resp_p": 9}, "dicom"),
            ({"service": "notdicom"}, "notdicom"),
            ({"service": None}, "dicom?"),
            ({"service": "ssl", "id.resp_p": 2762}, "dicom?"),
            ({"service": "ssl,-dicom"}, "dicom?"),
            ({"service": "-dicom"}, "dicom?"),
            ({"service": "-ssl,dicom", "id.resp_p": 9999}, "dicom"),
            ({"service": "-http,-ssl", "id.resp_p": 9999}, "tcp"),
            ({"service": "http"}, "http"),
            ({"service": "HTTP"}, "http"),
            ({"service": None} | SILENT, "tcp/104"),
            ({"service": "ssl"} | SILENT, "tcp/104"),
            ({"service": "ssl", "id.resp_p": 443} | SILENT, "ssl"),
            ({"service": None, "proto": "udp"}, "udp/104"),
            ({"service": None, "id.resp_p": 1023}, "tcp/1023"),
            ({"service": None, "id.resp_p": 1024}, "tcp"),
            ({"service": None, "id.resp_p": 11112} | SILENT, "tcp/11112"),
            ({"service": None, "id.resp_p": 2761} | SILENT, "tcp/2761"),
            ({"service": None, "id.resp_p": 4242} | SILENT, "tcp/4242"),
            ({"service": None, "id.resp_p": 4242}, "dicom?"),
            ({"service": None, "id.resp_p": None}, "tcp"),
            ({"service": None, "proto": "icmp", "id.resp_p": 3}, "icmp"),
            ({"service": None, "proto": None, "id.resp_p": 3}, "other"),
            ({"service": None, "proto": "X" * 20}, "x" * 16),
            ({"service": "y" * 70}, "y" * 64),
        ],
    )
    def test_a_service_has_one_name(
        self, duck: duckdb.DuckDBPyConnection, change: Row, service: str
    ) -> None:
        found = tables(duck, change, {"service": "dns", "id.resp_p": 53})
        assert {row["service"] for row in found["traffic"]} == {service, "dns"}
        imaging = service in {"dicom", "dicom?"}
        assert [row["service"] for row in found["connections"]] == [service] * imaging


class TestHours:
    def test_a_connection_over_hours_has_shares_that_sum_to_the_whole(
        self, duck: duckdb.DuckDBPyConnection
    ) -> None:
        rows = traffic(duck, {"at": 1800.0, "duration": 7200.0})
        assert [row["hour"] for row in rows] == [0, 1, 2]
        assert [row["bytes"] for row in rows] == [350, 700, 350]
        assert [row["communications"] for row in rows] == [1, 0, 0]
        assert sum(row["packets"] for row in rows) == 10
        assert sum(row["missed_bytes"] for row in rows) == 7
        back = traffic(duck, {"at": 1800.0, "duration": 7200.0}, of="10.0.0.2")
        assert [row["bytes"] for row in back] == [105, 210, 105]
        assert {row["communications"] for row in back} == {0}
        assert {row["missed_bytes"] for row in back} == {0}

    def test_one_over_hours_is_spread_beside_one_that_is_not(
        self, duck: duckdb.DuckDBPyConnection
    ) -> None:
        rows = traffic(duck, {"at": 1800.0, "duration": 7200.0}, {"id.resp_h": "10.0.0.9"})
        told = [(row["hour"], row["destination"], row["bytes"]) for row in rows]
        assert told == [
            (0, "10.0.0.2", 350), (0, "10.0.0.9", 1400), (1, "10.0.0.2", 700), (2, "10.0.0.2", 350),
        ]  # fmt: skip

    @pytest.mark.parametrize(
        ("at", "duration", "hours"),
        [(0, 3599.9, [0]), (0, 3600, [0, 1]), (3599, 2, [0, 1]), (-1, 0.5, [-1]), (3600, 0, [1])],
    )
    def test_an_hour_begins_where_it_does(
        self, duck: duckdb.DuckDBPyConnection, at: float, duration: float, hours: list[int]
    ) -> None:
        found = tables(duck, {"at": at, "duration": float(duration)})
        assert [row["hour"] for row in found["coverage"]] == hours
        there = [row["hour"] for row in found["traffic"] if row["source"] == "10.0.0.1"]
        assert there == [hour for hour in hours if (at, duration, hour) != (0, 3600, 1)]

    def test_bytes_that_were_missed_stay_where_nothing_else_was_seen(
        self, duck: duckdb.DuckDBPyConnection
    ) -> None:
        """A sensor that sees the responder alone misses bytes of it in every hour."""
        silent = {"orig_pkts": 0, "orig_ip_bytes": 0, "orig_bytes": 0, "missed_bytes": 9000}
        rows = traffic(duck, {"duration": 3 * 3600.0 - 1} | silent)
        assert sum(row["missed_bytes"] for row in rows) == 9000
        assert [row["communications"] for row in rows] == [1, 0, 0]

    def test_what_waits_no_longer_sums_to_the_same(
        self, duck: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def summed(**row: Any) -> Counter[tuple[Any, ...]]:
            found: Counter[tuple[Any, ...]] = Counter()
            for told in traffic(duck, {"at": 1800.0, "duration": 7200.0} | row, {"at": 900.0}):
                found[told["hour"], "bytes"] += told["bytes"]
                found[told["hour"], "communications"] += told["communications"]
            return found

        for row in ({}, {"duration": 1.0}):
            monkeypatch.setattr(hour_sums, "MUCH", 1 << 17)
            whole = summed(**row)
            monkeypatch.setattr(hour_sums, "MUCH", 0)
            assert summed(**row) == whole
            assert whole[0, "communications"] == 2

    def test_coverage_is_where_something_began_or_ended_by_sensor(
        self, duck: duckdb.DuckDBPyConnection
    ) -> None:
        rows = [{"sensor": "s", "duration": 7200.0}, {"sensor": "s"}, {"sensor": None},
                {"sensor": "s", "duration": None}, {"sensor": "s", "at": -3600.0}]  # fmt: skip
        found = [(r["hour"], r["sensor"], r["rows"]) for r in tables(duck, *rows)["coverage"]]
        assert found == [(-1, "s", 2), (0, None, 2), (0, "s", 4), (2, "s", 1)]
        assert {r["origin"] for r in tables(duck, *rows)["coverage"]} == {"zeek"}

    def test_rows_come_sorted_and_equal_ones_as_one(self, duck: duckdb.DuckDBPyConnection) -> None:
        other = {"id.orig_h": "10.0.0.0", "service": "a"}
        rows = tables(duck, {"at": 3600.0}, {}, {"sensor": "s"}, other, {})["traffic"]
        forth = [r for r in rows if r["destination"] == "10.0.0.2"]
        told = [
            (r["hour"], r["source"], r["sensor"], r["communications"], r["bytes"]) for r in forth
        ]
        assert told == [
            (0, "10.0.0.0", None, 1, 1400), (0, "10.0.0.1", None, 2, 2800),
            (0, "10.0.0.1", "s", 1, 1400), (1, "10.0.0.1", None, 1, 1400),
        ]  # fmt: skip

    def test_imaging_connections_are_kept_as_their_originator_sees_them(
        self, duck: duckdb.DuckDBPyConnection
    ) -> None:
        middle = {"uid": "M", "id.orig_p": 104, "id.resp_p": 50000, "history": "Dad" * 30}
        one, other = tables(duck, middle, {"sensor": "s"})["connections"]
        assert (one["source"], one["source_packets"], one["destination_packets"]) == (
            "10.0.0.2",
            8,
            10,
        )
        assert (one["source_local"], one["destination_local"]) == (False, True)
        assert one["history"] == ("dAD" * 30)[:64]
        assert (other["source"], other["source_local"], other["destination_local"]) == (
            "10.0.0.1", True, False,
        )  # fmt: skip
        assert (other["bytes"], other["missed_bytes"], other["sensor"]) == (1820, 7, "s")
        assert (other["source_packets"], other["destination_packets"], other["file"]) == (
            10,
            8,
            None,
        )

    @pytest.mark.parametrize(
        ("change", "lasts"),
        [
            ({"duration": 300.0}, True), ({"duration": 299.9}, False), ({"interim": True}, True),
            *(({"service": zeeks}, True) for zeeks in
              ("vxlan", "geneve", "gtpv1", "teredo", "ayiya", "gre", "ipip")),
            ({"service": "dns"}, False),
            *(({"proto": "udp", "id.resp_p": port, "service": None}, True)
              for port in (2152, 3544, 5072, 6081, 8472)),
            ({"proto": "udp", "id.resp_p": 4789, "service": None}, True),
            ({"proto": "tcp", "id.resp_p": 4789, "service": None}, False),
            ({"proto": "udp", "id.resp_p": 4790, "service": None}, False),
        ],
    )  # fmt: skip
    def test_what_may_be_told_again_is_kept_whole(
        self, duck: duckdb.DuckDBPyConnection, change: Row, lasts: bool
    ) -> None:
        found = tables(duck, change)["lasting"]
        assert [(r["uid"], r["key"], r["source_bytes"], r["destination_bytes"], r["sign"],
                 r["source_packets"], r["destination_packets"], r["missed_bytes"]) for r in found
                ] == [("C1", 1, 1400, 420, 1, 10, 8, 7)] * lasts  # fmt: skip

    def test_what_lasted_counts_again_as_it_did(self, duck: duckdb.DuckDBPyConnection) -> None:
        hours, again = ConnHours(duck), ConnHours(duck)
        made = dict(hours.add(conn({"at": 100.0, "duration": 4000.0, "sensor": "s"})))
        first = [table.to_pylist() for name, table in hours.finish() if name == "traffic"]
        list(again.add_lasting(made["lasting"]))
        second = [table.to_pylist() for name, table in again.finish() if name == "traffic"]
        assert first == second != []


def sums(*rows: tuple[int, int, int], octets: int = 5) -> Sums:
    """Return sums of these hours, originators and responders."""
    hour, a, b = (np.array([row[n] for row in rows]) for n in range(3))
    once, some = np.ones(len(rows), np.int64), np.full(len(rows), octets)
    none, zero = np.zeros(len(rows), np.int32), np.zeros(len(rows), np.int64)
    return Sums(hour, a.astype(np.int32), b.astype(np.int32), none, none, once, (once, zero),
                (some, zero), zero)  # fmt: skip


def waiting(hosts: int = 2) -> HourSums:
    made = HourSums()
    made.hosts.numbers(pa.array([f"h{n}" for n in range(hosts)]))
    made.services.numbers(pa.array(["dicom"]))
    made.sensors.numbers(pa.array([None], pa.string()))
    return made


def hours_of(made: Iterator[pa.Table]) -> list[int]:
    return [int(m.timestamp()) // 3600 for table in made for m in table["hour"].to_pylist()]


class TestSums:
    def test_names_have_numbers_in_their_order_and_nulls_come_first(self) -> None:
        names = Names()
        assert names.numbers(pa.array(["b", None, "a", "b"])).tolist() == [0, 1, 2, 0]
        encoded = pa.array(["c", "a"]).dictionary_encode()
        assert names.numbers(encoded).tolist() == [3, 2]
        assert names.numbers(pa.array([], pa.string())).tolist() == []
        ranks, words = names.ranked()
        assert words.to_pylist() == [None, "a", "b", "c"]
        assert ranks.tolist() == [2, 0, 1, 3]
        assert (len(names), names.texts().to_pylist()) == (4, ["b", None, "a", "c"])

    def test_hours_wait_until_two_later_ones_are_there(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(hour_sums, "MUCH", 3)
        made = waiting()
        made.add(sums((1, 0, 1), (2, 0, 1), (3, 0, 1)))
        assert hours_of(made.ready()) == [], "three may wait"
        made.add(sums((5, 0, 1)))
        assert hours_of(made.ready()) == [1, 2]
        assert made.count == 2
        assert hours_of(made.finish()) == [3, 5]
        assert (made.count, len(made.hosts)) == (0, 0)

    def test_where_less_than_half_is_complete_all_is_given(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(hour_sums, "MUCH", 3)
        for late, given in ((4, [1, 4, 4, 4]), (1, [1, 1])):
            made = waiting(9)
            made.add(sums((1, 0, 1), (late, 0, 2), (4, 0, 3), (4, 0, 4)))
            assert hours_of(made.ready()) == given
        made = waiting(9)
        made.add(sums((1, 0, 1), (1, 0, 2), (4, 0, 3), (4, 0, 4), (4, 0, 5)))
        assert len(hours_of(made.ready())) == 5, "two of five are less than half"

    def test_many_names_are_forgotten(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(hour_sums, "MANY_NAMES", 4)
        for hosts, given in ((4, []), (5, [1])):
            made = waiting(hosts)
            made.add(sums((1, 0, 1)))
            assert hours_of(made.ready()) == given
            assert len(made.hosts) == (0 if given else hosts)

    def test_rows_are_given_a_few_at_a_time(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(hour_sums, "AT_ONCE", 2)
        made = waiting(4)
        made.add(sums((1, 0, 1), (1, 0, 2), (1, 3, 2)))
        given = list(made.finish())
        assert [table.num_rows for table in given] == [2, 1]
        told = [row for table in given for row in table.to_pylist()]
        assert [(r["source"], r["destination"]) for r in told] == [
            ("h0", "h1"), ("h0", "h2"), ("h3", "h2"),
        ]  # fmt: skip
        assert {(r["origin"], r["samples"], r["weight_squares"], r["file"]) for r in told} == {
            ("zeek", 0, 0.0, None)
        }

    @pytest.mark.parametrize(
        ("values", "starts", "expected"),
        [
            ([1, 2, 3], [0, 2], [3, 3]),
            ([2**62, 2**62 - 1], [0], [MOST]),
            ([2**62, 2**62, 5], [0, 2], [MOST, 5]),
            ([MOST, MOST, -MOST, -MOST], [0, 2], [MOST, -MOST]),
            ([MOST, 1, -MOST], [0], [1]),
            ([MOST, MOST, -5], [0, 2], [MOST, -5]),
            ([-MOST, -MOST], [0], [-MOST]),
            ([], [], []),
        ],
    )
    def test_a_sum_is_exact_or_as_large_as_64_bits_can_say(
        self, values: list[int], starts: list[int], expected: list[int]
    ) -> None:
        found = added_up(np.array(values, np.int64), np.array(starts, np.int64))
        assert found.tolist() == expected

    @pytest.mark.parametrize("factor", [1, 2**40, 2**59])
    def test_one_number_sorts_as_columns_do(self, factor: int) -> None:
        random = np.random.default_rng(2)
        columns = [(random.integers(0, 3, 200), 3), (random.integers(-1, 2, 200) * factor, 0),
                   (random.integers(0, 5, 200), 5)]  # fmt: skip
        key = packed(columns)
        rows = list(zip(*(c.tolist() for c, _ in columns), strict=True))
        order = np.argsort(key, kind="stable")
        assert [rows[n] for n in order] == sorted(rows)
        assert len(set(key.tolist())) == len(set(rows))
        assert packed([(np.empty(0, np.int64), 0), (np.empty(0, np.int64), 4)]).tolist() == []


class TestKeys:
    def of(self, *rows: Row, sensor: str | None = None) -> list[int]:
        batch = conn(*rows).combine_chunks().to_batches()[0]
        return connection_keys(batch, pa.array([sensor] * len(rows), pa.string())).tolist()

    def test_a_key_follows_from_sensor_addresses_ports_protocol_and_start(self) -> None:
        (key,) = self.of({})
        same = {"uid": "other", "duration": 9.0, "service": None, "orig_pkts": 3, "at": 0.009}
        assert self.of(same) == [key]
        others = [{"id.orig_h": "10.0.0.3"}, {"id.orig_p": 1}, {"id.resp_h": "10.0.0.1"},
                  {"id.resp_p": 1}, {"proto": "udp"}, {"at": 0.01}]  # fmt: skip
        assert len({key, *self.of(*others), *self.of({}, sensor="s")}) == 8
        assert self.of({"id.orig_p": None}) == self.of({"id.orig_p": 0})

    def test_steps_beside_it_are_those_of_ten_milliseconds(self) -> None:
        keys = np.array(self.of({"at": 5.0}, {"at": 4.99}, {"at": 5.01}))
        early, late = neighbours(keys)
        assert (early[0], late[0]) == (keys[1], keys[2])

    def test_one_flow_has_one_number_and_its_steps_lie_side_by_side(self) -> None:
        rows = [{"at": 5.0}, {"at": 5.01}, {"at": 7.0}, {"at": 5.0, "id.orig_p": 4}]
        moments = np.array([round((T0 + row["at"]) * 1e6) for row in rows])
        steps, flows = flow_steps(np.array(self.of(*rows)), moments)
        assert len(set(flows.tolist())) == 2
        assert flows[0] == flows[2] != flows[3]
        assert int(steps[1]) - int(steps[0]) == 1
        assert int(steps[2]) - int(steps[0]) == 200
        assert int(steps[0]) >> 24 == int(steps[2]) >> 24 != int(steps[3]) >> 24
