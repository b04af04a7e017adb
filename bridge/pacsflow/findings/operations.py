"""Rules of operation: equipment that is silent or new, associations that fail, data that lacks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pacsflow.weekly import Equipment, Finding, Severity

if TYPE_CHECKING:
    from pacsflow.findings.facts import Facts
    from pacsflow.weekly import Party


def label(party: Party) -> str:
    """Return a host as a sentence names it: its name, else its first AE title, with address."""
    known = party.name or (party.ae_titles[0] if party.ae_titles else "")
    return f"{known} ({party.address})" if known else party.address


def _silent(facts: Facts, *, pacs: bool) -> list[Equipment]:
    return [e for e in facts.equipment if e.state == "silent" and (e.party.role == "pacs") == pacs]


def pacs_silent(facts: Facts) -> list[Finding]:
    """Return a finding for every PACS that was seen in the weeks before and not in this one."""
    return [
        _silence(e, "pacs-silent", "pacs", Severity.CRITICAL) for e in _silent(facts, pacs=True)
    ]


def device_silent(facts: Facts) -> list[Finding]:
    """Return a finding for every other device that was seen before and not this week."""
    return [
        _silence(
            e,
            "device-silent",
            "modalities",
            Severity.MEDIUM if e.party.role == "modality" else Severity.LOW,
        )
        for e in _silent(facts, pacs=False)
    ]


def _silence(e: Equipment, rule: str, area: str, severity: Severity) -> Finding:
    last = e.last_seen.isoformat(timespec="minutes") if e.last_seen else "unknown"
    return Finding(
        id=rule,
        severity=severity,
        area=area,
        title=f"{label(e.party)} sent and received no images this week",
        evidence=(f"Last imaging traffic: {last}",),
        action="Ask whether it is in service; if it is, check its network connection and AE setup.",
        start=e.last_seen,
        parties=(e.party,),
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
                f"First seen: {e.first_seen.isoformat(timespec='minutes') if e.first_seen else ''}",
                f"Connections: {e.connections}, peers: {e.peers}",
            ),
            action="Confirm that it was expected and write it into the inventory; if nobody knows "
            "it, find the switch port and take it off the network.",
            start=e.first_seen,
            parties=(e.party,),
            source="device-new",
            params=(
                ("host", label(e.party)),
                ("first", e.first_seen.isoformat(timespec="minutes") if e.first_seen else ""),
                ("connections", str(e.connections)),
                ("peers", str(e.peers)),
            ),
        )
        for e in facts.equipment
        if e.state == "new"
    ]


def _share(
    facts: Facts, rule: str, what: str, count: int, limit: float, action: str
) -> list[Finding]:
    found = facts.associations
    if found is None or found.total < facts.thresholds.least_associations:
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
            source=rule,
            params=(
                ("percent", f"{share:.1f}"),
                ("count", str(count)),
                ("total", str(found.total)),
                ("limit", f"{limit:g}"),
            ),
        )
    ]


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
        "that was renamed or moved.",
    )  # fmt: skip


def aborts_high(facts: Facts) -> list[Finding]:
    """Return a finding where a large share of associations was aborted."""
    return _share(
        facts, "aborts-high", "were aborted", _count(facts, "ends", "aborted"),
        facts.thresholds.abort_percent,
        "See which pairs abort and at what time; time-outs and full archives are the usual causes.",
    )  # fmt: skip


def failures_high(facts: Facts) -> list[Finding]:
    """Return a finding where many associations carried failed responses."""
    count = 0
    if facts.associations is not None:
        week = facts.part.week
        count = facts.part.connection.execute(
            "SELECT count(*) FROM associations WHERE ts >= ? AND ts < ? AND rsp_failure > 0",
            [week.start, week.end],
        ).fetchall()[0][0]
    return _share(
        facts, "failures-high", "carried failed responses", count,
        facts.thresholds.failure_percent,
        "Look the status codes up in PS3.4 of the service; A7xx means out of resources, A9xx and "
        "Cxxx that the PACS could not understand the object.",
    )  # fmt: skip


def loss_high(facts: Facts) -> list[Finding]:
    """Return a finding where Zeek missed a share of the bytes."""
    missed, seen = facts.coverage.missed_bytes, facts.totals.bytes.value
    share = 100.0 * missed / (seen + missed) if seen + missed else 0.0
    if share < facts.thresholds.missed_percent:
        return []
    return [
        Finding(
            id="loss-high",
            severity=Severity.MEDIUM,
            area="data",
            title=f"The sensor missed {share:.1f} % of the bytes",
            evidence=(f"{missed} bytes are gaps in TCP streams (missed_bytes)",),
            action="Check the sensor's packet drops and the mirror port's load.",
            source="loss-high",
            params=(("percent", f"{share:.1f}"), ("missed", str(missed))),
        )
    ]


def sensor_gap(facts: Facts) -> list[Finding]:
    """Return a finding for every gap in what the sensors saw."""
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
            source="sensor-gap",
            params=(("hours", str(gap.hours)),),
        )
        for gap in facts.coverage.gaps
        if gap.hours >= facts.thresholds.gap_hours
    ]


def outside(facts: Facts) -> list[Finding]:
    """Return one finding a host outside the site that exchanged images in the clear."""
    rows = facts.part.ask(
        """SELECT source, destination, sum(bytes)::DOUBLE FROM rows WHERE service = 'dicom'
           GROUP BY 1, 2 ORDER BY 3 DESC"""
    )
    sums: dict[str, float] = {}
    for source, destination, octets in rows:
        for host in (source, destination):
            party = facts.hosts.party(host)
            if not party.local and party.basis != "inventory":
                sums[host] = sums.get(host, 0.0) + octets
    return [
        Finding(
            id="outside",
            severity=Severity.HIGH,
            area="security",
            title=f"DICOM in the clear with {label(facts.hosts.party(host))}, outside the site",
            evidence=(f"{octets:.0f} bytes this week",),
            action="Stop it at the firewall unless it is a known partner; then use TLS or a VPN "
            "and write the partner into the inventory.",
            parties=(facts.hosts.party(host),),
            source="outside",
            params=(("host", label(facts.hosts.party(host))), ("bytes", f"{octets:.0f}")),
        )
        for host, octets in sorted(sums.items(), key=lambda pair: -pair[1])
    ]
