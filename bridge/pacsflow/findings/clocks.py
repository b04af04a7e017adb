"""Rules of time: rows of the future, and sensors that do not agree what time it is.

What cannot be seen: a single sensor whose clock is wrong by less than the future allows. Its rows
look like any other's.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np

from pacsflow.findings.finding import Finding
from pacsflow.findings.queries import ask, moment, uids
from pacsflow.ledger.series import IMAGING
from pacsflow.terms import message
from pacsflow.terms.severity import Severity

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from pacsflow.findings.facts import Facts

LEAST_PAIRS = 5
"""So many connections must two sensors have seen, before their clocks are compared."""
LAGS = 14
"""Hours by which time zones differ at most."""
LEAST_HOURS = 72
ALIKE, GAIN = 0.8, 0.3
"""Two series are one shifted: correlated so well there, and so much worse unshifted."""


def future_rows(facts: Facts) -> list[Finding]:
    """Return one finding where logs speak of a time that has not come."""
    ahead = facts.thresholds.ahead_hours
    if not ahead:
        return []
    until = datetime.now(UTC) + timedelta(hours=min(ahead, 1e5))
    count, last = facts.scope.connection.execute(
        """SELECT sum(n)::DOUBLE, max(t) FROM (
               SELECT sum(rows) AS n, epoch(max(hour)) AS t FROM coverage WHERE hour > ?
               UNION ALL SELECT count(*), epoch(max(ts)) FROM endpoints WHERE ts > ?)""",
        [until, until],
    ).fetchall()[0]
    if not count:
        return []
    which = facts.scope.connection.execute(
        """SELECT uid FROM (
               SELECT uid, ts FROM connections UNION ALL SELECT uid, ts FROM associations
               UNION ALL SELECT evidence_uid, ts FROM endpoints)
           WHERE ts > ? AND uid IS NOT NULL GROUP BY uid ORDER BY max(ts) DESC, uid LIMIT 10""",
        [until],
    ).fetchall()
    return [
        Finding(
            rule="future-rows",
            severity=Severity.MEDIUM,
            area="data",
            count=int(count),
            rows=uids(row[0] for row in which),
            values=message.values(number=message.count(count), last=message.at(moment(last))),
        )
    ]


def clock_skew(facts: Facts) -> list[Finding]:
    """Return one finding where two sensors saw the same associations at different times.

    The same is what has one Community ID, one pair of AE titles and one number of PDUs. Their
    difference must be the same, too: a client that uses its ports again has random ones.
    """
    limit = facts.thresholds.skew_seconds
    if not limit:
        return []
    count, median, low, high, found = ask(
        facts,
        """, twice AS (
               SELECT max(t) - min(t) AS d, min(uid) AS uid FROM rows
               WHERE community_id IS NOT NULL AND uid IS NOT NULL
               GROUP BY community_id, calling_ae, called_ae, data_pdus
               HAVING count(*) = 2 AND count(DISTINCT uid) = 2
           )
           SELECT count(*), median(d), quantile_cont(d, 0.25), quantile_cont(d, 0.75),
                  list(uid ORDER BY uid)[:10] FROM twice""",
    )[0]
    if count < LEAST_PAIRS or median < limit or high - low > limit:
        return _by_connections(facts, limit)
    return [_skew(median, count, found or ())]


def _by_connections(facts: Facts, limit: float) -> list[Finding]:
    """Return one finding where connections that two sensors saw tell what associations do not."""
    views = facts.sensors.views if facts.sensors else ()
    worst = max((v.offset for v in views if v.offset), key=lambda o: abs(o.seconds), default=None)
    if worst is None or abs(worst.seconds) < limit:
        return []
    week = facts.scope.week
    rows = facts.scope.connection.execute(
        """SELECT uid FROM connections
           WHERE coalesce(sensor, '') = ? AND uid IS NOT NULL AND ts >= ? AND ts < ?
           ORDER BY ts, uid LIMIT 10""",
        [worst.sensor, week.start, week.end],
    ).fetchall()
    return [_skew(abs(worst.seconds), worst.connections, [row[0] for row in rows])]


def _skew(seconds: float, count: int, found: Sequence[str]) -> Finding:
    return Finding(
        rule="clock-skew",
        severity=Severity.MEDIUM,
        area="data",
        count=int(count),
        rows=uids(found),
        values=message.values(skew_seconds=message.seconds(seconds), count=message.count(count)),
    )


def shift(a: NDArray[np.float64], b: NDArray[np.float64]) -> int:
    """Return by how many hours `b` lags `a`: 0 unless another lag fits them far better."""
    best, fits = 0, {}
    for lag in range(-LAGS, LAGS + 1):
        x, y = (a[: len(a) - lag], b[lag:]) if lag >= 0 else (a[-lag:], b[: len(b) + lag])
        both = np.isfinite(x) & np.isfinite(y)
        if both.sum() >= LEAST_HOURS and x[both].std() > 0 and y[both].std() > 0:
            fits[lag] = float(np.corrcoef(x[both], y[both])[0, 1])
    if 0 in fits:
        best = max(fits, key=lambda lag: (fits[lag], -abs(lag)))
        if fits[best] < ALIKE or fits[best] - fits[0] < GAIN:
            best = 0
    return best


def _hourly(facts: Facts, query: str, values: Sequence[object]) -> NDArray[np.float64]:
    """Return hourly sums of the week; hours outside the first and last with any are missing."""
    week = facts.scope.week
    hours = int((week.end - week.start) / timedelta(hours=1))
    grid = np.full(hours, np.nan)
    rows = facts.scope.connection.execute(query, [*values, week.start, week.end]).fetchall()
    places = [(int((s - week.start.timestamp()) // 3600), v) for s, v in rows]
    places = [(p, v) for p, v in places if 0 <= p < hours]
    if places:
        grid[min(p for p, _ in places) : max(p for p, _ in places) + 1] = 0.0
    for place, value in places:
        grid[place] += value
    return grid


def hours_disagree(facts: Facts) -> list[Finding]:
    """Return one finding where a source's hours are another's, shifted: a time zone gone wrong."""
    if not facts.thresholds.skew_seconds:
        return []
    began = f"""SELECT epoch(hour)::DOUBLE, sum(communications)::DOUBLE FROM traffic
                WHERE origin = ? AND {IMAGING} AND hour >= ? AND hour < ? GROUP BY 1"""
    own = _hourly(facts, began, [facts.scope.origin])
    others = {
        origin: _hourly(facts, began, [origin])
        for origin in facts.coverage.origins
        if origin != facts.scope.origin
    }
    others["dicom.log"] = _hourly(
        facts,
        """SELECT floor(epoch_us(ts) / 3.6e9) * 3600, count(*)::DOUBLE FROM associations
           WHERE ts >= ? AND ts < ? GROUP BY 1""",
        [],
    )
    found = []
    for name, series in others.items():
        hours = shift(own, series)
        if hours:
            first = ask(facts, "SELECT uid FROM rows WHERE uid IS NOT NULL ORDER BY t LIMIT 10")
            found.append(
                Finding(
                    rule="hours-disagree",
                    severity=Severity.MEDIUM,
                    area="data",
                    rows=uids(row[0] for row in first),
                    values=message.values(
                        name=message.text(name),
                        other=message.text(facts.scope.origin),
                        shift=message.text(f"{hours:+d}"),
                    ),
                )
            )
    return found
