"""What a forecast does not learn from: events of one night or day that did not come again."""

from __future__ import annotations

import numpy as np
import pytest

from forecasting.shapes import WEEK, working_week
from pacsflow.forecasting.outliers import Excluded, comes_again, distances, without_outliers

NIGHT = 3 * 24 + 1
"""Thursday, one o'clock."""


def left_out(y: np.ndarray, first: int = 0) -> list[tuple[int, int, str]]:
    """Return first hour, hours and direction of each event that was left out."""
    return [(e.first, e.hours, e.direction) for e in without_outliers(y, first)[1]]


def week_hour(week: int, hour: int) -> int:
    return week * WEEK + hour


@pytest.mark.parametrize("weeks", [2, 3, 4, 8])
@pytest.mark.parametrize("times", [0.7, 1.0, 1.8])
def test_a_night_no_larger_than_a_busy_day_is_left_out(weeks: int, times: float) -> None:
    y = working_week(weeks)
    at = week_hour(weeks - 1, NIGHT)
    y[at : at + 4] += times * np.quantile(y, 0.99)
    assert left_out(y) == [(at, 4, "more")]


def test_the_gaps_are_the_event_and_nothing_else() -> None:
    y = working_week(4)
    y[week_hour(2, NIGHT) : week_hour(2, NIGHT) + 4] += 120
    cleaned, events = without_outliers(y, 0)
    assert events == (Excluded(week_hour(2, NIGHT), 4, "more"),)
    gaps = np.flatnonzero(np.isnan(cleaned))
    assert gaps.tolist() == list(range(week_hour(2, NIGHT), week_hour(2, NIGHT) + 4))
    rest = np.isfinite(cleaned)
    np.testing.assert_array_equal(cleaned[rest], y[rest])
    assert np.isfinite(y).all()  # the caller's own hours are as they were


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e12])
def test_the_unit_makes_no_difference(scale: float) -> None:
    """Hours are bytes, communications, or shares."""
    y = working_week(4)
    at = week_hour(3, NIGHT)
    y[at : at + 4] += 120
    assert left_out(scale * y) == [(at, 4, "more")]


def test_of_less_than_two_weeks_nothing_is_known() -> None:
    y = working_week(2)[: 2 * WEEK - 1]
    y[week_hour(1, NIGHT) : week_hour(1, NIGHT) + 4] += 120
    assert not left_out(y)


def test_where_it_is_silent_nearly_always_what_is_not_stays() -> None:
    y = np.zeros(6 * WEEK)
    y[500:520] = 100
    assert not left_out(y)


@pytest.mark.parametrize(("rest", "before", "dead"), [(0.01, 1, True), (0.05, 1, False),
                                                      (0.0, 0.05, False)])  # fmt: skip
def test_dead_hours_tell_where_weeks_are_unlike(rest: float, before: float, dead: bool) -> None:
    """However much hours differ; but not where another week was nearly dead in them, too."""
    y = working_week(6, noise=0.6)
    at, other = week_hour(4, 2 * 24 + 8), week_hour(2, 2 * 24 + 8)
    y[at : at + 9] = rest * 100
    y[other : other + 9] = before * 100
    found = [event for event in left_out(y) if event[2] == "less"]
    assert found == ([(at, 9, "less")] if dead else [])


def test_a_weekend_without_the_little_that_it_has_is_left_out() -> None:
    """No hour of it matters beside a busy one; all of them together do."""
    y = working_week(6)
    at = week_hour(4, 5 * 24)
    y[at : at + 36] = 0.0
    assert left_out(y) == [(at, 36, "less")]


def test_an_outage_has_no_part_in_the_silence_beside_it() -> None:
    y = working_week(6)
    y[y < 40] = 0.0  # nobody works at night
    at = week_hour(4, 2 * 24 + 7)
    y[at : at + 11] = 0.0
    assert left_out(y) == [(at, 11, "less")]


@pytest.mark.parametrize("weeks", [2, 3, 8])
def test_an_outage_as_zeros_is_left_out(weeks: int) -> None:
    y = working_week(weeks, noise=0.3)
    at = week_hour(weeks - 1, 2 * 24 + 9)
    y[at : at + 6] = 0.0
    assert left_out(y) == [(at, 6, "less")]


def test_a_holiday_is_left_out() -> None:
    y = working_week(6)
    monday = week_hour(4, 0)
    y[monday : monday + 24] = working_week(1, seed=9)[6 * 24 :]  # a Sunday's hours
    assert left_out(y) == [(monday + 7, 11, "less")]


def test_clean_weeks_have_nothing_left_out() -> None:
    for seed in range(10):
        assert not left_out(working_week(6, seed=seed))


@pytest.mark.parametrize(("hour", "shift"), [(NIGHT, 0), (NIGHT, 3), (NIGHT, -2)])
def test_what_comes_in_two_weeks_stays(hour: int, shift: int) -> None:
    y = working_week(6)
    for at in (week_hour(2, hour), week_hour(4, hour + shift)):
        y[at : at + 4] += 150
    assert not left_out(y)


def test_what_comes_on_two_days_of_a_week_stays() -> None:
    y = working_week(6)
    for day in (2, 4):
        at = week_hour(5, day * 24 + 1)
        y[at : at + 4] += 150
    assert not left_out(y)


def test_a_night_with_more_and_one_with_less_are_no_habit() -> None:
    y = working_week(6)
    up, down = week_hour(3, 24 + 10), week_hour(4, 24 + 9)
    y[up : up + 4] += 300
    y[down : down + 6] = 0
    assert left_out(y) == [(up, 4, "more"), (down, 6, "less")]


def test_two_nights_of_different_weeks_and_days_are_two_events() -> None:
    y = working_week(8)
    for week, day in ((3, 1), (6, 4)):
        at = week_hour(week, day * 24 + 1)
        y[at : at + 4] += 200
    assert len(left_out(y)) == 2


@pytest.mark.parametrize(("hours", "whole"), [(36, True), (37, False)])
def test_an_event_is_a_day_and_a_half_at_most(hours: int, whole: bool) -> None:
    y = np.full(12 * WEEK, 100.0) + np.random.default_rng(1).normal(0, 3, 12 * WEEK)
    y[week_hour(9, 30) : week_hour(9, 30) + hours] = 300
    assert bool(left_out(y)) is whole


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("at", [0, 1, 2, 1000, 12 * WEEK - 7, 12 * WEEK - 6])
def test_hours_at_the_edges_that_are_off_less_belong_to_it(at: int, sign: int) -> None:
    """A copy begins in the middle of an hour, and ends in one; two more hours are as ever."""
    y = 100 + np.repeat(4 * [0.0, 3.0, -3.0], WEEK)
    y[at : at + 6] = 100 + sign * 90.0
    for edge, off in ((at - 2, 11), (at - 1, 12), (at + 6, 12), (at + 7, 11)):
        if 0 <= edge < len(y):
            y[edge] = 100 + sign * off
    begin, end = max(0, at - 1), min(len(y), at + 7)
    assert left_out(y) == [(begin, end - begin, "more" if sign > 0 else "less")]


@pytest.mark.parametrize(("between", "events"), [(1, 1), (2, 2)])
def test_a_pause_of_an_hour_is_part_of_it(between: int, events: int) -> None:
    y = np.full(12 * WEEK, 100.0) + np.random.default_rng(1).normal(0, 3, 12 * WEEK)
    y[1000:1006] = y[1006 + between : 1012 + between] = 400
    assert len(left_out(y)) == events


def test_more_than_a_few_percent_are_the_way_of_the_series() -> None:
    # One long event on another day of each of six weeks: 90 of 1008 hours.
    y = np.full(6 * WEEK, 100.0) + np.random.default_rng(1).normal(0, 3, 6 * WEEK)
    for week in range(6):
        at = week_hour(week, week * 24 + 4 * (week % 2))
        y[at : at + 15] = 400
    assert not left_out(y)


@pytest.mark.parametrize(("weeks", "hours"), [(6, [33]), (12, [25, 25])])
def test_one_long_event_or_a_few_percent_are_not(weeks: int, hours: list[int]) -> None:
    y = np.full(weeks * WEEK, 100.0) + np.random.default_rng(1).normal(0, 3, weeks * WEEK)
    events = [(week_hour(2 + 2 * n, 30 + 70 * n), many) for n, many in enumerate(hours)]
    for at, many in events:
        y[at : at + many] = 400
    assert left_out(y) == [(at, many, "more") for at, many in events]


def test_a_level_that_doubles_stays() -> None:
    y = np.r_[working_week(4), 2 * working_week(0.5, seed=2)]
    assert not left_out(y)


def test_what_is_small_beside_a_busy_hour_stays() -> None:
    y = working_week(6, noise=0.02)
    at = week_hour(3, NIGHT)
    y[at : at + 4] += 15  # a hundred deviations, a seventh of a busy hour
    assert not left_out(y)
    y[at : at + 30] += 15
    assert not left_out(y), "nor do many such hours together"


def test_one_hour_over_all_others_is_a_spike_even_in_a_week() -> None:
    y = np.full(WEEK, 5.0)
    y[100] = 41.0
    assert left_out(y) == [(100, 1, "more")]
    y[100] = 40.0
    assert not left_out(y), "eight times the next is none yet"


def test_spikes_are_hours_of_their_own_beside_gaps_and_others() -> None:
    y = np.full(5 * WEEK, 0.01)
    y[[100, 102]] = 0.5
    y[300:310] = np.nan
    assert left_out(y) == [(100, 1, "more"), (102, 1, "more")]


def test_one_hour_where_all_else_is_silent_is_a_spike() -> None:
    y = np.zeros(WEEK)
    assert not left_out(y)
    y[100] = 0.5
    assert left_out(y) == [(100, 1, "more")]


def test_spikes_are_few_or_no_spikes() -> None:
    y = np.full(WEEK, 5.0)
    y[[20, 100]] = 41.0  # two of 168
    assert not left_out(y)


def test_gaps_and_the_hour_of_the_week_do_not_confuse() -> None:
    y = working_week(5)
    at = week_hour(4, NIGHT)
    y[at : at + 4] += 150
    holed = y.copy()
    holed[week_hour(1, 20) : week_hour(2, 60)] = np.nan
    assert left_out(holed) == [(at, 4, "more")]
    assert left_out(y[30:], first=30) == [(at - 30, 4, "more")]
    assert not left_out(np.full(3 * WEEK, np.nan))


def test_distance_is_from_the_median_of_the_weeks() -> None:
    y = np.tile(np.arange(WEEK, dtype=float), 3)
    y[WEEK : 2 * WEEK] += 10
    y[2 * WEEK :] += 30
    distance, sigma = distances(y, 0)
    assert set(distance[:WEEK]) == {-10.0}
    assert set(distance[WEEK : 2 * WEEK]) == {0.0}
    assert set(distance[2 * WEEK :]) == {20.0}
    assert sigma == pytest.approx(np.full(3 * WEEK, 1.4826 * 10))


@pytest.mark.parametrize(
    ("apart", "again"),
    [
        (168, True), (168 + 6, True), (168 + 7, False), (2 * 168 - 6, True),
        (24, True), (24 + 6, True), (24 + 7, False), (5 * 24, True), (9 * 24, False), (12, False),
    ],
)  # fmt: skip
def test_a_habit_keeps_the_clock_of_the_week_or_within_a_week_of_the_day(
    apart: int, again: bool
) -> None:
    run = np.arange(1000, 1004)  # four hours: two halves and three of slack are seven
    assert comes_again(run, run + apart) is again
    assert comes_again(run + apart, run) is again
