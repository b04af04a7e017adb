"""Rules of who asks for too much, or for what is not theirs: guessing, scans, copying, new ways."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from pacsflow.findings.finding import Finding
from pacsflow.findings.queries import (
    ALL_WEEKS,
    HISTORY_WEEKS,
    LARGEST,
    ask,
    covered,
    has_learned,
    linked_to,
    moment,
    raised,
    uids,
)
from pacsflow.ledger.series import IMAGING
from pacsflow.terms import message
from pacsflow.terms.severity import Severity

if TYPE_CHECKING:
    from pacsflow.findings.facts import Facts

_MOST = """
    SELECT host, arg_max(n, n), arg_max(t, n), count(*) FROM (
        SELECT host, t, {what} OVER (PARTITION BY host ORDER BY t
                                     RANGE BETWEEN ? PRECEDING AND CURRENT ROW) AS n
        FROM ({events})) GROUP BY host HAVING max(n) >= ? ORDER BY 2 DESC, 1
"""
"""The most that any host reached within so many seconds, when, and its associations."""
_SUM = "sum(amount)"


def _most(
    facts: Facts,
    events: str,
    within: float,
    least: float,
    what: str = _SUM,
    *,
    first: int = 0,
    last: int = 0,
) -> list[tuple[str, float, float, int]]:
    query = _MOST.format(what=what, events=events)
    return ask(facts, query, [within, least], first=first, last=last)


def _rows_of(facts: Facts, where: str, host: str, until: float, within: float) -> tuple[str, ...]:
    query = f"""SELECT uid FROM rows WHERE "id.orig_h" = ? AND t <= ? AND t >= ? AND ({where})
                AND uid IS NOT NULL ORDER BY t LIMIT 10"""
    return uids(row[0] for row in ask(facts, query, [host, until, until - within]))


def _burst(
    facts: Facts,
    rule: str,
    severity: Severity,
    most: tuple[str, float, float, int],
    within: float,
    where: str = "TRUE",
    **more: message.Value,
) -> Finding:
    """Return the finding of a row of `_most`, with the associations that it was found in."""
    host, number, when, _ = most
    party = facts.hosts.party(host)
    return Finding(
        rule=rule,
        severity=severity,
        area="security",
        start=moment(when - within),
        end=moment(when),
        parties=(party,),
        count=int(number),
        rows=_rows_of(facts, where, host, when, within),
        values=message.values(host=message.host(party), number=message.count(number), **more),
    )


def ae_guessing(facts: Facts) -> list[Finding]:
    """Return one finding a host that was rejected with several pairs of AE titles (PS3.8 9.3.4)."""
    limit, within = facts.thresholds.guess_pairs, facts.thresholds.guess_hours * 3600
    if not limit or not within:
        return []
    where = "result = 'rejected' AND reject_source = 1 AND reject_reason IN (3, 7)"
    pair = "coalesce(calling_ae, '') || ' > ' || coalesce(called_ae, '')"
    events = f'SELECT "id.orig_h" AS host, t, {pair} AS pair FROM rows WHERE {where}'
    notices = raised(facts, "AE_Title_Guessing")
    found = []
    for host, pairs, when, _ in _most(facts, events, within, limit, "count(DISTINCT pair)"):
        if covered(notices, host):
            continue
        titles = ask(
            facts,
            f"""SELECT DISTINCT {pair} FROM rows
                WHERE "id.orig_h" = ? AND t <= ? AND t >= ? AND {where} ORDER BY 1 LIMIT 20""",
            [host, when, when - within],
        )
        party = facts.hosts.party(host)
        found.append(
            Finding(
                rule="ae-guessing",
                severity=Severity.HIGH,
                area="security",
                start=moment(when),
                parties=(party,),
                count=int(pairs),
                rows=_rows_of(facts, where, host, when, within),
                values=message.values(
                    host=message.host(party),
                    number=message.count(pairs),
                    span_hours=message.seconds(within),
                    titles=message.texts(row[0] for row in titles),
                ),
            )
        )
    return found


_FIND = """
    SELECT "id.orig_h" AS host, t,
           (coalesce(find_rq, 0)::DOUBLE
            + CASE WHEN coalesce(get_rq, 0) + coalesce(move_rq, 0) = 0
                   THEN coalesce(rsp_pending, 0) ELSE 0 END)
           * least(1, {within} / greatest(until - t, 1e-6)) AS amount
    FROM rows WHERE find_rq > 0
         AND NOT (list_contains(coalesce(services, []), 'worklist')
                  AND NOT list_contains(coalesce(services, []), 'query'))
"""
"""C-FIND requests and their results; of a long association the share that fits the interval.
Worklist queries of modalities are no enumeration."""
_RETRIEVE = """
    SELECT "id.orig_h" AS host, t,
           (coalesce(get_rq, 0)::DOUBLE + coalesce(move_rq, 0))
           * least(1, {within} / greatest(until - t, 1e-6)) AS amount
    FROM rows WHERE get_rq > 0 OR move_rq > 0
"""


def find_enumeration(facts: Facts) -> list[Finding]:
    """Return one finding a host that asked a PACS for far more than it ever did."""
    limit, hours = facts.thresholds.find_results, facts.thresholds.find_hours
    return _far_above(
        facts, "find-enumeration", "Find_Enumeration", _FIND, limit, hours, "find_rq > 0",
    )  # fmt: skip


def many_retrievals(facts: Facts) -> list[Finding]:
    """Return one finding a host that sent far more C-GET and C-MOVE requests than it ever did."""
    limit, hours = facts.thresholds.retrieve_requests, facts.thresholds.retrieve_hours
    return _far_above(
        facts, "bulk-requests", "Bulk_Retrieval", _RETRIEVE, limit, hours,
        "get_rq > 0 OR move_rq > 0",
    )  # fmt: skip


def _far_above(
    facts: Facts,
    rule: str,
    notice: str,
    events: str,
    limit: float,
    hours: float,
    where: str,
) -> list[Finding]:
    """Return hosts above `limit` within `hours` and far above their own busiest time before."""
    if not limit or not hours:
        return []
    within = hours * 3600
    events = events.format(within=float(within))
    now = _most(facts, events, within, limit)
    if not now:
        return []
    past = {
        row[0]: row[1] for row in _most(facts, events, within, 0, first=-HISTORY_WEEKS, last=-1)
    }
    notices, factor = raised(facts, notice), facts.thresholds.history_factor
    return [
        _burst(
            facts, rule, Severity.HIGH, most, within, where,
            span_hours=message.seconds(within), before_number=message.count(past.get(most[0])),
        )
        for most in now
        if not covered(notices, most[0])
        and (most[0] not in past or most[1] >= factor * past[most[0]])
    ]  # fmt: skip


def _days(
    facts: Facts, pacs: list[str], least: float
) -> list[tuple[str, float, float, float | None]]:
    """Return hosts' busiest 24 hours of bytes from PACS: how much, its last hour, and before."""
    week = facts.scope.week
    return facts.scope.connection.execute(
        f"""WITH much AS (
                SELECT host FROM host_hours
                WHERE way = 'in' AND hour > $start - INTERVAL 1 DAY AND hour < $end
                      AND NOT list_contains($pacs, host)
                GROUP BY host HAVING sum(bytes) >= $least
            ), got AS (
                SELECT destination AS host, hour, epoch(hour)::DOUBLE AS t,
                       sum(bytes)::DOUBLE AS bytes
                FROM traffic SEMI JOIN much ON destination = much.host
                WHERE origin = $origin AND {IMAGING} AND hour >= $first AND hour < $end
                      AND list_contains($pacs, source)
                GROUP BY 1, 2
            ), days AS (
                SELECT host, t, hour >= $start AS now, sum(bytes) OVER (
                    PARTITION BY host ORDER BY t RANGE BETWEEN 82800 PRECEDING AND CURRENT ROW
                ) AS day FROM got
            )
            SELECT host, max(day) FILTER (now), arg_max(t, day) FILTER (now),
                   max(day) FILTER (NOT now)
            FROM days GROUP BY host HAVING max(day) FILTER (now) >= $least ORDER BY 2 DESC, 1""",
        {
            "origin": facts.scope.origin,
            "pacs": pacs,
            "first": week.shifted(-HISTORY_WEEKS).start,
            "start": week.start,
            "end": week.end,
            "least": least,
        },
    ).fetchall()


def _largest(facts: Facts, host: str, when: float) -> tuple[str, ...]:
    """Return the associations of the 24 hours up to `when` that brought `host` most."""
    rows = ask(
        facts,
        """SELECT uid FROM rows WHERE t < ? AND until >= ? AND ("id.orig_h" = ? OR "id.resp_h" = ?)
                  AND uid IS NOT NULL
           ORDER BY CASE WHEN "id.orig_h" = ? THEN data_bytes_resp ELSE data_bytes_orig END
                    DESC NULLS LAST, t LIMIT 10""",
        [when + 3600, when - 82800, host, host, host],
    )
    return uids(row[0] for row in rows)


def bulk_bytes(facts: Facts) -> list[Finding]:
    """Return one finding a host that got far more bytes from PACS in a day than it ever did.

    From the ledger, so that it needs no dicom.log. PACS and gateways that copy to each other are
    left out: that is what they do. Before there is a history, nobody knows what is usual here, and
    the rule is silent.
    """
    limit, factor = facts.thresholds.retrieve_bytes, facts.thresholds.history_factor
    pacs = [party.address for party in facts.hosts.of_role("pacs")]
    if not limit or not pacs:
        return []
    learned = facts.scope.week.start - timedelta(days=facts.thresholds.learning_days)
    oldest = "SELECT 1 FROM traffic WHERE origin = ? AND hour <= ? LIMIT 1"
    if not facts.scope.connection.execute(oldest, [facts.scope.origin, learned]).fetchall():
        return []
    rows = _days(facts, pacs, limit)
    notices = raised(facts, "Bulk_Retrieval")
    found = []
    for host, octets, when, before in rows:
        party = facts.hosts.party(host)
        if covered(notices, host) or (before is not None and octets < factor * before):
            continue
        if party.role == "gateway":
            continue
        found.append(
            Finding(
                rule="bulk-retrieval",
                severity=Severity.HIGH,
                area="security",
                start=moment(when - 82800),
                end=moment(when + 3600),
                parties=(party,),
                rows=_largest(facts, host, when)
                or linked_to(facts, moment(when - 82800), moment(when + 3600), host, order=LARGEST),
                values=message.values(
                    host=message.host(party),
                    bytes=message.octets(octets),
                    before_bytes=message.octets(before),
                ),
            )
        )
    return found


def move_to_unknown(facts: Facts) -> list[Finding]:
    """Return one finding a destination of C-MOVE that nobody had heard of before (PS3.4 C.4.2).

    Known is what the inventory names, what an accepted association used earlier, and what C-MOVE
    named in the weeks before.
    """
    least = facts.thresholds.move_requests
    if not least or not has_learned(facts):
        return []
    week = facts.scope.week
    rows = facts.scope.connection.execute(
        """WITH moves AS (
               SELECT *, unnest(move_destinations) AS title FROM associations
               WHERE ts < $end
           ), asked AS (
               SELECT title, min(ts) AS first, epoch_us(min(ts)) / 1e6 AS t,
                      sum(move_rq)::DOUBLE AS number, mode("id.orig_h") AS host,
                      list(uid ORDER BY ts) FILTER (uid IS NOT NULL)[:20] AS uids
               FROM moves GROUP BY 1 HAVING min(ts) >= $start AND number >= $least
           ), titles AS (
               SELECT title, min(ts) AS since FROM (
                   SELECT calling_ae AS title, ts FROM associations WHERE result = 'accepted'
                   UNION ALL
                   SELECT called_ae, ts FROM associations WHERE result = 'accepted'
                   UNION ALL SELECT ae_title, ts FROM endpoints)
               WHERE title IS NOT NULL GROUP BY 1
           )
           SELECT asked.title, t, number, host, uids FROM asked LEFT JOIN titles USING (title)
           WHERE since IS NULL OR since >= first ORDER BY number DESC, 1""",
        {"start": week.start, "end": week.end, "least": least},
    ).fetchall()
    notices = raised(facts, "Move_To_Unknown_Destination")
    written = {item.match for item in facts.inventory.items}
    found = []
    for title, when, number, host, which in rows:
        if f"ae:{title}" in written or covered(notices, host):
            continue
        party = facts.hosts.party(host)
        found.append(
            Finding(
                rule="move-to-unknown",
                severity=Severity.HIGH,
                area="security",
                start=moment(when),
                parties=(party,),
                count=int(number),
                rows=uids(which or ()),
                values=message.values(
                    host=message.host(party),
                    title=message.text(title),
                    number=message.count(number),
                    first=message.at(moment(when)),
                ),
            )
        )
    return found


def new_peer(facts: Facts) -> list[Finding]:
    """Return one finding a host that a PACS accepted for the first time, after learning.

    Only info where both are in the inventory; nothing where the host is new altogether, for then
    `device_new` says so.
    """
    least = facts.thresholds.new_peer_associations
    pacs = {party.address for party in facts.hosts.of_role("pacs")}
    if not least or not pacs or not has_learned(facts):
        return []
    week, new = facts.scope.week, {e.party.address for e in facts.equipment if e.state == "new"}
    rows = facts.scope.connection.execute(
        """WITH accepted AS (
               SELECT least("id.orig_h", "id.resp_h") AS a, greatest("id.orig_h", "id.resp_h") AS b,
                      ts, uid
               FROM associations WHERE ts < ? AND result = 'accepted'
           ), new AS (
               SELECT a, b, count(*) AS number, min(ts) AS first FROM accepted
               GROUP BY 1, 2 HAVING min(ts) >= ? AND count(*) >= ?
           )
           SELECT a, b, any_value(number), epoch_us(any_value(first)) / 1e6,
                  list(uid ORDER BY ts) FILTER (uid IS NOT NULL)[:20]
           FROM accepted JOIN new USING (a, b) WHERE ts >= ?
           GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2""",
        [week.end, week.start, least, week.start],
    ).fetchall()
    notices = raised(facts, "New_Peer")
    found = []
    for a, b, count, first, which in rows:
        if not {a, b} & pacs or {a, b} & new or covered(notices, a, b):
            continue
        archive, peer = (a, b) if a in pacs else (b, a)
        parties = facts.hosts.party(peer), facts.hosts.party(archive)
        written = all(party.basis == "inventory" for party in parties)
        found.append(
            Finding(
                rule="new-peer",
                severity=Severity.INFO if written else Severity.LOW,
                area="security",
                start=moment(first),
                parties=parties,
                count=int(count),
                rows=uids(which or ()),
                values=message.values(
                    host=message.host(parties[1]),
                    peer=message.host(parties[0]),
                    count=message.count(count),
                    first=message.at(moment(first)),
                ),
            )
        )
    return found


def ae_on_several_hosts(facts: Facts) -> list[Finding]:
    """Return one finding an AE title that calls from several hosts, one of them new with it."""
    limit = facts.thresholds.ae_hosts
    if not limit:
        return []
    query = """SELECT calling_ae, list_sort(list_distinct(list("id.orig_h"))) AS hosts,
                      list(uid ORDER BY t) FILTER (uid IS NOT NULL)[:20]
               FROM rows WHERE result = 'accepted' AND coalesce(calling_ae, '') <> ''
                    AND NOT list_contains(?, calling_ae)
               GROUP BY 1 HAVING count(DISTINCT "id.orig_h") >= ? ORDER BY 1"""
    shared = list(facts.thresholds.shared_ae_titles)
    rows = ask(facts, query, [shared, limit])
    before: dict[str, set[str]] = {}
    if rows and has_learned(facts):
        past = ask(facts, query, [shared, 1], first=ALL_WEEKS, last=-1)
        before = {title: set(hosts) for title, hosts, _ in past}
    notices = raised(facts, "AE_Title_On_Several_Hosts")
    found = []
    for title, hosts, which in rows:
        if set(hosts) <= before.get(title, set()):
            continue
        if any(covered(notices, host) for host in hosts):
            continue
        parties = tuple(facts.hosts.party(host) for host in hosts[:6])
        found.append(
            Finding(
                rule="ae-on-several-hosts",
                severity=Severity.MEDIUM,
                area="security",
                parties=parties,
                count=len(hosts),
                rows=uids(which or ()),
                values=message.values(
                    title=message.text(title),
                    count=message.count(len(hosts)),
                    hosts=message.hosts(map(facts.hosts.party, hosts)),
                ),
            )
        )
    return found


def association_flood(facts: Facts) -> list[Finding]:
    """Return one finding a host that requested very many associations in a short time."""
    limit, within = facts.thresholds.flood_associations, facts.thresholds.flood_seconds
    if not limit or not within:
        return []
    events = 'SELECT "id.orig_h" AS host, t, 1 AS amount FROM rows'
    notices = raised(facts, "Association_Flood")
    return [
        _burst(
            facts, "association-flood", Severity.MEDIUM, most, within,
            span_seconds=message.seconds(within), when=message.at(moment(most[2])),
        )
        for most in _most(facts, events, within, limit)
        if not covered(notices, most[0])
    ]  # fmt: skip


def echo_scan(facts: Facts) -> list[Finding]:
    """Return one finding a host that tried many endpoints, by C-ECHO or without being accepted.

    Endpoints that the host had tried in the weeks before do not count: that is monitoring.
    """
    limit, within = facts.thresholds.echo_endpoints, facts.thresholds.echo_hours * 3600
    if not limit or not within:
        return []
    where = "(echo_rq > 0 OR result IN ('rejected', 'no_reply'))"
    end = """ "id.resp_h" || ' ' || coalesce("id.resp_p", 0)"""
    week = facts.scope.week
    events = f"""
        SELECT "id.orig_h" AS host, t, {end} AS endpoint FROM rows WHERE {where}
        AND "id.orig_h" || ' ' || {end} NOT IN (
            SELECT "id.orig_h" || ' ' || {end} FROM associations WHERE {where}
            AND ts < TIMESTAMPTZ '{week.start.isoformat()}')"""
    notices = raised(facts, "Echo_Scan")
    return [
        _burst(
            facts, "echo-scan", Severity.MEDIUM, most, within, where,
            when=message.at(moment(most[2])),
        )
        for most in _most(facts, events, within, limit, "count(DISTINCT endpoint)")
        if not covered(notices, most[0])
    ]  # fmt: skip
