"""Reads a plain or gzip file as blocks of whole lines, in bounded memory, counting lines."""

from __future__ import annotations

import gzip
import zlib
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, NamedTuple, cast

from pacsflow.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pacsflow.readers.quality import Quality

BLOCK = 4 << 20
LONGEST_LINE = 1 << 20
GZIP = b"\x1f\x8b"


class Block(NamedTuple):
    """Whole lines of a file; `line` is the number of the first (from 1)."""

    line: int
    data: bytes
    complete: bool
    """False where the file ends without a line end, so that the last line may be cut."""


@contextmanager
def opened(path: Path) -> Iterator[IO[bytes]]:
    """Open a plain or gzip file for reading bytes; I/O errors become `InputError`."""
    try:
        with path.open("rb") as raw:
            packed = raw.read(2) == GZIP
            raw.seek(0)
            if packed:
                with gzip.open(raw) as unpacked:
                    yield cast("IO[bytes]", unpacked)
            else:
                yield raw
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise InputError(
            path, f"the gzip data is damaged or ends early: {error}", hint="copy the file again"
        ) from None
    except OSError as error:
        raise InputError(path, f"cannot be read: {error.strerror or error}") from None


def blocks(path: Path, quality: Quality, *, size: int = BLOCK) -> Iterator[Block]:
    """Yield the file's lines in blocks of about `size` bytes.

    A line longer than `LONGEST_LINE` is counted as unreadable and left out.
    """
    line, rest = 1, b""
    with opened(path) as file:
        while chunk := file.read(size):
            data = rest + chunk
            end = data.rfind(b"\n") + 1
            rest = data[end:]
            if end:
                yield Block(line, data[:end], complete=True)
                line += data.count(b"\n", 0, end)
            if len(rest) > LONGEST_LINE:
                quality.bad_row(line, f"a line of more than {LONGEST_LINE} bytes")
                rest, line = _skip_line(file, size), line + 1
        if rest:
            yield Block(line, rest, complete=False)


def _skip_line(file: IO[bytes], size: int) -> bytes:
    """Read on to the next line end and return what stands behind it."""
    while chunk := file.read(size):
        end = chunk.find(b"\n") + 1
        if end:
            return chunk[end:]
    return b""


def head(path: Path, size: int = 65536) -> bytes:
    """Return the first `size` bytes of a plain or gzip file."""
    with opened(path) as file:
        return file.read(size)
