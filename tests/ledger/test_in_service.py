"""A ledger beside others, and where it should not be: two compactions, file systems, sensors."""

from __future__ import annotations

import errno
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import portalocker
import pytest

from conftest import CONN_ROW, ROOT, tsv
from ledger.books import DAY, ONE, T0, sums
from pacsflow.cli import main
from pacsflow.errors import LedgerError
from pacsflow.ledger import Ledger
from pacsflow.ledger.upkeep import verify
from pacsflow.ledger.vantage import offsets
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


@pytest.mark.thorough
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


OF_DICOM = {
    "ts": "time", "uid": "string", "id.orig_h": "addr", "id.orig_p": "port",
    "id.resp_h": "addr", "id.resp_p": "port",
}  # fmt: skip


def shifted(row: dict[str, Any], seconds: float) -> dict[str, Any]:
    return {**row, "uid": f"S{row['uid']}", "ts": f"{float(row['ts']) + seconds:.6f}"}


@pytest.mark.few(1)
@pytest.mark.parametrize("apart", [3600, -7200 + 3])
def test_what_two_sensors_saw_counts_once_though_their_clocks_are_hours_apart(
    tmp_path: Path, write: Write, apart: int
) -> None:
    ledger = Ledger(tmp_path / "ledger", create=True)
    north = [{**row, "orig_pkts": 10 + n} for n, row in enumerate(rows(20))]
    late = [shifted(row, apart) for row in north]
    ledger.add(find([write("south/conn.log", tsv(late))]).sources, sensor="south")
    assert sums(ledger) == (20 * ONE, 20)
    ledger.add(find([write("north/conn.log", tsv(north))]).sources, sensor="north")
    assert sums(ledger) == (20 * ONE, 20)
    (clock,) = (c for c in ledger.journal.clocks() if c.seconds)
    assert (clock.sensor, clock.reference, clock.pairs) == ("south", "north", 20)
    assert clock.seconds == pytest.approx(apart)
    ledger.journal.measured((date.min, date.max), [])
    assert sums(ledger) == (40 * ONE, 40)
    ledger.compact()
    assert sums(ledger) == (20 * ONE, 20)
    alone = [{**row, "id.orig_h": "10.9.9.9"} for row in late[:3]]
    ledger.add(find([write("south/more/conn.log", tsv(alone))]).sources, sensor="south")
    assert sums(ledger) == (23 * ONE, 23)
    with ledger.connect() as connection:
        query = "SELECT DISTINCT epoch(hour)::BIGINT FROM {} ORDER BY 1"
        told, moved = (connection.sql(query.format(t)).fetchall() for t in ("coverage", "traffic"))
    assert told == moved


@pytest.mark.parametrize("seconds", ["9e99", "'noon'", "1e999"])
def test_a_journal_with_an_impossible_clock_is_refused(
    tmp_path: Path, write: Write, seconds: str
) -> None:
    ledger = Ledger(tmp_path / "ledger", create=True)
    ledger.add(find([write("conn.log", tsv(rows(2)))]).sources)
    with closing(sqlite3.connect(ledger.folder / "journal.sqlite")) as database, database:
        database.executescript(
            "DROP TABLE clocks; CREATE TABLE clocks (sensor, day, reference, seconds, pairs);"
            f"INSERT INTO clocks VALUES ('a', '2026-03-02', 'b', {seconds}, 9)"
        )
    with pytest.raises(LedgerError, match="not a ledger's journal"):
        sums(Ledger(ledger.folder))


def test_a_clock_that_was_mended_is_moved_no_more(tmp_path: Path, write: Write) -> None:
    ledger = Ledger(tmp_path / "ledger", create=True)
    north = [
        {**row, "ts": f"{float(row['ts']) + day * 86400:.6f}", "orig_pkts": 10 + 20 * day + n}
        for day in range(4)
        for n, row in enumerate(rows(20))
    ]
    south = [shifted(row, 3600 if n < 40 else 0) for n, row in enumerate(north)]
    for name, told in (("north", north), ("south", south)):
        source = find([write(f"{name}/conn.log", tsv(told))]).sources
        ledger.add(source, sensor=name)
    assert sums(ledger) == (80 * ONE, 80)
    assert [round(c.seconds) for c in ledger.journal.clocks()] == [0] * 4 + [3600, 3600, 0, 0]


@pytest.mark.parametrize("apart", [0.2, 3600.2])
def test_associations_of_two_sensors_are_met_by_their_clocks(
    tmp_path: Path, write: Write, apart: float
) -> None:
    ledger = Ledger(tmp_path / "ledger", create=True)
    north = [
        {**CONN_ROW, "uid": f"D{n}", "ts": f"{T0 + 30 * n}.5", "id.orig_p": str(40000 + n)}
        for n in range(12)
    ]
    south = [shifted(row, apart) for row in north]
    for name, told in (("north", north), ("south", south)):
        log = write(f"{name}/dicom.log", tsv(told, path="dicom", fields=OF_DICOM))
        assert not ledger.add(find([log]).sources, sensor=name).problems
    with ledger.connect() as connection:
        assert connection.sql("SELECT count(*) FROM associations").fetchall() == [(12,)]
        span = datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 9, tzinfo=UTC)
        (offset,) = offsets(connection, *span)
    assert (offset.sensor, offset.reference, offset.connections) == ("south", "north", 12)
    assert offset.seconds == pytest.approx(apart)


def test_associations_of_sensors_without_names_are_said(tmp_path: Path, write: Write) -> None:
    ledger = Ledger(tmp_path / "ledger", create=True)
    first = [
        {**CONN_ROW, "uid": f"D{n}", "ts": f"{T0 + 30 * n}.5", "id.orig_p": str(40000 + n)}
        for n in range(12)
    ]
    notes = []
    for name, late in (("a", 0.0), ("b", 0.4)):
        told = [shifted(row, late) for row in first]
        log = write(f"{name}/dicom.log", tsv(told, path="dicom", fields=OF_DICOM))
        notes += [n for entry in ledger.add(find([log]).sources).added for n in entry.notes]
    (note,) = notes
    assert note.startswith("12 of its associations are like those of dicom.log, 0.40 seconds later")
