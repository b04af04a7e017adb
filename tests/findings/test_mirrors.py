"""Rules of what a sensor is given to see: what each says in full, and what is just below it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from findings.a_week import CT, OTHER, PACS, VIEWER, Row, a_week, assoc, at, conn, hour, shown
from pacsflow.findings import mirrors

if TYPE_CHECKING:
    from pacsflow.findings.finding import Finding


def tried(hosts: int, at_hour: float = 5, **row: Any) -> list[Row]:
    """Return one host's looks at the DICOM ports of so many that did not answer."""
    return [
        hour(at_hour + n % 2, 60, OTHER, f"10.0.7.{n}", **{"service": "tcp/104"} | row)
        for n in range(hosts)
    ]


def scans(*rows: list[Row], **known: Any) -> list[Finding]:
    known = {"scan_hosts": 3} | known
    return mirrors.port_scan(a_week(traffic=[row for some in rows for row in some], known=known))


class TestScan:
    def test_ports_of_many_that_did_not_answer(self) -> None:
        again = tried(1, 9) + tried(1, 30, service="tcp/11112")
        assert shown(scans(tried(3), again), "port-scan", "security") == {
            "severity": "medium", "start": 5, "end": 31, "parties": [OTHER], "host": OTHER,
            "number": 3, "count": 3, "rows": [OTHER], "first": 5,
        }  # fmt: skip

    @pytest.mark.parametrize(
        "rows",
        [
            tried(2),
            [*tried(2), *tried(1, 7, service="tcp/11112")],
            tried(3, service="dicom"),
            tried(3, service="tcp/105"),
            tried(3, communications=0),
            [*tried(3), *tried(1, -1)],
            [*tried(2), *tried(3, 168)],
            [*tried(2), *tried(3, -2)],
        ],
    )
    def test_is_quiet_below(self, rows: list[Row]) -> None:
        assert not scans(rows)

    @pytest.mark.parametrize("port", [104, 2761, 2762, 4242, 11112])
    def test_every_port_of_dicom_counts(self, port: int) -> None:
        assert scans(tried(3, service=f"tcp/{port}"))

    def test_zero_switches_it_off_and_other_ports_before_count_for_nothing(self) -> None:
        assert not scans(tried(3), scan_hosts=0)
        assert scans(tried(3), tried(3, -9, service="tcp/11112"), tried(3, -9, service="dicom"))

    def test_who_tried_most_is_told_first(self) -> None:
        others = [row | {"source": host} for host in (VIEWER, CT) for row in tried(3)]
        assert [f.parties[0].address for f in scans(others, tried(4))] == [OTHER, CT, VIEWER]


def remark(number: int, total: int = 100, hours: float = 3, **row: Any) -> Row:
    base: Row = {"ts": at(hours), "what": "copies", "number": number, "total": total,
                 "name": "x*.pcap", "file": "f"}  # fmt: skip
    return base | row


KNOWN = [assoc(2, "A", file="f"), assoc(1, "B", file="g"), assoc(0, "C", file="h")]
CONNECTIONS = [conn(3, "K", file="f"), conn(1, "A", file="f")]


def copies(*rows: Row, **known: Any) -> list[Finding]:
    facts = a_week(remarks=list(rows), associations=KNOWN, connections=CONNECTIONS, known=known)
    return mirrors.copies_seen(facts)


class TestCopies:
    def test_of_one_source_in_all_its_files(self) -> None:
        rows = [remark(4, 40), remark(8, 80, 167, file="g"), remark(9, 9, 168), remark(9, 9, -1)]
        assert shown(copies(*rows), "copies-seen", "data") == {
            "severity": "low", "start": None, "end": None, "parties": [], "count": 12,
            "rows": ["A", "B", "A", "K"], "name": "x*.pcap", "percent": 10, "number": 12,
            "total": 120,
        }  # fmt: skip

    def test_is_quiet_below(self) -> None:
        assert copies(remark(10))
        assert not copies(remark(99, 999))
        assert not copies(remark(99, 99)), "a hundred frames are needed"
        assert not copies(remark(10, what="spread"))
        assert not copies(remark(10), copies_percent=0)
        assert copies(remark(10, 99), remark(90, 901)), "of all together"

    def test_by_sensor_where_it_has_a_name_most_copies_first(self) -> None:
        rows = [remark(30, sensor="b"), remark(30, sensor="a"), remark(40, name="y")]
        assert [dict(f.values)["name"].value for f in copies(*rows)] == ["y", "a", "b"]


class TestSpread:
    def told(self, *rows: Row, **known: Any) -> list[Finding]:
        facts = a_week(remarks=list(rows), associations=KNOWN, known=known)
        return mirrors.spread_by_cluster(facts)

    def test_connections_that_a_cluster_spreads(self) -> None:
        found = self.told(remark(10, what="spread", sensor="s"))
        assert shown(found, "spread-by-cluster", "data") == {
            "severity": "medium", "start": None, "end": None, "parties": [], "count": 10,
            "rows": ["A"], "name": "s", "number": 10, "total": 100,
        }  # fmt: skip

    def test_is_quiet_below(self) -> None:
        assert not self.told(remark(9, what="spread"))
        assert not self.told(remark(10))
        assert not self.told(remark(10, what="spread"), spread_connections=0)


def tagged(hours: float, uid: str, vlan: int | None, port: int = 4, **row: Any) -> Row:
    return assoc(hours, uid, vlan=vlan, **{"id.orig_p": port, "duration": 60.0} | row)


def mixed(*rows: Row, **known: Any) -> list[Finding]:
    return mirrors.addresses_in_two_networks(a_week(associations=list(rows), known=known))


MINUTE = 1 / 60


class TestNetworks:
    def test_one_pair_with_the_same_ports_at_one_time(self) -> None:
        found = mixed(tagged(1, "B", 20), tagged(1 + MINUTE, "A", 10, duration=120.0))
        assert shown(found, "two-networks", "data") == {
            "severity": "low", "start": 1, "end": pytest.approx(1 + 3 * MINUTE, abs=1e-5),
            "parties": [CT, PACS], "host": CT, "peer": PACS, "one": "10", "other": "20",
            "number": 2, "count": 2, "rows": ["A", "B"],
        }  # fmt: skip

    @pytest.mark.parametrize(
        "other",
        [
            tagged(1, "A", 20),
            tagged(1, "A", None),
            tagged(1, "A", 10, port=5),
            tagged(1, "A", 10, orig=VIEWER),
            tagged(1, "A", 10, resp=VIEWER),
            tagged(1, "A", 10) | {"id.resp_p": 11112},
            tagged(1 + 1.1 * MINUTE, "A", 10),
            tagged(1 - 1.1 * MINUTE, "A", 10),
        ],
    )
    def test_is_quiet_below(self, other: Row) -> None:
        assert not mixed(tagged(1, "B", 20), other)

    def test_only_in_the_week_and_not_where_it_is_switched_off(self) -> None:
        for hours in (-1, 168):
            assert not mixed(tagged(hours, "A", 10), tagged(hours, "B", 20))
        assert mixed(tagged(0, "A", 10), tagged(0, "B", 20))
        assert not mixed(tagged(0, "A", 10), tagged(0, "B", 20), mixed_associations=0)
        assert not mixed(tagged(0, "A", 10), tagged(0, "B", 20), mixed_associations=2)

    def test_the_pair_with_most_is_told_first(self) -> None:
        rows = [tagged(1, f"{host}{n}", vlan, n, orig=host) for host, most in ((CT, 1), (OTHER, 2))
                for n in range(most) for vlan in (10, 20)]  # fmt: skip
        for n, row in enumerate(rows):
            row["uid"] = f"U{n}"
        assert [f.parties[0].address for f in mixed(*rows)] == [OTHER, CT]

    def test_of_as_many_they_are_told_by_address(self) -> None:
        pairs = [(OTHER, "10.0.0.0", 50), (CT, VIEWER, 10), (CT, PACS, 30)]
        rows = [
            tagged(1, f"{orig}{resp}{vlan}", vlan, orig=orig, resp=resp)
            for orig, resp, first in pairs
            for vlan in (first, first + 1)
        ]
        found = [tuple(party.address for party in f.parties) for f in mixed(*rows)]
        assert found == [(CT, PACS), (CT, VIEWER), (OTHER, "10.0.0.0")]
