"""Writes rows into Parquet files, one a table and day, that are on the disk when it says so."""

from __future__ import annotations

import secrets
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pacsflow.ledger.disk import sha256_of
from pacsflow.ledger.records import Kept
from pacsflow.ledger.tables import TABLES, WRITTEN, order_of, time_column

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

GROUP = 1 << 16
"""Rows after which they are written: what waits for its day's file stays in memory until then."""
OPEN = 96
"""So many files are written side by side; rows of more days than that make more files."""
SORTED = {"traffic"}
"""Tables whose rows come sorted."""
DENSE = {"keys": {"key": "DELTA_BINARY_PACKED"}}
"""Columns of numbers that are written as differences, by table."""


class Writers:
    """Writes tables of the ledger below a folder, named so that no two files are called alike."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.waiting: dict[str, list[pa.Table]] = {}
        self.rows: dict[str, int] = {}
        self.holds: dict[str, set[str]] = {}
        self.open: dict[str, tuple[str, pq.ParquetWriter]] = {}
        self.names: dict[str, tuple[int, set[str]]] = {}

    def add(self, table: str, rows: pa.Table, period: str = "") -> None:
        """Take rows of a table, whose columns are complete; by default into their days' files."""
        column = rows[time_column(table)]
        if column.null_count:
            rows = rows.filter(pc.is_valid(column))
        if not rows.num_rows:
            return
        rows = rows.select(WRITTEN[table].names).cast(WRITTEN[table])
        if period:
            self._wait(f"{table}/{period}", rows)
            return
        for day, part in _by_day(table, rows):
            self._wait(f"{table}/day={day}", part)

    def _wait(self, place: str, rows: pa.Table) -> None:
        self.waiting.setdefault(place, []).append(rows)
        self.rows[place] = self.rows.get(place, 0) + rows.num_rows
        self.holds.setdefault(place, set()).update(
            f or "" for f in pc.unique(rows["file"]).to_pylist()
        )
        if self.rows[place] >= GROUP:
            self._write(place)

    def _write(self, place: str) -> None:
        table = place.partition("/")[0]
        parts = self.waiting.pop(place)
        self.rows[place] = 0
        rows = parts[0] if len(parts) == 1 else pa.concat_tables(parts).cast(TABLES[table])
        if not (table in SORTED and len(parts) == 1) and (len(rows) < GROUP or table == "keys"):
            rows = rows.cast(TABLES[table])
            rows = rows.sort_by([(name, "ascending") for name in order_of(table)])
        if place not in self.open:
            if len(self.open) >= OPEN:
                self._close(next(iter(self.open)))
            name = f"{place}/{secrets.token_hex(12)}.parquet"
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            self.open[place] = name, writer(path, table, WRITTEN[table])
        name, into = self.open[place]
        into.write_table(rows.cast(WRITTEN[table]))
        count, holds = self.names.get(name, (0, set()))
        self.names[name] = count + len(rows), holds | self.holds.pop(place)

    def _close(self, place: str) -> None:
        self.open.pop(place)[1].close()

    def close(self) -> list[Kept]:
        """Write what waits; returns the files, which are then on the disk."""
        for place in list(self.waiting):
            self._write(place)
        for place in list(self.open):
            self._close(place)
        return [self._kept(name, *told) for name, told in sorted(self.names.items())]

    def _kept(self, name: str, rows: int, holds: set[str]) -> Kept:
        path = self.folder / name
        sha256 = sha256_of(path, sync=True)
        return Kept(name, sha256, path.stat().st_size, rows, frozenset(holds - {""}))

    def abandon(self) -> None:
        """Close what is open, for files that nobody will have."""
        for place in list(self.open):
            self._close(place)


def writer(path: Path, table: str, schema: pa.Schema | None = None) -> pq.ParquetWriter:
    """Return a writer of a table's file, compressed with zstd.

    It takes rows in the columns of `TABLES`, or in those of a schema that has some of their texts
    as numbers; in the file they are the same.
    """
    dense = DENSE.get(table)
    dictionary: Any = [n for n in TABLES[table].names if n not in dense] if dense else True
    return pq.ParquetWriter(
        path, schema or TABLES[table], compression="zstd", use_dictionary=dictionary,
        column_encoding=dense, store_schema=schema in (None, TABLES[table]),
    )  # fmt: skip


def _by_day(table: str, rows: pa.Table) -> Iterator[tuple[str, pa.Table]]:
    """Yield the rows of each day (UTC), as ``2026-03-02``."""
    days = pc.cast(rows[time_column(table)], pa.date32())
    numbers = pc.cast(days, pa.int32()).to_numpy()
    if numbers.min() == numbers.max():
        yield _named(numbers[0]), rows
        return
    if not (numbers[1:] >= numbers[:-1]).all():
        order = np.argsort(numbers, kind="stable")
        numbers, rows = numbers[order], rows.take(order)
    starts = np.unique(numbers, return_index=True)[1]
    for start, end in pairwise([*starts, len(numbers)]):
        yield _named(numbers[start]), rows.slice(start, end - start)


def _named(day: int) -> str:
    return str(np.datetime64(int(day), "D"))
