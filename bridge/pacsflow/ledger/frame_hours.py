"""Turns frames of captures, sheets and samples into hourly sums with DuckDB."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pacsflow.ledger.conn_hours import SERVICE
from pacsflow.ledger.schemas import COVERAGE, TRAFFIC
from pacsflow.terms.ports import DICOM_PORTS

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

_PORTS = ", ".join(map(str, DICOM_PORTS))
_CLAMP = "least(coalesce(sum({}), 0), 9223372036854775807)::BIGINT"
# An agent may sample every frame: its rate is 1 then.
_SAMPLED = "coalesce(sampling_rate > 1, FALSE) OR agent IS NOT NULL"
# A conversation belongs to the side that was seen first; it is DICOM when one of its frames was.
_TRAFFIC = f"""
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
        SELECT flow, first, {SERVICE} AS service FROM named
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
               AS weight_squares, NULL::VARCHAR AS sensor, NULL::VARCHAR AS file
    FROM known LEFT JOIN services USING (flow)
    GROUP BY ALL
    ORDER BY hour, source, destination, service, origin
"""
_COVERAGE = f"""
    SELECT to_timestamp(floor(epoch_us(ts) / 3.6e9) * 3600) AS hour,
           CASE WHEN {_SAMPLED} THEN 'sflow' ELSE 'capture' END AS origin,
           count(*)::BIGINT AS rows, NULL::VARCHAR AS sensor, NULL::VARCHAR AS file
    FROM rows WHERE ts IS NOT NULL GROUP BY ALL ORDER BY hour, origin
"""


def frame_hours(
    engine: duckdb.DuckDBPyConnection, rows: pa.RecordBatchReader
) -> tuple[pa.Table, pa.Table]:
    """Return the rows of ``traffic`` and of ``coverage`` that frames come to.

    Parameters
    ----------
    engine
        A DuckDB that nobody else uses meanwhile; what does not fit in its memory is spilled.
    rows
        In the columns of ``log_fields.FRAMES``; read once, as a stream.
    """
    engine.register("incoming", rows)
    try:
        engine.execute("CREATE OR REPLACE TEMP TABLE rows AS SELECT * FROM incoming")
        traffic = engine.sql(_TRAFFIC).to_arrow_table().cast(TRAFFIC)
        hours = engine.sql(_COVERAGE).to_arrow_table().cast(COVERAGE)
    finally:
        engine.unregister("incoming")
        engine.execute("DROP TABLE IF EXISTS rows")
    return traffic, hours
