"""Writes files for others: whole or not at all, and never through a symbolic link."""

from __future__ import annotations

import atexit
import os
import secrets
import shutil
import tempfile
from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING

from pacsflow.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """Yield a new empty file beside `target` to write to; it is moved there if all goes well.

    Who reads `target` meanwhile sees the old file or the whole new one. A symbolic link of that
    name is replaced, what it points to is not touched. The new file has the rights that the umask
    leaves.

    Raises
    ------
    UsageError
        If `target` is a folder or a device, or cannot be written; what was there stays.
    """
    part = target.with_name(f".pacsflow-{secrets.token_hex(8)}.part")
    try:
        if target.is_dir() or (target.exists() and not target.is_file()):
            what = "a folder" if target.is_dir() else "a device or pipe"
            raise UsageError(f"{target}: is {what}; name a file")
        os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
        yield part
        _sync(part)
        part.replace(target)
    except OSError as error:
        raise UsageError(f"{target}: cannot be written: {error.strerror or error}") from None
    finally:
        part.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    with path.open("r+b") as file:
        os.fsync(file.fileno())


def write_text(target: Path, text: str) -> None:
    """Write UTF-8 text as `replacing` does; line ends stay as they are."""
    with replacing(target) as part:
        part.write_text(text, encoding="utf-8", newline="")


def write_bytes(target: Path, content: bytes) -> None:
    """Write bytes as `replacing` does."""
    with replacing(target) as part:
        part.write_bytes(content)


@contextmanager
def scratch_folder(prefix: str = "pacsflow-") -> Iterator[str]:
    """Make a folder that is gone afterwards, also where a signal interrupts its removal."""
    with tempfile.TemporaryDirectory(prefix=prefix) as folder:
        gone = partial(shutil.rmtree, folder, ignore_errors=True)
        atexit.register(gone)
        yield folder
    atexit.unregister(gone)


@contextmanager
def nothing_left(folder: Path, keep: Callable[[], bool] = bool) -> Iterator[None]:
    """Leave a folder that was not there, or empty, as it was where what is to fill it fails.

    Parameters
    ----------
    keep
        Says whether something worth to be kept is in it by then.
    """
    new = [place for place in (folder, *folder.parents) if not place.exists()]
    mine = bool(new) or (folder.is_dir() and not any(folder.iterdir()))
    try:
        yield
    except BaseException:
        if mine and folder.is_dir() and not keep():
            _empty(folder)
            with suppress(OSError):
                for place in new:
                    place.rmdir()
        raise


def _empty(folder: Path) -> None:
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


@contextmanager
def named(place: Path) -> Iterator[None]:
    """Give a refusal of the system that names no path the place that was written to."""
    try:
        yield
    except OSError as error:
        error.filename = error.filename or str(place)
        raise
