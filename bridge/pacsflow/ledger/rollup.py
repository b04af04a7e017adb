"""Makes the Internet's hosts one in months long past, where they never had to do with imaging.

A sensor on an Internet link sees a million remote addresses a week. After a time that the site sets
their rows become one an (hour, host of the site, service, direction): sums stay exact to the byte,
for the site's hosts as for everything. Pairs of the site's own hosts, and pairs that ever carried
imaging, stay as they are.
"""

from __future__ import annotations

import secrets
from collections import defaultdict
from typing import TYPE_CHECKING

import pyarrow as pa

from pacsflow.ledger.compaction import written
from pacsflow.ledger.engine import engine
from pacsflow.ledger.records import Change
from pacsflow.ledger.series import IMAGING
from pacsflow.ledger.store import STAGING
from pacsflow.ledger.views import FAMILY, select
from pacsflow.terms.networks import INTERNET

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date

    import duckdb

    from pacsflow.ledger import Ledger
    from pacsflow.ledger.records import Kept

ROLLED = "-rolled"
"""What the name of a file ends with, before its suffix, that has nothing more to roll up."""
_SUMS = """
    sum(communications)::BIGINT AS communications, sum(packets)::BIGINT AS packets,
    sum(bytes)::BIGINT AS bytes, sum(samples)::BIGINT AS samples,
    sum(missed_bytes)::BIGINT AS missed_bytes, sum(weight_squares) AS weight_squares
"""
_ROWS = f"""
    WITH netted AS (
        SELECT hour, source, destination, service, origin, {_SUMS}, sensor, file
        FROM ({{rows}}) GROUP BY ALL
    ), marked AS (
        SELECT *, origin IN ('zeek', 'sflow')
               AND (source IN (FROM remote) OR destination IN (FROM remote))
               AND NOT EXISTS (FROM imaging i WHERE i.a = least(source, destination)
                               AND i.b = greatest(source, destination)) AS rolls
        FROM netted
    ), summed AS (
        SELECT *, sum(bytes) OVER seen AS most, sum(packets) OVER seen AS packets_seen FROM marked
        WINDOW seen AS (PARTITION BY hour, source, destination, origin, sensor, {FAMILY})
    ), once AS (
        SELECT * FROM summed QUALIFY NOT rolls OR dense_rank() OVER (
            PARTITION BY hour, source, destination, origin, {FAMILY}
            ORDER BY most DESC, packets_seen DESC, sensor NULLS FIRST) = 1
    )
    SELECT hour,
           CASE WHEN rolls AND source IN (FROM remote) THEN '{INTERNET}' ELSE source END AS source,
           CASE WHEN rolls AND destination IN (FROM remote) THEN '{INTERNET}' ELSE destination END
               AS destination,
           service, origin, {_SUMS}, sensor, file
    FROM once GROUP BY ALL
"""
"""What several sensors saw of a pair counts once before its name is gone, as views have it."""


def is_rolled(kept: Kept) -> bool:
    """Say whether a file has nothing more to roll up."""
    return kept.name.endswith(f"{ROLLED}.parquet")


def roll_up(ledger: Ledger, before: date, own: Callable[[str], bool]) -> tuple[int, int]:
    """Roll up the months that ended before a day; returns rows of traffic before and after.

    Parameters
    ----------
    before
        UTC.
    own
        Says whether an address is one of the site's own hosts.
    """
    was = now = 0
    with ledger.store.writing(), ledger.store.room(), engine() as duck:
        ledger.store.recover()
        files = [kept for kept in ledger.journal.files() if kept.table == "traffic"]
        months: dict[str, list[Kept]] = defaultdict(list)
        for kept in files:
            if kept.period[:7] < str(before)[:7]:
                months[kept.period[:7]].append(kept)
        for month, mine in sorted(months.items()):
            was += sum(kept.rows for kept in mine)
            if all(map(is_rolled, mine)):
                now += sum(kept.rows for kept in mine)
                continue
            made = _month(duck, ledger, month, mine, own)
            now += made.rows if made else 0
    return was, now


def _month(
    duck: duckdb.DuckDBPyConnection,
    ledger: Ledger,
    month: str,
    files: list[Kept],
    own: Callable[[str], bool],
) -> Kept | None:
    """Write a month anew, in one change."""
    every = [kept for kept in ledger.journal.files() if kept.table == "traffic"]
    duck.execute(
        f"""CREATE OR REPLACE TEMP TABLE imaging AS
            SELECT DISTINCT least(source, destination) AS a, greatest(source, destination) AS b
            FROM ({select(duck, ledger.folder, "traffic", every)}) WHERE {IMAGING}"""
    )
    rows = select(duck, ledger.folder, "traffic", files)
    hosts = duck.sql(
        f"SELECT source FROM ({rows}) UNION SELECT destination FROM ({rows})"
    ).fetchall()
    strangers = [row[0] for row in hosts if row[0] and row[0] != INTERNET and not own(row[0])]
    duck.register("strangers", pa.table({"host": pa.array(strangers, pa.string())}))
    duck.execute("CREATE OR REPLACE TEMP TABLE remote AS FROM strangers")
    duck.unregister("strangers")
    staging = ledger.folder / STAGING / "rolled"
    name = f"traffic/month={month}/{secrets.token_hex(12)}{ROLLED}.parquet"
    made = written(duck, staging, name, _ROWS.format(rows=rows))
    change = Change(files=[made] if made else [], dropped=[kept.name for kept in files])
    ledger.store.commit(change, [staging])
    return made
