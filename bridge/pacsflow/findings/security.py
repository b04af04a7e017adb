"""Rules of what must not be: clear text where others listen, strangers, and broken messages."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pacsflow.findings.finding import Finding
from pacsflow.findings.queries import (
    ALL_WEEKS,
    CLEAR,
    ask,
    covered,
    has_learned,
    linked_to,
    moment,
    raised,
    uids,
)
from pacsflow.terms import message
from pacsflow.terms.severity import Severity

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pacsflow.findings.facts import Facts


@dataclass(slots=True)
class _Clear:
    """What went between two hosts in the clear."""

    bytes: float = 0.0
    associations: int = 0
    rows: list[str] = field(default_factory=list)

    def add(self, more: _Clear) -> None:
        """Take in what went between two others."""
        self.bytes += more.bytes
        self.associations += more.associations
        self.rows += more.rows


Pairs = dict[tuple[str, str], _Clear]


def _clear_pairs(facts: Facts) -> Pairs:
    """Return the pairs of hosts with proven DICOM outside TLS, by address in order.

    dicom.log says it where it has the pair; of a pair that only conn.log has, ssl.log must not
    know a connection to a DICOM port.
    """
    seen: dict[tuple[str, str], _Clear] = {}
    rows = ask(
        facts,
        f""", told AS (
               SELECT least("id.orig_h", "id.resp_h") AS a, greatest("id.orig_h", "id.resp_h") AS b,
                      t, uid, {CLEAR} AS clear,
                      coalesce(data_bytes_orig, 0)::DOUBLE + coalesce(data_bytes_resp, 0) AS octets
               FROM rows
           )
           SELECT a, b, count(*) FILTER (clear),
                  arg_min(uid, t, 10) FILTER (clear AND uid IS NOT NULL),
                  coalesce(sum(octets) FILTER (clear), 0)
           FROM told GROUP BY 1, 2""",
    )
    told = {(a, b) for a, b, *_ in rows}
    for a, b, count, found, octets in rows:
        if count:
            seen[a, b] = _Clear(octets, count, found or [])
    encrypted = set(
        facts.scope.connection.execute(
            """SELECT DISTINCT least("id.orig_h", "id.resp_h"), greatest("id.orig_h", "id.resp_h")
               FROM tls"""
        ).fetchall()
    )
    for a, b, octets, began in facts.scope.ask(
        """SELECT least(source, destination), greatest(source, destination), sum(bytes)::DOUBLE,
                  sum(communications)::BIGINT
           FROM rows WHERE service = 'dicom' GROUP BY 1, 2"""
    ):
        if (a, b) in seen:
            seen[a, b].bytes = max(octets, seen[a, b].bytes)
        elif (a, b) not in told and (a, b) not in encrypted:
            seen[a, b] = _Clear(octets, began)
    return seen


def _linked(facts: Facts, hosts: Sequence[str]) -> tuple[str, ...]:
    """Return connections of hosts of which dicom.log has no association."""
    return linked_to(facts, facts.scope.week.start, facts.scope.week.end, *hosts)


def in_the_clear(facts: Facts) -> list[Finding]:
    """Return what went to the outside or to another site outside TLS."""
    pairs = _clear_pairs(facts)
    return [*outside(facts, pairs), *cleartext_across_sites(facts, pairs)]


def outside(facts: Facts, pairs: Pairs) -> list[Finding]:
    """Return one finding a host outside the site that exchanged images in the clear."""
    least = facts.thresholds.outside_associations
    notices = raised(facts, "External_Association")
    sums: dict[str, _Clear] = {}
    for pair, clear in pairs.items():
        for host in pair:
            party = facts.hosts.party(host)
            if not party.local and party.basis != "inventory" and not covered(notices, host):
                sums.setdefault(host, _Clear()).add(clear)
    return [
        Finding(
            rule="outside",
            severity=Severity.HIGH,
            area="security",
            parties=(facts.hosts.party(host),),
            count=max(1, clear.associations),
            rows=uids(clear.rows) or _linked(facts, [host]),
            values=message.values(
                host=message.host(facts.hosts.party(host)), bytes=message.octets(clear.bytes)
            ),
        )
        for host, clear in sorted(sums.items(), key=lambda pair: (-pair[1].bytes, pair[0]))
        if least and max(1, clear.associations) >= least
    ]


def cleartext_across_sites(facts: Facts, pairs: Pairs) -> list[Finding]:
    """Return one finding for two sites of the inventory with DICOM between them in the clear."""
    least = facts.thresholds.across_sites_bytes
    if not least or len({item.site for item in facts.inventory.items if item.site}) < 2:
        return []
    notices = raised(facts, "Cleartext_Across_Sites")
    sums: dict[tuple[str, str], _Clear] = {}
    hosts: dict[tuple[str, str], list[str]] = {}
    for (a, b), clear in pairs.items():
        here, there = facts.hosts.party(a).site, facts.hosts.party(b).site
        if here and there and here != there and not covered(notices, a, b):
            sites = (min(here, there), max(here, there))
            sums.setdefault(sites, _Clear()).add(clear)
            hosts.setdefault(sites, []).extend((a, b))
    return [
        Finding(
            rule="cleartext-across-sites",
            severity=Severity.MEDIUM,
            area="security",
            parties=tuple(map(facts.hosts.party, list(dict.fromkeys(hosts[sites]))[:6])),
            count=max(1, clear.associations),
            rows=uids(clear.rows) or _linked(facts, hosts[sites][:2]),
            values=message.values(
                here=message.text(sites[0]),
                there=message.text(sites[1]),
                bytes=message.octets(clear.bytes),
            ),
        )
        for sites, clear in sorted(sums.items(), key=lambda pair: (-pair[1].bytes, pair[0]))
        if clear.bytes >= least
    ]


def unknown_sender(facts: Facts) -> list[Finding]:
    """Return one finding a host that stores objects and is not in the inventory that was given."""
    least = facts.thresholds.unknown_sender_objects
    if not least or not facts.inventory.items:
        return []
    rows = ask(
        facts,
        """SELECT sender, list_distinct(list(title)), sum(store_rq)::DOUBLE, count(*), min(t),
                  list(uid ORDER BY t) FILTER (uid IS NOT NULL)[:20]
           FROM (SELECT *, CASE WHEN get_rq > 0 THEN "id.resp_h" ELSE "id.orig_h" END AS sender,
                        CASE WHEN get_rq > 0 THEN called_ae ELSE calling_ae END AS title
                 FROM rows WHERE store_rq > 0)
           GROUP BY 1 HAVING sum(store_rq)::DOUBLE >= ? ORDER BY 3 DESC, 1""",
        [least],
    )
    notices = raised(facts, "Store_From_Unknown_Sender", "Unknown_Store_Sender")
    found = []
    for host, titles, objects, count, first, which in rows:
        party = facts.hosts.party(host)
        names = [title for title in titles or () if title]
        if party.basis == "inventory" or facts.inventory.find(host, names) is not None:
            continue
        if covered(notices, host):
            continue
        found.append(
            Finding(
                rule="unknown-sender",
                severity=Severity.MEDIUM,
                area="security",
                start=moment(first),
                parties=(party,),
                count=int(count),
                rows=uids(which or ()),
                values=message.values(
                    host=message.host(party),
                    objects_number=message.count(objects),
                    count=message.count(count),
                    first=message.at(moment(first)),
                    titles=message.texts(sorted(names)),
                ),
            )
        )
    return found


def _flagged(
    facts: Facts,
    rule: str,
    notice: str,
    where: str,
    least: int,
    severity: Severity,
) -> list[Finding]:
    """Return one finding a host with at least `least` associations that fit.

    A host that did the same before the week, too, is no news: severities below high become info.
    """
    if not least:
        return []
    rows = ask(
        facts,
        f"""SELECT "id.orig_h", count(*), min(t), max(t), list_distinct(list(orig_impl_version)),
                   list(uid ORDER BY t) FILTER (uid IS NOT NULL)[:20]
            FROM rows WHERE {where} GROUP BY 1 HAVING count(*) >= ? ORDER BY 2 DESC, 1""",
        [least],
    )
    before: set[str] = set()
    if rows and severity.rank < Severity.HIGH.rank and has_learned(facts):
        query = f'SELECT DISTINCT "id.orig_h" FROM rows WHERE {where}'
        before = {row[0] for row in ask(facts, query, first=ALL_WEEKS, last=-1)}
    notices = raised(facts, notice)
    return [
        Finding(
            rule=rule,
            severity=Severity.INFO if host in before else severity,
            area="security",
            start=moment(first),
            end=moment(last),
            parties=(facts.hosts.party(host),),
            count=int(count),
            rows=uids(which or ()),
            values=message.values(
                host=message.host(facts.hosts.party(host)),
                count=message.count(count),
                first=message.at(moment(first)),
                software=message.texts(versions or ()),
            ),
        )
        for host, count, first, last, versions, which in rows
        if not covered(notices, host)
    ]


def credentials(facts: Facts) -> list[Finding]:
    """Return one finding a host that sent user name and passcode outside TLS (PS3.7 D.3.3.7)."""
    return _flagged(
        facts, "cleartext-credentials", "Cleartext_Credentials",
        f"user_identity = 'username_passcode' AND {CLEAR}",
        facts.thresholds.credentials_associations, Severity.HIGH,
    )  # fmt: skip


def part10(facts: Facts) -> list[Finding]:
    """Return one finding a host in whose data sets a file's preamble was seen (PS3.10 7.1)."""
    return _flagged(
        facts, "part10-in-data-set", "Part10_In_Data_Set",
        "list_contains(flags, 'part10_in_dataset')",
        facts.thresholds.part10_associations, Severity.HIGH,
    )  # fmt: skip


def malformed(facts: Facts) -> list[Finding]:
    """Return one finding a host with PDUs or command sets against PS3.7 and PS3.8."""
    return _flagged(
        facts, "malformed", "Malformed", "list_contains(flags, 'malformed')",
        facts.thresholds.malformed_associations, Severity.LOW,
    )  # fmt: skip


def reserved(facts: Facts) -> list[Finding]:
    """Return one finding a host that sets reserved bytes of PDUs (PS3.8 9.3)."""
    return _flagged(
        facts, "reserved-bits", "Reserved_Bits_Set", "list_contains(flags, 'reserved_nonzero')",
        facts.thresholds.reserved_associations, Severity.LOW,
    )  # fmt: skip
