"""How unlikely a silence is for equipment whose own gaps are known."""

from __future__ import annotations

from math import exp, lgamma
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Hours = NDArray[np.bool_]
    """Truths of hours, shape ``(weeks, 168)``, the oldest week first."""

DAY = 24


def chance_of_silence(active: Hours, watched: Hours, silent: slice) -> float:
    """Return the chance that as long a gap comes after any one activity.

    A gap is measured by the active hours that usually fall into it (the same hours of the *other*
    weeks), so that a weekend counts what weekends are worth. Gaps measured so, from one activity
    to the next, are exponential where activity is random (Brown et al. 2002); of `n` the next
    exceeds `c` times the longest with the chance ``n! gamma(c + 1) / gamma(n + c + 1)``. `n` counts
    days with activity, not hours: hours of one examination know of each other. Equipment that keeps
    to its hours has gaps more alike than that, so that this says less of it than there is to say.

    Parameters
    ----------
    active, watched
        When it was active, and when it could have been seen; the last week is judged.
    silent
        Hours of the last week, silent.
    """
    usual = _usual(active, watched) * watched
    past = np.concatenate([(usual[:-1]).ravel(), usual[-1, : silent.start]])
    was = np.concatenate([active[:-1].ravel(), active[-1, : silent.start]])
    at = np.flatnonzero(was)
    if not at.size:
        return 1.0
    # An hour of activity ends a gap and counts for it.
    clock = np.cumsum(past)
    longest = max(1.0, float(np.diff(clock[at]).max(initial=0.0)))
    days = int(np.unique(at // DAY).size)
    now = clock[-1] - clock[at[-1]] + float(usual[-1, silent].sum())
    times = now / longest
    return exp(min(0.0, lgamma(days + 1) + lgamma(times + 1) - lgamma(days + times + 1)))


def _usual(active: Hours, watched: Hours) -> NDArray[np.float64]:
    """Return how often each hour of the week was active in the other weeks, 0 where none was."""
    seen = active & watched
    total = seen[:-1].sum(axis=0) - np.concatenate([seen[:-1], np.zeros((1, seen.shape[1]), int)])
    weeks = watched[:-1].sum(axis=0) - np.concatenate(
        [watched[:-1], np.zeros((1, watched.shape[1]), int)]
    )
    return np.asarray(np.divide(total, weeks, out=np.zeros(total.shape), where=weeks > 0))
