"""What sFlow agents say of their own sampling: losses, true rates, counters beside estimates.

Sequence numbers count what an agent sent: what is missing from them was lost on the way. The sample
pool counts the packets that might have been sampled: divided by the samples it is the rate that
there really was. Interface counters count every octet: an estimate from the samples of the same
interface and time should agree with them. All three are of sFlow version 5 (sflow.org).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from pacsflow.printable import counted
from pacsflow.sampling import Total, Z, estimated, nothing_seen
from pacsflow.terms import message

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    import duckdb
    import pyarrow as pa

    from pacsflow.terms.message import Message

LONGEST_FRAME = 1518
"""Bytes of a full Ethernet frame: the most that a packet which was not sampled is taken for."""
PLAUSIBLE = (0.5, 20.0)
"""A pool that differs from the declared rates by more does not count what was sampled."""

REMARKS = {
    "malformed": (
        "sFlow datagram that is not well-formed",
        "sFlow datagrams that are not well-formed",
    ),
    "cut": (
        "sFlow datagram that the capture cut short",
        "sFlow datagrams that the capture cut short",
    ),
    "duplicates": (
        "sFlow datagram that was captured twice, and counted once",
        "sFlow datagrams that were captured twice, and counted once",
    ),
    "no_rate": (
        "sample with a rate of zero, which says nothing of a total",
        "samples with a rate of zero, which say nothing of a total",
    ),
    "no_header": (
        "sample without a sampled header, which names no address",
        "samples without a sampled header, which name no address",
    ),
}
"""What cannot be used, one and several, by the column that counts it."""

_KEYS = ("agent", "sub_agent", "source_type", "source")
_SUMS = (
    "received", "followed", "sequence", "restarts", "duplicates", "malformed", "cut", "bytes",
    "no_rate", "no_header", "rates", "pool", "drops", "counters", "seconds", "in_bytes",
    "in_packets", "in_sampled", "in_squares", "in_samples", "out_bytes", "out_packets",
    "out_sampled", "out_squares", "out_samples",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Agent:
    """Datagrams of one agent (and sub-agent): received, and what was wrong with them."""

    agent: str
    sub_agent: int
    received: int
    lost: int
    restarts: int
    duplicates: int
    malformed: int
    cut: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Source:
    """Flow samples of one source of an agent, most often an interface by its ifIndex.

    Parameters
    ----------
    followed
        Samples after the first: those to which `sequence`, `rates`, `pool` and `drops` refer.
    rates
        Sum of the rates that they declare: packets, as estimated.
    pool
        Packets that passed meanwhile, as the agent counts them; 0 where it does not.
    """

    agent: str
    sub_agent: int
    source_type: int
    source: int
    received: int
    followed: int
    sequence: int
    restarts: int
    no_rate: int
    no_header: int
    rate: int | None
    rates: int
    pool: int
    drops: int

    @property
    def lost(self) -> int:
        """Samples that the agent sent and nobody received."""
        return max(0, self.sequence - self.followed)

    @property
    def true_rate(self) -> float | None:
        """Packets in the pool for each sample that was taken; None without a pool."""
        return self.pool / self.sequence if self.pool and self.sequence else None

    @property
    def pool_state(self) -> str:
        """``agrees`` with the samples received, or ``more``, ``less``, ``unfit``, or empty."""
        if not self.pool or not self.rates or not self.followed:
            return ""
        ratio = self.pool / self.rates
        if not PLAUSIBLE[0] <= ratio <= PLAUSIBLE[1]:
            return "unfit"
        if abs(math.log(ratio)) <= Z / math.sqrt(self.followed):
            return "agrees"
        return "more" if ratio > 1 else "less"

    @property
    def passed(self) -> float:
        """Packets that passed while samples were followed, the best that can be said."""
        if self.pool_state in {"more", "less"}:
            return float(self.pool)
        return self.rates * (self.sequence / self.followed if self.lost else 1.0)


@dataclass(frozen=True, slots=True)
class Interface:
    """One direction of an interface: what its counter says and what its samples estimate."""

    agent: str
    sub_agent: int
    interface: int
    way: str
    """in or out."""
    seconds: float
    counted: int
    """Octets by the interface's counter."""
    estimate: Total

    @property
    def state(self) -> str:
        """``agrees``, ``outside`` the interval, or ``still`` where the counters do not move."""
        if not self.counted and self.estimate.value:
            return "still"
        return "agrees" if self.estimate.lower <= self.counted <= self.estimate.upper else "outside"


@dataclass(frozen=True, slots=True)
class Sampling:
    """Everything that agents said in the hours asked for."""

    agents: tuple[Agent, ...]
    sources: tuple[Source, ...]
    interfaces: tuple[Interface, ...]

    @property
    def lost(self) -> tuple[int, int]:
        """Samples lost on the way, and samples sent while they were followed."""
        return sum(s.lost for s in self.sources), sum(s.sequence for s in self.sources)

    @property
    def low(self) -> float:
        """By which fraction estimates are too low (too high: below zero)."""
        passed = sum(s.passed for s in self.sources)
        return 1 - sum(s.rates for s in self.sources) / passed if passed else 0.0

    def notes(self) -> list[Message]:
        """Return what a reader of an estimate has to know."""
        return list(_notes(self))


def read_sampling(
    connection: duckdb.DuckDBPyConnection,
    start: datetime | None = None,
    end: datetime | None = None,
) -> Sampling:
    """Return what the agents of a ledger say, from `start` to `end` (UTC; by default always)."""
    sums = ", ".join(f"coalesce(sum({name}), 0) AS {name}" for name in _SUMS)
    where = " AND ".join(
        ["TRUE", *(["ts >= ?"] if start else []), *(["ts < ?"] if end else [])]
    )  # fmt: skip
    found = connection.execute(
        f"""SELECT {", ".join(_KEYS)}, {sums}, arg_max(rate, last) AS rate
            FROM sampling WHERE {where} GROUP BY ALL ORDER BY ALL""",
        [moment for moment in (start, end) if moment],
    )
    names = [column[0] for column in found.description or ()]
    rows = [dict(zip(names, row, strict=True)) for row in found.fetchall()]
    return Sampling(
        tuple(_agent(row) for row in rows if row["source"] is None),
        tuple(_source(row) for row in rows if row["source"] is not None and row["received"]),
        tuple(check for row in rows if row["source"] is not None for check in _interfaces(row)),
    )


def _whole(row: dict[str, Any], kind: type[Agent | Source]) -> dict[str, int]:
    """Return those of a dataclass's fields that the row has, as whole numbers."""
    own = {field.name for field in fields(kind)} - {"agent", "rate"}
    return {name: int(row[name]) for name in own & row.keys()}


def _agent(row: dict[str, Any]) -> Agent:
    lost = max(0, int(row["sequence"]) - int(row["followed"]))
    return Agent(agent=row["agent"], lost=lost, **_whole(row, Agent))


def _source(row: dict[str, Any]) -> Source:
    return Source(agent=row["agent"], rate=row["rate"], **_whole(row, Source))


def _interfaces(row: dict[str, Any]) -> Iterator[Interface]:
    if not row["seconds"] or row["source_type"]:
        return
    for way in ("in", "out"):
        weights, squares, samples = (row[f"{way}_{k}"] for k in ("sampled", "squares", "samples"))
        if not samples and (way == "out" or not row["rate"]):
            continue  # Many agents sample what comes in alone.
        estimate = estimated(weights, squares, samples) or nothing_seen(row["rate"], LONGEST_FRAME)
        place = (row["agent"], int(row["sub_agent"]), int(row["source"]), way)
        yield Interface(*place, float(row["seconds"]), int(row[f"{way}_bytes"]), estimate)


def _notes(sampling: Sampling) -> Iterator[Message]:
    say, count, percent = message.message, message.count, message.percent
    lost, sent = sampling.lost
    if lost:
        share = percent(100 * lost / sent)
        yield say("samples-lost", lost=count(lost), sent=count(sent), percent=share)
    low = sampling.low
    if abs(low) >= 0.005:
        yield say("estimates-low" if low > 0 else "estimates-high", percent=percent(100 * abs(low)))
    if drops := sum(s.drops for s in sampling.sources):
        yield say("samples-dropped", samples=count(drops))
    if unfit := [s for s in sampling.sources if s.pool_state == "unfit"]:
        yield say(
            "pool-unfit",
            source=message.texts((f"{s.agent} source {s.source}" for s in unfit), most=1),
            declared=count(unfit[0].rate),
            pool=count(unfit[0].true_rate),
        )
    if restarts := sum(a.restarts for a in sampling.agents):
        yield say("agents-restarted", restarts=count(restarts))
    yield from _counter_notes(sampling)
    yield from (
        say(f"sflow-{name.replace('_', '-')}", number=count(found))
        for name in REMARKS
        if (found := sum(getattr(x, name, 0) for x in (*sampling.agents, *sampling.sources)))
    )


def _counter_notes(sampling: Sampling) -> Iterator[Message]:
    say, count = message.message, message.count
    counters = count(len(sampling.interfaces))
    if outside := sum(i.state == "outside" for i in sampling.interfaces):
        yield say("counters-outside", outside=count(outside), all=counters)
    if still := sum(i.state == "still" for i in sampling.interfaces):
        yield say("counters-still", still=count(still), all=counters)
    agents = {a.agent for a in sampling.agents}
    if len(agents) > 1:
        yield say("several-agents", agents=count(len(agents)))


def remarks(rows: pa.Table) -> list[str]:
    """Return what could not be used of one capture's sFlow, a remark each.

    Parameters
    ----------
    rows
        In the columns of ``readers.schemas.SFLOW``.
    """
    said = list(_remarks({name: sum(filter(None, rows[name].to_pylist())) for name in REMARKS}))
    told = zip(rows["source"].to_pylist(), rows["received"].to_pylist(), strict=True)
    if rows.num_rows and not any(number for source, number in told if source is not None):
        said.append("its sFlow has no samples of packets: there is no traffic to count in it")
    return said


def _remarks(counts: dict[str, int]) -> Iterator[str]:
    for name, (one, several) in REMARKS.items():
        if counts[name]:
            yield counted(counts[name], one, several)
