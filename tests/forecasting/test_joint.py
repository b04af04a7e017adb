"""Sums over windows of a forecast: what they are off by, and how seldom."""

from __future__ import annotations

import numpy as np
import pytest

from pacsflow.forecasting.joint import LENGTHS, joint_error, week_probability, window_ratios
from pacsflow.forecasting.silence import silences

WEEK = 168


def test_a_window_is_the_sum_of_its_known_hours() -> None:
    errors = np.array([1.0, 2.0, np.nan, 4.0, np.nan, np.nan])
    widths = np.array([1.0, 1.0, 9.0, 2.0, 1.0, 1.0])
    found = window_ratios(errors, widths, 2)
    assert found[:4] == pytest.approx([1.5, 2.0, 2.0, 2.0])
    assert np.isnan(found[4])
    assert window_ratios(errors, widths, 7).size == 0


def test_independent_hours_cancel_and_common_ones_do_not() -> None:
    rng = np.random.default_rng(1)
    widths = np.ones((10, WEEK))
    alone = joint_error(rng.normal(0, 0.5, (10, WEEK)), widths)
    together = joint_error(np.repeat(rng.normal(0, 0.5, (10, 7)), 24, axis=1), widths)
    day, hour = LENGTHS.index(24), LENGTHS.index(1)
    assert alone.rare_more[day] < 0.35 * alone.rare_more[hour]
    assert together.rare_more[day] > 0.7 * together.rare_more[hour]


def test_the_sides_are_of_their_own() -> None:
    errors = np.random.default_rng(1).exponential(1.0, (10, WEEK)) - 0.7
    found = joint_error(errors, np.ones((10, WEEK)))
    assert found.rare_more[0] == pytest.approx(np.quantile(errors, 0.99))
    assert found.usual_more[0] == pytest.approx(np.quantile(errors, 0.9))
    assert found.usual_less[0] == pytest.approx(np.quantile(-errors, 0.9))
    assert found.rare_less[0] < found.rare_more[0]


def test_the_probability_falls_tenfold_where_the_quantiles_did() -> None:
    near, far = week_probability(np.array([5.0, 6.0]), 1.0, 2.0, 24).tolist()
    assert near == pytest.approx(30 * 7 * 1e-5, rel=0.01)
    assert near / far == pytest.approx(10, rel=0.01)
    assert week_probability(np.array([1.0, -3.0, np.nan]), 1.0, 2.0, 24)[:2] == pytest.approx(1)


def weeks(count: int) -> np.ndarray:
    return np.tile(np.r_[np.full(8, 1.0), np.full(12, 10.0), np.full(4, 1.0)], 7 * count)


@pytest.mark.parametrize(("before", "chance"), [(4, 1 / 5), (9, 1 / 10)])
def test_a_silence_that_never_was_is_as_likely_as_a_record(before: int, chance: float) -> None:
    seen = weeks(1)
    seen[33:39] = 0.0
    ((hours, probability),) = silences(seen, weeks(1), weeks(before))
    assert hours.tolist() == list(range(33, 39))
    assert probability == pytest.approx(chance)


def test_a_silence_as_of_every_week_is_none() -> None:
    history = weeks(4)
    for week in range(4):
        history[week * WEEK + 57 : week * WEEK + 63] = 0.0
    seen = weeks(1)
    seen[33:39] = 0.0
    ((_, probability),) = silences(seen, weeks(1), history)
    assert probability == 1.0
    smaller = history.copy()
    smaller[3 * WEEK + 57] = 10.0  # three weeks had six dead hours, one had five
    ((_, probability),) = silences(seen, weeks(1), smaller)
    assert probability == pytest.approx(4 / 5)


def test_no_data_and_a_quiet_night_are_no_silence() -> None:
    seen = weeks(1)
    seen[33:39] = np.nan
    seen[48:56] = 0.0  # eight hours of 1.0: less than one busy hour
    assert not silences(seen, weeks(1), weeks(4))


def test_the_hour_of_the_week_is_kept_whatever_the_history_is_long() -> None:
    expected = np.arange(WEEK, dtype=float) + 1
    history = np.tile(expected, 3)[50:]
    assert not silences(expected, expected, history)
    history[10:14] = 0.0  # hours 60 to 63 of a week: 250 in all
    seen = expected.copy()
    seen[100:103] = 0.0  # 306 in all: more than ever before
    ((_, probability),) = silences(seen, expected, history)
    assert probability == pytest.approx(1 / (len(history) / WEEK + 1))
    seen = expected.copy()
    seen[60:63] = 0.0  # 186: the other silence took more
    ((_, probability),) = silences(seen, expected, history)
    assert probability == pytest.approx(2 / (len(history) / WEEK + 1))
