"""Anomalies: windows of hours whose sum is not what had been forecast before they happened."""

from __future__ import annotations

from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

from pacsflow.forecasting.condition import possible
from pacsflow.forecasting.counts import is_count
from pacsflow.forecasting.joint import LENGTHS, TOGETHER, week_probability, window_ratios
from pacsflow.forecasting.results import DAY, WEEK, Forecast, Incident, NotEnoughHistory
from pacsflow.forecasting.silence import silences
from pacsflow.series import HOUR

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from numpy.typing import NDArray

    from pacsflow.forecasting.calendar import HolidayCalendar
    from pacsflow.forecasting.results import Floats
    from pacsflow.series import HourlySeries

JOIN_HOURS = 3
"""Incidents with fewer than this many hours between them are one."""
UNLIKELY, UNLIKELY_SILENCE = 0.05, 0.2
"""An incident is what a week holds by chance with at most this probability. A silence that never
was before has 0.2 after four weeks, whatever the traffic is like: no silence is told sooner."""
_BUSY_HOURS, _SHARE = 0.5, 0.2
"""What an incident's hours are off by, in busy hours (95th percentile of the forecast week) and as
a share of what was forecast for them, at least. A series that hardly varies errs by a hundredth of
itself, and twice that is rare and of no interest to anybody."""
_HISTORY = 4
_NAMED = 5
_INSIDE = 0.5
"""Share of the interval's half width below which an hour at an incident's edge is none of it."""
_LEAST_WIDTH = 1e-9
_TIMES_A_DAY = 3
"""Rare traffic is told where a day holds so many times the largest day before."""


def anomalies(
    series: HourlySeries,
    *,
    since: datetime | None = None,
    holidays: HolidayCalendar | None = None,
    zone: str = "UTC",
    parts: Sequence[HourlySeries] = (),
) -> list[Incident]:
    """Forecast each week from `since` on from what was known before it, and say what fell outside.

    Parameters
    ----------
    series
        The series to examine.
    since
        UTC; the last week when left out. Weeks without enough history before them are left out.
    holidays, zone
        As for `forecast`.
    parts
        Series of the endpoints whose sum `series` is, to name who made the difference.

    Returns
    -------
    list of Incident
        Most unlikely and largest first.
    """
    from pacsflow.forecasting.engine import forecast  # noqa: PLC0415 - statsmodels takes seconds

    origin = since or max(series.start, series.end - WEEK * HOUR)
    found: list[Incident] = []
    while origin < series.end:
        expected = forecast(series.between(series.start, origin), holidays=holidays, zone=zone)
        if not isinstance(expected, NotEnoughHistory):
            found.extend(incidents(series, expected, parts=parts))
        origin += WEEK * HOUR
    return rank(found)


def incidents(
    series: HourlySeries, expected: Forecast, *, parts: Sequence[HourlySeries] = ()
) -> list[Incident]:
    """Compare sums over windows with what was forecast before, and name those far off.

    Parameters
    ----------
    series
        Holds the hours that `expected` covers.
    expected
        A forecast made from data before them.
    parts
        As for `anomalies`.
    """
    series = replace(series, values=possible(series.values))
    seen = np.full(expected.horizon, np.nan)
    offset = int((expected.start - series.start) / HOUR)
    take = series.values[max(offset, 0) : max(offset, 0) + expected.horizon]
    if offset >= 0:
        seen[: take.size] = take
    if expected.verdict.state == "rare":
        runs = _largest_day(series, expected, seen)
    else:
        runs = _joined([*_off(seen, expected), *_silent(series, expected, seen)])
    told = [_incident(series, expected, seen, run, parts) for run in runs]
    if expected.verdict.state != "rare" and is_count(series.unit, series.values):
        told = [one for one in told if one.silent or _unlikely_to_count(one) <= UNLIKELY]
    busy = float(np.quantile(expected.mean[:WEEK], 0.95))
    return rank([one for one in told if one.silent or _matters(one, busy)])


def _unlikely_to_count(one: Incident) -> float:
    """Return the least probability that a week holds such a count, where events come by chance.

    Most hours of seldom events hold none, and so do held-back errors: they tell nothing of the
    hours that hold one.
    """
    from scipy.stats import poisson  # noqa: PLC0415 - a second, and for series of events alone

    tail = poisson.sf(one.seen - 1, one.expected)
    if one.direction == "less":
        tail = poisson.cdf(one.seen, one.expected)
    return min(1.0, float(tail) * WEEK / one.hours)


def _matters(one: Incident, busy: float) -> bool:
    off = abs(one.seen - one.expected)
    return off >= _BUSY_HOURS * busy and off >= _SHARE * one.expected


@dataclass(frozen=True, slots=True, eq=False)
class _Run:
    """Neighbouring hours of a forecast, what they were, and how likely a week holds such."""

    hours: NDArray[np.int64]
    direction: str
    probability: float
    silent: bool = False


def _off(seen: Floats, expected: Forecast) -> list[_Run]:
    """Return the windows whose sum is off too far, the least likely of those that overlap."""
    distance = seen - expected.mean
    width = np.maximum(expected.upper95 - expected.mean, _LEAST_WIDTH * (expected.mean.max() + 1))
    joint = expected.joint or TOGETHER
    found: list[tuple[float, int, int, str]] = []
    for place, hours in enumerate(LENGTHS):
        ratio = window_ratios(distance, width, hours)
        for direction, side, usual, rare in (
            ("more", ratio, joint.usual_more, joint.rare_more),
            ("less", -ratio, joint.usual_less, joint.rare_less),
        ):
            chances = week_probability(side, usual[place], rare[place], hours)
            found.extend(
                (float(chances[at]), int(at), hours, direction)
                for at in np.flatnonzero(chances <= UNLIKELY)
            )
    runs: list[_Run] = []
    taken = {"more": np.zeros(len(seen), dtype=bool), "less": np.zeros(len(seen), dtype=bool)}
    for chance, at, hours, direction in sorted(found):
        if taken[direction][at : at + hours].any():
            continue
        run = _with_edges(distance / width * (1 if direction == "more" else -1), at, hours)
        taken[direction][run[0] : run[-1] + 1] = True
        runs.append(_Run(run, direction, chance))
    return runs


def _largest_day(series: HourlySeries, expected: Forecast, seen: Floats) -> list[_Run]:
    """Return the 24 hours of rare traffic that hold several times what any did before.

    That the next day in use is the largest has the probability 1 / (days in use + 1).
    """
    before = np.nan_to_num(series.values[: max(int((expected.start - series.start) / HOUR), 0)])
    day = np.ones(DAY)
    if len(before) < DAY or len(seen) < DAY:
        return []
    most = float(np.convolve(before, day, "valid").max())
    used = int((before[: len(before) // DAY * DAY].reshape(-1, DAY).sum(axis=1) > 0).sum())
    now = np.nan_to_num(seen)
    sums = np.convolve(now, day, "valid")
    at = int(np.argmax(sums))
    if sums[at] <= _TIMES_A_DAY * most or 1 / (used + 1) > UNLIKELY_SILENCE:
        return []
    hours = at + np.flatnonzero(now[at : at + DAY])
    return [_Run(np.arange(hours[0], hours[-1] + 1), "more", 1 / (used + 1))]


def _with_edges(off: Floats, at: int, hours: int) -> NDArray[np.int64]:
    """Narrow a window to what is off its way, and widen it by hours outside their interval."""
    begin, end = at, at + hours
    while end - begin > 1 and not off[begin] > _INSIDE:
        begin += 1
    while end - begin > 1 and not off[end - 1] > _INSIDE:
        end -= 1
    while begin and off[begin - 1] > 1:
        begin -= 1
    while end < len(off) and off[end] > 1:
        end += 1
    return np.arange(begin, end)


def _silent(series: HourlySeries, expected: Forecast, seen: Floats) -> list[_Run]:
    offset = int((expected.start - series.start) / HOUR)
    history = series.values[: max(offset, 0)]
    return [
        _Run(hours, "less", chance, silent=True)
        for hours, chance in silences(seen, expected.mean, history)
        if chance <= UNLIKELY_SILENCE
    ]


def _joined(runs: list[_Run]) -> list[_Run]:
    """Join runs of one direction with fewer than `JOIN_HOURS` between them."""
    out: list[_Run] = []
    for run in sorted(runs, key=lambda r: (r.direction, r.hours[0])):
        last = out[-1] if out else None
        if (
            last is None
            or last.direction != run.direction
            or run.hours[0] - last.hours[-1] > JOIN_HOURS
        ):
            out.append(run)
            continue
        out[-1] = _Run(
            np.arange(last.hours[0], max(last.hours[-1], run.hours[-1]) + 1),
            run.direction,
            min(last.probability, run.probability),
            last.silent or run.silent,
        )
    return out


def rank(found: list[Incident]) -> list[Incident]:
    """Order by how unlikely and by how much."""
    largest = max((abs(i.seen - i.expected) for i in found), default=0.0) or 1.0
    return sorted(
        found, key=lambda i: -(min(i.unlikely, 50.0) * np.sqrt(abs(i.seen - i.expected) / largest))
    )


def _incident(
    series: HourlySeries,
    expected: Forecast,
    seen: Floats,
    run: _Run,
    parts: Sequence[HourlySeries],
) -> Incident:
    hours = run.hours
    known = hours[np.isfinite(seen[hours])]
    return Incident(
        series=series.name,
        unit=series.unit,
        start=expected.start + int(hours[0]) * HOUR,
        end=expected.start + (int(hours[-1]) + 1) * HOUR,
        hours=len(hours),
        direction=run.direction,
        seen=float(seen[known].sum()),
        expected=float(expected.mean[known].sum()),
        unlikely=_deviations(run.probability),
        endpoints=_who(expected, known, run.direction, parts),
        probability=run.probability,
        silent=run.silent,
    )


def _deviations(probability: float) -> float:
    """Return how far from its mean a normal distribution is as seldom as an hour of the week is."""
    return -NormalDist().inv_cdf(max(probability / WEEK, 1e-300) / 2)


def _who(
    expected: Forecast,
    hours: NDArray[np.int64],
    direction: str,
    parts: Sequence[HourlySeries],
) -> tuple[tuple[str, float], ...]:
    """Compare each endpoint with the median of its own same hours of the weeks before."""
    sign = 1.0 if direction == "more" else -1.0
    surplus = []
    for part in parts:
        offset = int((expected.start - part.start) / HOUR)
        total = 0.0
        for hour in hours:
            now = _at(part, offset + int(hour))
            weeks = range(1, _HISTORY + 1)
            before = [_at(part, offset + int(hour) - WEEK * week) for week in weeks]
            known = [v for v in before if np.isfinite(v)]
            if np.isfinite(now):
                total += now - (float(np.median(known)) if known else 0.0)
        if total * sign > 0:
            surplus.append((part.name, total))
    surplus.sort(key=lambda row: -abs(row[1]))
    return tuple(surplus[:_NAMED])


def _at(part: HourlySeries, position: int) -> float:
    return float(part.values[position]) if 0 <= position < len(part) else float("nan")
