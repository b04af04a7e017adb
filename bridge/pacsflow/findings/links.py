"""Rules of how images travel: loss on a path, slow links, nights that are too short."""

from __future__ import annotations

from itertools import zip_longest
from typing import TYPE_CHECKING

from pacsflow.findings.looking import (
    GAPS,
    ask,
    iso,
    label,
    linked_to,
    listed,
    moment,
    uids,
)
from pacsflow.ledger.series import IMAGING
from pacsflow.weekly import Finding, Severity

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
    rows = facts.part.ask(
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
        week = facts.part.week
        which = linked_to(facts, week.start, week.end, a, b, where="missed > 0", order=GAPS)
        parties = facts.hosts.party(a), facts.hosts.party(b)
        found.append(
            Finding(
                id="loss-on-path",
                severity=Severity.MEDIUM,
                area="traffic",
                title=f"{share:.1f} % of the bytes between {label(parties[0])} and "
                f"{label(parties[1])} are missing",
                evidence=(f"{lost:.0f} bytes are gaps in TCP streams (missed_bytes)",),
                action="The rest of the traffic is complete: look at this path's switch ports for "
                "errors, and whether its return way passes the sensor.",
                parties=parties,
                rows=which,
                source="loss-on-path",
                params=(
                    ("percent", f"{share:.1f}"),
                    ("host", label(parties[0])),
                    ("peer", label(parties[1])),
                    ("missed", f"{lost:.0f}"),
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
                  list_distinct(list(title)), list(uid ORDER BY t)[:10],
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
                id="uncompressed-slow-link",
                severity=Severity.LOW,
                area="traffic",
                title=f"Images travel uncompressed over the slow link of {label(party)}",
                evidence=(
                    f"{octets:.0f} bytes this week, {listed(sorted(names))}",
                    f"At {capacity:g} Mbit/s that is {seconds:.0f} seconds of the whole link",
                ),
                action="Let both sides negotiate a lossless compression (JPEG-LS or JPEG 2000 "
                "lossless), or send at night.",
                parties=(party,),
                rows=uids(which),
                source="uncompressed-slow-link",
                params=(
                    ("host", label(party)),
                    ("bytes", f"{octets:.0f}"),
                    ("syntaxes", listed(sorted(names))),
                    ("capacity", f"{capacity:g}"),
                    ("link_seconds", f"{seconds:.0f}"),
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
    if not least or not pacs or not NIGHT.stop <= until < DAY.start:
        return []
    days: dict[tuple[str, str], dict[date, dict[int, tuple[float, float]]]] = {}
    for a, b, second, octets in facts.part.ask(
        f"""SELECT source, destination, epoch(hour)::BIGINT, sum(bytes)::DOUBLE
            FROM rows SEMI JOIN (
                SELECT source, destination FROM pair_weeks
                WHERE hour = ? AND bytes >= ? AND list_contains(?, source)
            ) USING (source, destination)
            WHERE {IMAGING} GROUP BY 1, 2, 3""",
        [facts.part.week.start, least, pacs],
    ):
        local = moment(second).astimezone(facts.part.week.zone)
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
                id="prefetch-into-morning",
                severity=Severity.LOW,
                area="traffic",
                title=f"The night's copy from {label(parties[0])} to {label(parties[1])} ran into "
                "the morning",
                evidence=(
                    f"On {len(late)} days, the first {iso(first)}; {octets:.0f} bytes by then",
                ),
                action="Begin it earlier, limit it to what is needed, or compress it: it shares "
                "the link with the first examinations.",
                start=first,
                parties=parties,
                rows=uids(uid for some in zip_longest(*which) for uid in some),
                source="prefetch-into-morning",
                params=(
                    ("host", label(parties[0])),
                    ("peer", label(parties[1])),
                    ("days", str(len(late))),
                    ("first", iso(first)),
                    ("bytes", f"{octets:.0f}"),
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
