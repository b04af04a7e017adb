"""Robust memory: hours unlike the same hour of other weeks, which did not come again.

A copy of an archive in one night, a day's outage or one holiday would otherwise be forecast for
the same hours of next week. What comes in two weeks, or on two days of one, is the way of the
series and stays: a new habit is lost otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pacsflow.forecasting.profiles import weekend_hours
from pacsflow.forecasting.results import DAY, WEEK

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pacsflow.forecasting.results import Floats

    Ints = NDArray[np.int64]

_SPIKES = 0.003
"""At most this share of the hours is taken out as spikes; more is the way of the series."""
_SPIKE_TIMES = 8.0
_CORE, _EDGE = 5.0, 2.5
"""Robust standard deviations from the usual: so many in an event's core, and at its edges."""
_HOUR_MATTERS, _EVENT_MATTERS = 0.4, 2.2
"""A core's hours are off by so much of a busy hour (95th percentile), and an event by so much in
all: less does no harm."""
_DEAD, _ALIVE = 0.02, 0.1
"""Shares of the usual: an hour is dead at most at the first, where no other week was below the
second."""
_APART, _LONGEST = 2, 36
"""Hours between two parts of one event, and the length of one, at most."""
_RARE = 0.03
"""At most this share of the hours, or one long event, is left out; more is the series' way."""
_SLACK = 3
"""What comes again within so many hours of the clock comes again."""
_TO_SIGMA = 1.4826
"""Median absolute deviation to standard deviation of a normal distribution."""


@dataclass(frozen=True, slots=True)
class Excluded:
    """Hours that a forecast does not learn from.

    Parameters
    ----------
    first
        Position of the first hour in the wall-clock series.
    hours
        How many, one after the other.
    direction
        ``more`` or ``less`` than the same hours of other weeks.
    """

    first: int
    hours: int
    direction: str


def without_outliers(y: Floats, first: int) -> tuple[Floats, tuple[Excluded, ...]]:
    """Return hours with what does not come again turned into gaps, and what that was.

    Parameters
    ----------
    y
        Wall-clock hours, NaN where there is no data.
    first
        Wall-clock hour of the first (see `transform.Wall`).
    """
    spikes = _spikes(y)
    without = np.where(spikes, np.nan, y)
    events = _one_off_events(without, first)
    for event in events:
        without[event.first : event.first + event.hours] = np.nan
    lone = [
        Excluded(int(run[0]), len(run), "more") for run in _runs(np.flatnonzero(spikes), apart=1)
    ]
    return without, tuple(sorted([*lone, *events], key=lambda event: event.first))


def _spikes(y: Floats) -> NDArray[np.bool_]:
    """Return the few hours that are far above all others."""
    seen = np.sort(y[np.isfinite(y)])
    most = max(1, int(_SPIKES * seen.size))
    for count in range(1, min(most, seen.size - 1) + 1):
        rest = seen[-count - 1]
        if seen[-count] > _SPIKE_TIMES * max(rest, 0.0):
            return np.asarray(y >= seen[-count])
    return np.zeros(len(y), dtype=bool)


def _one_off_events(y: Floats, first: int) -> list[Excluded]:
    """Return runs of hours far from the usual of their hour, once in the history."""
    seen = y[np.isfinite(y)]
    if len(y) < 2 * WEEK or not seen.size:
        return []
    distance, sigma = distances(y, first)
    dead = _dead(y)
    busy = float(np.quantile(seen, 0.95))
    if busy <= 0:
        return []
    with np.errstate(invalid="ignore"):
        score = np.where(dead & (distance < 0), -np.inf, distance / sigma)
        core = (np.abs(score) >= _CORE) & (np.abs(distance) >= _HOUR_MATTERS * busy)
        core |= score == -np.inf
    runs = [
        (run, sign)
        for sign in (1, -1)
        for run in _runs(np.flatnonzero(core & (np.sign(distance) == sign)), apart=_APART)
        if np.abs(distance[run]).sum() >= _EVENT_MATTERS * busy
    ]
    once = [
        (run, sign)
        for run, sign in runs
        if not any(
            sign == another and comes_again(run, other)
            for other, another in runs
            if other is not run
        )
    ]
    events = [_with_edges(run, sign, score) for run, sign in once]
    events = [event for event in events if event.hours <= _LONGEST]
    most = max(_LONGEST, _RARE * seen.size)
    return events if sum(event.hours for event in events) <= most else []


def _dead(y: Floats) -> NDArray[np.bool_]:
    """Return the hours that are next to nothing where no other week was anywhere near it."""
    weeks = _by_week(y)
    usual = _median(weeks, axis=0)
    others = np.full(weeks.shape, np.nan)
    for row in range(len(weeks)):
        rest = np.delete(weeks, row, axis=0)
        others[row] = np.min(rest, axis=0, initial=np.inf, where=np.isfinite(rest))
    with np.errstate(invalid="ignore"):
        dead = (weeks <= _DEAD * usual) & (others >= _ALIVE * usual) & np.isfinite(others)
    return np.asarray(dead.ravel()[: len(y)])


def distances(y: Floats, first: int) -> tuple[Floats, Floats]:
    """Return each hour's distance from the usual, and the usual size of such distances.

    The usual is the median of the same hour of all weeks; where there are but two, that of the
    same hour of working days or of the weekend, if it is on the same side as the other week's.

    Parameters
    ----------
    y, first
        As for `without_outliers`; two weeks or more.

    Returns
    -------
    distance
        NaN where there is no data, or no other week to compare with; shape of `y`.
    sigma
        Robust standard deviation of the distance of such an hour; shape of `y`.
    """
    hours = first + np.arange(len(y))
    weeks = _by_week(y)
    count = np.isfinite(weeks).sum(axis=0)
    usual = _median(weeks, axis=0)
    distance = (weeks - usual).ravel()[: len(y)]
    two = (count == 2)[np.arange(len(y)) % WEEK]
    if two.any():
        distance = np.where(two, _from_both(y, hours, weeks), distance)
    distance[(count < 2)[np.arange(len(y)) % WEEK]] = np.nan
    return distance, _sigma(distance, hours)


def _by_week(y: Floats) -> Floats:
    """Return `y` as rows of 168 hours, counted from its first."""
    rows = -(-len(y) // WEEK)
    out = np.full((rows, WEEK), np.nan)
    out.ravel()[: len(y)] = y
    return out


def _from_both(y: Floats, hours: Ints, weeks: Floats) -> Floats:
    """Return the smaller of the distances to the day type and to the other week, else 0."""
    kind = weekend_hours(hours)
    usual: Floats = np.array([_median(y[kind == one], axis=0) for one in range(2 * DAY)])
    to_type = y - usual[kind]
    total = np.nansum(weeks, axis=0)
    other = total[np.arange(len(y)) % WEEK] - np.nan_to_num(y)
    to_other = y - other
    same = np.sign(to_type) == np.sign(to_other)
    smaller: Floats = np.where(np.abs(to_type) < np.abs(to_other), to_type, to_other)
    return np.asarray(np.where(np.isfinite(y), np.where(same, smaller, 0.0), np.nan))


def _sigma(distance: Floats, hours: Ints) -> Floats:
    """Return the robust deviation of each hour: its own and its neighbours', not far below all."""
    place = hours % WEEK
    size = np.abs(distance)
    own = np.zeros(WEEK)
    for one in range(WEEK):
        near = np.abs((place - one + WEEK // 2) % WEEK - WEEK // 2) <= 1
        values = size[near & np.isfinite(size)]
        own[one] = np.median(values) if values.size else 0.0
    sigma = np.tile([np.median(own[hour::DAY]) for hour in range(DAY)], 7)
    if len(distance) > 2 * WEEK:  # of two weeks, half the values are the event's
        sigma = np.maximum(sigma, own)
    return np.asarray(np.maximum(_TO_SIGMA * sigma, 1e-12)[place])


def _median(values: Floats, axis: int) -> Floats:
    """Return the median of what is finite, NaN where nothing is."""
    there = np.isfinite(values).any(axis=axis)
    safe = np.where(np.expand_dims(there, axis), values, 0.0)
    return np.asarray(np.where(there, np.nanmedian(safe, axis=axis), np.nan))


def comes_again(run: Ints, other: Ints) -> bool:
    """Say whether two runs of hours are one habit.

    They are where they overlap by the hour of the week, or, within a week, by the hour of the day
    on different days; three hours early or late count as the same.
    """
    apart = float(np.mean(other) - np.mean(run))
    reach = (len(run) + len(other)) / 2 + _SLACK
    if abs(apart) > WEEK / 2 and _to_multiple(apart, WEEK) < reach:
        return True
    return DAY / 2 < abs(apart) < WEEK and _to_multiple(apart, DAY) < reach


def _to_multiple(apart: float, period: int) -> float:
    return abs(apart - period * round(apart / period))


def _with_edges(run: Ints, sign: int, score: Floats) -> Excluded:
    """Widen a core by the hours at its edges that are off the same way, if less."""
    begin, end = int(run[0]), int(run[-1])
    while begin and sign * score[begin - 1] >= _EDGE:
        begin -= 1
    while end + 1 < len(score) and sign * score[end + 1] >= _EDGE:
        end += 1
    return Excluded(begin, end - begin + 1, "more" if sign > 0 else "less")


def _runs(places: Ints, *, apart: int) -> list[Ints]:
    """Split places where more than `apart` hours lie between."""
    if not places.size:
        return []
    cuts = np.flatnonzero(np.diff(places) > apart) + 1
    return [np.asarray(run) for run in np.split(places, cuts)]
