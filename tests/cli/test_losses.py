"""Whatever a command does not read or count stands on standard error, and in its JSON."""

from __future__ import annotations

import io
import json
import sys
from typing import TYPE_CHECKING, Any

import pytest

from conftest import tsv
from pacsflow.cli import main

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Capture = pytest.CaptureFixture[str]

ROWS = [{"ts": f"{1772438400 + n * 60}.5", "uid": f"C{n}"} for n in range(20)]
DAMAGED = tsv([*ROWS, "this is no row", {"orig_ip_bytes": "many"}])
TABLE = "Time;Source;Destination;Protocol;Length;Info\n" + "".join(
    f"2026-03-02T08:00:0{n}Z;10.0.0.1;10.0.0.2;TCP;{'x' if n == 3 else 100};-\n" for n in range(9)
)
COMMANDS = [
    ["top"], ["top", "--by", "pair"], ["series"], ["map"], ["endpoints"],
    ["findings", "--no-forecast"], ["forecast"], ["show", "10.0.0.1"],
]  # fmt: skip


def remarks(made: Any) -> list[dict[str, Any]]:
    found = made if isinstance(made, dict) else made[-1]
    told: list[dict[str, Any]] = found["remarks"]
    return told


@pytest.mark.few(2)
@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_rows_that_were_not_read(capsys: Capture, tmp_path: Path, command: list[str]) -> None:
    path = tmp_path / "conn.log"
    path.write_text(DAMAGED)
    assert main([*command, str(path), "--format", "json"]) in {0, 1}
    out, err = capsys.readouterr()
    assert "conn.log" in err
    (lost,) = [told for told in remarks(json.loads(out)) if "rows_not_read" in told]
    assert (lost["rows_read"], lost["rows_not_read"], lost["source"]) == (20, 2, str(path))


def test_a_source_that_was_not_read(capsys: Capture, tmp_path: Path) -> None:
    (tmp_path / "conn.log").write_text(tsv(ROWS))
    (tmp_path / "broken.pcap").write_bytes(b"\x0a\x0d\x0d\x0a" + bytes(40))
    assert main(["map", str(tmp_path), "--format", "json"]) == 0
    told = remarks(json.loads(capsys.readouterr().out))
    assert any(str(one.get("source", "")).endswith("broken.pcap") for one in told)


def test_a_table(capsys: Capture, tmp_path: Path) -> None:
    path = tmp_path / "frames.csv"
    path.write_text(TABLE)
    assert main(["top", str(path), "--format", "json"]) == 0
    (lost,) = remarks(json.loads(capsys.readouterr().out))
    assert (lost["rows_read"], lost["rows_not_read"]) == (8, 1)


def test_where_nothing_is_lost_there_are_no_remarks(
    capsys: Capture, write: Callable[[str, str], Path]
) -> None:
    assert main(["top", str(write("conn.log", tsv(ROWS))), "--format", "json"]) == 0
    assert all("remarks" not in row for row in json.loads(capsys.readouterr().out))


def test_a_copy_of_a_table_counts_once(capsys: Capture, tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("a.csv", "copy.csv", "other.csv")]
    for path in paths:
        path.write_text(TABLE if path != paths[2] else TABLE.replace("03-02", "03-03"))
    assert main(["top", *map(str, paths), "--format", "json"]) == 0
    made = json.loads(capsys.readouterr().out)
    assert made[0]["frames"] == 16
    (told,) = [one for one in remarks(made) if "is a copy of" in one["message"]]
    assert told["source"] == str(paths[1])


@pytest.mark.parametrize("command", [["top"], ["series"]], ids=" ".join)
def test_copies_of_logs_and_captures_count_once(
    capsys: Capture, tmp_path: Path, command: list[str]
) -> None:
    paths = [tmp_path / f"{name}.log" for name in "abcdef"]
    for path in paths:
        path.write_text(tsv(ROWS))
    assert main([*command, *map(str, paths), "--format", "json"]) == 0
    told = remarks(json.loads(capsys.readouterr().out))
    copies = [one for one in told if "counted once" in one["message"]]
    assert [one.get("source") for one in copies] == [*map(str, paths[1:4]), None]
    assert copies[-1]["message"] == "2 more inputs are copies: counted once"


def test_a_log_that_a_spreadsheet_has_written(capsys: Capture, tmp_path: Path) -> None:
    path = tmp_path / "conn.csv"
    path.write_text(tsv(ROWS))
    assert main(["top", str(path), "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["communications"] == 20


@pytest.mark.few(2)
@pytest.mark.parametrize("command", [["top"], ["series"], ["map"]], ids=" ".join)
def test_associations_alone_are_no_traffic(
    capsys: Capture, tmp_path: Path, command: list[str]
) -> None:
    row = {"ts": 1772438400.5, "uid": "C1", "id.orig_h": "10.0.0.1", "id.resp_h": "10.0.0.2"}
    path = tmp_path / "dicom.log"
    path.write_text(json.dumps({**row, "calling_ae": "CT1"}) + "\n")
    assert main([*command, str(path), "--format", "json"]) == 0
    (told,) = remarks(json.loads(capsys.readouterr().out))
    assert told["message"].endswith("there is 1 association")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a,b\n1,2\n", "pacsflow: standard input: not a Zeek log"),
        (
            "Time,Source,Destination,Length\n2026-03-02 08:00:00,a,b,1\nx,a,b,1\n",
            "standard input: 1 of 2 rows not read; line 3",
        ),
    ],
)
def test_what_is_said_of_standard_input_names_it(
    text: str, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
    main(["top", "-"])
    told = capsys.readouterr().err
    assert said in told
    assert "/pacsflow-" not in told
