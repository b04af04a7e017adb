"""What each sensor saw of a week, when it was silent, and whom nobody else sees.

A host is watched in the hours in which a sensor that sees it saw anything. What a sensor that stood
still would have seen is not known: it is neither zero nor silence.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from pacsflow.ledger.series import IMAGING
from pacsflow.ledger.vantage import Offset, Vantage, offsets, vantages
from pacsflow.week.facts import Gap

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pacsflow.terms.party import Party
    from pacsflow.week.hosts import Hosts
    from pacsflow.week.traffic import Scope

HISTORY_WEEKS = 4
WEEK_HOURS = 168
LEAST_SILENCE = 2
"""Hours that another sensor saw something, of those in which this one usually does, too."""
HALF = 0.5


@dataclass(frozen=True, slots=True)
class SensorView:
    """One sensor's week; `name` is empty for rows that do not say whose they are.

    Parameters
    ----------
    hours
        Of the week, in which it saw anything.
    last
        The last hour in which it did, up to the week's end.
    bytes, alone, shared
        What it saw of all traffic; what no other sensor saw; what others saw, as it saw it.
    lacking
        The share (0 to 1) of what it shares with others that it saw less of than the one that saw
        most; None where it shares nothing.
    silences
        Hours in which others saw something and it saw nothing, though it usually does.
    alone_hosts
        Hosts of imaging traffic that nobody else sees.
    unseen
        These hosts, where there were such silences.
    offset
        Its clock against another's, where both saw the same connections.
    """

    name: str
    hours: int
    last: datetime | None
    bytes: float
    alone: float
    shared: float
    lacking: float | None
    alone_hosts: int = 0
    silences: tuple[Gap, ...] = ()
    unseen: tuple[Party, ...] = ()
    offset: Offset | None = None


@dataclass(frozen=True, slots=True)
class Sensors:
    """The sensors of a week; without a name of any there are none.

    Parameters
    ----------
    covered
        Hours since the epoch in which each saw anything, in the week and the four before.
    seen_by
        Which sensors ever saw a host's imaging traffic in that time.
    """

    views: tuple[SensorView, ...] = ()
    covered: Mapping[str, frozenset[int]] = field(default_factory=dict)
    seen_by: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def watched(self, address: str) -> frozenset[int]:
        """Return the hours (since the epoch) in which anybody could have seen a host."""
        names = self.seen_by.get(address) or self.covered.keys()
        return frozenset[int]().union(*(self.covered.get(name, ()) for name in names))

    def is_unseen(self, address: str, start: datetime, end: datetime) -> bool:
        """Say whether whoever sees a host saw less than half of what all sensors did."""
        first, last = (int(moment.timestamp()) // 3600 for moment in (start, end))
        everyone = {h for hours in self.covered.values() for h in hours if first <= h < last}
        mine = sum(first <= hour < last for hour in self.watched(address))
        return bool(everyone) and mine < HALF * len(everyone)


def sensors(scope: Scope, hosts: Hosts) -> Sensors:
    """Return what each sensor saw; call it once what is selected has been cut to the week."""
    covered = _covered(scope)
    if not any(covered):
        return Sensors()
    seen_by = _seen_by(scope)
    week = scope.week
    clocks = {o.sensor: o for o in offsets(scope.connection, week.start, week.end)}
    sums = {v.sensor: v for v in vantages(scope.connection, scope.origin, week.start, week.end)}
    views = []
    for name in sorted(covered.keys() | sums.keys()):
        silences = silences_of(name, covered, int(week.start.timestamp()) // 3600, _end(scope))
        alone = [host for host, names in sorted(seen_by.items()) if names == {name}]
        view = _view(name, covered.get(name, frozenset()), sums.get(name), clocks, scope)
        unseen = tuple(hosts.party(host) for host in alone) if silences else ()
        views.append(replace(view, alone_hosts=len(alone), silences=silences, unseen=unseen))
    return Sensors(tuple(views), covered, seen_by)


def _end(scope: Scope) -> int:
    return int(scope.week.end.timestamp()) // 3600


def _view(
    name: str,
    hours: frozenset[int],
    sums: Vantage | None,
    clocks: Mapping[str, Offset],
    scope: Scope,
) -> SensorView:
    first = int(scope.week.start.timestamp()) // 3600
    sums = sums or Vantage(name, 0, 0, 0, 0)
    return SensorView(
        name=name,
        hours=sum(hour >= first for hour in hours),
        last=_moment(max(hours)) if hours else None,
        bytes=float(sums.bytes),
        alone=float(sums.alone),
        shared=float(sums.shared),
        lacking=sums.lacking,
        offset=clocks.get(name),
    )


def _moment(hour: int) -> datetime:
    return datetime.fromtimestamp(3600 * hour, UTC)


def _covered(scope: Scope) -> dict[str, frozenset[int]]:
    """Return the hours since the epoch that each sensor covered, up to the week's end."""
    rows = scope.connection.execute(
        """SELECT coalesce(sensor, ''), list(DISTINCT epoch(hour)::BIGINT // 3600) FROM coverage
           WHERE origin = ? AND hour >= ? AND hour < ? GROUP BY 1""",
        [scope.origin, scope.week.shifted(-HISTORY_WEEKS).start, scope.week.end],
    ).fetchall()
    return {name: frozenset(hours) for name, hours in rows}


def _seen_by(scope: Scope) -> dict[str, frozenset[str]]:
    """Return which sensors saw imaging traffic of each host."""
    rows = scope.connection.execute(
        f"""WITH seen AS (
               SELECT DISTINCT coalesce(sensor, '') AS sensor, source, destination
               FROM seen_traffic WHERE origin = ? AND hour >= ? AND hour < ? AND {IMAGING})
            SELECT host, list(DISTINCT sensor) FROM (
               SELECT source AS host, sensor FROM seen
               UNION ALL SELECT destination, sensor FROM seen) GROUP BY 1""",
        [scope.origin, scope.week.shifted(-HISTORY_WEEKS).start, scope.week.end],
    ).fetchall()
    return {host: frozenset(names) for host, names in rows}


def silences_of(
    name: str, covered: Mapping[str, frozenset[int]], first: int, end: int
) -> tuple[Gap, ...]:
    """Return the runs of hours in which others saw something and this sensor nothing.

    An hour counts where the sensor saw something in at least half of the same hours of the weeks
    before that anybody saw, or anything at all before where there are no such weeks. Hours that
    nobody saw neither count nor end a run.

    Parameters
    ----------
    covered
        By sensor, hours since the epoch.
    first, end
        The week's, `end` not included.
    """
    mine = covered.get(name, frozenset())
    others = frozenset[int]().union(*(h for other, h in covered.items() if other != name))
    found: list[Gap] = []
    run: list[int] = []
    for hour in range(first, end + 1):
        if hour in mine or hour == end:
            if len(run) >= LEAST_SILENCE:
                span = _moment(run[0]), _moment(run[-1]) + timedelta(hours=1)
                found.append(Gap(*span, len(run)))
            run = []
        elif hour in others and _usual(hour, mine, others):
            run.append(hour)
    return tuple(found)


def _usual(hour: int, mine: frozenset[int], others: frozenset[int]) -> bool:
    """Say whether a sensor usually sees something in an hour of the week."""
    before: Sequence[int] = [hour - WEEK_HOURS * n for n in range(1, HISTORY_WEEKS + 1)]
    watched = [past for past in before if past in mine or past in others]
    if not watched:
        return any(past < hour for past in mine)
    return sum(past in mine for past in watched) >= HALF * len(watched)
