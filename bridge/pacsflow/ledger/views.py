"""Shows a ledger's files as one table each, in which what several saw counts once."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pacsflow.ledger.capture_places import OF_FRAMES, tell
from pacsflow.ledger.clocks import MOVED, on_one_clock
from pacsflow.ledger.clocks import tell as tell_clocks
from pacsflow.ledger.engine import empty, engine, null
from pacsflow.ledger.pieces import CROSSES, whole
from pacsflow.ledger.records import of_kinds
from pacsflow.ledger.tables import TABLES
from pacsflow.ledger.times import ONCE as TIMES_ONCE
from pacsflow.terms.networks import INTERNET

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    import duckdb

    from pacsflow.ledger.journal import Journal
    from pacsflow.ledger.records import Kept
    from pacsflow.pseudonyms import Pseudonyms

OF_FORMAT_1 = re.compile(r"[0-9a-f]{32}\.parquet")
"""Names of files that an earlier pacsflow made: of one source, whose mark the name begins with."""
SAME_START = 10_000
"""Microseconds within which two tools may say that one association began."""
FLOW = '"id.orig_h", "id.orig_p", "id.resp_h", "id.resp_p"'
TELLING = f'uid, ts, "end", duration, sensor, file, {FLOW}'
"""Columns that tell which rows of dicom.log are of one association."""
ONCE_EACH = f"""
    WITH last AS (
        SELECT {{what}} FROM {{table}} QUALIFY uid IS NULL OR row_number() OVER (
            PARTITION BY uid, ts ORDER BY "end" IS NULL, duration DESC NULLS LAST) = 1
    ), near AS (
        SELECT *, epoch_us(ts) - lag(epoch_us(ts)) OVER (
            PARTITION BY {FLOW} ORDER BY ts, uid) < {SAME_START} AS goes_on
        FROM last
    ), runs AS (
        SELECT * EXCLUDE (goes_on), sum((NOT coalesce(goes_on, FALSE))::INTEGER) OVER (
            PARTITION BY {FLOW} ORDER BY ts, uid ROWS UNBOUNDED PRECEDING) AS run
        FROM near
    ), shares AS (
        SELECT *, count(*) OVER (PARTITION BY {FLOW}, run, sensor, file) AS told FROM runs
    )
    SELECT * EXCLUDE (run, told) FROM shares
    QUALIFY dense_rank() OVER (
        PARTITION BY {FLOW}, run ORDER BY told DESC, sensor NULLS FIRST, file) = 1
"""
"""Of a long association dicom.log has a row every few minutes; the last one tells it all. What two
sensors or tools saw has rows in the files of both; those of the one that tells more are enough. Two
rows of one file are two associations, however close."""
FAMILY = "CASE service WHEN 'dicom?' THEN 'dicom' ELSE service END"
"""A service and what a sensor that cannot look into it calls it."""
_BEST = f"""
    WITH seen AS (
        SELECT hour, source, destination, service, origin, sensor,
               CASE WHEN origin = 'capture' THEN vantage END AS place,
               sum(communications)::BIGINT AS communications, sum(packets)::BIGINT AS packets,
               sum(bytes)::BIGINT AS bytes, sum(samples)::BIGINT AS samples,
               sum(missed_bytes)::BIGINT AS missed_bytes, sum(weight_squares) AS weight_squares,
               any_value(file) AS file
        FROM {{table}} LEFT JOIN captured USING (file) GROUP BY ALL
    ), ranked AS (
        SELECT *, sum(bytes) OVER view AS most, sum(packets) OVER view AS packets_seen FROM seen
        WINDOW view AS (PARTITION BY hour, source, destination, origin, sensor, place, {FAMILY})
    )
    SELECT * EXCLUDE (most, packets_seen, place) FROM ranked
    QUALIFY '{INTERNET}' IN (source, destination) OR dense_rank() OVER (
        PARTITION BY hour, source, destination, origin, {FAMILY}
        ORDER BY most DESC, packets_seen DESC, sensor NULLS FIRST, place) = 1
"""
"""Of what several sensors, or captures at several places, saw, the rows of who saw most. Where the
Internet is one host, that was chosen before."""
ASSOCIATIONS_TWICE = f"""
    WITH twins AS MATERIALIZED (
        SELECT {TELLING}, rowid AS place FROM {{table}} WHERE hash({FLOW}) IN
            (SELECT hash({FLOW}) FROM {{table}} GROUP BY 1 HAVING count(*) > 1)
    )
    SELECT place FROM twins
    EXCEPT SELECT place FROM ({ONCE_EACH.format(what="*", table="twins")})
"""
"""The places of rows of a table that others tell as well: only those of a flow that has several are
sorted."""
_BY_SIZE = "row_number() OVER (PARTITION BY uid, ts ORDER BY bytes DESC)"
_OF_ONE_CONNECTION = f"SELECT * FROM {{table}} QUALIFY uid IS NULL OR {_BY_SIZE} = 1"
CONNECTIONS_TWICE = f"""
    SELECT place FROM (
        SELECT rowid AS place, uid, ts, bytes FROM {{table}} WHERE uid IS NOT NULL AND hash(uid, ts)
            IN (SELECT hash(uid, ts) FROM {{table}} GROUP BY 1 HAVING count(*) > 1)
    ) QUALIFY {_BY_SIZE} > 1
"""
"""The same of connections."""
_NO_TWINS = "SELECT DISTINCT * EXCLUDE (file), NULL::VARCHAR AS file FROM {table}"
ONCE = {
    "connections": _OF_ONE_CONNECTION,
    "notices": _NO_TWINS,
    "tls": _NO_TWINS,
    "endpoints": _NO_TWINS,
    "times": TIMES_ONCE,
}
"""How rows that several files tell are shown once, for tables other than the two above."""


def show(
    connection: duckdb.DuckDBPyConnection,
    folder: Path,
    files: Sequence[Kept],
    journal: Journal,
    pseudonyms: Pseudonyms | None,
) -> None:
    """Make a view of every table, and `every` of all rows of dicom.log.

    Parameters
    ----------
    files
        Of which the ledger consists at this moment.
    journal
        Of the sources whose rows they have: what several of them saw is chosen from, and what two
        sensors saw has one hour.
    pseudonyms
        Stand in the place of names, where there are any.
    """
    if pseudonyms is None:
        _show(connection, folder, files, journal)
        return
    # What counts once is chosen by its own names: which key there is changes no number.
    with engine() as named:
        _show(named, folder, files, journal)
        for table in EXPOSED:
            rows = named.table(table).to_arrow_table()
            connection.from_arrow(pseudonyms.table(rows)).create_view(table)


EXPOSED = (*TABLES, "seen_traffic", "every")
"""The views that are asked."""


def _show(
    connection: duckdb.DuckDBPyConnection,
    folder: Path,
    files: Sequence[Kept],
    journal: Journal,
) -> None:
    clocks = journal.clocks()
    moves = bool(clocks) and tell_clocks(connection, clocks)
    captures, places = tell(connection, journal.entries(of_kinds(OF_FRAMES)))
    several = places > 1 or bool(journal.sensors())
    for table, schema in TABLES.items():
        mine = [kept for kept in files if kept.table == table]
        found = select(connection, folder, table, mine) if mine else empty(schema)
        if moves and table in MOVED:
            found = on_one_clock(found, table)
        rows = connection.sql(found)
        if table == "associations":
            edges = [kept for kept in files if kept.table == "edges"]
            sql = select(connection, folder, "edges", edges) if edges else empty(TABLES["edges"])
            rows = _associations(connection, rows, captures, sql)
        elif table == "traffic":
            if captures > 1:
                rows = _uncut(connection, folder, files, rows)
            rows.create_view("seen_traffic")
            if several:
                rows = connection.sql(_BEST.format(table="seen_traffic"))
        elif table in ONCE:
            rows.create_view(f"all_{table}")
            rows = connection.sql(ONCE[table].format(table=f"all_{table}"))
        rows.create_view(table)


def _associations(
    connection: duckdb.DuckDBPyConnection,
    rows: duckdb.DuckDBPyRelation,
    captures: int,
    edges: str,
) -> duckdb.DuckDBPyRelation:
    """Return associations, each once; those of several captures are put together before."""
    if captures > 1:
        rows.create_view("every_piece")
        connection.sql(edges).create_view("every_edge")
        rows = connection.sql(whole("every_piece", "every_edge"))
    rows.create_view("every")
    return connection.sql(ONCE_EACH.format(what="*", table="every"))


def _uncut(
    connection: duckdb.DuckDBPyConnection,
    folder: Path,
    files: Sequence[Kept],
    traffic: duckdb.DuckDBPyRelation,
) -> duckdb.DuckDBPyRelation:
    """Return traffic in which conversations over several files of a capture count once."""
    crossing = [kept for kept in files if kept.table == "crossing"]
    if not crossing:
        return traffic
    connection.sql(select(connection, folder, "crossing", crossing)).create_view("all_crossing")
    traffic.create_view("all_traffic")
    return connection.sql(CROSSES.format(traffic="all_traffic", crossing="all_crossing"))


def select(
    connection: duckdb.DuckDBPyConnection, folder: Path, table: str, files: Iterable[Kept]
) -> str:
    """Return SQL for the rows of some files of a table, in its columns."""
    old: list[str] = []
    new: list[str] = []
    for kept in files:
        name = kept.name.rsplit("/", 1)[1]
        (old if OF_FORMAT_1.fullmatch(name) else new).append(str(folder / kept.name))
    parts = [_read(connection, paths, table) for paths in (new, old) if paths]
    return " UNION ALL ".join(parts) if parts else empty(TABLES[table])


def _read(connection: duckdb.DuckDBPyConnection, files: list[str], table: str) -> str:
    """Return SQL for files of one format; columns that came later than they are null."""
    listed = ", ".join("'" + path.replace("'", "''") + "'" for path in files)
    options = "hive_partitioning = false"
    there = set(TABLES[table].names)
    of_format_1 = bool(OF_FORMAT_1.search(files[0]))
    if table not in FIXED or of_format_1:
        options += ", union_by_name = true"
        there = set(connection.sql(f"FROM read_parquet([{listed}], {options}) LIMIT 0").columns)
    columns = [
        f'"{f.name}"' if f.name in there else f'{null(f)} AS "{f.name}"' for f in TABLES[table]
    ]
    if of_format_1:
        options += ", filename = true"
        columns[-1] = f"regexp_extract(filename, '{MARK_OF_FORMAT_1}', 1) AS file"
    return f"SELECT {', '.join(columns)} FROM read_parquet([{listed}], {options})"


FIXED = {
    "traffic", "coverage", "keys", "lasting", "tunnels", "times", "crossing", "edges", "remarks",
}  # fmt: skip
"""Tables whose columns are the ledger's own: all files of a format have the same."""
MARK_OF_FORMAT_1 = r"([0-9a-f]{16})[0-9a-f]{16}\.parquet$"
