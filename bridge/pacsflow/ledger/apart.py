"""Finds associations that two captures tell alike, further apart in time than clocks are put right.

Two places of capture whose clocks show other time zones, say. Such captures do not overlap, so they
count as traffic of two times: what they have in common is said, with the figures.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pyarrow as pa

from pacsflow.ledger.clocks import near
from pacsflow.ledger.pieces import APART, CARRIED, FLOW
from pacsflow.ledger.twins import paths
from pacsflow.printable import counted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date, datetime
    from pathlib import Path

    import duckdb

    from pacsflow.ledger.records import Kept

ZONES = timedelta(hours=26)
"""Zones of the world are no further apart."""
SPREAD = 1_000_000
"""Microseconds by which the differences of one pair of clocks may differ."""
LONGER = 0.1
"""Seconds by which an association may seem longer at one place than at another."""
_ALIKE = f"""
    WITH told AS (
        SELECT file, epoch_us(ts) AS t, coalesce(duration, 0) AS lasts, {FLOW},
               {CARRIED} AS carried, data_bytes_orig + data_bytes_resp AS data,
               count(*) OVER (PARTITION BY file, {FLOW}) AS times
        FROM read_parquet($files, hive_partitioning = FALSE) SEMI JOIN of_frames USING (file)
    ), pairs AS (
        SELECT new.file AS file, old.file AS other, new.t - old.t AS apart, new.data AS data
        FROM told AS new JOIN told AS old USING ({FLOW}, carried)
             JOIN added ON added.file = new.file
        WHERE new.file <> old.file AND new.times = 1 AND old.times = 1
          AND abs(new.t - old.t) BETWEEN {APART} AND {ZONES / timedelta(microseconds=1):.0f}
          AND abs(new.lasts - old.lasts) <= {LONGER}
          AND (old.file NOT IN (SELECT file FROM added) OR old.t < new.t)
    ), clocks AS (
        SELECT file, other, median(apart) AS usual FROM pairs GROUP BY ALL
    )
    SELECT file, other, count(*), sum(data)::BIGINT, any_value(usual) / 1e6
    FROM pairs JOIN clocks USING (file, other) WHERE abs(apart - usual) <= {SPREAD}
    GROUP BY file, other HAVING sum(data) > 0 ORDER BY file, count(*) DESC, other
"""


def remarks(
    duck: duckdb.DuckDBPyConnection,
    staging: tuple[Path, Sequence[Kept]],
    ledger: tuple[Path, Sequence[Kept]],
    added: Mapping[str, tuple[str, datetime, datetime]],
    before: Mapping[str, str],
) -> dict[str, list[str]]:
    """Return what is to be said of new captures, by their marks.

    Parameters
    ----------
    staging, ledger
        Folders, and the files in them.
    added
        The new captures, at least one, by mark: what they are called, and their earliest and
        latest time.
    before
        What those of the ledger are called, by mark.
    """
    first = _day(min(begins for _, begins, _ in added.values()), -ZONES)
    last = _day(max(ends for _, _, ends in added.values()), ZONES)
    files = paths(*staging, "associations")
    files += paths(ledger[0], near(ledger[1], first, last), "associations")
    if not files:
        return {}
    names = {**before, **{mark: name for mark, (name, _, _) in added.items()}}
    duck.register("of_frames", pa.table({"file": pa.array(sorted(names), pa.string())}))
    duck.register("added", pa.table({"file": pa.array(sorted(added), pa.string())}))
    try:
        found = duck.execute(_ALIKE, {"files": files}).fetchall()
    finally:
        duck.unregister("of_frames")
        duck.unregister("added")
    said: dict[str, list[str]] = {}
    for mark, other, number, data, seconds in found:
        said.setdefault(mark, []).append(_said(names[other], number, data, seconds))
    return said


def _day(moment: datetime, step: timedelta) -> date:
    try:
        return (moment + step).date()
    except OverflowError:  # the first or the last day that there is
        return moment.date()


def _said(other: str, number: int, data: int, seconds: float) -> str:
    way = "later" if seconds > 0 else "earlier"
    whole, rest = divmod(round(abs(seconds)), 3600)
    apart = counted(whole, "hour", "hours")
    apart += f" and {counted(rest, 'second', 'seconds')}" if rest else ""
    return (
        f"{counted(number, 'association of it is', 'associations of it are')} like those of "
        f"{other}, {apart} {way}, to ports, "
        "titles, bytes and duration: the same traffic, it seems, captured by a clock of another "
        f"time zone. It counts twice, {data:,} bytes of data sets among it; leave one of both out"
    )
