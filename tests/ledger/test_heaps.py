"""What is worth compacting, which files may hold a connection, and which captures are pieces."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from pacsflow.ledger.capture_places import overlap, places_of, remark
from pacsflow.ledger.compaction import Heap, heaps, without
from pacsflow.ledger.records import Entry, Kept
from pacsflow.ledger.sensors import sensor_name
from pacsflow.ledger.twins import days_of, near

OLD = "0123456789abcdef0123456789abcdef.parquet"
"""A name that the first format gave."""


def kept(period: str, number: int = 0, table: str = "traffic", name: str = "") -> Kept:
    kind = "day" if len(period) == 10 else "month"
    name = name or f"f{number}.parquet"
    return Kept(f"{table}/{kind}={period}/{name}", "", 1, 1, frozenset({f"m{number}"}))


def told(*files: Kept, everything: bool = False) -> list[tuple[str, str, int]]:
    return [(h.table, h.period, len(h.files)) for h in heaps(files, everything=everything)]


LATEST = kept("2026-05-10", 99)


class TestHeaps:
    def test_files_of_a_closed_day_become_one(self) -> None:
        two = kept("2026-05-08"), kept("2026-05-08", 1)
        assert told(*two, LATEST) == [("traffic", "day=2026-05-08", 2)]
        assert told(two[0], LATEST) == []
        open_day = kept("2026-05-09"), kept("2026-05-09", 1)
        assert told(*open_day, LATEST) == [], "two days later it is closed"
        assert told(*two, replace(LATEST, name=LATEST.name.replace("traffic", "keys"))) == []

    @pytest.mark.parametrize(
        ("files", "made"), [(23, []), (24, [("traffic", "day=2026-05-10", 24)])]
    )
    def test_of_an_open_day_many_do(self, files: int, made: list[tuple[str, str, int]]) -> None:
        assert told(*(kept("2026-05-10", n) for n in range(files))) == made

    @pytest.mark.parametrize(("latest", "is_closed"), [("2026-04-07", False), ("2026-04-08", True)])
    def test_a_month_is_closed_so_many_days_after_its_end(
        self, latest: str, is_closed: bool
    ) -> None:
        files = [kept("2026-03-30"), kept("2026-03-31", 1), kept(latest, 2)]
        assert told(*files) == ([("traffic", "month=2026-03", 2)] if is_closed else [])

    def test_december_is_followed_by_january(self) -> None:
        files = [kept("2025-12-30"), kept("2025-12-31", 1)]
        assert told(*files, kept("2026-01-08", 2)) == [("traffic", "month=2025-12", 2)]
        assert told(*files, kept("2026-01-07", 2)) == []

    @pytest.mark.parametrize(("late", "written"), [(7, False), (8, True)])
    def test_a_closed_month_is_written_anew_for_many_that_came_late(
        self, late: int, written: bool
    ) -> None:
        files = [kept("2026-03"), *(kept("2026-03-05", n) for n in range(1, late + 1)), LATEST]
        assert bool(told(*files)) is written
        assert told(kept("2026-03"), kept("2026-03-05", 1), LATEST, everything=True) == [
            ("traffic", "month=2026-03", 2)
        ]
        assert told(kept("2026-03"), LATEST, everything=True) == []
        assert told(kept("2026-03"), kept("2026-03", 1), LATEST) == [
            ("traffic", "month=2026-03", 2)
        ]

    def test_a_file_of_the_first_format_is_written_anew_once_its_day_is_closed(self) -> None:
        assert told(kept("2026-05-08", name=OLD), LATEST) == [("traffic", "day=2026-05-08", 1)]
        assert told(kept("2026-05-09", name=OLD), LATEST) == []
        assert told(kept("2026-03", name=OLD), LATEST) == [("traffic", "month=2026-03", 1)]

    def test_tables_are_apart_and_the_end_of_the_calendar_is_none(self) -> None:
        files = [kept("2026-05-08", 0, t) for t in ("keys", "traffic")] + [LATEST]
        assert told(*files) == []
        assert told(kept("9999-12-30"), kept("9999-12-30", 1), kept("9999-12-31", 2)) == []

    def test_files_that_have_rows_of_what_goes(self) -> None:
        files = [kept("2026-05-08"), kept("2026-03", 1, "keys"), LATEST]
        found = list(without(files, frozenset({"m1", "m7"})))
        assert found == [Heap("keys", "month=2026-03", (files[1],))]


def test_rows_of_a_connection_are_in_files_of_its_day_or_one_beside_it() -> None:
    files = [kept(f"2026-03-{day:02}") for day in (1, 2, 3, 4, 5)] + [
        kept("2026-02"),
        kept("2026-03"),
    ]
    found = [k.period for k in near(files, [date(2026, 3, 3)])]
    assert found == ["2026-03-02", "2026-03-03", "2026-03-04", "2026-03"]
    assert [k.period for k in near(files, [date(2026, 3, 1)])] == [
        "2026-03-01", "2026-03-02", "2026-02", "2026-03",
    ]  # fmt: skip
    assert days_of("2026-03-03") == [date(2026, 3, 3)]
    month = days_of("2024-02")
    assert (len(month), month[0], month[-1]) == (29, date(2024, 2, 1), date(2024, 2, 29))


def entry(begin: float | None, end: float, path: str = "/c/a_1.pcap", **change: object) -> Entry:
    """Return a source of frames; times are seconds."""

    def at(seconds: float) -> datetime:
        return datetime(2026, 3, 2, tzinfo=UTC) + timedelta(seconds=seconds)

    first, last = (None, None) if begin is None else (at(begin), at(end))
    known = Entry(
        sha256=f"{path}{begin}".ljust(64, "0"), path=path, kind="capture", size=1, rows=1,
        unreadable=0, examples=(), notes=(), first=first, last=last, added=at(0), simulated=False,
    )  # fmt: skip
    return replace(known, **change)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("one", "other", "is_common"),
    [
        ((0, 100), (50, 150), True), ((0, 100), (99, 150), False), ((0, 100), (98.9, 150), True),
        ((0, 100), (100, 200), False), ((0, 100), (300, 400), False), ((5, 5), (5, 5), True),
        ((5, 5), (6, 6), False), ((0, 100), (40, 40.5), True), ((0, 1), (0.4, 1), True),
        ((0, 1), (0.6, 1.6), False), ((None, 0), (0, 1), False),
    ],
)  # fmt: skip
def test_files_of_one_time(
    one: tuple[float, float], other: tuple[float, float], is_common: bool
) -> None:
    assert overlap(entry(*one), entry(*other)) is is_common
    assert overlap(entry(*other), entry(*one)) is is_common


class TestPlaces:
    def of(self, *entries: Entry) -> list[int]:
        found = places_of(entries)
        return [found[e.file] for e in entries]

    def test_files_one_after_the_other_are_pieces_and_files_of_one_time_are_not(self) -> None:
        first, second = entry(0, 100, "/c/a_1.pcap"), entry(100, 200, "/c/a_2.pcap")
        assert self.of(second, first) == [0, 0]
        beside = entry(50, 120, "/c/b_1.pcap")
        assert self.of(first, beside, entry(100, 200, "/c/a_2.pcap")) == [0, 1, 0]
        assert self.of(first, beside, entry(150, 200, "/c/b_2.pcap")) == [0, 1, 1]
        assert self.of(first, replace(second, sensors=("s",))) == [0, 1]

    def test_who_lasts_longest_is_looked_at(self) -> None:
        """A short file inside a pause between two does not hide the one that goes on."""
        long, late = entry(0, 1000, "/c/x.pcap"), entry(999.5, 1000.2, "/c/y.pcap")
        assert self.of(long, late, entry(998, 1500, "/c/z.pcap"))[2] == 1

    def test_only_frames_with_times_count(self) -> None:
        assert places_of([entry(None, 0), entry(0, 1, kind="Zeek log")]) == {}

    def test_what_is_said_of_files_of_one_time(self) -> None:
        mine = entry(0, 100, "/c/a.pcap")
        others = [entry(50, 60, f"/c/b{n}.pcap") for n in range(3)]
        assert "at the time of b0.pcap and 2 more:" in remark(mine, [mine, *others])
        assert "at the time of b0.pcap:" in (said := remark(mine, others[:1]))
        assert "samples" not in said
        assert remark(mine, others[:1], sampled=True).startswith(f"{said}; samples that both")
        assert remark(mine, [mine, entry(100, 200), entry(50, 60, kind="Zeek log")]) == ""
        assert remark(entry(0, 100, kind="Zeek log"), others) == ""


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("north", "north"), ("radiology-worker-1-3", "radiology"), ("worker-2", ""), ("zeek", ""),
        ("north-zeek-worker.1", "north"), ("proxyhost", "proxyhost"), (" a_eth0 ", "a"),
        ("x" * 70, "x" * 64), ("site.LOGGER", "site"), ("", ""),
    ],
)  # fmt: skip
def test_a_part_of_a_cluster_has_the_name_of_its_sensor(text: str, name: str) -> None:
    assert sensor_name(text) == name
