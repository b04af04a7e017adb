"""Joins a column with days and one with times of day to a column of moments."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from pacsflow.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable

    from pacsflow.readers.columns import Header
    from pacsflow.readers.quality import Quality

EXCEL_EPOCH = (date(1970, 1, 1) - date(1899, 12, 30)).days
"""Days from the one that a spreadsheet calls 0 to 1970-01-01."""
OF_1904 = 1462
"""Days from 1899-12-30 to 1904-01-01, from which old Macs' workbooks count."""
CLOCK = r"^\s*\d{1,2}(?::|\s?h\s?)\d\d(?:$|[^/\-])"
"""How a time of day begins that has no day before it."""
DATE = (
    r"^\s*(?:\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}|(?:19|20)\d{6}|[^:]*\pL{3}[^:]*\d{4})"
    r"(?:[T ]00:00(?::00(?:\.0*)?)?)?\s*$"
)
_MIDNIGHT = r"[T ]00:00(?::00(?:\.0*)?)?\s*$"
_MOMENT = r"^\s*(?P<day>\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4})[T ,]+(?P<h>\d{1,2}):(?P<m>\d\d)"
_MINUTE = r"^\s*(?P<h>\d{1,2})(?::|\s?h\s?)(?P<m>\d\d)"
_SERIAL = r"^\s*(?:3[6-9]|[4-6]\d|7[0-2])\d{3}(?:[.,]0*)?\s*$"
"""A whole number that is a spreadsheet's day between 1998 and 2099."""
_SMALL = r"^\s*-?\d{1,8}(?:[.,]\d[\d.,]*)?\s*$"
"""A number that is no time since 1970."""
_ALIKE = 0.9
"""Of the moments in a column of days at least so many have the time of day beside them."""


@dataclass(slots=True)
class DayAndTime:
    """Joins batch after batch of one table; how both are written is decided once.

    Parameters
    ----------
    quality
        Keeps remarks.
    header
        Of the table.
    counts
        Whether the user says when the capture began, so that numbers are seconds since then.
    """

    quality: Quality
    header: Header
    counts: bool = False
    _days: Callable[[pa.Array, pa.Array], pa.Array] | None = field(default=None, init=False)
    _decided: bool = field(default=False, init=False)

    @property
    def joined(self) -> bool:
        """Say whether the days stand in a column of their own."""
        return self._days is not None

    def __call__(self, times: pa.Array, dates: pa.Array) -> pa.Array:
        """Return the moments; the times as they are where these say the day themselves.

        Raises
        ------
        InputError
            If both columns together do not tell when.
        """
        if not self._decided:
            self._days, self._decided = self._how(times, dates), True
        if self._days is None:
            return times
        days = self._days(dates, times)
        return pc.binary_join_element_wise(days, pc.utf8_trim_whitespace(times), " ")

    def _how(
        self, times: pa.Array, dates: pa.Array
    ) -> Callable[[pa.Array, pa.Array], pa.Array] | None:
        """Return what makes days of the column of dates; None where the times are whole."""
        is_day = mostly(dates, DATE)
        is_serial = not is_day and mostly(dates, _SERIAL)
        if not mostly(times, CLOCK):
            if (is_day or is_serial) and not self.counts and mostly(times, _SMALL):
                raise self._numbers()
            return None
        if is_day:
            return _without_midnight
        if is_serial:
            self.quality.note(f"numbers in column {self._named('date')} are a spreadsheet's days")
            return self._of_serials
        if mostly(dates, _MOMENT):
            return self._of_moments
        if dates.null_count == len(dates):
            return None
        raise self._no_date(dates)

    def _named(self, column: str) -> str:
        return self.header.names[self.header.places[column][0]][:40]

    def _numbers(self) -> InputError:
        time, day = self._named("ts"), self._named("date")
        return InputError(
            self.quality.path,
            f"numbers stand in column {time} beside a column {day}: seconds since the start or "
            "since midnight, or a part of a day",
            hint=f"write times of day as 10:00:05; of seconds since the start leave {day} out",
        )

    def _no_date(self, dates: pa.Array) -> InputError:
        example = dates.drop_null()[0].as_py()[:40]
        problem = f"{example!r} in column {self._named('date')} is no date with a year"
        return InputError(self.quality.path, problem, hint="write it as 2026-03-02")

    def _of_serials(self, dates: pa.Array, _times: pa.Array) -> pa.Array:
        """Return days of numbers (ECMA-376 18.17.4.1)."""
        found = pc.fill_null(pc.match_substring_regex(dates, _SERIAL), False)
        whole = pc.replace_substring_regex(
            pc.if_else(found, dates, None), r"^\s*(\d+).*$", r"\1"
        ).cast(pa.int32())
        epoch = EXCEL_EPOCH - (OF_1904 if self.header.since_1904 else 0)
        days = pc.subtract(whole, pa.scalar(epoch, pa.int32())).cast(pa.date32())
        return pc.coalesce(days.cast(pa.string()), dates)

    def _of_moments(self, dates: pa.Array, times: pa.Array) -> pa.Array:
        """Return the days of moments that tell the same time of day as the column beside them."""
        moment, minute = pc.extract_regex(dates, _MOMENT), pc.extract_regex(times, _MINUTE)
        same = [
            pc.equal(
                pc.struct_field(moment, part).cast(pa.int32()),
                pc.struct_field(minute, part).cast(pa.int32()),
            )
            for part in ("h", "m")
        ]
        alike = pc.mean(pc.and_(*same).cast(pa.int8())).as_py()
        if alike is not None and alike < _ALIKE:
            time, day = self._named("ts"), self._named("date")
            raise InputError(
                self.quality.path,
                f"its columns {day} and {time} tell different times of day",
                hint="leave out the one that is not the frames' time",
            )
        return pc.struct_field(moment, "day")


def _without_midnight(dates: pa.Array, _times: pa.Array) -> pa.Array:
    """Return days without the midnight that spreadsheets write behind them."""
    return pc.replace_substring_regex(pc.utf8_trim_whitespace(dates), _MIDNIGHT, "")


def mostly(column: pa.Array, pattern: str) -> bool:
    """Say whether half of the cells that hold something match a pattern."""
    found = pc.match_substring_regex(column, pattern)
    return (pc.mean(found.cast(pa.int8())).as_py() or 0.0) >= 0.5
