"""Columns to lines of Zeek's ASCII or JSON log format, many thousands at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

Format = Literal["tsv", "json"]


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a log: its name and its Zeek type as `#types` writes it."""

    name: str
    type: str

    @property
    def quoted(self) -> bool:
        """Whether Zeek's JSON writer writes the value as a string."""
        return self.type in {"string", "addr", "enum"}


def fields(text: str) -> tuple[Field, ...]:
    """Return fields from lines of `name type`."""
    return tuple(Field(*line.split()) for line in text.strip().splitlines())


def header(path: str, of: Sequence[Field], opened: datetime) -> bytes:
    """Return the header lines of an ASCII log as Zeek 8.0 writes them (local time, no zone)."""
    return (
        "#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n"
        f"#path\t{path}\n#open\t{opened:%Y-%m-%d-%H-%M-%S}\n"
        "#fields\t" + "\t".join(f.name for f in of) + "\n"
        "#types\t" + "\t".join(f.type for f in of) + "\n"
    ).encode()


def footer(closed: datetime) -> bytes:
    """Return the last line of an ASCII log."""
    return f"#close\t{closed:%Y-%m-%d-%H-%M-%S}\n".encode()


@dataclass(frozen=True, slots=True, eq=False)
class Lines:
    """Encoded lines; any run of them is a slice of one buffer."""

    data: memoryview
    offsets: np.ndarray[tuple[int], np.dtype[np.int64]]

    def between(self, first: int, last: int) -> memoryview:
        """Return lines `first` to `last` (exclusive)."""
        return self.data[int(self.offsets[first]) : int(self.offsets[last])]


def encode(of: Sequence[Field], columns: Sequence[pa.Array], form: Format) -> Lines:
    """Return the lines of a table.

    Parameters
    ----------
    of
        The fields, in order.
    columns
        One string array a field, null where unset; sets joined by commas. All of one length.
    form
        "tsv" or "json"; in JSON unset fields are left out, as Zeek does.
    """
    if form == "tsv":
        parts = [pc.fill_null(column, "-") for column in columns]
        parts[-1] = pc.binary_join_element_wise(parts[-1], "\n", "")
        lines = pc.binary_join_element_wise(*parts, "\t")
    else:
        parts = [_json(field, column) for field, column in zip(of, columns, strict=True)]
        lines = pc.binary_join_element_wise("{", *parts, "}\n", "")
        lines = pc.replace_substring(lines, "{,", "{", max_replacements=1)
    lines = lines.cast(pa.large_string())
    if isinstance(lines, pa.ChunkedArray):
        lines = lines.combine_chunks()
    _, offsets, data = lines.buffers()
    return Lines(memoryview(data or b""), np.frombuffer(offsets, dtype=np.int64)[: len(lines) + 1])


def _json(field: Field, column: pa.Array) -> pa.Array:
    """Return `,"name":value` of each row, empty where unset."""
    name = f',"{field.name}":'
    if field.type == "bool":
        value = pc.if_else(pc.equal(column, "T"), "true", "false")
        value = pc.if_else(pc.is_null(column), pa.scalar(None, pa.string()), value)
    elif field.quoted:
        value = pc.binary_join_element_wise('"', _escaped(column), '"', "")
    elif field.type == "vector[count]":
        value = pc.binary_join_element_wise("[", column, "]", "")
    elif field.type.startswith(("set", "vector")):
        value = pc.replace_substring(_escaped(column), ",", '","')
        value = pc.binary_join_element_wise('["', value, '"]', "")
    else:
        value = column
    return pc.fill_null(pc.binary_join_element_wise(name, value, ""), "")


def _escaped(column: pa.Array) -> pa.Array:
    return pc.replace_substring(pc.replace_substring(column, "\\", "\\\\"), '"', '\\"')


# --- numpy columns to string arrays


def text(values: Any) -> pa.Array:  # noqa: ANN401
    """Return integers (or bytes of fixed length) as strings."""
    array = np.asarray(values)
    if array.dtype.kind == "S":
        flat = np.ascontiguousarray(array)
        fixed = pa.FixedSizeBinaryArray.from_buffers(
            pa.binary(flat.dtype.itemsize), len(flat), [None, pa.py_buffer(flat)]
        )
        return fixed.cast(pa.binary()).cast(pa.string())
    return pa.array(array.astype(np.int64)).cast(pa.string())


def optional(values: Any, unset: Any = -1) -> pa.Array:  # noqa: ANN401
    """Return integers as strings, null where the value is `unset`."""
    array = np.asarray(values).astype(np.int64)
    return pa.array(array, mask=array == unset).cast(pa.string())


def chosen(names: Sequence[str | None], index: Any) -> pa.Array:  # noqa: ANN401
    """Return the name that each index points to; None is unset."""
    return pa.array(names, pa.string()).take(pa.array(np.asarray(index).astype(np.int64)))


def seconds(microseconds: Any, unset: int | None = None) -> pa.Array:  # noqa: ANN401
    """Return microseconds as seconds with six decimals, null where the value is `unset`."""
    array = np.asarray(microseconds).astype(np.int64)
    whole, rest = np.divmod(array, 1_000_000)
    mask = None if unset is None else array == unset
    left = pa.array(whole, mask=mask).cast(pa.string())
    right = pc.utf8_lpad(pa.array(rest, mask=mask).cast(pa.string()), 6, "0")
    return pc.binary_join_element_wise(left, right, ".")
