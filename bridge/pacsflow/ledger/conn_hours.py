"""Turns rows of conn.log into hourly sums with DuckDB, a piece at a time, in bounded memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pacsflow.ledger.schemas import (
    CONNECTIONS,
    COVERAGE,
    DICOM,
    DICOM_BY_PORT,
    LASTING,
    TRAFFIC,
)
from pacsflow.terms.ports import DICOM_PORTS

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

LASTS = 300.0
"""Seconds from which a connection may have been told before its end (conn_long.log begins at ten
minutes): such rows are kept whole, so that the last of them can take the place of the others."""
TUNNEL_SERVICES = ("vxlan", "geneve", "gtpv1", "teredo", "ayiya", "gre", "ipip")
TUNNEL_PORTS = (2152, 3544, 4789, 5072, 6081, 8472)
"""GTP-U, Teredo, VXLAN, AYIYA, GENEVE, and VXLAN as Linux first had it."""

_PORTS = ", ".join(map(str, DICOM_PORTS))
_LARGEST = 9223372036854775807

SERVICE = f"""
    CASE WHEN contains(service, 'dicom')
              AND list_contains(string_split(lower(service), ','), 'dicom') THEN 'dicom'
         WHEN resp_p IN ({_PORTS}) AND proto = 'tcp' AND spoke
              AND (service IS NULL OR service IN ('ssl', 'tls')) THEN 'dicom?'
         WHEN service IS NOT NULL THEN left(lower(service), 64)
         WHEN (resp_p < 1024 OR resp_p IN ({_PORTS}))
              AND proto IN ('tcp', 'udp') THEN proto || '/' || resp_p
         ELSE coalesce(left(lower(proto), 16), 'other') END
"""
"""The ledger's name of a service, from Zeek's, the protocol, the port and whether both spoke."""

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_SWAPPED = ", ".join(
    f"CASE WHEN turned THEN {theirs} ELSE {ours} END AS {name}"
    for name, ours, theirs in (
        ("a", '"id.orig_h"', '"id.resp_h"'),
        ("b", '"id.resp_h"', '"id.orig_h"'),
        ("resp_p", '"id.resp_p"', '"id.orig_p"'),
        ("local_orig", "local_orig", "local_resp"),
        ("local_resp", "local_resp", "local_orig"),
        ("history", "history",
         f"translate(history, '{_LETTERS + _LETTERS.lower()}', '{_LETTERS.lower() + _LETTERS}')"),
        ("out_bytes", "sent", "received"),
        ("in_bytes", "received", "sent"),
        ("out_packets", "orig_pkts", "resp_pkts"),
        ("in_packets", "resp_pkts", "orig_pkts"),
    )
)  # fmt: skip
"""Of a connection that Zeek took up in the middle the side that it saw first is its originator. A
DICOM port there, none on the other side and no SYN from it tell that it is the other way."""

_PIECE = f"""
    CREATE OR REPLACE TEMP TABLE piece AS
    SELECT *, {SERVICE} AS named FROM (
        SELECT ts, uid, key, sensor, interim, us, d, proto, service, spoke, missed, first, last,
               {_SWAPPED}
        FROM (
            SELECT ts, uid, history, local_orig, local_resp, key, sensor, interim,
                   epoch_us(ts) AS us, coalesce(duration, 0) AS d, "id.orig_h", "id.resp_h",
                   "id.orig_p", "id.resp_p", proto, service,
                   coalesce(orig_bytes, 0) > 0 AND coalesce(resp_bytes, 0) > 0
                       OR coalesce(orig_ip_bytes, 0) > 120 AND coalesce(resp_ip_bytes, 0) > 120
                          AND coalesce(orig_bytes + resp_bytes > 0, TRUE)
                       AS spoke,
                   coalesce(orig_ip_bytes, orig_bytes, 0) AS sent,
                   coalesce(resp_ip_bytes, resp_bytes, 0) AS received,
                   coalesce(orig_pkts, 0) AS orig_pkts, coalesce(resp_pkts, 0) AS resp_pkts,
                   coalesce(missed_bytes, 0) AS missed,
                   epoch_us(ts) // 3600000000 AS first,
                   floor((epoch_us(ts) / 1e6 + coalesce(duration, 0)) / 3600)::BIGINT AS last,
                   coalesce("id.orig_p" IN ({_PORTS}) AND "id.resp_p" NOT IN ({_PORTS})
                       AND proto = 'tcp' AND NOT contains(history, 'S'), FALSE) AS turned
            FROM incoming))
"""
_PIECE_OF_LASTING = """
    CREATE OR REPLACE TEMP TABLE piece AS
    SELECT *, service AS named, epoch_us(ts) AS us, duration AS d, source AS a, destination AS b,
           source_bytes AS out_bytes, destination_bytes AS in_bytes,
           source_packets AS out_packets, destination_packets AS in_packets,
           missed_bytes AS missed, epoch_us(ts) // 3600000000 AS first,
           floor((epoch_us(ts) / 1e6 + duration) / 3600)::BIGINT AS last
    FROM incoming
"""
_COUNTS = ("out_packets", "in_packets", "out_bytes", "in_bytes", "missed")
_SUMS = "CREATE OR REPLACE TEMP TABLE sums AS SELECT * FROM ({}) LIMIT 0"
# Most connections begin and end in one hour: their numbers are summed as they are.
_WITHIN = f"""
    SELECT first AS h, a, b, named, sensor, count(*)::HUGEINT AS communications,
           {", ".join(f"sum({c})::HUGEINT AS {c}" for c in _COUNTS)}
    FROM piece WHERE first = last GROUP BY ALL
"""
# A connection of duration d that begins at t spreads over hours by the share of d in each. The
# shares are taken as differences of rounded running totals, so that they sum to the whole.
_ACROSS = f"""
    WITH spread AS (
        SELECT *, us / 1e6 AS t, unnest(range(first, last + 1)) AS h FROM piece
        WHERE first <> last
    ), shares AS (
        SELECT *,
               CASE WHEN h = first THEN 0 ELSE (h * 3600 - t) / d END AS p,
               CASE WHEN h = last THEN 1 ELSE ((h + 1) * 3600 - t) / d END AS q
        FROM spread
    )
    SELECT h, a, b, named, sensor, sum((h = first)::BIGINT)::HUGEINT AS communications,
           {", ".join(f"sum((round({c} * q) - round({c} * p))::HUGEINT) AS {c}" for c in _COUNTS)}
    FROM shares GROUP BY ALL
"""
_HOURS = """
    SELECT h, sensor, count(*) AS rows FROM (
        SELECT first AS h, sensor FROM piece
        UNION ALL SELECT last, sensor FROM piece WHERE d > 0
    ) GROUP BY ALL
"""


def _clamped(column: str) -> str:
    return f"greatest(least(sum({column}), {_LARGEST}), -{_LARGEST})::BIGINT"


_TRAFFIC = f"""
    WITH directed AS (
        SELECT h, a AS source, b AS destination, named, sensor, communications,
               out_packets AS packets, out_bytes AS bytes, missed FROM sums
        UNION ALL SELECT h, b, a, named, sensor, 0, in_packets, in_bytes, 0 FROM sums
    )
    SELECT to_timestamp(h * 3600) AS hour, source, destination, named AS service,
           'zeek' AS origin, {_clamped("communications")} AS communications,
           {_clamped("packets")} AS packets, {_clamped("bytes")} AS bytes,
           0::BIGINT AS samples, {_clamped("missed")} AS missed_bytes,
           0::DOUBLE AS weight_squares, sensor, NULL::VARCHAR AS file
    FROM directed
    GROUP BY ALL
    HAVING sum(communications) <> 0 OR sum(packets) <> 0 OR sum(bytes) <> 0
    ORDER BY hour, source, destination, service
"""
_COVERAGE = """
    SELECT to_timestamp(h * 3600) AS hour, 'zeek' AS origin, sum(rows)::BIGINT AS rows, sensor,
           NULL::VARCHAR AS file
    FROM hours GROUP BY ALL ORDER BY hour
"""
_CONNECTIONS = f"""
    SELECT ts, uid, a AS source, b AS destination, named AS service,
           out_packets AS source_packets, in_packets AS destination_packets,
           least(out_bytes::HUGEINT + in_bytes, {_LARGEST})::BIGINT AS bytes,
           missed AS missed_bytes, left(history, 64) AS history, local_orig AS source_local,
           local_resp AS destination_local, sensor, NULL::VARCHAR AS file
    FROM piece WHERE named IN ('{DICOM}', '{DICOM_BY_PORT}')
"""
_LASTING = f"""
    SELECT ts, uid, key, d AS duration, a AS source, b AS destination, named AS service,
           out_packets AS source_packets, in_packets AS destination_packets,
           out_bytes AS source_bytes, in_bytes AS destination_bytes, missed AS missed_bytes,
           1::TINYINT AS sign, sensor, NULL::VARCHAR AS file
    FROM piece WHERE d >= {LASTS} OR interim
        OR proto = 'udp' AND resp_p IN ({", ".join(map(str, TUNNEL_PORTS))})
        OR service IN ({", ".join(f"'{name}'" for name in TUNNEL_SERVICES)})
"""


class ConnHours:
    """Sums one source's connections, piece by piece.

    Parameters
    ----------
    engine
        A DuckDB that nobody else uses meanwhile.
    """

    def __init__(self, engine: duckdb.DuckDBPyConnection) -> None:
        self.engine = engine
        self.begun = False

    def add(self, rows: pa.Table) -> tuple[pa.Table, pa.Table]:
        """Take rows of conn.log; returns the imaging connections and the lasting ones of them.

        Beside the columns of ``OF_CONN`` they have ``key`` (`connection_keys`) and ``interim``,
        true where the connection went on.
        """
        self._take(_PIECE, rows)
        return (
            self.engine.sql(_CONNECTIONS).to_arrow_table().cast(CONNECTIONS),
            self.engine.sql(_LASTING).to_arrow_table().cast(LASTING),
        )

    def add_lasting(self, rows: pa.Table) -> None:
        """Take rows of the table ``lasting``."""
        self._take(_PIECE_OF_LASTING, rows)

    def _take(self, query: str, rows: pa.Table) -> None:
        self.engine.register("incoming", rows)
        try:
            self.engine.execute(query)
        finally:
            self.engine.unregister("incoming")
        if not self.begun:
            self.engine.execute(_SUMS.format(_WITHIN))
            self.engine.execute(f"CREATE OR REPLACE TEMP TABLE hours AS {_HOURS} LIMIT 0")
            self.begun = True
        self.engine.execute(f"INSERT INTO sums {_WITHIN}")
        self.engine.execute(f"INSERT INTO sums {_ACROSS}")
        self.engine.execute(f"INSERT INTO hours {_HOURS}")

    def finish(self) -> tuple[pa.Table, pa.Table]:
        """Return the rows of ``traffic`` and of ``coverage``; their `file` is null."""
        if not self.begun:
            return TRAFFIC.empty_table(), COVERAGE.empty_table()
        traffic = self.engine.sql(_TRAFFIC).to_arrow_table().cast(TRAFFIC)
        hours = self.engine.sql(_COVERAGE).to_arrow_table().cast(COVERAGE)
        for table in ("piece", "sums", "hours"):
            self.engine.execute(f"DROP TABLE IF EXISTS {table}")
        return traffic, hours
