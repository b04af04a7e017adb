"""What a log is follows from what it declares; each row counts once, under its own log."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import os
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from conftest import CONN_FIELDS, CONN_ROW, json_log, tsv
from pacsflow.errors import InputError, UsageError
from pacsflow.readers import CaptureOptions, Format, Quality, find, read, recognise
from pacsflow.readers.log_kinds import log_of_name

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Write = Callable[[str, str | bytes], Path]

DNS_FIELDS = {"ts": "time", "uid": "string", "id.orig_h": "addr", "query": "string"}
DNS = tsv(["1772438400.0\tD1\t10.0.0.1\tpacs"] * 3, path="dns", fields=DNS_FIELDS)


def rows_of(path: Path) -> tuple[dict[str, list[dict[str, Any]]], Quality]:
    quality, logs = Quality(), {}
    for log, batch in read(recognise(path), quality):
        logs.setdefault(log, []).extend(batch.to_pylist())
    return {log: rows for log, rows in logs.items() if rows}, quality


@pytest.mark.parametrize(
    ("name", "log"),
    [
        ("conn.log", "conn"),
        ("conn.08:00:00-09:00:00.log.gz", "conn"),
        ("conn-2026-03-02.log", "conn"),
        ("conn_20260302_0800.log", "conn"),
        ("2026-03-02-conn.log", "conn"),
        ("conn_json.log", "conn"),
        ("json_streaming_conn.1.log", "conn"),
        ("zeek-conn.log", "conn"),
        ("conn_long.log", "conn_long"),
        ("conn-summary.log", "conn_summary"),
        ("notice_alarm.log", "notice_alarm"),
        ("known_dicom.log", "known_dicom"),
        ("monday.log", ""),
    ],
)
def test_the_log_that_a_name_says(name: str, log: str) -> None:
    assert log_of_name(name) == log


@pytest.mark.parametrize(
    ("twin", "content"),
    [
        ("conn_long.log", tsv([{}, {"duration": "9"}]).replace("#path\tconn", "#path\tconn_long")),
        ("conn_red.log", json_log([{"_path": "conn_red"}])),
        ("json_streaming_conn.log", json_log([{"_path": "conn"}])),
        ("lan.log", tsv([{}]).replace("#path\tconn", "#path\tconn_lan")),
    ],
)
def test_a_twin_counts_only_alone(write: Write, tmp_path: Path, twin: str, content: str) -> None:
    write(f"both/{twin}", content)
    write("both/conn.log", tsv([{}]))
    found = find([tmp_path / "both"])
    assert [source.path.name for source in found.sources] == ["conn.log"]
    assert f"{twin} (its rows stand in conn.log)" in found.summary()
    write(f"alone/{twin}", content)
    assert [source.log for source in find([tmp_path / "alone"]).sources] == ["conn"]


def test_logs_of_several_kinds_put_behind_each_other(write: Write) -> None:
    for number, text in enumerate((DNS + tsv([{}]), tsv([{}]) + DNS, DNS + tsv([{}]) + DNS)):
        rows, quality = rows_of(write(f"{number}/all.log", text))
        assert [row["uid"] for row in rows.pop("conn")] == ["C1"]
        assert not rows
        assert quality.unreadable == 0
        assert f"{3 * text.count('#path') - 3} of dns.log" in quality.notes[0]


def test_far_behind_a_log_of_no_use(write: Write) -> None:
    many = DNS.replace("#close", "1772438400.0\tD1\t10.0.0.1\tpacs\n" * 20_000 + "#close")
    text = many + tsv([{}]) + many
    assert len(rows_of(write("all.log", text))[0]["conn"]) == 1
    assert recognise(write("dns.log", many)).format is Format.OTHER_LOG


def test_a_json_stream_of_all_logs(write: Write) -> None:
    dns = json.dumps({"_path": "dns", "ts": 1772438400.0, "id.orig_h": "10.0.0.1",
                      "id.resp_h": "10.0.0.2", "proto": "udp", "uid": "D"}) + "\n"  # fmt: skip
    dicom = json.dumps({"_path": "dicom", "ts": 1772438400.0, "id.orig_h": "10.0.0.1",
                        "id.resp_h": "10.0.0.2", "calling_ae": "CT"}) + "\n"  # fmt: skip
    conn = json_log([{"_path": "conn"}])
    for number, text in enumerate((dns + conn + dicom, dicom + dns + conn, conn + dicom + dns)):
        rows, quality = rows_of(write(f"{number}/stream.log", text))
        assert {log: len(found) for log, found in rows.items()} == {"conn": 1, "dicom": 1}
        assert quality.notes == ["rows of logs that are not used: 1 of dns.log"]
    undeclared = (dns + conn).replace('"_path": "dns", ', "").replace(', "_path": "conn"', "")
    rows, _ = rows_of(write("undeclared.log", undeclared))
    assert [row["uid"] for row in rows["conn"]] == ["C1"]


def nested(flat: dict[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for name, value in flat.items():
        place, *names = made, *name.split(".")
        for outer in names[:-1]:
            place = place.setdefault(outer, {})
        place[names[-1]] = value
    return made


ECS = {
    "@timestamp": "2026-03-02T08:00:00.000Z", "event.dataset": "zeek.connection",
    "event.duration": 1_500_000_000, "source.ip": "10.0.0.1", "source.port": 40000,
    "destination.ip": "10.0.0.2", "destination.port": 104, "network.transport": "tcp",
    "network.protocol": "dicom", "source.bytes": 1400, "destination.bytes": 420,
    "source.packets": 10, "destination.packets": 8, "zeek.session_id": "C1",
    "zeek.connection.state": "SF", "zeek.connection.history": "ShADadFf",
    "zeek.connection.missed_bytes": 0,
}  # fmt: skip
ONION = {
    "@timestamp": "2026-03-02T08:00:00.000Z", "event.dataset": "conn", "event.duration": 1.5,
    "log.id.uid": "C1", "source.ip": "10.0.0.1", "source.port": 40000,
    "destination.ip": "10.0.0.2", "destination.port": 104, "network.transport": "tcp",
    "network.protocol": "dicom", "client.bytes": 1000, "server.bytes": 100,
    "client.packets": 10, "server.packets": 8, "client.ip_bytes": 1400, "server.ip_bytes": 420,
    "connection.state": "SF", "connection.history": "ShADadFf", "connection.bytes.missed": 0,
}  # fmt: skip
ROW = json.loads(json_log([{"ts": 1772438400.0}]))
DIALECTS = {
    "corelight": {**ROW, "_path": "conn", "_system_name": "s1", "ts": "2026-03-02T08:00:00.000Z"},
    "milliseconds": {**ROW, "ts": 1772438400000},
    "milliseconds with a fraction": {**ROW, "ts": 1772438400000.0},
    "microseconds": {**ROW, "ts": 1772438400000000},
    "underscores": {name.replace("id.", "id_"): value for name, value in ROW.items()},
    "nested id": nested(ROW),
    "ecs": ECS,
    "ecs nested": nested(ECS),
    "security onion": ONION,
    "security onion nested": nested(ONION),
    "search engine": {"_index": "so-zeek", "_source": nested(ONION)},
    "message": {"@timestamp": "x", "event": {"dataset": "zeek.conn"}, "message": json.dumps(ROW)},
    "object": {"@timestamp": "x", "event": {"dataset": "zeek.connection"}, "zeek": ROW},
}


@pytest.mark.parametrize("dialect", DIALECTS)
def test_json_as_distributions_write_it(write: Write, dialect: str) -> None:
    text = json.dumps(DIALECTS[dialect]) + "\n"
    for name in ("conn.log", "export.json"):
        rows, quality = rows_of(write(f"{name}/{name}", text))
        assert quality.examples == []
        (row,) = rows["conn"]
        assert row["ts"].isoformat() == "2026-03-02T08:00:00+00:00"
        assert (row["uid"], row["id.orig_h"], row["id.resp_p"]) == ("C1", "10.0.0.1", 104)
        assert (row["orig_ip_bytes"], row["resp_ip_bytes"]) == (1400, 420)
        assert (row["orig_pkts"], row["resp_pkts"], row["duration"]) == (10, 8, 1.5)
        assert (row["service"], row["conn_state"]) == ("dicom", "SF")


def packed(how: str, data: bytes) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, how) as stream:
        stream.write(data)
    return bytes(sink.getvalue())


@pytest.mark.parametrize("how", ["gz", "bz2", "xz", "zst", "lz4"])
def test_packed_logs(write: Write, how: str) -> None:
    text = tsv([{}, {"uid": "C2"}]).encode()
    own = {"gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress}
    name = {"zst": "zstd", "lz4": "lz4"}.get(how, "")
    data = own[how](text) if how in own else packed(name, text)
    assert len(rows_of(write(f"conn.log.{how}", data))[0]["conn"]) == 2
    with pytest.raises(InputError, match="damaged or ends early"):
        rows_of(write(f"cut/conn.log.{how}", data[:-20]))


@pytest.mark.parametrize("before", ["\ufeff", "\n", " \n", "\t", "\ufeff\n "])
def test_what_stands_before_the_first_line(write: Write, before: str) -> None:
    assert len(rows_of(write("a/conn.log", before + tsv([{}])))[0]["conn"]) == 1
    assert len(rows_of(write("b/conn.log", before + json_log([{}])))[0]["conn"]) == 1
    indented = tsv([{}]).replace("\n#", "\n #")
    assert len(rows_of(write("c/conn.log", before + indented))[0]["conn"]) == 1


@pytest.mark.parametrize("code", ["utf-16", "utf-16-le", "utf-16-be"])
def test_utf_16_is_refused_by_name(write: Write, code: str) -> None:
    with pytest.raises(InputError, match="UTF-16"):
        recognise(write("conn.log", tsv([{}]).encode(code)))


def test_durations_below_zero(write: Write) -> None:
    rows, quality = rows_of(
        write("conn.log", tsv([{"duration": "-0.000012"}, {"duration": "-3.0"}, {}]))
    )
    assert [row["duration"] for row in rows["conn"]] == [0.0, 1.5]
    assert quality.examples == [
        "line 10: duration: expected a duration from 0 to 366 days, found '-3.0'"
    ]


def test_a_row_of_another_age_is_set_aside(write: Write) -> None:
    for number, row in enumerate(({"ts": "4070908800.0"}, {"ts": "2900000000.0"})):
        rows, quality = rows_of(write(f"{number}/conn.log", tsv([{}, row, {"uid": "C2"}])))
        assert [found["uid"] for found in rows["conn"]] == ["C1", "C2"]
        assert "line 10: ts: 20" in quality.examples[0]
        assert "lies in the future" in quality.examples[0]


def test_links_are_followed_once(write: Write, tmp_path: Path) -> None:
    write("disk/2026-03-02/conn.log", tsv([{}]))
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs/current").symlink_to(tmp_path / "disk/2026-03-02")
    (tmp_path / "logs/again").symlink_to(tmp_path / "disk")
    (tmp_path / "disk/round").symlink_to(tmp_path / "logs")
    assert len(find([tmp_path / "logs"]).sources) == 1
    (tmp_path / "logs/conn.log").symlink_to(tmp_path / "nowhere")
    assert "leads nowhere" in str(find([tmp_path / "logs"]).problems[0])


def test_a_name_in_any_encoding(tmp_path: Path) -> None:
    path = os.fsencode(tmp_path) + b"/conn.\xff\xfe.log"
    with open(path, "wb") as file:  # noqa: PTH123 - a name that is no text
        file.write(tsv([{}]).encode())
    (source,) = find([tmp_path]).sources
    assert len(rows_of(source.path)[0]["conn"]) == 1


def test_what_is_no_log_is_counted_by_kind(write: Write, tmp_path: Path) -> None:
    for n in range(30):
        write(f"logs/conn-summary.{n}.log", "words\n")
        write(f"logs/old{n}.tar.gz", gzip.compress(b"x"))
        write(f"logs/app{n}.log", "words\n")
        write(f"logs/notes{n}.txt", "\n\n")
    write("logs/conn.log", tsv([{}]))
    found = find([tmp_path / "logs"])
    assert len(found.sources) == 1
    assert len(found.problems) == 5
    assert found.passed == {
        "files of Zeek's own": 30, "archives (unpack them first)": 30, "other files (.log)": 25,
        "other files (.txt)": 30,
    }  # fmt: skip
    assert len(found.summary().splitlines()) == 1


def test_a_folder_that_may_not_be_read_is_named(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("logs/open/conn.log", tsv([{}]))
    write("logs/shut/conn.log", tsv([{}]))
    scandir = os.scandir

    def refusing(path: str) -> Any:
        if str(path).endswith("shut"):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    found = find([tmp_path / "logs"])
    assert len(found.sources) == 1
    assert "shut: the folder cannot be read: Permission denied" in str(found.problems[0])


def test_pipes_are_spooled() -> None:
    end, begin = os.pipe()
    with os.fdopen(begin, "wb") as file:
        file.write(gzip.compress(tsv([{}]).encode()))
    (source,) = find([f"/dev/fd/{end}"]).sources
    os.close(end)
    assert len(rows_of(source.path)[0]["conn"]) == 1


def test_one_start_is_not_that_of_several_tables(write: Write, tmp_path: Path) -> None:
    from datetime import UTC, datetime

    for name in ("a.csv", "b.csv"):
        write(name, "Time,Source,Destination,Length\n40000.5,10.0.0.1,10.0.0.2,60\n")
    moment = datetime(2026, 3, 2, tzinfo=UTC)
    with pytest.raises(UsageError, match="FILE=TIME"):
        find([tmp_path], CaptureOptions(start=moment))
    starts = (("a.csv", moment), (str(tmp_path / "b.csv"), moment.replace(day=3)))
    found = find([tmp_path], CaptureOptions(starts=starts))
    days = [next(b for _, b in read(s, Quality()))["ts"][0].as_py() for s in found.sources]
    assert [day.isoformat() for day in days] == [
        "2026-03-02T11:06:40.500000+00:00", "2026-03-03T11:06:40.500000+00:00",
    ]  # fmt: skip
    with pytest.raises(UsageError, match=r"no capture or table 'c\.csv'"):
        find([tmp_path], CaptureOptions(starts=(("c.csv", moment),)))


def test_the_fields_of_the_shared_row_are_those_of_zeek() -> None:
    assert set(CONN_ROW) == set(CONN_FIELDS)


def test_a_block_without_a_readable_row_stops_no_command(
    write: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    from pacsflow.cli import main

    path = write("conn.log", tsv([{}]) + "bad\n")
    assert main(["show", "10.0.0.2", str(path)]) == 0
    assert "C1" in capsys.readouterr().out
