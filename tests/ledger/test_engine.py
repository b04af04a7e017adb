"""An engine that is used again knows nothing of whoever used it before."""

from __future__ import annotations

import threading
from pathlib import Path

import duckdb
import pytest

from pacsflow.ledger.engine import engine


def settings(connection: duckdb.DuckDBPyConnection) -> set[tuple[str, str]]:
    names = ("memory_limit", "TimeZone", "preserve_insertion_order", "threads")
    rows = connection.execute("SELECT name, value FROM duckdb_settings()").fetchall()
    return {(name, value) for name, value in rows if name in names}


def test_nothing_of_the_one_before_is_left() -> None:
    with engine() as connection:
        before = settings(connection)
        connection.execute("CREATE TABLE a AS SELECT 1 AS x")
        connection.execute("CREATE TEMP TABLE b AS SELECT 1 AS x")
        connection.execute("CREATE VIEW c AS SELECT 1 AS x")
        connection.execute("SET preserve_insertion_order = false")
    with engine("1GB") as connection:
        assert settings(connection) != before
        told = "SELECT count(*) FROM {}() WHERE NOT internal"
        for what in ("duckdb_tables", "duckdb_views"):
            assert connection.execute(told.format(what)).fetchall() == [(0,)]
        with engine() as other:  # beside it: one of its own
            other.execute("CREATE TABLE a AS SELECT 2 AS x")
        connection.execute("CREATE TABLE a AS SELECT 3 AS x")
        assert connection.sql("FROM a").fetchall() == [(3,)]
    with engine() as connection:
        assert settings(connection) == before


def test_one_that_has_spilled_or_failed_or_is_still_asked_harms_no_other() -> None:
    with engine("60MB") as connection:
        connection.execute(
            "CREATE TABLE a AS SELECT range i, md5(i::VARCHAR) s FROM range(1500000)"
        )
        place = connection.execute("SELECT current_setting('temp_directory')").fetchall()[0][0]
        assert list(Path(place).iterdir())
    assert not Path(place).exists()
    with pytest.raises(duckdb.Error), engine() as connection:
        connection.execute("SELECT nothing")
    with engine() as connection:
        still = connection.cursor()
        still.execute("BEGIN")
        still.execute("CREATE TEMP TABLE a AS SELECT 1 AS x")
    with engine() as connection:
        assert connection.execute("SELECT 1").fetchall() == [(1,)]
    still.close()


def test_threads_beside_each_other_have_each_one() -> None:
    found: list[int] = []

    def ask(number: int) -> None:
        for _ in range(5):
            with engine() as connection:
                connection.execute(f"CREATE TABLE a AS SELECT {number} AS x")
                found.append(connection.sql("FROM a").fetchall()[0][0])

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == [number for number in range(4) for _ in range(5)]
