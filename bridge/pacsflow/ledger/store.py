"""Keeps a ledger's folder: makes it, locks it, and puts files in place so that none is half there.

New files are written beside the ledger and are on the disk before their names are moved into it;
then the journal names them, and no longer names those they replace, in one transaction. Who is
killed leaves files that the journal does not name; who writes next deletes them.
"""

from __future__ import annotations

import errno
import os
import shutil
import sys
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from pacsflow.errors import LedgerError, NoRoomError
from pacsflow.ledger.disk import sha256_of, sync_folder
from pacsflow.ledger.journal import Journal
from pacsflow.ledger.locking import lock
from pacsflow.ledger.tables import TABLES
from pacsflow.printable import counted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pacsflow.ledger.records import Change

MARKER = "pacsflow-ledger"
READERS = "readers"
JOURNAL = "journal.sqlite"
STAGING = ".staging"
ASIDE = "aside"
MODE = 0o700
"""A ledger says who spoke with whom: its folder is its owner's alone, unless they open it."""


def make(folder: Path) -> None:
    """Make an empty ledger in a folder that is empty or not there; `LedgerError` elsewhere."""
    if folder.exists() and (not folder.is_dir() or set(_names(folder)) - {READERS}):
        raise LedgerError(f"{folder}: neither a ledger nor an empty folder to make one in")
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=MODE)
        folder.chmod(MODE)
        (folder / READERS).touch()
        (folder / MARKER).write_text("2\n", encoding="ascii")
        sha256_of(folder / MARKER, sync=True)
        for place in (folder, folder.parent):
            sync_folder(place)
    except OSError as error:
        raise LedgerError(f"{folder}: cannot be made: {error.strerror}") from None


def _names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def is_writable(folder: Path) -> bool:
    """Say whether this process may change what lies in a folder."""
    return os.access(folder, os.W_OK | os.X_OK) and not _is_read_only(folder)


def _is_read_only(folder: Path) -> bool:
    if sys.platform == "win32":
        return False
    try:
        return bool(os.statvfs(folder).f_flag & os.ST_RDONLY)
    except OSError:
        return False


def lying(folder: Path) -> Iterator[str]:
    """Yield the names of files, and of links, that lie where a ledger's files do, named or not."""
    for table in TABLES:
        for period in sorted((folder / table).glob("*=*")):
            if period.is_symlink():
                yield period.relative_to(folder).as_posix()
                continue
            for path in sorted(period.glob("*.parquet")):
                yield path.relative_to(folder).as_posix()


def holds_files(folder: Path) -> bool:
    """Say whether a folder holds files of a ledger."""
    return next(lying(folder), None) is not None


def refuse_links(folder: Path) -> None:
    """Raise `LedgerError` where something in a ledger's folder is a link."""
    for path in sorted(folder.iterdir()):
        if path.is_symlink():
            raise LedgerError(f"{path}: is a link; what a ledger is made of lies in its folder")


def is_there(folder: Path, name: str) -> bool:
    """Say whether a file of a ledger lies in its place, and no link to another."""
    path = folder / name
    return path.is_file() and not path.is_symlink() and not path.parent.is_symlink()


def set_aside(folder: Path, name: str) -> Path:
    """Move what lies in a ledger, and is none of its files, where it is in nobody's way."""
    target = folder / ASIDE / name
    target.parent.mkdir(parents=True, exist_ok=True)
    number = 0
    while target.exists() or target.is_symlink():
        number += 1
        target = target.with_name(f"{Path(name).name}.{number}")
    (folder / name).rename(target)
    return target


class Store:
    """A ledger's folder and its journal.

    Parameters
    ----------
    folder
        Where it lies.

    Raises
    ------
    LedgerError
        Where it is none, its journal is lost or damaged, or a newer pacsflow wrote it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.writable = is_writable(folder)
        refuse_links(folder)
        if not (folder / JOURNAL).is_file() and (kept := sum(1 for _ in lying(folder))):
            raise LedgerError(
                f"{folder}: its journal is lost, beside {counted(kept, 'file', 'files')} "
                f"that it named; put {JOURNAL}"
                f" back, or take the logs in again: pacsflow ledger repair {folder} LOGS..."
            )
        self.journal = Journal(folder / JOURNAL, writable=self.writable)
        if self.writable:
            with self.writing(wait=False) as held:
                if held:
                    # Who only reads needs no room; who writes is told by what they do then.
                    with suppress(NoRoomError):
                        self.recover()

    @contextmanager
    def writing(self, *, wait: bool = True) -> Iterator[bool]:
        """Hold the ledger for writing; yields False where another process has it."""
        if not self.writable:
            raise LedgerError(f"{self.folder}: cannot be changed: it is read-only here")
        with lock(self.folder / MARKER, wait=wait) as held:
            yield held

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Keep the files where they are while they are read."""
        readers = self.folder / READERS
        if not readers.is_file():
            if not self.writable:
                yield
                return
            readers.touch()
        try:
            held = lock(readers, shared=True)
            held.__enter__()
        except LedgerError:
            if self.writable:
                raise
            yield  # nobody can change what nobody can write to
            return
        try:
            yield
        finally:
            held.__exit__(None, None, None)

    def recover(self) -> None:
        """Delete what a change that was not finished left behind; call it holding the ledger."""
        self.journal.migrate()
        begun, _ = self.journal.leftovers()
        if begun:
            named = {kept.name for kept in self.journal.files()}
            try:
                self._delete(name for name in begun if name not in named)
            except OSError as error:
                raise no_room(self.folder, error) from None
            self.journal.cleared(begun)
        self.sweep()
        shutil.rmtree(self.folder / STAGING, ignore_errors=True)

    def sweep(self) -> None:
        """Delete files that are no longer named, unless somebody may be reading them.

        Where there is no room to write down that they are gone, who writes next does it.
        """
        _, garbage = self.journal.leftovers()
        with suppress(OSError, NoRoomError):
            if garbage:
                self._sweep(garbage)

    def _sweep(self, garbage: list[str]) -> None:
        (self.folder / READERS).touch()
        with lock(self.folder / READERS, wait=False) as alone:
            if not alone:
                return
            self._delete(garbage)
        self.journal.cleared(garbage)

    def _delete(self, names: Iterable[str]) -> None:
        """Delete files, so that none of them is back after a power cut."""
        folders = set()
        for name in names:
            path = self.folder / name
            if path.parent.resolve().is_relative_to(self.folder.resolve()):
                path.unlink(missing_ok=True)
                folders |= {path.parent, path.parent.parent}
                if path.parent.is_dir() and not any(path.parent.iterdir()):
                    path.parent.rmdir()
        for folder in sorted(folders):
            sync_folder(folder)

    def commit(self, change: Change, staging: Iterable[Path]) -> None:
        """Make a change part of the ledger; its files lie below one of the staging folders."""
        folders = list(staging)
        names = [kept.name for kept in change.files]
        try:
            self.journal.begin(names)
            places = set()
            for name in names:
                target = self._place(name)
                source = next(f / name for f in folders if (f / name).exists())
                source.replace(target)
                places |= {target.parent, target.parent.parent}
            for place in sorted(places):
                sync_folder(place)
            sync_folder(self.folder)
            self.journal.commit(change)
        except (OSError, NoRoomError) as error:
            self._undo(names)
            if isinstance(error, NoRoomError):
                raise
            raise no_room(self.folder, error) from None
        self.sweep()

    @contextmanager
    def room(self) -> Iterator[None]:
        """Say in one line where there is no room, or no right, to write in the ledger's folder."""
        try:
            yield
        except (OSError, LedgerError) as error:
            shutil.rmtree(self.folder / STAGING, ignore_errors=True)
            if isinstance(error, LedgerError):
                raise
            raise no_room(self.folder, error) from None

    def _place(self, name: str) -> Path:
        """Return where a file of the ledger lies; its folder is made."""
        target = self.folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.parent.resolve().is_relative_to(self.folder.resolve()):
            raise LedgerError(f"{target.parent}: leads out of the ledger")
        return target

    def _undo(self, names: list[str]) -> None:
        try:
            named = {kept.name for kept in self.journal.files()}
            self._delete(name for name in names if name not in named)
            self.journal.cleared(names)
        except (OSError, LedgerError):
            return  # who writes next does it


def no_room(folder: Path, error: OSError) -> LedgerError:
    """Return what to say where files cannot be written."""
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return NoRoomError(f"{folder}: the disk is full; the ledger is as it was before")
    told = error.strerror or str(error)
    return LedgerError(f"{folder}: cannot be written: {told}; the ledger is as it was before")
