"""Keeps what comes through standard input or a pipe in a temporary file that can be read again."""

from __future__ import annotations

import atexit
import shutil
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from pacsflow import printable
from pacsflow.errors import unreadable
from pacsflow.outputs import scratch_folder
from pacsflow.readers.blocks import opened, packing
from pacsflow.readers.limits import exceeded, limits

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pacsflow.readers.blocks import Bytes

STANDARD_INPUT = "-"
CHUNK = 1 << 20


def spool(path: Path | None) -> Path:
    """Copy a pipe, or standard input, to a file that is gone when the program ends."""
    folder = Path(tempfile.mkdtemp(prefix="pacsflow-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    target = folder / ("standard-input" if path is None else path.name)
    printable.COPIES[str(target)] = "standard input" if path is None else str(path)
    try:
        if path is None:
            _copy(sys.stdin.buffer, target)
        else:
            with path.open("rb") as pipe:
                _copy(pipe, target)
    except OSError as error:
        raise unreadable(path or "standard input", error) from None
    return target


@contextmanager
def unpacked(path: Path) -> Iterator[Path]:
    """Yield a capture as tshark can open it: unpacked, where it is packed otherwise than gzip."""
    with path.open("rb") as file:
        how = packing(file.read(6))
    if how in {"", "gzip"}:
        yield path
        return
    with scratch_folder() as folder:
        target = Path(folder, path.stem)
        with opened(path) as packed:
            _copy(packed, target)
        yield target


def _copy(pipe: Bytes, target: Path) -> None:
    most, done = limits().spool, 0
    with target.open("wb") as file:
        while data := pipe.read(CHUNK):
            done += len(data)
            if done > most:
                raise exceeded("standard input", "spool", f"it has more than {most:,} bytes")
            file.write(data)
