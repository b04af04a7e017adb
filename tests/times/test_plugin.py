"""dicom_times.log of the Wireshark plugin: given these associations, these rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.times.conversations import SCENARIOS, write

from pacsflow.programs.cross_check import read_log
from pacsflow.programs.tshark import export_logs
from pacsflow.terms.dicom_times import FIELDS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

KINDS = {field.name: field.kind for field in FIELDS}


def value(name: str, cell: str) -> object:
    """Return a cell of the log as a scenario gives it."""
    if cell == "-":
        return None
    if KINDS[name] == "interval":
        return pytest.approx(float(cell), abs=1.6e-6)
    return int(cell) if KINDS[name] == "count" else cell


def check(log: Path, wanted: list[dict[str, object]]) -> None:
    rows = read_log(log).rows
    assert len(rows) == len(wanted)
    for row, want in zip(rows, wanted, strict=True):
        assert want == {name: value(name, row[name]) for name in want}


def test_times_on_frames(run: Callable[..., str], tmp_path: Path) -> None:
    """Each time is on the frame where it ends, in one pass, in two, and behind a filter."""
    write(tmp_path / "c.pcap", "find")
    names = ("response_time", "first_response_time", "operation_time", "setup_time", "round_trip")
    asked = [part for name in names for part in ("-e", f"pacsflow.{name}")]
    fields = ("-T", "fields", "-e", "frame.number", *asked)
    once = run(tmp_path / "c.pcap", *fields)
    told = {}
    for line in once.splitlines():
        number, *cells = line.split("\t")
        told |= {
            (int(number), n): round(float(c), 6) for n, c in zip(names, cells, strict=True) if c
        }
    assert told == {
        (3, "round_trip"): 0.004,
        (5, "setup_time"): 0.003,
        (8, "first_response_time"): 0.07,
        (11, "response_time"): 0.1,
        (11, "operation_time"): 0.102,
        (13, "first_response_time"): 0.008,
        (13, "response_time"): 0.008,
        (13, "operation_time"): 0.008,
    }
    assert run(tmp_path / "c.pcap", "-2", *fields) == once
    slow = run(tmp_path / "c.pcap", "-Y", "pacsflow.response_time > 0.05", *fields).split()
    assert slow[:2] == ["11", "0.100000000"]
    table = run(tmp_path / "c.pcap", "-q", "-z", "pacsflow,times").splitlines()[-1].split()
    assert table[:6] == ["C-FIND", "10.1.0.10", "10.1.0.20", "2", "2", "8.000"]
    assert table[8:] == ["100.000", "39.000", "1.04"]


@pytest.mark.few(2)
@pytest.mark.parametrize("name", SCENARIOS)
def test_times_of_a_conversation(name: str, tmp_path: Path, tshark: str) -> None:
    capture = tmp_path / "capture.pcap"
    wanted = write(capture, name)
    logs = export_logs(capture, tmp_path / "logs", tshark=tshark)
    check(logs.dicom_times, wanted)
