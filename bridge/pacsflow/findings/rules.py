"""What somebody should know of a week: one small function a rule, all listed in `RULES`.

A rule takes `Facts` and returns findings; it has an id, an area, thresholds in `Thresholds` and a
line in docs/findings.md. Rules that a Zeek notice covers say nothing of the hosts it names.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

from pacsflow.errors import let_interrupts_pass
from pacsflow.findings import (
    access,
    clocks,
    interruptions,
    links,
    mirrors,
    notices,
    operations,
    retransmissions,
    security,
    sensors,
    speed,
    unusual,
)
from pacsflow.findings.finding import Finding
from pacsflow.terms import message
from pacsflow.terms.severity import Severity

if TYPE_CHECKING:
    from collections.abc import Callable

    from pacsflow.findings.facts import Facts

MOST = 25
"""Findings of one rule at most: an attacker could raise thousands, and hide one among them."""

RULES: tuple[Callable[[Facts], list[Finding]], ...] = (
    operations.pacs_silent,
    interruptions.pacs_interrupted,
    operations.device_silent,
    interruptions.modality_stopped,
    operations.device_new,
    operations.rejects_high,
    operations.rejects_rising,
    operations.aborts_high,
    operations.failures_high,
    operations.loss_high,
    operations.sensor_gap,
    sensors.sensor_silent,
    links.loss_on_path,
    retransmissions.retransmissions_high,
    speed.pacs_slow,
    speed.path_slow,
    speed.device_slow,
    speed.queueing,
    links.uncompressed_on_slow_link,
    links.prefetch_into_morning,
    clocks.future_rows,
    clocks.clock_skew,
    clocks.hours_disagree,
    security.in_the_clear,
    security.unknown_sender,
    security.credentials,
    security.part10,
    security.malformed,
    security.reserved,
    access.ae_guessing,
    access.find_enumeration,
    access.many_retrievals,
    access.bulk_bytes,
    access.move_to_unknown,
    access.new_peer,
    access.ae_on_several_hosts,
    access.association_flood,
    access.echo_scan,
    mirrors.port_scan,
    mirrors.copies_seen,
    mirrors.spread_by_cluster,
    mirrors.addresses_in_two_networks,
    unusual.traffic_unusual,
    notices.from_zeek,
)


def findings(facts: Facts) -> tuple[Finding, ...]:
    """Return every rule's findings, the most severe first; a rule that fails is one itself."""
    found = [finding for rule in RULES for finding in _applied(rule, facts)]
    found.sort(key=lambda f: (-f.severity.rank, f.area, f.rule, f.more, -f.count, _who(f)))
    return tuple(found)


def _who(finding: Finding) -> tuple[str, ...]:
    return tuple(party.name or party.address for party in finding.parties)


def _applied(rule: Callable[[Facts], list[Finding]], facts: Facts) -> list[Finding]:
    try:
        found = [finding for finding in rule(facts) if finding.rule not in facts.thresholds.off]
    except Exception as error:  # noqa: BLE001 - one rule that fails must not cost the page
        let_interrupts_pass(error)
        logging.getLogger(__name__).warning("rule %s failed: %r", rule.__name__, error)
        return [
            Finding(
                rule="rule-failed",
                severity=Severity.LOW,
                area="data",
                values=message.values(
                    name=message.text(rule.__name__), error=message.text(type(error).__name__)
                ),
            )
        ]
    if len(found) <= MOST:
        return found
    found.sort(key=lambda f: -f.severity.rank)
    more, last = len(found) - MOST, found[MOST - 1]
    return [*found[: MOST - 1], replace(last, more=more, count=last.count + more)]
