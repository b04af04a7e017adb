"""One conn.log of any number of rows, quickly: what benchmarks read."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from pacsflow.simulator import schema
from pacsflow.simulator.encode import (
    chosen,
    encode,
    footer,
    header,
    optional,
    seconds,
    text,
)
from pacsflow.simulator.story import microseconds
from pacsflow.simulator.tables import HISTORIES, SERVICES, STATES, count_packets, new_connections
from pacsflow.simulator.tables import new_uids as uids

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from pacsflow.simulator.encode import Format

_CHUNK = 200_000
_PORTS = {"dicom": 104, "ssl": 443, "dns": 53, "http": 80, "smb": 445, "ntp": 123, "-": 2575}
_SHARE = (0.25, 0.2, 0.3, 0.08, 0.07, 0.05, 0.05)


def write_conn_log(
    path: Path,
    rows: int,
    *,
    seed: int = 1,
    hosts: int = 2000,
    hours: int = 168,
    start: datetime = datetime(2026, 3, 2, 3, tzinfo=UTC),
    servers: int = 0,
    devices: int = 0,
    shape: Sequence[float] = (),
) -> int:
    """Write a conn.log of a stock Zeek 8.0, of `rows` rows in the order of their ends.

    It has the fields, types, sizes and share of services of a hospital's log, but no story.

    Parameters
    ----------
    path
        Log file; compressed where it ends with ``.gz``, an object a row where it is a ``.json``.
    rows
        Number of rows.
    seed
        Same seed, same file.
    hosts
        Number of hosts (at most 65,000), of which one in a hundred is a server.
    hours
        Span of the log, hours.
    start
        Its start, UTC.
    servers
        How many of the hosts are servers; one in a hundred by default.
    devices
        How many hosts speak DICOM, each with three of the servers; by default all, with all.
    shape
        How the rows share out over the hours, evenly by default.

    Returns
    -------
    int
        Sum of orig_ip_bytes and resp_ip_bytes.
    """
    rng = np.random.default_rng([seed, rows])
    addresses = [f"10.{40 + i // 62500}.{i // 250 % 250}.{i % 250 + 2}" for i in range(hosts)]
    servers = servers or max(1, hosts // 100)
    begin, length = microseconds(start), hours * 3_600_000_000
    names = tuple(_PORTS)
    services = np.array([SERVICES.index(name) for name in names])
    ports = np.array(list(_PORTS.values()))
    protos = np.array([17 if name in {"dns", "ntp"} else 6 for name in names])
    total = 0
    opener = gzip.open if path.suffix == ".gz" else open
    form: Format = "json" if ".json" in path.suffixes else "tsv"
    with opener(path, "wb") as file:
        if form == "tsv":
            file.write(header("conn", schema.CONN, start))
        for done in range(0, rows, _CHUNK):
            n = min(_CHUNK, rows - done)
            # the chunk's share of the span, so that the whole is in order
            edges = begin + length * done // rows, begin + length * (done + n) // rows
            end = np.sort(rng.integers(*edges, n))
            if len(shape):
                end = _shaped(end, begin, length, shape)
            kind = rng.choice(len(names), n, p=_SHARE)
            orig, resp = rng.integers(servers, hosts, n), rng.integers(0, servers, n)
            if devices:
                imaging = kind == 0
                orig[imaging] = servers + orig[imaging] % devices
                resp[imaging] = (orig[imaging] * 7 + resp[imaging] % 3) % servers
            size = np.where(kind == 0, 14.0, 6.5)
            duration = rng.lognormal(np.where(kind == 0, 15.0, 12.0), 1.5, n).astype(np.int64)
            table = new_connections(
                end - duration, duration=duration, orig=orig, resp=resp,
                orig_p=rng.integers(32768, 61000, n),
                resp_p=ports[kind], proto=protos[kind], service=services[kind],
                orig_bytes=rng.lognormal(size, 1.5), resp_bytes=rng.lognormal(7.0, 1.2, n),
                history=np.where(protos[kind] == 6, rng.integers(0, 5, n), 11), uid=uids(rng, n),
            )  # fmt: skip
            silent = rng.random(n) < 0.01
            for column in ("duration", "orig_bytes", "resp_bytes"):
                table[column][silent] = -1
            table["start"][silent] = end[silent]
            table["state"][silent] = STATES.index("S0")
            table["history"][silent] = HISTORIES.index("S")
            count_packets(table)
            total += int(table["orig_ip"].sum() + table["resp_ip"].sum())
            file.write(encode(schema.CONN, _columns(table, addresses), form).data)
        if form == "tsv":
            file.write(footer(start + timedelta(hours=hours)))
    return total


def _shaped(
    end: NDArray[np.int64], begin: int, length: int, shape: Sequence[float]
) -> NDArray[np.int64]:
    """Move even times so that each part of the span has its share of them; the order stays."""
    whole = np.concatenate(([0.0], np.cumsum(shape)))
    even = np.linspace(0, 1, len(whole))
    moved = np.interp((end - begin) / length, whole / whole[-1], even)
    return (begin + length * moved).astype(np.int64)


def _columns(table: np.ndarray, addresses: list[str]) -> list[pa.Array]:
    yes = pa.array(["T"] * len(table))
    return [
        seconds(table["start"]),
        text(table["uid"]),
        chosen(addresses, table["orig"]),
        text(table["orig_p"]),
        chosen(addresses, table["resp"]),
        text(table["resp_p"]),
        chosen([{6: "tcp", 17: "udp"}.get(i) for i in range(18)], table["proto"]),
        chosen([None if name == "-" else name for name in SERVICES], table["service"]),
        seconds(table["duration"], unset=-1),
        optional(table["orig_bytes"]),
        optional(table["resp_bytes"]),
        chosen(STATES, table["state"]),
        yes,
        yes,
        text(table["missed"]),
        chosen(HISTORIES, table["history"]),
        text(table["orig_pkts"]),
        text(table["orig_ip"]),
        text(table["resp_pkts"]),
        text(table["resp_ip"]),
        pa.nulls(len(table), pa.string()),
        text(table["proto"]),
    ]
