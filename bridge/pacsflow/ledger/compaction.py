"""Makes one sorted file of a table's many for a closed day, and later for a closed month.

Rows keep the mark of the file that they were read from, so that a log that grew still replaces its
earlier self; what was taken back is netted against what it was taken from.
"""

from __future__ import annotations

import secrets
from collections import defaultdict
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from pacsflow.ledger.disk import sha256_of
from pacsflow.ledger.parquet import writer
from pacsflow.ledger.records import Change, Kept
from pacsflow.ledger.tables import TABLES, order_of
from pacsflow.ledger.views import OF_FORMAT_1, select

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    import duckdb

MANY = 24
"""So many files of one day are made one, whether the day is closed or not."""
OPEN_DAYS = 2
"""A day is closed when the ledger has rows of a day so much later."""
OPEN_MONTH_DAYS = 7
"""A month is closed when the ledger has rows of so many days after its end."""
LATE = 8
"""So many files that came late make a closed month be written anew."""
ROWS = 1 << 17
_NETTED = {
    "traffic": (
        "SELECT hour, source, destination, service, origin,"
        " sum(communications)::BIGINT AS communications, sum(packets)::BIGINT AS packets,"
        " sum(bytes)::BIGINT AS bytes, sum(samples)::BIGINT AS samples,"
        " sum(missed_bytes)::BIGINT AS missed_bytes, sum(weight_squares) AS weight_squares,"
        " sensor, file FROM ({}) GROUP BY ALL HAVING sum(communications) <> 0"
        " OR sum(packets) <> 0 OR sum(bytes) <> 0 OR sum(samples) <> 0 OR sum(missed_bytes) <> 0"
    ),
    "coverage": (
        "SELECT hour, origin, sum(rows)::BIGINT AS rows, sensor, file FROM ({}) GROUP BY ALL"
    ),
    "keys": (
        "SELECT day, key, 1::TINYINT AS sign, sensor, file FROM ({}) GROUP BY ALL"
        " HAVING sum(sign) > 0"
    ),
    "lasting": (
        "SELECT * FROM ({}) QUALIFY sum(sign) OVER (PARTITION BY file, key, ts) > 0 AND sign > 0"
    ),
}


@dataclass(frozen=True, slots=True)
class Heap:
    """Files of one table that are to become one, or none where no row of them stays."""

    table: str
    period: str
    """As folders are called: ``day=2026-03-02`` or ``month=2026-03``."""
    files: tuple[Kept, ...]


def heaps(files: Iterable[Kept], *, everything: bool = False) -> list[Heap]:
    """Return what is worth compacting.

    Parameters
    ----------
    files
        Of which the ledger consists.
    everything
        Whether a single file that came late is enough to write a closed month anew.
    """
    known = list(files)
    days = [_day(k.period) for k in known if k.table in {"traffic", "associations"}]
    latest = max(days, default=0)
    by_month: dict[tuple[str, str], list[Kept]] = defaultdict(list)
    by_day: dict[tuple[str, str], list[Kept]] = defaultdict(list)
    for kept in known:
        month = kept.period[:7]
        closed = month < "9999" and _day(_after(month)) + OPEN_MONTH_DAYS <= latest
        if closed:
            by_month[kept.table, month].append(kept)
        else:
            by_day[kept.table, kept.period].append(kept)
    found = []
    for (table, month), mine in sorted(by_month.items()):
        whole = [k for k in mine if len(k.period) == 7 and not _is_old(k)]
        late = len(mine) - len(whole)
        if late >= (1 if everything or not whole else LATE) or len(whole) > 1:
            found.append(Heap(table, f"month={month}", tuple(mine)))
    for (table, period), mine in sorted(by_day.items()):
        if len(period) == 7:
            continue
        closed = _day(period) + OPEN_DAYS <= latest
        if (len(mine) > 1 and (closed or len(mine) >= MANY)) or (closed and _is_old(mine[0])):
            found.append(Heap(table, f"day={period}", tuple(mine)))
    return found


def _is_old(kept: Kept) -> bool:
    return bool(OF_FORMAT_1.fullmatch(kept.name.rsplit("/", 1)[1]))


def _day(period: str) -> int:
    """Return the number of a day, or of a month's first; sums of such have no last day."""
    return date.fromisoformat(period if len(period) == 10 else f"{period}-01").toordinal()


def _after(month: str) -> str:
    """Return the month after one, as ``2026-04``; the calendar ends with the year 9999."""
    year, number = int(month[:4]), int(month[5:])
    return f"{year + number // 12:04d}-{number % 12 + 1:02d}"


def compact(
    duck: duckdb.DuckDBPyConnection,
    folder: Path,
    staging: Path,
    heap: Heap,
    gone: Sequence[str] = (),
    until: date | None = None,
) -> Kept | None:
    """Write a heap's rows into one sorted file below `staging`; None where no row stays.

    Parameters
    ----------
    gone
        Marks of sources whose rows are left out.
    until
        Rows of days before it are left out (UTC).
    """
    table = heap.table
    rows = select(duck, folder, table, heap.files)
    where = []
    if gone:
        listed = ", ".join(f"'{mark}'" for mark in gone if mark.isalnum())
        where.append(f"(file IS NULL OR file NOT IN ({listed}))")
    if until is not None:
        where.append(f"{_moment(table)} >= DATE '{until}'")
    if where:
        rows = f"SELECT * FROM ({rows}) WHERE {' AND '.join(where)}"
    netted = _NETTED.get(table, "SELECT * FROM ({})").format(rows)
    return written(duck, staging, f"{table}/{heap.period}/{secrets.token_hex(12)}.parquet", netted)


def written(duck: duckdb.DuckDBPyConnection, staging: Path, name: str, rows: str) -> Kept | None:
    """Write the rows of a query as a file of the ledger, sorted; None where there are none."""
    table = name.split("/", 1)[0]
    path = staging / name
    path.parent.mkdir(parents=True, exist_ok=True)
    wanted = ", ".join(f'"{column}"' for column in TABLES[table].names)
    order = ", ".join(f'"{column}"' for column in order_of(table))
    query = f"SELECT {wanted} FROM ({rows}) ORDER BY {order}"
    count, marks = 0, set[str]()
    with writer(path, table) as into:
        reader = duck.sql(query).to_arrow_reader(ROWS)
        for batch in reader:
            part = batch.cast(TABLES[table]) if batch.schema != TABLES[table] else batch
            into.write_batch(part)
            count += part.num_rows
            marks.update(part["file"].unique().drop_null().to_pylist())
    if not count:
        path.unlink()
        return None
    return Kept(name, sha256_of(path, sync=True), path.stat().st_size, count, frozenset(marks))


def _moment(table: str) -> str:
    from pacsflow.ledger.tables import time_column  # noqa: PLC0415 - one use

    return f'CAST("{time_column(table)}" AS DATE)'


def without(files: Iterable[Kept], gone: frozenset[str]) -> Iterator[Heap]:
    """Yield the files that have rows of sources which are to go, each as a heap of its own."""
    for kept in files:
        if kept.holds & gone:
            table, period, _ = kept.name.split("/")
            yield Heap(table, period, (kept,))


def leave_out(
    duck: duckdb.DuckDBPyConnection,
    folder: Path,
    staging: Path,
    kept: Iterable[Kept],
    gone: frozenset[str],
    change: Change,
) -> None:
    """Add to a change that sources' rows are to go, whatever files hold them."""
    for heap in without(kept, gone):
        change.dropped += [k.name for k in heap.files]
        if any(k.holds - gone for k in heap.files):
            left = compact(duck, folder, staging, heap, sorted(gone))
            change.files += [left] if left else []
