"""Rules of speed: each against the host's own weeks before, and against a threshold."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pacsflow.findings.finding import Finding
from pacsflow.terms import message
from pacsflow.terms.severity import Severity
from pacsflow.week.speed import BEFORE, ENOUGH, NAMES, NEARLY, high_of, of_week, open_by_hour, usual
from pacsflow.week.where import where

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from pacsflow.findings.facts import Facts
    from pacsflow.ledger.response_times import OperationTimes

SERVERS = {"pacs", "worklist", "gateway"}
Times = dict[tuple[str, ...], "OperationTimes"]


def _weeks(facts: Facts, by: Sequence[str], condition: str = "TRUE") -> tuple[Times, list[Times]]:
    """Return what was timed in the week, and in each of the weeks before."""
    week = facts.scope.week
    return of_week(facts.scope, by, week, condition=condition), [
        of_week(facts.scope, by, week.shifted(-n), condition=condition)
        for n in range(1, BEFORE + 1)
    ]


def pacs_slow(facts: Facts) -> list[Finding]:
    """Return one finding a server and operation whose answers take much longer than they did.

    A round trip that became as much longer explains it, and is `path_slow`'s.
    """
    limits = facts.thresholds
    if not limits.slow_response_seconds or not limits.slow_factor:
        return []
    now, weeks = _weeks(facts, ["server", "operation"])
    return [
        _slow(facts, key, times, before)
        for key, times in sorted(now.items())
        if facts.hosts.party(key[0]).role in SERVERS
        for before in [usual([high_of(w.get(key)) for w in weeks])]
        if before is not None and _is_slow(facts, times, before)
    ]


def _is_slow(facts: Facts, times: OperationTimes, before: float) -> bool:
    limits, high = facts.thresholds, high_of(times)
    trip = times.mean("round_trip_seconds", "round_trips") or 0.0
    return (
        high is not None
        and high >= limits.slow_response_seconds
        and high - trip >= limits.slow_factor * before
    )


def _slow(facts: Facts, key: tuple[str, ...], times: OperationTimes, before: float) -> Finding:
    party, high, middle = facts.hosts.party(key[0]), times.percentile(0.95), times.percentile(0.5)
    assert high is not None and middle is not None  # noqa: S101, PT018 - it has been timed
    took, much = where(times), high.value / before if before else 0.0
    return Finding(
        rule="pacs-slow",
        severity=Severity.HIGH if much >= 2 * facts.thresholds.slow_factor else Severity.MEDIUM,
        area="pacs",
        parties=(party,),
        count=times.counts["timed"],
        rows=times.slowest,
        start=facts.scope.week.start,
        end=facts.scope.week.end,
        values=message.values(
            host=message.host(party),
            operation=message.text(NAMES.get(key[1], key[1])),
            high=message.seconds(high.value),
            before=message.seconds(before),
            middle=message.seconds(middle.value),
            count=message.count(times.counts["timed"]),
            where=message.code(f"where-{took.most}"),
        ),
    )


def path_slow(facts: Facts) -> list[Finding]:
    """Return one finding a pair of hosts whose round trip became much longer."""
    limits = facts.thresholds
    if not limits.path_round_trip_seconds or not limits.slow_factor:
        return []
    now, weeks = _weeks(facts, ["client", "server"])
    found = []
    for key, times in sorted(now.items()):
        trip = _trip(times)
        before = usual([_trip(w.get(key)) for w in weeks])
        if trip is None or before is None or trip < limits.path_round_trip_seconds:
            continue
        if trip < limits.slow_factor * before:
            continue
        parties = facts.hosts.party(key[0]), facts.hosts.party(key[1])
        found.append(
            Finding(
                rule="path-slow",
                severity=Severity.MEDIUM,
                area="traffic",
                parties=parties,
                count=times.counts["round_trips"],
                rows=times.slowest,
                start=facts.scope.week.start,
                end=facts.scope.week.end,
                values=message.values(
                    host=message.host(parties[0]),
                    peer=message.host(parties[1]),
                    trip=message.seconds(trip),
                    before=message.seconds(before),
                    count=message.count(times.counts["round_trips"]),
                    resent_number=message.count(times.counts["resent"]),
                ),
            )
        )
    return found


def _trip(times: OperationTimes | None) -> float | None:
    if times is None or times.counts["round_trips"] < ENOUGH:
        return None
    return times.mean("round_trip_seconds", "round_trips")


def device_slow(facts: Facts) -> list[Finding]:
    """Return one finding a sender that pauses between or within its objects for much longer."""
    limits = facts.thresholds
    if not limits.device_gap_seconds or not limits.slow_factor:
        return []
    now, weeks = _weeks(facts, ["client"], "operation = 'store'")
    found = []
    for key, times in sorted(now.items()):
        gap, before = _gap(times), usual([_gap(w.get(key)) for w in weeks])
        if gap is None or before is None or gap < limits.device_gap_seconds:
            continue
        if gap < limits.slow_factor * before or where(times).most != "sender":
            continue
        party = facts.hosts.party(key[0])
        found.append(
            Finding(
                rule="device-slow",
                severity=Severity.LOW,
                area="modalities",
                parties=(party,),
                count=times.counts["count"],
                rows=times.slowest,
                start=facts.scope.week.start,
                end=facts.scope.week.end,
                values=message.values(
                    host=message.host(party),
                    gap=message.seconds(gap),
                    before=message.seconds(before),
                    count=message.count(times.counts["count"]),
                    rate=message.number(None if times.rate is None else times.rate * 8e-6),
                ),
            )
        )
    return found


def _gap(times: OperationTimes | None) -> float | None:
    """Return the seconds an object that its sender let pass; None where there are too few."""
    if times is None or times.counts["count"] < ENOUGH:
        return None
    return where(times).sender / times.counts["count"]


def queueing(facts: Facts) -> list[Finding]:
    """Return one finding a server that has as many associations open as ever, again and again."""
    limits = facts.thresholds
    if not limits.queue_associations or not limits.queue_hours or facts.associations is None:
        return []
    found = []
    refused = dict(_refused(facts))
    for host, hours in sorted(open_by_hour(facts.scope).items()):
        start = facts.scope.week.start
        now = {hour: most for hour, most in hours.items() if hour >= start}
        then = [most for hour, most in hours.items() if hour < start]
        ever = max([*now.values(), *then])
        full = sorted(hour for hour, most in now.items() if most >= NEARLY * ever)
        usually = sum(most >= NEARLY * ever for most in then) / BEFORE
        if not then or ever < limits.queue_associations or len(full) < limits.queue_hours:
            continue
        if len(full) < limits.slow_factor * usually:
            continue
        party = facts.hosts.party(host)
        found.append(
            Finding(
                rule="queueing",
                severity=Severity.HIGH if refused.get(host) else Severity.MEDIUM,
                area="pacs",
                parties=(party,),
                count=len(full),
                rows=_of_hours(facts, host, full),
                start=full[0],
                values=message.values(
                    host=message.host(party),
                    most=message.count(max(now.values())),
                    ever=message.count(ever),
                    hours=message.count(len(full)),
                    usual_number=message.number(round(usually, 1)),
                    first=message.at(full[0]),
                    refused_number=message.count(refused.get(host, 0)),
                ),
            )
        )
    return found


def _of_hours(facts: Facts, host: str, hours: Sequence[datetime]) -> tuple[str, ...]:
    """Return the uids of a few associations that a server had in these hours."""
    rows = facts.scope.connection.execute(
        """SELECT uid FROM associations WHERE "id.resp_h" = ? AND uid IS NOT NULL
           AND list_contains(?, date_trunc('hour', ts)) ORDER BY ts LIMIT 10""",
        [host, list(hours)],
    ).fetchall()
    return tuple(row[0] for row in rows)


def _refused(facts: Facts) -> Iterator[tuple[str, int]]:
    """Yield hosts and how often they rejected for want of room (PS3.8, table 9-21)."""
    week = facts.scope.week
    yield from facts.scope.connection.execute(
        """SELECT "id.resp_h", count(*) FROM associations
           WHERE ts >= ? AND ts < ? AND reject_source = 3 AND reject_reason IN (1, 2) GROUP BY 1""",
        [week.start, week.end],
    ).fetchall()
