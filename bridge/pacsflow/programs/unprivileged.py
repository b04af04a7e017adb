"""Starts programs that read hostile input as an account that owns nothing, where this is root."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from pacsflow.errors import ToolError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

NAME = "nobody"
WORLD_MAY_ENTER = stat.S_IXOTH


@dataclass(frozen=True, slots=True)
class Account:
    """An account to run a program as: its name, user and group."""

    name: str
    uid: int
    gid: int


def is_root() -> bool:
    """Say whether this is root; on Windows nobody is."""
    return hasattr(os, "geteuid") and os.geteuid() == 0


@cache
def account_for(program: Path) -> Account | None:
    """Return the account that `program` runs as in place of root.

    None where this is not root, and where root may not become another (a container with a single
    user) or the account may not start the program (it lies in a folder of root's).
    """
    if sys.platform == "win32" or os.geteuid() != 0:
        return None
    import pwd  # noqa: PLC0415 - there is none where there is no root

    try:
        entry = pwd.getpwnam(NAME)
        found = Account(entry.pw_name, entry.pw_uid, entry.pw_gid)
        may_start = start([program, "--version"], found, folder=Path("/"))
        may_start.kill()  # that it starts is what was asked
        may_start.wait()
    except (KeyError, ToolError, subprocess.SubprocessError):
        return None
    return found if found.uid else None


def start(
    command: Sequence[str | Path],
    account: Account | None,
    *,
    folder: Path,
    environment: Mapping[str, str] | None = None,
    stdin: int | IO[bytes] = subprocess.DEVNULL,
    stdout: int | IO[bytes] = subprocess.DEVNULL,
    stderr: int | IO[bytes] = subprocess.DEVNULL,
) -> subprocess.Popen[bytes]:
    """Start a program in `folder` as `account`, or as whoever this is.

    Raises
    ------
    ToolError
        It does not start.
    """
    try:
        return subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            **_becoming(account),
        )
    except OSError as error:
        raise ToolError(f"{command[0]} does not start: {error.strerror}") from error


def _becoming(account: Account | None) -> dict[str, Any]:
    if account is None:
        return {}
    return {"user": account.uid, "group": account.gid, "extra_groups": []}


@contextmanager
def scratch(account: Account | None, prefix: str) -> Iterator[Path]:
    """Make a folder that belongs to `account` and that no other may enter, for a while.

    Raises
    ------
    ToolError
        There is no room for it, or none that the account may enter.
    """
    try:
        made = tempfile.TemporaryDirectory(prefix=prefix, dir=_enterable(account))
    except OSError as error:
        raise ToolError(f"no temporary folder can be made: {error.strerror}") from error
    with made as name:
        folder = Path(name)
        _give(folder, account)
        yield folder


def _enterable(account: Account | None) -> str:
    """Return a folder for temporary files whose way the account may go."""
    wanted = tempfile.gettempdir()
    if account is None:
        return wanted
    for place in (wanted, "/tmp", "/var/tmp"):  # noqa: S108 - within, a folder of its own is made
        path = Path(place).resolve()
        if all(p.is_dir() and p.stat().st_mode & WORLD_MAY_ENTER for p in (path, *path.parents)):
            return str(path)
    raise ToolError(f"{account.name} may enter no folder for temporary files: name one in TMPDIR")


def lend(source: Path, target: Path, account: Account | None) -> Path:
    """Copy a file for the account to read; nobody else may. Raises `ToolError`."""
    try:
        with source.open("rb") as whole, os.fdopen(_new(target), "wb") as copy:
            shutil.copyfileobj(whole, copy)
    except OSError as error:
        raise ToolError(f"{error.filename or target}: {error.strerror}") from error
    _give(target, account)
    return target


def _new(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)


def _give(path: Path, account: Account | None) -> None:
    if sys.platform != "win32" and account is not None:
        os.chown(path, account.uid, account.gid)


def take(source: Path, target: Path, account: Account | None) -> bool:
    """Move what the account wrote to `target`, as this user's; say whether it wrote it.

    Raises
    ------
    ToolError
        It is no file that the account wrote, or `target` cannot be written.
    """
    try:
        if not source.is_symlink() and not source.exists():
            return False
        _own(source, account)
        shutil.move(source, target)
    except OSError as error:
        raise ToolError(f"{error.filename or target}: {error.strerror}") from error
    return True


def _own(path: Path, account: Account | None) -> None:
    """Make a file this user's again, without following where it may have been made to lead."""
    found = path.lstat()
    if not stat.S_ISREG(found.st_mode):
        raise ToolError(f"{path} is no ordinary file")
    if sys.platform == "win32" or account is None:
        return
    if found.st_uid != account.uid or found.st_nlink != 1:
        raise ToolError(f"{path} was not written by {account.name}")
    os.chown(path, os.geteuid(), os.getegid(), follow_symlinks=False)
