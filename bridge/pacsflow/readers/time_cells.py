"""Reads the times of a table as its whole column shows that they are written."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pacsflow.errors import InputError
from pacsflow.readers.arrays import integers
from pacsflow.readers.columns import unknown
from pacsflow.readers.day_and_time import CLOCK, DATE, EXCEL_EPOCH, OF_1904, DayAndTime, mostly
from pacsflow.readers.moments import read_moment
from pacsflow.readers.number_cells import NumberCells
from pacsflow.readers.zeek_values import EARLIEST, NO_ZONE, SCALES, is_rounded, latest
from pacsflow.terms.log_fields import TIME

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from numpy.typing import NDArray

    from pacsflow.readers.columns import Header
    from pacsflow.readers.quality import Quality

_DAY = 86_400.0
_SHORTENED = r"^\s*\d+(?:[.,]\d+)?[eE]\+?\d{1,9}\s*$"
_FIRST = int(EARLIEST) * 1_000_000
_NUMBER = r"^\s*-?\d[\d.,]*(?:[eE][+-]?\d+)?\s*$"
_ZONELESS = r"\d:\d\d(?::\d\d(?:[.,]\d+)?)?(?:\s*[AaPp]\.?\s?[Mm]\.?)?\s*$"
"""Where nothing stands behind the time of day."""
READ_AS_UTC = f"{NO_ZONE} (a header such as Time (UTC-3) says which)"
_TWO_NUMBERS = r"^\s*(?P<a>\d{1,2})(?P<sign>[-/.])(?P<b>\d{1,2})[-/.]\d{2,4}(?:\D|$)"
_DATED = r"^(\d{1,2})[-/.](\d{1,2})[-/.](\d{4})"
_ENOUGH, _BACK = 8, 0.1
"""Of so many frames no such share is earlier than the frame before them."""
ORDERS = ("dmy", "mdy")


@dataclass(slots=True)
class TimeCells:
    """Reads the times of one table, batch after batch; how they are written is decided once.

    Parameters
    ----------
    quality
        Keeps remarks.
    header
        Of the table.
    preview
        Yields the whole of a column, where its first rows leave the order of day and month open.
    start
        When the capture began, for times that are seconds since then.
    date_order
        ``dmy`` or ``mdy``, where the user says it.
    """

    quality: Quality
    header: Header
    preview: Callable[[str], Iterator[pa.Array]]
    start: datetime | None = None
    date_order: str = ""
    is_relative: bool = field(default=False, init=False)
    _day_first: bool | None = field(default=None, init=False)
    _read: Callable[[pa.Array, dict[int, str]], pa.Array] | None = field(default=None, init=False)
    _days: DayAndTime = field(init=False)
    _numbers: NumberCells | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self._days = DayAndTime(self.quality, self.header, self.start is not None)

    def __call__(self, columns: Mapping[str, pa.Array], bad: dict[int, str]) -> pa.Array:
        """Return times; places of cells that hold none go to `bad`, with what was expected.

        Of a table's columns ``ts``, ``date`` and ``zone`` one of the first two has to be there.
        """
        column = self._one_column(columns.get("ts"), columns.get("date"))
        column = self._zoned(column, columns.get("zone"))
        if self._read is None:
            self._read = self._how_times_are_written(column)
            if self.is_relative and self.start is not None:
                self._refuse_deltas(column, columns.get("number"))
        made = self._read(column, bad)
        if pa.types.is_null(made.type):
            return made
        if self._numbers:
            self._refuse_rounded(column, bad)
        micros = made.cast(pa.int64())
        outside = pc.or_(pc.less(micros, _FIRST), pc.greater_equal(micros, latest() * 1_000_000))
        wrong = pc.or_kleene(pc.is_null(made), pc.fill_null(outside, False))
        for place in np.flatnonzero(wrong.to_numpy(zero_copy_only=False)).tolist():
            found = (column[place].as_py() or "nothing")[:40]
            bad.setdefault(place, f"expected a time between 1990 and 2100, found {found!r}")
        return made

    def _refuse_deltas(self, column: pa.Array, numbers: pa.Array | None) -> None:
        """Refuse seconds since the frame before: those since the start go up as the frames do."""
        if numbers is None or len(column) < _ENOUGH:
            return
        steps = np.diff(_floats_of(numbers))
        back = np.diff(self._floats(column).to_numpy(zero_copy_only=False)) < 0
        if (steps > 0).all() and back.mean() > _BACK:
            raise InputError(
                self.quality.path,
                "its times are seconds since the frame before, not since the start",
                hint="export it with View > Time Display Format > UTC Date and Time of Day",
            )

    def _refuse_rounded(self, column: pa.Array, bad: dict[int, str]) -> None:
        """Refuse numbers that a spreadsheet has cut to few digits: 1.77245E+09.

        Where others of the column have all theirs, the short ones only lack zeros at their end.
        """
        short = pc.fill_null(pc.match_substring_regex(column, _SHORTENED), False)
        texts = {
            place: column[place].as_py().strip()
            for place in np.flatnonzero(short.to_numpy(zero_copy_only=False)).tolist()
        }
        if all(is_rounded(Decimal(text.replace(",", "."))) for text in texts.values()):
            for place, text in texts.items():
                bad.setdefault(place, f"expected a time to the second, found {text[:40]!r}")

    def _one_column(self, times: pa.Array | None, dates: pa.Array | None) -> pa.Array:
        """Return the column that says when: date and time of day joined where they are two."""
        if times is None or dates is None or self.header.days:
            return dates if times is None else times
        return self._days(times, dates)

    def _zoned(self, column: pa.Array, zones: pa.Array | None) -> pa.Array:
        """Return written times with the zone behind them that stands in a column or its name."""
        if zones is None and not self.header.zone:
            return column
        zone = pa.scalar(self.header.zone) if zones is None else zones
        both = pc.binary_join_element_wise(column, pc.utf8_trim_whitespace(zone), " ")
        alone = pc.or_kleene(pc.is_null(both), pc.match_substring_regex(column, _NUMBER))
        return pc.if_else(alone, column, both)

    def _how_times_are_written(
        self, column: pa.Array
    ) -> Callable[[pa.Array, dict[int, str]], pa.Array]:
        """Decide by the first rows: numbers of days, of seconds since 1970 or since the start."""
        if not mostly(column, _NUMBER):
            if mostly(column, CLOCK):
                raise self._dateless()
            if mostly(column, DATE) and not mostly(column, r":"):
                others = unknown(self.header)
                self.quality.note(f"times are dates alone: all frames stand at midnight{others}")
            if mostly(column, _ZONELESS):
                self.quality.note(READ_AS_UTC)
            return self._text_times
        self._numbers = NumberCells("Time", self.quality, self.header.comma, whole=False)
        if self.header.days:
            return self._in_days
        least = pc.min(self._numbers.floats(column)).as_py()
        if least is not None and least >= float(EARLIEST):
            return self._epoch
        self.is_relative = True
        if self.start is None:
            self.quality.note(
                "times are seconds since an unknown start: frames cannot be put into hours (export "
                "with View > Time Display Format > UTC Date and Time of Day)"
            )
            return lambda c, _: pa.nulls(len(c))
        return self._since_start

    def _dateless(self) -> InputError:
        return InputError(
            self.quality.path,
            f"its times are times of day, without a date{unknown(self.header)}",
            hint="name the column with the day Date, or export it with View > Time Display "
            "Format > UTC Date and Time of Day",
        )

    def _floats(self, column: pa.Array) -> pa.Array:
        return self._numbers.floats(column) if self._numbers else column.cast(pa.float64())

    def _epoch(self, column: pa.Array, bad: dict[int, str]) -> pa.Array:
        """Return times from seconds since 1970, or milli-, micro- or nanoseconds."""
        values = self._floats(column)
        for most, scale in SCALES[1:]:
            large = pc.fill_null(pc.greater_equal(values, float(most // 1000)), False)
            if pc.any(large).as_py():
                scaled = pc.divide(values, float(scale))
                fits = pc.and_(large, pc.fill_null(pc.less(values, float(most)), False))
                values = pc.if_else(fits, scaled, values)
        return self._with_texts(_from_seconds(values), column, bad)

    def _since_start(self, column: pa.Array, bad: dict[int, str]) -> pa.Array:
        del bad
        base = self.start.astimezone(UTC).timestamp() if self.start else 0.0
        return _from_seconds(pc.add(self._floats(column), base))

    def _in_days(self, column: pa.Array, bad: dict[int, str]) -> pa.Array:
        """Return times from a spreadsheet's days (ECMA-376 18.17.4.1)."""
        epoch = EXCEL_EPOCH - (OF_1904 if self.header.since_1904 else 0)
        since = pc.subtract(self._floats(column), float(epoch))
        return self._with_texts(_from_seconds(pc.multiply(since, _DAY)), column, bad)

    def _with_texts(self, made: pa.Array, column: pa.Array, bad: dict[int, str]) -> pa.Array:
        """Return times with those read as text that are no numbers."""
        if made.null_count == column.null_count:
            return made
        left = pc.if_else(pc.is_null(made), column, pa.scalar(None, pa.string()))
        return pc.coalesce(made, self._text_times(left, bad))

    def _text_times(self, column: pa.Array, bad: dict[int, str]) -> pa.Array:
        """Return times from ISO 8601 and its like, and from dates in another order."""
        try:
            return _cast_time(column)
        except pa.ArrowInvalid:
            return self._otherwise_written(column, bad)

    def _otherwise_written(self, column: pa.Array, bad: dict[int, str]) -> pa.Array:
        text = pc.replace_substring_regex(
            pc.utf8_trim_whitespace(column), r"(:\d\d),(\d)", r"\1.\2"
        )
        self._decide_order(text)
        plain = pc.replace_substring_regex(text, r"(?i) ?(?:UTC|GMT|Z)$", "Z")
        plain = pc.replace_substring_regex(plain, r" ([+-]\d\d:?\d\d)$", r"\1")
        if self._day_first is not None:
            order = r"\3-\2-\1" if self._day_first else r"\3-\1-\2"
            plain = pc.replace_substring_regex(plain, _DATED, order)
            plain = pc.replace_substring_regex(plain, r"^(\d{4})-(\d)-", r"\1-0\2-")
            plain = pc.replace_substring_regex(plain, r"^(\d{4}-\d\d)-(\d)(\D|$)", r"\1-0\2\3")
        plain = pc.replace_substring_regex(plain, r"([T ])(\d:\d\d)", r"\10\2")
        try:
            return _cast_time(plain)
        except pa.ArrowInvalid:  # at least one is written otherwise: one by one
            return self._one_by_one(text, bad)

    def _one_by_one(self, column: pa.Array, bad: dict[int, str]) -> pa.Array:
        values = np.zeros(len(column), dtype=np.int64)
        valid = np.zeros(len(column), dtype=np.bool_)
        for place, value in enumerate(column.to_pylist()):
            if value is None:
                continue
            try:
                values[place] = read_moment(value, day_first=bool(self._day_first))
            except ValueError as error:
                bad.setdefault(place, str(error))
            else:
                valid[place] = True
        return integers(values, valid).cast(pa.timestamp("us")).cast(TIME)

    def _decide_order(self, text: pa.Array) -> None:
        """Decide whether the day or the month stands first, where dates are written so.

        By what the user says, by numbers above twelve anywhere in the column, by dots, by the
        header's language. Raises `InputError` where none of them tells.
        """
        seen = _Seen()
        seen.look(text)
        if not seen.anything:
            return
        if self._day_first is None and self.date_order:
            self._day_first = self.date_order == "dmy"
        if self._day_first is None and not seen.decided:
            for more in self.preview("date" if self._days.joined else ""):
                seen.look(more)
                if seen.decided:
                    break
        if seen.first > 12 and seen.second > 12 and not self.date_order:
            raise InputError(
                self.quality.path,
                f"its dates contradict each other: {seen.example!r} and others of another order",
                hint="write them as 2026-03-02",
            )
        if self._day_first is not None:
            return
        if seen.decided:
            self._day_first = seen.first > 12
        elif seen.dotted or self.header.day_first:
            self._day_first = True
        else:
            raise InputError(
                self.quality.path,
                f"dates like {seen.example!r} may begin with the day or the month",
                hint="say which: --date-order dmy or --date-order mdy",
            )


@dataclass(slots=True)
class _Seen:
    """What dates that begin with one or two digits show of their order."""

    first: int = 0
    second: int = 0
    dotted: bool = True
    example: str = ""

    @property
    def anything(self) -> bool:
        return bool(self.example)

    @property
    def decided(self) -> bool:
        return self.first > 12 or self.second > 12

    def look(self, text: pa.Array) -> None:
        parts = pc.extract_regex(text, _TWO_NUMBERS)
        there = pc.is_valid(parts)
        if not pc.any(there).as_py():
            return
        if not self.example:
            self.example = text.filter(there)[0].as_py()[:20]
        parts = parts.filter(there)
        first, second = (
            pc.max(pc.struct_field(parts, name).cast(pa.int32())).as_py() for name in ("a", "b")
        )
        self.first, self.second = max(self.first, first), max(self.second, second)
        self.dotted &= bool(pc.all(pc.equal(pc.struct_field(parts, "sign"), ".")).as_py())


def _floats_of(column: pa.Array) -> NDArray[np.float64]:
    """Return numbers, NaN where the text is none."""
    plain = pc.if_else(pc.match_substring_regex(column, r"^\d{1,15}$"), column, None)
    made: NDArray[np.float64] = plain.cast(pa.float64()).to_numpy(zero_copy_only=False)
    return made


def _cast_time(text: pa.Array) -> pa.Array:
    """Return UTC times from ISO text that all has a zone, or all has none."""
    try:
        made = text.cast(pa.timestamp("ns"))
    except pa.ArrowInvalid:
        made = text.cast(pa.timestamp("ns", tz="UTC"))
    return made.cast(pa.timestamp("us", tz=made.type.tz), safe=False).cast(TIME)


def _from_seconds(values: pa.Array) -> pa.Array:
    fine = pc.less(pc.abs(values), 1e12)  # what fits 64 bits of microseconds
    kept = pc.if_else(fine, values, pa.scalar(None, pa.float64()))
    micros = pc.round(pc.multiply(kept, 1e6)).cast(pa.int64())
    return micros.cast(pa.timestamp("us")).cast(TIME)
