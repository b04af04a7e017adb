"""The command line as its users meet it: what it prints, where, and how it ends."""

from __future__ import annotations

import csv
import errno
import gzip
import io
import json
import os
import re
import subprocess
import sys
import zipfile
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import openpyxl
import pyarrow.parquet as pq
import pytest

from conftest import CAPTURES, json_log, tsv
from pacsflow.cli import COMMANDS, main
from wireshark import pieces

if TYPE_CHECKING:
    from collections.abc import Callable

    Write = Callable[[str, str | bytes], Path]
T0 = 1772438400


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    code = main([str(a) for a in arguments])
    out, err = capsys.readouterr()
    assert "Traceback" not in err
    return code, out, err


def dicom_row(**changes: object) -> dict[str, object]:
    row: dict[str, object] = {
        "ts": T0 + 1.0, "uid": "C1", "id.orig_h": "10.0.0.1", "id.orig_p": 40000,
        "id.resp_h": "10.0.0.2", "id.resp_p": 104, "calling_ae": "CT1", "called_ae": "PACS1",
        "result": "accepted", "end": "released", "duration": 2.5, "store_rq": 10,
        "rsp_success": 10, "rsp_failure": 0, "data_bytes_orig": 5_000_000, "data_bytes_resp": 0,
        "services": ["storage"], "modalities": ["CT"], "orig_impl_uid": "1.2.3",
    }  # fmt: skip
    return {**row, **changes}


@pytest.fixture
def logs(write: Write, tmp_path: Path) -> Path:
    hours = [
        {"uid": f"C{h}_{n}", "ts": T0 + h * 3600.0 + n, "id.orig_h": f"10.0.0.{n + 3}"}
        for h in range(30)
        for n in range(4)
    ]
    write("logs/conn.log", json_log(hours))
    other = {"uid": "C2", "id.orig_p": 40001, "calling_ae": "=EVIL()"}
    rows = [dicom_row(), dicom_row(**other, result="rejected", end="closed")]
    write("logs/dicom.log", "".join(json.dumps(r) + "\n" for r in rows))
    return tmp_path / "logs"


@pytest.mark.few(7)
@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("missing.log", None, "there is no such file or folder"),
        ("empty.log", b"", "the file is empty"),
        ("words.log", b"dear diary\n", "not a Zeek log"),
        ("elf.log", b"\x7fELF\x00\x01", "not a Zeek log"),
        ("cut.log.gz", gzip.compress(tsv([{}] * 300).encode())[:-9], "damaged or ends early"),
        ("half.log", tsv([{}]).encode()[:-90], "line 9: expected 18 columns"),
        ("types.log", tsv([{"ts": "noon"}]).encode(), "line 9: ts: expected a time"),
        ("broken.pcap", b"\xd4\xc3\xb2\xa1" + b"\x00" * 9, "broken.pcap"),
        ("old.csv", b"a,b\n1,2\n", "not a Zeek log"),
        ("bare.json", b'{"hello": 1}\n', "no line is a row of a Zeek log"),
    ],
)
@pytest.mark.parametrize("command", ["report", "top"])
def test_unusable_input_is_one_clear_line_and_code_2(
    capsys: pytest.CaptureFixture[str],
    write: Write,
    tmp_path: Path,
    command: str,
    name: str,
    content: bytes | None,
    said: str,
) -> None:
    path = tmp_path / name if content is None else write(name, content)
    options = ["-o", tmp_path / "out.html"] if command == "report" else []
    code, out, err = run(capsys, command, path, *options)
    assert code == 2
    assert out == ""
    assert len(err.splitlines()) == 1
    assert name in err
    assert said in err
    assert not (tmp_path / "out.html").exists()


def test_a_directory_without_logs(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    assert run(capsys, "top", tmp_path / "a")[0] == 2
    (tmp_path / "a" / "readme.txt").write_text("x")
    code, _, err = run(capsys, "top", tmp_path / "a")
    assert code == 2
    assert "no log or capture that pacsflow reads (passed over: 1 other file (.txt))" in err
    (tmp_path / "a" / "found.json").write_text('{"took": 1, "hits": {"hits": []}}')
    (tmp_path / "a" / "packets.pdml").write_text("<pdml>")
    (tmp_path / "a" / "http.log").write_text("#path\thttp\n")
    _, _, err = run(capsys, "top", tmp_path / "a")
    for what in ("1 http.log", "(an answer of Elasticsearch or OpenSearch)", "(frames as PDML)"):
        assert what in err
    (tmp_path / "a" / "conn.log").write_text("")
    _, _, err = run(capsys, "top", tmp_path / "a")
    assert "(frames as PDML)" in err
    assert "conn.log: the file is empty" in err


def test_in_a_mixed_set_the_good_are_read_and_the_bad_listed(
    capsys: pytest.CaptureFixture[str], logs: Path, write: Write, tmp_path: Path
) -> None:
    write("logs/bad.log", "nothing\n")
    write("logs/cut.log.gz", gzip.compress(tsv([{}] * 300).encode())[:-9])
    page = tmp_path / "week.html"
    code, out, err = run(capsys, "report", logs, "-o", page, "--no-forecast")
    assert code == 0
    assert out.strip() == str(page)
    assert len(re.findall("^not read: ", err, re.MULTILINE)) == 2
    text = page.read_text()
    assert "bad.log" in text
    assert "cut.log.gz" in text


def test_a_name_of_a_file_steers_no_terminal(
    capsys: pytest.CaptureFixture[str], logs: Path, tmp_path: Path
) -> None:
    rows = (logs / "conn.log").read_text() + "{not a row\n"
    (logs / "conn.\x1b]0;owned\x07\x1b[31m.log").write_text(rows)
    code, _, told = run(capsys, "ingest", logs, "--ledger", tmp_path / "ledger")
    assert code == 0
    assert "x1b]0;owned" in told
    assert not {"\x1b", "\x07"} & {*told}


def test_tshark_missing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    code, _, err = run(capsys, "top", CAPTURES / "echo_ok.pcapng")
    assert code == 2
    assert "tshark" in err
    assert "apt-get install tshark" in err


def test_tshark_too_old(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    old = tmp_path / "tshark"
    old.write_text("#!/bin/sh\necho TShark '(Wireshark) 3.6.2'\n")
    old.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    code, _, err = run(capsys, "top", CAPTURES / "echo_ok.pcapng")
    assert code == 2
    assert "3.6.2; pacsflow needs tshark 4.0 or later" in err


def test_top_ranks_with_percentages(capsys: pytest.CaptureFixture[str], logs: Path) -> None:
    code, out, _ = run(capsys, "top", logs, "--by", "source", "-n", 2, "-f", "json")
    rows = json.loads(out)
    assert code == 0
    assert len(rows) == 2
    assert (rows[0]["source"], rows[0]["bytes"]) == ("10.0.0.2", 120 * 420)
    assert rows[1]["communications"] == 30
    assert rows[1]["percent"] == pytest.approx(25.0)
    assert rows[1]["percent_of_bytes"] == pytest.approx(100 * 30 * 1400 / (120 * 1820))


@pytest.mark.few(1)
@pytest.mark.parametrize("command", ["top", "map"])
def test_bytes_without_a_communication_are_explained(
    capsys: pytest.CaptureFixture[str], logs: Path, command: str
) -> None:
    """Who answers has bytes, and opened nothing."""
    code, out, _ = run(capsys, command, logs)
    assert code == 0
    assert "A communication counts at the host that opened it" in out
    _, out, _ = run(capsys, command, logs, "-f", "csv")
    assert "counts at" not in out


def test_a_command_that_is_done_says_nothing_as_it_ends(logs: Path, tmp_path: Path) -> None:
    """What a library has to tell of its end stands on no user's terminal."""
    ledger = str(tmp_path / "ledger")
    assert main(["ingest", str(logs), "--ledger", ledger]) == 0
    line = [sys.executable, "-m", "pacsflow", "top", "--ledger", ledger, "-q"]
    done = subprocess.run(line, capture_output=True, text=True, check=True, timeout=60)
    assert done.stderr == ""
    assert done.stdout


def test_series_tells_no_data_from_zero(capsys: pytest.CaptureFixture[str], write: Write) -> None:
    rows = [{"uid": "C1", "ts": float(T0)}, {"uid": "C2", "ts": T0 + 3 * 3600.0}]
    other = {"uid": "C3", "ts": T0 + 3600.0, "id.resp_h": "10.9.9.9", "service": "http"}
    path = write("conn.log", json_log([*rows, other]))
    _, out, _ = run(capsys, "series", path, "--dicom", "--destination", "10.0.0.2")
    values = [row["bytes"] for row in csv.DictReader(io.StringIO(out))]
    assert values == ["1400", "0", "", "1400"]


def test_associations_and_formats(capsys: pytest.CaptureFixture[str], logs: Path) -> None:
    _, out, _ = run(capsys, "associations", logs, "-f", "csv")
    assert "'=EVIL()" in out, "a cell must not become a formula"
    _, out, _ = run(capsys, "associations", logs, "--result", "rejected", "-f", "json")
    assert [row["calling_ae"] for row in json.loads(out)] == ["=EVIL()"]
    code, _, err = run(capsys, "associations", logs / "conn.log")
    assert code == 2
    assert "No DICOM log was given. Nothing is known" in err


def test_where_no_association_could_be_read_it_is_said_of_what_was_given(
    capsys: pytest.CaptureFixture[str],
) -> None:
    code, _, err = run(capsys, "associations", CAPTURES / "networks" / "scan104.pcap")
    assert code == 2
    assert "No association could be read in captures or tables of frames. Tables hold none" in err
    assert "dicom.log" not in err


def test_endpoints_say_how_they_are_known(
    capsys: pytest.CaptureFixture[str], logs: Path, write: Write
) -> None:
    _, out, _ = run(capsys, "endpoints", logs, "-f", "json")
    found = {row["host"]: (row["role"], row["basis"], row["evidence"]) for row in json.loads(out)}
    assert found["10.0.0.2"] == (None, "", ""), "no image passed"
    inventory = write(
        "inv.tsv",
        "#separator \\x09\n#fields\tmatch\tname\trole\tmodality\tsite\n"
        "#types\tstring\tstring\tstring\tstring\tstring\n"
        "10.0.0.0/30\tArchive\tgateway\t-\tmain\nnonsense\tx\tpacs\t-\t-\n",
    )
    code, out, err = run(capsys, "endpoints", logs, "-i", inventory, "-f", "json")
    *rows, last = json.loads(out)
    assert "line 5" in last["remarks"][0]["message"]
    found = {row["host"]: (row["name"], row["role"], row["basis"]) for row in rows}
    assert code == 0
    assert found["10.0.0.2"] == ("Archive", "gateway", "inventory")
    assert "line 5: 'nonsense' is no address" in err


def test_map_for_other_programs(capsys: pytest.CaptureFixture[str], logs: Path) -> None:
    _, out, _ = run(capsys, "map", logs, "-f", "graphml")
    graph = ET.fromstring(out)
    name = "{http://graphml.graphdrawing.org/xmlns}"
    assert len(graph.findall(f".//{name}node")) == 5
    assert len(graph.findall(f".//{name}edge")) == 8
    _, out, _ = run(capsys, "map", logs, "-f", "dot")
    assert out.startswith("digraph pacsflow {")


def test_export_every_way(capsys: pytest.CaptureFixture[str], logs: Path, tmp_path: Path) -> None:
    for ending in ("csv", "json", "parquet", "xlsx"):
        code, out, _ = run(capsys, "export", logs, "-o", tmp_path / f"out.{ending}")
        assert (code, out.strip()) == (0, str(tmp_path / f"out.{ending}"))
    assert pq.read_table(tmp_path / "out.parquet").num_rows == 240
    assert len(json.loads((tmp_path / "out.json").read_text())) == 240
    book = openpyxl.load_workbook(tmp_path / "out.xlsx")
    cells = [c for sheet in book for row in sheet.iter_rows() for c in row if c.value is not None]
    assert any(c.value == "=EVIL()" for c in cells)
    assert not [c for c in cells if c.data_type == "f" and "EVIL" in str(c.value)]
    assert run(capsys, "export", logs, "-o", tmp_path / "out.doc")[0] == 2


def test_ingest_and_ask_the_ledger(
    capsys: pytest.CaptureFixture[str], logs: Path, tmp_path: Path
) -> None:
    book = tmp_path / "book"
    code, out, _ = run(capsys, "ingest", logs, "-l", book)
    assert code == 0
    assert "2 files added (122 rows)" in out
    _, out, _ = run(capsys, "ingest", logs, "-l", book)
    assert "0 files added" in out
    assert "2 were in it already" in out
    direct = run(capsys, "top", logs, "-f", "csv")[1]
    assert run(capsys, "top", "-l", book, "-f", "csv")[1] == direct
    assert run(capsys, "top", logs, "-l", book)[0] == 2


def test_report_from_json_is_valid_and_findings_can_fail(
    capsys: pytest.CaptureFixture[str], logs: Path
) -> None:
    code, out, _ = run(capsys, "report", logs, "--format", "json", "--no-forecast")
    told = json.loads(out)
    assert code == 0
    assert told["week"] == "2026-W10"
    assert told["coverage"]["hours_with_data"] == 30
    assert told["totals"]["imaging_communications"]["value"] == 120
    assert run(capsys, "findings", logs, "--fail-on", "critical")[0] == 0
    assert run(capsys, "findings", logs, "--fail-on", "low")[0] == 1


def test_show_finds_rows_everywhere(capsys: pytest.CaptureFixture[str], logs: Path) -> None:
    _, out, _ = run(capsys, "show", "CT1", logs, "-f", "json")
    assert json.loads(out)["associations"][0]["called_ae"] == "PACS1"
    _, out, _ = run(capsys, "show", "C5_1", logs, "-f", "json")
    assert json.loads(out)["connections"][0]["id.orig_h"] == "10.0.0.4"
    assert run(capsys, "show", "10.99.0.1", logs)[0] == 2


def test_wrong_use_ends_with_2(capsys: pytest.CaptureFixture[str], logs: Path) -> None:
    for arguments in (
        ["tops"],
        ["top"],
        ["top", logs, "--by", "nothing"],
        ["report", logs, "--week", "2026-W99"],
        ["report", logs, "--site-tz", "Mars/Olympus"],
        ["report", logs, "--origin", "sflow", "--format", "json"],
        ["top", logs, "--by", "vlan"],
    ):
        code, out, err = run(capsys, *arguments)
        assert (code, out) == (2, ""), arguments
        assert err.strip()


HEAVY = {"duckdb", "pyarrow", "numpy", "pandas", "statsmodels", "pyshark", "jinja2"}
ALONE = """
import sys
from pacsflow.cli import main
main({arguments!r})
print(*({heavy!r} & {{*sys.modules}}), file=sys.stderr)
"""


@pytest.mark.few(5)
@pytest.mark.parametrize("command", [None, *COMMANDS])
def test_help_starts_without_what_only_work_needs(command: str | None) -> None:
    arguments = [command, "--help"] if command else ["--help"]
    script = ALONE.format(arguments=arguments, heavy=HEAVY)
    told = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True
    )
    assert told.stderr == "\n"
    assert command is None or command in told.stdout


COMPLETING = """
import atexit, sys
atexit.register(lambda: print(*({heavy!r} & {{*sys.modules}}), file=sys.stderr))
from pacsflow.cli import app
sys.argv[0] = "pacsflow"
app()
"""


@pytest.mark.few(4)
@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("pacsflow to", {"top"}),
        ("pacsflow top --dic", {"--dicom"}),
        ("pacsflow report --lang ", {"en", "pt-BR"}),
        ("pacsflow endpoints --role p", {"pacs", "printer"}),
        ("pacsflow associations --result re", {"rejected"}),
        ("pacsflow top --origin ", {"zeek", "capture", "sflow"}),
        ("pacsflow report --site-tz America/Sao", {"America/Sao_Paulo"}),
        ("pacsflow inventory i", {"infer"}),
        ("pacsflow top --format ", {"table", "json", "csv"}),
    ],
)
def test_a_tab_offers_what_there_is(words: str, offered: set[str]) -> None:
    given = {"_PACSFLOW_COMPLETE": "complete_bash", "COMP_WORDS": words}
    given["COMP_CWORD"] = str(words.count(" "))
    script = COMPLETING.format(heavy=HEAVY)
    told = subprocess.run(
        [sys.executable, "-c", script], env={**os.environ, **given},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert {*told.stdout.split()} == offered
    assert told.stderr == "\n"


def test_every_command_has_help_with_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    for name in {*COMMANDS} - {"install", "inventory", "doctor"}:
        code, out, _ = run(capsys, name, "--help")
        assert code == 0
        assert "Example:" in out, name


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (["tops"], "Did you mean 'top'?"),
        (["report", "x", "--lang", "fr"], "'fr' is not one of 'en', 'pt-BR'"),
        (["endpoints", "x", "--role", "pasc"], "is not one of 'pacs'"),
        (["top", "--nothing"], "No such option"),
        (["associations", "x", "--result"], "requires an argument"),
        (["show"], "Missing argument 'WHAT'"),
    ],
)
def test_wrong_use_is_one_line(
    capsys: pytest.CaptureFixture[str], wrong: list[str], said: str
) -> None:
    code, out, err = run(capsys, *wrong)
    assert (code, out) == (2, "")
    assert said in err
    assert err.count("\n") == 1


def idle(folder: Path) -> dict[str, list[object]]:
    """Return command lines whose option has no effect, by that option."""
    logs, ledger, capture = folder / "logs", folder / "ledger", CAPTURES / "echo_ok.pcapng"
    page = folder / "w.html"
    return {
        "--keylog": ["top", logs, "--keylog", logs / "conn.log"],
        "--sampling-rate": ["report", logs, "--sampling-rate", 10],
        "--capture-start": ["series", "-l", ledger, "--capture-start", "2026-03-02"],
        "--site-tz": ["top", logs, "--site-tz", "America/Sao_Paulo"],
        "--logo": ["report", logs, "-f", "json", "--logo", capture],
        "--lang": ["report", logs, "-f", "json", "--lang", "pt-BR"],
        "--archive": ["report", logs, "-f", "json", "--archive", folder / "pages"],
        "-o": ["report", logs, "-o", page, "--archive", folder / "pages"],
        "--site": ["watch", logs, "--site", "St. Ann", "--once"],
        "--every": ["watch", logs, "--every", 5, "--once"],
        "--what": ["export", logs, "-o", folder / "w.xlsx", "--what", "notices"],
        "--column": ["forecast", logs, "--column", "bytes"],
        "--plot": ["forecast", logs, "--backtest", "--plot", folder / "p.svg"],
        "--host": ["top", capture, "--by", "protocol", "--host", "10.0.0.1"],
        "--keylog ": ["show", "association:0", capture, "--keylog", capture],
        "--with-info": ["top", logs, "--with-info"],
        "--with-info ": ["show", "association:0", capture, "--with-info"],
        "--with-info  ": ["show", "10.0.0.4", logs, "--with-info"],
    }


@pytest.mark.few(2)
@pytest.mark.parametrize("option", idle(Path()))
def test_an_option_without_effect_is_an_error(
    capsys: pytest.CaptureFixture[str], logs: Path, tmp_path: Path, option: str
) -> None:
    run(capsys, "ingest", logs, "-l", tmp_path / "ledger")
    there = {*tmp_path.rglob("*")}
    code, out, err = run(capsys, *idle(tmp_path)[option])
    assert (code, out) == (2, "")
    assert f"{option.strip()} " in err
    assert "effect" in err
    assert err.count("\n") == 1
    assert {*tmp_path.rglob("*")} == there


@pytest.mark.few(1)
@pytest.mark.parametrize(
    ("asked", "rows"),
    [
        (["--from", "2026-03-02T09:00", "--to", "2026-03-02T11:00"], 8),
        (["--from", "2026-03-02T06:00-03:00", "--to", "2026-03-02T11:00Z"], 8),
        (["--from", "2026-03-03"], 4 * 14),
        (["--to", "2026-03-02"], 4 * 16),
        (["--week", "2026-W10"], 120),
        (["--week", "2026-03-02", "--site-tz", "America/Sao_Paulo"], 120),
        (["--from", "2026-03-03", "--site-tz", "America/Sao_Paulo"], 4 * 11),
        (["--host", "10.0.0.4"], 30),
        (["--host", "10.0.0.4/31"], 60),
        (["--host", "10.0.0.0/24"], 120),
        (["--ae", "CT1"], 0),
        (["--ae", "PACS1", "--host", "10.0.0.3"], 30),
        (["--service", "dicom"], 120),
    ],
)
def test_the_same_questions_everywhere(
    capsys: pytest.CaptureFixture[str], logs: Path, asked: list[str], rows: int
) -> None:
    ledger = logs.parent / "ledger"
    run(capsys, "ingest", logs, "-l", ledger)

    def count(command: str, *more: object) -> int:
        code, out, err = run(capsys, command, *more, *asked, "-f", "json")
        assert code == 0, err
        return sum(row["communications"] or 0 for row in told(json.loads(out)))

    def told(found: object) -> list[dict[str, int]]:
        return found["edges"] if isinstance(found, dict) else found  # type: ignore[return-value]

    assert count("top", logs, "-n", "99") == rows
    assert count("top", "-l", ledger, "--by", "pair", "-n", "99") == rows
    assert count("series", "-l", ledger, "--column", "communications") == rows
    assert count("map", "-l", ledger, "--all") == rows


@pytest.mark.few(1)
@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (["--from", "noon"], "--from noon: no time; expected such as 2026-03-02"),
        (["--from", "2026-03-02T08:30"], "counted by the hour"),
        (["--from", "2026-03-03", "--to", "2026-03-02"], "is not before"),
        (["--week", "2026-W10", "--to", "2026-03-02"], "either --week or"),
        (["--host", "10.9.9.9"], "no host '10.9.9.9' in it"),
        (["--ae", "CT9"], "no AE title 'CT9' in it"),
        (["--service", "dcm"], "no service 'dcm' in it; there is dicom"),
        (["--sensor", "north"], "sensor"),
    ],
)
def test_what_is_nowhere_is_said_not_answered_with_nothing(
    capsys: pytest.CaptureFixture[str], logs: Path, asked: list[str], said: str
) -> None:
    for command in ("top", "associations", "export"):
        more = ["-o", logs / "o.csv"] if command == "export" else []
        code, out, err = run(capsys, command, logs, *asked, *more)
        assert (code, out) == (2, ""), command
        assert said in err


def test_doctor_names_what_is_missing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent))
    _, out, _ = run(capsys, "doctor", "-f", "json")
    rows = {row["what"]: row for row in json.loads(out)}
    assert rows["pacsflow"]["state"] == "ok"
    assert rows["tshark"]["state"] == "missing"
    assert rows["tshark"]["how_to_get_it"] == "apt-get install tshark"


def test_doctor_sees_that_somebody_changed_zeeks_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pacsflow.programs.install_zeek import install_zeek, is_changed

    config = tmp_path / "zeek-config"
    config.write_text(f"#!/bin/sh\n[ $1 = --version ] && echo 8.0.10 || echo {tmp_path}\n")
    config.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    assert not is_changed()  # as zkg has it: elsewhere
    install_zeek(None, build=False)
    assert not is_changed()
    with (tmp_path / "pacsflow" / "main.zeek").open("a") as script:
        script.write("# ours\n")
    assert is_changed()


def test_tables_with_relative_times_want_a_start(
    capsys: pytest.CaptureFixture[str], write: Write
) -> None:
    table = write(
        "a.csv", '"No.","Time","Source","Destination","Length"\n1,0.5,10.0.0.1,10.0.0.2,99\n'
    )
    code, _, err = run(capsys, "report", table, "--format", "json", "--no-forecast")
    assert code == 2
    assert "--capture-start" in err
    start = ["--capture-start", "2026-03-02T08:00"]
    _, out, _ = run(capsys, "report", table, "--format", "json", "--no-forecast", *start)
    assert json.loads(out)["week"] == "2026-W10"


def test_the_demos_marker_stays_json_and_says_that_the_logs_are_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pacsflow import simulator
    from pacsflow.cli.simulate import demo

    demo(tmp_path, weeks=1, scale=0.02, no_report=True)
    marker = json.loads((tmp_path / "logs" / "SIMULATED").read_text())
    assert marker["simulated"] is marker["complete"] is True
    monkeypatch.setattr(simulator, "write_logs", None)
    demo(tmp_path, weeks=1, scale=0.02, no_report=True)  # the same again is not written again
    with pytest.raises(TypeError):
        demo(tmp_path, weeks=1, scale=0.02, seed=2, no_report=True)


@pytest.mark.parametrize("made", [False, True])
def test_a_demo_that_finds_no_room_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, made: bool
) -> None:
    from pacsflow import simulator

    def full(_hospital: object, logs: Path, **_: object) -> None:
        (logs / "2026-03-02").mkdir(parents=True)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    folder = tmp_path / "new" / "demo"
    if made:
        folder.mkdir(parents=True)
    monkeypatch.setattr(simulator, "write_logs", full)
    assert main(["demo", str(folder), "--no-report"]) == 2
    assert [*tmp_path.rglob("*")] == [tmp_path / "new", folder][: 2 * made]


def test_a_second_demo_waits_for_the_first_and_reads_nothing_half_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from pacsflow import simulator
    from pacsflow.cli.simulate import demo

    original, underway, go_on = simulator.write_logs, Event(), Event()

    def slow(*given: Any, **named: Any) -> None:
        underway.set()
        assert go_on.wait(60)
        original(*given, **named)

    monkeypatch.setattr(simulator, "write_logs", slow)
    asked = {"weeks": 1, "scale": 0.02, "no_report": True}
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(demo, tmp_path / "demo", **asked)
        assert underway.wait(60)
        monkeypatch.setattr(simulator, "write_logs", None)  # the second has nothing to write
        second = pool.submit(demo, tmp_path / "demo", **asked)
        assert wait([second], timeout=1).not_done
        go_on.set()
        first.result(), second.result()
    assert "another run writes it" in capsys.readouterr().err


def test_the_command_on_the_page_can_be_given_again(monkeypatch: pytest.MonkeyPatch) -> None:
    from pacsflow.cli.week_report import command_given

    given = ["report", "/home/ana/logs", "--site-tz", "America/Sao_Paulo", "--site", "St. Ann",
             "--out=/tmp/ana/w.html", "--site-tz=Europe/Berlin"]  # fmt: skip
    monkeypatch.setattr(sys, "argv", ["pacsflow", *given])
    assert command_given() == (
        "pacsflow report logs --site-tz America/Sao_Paulo --site 'St. Ann' --out=w.html "
        "--site-tz=Europe/Berlin"
    )


@pytest.fixture(scope="module")
def of_samples(tmp_path_factory: pytest.TempPathFactory, tshark: str) -> str:
    """A ledger of samples alone."""
    assert tshark
    capture = CAPTURES / "sampled_1in10_snap128.pcap"
    ledger = str(tmp_path_factory.mktemp("samples") / "ledger")
    assert main(["ingest", str(capture), "--sampling-rate", "10", "--ledger", ledger]) == 0
    return ledger


@pytest.mark.thorough
def test_samples_are_called_communications_nowhere(
    of_samples: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Who counts one frame in ten does not know how many connections there were."""
    for form in ("dot", "graphml", "csv", "json"):
        assert main(["map", "--ledger", of_samples, "-f", form]) == 0
        out = capsys.readouterr().out
        assert "samples" in out
        assert "communications" not in out, form
    book, page = tmp_path / "week.xlsx", tmp_path / "week.html"
    assert main(["export", "--ledger", of_samples, "-o", str(book)]) == 0
    with zipfile.ZipFile(book) as parts:
        said = "".join(parts.read(n).decode() for n in parts.namelist() if n.endswith(".xml"))
    assert "imaging samples" in said
    assert "communications" not in said
    assert main(["report", "--ledger", of_samples, "-o", str(page), "--no-forecast"]) == 0
    text = page.read_text("utf-8").partition('id="glossary"')[0]
    assert "<b>Samples</b>" in text
    key = tmp_path / "key"
    key.write_bytes(bytes(range(32)))
    key.chmod(0o600)
    veiled = ["report", "--ledger", of_samples, "-o", str(page), "--no-forecast", "--pseudonymise"]
    assert main([*veiled, str(key)]) == 0
    assert "<b>Samples</b>" in page.read_text("utf-8")
    assert not re.findall(r"Communications|Opened \w+", text)


def test_endpoints_of_samples_have_intervals(
    of_samples: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["endpoints", "--ledger", of_samples, "--format", "json"]) == 0
    *rows, told = json.loads(capsys.readouterr().out)
    assert "remarks" in told
    assert rows[0]["role"] == "pacs"
    for row in rows:
        for side in ("in", "out"):
            low, value, high = (row[f"{end}bytes_{side}"] for end in ("lower_", "", "upper_"))
            assert (low is None and not value) or 0 < low < value < high


def test_show_of_a_capture_that_ends_within_an_association(
    capsys: pytest.CaptureFixture[str], tshark: str, tmp_path: Path
) -> None:
    """What a ledger alone needs of it, to put pieces together, is no log."""
    assert tshark
    frames = pieces.read(CAPTURES / "networks" / "base.pcap")
    pieces.write(tmp_path / "begin.pcap", frames[:100])
    code, out, _ = run(capsys, "show", "10.1.0.11", tmp_path / "begin.pcap")
    assert (code, out.count("Response times of 10.1.0.11")) == (0, 1)


def test_show_asks_a_ledger_too(
    capsys: pytest.CaptureFixture[str], logs: Path, tmp_path: Path
) -> None:
    ledger = tmp_path / "book"
    run(capsys, "ingest", logs, "--ledger", ledger)
    code, out, _ = run(capsys, "show", "=EVIL()", "--ledger", ledger, "-f", "json")
    (row,) = json.loads(out)["associations"]
    assert (code, row["calling_ae"], row["result"]) == (0, "=EVIL()", "rejected")
    code, out, _ = run(capsys, "show", row["uid"], "--ledger", ledger)
    assert "Associations of" in out
    key = tmp_path / "key"
    key.write_bytes(bytes(range(32)))
    key.chmod(0o600)
    code, out, _ = run(capsys, "show", "10.0.0.1", "--ledger", ledger, "--pseudonymise", key)
    assert (code, "10.0.0.1" in out) == (0, False)
    code, _, err = run(capsys, "show", "nobody", "--ledger", ledger)
    assert (code, "nobody: no row of this ledger has it" in err) == (2, True)
    code, _, err = run(capsys, "show", "nobody", "--ledger", ledger, "--dicom")
    assert (code, "--dicom has no effect with --ledger" in err) == (2, True)


@pytest.mark.parametrize("capacity", ["nan", "inf"])
def test_a_capacity_is_a_number(
    capsys: pytest.CaptureFixture[str], logs: Path, capacity: str
) -> None:
    code, _, err = run(capsys, "forecast", logs, "--capacity", capacity)
    assert code == 2
    assert "a number was expected" in err
