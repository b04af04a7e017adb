"""Candidates that average whole weeks."""

from __future__ import annotations

import numpy as np
import pytest

from forecasting.shapes import WEEK, working_week
from pacsflow.forecasting.weeks import LevelledWeeks, TrimmedWeeks, _level

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


def by_hour(*weeks: dict[int, float]) -> np.ndarray:
    """Return weeks of ones, but for some of their hours."""
    y = np.ones(len(weeks) * WEEK)
    for number, hours in enumerate(weeks):
        for hour, value in hours.items():
            y[number * WEEK + hour] = value
    return y


def test_a_week_older_by_one_weighs_less_and_the_ninth_nothing() -> None:
    """Ten more at one hour move every level by the 168th part; the rest is the weights' share."""
    plain = levelled(by_hour(*[{}] * 9))
    assert plain == pytest.approx(1)
    last, first = (levelled(by_hour(*[{}] * a, {34: 11.0}, *[{}] * b)) for a, b in ((7, 1), (1, 7)))
    assert (last[34] - 1) / (first[34] - 1) == pytest.approx(0.85**-6, rel=0.08)
    ninth = levelled(by_hour({34: 11.0}, *[{}] * 8))
    assert abs(ninth - 1).max() < 1e-9


def test_how_much_an_hour_is_drawn_to_its_day_type_and_that_to_the_hour_of_the_day() -> None:
    """Of one week, a ten o'clock that is 12 among ones is 4.3, by hand."""
    level = (167 + 12) / 168
    high, low, mean = 12 / level, 1 / level, 1.0
    for day, alike in ((1, 5), (5, 1)):
        of_day = (high + 6 * low + 0.1 * mean) / 7.1
        of_type = (high + (alike - 1) * low + 0.5 * of_day) / (alike + 0.5)
        found = levelled(by_hour({24 * day + 10: 12.0}))
        assert found[24 * day + 10] == pytest.approx((high + of_type) / 2 * level)
        other = (6 * low + high + 0.1 * mean) / 7.1 if alike == 1 else of_type
        unlike = 24 * (day - 1) + 10
        drawn = other if alike == 5 else (5 * low + 0.5 * other) / 5.5
        assert found[unlike] == pytest.approx((low + drawn) / 2 * level)


def test_the_level_of_an_hour_is_of_the_week_around_it() -> None:
    y = np.r_[np.ones(WEEK), np.full(WEEK, 3.0)]
    found = _level(y)
    assert found.shape == y.shape
    assert found[:84].tolist() == [1.0] * 84
    assert found[-84:].tolist() == [3.0] * 84
    assert found[[84, 85, WEEK, 2 * WEEK - 85]] == pytest.approx([1, 1 + 2 / WEEK, 2, 3 - 2 / WEEK])
    assert _level(np.r_[np.zeros(WEEK + 1), np.full(WEEK, 9.0)]).min() == pytest.approx(
        9e-6 * WEEK / (2 * WEEK + 1)
    )


def test_what_the_candidates_say_of_themselves() -> None:
    for model, said in (
        (LevelledWeeks(3), ("levelled", "levelled week", WEEK + 24)),
        (TrimmedWeeks(), ("trimmed", "trimmed week", WEEK)),
    ):
        assert (model.key, model.name, model.hours_needed) == said
        assert model.fit(np.ones(WEEK), exact=True) is model


def test_two_values_of_an_hour_are_averaged_and_three_lose_two() -> None:
    y = by_hour({5: 4.0}, {5: np.nan}, {5: 8.0}, {5: 10.0})
    trimmed = TrimmedWeeks().paths(y, np.array([len(y), 3 * WEEK]), WEEK)
    assert trimmed[:, 5].tolist() == [8.0, 6.0]
    below = by_hour({5: -4.0}, {5: -2.0}, {5: -9.0})
    assert TrimmedWeeks().paths(-below, np.array([len(y) - WEEK]), 6)[0, 5] == 4.0
