"""Makes Arrow arrays from Python and numpy values without `pyarrow.array`, which imports pandas.

The import takes longer than the whole of a table's reading.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


def strings(values: Sequence[str | None]) -> pa.Array:
    """Return a string array; None is null."""
    encoded = [b"" if value is None else value.encode("utf-8", "replace") for value in values]
    return from_bytes(encoded, np.array([value is not None for value in values], dtype=np.bool_))


def from_bytes(values: Sequence[bytes], valid: NDArray[np.bool_] | None = None) -> pa.Array:
    """Return a string array of UTF-8 bytes; those that are not are replaced by U+FFFD.

    Parameters
    ----------
    values
        The texts.
    valid
        False where an element is null, shape (values,).
    """
    n = len(values)
    offsets = np.zeros(n + 1, dtype=np.int64)
    np.cumsum(np.fromiter(map(len, values), np.int64, n), out=offsets[1:])
    data = pa.py_buffer(b"".join(values))
    buffers = [_bitmap(valid), pa.py_buffer(offsets), data]
    raw = pa.Array.from_buffers(pa.large_binary(), n, buffers)
    try:
        return raw.cast(pa.string())
    except pa.ArrowInvalid:
        return from_bytes([v.decode("utf-8", "replace").encode() for v in values], valid)


def flat(column: pa.ChunkedArray | pa.Array) -> pa.Array:
    """Return a column as one array."""
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def repeated(value: str | None, count: int) -> pa.DictionaryArray:
    """Return a text, or null, `count` times, dictionary-encoded."""
    numbers = pa.repeat(pa.scalar(None if value is None else 0, pa.int32()), count)
    return pa.DictionaryArray.from_arrays(numbers, strings([] if value is None else [value]))


def integers(values: NDArray[np.int64], valid: NDArray[np.bool_] | None = None) -> pa.Array:
    """Return an int64 array; null where `valid` is False."""
    data = pa.py_buffer(np.ascontiguousarray(values, dtype=np.int64))
    return pa.Array.from_buffers(pa.int64(), len(values), [_bitmap(valid), data])


def booleans(values: NDArray[np.bool_]) -> pa.Array:
    """Return a boolean array."""
    return pa.Array.from_buffers(pa.bool_(), len(values), [None, _bitmap(values)])


def _bitmap(bits: NDArray[np.bool_] | None) -> pa.Buffer | None:
    return None if bits is None else pa.py_buffer(np.packbits(bits, bitorder="little"))
