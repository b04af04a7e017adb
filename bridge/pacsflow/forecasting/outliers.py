"""Hours that are not expected again: lone spikes, and the one event that towers over all else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pacsflow.forecasting.values import WEEK

if TYPE_CHECKING:
    from pacsflow.forecasting.values import Floats

_SPIKES = 0.003
"""At most this share of the hours is taken out as spikes; more is the way of the series."""
_SPIKE_TIMES = 8.0
_EVENT_HOURS, _EVENT_SHARE = 12, 0.01
_EVENT_OVER_ALL, _EVENT_OVER_OWN, _EVENT_NEAR = 1.5, 4.0, 2
"""One event: so many hours at most, so much above all others and above its own hour (and the two
before and after) in every other week."""


def without_outliers(y: Floats) -> tuple[Floats, tuple[str, ...]]:
    """Return hours with outliers turned into gaps, and a sentence for each kind that was found."""
    notes = []
    y, spikes = _without_spikes(y)
    if spikes:
        notes.append(
            f"{spikes} {'hours are' if spikes > 1 else 'hour is'} more than {_SPIKE_TIMES:.0f} "
            "times as high as any other and not expected again."
        )
    y, event = _without_event(y)
    if event:
        notes.append(
            f"One event, {event} hour{'s' if event > 1 else ''} far above every other and unlike "
            "the same hours of all other weeks, is not expected again."
        )
    return y, tuple(notes)


def _without_spikes(y: Floats) -> tuple[Floats, int]:
    """Turn the few hours far above all others into gaps: they would come back every week."""
    seen = np.sort(y[np.isfinite(y)])
    most = max(1, int(_SPIKES * seen.size))
    for count in range(1, most + 1):
        rest = seen[-count - 1]
        if seen[-count] > _SPIKE_TIMES * max(rest, 0.0) and seen[-count] > 0:
            out = y.copy()
            out[out >= seen[-count]] = np.nan
            return out, count
    return y, 0


def _without_event(y: Floats) -> tuple[Floats, int]:
    """Turn the one event that towers over three weeks or more into gaps.

    A copy of an archive in one night would otherwise be forecast for the same night of next week.
    What came in two weeks, or on two days of one, is the way of the series and stays.
    """
    if len(y) < 3 * WEEK:
        return y, 0
    levels = np.sort(y[np.isfinite(y)])
    most = min(_EVENT_HOURS, int(_EVENT_SHARE * levels.size))
    for count in range(most, 0, -1):
        if not levels[-count] > _EVENT_OVER_ALL * levels[-count - 1] > 0:
            continue
        high = np.flatnonzero(np.nan_to_num(y) >= levels[-count]).tolist()
        if high[-1] - high[0] >= _EVENT_HOURS or not all(_unlike_other_weeks(y, h) for h in high):
            continue
        begin, end = high[0], high[-1]
        while begin and _unlike_other_weeks(y, begin - 1) and end - begin < _EVENT_HOURS:
            begin -= 1
        while end + 1 < len(y) and _unlike_other_weeks(y, end + 1) and end - begin < _EVENT_HOURS:
            end += 1
        out = y.copy()
        out[begin : end + 1] = np.nan
        return out, end + 1 - begin
    return y, 0


def _unlike_other_weeks(y: Floats, hour: int) -> bool:
    """Say whether an hour is far above the hours around it in every other week."""
    centres = [c for c in range(hour % WEEK, len(y), WEEK) if c != hour]
    near = [y[max(0, c - _EVENT_NEAR) : c + _EVENT_NEAR + 1] for c in centres]
    others = np.concatenate(near) if near else np.empty(0)
    others = others[np.isfinite(others)]
    return bool(others.size and y[hour] > _EVENT_OVER_OWN * others.max())
