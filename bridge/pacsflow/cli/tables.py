"""Tables for people: every value is whole, or its column is named as left out."""

from __future__ import annotations

import math
import re
import shutil
import sys
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from pacsflow.cli.console import remarks
from pacsflow.printable import escape_controls
from pacsflow.words.marks import BYTE_UNITS
from pacsflow.words.tables import LEFT_OUT, NONE

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from pacsflow.words.language import Language


class OutputFormat(StrEnum):
    """How a result is written to standard output."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"


NOTHING: tuple[object, ...] = (None, "", [], ())
GAP = 2
"""Blanks between columns."""
LONG = 24
"""Columns of a terminal that a text keeps at least before it is folded further."""
WHOLE = 64
"""A word up to so wide (a UID, an address) is never broken; its column is left out before."""
TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d\S*")


_decimal_comma = False


def set_decimal_comma(wanted: bool) -> None:
    """Write CSV for spreadsheets in languages with a decimal comma from now on, or not."""
    global _decimal_comma  # noqa: PLW0603 - one a process, as standard output is
    _decimal_comma = wanted


def emit(
    title: str,
    columns: Sequence[str],
    rows: Sequence[Sequence[Any]],
    how: OutputFormat,
    *,
    spare: Collection[str] = (),
    ranked: str = "",
    language: Language | None = None,
) -> None:
    """Write a result to standard output as a table, JSON objects or CSV.

    Behind the objects there is one with `remarks` where anything was warned of: rows that were not
    read or left out, and what else a reader has to know of the sources.

    Parameters
    ----------
    title
        What the table is of.
    columns
        Names of the columns.
    rows
        Their cells.
    how
        For people or for programs.
    spare
        Columns that a narrow terminal leaves out before others.
    ranked
        The column by which the rows are in order: it stands before others are left out.
    language
        Of headings and figures, for people; programs get names and numbers as they are.
    """
    if how is OutputFormat.TABLE:
        width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
        sys.stdout.write(
            table(title, columns, rows, width, spare=spare, ranked=ranked, language=language)
        )
        return
    from pacsflow.export.rows import to_csv, to_objects

    told = remarks()
    sys.stdout.write(
        to_objects(columns, rows, told)
        if how is OutputFormat.JSON
        else to_csv(columns, rows, decimal_comma=_decimal_comma)
    )


@dataclass(frozen=True, slots=True)
class Listing:
    """One of several tables that answer a question together."""

    name: str
    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]


def emit_several(
    listings: Sequence[Listing], how: OutputFormat, more: Mapping[str, Any] | None = None
) -> None:
    """Write tables to standard output, for programs as the one document that these can read.

    JSON is an object with a list for each table by its name, what `more` is told of them all, and
    `remarks` where anything was warned of. CSV is one table: its first column says which one a row
    is of, and a cell of a column that this one does not have is empty.
    """
    if how is OutputFormat.TABLE:
        for one in listings:
            if one.rows:
                emit(one.title, one.columns, one.rows, how)
        return
    from pacsflow.export.rows import to_csv, to_json

    told = remarks()
    if how is OutputFormat.JSON:
        made: dict[str, Any] = {
            one.name: [dict(zip(one.columns, row, strict=True)) for row in one.rows]
            for one in listings
        }
        sys.stdout.write(to_json(made | dict(more or {}) | ({"remarks": told} if told else {})))
        return
    columns = list(dict.fromkeys(name for one in listings for name in one.columns))
    rows = [
        [one.name, *map(dict(zip(one.columns, row, strict=True)).get, columns)]
        for one in listings
        for row in one.rows
    ]
    sys.stdout.write(to_csv(["table", *columns], rows, decimal_comma=_decimal_comma))


@dataclass(slots=True)
class _Column:
    """One column as it is to be shown: its lines of text, and the room that they take."""

    name: str
    head: str
    cells: list[str]
    numeric: bool
    least: int
    wide: int
    width: int = 0


def table(
    title: str,
    columns: Sequence[str],
    rows: Sequence[Sequence[Any]],
    width: int | None,
    *,
    spare: Collection[str] = (),
    ranked: str = "",
    language: Language | None = None,
) -> str:
    """Return a table of at most `width` columns of a terminal; None is as wide as it takes.

    Numbers, times and words are never broken. Texts are folded between words; what is still too
    wide for the terminal is left out by whole columns, and a line below names them. A column in
    which no row has anything is not shown on a terminal; a program that reads a pipe gets it.
    """
    head = [f"{escape_controls(title)}\n"] if title else []
    say = language.gettext if language else str
    if not rows:
        return "".join([*head, f"{say(NONE)}\n"])
    made = [_column(name, [row[i] for row in rows], language) for i, name in enumerate(columns)]
    if width is None:
        for column in made:
            column.width = column.wide
        return "".join([*head, *_lines(made)])
    filled = [
        column
        for i, column in enumerate(made)
        if any(row[i] not in NOTHING for row in rows)
    ]  # fmt: skip
    made = filled or made[:1]
    fitting = _fit(made, width, spare, ranked)
    lines = [*head, *_lines(fitting)]
    if left := [column.head for column in made if column not in fitting]:
        lines += [f"{line}\n" for line in fold(say(LEFT_OUT) % {"columns": ", ".join(left)}, width)]
    return "".join(lines)


def _column(name: str, cells: Sequence[Any], language: Language | None) -> _Column:
    numeric = any(isinstance(cell, (int, float)) for cell in cells)
    texts = [shown(cell, name) for cell in cells]
    head = name.replace("_", " ")
    if language:
        head = language.gettext(head)
        texts = [
            language.pointed(text) if isinstance(cell, (int, float)) else text
            for text, cell in zip(texts, cells, strict=True)
        ]
    wide = max(map(cell_width, [head, *texts]))
    if numeric:
        least = max(map(cell_width, [*head.split(), *texts]))
    else:
        longest = max(map(cell_width, _words(" ".join([head, *texts]))), default=1)
        least = longest if longest <= WHOLE or _is_time(texts) else WHOLE
        least = max(least, min(LONG, max(map(cell_width, texts))))
    return _Column(name, head, texts, numeric, min(least, wide), wide)


def _is_time(texts: Sequence[str]) -> bool:
    return any(TIME.fullmatch(text) for text in texts)


def _words(text: str) -> list[str]:
    """Return what is not broken: words, and a time with its date."""
    return [word.replace("\x00", " ") for word in TIME.sub(_joined, text).split()]


def _joined(match: re.Match[str]) -> str:
    return match.group().replace(" ", "\x00")


def _fit(columns: list[_Column], width: int, spare: Collection[str], ranked: str) -> list[_Column]:
    """Set the widths of as many columns as fit, the first ones before the later ones.

    Spare ones stand only where all others do. The first column and the one that the rows are
    ranked by stand before all.
    """
    fitting: list[_Column] = []
    room = width + GAP
    others = [column for column in columns if column.name not in spare]
    others[1:] = sorted(others[1:], key=lambda column: column.name != ranked)
    for column in [*others, *(column for column in columns if column.name in spare)]:
        if column.name in spare and len(fitting) < len(others):
            break
        if not fitting:
            column.least = min(column.least, width)
        if column.least + GAP <= room:
            fitting.append(column)
            room -= column.least + GAP
    for column in fitting:
        column.width = column.least
    # What room there is goes to numbers' headings first, then to the texts, the narrow ones first.
    for column in sorted(fitting, key=lambda c: c.wide - c.least):
        more = min(room, column.wide - column.width)
        column.width += more
        room -= more
    return [column for column in columns if column in fitting]


def _lines(columns: list[_Column]) -> list[str]:
    rule = "─" if "utf" in (sys.stdout.encoding or "").lower() else "-"
    rows = [[column.head for column in columns]]
    rows += [[column.cells[i] for column in columns] for i in range(len(columns[0].cells))]
    lines: list[str] = []
    for number, row in enumerate(rows):
        folded = [fold(cell, column.width) for cell, column in zip(row, columns, strict=True)]
        for level in range(max(map(len, folded))):
            cells = [cell[level] if level < len(cell) else "" for cell in folded]
            padded = (_padded(cell, c) for cell, c in zip(cells, columns, strict=True))
            lines.append((" " * GAP).join(padded).rstrip() + "\n")
        if not number:
            lines.append((" " * GAP).join(rule * column.width for column in columns) + "\n")
    return lines


def _padded(text: str, column: _Column) -> str:
    blanks = " " * (column.width - cell_width(text))
    return blanks + text if column.numeric else text + blanks


def fold(text: str, width: int) -> list[str]:
    """Return `text` in lines of at most `width` columns, broken between words where it can be."""
    if cell_width(text) <= width:
        return [text]
    lines = [""]
    for whole in _words(text):
        word = whole
        between = " " if lines[-1] else ""
        if cell_width(lines[-1] + between + word) <= width:
            lines[-1] += between + word
            continue
        if lines[-1]:
            lines.append("")
        while cell_width(word) > width:
            part = _start(word, width)
            lines[-1] = part
            lines.append("")
            word = word[len(part) :]
        lines[-1] = word
    return lines


def _start(word: str, width: int) -> str:
    """Return the first letters of a word that fit, one at least."""
    end, taken = 0, 0
    for letter in word:
        taken += cell_width(letter)
        if taken > width and end:
            break
        end += 1
    return word[:end]


def cell_width(text: str) -> int:
    """Return how many columns of a terminal a text takes: wide letters two, marks none."""
    if text.isascii():
        return len(text)
    from wcwidth import wcswidth

    return max(0, wcswidth(text))


def shown(cell: Any, column: str = "") -> str:  # noqa: ANN401 - a cell is of any type
    """Return a cell as people read it: grouped digits, bytes in units, no control characters."""
    if cell is None:
        return "-"
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, (list, tuple)):
        return ", ".join(shown(item) for item in cell)
    if isinstance(cell, (int, float)):
        return octets(cell) if are_octets(column) else figure(cell)
    if hasattr(cell, "isoformat"):
        return str(cell.isoformat(sep=" ")).replace("+00:00", "Z")
    return escape_controls(str(cell))


def are_octets(column: str) -> bool:
    """Say whether a column of this name holds bytes, which people read in units."""
    return "bytes" in column and "percent" not in column


def octets(value: float) -> str:
    """Return bytes in decimal units, as network people count: 1 MB is 1,000,000 bytes."""
    if not math.isfinite(value):
        return "-"
    size, unit = float(value), 0
    while abs(size) >= 999.995 and unit < len(BYTE_UNITS) - 1:
        size, unit = size / 1000, unit + 1
    return f"{size:,.2f} {BYTE_UNITS[unit]}" if unit else f"{value:,.0f} B"


def figure(value: float) -> str:
    """Return a number for people: grouped digits, two decimals, more where it is small.

    Never an exponent.
    """
    if isinstance(value, int):
        return f"{value:,}"
    if not math.isfinite(value):
        return "-"
    decimals = 2
    if 0 < abs(value) < 0.1:
        decimals = min(12, 1 - math.floor(math.log10(abs(value))))
    return f"{value:,.{decimals}f}"


def quantity(value: float, unit: str) -> str:
    """Return an amount with its unit; what is counted is whole."""
    if unit == "bytes":
        return octets(value)
    whole = abs(value) >= 1000 or float(value).is_integer()
    return f"{figure(round(value) if whole else value)} {unit}".strip()
