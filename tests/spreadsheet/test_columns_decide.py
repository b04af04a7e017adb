"""Times and numbers are read as the whole column shows that they are written, or one line asks."""

from __future__ import annotations

import random
import zipfile
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import openpyxl
import pytest

from conftest import json_log, tsv
from pacsflow.errors import InputError
from pacsflow.readers import Quality, find, read, recognise, spreadsheet

if TYPE_CHECKING:
    from pathlib import Path


def table(path: Path, header: str, *rows: str) -> Path:
    path.write_text("\n".join([header, *rows, ""]), encoding="utf-8")
    return path


def frames(path: Path, **options: Any) -> tuple[list[dict[str, Any]], Quality]:
    quality = Quality()
    batches = spreadsheet.read(path, quality, **options)
    return [row for batch in batches for row in batch.to_pylist()], quality


def moments(path: Path, **options: Any) -> list[str]:
    return [row["ts"].strftime("%Y-%m-%d %H:%M:%S") for row in frames(path, **options)[0]]


@pytest.mark.parametrize(
    ("written", "utc"),
    [
        ("Apr  1, 2020 16:29:53.150479000 CEST", "2020-04-01 14:29:53"),
        ("Apr  1, 2020 16:29:53.150479000 -03", "2020-04-01 19:29:53"),
        ("Apr  1, 2020 16:29:53.150479000 UTC", "2020-04-01 16:29:53"),
        ("Apr  1, 2020 16:29:53.150479000 EDT", "2020-04-01 20:29:53"),
        ("2020-04-01T16:29:53.150479000-0300", "2020-04-01 19:29:53"),
        ("2020-04-01 16:29:53+05:30", "2020-04-01 10:59:53"),
        ("1 de abril de 2020 16:29:53", "2020-04-01 16:29:53"),
        ("1. März 2020 9:29:53", "2020-03-01 09:29:53"),
        ("1.4.2020 9:29", "2020-04-01 09:29:00"),
        ("13/4/2020 9:29:53 PM", "2020-04-13 21:29:53"),
        ("13/4/2020 12:05 AM", "2020-04-13 00:05:00"),
        ("4/13/20 3:05", "2020-04-13 03:05:00"),
        ("1585758593150", "2020-04-01 16:29:53"),
        ("1585758593150479", "2020-04-01 16:29:53"),
        ("1585758593150479000", "2020-04-01 16:29:53"),
        ("2020-04-01 13:29:53 \u221203:00", "2020-04-01 16:29:53"),
        ("Apr  1, 2020 16:29:53.150479000 America/Sao_Paulo", "2020-04-01 19:29:53"),
        ("Wed Apr  1 16:29:53 2020", "2020-04-01 16:29:53"),
        ("Wed Apr  1 16:29:53 UTC 2020", "2020-04-01 16:29:53"),
        ("01/Apr/2020:16:29:53 -0300", "2020-04-01 19:29:53"),
        ("30-11-25 16:29:53", "2025-11-30 16:29:53"),
    ],
)
def test_ways_to_write_a_moment(tmp_path: Path, written: str, utc: str) -> None:
    path = table(tmp_path / "a.csv", "Time\tSource\tLength", f"{written}\t10.0.0.1\t60")
    assert moments(path) == [utc]


@pytest.mark.parametrize("zone", ["CST", "IST", "BST", "PST", "AMT", "Hora oficial"])
def test_zones_that_mean_several_things_cost_their_row(tmp_path: Path, zone: str) -> None:
    path = table(tmp_path / "a.csv", "Time\tSource\tLength",
                 f"Apr  1, 2020 16:29:53 {zone}\t10.0.0.1\t60",
                 "Apr  1, 2020 16:29:53 UTC\t10.0.0.1\t60")  # fmt: skip
    rows, quality = frames(path)
    assert len(rows) == 1
    assert f"line 2: the zone '{zone}' is not the same everywhere" in quality.examples[0]


@pytest.mark.parametrize(
    ("header", "cells"),
    [
        ("Time\tTime zone", "2020-04-01 13:29:53\t-03:00"),
        ("Time\tFuso", "2020-04-01 13:29:53\tAmerica/Sao_Paulo"),
        ("Time (UTC-3)\tx", "2020-04-01 13:29:53\t"),
        ("Time [CEST]\tx", "2020-04-01 18:29:53\t"),
        ("Data\tHora (America/Sao_Paulo)", "01/04/2020\t13:29:53"),
        ("Time (UTC)\tx", "2020-04-01 16:29:53\t"),
    ],
)
def test_a_zone_beside_the_time_is_believed(tmp_path: Path, header: str, cells: str) -> None:
    path = table(tmp_path / "a.csv", f"{header}\tSource\tLength", f"{cells}\t10.0.0.1\t60")
    assert moments(path) == ["2020-04-01 16:29:53"]


def test_a_unit_is_no_zone_and_a_year_of_two_digits_stands_last(tmp_path: Path) -> None:
    rows, quality = frames(table(tmp_path / "a.csv", "Time (ms),Source,Length", "12.5,10.0.0.1,60"))
    assert rows[0]["ts"] is None
    assert "there is no column Time" in quality.notes[0]
    path = table(
        tmp_path / "b.csv", "Time,Source,Length", "26-03-02 08:00,a,1", "31-12-25 08:00,a,2"
    )
    rows, quality = frames(path)
    assert [row["length"] for row in rows] == [2]
    assert "the year of '26-03-02 08:00' may stand first or last" in quality.examples[0]


@pytest.mark.few(1)
@pytest.mark.parametrize("rows", [3_000, 200_000])
def test_the_whole_column_decides_on_day_and_month(tmp_path: Path, rows: int) -> None:
    early = ["2/3/2026 3:05,10.0.0.1,60"] * rows
    path = table(tmp_path / "a.csv", "Time,Source,Length", *early, "2/13/2026 23:05,10.0.0.1,60")
    found = moments(path)
    assert (found[0], found[-1]) == ("2026-02-03 03:05:00", "2026-02-13 23:05:00")
    path = table(tmp_path / "b.csv", "Time,Source,Length", *early, "13/2/2026 23:05,10.0.0.1,60")
    assert moments(path)[0] == "2026-03-02 03:05:00"
    both = table(
        tmp_path / "c.csv", "Time,Source,Length", "2/13/2026 3:05,a,60", "13/2/2026 3:05,a,60"
    )
    with pytest.raises(InputError, match="contradict each other"):
        frames(both)
    neither = table(tmp_path / "d.csv", "Time,Source,Length", "2/3/2026 3:05,a,60")
    with pytest.raises(InputError, match="--date-order dmy or --date-order mdy"):
        frames(neither)
    assert moments(neither, date_order="dmy") == ["2026-03-02 03:05:00"]
    assert len(frames(neither, columns=["id.orig_h"])[0]) == 1


@pytest.mark.parametrize(
    ("header", "day"),
    [
        ("Data;Hora;Origem;Tamanho", "02/03/2026"),
        ("Fecha;Hora;Origen;Longitud", "02/03/2026"),
        ("Datum;Uhrzeit;Quelle;Länge", "02.03.2026"),
        ("Date;Heure;Adresse source;Longueur", "02/03/2026"),
        ("Data;Ora;Sorgente;Lunghezza", "02/03/2026"),
        ("Date;Time;Source;Length", "2026-03-02"),
    ],
)
def test_date_and_time_in_two_columns(tmp_path: Path, header: str, day: str) -> None:
    path = table(
        tmp_path / "a.csv", header, f"{day};8:15:00;10.0.0.1;1.000", f"{day};15:15;10.0.0.1;900"
    )
    assert moments(path) == ["2026-03-02 08:15:00", "2026-03-02 15:15:00"]


@pytest.mark.parametrize(
    "header",
    ["Fecha y hora;IP origen;IP destino;Longitud", "frame.time;ip.src_host;ip.dst_host;len"],
)
def test_addresses_as_others_call_them(tmp_path: Path, header: str) -> None:
    path = table(tmp_path / "a.csv", header, "2026-03-02 08:15;10.0.0.1;10.0.0.2;60")
    (row,), _ = frames(path)
    assert (row["id.orig_h"], row["id.resp_h"]) == ("10.0.0.1", "10.0.0.2")


def test_seconds_of_any_size_and_days_where_the_header_says_so(tmp_path: Path) -> None:
    for seconds in ("0.5", "40000.5", "900000.5"):
        path = table(tmp_path / "a.csv", "Time,Source,Length", f"{seconds},10.0.0.1,60")
        rows, quality = frames(path)
        assert rows[0]["ts"] is None
        assert "seconds since an unknown start" in quality.notes[0]
    path = table(tmp_path / "b.csv", "Serial date,Source,Length", "46083.5,10.0.0.1,60")
    assert moments(path) == ["2026-03-02 12:00:00"]
    clock = table(tmp_path / "c.csv", "Time,Source,Length", "08:15:00.5,10.0.0.1,60")
    with pytest.raises(InputError, match="times of day, without a date"):
        frames(clock)


@pytest.mark.parametrize(
    ("header", "cells", "lengths"),
    [
        ("Source;Tamanho", ["1.000", "9.000"], [1000, 9000]),
        ("Source\tLength", ["1,514", "60"], [1514, 60]),
        ("Source\tLength", ["1.514", "1.000"], [1514, 1000]),
        ("Source\tLength", ["60.0", "1514.00"], [60, 1514]),
        ("Source\tTamanho", ["60,0", "1.514"], [60, 1514]),
        ("Source\tLength", ["1 514", "1 514"], [1514, 1514]),
        ("Source\tLength", ["1.514", "1,514", "60"], [60]),
        ("Source\tLength", ["1.000", "60"], [1000, 60]),
        ("Source\tLength", ["60.000", "590.000"], [60, 590]),
        (
            "Source\tLength",
            ["1\u2009514", "1\u2019514", "1\u202f514", "60"],
            [1514, 1514, 1514, 60],
        ),
    ],
)
def test_the_column_decides_what_a_sign_means(
    tmp_path: Path, header: str, cells: list[str], lengths: list[int]
) -> None:
    sign = ";" if ";" in header else "\t"
    path = table(tmp_path / "a.csv", header, *(f"10.0.0.1{sign}{cell}" for cell in cells))
    rows, quality = frames(path)
    assert [row["length"] for row in rows] == lengths
    assert quality.unreadable == len(cells) - len(lengths)
    assert any("contradict" in note for note in quality.notes) == (len(lengths) < len(cells))


def test_seconds_before_a_reference_count_too(tmp_path: Path) -> None:
    path = table(tmp_path / "a.csv", "Time,Source,Length", "-1.5,10.0.0.1,60", "2.5,10.0.0.1,-60")
    rows, quality = frames(path, start=datetime(2026, 3, 2, tzinfo=UTC))
    assert [row["ts"].isoformat()[:19] for row in rows] == ["2026-03-01T23:59:58"]
    assert quality.examples == ["line 3: expected the bytes of one frame, found '-60'"]


FIELDS = "frame.time_epoch ip.src ip.dst ipv6.src ipv6.dst frame.protocols frame.len"


@pytest.mark.parametrize(
    ("separator", "aggregator"), [("\t", ","), (",", ";"), ("^", " "), (" ", ",")]
)
def test_however_tshark_separates(tmp_path: Path, separator: str, aggregator: str) -> None:
    outer, inner = ("172.16.0.1", "172.16.0.2"), ("10.0.0.1", "10.0.0.2")
    hosts = [aggregator.join(pair) for pair in zip(outer, inner, strict=True)]
    rows, quality = frames(
        table(
            tmp_path / "a.csv",
            FIELDS.replace(" ", separator),
            separator.join(
                ["1772438400.5", *hosts, "", "", "eth:ip:udp:ip:tcp", f"90{aggregator}90"]
            ),
            separator.join(["1772438400.5", *inner, "::1", "::2", "eth:ipv6:ip:tcp", "80"]),
            separator.join(["1772438400.5", *outer, "::1", "::2", "eth:ip:ipv6:tcp", "70"]),
        )
    )
    assert quality.examples == []
    assert [(row["id.orig_h"], row["length"]) for row in rows] == [
        ("10.0.0.1", 90), ("10.0.0.1", 80), ("::1", 70)
    ]  # fmt: skip


def test_what_tshark_leaves_open_is_said(tmp_path: Path) -> None:
    names = ["frame.time_epoch", "ip.src", "ip.dst", "ipv6.src", "ipv6.dst", "frame.len"]
    table(tmp_path / "a.csv", ",".join(names), "1772438400.5,10.0.0.1,10.0.0.2,::1,::2,60")
    assert "one within the other" in frames(tmp_path / "a.csv")[1].notes[0]
    names = ["'frame.time_epoch'", "'eth.src'", "'frame.len'"]
    path = table(tmp_path / "b.csv", ",".join(names), "'1772438400.5','00:11:22:33:44:55','60'")
    quality = Quality()
    rows = [row for _, batch in read(recognise(path), quality) for row in batch.to_pylist()]
    assert rows[0]["length"] == 60
    assert quality.notes[-1] == "1 frame without addresses, in no host's total"


def test_addresses_and_ports_are_a_conversation_where_no_stream_is_told(tmp_path: Path) -> None:
    names = "frame.time_epoch,ip.src,tcp.srcport,ip.dst,tcp.dstport,frame.len"
    path = table(tmp_path / "a.csv", names, "1772438400.5,10.0.0.1,4000,10.0.0.2,104,60",
                 "1772438400.6,10.0.0.2,104,10.0.0.1,4000,60",
                 "1772438400.7,10.0.0.1,4001,10.0.0.2,104,60")  # fmt: skip
    flows = [row["flow"] for row in frames(path)[0]]
    assert flows[0] == flows[1] != flows[2]


def test_tables_of_flows_and_doubled_columns(tmp_path: Path) -> None:
    flows = table(tmp_path / "a.csv", "Time,Source,Destination,Packets,Bytes", "1,a,b,5,700")
    with pytest.raises(InputError, match="a table of flows or sums"):
        recognise(flows)
    path = table(tmp_path / "b.csv", "Source,Length,Source,Length", "a,60,b,70")
    rows, quality = frames(path)
    assert [row["length"] for row in rows] == [60]
    assert "there are several columns Length: the first was read" in quality.notes


def test_line_ends_of_old_macs(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"Source,Length\r10.0.0.1,60\r10.0.0.2,70\r")
    rows, _ = frames(path)
    assert [row["length"] for row in rows] == [60, 70]
    assert recognise(path).log == "frames"


def test_which_rows_are_frames_does_not_follow_from_the_question(tmp_path: Path) -> None:
    path = table(tmp_path / "a.csv", "Time,Source,Length", "2026-03-02 08:00,a,60", ",,60",
                 "Total,,60", "2026-03-02 08:00 IST,a,60")  # fmt: skip
    for columns in (None, ["id.orig_h"], ["length", "id.orig_h"]):
        rows, quality = frames(path, columns=columns)
        assert (len(rows), quality.unreadable) == (1, 3)
    dates = table(tmp_path / "b.csv", "Time,Source,Length", "2/3/2026 8:00,a,60", ",,60")
    rows, quality = frames(dates, columns=["id.orig_h"])
    assert (len(rows), quality.unreadable) == (1, 1)


def test_fields_of_tshark(tmp_path: Path) -> None:
    names = "time_epoch ip.src ipv6.src ip.dst ipv6.dst _ws.col.protocol frame.len vlan.id"
    header = "\t".join(["frame." + names.replace(" ", "\t"), "tcp.srcport", "tcp.stream"])
    rows, quality = frames(
        table(
            tmp_path / "a.csv",
            header,
            "1772438400.5\t10.0.0.1\t\t10.0.0.2\t\tDICOM\t1000\t5,7\t104\t3",
            "1772438401.5\t\t2001:db8::1\t\t2001:db8::2\tDICOM\t9000\t\t104\t3",
            "1772438402.5\t172.16.0.1,10.0.0.1\t\t172.16.0.2,10.0.0.2\t\tDICOM\t60\t\t104,104\t4",
            "1772438403.5\t10.9.9.9,10.0.0.1\t\t10.0.0.1,10.0.0.2\t\tICMP\t60\t\t\t",
        )
    )
    assert not quality.unreadable
    assert [row["id.orig_h"] for row in rows] == [
        "10.0.0.1", "2001:db8::1", "10.0.0.1", "10.9.9.9"
    ]  # fmt: skip
    assert [row["vlan"] for row in rows] == [7, None, None, None]
    assert [row["flow"] for row in rows] == ["tcp 3", "tcp 3", "tcp 4", None]
    assert sum(row["length"] for row in rows) == 10_120


def test_cells_over_lines_and_headers_further_on(tmp_path: Path) -> None:
    header = "Source,Destination,Length,Info"
    rows, quality = frames(
        table(
            tmp_path / "a.csv", "sep=,", "A week", header, '10.0.0.1,10.0.0.2,1,"two', 'lines"',
            '10.0.0.1,10.0.0.2,2,"ope"n', header, "10.0.0.1,10.0.0.2,4,x",
            "Destination,Source,Length,Info", "10.0.0.1,10.0.0.2,8,x", "", ",,,",
        )
    )  # fmt: skip
    assert [row["length"] for row in rows] == [1, 2, 4, 8]
    assert [row["id.orig_h"] for row in rows] == ["10.0.0.1"] * 3 + ["10.0.0.2"]
    assert quality.unreadable == 0


def test_all_sheets_with_times_are_read_and_named(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    for name, header in (("Sum", ["Source", "Length"]), ("Mon", ["Time", "Source", "Length"]),
                         ("Tue", ["Time", "Source", "Length"]), ("Notes", ["x"])):  # fmt: skip
        sheet = book.create_sheet(name)
        sheet.append(header)
        sheet.append([f"2026-03-0{2 + (name == 'Tue')} 08:00:00", "10.0.0.1", 60][-len(header) :])
    book.save(tmp_path / "a.xlsx")
    rows, quality = frames(tmp_path / "a.xlsx")
    assert sum(row["length"] for row in rows) == 120
    assert any(note == "2 sheets were read: Mon, Tue" for note in quality.notes)
    assert any("left out: Sum" in note for note in quality.notes)
    assert any("left out: Notes" in note for note in quality.notes)


def ods(path: Path, *rows: tuple[str, ...]) -> Path:
    """Write a sheet of OpenDocument: dates as dates, numbers as numbers (ODF 1.3, part 3)."""
    kinds = {"date": "date-value", "float": "value"}
    cells = [
        "".join(
            f'<table:table-cell office:value-type="{kind}" office:{kinds[kind]}="{text}"/>'
            if kind in kinds
            else f'<table:table-cell office:value-type="string"><text:p>{text}</text:p>'
            "</table:table-cell>"
            for kind, text in (cell.split("=", 1) for cell in row)
        )
        for row in rows
    ]
    names = "".join(
        f' xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"'
        for name in ("office", "table", "text")
    )
    body = "".join(f"<table:table-row>{row}</table:table-row>" for row in cells)
    with zipfile.ZipFile(path, "w") as book:
        kind = "application/vnd.oasis.opendocument.spreadsheet"
        book.writestr("mimetype", kind)
        book.writestr(
            "content.xml",
            f"<office:document-content{names}><office:body><office:spreadsheet>"
            f'<table:table table:name="Mon">{body}</table:table></office:spreadsheet>'
            "</office:body></office:document-content>",
        )
        book.writestr("META-INF/manifest.xml", "<manifest/>")
    return path


def test_a_sheet_of_opendocument(tmp_path: Path) -> None:
    head = ("string=Time", "string=Source", "string=Length")
    path = ods(
        tmp_path / "a.ods", head, ("date=2026-03-02T08:00:00", "string=10.0.0.1", "float=1514"),
        ("string=2026-03-02T09:00:00-03:00", "string=10.0.0.1", "string=60"),
        ("string=Total", "string=", "float=1574"),
    )  # fmt: skip
    (source,) = find([path]).sources
    rows, quality = frames(source.path)
    assert [row["ts"].isoformat()[11:16] for row in rows] == ["08:00", "12:00"]
    assert sum(row["length"] for row in rows) == 1574
    assert quality.unreadable == 1


@pytest.mark.few(1)
@pytest.mark.parametrize("many", [500, 2_000])
def test_two_thousand_mutants(tmp_path: Path, many: int) -> None:
    """Every mutant of a log, a stream, a table is read or refused in one line, and sums add up."""
    rng = random.Random(18)
    good = '2026-03-02 08:00:00.5,10.0.0.1,10.0.0.2,DICOM,1000,"x, ""y"""\n'
    seeds = {
        "conn.log": tsv([{}] * 4).encode(),
        "stream.json": json_log([{"_path": "conn"}, {"_path": "dns"}, {}] * 2).encode(),
        "a.csv": ("Time,Source,Destination,Protocol,Length,Info\n" + good * 6).encode(),
        "b.json": b'[{"_source": {"layers": {"frame": {"frame.time_epoch": "1772438400", '
        b'"frame.len": "60"}, "ip": {"ip.src": "10.0.0.1", "ip.dst": "10.0.0.2"}}}}]' * 2,
    }  # fmt: skip
    spice = [
        b"\xff", b"\0", b"\n", b"\r", b'"', b"\t", b"#", b",", b";", b"{", b"[", b"9" * 30, b"-",
        b"\n#fields\tts\n", b"\xe2\x80\xae", b"1e999", b"\xef\xbb\xbf", b"\x1f\x8b",
    ]  # fmt: skip
    for number in range(many):
        name = sorted(seeds)[number % len(seeds)]
        data = bytearray(seeds[name])
        for _ in range(rng.randrange(1, 6)):
            at = rng.randrange(len(data) + 1)
            end = at + rng.choice([0, 0, 1, 3, 40])
            data[at:end] = rng.choice([*spice, rng.randbytes(3), bytes(data[at : at + 60])])
        path = tmp_path / name
        path.write_bytes(data)
        found = find([path])
        assert all("\n" not in str(problem) for problem in found.problems)
        for source in found.sources:
            quality, rows = Quality(), 0
            try:
                for _, batch in read(recognise(source.path), quality):
                    rows += batch.num_rows
            except InputError as error:
                assert "\n" not in str(error)  # noqa: PT017
            else:
                assert rows == quality.rows
