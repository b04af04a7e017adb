"""Histograms of response times that add up, and what their percentiles can say."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING

from pacsflow.terms.dicom_times import BUCKETS

if TYPE_CHECKING:
    from collections.abc import Sequence

FIRST = 0.001
"""Seconds below which the first element counts; each of the others reaches twice as far."""


@dataclass(frozen=True, slots=True)
class Percentile:
    """A percentile in seconds, and the two between which it certainly lies."""

    value: float
    lower: float
    upper: float


def reach(element: int) -> tuple[float, float]:
    """Return from where to where an element counts, seconds; the last one has no end."""
    upper = FIRST * 2.0**element if element < BUCKETS - 1 else float("inf")
    return (FIRST * 2.0 ** (element - 1) if element else 0.0), upper


def percentile(
    counts: Sequence[int],
    share: float,
    *,
    least: float = 0.0,
    most: float = float("inf"),
) -> Percentile | None:
    """Return the response time that a share of them does not exceed; None where there are none.

    Parameters
    ----------
    counts
        By element, from the first on; trailing zeros may be missing.
    share
        From 0 to 1; of n times the ceil(share x n)-th, as sorted, is meant.
    least, most
        The shortest and longest of them, seconds, where they are known: it lies between.
    """
    whole = sum(counts)
    if whole <= 0:
        return None
    rank = share * whole
    sums = list(accumulate(counts))
    place = next(k for k, seen in enumerate(sums) if seen >= max(rank, 1))
    lower, upper = reach(place)
    lower, upper = max(lower, least), max(least, min(upper, most))
    inside = min(max((rank - sums[place]) / counts[place] + 1, 0.0), 1.0)
    return Percentile(_between(lower, upper, inside), lower, upper)


def _between(lower: float, upper: float, inside: float) -> float:
    """Return the point at a part of the way, on a scale of powers where both ends have one."""
    if upper == float("inf"):
        return lower
    if lower <= 0:
        return upper * inside
    return float(lower * (upper / lower) ** inside)
