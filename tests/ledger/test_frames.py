"""Frames to hourly sums, without a ledger: who began what, its name, and which files it crosses."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from pacsflow.ledger.engine import engine
from pacsflow.ledger.frame_hours import frame_hours
from pacsflow.terms.log_fields import DICOM, FRAMES, OTHER

if TYPE_CHECKING:
    from collections.abc import Iterator

    import duckdb

Row = dict[str, Any]
T0 = datetime(2026, 3, 2, 8, tzinfo=UTC)
CT, PACS = ("10.0.0.1", 40000), ("10.0.0.2", 104)
SYN, SYN_ACK, ACK, FIN, RST = 2, 18, 16, 17, 4


def frame(source: tuple[str, int], to: tuple[str, int], flags: int = ACK, payload: int = 0,
          at: float = 0.0, **row: Any) -> Row:  # fmt: skip
    base: Row = {
        "ts": T0 + timedelta(seconds=at), "id.orig_h": source[0], "id.orig_p": source[1],
        "id.resp_h": to[0], "id.resp_p": to[1], "length": 60 + (payload or 0), "sampling_rate": 1,
        "proto": "tcp", "flow": "1", "payload": payload, "tcp_flags": flags, "protocol": "TCP",
    }  # fmt: skip
    return base | row


@pytest.fixture(scope="module")
def duck() -> Iterator[duckdb.DuckDBPyConnection]:
    with engine() as made:
        yield made


def told(
    duck: duckdb.DuckDBPyConnection, *rows: Row, called: Row | None = None
) -> dict[str, list[Row]]:
    """Return the tables that frames come to; `called`: an association of the same capture."""
    reader = pa.Table.from_pylist(list(rows), FRAMES).to_batches()
    known = pa.Table.from_pylist([called] if called else [], DICOM).to_batches()
    tables, said = frame_hours(duck, reader, known)
    assert said == []
    return {name: table.to_pylist() for name, table in tables}


def begun(
    duck: duckdb.DuckDBPyConnection, *rows: Row, called: Row | None = None
) -> tuple[str, str]:
    """Return who began the one conversation, and its service."""
    found = told(duck, *rows, called=called)["traffic"]
    assert sum(row["communications"] for row in found) == 1
    (first,) = (row for row in found if row["communications"])
    assert {row["service"] for row in found} == {first["service"]}
    return first["source"], first["service"]


OPEN = frame(CT, PACS, SYN), frame(PACS, CT, SYN_ACK), frame(CT, PACS)
TALK = frame(CT, PACS, payload=9, at=1), frame(PACS, CT, payload=9, at=2)
HIGH = ("10.0.0.2", 50000)
CALLED: Row = {"ts": T0, "uid": "C", "id.orig_h": CT[0], "id.orig_p": CT[1], "id.resp_h": PACS[0],
               "id.resp_p": 104}  # fmt: skip


class TestWhoBegan:
    def test_who_sent_the_syn(self, duck: duckdb.DuckDBPyConnection) -> None:
        assert begun(duck, *OPEN, *TALK)[0] == CT[0]
        assert begun(duck, frame(PACS, CT), *OPEN, *TALK)[0] == CT[0]
        assert begun(duck, frame(PACS, CT, SYN), *TALK)[0] == PACS[0], "whatever its port"

    def test_who_did_not_answer_it(self, duck: duckdb.DuckDBPyConnection) -> None:
        assert begun(duck, *OPEN[1:], *TALK)[0] == CT[0]
        assert begun(duck, frame(CT, PACS, SYN_ACK), *TALK)[0] == PACS[0]
        assert begun(duck, *TALK, frame(CT, HIGH, SYN_ACK, flow="1"))[0] == PACS[0]

    def test_who_called_in_the_association(self, duck: duckdb.DuckDBPyConnection) -> None:
        turned = CALLED | {"id.orig_h": PACS[0], "id.orig_p": 104, "id.resp_h": CT[0],
                           "id.resp_p": CT[1]}  # fmt: skip
        assert begun(duck, *TALK, called=turned)[0] == PACS[0]
        assert begun(duck, *reversed(TALK), called=CALLED)[0] == CT[0]
        assert begun(duck, *OPEN, *TALK, called=turned)[0] == CT[0], "the SYN says more"

    def test_who_is_not_on_a_dicom_port_or_was_seen_first(
        self, duck: duckdb.DuckDBPyConnection
    ) -> None:
        assert begun(duck, *reversed(TALK))[0] == CT[0]
        high = [frame(HIGH, CT, payload=9), frame(CT, HIGH, payload=9)]
        assert begun(duck, *high)[0] == HIGH[0]
        assert begun(duck, *(r | {"proto": "udp"} for r in reversed(TALK)))[0] == PACS[0]
        both = ("10.0.0.1", 11112)
        assert begun(duck, frame(PACS, both, payload=9), frame(both, PACS, payload=9))[0] == PACS[0]


def test_what_routers_tell_of_flows_is_said_not_to_be_read(duck: duckdb.DuckDBPyConnection) -> None:
    flows = frame(CT, ("10.0.0.9", 2055), proto="udp", tcp_flags=None, protocol="CFLOW")
    rows = pa.Table.from_pylist([flows, flows, *TALK], FRAMES).to_batches()
    _, said = frame_hours(duck, rows)
    assert [sentence.partition(":")[0] for sentence in said] == ["2 frames carry NetFlow or IPFIX"]


class TestServices:
    @pytest.mark.parametrize(
        ("rows", "service"),
        [
            ([*OPEN, *TALK], "dicom?"),
            ([*OPEN, TALK[0] | {"service": "dicom"}, TALK[1]], "dicom"),
            ([*OPEN, TALK[0] | {"service": OTHER}, TALK[1]], "tcp/104"),
            ([*OPEN, TALK[0] | {"service": "http"}, TALK[1]], "http"),
            ([*OPEN, *(row | {"payload": 1} for row in TALK)], "dicom?"),
            ([OPEN[0], TALK[0], frame(PACS, CT)], "tcp/104"),
            ([OPEN[1], TALK[0], frame(PACS, CT)], "tcp/104"),
            ([*OPEN], "tcp/104"),
            ([*OPEN, TALK[0]], "tcp/104"),
            ([frame(CT, PACS, SYN), frame(PACS, CT, RST)], "tcp/104"),
            ([TALK[0]], "dicom?"),
            ([frame(CT, PACS), TALK[0], frame(PACS, CT)], "dicom?"),
            ([frame(CT, PACS), frame(PACS, CT)], "tcp/104"),
            ([frame(CT, PACS, payload=9) | {"payload": None}], "tcp/104"),
            ([r | {"payload": None} for r in TALK], "dicom?"),
            ([frame(CT, HIGH, SYN), frame(HIGH, CT, SYN_ACK)], "tcp"),
            ([frame(CT, ("10.0.0.2", 80), payload=1), frame(("10.0.0.2", 80), CT)], "tcp/80"),
            ([frame(("10.0.0.2", 80), CT, payload=1)], "tcp/80"),
            ([frame(CT, ("10.0.0.2", 53), proto="udp", tcp_flags=None)], "udp/53"),
            ([frame((CT[0], 5000), (PACS[0], 11112), payload=9)], "dicom?"),
            ([frame((PACS[0], 11112), (CT[0], 5000), payload=9)], "dicom?"),
            ([frame((PACS[0], 900), (CT[0], 800), SYN_ACK)], "tcp/900"),
            ([frame((CT[0], 900), (PACS[0], 800), SYN)], "tcp/800"),
            ([frame((CT[0], 800), (PACS[0], 900), SYN)], "tcp/900"),
            ([frame(CT, ("10.0.0.2", 1023), SYN)], "tcp/1023"),
            ([frame(CT, ("10.0.0.2", 1024), SYN)], "tcp"),
        ],
    )
    def test_a_conversation_has_one_name(
        self, duck: duckdb.DuckDBPyConnection, rows: list[Row], service: str
    ) -> None:
        assert begun(duck, *rows)[1] == service

    def test_frames_without_ports_are_named_by_their_protocol(
        self, duck: duckdb.DuckDBPyConnection
    ) -> None:
        alone = {"flow": None, "proto": None, "payload": None, "tcp_flags": None}
        names = {"ARP": "arp", "DICOM": "dicom", None: "other", "X" * 70: "x" * 64}
        for protocol, service in names.items():
            row = frame(CT, PACS, **alone | {"protocol": protocol})
            assert begun(duck, row)[1] == service
        assert begun(duck, frame(CT, PACS, **alone, service="dns"))[1] == "dns"


class TestSums:
    def test_packets_and_bytes_are_of_each_direction_and_hour(
        self, duck: duckdb.DuckDBPyConnection
    ) -> None:
        rows = [*OPEN, *TALK, frame(CT, PACS, payload=40, at=3600)]
        found = [
            (
                r["hour"].hour,
                r["source"],
                r["packets"],
                r["bytes"],
                r["communications"],
                r["origin"],
            )
            for r in told(duck, *rows)["traffic"]
        ]
        assert found == [
            (8, CT[0], 3, 189, 1, "capture"), (8, PACS[0], 2, 129, 0, "capture"),
            (9, CT[0], 1, 100, 0, "capture"),
        ]  # fmt: skip

    def test_one_that_was_seen_from_its_answer_on_moved_what_it_moved(
        self, duck: duckdb.DuckDBPyConnection
    ) -> None:
        found = told(duck, *reversed(TALK))["traffic"]
        assert [(r["source"], r["communications"], r["packets"], r["bytes"]) for r in found] == [
            (CT[0], 1, 1, 69), (PACS[0], 0, 1, 69),
        ]  # fmt: skip
        nothing = {(r["missed_bytes"], r["samples"], r["weight_squares"]) for r in found}
        assert nothing == {(0, 0, 0.0)}

    def test_samples_stand_for_their_rate_and_are_no_conversations(
        self, duck: duckdb.DuckDBPyConnection
    ) -> None:
        sampled = {"sampling_rate": 100, "agent": "10.9.0.1"}
        (row,) = told(duck, *(frame(CT, PACS, payload=40, **sampled) for _ in range(3)))["traffic"]
        assert (row["origin"], row["packets"], row["bytes"], row["samples"]) == (
            "sflow", 300, 30_000, 3,
        )  # fmt: skip
        assert (row["communications"], row["weight_squares"]) == (3, 3 * 10_000.0**2)
        (each,) = told(duck, frame(CT, PACS, agent="10.9.0.1"))["traffic"]
        assert (each["origin"], each["samples"], each["packets"]) == ("sflow", 1, 1)
        (unnamed,) = told(duck, frame(CT, PACS, sampling_rate=2))["traffic"]
        assert (unnamed["origin"], unnamed["packets"]) == ("sflow", 2)

    def test_coverage_counts_all_rows_with_a_time(self, duck: duckdb.DuckDBPyConnection) -> None:
        rows = [frame(CT, PACS), frame(CT, PACS, at=3599.9), frame(CT, PACS, at=3600),
                frame(CT, PACS) | {"id.orig_h": None}, frame(CT, PACS) | {"ts": None},
                frame(CT, PACS, sampling_rate=2)]  # fmt: skip
        tables = told(duck, *rows)
        found = [(r["hour"].hour, r["origin"], r["rows"]) for r in tables["coverage"]]
        assert found == [(8, "capture", 3), (8, "sflow", 1), (9, "capture", 1)]
        assert sum(row["packets"] for row in tables["traffic"]) == 5


class TestCrossing:
    def of(self, duck: duckdb.DuckDBPyConnection, *rows: Row) -> list[tuple[str, bool, bool]]:
        found = told(duck, *rows)["crossing"]
        return [(r["source"], r["head"], r["tail"]) for r in found if r["source"] != "10.0.9.9"]

    LATE = (
        frame(("10.0.9.9", 1), ("10.0.9.8", 2), SYN, at=900, flow="2"),
        frame(("10.0.9.8", 2), ("10.0.9.9", 1), RST, at=900, flow="2"),
    )

    def test_what_began_before_or_may_go_on(self, duck: duckdb.DuckDBPyConnection) -> None:
        end = frame(CT, PACS, FIN, at=3)
        assert self.of(duck, *OPEN, *TALK, end, *self.LATE) == []
        assert self.of(duck, *OPEN, *TALK, *self.LATE) == [(CT[0], False, True)]
        assert self.of(duck, *TALK, end, *self.LATE) == [(CT[0], True, False)]
        assert self.of(duck, *reversed(TALK), *self.LATE) == [(CT[0], True, True)]
        assert self.of(duck, frame(CT, PACS, SYN), *self.LATE) == [], "nobody answered"
        assert self.of(duck, TALK[0], *self.LATE) == [(CT[0], True, True)], "one side was captured"
        (row,) = told(duck, *TALK)["crossing"]
        assert [row["ts"] - T0, row["last"] - T0] == [timedelta(seconds=n) for n in (1, 2)]

    @pytest.mark.parametrize(
        ("at", "crosses"),
        [(59.9, [(True, False)]), (60, []), (840, []), (840.1, [(False, True)])],
    )
    def test_where_payload_is_not_told_the_first_and_last_minute_count(
        self, duck: duckdb.DuckDBPyConnection, at: float, crosses: list[tuple[bool, bool]]
    ) -> None:
        bare = [frame(*ends, at=at) | {"payload": None} for ends in ((CT, PACS), (PACS, CT))]
        found = self.of(duck, self.LATE[0] | {"ts": T0}, *bare, *self.LATE)
        assert [ends for _, *ends in found] == [list(ends) for ends in crosses]

    def test_what_is_closed_in_the_last_five_seconds_may_go_on(
        self, duck: duckdb.DuckDBPyConnection
    ) -> None:
        for at, crosses in ((895, []), (895.1, [(CT[0], False, True)])):
            assert self.of(duck, *OPEN, *TALK, frame(CT, PACS, FIN, at=at), *self.LATE) == crosses

    def test_its_key_is_of_both_ends_and_the_protocol(
        self, duck: duckdb.DuckDBPyConnection
    ) -> None:
        def key(*rows: Row) -> int:
            return int(told(duck, *rows)["crossing"][0]["key"])

        first = key(*TALK)
        assert key(*reversed(TALK)) == first
        assert key(frame(CT, PACS, payload=1)) == first
        others = [
            frame(("10.0.0.1", 40001), PACS, payload=1),
            frame(CT, ("10.0.0.2", 105), payload=1),
            frame(CT, PACS, payload=1, proto="udp"),
        ]
        assert len({first, *map(key, others)}) == 4

    def test_samples_cross_nothing(self, duck: duckdb.DuckDBPyConnection) -> None:
        assert self.of(duck, *(row | {"agent": "10.9.0.1"} for row in TALK)) == []


def test_a_source_is_read_where_signals_arrive(duck: duckdb.DuckDBPyConnection) -> None:
    """The engine's own threads hear of none, and everybody waits for them."""
    one = pa.Table.from_pylist([frame(CT, PACS)], FRAMES).to_batches()[0]
    threads = []

    def batches() -> Iterator[pa.RecordBatch]:
        for _ in range(8):
            threads.append(threading.get_ident())
            yield one

    frame_hours(duck, batches())
    assert threads == [threading.get_ident()] * 8
