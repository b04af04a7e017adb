"""Turns frames of captures, sheets and samples into hourly sums with DuckDB."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from pacsflow.ledger.conn_hours import SERVICE
from pacsflow.ledger.engine import fill
from pacsflow.ledger.paths import one_a_path
from pacsflow.ledger.schemas import COVERAGE, CROSSING, TRAFFIC
from pacsflow.printable import counted
from pacsflow.terms.log_fields import DICOM, FRAMES, OTHER
from pacsflow.terms.ports import DICOM_PORTS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import duckdb

_PORTS = ", ".join(map(str, DICOM_PORTS))
_CLAMP = "least(coalesce(sum({}), 0), 9223372036854775807)::BIGINT"
# An agent may sample every frame: its rate is 1 then.
_SAMPLED = "coalesce(sampling_rate > 1, FALSE) OR agent IS NOT NULL"
_SYN, _SYN_ACK, _FIN_RST = 2, 18, 5
_KEPT = f"""
    CREATE OR REPLACE TEMP TABLE known AS
    SELECT rowid AS n, *, {_SAMPLED} AS sampled FROM rows
    WHERE "id.orig_h" IS NOT NULL AND "id.resp_h" IS NOT NULL AND ts IS NOT NULL
"""
# The originator of a conversation is who sent the SYN, who did not answer it, who called in the
# association that ran on it, who is not on a DICOM port where the other side is; else who was seen
# first. On a DICOM port it is DICOM (by its port) where both sides said something, or the one that
# was captured did, or what was said in the beginning is not in the capture: neither a refusal nor a
# look whether the port is open says anything. Of samples one side's is enough: the other's few were
# hardly among them.
_FLOWS = f"""
    CREATE OR REPLACE TEMP TABLE flows AS
    WITH callers AS (
        SELECT h, p, rh, rp, bool_and(turned) AS turned FROM (
            SELECT "id.orig_h" AS h, "id.orig_p" AS p, "id.resp_h" AS rh, "id.resp_p" AS rp,
                   FALSE AS turned FROM called
            UNION ALL SELECT "id.resp_h", "id.resp_p", "id.orig_h", "id.orig_p", TRUE FROM called
        ) GROUP BY ALL
    ), ends AS (
        SELECT flow, min(n) AS first, any_value(proto) AS proto, arg_min(service, n) AS said,
               bool_or(service = 'dicom') AS is_dicom, bool_or(service = '{OTHER}') AS is_other,
               arg_min("id.orig_h", n) AS a, arg_min("id.orig_p", n) AS a_p,
               arg_min("id.resp_h", n) AS b, arg_min("id.resp_p", n) AS b_p,
               arg_min(("id.orig_h", "id.orig_p"), n)
                   FILTER (tcp_flags & {_SYN_ACK} = {_SYN}) AS called,
               arg_min(("id.orig_h", "id.orig_p"), n)
                   FILTER (tcp_flags & {_SYN_ACK} = {_SYN_ACK}) AS answered,
               count(payload) > 0 AS measured, bool_or(sampled) AS of_samples,
               min(ts) AS begins, max(ts) AS ends, bool_or(tcp_flags & {_FIN_RST} > 0) AS closed,
               count(DISTINCT ("id.orig_h", "id.orig_p")) > 1 AS two_sided,
               count(DISTINCT ("id.orig_h", "id.orig_p")) FILTER (payload > 0) AS talked
        FROM known WHERE flow IS NOT NULL GROUP BY flow
    ), turned AS (
        SELECT ends.*,
               CASE WHEN called IS NOT NULL THEN called <> (a, a_p)
                    WHEN answered IS NOT NULL THEN answered = (a, a_p)
                    WHEN callers.turned IS NOT NULL THEN callers.turned
                    ELSE coalesce(proto = 'tcp' AND a_p IN ({_PORTS}) AND b_p NOT IN ({_PORTS}),
                                  FALSE) END AS turned
        FROM ends LEFT JOIN callers ON (h, p, rh, rp) = (a, a_p, b, b_p)
    ), named AS (
        SELECT flow, first, turned, a, b, proto, begins, ends, of_samples,
               (md5_number_lower(concat_ws(' ', proto, least(a, b), greatest(a, b),
                                           least(a_p, b_p), greatest(a_p, b_p)))
                % 9223372036854775807)::BIGINT AS key,
               called IS NULL AS head,
               NOT coalesce(closed, FALSE)
                   AND (NOT measured OR talked > 0 OR answered IS NOT NULL) AS tail, measured,
               CASE WHEN is_dicom THEN 'dicom' WHEN NOT is_other THEN said END AS service,
               NOT coalesce(is_other, FALSE)
                   AND CASE WHEN measured THEN talked = 2 OR talked = 1
                                 AND (NOT two_sided OR called IS NULL AND answered IS NULL
                                      OR of_samples)
                            ELSE two_sided END AS spoke,
               CASE WHEN called IS NOT NULL OR answered IS NOT NULL
                         OR a_p IN ({_PORTS}) <> b_p IN ({_PORTS})
                    THEN CASE WHEN turned THEN a_p ELSE b_p END
                    ELSE least(a_p, b_p) END AS resp_p
        FROM turned
    )
    SELECT flow, first, turned, a, b, {SERVICE} AS service, key, begins, ends, of_samples, head,
           tail, measured
    FROM named
"""
_CROSSING = """
    SELECT * FROM (
    SELECT begins AS ts, ends AS last, key,
           head AND (measured OR begins < low + INTERVAL 60 SECOND) AS head,
           measured AND (tail OR ends > high - INTERVAL 5 SECOND)
               OR tail AND ends > high - INTERVAL 60 SECOND AS tail,
           CASE WHEN turned THEN b ELSE a END AS source,
           CASE WHEN turned THEN a ELSE b END AS destination, service,
           NULL::VARCHAR AS sensor, NULL::VARCHAR AS file
    FROM flows, (SELECT min(ts) AS low, max(ts) AS high FROM known) WHERE NOT of_samples
    ) WHERE head OR tail
"""
_TRAFFIC = f"""
    WITH parts AS (
        SELECT ts, "id.orig_h" AS source, "id.resp_h" AS destination,
               coalesce(flows.service, CASE WHEN lower(known.protocol) = 'dicom' THEN 'dicom' END,
                        known.service, left(lower(known.protocol), 64), 'other') AS service,
               sampled, (known.flow IS NULL OR n = first AND NOT turned OR sampled) AS began,
               sampling_rate, length
        FROM known LEFT JOIN flows USING (flow)
        UNION ALL
        SELECT ts, b, a, flows.service, FALSE, TRUE, 0, 0
        FROM flows JOIN known ON n = first WHERE turned AND NOT of_samples
    )
    SELECT to_timestamp(floor(epoch_us(ts) / 3.6e9) * 3600) AS hour, source, destination, service,
           CASE WHEN sampled THEN 'sflow' ELSE 'capture' END AS origin,
           count(*) FILTER (began)::BIGINT AS communications,
           {_CLAMP.format("sampling_rate::HUGEINT")} AS packets,
           {_CLAMP.format("sampling_rate::HUGEINT * length")} AS bytes,
           count(*) FILTER (sampled)::BIGINT AS samples, 0::BIGINT AS missed_bytes,
           coalesce(sum(power(sampling_rate::DOUBLE * length, 2)) FILTER (sampled), 0)
               AS weight_squares, NULL::VARCHAR AS sensor, NULL::VARCHAR AS file
    FROM parts
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
    engine: duckdb.DuckDBPyConnection,
    rows: Iterable[pa.RecordBatch],
    associations: Sequence[pa.RecordBatch] = (),
) -> tuple[tuple[tuple[str, pa.Table], ...], list[str]]:
    """Return the tables that frames come to, and what is to be said of them.

    They are ``traffic``, ``coverage`` and ``crossing``. To be said is that several sFlow agents
    sample one path, and that frames tell of flows.

    Parameters
    ----------
    engine
        A DuckDB that nobody else uses meanwhile; what does not fit in its memory is spilled.
    rows
        In the columns of ``log_fields.FRAMES``; read once.
    associations
        Rows of dicom.log of the same capture, which say who called whom; they are looked at when
        `rows` has been read.
    """
    try:
        fill(engine, "TEMP TABLE rows", FRAMES, rows)
        engine.register("called", pa.Table.from_batches(associations, DICOM))
        engine.execute(_KEPT)
        said = [one_a_path(engine), _of_flows(engine)]
        engine.execute(_FLOWS)
        traffic = engine.sql(_TRAFFIC).to_arrow_table().cast(TRAFFIC)
        hours = engine.sql(_COVERAGE).to_arrow_table().cast(COVERAGE)
        crossing = engine.sql(_CROSSING).to_arrow_table().cast(CROSSING)
    finally:
        engine.unregister("called")
        for table in ("rows", "known", "flows"):
            engine.execute(f"DROP TABLE IF EXISTS {table}")
    return (("traffic", traffic), ("coverage", hours), ("crossing", crossing)), [
        *filter(None, said)
    ]


def _of_flows(engine: duckdb.DuckDBPyConnection) -> str:
    """Return what is to be said of frames that tell of flows, as tshark knows them."""
    found = engine.sql("SELECT count(*) FROM rows WHERE protocol = 'CFLOW'").fetchall()[0][0]
    if not found:
        return ""
    return (
        f"{counted(found, 'frame carries', 'frames carry')} NetFlow or IPFIX: what that tells of "
        "other hosts' traffic is not read, it counts as traffic to their collector"
    )
