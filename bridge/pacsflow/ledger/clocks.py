"""How far the sensors' clocks are apart, day by day, by what two of them saw.

A connection that both saw has the same hosts, packets and bytes, an association the same addresses
and ports; those that occur once at either sensor are compared. Of sensors that agree, most are
right: of two, the one whose name comes first. Hours of the others are moved by whole hours, their
associations by the difference itself.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import duckdb

    from pacsflow.ledger.records import Kept

LEAST_PAIRS = 5
"""So many connections must two sensors have seen, before their clocks are compared."""
MOST_SPREAD = 1.0
"""Seconds by which the middle half of the differences may differ, for a difference to be one."""
MOST_APART_HOURS = 26
"""Zones of the world, and a little more."""
AGREE = 1800.0
"""Seconds within which two clocks put an hour's traffic into the same hour for the most part."""
DAY = timedelta(days=1)
REACH = timedelta(days=7)
"""So long a difference is taken to last, before and after a day on which it was measured."""
NOTICED = 0.005
"""Seconds from which on associations are moved."""
TOLD = """
    SELECT coalesce(sensor, '') AS sensor,
           hash(source, destination, source_packets, destination_packets, bytes) AS same,
           min(ts) AS ts
    FROM {connections} GROUP BY ALL HAVING count(DISTINCT ts) = 1
"""
"""Connections that occur once at their sensor, by what is the same at another."""
_TOLD_BY_ASSOCIATIONS = """
    SELECT coalesce(sensor, ''), hash("id.orig_h", "id.orig_p", "id.resp_h", "id.resp_p"), min(ts)
    FROM {associations} GROUP BY ALL HAVING count(DISTINCT ts) = 1
"""
MEDIANS = f"""
    WITH told AS ({{told}}), pairs AS (
        SELECT a.sensor AS one, b.sensor AS other, CAST(a.ts AS DATE) AS day,
               (epoch_us(a.ts) - epoch_us(b.ts)) / 1e6 AS apart
        FROM told a JOIN told b USING (same) WHERE a.sensor <> b.sensor
    )
    SELECT one, other, {{day}} AS day, median(apart) AS apart, count(*) AS pairs,
           quantile_cont(apart, 0.75) - quantile_cont(apart, 0.25) AS spread
    FROM pairs WHERE abs(apart) <= {{most}} GROUP BY ALL
    HAVING pairs >= {LEAST_PAIRS} AND spread <= {MOST_SPREAD}
"""
"""How far each sensor's clock is ahead of each other's, `day` by day or (NULL) over all of
them; pairs are `most` seconds apart at most."""


@dataclass(frozen=True, slots=True)
class Clock:
    """How far a sensor's clock was ahead of another's on a day, seconds, by so many pairs."""

    sensor: str
    day: date
    reference: str
    seconds: float
    pairs: int


MEASURED = pa.schema(
    [
        ("sensor", pa.string()),
        ("day", pa.date32()),
        ("reference", pa.string()),
        ("seconds", pa.float64()),
        ("pairs", pa.int64()),
    ]
)
"""The columns of `Clock`."""
CLOCKS = pa.schema(
    [
        ("clock", pa.string()),
        ("begins", pa.date32()),
        ("ends", pa.date32()),
        ("seconds", pa.float64()),
    ]
)
"""Spans in which a clock's difference is taken to be one, by that clock."""


def measure(
    duck: duckdb.DuckDBPyConnection, connections: str, associations: str
) -> Iterator[Clock]:
    """Yield every sensor's clock of every day on which it can be compared.

    Parameters
    ----------
    connections, associations
        SQL of rows of these tables, as the files have them.
    """
    told = f"{TOLD} UNION ALL {_TOLD_BY_ASSOCIATIONS}"
    told = told.format(connections=f"({connections})", associations=f"({associations})")
    days: dict[date, dict[str, dict[str, tuple[float, int]]]] = defaultdict(dict)
    for one, other, day, apart, pairs, _ in duck.sql(
        MEDIANS.format(told=told, day="day", most=3600 * MOST_APART_HOURS)
    ).fetchall():
        days[day].setdefault(one, {})[other] = apart, pairs
    for day, apart_from in sorted(days.items()):
        yield from _of_day(day, apart_from)


def _of_day(day: date, apart_from: dict[str, dict[str, tuple[float, int]]]) -> Iterator[Clock]:
    """Yield a day's clocks, each against the one that most agree with in what it is compared."""
    left = set(apart_from)
    while left:
        right = min(left, key=lambda name: (-_agreeing(apart_from[name]), name))
        found = {right: Clock(right, day, right, 0.0, 0)}
        waiting = [right]
        while waiting:
            here = waiting.pop(0)
            for name in sorted(left - found.keys()):
                if here in apart_from[name]:
                    apart, pairs = apart_from[name][here]
                    found[name] = Clock(name, day, right, found[here].seconds + apart, pairs)
                    waiting.append(name)
        yield from found.values()
        left -= found.keys()


def _agreeing(others: dict[str, tuple[float, int]]) -> int:
    return sum(abs(apart) < AGREE for apart, _ in others.values())


def near(files: Iterable[Kept], first: date, last: date) -> list[Kept]:
    """Return the files that may have rows of some days, or of a day beside them."""
    low, high = str(_moved(first, -DAY)), str(_moved(last, DAY))
    return [k for k in files if low[: len(k.period)] <= k.period <= high[: len(k.period)]]


def spans(clocks: Iterable[Clock]) -> pa.Table:
    """Return since when and until when each clock's difference holds, in the columns `CLOCKS`.

    Between two days on which it was measured the earlier one's holds, no longer than `REACH`.
    """
    by_sensor: dict[str, list[Clock]] = defaultdict(list)
    for clock in sorted(clocks, key=lambda c: (c.sensor, c.day)):
        by_sensor[clock.sensor].append(clock)
    rows = [row for mine in by_sensor.values() for row in _spans(mine)]
    return pa.Table.from_pylist(rows, CLOCKS)


def _spans(mine: Sequence[Clock]) -> Iterator[dict[str, object]]:
    for number, clock in enumerate(mine):
        before = min(_moved(mine[number - 1].day, REACH), clock.day) if number else date.min
        after = mine[number + 1].day if number + 1 < len(mine) else date.max
        if abs(clock.seconds) < NOTICED:
            continue
        yield {
            "clock": clock.sensor,
            "begins": max(_moved(clock.day, -REACH), before),
            "ends": min(_moved(clock.day, REACH), after),
            "seconds": clock.seconds,
        }


def _moved(day: date, by: timedelta) -> date:
    try:
        return day + by
    except OverflowError:
        return date.min if by < timedelta(0) else date.max


def tell(connection: duckdb.DuckDBPyConnection, clocks: Iterable[Clock]) -> bool:
    """Make the tables ``measured_clocks`` and ``clocks``; say whether any row is to be moved."""
    rows = [asdict(clock) for clock in clocks]
    moved = spans(clocks)
    for name, table in (
        ("measured_clocks", pa.Table.from_pylist(rows, MEASURED)), ("clocks", moved),
    ):  # fmt: skip
        connection.register(f"{name}_rows", table)
        connection.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS SELECT * FROM {name}_rows")
        connection.unregister(f"{name}_rows")
    return bool(moved.num_rows)


def on_one_clock(rows: str, table: str) -> str:
    """Return SQL of a table's rows as the reference's clock has them, by the table ``clocks``."""
    time, by = "hour", "to_hours(coalesce(round(seconds / 3600), 0)::INTEGER)"
    if table == "associations":
        time, by = "ts", "to_microseconds(coalesce(round(seconds * 1e6), 0)::BIGINT)"
    return f"""
        SELECT rows.* REPLACE ({time} - {by} AS {time}) FROM ({rows}) rows LEFT JOIN clocks
        ON coalesce(sensor, '') = clock AND {time} >= begins AND {time} < ends
    """


MOVED = {"traffic", "coverage", "times", "associations"}
"""Tables in which what two sensors saw counts once."""
