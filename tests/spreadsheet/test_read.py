"""Tables of frames, checked against the csv module, openpyxl and calamine."""

from __future__ import annotations

import csv
import gzip
import io
import random
import zipfile
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import openpyxl
import pytest
import xlsxwriter
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from python_calamine import CalamineWorkbook

from pacsflow.errors import InputError
from pacsflow.readers import Format, find, read, spreadsheet
from pacsflow.readers.quality import Quality
from pacsflow.readers.time_cells import READ_AS_UTC
from pacsflow.terms.log_fields import FRAMES

if TYPE_CHECKING:
    from pathlib import Path

HEADER = ["Time", "Protocol", "Source", "Destination", "Hardware Source", "Hardware Destination",
          "VLAN", "Length", "Info"]  # fmt: skip
ONE_FOLDER = [HealthCheck.function_scoped_fixture]
MOMENT = datetime(2026, 3, 2, 8, 15, 30, 123456)  # noqa: DTZ001 - cells have no zone
ROW = ["2026-03-02 08:15:30.123456", "DICOM", "10.65.143.6", "10.65.143.7", "00:11:22:33:44:55",
       "66:77:88:99:aa:bb", "143", "1522", "P-DATA, len=1450"]  # fmt: skip


def frames(path: Path, **options: Any) -> tuple[list[dict[str, Any]], Quality]:
    quality = Quality()
    rows: list[dict[str, Any]] = []
    for batch in spreadsheet.read(path, quality, **options):
        assert batch.schema.equals(FRAMES)
        rows += batch.to_pylist()
    assert quality.rows == len(rows)
    return rows, quality


def write_csv(path: Path, *rows: list[str], delimiter: str = ",") -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, delimiter=delimiter).writerows(rows)
    return path


def write_xlsx(path: Path, *rows: list[Any], **options: Any) -> Path:
    book = xlsxwriter.Workbook(str(path), options)
    sheet = book.add_worksheet()
    date = book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"})
    for r, row in enumerate(rows):
        for c, value in enumerate(row):
            if isinstance(value, datetime):
                sheet.write_datetime(r, c, value, date)
            elif value is not None:
                sheet.write(r, c, value)
    book.close()
    return path


def expected() -> dict[str, Any]:
    return {
        "ts": MOMENT.replace(tzinfo=UTC), "protocol": "DICOM", "id.orig_h": "10.65.143.6",
        "id.resp_h": "10.65.143.7", "hw_source": "00:11:22:33:44:55",
        "hw_destination": "66:77:88:99:aa:bb", "vlan": 143, "length": 1522,
        "info": "P-DATA, len=1450", "sampling_rate": 1, "service": "dicom",
    }  # fmt: skip


def told(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if value is not None}


def test_nine_columns_of_csv(tmp_path: Path) -> None:
    rows, quality = frames(write_csv(tmp_path / "a.csv", HEADER, ROW))
    assert [told(row) for row in rows] == [expected()]
    assert not quality.unreadable
    assert quality.notes == [READ_AS_UTC]


def test_nine_columns_of_xlsx(tmp_path: Path) -> None:
    row = [MOMENT, *ROW[1:6], 143, 1522, ROW[8]]
    rows, quality = frames(write_xlsx(tmp_path / "a.xlsx", HEADER, row))
    assert abs(rows[0].pop("ts") - MOMENT.replace(tzinfo=UTC)) < timedelta(milliseconds=1)
    want = expected()
    del want["ts"]
    assert [told(row) for row in rows] == [want]
    assert quality.notes == [READ_AS_UTC]


@pytest.mark.parametrize(
    "header",
    [
        ["Tempo", "Protocolo", "Origem", "Destino", "Hardware de Origem", "Hardware de Destino",
         "VLAN", "Tamanho", "Informação"],
        ["Data e Hora", "PROTOCOLO", " origem ", "destino", "Hardware Origem", "Hardware Destino",
         "vlan", "Comprimento", "Informações"],
    ],
)  # fmt: skip
def test_portuguese_headers(tmp_path: Path, header: list[str]) -> None:
    rows, _ = frames(write_csv(tmp_path / "a.csv", header, ROW, delimiter=";"))
    assert [told(row) for row in rows] == [expected()]
    rows, _ = frames(write_xlsx(tmp_path / "a.xlsx", header, [*ROW[:6], 143, 1522, ROW[8]]))
    assert [told(row) for row in rows] == [expected()]


def test_columns_in_another_order_and_missing_ones(tmp_path: Path) -> None:
    order = [7, 3, 2, 0]
    path = write_csv(tmp_path / "a.csv", [HEADER[i] for i in order], [ROW[i] for i in order])
    rows, quality = frames(path)
    want = {k: expected()[k] for k in ("ts", "length", "id.orig_h", "id.resp_h", "sampling_rate")}
    assert [told(row) for row in rows] == [want]
    assert quality.notes == [READ_AS_UTC]
    path = write_csv(tmp_path / "b.csv", ["Source", "Destination"], ["10.0.0.1", "10.0.0.2"])
    rows, quality = frames(path)
    assert rows[0]["length"] == 0
    assert rows[0]["ts"] is None
    assert any("Length" in note for note in quality.notes)
    assert any("Time" in note for note in quality.notes)


def test_text_in_number_cells_is_counted_and_named(tmp_path: Path) -> None:
    bad_length = [*ROW[:7], "long", ROW[8]]
    bad_vlan = [*ROW[:6], "guest", *ROW[7:]]
    bad_time = ["yesterday", *ROW[1:]]
    no_length = [*ROW[:7], "", ROW[8]]
    for path in (
        write_csv(tmp_path / "a.csv", HEADER, ROW, bad_length, bad_vlan, bad_time, no_length, ROW),
        write_xlsx(
            tmp_path / "a.xlsx", HEADER, ROW, bad_length, bad_vlan, bad_time, no_length, ROW
        ),
    ):
        rows, quality = frames(path)
        assert len(rows) == 2
        assert quality.unreadable == 4
        assert quality.examples[0] == "line 3: expected the bytes of one frame, found 'long'"
        assert quality.examples[1] == "line 4: expected a number in vlan, found 'guest'"
        assert "line 5: expected a time" in quality.examples[2]
        assert "line 6: expected the bytes of one frame, found 'nothing'" in quality.examples[3]


def test_a_quote_hides_no_row(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    good = ",".join(ROW[:8]) + ",ok\n"
    path.write_text(
        ",".join(HEADER)
        + "\n"
        + good
        + good.replace("ok", '"open')
        + good * 3
        + good.replace("ok", 'shut"')
        + good
    )
    rows, quality = frames(path)
    assert len(rows) == 5
    assert quality.unreadable == 2
    assert quality.examples == [
        "line 3: a quote is opened and not closed",
        "line 7: a quote is opened and not closed",
    ]


def test_rows_of_another_width_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    good = ",".join([*ROW[:8], "ok"])
    path.write_text("\n".join([",".join(HEADER), good, "1,2", "", good, good + ",x", good[:40]]))
    rows, quality = frames(path)
    assert len(rows) == 2
    assert quality.unreadable == 3
    assert quality.examples[0] == "line 3: expected 9 columns"
    assert quality.examples[1] == "line 6: expected 9 columns"
    assert quality.examples[2] == "line 7: expected 9 columns"


def test_text_that_is_not_utf8(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(
        "Tempo;Origem;Destino;Tamanho;Informação\n"
        "2026-03-02 08:00:00;10.0.0.1;10.0.0.2;60;configuração\n".encode("cp1252")
    )
    rows, quality = frames(path)
    assert rows[0]["info"] == "configuração"
    assert quality.notes == ["not all text is UTF-8; it was read as Windows-1252", READ_AS_UTC]


def test_control_characters_do_not_reach_anyone(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "a.csv", HEADER, [*ROW[:8], "\x1b[31mred\u202e"])
    rows, _ = frames(path)
    assert rows[0]["info"] == "\\x1b[31mred\\xe2\\x80\\xae"


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("2026-03-02T08:15:30Z", "2026-03-02T08:15:30+00:00"),
        ("2026-03-02T08:15:30.5-03:00", "2026-03-02T11:15:30.500000+00:00"),
        ("2026-03-02 08:15:30.123456789", "2026-03-02T08:15:30.123456+00:00"),
        ("2026-03-02 08:15:30,25", "2026-03-02T08:15:30.250000+00:00"),
        ("1772439330.5", "2026-03-02T08:15:30.500000+00:00"),
        ("Mar  2, 2026 08:15:30.123456789 UTC", "2026-03-02T08:15:30.123456+00:00"),
        ("13/02/2026 08:15:30", "2026-02-13T08:15:30+00:00"),
    ],
)
def test_ways_to_write_a_time(tmp_path: Path, text: str, want: str) -> None:
    rows, quality = frames(write_csv(tmp_path / "a.csv", HEADER, [text, *ROW[1:]]))
    assert quality.examples == []
    assert rows[0]["ts"] == datetime.fromisoformat(want)


def test_brazilian_dates_are_day_first(tmp_path: Path) -> None:
    header = ["Data e Hora", "Origem", "Destino", "Tamanho"]
    rows, quality = frames(
        write_csv(tmp_path / "a.csv", header, ["2/3/2026 08:15:30", "10.0.0.1", "10.0.0.2", "60"])
    )
    assert rows[0]["ts"] == datetime(2026, 3, 2, 8, 15, 30, tzinfo=UTC)
    assert quality.notes == [READ_AS_UTC]
    header = ["Time", "Source", "Destination", "Length"]
    path = write_csv(tmp_path / "b.csv", header, ["02/03/2026 08:15", "10.0.0.1", "10.0.0.2", "60"])
    with pytest.raises(InputError, match="--date-order dmy or --date-order mdy"):
        frames(path)
    rows, quality = frames(path, date_order="mdy")
    assert rows[0]["ts"] == datetime(2026, 2, 3, 8, 15, tzinfo=UTC)
    assert quality.notes == [READ_AS_UTC]


def test_seconds_since_the_start_need_a_start(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "a.csv", HEADER, ["0.000000", *ROW[1:]], ["90000.5", *ROW[1:]])
    rows, quality = frames(path)
    assert [row["ts"] for row in rows] == [None, None]
    assert "seconds since an unknown start" in quality.notes[0]
    rows, quality = frames(path, start=datetime(2026, 3, 2, tzinfo=UTC))
    assert rows[1]["ts"] == datetime(2026, 3, 3, 1, 0, 0, 500000, tzinfo=UTC)
    assert quality.notes == []


def test_a_sheet_with_days_from_1904(tmp_path: Path) -> None:
    row = [MOMENT, *ROW[1:6], 143, 1522, ROW[8]]
    rows, _ = frames(write_xlsx(tmp_path / "a.xlsx", HEADER, row, default_date_format="yyyy"))
    other, _ = frames(write_xlsx(tmp_path / "b.xlsx", HEADER, row, date_1904=True))
    assert abs(rows[0]["ts"] - other[0]["ts"]) < timedelta(milliseconds=1)


def test_rows_that_are_not_all_alike(tmp_path: Path) -> None:
    rng = random.Random(4)
    table: list[list[Any]] = [HEADER]
    for i in range(500):
        row: list[Any] = [
            MOMENT + timedelta(seconds=i), "DICOM", f"10.0.0.{i % 9}", "10.0.1.1", "", "",
            143, 60 + i, f"info {i}",
        ]  # fmt: skip
        if rng.random() < 0.3:
            row[6] = None
        if rng.random() < 0.1:
            row[8] = None
        if rng.random() < 0.1:
            row[1] = 7
        table.append(row)
    path = write_xlsx(tmp_path / "a.xlsx", *table)
    got = [
        (r["id.orig_h"], r["protocol"], r["vlan"], r["length"], r["info"]) for r in frames(path)[0]
    ]
    sheet = openpyxl.load_workbook(path, read_only=True).active
    assert sheet is not None
    want = [
        (r[2], str(r[1]), r[6], r[7], r[8]) for r in sheet.iter_rows(min_row=2, values_only=True)
    ]
    assert got == want


def test_openpyxl_and_inline_strings(tmp_path: Path) -> None:
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet("frames")
    sheet.append(["a title above the table"])
    sheet.append([])
    sheet.append(HEADER)
    for i in range(30):
        sheet.append([MOMENT + timedelta(seconds=i), *ROW[1:6], 143, 1522, f"<&> {i}"])
    book.save(tmp_path / "a.xlsx")
    rows, quality = frames(tmp_path / "a.xlsx")
    assert [row["info"] for row in rows] == [f"<&> {i}" for i in range(30)]
    assert not quality.unreadable
    write_xlsx(tmp_path / "b.xlsx", HEADER, *[ROW] * 3, constant_memory=True)
    rows, _ = frames(tmp_path / "b.xlsx")
    assert [told(row) for row in rows] == [expected()] * 3


def test_the_sheet_with_the_header_is_found(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    notes = book.active
    assert notes is not None
    notes.append(["some", "notes"])
    sheet = book.create_sheet("sflow")
    sheet.append(HEADER)
    sheet.append(ROW)
    book.save(tmp_path / "a.xlsx")
    assert [told(row) for row in frames(tmp_path / "a.xlsx")[0]] == [expected()]


SHEET = (
    '<?xml version="1.0"?><{x}worksheet{ns}><{x}sheetData>'
    '<{x}row r="1"><{x}c r="A1" t="s"><{x}v>0</{x}v></{x}c><{x}c r="B1" t="s"><{x}v>1</{x}v></{x}c>'
    '<{x}c r="C1" t="inlineStr"><{x}is><{x}t>Length</{x}t></{x}is></{x}c></{x}row>'
    '<{x}row><{x}c t="s"><{x}v>2</{x}v></{x}c><{x}c t="str"><{x}f>A1</{x}f><{x}v>10.0.0.2</{x}v></{x}c>'  # noqa: E501
    "<{x}c><{x}v>6.0E1</{x}v></{x}c></{x}row>"
    '<{x}row r="7"><{x}c r="A7" t="s"><{x}v>2</{x}v></{x}c><{x}c r="C7" t="e"><{x}v>#N/A</{x}v></{x}c></{x}row>'  # noqa: E501
    "</{x}sheetData></{x}worksheet>"
)
STRINGS = (
    "<sst><si><t>Source</t></si><si><r><t>Desti</t></r><r><t>nation</t></r>"
    "<rPh sb='0' eb='1'><t>x</t></rPh></si><si><t>10.0.0.1</t></si></sst>"
)


def by_hand(path: Path, sheet: str, strings: str = STRINGS) -> Path:
    kind = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as book:
        book.writestr("[Content_Types].xml", "<Types/>")
        book.writestr(
            "_rels/.rels",
            f'<Relationships><Relationship Id="r1" Type="{kind}/officeDocument" '
            'Target="xl/workbook.xml"/></Relationships>',
        )
        book.writestr(
            "xl/_rels/workbook.xml.rels",
            f'<Relationships><Relationship Id="r1" Type="{kind}/worksheet" '
            'Target="worksheets/one.xml"/>'
            f'<Relationship Id="r2" Type="{kind}/sharedStrings" Target="sharedStrings.xml"/>'
            "</Relationships>",
        )
        book.writestr(
            "xl/workbook.xml", '<workbook><sheets><sheet name="a" r:id="r1"/></sheets></workbook>'
        )
        book.writestr("xl/worksheets/one.xml", sheet)
        book.writestr("xl/sharedStrings.xml", strings)
    return path


@pytest.mark.parametrize("prefix", ["", "x:"])
def test_xml_written_otherwise(tmp_path: Path, prefix: str) -> None:
    sheet = SHEET.format(x=prefix, ns=' xmlns:x="http://a"' if prefix else "")
    rows, quality = frames(by_hand(tmp_path / "a.xlsx", sheet))
    assert [(r["id.orig_h"], r["id.resp_h"], r["length"]) for r in rows] == [
        ("10.0.0.1", "10.0.0.2", 60)
    ]
    assert quality.examples == ["line 7: expected the bytes of one frame, found 'nothing'"]


def test_entity_bombs_do_not_go_off(tmp_path: Path) -> None:
    bomb = '<!DOCTYPE a [<!ENTITY b "bbbbbbbb"><!ENTITY c "&b;&b;&b;&b;">]>'
    plain = SHEET.format(x="", ns="")
    sheet = plain.replace("<v>6.0E1</v>", "<v>&c;</v>")
    for text in (bomb + sheet.split("?>")[1], sheet):
        path = by_hand(tmp_path / "a.xlsx", text, bomb + STRINGS)
        try:
            rows, quality = frames(path)
        except InputError as error:
            assert "damaged" in str(error)  # noqa: PT017
        else:
            assert not rows
            assert quality.unreadable == 2


def test_a_workbook_that_is_cut_or_encrypted_is_refused_in_one_line(tmp_path: Path) -> None:
    whole = write_xlsx(tmp_path / "a.xlsx", HEADER, *[ROW] * 100).read_bytes()
    for n in (30, len(whole) // 2, len(whole) - 10):
        path = tmp_path / "cut.xlsx"
        path.write_bytes(whole[:n])
        with pytest.raises(InputError, match="damaged"):
            frames(path)
    path.write_bytes(b"PK\x03\x04" + b"\0" * 100)
    with pytest.raises(InputError, match="damaged"):
        frames(path)


def test_a_table_of_something_else_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no column of frames"):
        frames(write_csv(tmp_path / "a.csv", ["name", "price"], ["a", "1"]))
    with pytest.raises(InputError, match="names columns of frames"):
        frames(write_xlsx(tmp_path / "a.xlsx", ["name", "price"], ["a", 1]))
    with pytest.raises(InputError, match="no row"):
        frames(write_csv(tmp_path / "b.csv", HEADER))
    with pytest.raises(InputError, match="no row"):
        frames(write_xlsx(tmp_path / "b.xlsx", HEADER))


def test_gzip_and_the_common_face(tmp_path: Path) -> None:
    text = write_csv(tmp_path / "a.csv", HEADER, ROW).read_bytes()
    (tmp_path / "b.csv.gz").write_bytes(gzip.compress(text))
    write_xlsx(tmp_path / "c.xlsx", HEADER, ROW)
    found = find([tmp_path])
    assert {source.path.name for source in found.sources} == {"a.csv", "b.csv.gz", "c.xlsx"}
    for source in found.sources:
        assert source.format is Format.TABLE
        ((log, batch),) = read(source, Quality())
        assert log == "frames"
        assert batch.num_rows == 1


def test_columns_that_are_not_asked_for_are_null_and_not_missed(tmp_path: Path) -> None:
    for path in (
        write_csv(tmp_path / "a.csv", HEADER, ROW),
        write_xlsx(tmp_path / "a.xlsx", HEADER, [*ROW[:6], 143, 1522, ROW[8]]),
    ):
        rows, quality = frames(path, columns=["id.orig_h"])
        assert rows[0]["id.orig_h"] == "10.65.143.6"
        assert rows[0]["ts"] is not None, "by which it is known whether parts overlap"
        assert rows[0]["info"] is None
        assert quality.notes == []


def test_sampling_rate_is_told_to_the_frames(tmp_path: Path) -> None:
    rows, _ = frames(write_csv(tmp_path / "a.csv", HEADER, ROW), sampling_rate=512)
    assert rows[0]["sampling_rate"] == 512


@settings(max_examples=60, deadline=None, suppress_health_check=ONE_FOLDER)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["10.0.0.1", "fe80::1", "", "host a"]),
            st.text(
                st.characters(blacklist_categories=["Cs"], blacklist_characters="\r\n\0"),
                max_size=20,
            ),
            st.integers(0, 99999),
        ),
        min_size=1,
    )
)
def test_any_text_is_read_as_the_csv_module_reads_it(
    tmp_path: Path, table: list[tuple[str, str, int]]
) -> None:
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerow(["Source", "Info", "Length"])
    writer.writerows(table)
    path = tmp_path / "a.csv"
    path.write_text(text.getvalue(), encoding="utf-8", newline="")
    rows, quality = frames(path)
    assert quality.unreadable == 0
    assert [row["length"] for row in rows] == [length for _, _, length in table]
    for row, (source, info, _) in zip(rows, table, strict=True):
        assert row["id.orig_h"] == (source or None)
        if info.isprintable() and info.strip() == info and info.isascii():
            assert row["info"] == (info or None)


@pytest.mark.thorough
@pytest.mark.parametrize("name", ["a.csv", "a.xlsx"])
def test_damaged_tables_are_read_or_refused(tmp_path: Path, name: str) -> None:
    rng = random.Random(8)
    text = (",".join(HEADER) + "\n" + ",".join([*ROW[:8], "x"]) + "\n").encode() * 3
    xml = SHEET.format(x="", ns="").encode()
    for _ in range(40 if name == "a.xlsx" else 300):
        noise, at, cut = rng.randbytes(rng.randrange(60)), rng.randrange(400), rng.randrange(60)
        if name == "a.csv":
            (tmp_path / name).write_bytes(text[:at] + noise + text[at + cut :])
        else:
            by_hand(tmp_path / name, (xml[:at] + noise + xml[at + cut :]).decode("latin-1"))
        try:
            frames(tmp_path / name)
        except InputError as error:
            assert "\n" not in str(error)  # noqa: PT017


def test_xlsx_says_what_calamine_says(tmp_path: Path) -> None:
    rng = random.Random(1)
    rows = [
        [
            MOMENT,
            f"P{rng.randrange(9)}",
            f"10.0.0.{rng.randrange(200)}",
            "10.0.0.1",
            "",
            "",
            rng.randrange(4095),
            rng.randrange(1, 1600),
            "é → <&>\"'",
        ]
        for _ in range(3000)
    ]
    path = write_xlsx(tmp_path / "a.xlsx", HEADER, *rows)
    sheet = CalamineWorkbook.from_path(path).get_sheet_by_index(0).to_python()[1:]
    got, _ = frames(path)
    assert Counter((r["id.orig_h"], r["length"], r["info"]) for r in got) == Counter(
        (r[2], int(r[7]), r[8])
        for r in sheet  # type: ignore[arg-type]
    )


def test_the_commands_name_what_a_table_does_not_have(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One clear line, exit code 2; nothing is ranked that is not there."""
    from pacsflow.cli import main

    def told(*command: str) -> str:
        assert main(list(command)) == 2
        out, err = capsys.readouterr()
        assert not out
        return err.splitlines()[-1]

    write = [HEADER[i] for i in (3, 7)], [ROW[i] for i in (3, 7)]
    for path in (write_csv(tmp_path / "a.csv", *write), write_xlsx(tmp_path / "a.xlsx", *write)):
        assert "no row of it has a source" in told("top", str(path), "--by", "source")
        assert "there is no column Time" in told("series", str(path))
    long = write_csv(tmp_path / "b.csv", HEADER, [*ROW[:7], "long", ROW[8]])
    line = "no row of it can be read; line 2: expected the bytes of one frame, found 'long'"
    assert line in told("top", str(long), "--by", "source")
    assert line in told("series", str(long))
