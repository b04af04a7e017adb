"""Workbooks, read back with openpyxl and calamine; their sums against awk's and the CSV's."""

from __future__ import annotations

import csv
import io
import json
import math
import shutil
import subprocess
import zipfile
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import openpyxl
import pytest
from pyarrow import parquet as pq

from conftest import json_log
from pacsflow import __version__
from pacsflow.cli import main
from pacsflow.cli.explore import write_screen
from pacsflow.errors import UsageError
from pacsflow.export.rows import plain_cell, to_csv
from pacsflow.export.workbook import write_table, write_workbook
from pacsflow.inventory import Inventory, read_inventory
from pacsflow.ledger import Ledger
from pacsflow.readers import CaptureOptions, find
from pacsflow.simulator import hospital, write_logs
from pacsflow.week.hosts import Hosts

if TYPE_CHECKING:
    from pathlib import Path

EVIL = ("=1+1", "+1", "-1", "@SUM(A1)", "\t=1", '=HYPERLINK("http://a")', "http://a/", "{=1}",
        "\x1b[2J", "a\u202eb", "x" * 40_000, "00123", "1e5", "")  # fmt: skip


@cache
def book(path: Path) -> openpyxl.Workbook:
    """Return a workbook as openpyxl reads it, once."""
    return openpyxl.load_workbook(path)


class Asked:
    """What write_workbook needs of a question."""

    def __init__(self, connection: Any, origin: str, hosts: Hosts) -> None:
        self.connection, self.origin, self.hosts = connection, origin, hosts


@pytest.fixture(scope="module")
def week(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("week")
    write_logs(hospital(5, scale=0.1), folder / "logs", weeks=1)
    for day in sorted((folder / "logs").glob("2026-*"))[4:]:
        shutil.rmtree(day)  # four days, the outage in one of them, are enough
    with Ledger.temporary() as ledger:
        ledger.add(find([folder / "logs"]).sources)
        with ledger.connect() as connection:
            inventory = read_inventory(folder / "logs" / "inventory.tsv")
            question = Asked(connection, "zeek", Hosts(inventory, connection))
            write_workbook(question, folder / "week.xlsx")  # type: ignore[arg-type]
    return folder / "logs", folder / "week.xlsx"


def awk(logs: Path, program: str) -> list[str]:
    command = f"find . -name 'conn.*' | xargs zcat | awk -F'\\t' '{program}' | sort"
    done = subprocess.run(
        ["bash", "-c", command], cwd=logs, capture_output=True, text=True, check=True
    )
    return done.stdout.splitlines()


def test_senders_receivers_and_pairs_are_those_of_the_logs(week: tuple[Path, Path]) -> None:
    logs, path = week
    read = book(path)
    assert read.sheetnames == [
        "senders", "receivers", "pairs", "hours", "associations", "times", "about",
    ]  # fmt: skip
    began = {
        line.split()[0]: int(line.split()[1])
        for line in awk(logs, "!/^#/ {n[$3]++} END {for (h in n) print h, n[h]}")
    }
    sheet = {row[0]: row for row in read["senders"].iter_rows(min_row=2, values_only=True)}
    assert {h: row[3] for h, row in sheet.items() if row[3]} == began
    sent = {
        line.split()[0]: float(line.split()[1])
        for line in awk(
            logs, '!/^#/ {b[$3]+=$18; b[$5]+=$20} END {for (h in b) printf "%s %.0f\\n", h, b[h]}'
        )
    }
    assert {h: row[6] for h, row in sheet.items()} == {h: b for h, b in sent.items() if b}
    assert sum(float(row[4]) for row in sheet.values()) == pytest.approx(1)
    assert sheet["10.20.0.10"][1:3] == ("pacs1", "pacs")
    received = sum(row[6] for row in read["receivers"].iter_rows(min_row=2, values_only=True))
    assert received == sum(sent.values())
    assert sum(row[9] for row in read["pairs"].iter_rows(min_row=2, values_only=True)) == received


def test_times_are_those_of_the_log(week: tuple[Path, Path]) -> None:
    logs, path = week
    rows = list(book(path)["times"].iter_rows(values_only=True))
    header, rows = rows[0], rows[1:]
    assert header[:7] == ("operation", "client", "client name", "client role", "server",
                          "server name", "server role")  # fmt: skip
    told = {name: header.index(name) for name in ("requests", "data bytes", "max, ms", "p95, ms")}
    command = (
        "find . -name 'dicom_times.*' | xargs zcat | awk -F'\\t' '!/^#/ {"
        'k = ($9 == "resp") ? $8 " " $5 " " $3 : $8 " " $3 " " $5;'
        "n[k] += $10; b[k] += $14; if ($21 + 0 > m[k]) m[k] = $21 + 0}"
        ' END {for (k in n) printf "%s %.0f %.0f %.3f\\n", k, n[k], b[k], 1000 * m[k]}\''
    )
    done = subprocess.run(
        ["bash", "-c", command], cwd=logs, capture_output=True, text=True, check=True
    )
    wanted = {
        tuple(line.split()[:3]): [float(n) for n in line.split()[3:]]
        for line in done.stdout.splitlines()
    }
    found = {
        (row[0], row[1], row[4]): [row[told[n]] or 0 for n in ("requests", "data bytes", "max, ms")]
        for row in rows
    }
    assert found == {key: pytest.approx(cells, abs=0.0011) for key, cells in wanted.items()}
    assert len(found) > 20
    slow = [row[told["p95, ms"]] for row in rows]
    timed = [value for value in slow if value is not None]
    assert slow == sorted(timed, reverse=True) + [None] * (len(slow) - len(timed))


def test_hours_without_data_are_empty_and_not_zero(week: tuple[Path, Path]) -> None:
    sheet = book(week[1])["hours"]
    rows = list(sheet.iter_rows(min_row=2, values_only=True))
    assert len(rows) == 4 * 24
    empty = [row[0] for row in rows if row[3] is None]
    assert 3 <= len(empty) <= 7
    assert sum(row[1] or 0 for row in rows) == int(awk(week[0], "!/^#/ {n++} END {print n}")[0])


def test_every_association_has_a_row(week: tuple[Path, Path]) -> None:
    sheet = book(week[1])["associations"]
    rows = list(sheet.iter_rows(min_row=2, values_only=True))
    files = sorted(week[0].glob("*/dicom.*"))
    lines = subprocess.run(
        ["zcat", *map(str, files)], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert len(rows) == sum(not line.startswith("#") for line in lines)
    assert rows == sorted(rows, key=lambda row: row[0])


def test_sheets_are_made_for_people(week: tuple[Path, Path]) -> None:
    read = book(week[1])
    for sheet in read:
        assert sheet.freeze_panes == "A2"
        assert sheet.auto_filter.ref is not None
    assert read["senders"]["G2"].number_format == "#,##0"
    assert read["senders"]["E2"].number_format == "0.000000%"
    assert read["hours"]["A2"].number_format == "yyyy-mm-dd hh:mm"
    assert read["hours"]["A2"].is_date
    with zipfile.ZipFile(week[1]) as parts:
        charts = [name for name in parts.namelist() if name.startswith("xl/charts/chart")]
        assert len(charts) == 4
        assert not any("<f>" in parts.read(name).decode() for name in parts.namelist()
                       if name.startswith("xl/worksheets/sheet"))  # fmt: skip


def test_no_cell_becomes_a_formula_or_a_link(tmp_path: Path) -> None:
    rows = [[text, 1] for text in EVIL]
    write_table(tmp_path / "a.xlsx", "evil", ("=name", "n"), rows)
    with zipfile.ZipFile(tmp_path / "a.xlsx") as parts:
        sheet = parts.read("xl/worksheets/sheet1.xml").decode()
        assert "<f>" not in sheet
        assert "hyperlink" not in sheet
        assert "\x1b" not in sheet
    cells = list(openpyxl.load_workbook(tmp_path / "a.xlsx").active.iter_rows(min_row=2))  # type: ignore[union-attr]
    for row, text in zip(cells, EVIL, strict=True):
        assert row[0].data_type in {"s", "inlineStr", "n"}
        assert row[0].data_type != "f"
        if text and text.isprintable():
            assert row[0].value == text[:32_767]


def test_csv_cells_cannot_become_formulas() -> None:
    lines = to_csv(("name",), [[text] for text in EVIL]).splitlines()[1:]
    for line in lines:
        assert not line.lstrip('"').startswith(("=", "+", "-", "@", "\t", "\r"))


def test_a_csv_for_a_decimal_comma() -> None:
    rows = [["a;=1+1", 1234.5, -0.25, 10**15], ["ü", 7.0, None, -3], ["1.5", 0.125, 1e-7, 0]]
    text = to_csv(("name", "a", "b", "c"), rows, decimal_comma=True)
    assert text.startswith("\ufeffname;a;b;c\r\n")
    found = list(csv.reader(io.StringIO(text[1:], newline=""), delimiter=";"))[1:]
    assert found == [
        ["a;'=1+1", "1234,5", "-0,25", "1000000000000000"], ["ü", "7", "", "-3"],
        ["1.5", "0,1250", "0,0000001", "0"],
    ]  # fmt: skip
    for line in to_csv(("name",), [[text] for text in EVIL], decimal_comma=True).splitlines()[1:]:
        assert not line.lstrip('"').startswith(("=", "+", "-", "@", "\t", "\r"))


def test_export_with_a_decimal_comma_has_the_same_sums(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fields = {"id.orig_h": "10.0.0.1", "duration": 0.5, "orig_ip_bytes": 1234, "uid": "C1"}
    log = tmp_path / "conn.log"
    log.write_text(json_log([fields, fields | {"uid": "C2", "id.orig_p": 9}]))
    for options in ([], ["--decimal-comma"]):
        out = tmp_path / f"{len(options)}.csv"
        assert main(["export", str(log), "-o", str(out), *options]) == 0
    plain, comma = (tmp_path / "0.csv").read_text(), (tmp_path / "1.csv").read_bytes()
    told = list(csv.reader(io.StringIO(plain, newline="")))
    assert list(csv.reader(io.StringIO(comma.decode("utf-8-sig"), newline=""), delimiter=";")) == [
        [cell.replace(".", ",") if name == "weight_squares" else cell
         for name, cell in zip(told[0], row, strict=True)]
        for row in told
    ]  # fmt: skip
    capsys.readouterr()
    assert main(["export", str(log), "-o", str(tmp_path / "a.xlsx"), "--decimal-comma"]) == 2
    assert "--decimal-comma has no effect on .xlsx" in capsys.readouterr().err


def test_what_is_on_the_screen_is_written_in_three_formats(tmp_path: Path) -> None:
    moment = datetime(2026, 3, 2, 8, 15, 30, 500_000, tzinfo=UTC)
    header, rows = ("ts", "info", "length"), ((moment, "=1+1", 60), (None, None, None))
    for ending in (".csv", ".json", ".xlsx"):
        write_screen(tmp_path / f"a{ending}", header, rows)
    assert (tmp_path / "a.csv").read_text().splitlines()[1] == (
        "2026-03-02T08:15:30.500000Z,'=1+1,60"
    )
    sheet = openpyxl.load_workbook(tmp_path / "a.xlsx").active
    assert sheet is not None
    assert sheet["A2"].value == moment.replace(tzinfo=None)
    assert sheet["B2"].value == "=1+1"
    assert sheet["B2"].data_type == "s"
    with pytest.raises(UsageError, match="ends in"):
        write_screen(tmp_path / "a.pdf", header, rows)
    with pytest.raises(UsageError, match="no such folder"):
        write_screen(tmp_path / "b" / "a.csv", header, rows)


def test_estimates_from_samples_stand_with_their_interval(tmp_path: Path) -> None:
    lengths = [1522, 66, 1522, 700, 1522, 1522, 66, 1522, 1522, 1522, 66, 1522]
    lines = [f"2026-03-02 08:00:{i:02d},DICOM,10.0.0.1,10.0.0.2,{n}" for i, n in enumerate(lengths)]
    (tmp_path / "a.csv").write_text(
        "\n".join(["Time,Protocol,Source,Destination,Length", *lines]) + "\n"
    )
    with Ledger.temporary() as ledger:
        ledger.add(find([tmp_path / "a.csv"], CaptureOptions(sampling_rate=10)).sources)
        with ledger.connect() as connection:
            question = Asked(connection, "sflow", Hosts(Inventory(), connection))
            write_workbook(question, tmp_path / "a.xlsx")  # type: ignore[arg-type]
    header, row = openpyxl.load_workbook(tmp_path / "a.xlsx")["senders"].iter_rows(values_only=True)
    told = dict(zip(header, row, strict=True))
    assert told["samples"] == 12
    assert told["packets"] == 120
    assert told["bytes"] == 10 * sum(lengths)
    error = 1.96 * math.sqrt(sum(n * n for n in lengths)) / sum(lengths)
    assert told["bytes, upper 95 %"] == pytest.approx(told["bytes"] * math.exp(error), rel=1e-4)
    assert told["bytes, lower 95 %"] == pytest.approx(told["bytes"] * math.exp(-error), rel=1e-4)
    assert "communications" not in header  # a count of samples is none of connections


def test_an_empty_ledger_gives_headers_alone(tmp_path: Path) -> None:
    with Ledger.temporary() as ledger, ledger.connect() as connection:
        from pacsflow.inventory import Inventory

        question = Asked(connection, "zeek", Hosts(Inventory(), connection))
        write_workbook(question, tmp_path / "a.xlsx")  # type: ignore[arg-type]
    book = openpyxl.load_workbook(tmp_path / "a.xlsx")
    assert [sheet.max_row for sheet in book if sheet.title != "about"] == [1] * 6


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be written"):
        write_table(tmp_path / "no" / "a.xlsx", "a", ("a",), [["b"]])


@pytest.mark.thorough
def test_an_export_says_what_it_is_of(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], week: tuple[Path, Path]
) -> None:
    logs, made = week
    told = dict(openpyxl.load_workbook(made, read_only=True)["about"].iter_rows(values_only=True))
    assert told["made by"] == f"pacsflow {__version__}"
    assert told["time zone of times"] == "UTC"
    hours = [r[0] for r in openpyxl.load_workbook(made)["hours"].iter_rows(2, values_only=True)]
    assert told["first hour (UTC)"] == f"{hours[0]:%Y-%m-%dT%H:%M:%SZ}"
    end = hours[-1] + timedelta(hours=1)
    assert told["end of the last hour (UTC)"] == f"{end:%Y-%m-%dT%H:%M:%SZ}"
    book = str(tmp_path / "book")
    main(["ingest", str(next(logs.glob("2026-*"))), "--sensor", "north", "--ledger", book])
    asked = ["--ledger", book, "-i", str(logs / "inventory.tsv")]
    for ending in ("csv", "json", "parquet"):
        main(["export", *asked, "-o", str(tmp_path / f"x.{ending}")])
    beside = [json.loads((tmp_path / f"x.{e}-metadata.json").read_text()) for e in ("csv", "json")]
    known = pq.read_schema(tmp_path / "x.parquet").metadata
    kept = {key.decode(): value.decode() for key, value in known.items()}
    for one in (*beside, kept):
        assert one["sensors"] == "north"
        assert one["origin"] == "zeek"
        assert one["first hour (UTC)"].startswith("2026-")
    capsys.readouterr()
    main(["map", *asked, "-f", "graphml"])
    graph = ET.fromstring(capsys.readouterr().out)
    of = "{http://graphml.graphdrawing.org/xmlns}"
    keys = {key.get("id"): key.get("attr.name") for key in graph.iter(f"{of}key")}
    assert {d.get("key") for d in graph.iter(f"{of}data")} <= keys.keys()
    assert graph.findtext(f"{of}graph/{of}data[@key='graph sensors']") == "north"
    nodes = [{str(keys[d.get("key")]): d.text or "" for d in n} for n in graph.iter(f"{of}node")]
    assert [n["ae_titles"] for n in nodes if n["name"] == "pacs1"] == ["PACS1"]
    main(["map", *asked, "-f", "dot"])
    drawn = capsys.readouterr().out
    assert "sensors: north" in drawn
    assert "pacs1 / PACS1 / 10." in drawn


DICOM: dict[str, Any] = {
    "ts": 1772438400.5, "uid": "C1", "id.orig_h": "10.0.0.1", "id.orig_p": 40000,
    "id.resp_h": "10.0.0.2", "id.resp_p": 104, "calling_ae": "A", "called_ae": "B",
    "result": "accepted", "end": "released",
}  # fmt: skip


@pytest.mark.thorough
def test_tables_say_beside_what_their_rows_are_of_and_the_rows_stay_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    logs = tmp_path / "logs"
    logs.mkdir()
    late = {**DICOM, "ts": DICOM["ts"] + 7200.0, "uid": "C2"}
    (logs / "dicom.log").write_text(json.dumps(DICOM) + "\n" + json.dumps(late) + "\n")
    (logs / "conn.log").write_text(json_log([{"uid": "C1", "ts": DICOM["ts"]}]))
    book, beside = str(tmp_path / "book"), tmp_path / "about.json"
    main(["ingest", str(logs), "--sensor", "north", "--ledger", book])
    ends = {"top": "09", "series": "09", "map": "09", "endpoints": "09", "associations": "11"}
    for command, hour in ends.items():
        capsys.readouterr()
        assert main([command, "-l", book, "-f", "csv"]) == 0
        alone = capsys.readouterr().out
        assert main([command, "-l", book, "-f", "csv", "--about", str(beside)]) == 0
        assert capsys.readouterr().out == alone
        told = json.loads(beside.read_text())
        assert told["first hour (UTC)"] == "2026-03-02T08:00:00Z"
        assert told["end of the last hour (UTC)"] == f"2026-03-02T{hour}:00:00Z", command
        assert told["sensors"] == "north"
        assert told["made by"] == f"pacsflow {__version__}"
    assert main(["top", "-l", book, "--about", str(tmp_path / "no" / "a.json")]) == 2


def test_an_export_of_tag_logs_alone_has_their_period(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "dicom.log").write_text(json.dumps(DICOM) + "\n")
    out = tmp_path / "x.csv"
    main(["export", str(tmp_path / "dicom.log"), "--what", "associations", "-o", str(out)])
    told = json.loads((tmp_path / "x.csv-metadata.json").read_text())
    assert told["first hour (UTC)"] == "2026-03-02T08:00:00Z"
    assert told["end of the last hour (UTC)"] == "2026-03-02T09:00:00Z"
    assert told["sensors"] == "without a name"
    capsys.readouterr()


@pytest.mark.parametrize(
    ("value", "written"),
    [(0.0, "0"), (-0.0, "0"), (469.0, "469"), (1e21, "1" + "0" * 21), (1.234, "1.2340"),
     (-0.162, "-0.1620"), (0.161988, "0.161988"), (12.5, "12.5"), (1e-7, "0.0000001"),
     (float("nan"), None)],
)  # fmt: skip
def test_no_number_of_a_csv_is_another_one_where_a_point_groups_thousands(
    value: float, written: str | None
) -> None:
    assert plain_cell(value) == written
