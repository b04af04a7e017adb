"""Counts what several sFlow agents sample on one path once.

Switches behind one another each sample the same packets, so that the sum of their estimates is a
multiple. Of every source, destination and hour one agent of a path counts: the finest of those that
do not see clearly less than another. It is not the one that happened to sample most: that would be
too high by what chance adds. Agents are on ways beside one another, which add up, where one has
large flows of which another has no sample at all, and none in common.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from math import sqrt
from typing import TYPE_CHECKING

import pyarrow as pa

from pacsflow.printable import counted

if TYPE_CHECKING:
    import duckdb

CLEARLY = 4.0
"""Standard errors by which an estimate is below another where its agent sees less."""
SURELY = 8.0
"""Samples that an agent would have of a flow on its path; none of so many is no chance (0.03 %)."""
_SEEN = """
    CREATE OR REPLACE TEMP TABLE seen_by AS
    SELECT "id.orig_h" AS source, "id.resp_h" AS destination, epoch_us(ts) // 3600000000 AS hour,
           flow, agent,
           sum(sampling_rate::DOUBLE) AS packets, min(sampling_rate)::DOUBLE AS rate,
           sum(sampling_rate::DOUBLE * length) AS bytes, count(*) AS samples,
           sum(power(sampling_rate::DOUBLE * length, 2)) AS squares
    FROM known WHERE sampled AND agent IS NOT NULL
        AND ("id.orig_h", "id.resp_h") IN (
            SELECT ("id.orig_h", "id.resp_h") FROM known WHERE sampled AND agent IS NOT NULL
            GROUP BY ALL HAVING count(DISTINCT agent) > 1)
    GROUP BY ALL
"""
_AGENTS = """
    SELECT source, destination, hour, agent, min(rate), sum(bytes), sum(squares), sum(samples)
    FROM seen_by GROUP BY ALL ORDER BY source, destination, hour, agent
"""
_BESIDE = """
    WITH rates AS (
        SELECT source, destination, hour, agent, min(rate) AS rate FROM seen_by GROUP BY ALL
    ), pairs AS (
        SELECT a.source, a.destination, a.hour, a.agent AS one, b.agent AS other, b.rate
        FROM rates a JOIN rates b USING (source, destination, hour) WHERE a.agent <> b.agent
    )
    SELECT p.source, p.destination, p.hour, p.one, p.other, count(b.flow) AS shared,
           count(*) FILTER (
               b.flow IS NULL AND a.flow IS NOT NULL AND a.packets / p.rate >= $surely) AS alone
    FROM pairs p JOIN seen_by a
        ON (a.source, a.destination, a.hour, a.agent)
         = (p.source, p.destination, p.hour, p.one)
    LEFT JOIN seen_by b
        ON (b.source, b.destination, b.hour, b.flow, b.agent)
         = (p.source, p.destination, p.hour, a.flow, p.other)
    GROUP BY ALL HAVING shared = 0 AND alone > 0
"""


Way = tuple[str, str, int]
"""Source, destination, and hours since 1970."""


@dataclass(frozen=True, slots=True)
class Agent:
    """What one agent samples of what goes from one host to another.

    Parameters
    ----------
    rate
        The finest of its rates.
    bytes, squares
        Its estimate, and the sum of (rate x length)^2.
    """

    name: str
    rate: float
    bytes: float
    squares: float
    samples: int


def counting(agents: list[Agent], beside: set[frozenset[str]]) -> set[str]:
    """Return the names of the agents that count, of those that sample one source's way to one host.

    Parameters
    ----------
    beside
        Pairs of them that are not on one path.
    """
    groups: list[list[Agent]] = []
    for agent in agents:
        joined = [
            group
            for group in groups
            if any(frozenset((agent.name, other.name)) not in beside for other in group)
        ]
        groups = [group for group in groups if group not in joined]
        groups.append([agent, *(other for group in joined for other in group)])
    return {_best(group).name for group in groups}


def _best(agents: list[Agent]) -> Agent:
    """Return the finest of those that do not see clearly less than another."""
    most = max(agents, key=lambda agent: agent.bytes)
    whole = [
        agent
        for agent in agents
        if agent.bytes >= most.bytes - CLEARLY * sqrt(agent.squares + most.squares)
    ]
    return min(whole, key=lambda agent: (agent.rate, agent.name))


def one_a_path(engine: duckdb.DuckDBPyConnection) -> str:
    """Take samples that count elsewhere out of the table ``known``; returns what to say of them."""
    engine.execute(_SEEN)
    pairs: defaultdict[Way, list[Agent]] = defaultdict(list)
    for source, destination, hour, *told in engine.sql(_AGENTS).fetchall():
        pairs[source, destination, hour].append(Agent(*told))
    if not pairs:
        return ""
    beside: defaultdict[Way, set[frozenset[str]]] = defaultdict(set)
    found = engine.execute(_BESIDE, {"surely": SURELY}).fetchall()
    for source, destination, hour, one, other, *_ in found:
        beside[source, destination, hour].add(frozenset((one, other)))
    dropped = [
        (pair, agent)
        for pair, agents in pairs.items()
        for names in [counting(agents, beside[pair])]
        for agent in agents
        if agent.name not in names
    ]
    if not dropped:
        return ""
    _drop(engine, [(*pair, agent.name) for pair, agent in dropped])
    samples = sum(agent.samples for _, agent in dropped)
    octets = sum(agent.bytes for _, agent in dropped)
    hosts = {pair[:2] for pair, _ in dropped}
    names = sorted({agent.name for _, agent in dropped})
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return (
        f"several agents sample one path: of {counted(len(hosts), 'pair', 'pairs')} of "
        "hosts one agent each counts, "
        f"the finest that sees all; {counted(samples, 'sample', 'samples')} of "
        f"{', '.join(names[:3])}{more}, which "
        f"stand for {octets:,.0f} bytes of the same packets, do not"
    )


def _drop(engine: duckdb.DuckDBPyConnection, which: list[tuple[str, str, int, str]]) -> None:
    kinds = {"source": pa.string(), "destination": pa.string(), "hour": pa.int64(),
             "agent": pa.string()}  # fmt: skip
    columns = [pa.array([row[n] for row in which], kind) for n, kind in enumerate(kinds.values())]
    engine.register("elsewhere", pa.table(columns, names=list(kinds)))
    try:
        engine.execute(
            """DELETE FROM known WHERE sampled
               AND ("id.orig_h", "id.resp_h", epoch_us(ts) // 3600000000, agent) IN
                   (SELECT (source, destination, hour, agent) FROM elsewhere)"""
        )
    finally:
        engine.unregister("elsewhere")
        engine.execute("DROP TABLE IF EXISTS seen_by")
