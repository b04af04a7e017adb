"""Candidates that average whole weeks."""

from __future__ import annotations

import numpy as np
import pytest

from forecasting.shapes import WEEK, working_week
from pacsflow.forecasting.weeks import LevelledWeeks, TrimmedWeeks

END = np.array([6 * WEEK])


def levelled(y: np.ndarray, horizon: int = WEEK) -> np.ndarray:
    return LevelledWeeks(0).paths(y, np.array([len(y)]), horizon)[0]


def test_the_shape_of_all_weeks_has_the_level_of_the_last() -> None:
    truth = working_week(1, noise=0.0)
    growing = np.concatenate([truth * times for times in (1.0, 1.5, 2.0, 4.0, 4.0)])
    assert levelled(growing) == pytest.approx(4 * truth, rel=0.15)
    assert levelled(growing).sum() == pytest.approx(4 * truth.sum(), rel=0.02)
    assert levelled(growing, 200)[WEEK:] == pytest.approx(levelled(growing)[: 200 - WEEK])


def test_a_shape_begins_at_the_hour_that_follows() -> None:
    y = working_week(4, noise=0.0)[: 3 * WEEK + 50]
    assert np.corrcoef(levelled(y), np.roll(working_week(1, noise=0.0), -50))[0, 1] > 0.99


def test_gaps_teach_nothing_and_nothing_is_no_division_by_zero() -> None:
    y = working_week(6, noise=0.0)
    y[np.random.default_rng(1).random(y.size) < 0.3] = np.nan
    assert np.abs(levelled(y) - working_week(1, noise=0.0)).mean() < 3
    assert levelled(np.zeros(2 * WEEK)).tolist() == [0.0] * WEEK
    assert np.isfinite(levelled(np.r_[np.zeros(3 * WEEK), working_week(1)])).all()


def test_a_day_that_was_seen_once_looks_like_others_of_its_kind() -> None:
    y = working_week(1 + 1 / 7, noise=0.0)
    y[3 * 24 + 10] = 1000.0  # ten o'clock on one Thursday
    assert 100 < levelled(y)[2 * 24 + 10] < 1000.0


def test_the_highest_and_the_lowest_week_are_left_out() -> None:
    weeks = np.array([9.0, 1.0, 2.0, 3.0, 70.0, np.nan])
    y = np.repeat(weeks, WEEK)
    found = TrimmedWeeks().paths(y, END, 200)
    assert found.shape == (1, 200)
    assert found == pytest.approx((9 + 2 + 3) / 3)
    assert TrimmedWeeks().paths(y, np.array([2 * WEEK]), WEEK) == pytest.approx(5.0)
    assert TrimmedWeeks().paths(y, np.array([WEEK]), WEEK) == pytest.approx(9.0)
    many = np.repeat(np.arange(12.0), WEEK)
    assert TrimmedWeeks().paths(many, np.array([12 * WEEK]), 1) == pytest.approx(7.5)


def test_an_hour_without_data_in_all_weeks_is_filled() -> None:
    y = working_week(4, noise=0.0)
    y[30::WEEK] = np.nan
    assert np.isfinite(TrimmedWeeks().paths(y, np.array([len(y)]), WEEK)).all()
