"""Questions to frames: how often each value of a column occurs, and which frames have it."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Self

import pyarrow as pa
import pyarrow.compute as pc

from pacsflow.errors import PacsflowError, UsageError
from pacsflow.ledger.capture_places import overlap
from pacsflow.ledger.engine import connect, engine, fill
from pacsflow.readers import Format, Quality, Source, read
from pacsflow.sampling import Total, estimated
from pacsflow.terms.log_fields import FRAMES

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
    from pathlib import Path

    import duckdb

    from pacsflow.pseudonyms import Pseudonyms

COLUMNS = {
    "time": "ts",
    "protocol": "protocol",
    "source": "id.orig_h",
    "destination": "id.resp_h",
    "hw-source": "hw_source",
    "hw-destination": "hw_destination",
    "vlan": "vlan",
    "length": "length",
    "info": "info",
}
"""The nine columns of the hospital study by their names on the command line."""
SHOWN = tuple(COLUMNS.values())
DICOM = "(service = 'dicom' OR lower(protocol) = 'dicom')"
COUNTED = pa.schema(
    [
        ("value", pa.string()),
        ("sampling_rate", pa.int64()),
        ("octets", pa.int64()),
        ("squares", pa.float64()),
        ("frames", pa.int64()),
    ]
)
_HOUR = "strftime(date_trunc('hour', ts), '%Y-%m-%dT%H:%MZ')"


@dataclass(frozen=True, slots=True)
class Condition:
    """A value that a column must have; an ``address`` may stand on either side of a frame."""

    column: str
    """A key of COLUMNS, or ``address``, ``info contains``."""
    value: str | None

    def __str__(self) -> str:
        return f"{self.column} = {'-' if self.value is None else self.value}"

    def sql(self) -> tuple[str, list[Any]]:
        """Return the condition in SQL and its parameters."""
        if self.column == "address":
            value = _canonical(self.value or "")
            sides = ('"id.orig_h"', '"id.resp_h"', "hw_source", "hw_destination")
            return f"? IN ({', '.join(sides)})", [value]
        if self.column == "info contains":
            return "contains(lower(info), lower(?))", [self.value]
        return f"CAST({_expression(self.column)} AS VARCHAR) IS NOT DISTINCT FROM ?", [self.value]


@dataclass(frozen=True, slots=True)
class Ranked:
    """The values of one column by the number of frames that have them.

    Parameters
    ----------
    by
        The column, a key of COLUMNS.
    rows
        Value, frames, percent of all frames, bytes on the wire, bytes estimated (length times
        sampling rate); the most frequent first, equal ones by value.
    total
        Frames that were counted.
    estimates
        Of each row its bytes with their 95 % interval; None where nothing was sampled.
    """

    by: str
    rows: tuple[tuple[str | None, int, float, int, int], ...]
    total: int
    estimates: tuple[Total | None, ...] = ()


def _canonical(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text.strip()))
    except ValueError:
        return text.strip()


def _expression(column: str) -> str:
    if column not in COLUMNS:
        names = ", ".join(COLUMNS)
        raise UsageError(f"there is no column {column!r}; there is {names}")
    return _HOUR if column == "time" else f'"{COLUMNS[column]}"'


def _where(conditions: Iterable[Condition], dicom: bool) -> tuple[str, list[Any]]:
    parts, values = ([DICOM] if dicom else []), []
    for condition in conditions:
        part, more = condition.sql()
        parts.append(part)
        values += more
    return " AND ".join(parts) or "TRUE", values


def _rank(
    connection: duckdb.DuckDBPyConnection,
    by: str,
    number: int,
    conditions: Sequence[Condition],
    dicom: bool,
) -> Ranked:
    where, values = _where(conditions, dicom)
    found = connection.execute(
        f"""WITH ranked AS (
                SELECT CAST({_expression(by)} AS VARCHAR) AS value, count(*) AS frames,
                       sum(length)::HUGEINT AS octets,
                       sum(sampling_rate::HUGEINT * length) AS estimated,
                       sum(power(sampling_rate::DOUBLE * length, 2)) AS squares,
                       count(*) FILTER (sampling_rate > 1) AS samples
                FROM frames WHERE {where} GROUP BY 1)
            SELECT * EXCLUDE (squares, samples), (SELECT sum(frames) FROM ranked), squares, samples
            FROM ranked ORDER BY frames DESC, value LIMIT ?""",
        [*values, number],
    ).fetchall()
    return _with_estimates(by, found)


def _ranked(by: str, found: list[tuple[Any, ...]]) -> Ranked:
    """Return a ranking of rows that end with the number of all frames."""
    total = int(found[0][4]) if found else 0
    rows = tuple(
        (value, int(frames), 100 * int(frames) / total, int(octets or 0), int(estimated or 0))
        for value, frames, octets, estimated, _ in found
    )
    return Ranked(by, rows, total)


def rank_stream(
    sources: Sequence[Source],
    by: str,
    number: int,
    *,
    dicom: bool = False,
    told: Callable[[Source, Quality], None] | None = None,
    unread: list[PacsflowError] | None = None,
) -> Ranked:
    """Rank one column of captures and tables in one pass, in bounded memory.

    Of tables only what the question needs is read.

    Parameters
    ----------
    sources
        Sources whose log is ``frames``.
    by
        A key of COLUMNS.
    number
        How many rows at most.
    dicom
        Count frames of DICOM alone.
    told
        Called with each source and what was unreadable in it.
    unread
        Gets the errors of sources that cannot be used; without it the first is raised.

    Raises
    ------
    UsageError
        If `by` is no column.
    InputError
        If a source cannot be used.
    """
    _expression(by)
    needed = {COLUMNS[by], "length"} | ({"protocol"} if dicom else set())
    failed: list[PacsflowError] = []
    found = (_counted(batch, by, dicom) for batch in _batches(sources, needed, told, failed))
    schema = COUNTED.set(0, FRAMES.field(COLUMNS[by]).with_name("value"))
    value = _HOUR.replace("ts", "value") if by == "time" else "value"
    with engine() as connection:
        fill(connection, "TEMP TABLE counted", schema, found)
        rows = connection.execute(
            f"""WITH ranked AS (
                    SELECT CAST({value} AS VARCHAR) AS value, sum(frames) AS frames,
                           sum(octets::HUGEINT), sum(octets::HUGEINT * sampling_rate),
                           sum(squares * power(sampling_rate, 2)) AS squares,
                           sum(frames) FILTER (sampling_rate > 1) AS samples
                    FROM counted GROUP BY 1)
                SELECT * EXCLUDE (squares, samples), (SELECT sum(frames) FROM ranked), squares,
                       samples FROM ranked
                ORDER BY frames DESC, value LIMIT ?""",
            [number],
        ).fetchall()
    if unread is None and failed:
        raise failed[0]
    if unread is not None:
        unread += failed
    return _with_estimates(by, rows)


def _with_estimates(by: str, rows: list[tuple[Any, ...]]) -> Ranked:
    """Return a ranking of rows that end with all frames, the squares of weights, and samples."""
    ranked = _ranked(by, [row[:5] for row in rows])
    return replace(ranked, estimates=tuple(estimated(row[3], row[5], row[6]) for row in rows))


def _counted(batch: pa.RecordBatch, by: str, dicom: bool) -> pa.RecordBatch:
    """Return a batch's values with their frames and bytes, which are far fewer rows."""
    if dicom:
        marked = pc.equal(batch["service"], "dicom")
        named = pc.equal(pc.utf8_lower(batch["protocol"]), "dicom")
        batch = batch.filter(
            pc.or_(pc.fill_null(marked, fill_value=False), pc.fill_null(named, fill_value=False))
        )
    value = batch[COLUMNS[by]]
    if by == "time":
        value = pc.floor_temporal(value, unit="hour")
    squares = pc.power(pc.cast(batch["length"], pa.float64()), 2.0)
    columns = [value, batch["sampling_rate"], batch["length"], squares]
    table = pa.table(columns, ["value", "rate", "length", "squares"])
    sums = [("length", "sum"), ("squares", "sum"), ([], "count_all")]
    counted = table.group_by(["value", "rate"]).aggregate(sums)
    names = ("value", "rate", "length_sum", "squares_sum", "count_all")
    arrays = [counted[name].combine_chunks() for name in names]
    return pa.record_batch(arrays, COUNTED.set(0, pa.field("value", value.type)))


def _batches(
    sources: Sequence[Source],
    columns: Collection[str] | None,
    told: Callable[[Source, Quality], None] | None,
    failed: list[PacsflowError],
) -> Iterator[pa.RecordBatch]:
    """Yield the frames of all sources; an error of one stops no other."""
    seen: list[_Span] = []
    for source in sources:
        quality, span = Quality(), _Span(source.path.name)
        wanted = columns if source.format is Format.TABLE else None
        try:
            for log, batch in read(source, quality, wanted):
                if log == "frames":
                    span.look(batch)
                    yield batch
        except PacsflowError as error:
            failed.append(error)
            continue
        if other := next((one for one in seen if overlap(one, span)), None):
            quality.note(
                f"it was taken at the time of {other.name}: "
                "a frame that stands in both counts twice"
            )
        seen.append(span)
        if told is not None:
            told(source, quality)


@dataclass(slots=True)
class _Span:
    """From when to when the frames of a source are."""

    name: str
    first: datetime | None = None
    last: datetime | None = None

    def look(self, frames: pa.RecordBatch) -> None:
        """Take the times of some of its frames."""
        first, last = pc.min_max(frames["ts"]).as_py().values()
        if first is not None:
            self.first = min(first, self.first or first)
            self.last = max(last, self.last or last)


class Frames:
    """Frames kept on disk for as long as somebody explores them; use as a context manager.

    Parameters
    ----------
    scratch
        A folder for the table; it may grow to about the size of the input.
    """

    def __init__(self, scratch: Path) -> None:
        self._connection = connect(spill=str(scratch))
        file = str(scratch / "frames.duckdb").replace("'", "''")
        self._connection.execute(f"ATTACH '{file}' AS kept")
        self._connection.execute("USE kept")
        self.total = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._connection.close()

    def load(
        self,
        sources: Sequence[Source],
        told: Callable[[Source, Quality], None] | None = None,
        pseudonyms: Pseudonyms | None = None,
    ) -> int:
        """Read the sources and return how many frames there are."""
        failed: list[PacsflowError] = []
        batches = _batches(sources, None, told, failed)
        if pseudonyms is not None:
            tables = (pseudonyms.table(pa.Table.from_batches([b])) for b in batches)
            batches = (batch for table in tables for batch in table.to_batches())
        fill(self._connection, "TABLE frames", FRAMES, batches)
        if failed:
            raise failed[0]
        self.total = self.count()
        return self.total

    def count(self, conditions: Sequence[Condition] = (), *, dicom: bool = False) -> int:
        """Return how many frames fulfil all conditions."""
        where, values = _where(conditions, dicom)
        row = self._connection.execute(
            f"SELECT count(*) FROM frames WHERE {where}", values
        ).fetchone()
        return int(row[0]) if row else 0

    def rank(
        self, by: str, number: int, conditions: Sequence[Condition] = (), *, dicom: bool = False
    ) -> Ranked:
        """Return the most frequent values of a column among the frames that fulfil conditions."""
        return _rank(self._connection, by, number, conditions, dicom)

    def show(
        self,
        number: int,
        conditions: Sequence[Condition] = (),
        *,
        dicom: bool = False,
        skip: int = 0,
    ) -> list[tuple[Any, ...]]:
        """Return frames in the order of their time: the nine columns of the study."""
        where, values = _where(conditions, dicom)
        names = ", ".join(f'"{name}"' for name in SHOWN[1:])
        found = self._connection.execute(
            f"""SELECT epoch_us(ts), {names} FROM frames WHERE {where}
                ORDER BY ts, rowid LIMIT ? OFFSET ?""",
            [*values, number, skip],
        ).fetchall()
        return [(_moment(row[0]), *row[1:]) for row in found]


def _moment(microseconds: int | None) -> datetime | None:
    if microseconds is None:
        return None
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)
