"""A change of a ledger is there or not, and nobody loses a file that they are reading."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

import pytest

from pacsflow.errors import LedgerError, NoRoomError
from pacsflow.ledger import store as stores
from pacsflow.ledger.locking import lock
from pacsflow.ledger.records import Change, Kept
from pacsflow.ledger.store import JOURNAL, MARKER, READERS, STAGING, Store, is_there, lying, make
from pacsflow.ledger.store import set_aside as aside

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DAY = "traffic/day=2026-03-02"


def kept(name: str, day: str = DAY) -> Kept:
    return Kept(f"{day}/{name}.parquet", "0" * 64, 1, 1, frozenset({"m"}))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "ledger"
    make(made)
    return made


@pytest.fixture
def store(folder: Path) -> Store:
    return Store(folder)


def staged(store: Store, *files: Kept, place: str = "one") -> Path:
    """Return a folder in which files lie ready."""
    folder = store.folder / STAGING / place
    for file in files:
        (folder / file.name).parent.mkdir(parents=True, exist_ok=True)
        (folder / file.name).write_text(file.name)
    return folder


def put(store: Store, *files: Kept, dropped: tuple[Kept, ...] = ()) -> None:
    change = Change(files=list(files), dropped=[k.name for k in dropped])
    store.commit(change, [staged(store, *files)])


def there(store: Store) -> list[str]:
    return sorted(path.stem for path in store.folder.glob("*/*/*.parquet"))


class TestCommit:
    def test_files_come_in_from_wherever_they_lie_ready(self, store: Store) -> None:
        a, b = kept("a"), kept("b", "traffic/month=2026-01")
        folders = [staged(store, a), staged(store, b, place="two")]
        store.commit(Change(files=[a, b]), folders)
        assert store.journal.files() == [a, b]
        assert [(store.folder / k.name).read_text() for k in (a, b)] == [a.name, b.name]
        assert store.journal.leftovers() == ([], [])

    def test_what_is_dropped_is_deleted_and_its_empty_folder(self, store: Store) -> None:
        a, b, c = kept("a"), kept("b"), kept("c", "traffic/day=2026-03-03")
        put(store, a, b, c)
        put(store, dropped=(a, c))
        assert there(store) == ["b"]
        assert not (store.folder / c.name).parent.exists()
        assert store.journal.leftovers() == ([], [])

    def test_what_somebody_reads_stays_until_they_are_done(self, store: Store) -> None:
        put(store, kept("a"))
        with store.reading():
            put(store, kept("b"), dropped=(kept("a"),))
            assert there(store) == ["a", "b"]
        store.sweep()
        assert there(store) == ["b"]
        assert store.journal.leftovers() == ([], [])

    @pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
    def test_on_a_full_disk_it_is_as_it_was(
        self, store: Store, monkeypatch: pytest.MonkeyPatch, number: int
    ) -> None:
        put(store, kept("a"))

        def failing(_: Path) -> None:
            raise OSError(number, "")

        monkeypatch.setattr(stores, "sync_folder", failing)
        with pytest.raises(NoRoomError, match="the disk is full; the ledger is as it was before"):
            put(store, kept("b"), dropped=(kept("a"),))
        monkeypatch.undo()
        store.recover()
        assert (there(store), store.journal.files()) == (["a"], [kept("a")])

    def test_another_error_is_told_as_it_is(
        self, store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def failing(_: Path) -> None:
            raise OSError(errno.EIO, "Input/output error")

        monkeypatch.setattr(stores, "sync_folder", failing)
        told = "cannot be written: Input/output error; the ledger is as it was before"
        with pytest.raises(LedgerError, match=told) as error:
            put(store, kept("b"))
        assert not isinstance(error.value, NoRoomError)

    def test_where_the_journal_fails_nothing_stays(
        self, store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def failing(_: Change) -> None:
            raise NoRoomError("full")

        monkeypatch.setattr(store.journal, "commit", failing)
        with pytest.raises(NoRoomError, match="full"):
            put(store, kept("b"))
        assert there(store) == []
        assert store.journal.leftovers() == ([], [])

    def test_a_folder_that_leads_elsewhere_gets_nothing(self, store: Store, tmp_path: Path) -> None:
        (tmp_path / "elsewhere").mkdir()
        (store.folder / "traffic").mkdir()
        (store.folder / DAY).symlink_to(tmp_path / "elsewhere")
        with pytest.raises(LedgerError, match="leads out of the ledger"):
            put(store, kept("b"))
        assert list((tmp_path / "elsewhere").iterdir()) == []


class TestKilled:
    def test_what_was_begun_is_gone_when_it_is_opened_again(
        self, store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A run is killed between putting files in place and the journal's last word."""
        put(store, kept("a"))

        def killed(_: Change) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr(store.journal, "commit", killed)
        with pytest.raises(KeyboardInterrupt):
            put(store, kept("b"), dropped=(kept("a"),))
        assert there(store) == ["a", "b"]
        again = Store(store.folder)
        assert (there(again), again.journal.files()) == (["a"], [kept("a")])
        assert again.journal.leftovers() == ([], [])
        assert not (store.folder / STAGING).exists()

    def test_so_is_what_was_dropped_and_not_yet_deleted(self, store: Store) -> None:
        put(store, kept("a"))
        store.journal.commit(Change(dropped=[kept("a").name]))
        assert there(Store(store.folder)) == []

    def test_who_opens_it_while_another_writes_leaves_it_alone(
        self, store: Store, folder: Path
    ) -> None:
        put(store, kept("a"))
        store.journal.begin([kept("b").name])
        (folder / kept("b").name).write_text("half")
        with store.writing():
            Store(folder)
        assert there(store) == ["a", "b"]

    def test_nothing_outside_is_deleted_whatever_was_begun(
        self, store: Store, tmp_path: Path
    ) -> None:
        elsewhere = tmp_path / "elsewhere"
        elsewhere.mkdir()
        (elsewhere / "b.parquet").touch()
        (store.folder / "traffic").mkdir()
        (store.folder / DAY).symlink_to(elsewhere)
        store.journal.begin([kept("b").name])
        store.recover()
        assert (elsewhere / "b.parquet").exists()

    def test_where_there_is_no_room_what_lay_ready_is_gone(self, store: Store) -> None:
        staged(store, kept("a"))
        with pytest.raises(NoRoomError), store.room():
            raise OSError(errno.ENOSPC, "No space left on device")
        assert not (store.folder / STAGING).exists()


@pytest.fixture
def read_only(store: Store, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    put(store, kept("a"))
    monkeypatch.setattr(stores, "is_writable", lambda _: False)
    return Store(store.folder)


class TestReadOnly:
    def test_it_cannot_be_changed(self, read_only: Store) -> None:
        told = "cannot be changed: it is read-only here"
        with pytest.raises(LedgerError, match=told), read_only.writing():
            pass

    def test_it_is_read_with_its_mark_or_without(self, read_only: Store) -> None:
        readers = read_only.folder / READERS
        for is_there_ in (True, False):
            readers.touch() if is_there_ else readers.unlink()
            with read_only.reading():
                assert read_only.journal.files() == [kept("a")]
            assert readers.exists() is is_there_

    def test_who_reads_where_they_may_write_leaves_a_mark(self, store: Store) -> None:
        """By it nothing is deleted meanwhile."""
        (store.folder / READERS).unlink(missing_ok=True)
        with store.reading():
            with lock(store.folder / READERS, wait=False) as alone:
                assert not alone
            with lock(store.folder / READERS, shared=True, wait=False) as beside:
                assert beside
        with lock(store.folder / READERS, wait=False) as alone:
            assert alone


class TestFolder:
    def test_a_new_one_is_its_owners_alone_and_names_what_earlier_ones_do(
        self, tmp_path: Path
    ) -> None:
        """Another version beside it waits for the same locks."""
        folder = tmp_path / "new" / "ledger"
        make(folder)
        Store(folder)
        assert folder.stat().st_mode & 0o777 == 0o700
        names = sorted(path.name for path in folder.iterdir())
        assert names == ["journal.sqlite", "pacsflow-ledger", "readers"]
        assert (folder / MARKER).read_text() == "2\n"

    def test_it_is_made_where_nothing_is_alone(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        (tmp_path / "other").mkdir()
        make(tmp_path / "other")
        for there in (tmp_path, tmp_path / "file", tmp_path / "other"):
            with pytest.raises(LedgerError, match="neither a ledger nor an empty folder"):
                make(there)

    def test_a_lost_journal_is_told_with_the_number_of_files(self, store: Store) -> None:
        put(store, kept("a"), kept("b"))
        (store.folder / JOURNAL).unlink()
        with pytest.raises(LedgerError, match="its journal is lost, beside 2 files that it named"):
            Store(store.folder)

    @pytest.mark.parametrize("name", [JOURNAL, MARKER, READERS, "traffic"])
    def test_a_link_in_it_is_refused(self, store: Store, tmp_path: Path, name: str) -> None:
        path = store.folder / name
        if path.exists():
            path.rename(tmp_path / "away")
        path.symlink_to(tmp_path / "away")
        with pytest.raises(LedgerError, match="is a link"):
            Store(store.folder)

    def test_what_lies_in_it_is_listed_links_too(self, store: Store, tmp_path: Path) -> None:
        put(store, kept("a"), kept("b", "keys/month=2026-01"))
        (store.folder / "traffic" / "day=x").symlink_to(tmp_path)
        (store.folder / DAY / "notes.txt").touch()
        assert sorted(lying(store.folder)) == [
            "keys/month=2026-01/b.parquet", f"{DAY}/a.parquet", "traffic/day=x"
        ]  # fmt: skip

    def test_a_link_is_not_there(self, store: Store, tmp_path: Path) -> None:
        put(store, kept("a"))
        assert is_there(store.folder, kept("a").name)
        assert not is_there(store.folder, kept("b").name)
        (store.folder / DAY / "b.parquet").symlink_to(store.folder / kept("a").name)
        assert not is_there(store.folder, kept("b").name)
        (store.folder / DAY).rename(tmp_path / "away")
        (store.folder / DAY).symlink_to(tmp_path / "away")
        assert not is_there(store.folder, kept("a").name)

    def test_what_is_set_aside_takes_nobodys_place(self, store: Store) -> None:
        places = []
        for text in ("one", "two", "three"):
            put(store, kept("a"))
            (store.folder / kept("a").name).write_text(text)
            places.append(aside(store.folder, kept("a").name))
        assert [path.name for path in places] == ["a.parquet", "a.parquet.1", "a.parquet.2"]
        assert [path.read_text() for path in places] == ["one", "two", "three"]
        assert there(store) == []


class TestLock:
    def test_one_alone_has_it(self, tmp_path: Path) -> None:
        path = tmp_path / "lock"
        path.touch()
        with lock(path) as first, lock(path, wait=False) as second:
            assert (first, second) == (True, False)
        with lock(path, wait=False) as third:
            assert third

    def test_several_share_it_and_nobody_has_it_alone(self, tmp_path: Path) -> None:
        path = tmp_path / "lock"
        path.touch()
        with lock(path, shared=True) as first, lock(path, shared=True, wait=False) as second:
            assert (first, second) == (True, True)
            with lock(path, wait=False) as alone:
                assert not alone

    def test_where_there_is_nothing_to_lock_it_is_said(self, tmp_path: Path) -> None:
        told = "cannot be opened: No such file"
        with pytest.raises(LedgerError, match=told), lock(tmp_path / "none"):
            pass

    def test_a_file_system_without_locks_is_told(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = tmp_path / "lock"
        path.touch()

        def failing(*_: object) -> None:
            raise OSError(errno.ENOLCK, "No locks available")

        monkeypatch.setattr("portalocker.lock", failing)
        told = "its file system knows no locks"
        with pytest.raises(LedgerError, match=told), lock(path, wait=False):
            pass
