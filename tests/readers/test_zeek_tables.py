"""Rows of Zeek's logs that stand in a table: read where its columns suffice, else refused."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from conftest import CONN_ROW, tsv
from pacsflow.errors import InputError
from pacsflow.readers import CaptureOptions, Format, Quality, find, read, recognise

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Write = Callable[[str, str | bytes], Path]

T0 = 1772438400
"""2026-03-02 08:00 UTC."""


def table(rows: list[dict[str, Any]], delimiter: str = ",") -> str:
    """Return rows as a table of the columns of the first."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), delimiter=delimiter, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def rows_of(path: Path) -> tuple[list[dict[str, Any]], Quality]:
    quality = Quality()
    found = [r for log, b in read(recognise(path), quality) if log == "conn" for r in b.to_pylist()]
    return found, quality


KIBANA = {
    "@timestamp": "Mar 2, 2026 @ 08:00:00.123", "event.dataset": "zeek.connection",
    "event.duration": "1500000000", "source.ip": "10.0.0.1", "source.port": "40,000",
    "destination.ip": "10.0.0.2", "destination.port": "104", "network.transport": "tcp",
    "network.protocol": "dicom", "source.bytes": "1,400", "destination.bytes": "420",
    "source.packets": "10", "destination.packets": "8", "zeek.session_id": "C1",
    "zeek.connection.state": "SF", "zeek.connection.history": "ShADadFf", "tags": '["a","b"]',
}  # fmt: skip
"""Filebeat's rows as Discover exports them, numbers and times as it shows them."""
SPLUNK = {
    "_time": "2026-03-02T05:00:00.123-0300", "host": "s1", "source": "/opt/zeek/logs/conn.log",
    "sourcetype": "bro:conn:json", "uid": "C1", "id.orig_h": "10.0.0.1", "id.orig_p": "40000",
    "id.resp_h": "10.0.0.2", "id.resp_p": "104", "proto": "tcp", "service": "dicom",
    "duration": "1.5", "orig_ip_bytes": "1400", "resp_ip_bytes": "420", "orig_pkts": "10",
    "resp_pkts": "8", "conn_state": "SF", "src_ip": "10.0.0.1", "dest_ip": "10.0.0.2",
}  # fmt: skip
PLAIN = {**CONN_ROW, "ts": f"{T0}.123"}
FORMS = {
    "kibana": KIBANA,
    "kibana with keywords": {
        {"source.ip": "source.ip.keyword"}.get(name, name): value for name, value in KIBANA.items()
    },
    "kibana without a state": {
        name: value for name, value in KIBANA.items() if not name.startswith("zeek.")
    },
    "LogScale": {
        "@timestamp": f"{T0}123", "@timezone": "Z",
        "@rawstring": json.dumps({**PLAIN, "ts": T0 + 0.123}),
    },
    "Graylog": {
        "timestamp": "2026-03-02T08:00:09.000Z", "source": "sensor1",
        "message": json.dumps({**PLAIN, "ts": T0 + 0.123}),
    },
    "Grafana": {
        "Time": f"{T0}000", "Line": json.dumps({**PLAIN, "ts": T0 + 0.123}),
        "tsNs": f"{T0}123000000",
    },
    "Sentinel": {
        "TenantId": "x", "TimeGenerated [UTC]": "3/2/2026, 8:07:00.000 AM", "Type": "Zeek_CL",
        "RawData": json.dumps({**PLAIN, "ts": T0 + 0.123}),
    },
    "Sentinel, a column a field": {
        "TimeGenerated [UTC]": "3/2/2026, 8:07:00.000 AM", "Type": "zeek_conn_CL",
        **{
            f"{name.replace('.', '_')}_{'s' if name == 'id.orig_h' else 'd'}": value
            for name, value in PLAIN.items()
        },
    },
    "the raw rows alone": {"_raw": json.dumps({**PLAIN, "ts": T0 + 0.123})},
    "kibana in ISO": {**KIBANA, "@timestamp": "2026-03-02T08:00:00.123Z"},
    "kibana in milliseconds": {**KIBANA, "@timestamp": f"{T0}123"},
    "splunk": SPLUNK,
    "splunk in seconds": {**SPLUNK, "_time": f"{T0}.123", "sourcetype": "zeek"},
    "splunk with underscores": {n.replace("id.", "id_"): v for n, v in SPLUNK.items()},
    "splunk's raw": {
        "_raw": json.dumps({**PLAIN, "ts": T0 + 0.123}), "_time": "x", "sourcetype": "json",
        "linecount": "1",
    },
    "duckdb": {**PLAIN, "ts": "2026-03-02 08:00:00.123"},
    "pandas": {
        **PLAIN, "ts": "2026-03-02 08:00:00.123000", "duration": "0 days 00:00:01.500000",
        "id.orig_p": "40000.0", "orig_pkts": "10.0",
    },
    "zq": {"_path": "conn", **PLAIN, "ts": "2026-03-02T08:00:00.123Z", "duration": "1.5s"},
    "no state": {n: v for n, v in PLAIN.items() if n not in {"conn_state", "history", "uid"}},
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("delimiter", [",", "\t", ";", "|"])
def test_as_others_export_them(write: Write, form: str, delimiter: str) -> None:
    row = dict(FORMS[form])
    if delimiter == ";":  # in a language in which a comma begins a fraction
        row = {n: v.replace("40,", "40\u00a0").replace("1,4", "1'4") for n, v in row.items()}
        row |= {"duration": "1,5"} if row.get("duration") == "1.5" else {}
    path = write("export.csv", table([row, row], delimiter))
    assert recognise(path).format is Format.ZEEK_TABLE
    rows, quality = rows_of(path)
    assert quality.examples == []
    assert len(rows) == 2
    found = rows[0]
    assert found["ts"] == datetime.fromtimestamp(T0, UTC).replace(microsecond=123000)
    assert (found["id.orig_h"], found["id.orig_p"], found["id.resp_p"]) == ("10.0.0.1", 40000, 104)
    assert (found["orig_ip_bytes"], found["resp_ip_bytes"]) == (1400, 420)
    assert (found["orig_pkts"], found["resp_pkts"], found["duration"]) == (10, 8, 1.5)


def test_lines_that_sentinel_exports(write: Write) -> None:
    """A field's name ends with its type; when a row arrived is no time of it."""
    row = {
        "TimeGenerated": "2026-03-02T08:07:00Z", "Type": "zeek_conn_CL",
        "ts_t": "2026-03-02T08:00Z",
        "uid_s": "C1", "id_orig_h_s": "10.0.0.1", "id_orig_p_d": 40000, "id_resp_h_s": "10.0.0.2",
        "id_resp_p_d": 104, "proto_s": "tcp", "orig_bytes_d": 5, "resp_bytes_d": 6,
        "conn_state_s": "SF", "duration_d": 1.5,
    }  # fmt: skip
    (found,), _ = rows_of(write("a.json", json.dumps(row) + "\n"))
    assert (found["ts"], found["uid"]) == (datetime.fromtimestamp(T0, UTC), "C1")
    assert (found["orig_bytes"], found["resp_bytes"], found["id.resp_p"]) == (5, 6, 104)
    del row["ts_t"]
    with pytest.raises(InputError, match=r"rows of Zeek's logs in a table, without ts"):
        recognise(write("a.csv", table([row])))


def test_times_without_a_zone_are_said(write: Write) -> None:
    zoned = {**KIBANA, "@timestamp": "2026-03-02T08:00:00.123Z"}
    for row, told in ((KIBANA, True), (zoned, False)):
        _, quality = rows_of(write("a.csv", table([row])))
        assert any("no zone" in note for note in quality.notes) is told


def test_what_is_no_time_says_nothing_of_zones(write: Write) -> None:
    """The types that ClickHouse writes below a header."""
    types = dict.fromkeys(PLAIN, "DateTime64(6)")
    rows, quality = rows_of(write("conn.csv", table([types, PLAIN], "|")))
    assert (len(rows), quality.unreadable) == (1, 1)
    assert not any("no zone" in note for note in quality.notes)


def boxed(rows: list[dict[str, Any]], rule: str, left: str) -> str:
    """Return rows as clients of databases print them; `rule` has a corner, a line, an end."""
    cells = [[*rows[0]], *([str(value) for value in row.values()] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    corner, line, end = rule[0], rule[1], rule[2:]
    ruled = end + corner.join(line * (width + 2) for width in widths) + end + "\n"
    lines = [
        left + " " + " | ".join(map(str.ljust, row, widths)) + " " + left + "\n" for row in cells
    ]
    return (ruled if left else "") + lines[0] + ruled + "".join(lines[1:]) + (ruled if left else "")


@pytest.mark.parametrize(("rule", "left"), [("+-+", "|"), ("|-|", "|"), ("+-", "")])
def test_lines_that_clients_of_databases_draw_are_no_rows(
    write: Write, rule: str, left: str
) -> None:
    rows, quality = rows_of(write("conn.txt", boxed([PLAIN, PLAIN], rule, left)))
    assert [row["orig_ip_bytes"] for row in rows] == [1400, 1400]
    assert quality.unreadable == 0


def test_names_in_capitals_as_databases_write_them(write: Write) -> None:
    row = {name.upper().replace(".", "_"): value for name, value in PLAIN.items()}
    (found,), _ = rows_of(write("conn.csv", table([row])))
    assert (found["id.orig_h"], found["orig_ip_bytes"]) == ("10.0.0.1", 1400)


@pytest.mark.parametrize(
    ("order", "months"), [("mdy", [3, 11]), ("dmy", [2, None]), ("", [None, None])]
)
def test_dates_of_which_day_or_month_may_stand_first(
    write: Write, order: str, months: list[int | None]
) -> None:
    """As Azure's portal exports them: what the order does not fit, is not read."""
    for moment, month in zip(("3/2/2026", "11/28/2025"), months, strict=True):
        path = write("conn.csv", table([{**PLAIN, "ts": f"{moment}, 8:00:00.123 PM"}]))
        (source,) = find([path], CaptureOptions(date_order=order)).sources
        if month is None:
            told = r"--date-order dmy or mdy" if not order else "month must be in 1..12"
            with pytest.raises(InputError, match=told):
                list(read(source, Quality()))
            continue
        (row,) = next(batch for _, batch in read(source, Quality())).to_pylist()
        assert (row["ts"].month, row["ts"].hour) == (month, 20)


def test_a_decimal_comma_in_the_whole_table(write: Write) -> None:
    row = {**PLAIN, "ts": f"{T0},123", "duration": "1,5", "orig_ip_bytes": "1.400"}
    (found,), quality = rows_of(write("conn.csv", table([row], ";")))
    assert (found["ts"], found["duration"]) == (datetime.fromtimestamp(T0 + 0.123, UTC), 1.5)
    assert (found["orig_ip_bytes"], found["resp_ip_bytes"]) == (1400, 420)
    found, quality = rows_of(write("conn.csv", table([PLAIN, row], "\t")))
    assert (len(found), quality.unreadable) == (1, 1)


@pytest.mark.parametrize("cell", ["1.4KB", "2 MB", "1.5 MiB"])
def test_what_is_rounded_is_refused(write: Write, cell: str) -> None:
    path = write("a.csv", table([KIBANA, {**KIBANA, "source.bytes": cell}]))
    with pytest.raises(InputError, match=rf"orig_ip_bytes are rounded: '{cell}'"):
        rows_of(path)


def test_durations_that_are_rounded_are_none(write: Write) -> None:
    rows, quality = rows_of(write("a.csv", table([{**KIBANA, "event.duration": "1500.0"}])))
    assert rows[0]["duration"] is None
    assert quality.unreadable == 0


@pytest.mark.parametrize(
    ("column", "cell"),
    [
        ("source.packets", "1.234"), ("source.packets", "about 10"), ("source.bytes", "1,40"),
        ("@timestamp", "03/02/2026 08:00:00"), ("@timestamp", "8 am"), ("source.ip", "pc 1"),
    ],
)  # fmt: skip
def test_cells_of_two_meanings_cost_their_row(write: Write, column: str, cell: str) -> None:
    rows, quality = rows_of(write("a.csv", table([KIBANA, {**KIBANA, column: cell}, KIBANA])))
    assert (len(rows), quality.unreadable) == (2, 1)
    assert quality.examples[0].startswith("line 3: ")


@pytest.mark.parametrize(
    ("row", "lacking"),
    [
        ({n: v for n, v in KIBANA.items() if "bytes" not in n}, "orig_bytes, resp_bytes"),
        ({n: v for n, v in KIBANA.items() if "port" not in n}, "id.orig_p, id.resp_p"),
        ({n: v for n, v in KIBANA.items() if n != "@timestamp"}, "ts"),
        ({n: v for n, v in SPLUNK.items() if n != "id.resp_h"}, "id.resp_h"),
        ({"_time": "2026-03-02T08:00:00Z", "id.orig_h": "10.0.0.1", "orig_bytes": "5"}, "id.resp"),
    ],
)
def test_columns_that_are_not_there_are_named(
    write: Write, row: dict[str, str], lacking: str
) -> None:
    with pytest.raises(InputError, match=f"rows of Zeek's logs in a table, without .*{lacking}"):
        recognise(write("a.csv", table([row])))


def test_a_log_that_a_spreadsheet_has_quoted(write: Write) -> None:
    lines = [line.split("\t") for line in tsv([{}]).splitlines()]
    text = "\n".join("\t".join(f'"{cell}"' for cell in line) for line in lines)
    with pytest.raises(InputError, match="quotes around its fields"):
        recognise(write("conn.tsv", text + "\n"))


def test_rows_of_other_logs_are_counted(write: Write) -> None:
    dns = {**dict.fromkeys(KIBANA, ""), "@timestamp": KIBANA["@timestamp"]}
    dns |= {"event.dataset": "zeek.dns", "source.ip": "10.0.0.1", "destination.ip": "10.0.0.53"}
    rows, quality = rows_of(write("a.csv", table([KIBANA, dns, dns, KIBANA])))
    assert len(rows) == 2
    assert quality.others == {"dns": 2}


def test_a_cell_over_lines_and_a_header_again(write: Write) -> None:
    several = {**SPLUNK, "tag": "a\nb"}
    text = table([several, several])
    rows, quality = rows_of(write("a.csv", text + text))
    assert (len(rows), quality.unreadable) == (4, 0)


def test_a_table_and_the_log_itself_are_one(write: Write, tmp_path: Path) -> None:
    from pacsflow.ledger import Ledger
    from pacsflow.readers import find

    log = write("conn.log", tsv([{}, {"uid": "C2", "id.orig_p": "40001"}]))
    exported = [dict(CONN_ROW), {**CONN_ROW, "uid": "C2", "id.orig_p": "40001"}]
    book = Ledger(tmp_path / "ledger", create=True)
    added = book.add(find([log, write("conn.csv", table(exported))]).sources)
    assert not added.problems
    with book.connect() as duck:
        assert duck.sql("SELECT sum(bytes), sum(communications) FROM traffic").fetchall() == [
            (3640, 2)
        ]


def cell(write: Write, name: str, text: str) -> Any:
    """Return what a row has of one cell, or why it has nothing."""
    found, quality = rows_of(write("conn.csv", table([{**PLAIN, name: text}, PLAIN], "\t")))
    return found[0][name] if len(found) == 2 else quality.examples[0].partition(": ")[2]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1.5", 1.5), ("0 days 00:00:01.5", 1.5), ("2 days 03:04:05", 183845.0),
        ("1 day 00:00:01", 86401.0), ("10:59:59", 39599.0), ("1h2m3.5s", 3723.5), ("2m", 120.0),
        ("3h", 10800.0), ("250ms", 0.25), ("1500us", 0.0015), ("1500\u00b5s", 0.0015),
        ("2000ns", 2e-6), ("1,234,567.5", 1234567.5), ("-", None), ("NaT", None), ("(null)", None),
    ],
)  # fmt: skip
def test_durations_as_others_write_them(write: Write, text: str, seconds: float | None) -> None:
    assert cell(write, "duration", text) == (seconds and pytest.approx(seconds))


@pytest.mark.parametrize("text", ["1,5", "1:60:00", "soon", "12,34.5"])
def test_durations_that_are_none_cost_their_row(write: Write, text: str) -> None:
    assert "duration" in cell(write, "duration", text)


@pytest.mark.parametrize(
    ("text", "octets"),
    [
        ("1400", 1400), ("1400.0", 1400), ("1400 bytes", 1400), ("12 B", 12), ("1,400", 1400),
        ("1,234,567", 1234567), ("1 234 567", 1234567), ("1'400", 1400), ("None", None),
    ],
)  # fmt: skip
def test_counts_as_others_write_them(write: Write, text: str, octets: int | None) -> None:
    assert cell(write, "orig_ip_bytes", text) == octets


@pytest.mark.parametrize(
    ("text", "is_local"),
    [("T", True), ("true", True), ("TRUE", True), ("f", False), ("False", False), ("null", None)],
)
def test_truths_as_others_write_them(write: Write, text: str, is_local: bool | None) -> None:
    assert cell(write, "local_orig", text) is is_local


@pytest.mark.parametrize(
    ("text", "parents"),
    [
        ('["C1","C2"]', ["C1", "C2"]),
        ("C1,C2", ["C1", "C2"]),
        ("[C1, C2]", ["C1", "C2"]),
        ("{C1}", ["C1"]),
        ("C1,,", ["C1"]),
        ("['C1', 'C2']", ["C1", "C2"]),
        ('|["C1","C2"]|', ["C1", "C2"]),
        ("{'C1'}", ["C1"]),
        ("(C1, C2)", ["C1", "C2"]),
        ("(empty)", None),
        ("[1, 2]", ["1", "2"]),
    ],
)
def test_sets_as_others_write_them(write: Write, text: str, parents: list[str] | None) -> None:
    assert cell(write, "tunnel_parents", text) == parents


@pytest.mark.parametrize(
    ("name", "told"), [("count", True), ("count(*)", True), ("Connections", True), ("host", False)]
)
def test_rows_that_may_be_sums_are_said_to_count_as_one(
    write: Write, name: str, told: bool
) -> None:
    rows, quality = rows_of(write("conn.csv", table([{**PLAIN, name: "5"}])))
    assert len(rows) == 1
    assert (f"it has a column {name}: a row counts as one connection" in quality.notes) is told


def test_an_array_has_braces_behind_its_name_in_splunk(write: Write) -> None:
    (row,), _ = rows_of(write("conn.csv", table([{**PLAIN, "tunnel_parents{}": "C1\nC2"}])))
    assert row["tunnel_parents"] == ["C1", "C2"]


def test_of_several_columns_of_a_name_the_first_with_a_value_is_read(write: Write) -> None:
    lines = table([PLAIN, PLAIN]).splitlines()
    text = "\n".join([f"{lines[0]},uid,service", f"{lines[1]},C9,", f"{lines[2]},C9,http"])
    found, quality = rows_of(write("conn.csv", text + "\n"))
    assert [(row["uid"], row["service"]) for row in found] == [("C1", "dicom")] * 2
    assert [n for n in quality.notes if "several columns" in n] == [
        f"there are several columns {name}: the first with a value was read"
        for name in ("uid", "service")
    ]


def test_what_the_log_is_has_to_be_told(write: Write) -> None:
    row = {n: PLAIN[n] for n in ("ts", "uid", "id.orig_h", "id.orig_p", "id.resp_h", "id.resp_p")}
    with pytest.raises(InputError, match="without what tells the log"):
        recognise(write("some.csv", table([row])))
    assert recognise(write("dicom.csv", table([row]))).format is Format.ZEEK_TABLE
    assert recognise(write("x.csv", table([{**row, "sourcetype": "zeek"}]))).format
    assert recognise(write("y.csv", table([{**row, "_path": "dicom"}]))).format
