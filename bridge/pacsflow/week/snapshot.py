"""Holds in memory what a week's report looks at: many small files are slow to ask often."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pacsflow.ledger.series import IMAGING
from pacsflow.ledger.times import TWICE as TIMES_TWICE
from pacsflow.ledger.views import ASSOCIATIONS_TWICE, CONNECTIONS_TWICE
from pacsflow.week.curves import HISTORY_WEEKS

if TYPE_CHECKING:
    from datetime import datetime

    import duckdb

    from pacsflow.week.period import Week

UNUSED = {
    "associations": """sop_classes, ctx_offered, ctx_accepted, orig_roles, resp_roles, orig_max_pdu,
        resp_max_pdu, reject_result, abort_source, abort_reason, tunnel, proxied_for""",
    "traffic": "sensor, file",
}
"""Columns that neither a finding nor a table of the page asks for, by table."""
SEVERAL = {
    "times": ("all_times", TIMES_TWICE),
    "connections": ("all_connections", CONNECTIONS_TWICE),
    "associations": ("every", ASSOCIATIONS_TWICE),
}
"""By table, all rows of it, and which of them others tell as well: found in what was cut, not in
all there is."""
POINTED_WEEKS = 4
"""So far back findings point to connections, such as the last of what fell silent."""


def cut(connection: duckdb.DuckDBPyConnection, origin: str, week: Week) -> None:
    """Put tables of the week and of its history before the ledger's views of the same names.

    Of older weeks ``traffic`` is imaging traffic alone. New are ``hours``, all traffic of `origin`
    by hour, and the tables of `sum_imaging`.
    """
    first, before = week.shifted(-HISTORY_WEEKS).start, week.shifted(-1).start
    connection.execute("SET preserve_insertion_order = false")
    connection.execute(
        """CREATE TEMP TABLE hours AS
           SELECT hour, sum(bytes)::DOUBLE AS octets, sum(communications)::DOUBLE AS communications
           FROM traffic WHERE origin = ? AND hour >= ? AND hour < ? GROUP BY ALL""",
        [origin, first, week.end],
    )
    kept: dict[str, tuple[str, list[datetime]]] = {
        "traffic": (f"hour >= ? AND hour < ? AND ({IMAGING} OR hour >= ?)",
                    [first, week.end, before]),
        "connections": ("ts >= ? AND ts < ?", [week.shifted(-POINTED_WEEKS).start, week.end]),
        "associations": ("ts >= ? AND ts < ?", [first, week.end]),
        "notices": ("ts >= ? AND ts < ?", [first, week.end]),
        "times": ("hour >= ? AND hour < ?", [first, week.end]),
        "coverage": ("TRUE", []),
        "endpoints": ("TRUE", []),
    }  # fmt: skip
    for table, (where, values) in kept.items():
        what = f"* EXCLUDE ({UNUSED[table]})" if table in UNUSED else "*"
        whence, twice = SEVERAL.get(table, (table, ""))
        if twice and _is_selected(connection, table):
            whence, twice = table, ""
        connection.execute(
            f"CREATE TEMP TABLE cut_{table} AS SELECT {what} FROM {whence} WHERE {where}", values
        )
        if twice:
            places = twice.format(table=f"cut_{table}")
            connection.execute(f"DELETE FROM cut_{table} WHERE rowid IN ({places})")
        connection.execute(f"CREATE OR REPLACE TEMP VIEW {table} AS SELECT * FROM cut_{table}")
    sum_imaging(connection, origin, week)


def _is_selected(connection: duckdb.DuckDBPyConnection, table: str) -> bool:
    """Say whether rows of a table were chosen before (`ledger.selection`), each once."""
    query = "SELECT 1 FROM duckdb_tables() WHERE table_name = ?"
    return bool(connection.execute(query, [f"selected_{table}"]).fetchall())


def sum_imaging(connection: duckdb.DuckDBPyConnection, origin: str, week: Week) -> None:
    """Make tables of the imaging traffic of `origin`, for questions that many parts ask.

    ``host_hours`` has it by host, way (``in``, ``out``) and hour. ``pair_weeks`` has what the week
    and the one before have, by source and destination; `hour` is the week's first.
    """
    sums = (
        "sum(bytes)::DOUBLE AS bytes, sum(communications)::BIGINT AS communications,"
        " sum(samples)::DOUBLE AS samples, sum(weight_squares) AS weight_squares"
    )
    sides = " UNION ALL ".join(
        f"SELECT {side} AS host, '{way}' AS way, hour, {sums} FROM imaging GROUP BY ALL"
        for way, side in (("in", "destination"), ("out", "source"))
    )
    connection.execute(
        f"""CREATE TEMP TABLE host_hours AS
            WITH imaging AS (SELECT * FROM traffic WHERE origin = ? AND {IMAGING}) {sides}""",
        [origin],
    )
    connection.execute(
        f"""CREATE TEMP TABLE pair_weeks AS
            SELECT source, destination, origin,
                   CASE WHEN hour < $start THEN $before ELSE $start END AS hour, {sums}
            FROM traffic WHERE origin = $origin AND {IMAGING} AND hour >= $before AND hour < $end
            GROUP BY ALL""",
        {
            "origin": origin,
            "before": week.shifted(-1).start,
            "start": week.start,
            "end": week.end,
        },
    )
