"""`top` over the nine columns and `explore`, as a user starts them."""

from __future__ import annotations

import csv
import fcntl
import json
import os
import select
import struct
import subprocess
import sys
import termios
import time
from typing import TYPE_CHECKING

import pytest

from pacsflow.cli import main

if TYPE_CHECKING:
    from pathlib import Path

ROWS = [
    ["Time", "Protocol", "Source", "Destination", "Hardware Source", "Hardware Destination",
     "VLAN", "Length", "Info"],
    ["2026-03-02 08:00:00", "DICOM", "10.0.0.1", "10.0.0.2", "aa", "bb", "143", "1522", "P-DATA"],
    ["2026-03-02 08:00:01", "DICOM", "10.0.0.1", "10.0.0.3", "aa", "cc", "143", "100", "P-DATA"],
    ["2026-03-02 09:00:00", "TCP", "10.0.0.4", "10.0.0.3", "dd", "cc", "", "60", "ACK"],
]  # fmt: skip
FIRST = {
    "time": "2026-03-02T08:00Z", "protocol": "DICOM", "source": "10.0.0.1",
    "destination": "10.0.0.3", "hw-source": "aa", "hw-destination": "cc", "vlan": "143",
    "length": "100", "info": "P-DATA",
}  # fmt: skip


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "frames.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(ROWS)
    return path


@pytest.mark.few(8)
@pytest.mark.parametrize("by", FIRST)
def test_top_by_each_of_the_nine_columns(
    table: Path, capsys: pytest.CaptureFixture[str], by: str
) -> None:
    assert main(["top", str(table), "--by", by, "-n", "1", "--format", "json"]) == 0
    row, *remarks = json.loads(capsys.readouterr().out)
    assert len(remarks) == (by == "time")
    assert row[by] == FIRST[by]
    frames = 1 if by == "length" else 2
    assert row["frames"] == frames
    assert row["percent"] == pytest.approx(100 * frames / 3)


def test_dicom_alone_and_sampled(table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["top", str(table), "--dicom", "--sampling-rate", "10", "--format", "json"]
    assert main(arguments) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert (row["source"], row["frames"]) == ("10.0.0.1", 2)
    assert (row["bytes"], row["estimated_bytes"]) == (1622, 16220)


def test_a_damaged_row_is_told_with_its_line(
    table: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table.write_text(table.read_text().replace("1522", "long"))
    assert main(["top", str(table), "--format", "json"]) == 0
    said = capsys.readouterr()
    assert "1 unreadable; line 2: expected the bytes of one frame, found 'long'" in said.err
    *rows, last = json.loads(said.out)
    assert sum(row["frames"] for row in rows) == 2
    assert "1 unreadable" in json.dumps(last["remarks"])


def test_explore_without_a_terminal_says_so(
    table: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["explore", str(table)]) == 2
    assert capsys.readouterr().err.startswith("pacsflow: explore needs a terminal")


def test_explore_in_a_terminal(table: Path) -> None:
    ours, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 200, 0, 0))
    process = subprocess.Popen(
        [sys.executable, "-m", "pacsflow", "explore", str(table)],
        stdin=theirs, stdout=theirs, stderr=theirs, env={**os.environ, "TERM": "xterm"},
    )  # fmt: skip
    os.close(theirs)

    def wait_for(text: str) -> None:
        seen, end = "", time.monotonic() + 90
        while text not in seen:
            assert time.monotonic() < end, seen
            if select.select([ours], [], [], 1)[0]:
                seen += os.read(ours, 65536).decode()

    try:
        wait_for("top 5 by source")
        os.write(ours, b"4")
        wait_for("destination")
        os.write(ours, b"q")
        while True:
            try:
                if not os.read(ours, 65536):
                    break
            except OSError:  # the other side is closed
                break
        assert process.wait(30) == 0
    finally:
        process.kill()
        os.close(ours)
