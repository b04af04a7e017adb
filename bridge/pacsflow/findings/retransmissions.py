"""The rule of retransmissions: what Zeek's connection history says of a path that loses packets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pacsflow.findings.finding import Finding
from pacsflow.findings.queries import uids
from pacsflow.terms import message
from pacsflow.terms.severity import Severity

if TYPE_CHECKING:
    from pacsflow.findings.facts import Facts

AT_LEAST = "CASE WHEN {n} = 0 THEN 0 ELSE least(power(10, {n} - 1), {packets}) END::DOUBLE"
AT_MOST = "CASE WHEN {n} = 0 THEN 0 ELSE least(power(10, {n}) - 1, {packets}) END::DOUBLE"
"""Packets that n letters of conn.log's history stand for. Zeek writes t (sent again), w (window of
zero), g and c when their count reaches 1, 10, 100 and so on (documentation of `Conn::Info$history`,
Zeek 8.0): n letters are 10^(n-1) packets at least, and 10^n - 1 at most. Capitals are the
originator's."""


def letters(letter: str) -> str:
    """Return SQL for how often a letter stands in `history`."""
    return f"(length(history) - length(replace(history, '{letter}', '')))"


def _way(sender: str, receiver: str, again: str, closed: str) -> str:
    n, packets = letters(again), f"{sender}_packets"
    return f"""
        SELECT {sender} AS sender, {receiver} AS receiver, uid, ts, {packets} AS packets,
               {AT_LEAST.format(n=n, packets=packets)} AS low,
               {AT_MOST.format(n=n, packets=packets)} AS high,
               ({letters(closed)} > 0)::BIGINT AS closed
        FROM seen"""


_QUERY = f"""
    WITH seen AS (
        SELECT * FROM connections WHERE ts >= ? AND ts < ? AND history IS NOT NULL
    ), ways AS ({_way("source", "destination", "T", "w")}
        UNION ALL {_way("destination", "source", "t", "W")}
    )
    SELECT sender, receiver, sum(packets)::DOUBLE, sum(low), sum(high),
           count(*) FILTER (low > 0), count(*), sum(closed)::BIGINT,
           arg_max(uid, low, 10) FILTER (low > 0 AND uid IS NOT NULL)
    FROM ways GROUP BY 1, 2
    HAVING sum(low) >= ? AND 100 * sum(low) >= ? * sum(packets)
    ORDER BY 4 DESC, 1, 2
"""


def retransmissions_high(facts: Facts) -> list[Finding]:
    """Return one finding a way between two hosts on which a large share was sent again.

    What counts is the least that the histories can mean. Windows of zero in them say that the
    receiver, rather than the network, could not keep up. Captures have no history.
    """
    limit, least = facts.thresholds.retransmit_percent, facts.thresholds.retransmit_packets
    week = facts.scope.week
    if not limit:
        return []
    rows = facts.scope.connection.execute(
        _QUERY, [week.start, week.end, max(least, 1), limit]
    ).fetchall()
    found = []
    for sender, receiver, packets, low, high, touched, all_, closed, which in rows:
        share = 100 * low / packets
        parties = facts.hosts.party(sender), facts.hosts.party(receiver)
        found.append(
            Finding(
                rule="retransmissions-high",
                severity=Severity.MEDIUM if share >= 4 * limit else Severity.LOW,
                area="traffic",
                parties=parties,
                count=int(touched),
                rows=uids(which or ()),
                values=message.values(
                    percent=message.percent(share),
                    host=message.host(parties[0]),
                    peer=message.host(parties[1]),
                    low_number=message.count(low),
                    high_number=message.count(high),
                    packets_number=message.count(packets),
                    count=message.count(touched),
                    total=message.count(all_),
                    closed_number=message.count(closed),
                ),
            )
        )
    return found
