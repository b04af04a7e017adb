"""Every table of every command: each value is whole, or its column is named below it.

Looked at from outside: what is printed is measured by wcwidth and held against the cells.
"""

from __future__ import annotations

import csv
import itertools
import json
import math
import re
import sys
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from wcwidth import wcwidth

from conftest import CAPTURES, json_log
from pacsflow.cli import COMMANDS, commands, live, main, tables

sys.path.insert(0, str(Path(__file__).parents[1] / "sampling"))
import sflow_encoder as sflow

if TYPE_CHECKING:
    from collections.abc import Sequence

T0 = 1772438400
WIDTHS = (60, 80, 100, 160)
WIDE, RIGHT, MARKS = "放射科工作站読影端末超音波", "قسم الأشعة رقم", "e\u0301" * 8
LONG = ".".join(["radiology-" + "x" * 40] * 5)[:253]
HUGE = 10**12
HOSTS = ["10.0.0.1", "2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff", "10.0.0.3", "203.0.113.250"]
TITLES = [WIDE, RIGHT, MARKS, "=CMD|' /C calc'!A"]


OF_FRAMES = ("protocol", "hw-source", "hw-destination", "vlan", "length", "info")


class Shown(NamedTuple):
    """What a command asked to be shown."""

    title: str
    columns: Sequence[str]
    rows: list[list[Any]]
    more: dict[str, Any]


def dicom(number: int) -> dict[str, object]:
    who, other = number % 4, (number + 1) % 4
    return {
        "ts": T0 + number * 3600.0, "uid": f"C{number}x1Zf2mQ8sVb7", "id.orig_h": HOSTS[who],
        "id.orig_p": 40000 + number, "id.resp_h": HOSTS[other], "id.resp_p": 104,
        "calling_ae": TITLES[who], "called_ae": TITLES[other],
        "result": "rejected" if number % 2 else "accepted", "end": "released",
        "duration": 1e-5 * 10 ** (number % 9), "store_rq": HUGE + number, "rsp_failure": HUGE,
        "data_bytes_orig": HUGE * number, "data_bytes_resp": 7391904,
        "services": ["storage", "query", "retrieve", "verification", "mpps", "commitment"],
        "modalities": ["CR", "CT", "DX", "MG", "MR", "NM", "PT", "RF", "US", "XA"],
        "orig_impl_uid": "1.2." + "3" * 60, "flags": ["midstream", "truncated"],
    }  # fmt: skip


def slow_row(number: int) -> dict[str, object]:
    who, other = number % 4, (number + 1) % 4
    return {
        "ts": T0 + number * 60.0, "uid": f"C{number}", "id.orig_h": HOSTS[who],
        "id.orig_p": 40000 + number, "id.resp_h": HOSTS[other], "id.resp_p": 104,
        "operation": ("store", "find")[number % 2], "requestor": "orig", "count": HUGE,
        "failed": number, "data_sets": HUGE, "data_pdvs": HUGE, "data_bytes": HUGE,
        "data_time": 12345.678, "silent_time": 0.02, "response_min": 1e-6, "response_mean": 0.3,
        "response_max": 3600.0, "response_times": [0] * 9 + [HUGE], "setup_time": 0.0123,
        "round_trip": 2e-6, "outstanding": 65535, "tls": False,
    }  # fmt: skip


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with hostile logs, what they are, a ledger of them, sFlow and a damaged ledger."""
    folder = tmp_path_factory.mktemp("tables")
    (folder / "logs").mkdir()
    hours = [
        {"ts": T0 + h * 3600.0, "uid": f"D{h}_{n}", "id.orig_h": HOSTS[n],
         "id.resp_h": HOSTS[(n + 1) % 4], "orig_ip_bytes": HUGE * (n + 1), "resp_ip_bytes": n,
         "orig_pkts": HUGE, "service": "dicom" if n else "a-service-of-a-long-name"}
        for h in range(40) for n in range(4)
    ]  # fmt: skip
    (folder / "logs/conn.log").write_text(json_log(hours))
    rows = [dicom(n) for n in range(40)]
    (folder / "logs/dicom.log").write_text("".join(json.dumps(r) + "\n" for r in rows))
    (folder / "times").mkdir()
    slow = [slow_row(n) for n in range(8)]
    (folder / "times/dicom_times.log").write_text("".join(json.dumps(r) + "\n" for r in slow))
    head = "#separator \\x09\n#fields\tmatch\tname\trole\tmodality\tsite\n#types"
    named = zip(HOSTS, (LONG, WIDE, RIGHT), strict=False)
    lines = "".join(f"{host}\t{name}\tmodality\tCT\t{LONG}\n" for host, name in named)
    (folder / "inv.tsv").write_text(head + "\tstring" * 5 + "\n" + lines)
    for name in ("ledger", "broken"):
        assert main(["ingest", str(folder / "logs"), "--ledger", str(folder / name)]) == 0
    next((folder / "broken").rglob("*.parquet")).write_bytes(b"no")
    head = sflow.raw_header(
        sflow.tcp(HOSTS[0], 40000, HOSTS[2], 104, length=1480, payload=b"\x04\0"), 1500
    )
    samples = [sflow.flow_sample(n, 3, 512, 512 * n, [head]) for n in range(1, 30)]
    counts = [
        sflow.counter_sample(n, 3, [sflow.interface_counters(3, HUGE * n, 10**6 * n)])
        for n in range(1, 30)
    ]
    frames = [
        (n * 30.0, sflow.udp(sflow.datagram("192.0.2.1", n, n * 30000, [sample, count])))
        for n, (sample, count) in enumerate(zip(samples, counts, strict=True), 1)
    ]
    sflow.write_pcap(folder / "sflow.pcap", frames)
    week = "".join(
        f"2026-03-{2 + h // 24:02d} {h % 24:02d}:00,{1e-6 * (h % 24 + h % 7) + (h == 480)}\n"
        for h in range(24 * 21)
    )
    (folder / f"{'series' * 8}.csv").write_text(f"time,{'value' * 20}\n{week}")
    return folder


def cases(folder: Path) -> dict[str, list[object]]:
    """Return a command line for every table that there is."""
    logs, ledger, inventory = folder / "logs", folder / "ledger", folder / "inv.tsv"
    asked, series = ["-l", ledger, "-i", inventory], folder / f"{'series' * 8}.csv"
    tops = {
        f"top {by}": ["top", *asked, "--by", by]
        for by in ("source", "destination", "pair", "service", "time")
    }
    frames = CAPTURES / "store_ct_mr.pcapng"
    tops |= {f"top {by}": ["top", frames, "--by", by] for by in OF_FRAMES}
    tops |= {
        f"times {by}": ["times", folder / "times", "--by", by]
        for by in ("pair", "server", "client", "operation")
    }
    return tops | {
        "top sflow": ["top", folder / "sflow.pcap"],
        "associations": ["associations", *asked],
        "endpoints": ["endpoints", *asked],
        "endpoints sflow": ["endpoints", CAPTURES / "sampled_1in10_snap128.pcap",
                            "--sampling-rate", 10],
        "series": ["series", "-l", ledger],
        "series sflow": ["series", folder / "sflow.pcap"],
        "map": ["map", *asked],
        "show": ["show", HOSTS[1], logs],
        "show ledger": ["show", HOSTS[1], "-l", ledger],
        "show frames": ["show", "127.0.0.1", frames, "-n", 5],
        "show association": ["show", "association:1", frames],
        "findings": ["findings", *asked, "--no-forecast"],
        "findings pt-BR": ["findings", *asked, "--no-forecast", "--lang", "pt-BR"],
        "forecast": ["forecast", series],
        "forecast backtest": ["forecast", series, "--backtest"],
        "forecast anomalies": ["forecast", series, "--anomalies"],
        "forecast pt-BR": ["forecast", series, "--lang", "pt-BR"],
        "forecast anomalies pt-BR": ["forecast", series, "--anomalies", "--lang", "pt-BR"],
        "sampling": ["sampling", folder / "sflow.pcap"],
        "ledger info": ["ledger", "info", ledger],
        "ledger verify": ["ledger", "verify", folder / "broken"],
        "top response-time": ["top", folder / "times", "--by", "response-time"],
        "doctor": ["doctor"],
        "config": ["config", "show"],
    }  # fmt: skip


ELSEWHERE = {"live", "cross-check"}
"""Tables of what takes an interface or Zeek: tests of their own hold those against this."""


def shown(line: Sequence[object], monkeypatch: pytest.MonkeyPatch) -> list[Shown]:
    """Return every table that a command line shows, before it is one."""
    found: list[Shown] = []
    real = tables.table

    def spy(title: str, columns: Any, rows: Any, width: int | None, **more: Any) -> str:
        found.append(Shown(title, columns, rows, more))
        return real(title, columns, rows, width, **more)

    monkeypatch.setattr(tables, "table", spy)
    main([str(word) for word in line] + ["-f", "table"])
    return found


@pytest.mark.few(1)
@pytest.mark.parametrize("name", cases(Path()))
def test_each_value_is_whole_or_its_column_is_named(
    there: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        found = shown(cases(there)[name], patch)
    assert any(table.rows for table in found), "no table was shown"
    for table, width in itertools.product(found, (*WIDTHS, None)):
        text = tables.table(table.title, table.columns, table.rows, width, **table.more)
        if not table.rows:
            assert text == f"{table.title}\nnothing\n"
            continue
        check(text, table, width)


@pytest.mark.few(1)
@pytest.mark.parametrize("more", [[], ["--anomalies"], ["--backtest"]])
def test_what_is_asked_in_a_language_is_answered_in_it(
    there: Path, more: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each heading and title of a command that takes --lang, but names of measures."""
    line = ["forecast", there / f"{'series' * 8}.csv", *more]
    answers = []
    for tag in ("en", "pt-BR"):
        with monkeypatch.context() as patch:
            answers.append(shown([*line, "--lang", tag], patch))
    english, told = answers
    assert len(english) == len(told) > 0
    for plain, other in zip(english, told, strict=True):
        say = other.more["language"].gettext
        assert other.title != plain.title
        heads = [name.replace("_", " ") for name in other.columns]
        same = {head for head in heads if say(head) == head}
        assert same <= {"MASE", "sMAPE", "95 %"}


SEVERAL = ("show", "sampling", "show ledger")
"""What answers with several tables."""


def programs() -> list[str]:
    """Return the cases that programs may ask for, first those of several tables."""
    told = [name for name in cases(Path()) if "pt-BR" not in name]
    return sorted(told, key=lambda name: name not in SEVERAL)


@pytest.mark.few(3)
@pytest.mark.parametrize("name", programs())
def test_what_a_program_gets_is_one_document(
    there: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """One JSON text, one table of CSV; of several tables as many rows in either."""
    line = [str(word) for word in cases(there)[name]]
    main([*line, "-f", "json"])
    made = json.loads(capsys.readouterr().out)
    main([*line, "-f", "csv"])
    head, *rows = csv.reader(capsys.readouterr().out.splitlines(keepends=True))
    assert head
    assert {len(row) for row in rows} <= {len(head)}
    assert len({*head}) == len(head)
    if name in SEVERAL:
        told = [one for one, listed in made.items() for _ in listed] if "agents" not in made else [
            one for one in ("agents", "sources", "interfaces") for _ in made[one]
        ]  # fmt: skip
        assert [row[0] for row in rows] == told
        assert len({*told}) > 1


def test_no_command_has_a_table_that_is_not_here() -> None:
    """No part of one either, nor a value of --by."""
    lines = list(cases(Path()).values())
    there = {line[0] for line in lines} | ELSEWHERE
    parts_there = {tuple(line[:2]) for line in lines}
    by = {(line[0], line[line.index("--by") + 1]) for line in lines if "--by" in line}
    for name in COMMANDS:
        command = commands.imported(name)
        parts = getattr(command, "commands", {name: command})
        for part in parts.values():
            formats = [p.type.choices for p in part.params if "--format" in p.opts]
            if any("table" in choices for choices in formats):
                assert name in there, f"{name} {part.name}"
                assert len(parts) == 1 or (name, part.name) in parts_there
                asked = [p.type.choices for p in part.params if "--by" in p.opts]
                assert {(name, value) for choices in asked for value in choices} <= by


@pytest.mark.parametrize("width", [*WIDTHS, None])
def test_a_line_of_live_is_whole_and_its_columns_fit(width: int | None) -> None:
    usual = {name: heading.ljust(room, "x") for name, (heading, room) in live.SHOWN.items()}
    wide = {name: f"{name} {WIDE}" * 3 for name in usual}
    names = live.fitting(width)
    assert width is None or len(live.aligned(usual, names)) <= width
    assert {"ts", "operation", "state"} <= {*names}
    for cells in (usual, wide):
        assert live.aligned(cells, names).split() == " ".join(cells[n] for n in names).split()


def check(text: str, table: Shown, width: int | None) -> None:
    """Hold a printed table against its cells."""
    language = table.more.get("language")
    say = language.gettext if language else str
    lines = text.splitlines()[bool(table.title) :]
    if width is not None:
        assert max(wcswidth(line) for line in lines) <= width, (width, lines)
    rule = next(i for i, line in enumerate(lines) if line and not line.strip("\u2500- "))
    spans = [m.span() for m in re.finditer(r"[\u2500-]+", lines[rule])]
    left = next((i for i, line in enumerate(lines) if line.startswith((LEFT, LEFT_PT))), len(lines))
    head = printed(lines[:rule], spans)
    body = printed(lines[rule + 1 : left], spans)
    named = squeezed("".join(lines[left:]))
    for place, column in enumerate(table.columns):
        cells = [row[place] for row in table.rows]
        heading = squeezed(say(column.replace("_", " ")))
        expected = "".join(squeezed(pointed(cell, column, language)) for cell in cells)
        if (heading, expected) in zip(head, body, strict=True):
            continue
        empty = all(cell in (None, "", [], ()) for cell in cells)
        assert width is not None, f"{column} is not whole in a pipe"
        assert empty or heading in named, f"{column} is cut at {width}: {expected[:99]} {body}"


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (0, "0 B"), (999, "999 B"), (-999, "-999 B"), (1_000, "1.00 kB"), (996_000, "996.00 kB"),
        (999_990, "999.99 kB"), (999_999, "1.00 MB"), (1_234_500_000_000, "1.23 TB"),
        (10**15, "1.00 PB"), (2.5e18, "2.50 EB"), (10**21, "1,000.00 EB"), (math.inf, "-"),
    ],
)  # fmt: skip
def test_bytes_of_any_size(value: float, said: str) -> None:
    assert tables.shown(value, "bytes") == said
    assert expect(value, "bytes") == said or math.isinf(value)


LEFT, LEFT_PT = "left out, for the terminal", "fora, pois o terminal"


def wcswidth(text: str) -> int:
    return sum(max(0, wcwidth(letter)) for letter in text)


def printed(lines: Sequence[str], spans: Sequence[tuple[int, int]]) -> list[str]:
    """Return what stands in each span of terminal columns, line after line, without blanks."""
    found = [""] * len(spans)
    for line in lines:
        at = 0
        for letter in line:
            for place, (start, end) in enumerate(spans):
                if start <= max(0, at - (wcwidth(letter) <= 0)) < end:
                    found[place] += letter
            at += max(0, wcwidth(letter))
    return [squeezed(text) for text in found]


def squeezed(text: str) -> str:
    return "".join(text.split())


def pointed(cell: Any, column: str, language: Any) -> str:
    """Return a cell as a language writes it: Portuguese has its separators the other way round."""
    text = expect(cell, column)
    swapped = language is not None and language.tag == "pt-BR" and isinstance(cell, (int, float))
    return text.translate({ord(","): ".", ord("."): ","}) if swapped else text


def expect(cell: Any, column: str) -> str:
    """Return a cell as people should read it, worked out anew."""
    match cell:
        case None:
            return "-"
        case bool():
            return "yes" if cell else "no"
        case list() | tuple():
            return ", ".join(expect(item, "") for item in cell)
        case int() | float() if "bytes" in column and "percent" not in column:
            size, unit = float(cell), 0
            while abs(size) >= 999.995 and unit < 6:
                size, unit = size / 1000, unit + 1
            name = ("B", "kB", "MB", "GB", "TB", "PB", "EB")[unit]
            return f"{size:,.2f} {name}" if unit else f"{cell:,.0f} B"
        case int():
            return f"{cell:,}"
        case float():
            if not math.isfinite(cell):
                return "-"
            small = f"{Decimal(cell):.1e}" if 0 < abs(cell) < 0.1 else ""
            return f"{Decimal(small):f}" if small else f"{cell:,.2f}"
        case datetime():
            return f"{cell:%Y-%m-%d %H:%M:%S}" + (f".{cell:%f}" if cell.microsecond else "") + "Z"
        case _:
            return str(cell)


@pytest.mark.parametrize(
    ("name", "by"),
    [("pair", "bytes"), ("service", "bytes"), ("map", "bytes"), ("times", "p95_ms")],
)
def test_what_rows_are_ranked_by_stands_in_the_narrowest_terminal(name: str, by: str) -> None:
    """Rows in an order that nothing on the screen shows look wrong."""
    keys = {"pair": ["source", "destination"], "service": ["service"]}.get(name, ["source"])
    columns = [*keys, "communications", "percent", "packets", by, "client_role"]
    rows = [["10.20.0.10" for _ in keys] + [n, 1.5, 10**6, 10**9 - n, "pacs"] for n in range(3)]
    for width in (40, 60, 80):
        text = tables.table(name, columns, rows, width, spare={"client_role"}, ranked=by)
        head = " ".join(text.splitlines()[1:3])
        assert all(word in head for word in by.split("_")), text
        assert keys[0] in head
