"""What a ledger's files hold when their writer is done, and what it keeps in memory meanwhile."""

from __future__ import annotations

import hashlib
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pacsflow.ledger import parquet
from pacsflow.ledger.parquet import Writers
from pacsflow.ledger.tables import TABLES

if TYPE_CHECKING:
    from pathlib import Path

    from pacsflow.ledger.records import Kept

T = datetime(2026, 3, 2, 23, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def tunnels(*moments: datetime | None, file: str | None = "m") -> pa.Table:
    """Return rows of the smallest table that has a time of its own."""
    rows = [{"ts": moment, "uid": f"C{n}", "file": file} for n, moment in enumerate(moments)]
    return pa.Table.from_pylist(rows, TABLES["tunnels"])


def traffic(*named: tuple[datetime, str], file: str = "m") -> pa.Table:
    rows = [{"hour": hour, "source": source, "bytes": 1, "file": file} for hour, source in named]
    return pa.Table.from_pylist(rows, TABLES["traffic"])


def keys(*numbers: int) -> pa.Table:
    rows = [{"day": date(2026, 3, 2), "key": number, "sign": 1, "file": "m"} for number in numbers]
    return pa.Table.from_pylist(rows, TABLES["keys"])


def column(folder: Path, kept: Kept, name: str) -> list[Any]:
    return pq.ParquetFile(folder / kept.name).read()[name].to_pylist()


def written(folder: Path, table: str, *parts: pa.Table, period: str = "") -> list[Kept]:
    writers = Writers(folder)
    for part in parts:
        writers.add(table, part, period)
    return writers.close()


def by_period(folder: Path, files: list[Kept], name: str = "ts") -> dict[str, list[Any]]:
    """Return the values of a column by the day or month whose file they are in."""
    return {kept.period: column(folder, kept, name) for kept in files}


@pytest.fixture(params=[2, 3])
def small(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """Return after how many rows they are written."""
    monkeypatch.setattr(parquet, "GROUP", request.param)
    return int(request.param)


class TestDays:
    """A question about a day reads that day's files alone: whatever lies elsewhere is not told."""

    @pytest.mark.parametrize(
        "order", [(0, 1, 2, 3), (3, 2, 1, 0), (0, 2, 1, 3), (1, 0, 2, 3), (0, 1, 3, 2)]
    )
    def test_rows_lie_in_their_days_in_whatever_order_they_come(
        self, tmp_path: Path, order: tuple[int, ...]
    ) -> None:
        moments = [T, T + HOUR - timedelta(microseconds=1), T + HOUR, T + DAY + HOUR]
        files = written(tmp_path, "tunnels", tunnels(*(moments[n] for n in order)))
        assert by_period(tmp_path, files) == {
            "2026-03-02": moments[:2], "2026-03-03": moments[2:3], "2026-03-04": moments[3:]
        }  # fmt: skip

    def test_a_clock_before_1970_has_its_day_too(self, tmp_path: Path) -> None:
        moment = datetime(1969, 12, 31, 23, 59, 59, tzinfo=UTC)
        assert by_period(tmp_path, written(tmp_path, "tunnels", tunnels(moment))) == {
            "1969-12-31": [moment]
        }

    def test_what_has_no_time_has_no_file(self, tmp_path: Path) -> None:
        assert written(tmp_path, "tunnels", tunnels(None, None)) == []
        assert written(tmp_path, "tunnels", tunnels()) == []
        (kept,) = written(tmp_path, "tunnels", tunnels(None, T))
        assert column(tmp_path, kept, "ts") == [T]

    def test_a_month_is_one_file_where_it_is_asked_for(self, tmp_path: Path) -> None:
        (kept,) = written(tmp_path, "tunnels", tunnels(T, T + DAY), period="month=2026-03")
        assert (kept.table, kept.period) == ("tunnels", "2026-03")
        assert column(tmp_path, kept, "ts") == [T, T + DAY]


class TestTold:
    """The journal keeps what is told of a file: `verify` and `repair` go by it."""

    def test_a_file_is_told_as_it_is_on_the_disk(self, tmp_path: Path) -> None:
        parts = tunnels(T, T), tunnels(T), tunnels(T, file=None), tunnels(T, file="n")
        (kept,) = written(tmp_path, "tunnels", *parts)
        data = (tmp_path / kept.name).read_bytes()
        assert (kept.sha256, kept.size) == (hashlib.sha256(data).hexdigest(), len(data))
        assert kept.rows == len(column(tmp_path, kept, "ts")) == 5
        assert kept.holds == {"m", "n"}, "the sources that it has rows of"

    def test_a_file_that_is_written_in_parts_is_told_as_a_whole(
        self, tmp_path: Path, small: int
    ) -> None:
        parts = [tunnels(T, file=f"m{n}") for n in range(2 * small + 1)]
        (kept,) = written(tmp_path, "tunnels", *parts)
        assert kept.rows == len(column(tmp_path, kept, "ts")) == len(parts)
        assert kept.holds == {f"m{n}" for n in range(len(parts))}

    def test_it_is_on_the_disk_before_it_is_told(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Or the journal names, after the power failed, files that are empty."""
        synced = list[int]()
        monkeypatch.setattr("os.fsync", lambda _: synced.append(1))
        assert len(written(tmp_path, "tunnels", tunnels(T, T + DAY))) == len(synced) == 2


class TestSorted:
    def test_rows_of_several_parts_are_sorted_together(self, tmp_path: Path) -> None:
        """By the columns that questions look for: few of a file's pages are read then."""
        parts = traffic((T, "b"), (T, "d")), traffic((T, "a"), (T - HOUR, "c"))
        (kept,) = written(tmp_path, "traffic", *parts)
        assert column(tmp_path, kept, "source") == ["c", "a", "b", "d"]

    def test_rows_that_come_alone_are_sorted_by_their_time(self, tmp_path: Path) -> None:
        (kept,) = written(tmp_path, "tunnels", tunnels(T + timedelta(seconds=1), T))
        assert column(tmp_path, kept, "uid") == ["C1", "C0"]

    def test_traffic_that_comes_alone_is_sorted_already(self, tmp_path: Path) -> None:
        """Sorting it anew would be a fifth of what a log takes."""
        (kept,) = written(tmp_path, "traffic", traffic((T, "b"), (T, "a")))
        assert column(tmp_path, kept, "source") == ["b", "a"]

    def test_of_much_only_keys_are_sorted(self, tmp_path: Path, small: int) -> None:
        """Their differences are small then, and so are they."""
        numbers = range(small, 0, -1)
        (kept,) = written(tmp_path, "keys", keys(*numbers))
        assert column(tmp_path, kept, "key") == sorted(numbers)
        later = [T + n * timedelta(seconds=1) for n in numbers]
        (kept,) = written(tmp_path, "tunnels", tunnels(*later))
        assert column(tmp_path, kept, "ts") == later


class TestMemory:
    def test_rows_wait_until_there_are_enough_for_one_writing(
        self, tmp_path: Path, small: int
    ) -> None:
        writers = Writers(tmp_path)
        for _ in range(2):
            for _ in range(small - 1):
                writers.add("tunnels", tunnels(T))
                assert writers.waiting
            writers.add("tunnels", tunnels(T))
            assert not writers.waiting
        (kept,) = writers.close()
        assert pq.ParquetFile(tmp_path / kept.name).num_row_groups == 2

    def test_so_many_files_are_open_at_once_and_none_loses_rows(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A capture of years, or a wrong clock, has rows of more days than files may be open."""
        monkeypatch.setattr(parquet, "GROUP", 1)
        monkeypatch.setattr(parquet, "OPEN", 2)
        writers, days = Writers(tmp_path), [0, 1, 2, 0, 1, 2]
        for day in days:
            writers.add("tunnels", tunnels(T + day * DAY))
            assert len(writers.open) <= 2
        assert len(writers.open) == 2
        files = writers.close()
        assert [kept.name for kept in files] == sorted({kept.name for kept in files})
        told = sorted((kept.period, kept.rows) for kept in files)
        assert told == [(f"2026-03-{2 + day:02d}", 1) for day in sorted(days)]
        assert all(len(column(tmp_path, kept, "ts")) == 1 for kept in files)

    def test_what_is_abandoned_is_open_no_longer(self, tmp_path: Path, small: int) -> None:
        writers = Writers(tmp_path)
        writers.add("tunnels", tunnels(*[T] * small))
        assert writers.open
        writers.abandon()
        assert not writers.open


class TestFormat:
    """Other programs read the files, and a year of them has to be small."""

    def test_texts_are_texts_though_they_come_as_numbers(self, tmp_path: Path) -> None:
        (kept,) = written(tmp_path, "traffic", traffic((T, "a")))
        assert pq.ParquetFile(tmp_path / kept.name).schema_arrow.equals(TABLES["traffic"])

    def test_keys_are_differences_and_the_rest_is_numbered(self, tmp_path: Path) -> None:
        (kept,) = written(tmp_path, "keys", keys(*range(1000, 2000)))
        group = pq.ParquetFile(tmp_path / kept.name).metadata.row_group(0)
        columns = {c.path_in_schema: c for c in map(group.column, range(group.num_columns))}
        assert {c.compression for c in columns.values()} == {"ZSTD"}
        assert "DELTA_BINARY_PACKED" in columns["key"].encodings
        assert [n for n, c in columns.items() if not c.has_dictionary_page] == ["key"]
        (kept,) = written(tmp_path, "tunnels", tunnels(T, T))
        group = pq.ParquetFile(tmp_path / kept.name).metadata.row_group(0)
        assert all(group.column(n).has_dictionary_page for n in range(group.num_columns))
