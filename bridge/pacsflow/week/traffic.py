"""The traffic half of the report: totals, rankings, PACS, modalities, map and heat map."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pacsflow import sampling
from pacsflow.ledger.series import IMAGING
from pacsflow.week.facts import (
    Estimate,
    FlowMap,
    HeatMap,
    MapEdge,
    MapNode,
    PairRanking,
    Ranked,
    RankedPair,
    Ranking,
    Totals,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    import duckdb

    from pacsflow.series import HourlySeries
    from pacsflow.week.hosts import Hosts
    from pacsflow.week.period import Week

MAP_NODES = 60
SIDES = ("source", "destination")


@dataclass(frozen=True, slots=True)
class Scope:
    """What a query is about: one origin's rows of one week."""

    connection: duckdb.DuckDBPyConnection
    origin: str
    week: Week

    def ask(
        self,
        query: str,
        values: Sequence[object] = (),
        *,
        weeks: int = 0,
        table: str = "traffic",
    ) -> list[Any]:
        """Return the rows of a query over a table, named ``rows`` and cut to the week.

        `weeks` shifts the week: -1 is the week before. `table` is ``traffic``, or ``pair_weeks``
        for what asks of imaging traffic who sent to whom, and not when.
        """
        week = self.week.shifted(weeks)
        head = f"WITH rows AS (SELECT * FROM {table} WHERE origin = ? AND hour >= ? AND hour < ?) "
        given = [self.origin, week.start, week.end, *values]
        return self.connection.execute(head + query, given).fetchall()


def estimate(value: float, samples: float = 0, squares: float = 0) -> Estimate:
    """Return a total with its 95 % interval where it was estimated from samples."""
    total = sampling.estimated(value, squares, samples)
    return (
        Estimate(total.value, total.lower, total.upper, total.samples) if total else Estimate(value)
    )


_SUMS = "sum(bytes)::DOUBLE, sum(samples)::DOUBLE, sum(weight_squares)"


def totals(scope: Scope) -> Totals:
    """Return the week's totals beside those of the week before."""
    query = f"""
        SELECT {_SUMS}, sum(communications)::DOUBLE, sum(packets)::DOUBLE,
               sum(communications) FILTER ({IMAGING})::DOUBLE,
               sum(bytes) FILTER ({IMAGING})::DOUBLE, sum(samples) FILTER ({IMAGING})::DOUBLE,
               sum(weight_squares) FILTER ({IMAGING}), count(*)
        FROM rows"""
    now, before = scope.ask(query)[0], scope.ask(query, weeks=-1)[0]
    sides = " UNION ALL ".join(f"SELECT {side} h, {IMAGING} i FROM rows" for side in SIDES)
    hosts = f"SELECT h, bool_or(i) i FROM ({sides}) GROUP BY h"
    everyone, imaging = scope.ask(f"SELECT count(h), count(h) FILTER (i) FROM ({hosts})")[0]
    had = bool(before[9]) and compares(scope)
    packets, samples = now[4] or 0.0, now[1] or 0
    return Totals(
        communications=Estimate(now[3] or 0.0, samples=int(now[1] or 0) or None),
        bytes=estimate(now[0] or 0.0, now[1] or 0, now[2] or 0.0),
        # The ledger keeps the squares of bytes; those of packets are taken to be of one rate.
        packets=estimate(packets, samples, packets**2 / samples if samples else 0),
        imaging_communications=Estimate(now[5] or 0.0, samples=int(now[7] or 0) or None),
        imaging_bytes=estimate(now[6] or 0.0, now[7] or 0, now[8] or 0.0),
        hosts=everyone,
        imaging_hosts=imaging,
        previous_bytes=before[0] if had else None,
        previous_imaging_bytes=(before[6] or 0.0) if had else None,
        previous_communications=before[3] if had else None,
        previous_imaging_communications=(before[5] or 0.0) if had else None,
    )


def compares(scope: Scope) -> bool:
    """Say whether the week before was seen at least half as long as this one.

    What moved in a few hours of it is nothing to measure a whole week by.
    """
    week, before = scope.week, scope.week.shifted(-1)
    now, then = scope.connection.execute(
        """SELECT count(DISTINCT hour) FILTER (hour >= $start),
                  count(DISTINCT hour) FILTER (hour < $start)
           FROM coverage WHERE origin = $origin AND hour >= $before AND hour < $end""",
        {"origin": scope.origin, "before": before.start, "start": week.start, "end": week.end},
    ).fetchall()[0]
    return bool(then) and 2 * then >= now


def percent(part: float, whole: float) -> float:
    """Return 100 part / whole, or 0 for an empty whole."""
    return 100.0 * part / whole if whole else 0.0


def ranking(
    scope: Scope,
    hosts: Hosts,
    side: str,
    *,
    table: str = "traffic",
    limit: int = 10,
) -> Ranking:
    """Return the hosts that sent (`side` source) or received (destination) most.

    Ranked by bytes; `table` as for `Scope.ask`. A communication is counted for its source side as
    begun, for its destination side as answered.
    """
    query = f"""
        SELECT {side}, sum(communications)::BIGINT, {_SUMS} FROM rows
        GROUP BY 1 ORDER BY 3 DESC, 2 DESC, 1"""
    past = scope.ask(query, weeks=-1, table=table) if compares(scope) else []
    before = {row[0]: row[2] for row in past}
    return ranked(hosts, scope.ask(query, table=table), before, limit)


def ranked(hosts: Hosts, rows: Sequence[Any], before: dict[str, float], limit: int) -> Ranking:
    """Return a ranking of rows of address, communications and `_SUMS`, the largest first."""
    communications, octets = sum(row[1] for row in rows), sum(row[2] for row in rows)
    best = tuple(
        Ranked(
            party=hosts.party(row[0]),
            communications=row[1],
            percent=percent(row[1], communications),
            bytes=estimate(row[2], row[3], row[4]),
            percent_bytes=percent(row[2], octets),
            previous_bytes=before.get(row[0], 0.0) if before else None,
        )
        for row in rows[:limit]
    )
    return Ranking(best, communications, octets, max(0, len(rows) - limit))


def pair_ranking(scope: Scope, hosts: Hosts, limit: int = 15) -> PairRanking:
    """Return the directions that carried most bytes."""
    rows = scope.ask(
        """SELECT *, sum(began) OVER ()::BIGINT, sum(octets) OVER (), count(*) OVER () FROM (
                SELECT source, destination, arg_max(service, bytes),
                       sum(communications)::BIGINT AS began, sum(bytes)::DOUBLE AS octets,
                       sum(samples)::DOUBLE, sum(weight_squares)
                FROM rows GROUP BY 1, 2)
            ORDER BY octets DESC, began DESC, 1, 2 LIMIT ?""",
        [limit],
    )
    communications, octets, number = rows[0][7:] if rows else (0, 0.0, 0)
    best = tuple(
        RankedPair(
            source=hosts.party(row[0]),
            destination=hosts.party(row[1]),
            service=row[2],
            communications=row[3],
            percent=percent(row[3], communications),
            bytes=estimate(row[4], row[5], row[6]),
            percent_bytes=percent(row[4], octets),
        )
        for row in rows
    )
    return PairRanking(best, communications, octets, max(0, number - limit))


def flow_map(scope: Scope, hosts: Hosts, limit: int = MAP_NODES) -> FlowMap:
    """Return the imaging equipment and its connections: the largest, of `limit` hosts at most."""
    rows = scope.ask(
        "SELECT source, destination, bytes, communications FROM rows ORDER BY 3 DESC, 1, 2",
        table="pair_weeks",
    )
    sent: dict[str, float] = {}
    received: dict[str, float] = {}
    for source, destination, octets, _ in rows:
        sent[source] = sent.get(source, 0.0) + octets
        received[destination] = received.get(destination, 0.0) + octets
    everyone = {*sent, *received}
    ends: dict[str, None] = {}
    for source, destination, *_ in rows:
        if len(ends.keys() | {source, destination}) <= limit:
            ends |= {source: None, destination: None}
    most = sorted(ends, key=lambda h: (-(sent.get(h, 0) + received.get(h, 0)), h))
    kept = {host: number for number, host in enumerate(most)}
    nodes = tuple(
        MapNode(
            id=number,
            party=hosts.party(host),
            layer=_layer(hosts, host, sent.get(host, 0.0), received.get(host, 0.0)),
            bytes_in=received.get(host, 0.0),
            bytes_out=sent.get(host, 0.0),
        )
        for host, number in kept.items()
    )
    drawn = [row for row in rows if row[0] in kept and row[1] in kept]
    left = [row for row in rows if row[0] not in kept or row[1] not in kept]
    edges = tuple(MapEdge(kept[a], kept[b], octets, count) for a, b, octets, count in drawn)
    omitted = sum(row[2] for row in left)
    return FlowMap(nodes, edges, len(everyone) - len(kept), len(left), omitted)


def _layer(hosts: Hosts, host: str, sent: float, received: float) -> int:
    role = hosts.party(host).role
    if role in {"pacs", "gateway", "worklist"}:
        return 1
    if role == "modality":
        return 0
    if role in {"workstation", "printer"}:
        return 2
    return 0 if sent >= received else 2


def heat_map(series: HourlySeries, week: Week) -> HeatMap:
    """Return the mean imaging bytes an hour by weekday and hour of the site's zone."""
    sums = [[0.0] * 24 for _ in range(7)]
    counts = [[0] * 24 for _ in range(7)]
    for hour, value in zip(series.hours(), series.values.tolist(), strict=True):
        if math.isfinite(value):
            local = hour.astimezone(week.zone)
            sums[local.weekday()][local.hour] += value
            counts[local.weekday()][local.hour] += 1
    cells = tuple(
        tuple(sums[d][h] / counts[d][h] if counts[d][h] else None for h in range(24))
        for d in range(7)
    )
    return HeatMap(zone=week.zone.key, unit="bytes", cells=cells)


def last_seen(scope: Scope) -> dict[str, tuple[datetime, datetime]]:
    """Return for every host of imaging traffic the first and last hour of it, in all the ledger."""
    rows = scope.connection.execute(
        """SELECT host, epoch(min(hour))::BIGINT, epoch(max(hour))::BIGINT FROM host_hours
           WHERE hour < ? GROUP BY host""",
        [scope.week.end],
    ).fetchall()
    return {
        row[0]: (datetime.fromtimestamp(row[1], UTC), datetime.fromtimestamp(row[2], UTC))
        for row in rows
    }
