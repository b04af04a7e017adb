"""Rules of how images travel: what each says in full, and what is just below it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from findings.a_week import (
    CT,
    OTHER,
    PACS,
    VIEWER,
    Row,
    a_week,
    assoc,
    conn,
    hour,
    in_full,
    shown,
)
from pacsflow.findings import links
from pacsflow.inventory import Inventory, Item

if TYPE_CHECKING:
    from pacsflow.findings.finding import Finding

MB = 10**6


class TestLossOnPath:
    def told(self, *rows: Row, **more: Any) -> list[Finding]:
        given = {"totals": 10_000 * MB, "missed": 10 * MB} | more
        return links.loss_on_path(a_week(traffic=list(rows), **given))

    def test_a_pair_that_loses_where_others_do_not(self) -> None:
        rows = [
            hour(5, 495 * MB, missed_bytes=6 * MB),
            hour(6, 495 * MB, PACS, CT, missed_bytes=4 * MB), hour(-1, 5, missed_bytes=99 * MB),
            hour(7, 5, service="http", missed_bytes=99 * MB),
            hour(8, 900 * MB, VIEWER, PACS),
        ]  # fmt: skip
        connections = [
            conn(5, "SOME", missed_bytes=3), conn(6, "MOST", PACS, CT, missed_bytes=4),
            conn(7, "NONE"), conn(5, "OTHER", VIEWER, PACS, missed_bytes=9),
            conn(-1, "OLD", missed_bytes=9),
            conn(168, "NEXT", missed_bytes=9),
        ]  # fmt: skip
        found = self.told(*rows, connections=connections)
        assert shown(found, "loss-on-path", "traffic") == {
            "severity": "medium", "start": None, "end": None, "parties": [CT, PACS], "host": CT,
            "peer": PACS, "count": 1, "percent": 1.0, "missed": 10 * MB, "rows": ["MOST", "SOME"],
        }  # fmt: skip

    def test_is_quiet_below(self) -> None:
        row = hour(5, 990 * MB, missed_bytes=10 * MB)
        assert self.told(row)
        assert not self.told(hour(5, 991 * MB, missed_bytes=10 * MB))
        assert not self.told(hour(5, 10 * MB, missed_bytes=10 * MB - 1))
        assert not self.told(row, known={"missed_percent": 0})
        assert not self.told(row, totals=990 * MB), "as everything does"
        assert self.told(row, totals=991 * MB)
        assert not self.told(hour(5, 9), known={"missed_least_bytes": 0})
        assert self.told(hour(5, 9, missed_bytes=1), known={"missed_least_bytes": 0})

    def test_the_most_first(self) -> None:
        rows = [hour(5, MB, missed_bytes=10 * MB), hour(5, MB, VIEWER, PACS, missed_bytes=11 * MB)]
        assert [f.parties[1].address for f in self.told(*rows)] == [VIEWER, PACS]


class TestSlowLinks:
    SLOW = Inventory.of(
        [Item(CT, "ct1", "modality", capacity=50), Item("ae:FAR", "far", "other", capacity=100),
         Item(PACS, "pacs1", "pacs", capacity=1000)]
    )  # fmt: skip

    def told(self, *rows: Row, **more: Any) -> list[Finding]:
        given = {"inventory": self.SLOW} | more
        return links.uncompressed_on_slow_link(a_week(associations=list(rows), **given))

    def row(self, hours: float, octets: int | None, **more: Any) -> Row:
        plain = {"transfer_syntaxes": ["ExplicitVRLittleEndian"]}
        return assoc(hours, data_bytes_orig=octets, **plain | more)

    def test_images_without_compression_over_a_slow_link(self) -> None:
        rows = [
            self.row(6, 600 * MB), self.row(5, 300 * MB, data_bytes_resp=100 * MB),
            self.row(7, 99, transfer_syntaxes=["JPEG2000"]), self.row(8, 99, transfer_syntaxes=[]),
            self.row(9, 99, transfer_syntaxes=["ExplicitVRLittleEndian", "JPEG2000"]),
            self.row(10, None, transfer_syntaxes=["ImplicitVRLittleEndian"]), self.row(-1, 99 * MB),
        ]  # fmt: skip
        assert shown(self.told(*rows), "uncompressed-slow-link", "traffic") == {
            "severity": "low", "start": None, "end": None, "parties": [CT], "host": CT, "count": 1,
            "bytes": 1000 * MB, "capacity": 50, "link_seconds": 160.0, "rows": ["C5", "C6", "C10"],
            "syntaxes": ["ExplicitVRLittleEndian", "ImplicitVRLittleEndian"],
        }  # fmt: skip

    def test_is_quiet_below(self) -> None:
        row = self.row(5, 1000 * MB)
        assert not self.told(self.row(5, 1000 * MB - 1))
        assert not self.told(row, known={"uncompressed_bytes": 0})
        assert not self.told(row, known={"slow_link_mbits": 0})
        assert not self.told(row, known={"slow_link_mbits": 49.9})
        assert self.told(row, known={"slow_link_mbits": 50})
        assert not self.told(row, inventory=Inventory.of([Item(CT, "ct1", "modality")]))
        assert not self.told(row | {"id.orig_h": VIEWER})

    def test_the_one_that_was_called_by_its_title_and_the_most_first(self) -> None:
        rows = [
            self.row(5, 1000 * MB),
            self.row(6, 2000 * MB, called_ae="FAR") | {"id.orig_h": OTHER},
        ]
        more = self.row(6, 2000 * MB, called_ae="FAR") | {"id.resp_h": VIEWER, "id.orig_h": OTHER}
        found = self.told(rows[0], more)
        assert [in_full(f)["parties"] for f in found] == [[VIEWER], [CT]]
        titled = self.row(6, 2000 * MB, calling_ae="FAR") | {"id.orig_h": OTHER}
        assert [in_full(f)["parties"] for f in self.told(titled)] == [[OTHER]]


class TestMornings:
    NIGHT = range(1, 7)

    def told(self, rows: list[Row], **more: Any) -> list[Finding]:
        inventory = Inventory.of([Item(PACS, "pacs1", "pacs")])
        return links.prefetch_into_morning(a_week(traffic=rows, **{"inventory": inventory} | more))

    def night(self, day: int, hours: range, megabytes: int = 200, to: str = VIEWER) -> list[Row]:
        return [hour(24 * day + h, megabytes * MB, PACS, to, communications=0) for h in hours]

    def test_copies_of_the_night_that_still_run(self) -> None:
        rows = [*self.night(0, range(1, 8)), *self.night(2, range(8)), *self.night(3, range(1, 7))]
        connections = [
            conn(1, "A", PACS, VIEWER), conn(6.9, "B", PACS, VIEWER), conn(48, "C", PACS, VIEWER),
            conn(8, "LATE", PACS, VIEWER), conn(3, "OTHER", PACS, CT),
            conn(73, "THIRD", PACS, VIEWER),
        ]  # fmt: skip
        found = self.told(rows, connections=connections)
        assert shown(found, "prefetch-into-morning", "traffic") == {
            "severity": "low", "start": 7, "end": None, "parties": [PACS, VIEWER], "host": PACS,
            "peer": VIEWER, "count": 1, "days": 2, "first": 7, "bytes": 15 * 200 * MB,
            "rows": ["A", "C", "B"],
        }  # fmt: skip

    def test_is_quiet_below(self) -> None:
        rows = self.night(0, range(1, 8))
        assert self.told(rows)
        assert not self.told(rows[:-1]), "over at seven"
        assert not self.told([*rows[:-1], hour(7, 99 * MB, PACS, VIEWER, communications=0)])
        assert self.told([*rows[:-1], hour(7, 100 * MB, PACS, VIEWER, communications=0)])
        assert not self.told([r for r in rows if r["hour"].hour != 6])
        assert not self.told([r for r in rows if r["hour"].hour != 5])
        assert self.told([r for r in self.night(0, range(1, 8), 300) if r["hour"].hour != 4])
        assert not self.told(self.night(0, range(1, 8), 199)), "995 MB in the night"
        assert self.told([*rows, *self.night(0, range(9, 17), 200)])
        assert not self.told([*rows, *self.night(0, range(9, 17), 201)]), "more by day"
        assert not self.told(rows, facts={"clock_known": False})
        assert not self.told(rows, known={"prefetch_bytes": 0})
        assert not self.told(rows, known={"prefetch_bytes": 1400 * MB + 1})
        assert not self.told(rows, inventory=Inventory.of([Item(PACS, "x", "other")]))
        assert not self.told([r | {"source": CT} for r in rows])
        assert not self.told([r | {"service": "http"} for r in rows])

    def test_the_hour_that_is_meant(self) -> None:
        rows = self.night(0, range(1, 9))
        for until, speaks in ((5, False), (6, True), (8, True), (9, False)):
            assert bool(self.told(rows, known={"prefetch_until_hour": until})) is speaks, until
        assert not self.told(self.night(0, range(1, 8)), known={"prefetch_until_hour": 8})

    def test_on_the_clock_of_the_site(self) -> None:
        rows = self.night(1, range(1, 8))
        assert not self.told(rows, zone="America/Sao_Paulo")
        shifted = self.night(1, range(4, 11))
        assert in_full(self.told(shifted, zone="America/Sao_Paulo")[0])["first"] == 34

    def test_hours_that_two_rows_tell_are_one(self) -> None:
        rows = self.night(0, range(1, 8), 100)
        again = [r | {"service": "dicom?"} for r in rows]
        assert in_full(self.told([*rows, *again])[0])["bytes"] == 1400 * MB

    def test_a_pair_that_was_done_in_time_hides_none(self) -> None:
        done = self.night(0, range(1, 7), 300, to="10.0.0.3")
        found = self.told([*done, *self.night(0, range(1, 8))])
        assert [f.parties[1].address for f in found] == [VIEWER]

    def test_each_pair_for_itself_by_address(self) -> None:
        rows = [*self.night(0, range(1, 8), to=VIEWER), *self.night(0, range(1, 8), to=OTHER)]
        assert [f.parties[1].address for f in self.told(rows)] == [VIEWER, OTHER]


def test_says_nothing_of_nothing() -> None:
    assert not links.loss_on_path(a_week())
