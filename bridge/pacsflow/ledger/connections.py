"""Counts the connections of one log once: not those told twice in it, nor those that carry others.

Which those are is known when the log has been read to its end. Where there are any, it is read
again, knowing them; nearly all logs are read once.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, auto
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pacsflow.ledger.conn_hours import ConnHours
from pacsflow.ledger.keys import STEP_US, alike_keys, connection_keys, flow_steps, networks
from pacsflow.ledger.schemas import KEYS, TUNNELS
from pacsflow.ledger.steps import Steps
from pacsflow.printable import counted

if TYPE_CHECKING:
    from collections.abc import Iterator

    import duckdb
    from numpy.typing import NDArray

    from pacsflow.ledger.rolled import Rolled

PIECE = 1 << 17
"""Rows that are summed together."""
DAY_US = 86_400_000_000
_RUNS = f"""
    CREATE OR REPLACE TEMP TABLE runs AS
    WITH told AS (
        SELECT *, epoch_us(ts) AS us, epoch_us(ts) + coalesce(duration, 0) * 1e6 AS ends
        FROM candidates
    ), near AS (
        SELECT *, us - lag(us) OVER flow < {STEP_US}
                  AND (us = lag(us) OVER flow OR port IS NOT NULL AND (
                       coalesce(lag(duration) OVER flow, 0) = 0
                       OR us <= max(ends) OVER (flow ROWS BETWEEN UNBOUNDED PRECEDING
                                                AND 1 PRECEDING))) AS goes_on
        FROM told WINDOW flow AS (PARTITION BY flow ORDER BY us, place)
    )
    SELECT *, sum((NOT coalesce(goes_on, FALSE))::INTEGER) OVER (
        PARTITION BY flow ORDER BY us, place ROWS UNBOUNDED PRECEDING) AS run
    FROM near
"""
_LEFT_OUT = """
    SELECT place FROM runs QUALIFY row_number() OVER (
        PARTITION BY flow, run ORDER BY duration DESC NULLS LAST, bytes DESC, place) > 1
"""
"""Two connections of the same addresses and ports cannot be at one time: rows that begin together,
or within 10 ms while the other goes on, are one. The one that tells most counts."""
_SPLIT = """
    SELECT count(*) FROM (SELECT 1 FROM runs GROUP BY flow, run HAVING count(DISTINCT uid) > 1)
"""
_TAKEN = (
    "ts", "uid", "id.orig_h", "id.orig_p", "id.resp_h", "id.resp_p", "proto", "service", "duration",
    "orig_bytes", "resp_bytes", "missed_bytes", "history", "orig_pkts", "orig_ip_bytes",
    "resp_pkts", "resp_ip_bytes", "local_orig", "local_resp",
)  # fmt: skip


class _Pass(Enum):
    """What a reading of the log is for."""

    FIRST = auto()
    LOOK = auto()
    """To look at the rows that may be told twice."""
    LAST = auto()


@dataclass(slots=True)
class Learnt:
    """What readings of a log have taught of it, for the next reading of the same log."""

    reading: _Pass = _Pass.FIRST
    repeated: NDArray[np.uint64] = field(default_factory=lambda: np.empty(0, np.uint64))
    """Flows and steps (`flow_steps`) that several rows have, or rows beside each other."""
    left_out: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    """Places of rows (from 0) that tell what another row tells as well."""
    tunnels: set[str] = field(default_factory=set)
    split: int = 0
    """Connections that have rows of several uids."""


class Connections:
    """Takes one reading of a conn.log, batch by batch.

    Parameters
    ----------
    duck
        A DuckDB that nobody else uses meanwhile.
    name
        The log's name: rows of conn_long.log are of connections that went on.
    tunnels
        Connections that are known to carry others.
    drop
        Keys of connections that other files tell.
    learnt
        From earlier readings of the same log.
    rolled
        What other sensors told of months that are rolled up.
    """

    def __init__(
        self,
        duck: duckdb.DuckDBPyConnection,
        name: str,
        tunnels: frozenset[str],
        drop: NDArray[np.int64] | None,
        learnt: Learnt,
        rolled: Rolled | None = None,
    ) -> None:
        self.duck = duck
        self.interim = "long" in name.lower()
        self.carriers = pa.array(sorted(tunnels | learnt.tunnels), pa.string())
        self.known = tunnels | learnt.tunnels
        self.drop = drop
        self.learnt = learnt
        self.rolled = rolled
        self.hours = ConnHours(duck)
        self.place = 0
        self.twins = 0
        self.outer = 0
        self.elsewhere = 0
        self.pending: list[pa.Table] = []
        self.rows = 0
        self.sensors: set[str] = set()
        """The names of the sensors whose rows these are."""
        self.steps = Steps()
        self.alike = Steps()
        """Flows and steps of rows in VLANs, whichever VLAN it is."""
        self.found: list[pa.Table] = []
        self.looked: list[pa.Table] = []

    def add(self, batch: pa.RecordBatch, sensor: pa.Array) -> Iterator[tuple[str, pa.Table]]:
        """Take rows of conn.log; yields tables of the ledger as they are complete."""
        keys = connection_keys(batch, sensor)
        places = np.arange(self.place, self.place + len(keys))
        self.place += len(keys)
        if self.learnt.reading is _Pass.LOOK:
            self._look(batch, keys, places)
            return
        self._see_tunnels(batch, sensor)
        keep = np.ones(len(keys), bool)
        if self.drop is not None and len(self.drop):
            keep &= ~np.isin(keys, self.drop)
        if len(self.learnt.left_out):
            keep &= ~np.isin(places, self.learnt.left_out)
        self.twins += int(len(keep) - keep.sum())
        if self.rolled is not None:
            told = self.rolled.counts(batch, sensor)
            self.elsewhere += int((told & keep).sum())
            keep &= ~told
        if len(self.carriers):
            outer = pc.is_in(batch["uid"], self.carriers).to_numpy(zero_copy_only=False)
            self.outer += int((outer & keep).sum())
            keep &= ~outer
        table = pa.Table.from_batches([batch]).select(_TAKEN)
        table = table.append_column("sensor", sensor).append_column("key", pa.array(keys))
        if not keep.all():
            table = table.filter(pa.array(keep))
        self._note_steps(table)
        self._note_networks(batch, sensor, keep)
        self.pending.append(table)
        self.rows += table.num_rows
        if self.rows >= PIECE:
            yield from self._sum()

    def _note_steps(self, rows: pa.Table) -> None:
        if self.learnt.reading is _Pass.FIRST:
            moments = rows["ts"].cast(pa.int64()).to_numpy()
            self.steps.add(flow_steps(rows["key"].to_numpy(), moments)[0])

    def _note_networks(
        self, rows: pa.RecordBatch, sensor: pa.Array, keep: NDArray[np.bool_]
    ) -> None:
        """Note what is alike in several VLANs: the mirror may give both sides of a router."""
        told = keep & (networks(rows) != 0)
        if not told.any():
            return
        carried = pc.add(
            pc.fill_null(rows["orig_bytes"], 0), pc.fill_null(rows["resp_bytes"], 0)
        ).to_numpy(zero_copy_only=False)
        told &= carried > 0
        if not told.any():
            return
        chosen = rows.filter(pa.array(told))
        keys = connection_keys(chosen, sensor.filter(pa.array(told)), anywhere=True)
        moments = chosen["ts"].cast(pa.int64()).to_numpy(zero_copy_only=False)
        self.alike.add(flow_steps(alike_keys(keys, carried[told]), moments)[0])

    def _keys(self, rows: pa.Table) -> Iterator[pa.Table]:
        """Yield the keys of rows in the columns of ``keys``, the sensors and days one by one."""
        moments = rows["ts"].cast(pa.int64()).to_numpy()
        keys = rows["key"].to_numpy()
        days = (moments // DAY_US).astype(np.int32)
        sensor = rows["sensor"]
        for name in pc.unique(sensor).to_pylist():
            mine = pc.is_null(sensor) if name is None else pc.equal(sensor, name)
            chosen = pc.fill_null(mine, fill_value=False).to_numpy()
            self.sensors |= {name} - {None, ""}
            for day in np.unique(days[chosen]).tolist():
                yield _keys(keys[chosen & (days == day)], day, name)

    def _see_tunnels(self, batch: pa.RecordBatch, sensor: pa.Array) -> None:
        parents = batch["tunnel_parents"]
        if parents.null_count == len(parents):
            return
        inside = pc.list_parent_indices(parents)
        rows = pa.table(
            {
                "ts": pc.take(batch["ts"], inside),
                "uid": pc.list_flatten(parents),
                "sensor": pc.take(sensor, inside),
                "file": pa.nulls(len(inside), pa.string()),
            },
            schema=TUNNELS,
        )
        if rows.num_rows:
            self.found.append(rows)

    def _look(
        self, batch: pa.RecordBatch, keys: NDArray[np.int64], places: NDArray[np.int64]
    ) -> None:
        moments = batch["ts"].cast(pa.int64()).to_numpy(zero_copy_only=False)
        steps, flows = flow_steps(keys, moments)
        chosen = pa.array(np.isin(steps, self.learnt.repeated))
        total = pc.add(
            pc.fill_null(batch["orig_ip_bytes"], 0).cast(pa.float64()),
            pc.fill_null(batch["resp_ip_bytes"], 0).cast(pa.float64()),
        )
        table = pa.table(
            {
                "place": places, "flow": flows, "ts": batch["ts"], "uid": batch["uid"],
                "duration": batch["duration"], "bytes": total, "port": batch["id.orig_p"],
            }
        )  # fmt: skip
        self.looked.append(table.filter(chosen))

    def _sum(self) -> Iterator[tuple[str, pa.Table]]:
        if not self.rows:
            return
        rows = pa.concat_tables(self.pending)
        rows = rows.append_column("interim", pa.array(np.full(len(rows), self.interim)))
        self.pending, self.rows = [], 0
        yield from (("keys", keys) for keys in self._keys(rows))
        yield from self.hours.add(rows)

    def again(self) -> bool:
        """Say whether the log has to be read again, knowing what this reading taught."""
        learnt = self.learnt
        if learnt.reading is _Pass.LAST:
            return False
        if learnt.reading is _Pass.LOOK:
            self.duck.register("candidates", pa.concat_tables(self.looked))
            self.duck.execute(_RUNS)
            self.duck.unregister("candidates")
            found = self.duck.sql(_LEFT_OUT).to_arrow_table()
            learnt.split = self.duck.sql(_SPLIT).fetchall()[0][0]
            self.duck.execute("DROP TABLE runs")
            learnt.left_out = np.sort(found["place"].to_numpy().astype(np.int64))
            learnt.reading = _Pass.LAST
            return True
        for rows in self.found:
            learnt.tunnels |= set(pc.unique(rows["uid"]).to_pylist()) - {None}
        learnt.repeated = self.steps.repeated()
        learnt.reading = _Pass.LOOK if len(learnt.repeated) else _Pass.LAST
        return bool(len(learnt.repeated)) or not learnt.tunnels <= self.known

    def finish(self) -> Iterator[tuple[str, pa.Table]]:
        """Yield what is left when the log has been read to its end."""
        yield from self._sum()
        yield from self.hours.finish()
        yield from (("tunnels", rows) for rows in self.found)

    def told(self) -> Iterator[str]:
        """Yield what a reader of the data's quality should know of rows that are not counted."""
        if self.twins:
            told = counted(self.twins, "row tells a connection", "rows tell connections")
            yield f"{told} that other rows tell: counted once"
        if self.learnt.split:
            yield (
                f"{counted(self.learnt.split, 'connection has', 'connections have')} rows "
                "of several uids: the sensor's "
                "cluster spreads a connection over its workers, and its totals may be too low"
            )
        if self.alike and (found := self.alike.repeated()).size:
            number = self.alike.among(found)
            yield (
                f"{counted(number, 'connection carries', 'connections carry')} the same "
                "between the same addresses and ports, at "
                "one time, in several VLANs: each counts; where the mirror gives both sides of a "
                "router, totals are too high"
            )
        if self.elsewhere:
            told = counted(self.elsewhere, "row tells a connection", "rows tell connections")
            yield (
                f"{told} that another sensor told, of months that are rolled up: counted once, as "
                "it told them"
            )
        if self.hours.handshakes:
            number = self.hours.handshakes
            yield (
                f"{counted(number, 'TLS connection carries', 'TLS connections carry')} to ports of "
                "DICOM hardly more than a handshake, as of somebody who looks what a port speaks: "
                "not counted as imaging traffic"
            )
        if self.outer:
            told = counted(self.outer, "row is a tunnel", "rows are tunnels")
            yield f"{told} whose inner connections are counted instead"


def _keys(keys: NDArray[np.int64], day: int, sensor: str | None) -> pa.Table:
    count = len(keys)
    columns = [
        pa.repeat(pa.scalar(day, pa.int32()).cast(pa.date32()), count),
        pa.array(keys, pa.int64()),
        pa.repeat(pa.scalar(1, pa.int8()), count),
        pa.repeat(pa.scalar(sensor, pa.string()), count),
        pa.nulls(count, pa.string()),
    ]
    return pa.table(columns, schema=KEYS)
