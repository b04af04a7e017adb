"""Reads a plain or packed file as blocks of whole lines, in bounded memory, counting lines."""

from __future__ import annotations

import bz2
import gzip
import lzma
import zlib
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

from pacsflow.errors import InputError, unreadable
from pacsflow.readers.limits import exceeded, limits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pacsflow.readers.quality import Quality

BLOCK = 4 << 20
PIECE = 1 << 16
BOM = b"\xef\xbb\xbf"
UTF_16 = (b"\xff\xfe", b"\xfe\xff")
PACKED = {
    b"\x1f\x8b": "gzip",
    b"BZh": "bzip2",
    b"\xfd7zXZ\0": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"\x04\x22\x4d\x18": "lz4",
} | {bytes([0x50 + i]) + b"\x2a\x4d\x18": "zstd" for i in range(16)}
"""What a packed file starts with, and how it is packed; pzstd begins with a frame to skip."""


LONGEST_MAGIC = 6
_BEHIND = ("Not a gzipped file", "Unknown frame descriptor", "ERROR_frameType_unknown")
"""What gzip, zstd and lz4 say of bytes behind theirs that begin like nothing."""
_TOOLS = {"gzip": "zcat", "bzip2": "bzcat", "xz": "xzcat", "zstd": "zstd -dc"}
"""What unpacks the rest all the same; lz4 1.10 may write nothing of it."""


class _BehindError(EOFError):
    """Behind the packed data stand bytes that are none."""


class Bytes(Protocol):
    """A file open for reading bytes."""

    def read(self, size: int = -1, /) -> bytes:
        """Return at most `size` bytes, none at the end."""


class Block(NamedTuple):
    """Whole lines of a file; `line` is the number of the first (from 1)."""

    line: int
    data: bytes
    complete: bool
    """False where the file ends without a line end, so that the last line may be cut."""


class _Unpacked:
    """Reads what a packed file unpacks to, up to the limit."""

    def __init__(self, path: Path, file: Any, size: int) -> None:  # noqa: ANN401 - five packers
        self.path, self.file, self.done = path, file, 0
        self.most = max(limits().unpacked, limits().expansion * size)

    def read(self, size: int = -1, /) -> bytes:
        data = bytes(self.file.read(size))
        self.done += len(data)
        if self.done > self.most:
            problem = f"it unpacks to more than {self.most:,} bytes, as no log does"
            raise exceeded(self.path, "expansion", problem)
        return data


class _Streams:
    """Reads packed streams one behind another, and zeros between them.

    Python's own readers take whatever is wrong with a later stream for the end of the file.
    """

    def __init__(self, raw: IO[bytes], begun: Callable[[], Any]) -> None:
        self.raw, self.begun, self.stream = raw, begun, begun()

    def read(self, size: int) -> bytes:
        made = b""
        while not made:
            if self.stream.eof:
                packed = self._next()
                if not packed:
                    break
                self.stream = self.begun()
            else:
                packed = self.raw.read(PIECE) if self.stream.needs_input else b""
                if self.stream.needs_input and not packed:
                    raise EOFError
            made = self.stream.decompress(packed, size)
        return made

    def _next(self) -> bytes:
        """Return where the next stream begins; nothing where there is none."""
        packed: bytes = self.stream.unused_data.lstrip(b"\0")
        while not packed and (more := self.raw.read(PIECE)):
            packed = more.lstrip(b"\0")
        start = packed[:LONGEST_MAGIC]
        if packed and not packing(start) and not any(m.startswith(start) for m in PACKED):
            raise _BehindError
        return packed


def packing(start: bytes) -> str:
    """Return how a file that starts like this is packed; empty for plain ones."""
    return next((how for magic, how in PACKED.items() if start.startswith(magic)), "")


@contextmanager
def opened(path: Path) -> Iterator[Bytes]:
    """Open a plain or packed file for reading bytes; I/O errors become `InputError`."""
    how = ""
    try:
        with path.open("rb") as raw:
            how = packing(raw.read(6))
            raw.seek(0)
            if how:
                yield _Unpacked(path, _unpacker(how, raw), path.stat().st_size)
            else:
                yield raw
    except (EOFError, gzip.BadGzipFile, zlib.error, lzma.LZMAError) as error:
        raise _damaged(path, how, error) from None
    except OSError as error:
        if how and error.errno is None:
            raise _damaged(path, how, error) from None
        raise unreadable(path, error) from None


def _unpacker(how: str, raw: IO[bytes]) -> Any:  # noqa: ANN401 - five kinds of file
    if how == "gzip":
        return gzip.open(raw)
    if how == "bzip2":
        return _Streams(raw, bz2.BZ2Decompressor)
    if how == "xz":
        return _Streams(raw, lzma.LZMADecompressor)
    import pyarrow as pa  # noqa: PLC0415 - few files are packed so

    return pa.CompressedInputStream(pa.PythonFile(raw, "r"), how)


def _damaged(path: Path, how: str, error: Exception) -> InputError:
    if isinstance(error, _BehindError) or any(b in str(error) for b in _BEHIND):
        problem = f"bytes stand behind the {how} data that are none of it"
        hint = "copy the file again, or give the log as it was before it was packed"
        if tool := _TOOLS.get(how):
            hint = f"to leave them out: {tool} FILE > LOG, and give LOG"
        return InputError(path, problem, hint=hint)
    told = str(error).splitlines()[0][:200] if str(error) else "it ends early"
    problem = f"the {how} data is damaged or ends early: {told}"
    return InputError(path, problem, hint="copy the file again")


def blocks(path: Path, quality: Quality, *, size: int = BLOCK) -> Iterator[Block]:
    """Yield the file's lines in blocks of about `size` bytes, without a byte order mark.

    A line longer than the limit is counted as unreadable and left out.
    """
    most = limits().line
    line, rest, first, of_old_macs = 1, b"", True, False
    with opened(path) as file:
        while chunk := file.read(size):
            if first:
                chunk, first = _text(path, chunk), False
                of_old_macs = has_old_ends(chunk)
            data = rest + (chunk.replace(b"\r", b"\n") if of_old_macs else chunk)
            end = data.rfind(b"\n") + 1
            rest = data[end:]
            if end:
                yield Block(line, data[:end], complete=True)
                line += data.count(b"\n", 0, end)
            if len(rest) > most:
                quality.bad_row(line, f"a line of more than {most} bytes")
                rest, line = _skip_line(file, size), line + 1
        if rest:
            yield Block(line, rest, complete=False)


def pieces(block: Block) -> Iterator[Block]:
    """Split a block in which something is odd, so that few rows are read one by one."""
    data, start, line = block.data, 0, block.line
    if len(data) <= 2 * PIECE:
        yield block
        return
    while start < len(data):
        end = data.find(b"\n", start + PIECE) + 1 or len(data)
        yield Block(line, data[start:end], complete=block.complete or end < len(data))
        line += data.count(b"\n", start, end)
        start = end


def has_controls(data: bytes) -> bool:
    """Say whether ASCII text has control characters besides tabs and line ends."""
    codes = np.frombuffer(data, dtype=np.uint8)
    low, tabs, ends = (np.count_nonzero(found) for found in (codes < 32, codes == 9, codes == 10))
    return bool(low != tabs + ends) or b"\x7f" in data


def _text(path: Path, data: bytes) -> bytes:
    """Return text without its byte order mark; UTF-16 is refused by name."""
    if is_utf_16(data):
        hint = "save it as UTF-8"
        raise InputError(path, "the text is UTF-16, UTF-8 was expected", hint=hint)
    return data.removeprefix(BOM)


def has_old_ends(data: bytes) -> bool:
    """Say whether text's lines end as Excel's "CSV (Macintosh)" ends them."""
    return b"\r" in data and b"\n" not in data


def is_utf_16(data: bytes) -> bool:
    """Say whether text is UTF-16: by its byte order mark, or every second byte is zero."""
    some = data[:64]
    some = some[: len(some) // 2 * 2]
    return data.startswith(UTF_16) or (
        len(some) >= 8 and (not any(some[1::2]) or not any(some[::2])) and any(some)
    )


def _skip_line(file: Bytes, size: int) -> bytes:
    """Read on to the next line end and return what stands behind it."""
    while chunk := file.read(size):
        end = chunk.find(b"\n") + 1
        if end:
            return chunk[end:]
    return b""


def without_comma(line: bytes) -> bytes:
    """Return a line of JSON without the comma behind it, where it was one of a list."""
    return line[: line.rfind(b"}") + 1] if line.endswith((b",", b",\r", b", ")) else line


def head(path: Path, size: int = 65536) -> bytes:
    """Return the first `size` bytes of a plain or packed file."""
    data = b""
    with opened(path) as file:
        while len(data) < size and (more := file.read(size - len(data))):
            data += more
    return data
