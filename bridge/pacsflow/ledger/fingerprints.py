"""Holds a source open while it is read: what is hashed is what is read, whatever happens to it.

A log is renamed, packed, cut or made anew at any moment. Its first bytes, as many as there were
when it was hashed, are read from the file that was opened then, not from its name.
"""

from __future__ import annotations

import hashlib
import io
import os
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Self, cast

from pacsflow.errors import InputError, unreadable
from pacsflow.readers.blocks import opened
from pacsflow.readers.remote import RemotePath

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

CHANGED = "it was changed while it was read; nothing of it was added"
AGAIN = "the next run takes it as it is then"


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """A source's content: SHA-256 of its bytes after decompression, and their number.

    `prefixes` are the hashes of its first bytes, for every length that was asked for, the longest
    first; `stamp` is size and time of change of the file that was opened.
    """

    sha256: str
    size: int
    prefixes: tuple[str, ...] = ()
    stamp: str = ""


def stamp(path: Path | str) -> str:
    """Return size and time of change of a file; empty where it cannot be asked."""
    if isinstance(path, RemotePath):
        return path.stamp
    try:
        found = os.stat(path)  # noqa: PTH116 - a Path each would cost more than asking
    except (OSError, ValueError):
        return ""
    return _stamp(found)


def _stamp(found: os.stat_result) -> str:
    return f"{found.st_size} {found.st_mtime_ns}"


class _Limited(io.RawIOBase):
    """The first bytes of an open file, with a place of its own in it."""

    def __init__(self, file: IO[bytes], size: int) -> None:
        self.file = file
        self.size = size
        self.place = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self.place, io.SEEK_END: self.size}[whence]
        self.place = max(0, base + offset)
        return self.place

    def tell(self) -> int:
        return self.place

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401 - whatever takes bytes
        self.file.seek(self.place)
        wanted = min(len(buffer), max(0, self.size - self.place))
        data = self.file.read(wanted)
        buffer[: len(data)] = data
        self.place += len(data)
        return len(data)


class HeldPath(type(Path())):  # type: ignore[misc]
    """A path that opens, for reading, the file that was there when it was first opened."""

    held: IO[bytes]
    size: int

    @classmethod
    def of(cls, path: Path, file: IO[bytes], size: int) -> Self:
        """Return the same path, held."""
        made = cls(path)
        made.held, made.size = file, size
        return made

    def open(self, mode: str = "r", *args: Any, **named: Any) -> Any:  # noqa: ANN401 - as Path has it
        """Open what is held where bytes are asked for."""
        if mode == "rb" and hasattr(self, "held"):
            return io.BufferedReader(_Limited(self.held, self.size), 1 << 20)
        return super().open(mode, *args, **named)


class Held:
    """One file that is held open.

    Parameters
    ----------
    path
        Where it lies.
    file
        The file itself, unbuffered.
    """

    def __init__(self, path: Path, file: IO[bytes]) -> None:
        self.file = file
        found = os.fstat(file.fileno())
        self.path = HeldPath.of(path, file, found.st_size)
        self.name = path
        self.stamp = _stamp(found)
        self.inode = (found.st_dev, found.st_ino)
        self.print: Fingerprint | None = None

    def fingerprint(self, lengths: Collection[int] = ()) -> Fingerprint:
        """Hash its content, gzip undone, so that a log and its packed copy are the same."""
        sha256, size, prefixes = _hashes(self.path, lengths)
        self.print = Fingerprint(sha256, size, prefixes, self.stamp)
        return self.print

    def check(self, *, by_name: bool) -> None:
        """Raise `InputError` where what was read may not be what was hashed.

        A log that has grown since is right in its first bytes. With `by_name` another program has
        read it, by its name: then nothing at all may have happened to it.
        """
        if by_name:
            found = self.name.stat() if self.name.exists() else None
            if found is None or (found.st_dev, found.st_ino) != self.inode:
                raise InputError(self.name, CHANGED, hint=AGAIN)
        now = _stamp(os.fstat(self.file.fileno()))
        if now == self.stamp:
            return
        if by_name or self.print is None:
            raise InputError(self.name, CHANGED, hint=AGAIN)
        try:
            same = _hashes(self.path)[0] == self.print.sha256
        except InputError:
            same = False
        if not same:
            raise InputError(self.name, CHANGED, hint=AGAIN)


def _hashes(path: Path, lengths: Collection[int] = ()) -> tuple[str, int, tuple[str, ...]]:
    """Return the hash of a file's content, its size, and the hashes of its first bytes."""
    whole, size = hashlib.sha256(), 0
    waiting, prefixes = sorted(set(lengths) - {0}, reverse=True), []
    with opened(path) as file:
        while chunk := file.read(1 << 20):
            done = 0
            while waiting and waiting[-1] <= size + len(chunk):
                cut = waiting.pop() - size
                whole.update(chunk[done:cut])
                prefixes.append(whole.copy().hexdigest())
                done = cut
            whole.update(chunk[done:])
            size += len(chunk)
    return whole.hexdigest(), size, tuple(reversed(prefixes))


@contextmanager
def held(path: Path) -> Iterator[Held]:
    """Open a source and hold it; `InputError` where it cannot be opened."""
    try:
        file = path.open("rb", buffering=0)
    except OSError as error:
        raise unreadable(path, error) from None
    with file:
        yield Held(path, cast("IO[bytes]", file))


def fingerprint(path: Path, lengths: Collection[int] = ()) -> Fingerprint:
    """Hash a file's content; see `Held.fingerprint`."""
    with held(path) as found:
        return found.fingerprint(lengths)
