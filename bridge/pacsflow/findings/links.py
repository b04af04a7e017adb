"""Rules of how images travel: loss on a path, slow links, nights that are too short."""

from __future__ import annotations

from itertools import zip_longest
from typing import TYPE_CHECKING

from pacsflow.findings.finding import Finding
from pacsflow.findings.queries import (
    GAPS,
    ask,
    linked_to,
    moment,
    uids,
)
from pacsflow.ledger.series import IMAGING
from pacsflow.terms import message
from pacsflow.terms.severity import Severity

if TYPE_CHECKING:
    from datetime import date

    from pacsflow.findings.facts import Facts

UNCOMPRESSED = (
    "ImplicitVRLittleEndian", "ExplicitVRLittleEndian", "ExplicitVRBigEndian",
    "EncapsulatedUncompressedExplicitVRLittleEndian",
    "1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2", "1.2.840.10008.1.2.1.98",
)  # fmt: skip
"""Transfer syntaxes without compression (PS3.5 Annex A), by name and by UID."""
NIGHT, DAY = range(6), range(9, 17)
"""Hours of the site's zone in which jobs of the night run, and people work."""
STILL = 0.5
"""A job still runs where an hour carries this share of the night's mean hour."""


def loss_on_path(facts: Facts) -> list[Finding]:
    """Return one finding a pair of hosts whose imaging connections lost bytes (missed_bytes).

    Where the sensor loses as much of everything, `loss_high` says so, and this rule is silent.
    """
    limit, least = facts.thresholds.missed_percent, facts.thresholds.missed_least_bytes
    missed, seen = facts.coverage.missed_bytes, facts.totals.bytes.value
    if not limit or 100.0 * missed >= limit * (missed + seen):
        return []
    rows = facts.scope.ask(
        f"""SELECT least(source, destination), greatest(source, destination),
                   sum(missed_bytes)::DOUBLE AS missed, sum(bytes)::DOUBLE AS seen
            FROM rows WHERE {IMAGING} GROUP BY 1, 2
            HAVING missed >= ? AND 100 * missed >= ? * (missed + seen)
            ORDER BY 3 DESC, 1, 2""",
        [max(least, 1), limit],
    )
    found = []
    for a, b, lost, octets in rows:
        share = 100 * lost / (lost + octets)
        week = facts.scope.week
        which = linked_to(facts, week.start, week.end, a, b, where="missed > 0", order=GAPS)
        parties = facts.hosts.party(a), facts.hosts.party(b)
        found.append(
            Finding(
                rule="loss-on-path",
                severity=Severity.MEDIUM,
                area="traffic",
                parties=parties,
                rows=which,
                values=message.values(
                    percent=message.percent(share),
                    host=message.host(parties[0]),
                    peer=message.host(parties[1]),
                    missed=message.octets(lost),
                ),
            )
        )
    return found


def uncompressed_on_slow_link(facts: Facts) -> list[Finding]:
    """Return one finding a host on a slow link (inventory) whose images travel uncompressed."""
    slow, least = facts.thresholds.slow_link_mbits, facts.thresholds.uncompressed_bytes
    if not slow or not any(0 < item.capacity <= slow for item in facts.inventory.items):
        return []
    sums: dict[str, tuple[float, float, list[str], set[str]]] = {}
    for host, octets, titles, which, syntaxes in ask(
        facts,
        """, plain AS (
               SELECT * FROM rows WHERE len(transfer_syntaxes) > 0
                      AND list_has_all(?, transfer_syntaxes)
           ), ends AS (
               SELECT "id.orig_h" AS host, calling_ae AS title, * FROM plain
               UNION ALL SELECT "id.resp_h", called_ae, * FROM plain
           )
           SELECT host, sum(coalesce(data_bytes_orig, 0)::DOUBLE + coalesce(data_bytes_resp, 0)),
                  list_distinct(list(title)), list(uid ORDER BY t) FILTER (uid IS NOT NULL)[:10],
                  list_distinct(flatten(list(transfer_syntaxes)))
           FROM ends GROUP BY 1""",
        [list(UNCOMPRESSED)],
    ):
        item = facts.inventory.find(host, [title for title in titles or () if title])
        if item is not None and 0 < item.capacity <= slow and least and octets >= least:
            sums[host] = (octets, item.capacity, which or [], set(syntaxes or ()))
    found = []
    for host, (octets, capacity, which, names) in sorted(sums.items(), key=lambda p: -p[1][0]):
        party, seconds = facts.hosts.party(host), octets * 8 / (capacity * 1e6)
        found.append(
            Finding(
                rule="uncompressed-slow-link",
                severity=Severity.LOW,
                area="traffic",
                parties=(party,),
                rows=uids(which),
                values=message.values(
                    host=message.host(party),
                    bytes=message.octets(octets),
                    syntaxes=message.texts(sorted(names)),
                    capacity=message.number(capacity),
                    link_seconds=message.seconds(seconds),
                ),
            )
        )
    return found


def prefetch_into_morning(facts: Facts) -> list[Finding]:
    """Return one finding a copy of the night that still ran when people began to work.

    A job of the night is a flow from a PACS that carries more by the hour at night than by day;
    it ran into the morning where every hour up to `prefetch_until_hour` had at least half of the
    night's mean. A reading room that never sleeps carries more by day, and is none.
    """
    least, until = facts.thresholds.prefetch_bytes, facts.thresholds.prefetch_until_hour
    pacs = [party.address for party in facts.hosts.of_role("pacs")]
    if not facts.clock_known or not least or not pacs or not NIGHT.stop <= until < DAY.start:
        return []
    days: dict[tuple[str, str], dict[date, dict[int, tuple[float, float]]]] = {}
    for a, b, second, octets in facts.scope.ask(
        f"""SELECT source, destination, epoch(hour)::BIGINT, sum(bytes)::DOUBLE
            FROM rows SEMI JOIN (
                SELECT source, destination FROM pair_weeks
                WHERE hour = ? AND bytes >= ? AND list_contains(?, source)
            ) USING (source, destination)
            WHERE {IMAGING} GROUP BY 1, 2, 3""",
        [facts.scope.week.start, least, pacs],
    ):
        local = moment(second).astimezone(facts.scope.week.zone)
        hours = days.setdefault((a, b), {}).setdefault(local.date(), {})
        hours[local.hour] = (hours.get(local.hour, (0.0, 0.0))[0] + octets, float(second))
    found = []
    for (a, b), flow in sorted(days.items()):
        late = [hours for hours in flow.values() if _ran_on(hours, least, until)]
        if not late:
            continue
        parties = facts.hosts.party(a), facts.hosts.party(b)
        octets = sum(hours[h][0] for hours in late for h in range(until + 1) if h in hours)
        ends = sorted(hours[until][1] for hours in late)
        first = moment(ends[0])
        which = [
            linked_to(facts, moment(end - until * 3600), moment(end + 3600), a, b) for end in ends
        ]
        found.append(
            Finding(
                rule="prefetch-into-morning",
                severity=Severity.LOW,
                area="traffic",
                start=first,
                parties=parties,
                rows=uids(uid for some in zip_longest(*which) for uid in some),
                values=message.values(
                    host=message.host(parties[0]),
                    peer=message.host(parties[1]),
                    days=message.count(len(late)),
                    first=message.at(first),
                    bytes=message.octets(octets),
                ),
            )
        )
    return found


def _ran_on(hours: dict[int, tuple[float, float]], least: float, until: int) -> bool:
    night = [hours[h][0] for h in NIGHT if h in hours and hours[h][0] > 0]
    if not night or sum(night) < least:
        return False
    mean = sum(night) / len(night)
    by_day = sum(hours.get(h, (0.0, 0.0))[0] for h in DAY) / len(DAY)
    return by_day <= mean and all(
        hours.get(h, (0.0, 0.0))[0] >= STILL * mean for h in range(NIGHT.stop - 1, until + 1)
    )
