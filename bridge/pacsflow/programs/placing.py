"""Puts files where other programs look, says what is replaced, and takes its own back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pacsflow.errors import ToolError
from pacsflow.outputs import write_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Placed:
    """A file, and what becomes of it: new, replaced, as it was, kept, or removed."""

    path: Path
    what: str

    def __str__(self) -> str:
        return f"{self.path}: {self.what}"


def place(files: Mapping[Path, bytes], mark: bytes = b"", *, dry: bool = False) -> list[Placed]:
    """Write files, and say of each what was there.

    Parameters
    ----------
    files
        Contents by path.
    mark
        A file that is there without it is somebody else's and is not touched.
    dry
        Say it alone.

    Raises
    ------
    ToolError
        A file of somebody else is in the way, or a folder cannot be written.
    """
    found = {path: _content(path) for path in files}
    for path, there in found.items():
        if there is not None and mark not in there:
            raise ToolError(f"{path}: is there and not of pacsflow; move it away first")
    done = []
    for path, content in files.items():
        there = found[path]
        what = "new" if there is None else "as it was" if there == content else "replaced"
        if not dry and there != content:
            _write(path, content)
        done.append(Placed(path, f"would be {what}" if dry and what != "as it was" else what))
    return done


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes() if path.exists() else None
    except OSError as error:
        raise ToolError(f"{path}: {error.strerror}") from None


def _write(path: Path, content: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ToolError(f"{path.parent}: {error.strerror}") from None
    write_bytes(path, content)


def take_back(paths: Iterable[Path], mark: bytes = b"", *, dry: bool = False) -> list[Placed]:
    """Remove files that are there and of pacsflow, and folders of theirs that are empty then."""
    done = []
    for path in paths:
        there = _content(path)
        if there is None:
            continue
        if mark not in there:
            done.append(Placed(path, "not of pacsflow; kept"))
            continue
        if not dry:
            _remove(path)
        done.append(Placed(path, "would be removed" if dry else "removed"))
    return done


def _remove(path: Path) -> None:
    try:
        path.unlink()
    except OSError as error:
        raise ToolError(f"{path}: {error.strerror}") from None
