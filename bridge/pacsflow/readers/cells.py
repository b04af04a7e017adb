"""Turns columns of text cells into columns of frames; counts the rows that do not fit."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pacsflow.printable import escape_controls
from pacsflow.readers.arrays import booleans, integers, strings
from pacsflow.readers.columns import normalise
from pacsflow.readers.values import (
    EARLIEST,
    LATEST,
    to_address,
    to_time,
)
from pacsflow.terms.log_fields import FRAMES, TIME

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from numpy.typing import NDArray

    from pacsflow.readers.quality import Quality

HOSTS = ("id.orig_h", "id.resp_h")
TEXTS = ("protocol", "hw_source", "hw_destination", "info")
NUMBERS = {"length": 2**31 - 1, "vlan": 4095, "id.orig_p": 65535, "id.resp_p": 65535}
"""Columns that hold whole numbers, and the largest each may have."""
LONGEST_TEXT = 1024

_DAY = 86_400.0
_EXCEL_EPOCH = (datetime(1970, 1, 1, tzinfo=UTC) - datetime(1899, 12, 30, tzinfo=UTC)).days
_FIRST, _LAST = int(EARLIEST) * 1_000_000, int(LATEST) * 1_000_000
_NUMBER = r"^\s*\d+(?:\.\d*)?(?:[eE][+-]?\d+)?\s*$"
_SLASHED = r"^\s*(\d{1,2})[/.](\d{1,2})[/.](\d{4})"


_PORTUGUESE = {
    "tempo", "hora", "data", "data e hora", "horario", "protocolo", "origem", "destino",
    "tamanho", "comprimento", "informacao", "informacoes",
}  # fmt: skip


def portuguese(names: list[str]) -> bool:
    """Return whether a table's headers are Portuguese."""
    return any(normalise(name) in _PORTUGUESE for name in names)


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """Rows of a table as text: the line (or row) number of each, and the columns that it has."""

    lines: NDArray[np.int64]
    columns: Mapping[str, pa.Array]
    """String arrays by the names of ``log_fields.FRAMES``; null where a cell is empty."""
    header: Collection[str]
    """All columns of ``log_fields.FRAMES`` that the table has, whether asked for or not."""
    portuguese: bool = False
    """Whether the headers are Portuguese: then 02/03/2026 is the second of March."""
    days_from_1904: bool = False
    """Whether the workbook counts its days from 1904."""


@dataclass(slots=True)
class Converter:
    """Converts batch after batch of one table; how its times are written is seen in the first."""

    quality: Quality
    start: datetime | None = None
    sampling_rate: int = 1
    _times: Callable[[pa.Array, Cells], pa.Array] | None = field(default=None, init=False)
    _day_first: bool | None = field(default=None, init=False)

    def __call__(self, cells: Cells) -> pa.RecordBatch:
        """Return the rows that can be read, in the columns of ``log_fields.FRAMES``."""
        made: dict[str, pa.Array] = {}
        bad: dict[int, str] = {}
        for name, column in cells.columns.items():
            if name == "ts":
                made[name] = self._time(column, cells, bad)
            elif name in NUMBERS:
                made[name] = _numbers(name, column, bad)
            elif name in HOSTS:
                made[name] = _each(column, _host)
            else:
                made[name] = _texts(column)
        if "protocol" in made:
            dicom = pc.equal(pc.utf8_lower(made["protocol"]), "dicom")
            made["service"] = pc.if_else(dicom, "dicom", pa.scalar(None, pa.string()))
        self._say_what_is_missing(cells.header)
        n = len(cells.lines)
        rows = [made.get(name, _absent(name, n, self.sampling_rate)) for name in FRAMES.names]
        batch = pa.record_batch(
            [a.cast(t) for a, t in zip(rows, FRAMES.types, strict=True)], schema=FRAMES
        )
        if bad:
            for place in sorted(bad):
                self.quality.bad_row(int(cells.lines[place]), bad[place])
            keep = np.ones(n, dtype=np.bool_)
            keep[list(bad)] = False
            batch = batch.filter(booleans(keep))
        self.quality.rows += batch.num_rows
        return batch

    def _say_what_is_missing(self, there: Collection[str]) -> None:
        if "length" not in there:
            self.quality.note("there is no column Length: bytes are not known and shown as 0")
        if "ts" not in there:
            self.quality.note("there is no column Time: frames cannot be put into hours")

    def _time(self, column: pa.Array, cells: Cells, bad: dict[int, str]) -> pa.Array:
        if self._times is None:
            self._times = self._how_times_are_written(column)
        made = self._times(column, cells)
        if pa.types.is_null(made.type):
            return made
        micros = made.cast(pa.int64())
        outside = pc.or_(pc.less(micros, _FIRST), pc.greater_equal(micros, _LAST))
        wrong = pc.or_kleene(pc.is_null(made), pc.fill_null(outside, False))
        for place in np.flatnonzero(wrong.to_numpy(zero_copy_only=False)).tolist():
            found = (column[place].as_py() or "nothing")[:40]
            bad.setdefault(place, f"expected a time between 1990 and 2100, found {found!r}")
        return made

    def _how_times_are_written(self, column: pa.Array) -> Callable[[pa.Array, Cells], pa.Array]:
        """Decide by the first rows: numbers of days, of seconds since 1970 or since the start."""
        numeric = pc.fill_null(pc.match_substring_regex(column, _NUMBER), False)
        share = pc.mean(numeric.cast(pa.int8())).as_py() or 0.0
        if share < 0.5:
            return self._text_times
        least = pc.min(_floats(column.filter(numeric))).as_py()
        if least >= float(EARLIEST):
            return lambda c, _: _from_seconds(_floats(c))
        if least >= float(EARLIEST) / _DAY + _EXCEL_EPOCH - 1462:
            return _from_days
        if self.start is not None:
            base = self.start.astimezone(UTC).timestamp()
            return lambda c, _: _from_seconds(pc.add(_floats(c), base))
        self.quality.note(
            "times are seconds since an unknown start: frames cannot be put into hours (export "
            "with View > Time Display Format > UTC Date and Time of Day)"
        )
        return lambda c, _: pa.nulls(len(c))

    def _text_times(self, column: pa.Array, cells: Cells) -> pa.Array:
        """Return times from ISO 8601 and its like, and from day/month/year."""
        text = pc.replace_substring_regex(
            pc.utf8_trim_whitespace(column), r"(:\d\d),(\d)", r"\1.\2"
        )
        if pc.any(pc.fill_null(pc.match_substring_regex(text, _SLASHED), False)).as_py():
            text = self._turned(text, cells)
        try:
            made = _cast_time(text)
        except pa.ArrowInvalid:  # at least one is written otherwise: one by one
            made = _times_one_by_one(text)
        return made

    def _turned(self, text: pa.Array, cells: Cells) -> pa.Array:
        """Return dates of the form 02/03/2026 as 2026-03-02."""
        if self._day_first is None:
            parts = pc.extract_regex(text, r"^\s*(?P<a>\d{1,2})[/.](?P<b>\d{1,2})[/.]")
            first, second = (
                pc.max(pc.struct_field(parts, name).cast(pa.int32())).as_py() or 0
                for name in ("a", "b")
            )
            self._day_first = first > 12 or (second <= 12 and cells.portuguese)
            if first <= 12 and second <= 12 and not cells.portuguese:
                self.quality.note("dates like 02/03/2026 were read as month/day/year")
        order = r"\3-\2-\1" if self._day_first else r"\3-\1-\2"
        turned = pc.replace_substring_regex(text, _SLASHED, order)
        turned = pc.replace_substring_regex(turned, r"^(\d{4})-(\d)-", r"\1-0\2-")
        return pc.replace_substring_regex(turned, r"^(\d{4}-\d\d)-(\d)(\D|$)", r"\1-0\2\3")


def _cast_time(text: pa.Array) -> pa.Array:
    """Return UTC times from ISO text that all has a zone, or all has none."""
    try:
        made = text.cast(pa.timestamp("ns"))
    except pa.ArrowInvalid:
        made = text.cast(pa.timestamp("ns", tz="UTC"))
    return made.cast(pa.timestamp("us", tz=made.type.tz), safe=False).cast(TIME)


def _one_time(value: str | None) -> int | None:
    """Return microseconds of one time, None where it cannot be read."""
    try:
        return to_time(value or "")
    except ValueError:
        pass
    for form in ("%b %d, %Y %H:%M:%S.%f", "%b %d, %Y %H:%M:%S"):
        # Wireshark's frame.time: Mar  2, 2026 03:00:00.123456789 UTC
        text = (value or "").replace(" UTC", "")
        whole, dot, fraction = text.rpartition(".")
        text = f"{whole}.{fraction[:6]}" if dot else text
        try:
            moment = datetime.strptime(text, form).replace(tzinfo=UTC)
        except ValueError:
            continue
        return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    return None


def _floats(column: pa.Array) -> pa.Array:
    """Return numbers, null where the text is none."""
    fits = pc.fill_null(pc.match_substring_regex(column, _NUMBER), False)
    text = pc.if_else(fits, pc.utf8_trim_whitespace(column), pa.scalar(None, column.type))
    return text.cast(pa.float64())


def _from_seconds(values: pa.Array) -> pa.Array:
    fine = pc.less(pc.abs(values), 1e12)  # what fits 64 bits of microseconds
    kept = pc.if_else(fine, values, pa.scalar(None, pa.float64()))
    micros = pc.round(pc.multiply(kept, 1e6)).cast(pa.int64())
    return micros.cast(pa.timestamp("us")).cast(TIME)


def _from_days(column: pa.Array, cells: Cells) -> pa.Array:
    """Return times from a spreadsheet's days (ECMA-376 18.17.4.1), text ones read as text."""
    since = _EXCEL_EPOCH - (1462 if cells.days_from_1904 else 0)
    made = _from_seconds(pc.multiply(pc.subtract(_floats(column), float(since)), _DAY))
    if made.null_count == column.null_count:
        return made
    return pc.coalesce(made, _times_one_by_one(column))


def _times_one_by_one(column: pa.Array) -> pa.Array:
    micros = [_one_time(value) for value in column.to_pylist()]
    valid = np.array([value is not None for value in micros], dtype=np.bool_)
    values = np.array([value or 0 for value in micros], dtype=np.int64)
    return integers(values, valid).cast(pa.timestamp("us")).cast(TIME)


def _numbers(name: str, column: pa.Array, bad: dict[int, str]) -> pa.Array:
    """Return whole numbers; cells that hold none go to `bad` (an empty length does too)."""
    try:
        plain = column.cast(pa.int64())
    except pa.ArrowInvalid:
        plain = None
    if plain is not None and (not plain.null_count or name != "length"):
        least, most = pc.min_max(plain).as_py().values()
        if least is None or 0 <= least <= most <= NUMBERS[name]:
            return plain
    values = _floats(column)
    whole = pc.and_(pc.equal(values, pc.floor(values)), pc.less_equal(values, NUMBERS[name]))
    fits = pc.fill_null(whole, False)
    empty = pc.is_null(column)
    wrong = pc.and_(pc.invert(fits), pc.invert(empty) if name != "length" else True)
    for place in np.flatnonzero(wrong.to_numpy(zero_copy_only=False)).tolist():
        found = (column[place].as_py() or "nothing")[:40]
        bad.setdefault(place, f"expected a number in {name}, found {found!r}")
    return pc.if_else(fits, values, pa.scalar(None, pa.float64())).cast(pa.int64())


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
