"""What a log is follows from what it declares; each row counts once, under its own log."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import math
import os
import subprocess
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
NOTICE = tsv(["1772438400.0\tA"], path="notice", fields={"ts": "time", "note": "string"})
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
        ("notice_alarm.log", NOTICE.replace("#path\tnotice", "#path\tnotice_alarm")),
        ("json_streaming_notice.log", '{"_path": "notice", "ts": 1772438400.0, "note": "A"}\n'),
        ("site.log", NOTICE.replace("#path\tnotice", "#path\tnotice_site")),
    ],
)
def test_a_twin_counts_only_alone(write: Write, tmp_path: Path, twin: str, content: str) -> None:
    write(f"both/{twin}", content)
    write("both/notice.log", NOTICE)
    found = find([tmp_path / "both"])
    assert [source.path.name for source in found.sources] == ["notice.log"]
    assert f"{twin} (its rows stand in notice.log)" in found.summary()
    write(f"alone/{twin}", content)
    assert [source.log for source in find([tmp_path / "alone"]).sources] == ["notice"]


@pytest.mark.parametrize(
    ("twin", "content"),
    [
        ("conn_long.log", tsv([{}, {"duration": "9"}]).replace("#path\tconn", "#path\tconn_long")),
        ("conn_red.log", json_log([{"_path": "conn_red"}])),
        ("json_streaming_conn.log", json_log([{"_path": "conn"}])),
        ("lan.log", tsv([{}]).replace("#path\tconn", "#path\tconn_lan")),
    ],
)
def test_a_twin_of_conn_is_read_beside_it(
    write: Write, tmp_path: Path, twin: str, content: str
) -> None:
    """What only it tells counts; the ledger knows again what both tell."""
    write(f"both/{twin}", content)
    write("both/conn.log", tsv([{}]))
    assert [source.log for source in find([tmp_path / "both"]).sources] == ["conn", "conn"]
    rows, _ = rows_of(write("stream.log", tsv([{}]) + content if "#" in content else content))
    assert len(rows["conn"]) >= 1


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
TIMELESS = {name: value for name, value in ROW.items() if name != "ts"}
MALCOLM = {
    "@timestamp": "2026-03-02T08:00:00.000Z", "event": {"provider": "zeek", "dataset": "conn"},
    "source": {"ip": "10.0.0.1", "port": 40000, "bytes": 1000, "packets": 10},
    "destination": {"ip": "10.0.0.2", "port": 104, "bytes": 100, "packets": 8},
    "network": {"transport": ["tcp"], "protocol": ["dicom"]},
    "zeek": {
        "ts": 1772438400.0, "uid": "C1",
        "conn": {"conn_state": "SF", "duration": 1.5, "orig_ip_bytes": 1400, "resp_ip_bytes": 420},
    },
}  # fmt: skip
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
    "milliseconds as text": {**ROW, "ts": "1772438400000"},
    "numbers as text": {name: str(value) for name, value in ROW.items()},
    "kept raw": {"result": {"_raw": json.dumps(ROW), "sourcetype": "zeek_conn"}, "lastrow": True},
    "its fields": {"result": {**ROW, "ts": 1772438400, "_time": "2026-03-02T08:00:00+00:00"}},
    "its time": {"result": {**TIMELESS, "_time": "2026-03-02T08:00:00+00:00"}},
    "kept by LogScale": {"@timestamp": 1772438409000, "@rawstring": json.dumps(ROW), "@id": "1"},
    "sent by NXLog": {"EventReceivedTime": "x", "Message": json.dumps(ROW)},
    "written by zq": {
        "_path": "conn",
        **nested(ROW),
        "ts": "2026-03-02T08:00:00Z",
        "duration": "1.5s",
    },
    "a body": {"timestamp": "x", "body": json.dumps(ROW)},
    "lists of one": {name: [value] for name, value in ROW.items()},
    "search engine": {"_index": "so-zeek", "_source": nested(ONION)},
    "message": {"@timestamp": "x", "event": {"dataset": "zeek.conn"}, "message": json.dumps(ROW)},
    "object": {"@timestamp": "x", "event": {"dataset": "zeek.connection"}, "zeek": ROW},
    "object beside fields": {"@timestamp": "x", "source": {"ip": "10.9.9.9"}, "zeek": ROW},
    "malcolm": MALCOLM,
    "kafka": {"conn": ROW},
    "one object": {"json": ROW},
    "sent to Splunk": {"time": 1.5, "sourcetype": "zeek:conn:json", "event": ROW},
    "sent as text": {"time": 1.5, "sourcetype": "zeek", "event": json.dumps(ROW)},
    "sent to Graylog": {"version": "1.1", "short_message": json.dumps(ROW), "timestamp": 1.5},
    "renamed": {
        "@timestamp": "2026-03-02T08:00:00Z",
        **{name.replace("id.", "id_"): value for name, value in TIMELESS.items()},
    },
    "nested, its time renamed": {"@timestamp": "2026-03-02T08:00:00Z", **nested(TIMELESS)},
    "rock": {
        "@timestamp": "2026-03-02T08:00:00Z",
        "@meta": {"event_type": "conn"},
        **TIMELESS,
    },
    "fields of a search": {"_id": "1", "fields": {name: [value] for name, value in ECS.items()}},
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


def test_rows_that_splunk_names(write: Write) -> None:
    rows = [{"sourcetype": f"zeek:{log}:json", "event": ROW} for log in ("dns", "conn")]
    found, quality = rows_of(write("hec.json", "".join(json.dumps(row) + "\n" for row in rows)))
    assert {log: len(some) for log, some in found.items()} == {"conn": 1}
    assert quality.notes == ["rows of logs that are not used: 1 of dns.log"]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_rows_of_all_dialects_in_one_file(write: Write, dialect: str) -> None:
    """What is known of one document's shape holds for others of that shape alone."""
    odd = {**ROW, "orig_pkts": 1.5}
    some = [*DIALECTS.values(), odd, DIALECTS[dialect]] * 3
    path = write("export.json", "".join(json.dumps(row) + "\n" for row in some))
    rows, quality = rows_of(path)
    assert [row["orig_ip_bytes"] for row in rows["conn"]] == [1400] * (len(some) - 3)
    assert {row["resp_pkts"] for row in rows["conn"]} == {8}
    assert quality.unreadable == 3
    assert quality.examples[0].startswith(f"line {len(DIALECTS) + 1}: orig_pkts: expected a count")


@pytest.mark.parametrize("value", [1.5, True, 2**70, -1])
def test_a_number_that_is_none_among_many(write: Write, value: float) -> None:
    name = "source.port" if value is True else "source.packets"
    shown = [{**ECS, "zeek.session_id": f"C{n}"} for n in range(2000)]
    shown[700] = {**shown[700], name: value}
    rows, quality = rows_of(write("a.json", "".join(json.dumps(row) + "\n" for row in shown)))
    assert len(rows["conn"]) == 1999
    assert [told.split(" expected")[0] for told in quality.examples] == [
        f"line 701: {'id.orig_p' if value is True else 'orig_pkts'}:"
    ]


@pytest.mark.parametrize("path", [["conn"], {"a": 1}, 7])
def test_a_path_that_is_none_says_nothing(write: Write, path: object) -> None:
    rows, _ = rows_of(write("a.json", json.dumps({**ECS, "_path": path}) + "\n"))
    assert [row["orig_ip_bytes"] for row in rows["conn"]] == [1400]


LAYOUTS = {
    "an array": json.dumps([ROW, {**ROW, "uid": "C2"}]),
    "an array of lines": f"[\n{json.dumps(ROW)},\n{json.dumps(ROW)}\n]\n",
    "lines of an array": f"{json.dumps(ROW)},\n{json.dumps(ROW)},\r\n",
    "a printed array": json.dumps([ROW, ROW], indent=2),
    "printed objects": json.dumps(ROW, indent=2) + "\n" + json.dumps(ROW, indent=2) + "\n",
    "hits": json.dumps([{"_index": "a", "_source": ROW}] * 2, indent=4),
    "behind a time": f"<13>Mar  2 08:00:00 sensor zeek: {json.dumps(ROW)}\n" * 2,
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_json_however_it_is_laid_out(write: Write, layout: str) -> None:
    for name in ("conn.log", "export.json"):
        rows, quality = rows_of(write(f"{name}/{name}", LAYOUTS[layout]))
        assert quality.examples == []
        assert [row["orig_ip_bytes"] for row in rows["conn"]] == [1400, 1400]


def test_nothing_is_written_in_several_ways(write: Write) -> None:
    for nothing in (None, "-", "", "(empty)"):
        row = {**ROW, "service": nothing, "orig_ip_bytes": nothing}
        rows, quality = rows_of(write("conn.log", json.dumps(row) + "\n"))
        assert (rows["conn"][0]["service"], rows["conn"][0]["orig_ip_bytes"]) == (None, None)
        assert quality.unreadable == 0
    rows, _ = rows_of(write("conn.log", tsv([{"service": "(empty)"}, {}])))
    assert [row["service"] for row in rows["conn"]] == [None, "dicom"]


def test_an_association_keeps_its_fields_under_a_shippers_names(write: Write) -> None:
    row = {
        "@timestamp": "2026-03-02T08:00:00Z", "event": {"dataset": "zeek.dicom"},
        "source": {"ip": "::ffff:10.0.0.1"}, "destination": {"ip": "10.0.0.2"},
        "zeek": {"session_id": "C1", "dicom": {"calling_ae": "CT1", "store_rq": 5}},
    }  # fmt: skip
    rows, _ = rows_of(write("dicom.json", json.dumps(row) + "\n"))
    (found,) = rows["dicom"]
    assert (found["id.orig_h"], found["calling_ae"], found["store_rq"]) == ("10.0.0.1", "CT1", 5)


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


@pytest.mark.parametrize("how", ["gz", "bz2", "xz", "zst"])
@pytest.mark.parametrize("padding", [0, 4])
def test_packed_in_several_streams(write: Write, how: str, padding: int) -> None:
    own = {"gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress}
    pack = own.get(how, lambda part: packed("zstd", part))
    parts = [pack(part.encode()) for part in (tsv([{}]), tsv([{"uid": "C2"}]))]
    skipped = b"\x5d\x2a\x4d\x18" + bytes([padding, 0, 0, 0]) if how == "zst" else b""
    between = skipped + bytes(padding)
    data = skipped + bytes(padding if skipped else 0) + between.join(parts) + between
    assert len(rows_of(write(f"conn.log.{how}", data))[0]["conn"]) == 2


@pytest.mark.parametrize("how", ["gz", "bz2", "xz"])
def test_damage_in_a_later_stream_is_no_end(write: Write, how: str) -> None:
    pack = {"gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress}[how]
    first, second = pack(tsv([{}]).encode()), bytearray(pack(tsv([{"uid": "C2"}]).encode()))
    second[len(second) // 2] ^= 0xFF
    told = {bytes(second): "damaged or ends early", b"nothing that is packed": "stand behind"}
    for rest, problem in told.items():
        with pytest.raises(InputError, match=problem):
            rows_of(write(f"conn.log.{how}", first + rest))


@pytest.mark.parametrize("tabs_first", [True, False])
def test_the_way_out_of_both_forms_in_one_file_leads_out(write: Write, *, tabs_first: bool) -> None:
    """A sensor was set to the other form, and its rotated logs were put together."""
    forms = [tsv([{}]), json_log([{"uid": "C2"}, {"uid": "C3"}])]
    path = write("conn.log", "".join(forms if tabs_first else forms[::-1]))
    found, quality = rows_of(path)
    assert len(found["conn"]) == (1 if tabs_first else 2)
    assert quality.unreadable == (2 if tabs_first else 1)
    assert "give the rows of each as a file (grep" in quality.examples[0]
    parts = [
        subprocess.run(["grep", *more, "^{", path], capture_output=True, check=True).stdout
        for more in ([], ["-v"])
    ]
    read_apart = [rows_of(write(f"{n}/conn.log", part))[0]["conn"] for n, part in enumerate(parts)]
    assert sum(map(len, read_apart)) == 3


def test_lines_of_containers_are_no_records_of_a_capture(write: Write) -> None:
    """A time in front, as Kubernetes writes it, has all that a record of ERF has by chance."""
    rows = [{"uid": f"C{n}", "id.orig_p": n} for n in range(1000, 1200)]
    lines = json_log(rows).splitlines()
    before = "2026-03-02T08:00:00.000000000Z stdout F "
    text = "".join(f"{before}{line}\n" for line in lines)
    for width in range(200):  # how long a line is decides what stands where the next record would
        path = write("c.log", text.replace("stdout F ", "stdout F " + " " * width))
        assert recognise(path).format is Format.ZEEK_JSON, width
    assert len(rows_of(path)[0]["conn"]) == 200


@pytest.mark.parametrize("behind", [b"\x17of a disk", b"no log of ours\n" * 3, b"\n"])
@pytest.mark.parametrize("how", ["gz", "bz2", "xz", "zst", "lz4"])
def test_the_way_out_of_foreign_bytes_behind_packed_ones_leads_out(
    write: Write, how: str, behind: bytes
) -> None:
    own = {"gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress}
    pack = own.get(how, lambda log: packed({"zst": "zstd"}.get(how, how), log))
    data = pack(tsv([{}, {"uid": "C2"}]).encode()) + behind
    path = write(f"conn.log.{how}", data)
    if how == "lz4" and len(behind) < 4:
        with pytest.raises(InputError, match="damaged or ends early"):
            rows_of(path)
        return
    with pytest.raises(InputError, match=r"bytes stand behind the \w+ data") as refused:
        rows_of(path)
    if how == "lz4":
        assert "before it was packed" in refused.value.hint
        return
    tool = refused.value.hint.split(": ")[1].partition(" FILE")[0]
    out = subprocess.run(
        [*tool.split(), path], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False
    )
    assert len(rows_of(write("conn.log", out.stdout))[0]["conn"]) == 2


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


def test_a_last_line_without_an_end_is_said(write: Write) -> None:
    """Zeek ends each: of a log that was cut in its last number a wrong one would count unsaid."""
    whole = tsv([{}, {"uid": "C2"}])
    cut = whole[: whole.index("#close") if "#close" in whole else None].rstrip("\n")[:-1]
    rows, quality = rows_of(write("conn.log", cut))
    assert [row["resp_ip_bytes"] for row in rows["conn"]] == [420, 42]
    assert quality.notes == ["its last line has no end: what stands last in it may be cut"]
    _, quality = rows_of(write("conn.log", whole))
    assert quality.notes == []


@pytest.mark.parametrize("form", ["tsv", "json"])
def test_a_duration_that_can_be_none_costs_itself_alone(write: Write, form: str) -> None:
    """Below zero by rounding it is zero."""
    told = [-0.000012, -3.0, math.nan, math.inf, 1e12, 1.5]
    changes = [{"duration": str(value), "uid": f"C{n}"} for n, value in enumerate(told)]
    text = tsv(changes)
    if form == "json":
        plain = [{**change, "duration": value} for change, value in zip(changes, told, strict=True)]
        text = json_log(plain)
    rows, quality = rows_of(write("conn.log", text))
    assert [row["duration"] for row in rows["conn"]] == [0.0, None, None, None, None, 1.5]
    assert (len(rows["conn"]), quality.unreadable) == (6, 0)
    # JSON has no word for what is no number: null is what some programs mean by theirs.
    lost = 4 if form == "tsv" else 2
    assert f"{lost} durations are negative" in " ".join(quality.notes)


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


def test_a_name_in_any_encoding(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from pacsflow.cli import main

    for name in (b"conn.\xff\xfe.log", b"conn.\x1b[31m\n.log", b"conn.%s*[a].log"):
        path = os.fsencode(tmp_path) + b"/logs/" + name
        os.makedirs(os.path.dirname(path), exist_ok=True)  # noqa: PTH103, PTH120 - no text
        with open(path, "wb") as file:  # noqa: PTH123 - a name that is no text
            file.write(tsv([{"uid": name.hex()}]).encode() + name)
    book = str(tmp_path / "ledger")
    for _ in range(2):
        assert main(["ingest", str(tmp_path / "logs"), "--ledger", book]) == 0
    assert main(["report", "--ledger", book, "--no-forecast", "--format", "json"]) == 0
    written = capsys.readouterr()
    assert "3 were in it already" in written.out
    assert "\x1b" not in written.out + written.err


def test_what_is_no_log_is_counted_by_kind(write: Write, tmp_path: Path) -> None:
    for n in range(30):
        write(f"logs/conn-summary.{n}.log", "words\n")
        write(f"logs/old{n}.tar.gz", gzip.compress(b"x"))
        write(f"logs/app{n}.log", "words\n")
        write(f"logs/notes{n}.txt", "\n\n")
        write(f"logs/.old{n}", "words\n")
        write(f"logs/disguised{n}.log", b"PK\x03\x04" + bytes(90))
    write("logs/conn.log", tsv([{}]))
    found = find([tmp_path / "logs"])
    assert len(found.sources) == 1
    assert len(found.problems) == 5
    assert found.passed == {
        "files of Zeek's own": 30, "archives (unpack them first)": 60, "other files (.log)": 25,
        "other files (.txt)": 30, "hidden files": 30,
    }  # fmt: skip
    assert len(found.summary().splitlines()) == 1


def test_one_file_of_a_kind_is_one(write: Write, tmp_path: Path) -> None:
    for name in ("stats.log", "old.zip", "app.dat", ".hidden"):
        write(f"logs/{name}", "words\n")
    write("logs/conn.log", tsv([{}]))
    assert find([tmp_path / "logs"]).summary() == (
        "passed over: 1 archive (unpack it first), 1 file of Zeek's own, 1 hidden file, "
        "1 other file (.dat)"
    )


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


@pytest.mark.parametrize("form", ["tsv", "json"])
@pytest.mark.parametrize(
    ("ts", "said"),
    [
        ("2026-03-02 08:05:00", True), ("2026-03-02T08:05:00.25", True),
        ("2026-03-02T08:05:00Z", False), ("2026-03-02T05:05:00-0300", False),
    ],
)  # fmt: skip
def test_times_of_logs_that_say_no_zone_are_said(
    write: Write, form: str, ts: str, *, said: bool
) -> None:
    """As zeek-cut writes them with a form of one's own, on the clock of whoever ran it."""
    text = (tsv if form == "tsv" else json_log)([{"ts": ts}, {"ts": ts, "uid": "C2"}])
    rows, quality = rows_of(write("conn.log", text))
    assert [int(row["ts"].timestamp()) for row in rows["conn"]] == [1772438700] * 2
    assert quality.notes == ["its times have no zone and were read as UTC"] * said
