"""Compares the sensors of a ledger: what each saw alone, what others saw too, and their clocks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pacsflow.ledger.clocks import MEDIANS, MOST_SPREAD, TOLD
from pacsflow.ledger.views import FAMILY

if TYPE_CHECKING:
    from datetime import datetime

    import duckdb


@dataclass(frozen=True, slots=True)
class Vantage:
    """What one sensor saw of a period; `sensor` is empty for rows that do not say whose they are.

    Parameters
    ----------
    bytes
        All that it saw.
    alone
        Bytes of what no other sensor saw: of hours, hosts and services that only it has.
    shared
        Bytes, as it saw them, of what others saw as well.
    most
        The same as the sensor saw it that saw most.
    """

    sensor: str
    bytes: int
    alone: int
    shared: int
    most: int

    @property
    def lacking(self) -> float | None:
        """Return the share that it lacks of what others saw as well; None where nothing is."""
        return 1 - self.shared / self.most if self.most else None


@dataclass(frozen=True, slots=True)
class Offset:
    """How far a sensor's clock is ahead of another's, seconds, by connections that both saw.

    Differences within `spread` seconds are half of all: their quartiles.
    """

    sensor: str
    reference: str
    seconds: float
    spread: float
    connections: int


def vantages(
    connection: duckdb.DuckDBPyConnection, origin: str, start: datetime, end: datetime
) -> tuple[Vantage, ...]:
    """Return what each sensor saw, whoever saw most of it; those that saw most first.

    Parameters
    ----------
    connection
        From `Ledger.connect`.
    origin
        Whose rows; of two origins nothing is compared.
    start, end
        UTC, `end` not included.
    """
    rows = connection.execute(
        f"""WITH seen AS (
               SELECT coalesce(sensor, '') AS sensor, hour, source, destination,
                      {FAMILY} AS family, sum(bytes) AS octets
               FROM seen_traffic WHERE origin = ? AND hour >= ? AND hour < ? GROUP BY ALL
           ), compared AS (
               SELECT sensor, octets, count(*) OVER same AS views, max(octets) OVER same AS most
               FROM seen WINDOW same AS (PARTITION BY hour, source, destination, family)
           )
           SELECT sensor, sum(octets)::BIGINT,
                  coalesce(sum(octets) FILTER (views = 1), 0)::BIGINT,
                  coalesce(sum(octets) FILTER (views > 1), 0)::BIGINT,
                  coalesce(sum(most) FILTER (views > 1), 0)::BIGINT
           FROM compared GROUP BY 1 ORDER BY 2 DESC, 1""",
        [origin, start, end],
    ).fetchall()
    return tuple(Vantage(*row) for row in rows)


def offsets(
    connection: duckdb.DuckDBPyConnection, start: datetime, end: datetime
) -> tuple[Offset, ...]:
    """Return how far the sensors' clocks are apart, each compared with the one it shares most with.

    A connection that both saw has the same hosts, packets and bytes; those that occur once at
    either sensor are compared, and the median of the differences is the offset. Of sensors that
    have no such connections, it is what was measured when their associations came in.
    """
    found = _by_connections(connection, start, end)
    known = {offset.sensor for offset in found}
    return (*found, *(o for o in _measured(connection, start, end) if o.sensor not in known))


def _measured(
    connection: duckdb.DuckDBPyConnection, start: datetime, end: datetime
) -> tuple[Offset, ...]:
    query = "SELECT 1 FROM duckdb_tables() WHERE table_name = 'measured_clocks'"
    if not connection.execute(query).fetchall():
        return ()
    rows = connection.execute(
        """SELECT sensor, reference, median(seconds), sum(pairs)::BIGINT FROM measured_clocks
           WHERE sensor <> reference AND day >= ? AND day < ? GROUP BY sensor, reference
           QUALIFY row_number() OVER (PARTITION BY sensor ORDER BY sum(pairs) DESC, reference) = 1
           ORDER BY sensor""",
        [start, end],
    ).fetchall()
    return tuple(Offset(one, other, apart, MOST_SPREAD, n) for one, other, apart, n in rows)


def _by_connections(
    connection: duckdb.DuckDBPyConnection, start: datetime, end: datetime
) -> tuple[Offset, ...]:
    told = TOLD.format(connections="(FROM connections WHERE ts >= $start AND ts < $end)")
    medians = MEDIANS.format(told=told, day="NULL", most="1e99")
    rows = connection.execute(
        f"""SELECT one, other, apart, spread, pairs FROM ({medians})
            QUALIFY row_number() OVER (PARTITION BY one ORDER BY pairs DESC, other) = 1
            ORDER BY one""",
        {"start": start, "end": end},
    ).fetchall()
    return tuple(Offset(*row) for row in rows)
