"""Turns the rows of one source into hourly ledger rows, with DuckDB, in bounded memory."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from functools import cache
from multiprocessing import parent_process
from pathlib import Path

import duckdb
import pyarrow as pa

QUOTE = "'"

DICOM_PORTS = (104, 11112, 2761, 2762, 4242)
"""Ports of DICOM: IANA's acr-nema, dicom, dicom-iscl, dicom-tls, and Orthanc's default."""

DICOM = "dicom"
DICOM_BY_PORT = "dicom?"
"""Proven DICOM, and TCP or TLS connections on a DICOM port that nobody has looked into."""

TRAFFIC = pa.schema(
    [
        ("hour", pa.timestamp("us", tz="UTC")),
        ("source", pa.string()),
        ("destination", pa.string()),
        ("service", pa.string()),
        ("origin", pa.string()),
        ("communications", pa.int64()),
        ("packets", pa.int64()),
        ("bytes", pa.int64()),
        ("samples", pa.int64()),
        ("missed_bytes", pa.int64()),
        ("weight_squares", pa.float64()),
    ]
)
"""The ledger's rows. `communications` are counted at the side and in the hour that began them.
`weight_squares` is the sum of (rate x length)^2 over samples, from which the interval of an
estimated total of bytes follows; 0 where nothing was sampled."""

COVERAGE = pa.schema(
    [("hour", pa.timestamp("us", tz="UTC")), ("origin", pa.string()), ("rows", pa.int64())]
)
"""Hours in which a source saw something begin or end: what tells zero from no data."""

OF_FRAMES = (
    "ts", "protocol", "id.orig_h", "id.orig_p", "id.resp_h", "id.resp_p", "length",
    "sampling_rate", "agent", "proto", "flow", "service",
)  # fmt: skip
"""The columns of frames that `hourly` asks for."""

CONNECTIONS = pa.schema(
    [
        ("ts", pa.timestamp("us", tz="UTC")),
        ("uid", pa.string()),
        ("source", pa.string()),
        ("destination", pa.string()),
        ("service", pa.string()),
        ("source_packets", pa.int64()),
        ("destination_packets", pa.int64()),
        ("bytes", pa.int64()),
        ("missed_bytes", pa.int64()),
        ("history", pa.string()),
    ]
)
"""The imaging connections of conn.log, one row each: what findings point to, and with Zeek's
`history` the one trace of retransmissions. `source` is the originator, `bytes` both ways."""

_PORTS = ", ".join(map(str, DICOM_PORTS))
_CLAMP = "least(coalesce(sum({}), 0), 9223372036854775807)::BIGINT"

_SERVICE = f"""
    CASE WHEN list_contains(string_split(service, ','), 'dicom') THEN 'dicom'
         WHEN proto = 'tcp' AND resp_p IN ({_PORTS}) AND spoke
              AND (service IS NULL OR service IN ('ssl', 'tls')) THEN 'dicom?'
         WHEN service IS NOT NULL THEN left(lower(service), 64)
         WHEN resp_p < 1024 AND proto IN ('tcp', 'udp') THEN proto || '/' || resp_p
         ELSE coalesce(left(lower(proto), 16), 'other') END
"""

_CONN_ROWS = """
        SELECT ts, uid, history, epoch_us(ts) / 1e6 AS t, coalesce(duration, 0) AS d,
               "id.orig_h" AS a, "id.resp_h" AS b, "id.resp_p" AS resp_p, proto, service,
               coalesce(orig_bytes, 0) > 0 AND coalesce(resp_bytes, 0) > 0
                   OR coalesce(orig_ip_bytes, 0) > 120 AND coalesce(resp_ip_bytes, 0) > 120
                   AS spoke,
               coalesce(orig_ip_bytes, orig_bytes, 0) AS out_bytes,
               coalesce(resp_ip_bytes, resp_bytes, 0) AS in_bytes,
               coalesce(orig_pkts, 0) AS out_packets, coalesce(resp_pkts, 0) AS in_packets,
               coalesce(missed_bytes, 0) AS missed
        FROM rows
"""
_CONN_CONNECTIONS = f"""
    SELECT ts, uid, a AS source, b AS destination, named AS service,
           out_packets AS source_packets, in_packets AS destination_packets,
           least(out_bytes::HUGEINT + in_bytes, 9223372036854775807)::BIGINT AS bytes,
           missed AS missed_bytes, left(history, 64) AS history
    FROM (SELECT *, {_SERVICE} AS named FROM ({_CONN_ROWS}))
    WHERE named IN ('{DICOM}', '{DICOM_BY_PORT}')
    ORDER BY ts
"""

# A connection of duration d that begins at t spreads over hours by the share of d in each. The
# shares are taken as differences of rounded running totals, so that they sum to the whole.
_CONN = f"""
    WITH conn AS ({_CONN_ROWS}
    ), named AS (
        SELECT *, {_SERVICE} AS named,
               floor(t / 3600)::BIGINT AS first, floor((t + d) / 3600)::BIGINT AS last
        FROM conn
    ), spread AS (
        SELECT *, unnest(range(first, last + 1)) AS h FROM named
    ), shares AS (
        SELECT *,
               CASE WHEN h = first THEN 0 ELSE (h * 3600 - t) / d END AS p,
               CASE WHEN h = last THEN 1 ELSE ((h + 1) * 3600 - t) / d END AS q
        FROM spread
    ), directed AS (
        SELECT h, a AS source, b AS destination, named, (h = first)::BIGINT AS communications,
               round(out_packets * q) - round(out_packets * p) AS packets,
               round(out_bytes * q) - round(out_bytes * p) AS bytes,
               round(missed * q) - round(missed * p) AS missed
        FROM shares
        UNION ALL
        SELECT h, b, a, named, 0, round(in_packets * q) - round(in_packets * p),
               round(in_bytes * q) - round(in_bytes * p), 0
        FROM shares
    )
    SELECT to_timestamp(h * 3600) AS hour, source, destination, named AS service,
           'zeek' AS origin, sum(communications)::BIGINT AS communications,
           {_CLAMP.format("packets::HUGEINT")} AS packets,
           {_CLAMP.format("bytes::HUGEINT")} AS bytes,
           0::BIGINT AS samples, {_CLAMP.format("missed::HUGEINT")} AS missed_bytes,
           0::DOUBLE AS weight_squares
    FROM directed
    GROUP BY ALL
    HAVING sum(communications) + sum(packets) + sum(bytes) > 0
    ORDER BY hour, source, destination, service
"""
_CONN_COVERAGE = """
    SELECT to_timestamp(h * 3600) AS hour, 'zeek' AS origin, count(*)::BIGINT AS rows
    FROM (
        SELECT floor(epoch_us(ts) / 3.6e9)::BIGINT AS h FROM rows
        UNION ALL
        SELECT floor((epoch_us(ts) / 1e6 + duration) / 3600)::BIGINT FROM rows WHERE duration > 0
    ) GROUP BY h ORDER BY h
"""

# An agent may sample every frame: its rate is 1 then.
_SAMPLED = "coalesce(sampling_rate > 1, FALSE) OR agent IS NOT NULL"
# A conversation belongs to the side that was seen first; it is DICOM when one of its frames was.
_FRAMES = f"""
    WITH known AS (
        SELECT rowid AS n, *, {_SAMPLED} AS sampled FROM rows
        WHERE "id.orig_h" IS NOT NULL AND "id.resp_h" IS NOT NULL AND ts IS NOT NULL
    ), flows AS (
        SELECT flow, min(n) AS first, bool_or(service = 'dicom') AS is_dicom,
               arg_min("id.orig_h", n) AS a, arg_min("id.orig_p", n) AS a_p,
               arg_min("id.resp_p", n) AS b_p, arg_min(proto, n) AS proto,
               arg_min(service, n) AS said,
               min("id.orig_h") <> max("id.orig_h") AS spoke
        FROM known WHERE flow IS NOT NULL GROUP BY flow
    ), named AS (
        SELECT flow, first, a, spoke, proto,
               CASE WHEN is_dicom THEN 'dicom' ELSE said END AS service,
               CASE WHEN b_p IN ({_PORTS}) OR b_p <= a_p THEN b_p ELSE a_p END AS resp_p
        FROM flows
    ), services AS (
        SELECT flow, first, {_SERVICE} AS service FROM named
    )
    SELECT to_timestamp(floor(epoch_us(ts) / 3.6e9) * 3600) AS hour,
           "id.orig_h" AS source, "id.resp_h" AS destination,
           coalesce(services.service, CASE WHEN lower(known.protocol) = 'dicom' THEN 'dicom' END,
                    known.service, left(lower(known.protocol), 64), 'other') AS service,
           CASE WHEN sampled THEN 'sflow' ELSE 'capture' END AS origin,
           count(*) FILTER (known.flow IS NULL OR n = first OR sampled)::BIGINT
               AS communications,
           {_CLAMP.format("sampling_rate::HUGEINT")} AS packets,
           {_CLAMP.format("sampling_rate::HUGEINT * length")} AS bytes,
           count(*) FILTER (sampled)::BIGINT AS samples, 0::BIGINT AS missed_bytes,
           coalesce(sum(power(sampling_rate::DOUBLE * length, 2)) FILTER (sampled), 0)
               AS weight_squares
    FROM known LEFT JOIN services USING (flow)
    GROUP BY ALL
    ORDER BY hour, source, destination, service, origin
"""
_FRAMES_COVERAGE = f"""
    SELECT to_timestamp(floor(epoch_us(ts) / 3.6e9) * 3600) AS hour,
           CASE WHEN {_SAMPLED} THEN 'sflow' ELSE 'capture' END AS origin,
           count(*)::BIGINT AS rows
    FROM rows WHERE ts IS NOT NULL GROUP BY ALL ORDER BY hour, origin
"""


def connect(memory: str = "2GB") -> duckdb.DuckDBPyConnection:
    """Return a DuckDB in UTC, in memory up to a limit, that reads nothing from the network."""
    connection = duckdb.connect(":memory:")
    for name, value in (
        ("memory_limit", memory),
        ("TimeZone", "UTC"),
        ("autoinstall_known_extensions", "false"),
        ("enable_progress_bar", "false"),
        ("parquet_metadata_cache", "true"),
        ("temp_directory", str(Path(tempfile.gettempdir()) / f"pacsflow-duckdb-{os.getpid()}")),
    ):
        connection.execute(f"SET {name} = '{value.replace(QUOTE, QUOTE * 2)}'")
    return connection


@cache
def _engine() -> duckdb.DuckDBPyConnection:
    """Return this process's own engine: starting one for every small file costs more than it.

    Where several processes work side by side, each does with one thread.
    """
    engine = connect()
    if parent_process() is not None:
        engine.execute("SET threads = 1")
    return engine


@dataclass(frozen=True, slots=True)
class Sums:
    """What the rows of one source come to: tables in ``TRAFFIC``, ``COVERAGE``, ``CONNECTIONS``."""

    traffic: pa.Table
    coverage: pa.Table
    connections: pa.Table


def hourly(log: str, rows: pa.RecordBatchReader) -> Sums:
    """Return the ledger rows, covered hours and imaging connections of one source.

    Parameters
    ----------
    log
        ``conn`` or ``frames``; frames have no connections that a log would name.
    rows
        Rows in the columns of ``readers.schemas.CONN`` or ``FRAMES``; read once, as a stream.
        What does not fit in memory is spilled to the temporary folder.
    """
    query, coverage = (_CONN, _CONN_COVERAGE) if log == "conn" else (_FRAMES, _FRAMES_COVERAGE)
    engine = _engine()
    engine.register("incoming", rows)
    try:
        engine.execute("CREATE OR REPLACE TEMP TABLE rows AS SELECT * FROM incoming")
        traffic = engine.sql(query).to_arrow_table()
        hours = engine.sql(coverage).to_arrow_table()
        connections = CONNECTIONS.empty_table()
        if log == "conn":
            connections = engine.sql(_CONN_CONNECTIONS).to_arrow_table()
    finally:
        engine.unregister("incoming")
        engine.execute("DROP TABLE IF EXISTS rows")
    return Sums(traffic.cast(TRAFFIC), hours.cast(COVERAGE), connections.cast(CONNECTIONS))
