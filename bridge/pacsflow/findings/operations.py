"""Rules of operation: equipment that is silent or new, associations that fail, data that lacks."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from pacsflow.findings.finding import Finding
from pacsflow.findings.queries import (
    GAPS,
    HISTORY_WEEKS,
    LATEST,
    ask,
    linked,
    linked_to,
    uids,
)
from pacsflow.terms import message
from pacsflow.terms.counted import is_sampled
from pacsflow.terms.severity import Severity

if TYPE_CHECKING:
    from pacsflow.findings.facts import Facts
    from pacsflow.week.facts import Equipment


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
    week = facts.scope.week
    before = week.shifted(-HISTORY_WEEKS).start
    return Finding(
        rule=rule,
        severity=severity,
        area=area,
        start=e.last_seen,
        parties=(e.party,),
        rows=linked_to(facts, before, week.start, e.party.address, order=LATEST),
        values=message.values(host=message.host(e.party), last=message.at(e.last_seen)),
    )


def device_new(facts: Facts) -> list[Finding]:
    """Return a finding for every device whose first imaging traffic was this week."""
    counted = "samples" if is_sampled(facts.scope.origin) else "connections"
    return [
        Finding(
            rule="device-new",
            severity=Severity.LOW if e.party.basis == "inventory" else Severity.MEDIUM,
            area="security",
            start=e.first_seen,
            parties=(e.party,),
            rows=linked_to(facts, facts.scope.week.start, facts.scope.week.end, e.party.address),
            values=message.values(
                host=message.host(e.party),
                first=message.at(e.first_seen),
                **{counted: message.count(e.connections)},
                peers=message.count(e.peers),
            ),
        )
        for e in facts.equipment
        if e.state == "new" and facts.thresholds.learning_days
    ]


def _share(facts: Facts, rule: str, count: int, limit: float, where: str) -> list[Finding]:
    found = facts.associations
    if not limit or found is None or found.total < facts.thresholds.least_associations:
        return []
    share = 100.0 * count / found.total
    if share < limit:
        return []
    return [
        Finding(
            rule=rule,
            severity=Severity.HIGH if share >= 4 * limit else Severity.MEDIUM,
            area="associations",
            count=count,
            rows=_rows(facts, where),
            values=message.values(
                percent=message.percent(share),
                count=message.count(count),
                total=message.count(found.total),
                limit=message.percent(limit),
            ),
        )
    ]


def _rows(facts: Facts, where: str) -> tuple[str, ...]:
    which = f"SELECT uid FROM rows WHERE {where} AND uid IS NOT NULL ORDER BY t DESC LIMIT 10"
    rows = ask(facts, which)
    return uids(row[0] for row in rows)


def _count(facts: Facts, kind: str, name: str) -> int:
    if facts.associations is None:
        return 0
    return next((c.count for c in getattr(facts.associations, kind) if c.label == name), 0)


def rejects_high(facts: Facts) -> list[Finding]:
    """Return a finding where a large share of associations was rejected."""
    return _share(
        facts, "rejects-high", _count(facts, "results", "rejected"),
        facts.thresholds.reject_percent,
        "result = 'rejected'",
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
            rule="rejects-rising",
            severity=Severity.MEDIUM,
            area="associations",
            count=count,
            rows=_rows(facts, "result = 'rejected'"),
            values=message.values(
                percent=message.percent(100 * share),
                before_percent=message.percent(100 * before_share),
                count=message.count(count),
                total=message.count(total),
                before_count=message.count(before),
                before_total=message.count(before_total),
            ),
        )
    ]


def aborts_high(facts: Facts) -> list[Finding]:
    """Return a finding where a large share of associations was aborted."""
    return _share(
        facts, "aborts-high", _count(facts, "ends", "aborted"),
        facts.thresholds.abort_percent,
        "\"end\" = 'aborted'",
    )  # fmt: skip


def failures_high(facts: Facts) -> list[Finding]:
    """Return a finding where many associations carried failed responses."""
    count = ask(facts, "SELECT count(*) FROM rows WHERE rsp_failure > 0")[0][0]
    return _share(
        facts, "failures-high", count,
        facts.thresholds.failure_percent, "rsp_failure > 0",
    )  # fmt: skip


def loss_high(facts: Facts) -> list[Finding]:
    """Return a finding where Zeek missed a share of the bytes."""
    missed, seen = facts.coverage.missed_bytes, facts.totals.bytes.value
    share = 100.0 * missed / (seen + missed) if seen + missed else 0.0
    if not facts.thresholds.missed_percent or share < facts.thresholds.missed_percent:
        return []
    return [
        Finding(
            rule="loss-high",
            severity=Severity.MEDIUM,
            area="data",
            rows=linked(
                facts, facts.scope.week.start, facts.scope.week.end, "missed > 0", order=GAPS
            ),
            values=message.values(percent=message.percent(share), missed=message.octets(missed)),
        )
    ]


def sensor_gap(facts: Facts) -> list[Finding]:
    """Return a finding for every gap in what the sensors saw, with the rows on either side."""
    week = facts.scope.week
    return [
        Finding(
            rule="sensor-gap",
            severity=Severity.LOW if gap.hours < 12 else Severity.MEDIUM,
            area="data",
            start=gap.start,
            end=gap.end,
            rows=(
                *linked(facts, week.start, gap.start, order=LATEST)[:1],
                *linked(facts, gap.end, week.end)[:1],
            ),
            values=message.values(
                hours=message.seconds(3600 * gap.hours),
                start=message.at(gap.start),
                end=message.at(gap.end),
            ),
        )
        for gap in facts.coverage.gaps
        if 0 < facts.thresholds.gap_hours <= gap.hours
    ]
