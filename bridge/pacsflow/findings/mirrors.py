"""Rules of what a sensor is given to see: copies, spread connections, mixed networks, scans."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pacsflow.findings.finding import Finding
from pacsflow.findings.queries import moment, uids
from pacsflow.terms import message
from pacsflow.terms.ports import DICOM_PORTS
from pacsflow.terms.severity import Severity

if TYPE_CHECKING:
    from pacsflow.findings.facts import Facts

LEAST_FRAMES = 100
"""Of fewer frames no share is told."""
_UNANSWERED = ", ".join(f"'tcp/{port}'" for port in DICOM_PORTS)
_SCAN = f"""
    WITH tried AS (
        SELECT source, destination, service, epoch(min(hour)) AS t FROM traffic
        WHERE service IN ({_UNANSWERED}) AND communications > 0 AND hour >= $start AND hour < $end
        GROUP BY ALL
    ), new AS (
        SELECT * FROM tried ANTI JOIN (
            SELECT source, destination, service FROM traffic
            WHERE service IN ({_UNANSWERED}) AND hour < $start
        ) USING (source, destination, service)
    )
    SELECT source, count(DISTINCT destination), min(t), max(t) FROM new
    GROUP BY source HAVING count(DISTINCT destination) >= $limit ORDER BY 2 DESC, 1
"""
_REMARKS = """
    SELECT coalesce(sensor, name), sum(number)::DOUBLE, sum(total)::DOUBLE, list(DISTINCT file)
    FROM remarks WHERE what = ? AND ts >= ? AND ts < ? GROUP BY 1 ORDER BY 2 DESC, 1
"""
_MIXED = """
    WITH seen AS (
        SELECT *, epoch(ts) AS t, epoch(ts) + coalesce(duration, 0) AS until FROM associations
        WHERE vlan IS NOT NULL AND ts >= ? AND ts < ?
    )
    SELECT a."id.orig_h", a."id.resp_h", least(a.vlan, b.vlan), greatest(a.vlan, b.vlan),
           count(DISTINCT a.uid), list(DISTINCT a.uid), min(least(a.t, b.t)), max(a.until)
    FROM seen a JOIN seen b
        ON a."id.orig_h" = b."id.orig_h" AND a."id.resp_h" = b."id.resp_h"
       AND a."id.orig_p" = b."id.orig_p" AND a."id.resp_p" = b."id.resp_p"
       AND a.vlan <> b.vlan AND a.t <= b.until AND b.t <= a.until
    GROUP BY 1, 2, 3, 4 HAVING count(DISTINCT a.uid) > ? ORDER BY 5 DESC, 1, 2
"""


def port_scan(facts: Facts) -> list[Finding]:
    """Return one finding a host that tried DICOM ports of many that did not answer as DICOM.

    Hosts that it had tried in the week before do not count: that is monitoring.
    """
    limit, week = facts.thresholds.scan_hosts, facts.scope.week
    if not limit:
        return []
    given = {"start": week.start, "end": week.end, "limit": limit}
    return [
        Finding(
            rule="port-scan",
            severity=Severity.MEDIUM,
            area="security",
            start=moment(first),
            end=moment(last + 3600),
            parties=(facts.hosts.party(host),),
            count=int(number),
            rows=(str(host),),
            values=message.values(
                host=message.host(facts.hosts.party(host)),
                number=message.count(number),
                first=message.at(moment(first)),
            ),
        )
        for host, number, first, last in facts.scope.connection.execute(_SCAN, given).fetchall()
    ]


Remarked = tuple[str, float, float, list[str]]
"""Sensor or source, how many it is remarked of, of how many, and the marks of the files."""


def _remarked(facts: Facts, what: str) -> list[Remarked]:
    week = facts.scope.week
    return facts.scope.connection.execute(_REMARKS, [what, week.start, week.end]).fetchall()


def _rows_of(facts: Facts, files: list[str]) -> tuple[str, ...]:
    """Return the first few connections and associations that these files tell."""
    found = facts.scope.connection.execute(
        """SELECT uid FROM (SELECT uid, ts, file FROM connections
                            UNION ALL SELECT uid, ts, file FROM associations)
           WHERE list_contains(?, file) AND uid IS NOT NULL ORDER BY ts, uid LIMIT 10""",
        [files],
    ).fetchall()
    return uids(row[0] for row in found)


def copies_seen(facts: Facts) -> list[Finding]:
    """Return one finding a sensor, or set of captures, many frames of which are copies."""
    limit = facts.thresholds.copies_percent
    return [
        _of_sensor(facts, "copies-seen", Severity.LOW, told, percent=100 * copies / frames)
        for told in _remarked(facts, "copies")
        for _, copies, frames, _ in [told]
        if limit and frames >= LEAST_FRAMES and 100 * copies >= limit * frames
    ]


def spread_by_cluster(facts: Facts) -> list[Finding]:
    """Return one finding a sensor whose cluster spreads single connections over its workers."""
    limit = facts.thresholds.spread_connections
    return [
        _of_sensor(facts, "spread-by-cluster", Severity.MEDIUM, told)
        for told in _remarked(facts, "spread")
        if limit and told[1] >= limit
    ]


def _of_sensor(
    facts: Facts, rule: str, severity: Severity, told: Remarked, percent: float | None = None
) -> Finding:
    name, number, total, files = told
    share = {} if percent is None else {"percent": message.percent(percent)}
    return Finding(
        rule=rule,
        severity=severity,
        area="data",
        count=int(number),
        rows=_rows_of(facts, files),
        values=message.values(
            name=message.text(name),
            **share,
            number=message.count(number),
            total=message.count(total),
        ),
    )


def addresses_in_two_networks(facts: Facts) -> list[Finding]:
    """Return one finding a pair of hosts whose connections ran in two VLANs with the same ports."""
    limit, week = facts.thresholds.mixed_associations, facts.scope.week
    if not limit:
        return []
    found = facts.scope.connection.execute(_MIXED, [week.start, week.end, limit]).fetchall()
    made = []
    for orig, resp, one, other, number, which, first, last in found:
        parties = facts.hosts.party(orig), facts.hosts.party(resp)
        made.append(
            Finding(
                rule="two-networks",
                severity=Severity.LOW,
                area="data",
                start=moment(first),
                end=moment(last),
                parties=parties,
                count=int(number),
                rows=uids(sorted(which)),
                values=message.values(
                    host=message.host(parties[0]),
                    peer=message.host(parties[1]),
                    one=message.text(str(one)),
                    other=message.text(str(other)),
                    number=message.count(number),
                ),
            )
        )
    return made
