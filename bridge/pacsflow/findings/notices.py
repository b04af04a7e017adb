"""Turns the DICOM notices that Zeek raised into findings, one a kind of notice and host."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pacsflow.findings.finding import Finding
from pacsflow.findings.queries import ask
from pacsflow.terms import message
from pacsflow.terms.severity import Severity

if TYPE_CHECKING:
    from pacsflow.findings.facts import Facts

EVIDENCE = 3
HIGH = {
    "AE_Title_Guessing", "Bulk_Retrieval", "Cleartext_Credentials", "Executable_In_DICOM_File",
    "External_Association", "Find_Enumeration", "Move_To_Unknown_Destination",
    "Part10_In_Data_Set",
}  # fmt: skip
LOW = {"Malformed", "New_Peer", "Reserved_Bits_Set"}
"""Severities of the package's notices; those that are in neither set are medium."""


FETCHED = {"Bulk_Retrieval", "Find_Enumeration"}
"""Notices that a sensor raises at a threshold; how much it was in the week, associations tell."""


def _fetched(facts: Facts, host: str) -> dict[str, message.Value]:
    """Return what a host asked for and fetched in the whole week; nothing where no log tells."""
    rows = ask(
        facts,
        """SELECT count(*), sum(coalesce(find_rq, 0))::BIGINT,
                  sum(coalesce(get_rq, 0) + coalesce(move_rq, 0))::BIGINT,
                  sum(coalesce(data_bytes_resp, 0))::DOUBLE,
                  sum(CASE WHEN get_rq > 0 THEN coalesce(store_rq, 0) ELSE 0 END)::BIGINT
           FROM rows WHERE "id.orig_h" = ?""",
        [host],
    )
    count, finds, retrievals, octets, objects = rows[0]
    if not count:
        return {}
    return {
        "finds_number": message.number(finds),
        "fetches_number": message.number(retrievals),
        "objects_number": message.number(objects),
        "bytes": message.octets(octets),
        "associations_number": message.number(count),
    }


def from_zeek(facts: Facts) -> list[Finding]:
    """Return a finding for every kind of DICOM notice and source host.

    Of the notices' own texts, which anybody may have written, nothing is kept.
    """
    week = facts.scope.week
    rows = facts.scope.connection.execute(
        """SELECT note, coalesce(src, "id.orig_h", ''), count(*), epoch_us(min(ts)),
                  epoch_us(max(ts)), list(DISTINCT coalesce(dst, "id.resp_h")),
                  list(uid ORDER BY ts)
           FROM notices WHERE ts >= ? AND ts < ? AND note LIKE 'DICOM::%'
           GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2""",
        [week.start, week.end],
    ).fetchall()
    found = []
    for note, host, count, first, last, peers, uids in rows:
        name = note.removeprefix("DICOM::")
        found.append(
            Finding(
                rule=f"notice-{name}",
                severity=Severity.HIGH
                if name in HIGH
                else Severity.LOW
                if name in LOW
                else Severity.MEDIUM,
                area="security",
                start=datetime.fromtimestamp(first / 1e6, UTC),
                end=datetime.fromtimestamp(last / 1e6, UTC),
                parties=(facts.hosts.party(host),) if host else (),
                count=count,
                rows=tuple(uid for uid in uids if uid)[:EVIDENCE],
                values=message.values(
                    note=message.text(name),
                    host=message.host(facts.hosts.party(host) if host else None),
                    count=message.count(count),
                    first=message.at(datetime.fromtimestamp(first / 1e6, UTC)),
                    peers=message.hosts(map(facts.hosts.party, sorted(filter(None, peers)))),
                    **(_fetched(facts, host) if name in FETCHED else {}),
                ),
            )
        )
    return found
