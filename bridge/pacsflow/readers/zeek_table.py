"""Reads rows of Zeek's logs that stand in a table, as Kibana, Splunk, zq or DuckDB export them."""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson
import pyarrow as pa

from pacsflow.errors import InputError
from pacsflow.readers import delimited
from pacsflow.readers.columns import Header
from pacsflow.readers.dialects import SOURCETYPE, TYPED, WRAPPERS, plain_row, untyped
from pacsflow.readers.json_rows import Rows
from pacsflow.readers.log_kinds import ZEEK_NAMES, log_of_fields, log_of_name
from pacsflow.readers.moments import read_moment
from pacsflow.readers.zeek_json import Judge, rows_for
from pacsflow.readers.zeek_values import NO_ZONE, spoken_seconds
from pacsflow.terms.log_fields import REQUIRED, TEXTS, TIME, ZEEK_LOGS

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from pacsflow.readers.cells import Cells
    from pacsflow.readers.quality import Quality
    from pacsflow.readers.source import Source

SIGNS = {
    "id.orig_h", "id_orig_h", "zeek.session_id", "zeek.uid", "conn_state", "orig_bytes",
    "orig_ip_bytes", "zeek.connection.state", "sourcetype",
}  # fmt: skip
"""Columns by which a table is known for one of Zeek's rows."""
HOLDS_JSON = re.compile(rb'[{,]\s*"{1,2}id[._](?:orig_h"|"{0,2}:\s*\{)')
"""A row of Zeek's as JSON in a cell, with its quotes doubled or not."""
OF_DATASET = b"zeek."
"""What the data sets of a search engine are called that Zeek's rows are in."""
OF_CONN = {
    "orig_bytes", "resp_bytes", "orig_ip_bytes", "resp_ip_bytes", "orig_pkts", "resp_pkts",
}  # fmt: skip
"""Columns that no other log has."""
SUMS = re.compile(
    r"(?i)(?:doc_)?count(?:\(.*\)|_star\(\))?|(?:connection|conn|flow|event)s?_?count|connections|flows"
)
"""Columns that tell of how many connections a row is the sum."""
PORTS = ("id.orig_p", "id.resp_p")
UNSET = {"", "-", "(empty)", "(null)", "null", "NULL", "None", "NaN", "nan", "NaT", "\\N"}
"""What stands for nothing in tables, pandas' and a database's own words with it."""
_BEHIND = re.compile(r"\.(?:keyword|raw|text)$|\{\}$")
"""What search engines append to the name of a field: for another index of it, or of an array's."""
_GROUPED = re.compile(r"\d{1,3}(?:[ \u00a0\u2009\u202f'\u2019]\d{3})+")
_COMMAS = re.compile(r"\d{1,3}(?:,\d{3})+")
_POINTS = re.compile(r"\d{1,3}(?:\.\d{3})+")
_WHOLE = re.compile(r"(\d+)(?:\.0| ?B| ?bytes)")
"""A whole number as pandas writes it beside missing ones, or with its unit."""
_PLAIN = re.compile(r"\d{1,15}(?:\.\d{0,20})?")
_FRACTION = re.compile(r"\d{9,},\d+")
_ROUNDED = re.compile(r"\d[\d.,]* ?[kKMGTP]i?B")
_EITHER = re.compile(r"\d{1,2}([-/])\d{1,2}\1\d")
_ZONED = re.compile(r"(?:Z|[+-]\d\d:?\d\d|UTC|GMT)$|^[\d.]+$")
_CLOCK = re.compile(r"(?:(\d+) days? )?(\d+):([0-5]\d):([0-5]\d(?:\.\d+)?)")


def header(
    names: list[str], *, delimiter: str = "", signs: Collection[str] = SIGNS
) -> Header | None:
    """Return the header that these names are; None where they are none of Zeek's."""
    plain = [_BEHIND.sub("", name.strip().strip("'\"")) for name in names]
    if not any(letter.islower() for name in plain for letter in name):
        plain = [name.lower() for name in plain]  # as some databases write all names
    if TYPED in plain:
        plain = [untyped(name) for name in plain]
    plain = [re.sub(r"^id_(?=(?:orig|resp)_[hp]$)", "id.", name) for name in plain]
    if (len(plain) < 3 and signs is SIGNS) or not any(name in signs for name in plain):
        return None
    places: dict[str, tuple[int, ...]] = {}
    for place, name in enumerate(plain):
        if name:
            places[name] = (*places.get(name, ()), place)
    twice = tuple(dict.fromkeys(name for name in names if name and names.count(name) > 1))
    return Header(tuple(plain), places, comma=delimiter == ";", twice=twice)


def missing(found: Header, name: str, text: bytes = b"") -> str:
    """Return which columns a table lacks to be rows of the log that it is; empty where none.

    Where JSON stands in its `text`, its rows tell more than its columns.
    """
    there, declared = plain_row(dict.fromkeys(found.places, "1"))
    if HOLDS_JSON.search(text) and not found.places.keys().isdisjoint(WRAPPERS):
        return ""
    if {"ts", "@timestamp", "_time"}.isdisjoint(found.places):
        return "ts"
    log = log_of_name(name) or log_of(there)
    if log not in ZEEK_LOGS:
        return "" if declared or log or "sourcetype" in there else "what tells the log"
    wanted = [column for column in REQUIRED[log] if column not in there]
    if log == "conn":
        wanted += [column for column in PORTS if column not in there]
        sides = [{f"{side}_ip_bytes", f"{side}_bytes"} for side in ("orig", "resp")]
        wanted += [min(side) for side in sides if side.isdisjoint(there)]
    if log in {"conn", "dicom"} and not {"uid", "proto"} & set(there):
        wanted.append("uid")
    return ", ".join(wanted)


def log_of(names: Collection[str]) -> str:
    """Return the log that has such columns; empty where it is none of ours."""
    return log_of_fields(names) or ("" if OF_CONN.isdisjoint(names) else "conn")


def find_header(text: bytes) -> delimited.Layout | None:
    """Return the layout of a table of Zeek's rows by a text's first lines; None where it is none.

    What stands below may tell that its columns, which others have as well, are Zeek's.
    """
    signs = SIGNS
    if HOLDS_JSON.search(text):
        signs = signs.union(WRAPPERS)
    if OF_DATASET in text:
        signs = signs | {"event.dataset"}
    return delimited.find_header(text, read=partial(header, signs=signs))


def first_rows(text: bytes, most: int) -> Iterator[dict[str, Any]]:
    """Yield the first rows of a table as `plain_row` takes them."""
    layout = find_header(text)
    if layout is None:
        return
    places = layout.header.places
    for raw in text.split(b"\n")[layout.line + 1 :][:most]:
        cells = delimited.split(raw, layout)
        if len(cells) == len(layout.header.names):
            yield row_of(layout.header, {name: cells[at[0]] or None for name, at in places.items()})


def read(
    source: Source, quality: Quality, columns: Collection[str] | None = None
) -> Iterator[tuple[str, pa.RecordBatch]]:
    """Yield ``(log, rows)`` in the columns of ``log_fields.ZEEK_LOGS[log]``.

    Raises
    ------
    InputError
        If no row can be read, or its writer has rounded what is summed.
    """
    del columns
    parts = delimited.read(source.path, quality, None, find=find_header)
    yield from rows_of(source, parts, quality)


def rows_of(
    source: Source, parts: Iterable[delimited.Part], quality: Quality
) -> Iterator[tuple[str, pa.RecordBatch]]:
    """Yield ``(log, rows)`` of the parts of a table, as `read` does."""
    quality.dear = True
    judge, logs = Judge(source), {source.log: Rows(source.log)}
    order = source.capture.date_order
    for part in parts:
        bad: dict[int, str] = {}
        if source.log == "conn" and (sums := next(filter(SUMS.fullmatch, part.header.names), "")):
            quality.note(f"it has a column {sums[:40]}: a row counts as one connection")
        for name in part.header.twice:
            quality.note(f"there are several columns {name[:40]}: the first with a value was read")
        try:
            _sort(part, judge, logs, bad, _Writing(quality, comma=part.header.comma, order=order))
        except _RoundedError as error:
            hint = "export them as plain numbers, or give the rows as JSON"
            raise InputError(source.path, str(error), hint=hint) from None
        batches = [(log, rows.batch(bad)) for log, rows in logs.items()]
        quality.senseless = sum(rows.senseless for rows in logs.values())
        for line in sorted(bad):
            quality.bad_row(line, bad[line])
        for log, batch in batches:
            quality.rows += batch.num_rows
            yield log, batch
    if quality.unreadable and not quality.rows:
        raise InputError(source.path, f"no row of {source.log}.log in it; {quality.examples[0]}")


class _Writing(NamedTuple):
    """How the cells of a table are written, and what is to be said of them."""

    quality: Quality
    comma: bool
    order: str


class _RoundedError(Exception):
    """Numbers of which digits are lost."""


def _sort(
    part: delimited.Part,
    judge: Judge,
    logs: dict[str, Rows],
    bad: dict[int, str],
    writing: _Writing,
) -> None:
    """Add the rows of a part to their logs; lines of those that cannot be read go to `bad`."""
    for line, cells in rows_in(part.cells):
        row, declared = plain_row(row_of(part.header, cells, part.log))
        rows = rows_for(judge, declared, row, logs, writing.quality)
        if rows is None:
            continue
        try:
            _to_values(row, rows.schema, writing)
        except ValueError as error:
            bad[line] = str(error)
        else:
            rows.add(line, row)


def rows_in(cells: Cells) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield each row's number and its cells by the names of their columns."""
    names = list(cells.columns)
    values = zip(*(cells.columns[name].to_pylist() for name in names), strict=True)
    for line, row in zip(cells.lines.tolist(), values, strict=True):
        yield line, dict(zip(names, row, strict=True))


def row_of(found: Header, row: dict[str, Any], log: str = "") -> dict[str, Any]:
    """Return a row with its log, where its columns tell one, and nanoseconds as a number.

    Where they do not, it is `log`.
    """
    if not row.get("_path") and (log := _told_log(found, row) or log):
        row["_path"] = log
    lasted = row.get("event.duration")
    if lasted and row.get("connection.state") is None:
        row["event.duration"] = int(lasted) if lasted.isdecimal() else None
    if "ts" in row and row["ts"] is None:
        del row["ts"]
    return row


def _told_log(found: Header, row: dict[str, Any]) -> str:
    """Return the log that Splunk's columns tell, or columns that only conn.log has."""
    if told := row.get("sourcetype"):
        kind = SOURCETYPE.fullmatch(told)
        if kind and kind[1] in ZEEK_NAMES:
            return kind[1]
        if log := log_of_name(re.split(r"[/\\]", row.get("source") or "")[-1]):
            return log
    is_conn = "event.dataset" not in row and not log_of_fields(found.names)
    return "conn" if is_conn and not OF_CONN.isdisjoint(found.names) else ""


def _to_values(row: dict[str, Any], schema: pa.Schema, writing: _Writing) -> None:
    """Bring the texts of a row's cells to what JSON has; ValueError where one is none of it."""
    for name, kind in zip(schema.names, schema.types, strict=True):
        text = row.get(name)
        if type(text) is not str:
            continue
        text = text.strip()
        if name == "tunnel_parents":
            text = text.replace(" ", ",")  # lines of a cell, which were joined; no uid has a blank
        try:
            row[name] = None if text in UNSET else _value(text, kind, writing)
        except _RoundedError as error:
            raise _RoundedError(f"its {name} are rounded: {error}") from None
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None


def _value(text: str, kind: pa.DataType, writing: _Writing) -> Any:  # noqa: ANN401 - of JSON
    if kind == TIME:
        fraction = writing.comma and _FRACTION.fullmatch(text)
        return _moment(text.replace(",", ".") if fraction else text, writing)
    if kind == TEXTS:
        return _texts(text)
    if pa.types.is_boolean(kind):
        return {"t": True, "true": True, "f": False, "false": False}.get(text.lower(), text)
    if pa.types.is_integer(kind):
        return _whole(text, comma=writing.comma)
    return _seconds(text, comma=writing.comma) if pa.types.is_floating(kind) else text


def _moment(text: str, writing: _Writing) -> int:
    """Return microseconds since 1970 UTC."""
    if _EITHER.match(text) and not writing.order:
        raise ValueError(
            f"the day or the month of {text[:40]!r} may stand first: say --date-order dmy or mdy"
        )
    moment = read_moment(text, day_first=writing.order == "dmy")
    if not _ZONED.search(text):
        writing.quality.note(f"{NO_ZONE} (Kibana writes those of the browser)")
    return moment


def _texts(text: str) -> list[str]:
    """Return the texts of a set, which stand in an array or with commas or lines between them."""
    if text.startswith("["):
        try:
            found = orjson.loads(text)
        except orjson.JSONDecodeError:
            found = None
        if isinstance(found, list):
            return [str(item) for item in found]
    parts = (part.strip("'\" \t\r") for part in re.split(r"[,\n]", text.strip("[]{}()|")))
    return [part for part in parts if part]


def _whole(text: str, *, comma: bool) -> str | int:
    """Return a whole number without what groups its digits; other text as it is."""
    if text.isascii() and text.isdecimal():
        return int(text[:20])  # more digits are no count, however many they are
    if found := _WHOLE.fullmatch(text):
        return int(found[1])
    if _GROUPED.fullmatch(text) or (_POINTS if comma else _COMMAS).fullmatch(text):
        return int(re.sub(r"\D", "", text))
    if _ROUNDED.fullmatch(text):
        raise _RoundedError(repr(text[:20]))
    return text


def _seconds(text: str, *, comma: bool) -> str | float:
    """Return seconds from what writes durations otherwise; other text as it is."""
    if _PLAIN.fullmatch(text):
        return float(text)
    if found := _CLOCK.fullmatch(text):
        days, hours, minutes, seconds = (float(part or 0) for part in found.groups())
        return ((days * 24 + hours) * 60 + minutes) * 60 + seconds
    if (spoken := spoken_seconds(text)) is not None:
        return spoken
    if comma:
        return text.replace(",", ".") if re.fullmatch(r"\d+,\d+", text) else text
    return text.replace(",", "") if re.fullmatch(r"\d{1,3}(?:,\d{3})+\.\d+", text) else text
