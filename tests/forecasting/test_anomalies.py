"""Anomalies, backtest and capacity: what was, compared with what had been forecast."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest

from forecasting.shapes import MONDAY, WEEK, series, working_week
from pacsflow.forecasting import (
    Forecast,
    anomalies,
    backtest,
    capacity_outlook,
    forecast,
    incidents,
)
from pacsflow.forecasting.capacity import growth_a_month, student_975
from pacsflow.series import HOUR
from pacsflow.words.language import english
from pacsflow.words.saying import message_said


def test_a_night_of_copying_is_one_incident_with_its_endpoint() -> None:
    quiet, loud = working_week(4, seed=1), working_week(4, seed=2) / 10
    night = slice(3 * WEEK + 50, 3 * WEEK + 54)
    loud[night] += 400
    parts = [series(quiet, name="CT1"), series(loud, name="WS7")]
    found = anomalies(series(quiet + loud), parts=parts)
    first = found[0]
    assert first.direction == "more"
    assert first.start == MONDAY + 3 * WEEK * HOUR + timedelta(hours=50)
    assert first.end == first.start + timedelta(hours=4)
    assert first.hours == 4
    assert first.seen - first.expected == pytest.approx(1600, rel=0.15)
    assert first.endpoints[0][0] == "WS7"
    assert first.endpoints[0][1] == pytest.approx(1600, rel=0.1)
    assert first.unlikely > 5


def test_silence_in_working_hours_is_less_than_forecast() -> None:
    y = working_week(4, noise=0.1)
    y[3 * WEEK + 9 : 3 * WEEK + 16] = 0.0
    found = anomalies(series(y))
    assert found[0].direction == "less"
    assert found[0].hours == 7


def test_ordinary_weeks_have_next_to_no_incidents() -> None:
    y = working_week(9)
    expected = forecast(series(y[: 6 * WEEK]))
    assert isinstance(expected, Forecast)
    assert not incidents(series(y[: 7 * WEEK]), expected)


def test_an_outage_of_a_restless_series_is_found_and_a_gap_is_none() -> None:
    # Every single hour of it lies inside its own wide interval.
    y = working_week(7, noise=0.9)
    expected = forecast(series(y[: 6 * WEEK]))
    assert isinstance(expected, Forecast)
    at = 6 * WEEK + 33
    dead = y.copy()
    dead[at : at + 6] = 0.0
    assert (expected.lower95[33:39] == 0).all()
    found = [i for i in incidents(series(dead), expected) if i.direction == "less"]
    assert [(i.start, i.hours, i.silent) for i in found] == [(MONDAY + at * HOUR, 6, True)]
    assert found[0].probability == pytest.approx(1 / 7)
    assert found[0].seen == 0
    gap = y.copy()
    gap[at : at + 6] = np.nan
    assert not [i for i in incidents(series(gap), expected) if i.direction == "less"]


def test_many_hours_a_little_high_are_one_incident() -> None:
    y = working_week(7, noise=0.3)
    expected = forecast(series(y[: 6 * WEEK]))
    assert isinstance(expected, Forecast)
    day = slice(6 * WEEK + 24, 6 * WEEK + 48)
    y[day] = expected.mean[24:48] + 0.7 * (expected.upper95 - expected.mean)[24:48]
    (found,) = [i for i in incidents(series(y), expected) if i.direction == "more"]
    assert found.start >= MONDAY + (6 * WEEK + 20) * HOUR
    assert found.hours >= 20
    assert found.probability < 0.05
    assert found.unlikely > 3.2


def test_what_is_seldom_and_small_is_no_incident() -> None:
    rng = np.random.default_rng(1)
    y = 1000 + rng.normal(0, 2, 7 * WEEK)
    expected = forecast(series(y[: 6 * WEEK]))
    assert isinstance(expected, Forecast)
    day = slice(6 * WEEK + 24, 6 * WEEK + 48)
    for raised, told in ((0.05, 0), (0.3, 1)):
        late = y.copy()
        late[day] *= 1 + raised
        assert len(incidents(series(late), expected)) == told


def test_what_happens_later_does_not_change_what_was_expected() -> None:
    y = working_week(4)
    changed = y.copy()
    changed[3 * WEEK + 100 :] *= 50
    early = [i for i in anomalies(series(y)) if i.end < MONDAY + (3 * WEEK + 90) * HOUR]
    same = [i for i in anomalies(series(changed)) if i.end < MONDAY + (3 * WEEK + 90) * HOUR]
    assert {(i.start, i.expected) for i in early} == {(i.start, i.expected) for i in same}


def test_too_short_a_history_has_no_anomalies() -> None:
    assert anomalies(series(working_week(1))) == []


def test_backtest_counts_by_hand() -> None:
    y = working_week(4)
    found = backtest(series(y), origins=2, step=WEEK)
    assert [row.origin for row in found.rows] == [MONDAY + n * WEEK * HOUR for n in (2, 3)]
    last = found.rows[-1]
    scale = np.mean(np.abs(y[24 : 3 * WEEK] - y[: 3 * WEEK - 24]))
    naive = np.mean(np.abs(y[3 * WEEK :] - y[2 * WEEK : 3 * WEEK])) / scale
    assert last.mase_naive168 == pytest.approx(naive)
    assert found.mase == pytest.approx(np.mean([row.mase for row in found.rows]))
    said = message_said(found.outcome, english())
    assert "2 forecasts of the past" in said


def test_backtest_of_a_short_series_says_what_is_needed() -> None:
    found = backtest(series(working_week(1.5)))
    assert not found.rows
    assert found.outcome.key == "backtest-short"


def test_capacity_is_reached_when_the_upper_bound_reaches_it() -> None:
    past = series(working_week(6))
    made = forecast(past)
    assert isinstance(made, Forecast)
    hour = int(np.argmax(made.upper95 >= 60))
    found = capacity_outlook(past, made, 60.0)
    assert found.reached == made.start + hour * HOUR
    assert [note.key for note in found.notes] == ["capacity-reached", "growth"]
    far = capacity_outlook(past, made, 1e6)
    assert far.reached is None
    assert far.notes[0].key == "capacity-kept"


def test_growth_a_month_with_its_interval() -> None:
    rate = 0.02  # a week
    y = working_week(10, noise=0.05) * (1 + rate) ** np.repeat(np.arange(10), WEEK)
    middle, low, high = growth_a_month(y) or (0, 0, 0)
    assert low < 1.02 ** (30 / 7) - 1 < high
    assert middle == pytest.approx(1.02 ** (30 / 7) - 1, abs=0.02)
    assert growth_a_month(y[: 5 * WEEK]) is None
    assert growth_a_month(np.zeros(2000)) is None


def test_the_quantile_of_student_is_scipys() -> None:
    from scipy.stats import t as student

    for freedom in range(4, 200):
        assert student_975(freedom) == pytest.approx(student.ppf(0.975, freedom), rel=5e-4)
