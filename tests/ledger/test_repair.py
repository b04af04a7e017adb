"""A ledger that was damaged: what is told, what is taken in again, and what stays untouched."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ledger.books import ONE, log, sums
from pacsflow.errors import LedgerError
from pacsflow.ledger import Ledger
from pacsflow.ledger.repair import repair
from pacsflow.ledger.upkeep import verify
from pacsflow.readers import find

if TYPE_CHECKING:
    from collections.abc import Callable

    Write = Callable[[str, str | bytes], Path]


def damage(ledger: Ledger, table: str) -> str:
    """Turn a byte of the earliest file over; return its name."""
    mine = (k for k in ledger.journal.files() if k.table == table)
    kept = min(mine, key=lambda k: k.period)
    path = ledger.folder / kept.name
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(data)
    return kept.name


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of `ledger`, which lies beside it as it was made."""
    folder = tmp_path_factory.mktemp("repair") / "now"
    (folder / "logs").mkdir(parents=True)

    def write(name: str, content: str | bytes) -> Path:
        (folder / name).write_text(str(content))
        return folder / name

    made = Ledger(folder / "ledger", create=True)
    paths = [log(write, day, 2) for day in (0, 1, 90)]
    made.add(find(paths).sources, sensor="north")
    made.compact()
    assert sums(made) == (6 * ONE, 6)
    folder.rename(folder.with_name("whole"))
    return folder


@pytest.fixture
def ledger(place: Path) -> Ledger:
    """Three logs of days 0, 1 and 90, the first two in one file a table."""
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(place.with_name("whole"), place)
    return Ledger(place / "ledger")


@pytest.mark.few(1)
@pytest.mark.parametrize("table", ["traffic", "coverage", "connections", "keys", "lasting"])
@pytest.mark.parametrize("how", ["damaged", "missing"])
def test_what_was_damaged_is_taken_in_again(ledger: Ledger, table: str, how: str) -> None:
    name = damage(ledger, table)
    if how == "missing":
        (ledger.folder / name).unlink()
    (fault,) = verify(ledger)
    assert [Path(path).name for path in fault.sources] == ["conn.000.log", "conn.001.log"]
    done = repair(ledger.folder)
    assert sorted(Path(e.path).name for e in done.again) == ["conn.000.log", "conn.001.log"]
    assert not done.lost
    assert done.missing == ((name,) if how == "missing" else ())
    again = Ledger(ledger.folder)
    assert sums(again) == (6 * ONE, 6)
    assert again.journal.sensors() == {"north"}
    assert not verify(again)
    logs = ledger.folder.parent / "logs"
    assert len(again.add(find([logs]).sources).known) == 3


def test_what_is_lost_is_named_until_its_log_is_back(ledger: Ledger, place: Path) -> None:
    damage(ledger, "traffic")
    (place / "logs" / "conn.000.log").rename(place / "elsewhere.log")
    (lost,) = repair(ledger.folder).lost
    assert Path(lost.path).name == "conn.000.log"
    again = Ledger(ledger.folder)
    assert sums(again) == (4 * ONE, 4)
    assert "rows of it (2026-03 to 2026-03) were in 1 damaged files" in lost.notes[-1]
    (fault,) = verify(again)
    assert fault.sources == (lost.path,)
    assert not repair(ledger.folder, [place / "elsewhere.log"]).lost
    assert sums(Ledger(ledger.folder)) == (6 * ONE, 6)
    assert not verify(Ledger(ledger.folder))


def test_adding_a_log_again_mends_what_was_lost_of_it(ledger: Ledger, place: Path) -> None:
    damage(ledger, "traffic")
    moved = (place / "logs" / "conn.000.log").rename(place / "elsewhere.log")
    repair(ledger.folder)
    again = Ledger(ledger.folder)
    assert len(again.add(find([moved]).sources, sensor="north").added) == 1
    assert sums(again) == (6 * ONE, 6)
    assert not again.journal.lost()


def test_a_log_that_has_grown_since_is_taken_as_it_is_now(tmp_path: Path, write: Write) -> None:
    ledger = Ledger(tmp_path / "ledger", create=True)
    ledger.add(find([log(write, 0, 2, close=False)]).sources)
    damage(ledger, "traffic")
    log(write, 0, 5)
    assert not repair(ledger.folder).lost
    assert sums(Ledger(ledger.folder)) == (5 * ONE, 5)
    assert len(Ledger(ledger.folder).entries()) == 1


def test_what_the_journal_does_not_name_is_set_aside(ledger: Ledger) -> None:
    kept = next(ledger.folder.glob("traffic/*/*.parquet"))
    shutil.copy(kept, kept.with_name("copy.parquet"))
    (told,) = verify(ledger)
    assert told.name.endswith("copy.parquet")
    (aside,) = repair(ledger.folder).aside
    assert aside.read_bytes() == kept.read_bytes()
    assert not verify(Ledger(ledger.folder))
    assert sums(Ledger(ledger.folder)) == (6 * ONE, 6)


@pytest.mark.few(1)
@pytest.mark.parametrize("how", ["lost", "damaged", "cut"])
def test_without_a_journal_the_logs_are_taken_in_anew(ledger: Ledger, how: str) -> None:
    journal, logs = ledger.folder / "journal.sqlite", ledger.folder.parent / "logs"
    if how == "lost":
        journal.unlink()
    else:
        data = journal.read_bytes()
        journal.write_bytes(b"\xff" * 5000 if how == "damaged" else data[: len(data) // 2])
    with pytest.raises(LedgerError) as error:
        Ledger(ledger.folder).entries()
    assert "\n" not in str(error.value)
    with pytest.raises(LedgerError, match=r"name the logs to take in again"):
        repair(ledger.folder)
    done = repair(ledger.folder, [logs])
    assert len(done.again) == 3
    assert len(done.aside) > 3
    again = Ledger(ledger.folder)
    assert sums(again) == (6 * ONE, 6)
    assert not verify(again)


HOSTILE = ["../victim.txt", "/etc/victim.txt", "traffic/../../victim.txt", "victim.txt",
           "traffic/day=2026-03-02/../../../victim.parquet", "traffic/day=2026-03-02/a b.parquet",
           "aside/day=2026-03-02/x.parquet", ""]  # fmt: skip
TABLES = {
    "files": "INSERT INTO files VALUES (?, '', 1, 1)",
    "begun": "INSERT INTO begun VALUES (?)",
    "garbage": "INSERT INTO garbage VALUES (?)",
    "lost": "INSERT INTO lost VALUES ('0123456789abcdef', ?, 1)",
}


@pytest.mark.parametrize("table", TABLES)
def test_a_hostile_name_reaches_nothing_outside(ledger: Ledger, table: str) -> None:
    victim = ledger.folder.parent / "victim.txt"
    victim.write_text("mine")
    works = (repair, lambda f: Ledger(f).compact(), lambda f: sums(Ledger(f)))
    for name in HOSTILE:
        given = name.replace("/etc/victim.txt", str(victim))
        with sqlite3.connect(ledger.folder / "journal.sqlite") as database:
            database.execute(TABLES[table], (given,))
        for work in works if table != "lost" else (repair, lambda f: Ledger(f).entries()):
            with pytest.raises(LedgerError, match="none of a ledger's") as error:
                work(ledger.folder)
            assert "\n" not in str(error.value)
        with sqlite3.connect(ledger.folder / "journal.sqlite") as database:
            column = "file" if table == "lost" else "name"
            database.execute(f"DELETE FROM {table} WHERE {column} = ?", (given,))
    assert victim.read_text() == "mine"
    assert sums(Ledger(ledger.folder)) == (6 * ONE, 6)


@pytest.mark.parametrize(
    "name",
    ["journal.sqlite", "pacsflow-ledger", "readers", ".staging", "traffic", "forecasts.sqlite",
     "aside", "service.json"],
)  # fmt: skip
def test_a_link_in_its_folder_is_refused(ledger: Ledger, tmp_path: Path, name: str) -> None:
    there = ledger.folder / name
    outside = tmp_path / "outside"
    if there.exists():
        there.rename(outside)
    elif name in {".staging", "aside"}:
        (outside / "compact").mkdir(parents=True)
        (outside / "compact" / "mine").write_text("mine")
    else:
        outside.write_text("mine")
    there.symlink_to(outside)
    before = seen(outside)
    for work in (repair, lambda folder: Ledger(folder).compact()):
        with pytest.raises(LedgerError, match=r"is a link|no ledger here"):
            work(ledger.folder)
    assert seen(outside) == before


def seen(outside: Path) -> dict[Path, tuple[int, int, bytes]]:
    """Return what somebody would miss: names, numbers, times of change and bytes."""
    found = [outside, *outside.rglob("*")]
    return {
        p: (p.stat().st_ino, p.stat().st_mtime_ns, p.read_bytes() if p.is_file() else b"")
        for p in found
    }


@pytest.mark.parametrize("what", ["file", "folder"])
def test_links_among_its_files_are_set_aside(ledger: Ledger, tmp_path: Path, what: str) -> None:
    kept = next(k for k in ledger.journal.files() if k.table == "traffic")
    path = ledger.folder / kept.name
    moved = path if what == "file" else path.parent
    outside = moved.rename(tmp_path / "outside")
    moved.symlink_to(outside)
    victim = outside if what == "file" else next(outside.iterdir())
    before = victim.read_bytes()
    with pytest.raises(LedgerError, match="missing"), ledger.connect():
        pass
    assert verify(ledger)
    assert not repair(ledger.folder).lost
    assert victim.read_bytes() == before
    assert sums(Ledger(ledger.folder)) == (6 * ONE, 6)
    assert not verify(Ledger(ledger.folder))


def test_a_rollback_journal_of_somebody_else_deletes_nothing(ledger: Ledger) -> None:
    """SQLite deletes the file that a journal of several databases names."""
    victim = ledger.folder.parent / "victim.txt"
    victim.write_text("mine")
    name = str(victim).encode()
    told = len(name).to_bytes(4, "big") + sum(name).to_bytes(4, "big")
    tail = b"\x00\x00\x00\x01" + name + told + bytes.fromhex("d9d505f920a163d7")
    head = bytes.fromhex("d9d505f920a163d7") + b"\0" * 8 + (1).to_bytes(4, "big")
    head += (512).to_bytes(4, "big") + (4096).to_bytes(4, "big")
    (ledger.folder / "journal.sqlite-journal").write_bytes(head.ljust(512, b"\0") + tail)
    with pytest.raises(LedgerError, match="none of a ledger's"):
        Ledger(ledger.folder)
    assert victim.read_text() == "mine"


@pytest.mark.parametrize("change", ["notes = '{'", "first = 'yesterday'", "sensors = '7'"])
def test_a_journal_of_nonsense_is_refused_in_one_line(ledger: Ledger, change: str) -> None:
    with sqlite3.connect(ledger.folder / "journal.sqlite") as database:
        database.execute(f"UPDATE sources SET {change}")
    with pytest.raises(LedgerError, match="not a ledger's journal") as error:
        Ledger(ledger.folder).entries()
    assert "\n" not in str(error.value)


ENDLESS = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT x FROM c"


@pytest.mark.parametrize(
    "change",
    [
        f"ALTER TABLE problems RENAME TO p; CREATE VIEW problems(path) AS {ENDLESS}",
        "CREATE TRIGGER t AFTER INSERT ON begun BEGIN DELETE FROM files; END",
        "CREATE TABLE more (a TEXT, b TEXT AS (hex(zeroblob(1000000000))) VIRTUAL)",
        "CREATE VIRTUAL TABLE words USING fts5(text)",
    ],
)
def test_a_journal_that_computes_is_refused(ledger: Ledger, change: str) -> None:
    with sqlite3.connect(ledger.folder / "journal.sqlite") as database:
        database.executescript(change)
    with pytest.raises(LedgerError, match=r"not a ledger's journal.*is none of it") as error:
        Ledger(ledger.folder).problems()
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "change",
    ["rows = 'many'", "size = 1.5", "notes = '[1]'", "path = 7", "first = '2026-03-02'",
     f"notes = '{'[' * 100_000}'", "kind = x'00'"],
)  # fmt: skip
def test_a_journal_of_other_types_is_refused_in_one_line(ledger: Ledger, change: str) -> None:
    with sqlite3.connect(ledger.folder / "journal.sqlite") as database:
        loose = database.execute("SELECT sql FROM sqlite_master WHERE name = 'sources'").fetchone()
        rows = database.execute("SELECT * FROM sources").fetchall()
        database.execute("DROP TABLE sources")
        database.execute(loose[0].replace("STRICT", "").replace("INTEGER", "").replace("TEXT", ""))
        marks = ",".join("?" * len(rows[0]))
        database.executemany(f"INSERT INTO sources VALUES ({marks})", rows)
        database.execute(f"UPDATE sources SET {change}")
    with pytest.raises(LedgerError, match="not a ledger's journal") as error:
        Ledger(ledger.folder).entries()
    assert "\n" not in str(error.value)


def test_a_damaged_file_of_forecasts_is_replaced(tmp_path: Path) -> None:
    from pacsflow.forecasting import cache
    from pacsflow.forecasting.results import NotEnoughHistory

    path = tmp_path / cache.FILE
    path.write_bytes(b"no database" * 1000)
    answer = NotEnoughHistory("x", 1, 2, 1)
    cache._write(tmp_path, {"key": answer})
    assert cache._read(tmp_path, ["key"], 24) == {"key": answer}
