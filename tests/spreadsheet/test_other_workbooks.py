"""Workbooks that are no .xlsx: .xls and .ods of LibreOffice, .xlsb of an encoder here."""

from __future__ import annotations

import struct
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pacsflow.errors import InputError
from pacsflow.ledger import Ledger
from pacsflow.readers import Quality, find, read

if TYPE_CHECKING:
    from collections.abc import Iterable

    Cell = str | float

SHEETS = Path(__file__).parent / "sheets"
HEAD = ("No.", "Time", "Source", "Destination", "Protocol", "Length", "Info")
MONDAY = [
    (n + 1, f"2026-03-02 08:00:0{n}.5", "10.0.0.1", "10.0.0.2", "TCP", 1000 + n, "of it")
    for n in range(5)
]
TUESDAY = [(1, "2026-03-03 08:00:00", "10.0.0.1", "10.0.0.2", "TCP", "2000", "text")]
TYPES = "http://schemas.openxmlformats.org/package/2006/content-types"
RELATIONS = "http://schemas.openxmlformats.org/package/2006/relationships"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
ROW, REAL, INLINE, BUNDLE = 0, 5, 6, 156
BEGIN_BOOK, END_BOOK, BEGIN_BUNDLES, END_BUNDLES = 131, 132, 143, 144
BEGIN_SHEET, END_SHEET, BEGIN_DATA, END_DATA, SIZE = 129, 130, 145, 146, 148
"""Records of [MS-XLSB] 2.3."""


def record(kind: int, data: bytes = b"") -> bytes:
    """Return a record: type and length in seven bits a byte (2.1.4)."""
    parts = [kind & 0x7F | (0x80 if kind > 0x7F else 0)] + ([kind >> 7] if kind > 0x7F else [])
    size, length = len(data), []
    while True:
        length.append(size & 0x7F | (0x80 if size > 0x7F else 0))
        size >>= 7
        if not size:
            return bytes(parts) + bytes(length) + data


def wide(text: str) -> bytes:
    return struct.pack("<I", len(text)) + text.encode("utf-16-le")


def sheet(rows: Iterable[Iterable[Cell]]) -> bytes:
    table = [tuple(row) for row in rows]
    out = record(BEGIN_SHEET) + record(SIZE, struct.pack("<IIII", 0, len(table) - 1, 0, 6))
    out += record(BEGIN_DATA)
    for number, row in enumerate(table):
        out += record(ROW, struct.pack("<IIHHB", number, 0, 0x12C, 0, 0) + struct.pack("<I", 0))
        for column, cell in enumerate(row):
            place = struct.pack("<II", column, 0)
            if isinstance(cell, str):
                out += record(INLINE, place + wide(cell))
            else:
                out += record(REAL, place + struct.pack("<d", cell))
    return out + record(END_DATA) + record(END_SHEET)


def xlsb(path: Path, sheets: dict[str, list[tuple[Cell, ...]]]) -> Path:
    """Write a binary workbook."""
    bundles, links = b"", ""
    with zipfile.ZipFile(path, "w") as book:
        book.writestr("[Content_Types].xml", f'<Types xmlns="{TYPES}"/>')
        for number, (name, rows) in enumerate(sheets.items(), 1):
            bundles += record(
                BUNDLE, struct.pack("<II", 0, number) + wide(f"r{number}") + wide(name)
            )
            links += (
                f'<Relationship Id="r{number}" Type="{OFFICE}/worksheet" '
                f'Target="worksheets/sheet{number}.bin"/>'
            )
            book.writestr(f"xl/worksheets/sheet{number}.bin", sheet(rows))
        inside = record(BEGIN_BUNDLES) + bundles + record(END_BUNDLES)
        book.writestr("xl/workbook.bin", record(BEGIN_BOOK) + inside + record(END_BOOK))
        relations = f'<Relationships xmlns="{RELATIONS}">{links}</Relationships>'
        book.writestr("xl/_rels/workbook.bin.rels", relations)
    return path


@pytest.fixture
def workbook(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    if request.param == "xlsb":
        sheets = {
            "Monday": [HEAD, *MONDAY],
            "Tuesday": [HEAD, *TUESDAY],
            "Notes": [("no", "thing")],
        }
        return xlsb(tmp_path / "frames.xlsb", sheets)
    return SHEETS / f"frames.{request.param}"


@pytest.mark.parametrize("workbook", ["xls", "xlsb", "ods"], indirect=True)
def test_all_sheets_are_read(workbook: Path) -> None:
    (source,) = find([workbook]).sources
    quality = Quality()
    rows = [row for _, batch in read(source, quality) for row in batch.to_pylist()]
    assert [row["length"] for row in rows] == [1000, 1001, 1002, 1003, 1004, 2000]
    assert [row["ts"].strftime("%d %H:%M:%S.%f")[:-5] for row in rows] == [
        *(f"02 08:00:0{n}.5" for n in range(5)), "03 08:00:00.0",
    ]  # fmt: skip
    assert {row["id.orig_h"] for row in rows} == {"10.0.0.1"}
    assert (quality.rows, quality.unreadable) == (6, 0)
    assert any("Monday, Tuesday" in note for note in quality.notes)


@pytest.mark.few(2)
@pytest.mark.parametrize("workbook", ["xls", "xlsb", "ods"], indirect=True)
def test_in_a_ledger_they_are_one_traffic(workbook: Path) -> None:
    with Ledger.temporary() as ledger:
        ledger.add(find([workbook]).sources, workers=1)
        with ledger.connect() as connection:
            found = connection.sql("SELECT sum(bytes) FROM traffic").fetchall()
    assert int(found[0][0]) == 7010


@pytest.mark.parametrize("workbook", ["xls", "xlsb", "ods"], indirect=True)
@pytest.mark.parametrize("part", [0.2, 0.5, 0.9])
def test_cut_ones_are_refused_in_one_line(workbook: Path, tmp_path: Path, part: float) -> None:
    """Or read whole: behind the sheets of an .xls there may be nothing that they need."""
    data = workbook.read_bytes()
    cut = tmp_path / f"cut{workbook.suffix}"
    cut.write_bytes(data[: int(len(data) * part)])
    found = find([cut])
    problems = [str(problem) for problem in found.problems]
    rows = 0
    for source in found.sources:
        try:
            rows += sum(batch.num_rows for _, batch in read(source, Quality()))
        except InputError as error:
            problems.append(str(error))
    assert (rows, len(problems)) in {(0, 1), (6, 0)}
    assert "\n" not in "".join(problems)
