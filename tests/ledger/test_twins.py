"""Which of two tellings of one connection counts, and what is taken back for it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import duckdb
import numpy as np
import pyarrow as pa
import pytest

from pacsflow.ledger.conn_hours import LASTS
from pacsflow.ledger.keys import later
from pacsflow.ledger.parquet import Writers
from pacsflow.ledger.tables import TABLES
from pacsflow.ledger.twins import Twins, counted_before, find_twins, paths, taken_back, uids

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pacsflow.ledger.records import Kept

T = datetime(2026, 3, 2, 8, tzinfo=UTC)
DAY = date(2026, 3, 2)
Row = dict[str, Any]


@pytest.fixture
def duck() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        yield connection


def key(file: str, number: int = 1, day: date = DAY, sign: int = 1) -> tuple[str, Row]:
    return "keys", {"file": file, "key": number, "day": day, "sign": sign}


def lasting(file: str, duration: float | None, number: int = 1, **told: Any) -> tuple[str, Row]:
    """Return the row of a connection that may be told again."""
    plain = {"ts": T, "uid": f"C{number}", "source": "10.0.0.1", "destination": "10.0.0.2",
             "service": "dicom", "source_packets": 5, "destination_packets": 4,
             "source_bytes": 500, "destination_bytes": 400, "missed_bytes": 3}  # fmt: skip
    row = {"file": file, "key": number, "duration": duration, "sign": 1}
    return "lasting", plain | row | told


def one(file: str, duration: float, number: int = 1) -> list[tuple[str, Row]]:
    return [key(file, number), lasting(file, duration, number)]


class Ledger:
    """Says which of the new files' connections are left out, and which are counted no longer."""

    def __init__(self, duck: duckdb.DuckDBPyConnection, folder: Path) -> None:
        self.duck, self.folder = duck, folder

    def __call__(
        self, before: list[tuple[str, Row]], new: list[tuple[str, Row]], *replaced: str
    ) -> tuple[dict[str, list[int]], list[tuple[int, str]]]:
        kept, staged = self.written("kept", before), self.written("new", new)
        places = self.folder / "new", staged, self.folder / "kept", kept
        found = find_twins(self.duck, *places, frozenset(replaced))
        gone = found.superseded.to_pylist() if found.superseded else []
        drop = {mark: keys.tolist() for mark, keys in found.drop.items()}
        return drop, sorted((row["key"], row["file"]) for row in gone)

    def written(self, place: str, rows: list[tuple[str, Row]]) -> list[Kept]:
        writers = Writers(self.folder / place)
        for table in {table for table, _ in rows}:
            mine = [row for name, row in rows if name == table]
            writers.add(table, pa.Table.from_pylist(mine, TABLES[table]))
        return writers.close()


@pytest.fixture
def ledger(duck: duckdb.DuckDBPyConnection, tmp_path: Path) -> Ledger:
    return Ledger(duck, tmp_path)


class TestAgainstTheLedger:
    def test_what_is_counted_counts_no_more(self, ledger: Ledger) -> None:
        assert ledger([key("a"), key("a", 5)], [key("b"), key("b", 9)]) == ({"b": [1]}, [])
        assert ledger([key("a")], [key("b", 2000)]) == ({}, [])

    @pytest.mark.parametrize(("steps", "is_same"), [(-2, 0), (-1, 1), (1, 1), (2, 0)])
    def test_a_step_of_time_is_what_a_log_rounds_by(
        self, ledger: Ledger, steps: int, is_same: bool
    ) -> None:
        near = int(later(np.array([1]), steps)[0])
        assert ledger([key("a")], [key("b", near)]) == ({"b": [near]} if is_same else {}, [])

    @pytest.mark.parametrize(("days", "is_same"), [(-2, 0), (-1, 1), (0, 1), (1, 1), (2, 0)])
    def test_of_the_day_before_and_behind_too(
        self, ledger: Ledger, days: int, is_same: bool
    ) -> None:
        """A connection begins at midnight, or by a clock of another zone."""
        old = key("a", day=DAY + timedelta(days))
        assert ledger([old], [key("b")])[0] == ({"b": [1]} if is_same else {})

    def test_what_was_taken_back_is_not_counted(self, ledger: Ledger) -> None:
        assert ledger([key("a"), key("a", sign=-1)], [key("b")]) == ({}, [])

    def test_nor_what_goes_with_its_source(self, ledger: Ledger) -> None:
        assert ledger([key("a")], [key("b")], "a") == ({}, [])
        assert ledger([key("a"), key("c")], [key("b")], "a") == ({"b": [1]}, [])

    def test_a_file_is_no_twin_of_itself(self, ledger: Ledger) -> None:
        assert ledger([key("a")], [key("a")]) == ({}, [])

    @pytest.mark.parametrize(
        ("before", "now", "counts"),
        [(400, 500, "new"), (500, 400, "old"), (400, 400, "old"), (400, None, "old"),
         (None, 400, "old"), (LASTS - 1, None, "new")],
    )  # fmt: skip
    def test_of_a_connection_that_goes_on_the_longer_telling_counts(
        self, ledger: Ledger, before: float | None, now: float | None, counts: str
    ) -> None:
        """What is told as no lasting one is over, and lasted no longer than such do."""
        old = [key("a")] if before is None else one("a", before)
        new = [key("b")] if now is None else one("b", now)
        expected: Any = ({}, [(1, "a")]) if counts == "new" else ({"b": [1]}, [])
        assert ledger(old, new) == expected

    def test_one_that_was_taken_back_says_no_longer_how_long(self, ledger: Ledger) -> None:
        old = [*one("a", 400), lasting("a", 400, sign=-1)]
        assert ledger(old, one("b", 500)) == ({"b": [1]}, [])


class TestAmongNewFiles:
    @pytest.mark.parametrize(
        ("first", "second", "dropped"),
        [(400, 500, "a"), (500, 400, "b"), (400, 400, "b"), (None, None, "b"),
         (LASTS + 1, None, "b"), (LASTS - 1, None, "a"), (None, LASTS - 1, "b")],
    )  # fmt: skip
    def test_one_of_them_counts(
        self, ledger: Ledger, first: float | None, second: float | None, dropped: str
    ) -> None:
        told = [one(f, d) if d is not None else [key(f)] for f, d in (("a", first), ("b", second))]
        assert ledger([], told[0] + told[1]) == ({dropped: [1]}, [])

    def test_one_file_alone_has_no_twins(self, ledger: Ledger) -> None:
        assert ledger([], [key("a"), key("a", 2)]) == ({}, [])
        assert ledger([key("a")], []) == ({}, [])
        assert ledger([key("a")], [lasting("b", 5)]) == ({}, [])

    def test_keys_that_are_left_out_are_sorted_by_file(self, ledger: Ledger) -> None:
        new = [key(file, number) for file in "bc" for number in (9000, 5, 700)]
        drop, _ = ledger([key("a", number) for number in (5, 700, 9000)], new)
        assert drop == {"b": [5, 700, 9000], "c": [5, 700, 9000]}


class TestCountedBefore:
    def test_they_are_the_superseded_and_those_that_carry_others(
        self, ledger: Ledger, duck: duckdb.DuckDBPyConnection, tmp_path: Path
    ) -> None:
        rows = [lasting("a", 400, 1), lasting("a", 400, 2), lasting("b", 400, 1),
                lasting("b", 400, 3), lasting("b", 400, 3, sign=-1)]  # fmt: skip
        kept = ledger.written("kept", rows)
        told = pa.table({"key": pa.array([1], pa.int64()), "file": ["a"]})

        def found(superseded: pa.Table | None, carriers: set[str]) -> list[tuple[str, int]]:
            rows = counted_before(duck, tmp_path / "kept", kept, superseded, carriers)
            return sorted((row["file"], row["key"]) for row in rows.to_pylist())

        assert found(told, set()) == [("a", 1)]
        assert found(None, {"C2", "C3"}) == [("a", 2)]
        assert found(told, {"C1", "C2"}) == [("a", 1), ("a", 2), ("b", 1)]
        assert found(None, set()) == []
        assert counted_before(duck, tmp_path, [], told, {"C1"}).num_rows == 0

    def test_names_of_tables_are_theirs(
        self, ledger: Ledger, duck: duckdb.DuckDBPyConnection, tmp_path: Path
    ) -> None:
        kept = ledger.written(
            "kept", [lasting("a", 400, 1), lasting("a", 5, 2, uid=None), key("a")]
        )
        files = paths(tmp_path / "kept", kept, "lasting")
        assert len(files) == 1
        assert uids(duck, files) == {"C1"}
        assert uids(duck, []) == set()


class TestTakenBack:
    def test_its_traffic_is_taken_from_the_file_that_counted_it(
        self, duck: duckdb.DuckDBPyConnection
    ) -> None:
        rows = pa.Table.from_pylist(
            [lasting(file, 10.0, number)[1] for file, number in (("a", 1), ("b", 2), ("b", 3))],
            TABLES["lasting"],
        )
        made: dict[str, list[Row]] = {}
        for table, part in taken_back(duck, rows, frozenset({"C3"})):
            made.setdefault(table, []).extend(part.to_pylist())
        sums: dict[str, list[int]] = {}
        for row in made["traffic"]:
            mine = sums.setdefault(row["file"], [0, 0, 0, 0])
            for n, name in enumerate(("communications", "packets", "bytes", "missed_bytes")):
                mine[n] += row[name]
        assert {file: told[:3] for file, told in sums.items()} == {
            "a": [-1, -9, -900], "b": [-2, -18, -1800]
        }  # fmt: skip
        assert all(told[3] < 0 for told in sums.values())
        assert sorted((r["file"], r["key"], r["sign"]) for r in made["lasting"]) == [
            ("a", 1, -1), ("b", 2, -1), ("b", 3, -1)
        ]  # fmt: skip
        keys = [(r["file"], r["key"], r["sign"], r["day"]) for r in made["keys"]]
        assert sorted(keys) == [("a", 1, -1, DAY), ("b", 2, -1, DAY)], "a tunnel stays known"

    def test_of_nothing_nothing_is(self, duck: duckdb.DuckDBPyConnection) -> None:
        assert list(taken_back(duck, TABLES["lasting"].empty_table(), frozenset())) == []
        assert Twins().drop == {}
