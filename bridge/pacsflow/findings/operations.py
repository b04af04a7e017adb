"""Rules of operation: equipment that is silent or new, associations that fail, data that lacks."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from pacsflow.findings.looking import (
    GAPS,
    HISTORY_WEEKS,
    LATEST,
    ask,
    iso,
    label,
    linked,
    linked_to,
    uids,
)
from pacsflow.weekly import Equipment, Finding, Severity

if TYPE_CHECKING:
    from pacsflow.findings.facts import Facts


BEYOND_CHANCE = 3.0
"""Standard errors by which two shares must differ (test of two proportions)."""


def _silent(facts: Facts, *, pacs: bool) -> list[Equipment]:
    if not facts.thresholds.silent_days:
        return []
    return [e for e in facts.equipment if e.state == "silent" and (e.party.role == "pacs") == pacs]


def pacs_silent(facts: Facts) -> list[Finding]:
    """Return a finding for every PACS that was seen in the weeks before and not in this one."""
    return [
        _silence(facts, e, "pacs-silent", "pacs", Severity.CRITICAL)
        for e in _silent(facts, pacs=True)
    ]


def device_silent(facts: Facts) -> list[Finding]:
    """Return a finding for every other device that was seen before and not this week."""
    return [
        _silence(
            facts,
            e,
            "device-silent",
            "modalities",
            Severity.MEDIUM if e.party.role == "modality" else Severity.LOW,
        )
        for e in _silent(facts, pacs=False)
    ]


def _silence(facts: Facts, e: Equipment, rule: str, area: str, severity: Severity) -> Finding:
    week = facts.part.week
    before = week.shifted(-HISTORY_WEEKS).start
    last = iso(e.last_seen) if e.last_seen else "unknown"
    return Finding(
        id=rule,
        severity=severity,
        area=area,
        title=f"{label(e.party)} sent and received no images this week",
        evidence=(f"Last imaging traffic: {last}",),
        action="Ask whether it is in service; if it is, check its network connection and AE setup.",
        start=e.last_seen,
        parties=(e.party,),
        rows=linked_to(facts, before, week.start, e.party.address, order=LATEST),
        source=rule,
        params=(("host", label(e.party)), ("last", last)),
    )


def device_new(facts: Facts) -> list[Finding]:
    """Return a finding for every device whose first imaging traffic was this week."""
    return [
        Finding(
            id="device-new",
            severity=Severity.LOW if e.party.basis == "inventory" else Severity.MEDIUM,
            area="security",
            title=f"{label(e.party)} took part in imaging traffic for the first time",
            evidence=(
                f"First seen: {iso(e.first_seen) if e.first_seen else ''}",
                f"Connections: {e.connections}, peers: {e.peers}",
            ),
            action="Confirm that it was expected and write it into the inventory; if nobody knows "
            "it, find the switch port and take it off the network.",
            start=e.first_seen,
            parties=(e.party,),
            rows=linked_to(facts, facts.part.week.start, facts.part.week.end, e.party.address),
            source="device-new",
            params=(
                ("host", label(e.party)),
                ("first", iso(e.first_seen) if e.first_seen else ""),
                ("connections", str(e.connections)),
                ("peers", str(e.peers)),
            ),
        )
        for e in facts.equipment
        if e.state == "new" and facts.thresholds.learning_days
    ]


def _share(
    facts: Facts, rule: str, what: str, count: int, limit: float, action: str, where: str
) -> list[Finding]:
    found = facts.associations
    if not limit or found is None or found.total < facts.thresholds.least_associations:
        return []
    share = 100.0 * count / found.total
    if share < limit:
        return []
    return [
        Finding(
            id=rule,
            severity=Severity.HIGH if share >= 4 * limit else Severity.MEDIUM,
            area="associations",
            title=f"{share:.1f} % of associations {what}",
            evidence=(f"{count} of {found.total} associations; from {limit:g} % on this is named",),
            action=action,
            count=count,
            rows=_rows(facts, where),
            source=rule,
            params=(
                ("percent", f"{share:.1f}"),
                ("count", str(count)),
                ("total", str(found.total)),
                ("limit", f"{limit:g}"),
            ),
        )
    ]


def _rows(facts: Facts, where: str) -> tuple[str, ...]:
    rows = ask(facts, f"SELECT uid FROM rows WHERE {where} ORDER BY t DESC LIMIT 10")
    return uids(row[0] for row in rows)


def _count(facts: Facts, kind: str, name: str) -> int:
    if facts.associations is None:
        return 0
    return next((c.count for c in getattr(facts.associations, kind) if c.label == name), 0)


def rejects_high(facts: Facts) -> list[Finding]:
    """Return a finding where a large share of associations was rejected."""
    return _share(
        facts, "rejects-high", "were rejected", _count(facts, "results", "rejected"),
        facts.thresholds.reject_percent,
        "Compare calling and called AE titles with the PACS's configuration; look for a device "
        "that was renamed or moved.", "result = 'rejected'",
    )  # fmt: skip


def rejects_rising(facts: Facts) -> list[Finding]:
    """Return a finding where the share of rejects rose against the week before, beyond chance."""
    factor, least = facts.thresholds.reject_rise_factor, facts.thresholds.reject_rise_count
    found = facts.associations
    count = _count(facts, "results", "rejected")
    if not factor or found is None or not found.previous_total or count < max(least, 1):
        return []
    query = "SELECT count(*) FROM rows WHERE result = 'rejected'"
    total, before_total = found.total, found.previous_total
    before = ask(facts, query, first=-1, last=-1)[0][0]
    share, before_share = count / total, before / before_total
    both = (count + before) / (total + before_total)
    error = math.sqrt(both * (1 - both) * (1 / total + 1 / before_total))
    rises = share >= factor * before_share and share - before_share > BEYOND_CHANCE * error
    if min(total, before_total) < facts.thresholds.least_associations or not rises:
        return []
    return [
        Finding(
            id="rejects-rising",
            severity=Severity.MEDIUM,
            area="associations",
            title=f"Rejected associations rose from {100 * before_share:.1f} % to "
            f"{100 * share:.1f} %",
            evidence=(
                f"{count} of {total} associations, {before} of {before_total} the week before",
            ),
            action="Compare calling and called AE titles with the PACS's configuration; look for "
            "a device that was renamed or moved.",
            count=count,
            rows=_rows(facts, "result = 'rejected'"),
            source="rejects-rising",
            params=(
                ("percent", f"{100 * share:.1f}"),
                ("before_percent", f"{100 * before_share:.1f}"),
                ("count", str(count)),
                ("total", str(total)),
                ("before_count", str(before)),
                ("before_total", str(before_total)),
            ),
        )
    ]


def aborts_high(facts: Facts) -> list[Finding]:
    """Return a finding where a large share of associations was aborted."""
    return _share(
        facts, "aborts-high", "were aborted", _count(facts, "ends", "aborted"),
        facts.thresholds.abort_percent,
        "See which pairs abort and at what time; time-outs and full archives are the usual causes.",
        "\"end\" = 'aborted'",
    )  # fmt: skip


def failures_high(facts: Facts) -> list[Finding]:
    """Return a finding where many associations carried failed responses."""
    count = 0
    if facts.associations is not None:
        count = ask(facts, "SELECT count(*) FROM rows WHERE rsp_failure > 0")[0][0]
    return _share(
        facts, "failures-high", "carried failed responses", count,
        facts.thresholds.failure_percent,
        "Look the status codes up in PS3.4 of the service; A7xx means out of resources, A9xx and "
        "Cxxx that the PACS could not understand the object.", "rsp_failure > 0",
    )  # fmt: skip


def loss_high(facts: Facts) -> list[Finding]:
    """Return a finding where Zeek missed a share of the bytes."""
    missed, seen = facts.coverage.missed_bytes, facts.totals.bytes.value
    share = 100.0 * missed / (seen + missed) if seen + missed else 0.0
    if not facts.thresholds.missed_percent or share < facts.thresholds.missed_percent:
        return []
    return [
        Finding(
            id="loss-high",
            severity=Severity.MEDIUM,
            area="data",
            title=f"The sensor missed {share:.1f} % of the bytes",
            evidence=(f"{missed} bytes are gaps in TCP streams (missed_bytes)",),
            action="Check the sensor's packet drops and the mirror port's load.",
            rows=linked(
                facts, facts.part.week.start, facts.part.week.end, "missed > 0", order=GAPS
            ),
            source="loss-high",
            params=(("percent", f"{share:.1f}"), ("missed", str(missed))),
        )
    ]


def sensor_gap(facts: Facts) -> list[Finding]:
    """Return a finding for every gap in what the sensors saw, with the rows on either side."""
    week = facts.part.week
    return [
        Finding(
            id="sensor-gap",
            severity=Severity.LOW if gap.hours < 12 else Severity.MEDIUM,
            area="data",
            title=f"No data for {gap.hours} hours",
            evidence=(f"From {gap.start:%Y-%m-%d %H:%M} to {gap.end:%Y-%m-%d %H:%M} UTC",),
            action="Find out whether the sensor, the mirror port or the log rotation stood still.",
            start=gap.start,
            end=gap.end,
            rows=(
                *linked(facts, week.start, gap.start, order=LATEST)[:1],
                *linked(facts, gap.end, week.end)[:1],
            ),
            source="sensor-gap",
            params=(("hours", str(gap.hours)),),
        )
        for gap in facts.coverage.gaps
        if 0 < facts.thresholds.gap_hours <= gap.hours
    ]
