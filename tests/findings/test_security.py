"""Rules of what must not be: what each says in full, and what is just below it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from findings.a_week import (
    CT,
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
    shown,
)
from pacsflow.findings import security
from pacsflow.inventory import Inventory, Item

if TYPE_CHECKING:
    from collections.abc import Callable

    from pacsflow.findings.facts import Facts
    from pacsflow.findings.finding import Finding

FAR, FARTHER = "8.8.4.4", "8.8.8.8"
SITES = Inventory.of(
    [
        Item(PACS, "pacs1", "pacs", site="north"), Item(CT, "ct1", "modality", site="north"),
        Item(VIEWER, "read1", "workstation", site="south"),
    ]
)  # fmt: skip


class TestOutside:
    def told(self, *rows: Row, **more: Any) -> list[Finding]:
        return security.in_the_clear(a_week(associations=list(rows), **more))

    def test_a_host_of_elsewhere_that_got_images_in_the_clear(self) -> None:
        rows = [
            assoc(5, orig=FAR, data_bytes_orig=3, data_bytes_resp=4),
            assoc(2, orig=CT, resp=FAR, data_bytes_orig=5),
            assoc(-1, orig=FAR, data_bytes_orig=100), assoc(3, "", FAR) | {"uid": None},
        ]  # fmt: skip
        assert shown(self.told(*rows), "outside", "security") == {
            "severity": "high", "start": None, "end": None, "parties": [FAR], "host": FAR,
            "count": 3, "bytes": 12, "rows": ["C5", "C2"],
        }  # fmt: skip

    def test_is_quiet_below(self) -> None:
        row = assoc(5, orig=FAR)
        assert self.told(row)
        assert not self.told(assoc(5))
        assert not self.told(row, known={"outside_associations": 2})
        assert not self.told(row, known={"outside_associations": 0})
        assert not self.told(row, inventory=Inventory.of([Item(FAR, "partner", "other")]))
        assert not self.told(row, notices=[notice("External_Association", src=FAR)])
        assert self.told(row, notices=[notice("External_Association", src=OTHER)])
        assert not self.told(row, tls=[{"ts": at(5), "uid": "C5"}])
        assert self.told(row, tls=[{"ts": at(5), "uid": "C6"}])
        encrypted = {"ts": at(5), "host": PACS, "port_num": 104, "tls": True}
        assert not self.told(row, endpoints=[encrypted])
        assert self.told(row, endpoints=[encrypted | {"tls": False}])
        assert self.told(row, endpoints=[encrypted | {"port_num": 105}])
        other = {"ts": at(5), "host": OTHER, "tls": True, "evidence_uid": "C5"}
        assert not self.told(row, endpoints=[other])
        assert self.told(row, endpoints=[other | {"evidence_uid": None}])
        assert self.told(row | {"uid": None}, tls=[{"ts": at(5), "uid": None}])

    def test_connections_without_an_association(self) -> None:
        """Of a pair that dicom.log does not have, conn.log tells, unless ssl.log has it."""
        rows = [
            hour(5, 9, FAR, PACS),
            hour(6, 8, PACS, FAR),
            hour(7, 50, FAR, PACS, service="dicom?"),
        ]
        found = self.told(
            traffic=rows, connections=[conn(5, "K", FAR, PACS), conn(6, "L", CT, PACS)]
        )
        assert in_full(found[0]) | {"bytes": 17, "count": 2, "rows": ["K"]} == in_full(found[0])
        assert not self.told(traffic=rows, tls=[{"ts": at(1), "id.orig_h": PACS, "id.resp_h": FAR}])
        assert self.told(traffic=rows, tls=[{"ts": at(1), "id.orig_h": CT, "id.resp_h": FAR}])
        seen = assoc(5, orig=FAR)
        assert not self.told(seen, traffic=rows, tls=[{"ts": at(5), "uid": "C5"}]), "inside TLS"
        assert in_full(self.told(seen, traffic=rows)[0])["bytes"] == 17
        assert in_full(self.told(seen | {"data_bytes_orig": 18}, traffic=rows)[0])["bytes"] == 18
        nothing = [row | {"communications": 0} for row in rows]
        assert in_full(self.told(traffic=nothing)[0])["count"] == 1

    def test_the_most_bytes_first(self) -> None:
        rows = [assoc(5, orig=FAR, data_bytes_orig=1), assoc(6, orig=FARTHER, data_bytes_orig=2)]
        assert [f.parties[0].address for f in self.told(*rows)] == [FARTHER, FAR]
        same = [assoc(5, orig=FARTHER), assoc(6, orig=FAR)]
        assert [f.parties[0].address for f in self.told(*same)] == [FAR, FARTHER]


class TestAcrossSites:
    def told(self, *rows: Row, **more: Any) -> list[Finding]:
        return security.in_the_clear(a_week(associations=list(rows), **{"inventory": SITES} | more))

    def test_two_sites_with_dicom_in_the_clear_between_them(self) -> None:
        rows = [
            assoc(5, orig=VIEWER, data_bytes_resp=4),
            assoc(6, orig=CT, resp=VIEWER, data_bytes_orig=5), assoc(7, data_bytes_orig=99),
        ]  # fmt: skip
        found = shown(self.told(*rows), "cleartext-across-sites", "security")
        assert sorted(found.pop("parties")) == sorted([CT, VIEWER, PACS])
        assert sorted(found.pop("rows")) == ["C5", "C6"]
        assert found == {
            "severity": "medium", "start": None, "end": None, "count": 2, "bytes": 9,
            "here": "north", "there": "south",
        }  # fmt: skip

    def test_is_quiet_below(self) -> None:
        row = assoc(5, orig=VIEWER, data_bytes_resp=1)
        assert self.told(row)
        assert not self.told(row | {"data_bytes_resp": 0})
        assert not self.told(row, known={"across_sites_bytes": 0})
        assert not self.told(row, known={"across_sites_bytes": 1.1})
        assert not self.told(row, notices=[notice("Cleartext_Across_Sites", src=VIEWER, dst=PACS)])
        assert self.told(row, notices=[notice("Cleartext_Across_Sites", src=VIEWER, dst=CT)])
        one = [Item(PACS, "p", "pacs", site="north"), Item(VIEWER, "v", "workstation")]
        assert not self.told(row, inventory=Inventory.of(one))
        two = [*one, Item(CT, "c", "modality", site="south")]
        assert not self.told(row, inventory=Inventory.of(two)), "nobody said where the viewer is"
        assert not self.told(assoc(5, data_bytes_orig=9)), "on one site"

    def test_by_sites_the_most_bytes_first(self) -> None:
        items = [Item(f"10.0.{n}.1", f"h{n}", "other", site=f"s{n}") for n in range(4)]
        items += [Item(f"10.1.0.{n}", f"w{n}", "other", site="s1") for n in range(9)]
        rows = [assoc(1, orig="10.0.0.1", resp="10.0.1.1", data_bytes_orig=2)]
        rows += [
            assoc(2 + n, orig=f"10.1.0.{n}", resp="10.0.2.1", data_bytes_orig=1) for n in range(9)
        ]
        many, few = self.told(*rows, inventory=Inventory.of(items))
        assert (in_full(many)["there"], in_full(many)["bytes"]) == ("s2", 9)
        assert (len(many.parties), len(set(many.parties))) == (6, 6)
        assert in_full(few)["parties"] == ["10.0.0.1", "10.0.1.1"]

    def test_connections_without_an_association(self) -> None:
        rows = [hour(5, 9, VIEWER, PACS)]
        connections = [conn(5, "K", VIEWER, PACS), conn(6, "L", CT, PACS)]
        found = self.told(traffic=rows, connections=connections)
        assert in_full(found[0])["rows"] == ["K"]


class TestUnknownSender:
    def told(self, *rows: Row, **more: Any) -> list[Finding]:
        return security.unknown_sender(
            a_week(associations=list(rows), **{"inventory": SITES} | more)
        )

    def test_one_that_stores_and_is_not_written_down(self) -> None:
        rows = [
            assoc(5, orig=OTHER, store_rq=2, calling_ae="B"), assoc(4, orig=OTHER, store_rq=3),
            assoc(6, "", OTHER, store_rq=1, calling_ae=None) | {"uid": None},
            assoc(7, orig=OTHER, store_rq=0), assoc(168, orig=OTHER, store_rq=9),
        ]  # fmt: skip
        assert shown(self.told(*rows), "unknown-sender", "security") == {
            "severity": "medium", "start": 4, "end": None, "parties": [OTHER], "host": OTHER,
            "count": 3, "objects_number": 6, "first": 4, "titles": ["B", "CT1"],
            "rows": ["C4", "C5"],
        }  # fmt: skip

    def test_of_a_retrieval_it_is_the_one_that_was_asked(self) -> None:
        row = assoc(5, orig=CT, resp=OTHER, store_rq=1, get_rq=1, called_ae="X")
        assert in_full(self.told(row)[0])["titles"] == ["X"]
        assert not self.told(row | {"get_rq": 0})
        assert not self.told(row | {"get_rq": None})

    def test_is_quiet_below(self) -> None:
        row = assoc(5, orig=OTHER, store_rq=4)
        assert self.told(row, known={"unknown_sender_objects": 4})
        assert not self.told(row, known={"unknown_sender_objects": 5})
        assert not self.told(row, known={"unknown_sender_objects": 0})
        assert not self.told(row, inventory=Inventory())
        assert not self.told(assoc(5, store_rq=4))
        named = Inventory.of([Item("ae:CT1", "ct", "modality")])
        assert not self.told(row, inventory=named)
        for note in ("Store_From_Unknown_Sender", "Unknown_Store_Sender"):
            assert not self.told(row, notices=[notice(note, src=OTHER)])

    def test_the_most_objects_first(self) -> None:
        rows = [assoc(5, orig=OTHER, store_rq=1), assoc(6, orig=FAR, store_rq=2)]
        assert [f.parties[0].address for f in self.told(*rows)] == [FAR, OTHER]

    def test_who_is_known_or_covered_hides_nobody(self) -> None:
        rows = [
            assoc(5, store_rq=9),
            assoc(6, orig=FAR, store_rq=8),
            assoc(7, orig=OTHER, store_rq=1),
        ]
        found = self.told(*rows, notices=[notice("Unknown_Store_Sender", src=FAR)])
        assert [f.parties[0].address for f in found] == [OTHER]


FLAGGED: dict[str, tuple[Callable[[Facts], list[Finding]], Row, str, str, str]] = {
    "cleartext-credentials": (
        security.credentials, {"user_identity": "username_passcode"}, "Cleartext_Credentials",
        "credentials_associations", "high",
    ),
    "part10-in-data-set": (
        security.part10, {"flags": ["x", "part10_in_dataset"]}, "Part10_In_Data_Set",
        "part10_associations", "high",
    ),
    "malformed": (
        security.malformed, {"flags": ["malformed"]}, "Malformed", "malformed_associations", "low",
    ),
    "reserved-bits": (
        security.reserved, {"flags": ["reserved_nonzero"]}, "Reserved_Bits_Set",
        "reserved_associations", "low",
    ),
}  # fmt: skip


@pytest.mark.parametrize("rule", FLAGGED)
class TestFlagged:
    def test_one_finding_a_host(self, rule: str) -> None:
        function, what, *_, severity = FLAGGED[rule]
        rows = [
            assoc(5, orig_impl_version="V1", **what), assoc(3, orig_impl_version="V1", **what),
            assoc(9, "", **what) | {"uid": None}, assoc(4), assoc(168, **what),
        ]  # fmt: skip
        assert shown(function(a_week(associations=rows)), rule, "security") == {
            "severity": severity, "start": 3, "end": 9, "parties": [CT], "host": CT, "count": 3,
            "first": 3, "software": ["V1"], "rows": ["C3", "C5"],
        }  # fmt: skip

    def test_is_quiet_below(self, rule: str) -> None:
        function, what, note, threshold, _ = FLAGGED[rule]
        rows = [assoc(n, **what) for n in (5, 6)]
        for least, speaks in ((2, True), (3, False), (0, False)):
            found = function(a_week(associations=rows, known={threshold: least}))
            assert bool(found) is speaks
        assert not function(a_week(associations=rows, notices=[notice(note, src=CT)]))
        assert not function(
            a_week(associations=[assoc(5, flags=["sampled"], user_identity="username")])
        )

    def test_what_a_host_did_before_is_a_note_unless_it_is_grave(self, rule: str) -> None:
        function, what, *_, severity = FLAGGED[rule]
        old = [assoc(-24 * 7), assoc(-24 * 6, **what), assoc(5, **what)]
        calm = "info" if severity == "low" else severity
        assert [f.severity.value for f in function(a_week(associations=old))] == [calm]
        short = [assoc(-24 * 7 + 1), *old[1:]]
        assert [f.severity.value for f in function(a_week(associations=short))] == [severity]
        long_ago = [assoc(-24 * 84 - 1, **what), assoc(5, **what)]
        assert [f.severity.value for f in function(a_week(associations=long_ago))] == [severity]
        kept = [assoc(-24 * 84, **what), assoc(5, **what)]
        assert [f.severity.value for f in function(a_week(associations=kept))] == [calm]
        other = [assoc(-24 * 7, orig=OTHER, **what), assoc(5, **what)]
        assert [f.severity.value for f in function(a_week(associations=other))] == [severity]

    def test_the_most_first(self, rule: str) -> None:
        function, what, *_ = FLAGGED[rule]
        rows = [assoc(1, **what), assoc(2, orig=OTHER, **what), assoc(3, orig=OTHER, **what)]
        found = function(a_week(associations=rows))
        assert [f.parties[0].address for f in found] == [OTHER, CT]


def test_credentials_inside_tls_are_not_in_the_clear() -> None:
    row = assoc(5, user_identity="username_passcode")
    assert not security.credentials(a_week(associations=[row], tls=[{"ts": at(5), "uid": "C5"}]))


@pytest.mark.parametrize(
    "rule",
    [security.in_the_clear, security.unknown_sender, *(case[0] for case in FLAGGED.values())],
)
def test_says_nothing_of_nothing(rule: Callable[[Facts], list[Finding]]) -> None:
    assert rule(a_week(inventory=SITES)) == []
