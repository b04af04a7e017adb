"""Years of service: compaction, retention, migration, and what strangers or full disks do to it."""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
import sys
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from conftest import tsv
from ledger.books import T0, killed, log, sums
from pacsflow.errors import LedgerError, NoRoomError
from pacsflow.ledger import Ledger
from pacsflow.ledger.upkeep import export, prune, verify
from pacsflow.readers import find

if TYPE_CHECKING:
    from collections.abc import Callable

    Write = Callable[[str, str | bytes], Path]
HERE = Path(__file__).parent


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "ledger", create=True)


def test_closed_months_are_one_file_a_table(ledger: Ledger, write: Write) -> None:
    for day in range(0, 90, 5):
        log(write, day, 2)
    ledger.add(find([ledger.folder.parent / "logs"]).sources)
    before = sums(ledger)
    ledger.compact()
    assert sums(ledger) == before == (18 * 2 * 1820, 36)
    traffic = sorted(k.period for k in ledger.journal.files() if k.table == "traffic")
    assert traffic[0] == "2026-03"
    assert len([p for p in traffic if p.startswith("2026-03")]) == 1
    on_disk = sorted(p.relative_to(ledger.folder).as_posix() for p in ledger.folder.glob("*/*/*"))
    assert on_disk == sorted(k.name for k in ledger.journal.files())


def test_what_was_missed_stays_where_it_is_all_that_is_told(ledger: Ledger, write: Write) -> None:
    """Of an hour in which a sensor saw nothing of the originator, compacted or not."""
    one_sided = {"orig_pkts": 0, "orig_ip_bytes": 0, "missed_bytes": 9000, "duration": 3 * 3600 - 1}
    paths = [
        write(f"logs/conn.{n}.log", tsv([{"ts": f"{T0 + n * 7}.5"} | one_sided])) for n in range(2)
    ]
    for path in (*paths, log(write, 90)):
        ledger.add(find([path]).sources)

    def missed() -> list[tuple[int]]:
        with ledger.connect() as connection:
            return connection.sql("SELECT sum(missed_bytes)::BIGINT FROM traffic").fetchall()

    ledger.compact()
    days = {k.period for k in ledger.journal.files() if k.table == "traffic"}
    assert days == {"2026-03", "2026-05-31"}
    assert missed() == [(18000,)]


def test_a_log_that_grew_late_replaces_itself_in_a_month(ledger: Ledger, write: Write) -> None:
    first = log(write, 0, 1, close=False)
    others = [log(write, day) for day in (0, 1, 90)[1:]]
    ledger.add(find([first, *others]).sources)
    ledger.compact()
    log(write, 0, 3)
    ledger.add(find([first]).sources)
    assert sums(ledger) == (5 * 1820, 5)
    ledger.compact()
    assert sums(ledger) == (5 * 1820, 5)
    assert len(ledger.add(find([first]).sources).known) == 1


def test_a_ledger_of_the_first_format_is_taken_on(tmp_path: Path, write: Write) -> None:
    """Made by pacsflow 0.1: two conn.logs, of which one grew since, and a dicom.log."""
    shutil.copytree(HERE / "format_1", tmp_path / "ledger")
    ledger = Ledger(tmp_path / "ledger")
    assert sums(ledger) == (3 * 1820, 3)
    assert len(ledger.entries()) == 3
    grown = (HERE / "format_1_logs" / "conn.log").read_text()
    row = grown.splitlines()[-1].replace("C3", "C4").replace("40000", "40001")
    ledger.add(find([write("conn.log", f"{grown}{row}\n")]).sources)
    assert sums(ledger) == (4 * 1820, 4)
    ledger.compact()
    assert sums(ledger) == (4 * 1820, 4)
    with ledger.connect() as connection:
        assert connection.sql("SELECT store_rq FROM associations").fetchall() == [(3,)]
    assert not verify(ledger)


def test_a_newer_ledger_is_refused_in_one_line(ledger: Ledger) -> None:
    with sqlite3.connect(ledger.folder / "journal.sqlite") as database:
        database.execute("PRAGMA user_version = 99")
    with pytest.raises(LedgerError, match=r"newer pacsflow \(format 99") as error:
        Ledger(ledger.folder)
    assert "\n" not in str(error.value)


def test_what_is_missing_changed_or_foreign_is_named(ledger: Ledger, write: Write) -> None:
    ledger.add(find([log(write, 0), log(write, 5)]).sources)
    assert not verify(ledger)
    files = [k for k in ledger.journal.files() if k.table == "traffic"]
    damaged, missing = (ledger.folder / k.name for k in files)
    shutil.copy(damaged, damaged.with_name("copy.parquet"))
    before = sums(ledger)
    assert before == (2 * 1820, 2), "a copy that lies there counts for nothing"
    damaged.write_bytes(damaged.read_bytes()[:-9])
    missing.unlink()
    told = {fault.name: fault for fault in verify(ledger)}
    assert told[files[0].name].problem == "is not what was written"
    assert told[files[1].name].problem == "is missing"
    assert "conn.005.log" in told[files[1].name].sources[0]
    assert len(told) == 3
    with pytest.raises(LedgerError, match="a file of the ledger is missing"), ledger.connect():
        pass


def test_a_hostile_journal_reaches_nothing_outside(ledger: Ledger, write: Write) -> None:
    ledger.add(find([log(write, 0)]).sources)
    victim = ledger.folder.parent / "victim.txt"
    victim.write_text("mine")
    for table in ("begun", "garbage"):
        with sqlite3.connect(ledger.folder / "journal.sqlite") as database:
            database.execute(f"INSERT INTO {table} VALUES ('../victim.txt')")
        with pytest.raises(LedgerError, match="none of a ledger's"):
            Ledger(ledger.folder)
        with sqlite3.connect(ledger.folder / "journal.sqlite") as database:
            database.execute(f"DELETE FROM {table}")
    assert victim.read_text() == "mine"


def test_a_lost_journal_beside_kept_files_is_told(ledger: Ledger, write: Write) -> None:
    ledger.add(find([log(write, 0)]).sources)
    (ledger.folder / "journal.sqlite").unlink()
    with pytest.raises(LedgerError, match="its journal is lost"):
        Ledger(ledger.folder)


def test_a_ledger_is_its_owners_alone(ledger: Ledger) -> None:
    assert ledger.folder.stat().st_mode & 0o777 == 0o700


def test_what_cannot_be_written_is_read(
    ledger: Ledger, write: Write, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from pacsflow.ledger import journal, store

    path = log(write, 0)
    ledger.add(find([path]).sources)
    monkeypatch.setattr(store, "is_writable", lambda _: False)
    monkeypatch.setattr(journal, "_is_writable", lambda _: False)
    there = Ledger(ledger.folder)
    assert sums(there) == (1820, 1)
    with pytest.raises(LedgerError, match="read-only"):
        there.add(find([path]).sources)
    before = {path: path.stat().st_mtime_ns for path in ledger.folder.rglob("*")}
    export(there, tmp_path / "copy")
    assert {path: path.stat().st_mtime_ns for path in ledger.folder.rglob("*")} == before
    monkeypatch.undo()
    assert sums(Ledger(tmp_path / "copy")) == (1820, 1)


def test_an_export_that_finds_no_room_leaves_nothing(
    ledger: Ledger, write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pacsflow.ledger import upkeep

    ledger.add(find([log(write, 0)]).sources)
    before = set(tmp_path.iterdir())

    def full(folder: Path) -> None:
        folder.mkdir()
        raise LedgerError(f"{folder}: cannot be made: No space left on device")

    monkeypatch.setattr(upkeep, "make", full)
    with pytest.raises(LedgerError, match="No space left"):
        export(ledger, tmp_path / "other")
    assert set(tmp_path.iterdir()) == before


def test_a_disk_that_is_full_where_rows_are_read_to_is_no_fault_of_the_log(
    ledger: Ledger, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pacsflow.ledger import staging

    ledger.add(find([log(write, 0)]).sources)
    before = sums(ledger)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(staging, "_stage", full)
        with pytest.raises(NoRoomError, match=f"^{ledger.folder}: the disk is full; the ledger is"):
            ledger.add(find([log(write, 3)]).sources)
    assert sums(ledger) == before
    assert not (ledger.folder / ".staging").exists()
    assert not ledger.journal.problems()
    assert len(ledger.add(find([log(write, 3)]).sources).added) == 1


def test_old_days_go_and_their_logs_stay_known(ledger: Ledger, write: Write) -> None:
    paths = [log(write, day) for day in (0, 10, 90)]
    ledger.add(find(paths).sources)
    ledger.compact()
    prune(ledger, date(2026, 3, 10))
    assert sums(ledger) == (2 * 1820, 2)
    assert len(ledger.add(find(paths).sources).known) == 3


def test_an_exported_ledger_is_whole(ledger: Ledger, write: Write, tmp_path: Path) -> None:
    ledger.add(find([log(write, 0), log(write, 3)]).sources)
    export(ledger, tmp_path / "other")
    copy = Ledger(tmp_path / "other")
    assert sums(copy) == sums(ledger)
    assert not verify(copy)


def test_a_log_that_shrank_is_told(ledger: Ledger, write: Write) -> None:
    path = log(write, 0, 5)
    ledger.add(find([path]).sources)
    log(write, 0, 2)
    (entry,) = ledger.add(find([path]).sources).added
    assert "bytes long when it was added before" in entry.notes[-1]
    assert sums(ledger) == (5 * 1820, 5)


@pytest.mark.few(1)
@pytest.mark.parametrize("how", ["moved", "cut", "grown"])
def test_a_log_that_changes_while_it_is_read_loses_and_doubles_nothing(
    ledger: Ledger, write: Write, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the hash and the rows it is renamed and begun anew, cut to nothing, or goes on."""
    from pacsflow.ledger.fingerprints import Held

    path = log(write, 0, 4, close=False)
    plain = Held.fingerprint
    changes = [how]

    def changed(held: Held, lengths: tuple[int, ...] = ()) -> object:
        found = plain(held, lengths)
        if changes.pop() if changes else "":
            if how == "moved":
                path.rename(path.with_name("conn.old.log"))
                log(write, 0, 1)
                path.write_text(tsv([{"uid": "new", "ts": f"{T0 + 999}.0"}], close=False))
            elif how == "cut":
                path.write_text("")
            else:
                with path.open("a") as file:
                    row = tsv([{"uid": "more", "ts": f"{T0 + 999}.0"}], close=False)
                    file.write(row.splitlines()[-1] + "\n")
        return found

    monkeypatch.setattr(Held, "fingerprint", changed)
    added = ledger.add(find([path]).sources, workers=1)
    monkeypatch.undo()
    if how == "cut":
        assert "changed while it was read" in str(added.problems[0])
        assert sums(ledger) == (0, 0)
        return
    assert sums(ledger) == (4 * 1820, 4)
    ledger.add(find([path.parent]).sources)
    assert sums(ledger) == (5 * 1820, 5)


@pytest.fixture(scope="module")
def forty_days(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ledger of a log a day, as four runs leave it, nothing compacted."""
    place = tmp_path_factory.mktemp("forty")

    def write(name: str, content: str | bytes) -> Path:
        path = place / Path(name).name
        path.write_text(str(content))
        return path

    ledger = Ledger(place / "ledger", create=True)
    ledger.lasts = False
    for start in range(0, 40, 10):
        ledger.add(find([log(write, day) for day in range(start, start + 10)]).sources)
    return ledger.folder


@pytest.mark.few(1)
@pytest.mark.parametrize("seed", range(5))
def test_a_killed_compaction_leaves_it_before_or_after(
    tmp_path: Path, forty_days: Path, seed: int
) -> None:
    ledger = Ledger(shutil.copytree(forty_days, tmp_path / "ledger"))
    whole = sums(ledger)
    assert whole == (40 * 1820, 40)
    code = "from pathlib import Path; from pacsflow.ledger import Ledger; import sys;"
    code += "Ledger(Path(sys.argv[1])).compact()"
    run = [sys.executable, "-c", code, str(ledger.folder)]
    killed(run, (ledger.folder / ".staging" / "compact").is_dir, 0.03 * seed)
    again = Ledger(ledger.folder)
    assert sums(again) == whole
    assert not verify(again)
    again.compact()
    assert sums(again) == whole
