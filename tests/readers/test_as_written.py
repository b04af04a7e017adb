"""Times, numbers and columns as people write them: read as they are meant, or said."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
import xlsxwriter

from conftest import CONN_FIELDS, CONN_ROW, json_log, tsv
from pacsflow.errors import InputError
from pacsflow.readers import CaptureOptions, Quality, read, recognise
from pacsflow.readers.moments import read_moment
from pacsflow.readers.time_cells import READ_AS_UTC

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Write = Callable[[str, str | bytes], Path]

EIGHT = 1772438700
"""2026-03-02 08:05 UTC."""
HEAD = ["No.", "Time", "Source", "Destination", "Protocol", "Length"]


def read_all(path: Path) -> tuple[list[dict[str, Any]], Quality]:
    quality = Quality()
    rows = [r for _, batch in read(recognise(path), quality) for r in batch.to_pylist()]
    return rows, quality


def moments(path: Path) -> list[float]:
    return [row["ts"].timestamp() for row in read_all(path)[0]]


def table(times: list[str], names: list[str] = HEAD) -> str:
    rows = [f"{n};{time};10.0.0.1;10.0.0.2;TCP;1000" for n, time in enumerate(times, 1)]
    return "\n".join([";".join(names), *rows, ""])


@pytest.mark.parametrize(
    "written",
    [
        "2 de março de 2026 às 08:05:00",
        "2 de março de 2026 às 8h05",
        "1º de março de 2026 às 08:05",
        "March 2, 2026 at 8:05:00 AM",
        "Mar 2, 2026 @ 08:05:00.000",
        "March 2nd, 2026 08:05",
        "2nd of March 2026 08:05",
        "2. März 2026 um 08:05 Uhr",
        "2 de marzo de 2026 a las 8:05",
        "2026-03-02T05:05:00-03:00[America/Sao_Paulo]",
        "02/Mar/2026:05:05:00 -0300",
    ],
)
def test_words_around_a_time_of_day(written: str) -> None:
    first = 86400 if written.startswith("1º") else 0
    assert read_moment(written) == (EIGHT - first) * 1_000_000


@pytest.mark.parametrize(
    "written",
    ["March 2, 2026 later", "2026-03-02 noon", "26/03/02 08:05:00", "2 March 2026 circa 08:05"],
)
def test_what_is_not_understood_is_never_midnight(written: str) -> None:
    with pytest.raises(ValueError, match=r"expected|may stand first"):
        read_moment(written, day_first=True)


def test_a_short_year_behind_strokes_stays_one(write: Write) -> None:
    assert moments(write("a.csv", table(["15/03/26 08:05:00"]))) == [EIGHT + 13 * 86400]


@pytest.mark.parametrize("short", ["1.77244E+09", "1,77244E+12", "1.77244e9", "1E999999999"])
def test_a_time_that_a_spreadsheet_rounded_is_none(write: Write, short: str) -> None:
    _, quality = read_all(write("a.csv", table([short] * 3)))
    assert quality.unreadable == 3
    assert "expected a time" in quality.examples[0]


def test_a_number_with_all_its_digits_is_a_time(write: Write) -> None:
    path = write("a.csv", table(["1.772438700125E9", "1.7724387E9"]))
    assert moments(path) == [EIGHT + 0.125, EIGHT]


@pytest.mark.parametrize("short", ["1.77244e+09", "1.77244E9", "1E999999999", "2026-03-02"])
@pytest.mark.parametrize("form", ["tsv", "json"])
def test_a_log_whose_times_lost_their_seconds(write: Write, short: str, form: str) -> None:
    rows = [{"ts": f"{EIGHT}.5"}, {"ts": short}]
    path = write("conn.log", tsv(rows) if form == "tsv" else json_log(rows))
    found, quality = read_all(path)
    assert (len(found), quality.unreadable) == (1, 1)


@pytest.mark.parametrize("form", ["tsv", "json"])
def test_whole_tens_of_seconds_beside_uids_with_an_e_are_read_at_once(
    write: Write, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = {
        "ts": f"{EIGHT}.0",
        "uid": "C3E5",
        "community_id": "1:5E3/6e1+2E7=",
        "id.orig_h": "3e5::1",
    }
    path = write("conn.log", tsv([row]) if form == "tsv" else json_log([row]))
    slow = {"tsv": "zeek_tsv._slow", "json": "zeek_json._read_rows"}[form]
    monkeypatch.delattr(f"pacsflow.readers.{slow}")
    assert moments(path) == [EIGHT]


def test_a_date_of_words_in_a_column_of_its_own(write: Write) -> None:
    names = ["Datum", "Uhrzeit", "Quelle", "Ziel", "Protokoll", "Länge"]
    text = "\n".join([";".join(names), "2. März 2026;08:05:00;10.0.0.1;10.0.0.2;TCP;1000", ""])
    assert moments(write("a.csv", text)) == [EIGHT]


@pytest.mark.parametrize(
    ("names", "day"),
    [
        ("N°;Date et heure;Source;Destination;Protocole;Longueur;Info", "2 mars 2026 08:05:00"),
        ("N.;Data e ora;Origine;Destinazione;Protocollo;Lunghezza;Info", "02/03/2026 08:05:00"),
    ],
)
def test_headers_and_sums_in_french_and_italian(write: Write, names: str, day: str) -> None:
    rows = [f"{n};{day};10.0.0.1;10.0.0.2;TCP;1.00{n};x" for n in range(3)]
    rows += [f"Totaux;{day};;;;3003;", f"Somma;{day};;;;3003;"]
    quality = Quality()
    path = write("a.csv", "\n".join([names, *rows, ""]))
    found = [r for _, b in read(recognise(path), quality) for r in b.to_pylist()]
    assert [row["length"] for row in found] == [1000, 1001, 1002]
    assert {row["ts"].isoformat() for row in found} == {"2026-03-02T08:05:00+00:00"}
    assert quality.unreadable == 2


@pytest.mark.parametrize(
    "column", ["Duration", "Count", "bytes_in", "sourcetype", "Duração", "Start"]
)
def test_rows_that_are_flows_or_sums_are_no_frames(write: Write, column: str) -> None:
    text = f"time,source,destination,bytes,{column}\n2026-03-02 08:05:00,10.0.0.1,10.0.0.2,99,1\n"
    with pytest.raises(InputError):
        recognise(write("a.csv", text))


SUMS = {
    "the first column": "Total;2026-03-02 10:00:00;;;;4000",
    "a host": "5;2026-03-02 10:00:00;Gesamtsumme;;;4000",
    "a group's": "5;2026-03-02;10.0.0.1 Ergebnis;;;4000",
    "a mean": "5;2026-03-02 10:00:00;;Média:;;1000",
    "the protocol": "5;2026-03-02 10:00:00;;;Soma;3999",
    "nothing": "5;2026-03-02 10:00:00;;;;4000",
}


@pytest.mark.parametrize("row", SUMS.values(), ids=SUMS)
def test_a_sum_with_a_time_is_no_frame(write: Write, row: str) -> None:
    times = [f"2026-03-02 08:05:0{second}" for second in range(4)]
    path = write("sum.csv", table(times) + row + "\n")
    for columns in (None, ["vlan"], ["id.orig_h"]):
        quality = Quality()
        batches = [b for _, b in read(recognise(path), quality, columns)]
        assert (sum(b.num_rows for b in batches), quality.unreadable) == (4, 1), columns
    assert "no frame" in quality.examples[0]


@pytest.mark.parametrize("label", ["Total", "Summe:", "Grand total", "Média"])
def test_a_sum_that_only_info_names(write: Write, label: str) -> None:
    names = ["Time", "Source", "Destination", "Protocol", "Length", "Info"]
    frame = "2026-03-02 08:05:00;10.0.0.1;10.0.0.2;TCP;1000;Total"
    lines = [";".join(names), frame, f"2026-03-02 10:00:00;;;;1999;{label}", frame]
    path = write("a.csv", "\n".join([*lines, ""]))
    for columns in (None, ["vlan"], ["id.orig_h"]):
        quality = Quality()
        batches = [b for _, b in read(recognise(path), quality, columns)]
        assert (sum(b.num_rows for b in batches), quality.unreadable) == (2, 1), columns
    assert quality.examples == [f"line 3: a sum of other rows, no frame: {label!r}"]


def test_bytes_with_their_unit(write: Write) -> None:
    cells = ["60 B", "1500", "2048 bytes", "1.500 Bytes", "60 octets"]
    wrong = ["1.5 KiB", "2 kB", "60 bytes (480 bits)", "480 bits", "12b"]
    rows = [f"2026-03-02 08:05:00;10.0.0.1;10.0.0.2;TCP;{cell}" for cell in cells + wrong]
    path = write("a.csv", "\n".join(["Time;Source;Destination;Protocol;Length", *rows, ""]))
    found, quality = read_all(path)
    assert [row["length"] for row in found] == [60, 1500, 2048, 1500, 60]
    assert quality.unreadable == len(wrong)


@pytest.mark.parametrize("written", ["1.27E+03", "1,27E+03", "1E+3"])
def test_bytes_that_a_spreadsheet_rounded_are_none(write: Write, written: str) -> None:
    rows = [f"2026-03-02 08:05:00;10.0.0.1;10.0.0.2;TCP;{cell}" for cell in ("60", written)]
    text = "\n".join(["Time;Source;Destination;Protocol;Length", *rows, ""])
    found, quality = read_all(write("a.csv", text))
    assert ([row["length"] for row in found], quality.unreadable) == ([60], 1)
    found, _ = read_all(write("b.csv", text.replace(written, "1.2730E+03")))
    assert [row["length"] for row in found] == [60, 1273]


PADDED = {
    "010.000.000.005": "10.0.0.5", "192.168.001.010": "192.168.1.10", "10.0.0.1.40000": "10.0.0.1",
    "10.0.0.1/32": "10.0.0.1", "[fe80::1]": "fe80::1", "fe80::1/128": "fe80::1",
    "PACS 10": "PACS 10", "10.1": "10.1",
}  # fmt: skip
AMBIGUOUS = ["010.0.0.5", "10.0.0.05", "10.0.0.256", "10.0.0.0/8", "10. 0. 0. 1"]


def test_addresses_in_other_forms_are_the_same_hosts(write: Write) -> None:
    rows = [f"2026-03-02 08:05:00;{host};10.0.0.2;TCP;60" for host in [*PADDED, *AMBIGUOUS]]
    text = "\n".join(["Time;Source;Destination;Protocol;Length", *rows, ""])
    path = write("a.csv", text)
    found, quality = read_all(path)
    assert [row["id.orig_h"] for row in found] == list(PADDED.values())
    assert quality.unreadable == len(AMBIGUOUS)
    assert quality.examples[0] == "line 10: expected an address, found '010.0.0.5'"
    asked = [b for _, b in read(recognise(path), Quality(), ["vlan"])]
    assert sum(b.num_rows for b in asked) == len(PADDED)


@pytest.mark.parametrize("form", ["tsv", "json"])
def test_padded_addresses_of_logs(write: Write, form: str) -> None:
    rows = [{"id.orig_h": "010.000.000.005"}, {"id.orig_h": "010.0.0.5"}]
    found, quality = read_all(write("conn.log", tsv(rows) if form == "tsv" else json_log(rows)))
    assert [row["id.orig_h"] for row in found] == ["10.0.0.5"]
    assert quality.unreadable == 1


def test_ports_that_are_names_cost_no_row(write: Write) -> None:
    names = "Time;Source;Source Port;Destination;Destination Port;Protocol;Length"
    ports = ["104", "acr-nema", "acr-nema(104)", "dicom", "https", "ndmps (30000)"]
    rows = [f"2026-03-02 08:05:00;10.0.0.1;4000;10.0.0.2;{port};TCP;60" for port in ports]
    found, quality = read_all(write("a.csv", "\n".join([names, *rows, ""])))
    assert [row["id.resp_p"] for row in found] == [104, 104, 104, 11112, None, 30000]
    assert "ports that are names of services, not numbers, are left out" in quality.notes


def test_seconds_since_the_frame_before_are_no_times(write: Write) -> None:
    since = [0, 0.5, 0.1, 0.3, 0.2, 7, 0.1, 0.1, 0.2]
    deltas = write("deltas.csv", table([str(seconds) for seconds in since]))
    start = CaptureOptions(start=datetime(2026, 3, 2, 8, tzinfo=UTC))
    with pytest.raises(InputError, match="since the frame before"):
        list(read(replace(recognise(deltas), capture=start), Quality()))
    going_up = write("start.csv", table([str(sum(since[: n + 1])) for n in range(len(since))]))
    batches = [b for _, b in read(replace(recognise(going_up), capture=start), Quality())]
    assert batches[0]["ts"][8].as_py() == datetime(2026, 3, 2, 8, 0, 8, 500000, tzinfo=UTC)


@pytest.mark.parametrize("written", ["2026/061 08:05:00.000", "2026-061T08:05:00Z"])
def test_days_of_a_year(write: Write, written: str) -> None:
    assert moments(write("a.csv", table([written]))) == [EIGHT]


@pytest.mark.parametrize(
    ("written", "second"),
    [
        ("2026-03-01T24:00:00Z", 0), ("01.03.2026 24:00", 0), ("March 1, 2026 23:59:60", 0),
        ("2026-03-02 00:59:60", 3600), ("2026-03-02 00:00:00 UTC", 0),
    ],
)  # fmt: skip
def test_where_days_and_minutes_end(written: str, second: int) -> None:
    assert read_moment(written, day_first=True) == (EIGHT - 8 * 3600 - 300 + second) * 1_000_000


@pytest.mark.parametrize(
    "written", ["2026-03-01 24:00:01", "2026-03-01 25:00", "2026-03-01 08:58:60"]
)
def test_hours_that_are_none(written: str) -> None:
    with pytest.raises(ValueError, match="expected a time"):
        read_moment(written)


def test_sums_of_parts_and_frames_that_only_look_like_sums(write: Write) -> None:
    frame = "1;2026-03-02 08:05:00;10.0.0.1;10.0.0.2;TCP;1000"
    part, whole = "9;2026-03-02;;;;2000", "9;2026-03-02;;;;4000"
    lines = [";".join(HEAD), frame, frame, part, frame, frame, part, whole]
    rows, quality = read_all(write("parts.csv", "\n".join(lines)))
    assert (len(rows), quality.unreadable) == (4, 3)
    arp = "3;2026-03-02 08:05:00;;;ARP;2000"
    named = "3;2026-03-02 08:05:00;total-pc;10.0.0.2;TCP;2000"
    bare = "3;2026-03-02 08:05:00;;;;1999"
    rows, quality = read_all(write("none.csv", "\n".join([*lines[:3], arp, named, bare])))
    assert (len(rows), quality.unreadable) == (5, 0)


@pytest.mark.parametrize(
    ("gone", "said"),
    [
        (("orig_ip_bytes", "resp_ip_bytes"), "payload was counted"),
        (("resp_ip_bytes", "resp_bytes"), "no bytes of one side"),
        (("orig_pkts",), "no packets of one side"),
        (("duration",), "the hour of the beginning"),
    ],
)
@pytest.mark.parametrize("form", ["tsv", "json"])
def test_what_a_log_does_not_tell_is_no_zero(
    write: Write, gone: tuple[str, ...], said: str, form: str
) -> None:
    fields = {name: kind for name, kind in CONN_FIELDS.items() if name not in gone}
    bare = [dict.fromkeys(gone, None)] * 2
    path = write("conn.log", tsv([{}] * 2, fields=fields) if form == "tsv" else json_log(bare))
    rows, quality = read_all(path)
    assert len(rows) == 2
    assert next(note for note in quality.notes if said in note).startswith("2 connections")
    assert read_all(write("whole/conn.log", tsv([{}])))[1].notes == []


def test_a_log_of_another_scope_separator(write: Write) -> None:
    text = tsv([{}]).replace("id.orig_", "id_orig_").replace("id.resp_", "id_resp_")
    rows, _ = read_all(write("conn.log", text))
    assert rows[0]["id.orig_h"] == CONN_ROW["id.orig_h"]
    assert rows[0]["id.resp_p"] == int(CONN_ROW["id.resp_p"])


def workbook(path: Path, sheets: dict[str, list[list[Any]]], **options: Any) -> Path:
    book = xlsxwriter.Workbook(path, options)
    for name, rows in sheets.items():
        sheet = book.add_worksheet(name)
        for number, row in enumerate(rows):
            sheet.write_row(number, 0, row)
    book.close()
    return path


def frames(*hours: int) -> list[list[Any]]:
    rows = [[h, f"2026-03-02 {h:02}:05:00", "10.0.0.1", "10.0.0.2", "TCP", 1000] for h in hours]
    return [HEAD, *rows]


def test_days_that_count_from_1904(tmp_path: Path) -> None:
    head = ["No.", "Serial date", *HEAD[2:]]
    rows = [head, [1, 44621.25, "10.0.0.1", "10.0.0.2", "TCP", 1000]]
    old = workbook(tmp_path / "old.xlsx", {"a": rows}, date_1904=True)
    new = workbook(tmp_path / "new.xlsx", {"a": rows})
    assert moments(old)[0] - moments(new)[0] == 1462 * 86400


def test_a_copy_of_a_sheet_counts_once(tmp_path: Path) -> None:
    path = workbook(tmp_path / "a.xlsx", {"CT": frames(8, 9), "CT (2)": frames(8, 9)})
    rows, quality = read_all(path)
    assert len(rows) == 2
    assert "sheet CT (2) is a copy of CT: left out" in quality.notes


def test_tables_below_each_other_in_one_sheet(tmp_path: Path) -> None:
    """Each row goes by the header above it, as in a csv."""
    turned = ["No.", "Destination", "Source", "Time", "Length"]
    second = [
        turned,
        *([[1, "10.0.0.2", "10.0.0.9", f"2026-03-03 0{h}:05:00", 50] for h in (8, 9)]),
    ]
    totals = [["Protocol", "Source", "Length"], ["TCP", "10.0.0.1", 3000]]
    sheet = [["CT of March"], *frames(8, 9), *frames(10), [], ["then"], *second, *totals]
    rows, quality = read_all(workbook(tmp_path / "a.xlsx", {"all": sheet}))
    assert [(row["id.orig_h"], row["length"]) for row in rows] == [("10.0.0.1", 1000)] * 3 + [
        ("10.0.0.9", 50)
    ] * 2
    assert any("all from row 12" in note for note in quality.notes)
    assert quality.unreadable == 1  # "then"


def test_parts_that_overlap_are_said(tmp_path: Path, write: Write) -> None:
    over = workbook(tmp_path / "a.xlsx", {"all": frames(8, 9, 10), "some": frames(9)})
    after = workbook(tmp_path / "b.xlsx", {"all": frames(8, 9), "more": frames(10)})
    twice = write("a.csv", table(["2026-03-02 08:05:00", "2026-03-02 09:05:00"]) * 2)
    told = [any("overlap" in note for note in read_all(p)[1].notes) for p in (over, after, twice)]
    assert told == [True, False, True]
    quality = Quality()
    assert sum(b.num_rows for _, b in read(recognise(over), quality, ["id.orig_h"])) == 4
    assert any("overlap" in note for note in quality.notes), "whatever is asked for"


@pytest.mark.parametrize("columns", [None, ["length", "id.orig_h"]])
@pytest.mark.parametrize("form", ["csv", "headers", "relative", "xlsx"])
def test_rows_that_were_pasted_twice_are_said(
    write: Write, tmp_path: Path, form: str, columns: list[str] | None
) -> None:
    hours = [f"2026-03-02 0{hour}:05:00" for hour in (8, 8, 9)]
    if form == "relative":
        hours = ["0.000000", "0.000000", "0.000214"]
    once, twice = table(hours), table(hours) + table(hours).split("\n", 1)[1]
    if form in {"headers", "relative"}:
        twice = once * 2
    paths = [write("once.csv", once), write("twice.csv", twice)]
    if form == "xlsx":
        rows = frames(8, 8, 9)
        made = {"once": rows, "twice": rows + rows[1:]}
        paths = [workbook(tmp_path / f"{name}.xlsx", {"a": all_}) for name, all_ in made.items()]
    told = []
    for path in paths:
        quality = Quality()
        list(read(recognise(path), quality, columns))
        told.append(any("twice" in note for note in quality.notes))
    assert told == [False, True]


ADDRESSES = {
    "10.0.0.1": [
        "10.0.0.1 (PACS)",
        "PACS (10.0.0.1)",
        '"=""10.0.0.1"""',
        "'10.0.0.1",
        "\u200b10.0.0.1",
    ],
    "2001:db8::1": ["2001:DB8:0:0:0:0:0:1 (PACS)", "'2001:db8::1", "2001:db8::1\u2060"],
    "PACS (cellar)": ["PACS (cellar)"],
}
"""Hosts, and how else their cells are written."""


@pytest.mark.parametrize(
    ("host", "cell"), [(h, c) for h, cells in ADDRESSES.items() for c in cells]
)
def test_what_a_spreadsheet_or_a_person_puts_around_an_address(
    write: Write, host: str, cell: str
) -> None:
    text = f"Time,Source,Destination,Length\n2026-03-02 08:05:00,{cell},10.0.0.2,60\n"
    assert [row["id.orig_h"] for row in read_all(write("a.csv", text))[0]] == [host]


@pytest.mark.parametrize("cell", ["167772161", "0x0a000001", '"10,0,0,1"'])
def test_what_only_a_program_takes_for_an_address_costs_its_row(write: Write, cell: str) -> None:
    text = "Time,Source,Destination,Length\n" + "".join(
        f"2026-03-02 08:05:00,{source},10.0.0.2,60\n" for source in ("10.0.0.1", cell)
    )
    rows, quality = read_all(write("a.csv", text))
    assert ([row["id.orig_h"] for row in rows], quality.unreadable) == (["10.0.0.1"], 1)


@pytest.mark.parametrize("form", ['"=""{}"""', "'{}"])
def test_formulas_that_keep_text_are_text(write: Write, form: str) -> None:
    cells = (form.format(c) for c in ("2026-03-02 08:05:00", "10.0.0.1", "10.0.0.2", "1514"))
    (row,) = read_all(write("a.csv", "Time,Source,Destination,Length\n" + ",".join(cells) + "\n"))[
        0
    ]
    assert (row["ts"].timestamp(), row["length"]) == (EIGHT, 1514)


NAMES = ["Time", "Source", "Destination", "Length"]
BESIDE = {
    "one name a column": ([*NAMES, "", *NAMES], [""]),
    "nothing between": ([*NAMES, *NAMES], []),
    "other columns": ([*NAMES, "", "Time", "Source", "Protocol", "Destination", "Length"], [""]),
}


def beside(names: list[str], blank: list[str]) -> list[list[str]]:
    """Return two tables beside each other, the left one longer."""
    protocol = ["TCP"] if "Protocol" in names else []
    rows = [names]
    for second in range(6):
        left = [f"2026-03-02 08:05:0{second}", "10.0.0.1", "10.0.0.2", "1000"]
        right = [f"2026-03-02 09:05:0{second}", "10.0.0.3", *protocol, "10.0.0.4", "500"]
        rows.append([*left, *blank, *(right if second < 4 else [""] * len(right))])
    return rows


@pytest.mark.parametrize("how", BESIDE)
@pytest.mark.parametrize("form", ["csv", "xlsx"])
def test_tables_beside_each_other_are_read(tmp_path: Path, how: str, form: str) -> None:
    rows, path = beside(*BESIDE[how]), tmp_path / f"two.{form}"
    if form == "csv":
        path.write_text("".join(",".join(row) + "\n" for row in rows))
    else:
        with xlsxwriter.Workbook(path) as book:
            sheet = book.add_worksheet()
            for number, row in enumerate(rows):
                sheet.write_row(number, 0, row)
    found, quality = read_all(path)
    sums = {host: sum(r["length"] for r in found if r["id.orig_h"] == host) for host in HOSTS}
    assert (sums, len(found), quality.unreadable) == ({"10.0.0.1": 6000, "10.0.0.3": 2000}, 10, 0)
    assert "2 tables stand beside each other" in " ".join(quality.notes)


HOSTS = ("10.0.0.1", "10.0.0.3")


def test_two_lengths_are_no_two_tables(write: Write) -> None:
    text = "Time,Source,Destination,Length,Length\n2026-03-02 08:05:00,10.0.0.1,10.0.0.2,60,46\n"
    rows, quality = read_all(write("a.csv", text))
    assert [row["length"] for row in rows] == [60]
    assert quality.notes == ["there are several columns Length: the first was read", READ_AS_UTC]


@pytest.mark.parametrize(
    "text", [tsv([{}, {"uid": "C2"}]), json_log([{}]), table(["2026-03-02 08:05"])]
)
def test_lines_pasted_into_one_column(tmp_path: Path, text: str) -> None:
    path = tmp_path / "pasted.xlsx"
    with xlsxwriter.Workbook(path) as book:
        book.add_worksheet("log").write_column(0, 0, text.splitlines())
    with pytest.raises(InputError, match="'log' has whole lines in its first column"):
        read_all(path)


@pytest.mark.parametrize(
    ("name", "time", "said"),
    [
        ("Time", "2026-03-02 08:05:00", True), ("Time", "3/22/2026 8:05:00 AM", True),
        ("Time", "Mar 2, 2026 08:05:00.5", True), ("Time", "2026-03-02T08:05:00Z", False),
        ("Time", "2026-03-02 08:05:00 -03", False), ("Time (UTC-3)", "2026-03-02 08:05:00", False),
        ("Time", "1772438700.5", False), ("Time", "Mar 2, 2026 08:05:00.5 UTC", False),
    ],
)  # fmt: skip
def test_times_that_say_no_zone_are_said(write: Write, name: str, time: str, *, said: bool) -> None:
    text = f'{name},Source,Destination,Length\n"{time}",10.0.0.1,10.0.0.2,60\n'
    assert read_all(write("a.csv", text))[1].notes == [READ_AS_UTC] * said


@pytest.mark.parametrize("text", [True, False])
def test_dates_of_cells_say_no_zone(tmp_path: Path, *, text: bool) -> None:
    path = tmp_path / "a.xlsx"
    with xlsxwriter.Workbook(path) as book:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, NAMES)
        sheet.write_row(1, 0, ["2026-03-02 08:05:00" if text else None, "10.0.0.1", "10.0.0.2", 60])
        if not text:
            form = book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"})
            sheet.write_datetime(1, 0, datetime(2026, 3, 2, 8, 5), form)  # noqa: DTZ001
    assert (moments(path), read_all(path)[1].notes) == ([EIGHT], [READ_AS_UTC])
