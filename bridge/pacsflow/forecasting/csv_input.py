"""Reads an hourly series from any CSV that has a column of times and a column of numbers."""

from __future__ import annotations

import csv
import math
import re
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice, pairwise
from statistics import median
from typing import TYPE_CHECKING

import numpy as np

from pacsflow.errors import InputError, unreadable
from pacsflow.forecasting.transform import zone_of
from pacsflow.printable import counted
from pacsflow.series import HOUR, HourlySeries, floor_hour

if TYPE_CHECKING:
    from pathlib import Path
    from zoneinfo import ZoneInfo

_SAMPLE = 200
_MOST_HOURS = 30 * 366 * 24
_MOST_BYTES = 512 * 1024 * 1024
_FORMATS = (
    "%d/%m/%Y %H:%M:%S",
    "%d/%m/%Y %H:%M",
    "%m/%d/%Y %H:%M:%S",
    "%m/%d/%Y %H:%M",
    "%d.%m.%Y %H:%M:%S",
    "%d.%m.%Y %H:%M",
    "%d-%m-%Y %H:%M:%S",
    "%d-%m-%Y %H:%M",
    "%Y/%m/%d %H:%M:%S",
    "%Y/%m/%d %H:%M",
    "%Y%m%d %H:%M",
    "%d/%m/%Y",
    "%m/%d/%Y",
)
_FOREIGN = re.compile(r"^#|\b(source|destination|id\.orig_h|protocol)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class CsvSeries:
    """A series with what was done to the file's rows to get it, one sentence each."""

    series: HourlySeries
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Layout:
    rows: list[list[str]]
    header: list[str]
    time: int
    value: int
    form: str
    comma: bool


def is_series_csv(path: Path) -> bool:
    """Say whether a file looks like a series: a column of times, one of numbers, no addresses."""
    try:
        with path.open("rb") as file:
            head = file.read(65536)
    except OSError:
        return False
    if b"\0" in head:
        return False
    text = head.decode("utf-8-sig", errors="replace")
    if len(head) == 65536:
        text = text.rpartition("\n")[0]
    first = text.partition("\n")[0]
    if _FOREIGN.search(first):
        return False
    return _layout(_split(text)[: _SAMPLE + 1], "") is not None


def read_series_csv(
    path: Path, *, column: str = "", zone: str = "UTC", combine: str = "sum"
) -> CsvSeries:
    """Read one series.

    The column of times is the first in which nearly every row is a time (ISO 8601, epoch seconds,
    or day and month with dots, slashes or dashes); the values are `column`, or the first other
    column in which nearly every row is a number or empty. Times without a zone are of `zone`.
    Rows shorter than an hour apart are combined; an hour of which rows are missing is a gap, and
    so is an empty value.

    Parameters
    ----------
    path
        The file: comma, semicolon or tab between cells; UTF-8.
    column
        Name (or number from 1) of the column of values.
    zone
        IANA zone of times that name none.
    combine
        ``sum`` (amounts) or ``mean`` (rates, levels) for rows shorter than an hour apart.

    Raises
    ------
    InputError
        When there is no such file, no such column, nothing that fits, or rows are more than an
        hour apart.
    """
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise InputError(path, "is larger than 512 MB", hint="ingest it as a log instead")
        text = path.read_bytes().replace(b"\0", b"").decode("utf-8-sig", errors="replace")
    except OSError as error:
        raise unreadable(path, error) from error
    layout = _layout(_split(text), column)
    if layout is None:
        what = f"no column called {column!r} of numbers" if column else "no column of numbers"
        raise InputError(
            path, f"{what} beside a column of times", hint="expected e.g. time,value rows"
        )
    times, values, bad = _parse(layout, zone_of(zone))
    if len(times) < 2:
        raise InputError(path, f"{len(times)} rows with a time are no series")
    return _hourly(path, layout, times, values, bad, combine)


def _split(text: str) -> list[list[str]]:
    first = text.partition("\n")[0]
    delimiter = max(("\t", ";", ","), key=first.count)
    limit = csv.field_size_limit(1 << 20)
    try:
        return [row for row in csv.reader(text.splitlines(), delimiter=delimiter) if any(row)]
    except csv.Error:
        return []
    finally:
        csv.field_size_limit(limit)


def _layout(rows: list[list[str]], column: str) -> _Layout | None:
    if len(rows) < 2:
        return None
    width = Counter(len(row) for row in rows[:_SAMPLE]).most_common(1)[0][0]
    sample = rows[1 : _SAMPLE + 1]
    found = None
    for place in range(width):
        cells = [row[place].strip() for row in sample if len(row) > place]
        form = _form(cells)
        if form:
            found = place, form
            break
    if found is None:
        return None
    header = rows[0] if not _matches(rows[0][found[0]], found[1]) else []
    for place in _wanted(header, width, column, found[0]):
        filled = (row[place].strip() for row in rows[1:] if len(row) > place)
        cells = [*islice(filter(None, filled), _SAMPLE)]  # a column may begin empty
        for comma in (False, True):
            good = sum(_number(cell, comma=comma) is not None for cell in cells)
            if cells and good >= 0.8 * len(cells):
                return _Layout(rows[bool(header) :], header, found[0], place, found[1], comma)
    return None


def _wanted(header: list[str], width: int, column: str, time: int) -> list[int]:
    if not column:
        return [place for place in range(width) if place != time]
    names = [name.strip().casefold() for name in header]
    if column.strip().casefold() in names:
        return [names.index(column.strip().casefold())]
    if column.isdecimal() and 0 < int(column) <= width:
        return [int(column) - 1]
    return []


def _form(cells: list[str]) -> str:
    """Return the format that nearly every cell has; the one that fits most, day before month."""
    cells = [cell for cell in cells if cell]
    best, most = "", 0
    for form in ("iso", "epoch", *_FORMATS):
        fits = sum(_matches(cell, form) for cell in cells)
        if fits > most:
            best, most = form, fits
    return best if cells and most >= 0.8 * len(cells) else ""


def _matches(cell: str, form: str) -> bool:
    return _moment(cell.strip(), form) is not None


def _moment(cell: str, form: str) -> datetime | None:
    try:
        if form == "iso":
            if len(cell) < 8 or not cell[:4].isdigit() or cell[4] not in "-0123456789":
                return None
            if "-" not in cell and "T" not in cell:
                return None
            return datetime.fromisoformat(cell)
        if form == "epoch":
            seconds = float(cell)
            if not 1e8 <= seconds <= 4.2e9:
                return None
            return datetime.fromtimestamp(seconds, UTC)
        return datetime.strptime(cell, form)  # noqa: DTZ007  the zone is given apart
    except (ValueError, OverflowError, OSError):
        return None


def _number(cell: str, *, comma: bool) -> float | None:
    text = cell.replace(".", "").replace(",", ".") if comma else cell
    try:
        value = float(text)
    except ValueError:
        return math.nan if cell.casefold() in {"", "-", "na", "nan", "null", "none"} else None
    return value if math.isfinite(value) else math.nan


def _parse(layout: _Layout, info: ZoneInfo) -> tuple[list[datetime], list[float], int]:
    times: list[datetime] = []
    values: list[float] = []
    bad = 0
    before: datetime | None = None
    for row in layout.rows:
        moment = value = None
        if len(row) > max(layout.time, layout.value):
            moment = _moment(row[layout.time].strip(), layout.form)
            value = _number(row[layout.value].strip(), comma=layout.comma)
        if moment is None or value is None:
            bad += 1
            continue
        if moment.tzinfo is None:
            # In autumn an hour comes twice: the second time the clock does not move on.
            again = before is not None and moment <= before
            before = moment
            moment = moment.replace(tzinfo=info, fold=int(again))
        try:
            times.append(moment.astimezone(UTC))
        except (OverflowError, ValueError):
            bad += 1
            continue
        values.append(value)
    return times, values, bad


def _hourly(
    path: Path,
    layout: _Layout,
    times: list[datetime],
    values: list[float],
    bad: int,
    combine: str,
) -> CsvSeries:
    order = sorted(range(len(times)), key=times.__getitem__)
    steps = [(times[b] - times[a]).total_seconds() for a, b in pairwise(order)]
    step = median(steps)
    if step > 3600:
        raise InputError(
            path,
            f"rows are {step / 3600:.1f} hours apart",
            hint="a forecast by the hour needs rows at most an hour apart",
        )
    start, end = floor_hour(times[order[0]]), floor_hour(times[order[-1]])
    hours = int((end - start) / HOUR) + 1
    if hours > _MOST_HOURS:
        raise InputError(path, f"spans {hours // 8766} years", hint="one time may be wrong")
    total, count = np.zeros(hours), np.zeros(hours)
    for moment, value in zip(times, values, strict=True):
        if math.isfinite(value):
            place = int((moment - start) / HOUR)
            total[place] += value
            count[place] += 1
    each = max(1, round(3600 / step)) if step > 0 else 1
    mean = np.divide(total, count, out=np.full(hours, np.nan), where=count > 0)
    notes = []
    grid = mean
    if each > 1:
        grid = np.where(count >= each, total if combine == "sum" else mean, np.nan)
        word = "summed to" if combine == "sum" else "averaged over"
        notes.append(f"{each} rows an hour were {word} hours (--combine sum or mean).")
        known = np.flatnonzero(np.isfinite(grid))
        if known.size:  # the first and the last hour are often begun
            grid, start = grid[known[0] : known[-1] + 1], start + int(known[0]) * HOUR
    elif (count > 1).any():
        stood = counted(int((count > 1).sum()), "hour", "hours")
        notes.append(f"{stood} stood in several rows: their mean was taken.")
    if bad:
        notes.append(f"{counted(bad, 'row', 'rows')} could not be read, and left out.")
    gaps = int((~np.isfinite(grid)).sum())
    if gaps:
        told = counted(gaps, "hour has no value and counts", "hours have no value and count")
        notes.append(f"{told} as missing, not as zero.")
    unit = layout.header[layout.value].strip() if layout.header else ""
    unit = " ".join(unit.split()) if unit.isprintable() else ""
    return CsvSeries(
        HourlySeries(path.stem, unit if 0 < len(unit) <= 40 else "value", start, grid),
        tuple(notes),
    )
