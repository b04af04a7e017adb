"""Starts DuckDB as a ledger needs it: in UTC, within a limit of memory, without a network."""

from __future__ import annotations

import atexit
import os
from contextlib import closing, contextmanager, suppress
from itertools import count
from typing import TYPE_CHECKING

import duckdb
import pyarrow as pa

from pacsflow.outputs import scratch_folder

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

QUOTE = "'"


_idle: dict[int, list[duckdb.DuckDBPyConnection]] = {}
"""By process, an instance that nobody uses: to start one takes 30 ms."""
_number = count()


@contextmanager
def engine(memory: str = "2GB", threads: int | None = None) -> Iterator[duckdb.DuckDBPyConnection]:
    """Yield a DuckDB of its own that spills to a folder of its own, gone afterwards.

    Parameters
    ----------
    memory
        How much it may take before it spills, as DuckDB writes it.
    threads
        How many it may use; all cores where nothing is said.
    """
    with scratch_folder("pacsflow-duckdb-") as spill:
        if threads is None:
            with _again(memory, spill) as connection:
                yield connection
            return
        with closing(connect(memory, spill)) as connection:
            connection.execute(f"SET threads = {threads:d}")
            yield connection


@contextmanager
def _again(memory: str, spill: str) -> Iterator[duckdb.DuckDBPyConnection]:
    """Yield an empty database, in an instance that was used before where one is idle."""
    idle = _idle.setdefault(os.getpid(), [])
    try:
        instance = idle.pop()
    except IndexError:
        instance = duckdb.connect(":memory:")
    name = f"database_{next(_number)}"
    is_as_new = False
    try:
        with closing(instance.cursor()) as connection:
            _set(connection, memory, spill)
            connection.execute(f"ATTACH ':memory:' AS {name}")
            connection.execute(f"USE {name}")
            yield connection
        with suppress(duckdb.Error):  # somebody still asks it, or it has spilled
            instance.execute(f"DETACH {name}")
            instance.execute("SET temp_directory = ''")
            is_as_new = not idle
    finally:
        if is_as_new:
            idle.append(instance)
        else:
            instance.close()


@atexit.register
def _close() -> None:
    for instance in _idle.pop(os.getpid(), []):
        instance.close()


def fill(
    connection: duckdb.DuckDBPyConnection,
    table: str,
    schema: pa.Schema,
    batches: Iterable[pa.RecordBatch],
) -> None:
    """Make a table (``TABLE name``, ``TEMP TABLE name``) of batches, one at a time.

    They are read here, not by the engine: it would have a thread of its own wait for a slow
    source, and hear of no signal meanwhile.
    """
    connection.register("incoming", schema.empty_table())
    try:
        connection.execute(f"CREATE OR REPLACE {table} AS FROM incoming")
        for batch in batches:
            connection.register("incoming", pa.Table.from_batches([batch], schema))
            connection.execute(f"INSERT INTO {table.rpartition(' ')[2]} FROM incoming")
    finally:
        connection.unregister("incoming")


def connect(memory: str = "2GB", spill: str = "") -> duckdb.DuckDBPyConnection:
    """Return a DuckDB in memory; without a folder to spill to it keeps to its memory."""
    connection = duckdb.connect(":memory:")
    _set(connection, memory, spill)
    return connection


def _set(connection: duckdb.DuckDBPyConnection, memory: str, spill: str) -> None:
    for name, value in (
        ("memory_limit", memory),
        ("TimeZone", "UTC"),
        ("preserve_insertion_order", "true"),
        ("autoinstall_known_extensions", "false"),
        ("parquet_metadata_cache", "true"),
        ("temp_directory", spill),
    ):
        connection.execute(f"SET {name} = '{value.replace(QUOTE, QUOTE * 2)}'")
    # A notebook without ipywidgets refuses to be told, and has no bar.
    with suppress(duckdb.InvalidInputException):
        connection.execute("SET enable_progress_bar = false")


_KINDS = {
    "string": "VARCHAR", "int64": "BIGINT", "int32": "INTEGER", "int8": "TINYINT",
    "double": "DOUBLE", "bool": "BOOLEAN", "timestamp[us, tz=UTC]": "TIMESTAMPTZ",
    "date32[day]": "DATE",
}  # fmt: skip


def null(field: pa.Field) -> str:
    """Return SQL for nothing, as a column has it."""
    return f"NULL::{_KINDS.get(str(field.type), 'VARCHAR[]')}"


def empty(schema: pa.Schema) -> str:
    """Return SQL for a table without rows; DuckDB would import pandas to take it from Arrow."""
    columns = [f'{null(field)} AS "{field.name}"' for field in schema]
    return f"SELECT {', '.join(columns)} WHERE FALSE"
