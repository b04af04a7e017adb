"""Whole numbers for series that count: what is forecast can be counted, too."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pacsflow.forecasting.results import Floats

_MEASURED = "bytes"
"""The unit whose values are parts of a whole, spread over hours, though they may look whole."""


def is_count(unit: str, values: Floats) -> bool:
    """Say whether a series counts: all that is there is whole, and it is not of bytes."""
    seen = values[np.isfinite(values)]
    return bool(unit != _MEASURED and seen.size and (seen == np.rint(seen)).all())


def whole(mean: Floats) -> Floats:
    """Return whole numbers whose running sum is nowhere farther off than a half.

    Each is the value rounded up or down; what is rounded off is carried on, so that a week of
    small numbers does not become a week of zeros.
    """
    return np.asarray(np.diff(np.floor(np.cumsum(mean) + 0.5), prepend=0.0))


def whole_bounds(low: Floats, high: Floats) -> tuple[Floats, Floats]:
    """Return the bounds widened to whole numbers."""
    return np.floor(low), np.ceil(high)
