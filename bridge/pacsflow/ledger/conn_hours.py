"""Turns rows of conn.log into hourly sums, a piece at a time, in bounded memory."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pacsflow.ledger.facing import Faced, faced, turn
from pacsflow.ledger.hour_sums import HOUR_US, HourSums, Names, Sums, packed
from pacsflow.ledger.schemas import (
    CONNECTIONS,
    COVERAGE,
    DICOM,
    DICOM_BY_PORT,
    LASTING,
)
from pacsflow.readers.arrays import flat
from pacsflow.terms.ports import DICOM_PORTS

if TYPE_CHECKING:
    from collections.abc import Iterator

    import duckdb
    from numpy.typing import NDArray

LASTS = 300.0
"""Seconds from which a connection may have been told before its end (conn_long.log begins at ten
minutes): such rows are kept whole, so that the last of them can take the place of the others."""
TUNNEL_SERVICES = ("vxlan", "geneve", "gtpv1", "teredo", "ayiya", "gre", "ipip")
TUNNEL_PORTS = (2152, 3544, 4789, 5072, 6081, 8472)
"""GTP-U, Teredo, VXLAN, AYIYA, GENEVE, and VXLAN as Linux first had it."""

TELLING_PORTS, OTHER_PORT = 1024, 65535
"""Ports below the first name a service; of those above it, but DICOM's, one stands for all."""

_PORTS = ", ".join(map(str, DICOM_PORTS))

SERVICE = f"""
    CASE WHEN contains(service, 'dicom')
              AND list_contains(string_split(lower(service), ','), 'dicom') THEN 'dicom'
         WHEN resp_p IN ({_PORTS}) AND proto = 'tcp' AND spoke
              AND (service IS NULL OR service IN ('ssl', 'tls')) THEN 'dicom?'
         WHEN service IS NOT NULL AND NOT (service IN ('ssl', 'tls')
              AND resp_p IN ({_PORTS}) AND proto = 'tcp') THEN left(lower(service), 64)
         WHEN (resp_p < {TELLING_PORTS} OR resp_p IN ({_PORTS}))
              AND proto IN ('tcp', 'udp') THEN proto || '/' || resp_p
         ELSE coalesce(left(lower(proto), 16), 'other') END
"""
"""The ledger's name of a service, from Zeek's, the protocol, the port and whether both spoke.

TLS on a port of DICOM that no association can be in has the port's name, as in captures."""

_NAMED = f"""
    SELECT {SERVICE} AS named FROM (
        SELECT * REPLACE (
            nullif(ltrim(regexp_replace(service, '(^|,)-[^,]*', '', 'g'), ','), '') AS service)
        FROM combinations)
    ORDER BY place
"""
# Zeek writes an analyzer that it gave up as -NAME: that is no service.
# A connection of duration d that begins at t spreads over hours by the share of d in each. The
# shares are taken as differences of rounded running totals, so that they sum to the whole.
_COUNTS = ("out_packets", "in_packets", "out_bytes", "in_bytes", "missed")
_NUMBERS = ("a", "b", "service", "sensor")
_ACROSS = f"""
    WITH spread AS (
        SELECT *, us / 1e6 AS t, unnest(range(first, last + 1)) AS h FROM crossing
    ), shares AS (
        SELECT *,
               CASE WHEN h = first THEN 0 ELSE (h * 3600 - t) / d END AS p,
               CASE WHEN h = last THEN 1 ELSE ((h + 1) * 3600 - t) / d END AS q
        FROM spread
    )
    SELECT h, a, b, service, sensor, sum((h = first)::BIGINT)::BIGINT AS communications,
           {
    ", ".join(
        f"least(sum((round({c} * q) - round({c} * p))::HUGEINT), 9223372036854775807)::BIGINT"
        f" AS {c}"
        for c in _COUNTS
    )
}
    FROM shares GROUP BY ALL
"""
ROWS = 1 << 17
"""Sums of crossing connections that are taken at a time."""


class ConnHours:
    """Sums one source's connections, piece by piece.

    Parameters
    ----------
    engine
        A DuckDB that nobody else uses meanwhile.
    """

    def __init__(self, engine: duckdb.DuckDBPyConnection) -> None:
        self.engine = engine
        self.sums = HourSums()
        self.hours: Counter[tuple[int, str | None]] = Counter()
        self.handshakes = 0
        """Connections to DICOM's ports that carry hardly more than the handshake of TLS."""

    def add(self, rows: pa.Table) -> Iterator[tuple[str, pa.Table]]:
        """Take rows of conn.log; yields what is complete: rows of tables, with their names.

        Beside the columns of ``OF_CONN`` they have ``key`` (`connection_keys`) and ``interim``,
        true where the connection went on.
        """
        facing = faced(rows)
        self.handshakes += facing.handshakes
        named, services = self._named(facing)
        imaging = [
            services.known[name] for name in (DICOM, DICOM_BY_PORT) if name in services.known
        ]
        yield "connections", _connections(rows, facing, named, services, np.isin(named, imaging))
        yield "lasting", _lasting(rows, facing, named, services, _lasts(rows, facing))
        words = services.texts()
        numbers = self.sums.services.numbers(words)[named] if len(words) else named
        yield from self._take(
            rows["sensor"], facing.us, facing.d, numbers,
            (self.sums.hosts.numbers(facing.a), self.sums.hosts.numbers(facing.b)),
            (facing.out_packets, facing.in_packets), (facing.out_bytes, facing.in_bytes),
            facing.missed,
        )  # fmt: skip

    def add_lasting(self, rows: pa.Table) -> Iterator[tuple[str, pa.Table]]:
        """Take rows of the table ``lasting``; yields rows of ``traffic`` that are complete."""

        def of(name: str) -> NDArray[Any]:
            found: NDArray[Any] = flat(rows[name]).to_numpy(zero_copy_only=False)
            return found

        yield from self._take(
            rows["sensor"], flat(rows["ts"]).cast(pa.int64()).to_numpy(), of("duration"),
            self.sums.services.numbers(flat(rows["service"])),
            (
                self.sums.hosts.numbers(flat(rows["source"])),
                self.sums.hosts.numbers(flat(rows["destination"])),
            ),
            (of("source_packets"), of("destination_packets")),
            (of("source_bytes"), of("destination_bytes")), of("missed_bytes"),
        )  # fmt: skip

    def finish(self) -> Iterator[tuple[str, pa.Table]]:
        """Yield the other rows of ``traffic`` and those of ``coverage``; their `file` is null."""
        for rows in self.sums.finish():
            yield "traffic", rows
        found = sorted(self.hours.items(), key=lambda item: (item[0][0], item[0][1] or ""))
        count = len(found)
        columns = [
            pa.array(np.array([hour for (hour, _), _ in found], np.int64) * HOUR_US),
            pa.repeat(pa.scalar("zeek"), count),
            pa.array(np.array([rows for _, rows in found], np.int64)),
            pa.array([sensor for (_, sensor), _ in found], pa.string()),
            pa.nulls(count, pa.string()),
        ]
        yield (
            "coverage",
            pa.table([c.cast(f.type) for c, f in zip(columns, COVERAGE, strict=True)], COVERAGE),
        )

    def _named(self, facing: Faced) -> tuple[NDArray[np.int32], Names]:
        """Return the numbers of the rows' services, and their names.

        They follow from few combinations of what Zeek says, of which each is judged once.
        """
        zeeks, protos = Names(), Names()
        service, proto = zeeks.numbers(facing.service), protos.numbers(facing.proto)
        telling = (facing.port < TELLING_PORTS) | np.isin(facing.port, DICOM_PORTS)
        port = np.where(telling, facing.port, OTHER_PORT)
        key = packed(
            (
                (service, len(zeeks)),
                (proto, len(protos)),
                (port + 1, OTHER_PORT + 2),
                (facing.spoke.astype(np.int64), 2),
            )
        )
        _, first, which = np.unique(key, return_index=True, return_inverse=True)
        ports = port[first]
        combinations = pa.table(
            {
                "place": pa.array(np.arange(len(first))),
                "service": zeeks.texts().take(pa.array(service[first])),
                "proto": protos.texts().take(pa.array(proto[first])),
                "resp_p": pa.array(ports, pa.int32(), mask=ports < 0),
                "spoke": pa.array(facing.spoke[first]),
            }
        )
        self.engine.register("combinations", combinations)
        try:
            told = self.engine.sql(_NAMED).to_arrow_table()["named"]
        finally:
            self.engine.unregister("combinations")
        names = Names()
        return names.numbers(flat(told))[which], names

    def _take(
        self,
        sensor: pa.ChunkedArray,
        us: NDArray[np.int64],
        d: NDArray[np.float64],
        service: NDArray[np.int32],
        hosts: tuple[NDArray[np.int32], NDArray[np.int32]],
        packets: tuple[NDArray[np.int64], NDArray[np.int64]],
        sizes: tuple[NDArray[np.int64], NDArray[np.int64]],
        missed: NDArray[np.int64],
    ) -> Iterator[tuple[str, pa.Table]]:
        first = us // HOUR_US
        last = np.floor((us / 1e6 + d) / 3600).astype(np.int64)
        sensors = self.sums.sensors.numbers(flat(sensor))
        self._cover(first, last, d, sensors)
        once = np.ones(len(us), np.int64)
        rows = Sums(first, *hosts, service, sensors, once, packets, sizes, missed)
        across = first != last
        if across.any():
            self.sums.add(rows.where(~across))
            crossing = rows.where(across)
            for some in self._spread(crossing, us[across], d[across], last[across]):
                self.sums.add(some)
                yield from (("traffic", made) for made in self.sums.ready())
        else:
            self.sums.add(rows)
        yield from (("traffic", made) for made in self.sums.ready())

    def _cover(
        self,
        first: NDArray[np.int64],
        last: NDArray[np.int64],
        d: NDArray[np.float64],
        sensors: NDArray[np.int32],
    ) -> None:
        """Count in which hours something began or ended."""
        names = list(self.sums.sensors.known)
        ends = d > 0
        hours = np.concatenate([first, last[ends]])
        whose = np.concatenate([sensors, sensors[ends]])
        _, place, count = np.unique(
            packed(((whose, len(names)), (hours, 0))), return_index=True, return_counts=True
        )
        for at, rows in zip(place.tolist(), count.tolist(), strict=True):
            self.hours[int(hours[at]), names[whose[at]]] += rows

    def _spread(
        self,
        rows: Sums,
        us: NDArray[np.int64],
        d: NDArray[np.float64],
        last: NDArray[np.int64],
    ) -> Iterator[Sums]:
        """Yield the shares that connections have in each of their hours, added up."""
        crossing = pa.table(
            {
                "us": us, "d": d, "first": rows.hour, "last": last,
                **{name: getattr(rows, name) for name in _NUMBERS},
                "out_packets": rows.packets[0], "in_packets": rows.packets[1],
                "out_bytes": rows.bytes[0], "in_bytes": rows.bytes[1], "missed": rows.missed,
            }
        )  # fmt: skip
        self.engine.register("crossing", crossing)
        try:
            for batch in self.engine.sql(_ACROSS).to_arrow_reader(ROWS):
                made = {n: batch[n].to_numpy(zero_copy_only=False) for n in batch.schema.names}
                yield Sums(
                    made["h"], made["a"], made["b"], made["service"], made["sensor"],
                    made["communications"],
                    (made["out_packets"], made["in_packets"]),
                    (made["out_bytes"], made["in_bytes"]), made["missed"],
                )  # fmt: skip
        finally:
            self.engine.unregister("crossing")


def _lasts(rows: pa.Table, facing: Faced) -> NDArray[np.bool_]:
    """Say which connections may be told again, or carry others."""
    services = pc.is_in(facing.service, pa.array(TUNNEL_SERVICES))
    carries = np.isin(facing.port, TUNNEL_PORTS) & facing.udp
    interim = rows["interim"].to_numpy()
    found: NDArray[np.bool_] = services.to_numpy(zero_copy_only=False)
    for others in (facing.d >= LASTS, interim, carries):
        found = np.logical_or(found, others)
    return found


def _connections(
    rows: pa.Table,
    facing: Faced,
    named: NDArray[np.int32],
    services: Names,
    chosen: NDArray[np.bool_],
) -> pa.Table:
    mask = pa.array(chosen)
    turned = facing.turned[chosen]
    some = rows.select(["ts", "uid", "history", "local_orig", "local_resp", "sensor"]).filter(mask)
    columns = {
        "ts": some["ts"],
        "uid": some["uid"],
        "source": facing.a.filter(mask),
        "destination": facing.b.filter(mask),
        "service": services.texts().take(pa.array(named[chosen])),
        "source_packets": facing.out_packets[chosen],
        "destination_packets": facing.in_packets[chosen],
        "bytes": facing.out_bytes[chosen] + facing.in_bytes[chosen],
        "missed_bytes": facing.missed[chosen],
        "history": pc.utf8_slice_codeunits(turn(some["history"], turned), 0, 64),
        "source_local": some["local_orig"],
        "destination_local": some["local_resp"],
        "sensor": some["sensor"],
        "file": pa.nulls(len(some), pa.string()),
    }
    if turned.any():
        swap = pa.array(turned)
        columns["source_local"] = pc.if_else(swap, some["local_resp"], some["local_orig"])
        columns["destination_local"] = pc.if_else(swap, some["local_orig"], some["local_resp"])
    return pa.table(columns).cast(CONNECTIONS)


def _lasting(
    rows: pa.Table,
    facing: Faced,
    named: NDArray[np.int32],
    services: Names,
    chosen: NDArray[np.bool_],
) -> pa.Table:
    mask = pa.array(chosen)
    some = rows.select(["ts", "uid", "key", "sensor"]).filter(mask)
    columns = {
        "ts": some["ts"],
        "uid": some["uid"],
        "key": some["key"],
        "duration": facing.d[chosen],
        "source": facing.a.filter(mask),
        "destination": facing.b.filter(mask),
        "service": services.texts().take(pa.array(named[chosen])),
        "source_packets": facing.out_packets[chosen],
        "destination_packets": facing.in_packets[chosen],
        "source_bytes": facing.out_bytes[chosen],
        "destination_bytes": facing.in_bytes[chosen],
        "missed_bytes": facing.missed[chosen],
        "sign": np.ones(len(some), np.int8),
        "sensor": some["sensor"],
        "file": pa.nulls(len(some), pa.string()),
    }
    return pa.table(columns).cast(LASTING)
