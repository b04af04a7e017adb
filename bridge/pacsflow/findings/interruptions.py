"""Rules of equipment that fell silent within the week, judged by its own weeks before."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from pacsflow.findings.finding import Finding
from pacsflow.findings.gaps import chance_of_silence
from pacsflow.findings.queries import HISTORY_WEEKS, LATEST, linked_to
from pacsflow.terms import message
from pacsflow.terms.severity import Severity
from pacsflow.week.flows import active_hours

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from numpy.typing import NDArray

    from pacsflow.findings.facts import Facts

Week = list[bool | None]
"""Whether something was active in each part of a week; None where no sensor saw anything."""
LEAST_WEEKS, HOURS = 2, 168
BY_CHANCE = 0.001
"""A silence is told where one gap in so many is as long by chance: a hospital of thirty devices
has one in half a year."""


class Run(NamedTuple):
    """Consecutive silent parts of a week, of those in which it usually is active."""

    length: int
    first: int
    last: int
    to_the_end: bool


def longest_run(now: Week, others: Sequence[Week], *, least: int = LEAST_WEEKS) -> Run:
    """Return the longest run of silence in `now`.

    Only parts of the week count in which every other week that was seen, and at least `least` of
    them, was active: what is usual neither night nor weekend can feign. Parts that are not usual,
    or that no sensor saw, neither count nor end a run.
    """
    best, current = Run(0, 0, 0, False), Run(0, 0, 0, False)
    for i, active in enumerate(now):
        if active:
            current = Run(0, 0, 0, False)
        if active or active is None:
            continue
        seen = [other[i] for other in others if i < len(other) and other[i] is not None]
        if len(seen) < least or not all(seen):
            continue
        current = Run(current.length + 1, current.first if current.length else i, i, False)
        if current.length > best.length:
            best = current
    return best._replace(to_the_end=bool(best.length) and best.last == current.last
                         and best.length == current.length)  # fmt: skip


def unusual_run(weeks: Sequence[Week], least: int) -> Run | None:
    """Return this week's run of silence, the first of `weeks`, if none before was as long."""
    now, past = weeks[0], [week for week in weeks[1:] if any(a is not None for a in week)]
    if len(past) < LEAST_WEEKS:
        return None
    run = longest_run(now, past)
    if run.length < least:
        return None
    before = max(
        longest_run(week, [w for w in past if w is not week], least=LEAST_WEEKS - 1).length
        for week in past
    )
    return run if run.length > before else None


class Activity(NamedTuple):
    """When each host was active and could be seen: ``(hosts, weeks, HOURS)``, oldest week first."""

    addresses: list[str]
    active: NDArray[np.bool_]
    watched: NDArray[np.bool_]

    def parts(self, hours: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Return in which parts of `hours` hosts were active, and that is known: most of it seen.

        Both have the shape ``(hosts, weeks, parts)``, this week first.
        """
        active, watched = (
            grid[:, ::-1].reshape(*grid.shape[:2], -1, hours).sum(axis=3)
            for grid in (self.active, self.watched)
        )
        return active > 0, (active > 0) | (2 * watched > hours)

    def quiet(self, hours: int, least: int) -> Iterator[tuple[int, list[Week]]]:
        """Return the hosts that were silent in `least` parts in which they usually are active.

        They are few, and may have an unusual run of silence; with their weeks, this one first.
        """
        active, known = self.parts(hours)
        usual = (active | ~known)[:, 1:].all(axis=1)
        silent = (usual & known[:, 0] & ~active[:, 0]).sum(axis=1)
        for place in np.flatnonzero(silent >= least).tolist():
            weeks: list[Week] = np.where(known[place], active[place], None).tolist()  # type: ignore[attr-defined]
            yield place, weeks

    def stopped(self, hours: int, least: int) -> Iterator[tuple[str, Run]]:
        """Return the hosts with an unusual run of silence, which their own gaps do not explain."""
        for place, weeks in self.quiet(hours, least):
            run = unusual_run(weeks, least)
            if run is None:
                continue
            end = HOURS if run.to_the_end else (run.last + 1) * hours
            silent = slice(run.first * hours, end)
            by_chance = chance_of_silence(self.active[place], self.watched[place], silent)
            if by_chance < BY_CHANCE:
                yield self.addresses[place], run


def _activity(facts: Facts, addresses: list[str], ways: Sequence[str]) -> Activity:
    """Return the activity of this week and of the weeks before."""
    starts = [facts.scope.week.shifted(-k).start for k in range(HISTORY_WEEKS, -1, -1)]
    span = starts[0], facts.scope.week.end

    def grid(places: NDArray[np.int64], moments: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Mark hours (since the epoch), by host, week and hour of the week."""
        marked = np.zeros((len(addresses), len(starts), HOURS), bool)
        for number, start in enumerate(starts):
            at = moments - int(start.timestamp()) // 3600
            inside = (at >= 0) & (at < HOURS)
            marked[places[inside], number, at[inside]] = True
        return marked

    active = grid(*active_hours(facts.scope, addresses, ways, *span))
    return Activity(addresses, active, grid(*_watched(facts, addresses, *span)))


def _watched(
    facts: Facts, addresses: list[str], start: datetime, end: datetime
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return when each host could have been seen: places in `addresses`, hours since the epoch."""
    if facts.sensors and facts.sensors.covered:
        mine = [sorted(facts.sensors.watched(address)) for address in addresses]
    else:
        covered = facts.scope.connection.execute(
            "SELECT DISTINCT epoch(hour)::BIGINT // 3600 FROM coverage"
            " WHERE origin = ? AND hour >= ? AND hour < ?",
            [facts.scope.origin, start, end],
        ).fetchall()
        mine = [[row[0] for row in covered]] * len(addresses)
    places = np.repeat(np.arange(len(mine)), [len(hours) for hours in mine])
    return places, np.array([hour for hours in mine for hour in hours], np.int64)


def _heard(facts: Facts, role: str) -> list[str]:
    """Return the hosts of a role that the list of equipment does not call silent or unseen."""
    silent = {e.party.address for e in facts.equipment if e.state in {"silent", "unseen"}}
    return [p.address for p in facts.hosts.of_role(role) if p.address not in silent]


def _around(facts: Facts, address: str, start: datetime, end: datetime) -> tuple[str, ...]:
    """Return the last connections of a host before a silence, and the first after it."""
    week = facts.scope.week
    before = linked_to(facts, week.shifted(-HISTORY_WEEKS).start, start, address, order=LATEST)
    return (*before[:5], *linked_to(facts, end, week.end, address)[:5])


def pacs_interrupted(facts: Facts) -> list[Finding]:
    """Return one finding a PACS that was silent for hours in which it never is."""
    least = facts.thresholds.pacs_silent_hours
    pacs = _heard(facts, "pacs")
    if not least or not pacs:
        return []
    found = []
    for address, run in _activity(facts, pacs, ["in", "out"]).stopped(1, least):
        start = facts.scope.week.start + timedelta(hours=run.first)
        end = facts.scope.week.start + timedelta(hours=run.last + 1)
        party = facts.hosts.party(address)
        found.append(
            Finding(
                rule="pacs-interrupted",
                severity=Severity.CRITICAL if run.to_the_end else Severity.HIGH,
                area="pacs",
                start=start,
                end=end,
                parties=(party,),
                rows=_around(facts, address, start, end),
                values=message.values(
                    host=message.host(party),
                    hours=message.seconds(3600 * run.length),
                    start=message.at(start),
                    end=message.at(end),
                ),
            )
        )
    return found


def modality_stopped(facts: Facts) -> list[Finding]:
    """Return one finding a modality that stopped sending within the week, for good."""
    least = facts.thresholds.modality_silent_days
    devices = _heard(facts, "modality")
    if not least or not devices:
        return []
    found = []
    for address, run in _activity(facts, devices, ["out"]).stopped(24, least):
        if not run.to_the_end:
            continue
        party = facts.hosts.party(address)
        last = next((e.last_seen for e in facts.equipment if e.party.address == address), None)
        found.append(
            Finding(
                rule="modality-stopped",
                severity=Severity.MEDIUM,
                area="modalities",
                start=last,
                parties=(party,),
                rows=_around(facts, address, facts.scope.week.end, facts.scope.week.end),
                values=message.values(
                    host=message.host(party), days=message.count(run.length), last=message.at(last)
                ),
            )
        )
    return found
