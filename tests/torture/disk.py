"""A disk that fails on purpose: power that is cut between two steps, and no room at one of them.

Written to the disk for certain is only what was synced: a file's bytes by `os.fsync` of it, a
folder's names by `os.fsync` of the folder, SQLite's database by its own commit. Whatever else a
step changed may be there after a cut or not, each name for itself, as POSIX allows.
"""

from __future__ import annotations

import errno
import os
import random
import sqlite3
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class PowerCutError(BaseException):
    """The moment at which the machine is off; nobody catches it."""


class Disk:
    """Watches one folder, and fails at one of the steps that change it.

    Parameters
    ----------
    root
        The folder.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.steps = 0
        self.at = -1
        self.fail: Callable[[str], None] | None = None
        self.bytes: dict[int, bytes] = {}
        """What is in files for certain, by their numbers."""
        self.names: dict[int, Listing] = {}
        """What is in folders for certain, by theirs."""
        for path in [root, *root.rglob("*")]:
            self.synced(path)

    def step(self, kind: str) -> None:
        """Count a step; fail where it is the one, or comes after."""
        self.steps += 1
        if self.steps > self.at >= 0 and self.fail:
            self.fail(kind)

    def synced(self, path: Path) -> None:
        """Take down what is on the disk for certain from now on."""
        if path.is_dir():
            self.names[path.stat().st_ino] = _listing(path)
        elif path.is_file():
            self.bytes[path.stat().st_ino] = path.read_bytes()

    def committed(self, path: Path) -> None:
        """Take down a database: SQLite syncs it, and its name, by itself."""
        if path.is_file():
            self.synced(path)
            listing = self.names.setdefault(path.parent.stat().st_ino, {})
            listing[path.name] = (False, path.stat().st_ino)

    def after_a_cut(self, target: Path, chance: random.Random) -> None:
        """Make of what is on the disk for certain, and of chance, the folder that a cut leaves."""
        self._restore(self.root.stat().st_ino, self.root, target, chance)

    def _restore(self, number: int, live: Path | None, target: Path, chance: random.Random) -> None:
        target.mkdir(parents=True)
        certain, now = self.names.get(number, {}), _listing(live)
        for name in sorted(certain.keys() | now.keys()):
            if name.endswith(("-journal", "-wal", "-shm")):
                continue
            told = chance.choice([certain.get(name), now.get(name)])
            if told is None:
                continue
            is_folder, inside = told
            if is_folder:
                still = live / name if live and now.get(name) == told else None
                self._restore(inside, still, target / name, chance)
            elif inside in self.bytes:
                (target / name).write_bytes(self.bytes[inside])
            else:  # bytes that nobody synced: none, or any
                (target / name).write_bytes(chance.choice([b"", bytes(99)]))


Listing = dict[str, tuple[bool, int]]
"""Whether a name is a folder's, and the number of what it names."""


def _listing(folder: Path | None) -> Listing:
    if folder is None or not folder.is_dir():
        return {}
    return {p.name: (p.is_dir(), p.lstat().st_ino) for p in folder.iterdir()}


@contextmanager
def watched(disk: Disk) -> Iterator[Disk]:  # noqa: C901 - one small function a call that is watched
    """Have every step that changes the disk's folder counted, and fail where it is to."""
    plain: dict[tuple[Any, str], Any] = {}

    def inside(path: Any) -> bool:
        try:
            return Path(os.fsdecode(path)).absolute().is_relative_to(disk.root)
        except TypeError:
            return False

    def replace(owner: Any, name: str, made: Any) -> None:
        plain[owner, name] = getattr(owner, name)
        setattr(owner, name, made)

    def naming(name: str) -> None:
        real = getattr(os, name)

        def called(path: Any, *args: Any, **named: Any) -> Any:
            if inside(path):
                disk.step("go" if name in {"unlink", "rmdir"} else "name")
            done = real(path, *args, **named)
            if name == "mkdir" and inside(path):
                disk.names[Path(path).stat().st_ino] = {}  # the number may have been another's
            return done

        replace(os, name, called)

    def fsync(number: int) -> None:
        path = Path(f"/proc/self/fd/{number}").readlink()
        if inside(path):
            disk.step("sync")
        plain[os, "fsync"](number)
        if inside(path):
            disk.synced(path)

    class Database(sqlite3.Connection):
        place: Path

        def commit(self) -> None:
            disk.step("database")
            super().commit()
            disk.committed(self.place)

        def __exit__(self, kind: object, *rest: object) -> Any:
            if kind is None and self.in_transaction:
                disk.step("database")
            done = super().__exit__(kind, *rest)
            disk.committed(self.place)
            return done

        def execute(self, statement: str, *rest: Any) -> Any:
            if statement == "COMMIT":
                disk.step("database")
            return super().execute(statement, *rest)

    def connect(path: Any, **named: Any) -> Any:
        if not inside(path):
            return plain[sqlite3, "connect"](path, **named)
        made = plain[sqlite3, "connect"](path, factory=Database, **named)
        made.place = Path(path)
        return made

    def write_table(writer: Any, *args: Any, **named: Any) -> Any:
        disk.step("bytes")
        return plain[pq.ParquetWriter, "write_table"](writer, *args, **named)

    for name in ("rename", "replace", "unlink", "mkdir", "rmdir"):
        naming(name)
    replace(os, "fsync", fsync)
    replace(sqlite3, "connect", connect)
    replace(pq.ParquetWriter, "write_table", write_table)
    try:
        yield disk
    finally:
        for (owner, name), value in plain.items():
            setattr(owner, name, value)


def steps_of(root: Path, work: Callable[[], object]) -> int:
    """Return how many steps some work takes on a folder."""
    disk = Disk(root)
    with watched(disk):
        work()
    return disk.steps


def cut(root: Path, work: Callable[[], object], at: int, target: Path, seed: int) -> bool:
    """Do some work until the power goes at a step; `target` is what is found on the disk then.

    Returns False where the work was done before; the power goes right after it.
    """
    disk = Disk(root)
    disk.at = at

    def off(_kind: str) -> None:
        if not target.exists():
            disk.after_a_cut(target, random.Random(seed))
        raise PowerCutError

    disk.fail = off
    with watched(disk):
        try:
            work()
        except PowerCutError:
            return True
    disk.after_a_cut(target, random.Random(seed))
    return False


def full(root: Path, work: Callable[[], object], at: int, until: int) -> BaseException | None:
    """Do some work for which there is no room from a step on, until some steps later.

    Returns what it raised.
    """
    disk = Disk(root)
    disk.at = at

    def no_room(kind: str) -> None:
        if disk.steps > until or kind == "go":
            return
        if kind == "database":
            raise sqlite3.OperationalError("database or disk is full")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    disk.fail = no_room
    with watched(disk):
        try:
            work()
        except Exception as error:  # noqa: BLE001 - whatever it is, it is to be looked at
            return error
    return None
