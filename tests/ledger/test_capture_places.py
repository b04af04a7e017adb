"""Pieces of one capture add up; captures of one time, at several places, do not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import duckdb
import pytest

from pacsflow.ledger.capture_places import _holes as holes_of
from pacsflow.ledger.capture_places import is_of_frames, overlap, places_of, remark, tell
from pacsflow.ledger.records import Entry

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def entry(name: str, first: float | None, last: float | None = None, **more: object) -> Entry:
    """Return a capture from so many seconds after noon on, until so many."""
    moments = [None if at is None else NOON + timedelta(seconds=at) for at in (first, last)]
    given = {"kind": "capture", "sensors": ()} | more
    return Entry(
        sha256=f"{name:_<64}", path=f"/captures/{name}", size=1, rows=1, unreadable=0, examples=(),
        notes=(), first=moments[0], last=moments[1], added=NOON, simulated=False, **given,  # type: ignore[arg-type]
    )  # fmt: skip


@pytest.mark.parametrize(
    ("one", "other", "common"),
    [
        ((0, 100), (99, 200), False), ((0, 100), (98.9, 200), True),
        ((0, 100), (100, 200), False), ((0, 100), (150, 200), False),
        ((0, 100), (40, 41), True), ((0, 100), (99.5, 100.5), False),
        ((0, 100), (99.4, 100.4), True), ((5, 5), (5, 5), True), ((5, 5), (6, 6), False),
        ((0, 100), (5, 5), True), ((0, 100), (100.1, 100.1), False),
        ((0, 9), (None, 9), False), ((0, 9), (3, None), False),
    ],
)  # fmt: skip
def test_a_second_or_half_of_the_shorter_is_one_time(
    one: tuple[float, float], other: tuple[float | None, float | None], common: bool
) -> None:
    a, b = entry("a", *one), entry("b", *other)
    assert overlap(a, b) is overlap(b, a) is common


def places(*entries: Entry) -> dict[str, int]:
    return {mark.strip("_"): at for mark, at in places_of(entries).items()}


def test_rings_of_two_places() -> None:
    assert places(
        entry("core_2", 10, 20), entry("core_1", 0, 10), entry("edge_1", 1, 11),
        entry("edge_2", 11, 21), entry("core_3", 20, 30),
    ) == {"core_1": 0, "edge_1": 1, "core_2": 0, "edge_2": 1, "core_3": 0}  # fmt: skip


def test_a_file_goes_on_where_its_namesake_stopped_else_where_the_last_did() -> None:
    found = places(entry("core_1", 0, 9), entry("edge_1", 0, 12), entry("core_2", 20, 30))
    assert found["core_2"] == found["core_1"]
    found = places(entry("a", 0, 9), entry("b", 0, 12), entry("c", 20, 30))
    assert found["c"] == found["b"]


def test_a_file_that_does_not_say_when_it_ended_hides_none_that_does() -> None:
    found = places(entry("a", 0, 100), entry("a1", 50), entry("a2", 60, 90))
    assert found == {"a": 0, "a1": 0, "a2": 1}


def test_sensors_have_places_of_their_own() -> None:
    assert places(entry("a", 0, 9, sensors=("x",)), entry("b", 20, 30)) == {"a": 0, "b": 1}


def test_logs_and_files_without_times_are_no_captures() -> None:
    for other in (entry("a", 0, 9, kind="conn"), entry("a", None)):
        assert not is_of_frames(other)
        assert places(other) == {}
        assert remark(other, [entry("b", 0, 9)]) == ""


@pytest.mark.parametrize(
    ("names", "holes"),
    [
        (["r_1.pcap", "r_2.pcap", "r_4.pcap", "r_5.pcap"], [0, 0, 1, 1]),
        (["r_1.pcap", "r_2.pcap", "r_4.pcap", "r_6.pcap"], [0, 0, 1, 2]),
        (["r_1.pcap", "r_3.pcap", "r_5.pcap"], [0, 0, 0]),
        (["r_1.pcap", "s_2.pcap", "s_3.pcap"], [0, 0, 0]),
        (["r_1.pcap", "r_2.pcapng", "r_3.pcapng", "r_5.pcapng"], [0, 0, 0, 1]),
        (["r_00001_20260302120000.pcap", "r_00002_20260302120010.pcap",
          "r_00004_20260302120020.pcap"], [0, 0, 1]),
        (["a.pcap", "b.pcap"], [0, 0]),
    ],
)  # fmt: skip
def test_numbers_that_are_missing_are_holes(names: list[str], holes: list[int]) -> None:
    entries = [entry(name, 10 * n, 10 * n + 9) for n, name in enumerate(names)]
    found = holes_of(reversed(entries), {e.file: 0 for e in entries})
    assert [found[e.file] for e in entries] == holes


def test_what_is_said_names_the_first_and_counts_the_others() -> None:
    mine = entry("a", 0, 100)
    others = [mine, entry("b", 0, 50), entry("c", 200, 300), entry("d", 0, 9, kind="conn")]
    said = remark(mine, others)
    assert said.startswith("it was taken at the time of b: what both saw")
    assert said.endswith("has it")
    assert remark(mine, [*others, entry("e", 1, 99)], sampled=True).startswith(
        "it was taken at the time of b and 1 more: "
    )
    assert remark(mine, others, sampled=True).endswith("; samples that both have count twice")
    assert remark(mine, [mine, entry("c", 200, 300)]) == ""


def test_a_question_is_told_of_captures_by_place_time_and_holes() -> None:
    """Where there are none, that there are none; the next question has its own."""
    files = [entry(f"ring_{n}.pcap", 10 * n, 10 * n + 9) for n in (1, 2, 4)]
    log = entry("conn.log", 0, 9, kind="conn.log")
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        assert tell(connection, [*files, log]) == (3, 1)
        found = connection.sql("FROM captured ORDER BY file_first").to_arrow_table()
        assert [tuple(row.values()) for row in found.to_pylist()] == [
            (file.file, 0, file.first, file.last, holes)
            for file, holes in zip(files, (0, 0, 1), strict=True)
        ]
        assert tell(connection, []) == (0, 0)
        assert connection.sql("FROM captured").fetchall() == []
