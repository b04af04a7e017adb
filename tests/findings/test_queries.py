"""How rules ask: weeks, connections, notices, and moments that no calendar holds."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from findings.a_week import CT, OTHER, PACS, VIEWER, a_week, assoc, at, conn, notice
from pacsflow.findings import queries


def test_weeks_begin_and_end_where_they_do() -> None:
    rows = [assoc(h, f"{h:g}") for h in (-168.1, -168, -0.1, 0, 167.9, 168)]
    facts = a_week(associations=rows)

    def asked(first: int, last: int) -> list[str]:
        query = "SELECT uid FROM rows ORDER BY t"
        return [row[0] for row in queries.ask(facts, query, first=first, last=last)]

    assert asked(0, 0) == ["0", "167.9"]
    assert asked(-1, -1) == ["-168", "-0.1"]
    assert asked(-1, 0) == ["-168", "-0.1", "0", "167.9"]


def test_an_association_is_from_its_start_until_its_end() -> None:
    facts = a_week(associations=[assoc(1, duration=2.5), assoc(2) | {"duration": None}])
    spans = queries.ask(facts, "SELECT t, until FROM rows ORDER BY t")
    starts = [at(1).timestamp(), at(2).timestamp()]
    assert spans == [(starts[0], starts[0] + 2.5), (starts[1], starts[1])]


def test_connections_and_associations_in_the_order_that_is_asked() -> None:
    facts = a_week(
        connections=[conn(1, "A", bytes=5, missed_bytes=1), conn(3, "B", bytes=9),
                     conn(2, "C", VIEWER, OTHER, bytes=7, missed_bytes=3), conn(4, "END"),
                     conn(0.9, "OLD"), conn(2, "N") | {"uid": None}],
        associations=[assoc(2, "D", data_bytes_orig=4, data_bytes_resp=4, missed_bytes=2),
                      assoc(2.5, "A", data_bytes_orig=99)],
    )  # fmt: skip
    span = at(1), at(4)
    assert queries.linked(facts, *span) == ("A", "C", "D", "B")
    assert queries.linked(facts, *span, order=queries.LATEST) == ("B", "A", "C", "D")
    assert queries.linked(facts, *span, order=queries.LARGEST) == ("A", "B", "D", "C")
    assert queries.linked(facts, *span, "missed > 0", order=queries.GAPS) == ("C", "D", "A")
    assert queries.linked_to(facts, *span, CT) == ("A", "D", "B")
    assert queries.linked_to(facts, *span, VIEWER, OTHER) == ("C",)
    assert queries.linked_to(facts, *span, VIEWER, PACS) == ()
    assert queries.linked_to(facts, *span, CT, PACS, where="bytes > 8") == ("A", "B")
    many = a_week(connections=[conn(1 + n / 10, f"{n:02}") for n in range(12)])
    assert queries.linked(many, *span) == tuple(f"{n:02}" for n in range(10))


def test_a_notice_covers_the_hosts_that_it_names() -> None:
    rows = [notice("A", src=CT, dst=PACS), notice("B") | {"id.orig_h": VIEWER, "id.resp_h": OTHER},
            notice("A", src=OTHER, hours=168), notice("A", src=OTHER, hours=-0.1)]  # fmt: skip
    facts = a_week(notices=rows)
    assert queries.raised(facts, "A") == [{CT, PACS}]
    assert queries.raised(facts, "C") == []
    assert queries.covered(queries.raised(facts, "A", "B"), CT)
    assert queries.covered([{CT, PACS}, {VIEWER}], CT, PACS)
    assert not queries.covered([{CT, PACS}, {VIEWER}], CT, VIEWER)


@pytest.mark.parametrize(("hours", "days", "learned"), [(-168, 7, True), (-167, 6.96, False)])
def test_learning_takes_its_days(hours: float, days: float, learned: bool) -> None:
    facts = a_week(associations=[assoc(hours), assoc(-1), assoc(5)])
    assert queries.history_days(facts) == pytest.approx(days, abs=0.01)
    assert queries.has_learned(facts) is learned


def test_without_older_associations_there_is_no_history() -> None:
    assert queries.history_days(a_week(associations=[assoc(0)])) == 0
    assert not queries.has_learned(a_week())


def test_moments_that_no_calendar_holds() -> None:
    assert queries.moment(1.5) == datetime(1970, 1, 1, 0, 0, 1, 500_000, UTC)
    assert queries.moment(1e20) == datetime.max.replace(tzinfo=UTC)
    assert queries.moment(-1e20) == datetime.min.replace(tzinfo=UTC)


def test_uids_are_the_first_few() -> None:
    assert queries.uids(["", None, *range(1, 13)]) == tuple(map(str, range(1, 11)))
