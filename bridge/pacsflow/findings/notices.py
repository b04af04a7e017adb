"""Turns the DICOM notices that Zeek raised into findings, one a kind of notice and host."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pacsflow.weekly import Finding, Severity

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


def from_zeek(facts: Facts) -> list[Finding]:
    """Return a finding for every kind of DICOM notice and source host, with its first messages."""
    week = facts.part.week
    rows = facts.part.connection.execute(
        """SELECT note, coalesce(src, "id.orig_h", ''), count(*), epoch_us(min(ts)),
                  epoch_us(max(ts)), list(coalesce(msg, '') ORDER BY ts), list(uid ORDER BY ts)
           FROM notices WHERE ts >= ? AND ts < ? AND note LIKE 'DICOM::%'
           GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2""",
        [week.start, week.end],
    ).fetchall()
    found = []
    for note, host, count, first, last, messages, uids in rows:
        name = note.removeprefix("DICOM::")
        found.append(
            Finding(
                id=f"notice-{name}",
                severity=Severity.HIGH
                if name in HIGH
                else Severity.LOW
                if name in LOW
                else Severity.MEDIUM,
                area="security",
                title=f"Zeek notice {name}" + (f" from {host}" if host else ""),
                evidence=tuple(dict.fromkeys(m[:300] for m in messages))[:EVIDENCE],
                action=f"docs/zeek-notices.md says what {name} means and what to do.",
                start=datetime.fromtimestamp(first / 1e6, UTC),
                end=datetime.fromtimestamp(last / 1e6, UTC),
                parties=(facts.hosts.party(host),) if host else (),
                count=count,
                rows=tuple(uid for uid in uids if uid)[:EVIDENCE],
                source="notice.log",
                params=(("note", name), ("host", host), ("count", str(count))),
            )
        )
    return found
