"""Rules of speed: each against the host's own weeks before, and against a threshold."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from math import ceil
from typing import TYPE_CHECKING

from pacsflow.findings.finding import Finding
from pacsflow.terms import message
from pacsflow.terms.severity import Severity
from pacsflow.week.speed import (
    ENOUGH,
    NAMES,
    NEARLY,
    high_of,
    of_week,
    of_weeks,
    open_by_hour,
    usual,
)
from pacsflow.week.where import where

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    from pacsflow.findings.facts import Facts
    from pacsflow.ledger.response_times import OperationTimes
    from pacsflow.terms.message import Value
    from pacsflow.terms.party import Party

SERVERS = {"pacs", "worklist", "gateway"}
Measure = Callable[["OperationTimes | None"], "float | None"]
"""Seconds that are compared; None where too few operations were timed."""


@dataclass(frozen=True, slots=True)
class Slower:
    """What takes longer than it did: its seconds now, and what was usual in the weeks before."""

    key: tuple[str, ...]
    times: OperationTimes
    now: float
    before: float


def _slower(
    facts: Facts, by: Sequence[str], measure: Measure, least: float, condition: str = "TRUE"
) -> Iterator[Slower]:
    """Yield what takes `least` seconds or more, and `slow_factor` times what was usual before."""
    factor, week = facts.thresholds.slow_factor, facts.scope.week
    if not least or not factor:
        return
    now = of_week(facts.scope, by, week, condition=condition)
    slow = {k: s for k, t in now.items() if (s := measure(t)) is not None and s >= least}
    weeks = of_weeks(facts.scope, by, condition=condition)[1:] if slow else []
    for key, seconds in sorted(slow.items()):
        before = usual([measure(w.get(key)) for w in weeks])
        if before is not None and seconds >= factor * before:
            yield Slower(key, now[key], seconds, before)


def _finding(
    facts: Facts,
    kind: tuple[str, Severity, str],
    slower: Slower,
    parties: tuple[Party, ...],
    count: int,
    **told: Value,
) -> Finding:
    """Return a finding of the whole week, of a kind: its rule, severity and area."""
    rule, severity, area = kind
    return Finding(
        rule=rule,
        severity=severity,
        area=area,
        parties=parties,
        count=count,
        rows=slower.times.slowest,
        start=facts.scope.week.start,
        end=facts.scope.week.end,
        values=message.values(
            host=message.host(parties[0]),
            before=message.seconds(slower.before),
            count=message.count(count),
            **told,
        ),
    )


def pacs_slow(facts: Facts) -> list[Finding]:
    """Return one finding a server and operation whose answers take much longer than they did.

    A round trip that became as much longer explains it, and is `path_slow`'s.
    """
    limits = facts.thresholds
    found = _slower(facts, ["server", "operation"], high_of, limits.slow_response_seconds)
    return [
        _slow(facts, slower)
        for slower in found
        if facts.hosts.party(slower.key[0]).role in SERVERS
        and slower.now - (_mean_trip(slower.times) or 0.0) >= limits.slow_factor * slower.before
    ]


def _slow(facts: Facts, slower: Slower) -> Finding:
    middle = slower.times.percentile(0.5)
    much = slower.now / slower.before if slower.before else 0.0
    severity = Severity.HIGH if much >= 2 * facts.thresholds.slow_factor else Severity.MEDIUM
    return _finding(
        facts,
        ("pacs-slow", severity, "pacs"),
        slower,
        (facts.hosts.party(slower.key[0]),),
        slower.times.counts["timed"],
        operation=message.text(NAMES.get(slower.key[1], slower.key[1])),
        high=message.seconds(slower.now),
        middle=message.seconds(middle.value if middle else None),
        where=message.code(f"where-{where(slower.times).most}"),
    )


def path_slow(facts: Facts) -> list[Finding]:
    """Return one finding a pair of hosts whose round trip became much longer."""
    found = []
    least = facts.thresholds.path_round_trip_seconds
    for slower in _slower(facts, ["client", "server"], _trip, least):
        parties = facts.hosts.party(slower.key[0]), facts.hosts.party(slower.key[1])
        found.append(
            _finding(
                facts,
                ("path-slow", Severity.MEDIUM, "traffic"),
                slower,
                parties,
                slower.times.counts["round_trips"],
                peer=message.host(parties[1]),
                trip=message.seconds(slower.now),
                resent_number=message.count(slower.times.counts["resent"]),
            )
        )
    return found


def _mean_trip(times: OperationTimes) -> float | None:
    return times.mean("round_trip_seconds", "round_trips")


def _trip(times: OperationTimes | None) -> float | None:
    if times is None or times.counts["round_trips"] < ENOUGH:
        return None
    return _mean_trip(times)


def device_slow(facts: Facts) -> list[Finding]:
    """Return one finding a sender that pauses between or within its objects for much longer."""
    least = facts.thresholds.device_gap_seconds
    found = _slower(facts, ["client"], _gap, least, "operation = 'store'")
    return [
        _finding(
            facts,
            ("device-slow", Severity.LOW, "modalities"),
            slower,
            (facts.hosts.party(slower.key[0]),),
            slower.times.counts["count"],
            gap=message.seconds(slower.now),
            rate=message.number(None if rate is None else rate * 8e-6),
        )
        for slower in found
        for rate in [slower.times.rate]
        if where(slower.times).most == "sender"
    ]


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
        usually = sum(most >= NEARLY * ever for most in then) / max(1, _weeks(start, hours))
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


def _weeks(start: datetime, hours: Iterable[datetime]) -> int:
    """Return how many weeks before `start` these hours reach back."""
    return ceil((start - min(hours)) / timedelta(weeks=1))


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
