"""Response times by the hour: rows of dicom_times.log added up, so that they can be added further.

One row an (hour, client, server, operation): the client is who asked. What holds for an association
as a whole (its set-up, round trip, closed windows) counts once, with the operation that moved most.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from pacsflow.ledger.schemas import HOUR, ORIGINS
from pacsflow.terms.dicom_times import BUCKETS, FIELDS

if TYPE_CHECKING:
    from collections.abc import Iterator

    import duckdb

LOG = "dicom_times"
RAW = (
    *(f.name for f in FIELDS if f.name != "community_id"),
    "origin",
    *(field.name for field in ORIGINS),
)
"""Columns of rows that are not added up yet."""
ELEMENTS = tuple(f"t{element:02d}" for element in range(BUCKETS))
"""Columns of the histogram, the shortest times first."""
SUMS = (
    "associations", "single", "windowed", "one_at_a_time", "count", "failed", "timed",
    "first_responses", "data_sets", "data_pdvs", "data_bytes", "opened", "setups", "round_trips",
    "resent",
)  # fmt: skip
SECONDS = (
    "response_seconds", "first_response_seconds", "data_seconds", "silent_seconds",
    "ack_wait_seconds", "pause_seconds", "setup_seconds", "round_trip_seconds",
    "client_closed_seconds", "server_closed_seconds",
)  # fmt: skip
MOST = ("response_max", "first_response_max", "outstanding")
LEAST = ("response_min", "round_trip_min")

TIMES = pa.schema(
    [
        ("hour", HOUR),
        ("client", pa.string()),
        ("server", pa.string()),
        ("operation", pa.string()),
        ("origin", pa.string()),
        *((name, pa.int64()) for name in SUMS),
        *((name, pa.float64()) for name in SECONDS),
        *((name, pa.float64()) for name in (*MOST, *LEAST)),
        *((name, pa.int64()) for name in ELEMENTS),
        ("slowest", pa.string()),
        ("sign", pa.int64()),
        *ORIGINS,
    ]
)
"""What an hour's operations of a pair came to.

`associations` in which it was asked, `single` of them for one request alone; `windowed` those in
which more than one may be under way, `one_at_a_time` of these never more than one was. `opened`
are associations as a whole, of which `setups` and `round_trips` have a set-up time and a round
trip. `timed` is the sum of the histogram, `t00` to `t31`; `slowest` is the uid of the association
with the longest response time. `sign` is a sum over the associations,
by which the same ones, told by another file, are known."""

_DEDUCED = """
    SELECT *, date_trunc('hour', ts) AS hour,
           CASE requestor WHEN 'resp' THEN "id.resp_h" ELSE "id.orig_h" END AS client,
           CASE requestor WHEN 'resp' THEN "id.orig_h" ELSE "id.resp_h" END AS server,
           CASE requestor WHEN 'resp' THEN resp_closed_time ELSE orig_closed_time END AS mine,
           CASE requestor WHEN 'resp' THEN orig_closed_time ELSE resp_closed_time END AS theirs,
           list_sum(response_times)::BIGINT AS timed_here,
           ops_window <> 1 AND count > 1 AS is_windowed,
           row_number() OVER (PARTITION BY file, uid, ts, "id.orig_p"
                              ORDER BY data_bytes DESC NULLS LAST, operation, requestor) = 1
               AND NOT is_known AS is_first,
           (md5_number_lower(concat_ws('|', "id.orig_h", "id.orig_p", "id.resp_h", "id.resp_p",
                                       epoch_us(ts) // 10000, operation, requestor))
            % 1099511627776)::BIGINT AS sign_here
    FROM (SELECT *, file || coalesce(uid, '') || epoch_us(ts) IN (FROM rows_before) AS is_known
          FROM rows_of_log)
"""
_HOURLY = f"""
    SELECT hour, client, server, operation, origin,
           count(*) AS associations,
           count(*) FILTER (count = 1) AS single,
           count(*) FILTER (is_windowed) AS windowed,
           count(*) FILTER (is_windowed AND outstanding = 1) AS one_at_a_time,
           sum(count)::BIGINT AS count,
           coalesce(sum(failed), 0)::BIGINT AS failed,
           coalesce(sum(timed_here), 0)::BIGINT AS timed,
           coalesce(sum(first_responses), 0)::BIGINT AS first_responses,
           coalesce(sum(data_sets), 0)::BIGINT AS data_sets,
           coalesce(sum(data_pdvs), 0)::BIGINT AS data_pdvs,
           coalesce(sum(data_bytes), 0)::BIGINT AS data_bytes,
           count(*) FILTER (is_first) AS opened,
           count(setup_time) FILTER (is_first) AS setups,
           count(round_trip) FILTER (is_first) AS round_trips,
           coalesce(sum(orig_resent + resp_resent) FILTER (is_first), 0)::BIGINT AS resent,
           sum(response_mean * timed_here) AS response_seconds,
           sum(first_response_mean * first_responses) AS first_response_seconds,
           sum(data_time) AS data_seconds,
           sum(silent_time) AS silent_seconds,
           sum(ack_wait_time) AS ack_wait_seconds,
           sum(pause_time) AS pause_seconds,
           sum(setup_time) FILTER (is_first) AS setup_seconds,
           sum(round_trip) FILTER (is_first) AS round_trip_seconds,
           sum(mine) FILTER (is_first) AS client_closed_seconds,
           sum(theirs) FILTER (is_first) AS server_closed_seconds,
           max(response_max) AS response_max,
           max(first_response_max) AS first_response_max,
           max(outstanding)::DOUBLE AS outstanding,
           arg_max(uid, response_max) AS slowest,
           min(response_min) AS response_min,
           min(round_trip) AS round_trip_min,
           {
    ", ".join(
        f"coalesce(sum(response_times[{number}]), 0)::BIGINT AS {name}"
        for number, name in enumerate(ELEMENTS, 1)
    )
},
           sum(sign_here)::BIGINT AS sign, sensor, file
    FROM ({_DEDUCED}) GROUP BY hour, client, server, operation, origin, sensor, file
"""
REMEMBERED = 4096
"""Associations of which rows may come in the next batch, too: they are written together."""


class TimesHours:
    """Adds up rows of dicom_times.log, of several files at once: a question costs more than rows.

    Parameters
    ----------
    duck
        An engine.
    """

    def __init__(self, duck: duckdb.DuckDBPyConnection) -> None:
        self.duck = duck
        self.waiting: list[pa.Table] = []
        self.before = pa.table([pa.nulls(0, pa.string())], names=["name"])

    def take(self, rows: pa.Table) -> Iterator[pa.Table]:
        """Take rows in the columns of `RAW`; yield the hours of what has become much."""
        self.waiting.append(rows)
        if sum(map(len, self.waiting)) > MUCH:
            yield from self.finish()

    def finish(self) -> Iterator[pa.Table]:
        """Yield the hours of what was taken."""
        if not self.waiting:
            return
        self.duck.register("rows_of_log", pa.concat_tables(self.waiting))
        self.duck.register("rows_before", self.before)
        try:
            made = self.duck.sql(_HOURLY).to_arrow_table()
            self.before = self.duck.sql(_LAST).to_arrow_table()
        finally:
            self.duck.unregister("rows_of_log")
            self.duck.unregister("rows_before")
        self.waiting = []
        yield made


MUCH = 300_000
"""Rows that may wait."""

_LAST = f"""
    SELECT DISTINCT file || coalesce(uid, '') || epoch_us(ts) AS name FROM (
        SELECT file, uid, ts, row_number() OVER () AS place FROM rows_of_log
    ) QUALIFY place > count(*) OVER () - {REMEMBERED}
"""

_OF = "hour, client, server, operation"
_BEST = f"""once AS (
        SELECT * FROM told QUALIFY dense_rank() OVER (
            PARTITION BY {_OF}, sign ORDER BY sensor NULLS LAST, file, origin) = 1
    ), ranked AS (
        SELECT *, sum(count) OVER (PARTITION BY {_OF}, origin, sensor) AS seen FROM once
    ), best AS (
        SELECT * FROM ranked QUALIFY dense_rank() OVER (
            PARTITION BY {_OF} ORDER BY seen DESC, origin, sensor NULLS LAST) = 1
    )"""
"""The same associations told by several files count once; of what several sensors or tools saw, the
rows of the one that saw most."""
ONCE = f"""
    WITH told AS (
        SELECT {_OF}, origin, sensor, file, sum(sign) AS sign,
               arg_max(slowest, response_max) AS slowest,
               {", ".join(f"sum({name})::BIGINT AS {name}" for name in (*SUMS, *ELEMENTS))},
               {", ".join(f"sum({name}) AS {name}" for name in SECONDS)},
               {", ".join(f"max({name}) AS {name}" for name in MOST)},
               {", ".join(f"min({name}) AS {name}" for name in LEAST)}
        FROM {{table}} GROUP BY ALL
    ), {_BEST}
    SELECT * EXCLUDE (seen, sign) FROM best
"""
"""The rows of a table that count."""
TWICE = f"""
    WITH told AS (
        SELECT rowid AS place, {_OF}, origin, sensor, file, count,
               sum(sign) OVER (PARTITION BY {_OF}, origin, sensor, file) AS sign
        FROM {{table}} WHERE hash({_OF}) IN (
            SELECT hash({_OF}) FROM (SELECT DISTINCT {_OF}, origin, sensor, file FROM {{table}})
            GROUP BY 1 HAVING count(*) > 1)
    ), {_BEST}
    SELECT place FROM told EXCEPT SELECT place FROM best
"""
"""The places of the others: few rows are compared, and no histogram."""
