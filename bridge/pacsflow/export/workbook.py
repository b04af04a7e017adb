"""Writes workbooks: frozen headers, number formats, filters, native charts, and no live cell.

Whatever a host or an AE title is called, its cell is text: written as a string, never parsed, and
free of control characters. Rows go to disk as they come (`constant_memory`).
"""

from __future__ import annotations

import io
import math
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

import xlsxwriter
from xlsxwriter.exceptions import XlsxWriterException

from pacsflow import sampling
from pacsflow.errors import UsageError
from pacsflow.export.about import about
from pacsflow.export.speeds import MEASURES, measures
from pacsflow.ledger.response_times import read_times
from pacsflow.ledger.series import IMAGING
from pacsflow.outputs import replacing
from pacsflow.printable import escape_controls
from pacsflow.terms.counted import counted, is_sampled

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    import duckdb
    from xlsxwriter.format import Format
    from xlsxwriter.worksheet import Worksheet

    from pacsflow.terms.party import Party
    from pacsflow.week.hosts import Hosts

MOST_ROWS = 1_048_575
"""Rows of a sheet below its header (a limit of the format)."""
LONGEST_TEXT = 32_767
"""Characters of a cell (likewise)."""
CHARTED = 10
"""Bars in the charts of senders, receivers and pairs."""

_OPTIONS = {
    "constant_memory": True,
    "strings_to_formulas": False,
    "strings_to_urls": False,
    "strings_to_numbers": False,
    "nan_inf_to_errors": False,
}
_FORMATS = {
    "text": {"num_format": "@"},
    "count": {"num_format": "#,##0"},
    "bytes": {"num_format": "#,##0"},
    "percent": {"num_format": "0.000000%"},
    "seconds": {"num_format": "#,##0.000"},
    "hour": {"num_format": "yyyy-mm-dd hh:mm"},
    "time": {"num_format": "yyyy-mm-dd hh:mm:ss.000"},
}


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a sheet: its header, the kind of its cells (a key of the formats), its width."""

    header: str
    kind: str = "text"
    width: int = 14


@contextmanager
def workbook(path: Path) -> Iterator[Book]:
    """Yield a book to fill; it appears at `path` where all goes well.

    Raises
    ------
    UsageError
        If the file cannot be written.
    """
    with replacing(path) as part, Kept(part) as kept:
        book = Book(kept)
        yield book
        try:
            book.close()
        except XlsxWriterException as error:
            told = kept.fault.strerror if kept.fault else error
            raise UsageError(f"{path}: cannot be written: {told}") from None
        if kept.fault:
            raise OSError(kept.fault.errno, kept.fault.strerror, str(path))


class Kept(io.FileIO):
    """A file that keeps its first fault, `fault`, to itself, and takes nothing after it.

    `zipfile` would write again when it is thrown away, and tell of it on standard error.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path, "wb")
        self.fault: OSError | None = None

    def write(self, data: Any, /) -> int:  # noqa: ANN401 - bytes, or what has them
        """Write all of it, and return how long it is."""
        left = whole = memoryview(data).cast("B")
        try:
            while left and not self.fault:
                left = left[super().write(left) :]
        except OSError as error:
            self.fault = error
        return len(whole)


class Book:
    """A workbook that is being written, one sheet after the other."""

    def __init__(self, file: Kept) -> None:
        self._book = xlsxwriter.Workbook(file, _OPTIONS)
        self._formats: dict[str, Format] = {
            name: self._book.add_format(options) for name, options in _FORMATS.items()
        }
        self._header = self._book.add_format({"bold": True, "bottom": 1, "text_wrap": True})

    def close(self) -> None:
        """Write what was gathered."""
        self._book.close()

    def sheet(
        self, name: str, columns: Sequence[Column], rows: Iterable[Sequence[Any]]
    ) -> tuple[Worksheet, int]:
        """Write a sheet and return it with the number of its rows below the header."""
        sheet = self._book.add_worksheet(name)
        sheet.freeze_panes(1, 0)
        for place, column in enumerate(columns):
            sheet.set_column(place, place, column.width)
            header = escape_controls(column.header)[:LONGEST_TEXT]
            sheet.write_string(0, place, header, self._header)
        kinds = [column.kind for column in columns]
        count = 0
        for row in rows:
            if count == MOST_ROWS:
                break
            count += 1
            for place, (value, kind) in enumerate(zip(row, kinds, strict=True)):
                self._cell(sheet, count, place, value, kind)
        sheet.autofilter(0, 0, count, len(columns) - 1)
        sheet.set_landscape()
        sheet.fit_to_pages(1, 0)
        sheet.repeat_rows(0)
        return sheet, count

    def _cell(self, sheet: Worksheet, row: int, place: int, value: Any, kind: str) -> None:  # noqa: ANN401
        if isinstance(value, (list, tuple)):
            value = ", ".join(map(str, value)) or None
        if value is None:
            return
        form = self._formats[kind]
        if isinstance(value, datetime):
            sheet.write_datetime(row, place, value.astimezone(UTC).replace(tzinfo=None), form)
        elif isinstance(value, (int, float)) and not isinstance(value, bool):
            if math.isfinite(value):
                sheet.write_number(row, place, value, form)
        else:
            text = escape_controls(str(value))[:LONGEST_TEXT]
            sheet.write_string(row, place, text, self._formats["text"])

    def bars(self, sheet: Worksheet, title: str, names: int, values: int, rows: int) -> None:
        """Add a bar chart of the first rows: texts of column `names`, numbers of `values`."""
        last = min(rows, CHARTED)
        if not last:
            return
        chart = self._book.add_chart({"type": "bar"})
        chart.add_series(
            {
                "name": title,
                "categories": [sheet.get_name(), 1, names, last, names],
                "values": [sheet.get_name(), 1, values, last, values],
                "gap": 60,
            }
        )
        chart.set_title({"name": title})
        chart.set_legend({"none": True})
        chart.set_y_axis({"reverse": True})
        chart.set_x_axis({"num_format": "#,##0", "major_gridlines": {"visible": True}})
        chart.set_size({"width": 720, "height": 80 + 28 * last})
        sheet.insert_chart(1, values + 4, chart)

    def lines(
        self, sheet: Worksheet, title: str, series: Sequence[tuple[str, int]], rows: int
    ) -> None:
        """Add a line chart over the hours of the first column: names and columns of the lines."""
        if not rows:
            return
        chart = self._book.add_chart({"type": "line"})
        for name, place in series:
            chart.add_series(
                {
                    "name": name,
                    "categories": [sheet.get_name(), 1, 0, rows, 0],
                    "values": [sheet.get_name(), 1, place, rows, place],
                    "line": {"width": 1.25},
                }
            )
        chart.set_title({"name": title})
        chart.set_x_axis({"date_axis": False, "num_format": "dd mmm hh:mm", "interval_unit": 24})
        chart.set_y_axis({"num_format": "#,##0"})
        chart.set_legend({"position": "bottom"})
        chart.show_blanks_as("gap")
        chart.set_size({"width": 960, "height": 380})
        sheet.insert_chart(1, 8, chart)


def write_table(
    path: Path, name: str, header: Sequence[str], rows: Sequence[Sequence[Any]]
) -> None:
    """Write one table as a workbook of one sheet; numbers and times are told by their values.

    Raises
    ------
    UsageError
        If the file cannot be written.
    """
    columns = []
    for place, title in enumerate(header):
        values = [row[place] for row in rows if row[place] is not None]
        kind, width = "text", 24
        if values and all(isinstance(value, datetime) for value in values):
            kind = "time"
        elif values and all(isinstance(value, (int, float)) for value in values):
            kind, width = "seconds" if any(isinstance(v, float) for v in values) else "count", 14
        columns.append(Column(title, kind, width))
    with workbook(path) as book:
        book.sheet(name[:31], columns, rows)


class Rows(Protocol):
    """What a workbook is made of: a ledger's tables, the origin whose rows count, who is who."""

    @property
    def connection(self) -> duckdb.DuckDBPyConnection:
        """A connection to the tables."""

    @property
    def origin(self) -> str:
        """zeek, capture or sflow."""

    @property
    def hosts(self) -> Hosts:
        """Who is who."""


def write_workbook(question: Rows, path: Path, zone: str = "") -> None:
    """Write senders, receivers, pairs, hours, associations and times of a ledger, with charts.

    Parameters
    ----------
    question
        A connection to a ledger's tables, the origin whose rows count, and who is who.
    path
        The ``.xlsx`` file.
    zone
        The site's, where it is known; times are UTC.

    Raises
    ------
    UsageError
        If the file cannot be written.
    """
    connection, origin, hosts = question.connection, question.origin, question.hosts
    sampled = is_sampled(origin)
    with workbook(path) as book:
        for name, keys in (
            ("senders", ("source",)),
            ("receivers", ("destination",)),
            ("pairs", ("source", "destination")),
        ):
            columns = _columns(keys, origin)
            sheet, count = book.sheet(
                name, columns, _ranked(connection, origin, keys, hosts, sampled)
            )
            book.bars(sheet, f"{name}: {counted(origin)}", 0, 3 * len(keys), count)
        sheet, count = book.sheet("hours", _hour_columns(origin), _hours(connection, origin))
        lines = [("all", 3), ("imaging", 6)]
        book.lines(sheet, "bytes an hour (UTC)", lines, count)
        book.sheet("associations", _ASSOCIATIONS, _associations(connection))
        book.sheet("times", _TIMES, _times(connection, hosts))
        told = about(connection, origin, zone, ("associations", "times"))
        book.sheet("about", [Column("what", width=28), Column("is", width=48)], told.items())


def called(party: Party) -> str:
    """Return what a host is called, or its AE titles."""
    return party.name or ", ".join(party.ae_titles)


def _columns(keys: Sequence[str], origin: str) -> list[Column]:
    columns = []
    for key in keys:
        columns += [Column(key, width=24), Column(f"{key} name", width=20), Column(f"{key} role")]
    columns += [
        Column(counted(origin), "count"),
        Column("of all", "percent", 12),
        Column("packets", "count"),
        Column("bytes", "bytes", 20),
        Column("of all bytes", "percent", 12),
        Column("imaging bytes", "bytes", 20),
    ]
    if is_sampled(origin):
        columns += [Column(f"bytes, {end} 95 %", "bytes", 20) for end in ("lower", "upper")]
    return columns


def _ranked(
    connection: duckdb.DuckDBPyConnection,
    origin: str,
    keys: Sequence[str],
    hosts: Hosts,
    sampled: bool,
) -> Iterator[list[Any]]:
    """Yield hosts (or pairs), the most communicative first."""
    named = ", ".join(keys)
    rows = connection.execute(
        f"""WITH rows AS (SELECT * FROM traffic WHERE origin = ?),
                 whole AS (SELECT sum(communications)::DOUBLE AS c, sum(bytes)::DOUBLE AS b
                           FROM rows)
            SELECT {named}, sum(communications)::BIGINT,
                   sum(communications) / any_value(whole.c), sum(packets)::DOUBLE,
                   sum(bytes)::DOUBLE, sum(bytes) / any_value(whole.b),
                   coalesce(sum(bytes) FILTER ({IMAGING}), 0)::DOUBLE,
                   sum(samples)::BIGINT, sum(weight_squares)
            FROM rows, whole GROUP BY {named}
            ORDER BY {len(keys) + 1} DESC, {len(keys) + 4} DESC, {named}""",
        [origin],
    )
    while found := rows.fetchmany(10_000):
        for row in found:
            cells: list[Any] = []
            for address in row[: len(keys)]:
                party = hosts.party(address)
                cells += [address, called(party), party.role]
            *numbers, samples, squares = row[len(keys) :]
            cells += numbers
            if sampled:
                told = sampling.estimated(numbers[3], squares, samples)
                cells += [told.lower, told.upper] if told else [None, None]
            yield cells


def _hour_columns(origin: str) -> list[Column]:
    what = counted(origin)
    return [
        Column("hour (UTC)", "hour", 18),
        Column(what, "count"),
        Column("packets", "count"),
        Column("bytes", "bytes", 20),
        Column(f"imaging {what}", "count"),
        Column("imaging packets", "count"),
        Column("imaging bytes", "bytes", 20),
    ]


def _hours(connection: duckdb.DuckDBPyConnection, origin: str) -> Iterator[list[Any]]:
    """Yield every hour from the first to the last; empty cells are hours without data."""
    rows = connection.execute(
        f"""WITH covered AS (SELECT DISTINCT hour FROM coverage WHERE origin = $origin),
                 grid AS (SELECT unnest(generate_series(min(hour), max(hour), INTERVAL 1 HOUR))
                                 AS hour FROM covered),
                 sums AS (SELECT hour, sum(communications) AS c, sum(packets) AS p,
                                 sum(bytes) AS b, sum(communications) FILTER ({IMAGING}) AS ic,
                                 sum(packets) FILTER ({IMAGING}) AS ip,
                                 sum(bytes) FILTER ({IMAGING}) AS ib
                          FROM traffic WHERE origin = $origin GROUP BY hour)
            SELECT epoch(grid.hour)::BIGINT, covered.hour IS NOT NULL,
                   coalesce(c, 0)::DOUBLE, coalesce(p, 0)::DOUBLE, coalesce(b, 0)::DOUBLE,
                   coalesce(ic, 0)::DOUBLE, coalesce(ip, 0)::DOUBLE, coalesce(ib, 0)::DOUBLE
            FROM grid LEFT JOIN covered USING (hour) LEFT JOIN sums USING (hour)
            ORDER BY 1""",
        {"origin": origin},
    )
    while found := rows.fetchmany(10_000):
        for epoch, seen, *numbers in found:
            hour = datetime.fromtimestamp(epoch, UTC)
            yield [hour, *(numbers if seen else [None] * len(numbers))]


_ASSOCIATIONS = [
    Column("start (UTC)", "time", 23),
    Column("originator", width=18),
    Column("calling AE title", width=18),
    Column("responder", width=18),
    Column("port", "text", 8),
    Column("called AE title", width=18),
    Column("result"),
    Column("end"),
    Column("seconds", "seconds"),
    Column("services", width=20),
    Column("modalities"),
    Column("C-ECHO", "count", 9),
    Column("C-STORE", "count", 9),
    Column("C-FIND", "count", 9),
    Column("C-GET", "count", 9),
    Column("C-MOVE", "count", 9),
    Column("N-*", "count", 9),
    Column("warnings", "count", 9),
    Column("failures", "count", 9),
    Column("failure codes", width=16),
    Column("bytes sent by originator", "bytes", 20),
    Column("bytes sent by responder", "bytes", 20),
    Column("missed bytes", "bytes"),
    Column("flags", width=16),
    Column("uid", width=20),
]
_ASSOCIATION_FIELDS = (
    '"id.orig_h"', "calling_ae", '"id.resp_h"', '"id.resp_p"::VARCHAR', "called_ae", "result",
    '"end"', "duration", "services", "modalities", "echo_rq", "store_rq", "find_rq", "get_rq",
    "move_rq", "n_rq", "rsp_warning", "rsp_failure", "failure_codes", "data_bytes_orig",
    "data_bytes_resp", "missed_bytes", "flags", "uid",
)  # fmt: skip


def _associations(connection: duckdb.DuckDBPyConnection) -> Iterator[list[Any]]:
    """Yield associations in the order of their start."""
    rows = connection.execute(
        f"SELECT epoch_us(ts), {', '.join(_ASSOCIATION_FIELDS)} FROM associations ORDER BY ts, uid"
    )
    while found := rows.fetchmany(10_000):
        for start, *fields in found:
            yield [datetime.fromtimestamp(start / 1e6, UTC), *fields]


_MILLISECONDS = {name: name.replace("_ms", ", ms") for name in MEASURES if name.endswith("_ms")}
_TIMES = [
    Column("operation"),
    *(
        Column(f"{end}{what}", width=24 if not what else 20)
        for end in ("client", "server")
        for what in ("", " name", " role")
    ),
    *(
        Column(
            _MILLISECONDS.get(name, name.replace("mbit_s", "Mbit/s").replace("_", " ")),
            "seconds" if name.endswith(("_ms", "_s", "_seconds")) else "count",
        )
        for name in MEASURES
    ),
]


def _times(connection: duckdb.DuckDBPyConnection, hosts: Hosts) -> Iterator[list[Any]]:
    """Yield response times by operation and pair, the highest 95th percentile first."""
    found = read_times(connection, ("operation", "client", "server"))
    place = MEASURES.index("p95_ms")
    rows = [(key, measures(times)) for key, times in found.items()]
    for (operation, *ends), cells in sorted(
        rows, key=lambda row: (-(row[1][place] if row[1][place] is not None else -1.0), *row[0])
    ):
        who = [c for end in ends for c in (end, called(hosts.party(end)), hosts.party(end).role)]
        yield [operation, *who, *cells]
