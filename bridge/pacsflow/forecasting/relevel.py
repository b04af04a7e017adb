"""What came before a change of level, brought to the level since: its shape still teaches."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pacsflow.forecasting.profiles import weekend_hours
from pacsflow.forecasting.results import DAY

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pacsflow.forecasting.results import Floats

_KINDS = 2 * DAY


def at_new_level(y: Floats, first: int, since: int) -> Floats:
    """Return a history whose hours before `since` have the level of those after.

    They are multiplied, or shifted, by whichever brings the hours of the day (of working days and
    of weekends) nearer to what they are since: a load that doubles moves its nights little, a
    backup that never ends moves all hours alike.

    Parameters
    ----------
    y
        Wall-clock hours, NaN where there is no data.
    first
        Wall-clock hour of the first.
    since
        Position of the first hour of the new level (see `steps.Step`).
    """
    hours = first + np.arange(len(y))
    kind = weekend_hours(hours)
    before, after = _means(y[:since], kind[:since]), _means(y[since:], kind[since:])
    both = np.isfinite(before) & np.isfinite(after)
    before, after = before[both], after[both]
    if not before.sum() > 0:
        return y
    times = float(after.sum() / before.sum())
    shift = float((after - before).mean())
    multiplied = np.abs(after - times * before).sum() <= np.abs(after - before - shift).sum()
    early = times * y[:since] if multiplied else np.maximum(y[:since] + shift, 0.0)
    return np.asarray(np.r_[early, y[since:]])


def _means(y: Floats, kind: NDArray[np.int64]) -> Floats:
    """Return the mean of each kind of hour, NaN where there is none."""
    seen = np.isfinite(y)
    total = np.bincount(kind[seen], y[seen], _KINDS)
    count = np.bincount(kind[seen], minlength=_KINDS)
    return np.asarray(np.divide(total, count, out=np.full(_KINDS, np.nan), where=count > 0))
