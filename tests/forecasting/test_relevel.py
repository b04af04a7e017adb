"""What came before a change of level, brought to the level since."""

from __future__ import annotations

import numpy as np
import pytest

from forecasting.shapes import WEEK, working_week
from pacsflow.forecasting.relevel import at_new_level

BEFORE, AFTER = working_week(3, noise=0.0), working_week(1, noise=0.0)
SINCE = 3 * WEEK


def test_a_load_that_doubles_is_doubled_before() -> None:
    y = np.r_[BEFORE, 2 * AFTER]
    assert at_new_level(y, 0, SINCE).tolist() == [*(2 * BEFORE), *(2 * AFTER)]


def test_what_is_added_to_every_hour_is_added_before() -> None:
    assert at_new_level(np.r_[BEFORE, AFTER + 50], 0, SINCE) == pytest.approx(
        np.r_[BEFORE + 50, AFTER + 50]
    )


def test_what_is_taken_off_leaves_nothing_below_zero() -> None:
    y = np.r_[np.tile([12.0, 40.0], SINCE // 2), np.tile([2.0, 30.0], WEEK // 2)]
    y[[0, WEEK]] = 8.0, 16.0  # the mean of the hour stays
    found = at_new_level(y, 0, SINCE)
    assert found[[0, 1, 2, 3, WEEK]].tolist() == [0, 30, 2, 30, 6]
    assert found[SINCE:].tolist() == y[SINCE:].tolist()


def test_a_load_of_one_height_is_multiplied() -> None:
    """Both fit alike; hours that differ, were there any, would be kept in proportion."""
    y = np.r_[np.full(SINCE, 4.0), np.full(WEEK, 8.0)]
    y[5] = 1.0
    y[5 + WEEK] = 7.0  # the mean of the hour stays
    assert at_new_level(y, 0, SINCE)[5] == 2.0


def test_hours_are_compared_by_working_day_and_weekend() -> None:
    """Two days since say nothing of the weekend; where the first hour lies says which they are."""
    monday = np.r_[working_week(1, noise=0.0), 3 * working_week(1, noise=0.0)[:48]]
    assert at_new_level(monday, 0, WEEK)[:WEEK].tolist() == (3 * monday[:WEEK]).tolist()
    saturday = np.roll(monday[:WEEK], 48)
    y = np.r_[saturday, 3 * saturday[:48]]
    assert at_new_level(y, 5 * 24, WEEK)[:WEEK].tolist() == (3 * saturday).tolist()
    sunday = np.r_[np.roll(monday[:WEEK], 24), np.full(24, 30.0)]
    assert at_new_level(sunday, 6 * 24 + WEEK, WEEK)[:WEEK].tolist() == (3 * sunday[:WEEK]).tolist()


def test_gaps_stay_gaps_and_count_for_nothing() -> None:
    y = np.r_[BEFORE, 2 * AFTER]
    y[[3, SINCE + 7]] = np.nan
    y[17] = np.nan
    found = at_new_level(y, 0, SINCE)
    assert np.flatnonzero(np.isnan(found)).tolist() == [3, 17, SINCE + 7]
    assert np.nanmax(np.abs(found[:SINCE] - 2 * BEFORE)) < 1e-9


def test_nothing_before_has_no_level() -> None:
    for y in (np.r_[np.zeros(SINCE), AFTER], np.r_[np.full(SINCE, np.nan), AFTER]):
        assert np.array_equal(at_new_level(y, 0, SINCE), y, equal_nan=True)
    small = np.r_[np.full(SINCE, 0.01), np.full(WEEK, 0.02)]
    assert at_new_level(small, 0, SINCE) == pytest.approx(0.02)
