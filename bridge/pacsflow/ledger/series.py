"""Builds hourly series from a ledger, telling hours without data from hours without traffic."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np

from pacsflow import sampling
from pacsflow.ledger.future import come
from pacsflow.series import HOUR, HourlySeries, whole_hour

if TYPE_CHECKING:
    from collections.abc import Sequence

    import duckdb

SQUARES = {"bytes": "weight_squares", "packets": "power(packets, 2) / nullif(samples, 0)"}
"""The sum of w^2 of a ledger row; the packets of one row are taken to be of one rate."""
IMAGING = "service IN ('dicom', 'dicom?')"
"""Rows of imaging traffic, proven or by port."""


def covered_hours(connection: duckdb.DuckDBPyConnection, origin: str) -> set[datetime]:
    """Return the UTC hours in which `origin` saw anything begin or end.

    Hours that have not come are none.
    """
    rows = connection.execute(
        "SELECT DISTINCT epoch(hour)::BIGINT FROM coverage WHERE origin = ?", [origin]
    ).fetchall()
    return come(datetime.fromtimestamp(row[0], UTC) for row in rows)


def origins(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """Return the origins in the ledger, the one that covers most hours first."""
    rows = connection.execute(
        "SELECT origin FROM coverage GROUP BY origin ORDER BY count(DISTINCT hour) DESC,"
        " CASE origin WHEN 'zeek' THEN 0 WHEN 'sflow' THEN 1 ELSE 2 END"
    ).fetchall()
    return [row[0] for row in rows]


def read_series(
    connection: duckdb.DuckDBPyConnection,
    name: str,
    *,
    column: str = "bytes",
    where: str = "TRUE",
    values: Sequence[object] = (),
    origin: str,
    start: datetime | None = None,
    end: datetime | None = None,
    covered: set[datetime] | None = None,
) -> HourlySeries:
    """Return the hourly sum of a ledger column over the rows that fit.

    Parameters
    ----------
    connection
        From `Ledger.connect`.
    name
        The series' name, for people.
    column
        ``bytes``, ``packets``, ``communications`` or ``samples``.
    where, values
        A condition on ledger rows and the values of its ``?``.
    origin
        Whose rows: one origin alone, so that nothing is counted twice.
    start, end
        UTC; by default from the first to the last covered hour.
    covered
        `covered_hours`, where the caller has them already.
    """
    covered = covered_hours(connection, origin) if covered is None else covered
    if start is None or end is None:
        if not covered:
            return HourlySeries(name, column, whole_hour(start or datetime.now(UTC)), np.empty(0))
        start, end = start or min(covered), end or max(covered) + HOUR
    first = whole_hour(start)
    hours = int((whole_hour(end) - first) / HOUR)
    rows = connection.execute(
        f"SELECT epoch(hour)::BIGINT, sum({column})::DOUBLE FROM traffic WHERE origin = ?"
        f" AND hour >= ? AND hour < ? AND ({where}) GROUP BY hour",
        [origin, start, end, *values],
    ).fetchall()
    grid = np.full(max(hours, 0), np.nan)
    for hour in covered:
        place = int((hour - first) / HOUR)
        if 0 <= place < hours:
            grid[place] = 0.0
    for second, value in rows:
        place = int((datetime.fromtimestamp(second, UTC) - first) / HOUR)
        if np.isfinite(grid[place]):
            grid[place] = value
    return HourlySeries(name, column, first, grid)


def estimates(
    connection: duckdb.DuckDBPyConnection,
    column: str,
    *,
    where: str = "TRUE",
    values: Sequence[object] = (),
    origin: str,
) -> dict[datetime, sampling.Total]:
    """Return by hour (UTC) the estimate of ``bytes`` or ``packets`` with its 95 % interval.

    Hours without a sample are there where they are covered: nothing seen is not nothing.
    """
    rows = connection.execute(
        f"""SELECT epoch(hour)::BIGINT, sum({column})::DOUBLE, sum({SQUARES[column]}),
                   sum(samples)::BIGINT, sum(packets)::DOUBLE, sum(bytes)::DOUBLE FROM traffic
            WHERE origin = ? AND ({where}) GROUP BY hour HAVING sum(samples) > 0""",
        [origin, *values],
    ).fetchall()
    samples = sum(row[3] for row in rows) or 1
    rate = sum(row[4] for row in rows) / samples
    length = sum(row[5] for row in rows) / sum(row[4] for row in rows) if rate else 0.0
    unseen = sampling.nothing_seen(rate, length if column == "bytes" else 1.0)
    found = dict.fromkeys(covered_hours(connection, origin), unseen)
    for second, weights, squares, count, _, _ in rows:
        if weights:
            found[datetime.fromtimestamp(second, UTC)] = sampling.from_sums(weights, squares, count)
    return found
