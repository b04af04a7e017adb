"""Finds connections that several files tell, and takes back what was counted of them before.

A connection that a ledger has counted is known by its key. A new row of it is left out, unless it
tells more: then it is counted, and the file that was there first gets rows with negative numbers.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from pacsflow.ledger.conn_hours import LASTS, ConnHours
from pacsflow.ledger.keys import neighbours
from pacsflow.ledger.schemas import KEYS, LASTING
from pacsflow.readers.arrays import repeated

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    import duckdb
    from numpy.typing import NDArray

    from pacsflow.ledger.records import Kept

NETTED = "SELECT * FROM {} QUALIFY sum(sign) OVER (PARTITION BY file, key, ts) > 0 AND sign > 0"
"""Lasting connections of which nothing was taken back."""
_PAIRS = """
    CREATE OR REPLACE TEMP TABLE pairs AS
    SELECT DISTINCT looks.key, looks.file, old.key AS old_key, old.file AS old_file, old.staged,
           n.duration AS longer, o.duration AS before
    FROM looks JOIN old ON old.key = looks.look AND old.file <> looks.file
    LEFT JOIN new_lasting n ON n.key = looks.key AND n.file = looks.file
    LEFT JOIN old_lasting o ON o.key = old.key AND o.file = old.file
"""
_TOLD = f"""
    CREATE OR REPLACE TEMP VIEW told AS
    SELECT *, coalesce(longer, {LASTS}) AS new, coalesce(before, {LASTS}) AS old FROM pairs
"""
"""What is no lasting connection was over before it lasted so long: that is the last word on it,
against one that is told while it goes on, however short."""
_DROP = """
    SELECT DISTINCT key, file FROM told
    WHERE CASE WHEN staged THEN new < old OR new = old AND file > old_file
               ELSE before IS NULL OR new <= old END
"""
_SUPERSEDED = """
    SELECT DISTINCT old_key AS key, old_file AS file FROM told
    WHERE NOT staged AND before IS NOT NULL AND new > old
"""


@dataclass(frozen=True, slots=True)
class Twins:
    """Connections of new files that other files tell as well.

    Parameters
    ----------
    drop
        Keys that new files shall leave out, by their marks.
    superseded
        Connections of which the ledger has told less: columns ``key`` and ``file``.
    """

    drop: dict[str, NDArray[np.int64]] = field(default_factory=dict)
    superseded: pa.Table | None = None


def paths(folder: Path, files: Iterable[Kept], table: str) -> list[str]:
    """Return the paths of a table's files below a folder."""
    return [str(folder / kept.name) for kept in files if kept.table == table]


def uids(duck: duckdb.DuckDBPyConnection, files: Sequence[str]) -> set[str]:
    """Return the uids in some files of a table."""
    if not files:
        return set()
    rows = duck.read_parquet(list(files), hive_partitioning=False).select("uid")
    return {row[0] for row in rows.distinct().fetchall()} - {None}


def near(files: Iterable[Kept], days: Sequence[date]) -> Iterator[Kept]:
    """Yield the files that may have rows of some days, or of a day beside them."""
    wanted = {str(d + timedelta(n)) for d in days for n in (-1, 0, 1)}
    months = {day[:7] for day in wanted}
    for kept in files:
        if kept.period in wanted or kept.period in months:
            yield kept


def days_of(period: str) -> list[date]:
    """Return the days of a day, or of a month."""
    if len(period) == 10:
        return [date.fromisoformat(period)]
    first = date.fromisoformat(f"{period}-01")
    days = (first + timedelta(n) for n in range(31))
    return [day for day in days if day.month == first.month]


def find_twins(
    duck: duckdb.DuckDBPyConnection,
    staging: Path,
    staged: Sequence[Kept],
    folder: Path,
    kept: Sequence[Kept],
    replaced: frozenset[str],
) -> Twins:
    """Compare the connections of new files with those of the ledger, and with one another.

    Parameters
    ----------
    staging, staged
        The new files and the folder that they lie in.
    folder, kept
        The ledger's.
    replaced
        Marks of sources that the new ones take the place of.
    """
    new = paths(staging, staged, "keys")
    if not new:
        return Twins()
    days = [day for k in staged if k.table == "keys" for day in days_of(k.period)]
    close = list(near(kept, days))
    old = paths(folder, close, "keys")
    several = len({mark for k in staged if k.table == "keys" for mark in k.holds}) > 1
    if not old and not several:
        return Twins()
    table = duck.read_parquet(new).select("key, file").to_arrow_table()
    keys = table["key"].to_numpy()
    early, late = neighbours(keys)
    looks = pa.table(
        {
            "key": np.concatenate([keys] * 3),
            "look": np.concatenate([keys, early, late]),
            "file": pa.chunked_array(table["file"].chunks * 3),
        }
    )
    duck.register("looks", looks)
    gone = pa.table({"file": pa.array(sorted(replaced), pa.string())})
    duck.register("gone", gone)
    _view(duck, "new_lasting", LASTING, paths(staging, staged, "lasting"))
    before = [*paths(folder, close, "lasting"), *paths(staging, staged, "lasting")]
    _view(duck, "all_lasting", LASTING, before)
    duck.execute(f"CREATE OR REPLACE TEMP VIEW old_lasting AS {NETTED.format('all_lasting')}")
    _view(duck, "old_keys", KEYS, old)
    duck.register("staged_keys", table)
    duck.execute(
        """CREATE OR REPLACE TEMP VIEW old AS
           SELECT key, file, FALSE AS staged FROM old_keys WHERE file NOT IN (FROM gone)
           GROUP BY key, file HAVING sum(sign) > 0
           UNION ALL SELECT key, file, TRUE FROM staged_keys"""
    )
    duck.execute(_PAIRS)
    duck.execute(_TOLD)
    found = duck.sql(_DROP).to_arrow_table()
    superseded = duck.sql(_SUPERSEDED).to_arrow_table()
    drop = {
        mark: np.sort(found.filter(pa.compute.equal(found["file"], mark))["key"].to_numpy())
        for mark in set(found["file"].to_pylist())
    }
    return Twins(drop, superseded if superseded.num_rows else None)


def _view(duck: duckdb.DuckDBPyConnection, name: str, schema: pa.Schema, files: list[str]) -> None:
    if files:
        duck.read_parquet(files, hive_partitioning=False).create_view(name, replace=True)
    else:
        duck.from_arrow(schema.empty_table()).create_view(name, replace=True)


def counted_before(
    duck: duckdb.DuckDBPyConnection,
    folder: Path,
    kept: Sequence[Kept],
    superseded: pa.Table | None,
    carriers: Iterable[str],
) -> pa.Table:
    """Return the rows of ``lasting`` that shall count no longer.

    They are the `superseded` connections, and those of `carriers`, which turned out to carry
    others and are no traffic of their own.
    """
    names = pa.table({"uid": pa.array(sorted(carriers), pa.string())})
    files = paths(folder, kept, "lasting") if superseded is not None or len(names) else []
    if not files:
        return LASTING.empty_table()
    _view(duck, "all_lasting", LASTING, files)
    duck.register("carriers", names)
    empty = pa.table({"key": pa.array([], pa.int64()), "file": pa.array([], pa.string())})
    duck.register("superseded", empty if superseded is None else superseded)
    return (
        duck.sql(
            f"""SELECT * FROM ({NETTED.format("all_lasting")}) l
                WHERE uid IN (FROM carriers)
                   OR EXISTS (FROM superseded s WHERE s.key = l.key AND s.file = l.file)"""
        )
        .to_arrow_table()
        .cast(LASTING)
    )


def taken_back(
    duck: duckdb.DuckDBPyConnection, rows: pa.Table, carriers: frozenset[str]
) -> Iterator[tuple[str, pa.Table]]:
    """Yield the rows that take back what connections counted, by table.

    Parameters
    ----------
    rows
        Of ``lasting``.
    carriers
        Those of them stay known by their keys: the same tunnel told again counts no more.
    """
    for mark in sorted(set(rows["file"].to_pylist())):
        mine = rows.filter(pa.compute.equal(rows["file"], mark))
        hours = ConnHours(duck)
        for table, rows_of_hours in chain(hours.add_lasting(mine), hours.finish()):
            if table == "traffic":
                yield "traffic", _of(_negative(rows_of_hours), mark)
        yield "lasting", _with(mine, "sign", -1)
        outer = pa.compute.is_in(mine["uid"], pa.array(sorted(carriers), pa.string()))
        told = mine.filter(pa.compute.invert(outer))
        yield (
            "keys",
            pa.table(
                [
                    pa.compute.cast(told["ts"], pa.date32(), safe=False),
                    told["key"], pa.repeat(pa.scalar(-1, pa.int8()), len(told)), told["sensor"],
                    told["file"],
                ],
                schema=KEYS,
            ),
        )  # fmt: skip


def _negative(traffic: pa.Table) -> pa.Table:
    for name in ("communications", "packets", "bytes", "missed_bytes"):
        place = traffic.schema.get_field_index(name)
        traffic = traffic.set_column(place, name, pa.compute.negate(traffic[name]))
    return traffic


def _of(traffic: pa.Table, mark: str) -> pa.Table:
    place = traffic.schema.get_field_index("file")
    return traffic.set_column(place, "file", repeated(mark, traffic.num_rows))


def _with(rows: pa.Table, column: str, value: str | int) -> pa.Table:
    place = rows.schema.get_field_index(column)
    made = pa.repeat(pa.scalar(value, rows.schema.field(place).type), rows.num_rows)
    return rows.set_column(place, column, made)
