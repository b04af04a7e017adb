"""Sums, hours and peers of many hosts at once: one question in place of one for each of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pacsflow.series import HOUR, HourlySeries, floor_hour
from pacsflow.terms.counted import WAYS, counted
from pacsflow.week.traffic import compares, estimate, ranked

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from numpy.typing import NDArray

    from pacsflow.week.facts import Estimate, Ranked
    from pacsflow.week.hosts import Hosts
    from pacsflow.week.traffic import Scope


_MEMBERS = "FROM host_hours JOIN members USING (host) WHERE hour >= $first AND hour < $end"


@dataclass(frozen=True, slots=True)
class Flow:
    """Sums of one PACS or modality, this week and the one before."""

    received: Estimate
    sent: Estimate
    began: int
    previous_received: float | None
    previous_sent: float | None


def hold(scope: Scope, groups: Mapping[str, Sequence[str]]) -> None:
    """Write down which host belongs to which group, by the group's place."""
    pairs = [(place, host) for place, hosts in enumerate(groups.values()) for host in hosts]
    # Lists, not Arrow: DuckDB would import pandas to take a table from it.
    scope.connection.execute(
        """CREATE OR REPLACE TEMP TABLE members AS
           SELECT unnest(?::INTEGER[]) AS place, unnest(?::VARCHAR[]) AS host""",
        [[place for place, _ in pairs], [host for _, host in pairs]],
    )


def sums(scope: Scope, groups: Mapping[str, Sequence[str]]) -> dict[str, Flow]:
    """Return what each group of hosts received and sent of imaging traffic, by its name."""
    hold(scope, groups)
    week, before = scope.week, scope.week.shifted(-1).start
    rows = scope.connection.execute(
        f"""SELECT place, way, coalesce(sum(bytes) FILTER (hour >= $start), 0),
                   coalesce(sum(samples) FILTER (hour >= $start), 0),
                   coalesce(sum(weight_squares) FILTER (hour >= $start), 0),
                   coalesce(sum(communications) FILTER (hour >= $start), 0)::BIGINT,
                   coalesce(sum(bytes) FILTER (hour < $start), 0)
            {_MEMBERS} GROUP BY ALL""",
        {"first": before, "start": week.start, "end": week.end},
    ).fetchall()
    had = bool(scope.ask("SELECT 1 FROM rows LIMIT 1", weeks=-1)) and compares(scope)
    found = {(place, way): values for place, way, *values in rows}
    nothing = (0.0, 0.0, 0.0, 0, 0.0)
    made = {}
    for place, name in enumerate(groups):
        into, out = (found.get((place, way), nothing) for way in WAYS)
        made[name] = Flow(
            estimate(*into[:3]),
            estimate(*out[:3]),
            out[3],
            into[4] if had else None,
            out[4] if had else None,
        )
    return made


class Grid:
    """The hours of a span, to make series on: no data is NaN, covered and empty 0."""

    def __init__(self, start: datetime, end: datetime, covered: set[datetime]) -> None:
        self.start = start = floor_hour(start)
        self.end = end
        self.first = int(start.timestamp()) // 3600
        self.empty = np.full(max(0, int((end - start) / HOUR)), np.nan)
        places = [int((hour - start) / HOUR) for hour in covered if start <= hour < end]
        places = [place for place in places if place < self.empty.size]
        self.empty[places] = 0.0

    def series(
        self, name: str, unit: str, hours: NDArray[np.int64], values: NDArray[np.float64]
    ) -> HourlySeries:
        """Return a series of values at hours since the epoch; hours not covered stay missing."""
        grid = self.empty.copy()
        places = hours - self.first
        inside = (places >= 0) & (places < grid.size)
        places, values = places[inside], values[inside]
        kept = np.isfinite(grid[places])
        grid[places[kept]] = values[kept]
        return HourlySeries(name, unit, self.start, grid)


def hourly(
    scope: Scope, groups: Mapping[str, Sequence[str]], grid: Grid
) -> dict[tuple[str, str], HourlySeries]:
    """Return the hourly imaging bytes into and out of each group, by its name and way."""
    hold(scope, groups)
    place, inward, hours, octets = columns(
        scope,
        f"""SELECT place, way = 'in' AS inward, epoch(hour)::BIGINT // 3600 AS hours,
                   sum(bytes) AS octets {_MEMBERS} GROUP BY ALL""",
        {"first": grid.start, "end": grid.end},
    )
    made = {}
    for number, name in enumerate(groups):
        for way in WAYS:
            mine = (place == number) & (inward == (way == "in"))
            made[name, way] = grid.series(name, "bytes", hours[mine], octets[mine])
    return made


def active_hours(
    scope: Scope, hosts: Sequence[str], ways: Sequence[str], start: datetime, end: datetime
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return when hosts had imaging traffic: places in `hosts`, and hours since the epoch."""
    hold(scope, {host: (host,) for host in hosts})
    places, hours = columns(
        scope,
        f"""SELECT place, epoch(hour)::BIGINT // 3600 {_MEMBERS}
            AND bytes > 0 AND list_contains($ways, way)""",
        {"first": start, "end": end, "ways": list(ways)},
    )
    return places, hours


def whole(scope: Scope, grid: Grid) -> dict[str, HourlySeries]:
    """Return the hours of everything: bytes, communications (or samples), imaging bytes."""
    hours, *values = columns(
        scope,
        """SELECT epoch(hour)::BIGINT // 3600, octets, communications, coalesce(imaging, 0)
           FROM hours LEFT JOIN (
               SELECT hour, sum(bytes) AS imaging FROM host_hours WHERE way = 'out' GROUP BY hour
           ) USING (hour)
           WHERE hour >= $first AND hour < $end""",
        {"first": grid.start, "end": grid.end},
    )
    what = counted(scope.origin)
    series = (
        ("traffic", "All traffic", "bytes"),
        ("communications", what.capitalize(), what),
        ("imaging", "Imaging traffic", "bytes"),
    )
    return {
        key: grid.series(title, unit, hours, column)
        for (key, title, unit), column in zip(series, values, strict=True)
    }


def columns(scope: Scope, query: str, values: Mapping[str, object]) -> list[NDArray[Any]]:
    """Return the columns of a query; each must be of numbers or truths, and have no NULL."""
    # For other types, or through Arrow, DuckDB would import pandas.
    found = scope.connection.execute(query, dict(values)).fetchnumpy()
    return [np.asarray(column) for column in found.values()]


def peers(
    scope: Scope, hosts: Hosts, addresses: Sequence[str], limit: int
) -> dict[tuple[str, str], tuple[Ranked, ...]]:
    """Return who sent most to each host, and received most from it, by address and way."""
    hold(scope, {address: (address,) for address in addresses})
    rows = scope.connection.execute(
        """WITH sides AS (
               SELECT place, 'in' AS way, source AS peer, pair_weeks.* FROM pair_weeks
               JOIN members ON destination = host
               UNION ALL
               SELECT place, 'out', destination, pair_weeks.* FROM pair_weeks
               JOIN members ON source = host
           )
           SELECT place, way, peer,
                  sum(communications) FILTER (hour >= $start)::BIGINT,
                  sum(bytes) FILTER (hour >= $start) AS octets,
                  sum(samples) FILTER (hour >= $start),
                  sum(weight_squares) FILTER (hour >= $start),
                  sum(bytes) FILTER (hour < $start)
           FROM sides GROUP BY ALL ORDER BY 1, 2, octets DESC NULLS LAST, 4 DESC, 3""",
        {"start": scope.week.start},
    ).fetchall()
    had = compares(scope)
    of_each: dict[tuple[int, str], list[tuple[Any, ...]]] = {}
    for place, way, *row in rows:
        of_each.setdefault((place, way), []).append(tuple(row))
    made: dict[tuple[str, str], tuple[Ranked, ...]] = {}
    for place, address in enumerate(addresses):
        for way in WAYS:
            mine = of_each.get((place, way), [])
            now = [row[:5] for row in mine if row[2] is not None]
            past = {row[0]: row[5] for row in mine if had and row[5] is not None}
            made[address, way] = ranked(hosts, now, past, limit).rows
    return made
