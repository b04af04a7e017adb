"""Intervals: what an hour's scale is, and how wide errors that were held back make them."""

from __future__ import annotations

import numpy as np
import pytest

from forecasting.shapes import WEEK
from pacsflow.forecasting.calibration import (
    Widths,
    calibrate,
    held_back_coverage,
    hour_scale,
    persistence,
    ratios,
    total_width,
)

NONE, NO_ORIGIN = np.empty((0, WEEK)), np.empty(0, dtype=np.int64)
"""Nothing was held back."""


def rising(hours: int) -> np.ndarray:
    """Return a series that is one more each hour: a week's change is 168 in every hour."""
    return np.arange(float(hours))


TAIL = 1.15


def widths(y: np.ndarray, errors: np.ndarray = NONE) -> list[float]:
    """Return half widths for errors whose origins are at the series' begin."""
    made = calibrate(y, 0, errors, np.zeros(len(errors), np.int64))
    return [made.q80, made.q95]


def test_bounds_are_widths_of_the_hour_and_none_is_below_zero() -> None:
    width = Widths(np.arange(1.0, WEEK + 1), 1.0, 2.0)
    path = np.array([400.0, 0.5, 10.0])  # Sunday's last hour, Monday's first two
    found = [bound.tolist() for bound in width.bounds(path, 2 * WEEK - 1)]
    assert found == [[232, 0, 8], [568, 1.5, 12], [64, 0, 6], [736, 2.5, 14]]
    assert width.half95(np.array([0, WEEK - 1]), 3).tolist() == [[2, 4, 6], [336, 2, 4]]


@pytest.mark.parametrize(
    ("hours", "scale"),
    [(1, 1.0), (24, 575**0.5 / 12**0.5), (25, 24.0), (335, 24.0), (336, 168.0), (999, 168.0)],
)
def test_a_scale_is_the_change_of_a_week_or_with_less_than_two_of_a_day(
    hours: int, scale: float
) -> None:
    y = rising(hours)
    assert hour_scale(y, 3) == pytest.approx(np.full(WEEK, scale))
    if hours == 999:
        y[100:200] = np.nan
        assert hour_scale(y, 3) == pytest.approx(np.full(WEEK, scale))
    assert hour_scale(np.full(hours, np.nan), 3).tolist() == [1.0] * WEEK


@pytest.mark.parametrize("first", [0, 5, 165])
def test_one_change_counts_for_its_hour_its_neighbours_and_that_hour_of_all_days(
    first: int,
) -> None:
    y = np.zeros(2 * WEEK)
    y[WEEK + 30] = 168.0  # of 168 changes: 1.0 in the mean
    weights = {-2: 0.25, -1: 0.5, 0: 1.0, 1: 0.5, 2: 0.25}
    expected = np.empty(WEEK)
    for hour in range(WEEK):
        apart = {shift for shift in weights if (first + 30 + shift) % 24 == hour % 24}
        same = {shift for shift in apart if (first + 30 + shift) % WEEK == hour}
        of_day = sum(168.0 * weights[shift] for shift in apart)
        own = sum(168.0 * weights[shift] for shift in same)
        # Weights sum to 2.5 an hour and 17.5 in seven days; 4 and 6 stand for what is not known.
        expected[hour] = (own + 6 * (of_day + 4 * 1.0) / 21.5) / 8.5
    assert hour_scale(y, first) == pytest.approx(expected)


def test_changes_of_a_day_are_those_of_the_later_hour() -> None:
    y = np.zeros(335)
    y[54] = 7.0
    for first in (0, 5):
        largest = np.argsort(hour_scale(y, first))[-2:]
        assert sorted(largest.tolist()) == [first + 54, first + 78]


def test_a_scale_is_never_next_to_nothing() -> None:
    assert hour_scale(np.zeros(2 * WEEK), 0) == pytest.approx(np.full(WEEK, 6 * 4 / 21.5 / 8.5))
    assert hour_scale(np.zeros(30 * WEEK), 0) == pytest.approx(np.full(WEEK, 0.05))
    y = np.zeros(30 * WEEK)
    y[::WEEK] = np.arange(30) * 1680.0  # 10 in the mean of all hours
    assert hour_scale(y, 0)[80] == pytest.approx(0.5)


def test_errors_are_counted_in_the_scale_of_their_hour() -> None:
    scale = np.arange(1.0, WEEK + 1)
    found = ratios(scale, WEEK - 1, np.array([[-168.0, 3.0], [4.0, np.nan]]), np.array([0, 2]))
    np.testing.assert_array_equal(found, [[1.0, 3.0], [2.0, np.nan]])


def test_errors_persist_as_far_as_six_hours_later_they_are_the_same() -> None:
    def of(*rows: list[float]) -> float:
        return persistence(np.array(rows))

    assert of([2, 9, 9, 9, 9, 9, 1]) == pytest.approx(2 / 2.5)
    assert of([3] * 7) == 1.0
    assert of([2, 9, 9, 9, 9, 9, -1]) == 0.0
    assert of([0] * 7) == 0.0
    assert of([2] * 6) == 1.0, "nothing is known: they may"
    nothing = float("nan")
    assert of([2, 9, 9, 9, 9, 9, 1], [nothing, 0, 0, 0, 0, 0, 7], [7, 0, 0, 0, 0, 0, nothing]) == (
        pytest.approx(0.8)
    )
    assert of([nothing] * 7) == 1.0


def test_widths_are_quantiles_of_a_week_of_errors() -> None:
    y, errors = rising(8 * WEEK), 168.0 * np.arange(WEEK)[None, :]
    assert widths(y, errors) == pytest.approx([0.8 * 167, TAIL * 0.95 * 167])
    assert widths(y, -errors) == pytest.approx([0.8 * 167, TAIL * 0.95 * 167])
    errors[0, 3] = np.nan  # an hour short of a week: the history's own changes, widened
    assert widths(y, errors) == pytest.approx([1.2, TAIL * 1.2])
    assert widths(y) == pytest.approx([1.2, TAIL * 1.2])


def test_without_a_history_widths_are_a_guess() -> None:
    assert widths(rising(24)) == [1.3, 2.0]
    assert widths(np.full(500, np.nan)) == [1.3, 2.0]


@pytest.mark.parametrize(
    ("weeks", "persists", "wider"),
    [
        (4.5, 1.0, 1 + 1.25 * 0.25), (4.5, 0.25, 1 + 1.25 * 0.5 * 0.25), (4.5, 0.0, 1.0),
        (8, 1.0, 1.0), (15, 1.0, 1.0), (1, 1.0, 1 + 1.25),
    ],
)  # fmt: skip
def test_few_weeks_of_errors_that_persist_are_widened(
    weeks: float, persists: float, wider: float
) -> None:
    y = rising(round(weeks * WEEK))
    unit = hour_scale(y, 0)[0]
    errors = np.full((24, 7), unit)
    turned = round((1 - persists) / 2 * 24)
    errors[:turned, -1] *= -1
    assert widths(y, errors) == pytest.approx([wider, TAIL * wider])


@pytest.mark.parametrize(("hours", "ratio"), [(191, 1.0), (192, 7.0)])
def test_changes_of_a_week_stand_in_from_the_eighth_day_on(hours: int, ratio: float) -> None:
    few = (8 - hours / WEEK) / 7
    wider = ratio * (1 + 1.25 * few**2)
    assert widths(rising(hours)) == pytest.approx([wider, TAIL * wider])


def test_changes_that_stand_in_are_counted_in_the_scale_of_their_hour() -> None:
    y = np.random.default_rng(3).gamma(2.0, 1 + np.arange(9 * WEEK) % WEEK)
    y[700:720] = np.nan
    made, change = calibrate(y, 11, NONE, NO_ORIGIN), np.abs(y[WEEK:] - y[:-WEEK])
    found = change / np.resize(np.roll(hour_scale(y, 11), -11), change.size)
    q80, q95 = np.nanquantile(found, [0.8, 0.95])
    assert (made.q80, made.q95) == pytest.approx((1.2 * q80, TAIL * 1.2 * q95))
    assert made.scale.tolist() == hour_scale(y, 11).tolist()


def test_coverage_is_judged_by_the_other_origins() -> None:
    y, origins = rising(3 * WEEK), np.array([0, 24, 48])
    errors = 168.0 * np.repeat([[1.0], [1.0], [2.0]], 20, axis=1)
    assert held_back_coverage(y, 0, errors, origins) == pytest.approx(40 / 60)
    assert held_back_coverage(y, 0, errors[:2], origins[:2]) is None
    errors[0] = np.nan
    errors[1, :10] = np.nan
    assert held_back_coverage(y, 0, errors, origins) == pytest.approx(10 / 30)
    errors[2] = np.nan
    assert held_back_coverage(y, 0, errors, origins) is None, "there are no others"
    assert held_back_coverage(y, 0, np.full((3, 20), np.nan), origins) is None


def test_coverage_counts_in_the_scale_of_the_hour() -> None:
    y = np.zeros(3 * WEEK)
    y[10::WEEK] = [0, 500, 0]
    scale = hour_scale(y, 4)
    errors = np.stack([scale[(4 + origin + np.arange(9)) % WEEK] for origin in (0, 30, 60)])
    assert held_back_coverage(y, 4, errors * [[1], [1.16], [1.34]], np.array([0, 30, 60])) == (
        pytest.approx(18 / 27)
    )


def test_a_sum_has_the_width_of_mean_errors_of_three_days_or_else_of_all_hours_together() -> None:
    width, hours = Widths(np.arange(1.0, WEEK + 1), 1.0, 2.0), np.array([0, 2 * WEEK + 1, 3])
    apart = 2.0 * (1 + 2 + 4)
    assert total_width(width, np.empty((0, 0)), hours) == apart
    errors = np.full((3, 100), np.nan)
    errors[:, :72] = [[3.0], [-4.0], [5.0]]
    squares = np.sqrt((9 + 16 + 25) / 3)
    assert total_width(width, errors, hours) == pytest.approx(4.302653 * squares * 3)
    assert total_width(width, errors[:2], hours) == apart
    shorter = errors.copy()
    shorter[1, 71] = np.nan
    assert total_width(width, shorter, hours) == apart
    five, six = np.repeat(errors, 2, axis=0)[:5], np.repeat(errors, 2, axis=0)
    squares_of_five = np.sqrt((9 + 9 + 16 + 16 + 25) / 5)
    assert total_width(width, five, hours) == pytest.approx(4.302653 * squares_of_five * 3)
    assert total_width(width, six, hours) == pytest.approx(3.182446 * squares * 3)
