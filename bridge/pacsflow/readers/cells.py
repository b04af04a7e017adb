"""Turns columns of text cells into columns of frames; counts the rows that do not fit."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pacsflow.printable import escape_controls
from pacsflow.readers.arrays import booleans, strings
from pacsflow.readers.number_cells import NumberCells
from pacsflow.readers.time_cells import TimeCells
from pacsflow.readers.zeek_values import to_address
from pacsflow.terms.log_fields import FRAMES

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping
    from datetime import datetime

    from numpy.typing import NDArray

    from pacsflow.readers.columns import Header
    from pacsflow.readers.quality import Quality

HOSTS = ("id.orig_h", "id.resp_h")
TEXTS = ("protocol", "hw_source", "hw_destination", "info")
NUMBERS = {"length": 2**31 - 1, "vlan": 4095, "id.orig_p": 65535, "id.resp_p": 65535}
"""Columns that hold whole numbers, and the largest each may have."""
SEVERAL = ("hw_source", "hw_destination", "vlan", "id.orig_p", "id.resp_p", *HOSTS)
"""Columns of which tshark writes several values where a frame has several such headers."""
LONGEST_TEXT = 1024
_SEVERAL = r"^[0-9a-fA-F:.]+(?:,[0-9a-fA-F:.]+)+$"
NEEDS = {
    "ts": ("ts", "date"),
    "protocol": ("protocol", "protocols"),
    "service": ("protocol", "protocols"),
    "id.orig_h": ("id.orig_h", "protocol"),
    "id.resp_h": ("id.resp_h", "protocol"),
    "proto": ("tcp", "udp"),
    "flow": ("tcp_stream", "udp_stream"),
}
"""The columns of a table from which some columns of frames are made."""


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """Rows of a table as text: the line (or row) number of each, and the columns that it has."""

    lines: NDArray[np.int64]
    columns: Mapping[str, pa.Array]
    """String arrays by the names of ``columns.NAMES``; null where a cell is empty."""


def needed(header: Header, asked: Collection[str] | None) -> dict[str, tuple[int, ...]]:
    """Return the places of the columns that are needed for the asked columns of frames."""
    if asked is None:
        return header.places
    wanted = {need for name in asked for need in NEEDS.get(name, (name,))}
    return {name: places for name, places in header.places.items() if name in wanted}


def joined(columns: list[pa.Array]) -> pa.Array:
    """Return the first value that any of several columns has in each row."""
    return columns[0] if len(columns) == 1 else pc.coalesce(*columns)


@dataclass(slots=True)
class Converter:
    """Converts batch after batch of one table.

    Parameters
    ----------
    quality
        Counts rows and unreadable rows, and keeps remarks.
    header
        Of the table.
    preview
        Yields a whole column of the table.
    asked
        The columns of frames that are asked for; None for all.
    start, sampling_rate, date_order
        What the user says that a table does not say of itself.
    where
        What stands before the reason of an unreadable row, such as the sheet's name.
    """

    quality: Quality
    header: Header
    preview: Callable[[str], Iterator[pa.Array]]
    asked: Collection[str] | None = None
    start: datetime | None = None
    sampling_rate: int = 1
    date_order: str = ""
    where: str = ""
    times: TimeCells = field(init=False)
    _numbers: dict[str, NumberCells] = field(default_factory=dict, init=False)
    _of_tshark: tuple[str, ...] = field(default=(), init=False)

    def __post_init__(self) -> None:
        time = "ts" if "ts" in self.header.places else "date"

        def whole(name: str) -> Iterator[pa.Array]:
            return self.preview(name or time)

        self.times = TimeCells(self.quality, self.header, whole, self.start, self.date_order)
        names, places = self.header.names, self.header.places
        self._of_tshark = tuple(
            name for name in SEVERAL if any("." in names[place] for place in places.get(name, ()))
        )
        if "length" not in self.header.places:
            self.quality.note("there is no column Length: bytes are not known and shown as 0")
        if not self.header.has_time:
            self.quality.note("there is no column Time: frames cannot be put into hours")

    def __call__(self, cells: Cells) -> pa.RecordBatch:
        """Return the rows that can be read, in the columns of ``log_fields.FRAMES``."""
        cells = _without_empty(cells)
        n = len(cells.lines)
        bad: dict[int, str] = {}
        made = self._columns(cells, bad)
        rows = [made.get(name, _absent(name, n, self.sampling_rate)) for name in FRAMES.names]
        batch = pa.record_batch(
            [a.cast(t) for a, t in zip(rows, FRAMES.types, strict=True)], schema=FRAMES
        )
        if bad:
            for place in sorted(bad):
                self.quality.bad_row(int(cells.lines[place]), self.where + bad[place])
            keep = np.ones(n, dtype=np.bool_)
            keep[list(bad)] = False
            batch = batch.filter(booleans(keep))
        self.quality.rows += batch.num_rows
        return batch

    def _columns(self, cells: Cells, bad: dict[int, str]) -> dict[str, pa.Array]:
        columns = dict(cells.columns)
        for name in self._of_tshark:
            if name in columns:
                columns[name] = _innermost(columns[name], columns.get("protocol"))
        made: dict[str, pa.Array] = {}
        if "ts" in columns or "date" in columns:
            made["ts"] = self.times(columns.get("ts"), columns.get("date"), bad)
        for name, most in NUMBERS.items():
            if name in columns:
                made[name] = self._number(name, most, columns[name], bad)
        made |= _texts_of(columns)
        made |= _conversations(columns)
        dicom = _is_dicom(made.get("protocol"), columns.get("protocols"))
        if dicom is not None:
            made["service"] = pc.if_else(dicom, "dicom", pa.scalar(None, pa.string()))
        return made

    def _number(self, name: str, most: int, column: pa.Array, bad: dict[int, str]) -> pa.Array:
        """Return whole numbers; cells that hold none go to `bad` (an empty length does too)."""
        try:
            plain = column.cast(pa.int64())
        except pa.ArrowInvalid:
            plain = None
        if plain is not None and (not plain.null_count or name != "length"):
            least, found = pc.min_max(plain).as_py().values()
            if least is None or 0 <= least <= found <= most:
                return plain
        if name not in self._numbers:
            self._numbers[name] = NumberCells(
                name, self.quality, self.header.comma, preview=lambda: self.preview(name)
            )
        values = self._numbers[name].floats(column)
        whole = pc.and_(pc.equal(values, pc.floor(values)), pc.less_equal(values, most))
        fits = pc.fill_null(whole, False)
        empty = pc.is_null(column)
        wrong = pc.and_(pc.invert(fits), pc.invert(empty) if name != "length" else True)
        for place in np.flatnonzero(wrong.to_numpy(zero_copy_only=False)).tolist():
            told = (column[place].as_py() or "nothing")[:40]
            bad.setdefault(place, f"expected a number in {name}, found {told!r}")
        return pc.if_else(fits, values, pa.scalar(None, pa.float64())).cast(pa.int64())


def _without_empty(cells: Cells) -> Cells:
    """Return the rows that have anything in them: spreadsheets leave empty ones behind."""
    if not cells.columns or not len(cells.lines):
        return cells
    there = np.zeros(len(cells.lines), dtype=np.bool_)
    for column in cells.columns.values():
        if not column.null_count:
            return cells
        there |= pc.is_valid(column).to_numpy(zero_copy_only=False)
    if there.all():
        return cells
    kept = {name: column.filter(booleans(there)) for name, column in cells.columns.items()}
    return Cells(cells.lines[there], kept)


def _innermost(column: pa.Array, protocol: pa.Array | None) -> pa.Array:
    """Return of several values in one cell the last: that of the innermost header.

    What an error of ICMP quotes is not within it: of its addresses the first counts.
    """
    several = pc.fill_null(pc.match_substring_regex(column, _SEVERAL), False)
    if not pc.any(several).as_py():
        return column
    last = pc.replace_substring_regex(column, r"^.*,", "")
    if protocol is not None:
        quoted = pc.fill_null(pc.match_substring_regex(protocol, r"(?i)^icmp"), False)
        last = pc.if_else(quoted, pc.replace_substring_regex(column, r",.*$", ""), last)
    return pc.if_else(several, last, column)


def _texts_of(columns: Mapping[str, pa.Array]) -> dict[str, pa.Array]:
    """Return the addresses and texts among the columns of frames."""
    made = {name: _each(columns[name], _host) for name in HOSTS if name in columns}
    made |= {name: _texts(columns[name]) for name in TEXTS if name in columns}
    if "protocols" in columns and "protocol" not in made:
        last = pc.utf8_upper(pc.replace_substring_regex(columns["protocols"], r"^.*:", ""))
        made["protocol"] = _texts(last)
    return made


def _conversations(columns: Mapping[str, pa.Array]) -> dict[str, pa.Array]:
    """Return the transport protocol, and what conversation a frame is of, where tshark tells."""
    made: dict[str, pa.Array] = {}
    nothing = pa.scalar(None, pa.string())
    for kind in ("udp", "tcp"):
        if kind in columns:
            there = pc.is_valid(columns[kind])
            made["proto"] = pc.if_else(there, kind, made.get("proto", nothing))
        if f"{kind}_stream" in columns:
            number = pc.replace_substring_regex(columns[f"{kind}_stream"], r"^.*,", "")
            made["flow"] = pc.coalesce(
                pc.binary_join_element_wise(kind, number, " "), made.get("flow", nothing)
            )
    return made


def _is_dicom(protocol: pa.Array | None, protocols: pa.Array | None) -> pa.Array | None:
    found = [
        pc.fill_null(pc.match_substring_regex(column, pattern), False)
        for column, pattern in ((protocol, r"(?i)^dicom$"), (protocols, r"(?i)(?:^|:)dicom(?:$|:)"))
        if column is not None
    ]
    return pc.or_(*found) if len(found) == 2 else (found[0] if found else None)


def _host(text: str) -> str | None:
    """Return an address in its canonical form, or another name as text."""
    try:
        return to_address(text.strip())
    except ValueError:
        return _clean(text)


def _clean(text: str) -> str | None:
    return escape_controls(text.strip())[:LONGEST_TEXT] or None


def _each(column: pa.Array, function: Callable[[str], str | None]) -> pa.Array:
    """Return the column with `function` applied to each different text once."""
    coded = column.dictionary_encode()
    texts = [None if v is None else function(v) for v in coded.dictionary.to_pylist()]
    return strings(texts).take(coded.indices)


def _texts(column: pa.Array) -> pa.Array:
    """Return texts without control characters, at most LONGEST_TEXT long."""
    trimmed = pc.utf8_trim_whitespace(column)
    plain = pc.and_(
        pc.utf8_is_printable(trimmed), pc.less_equal(pc.utf8_length(trimmed), LONGEST_TEXT)
    )
    if pc.all(plain, skip_nulls=True).as_py() is not False:
        return pc.if_else(pc.equal(trimmed, ""), pa.scalar(None, pa.string()), trimmed)
    return _each(column, _clean)


def _absent(name: str, n: int, sampling_rate: int) -> pa.Array:
    if name == "sampling_rate":
        return pa.repeat(pa.scalar(sampling_rate, pa.int64()), n)
    if name == "length":
        return pa.repeat(pa.scalar(0, pa.int64()), n)
    return pa.nulls(n)
