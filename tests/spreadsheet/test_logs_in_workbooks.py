"""Rows of Zeek's logs in workbooks are read as the logs that they are."""

from __future__ import annotations

import io
import json
import zipfile
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import openpyxl
import pytest

from conftest import CONN_FIELDS, CONN_ROW, tsv
from pacsflow.errors import InputError
from pacsflow.ledger import Ledger
from pacsflow.readers import Format, Quality, find, read, recognise
from spreadsheet.test_other_workbooks import xlsb

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    Write = Callable[[str, str | bytes], Path]
    Cell = str | float | datetime

T0 = 1772438400
"""2026-03-02 08:00 UTC."""
WHEN = datetime(2026, 3, 2, 8, 0, 0, 123000)  # noqa: DTZ001 - cells have no zone
NUMBERS = {"id.orig_p", "id.resp_p", "duration"} | {
    name for name, kind in CONN_FIELDS.items() if kind == "count"
}
ROW: dict[str, Cell] = {
    name: float(text) if name in NUMBERS else text for name, text in CONN_ROW.items()
} | {"ts": T0 + 0.123}
SUM = 1400 + 420


def book(**sheets: Sequence[Sequence[Cell]]) -> bytes:
    """Return a workbook of these sheets."""
    made = openpyxl.Workbook()
    made.remove(made.worksheets[0])
    for name, rows in sheets.items():
        sheet = made.create_sheet(name)
        for row in rows:
            sheet.append(list(row))
    sink = io.BytesIO()
    made.save(sink)
    return sink.getvalue()


def rows_of(path: Path) -> tuple[dict[str, list[dict[str, Any]]], Quality]:
    quality, found = Quality(), dict[str, list[dict[str, Any]]]()
    for log, batch in read(recognise(path), quality):
        found.setdefault(log, []).extend(batch.to_pylist())
    return found, quality


FORMS: dict[str, list[list[Cell]]] = {
    "numbers": [[*ROW], [*ROW.values()]],
    "texts": [[*CONN_ROW], [*(CONN_ROW | {"ts": f"{T0}.123"}).values()]],
    "dates": [[*ROW], [*(ROW | {"ts": WHEN}).values()]],
    "a title above": [["Week 10"], [], [*ROW], [*ROW.values()]],
    "the log pasted": [
        *(line.split("\t") for line in tsv([]).splitlines() if not line.startswith("#close")),
        [*(CONN_ROW | {"ts": f"{T0}.123"}).values()], ["#close", "2026-03-02-09-00-00"],
    ],
    "Kibana's without a state": [
        ["@timestamp", "event.dataset", "source.ip", "source.port", "destination.ip",
         "destination.port", "network.transport", "source.bytes", "destination.bytes",
         "event.duration"],
        ["Mar 2, 2026 @ 08:00:00.123", "zeek.connection", "10.0.0.1", "40,000", "10.0.0.2", 104.0,
         "tcp", "1,400", "420", "1500000000"],
    ],
    "Splunk's raw rows": [
        ["_time", "_raw", "linecount"], ["x", json.dumps(CONN_ROW | {"ts": T0 + 0.123}), 1.0],
    ],
    "Splunk's": [
        ["_time", "sourcetype", *list(ROW)[1:]],
        ["2026-03-02T05:00:00.123-0300", "zeek:conn:json", *list(ROW.values())[1:]],
    ],
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_rows_of_conn_log(write: Write, form: str) -> None:
    path = write("export.xlsx", book(Sheet1=FORMS[form]))
    source = recognise(path)
    assert (source.format, source.log) == (Format.ZEEK_TABLE, "conn")
    found, quality = rows_of(path)
    (row,) = found["conn"]
    assert (quality.rows, quality.unreadable, quality.examples) == (1, 0, [])
    assert row["ts"] == WHEN.replace(tzinfo=UTC)
    assert (row["id.orig_h"], row["id.orig_p"], row["duration"]) == ("10.0.0.1", 40000, 1.5)
    assert row["orig_ip_bytes"] + row["resp_ip_bytes"] == SUM


def test_each_sheet_is_the_log_that_it_holds(write: Write, tmp_path: Path) -> None:
    """Sheets that hold none are named; one connection on two sheets counts once."""
    dicom: list[list[Cell]] = [
        [
            "ts",
            "uid",
            "id.orig_h",
            "id.orig_p",
            "id.resp_h",
            "id.resp_p",
            "calling_ae",
            "called_ae",
        ],
        [T0 + 0.2, "C1", "10.0.0.1", 40000.0, "10.0.0.2", 104.0, "CT1", "PACS"],
    ]
    second = ROW | {"uid": "C2", "id.orig_p": 40001.0, "ts": T0 + 60.5}
    data = book(
        conn=[[*ROW], [*ROW.values()]], dicom=dicom, more=[[*ROW], [*second.values()]],
        again=[[*ROW], [*ROW.values()], [*second.values()]], notes=[["of", "the week"]],
    )  # fmt: skip
    path = write("week.xlsx", data)
    found, quality = rows_of(path)
    assert {log: len(rows) for log, rows in found.items()} == {"conn": 4, "dicom": 1}
    assert any("4 sheets were read: conn, dicom, more, again" in note for note in quality.notes)
    assert any("left out: notes" in note for note in quality.notes)
    ledger = Ledger(tmp_path / "ledger", create=True)
    assert not ledger.add(find([path]).sources).problems
    with ledger.connect() as duck:
        counted = duck.sql("SELECT sum(bytes), sum(communications) FROM traffic").fetchall()
        assert counted == [(2 * SUM, 2)]
        assert duck.sql("SELECT count(*) FROM associations").fetchall() == [(1,)]


def test_what_a_sheet_lacks_is_named(write: Write) -> None:
    bare = {name: cell for name, cell in ROW.items() if "resp_" not in name or "id." in name}
    rows = [[*bare], [*bare.values()]]
    with pytest.raises(InputError, match=r"sheet one .* of Zeek's logs, without resp_bytes"):
        recognise(write("a.xlsx", book(one=rows)))
    found, quality = rows_of(write("b.xlsx", book(one=rows, two=[[*ROW], [*ROW.values()]])))
    assert len(found["conn"]) == 1
    assert any("sheets of Zeek's rows were left out: one, without resp" in n for n in quality.notes)


def test_sums_at_the_bottom_and_empty_rows(write: Write) -> None:
    total: list[Cell] = ["" for _ in ROW]
    total[0] = "Total"
    total[list(ROW).index("orig_ip_bytes")] = 1400.0
    blank: list[Cell] = ["" for _ in ROW]
    data = book(conn=[[*ROW], [*ROW.values()], blank, total])
    found, quality = rows_of(write("conn.xlsx", data))
    assert (len(found["conn"]), quality.unreadable) == (1, 1)
    assert "row 4" in quality.examples[0] or "line 4" in quality.examples[0]


def test_a_sheet_of_frames_beside_one_of_a_log(write: Write) -> None:
    """They may tell the same traffic: frames are read, and the log is named."""
    frames: list[list[Cell]] = [
        ["Time", "Source", "Destination", "Length"],
        ["2026-03-02 08:00:00", "10.0.0.1", "10.0.0.2", 60.0],
    ]
    path = write("both.xlsx", book(frames=frames, conn=[[*ROW], [*ROW.values()]]))
    found, quality = rows_of(path)
    assert [row["length"] for row in found["frames"]] == [60]
    assert any("left out: conn" in note for note in quality.notes)


def ods(path: Path, rows: Sequence[Sequence[Cell]]) -> Path:
    """Write a workbook of one sheet as OpenDocument has it."""
    office = "urn:oasis:names:tc:opendocument:xmlns:"
    cells = {
        True: '<table:table-cell office:value-type="string"><text:p>{}</text:p></table:table-cell>',
        False: '<table:table-cell office:value-type="float" office:value="{!r}"/>',
    }
    lines = ("".join(cells[isinstance(c, str)].format(c) for c in row) for row in rows)
    table = "".join(f"<table:table-row>{line}</table:table-row>" for line in lines)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr("META-INF/manifest.xml", f'<m:manifest xmlns:m="{office}manifest:1.0"/>')
        archive.writestr(
            "content.xml",
            f'<office:document-content xmlns:office="{office}office:1.0" '
            f'xmlns:table="{office}table:1.0" xmlns:text="{office}text:1.0">'
            f'<office:body><office:spreadsheet><table:table table:name="conn">{table}'
            "</table:table></office:spreadsheet></office:body></office:document-content>",
        )
    return path


@pytest.mark.parametrize("form", ["xlsb", "ods"])
def test_other_workbooks(tmp_path: Path, form: str) -> None:
    rows = [tuple(ROW), tuple(ROW.values())]
    path = tmp_path / f"conn.{form}"
    found, _ = rows_of(xlsb(path, {"conn": rows}) if form == "xlsb" else ods(path, rows))
    assert [row["orig_ip_bytes"] + row["resp_ip_bytes"] for row in found["conn"]] == [SUM]


def test_a_part_with_a_wrong_checksum_is_a_damaged_workbook(write: Write) -> None:
    sink = io.BytesIO()
    rows = io.BytesIO(book(conn=[[*ROW], [*ROW.values()]]))
    with zipfile.ZipFile(rows) as whole, zipfile.ZipFile(sink, "w") as stored:
        for name in whole.namelist():
            stored.writestr(name, whole.read(name))
    changed = sink.getvalue().replace(b"calcPr", b"calcPx")
    assert changed != sink.getvalue()
    with pytest.raises(InputError, match="the workbook is damaged or encrypted: Bad CRC-32"):
        rows_of(write("changed.xlsx", changed))
