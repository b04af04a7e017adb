"""Rules of speed: what each says in full, and what is just below it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from findings.a_week import CT, OTHER, PACS, VIEWER, Row, a_week, assoc, at, in_full, shown
from pacsflow.findings import speed
from pacsflow.inventory import Inventory, Item
from pacsflow.ledger.times import ELEMENTS, SECONDS, SUMS

if TYPE_CHECKING:
    from pacsflow.findings.finding import Finding

SITE = Inventory.of([Item(PACS, "pacs1", "pacs"), Item(CT, "ct1", "modality", "CT")])
WEEK = 168


def timed(week: int, answer: float = 0.6, times: int = 20, **what: Any) -> Row:
    """Return an hour of a week (0 is this one) with so many answers, all of so many seconds."""
    element = next(k for k in range(32) if answer < 0.001 * 2**k)
    row: Row = dict.fromkeys(SUMS, 0) | dict.fromkeys(ELEMENTS, 0) | dict.fromkeys(SECONDS, 0.0)
    row |= {
        "hour": at(week * WEEK + 3), "client": CT, "server": PACS, "operation": "store",
        "origin": "zeek", "associations": times, "count": times, "timed": times, "opened": times,
        "round_trips": times, ELEMENTS[element]: times, "response_seconds": times * answer,
        "response_min": answer, "response_max": answer, "slowest": f"C{week}",
    }  # fmt: skip
    return row | what


def slow(*rows: Row, **known: Any) -> list[Finding]:
    return speed.pacs_slow(a_week(times=list(rows), inventory=SITE, known=known))


class TestServer:
    def test_answers_take_longer_than_in_the_weeks_before(self) -> None:
        rows = [
            timed(-1),
            timed(-2, 0.5),
            timed(-4, 0.7),
            timed(-5, 1.2),
            timed(1, 9),
            timed(0, 1.2),
        ]
        assert shown(slow(*rows), "pacs-slow", "pacs") == {
            "severity": "medium", "start": 0, "end": WEEK, "parties": [PACS], "host": PACS,
            "count": 20, "rows": ["C0"], "operation": "C-STORE", "high": pytest.approx(1.2),
            "before": pytest.approx(0.6), "middle": pytest.approx(1.2), "where": "where-server",
        }  # fmt: skip

    def test_four_times_as_long_is_high(self) -> None:
        found = [slow(timed(-1), timed(0, answer)) for answer in (2.4, 2.3)]
        assert [f.severity.value for (f,) in found] == ["high", "medium"]

    @pytest.mark.parametrize(
        "rows",
        [
            [timed(-1), timed(0, 1.19)],
            [timed(-1), timed(0, 1.2, 19)],
            [timed(-1, times=19), timed(0, 1.2)],
            [timed(-5), timed(0, 1.2)],
            [timed(-1, server=OTHER), timed(0, 1.2, server=OTHER)],
            [timed(-1, operation="echo"), timed(0, 1.2)],
            [timed(-1, 0.4), timed(0, 0.99)],
            [timed(-1), timed(0, 1.3, round_trip_seconds=20 * 0.11)],
        ],
    )
    def test_is_quiet_below(self, rows: list[Row]) -> None:
        assert not slow(*rows)

    def test_a_second_is_enough_and_a_short_trip_explains_nothing(self) -> None:
        assert slow(timed(-1, 0.4), timed(0, 1.0))
        assert slow(timed(-1), timed(0, 1.3, round_trip_seconds=20 * 0.09))

    @pytest.mark.parametrize("known", [{"slow_factor": 0}, {"slow_response_seconds": 0}])
    def test_a_threshold_of_zero_switches_it_off(self, known: Row) -> None:
        assert not slow(timed(-1), timed(0, 3), **known)

    def test_workstations_are_no_servers_and_gateways_are(self) -> None:
        rows = [timed(-1), timed(0, 1.2)]
        for role, is_told in (("workstation", False), ("gateway", True), ("worklist", True)):
            site = Inventory.of([Item(PACS, "x", role)])
            assert bool(speed.pacs_slow(a_week(times=rows, inventory=site))) is is_told

    def test_several_are_told_by_address_and_operation(self) -> None:
        rows = [timed(w, a, server=s, operation=o) for w, a in ((-1, 0.6), (0, 1.2))
                for s, o in ((PACS, "store"), ("10.0.0.1", "move"), (PACS, "find"))]  # fmt: skip
        site = Inventory.of([Item(PACS, "a", "pacs"), Item(CT, "b", "pacs")])
        found = map(in_full, speed.pacs_slow(a_week(times=rows, inventory=site)))
        told = [(f["host"], f["operation"]) for f in found]
        assert told == [(CT, "C-MOVE"), (PACS, "C-FIND"), (PACS, "C-STORE")]


def path(*rows: Row, **known: Any) -> list[Finding]:
    return speed.path_slow(a_week(times=list(rows), known=known))


def trips(week: int, trip: float, times: int = 20, **what: Any) -> Row:
    return timed(week, times=times, round_trip_seconds=times * trip, **what)


class TestPath:
    def test_a_round_trip_is_longer_than_in_the_weeks_before(self) -> None:
        found = path(trips(-1, 0.02), trips(-3, 0.04), trips(0, 0.062, 30, resent=7))
        assert shown(found, "path-slow", "traffic") == {
            "severity": "medium", "start": 0, "end": WEEK, "parties": [CT, PACS], "host": CT,
            "peer": PACS, "count": 30, "rows": ["C0"], "trip": pytest.approx(0.062),
            "before": pytest.approx(0.03), "resent_number": 7,
        }  # fmt: skip

    @pytest.mark.parametrize(
        "rows",
        [
            [trips(-1, 0.01), trips(0, 0.049)],
            [trips(-1, 0.03), trips(0, 0.059)],
            [trips(-1, 0.01), trips(0, 0.06, 19)],
            [trips(-1, 0.01, 19), trips(0, 0.06)],
            [trips(-1, 0.01, client=VIEWER), trips(0, 0.06)],
        ],
    )
    def test_is_quiet_below(self, rows: list[Row]) -> None:
        assert not path(*rows)

    @pytest.mark.parametrize("known", [{"slow_factor": 0}, {"path_round_trip_seconds": 0}])
    def test_a_threshold_of_zero_switches_it_off(self, known: Row) -> None:
        assert path(trips(-1, 0.01), trips(0, 0.05))
        assert not path(trips(-1, 0.01), trips(0, 0.05), **known)


QUICK: Row = {"answer": 0.01, "round_trips": 0}


def sending(*rows: Row, **known: Any) -> list[Finding]:
    return speed.device_slow(a_week(times=list(rows), known=known))


def pausing(week: int, gap: float, times: int = 20, **what: Any) -> Row:
    return timed(week, times=times, pause_seconds=times * gap, **QUICK | what)


class TestDevice:
    def test_a_sender_pauses_longer_than_in_the_weeks_before(self) -> None:
        busy = {"data_bytes": 25_000_000, "data_seconds": 4.0}
        found = sending(pausing(-1, 0.1), pausing(-2, 0.3), pausing(0, 0.5, **busy))
        assert shown(found, "device-slow", "modalities") == {
            "severity": "low", "start": 0, "end": WEEK, "parties": [CT], "host": CT, "count": 20,
            "rows": ["C0"], "gap": pytest.approx(0.5), "before": pytest.approx(0.2),
            "rate": pytest.approx(50.0),
        }  # fmt: skip

    def test_a_rate_is_not_known_where_nothing_flowed(self) -> None:
        assert in_full(*sending(pausing(-1, 0.1), pausing(0, 0.5)))["rate"] is None

    @pytest.mark.parametrize(
        "rows",
        [
            [pausing(-1, 0.1), pausing(0, 0.499)],
            [pausing(-1, 0.3), pausing(0, 0.599)],
            [pausing(-1, 0.1), pausing(0, 0.5, 19)],
            [pausing(-1, 0.1, 19), pausing(0, 0.5)],
            [pausing(-1, 0.1, operation="find"), pausing(0, 0.5, operation="find")],
            [pausing(-1, 0.1), pausing(0, 0.5, answer=0.6)],
        ],
    )
    def test_is_quiet_below(self, rows: list[Row]) -> None:
        assert not sending(*rows)

    @pytest.mark.parametrize("known", [{"slow_factor": 0}, {"device_gap_seconds": 0}])
    def test_a_threshold_of_zero_switches_it_off(self, known: Row) -> None:
        assert sending(pausing(-1, 0.1), pausing(0, 0.5))
        assert not sending(pausing(-1, 0.1), pausing(0, 0.5), **known)


LOW: Row = {"queue_associations": 10, "queue_hours": 2}
SOME: Row = {"associations": ()}


def full(hour: float, number: int = 10, **row: Any) -> list[Row]:
    """Return so many associations that are open at once for ten minutes of an hour."""
    return [assoc(hour + n / 1000, f"Q{hour:g}-{n}", duration=600.0, **row) for n in range(number)]


def queues(*rows: list[Row], **known: Any) -> list[Finding]:
    from findings.a_week import counted

    return speed.queueing(
        a_week(
            associations=[row for some in rows for row in some],
            facts={"associations": counted(1)},
            known=LOW | known,
        )
    )


class TestQueue:
    def test_hours_with_nearly_as_many_as_ever(self) -> None:
        rows = [full(-24), full(5), full(9, 9), full(12, 8), full(170)]
        found = queues(*rows)
        assert shown(found, "queueing", "pacs") == {
            "severity": "medium", "start": 5, "end": None, "parties": [PACS], "host": PACS,
            "count": 2, "rows": [f"Q5-{n}" for n in range(10)], "most": 10, "ever": 10,
            "hours": 2, "usual_number": 1.0, "first": 5, "refused_number": 0,
        }  # fmt: skip

    @pytest.mark.parametrize(
        ("weeks_ago", "usual"),
        [(1, 1.0), (1.01, 0.5), (2, 0.5), (2.01, 0.3), (4, 0.2), (4.01, None)],
    )
    def test_what_was_usual_is_of_the_weeks_that_are_known(
        self, weeks_ago: float, usual: float | None
    ) -> None:
        found = queues(full(-weeks_ago * WEEK), full(5), full(9), full(12))
        assert [in_full(f)["usual_number"] for f in found] == ([] if usual is None else [usual])

    def test_twice_as_many_hours_as_usual_are_needed(self) -> None:
        before = [full(-20), full(-30)]
        assert queues(*before, full(5), full(9), full(12), full(15))
        assert not queues(*before, full(5), full(9), full(12))

    @pytest.mark.parametrize(
        "rows",
        [
            [full(-24, 9), full(5, 9), full(9, 9)],
            [full(-24, 1), full(5)],
            [full(5), full(9)],
            [full(-24, 12), full(5), full(9)],
            [full(-24, 1), full(5, result="rejected"), full(9, result="rejected")],
            [full(-24, 1), full(5), full(9, resp=OTHER)],
        ],
    )
    def test_is_quiet_below(self, rows: list[list[Row]]) -> None:
        assert not queues(*rows)

    @pytest.mark.parametrize("known", [{"queue_associations": 0}, {"queue_hours": 0}])
    def test_a_threshold_of_zero_switches_it_off(self, known: Row) -> None:
        assert queues(full(-24, 1), full(5), full(9))
        assert not queues(full(-24, 1), full(5), full(9), **known)
        assert not speed.queueing(a_week(associations=[*full(-24, 1), *full(5)], known=LOW))

    def test_one_with_room_or_always_full_hides_none(self) -> None:
        usual = [full(h, resp="10.0.0.0") for h in (-30, -20, -10, 5, 9)]
        room = [full(h, 3, resp="10.0.0.1") for h in (-24, 5, 9)]
        found = queues(*usual, *room, full(-24, 1), full(5), full(9))
        assert [f.parties[0].address for f in found] == [PACS]

    def test_requests_that_it_refused_for_want_of_room_make_it_high(self) -> None:
        rows = [full(-24, 1), full(5), full(9)]

        def refused(hours: float, source: int, reason: int) -> list[Row]:
            why = {"result": "rejected", "reject_source": source, "reject_reason": reason}
            return [assoc(hours, f"R{hours:g}", **why)]

        wanting = [refused(0, 3, 1), refused(167.9, 3, 2)]
        others = [refused(7, 3, 3), refused(8, 2, 1), refused(-1, 3, 1), refused(168, 3, 1)]
        (found,) = queues(*rows, *wanting, *others)
        assert (found.severity.value, in_full(found)["refused_number"]) == ("high", 2)
        (found,) = queues(*rows, *others)
        assert (found.severity.value, in_full(found)["refused_number"]) == ("medium", 0)
