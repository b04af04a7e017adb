"""A ledger beside others, and where it should not be: two compactions, file systems, sensors."""

from __future__ import annotations

import errno
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import portalocker
import pytest

from conftest import ROOT, tsv
from ledger.books import DAY, ONE, T0, sums
from pacsflow.cli import main
from pacsflow.ledger import Ledger
from pacsflow.ledger.upkeep import verify
from pacsflow.readers import find

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Write = Callable[[str, str | bytes], Path]


def rows(count: int, day: float = 0, **more: Any) -> list[dict[str, Any]]:
    return [
        {"uid": f"C{day}_{n}", "ts": f"{T0 + day * DAY + n}.000001", "id.orig_p": 40000 + n, **more}
        for n in range(count)
    ]


def test_two_compactions_at_once_and_a_reader(tmp_path: Path, write: Write) -> None:
    ledger = Ledger(tmp_path / "ledger", create=True)
    ledger.lasts = False
    for start in range(0, 40, 10):
        logs = [write(f"conn.{n}.log", tsv(rows(2, n))) for n in range(start, start + 10)]
        ledger.add(find(logs).sources)
    command = [sys.executable, "-m", "pacsflow", "ledger", "compact", str(ledger.folder)]
    both = [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) for _ in range(2)]
    while any(process.poll() is None for process in both):
        assert sums(Ledger(ledger.folder)) == (80 * ONE, 80)
    told = [process.communicate()[0].decode() for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert all("files before" in text for text in told)
    assert sums(Ledger(ledger.folder)) == (80 * ONE, 80)
    assert not verify(Ledger(ledger.folder))
    assert not list(ledger.folder.glob(".staging/*"))


def test_a_file_system_without_locks_is_told_in_one_line(
    tmp_path: Path,
    write: Write,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = write("conn.log", tsv(rows(1)))
    ledger = tmp_path / "ledger"
    assert main(["ingest", str(path), "--ledger", str(ledger)]) == 0

    def none(*_: object) -> None:
        raise portalocker.exceptions.LockException(OSError(errno.ENOLCK, "No locks available"))

    monkeypatch.setattr(portalocker, "lock", none)
    capsys.readouterr()
    asked = (
        ["ingest", str(path), "--ledger", str(ledger)],
        ["ingest", str(path), "--ledger", str(tmp_path / "another")],
        ["top", "--ledger", str(ledger)],
        ["ledger", "compact", str(ledger)],
        ["ledger", "verify", str(ledger)],
        ["ledger", "repair", str(ledger)],
    )
    for command in asked:
        assert main(command) == 2, command
        told = capsys.readouterr().err.strip()
        assert "its file system knows no locks" in told.splitlines()[-1]
        assert "Traceback" not in told


def test_a_sensor_that_is_renamed_counts_nothing_twice(tmp_path: Path, write: Write) -> None:
    """Its old logs stay under the old name; added again under the new one they change nothing."""
    ledger = Ledger(tmp_path / "ledger", create=True)
    old = write("old/conn.log", tsv(rows(4)))
    ledger.add(find([old]).sources, sensor="north")
    new = write("new/conn.log", tsv(rows(4, 1)))
    again = ledger.add(find([old, new]).sources, sensor="north-2")
    assert (len(again.added), len(again.known)) == (1, 1)
    assert ledger.journal.sensors() == {"north", "north-2"}
    assert sums(ledger) == (8 * ONE, 8)


def test_clocks_an_hour_apart_are_a_finding(tmp_path: Path, write: Write) -> None:
    from pacsflow.report.build import build_report
    from pacsflow.report.options import Options

    ledger = Ledger(tmp_path / "ledger", create=True)
    north = [{**row, "orig_pkts": 10 + n} for n, row in enumerate(rows(20))]
    south = [
        {**row, "uid": f"S{n}", "ts": f"{float(row['ts']) + 3600:.6f}"}
        for n, row in enumerate(north)
    ]
    ledger.add(find([write("north/conn.log", tsv(north))]).sources, sensor="north")
    ledger.add(find([write("south/conn.log", tsv(south))]).sources, sensor="south")
    found = {f.rule: f for f in build_report(ledger, options=Options(forecasts=False)).findings}
    values = {name: value.value for name, value in found["clock-skew"].values}
    assert values["skew_seconds"] == pytest.approx(3600, abs=0.01)
    assert values["count"] == 20
