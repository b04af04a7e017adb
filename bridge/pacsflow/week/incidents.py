"""Names the hosts behind hours that were not as had been forecast."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from pacsflow.ledger.series import IMAGING
from pacsflow.series import HOUR
from pacsflow.weekly import Incident

if TYPE_CHECKING:
    from datetime import datetime

    from pacsflow.week.hosts import Hosts
    from pacsflow.week.traffic import Slice
    from pacsflow.weekly import Curve, Party

Z95 = 1.96
JOIN_HOURS = 2
NAMED = 3
LIMIT = 20
LEAST_SHARE = 0.002
"""An incident moves at least this share of the week's bytes; less is noise that nobody acts on."""


def incidents(part: Slice, hosts: Hosts, made: dict[str, Curve]) -> tuple[Incident, ...]:
    """Return the hours outside the 95 % interval, joined, the least likely first.

    Only forecasts made from what was known before the week count (`Curve.expected`).
    """
    curve = made["imaging"]
    if curve.expected is None:
        return ()
    whole = sum(v for v in curve.observed.values if v is not None)
    found = []
    for direction, run in _runs(curve):
        start = curve.observed.start + run[0] * HOUR
        end = curve.observed.start + (run[-1] + 1) * HOUR
        seen = sum(curve.observed.values[i] or 0.0 for i in run)
        expected = sum(curve.expected.mean[i] for i in run)
        if abs(seen - expected) < LEAST_SHARE * whole:
            continue
        found.append(
            Incident(
                series=curve.title,
                start=start,
                end=end,
                direction=direction,
                bytes_seen=seen,
                bytes_expected=expected,
                unlikely=max(_distance(curve, i) for i in run),
                parties=_movers(part, hosts, start, end, direction),
            )
        )
    found.sort(key=lambda i: -i.unlikely)
    return tuple(found[:LIMIT])


def _distance(curve: Curve, hour: int) -> float:
    """Return how far an hour was from its forecast, in standard deviations of the error."""
    band, value = curve.expected, curve.observed.values[hour]
    if band is None or value is None:
        return 0.0
    above = value > band.mean[hour]
    width = band.upper95[hour] - band.mean[hour] if above else band.mean[hour] - band.lower95[hour]
    return Z95 * abs(value - band.mean[hour]) / width if width > 0 else math.inf


def _runs(curve: Curve) -> list[tuple[str, list[int]]]:
    runs: list[tuple[str, list[int]]] = []
    band = curve.expected
    if band is None:
        return runs
    for hour, value in enumerate(curve.observed.values[: len(band.mean)]):
        if value is None or band.lower95[hour] <= value <= band.upper95[hour]:
            continue
        direction = "more" if value > band.upper95[hour] else "less"
        if runs and runs[-1][0] == direction and hour - runs[-1][1][-1] <= JOIN_HOURS:
            runs[-1][1].append(hour)
        else:
            runs.append((direction, [hour]))
    return runs


def _movers(
    part: Slice, hosts: Hosts, start: datetime, end: datetime, direction: str
) -> tuple[Party, ...]:
    """Return the senders whose bytes differ most from the same hours of the week before."""
    week = 7 * 24 * HOUR
    sign = "DESC" if direction == "more" else "ASC"
    rows = part.connection.execute(
        f"""SELECT source, sum(CASE WHEN hour >= $start THEN bytes ELSE -bytes END) AS change
            FROM traffic WHERE origin = $origin AND {IMAGING}
                 AND (hour >= $start AND hour < $end OR hour >= $before AND hour < $until)
            GROUP BY 1 ORDER BY change {sign} LIMIT {NAMED}""",
        {
            "origin": part.origin,
            "start": start,
            "end": end,
            "before": start - week,
            "until": end - week,
        },
    ).fetchall()
    keep = [row for row in rows if (row[1] > 0) == (direction == "more")]
    return tuple(hosts.party(row[0]) for row in keep)
