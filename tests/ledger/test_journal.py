"""What the journal says is the ledger: a change is whole; what is read is what was written."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from typing import TYPE_CHECKING

import pytest

from pacsflow.errors import LedgerError, NoRoomError
from pacsflow.ledger import journal as journals
from pacsflow.ledger.clocks import Clock
from pacsflow.ledger.journal import Journal
from pacsflow.ledger.records import (
    Change,
    Chosen,
    Entry,
    Kept,
    of_hashes,
    of_kinds,
    of_mark,
    of_paths,
    of_time,
    with_remarks,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

T = datetime(2026, 3, 2, 8, tzinfo=UTC)
HOUR = timedelta(hours=1)
A, B, C = (letter * 64 for letter in "abc")
ENTRY = Entry(
    sha256=A, path="/logs/conn.log", kind="Zeek conn.log", size=11, rows=12, unreadable=13,
    examples=("line 3",), notes=("a note",), first=T, last=T + HOUR, added=T + 2 * HOUR,
    simulated=True, stamp="11 14", options="with --sampling-rate 15", sensors=("east", "west"),
    twins=16,
)  # fmt: skip
"""No two of its values are alike."""


def entry(sha: str, **other: object) -> Entry:
    told = {"path": f"/logs/{sha[0]}.log", "simulated": False, "sensors": ()} | other
    return replace(ENTRY, sha256=sha, **told)  # type: ignore[arg-type]


def kept(name: str, *marks: str) -> Kept:
    return Kept(f"traffic/day=2026-03-02/{name}.parquet", A, 21, 22, frozenset(marks))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.sqlite"


@pytest.fixture
def journal(path: Path) -> Journal:
    return Journal(path)


@pytest.fixture
def of_three(journal: Journal) -> Journal:
    """Return a journal of three sources, the second an hour after the first, the third timeless."""
    journal.commit(
        Change(
            sources=[
                entry(B, first=T + HOUR, last=T + 2 * HOUR, kind="dicom.log", size=5),
                entry(A, unreadable=0, notes=()),
                entry(C, first=None, last=None, size=3, unreadable=0, notes=()),
            ]
        )
    )
    return journal


def marks(entries: list[Entry]) -> str:
    return "".join(entry.sha256[0] for entry in entries)


class TestSources:
    def test_one_is_read_as_it_was_written(self, journal: Journal, path: Path) -> None:
        journal.commit(Change(sources=[ENTRY]))
        assert journal.entries() == Journal(path, writable=False).entries() == [ENTRY]

    def test_what_it_does_not_say_stays_unsaid(self, journal: Journal) -> None:
        plain = replace(
            ENTRY, examples=(), notes=(), first=None, last=None, simulated=False, stamp="",
            options="", sensors=(), twins=0,
        )  # fmt: skip
        for told in (plain, replace(ENTRY, simulated=False)):
            journal.commit(Change(sources=[told]))
            assert journal.entries() == [told]

    @pytest.mark.parametrize("name", ["/logs/\udcff.log", '"quoted".log', "/logs/ä.log"])
    def test_a_path_may_be_whatever_the_system_allows(self, journal: Journal, name: str) -> None:
        journal.commit(Change(sources=[replace(ENTRY, path=name)]))
        assert journal.entries()[0].path == name
        assert journal.entries(of_paths({name}))[0].path == name

    def test_the_earliest_come_first(self, of_three: Journal) -> None:
        assert marks(of_three.entries()) == "cab"
        assert of_three.hashes() == {A, B, C}

    def test_sizes_are_of_a_kind(self, of_three: Journal) -> None:
        """Only from a log of its kind can one have grown."""
        of_three.commit(Change(sources=[entry("d" * 64, size=3)]))
        assert of_three.sizes(ENTRY.kind) == [3, 11]
        assert of_three.sizes("dicom.log") == [5]
        assert of_three.sizes("notice.log") == []

    def test_one_simulation_makes_it_a_simulations(self, of_three: Journal) -> None:
        assert not of_three.simulated()
        of_three.commit(Change(sources=[entry("d" * 64, simulated=True)]))
        assert of_three.simulated()

    def test_its_sensors_are_those_of_all(self, of_three: Journal) -> None:
        assert of_three.sensors() == set()
        for sha, names in (("d", ("east",)), ("e", ("west", "east"))):
            of_three.commit(Change(sources=[entry(sha * 64, sensors=names)]))
        assert of_three.sensors() == {"east", "west"}


class TestChosen:
    """Of tens of thousands few are read: none that is meant may be left out."""

    @pytest.mark.parametrize(
        ("chosen", "meant"),
        [
            (of_kinds({ENTRY.kind}), "ca"),
            (of_kinds({ENTRY.kind, "dicom.log"}), "cab"),
            (of_kinds(()), ""),
            (of_paths({"/logs/b.log", "/none"}), "b"),
            (of_hashes({A, C}), "ca"),
            (of_hashes({A[:63]}), ""),
            (of_mark("b" * 16), "b"),
            (of_mark("b" * 15), ""),
            (with_remarks(()), "b"),
            (with_remarks({"a" * 16}), "ab"),
        ],
    )
    def test_those_that_are_meant_are_found(
        self, of_three: Journal, chosen: Chosen, meant: str
    ) -> None:
        assert marks(of_three.entries(chosen)) == meant

    def test_of_more_than_sqlite_takes_by_name_too(self, of_three: Journal) -> None:
        many = {f"{number:064x}" for number in range(40_000)}
        assert marks(of_three.entries(of_hashes(many | {B}))) == "b"

    @pytest.mark.parametrize(
        ("start", "end", "meant"),
        [
            (T, T + HOUR, "ca"),
            (T - HOUR, T, "c"),
            (T - HOUR, T + timedelta(microseconds=1), "ca"),
            (T + HOUR, T + 2 * HOUR, "cab"),
            (T + HOUR + timedelta(microseconds=1), T + 2 * HOUR, "cb"),
            (T + 2 * HOUR, T + 3 * HOUR, "cb"),
            (T + 3 * HOUR, T + 4 * HOUR, "c"),
        ],
    )
    def test_a_time_has_those_that_have_something_in_it(
        self, of_three: Journal, start: datetime, end: datetime, meant: str
    ) -> None:
        assert marks(of_three.entries(of_time(start, end))) == meant

    @pytest.mark.parametrize("hours", [-14, 14])
    def test_a_time_of_another_zone_is_the_same_time(self, journal: Journal, hours: int) -> None:
        """Days are compared as text before times are: those of an exporter may be of a day more."""
        there = timezone(timedelta(hours=hours))
        for sha, at in ((A, T - 8 * HOUR), (B, T + 15 * HOUR)):
            moment = at.astimezone(there)
            journal.commit(Change(sources=[entry(sha, first=moment, last=moment)]))
        day = T - 8 * HOUR
        assert marks(journal.entries(of_time(day, day + HOUR))) == "a"
        assert marks(journal.entries(of_time(day + 23 * HOUR, day + 24 * HOUR))) == "b"


class TestFiles:
    def test_they_are_told_by_name_and_with_whose_rows_they_have(self, journal: Journal) -> None:
        files = [kept("b", "m", "n"), kept("a")]
        journal.commit(Change(files=files))
        assert journal.files() == files[::-1]
        assert journal.named() == [replace(k, holds=frozenset()) for k in files[::-1]]

    def test_what_is_dropped_is_no_part_of_it_and_may_be_deleted(self, journal: Journal) -> None:
        stays, goes = kept("stays", "m"), kept("goes", "m")
        journal.commit(Change(files=[stays, goes]))
        journal.commit(Change(dropped=[goes.name]))
        assert journal.files() == [stays]
        assert journal.leftovers() == ([], [goes.name])
        journal.cleared([goes.name])
        assert journal.leftovers() == ([], [])
        journal.commit(Change(files=[replace(goes, holds=frozenset())]))
        assert journal.files()[0].holds == frozenset()

    def test_what_was_begun_is_known_until_it_is_in(self, journal: Journal) -> None:
        """A run that is killed leaves files: the next one knows which to delete."""
        one, other = kept("one"), kept("other")
        for _ in range(2):
            journal.begin([one.name, other.name])
        assert journal.leftovers() == ([one.name, other.name], [])
        journal.commit(Change(files=[one]))
        assert journal.leftovers() == ([other.name], [])
        journal.cleared([other.name])
        assert journal.leftovers() == ([], [])

    def test_one_that_comes_back_is_no_garbage(self, journal: Journal) -> None:
        one, other = kept("one"), kept("other")
        journal.commit(Change(dropped=[one.name, other.name]))
        journal.commit(Change(files=[one]))
        assert journal.leftovers() == ([], [other.name])

    @pytest.mark.parametrize(
        "name", ["/etc/passwd", "traffic/../../passwd", "traffic/day=2026-03-02/a.txt"]
    )
    def test_a_name_outside_of_the_ledger_is_refused(self, journal: Journal, name: str) -> None:
        journal.begin([name])
        with pytest.raises(LedgerError, match="names a file that is none of a ledger's"):
            journal.leftovers()
        journal.commit(Change(files=[replace(kept("a"), name=name)]))
        with pytest.raises(LedgerError, match="names a file that is none of a ledger's"):
            journal.files()


class TestChanges:
    def test_a_source_that_is_forgotten_takes_its_losses_along(self, of_three: Journal) -> None:
        of_three.commit(Change(lost=[kept("x", A[:16], B[:16]), kept("w", A[:16])]))
        assert of_three.lost() == {
            A[:16]: [kept("w").name, kept("x").name], B[:16]: [kept("x").name]
        }  # fmt: skip
        of_three.commit(Change(forgotten={A}))
        assert of_three.hashes() == {B, C}
        assert list(of_three.lost()) == [B[:16]]

    def test_a_problem_is_kept_until_its_source_comes_in(self, journal: Journal) -> None:
        strange = '"\udcff".log'
        for path, problem in (("/b", "is cut"), (strange, "is \udcff"), ("/b", "is none")):
            journal.problem(path, problem, T)
        assert journal.problems() == [(strange, "is \\udcff"), ("/b", "is none")]
        journal.commit(Change(sources=[replace(ENTRY, path="/b")]))
        assert journal.problems() == [(strange, "is \\udcff")]

    @pytest.mark.parametrize("name", ['"week".log', '"', '"week"'])
    def test_a_problem_of_a_file_in_quotes_spoils_no_journal(
        self, journal: Journal, name: str
    ) -> None:
        """A name without its folder begins with one: every question about the ledger failed."""
        journal.problem(name, "is cut", T)
        assert journal.problems() == [(name, "is cut")]

    def test_a_change_that_fails_is_none(self, of_three: Journal) -> None:
        bad = replace(kept("a"), size="much")  # type: ignore[arg-type]
        with pytest.raises(LedgerError):
            of_three.commit(Change(forgotten={A}, files=[bad]))
        assert of_three.hashes() == {A, B, C}

    @pytest.mark.parametrize("mode", ["DELETE", "WAL"])
    def test_what_was_read_is_read_anew_after_each_change(self, path: Path, mode: str) -> None:
        """Also one that somebody else made, and whatever SQLite was told to write first."""
        ours, theirs = Journal(path), Journal(path)
        changed(path, lambda database: database.execute(f"PRAGMA journal_mode = {mode}"))
        assert ours.entries() == ours.files() == []
        theirs.commit(Change(sources=[ENTRY], files=[kept("a")]))
        assert (ours.entries(), ours.files()) == ([ENTRY], [kept("a")])
        theirs.commit(Change(forgotten={A}, dropped=[kept("a").name]))
        assert ours.entries() == ours.files() == []

    def test_it_is_read_once_where_nothing_changes(
        self, of_three: Journal, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A page asks for it a dozen times; it is of tens of thousands of sources."""
        before = of_three.entries()
        before.clear()
        monkeypatch.setattr(of_three, "_read_entries", lambda: pytest.fail("was read again"))
        assert marks(of_three.entries()) == "cab"


class TestClocks:
    def test_those_of_the_days_that_were_measured_are_new(self, journal: Journal) -> None:
        days = [date(2026, 3, number) for number in (1, 2, 3, 4)]
        old = [Clock("east", day, "west", 1.5, 30) for day in days]
        journal.measured((days[0], days[3]), old)
        assert journal.clocks() == old
        new = Clock("east", days[1], "south", -2.5, 40)
        journal.measured((days[1], days[2]), [new])
        assert journal.clocks() == [old[0], new, old[3]]

    @pytest.mark.parametrize(("seconds", "is_read"), [(-1e7, True), (1e7, True), (1.1e7, False)])
    def test_no_clock_is_months_wrong(
        self, journal: Journal, seconds: float, is_read: bool
    ) -> None:
        day = date(2026, 3, 2)
        journal.measured((day, day), [Clock("east", day, "west", seconds, 30)])
        if is_read:
            assert journal.clocks()[0].seconds == seconds
        else:
            with pytest.raises(LedgerError, match=r"clocks that are 11000000\.0 s apart"):
                journal.clocks()


def without(table: str) -> Callable[[sqlite3.Connection], object]:
    return lambda database: database.execute(f"DROP TABLE {table}")


def changed(path: Path, change: Callable[[sqlite3.Connection], object]) -> None:
    with closing(sqlite3.connect(path)) as database, database:
        change(database)


class TestOpening:
    def test_one_that_is_missing_is_told(self, path: Path) -> None:
        with pytest.raises(LedgerError, match="the journal is missing"):
            Journal(path, writable=False)

    def test_a_new_one_says_its_format(self, journal: Journal, path: Path) -> None:
        """By it an earlier pacsflow knows that it is none of its own."""
        with closing(sqlite3.connect(path)) as database:
            assert database.execute("PRAGMA user_version").fetchone() == (journal.version,) == (2,)

    @pytest.mark.usefixtures("journal")
    def test_one_of_a_newer_pacsflow_is_not_touched(self, path: Path) -> None:
        changed(path, lambda database: database.execute("PRAGMA user_version = 3"))
        for writable in (True, False):
            with pytest.raises(LedgerError, match=r"newer pacsflow \(format 3, this one knows 2\)"):
                Journal(path, writable=writable)

    @pytest.mark.usefixtures("of_three")
    @pytest.mark.parametrize("table", ["lost", "clocks"])
    def test_an_earlier_one_may_lack_what_came_since(self, path: Path, table: str) -> None:
        changed(path, without(table))
        old = Journal(path, writable=False)
        assert (old.lost(), old.clocks(), marks(old.entries())) == ({}, [], "cab")
        again = Journal(path)
        again.commit(Change(lost=[kept("a", "m")]))
        assert again.lost() == {"m": [kept("a").name]}

    @pytest.mark.usefixtures("of_three")
    def test_opening_it_changes_no_byte(self, path: Path) -> None:
        """Backups and copies go by what has changed."""
        before = path.read_bytes()
        for writable in (True, False):
            Journal(path, writable=writable).entries()
        assert path.read_bytes() == before

    def test_what_is_only_read_cannot_be_changed(self, of_three: Journal, path: Path) -> None:
        with pytest.raises(LedgerError, match="cannot be written: it is read-only"):
            Journal(path, writable=False).commit(Change(forgotten={A}))
        assert of_three.hashes() == {A, B, C}

    @pytest.mark.usefixtures("of_three")
    def test_where_nothing_may_be_written_it_is_read_all_the_same(
        self, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """From a disc, or somebody else's folder; a lock that was left there is in nobody's way."""
        monkeypatch.setattr(journals, "_is_writable", lambda _: False)
        with closing(sqlite3.connect(path)) as database:
            database.execute("BEGIN EXCLUSIVE")
            assert marks(Journal(path, writable=False).entries()) == "cab"

    @pytest.mark.parametrize(
        ("change", "told"),
        [
            (without("sources"), r"not a ledger's journal \(no such table: sources\)"),
            (
                lambda d: d.execute("ALTER TABLE sources DROP COLUMN twins"),
                r"not a ledger's journal \(no such column: twins\)",
            ),
            (lambda d: d.execute("CREATE VIEW v AS SELECT 1"), "view 'v' is none of it"),
            (lambda d: d.execute("CREATE TABLE t (a CHECK (a > 0))"), "table 't' is none of it"),
            (lambda d: d.execute("UPDATE sources SET notes = '[1]'"), "expected str, found int"),
            (lambda d: d.execute("UPDATE sources SET notes = '{}'"), "expected list, found dict"),
            (
                lambda d: d.execute("UPDATE sources SET notes = ?", ["[" * 100_000]),
                "a list that is nested too deep",
            ),
            (
                lambda d: d.execute("UPDATE sources SET first = '2026-03-02T08:00:00'"),
                "a time without a zone: 2026-03-02T08:00:00",
            ),
        ],
    )
    @pytest.mark.usefixtures("of_three")
    def test_what_is_none_of_a_ledgers_is_refused_in_one_line(
        self, path: Path, change: Callable[[sqlite3.Connection], object], told: str
    ) -> None:
        changed(path, change)
        with pytest.raises(LedgerError, match=told) as error:
            Journal(path, writable=False).entries()
        assert str(error.value).startswith(str(path))
        assert "\n" not in str(error.value)

    def test_a_full_disk_is_told_as_that(
        self, of_three: Journal, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def on_a_full_disk(*arguments: object, **named: object) -> sqlite3.Connection:
            database = connect(*arguments, **named)  # type: ignore[call-overload]
            database.execute("PRAGMA max_page_count = 1")
            return database  # type: ignore[no-any-return]

        connect = sqlite3.connect
        monkeypatch.setattr(sqlite3, "connect", on_a_full_disk)
        many = [entry(f"{number:064d}", notes=("x" * 5000,)) for number in range(50)]
        with pytest.raises(NoRoomError, match="the disk is full; nothing of this change was kept"):
            of_three.commit(Change(sources=many))
        assert of_three.hashes() == {A, B, C}

    def test_one_of_somebody_elses_calls_no_functions(self, journal: Journal) -> None:
        with journal._database() as database:
            assert database.execute("PRAGMA trusted_schema").fetchone() == (0,)


def test_a_folder_is_asked_whether_it_can_be_written(tmp_path: Path) -> None:
    assert journals._is_writable(tmp_path)
    assert not journals._is_writable(tmp_path / "none")
    assert not any(tmp_path.iterdir())
