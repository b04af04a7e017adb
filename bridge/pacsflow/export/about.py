"""What an export is of: its period, time zone, origin, sensors and version, for whoever gets it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from pacsflow import __version__
from pacsflow.ledger.tables import time_column

if TYPE_CHECKING:
    from collections.abc import Sequence

    import duckdb


HOURS = """SELECT epoch(hour)::BIGINT AS hour, sensor FROM coverage WHERE origin = ?"""
OF_LOG = "SELECT epoch_us({}) // 3600000000 * 3600, sensor FROM {}"


def about(
    connection: duckdb.DuckDBPyConnection, origin: str, zone: str = "", logs: Sequence[str] = ()
) -> dict[str, str]:
    """Return what has to be known of rows that leave the ledger, by name.

    Parameters
    ----------
    connection
        To the tables, cut to what was asked for.
    origin
        zeek, capture or sflow: whose rows count.
    zone
        The site's, where it is known; the times in an export are UTC.
    logs
        Tables of tag logs that rows come from besides: their hours may have no connections.
    """
    hours = [HOURS, *(OF_LOG.format(time_column(table), table) for table in logs)]
    first, last, sensors = connection.execute(
        "SELECT min(hour), max(hour),"
        " list(DISTINCT coalesce(sensor, '') ORDER BY coalesce(sensor, ''))"
        f" FROM ({' UNION ALL '.join(hours)})",
        [origin],
    ).fetchall()[0]
    named = [name or "without a name" for name in sensors or ()]
    return {
        "made by": f"pacsflow {__version__}",
        "made at (UTC)": _utc(datetime.now(UTC)),
        "first hour (UTC)": "" if first is None else _utc(datetime.fromtimestamp(first, UTC)),
        "end of the last hour (UTC)": ""
        if last is None
        else _utc(datetime.fromtimestamp(last, UTC) + timedelta(hours=1)),
        "time zone of times": "UTC",
        **({"time zone of the site": zone} if zone else {}),
        "origin": origin,
        "sensors": ", ".join(named),
    }


def _utc(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
