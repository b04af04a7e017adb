"""Finds logs that tell the same connections at other times: two sensors whom nobody has named.

Connections are known by their start, so that a second sensor's log counts twice where its clock
differs by more than the 10 ms within which they are one. Rows with names of sensors count once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from pacsflow.ledger.clocks import LEAST_PAIRS, MOST_APART_HOURS, MOST_SPREAD
from pacsflow.ledger.pieces import FLOW
from pacsflow.ledger.twins import days_of, near, paths

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from pathlib import Path

    import duckdb

    from pacsflow.ledger.records import Kept

LEAST_BYTES = 100_000
"""What is asked by the hour has the same few bytes each time: images have not."""
CLOSE = 0.01
"""Seconds within which what two logs tell is one connection, and counts once."""
LEAST_SHARE = 0.5
"""Of what the smaller log tells of such connections, so many must be in the other one."""
UNSET = 600
"""Seconds by which a clock that nobody sets may differ."""
ZONES, OFF = 900, 5
"""Zones of the world are quarters of an hour apart, of a day at most; and clocks a little off."""
MOST_OF_FEW = 1000
"""Logs with more connections have images that are like no other."""
LEAST_OF_SMALL = {"connections": 3, "associations": 2}
"""So many must two logs share, in which there is no image: ports tell more than packets do."""
LEAST_OF_IMAGE = {"connections": LEAST_BYTES, "associations": 0}
"""What the first comparison takes of a table: titles and counts tell associations apart."""
_PAIRS = f"""
    WITH single AS (
        SELECT file, sensor, min(t) AS t, any_value(bytes) AS bytes, same,
               any_value(turned) AS turned FROM compared
        WHERE coalesce(bytes, 0) >= {{image}} GROUP BY file, sensor, same HAVING count(*) = 1
    ), whole AS (SELECT file, count(*) AS number FROM single GROUP BY file),
    pairs AS (
        SELECT new.file AS file, old.file AS other, new.t - old.t AS apart, new.bytes AS bytes,
               new.turned <> old.turned AS turned
        FROM single AS new JOIN single AS old USING (same)
        WHERE new.file IN (SELECT file FROM added) AND new.file <> old.file
          AND new.sensor IS NOT DISTINCT FROM old.sensor
          AND (old.file NOT IN (SELECT file FROM added) OR old.file < new.file)
          AND (abs(new.t - old.t) > {CLOSE} OR new.turned <> old.turned)
          AND abs(new.t - old.t) <= {MOST_APART_HOURS * 3600}
    )
    SELECT pairs.file, other, count(*), coalesce(sum(bytes), 0)::BIGINT, median(apart),
           bool_and(turned)
    FROM pairs JOIN whole AS a ON a.file = pairs.file JOIN whole AS b ON b.file = other
    GROUP BY pairs.file, other
    HAVING count(*) >= {LEAST_PAIRS}
       AND count(*) >= {LEAST_SHARE} * least(any_value(a.number), any_value(b.number))
       AND quantile_cont(apart, 0.75) - quantile_cont(apart, 0.25) <= {MOST_SPREAD}
    ORDER BY pairs.file, count(*) DESC, other
"""
_FEW = f"""
    WITH whole AS (
        SELECT file, count(*) AS number, max(t) - min(t) AS lasts FROM compared GROUP BY file
        HAVING count(*) <= {MOST_OF_FEW}
    ), counted AS (
        SELECT *, row_number() OVER (PARTITION BY file, same ORDER BY t) AS nth
        FROM compared SEMI JOIN whole USING (file)
    ), pairs AS (
        SELECT new.file AS file, old.file AS other, new.t - old.t AS apart, new.bytes AS bytes,
               new.turned <> old.turned AS turned
        FROM counted AS new JOIN counted AS old USING (same, nth)
        WHERE new.file IN (SELECT file FROM added) AND new.file <> old.file
          AND new.sensor IS NOT DISTINCT FROM old.sensor
          AND (old.file NOT IN (SELECT file FROM added) OR old.file < new.file)
    ), alike AS (
        SELECT file, other, count(*) AS number, coalesce(sum(bytes), 0)::BIGINT AS octets,
               median(apart) AS usual, max(bytes) AS most, bool_and(turned) AS turned
        FROM pairs GROUP BY file, other HAVING max(apart) - min(apart) <= {MOST_SPREAD}
    )
    SELECT file, other, alike.number, octets, usual, turned
    FROM alike JOIN whole AS a USING (file) JOIN whole AS b ON b.file = other
    WHERE alike.number = least(a.number, b.number) AND (abs(usual) > {CLOSE} OR turned)
      AND (abs(usual) <= {UNSET} OR abs(usual) < 86400 - {UNSET}
           AND abs(abs(usual) - {ZONES} * round(abs(usual) / {ZONES})) <= {OFF})
      AND (most >= {LEAST_BYTES} OR alike.number >= {{least}}
           AND abs(usual) < least(a.lasts, b.lasts) / 2)
    ORDER BY file, alike.number DESC, other
"""
"""Logs with few images, or images that are all alike: all that one tells is in the other, in its
order, by one difference. What is asked by the hour is told apart by the logs' times."""
TOLD = {
    "connections": """
        SELECT file, sensor, epoch_us(ts) / 1e6 AS t, bytes,
               source > destination AS turned,
               hash(least(source, destination), greatest(source, destination), bytes,
                    if(turned, destination_packets, source_packets),
                    if(turned, source_packets, destination_packets)) AS same
        FROM read_parquet($files, hive_partitioning = FALSE)
    """,
    "associations": f"""
        SELECT file, sensor, epoch_us(ts) / 1e6 AS t, data_bytes_orig + data_bytes_resp AS bytes,
               FALSE AS turned, hash({FLOW}) AS same
        FROM read_parquet($files, hive_partitioning = FALSE)
    """,
}
"""What is the same at two sensors, by table; one that begins in a connection's middle may take the
other end for its originator."""
CALLED = {"connections": "imaging connections", "associations": "associations"}


def remarks(
    duck: duckdb.DuckDBPyConnection,
    staging: tuple[Path, Sequence[Kept]],
    ledger: tuple[Path, Sequence[Kept]],
    added: Collection[str],
    name: Callable[[str], str],
) -> dict[str, list[str]]:
    """Return what is to be said of new logs, by their marks.

    Parameters
    ----------
    staging, ledger
        Folders, and the files in them.
    added
        Marks of the new logs.
    name
        Returns what the log of a mark is called.
    """
    said: dict[str, list[str]] = {}
    duck.register("added", pa.table({"file": pa.array(sorted(added), pa.string())}))
    try:
        for table, told in TOLD.items():
            files = _files(staging, ledger, table, alone=len(added) < 2)
            if not files:
                continue
            duck.execute(f"CREATE OR REPLACE TEMP TABLE compared AS {told}", {"files": files})
            pairs = _PAIRS.format(image=LEAST_OF_IMAGE[table])
            for asked in (pairs, _FEW.format(least=LEAST_OF_SMALL[table])):
                for mark, other, *found in duck.execute(asked).fetchall():
                    if mark not in said:  # the other log that it is most like; a name is a search
                        said[mark] = [_said(table, name(other), *found)]
    finally:
        duck.unregister("added")
        duck.execute("DROP TABLE IF EXISTS compared")
    return said


def _files(
    staging: tuple[Path, Sequence[Kept]],
    ledger: tuple[Path, Sequence[Kept]],
    table: str,
    *,
    alone: bool,
) -> list[str]:
    """Return a table's files of the new logs' days; none where a log is the only one."""
    new = [kept for kept in staging[1] if kept.table == table]
    days = [day for kept in new for day in days_of(kept.period)]
    old = paths(ledger[0], near(ledger[1], days), table)
    return [] if not new or (alone and not old) else paths(*staging, table) + old


def _said(table: str, other: str, number: int, octets: int, seconds: float, turned: bool) -> str:
    way = f"{abs(seconds):,.2f} seconds {'later' if seconds > 0 else 'earlier'}"
    why = "by clocks that differ"
    if turned:
        way, why = "the other way round", "one of them from its middle on"
    return (
        f"{number:,} of its {CALLED[table]} are like those of {other}, {way}: "
        f"two sensors saw the same traffic, it seems, {why}. It "
        f"counts twice, {octets:,} bytes of these alone; add each with its --sensor NAME"
    )
