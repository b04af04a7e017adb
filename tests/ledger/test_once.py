"""A connection counts once, whichever log, run or sensor tells it; the sums are counted by hand."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from conftest import CONN_FIELDS, CONN_ROW, json_log, tsv
from ledger.books import ONE, T0, sums
from pacsflow.ledger import Ledger, staging
from pacsflow.pseudonyms import Pseudonyms
from pacsflow.readers import find
from pacsflow.terms.log_fields import VLANS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pacsflow.readers import Source

    Write = Callable[[str, str | bytes], Path]
"""Bytes of `conftest.CONN_ROW`, both ways."""
TUNNELLED = {**CONN_FIELDS, "tunnel_parents": "set[string]"}


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "ledger", create=True)


def add(ledger: Ledger, *paths: Path, sensor: str = "") -> None:
    added = ledger.add(find(paths).sources, sensor=sensor)
    assert not added.problems


def rows(count: int, **change: Any) -> list[dict[str, Any]]:
    return [
        {"uid": f"C{n}", "ts": f"{T0 + n}.000001", "id.orig_p": str(40000 + n), **change}
        for n in range(count)
    ]


@pytest.mark.few(2)
@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize("first", ["conn", "conn_long"])
def test_the_end_counts_however_short_it_was(
    ledger: Ledger, write: Write, together: bool, first: str
) -> None:
    paths = {
        "conn": write("conn.log", tsv(rows(3, duration="20.0"))),
        "conn_long": write(
            "conn_long.log",
            tsv(rows(3, duration="9.0", orig_ip_bytes="1")).replace(
                "#path\tconn", "#path\tconn_long"
            ),
        ),
    }
    ordered = sorted(paths.values(), key=lambda path: path.stem != first)
    if together:
        add(ledger, *ordered)
    else:
        for path in ordered:
            add(ledger, path)
    assert sums(ledger) == (3 * ONE, 3)


@pytest.mark.few(1)
@pytest.mark.parametrize("together", [True, False])
def test_a_twin_in_json_and_a_half_copy_add_nothing(
    ledger: Ledger, write: Write, together: bool
) -> None:
    whole = tsv(rows(20))
    paths = [
        write("a/conn.log", whole),
        write("b/conn.json.log", json_log([{**r, "ts": float(r["ts"])} for r in rows(20)])),
        write("c/conn.log", tsv(rows(20)[:7], close=False)),
    ]
    if together:
        add(ledger, *paths)
    else:
        for path in reversed(paths):
            add(ledger, path)
    assert sums(ledger) == (20 * ONE, 20)


def long_row(duration: int, packets: int, octets: int) -> dict[str, Any]:
    return {
        "uid": "L", "duration": str(duration), "orig_pkts": str(packets), "resp_pkts": "0",
        "orig_ip_bytes": str(octets), "resp_ip_bytes": "0",
    }  # fmt: skip


def test_the_last_word_on_a_long_connection_counts(ledger: Ledger, write: Write) -> None:
    """conn_long.log tells it every ten minutes, conn.log at its end: in runs of their own."""
    add(ledger, write("1/conn_long.log", tsv([long_row(600, 5, 500), long_row(1200, 9, 900)])))
    assert sums(ledger) == (900, 1)
    add(ledger, write("2/conn_long.log", tsv([long_row(5400, 50, 5000)])))
    assert sums(ledger) == (5000, 1)
    add(ledger, write("3/conn.log", tsv([long_row(9000, 90, 9001)])))
    assert sums(ledger) == (9001, 1)
    add(ledger, write("4/conn_long.log", tsv([long_row(7200, 60, 6000)])))
    assert sums(ledger) == (9001, 1)
    ledger.compact()
    assert sums(ledger) == (9001, 1)


@pytest.mark.few(1)
@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize("json", [True, False])
def test_what_only_a_twin_tells_counts_once(
    ledger: Ledger, write: Write, together: bool, json: bool
) -> None:
    """conn_long.log knows a connection that goes on, the stream in JSON one that was left out."""
    going_on = long_row(600, 5, 500), long_row(1200, 9, 900)
    paths = [
        write("logs/conn.log", tsv([rows(2)[1]])),
        write("logs/conn_long.log", tsv(going_on).replace("#path\tconn", "#path\tconn_long")),
    ]
    if json:
        told = [{**r, "ts": float(r["ts"])} for r in rows(3)[1:]]
        paths.append(write("logs/json_streaming_conn.log", json_log(told)))
    for path in [paths[0].parent] if together else reversed(paths):
        add(ledger, path)
    assert sums(ledger) == (900 + ONE * (1 + json), 2 + json)


def test_a_log_of_which_a_part_was_taken_back_may_still_grow(ledger: Ledger, write: Write) -> None:
    first = write("conn_long.log", tsv([long_row(600, 5, 500)], close=False))
    add(ledger, first)
    add(ledger, write("late/conn.log", tsv([long_row(900, 8, 800)])))
    first.write_text(tsv([long_row(600, 5, 500), rows(2)[1]], close=False))
    add(ledger, first)
    assert sums(ledger) == (800 + ONE, 2)


def test_one_row_told_by_ten_workers_counts_once_and_is_said(ledger: Ledger, write: Write) -> None:
    add(ledger, write("conn.log", tsv([{"uid": f"W{n}"} for n in range(10)])))
    assert sums(ledger) == (ONE, 1)
    (entry,) = ledger.entries()
    assert "9 rows tell connections that other rows tell" in entry.notes[0]
    assert "1 connection has rows of several uids" in entry.notes[1]


IN_VLANS = {**CONN_FIELDS, **dict.fromkeys(VLANS, "int")}


@pytest.mark.parametrize("together", [True, False])
@pytest.mark.few(2)
@pytest.mark.parametrize("column", VLANS)
def test_one_address_pair_in_two_vlans_is_two_connections(
    ledger: Ledger, write: Write, column: str, together: bool
) -> None:
    """As Zeek has them whose key of a connection knows of VLANs; also in two files."""
    told = [{"uid": f"V{n}", "vlan": "-", column: str(n)} for n in (10, 20)]
    if together:
        add(ledger, write("conn.log", tsv(told, fields=IN_VLANS)))
        (entry,) = ledger.entries()
        (note,) = entry.notes
        assert "2 connections carry the same between the same addresses" in note
    else:
        for row in told:
            add(ledger, write(f"{row['uid']}/conn.log", tsv([row], fields=IN_VLANS)))
    assert sums(ledger) == (2 * ONE, 2)


def test_rows_of_one_vlan_are_one_connection_and_tags_of_priority_are_none(
    ledger: Ledger, write: Write
) -> None:
    told = [
        *({"uid": f"W{n}", "vlan": "7"} for n in range(3)),
        {"uid": "A", "id.orig_p": "50000"},
        {"uid": "B", "id.orig_p": "50000", "vlan": "0"},
    ]
    add(ledger, write("conn.log", tsv(told, fields=IN_VLANS)))
    add(ledger, write("again/conn.log", tsv(told[:2], fields=IN_VLANS)))
    assert sums(ledger) == (2 * ONE, 2)


def test_workers_that_saw_one_connection_begin_a_moment_apart(ledger: Ledger, write: Write) -> None:
    told = [
        {"uid": f"W{n}", "ts": f"{T0 + 1}.{n * 1500 + 1:06d}", "orig_ip_bytes": str(1000 + n)}
        for n in range(10)
    ]
    told[3] |= {"duration": "-"}
    add(ledger, write("conn.log", tsv(told)))
    assert sums(ledger) == (1009 + 420, 1)


def test_a_port_used_again_at_once_is_another_connection(ledger: Ledger, write: Write) -> None:
    told = [{"ts": f"{T0}.0", "duration": "0.001"}, {"ts": f"{T0}.005", "uid": "next"}]
    add(ledger, write("conn.log", tsv(told)))
    assert sums(ledger) == (2 * ONE, 2)


def test_a_port_used_again_is_another_connection(ledger: Ledger, write: Write) -> None:
    add(ledger, write("conn.log", tsv([{"uid": f"R{n}", "ts": f"{T0 + n}.5"} for n in range(3)])))
    assert sums(ledger) == (3 * ONE, 3)


OUTER = {
    "uid": "OUT", "id.orig_h": "172.30.0.1", "id.resp_h": "172.30.0.2", "id.resp_p": "4789",
    "proto": "udp", "service": "vxlan", "duration": "60",
}  # fmt: skip
INNER = {"uid": "IN", "tunnel_parents": "OUT"}


@pytest.mark.few(2)
@pytest.mark.parametrize("order", [(OUTER, INNER), (INNER, OUTER)])
@pytest.mark.parametrize("runs", [1, 2])
def test_a_tunnel_is_no_traffic_of_its_own(
    ledger: Ledger, write: Write, order: tuple[dict[str, Any], ...], runs: int
) -> None:
    if runs == 1:
        add(ledger, write("conn.log", tsv(order, fields=TUNNELLED)))
    else:
        for number, row in enumerate(order):
            add(ledger, write(f"{number}/conn.log", tsv([row], fields=TUNNELLED)))
    assert sums(ledger) == (ONE, 1)


def test_two_sensors_without_names_are_met_by_start(ledger: Ledger, write: Write) -> None:
    """Their starts differ by microseconds, their uids altogether."""
    a = write("A/conn.log", tsv([{"ts": f"{T0}.572229"}]))
    b = write("B/conn.log", tsv([{"ts": f"{T0}.572301", "uid": "other"}]))
    add(ledger, a, b)
    assert sums(ledger) == (ONE, 1)


@pytest.mark.few(1)
@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize("seconds", [0.5, -300, 3900])
def test_two_sensors_without_names_and_with_other_clocks_are_said(
    ledger: Ledger, write: Write, together: bool, seconds: float
) -> None:
    def images(late: float) -> str:
        return tsv(
            {**row, "ts": f"{float(row['ts']) + late:.6f}", "orig_ip_bytes": str(200_000 + n)}
            for n, row in enumerate(rows(8))
        )

    first, second = write("a/conn.log", images(0)), write("b/conn.log", images(seconds))
    added = [
        ledger.add(find(p).sources).added
        for p in ([[first, second]] if together else [[first], [second]])
    ]
    (note,) = [note for entries in added for entry in entries for note in entry.notes]
    assert note.startswith("8 of its imaging connections are like those of conn.log,")
    assert "counts twice, 1,603,388 bytes" in note
    assert sums(ledger)[1] == 16
    grown = write("b/conn.log", images(seconds) + "#\n")
    (entry,) = ledger.add(find([grown]).sources).added
    assert [note[:8] for note in entry.notes] == ["8 of its"]


TURNED = {
    f"{side}{name}": f"{other}{name}"
    for name in ("_bytes", "_pkts", "_ip_bytes")
    for side, other in (("orig", "resp"), ("resp", "orig"))
} | {"id.orig_h": "id.resp_h", "id.resp_h": "id.orig_h", "id.orig_p": "id.resp_p",
     "id.resp_p": "id.orig_p"}  # fmt: skip


@pytest.mark.parametrize("number", [3, 8])
def test_two_sensors_of_which_one_came_in_the_middle_are_said(
    ledger: Ledger, write: Write, number: int
) -> None:
    """Zeek takes for the originator whose packet it saw first."""
    told = [
        {**CONN_ROW, **row, "orig_ip_bytes": f"{200_000 + n}"} for n, row in enumerate(rows(number))
    ]
    turned = [{name: row[TURNED.get(name, name)] for name in row} for row in told]
    first, second = write("a/conn.log", tsv(told)), write("b/conn.log", tsv(turned))
    notes = [n for e in ledger.add(find([first, second]).sources).added for n in e.notes]
    assert [note.partition(": ")[0] for note in notes] == [
        f"{number} of its imaging connections are like those of conn.log, the other way round"
    ]


def test_what_is_asked_by_the_hour_is_no_second_sensor(ledger: Ledger, write: Write) -> None:
    for hour in range(3):
        times = [f"{T0 + 3600 * hour + n}.5" for n in range(9)]
        told = [
            {**row, "ts": ts, "uid": f"C{hour}{ts}"} for row, ts in zip(rows(9), times, strict=True)
        ]
        (entry,) = ledger.add(find([write(f"conn.{hour}.log", tsv(told))]).sources).added
        assert entry.notes == ()


def test_of_what_two_sensors_saw_the_one_that_saw_most_counts(ledger: Ledger, write: Write) -> None:
    """`north` loses packets, and cannot look into DICOM; each sees something alone."""
    north = [{"orig_ip_bytes": "1000", "service": "-"}, {**rows(2)[1], "id.resp_h": "10.0.0.8"}]
    south = [{"uid": "S", "ts": f"{T0}.9"}, {**rows(3)[2], "id.resp_h": "10.0.0.9"}]
    add(ledger, write("n/conn.log", tsv(north)), sensor="north")
    add(ledger, write("s/conn.log", tsv(south)), sensor="south")
    assert sums(ledger) == (3 * ONE, 3)
    ledger.pseudonyms = Pseudonyms(b"0123456789abcdef")
    assert sums(ledger) == (3 * ONE, 3), "under a key two sensors are still two"
    ledger.pseudonyms = None
    with ledger.connect() as connection:
        seen = connection.sql(
            "SELECT sensor, sum(bytes)::BIGINT FROM seen_traffic GROUP BY 1 ORDER BY 1"
        ).fetchall()
    assert seen == [("north", 1420 + ONE), ("south", 2 * ONE)]


def test_sensors_are_named_by_columns_and_parts_of_a_cluster_are_not_sensors(
    ledger: Ledger, write: Write
) -> None:
    fields = {**CONN_FIELDS, "_system_name": "string"}
    there = [{**r, "_system_name": f"east-worker-{n % 2}"} for n, r in enumerate(rows(4))]
    add(ledger, write("conn.log", tsv(there, fields=fields)))
    assert sums(ledger) == (4 * ONE, 4)
    assert ledger.journal.sensors() == {"east"}


def test_associations_of_one_file_are_never_each_others_twins(ledger: Ledger, write: Write) -> None:
    fields = {
        "ts": "time", "uid": "string", "id.orig_h": "addr", "id.orig_p": "port",
        "id.resp_h": "addr", "id.resp_p": "port", "end": "string",
    }  # fmt: skip
    flow = "10.0.0.1\t4000\t10.0.0.2\t104\treleased"

    def log(name: str, *told: tuple[str, str]) -> Path:
        return write(
            name,
            tsv([f"{T0}.{ts}\t{uid}\t{flow}" for ts, uid in told], path="dicom", fields=fields),
        )

    add(ledger, log("a/dicom.log", ("001", "A1"), ("004", "A2")))
    add(ledger, log("b/dicom.log", ("0012", "B1"), ("0041", "B2")), sensor="other")
    with ledger.connect() as connection:
        uids = connection.sql("SELECT uid FROM associations ORDER BY uid").fetchall()
    assert uids == [("A1",), ("A2",)]


@pytest.mark.parametrize("first", ["exact.log", "conn.log"])
def test_a_log_in_whole_seconds_is_told(tmp_path: Path, first: str) -> None:
    """Its connections cannot be known again by their start; alone it is no matter."""
    rows = [{"ts": f"{1772438400 + n}.000000", "uid": f"C{n}"} for n in range(6)]
    logs = {
        "conn.log": tsv(rows),
        "exact.log": tsv([{**row, "ts": row["ts"][:-6] + "250001"} for row in rows]),
    }
    with Ledger.temporary() as ledger:
        for name in sorted(logs, key=lambda name: name != first):
            (tmp_path / name).write_text(logs[name])
            ledger.add(find([tmp_path / name]).sources, workers=1)
            notes = {entry.path.rsplit("/", 1)[1]: entry.notes for entry in ledger.entries()}
            if len(notes) == 1:
                assert notes[name] == ()
    assert any("whole seconds" in note for note in notes["conn.log"])
    assert not any("whole seconds" in note for note in notes["exact.log"])


def ecs(**change: Any) -> dict[str, Any]:
    """Return a connection as Filebeat ships it, with `ONE` bytes."""
    return {
        "@timestamp": "2026-03-02T08:00:00.001Z", "event.dataset": "zeek.connection",
        "event.duration": 1_500_000_000, "source.ip": "10.0.0.1", "source.port": 40000,
        "destination.ip": "10.0.0.2", "destination.port": 104, "network.transport": "tcp",
        "source.bytes": 1400, "destination.bytes": 420, "source.packets": 10,
        "destination.packets": 8, "zeek.connection.state": "SF", "zeek.session_id": "C0", **change,
    }  # fmt: skip


def test_documents_told_twice_are_read_once(
    ledger: Ledger, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are dear to read: readings after the first take what the first one kept."""
    read, seen = staging.read, []

    def counted(source: Source, *rest: Any) -> Any:
        seen.append(source)
        return read(source, *rest)

    monkeypatch.setattr(staging, "read", counted)
    some = [ecs(**{"source.port": 40000 + n, "zeek.session_id": f"C{n}"}) for n in range(5)]
    broken = {**ecs(), "source.packets": -1}
    path = write("conn.json", "".join(json.dumps(r) + "\n" for r in [*some, broken, *some]))
    added = ledger.add(find([path]).sources)
    assert len(seen) == 1
    assert (added.added[0].rows, added.added[0].unreadable, added.added[0].twins) == (10, 1, 5)
    assert any("counted once" in note for note in added.added[0].notes)
    assert sums(ledger) == (5 * ONE, 5)
    assert not list(ledger.folder.rglob("*.arrows"))
