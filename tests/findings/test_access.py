"""Rules of who asks for too much: what each says in full, and what is just below it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from findings.a_week import (
    CT,
    MONTH,
    OTHER,
    PACS,
    VIEWER,
    Row,
    a_week,
    assoc,
    at,
    conn,
    hour,
    in_full,
    notice,
    plain,
    shown,
)
from pacsflow.findings import access
from pacsflow.inventory import Inventory, Item

if TYPE_CHECKING:
    from collections.abc import Callable

    from pacsflow.findings.finding import Finding

SITE = Inventory.of(
    [
        Item(PACS, "pacs1", "pacs"), Item("10.0.0.3", "pacs2", "pacs"), Item(CT, "ct1", "modality"),
        Item("10.0.0.7", "router", "gateway"), Item("ae:ARCHIVE", "archive", "other"),
    ]
)  # fmt: skip


def rejected(hours: float, title: str | None, **row: Any) -> Row:
    reasons = {"reject_source": 1, "reject_reason": 7} | row
    return assoc(hours, orig=OTHER, calling_ae=title, result="rejected", **reasons)


class TestGuessing:
    ROWS: list[Row] = [
        rejected(1, "A"), rejected(2, "B"), rejected(2.5, "B"), rejected(25, "D"),
        rejected(3, None, reject_reason=3), rejected(3.1, "E", reject_source=2),
        rejected(3.2, "F", reject_reason=1), assoc(3.3, orig=OTHER, calling_ae="G"),
        rejected(25.5, "D"),
    ]  # fmt: skip

    def test_pairs_of_titles_within_a_day(self) -> None:
        found = access.ae_guessing(
            a_week(associations=self.ROWS, notices=[notice("Other", src=OTHER)])
        )
        assert shown(found, "ae-guessing", "security") == {
            "severity": "high", "start": 25, "end": None, "parties": [OTHER], "host": OTHER,
            "count": 4, "number": 4, "rows": ["C1", "C2", "C2.5", "C3", "C25"],
            "span_hours": 86400, "titles": [" > PACS1", "A > PACS1", "B > PACS1", "D > PACS1"],
        }  # fmt: skip

    @pytest.mark.parametrize(
        "change",
        [
            {"associations": [r for r in ROWS if r["calling_ae"] != "A"]},
            {"associations": [*ROWS[1:], rejected(0.99, "A")]},
            {"known": {"guess_pairs": 0}},
            {"known": {"guess_pairs": 5}},
            {"known": {"guess_hours": 23.9}},
            {"known": {"guess_hours": 0}, "associations": [rejected(1, title) for title in "ABCD"]},
            {"notices": [notice("AE_Title_Guessing", src=OTHER)]},
        ],
    )
    def test_is_quiet_below(self, change: Row) -> None:
        assert not access.ae_guessing(a_week(**{"associations": self.ROWS} | change))

    def test_rows_without_an_uid_take_no_place(self) -> None:
        unnamed = [rejected(1 + i / 100, f"T{i}") | {"uid": None} for i in range(10)]
        found = access.ae_guessing(a_week(associations=[*unnamed, rejected(2, "U", uid="LAST")]))
        assert [f.rows for f in found] == [("LAST",)]

    def test_the_worst_first_and_of_many_titles_the_first(self) -> None:
        rows = [rejected(1 + i / 100, f"T{i:02}") for i in range(24)]
        rows += [rejected(5 + i / 100, f"U{i}") | {"id.orig_h": CT} for i in range(5)]
        rows.append(rejected(-0.1, "BEFORE"))
        worst, other = map(in_full, access.ae_guessing(a_week(associations=rows)))
        assert (worst["host"], worst["number"], other["host"]) == (OTHER, 24, CT)
        assert worst["rows"] == [r["uid"] for r in rows[:10]]
        assert worst["titles"] == [f"T{i:02} > PACS1" for i in range(5)]
        found = access.ae_guessing(a_week(associations=rows))[0]
        assert dict(found.values)["titles"].beyond == 15, "of twenty"

    def test_who_is_covered_hides_nobody(self) -> None:
        rows = [rejected(1 + i / 100, f"T{i}") for i in range(9)]
        rows += [rejected(5 + i / 100, f"U{i}") | {"id.orig_h": CT} for i in range(4)]
        found = access.ae_guessing(
            a_week(associations=rows, notices=[notice("AE_Title_Guessing", src=OTHER)])
        )
        assert [f.parties[0].address for f in found] == [CT]


def finds(hours: float, pending: int, **row: Any) -> Row:
    asked = {"find_rq": 1, "rsp_pending": pending, "services": ["query"]} | row
    return assoc(hours, orig=VIEWER, **asked)


class TestEnumeration:
    LOW: Row = {"find_results": 100}

    def told(self, *rows: Row, **more: Any) -> list[Finding]:
        return access.find_enumeration(
            a_week(associations=list(rows), **{"known": self.LOW} | more)
        )

    def test_requests_and_results_within_an_hour(self) -> None:
        rows = [finds(1, 40), finds(2, 58), finds(-MONTH, 24), finds(-MONTH - 0.1, 99)]
        assert shown(self.told(*rows), "find-enumeration", "security") == {
            "severity": "high", "start": 1, "end": 2, "parties": [VIEWER], "host": VIEWER,
            "number": 100, "count": 100, "rows": ["C1", "C2"], "span_hours": 3600,
            "before_number": 25,
        }  # fmt: skip
        assert not self.told(*rows[:2], finds(-0.1, 25)), "25 times four and more"
        assert not self.told(*rows[:2], finds(-24 * 7, 25))

    @pytest.mark.parametrize(
        "rows",
        [
            [finds(1, 40), finds(2, 57)],
            [finds(1, 40), finds(2.01, 58)],
            [finds(1, 99, find_rq=0)],
            [finds(1, 99, find_rq=None)],
            [finds(1, 99, get_rq=1)],
            [finds(1, 99, move_rq=1)],
            [finds(1, 99, services=["worklist"])],
            [finds(1, 99, duration=3601.0)],
            [finds(168, 99)],
        ],
    )
    def test_is_quiet_below(self, rows: list[Row]) -> None:
        assert not self.told(*rows)

    @pytest.mark.parametrize(
        "row",
        [
            finds(1, 99, services=["worklist", "query"]),
            finds(1, 99, services=None),
            finds(1, 0, find_rq=100, rsp_pending=None),
            finds(1, 0, find_rq=100, get_rq=1),
            finds(1, 199, duration=7200.0),
            finds(1, 99, duration=None),
            finds(167.9, 99),
            finds(0, 99),
        ],
    )
    def test_speaks_of_these(self, row: Row) -> None:
        assert in_full(self.told(row)[0])["number"] == 100

    def test_its_switches_and_notice(self) -> None:
        row = finds(1, 5000)
        for known in ({"find_results": 0}, {"find_hours": 0}, {}):
            found = self.told(row, known=known)
            assert bool(found) is (known == {}), known
        assert not self.told(row, notices=[notice("Find_Enumeration", src=VIEWER)])
        assert self.told(row, notices=[notice("Bulk_Retrieval", src=VIEWER)])
        assert self.told(row, notices=[notice("Find_Enumeration", src=VIEWER, hours=-0.1)])
        assert self.told(row, notices=[notice("Find_Enumeration", src=VIEWER, hours=168)])


class TestRetrievals:
    def told(self, *rows: Row, **more: Any) -> list[Finding]:
        return access.many_retrievals(a_week(associations=list(rows), **more))

    def test_gets_and_moves(self) -> None:
        rows = [
            assoc(1, orig=VIEWER, get_rq=80), assoc(2, orig=VIEWER, move_rq=120),
            assoc(1.5, orig=VIEWER, find_rq=9),
            assoc(-30, orig=VIEWER, find_rq=9, get_rq=0, move_rq=0),
        ]  # fmt: skip
        assert shown(self.told(*rows), "bulk-requests", "security") == {
            "severity": "high", "start": 1, "end": 2, "parties": [VIEWER], "host": VIEWER,
            "number": 200, "count": 200, "rows": ["C1", "C2"], "span_hours": 3600,
            "before_number": None,
        }  # fmt: skip
        assert not self.told(assoc(1, get_rq=80), assoc(2, move_rq=119))
        singly = [
            assoc(1 + n / 1000, orig=VIEWER, **{("get_rq", "move_rq")[n % 2]: 1})
            for n in range(200)
        ]
        assert in_full(self.told(*singly)[0])["number"] == 200, "one request an association"
        assert in_full(self.told(assoc(1, get_rq=400, duration=7200.0))[0])["number"] == 200
        assert not self.told(rows[0], rows[1], notices=[notice("Bulk_Retrieval", src=VIEWER)])
        for known in ({"retrieve_requests": 0}, {"retrieve_hours": 0}):
            assert not self.told(*rows, known=known)


class TestBulk:
    OLD = hour(-MONTH, 1)
    GB = 10**9

    def told(self, *rows: Row, **more: Any) -> list[Finding]:
        return access.bulk_bytes(a_week(traffic=list(rows), **{"inventory": SITE} | more))

    def much(self, hours: float, gigabytes: float, **row: Any) -> Row:
        return hour(hours, int(gigabytes * self.GB), PACS, VIEWER, **{"communications": 0} | row)

    def test_a_day_of_far_more_than_ever(self) -> None:
        rows = [
            self.OLD, self.much(50, 4), self.much(73, 6), self.much(-30, 2.5),
            hour(60, 9 * self.GB, CT, VIEWER, communications=0), self.much(61, 9, origin="sflow"),
            self.much(62, 9, service="http"),
        ]  # fmt: skip
        connections = [
            conn(50, "SMALL", PACS, VIEWER, bytes=5), conn(73.9, "LAST", PACS, VIEWER, bytes=7),
            conn(60, "LARGE", VIEWER, PACS, bytes=9), conn(49.9, "EARLY", PACS, VIEWER),
            conn(74, "LATE", PACS, VIEWER), conn(60, "OTHER", PACS, CT, bytes=99),
        ]  # fmt: skip
        expected = {
            "severity": "high", "start": 50, "end": 74, "parties": [VIEWER], "host": VIEWER,
            "count": 1, "rows": ["LARGE", "LAST", "SMALL"], "bytes": 10e9, "before_bytes": 2.5e9,
        }  # fmt: skip
        found = self.told(*rows, connections=connections)
        assert shown(found, "bulk-retrieval", "security") == expected
        told = [
            assoc(50, "GET", VIEWER, PACS, data_bytes_resp=3, data_bytes_orig=2, duration=0.0),
            assoc(74, "AFTER", VIEWER, PACS, data_bytes_resp=9),
            assoc(49, "RUNS", VIEWER, PACS, data_bytes_resp=4, data_bytes_orig=1, duration=3600.0),
            assoc(49, "OVER", VIEWER, PACS, data_bytes_resp=4, duration=3599.0),
            assoc(60, "MOVED", PACS, VIEWER, data_bytes_orig=5, data_bytes_resp=0),
            assoc(60, "UNKNOWN", PACS, VIEWER), assoc(61, "ELSE", PACS, CT, data_bytes_orig=9),
        ]  # fmt: skip
        found = self.told(*rows, associations=told)
        assert in_full(found[0])["rows"] == ["MOVED", "RUNS", "GET", "UNKNOWN"]

    def test_is_quiet_below(self) -> None:
        enough = [self.OLD, self.much(50, 4), self.much(73, 6)]
        assert self.told(*enough)
        assert not self.told(self.OLD, self.much(50, 4), self.much(73, 5.9))
        assert not self.told(self.OLD, self.much(50, 4), self.much(74, 6)), "25 hours"
        assert not self.told(*enough, self.much(-30, 2.6))
        assert not self.told(*enough, self.much(-30, 1.3), self.much(-7, 1.3))
        assert self.told(*enough, self.much(-30, 1.3), self.much(-6, 1.3))
        assert self.told(*enough, self.much(-MONTH - 1, 9)), "longer ago than is looked at"
        assert not self.told(*enough, self.much(-MONTH, 9))
        assert not self.told(*enough, known={"retrieve_bytes": 0})
        assert not self.told(*enough, inventory=Inventory.of([Item(PACS, "x", "other")]))
        assert not self.told(*enough, notices=[notice("Bulk_Retrieval", src=PACS, dst=VIEWER)])

    def test_copies_between_archives_and_gateways_are_their_work(self) -> None:
        to_pacs = hour(50, 11 * self.GB, PACS, "10.0.0.3")
        to_router = hour(50, 11 * self.GB, PACS, "10.0.0.7")
        assert not self.told(self.OLD, to_pacs, to_router)
        found = self.told(self.OLD, to_pacs, to_router, self.much(50, 10))
        assert [f.parties[0].address for f in found] == [VIEWER], "whom they do not hide"

    def test_who_is_covered_or_always_did_hides_nobody(self) -> None:
        usual = [hour(h, 12 * self.GB, PACS, OTHER) for h in (-30, 50)]
        rows = [self.OLD, hour(50, 11 * self.GB, PACS, CT), *usual, self.much(50, 10)]
        found = self.told(*rows, notices=[notice("Bulk_Retrieval", src=PACS, dst=CT)])
        assert [f.parties[0].address for f in found] == [VIEWER]

    def test_needs_a_history_of_any_traffic(self) -> None:
        much = self.much(50, 11)
        for hours, speaks in ((-24 * 7, True), (-24 * 7 + 1, False)):
            assert bool(self.told(much, hour(hours, 1, CT, OTHER, service="http"))) is speaks
            assert bool(self.told(much, hour(hours, 1, origin="sflow"))) is False
        assert self.told(much, hour(-24, 1), known={"learning_days": 1})

    def test_what_began_on_sunday_ends_in_the_week(self) -> None:
        found = self.told(self.OLD, self.much(-22, 1), self.much(1, 10))
        assert in_full(found[0])["start"] == -22
        assert not self.told(self.OLD, self.much(-24, 11)), "told in the week before"

    def test_the_largest_first(self) -> None:
        rows = [self.much(50, n) | {"destination": f"10.0.1.{n}"} for n in (11, 13, 12)]
        found = self.told(self.OLD, *rows)
        assert [f.parties[0].address for f in found] == ["10.0.1.13", "10.0.1.12", "10.0.1.11"]


class TestMoves:
    OLD = assoc(-24 * 7, orig=VIEWER, calling_ae="READ1")

    def move(self, hours: float, title: str, **row: Any) -> Row:
        return assoc(
            hours,
            orig=VIEWER,
            **{"move_rq": 1, "move_destinations": [title], "calling_ae": "X"} | row,
        )

    def told(self, *rows: Row, **more: Any) -> list[Finding]:
        return access.move_to_unknown(a_week(associations=list(rows), **more))

    def test_a_destination_of_which_nobody_has_heard(self) -> None:
        rows = [
            self.OLD, self.move(5, "THIEF", move_rq=2), self.move(9, "THIEF"),
            self.move(7, "THIEF", **{"id.orig_h": CT}) | {"uid": None},
        ]  # fmt: skip
        assert shown(self.told(*rows), "move-to-unknown", "security") == {
            "severity": "high", "start": 5, "end": None, "parties": [VIEWER], "host": VIEWER,
            "count": 4, "number": 4, "title": "THIEF", "first": 5, "rows": ["C5", "C9"],
        }  # fmt: skip

    @pytest.mark.parametrize(
        ("row", "more"),
        [
            ({"move_rq": 0}, {}),
            ({"move_rq": None}, {}),
            ({}, {"known": {"move_requests": 2}}),
            ({}, {"known": {"move_requests": 0}}),
            ({}, {"known": {"learning_days": 7.1}}),
            ({}, {"notices": [notice("Move_To_Unknown_Destination", src=VIEWER)]}),
            ({"move_destinations": ["ARCHIVE"]}, {"inventory": SITE}),
        ],
    )
    def test_is_quiet_below(self, row: Row, more: Row) -> None:
        assert not self.told(self.OLD, self.move(5, "THIEF", **row), **more)
        assert self.told(self.OLD, self.move(5, "THIEF"))

    def test_a_title_that_was_used_before_is_known(self) -> None:
        move = self.move(5, "T")
        for row, speaks in (
            (assoc(4, calling_ae="T"), False), (assoc(4, called_ae="T"), False),
            (assoc(5, "same", calling_ae="T"), True), (assoc(6, calling_ae="T"), True),
            (assoc(4, calling_ae="T", result="rejected"), True),
            (self.move(-0.1, "T"), False),
        ):  # fmt: skip
            assert bool(self.told(self.OLD, move, row)) is speaks, row
        for hours, speaks in ((4, False), (6, True)):
            known = {"ts": at(hours), "ae_title": "T"}
            assert bool(self.told(self.OLD, move, endpoints=[known])) is speaks
        assert not self.told(self.OLD, self.move(168, "T")), "next week"

    def test_the_most_first(self) -> None:
        found = self.told(self.OLD, self.move(5, "A"), self.move(6, "B", move_rq=9))
        assert [dict(f.values)["title"].value for f in found] == ["B", "A"]

    def test_a_title_that_is_written_down_hides_none(self) -> None:
        rows = [self.move(5, "ARCHIVE", move_rq=9), self.move(6, "THIEF")]
        found = self.told(self.OLD, *rows, inventory=SITE)
        assert [dict(f.values)["title"].value for f in found] == ["THIEF"]


class TestNewPeer:
    OLD = [assoc(-24 * 7, orig=CT), assoc(-24 * 6, orig=VIEWER, resp="10.0.0.3")]

    def told(self, *rows: Row, **more: Any) -> list[Finding]:
        seen = [{"ts": at(-1), "host": host} for host in (PACS, "10.0.0.3")]
        made = {"inventory": SITE, "endpoints": seen} | more
        facts = a_week(associations=[*self.OLD, *rows], **made)
        return access.new_peer(facts)

    def test_whom_an_archive_accepts_for_the_first_time(self) -> None:
        rows = [
            assoc(5, orig=VIEWER),
            assoc(3, orig=PACS, resp=VIEWER),
            assoc(-9, "N", VIEWER, result="rejected"),
        ]
        assert shown(self.told(*rows), "new-peer", "security") == {
            "severity": "low", "start": 3, "end": None, "parties": [VIEWER, PACS], "host": PACS,
            "peer": VIEWER, "count": 2, "first": 3, "rows": ["C3", "C5"],
        }  # fmt: skip

    def test_between_two_that_are_written_down_it_is_a_note(self) -> None:
        found = self.told(assoc(5, orig=CT, resp="10.0.0.3"))
        assert [(f.severity.value, plain(f.parties[1])) for f in found] == [("info", "10.0.0.3")]

    def test_is_quiet_below(self) -> None:
        row = assoc(5, orig=VIEWER)
        assert self.told(row)
        assert not self.told(row, known={"new_peer_associations": 2})
        assert not self.told(row, known={"new_peer_associations": 0})
        assert not self.told(row, known={"learning_days": 7.1})
        assert not self.told(row, inventory=Inventory.of([Item(CT, "ct1", "modality")]))
        assert not self.told(row, notices=[notice("New_Peer", src=VIEWER, dst=PACS)])
        assert not self.told(assoc(5, orig=VIEWER, resp=OTHER)), "no archive"
        assert not self.told(assoc(5, orig=VIEWER, result="rejected"))
        assert not self.told(assoc(-1, orig=VIEWER), row)
        assert self.told(assoc(0, orig=VIEWER)), "the first moment of the week"
        assert not self.told(assoc(168, orig=VIEWER))
        assert not self.told(assoc(5, orig=CT))

    def test_what_is_new_altogether_is_told_by_another_rule(self) -> None:
        from types import SimpleNamespace

        party = a_week(inventory=SITE).hosts.party(VIEWER)
        for state, speaks in (("new", False), ("active", True)):
            facts = {"equipment": (SimpleNamespace(party=party, state=state),)}
            assert bool(self.told(assoc(5, orig=VIEWER), facts=facts)) is speaks

    def test_the_most_first(self) -> None:
        rows = [assoc(9, orig=VIEWER), assoc(6, orig=OTHER), assoc(7, orig=OTHER)]
        assert [f.parties[0].address for f in self.told(*rows)] == [OTHER, VIEWER]
        alike = [assoc(6, orig="10.0.0.5", resp="10.0.0.3"), assoc(5, orig=OTHER)]
        found = [f.parties[0].address for f in self.told(*alike)]
        assert found == [OTHER, "10.0.0.5"], "of as many by the lower address of each"

    def test_what_is_not_told_hides_nothing_after_it(self) -> None:
        other = [assoc(5 + n, orig=VIEWER, resp=OTHER) for n in range(3)]
        assert [f.count for f in self.told(*other, assoc(5, orig=VIEWER))] == [1]


class TestSharedTitles:
    def told(self, *rows: Row, **more: Any) -> list[Finding]:
        return access.ae_on_several_hosts(a_week(associations=list(rows), **more))

    def call(self, hours: float, host: int, title: str = "CR7", **row: Any) -> Row:
        return assoc(hours, orig=f"10.0.2.{host}", calling_ae=title, **row)

    def test_one_title_from_three_hosts(self) -> None:
        rows = [self.call(3, 1), self.call(1, 3), self.call(2, 2), self.call(2.5, 2)]
        hosts = ["10.0.2.1", "10.0.2.2", "10.0.2.3"]
        assert shown(self.told(*rows), "ae-on-several-hosts", "security") == {
            "severity": "medium", "start": None, "end": None, "parties": hosts, "hosts": hosts,
            "count": 3, "title": "CR7", "rows": ["C1", "C2", "C2.5", "C3"],
        }  # fmt: skip
        many = [self.call(1 + i, i) for i in range(8)]
        assert len(self.told(*many)[0].parties) == 6

    def test_is_quiet_below(self) -> None:
        rows = [self.call(n, n) for n in (1, 2, 3)]
        assert self.told(*rows)
        assert not self.told(*rows[:2])
        assert not self.told(*rows, known={"ae_hosts": 0})
        assert not self.told(*rows[:2], self.call(3, 3, result="rejected"))
        for title in (None, "", "STORESCU"):
            assert not self.told(*(self.call(n, n, title or "") for n in (1, 2, 3)))
        for n in (1, 2, 3):
            covering = [notice("AE_Title_On_Several_Hosts", src=f"10.0.2.{n}")]
            assert not self.told(*rows, notices=covering)

    def test_hosts_that_had_it_before_are_no_news(self) -> None:
        now, before = (
            [self.call(n, n) for n in (1, 2, 3)],
            [self.call(-200 - n, n) for n in (1, 2, 3)],
        )
        assert not self.told(*now, *before)
        assert self.told(*now, *before[:2]), "the third is new with it"
        assert self.told(*now, *before, known={"learning_days": 9})
        long_ago = [self.call(-24 * 84 - n, n) for n in (1, 2, 3)]
        assert self.told(*now, *long_ago), "longer ago than is kept"
        assert not self.told(*now, *(self.call(-24 * 84 + n, n) for n in (1, 2, 3)))

    def test_by_title(self) -> None:
        rows = [self.call(n, n, t) for n in (1, 2, 3) for t in ("B", "A")]
        assert [dict(f.values)["title"].value for f in self.told(*rows)] == ["A", "B"]

    def test_what_is_usual_or_covered_hides_nothing(self) -> None:
        rows = [self.call(n, n, "USUAL") for n in (-203, -202, -201, 1, 2, 3)]
        rows = [r | {"id.orig_h": f"10.0.2.{n % 3}"} for n, r in enumerate(rows)]
        rows += [self.call(n, n, title) for n in (4, 5, 6) for title in ("COVERED", "X")]
        rows[-1]["id.orig_h"] = "10.0.2.9"
        covered = [notice("AE_Title_On_Several_Hosts", src="10.0.2.6")]
        found = self.told(*rows, notices=covered)
        assert [dict(f.values)["title"].value for f in found] == ["X"]


class TestFlood:
    LOW: Row = {"flood_associations": 3}

    def told(self, *rows: Row, **more: Any) -> list[Finding]:
        return access.association_flood(
            a_week(associations=list(rows), **{"known": self.LOW} | more)
        )

    def test_many_within_a_minute(self) -> None:
        minute = 1 / 60
        rows = [assoc(1), assoc(1 + minute / 2), assoc(1 + minute), assoc(2, orig=VIEWER)]
        found = self.told(*rows, assoc(1.5))
        assert shown(found, "association-flood", "security") == {
            "severity": "medium", "start": 1, "end": round(1 + minute, 6), "parties": [CT],
            "host": CT, "count": 3, "number": 3, "when": round(1 + minute, 6),
            "span_seconds": 60, "rows": [r["uid"] for r in rows[:3]],
        }  # fmt: skip
        assert not self.told(*rows[:2], assoc(1 + 1.02 * minute))
        assert not self.told(*rows, notices=[notice("Association_Flood", src=CT)])
        for known in ({"flood_associations": 0}, {"flood_associations": 3, "flood_seconds": 0}, {}):
            assert not self.told(*rows, known=known)


class TestScan:
    LOW: Row = {"echo_endpoints": 3}

    def told(self, *rows: Row, **more: Any) -> list[Finding]:
        return access.echo_scan(a_week(associations=list(rows), **{"known": self.LOW} | more))

    def echo(self, hours: float, host: int, **row: Any) -> Row:
        return assoc(hours, resp=f"10.0.1.{host}", **{"echo_rq": 1} | row)

    def test_many_endpoints_within_a_day(self) -> None:
        rows = [
            self.echo(1, 1), self.echo(2, 1, **{"id.resp_p": 11112}), self.echo(3, 1),
            self.echo(25, 2, echo_rq=0, result="no_reply"),
        ]  # fmt: skip
        assert shown(self.told(*rows), "echo-scan", "security") == {
            "severity": "medium", "start": 1, "end": 25, "parties": [CT], "host": CT, "count": 3,
            "number": 3, "when": 25, "rows": ["C1", "C2", "C3", "C25"],
        }  # fmt: skip

    def test_is_quiet_below(self) -> None:
        rows = [self.echo(n, n) for n in (1, 2, 3)]
        assert self.told(*rows)
        assert self.told(*rows[:2], self.echo(3, 3, echo_rq=0, result="rejected"))
        assert not self.told(*rows[:2], self.echo(3, 3, echo_rq=0))
        assert not self.told(*rows[:2])
        assert not self.told(*rows[:2], self.echo(25.1, 3))
        assert not self.told(*rows, known={"echo_endpoints": 0})
        assert not self.told(*rows, known={"echo_endpoints": 3, "echo_hours": 0})
        assert not self.told(*rows, known={})
        assert not self.told(*rows, notices=[notice("Echo_Scan", src=CT)])

    def test_what_was_tried_before_is_monitoring(self) -> None:
        rows = [self.echo(n, n) for n in (1, 2, 3)]
        assert not self.told(*rows, self.echo(-0.1, 3))
        assert self.told(*rows, self.echo(-0.1, 3, echo_rq=0)), "that was no trial"
        assert self.told(*rows, self.echo(-0.1, 3) | {"id.orig_h": VIEWER})
        assert self.told(*rows, self.echo(-0.1, 3, **{"id.resp_p": 4242}))


QUIET: list[Callable[[Any], list[Finding]]] = [
    access.ae_guessing, access.find_enumeration, access.many_retrievals, access.bulk_bytes,
    access.move_to_unknown, access.new_peer, access.ae_on_several_hosts, access.association_flood,
    access.echo_scan,
]  # fmt: skip


@pytest.mark.parametrize("rule", QUIET)
def test_says_nothing_of_nothing(rule: Callable[[Any], list[Finding]]) -> None:
    assert rule(a_week(inventory=SITE)) == []
