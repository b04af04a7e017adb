"""Series of known shape, made here from a seed."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np

from pacsflow.series import HourlySeries

WEEK = 168
MONDAY = datetime(2025, 3, 3, tzinfo=UTC)


def working_week(weeks: float, *, seed: int = 1, noise: float = 0.15) -> np.ndarray:
    """Return hours that are busy from 7 to 18 on weekdays."""
    rng = np.random.default_rng(seed)
    t = np.arange(int(weeks * WEEK))
    busy = ((t // 24) % 7 < 5) & (t % 24 >= 7) & (t % 24 < 18)
    return np.where(busy, 100.0, 10.0) * np.exp(noise * rng.standard_normal(t.size))


def series(values: np.ndarray, start: datetime = MONDAY, name: str = "made") -> HourlySeries:
    return HourlySeries(name, "bytes", start, np.asarray(values, dtype=float))
