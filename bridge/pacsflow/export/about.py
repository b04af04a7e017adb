"""What an export is of: its period, time zone, origin, sensors and version, for whoever gets it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from pacsflow import __version__

if TYPE_CHECKING:
    import duckdb


def about(connection: duckdb.DuckDBPyConnection, origin: str, zone: str = "") -> dict[str, str]:
    """Return what has to be known of rows that leave the ledger, by name.

    Parameters
    ----------
    connection
        To the tables, cut to what was asked for.
    origin
        zeek, capture or sflow: whose rows count.
    zone
        The site's, where it is known; the times in an export are UTC.
    """
    first, last, sensors = connection.execute(
        "SELECT epoch(min(hour))::BIGINT, epoch(max(hour))::BIGINT,"
        " list(DISTINCT coalesce(sensor, '') ORDER BY coalesce(sensor, '')) FROM coverage"
        " WHERE origin = ?",
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
