"""Brings columns that Arrow has parsed to their final types; ValueError where a value is none."""

from __future__ import annotations

import re

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pacsflow.readers.arrays import strings
from pacsflow.readers.zeek_values import (
    COUNT_MAX,
    EARLIEST,
    LONGEST,
    ROUNDING,
    latest,
    to_address,
)
from pacsflow.terms.dicom_times import BUCKETS
from pacsflow.terms.log_fields import COUNTS, INTERVALS, TIME

DECIMAL = pa.decimal128(18, 6)
"""What times are parsed as: seconds, every digit of them."""
_EXPONENT = re.compile(rb"(?<=\d)[eE]\+?\d+(?![\w+/=.:])")
_MANTISSA = re.compile(rb"(?:\A|[^\w+/.:-]|\":)-?\d+(?:[.,]\d*)?\Z")
_LONG = 32
"""More bytes than the digits before an exponent take."""
ADDRESSES = {"id.orig_h", "id.resp_h", "host"}


def checked(name: str, kind: pa.DataType, column: pa.Array) -> pa.Array:
    """Return a column of times (as `DECIMAL`), addresses, numbers or truths in its final type."""
    if kind == TIME:
        micro = _microseconds(column)
        within(micro, int(EARLIEST) * 1_000_000, latest() * 1_000_000 - 1)
        return micro.cast(kind)
    if name in ADDRESSES:
        return _addresses(column)
    if pa.types.is_int32(kind):
        within(column, 0, 65535)
    elif pa.types.is_int64(kind):
        within(column, 0, COUNT_MAX)
    elif pa.types.is_floating(kind):
        return _finite(column, is_interval=name in INTERVALS)
    return column


def may_be_rounded(data: bytes, moments: pa.Array | None) -> bool:
    """Say whether times may be written so short that their seconds are lost: 1.77245E+09.

    Parameters
    ----------
    data
        The text that they were parsed from.
    moments
        As `DECIMAL`.
    """
    if moments is None or moments.null_count == len(moments):
        return False
    micro = _microseconds(moments.drop_null()).to_numpy()
    return not (micro % 10_000_000).all() and _has_exponents(data)


def _has_exponents(data: bytes) -> bool:
    """Say whether a number has an exponent, which digits within uids, hashes, addresses are not."""
    ends = (found.start() for found in _EXPONENT.finditer(data))
    return any(_MANTISSA.search(data[max(end - _LONG, 0) : end]) for end in ends)


def counts(column: pa.Array) -> pa.Array:
    """Return histograms, from lists of texts or of numbers."""
    made = column.cast(COUNTS)
    within(made.flatten(), 0, COUNT_MAX)
    within(pc.list_value_length(made), 1, BUCKETS)
    return made


def _finite(column: pa.Array, *, is_interval: bool) -> pa.Array:
    if not pc.all(pc.is_finite(column)).as_py() and column.null_count < len(column):
        raise ValueError("not finite")
    if is_interval:
        within(column, -ROUNDING, LONGEST)
        return pc.max_element_wise(column, 0.0, skip_nulls=False)
    within(column, 0, float("inf"))
    return column


def _addresses(column: pa.Array) -> pa.Array:
    encoded = column.dictionary_encode()
    canonical = strings([to_address(value) for value in encoded.dictionary.to_pylist()])
    return pc.take(canonical, encoded.indices)


def _microseconds(column: pa.Array) -> pa.Array:
    """Return int64 microseconds of a column of `DECIMAL` seconds: its unscaled integers."""
    words = np.frombuffer(column.buffers()[1], dtype=np.int64)[2 * column.offset :]
    valid = column.is_valid().buffers()[1] if column.null_count else None
    data = pa.py_buffer(np.ascontiguousarray(words[: 2 * len(column) : 2]))
    return pa.Array.from_buffers(pa.int64(), len(column), [valid, data])


def within(column: pa.Array, low: float, high: float) -> None:
    """Raise ValueError where a value lies outside; nulls do not."""
    found = pc.min_max(column).as_py()
    if found["min"] is not None and (found["min"] < low or found["max"] > high):
        raise ValueError("out of bounds")
