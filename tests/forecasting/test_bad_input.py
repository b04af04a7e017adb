"""Histories that are not what a forecast would like: a sentence that says so, no nonsense."""

from __future__ import annotations

import warnings
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from forecasting.shapes import MONDAY, WEEK, series, working_week
from pacsflow.forecasting import Forecast, NotEnoughHistory, forecast
from pacsflow.forecasting.anomalies import anomalies, incidents
from pacsflow.forecasting.rare import rare_use
from pacsflow.forecasting.steps import clock_drift, level_step
from pacsflow.forecasting.transform import wall_hours
from pacsflow.series import HourlySeries
from pacsflow.words.language import Language, english
from pacsflow.words.saying import message_said


def made(values: np.ndarray, **options: Any) -> Forecast:
    found = forecast(series(values), **options)
    assert isinstance(found, Forecast)
    assert np.isfinite(found.mean).all()
    assert (found.lower95 >= 0).all()
    return found


def said(found: Forecast) -> str:
    return " ".join(message_said(note, english()) for note in found.notes)


def truth(weeks: float = 1) -> np.ndarray:
    return working_week(weeks, noise=0.0)


def counts_of(unit: str, rate: np.ndarray) -> HourlySeries:
    values = np.random.default_rng(4).poisson(rate).astype(float)
    return HourlySeries("made", unit, MONDAY, values)


def visits(weeks: int, *, seed: int = 2, a_week: int = 2) -> np.ndarray:
    """Return a device that is used for two hours, on days and at hours of no habit."""
    rng = np.random.default_rng(seed)
    values = np.zeros(weeks * WEEK)
    for week in range(weeks):
        for day in rng.choice(7, a_week, replace=False):
            hour = week * WEEK + day * 24 + rng.integers(7, 19)
            values[hour : hour + 2] = rng.lognormal(22, 0.4, 2)
    return values


def test_a_third_of_the_hours_missing_is_said_and_forecast_all_the_same() -> None:
    values = working_week(6)
    values[np.random.default_rng(1).random(values.size) < 0.3] = np.nan
    found = made(values)
    assert "hours are without data" in said(found)
    assert np.abs(found.mean - truth()).mean() < 0.25 * truth().mean()


@pytest.mark.parametrize("empty", [0.0, np.nan], ids=["zeros", "no data"])
@pytest.mark.parametrize("week", [0, 3, 7])
def test_all_weeks_but_one_are_empty(empty: float, week: int) -> None:
    values = np.full(8 * WEEK, empty)
    values[week * WEEK : (week + 1) * WEEK] = working_week(1)
    found = made(values)
    assert found.mean.max() <= 2 * truth().max()
    assert said(found) or "hours are too few" in message_said(found.verdict.message, english())
    if empty == 0.0 and week < 7:
        assert "taken to have stopped" in said(found)
        assert found.mean.max() == 0


def test_a_device_three_days_old_has_no_forecast_but_a_reason() -> None:
    values = np.r_[np.zeros(5 * WEEK), working_week(1)[:72]]
    found = forecast(series(values))
    assert isinstance(found, NotEnoughHistory)
    told = message_said(found.reason, english())
    assert "72" in told
    assert "168" in told


@pytest.mark.few(3)
@pytest.mark.parametrize("factor", [1000.0, 0.001])
@pytest.mark.parametrize("since", [4 * WEEK + 24 + 10, 4 * WEEK + 3 * 24, 3 * WEEK])
def test_another_unit_is_told_and_what_came_before_forgotten(factor: float, since: int) -> None:
    values = working_week(6)
    values[since:] *= factor
    found = made(values)
    assert "as where a unit changed" in said(found)
    assert np.abs(found.mean - factor * truth()).mean() < 0.3 * factor * truth().mean()
    step = level_step(values, 0)
    assert step is not None
    assert abs(step.first - since) <= 1
    assert 0.7 < step.times / factor < 1.4


def test_another_unit_since_yesterday_leaves_too_little_and_says_so() -> None:
    values = working_week(6)
    values[-30:] *= 1000
    found = forecast(series(values))
    assert isinstance(found, NotEnoughHistory)
    assert found.changed == MONDAY + timedelta(hours=6 * WEEK - 30)
    assert "unit changed" in message_said(found.reason, english())
    assert "unidade" in message_said(found.reason, Language("pt-BR"))


@pytest.mark.few(2)
@pytest.mark.parametrize("days", [3, 6, 13, 27])
@pytest.mark.parametrize(("times", "more"), [(2.0, 0.0), (0.4, 0.0), (1.0, 60.0)])
def test_a_level_that_doubles_on_a_tuesday_is_told_and_followed(
    days: int, times: float, more: float
) -> None:
    values = working_week(7)[: 6 * WEEK + 5 * 24]  # until Friday night
    since = values.size - days * 24 + (days == 27) * 24 * 3
    values[since:] = times * values[since:] + more
    found = made(values)
    told = said(found)
    assert "the hours before as if they had been at the level since" in told
    assert f"{MONDAY + timedelta(hours=since):%a} {MONDAY + timedelta(hours=since):%-d}" in told
    ahead = np.roll(times * truth() + more, -(values.size % WEEK))
    assert np.abs(found.mean - ahead).mean() < 0.05 * ahead.mean()
    assert ((ahead >= found.lower95) & (ahead <= found.upper95)).mean() > 0.95


def test_no_step_is_told_where_there_is_none() -> None:
    rng = np.random.default_rng(7)
    for seed in range(6):
        steady = working_week(6, seed=seed, noise=0.4)
        assert level_step(steady, 0) is None
        bursts = np.exp(1.2 * rng.standard_normal(6 * WEEK))
        assert level_step(bursts, 0) is None
    quiet = working_week(2)
    quiet[5 * 24 : 7 * 24] *= 1e-4  # a weekend of next to nothing, and one with a single study
    quiet[12 * 24 :] = 0.0
    quiet[-10] = 90.0
    assert level_step(quiet, 0) is None
    holiday = working_week(6)
    holiday[2 * WEEK : 2 * WEEK + 48] *= 0.1
    assert level_step(holiday, 0) is None


def test_a_clock_that_drifts_is_told_and_summer_time_is_no_drift() -> None:
    weeks = [np.roll(working_week(1, seed=w), w) for w in range(6)]
    drifting = np.concatenate(weeks)
    assert clock_drift(drifting) == 5
    assert "the clock of the source seems to drift" in said(made(drifting))
    assert clock_drift(np.concatenate([np.roll(w, -2 * i) for i, w in enumerate(weeks)])) == -5
    steady = working_week(6, noise=0.4)
    assert clock_drift(steady) == 0
    assert clock_drift(np.r_[steady[: 3 * WEEK], np.roll(steady[3 * WEEK :], 3)]) == 0


@pytest.mark.few(2)
@pytest.mark.parametrize("rate", [0.3, 4.0, 60.0])
def test_counts_are_forecast_as_whole_numbers_and_their_sum_stays(rate: float) -> None:
    shape = truth(6) / truth().mean() * rate
    found = forecast(counts_of("connections", shape))
    assert isinstance(found, Forecast)
    for band in (found.mean, found.lower80, found.upper80, found.lower95, found.upper95):
        assert (band == np.rint(band)).all()
        assert (band >= 0).all()
    assert (found.lower95 <= found.lower80).all()
    assert (found.lower80 <= found.mean).all()
    assert (found.mean <= found.upper80).all()
    assert found.mean.sum() == pytest.approx(rate * WEEK, rel=0.25)


def test_bytes_are_not_counts() -> None:
    found = forecast(counts_of("bytes", truth(4)))
    assert isinstance(found, Forecast)
    assert (found.mean != np.rint(found.mean)).any()


def test_a_device_used_twice_a_week_has_days_and_no_hours() -> None:
    values = visits(8)
    found = made(values)
    assert found.verdict.state == "rare"
    assert "on 16 of 56 days" in message_said(found.verdict.message, english())
    assert "to 4 should have traffic" in said(found)
    coming = [visits(1, seed=seed) for seed in range(50, 90)]
    total = np.array([week.sum() for week in coming])
    inside = (total >= found.total95[0]) & (total <= found.total95[1])
    assert inside.mean() >= 0.9
    assert found.mean.sum() == pytest.approx(values.sum() / 8, rel=0.2)
    hours = np.concatenate([week <= found.upper95 for week in coming])
    assert hours.mean() >= 0.95
    usual, theft = np.r_[values, coming[0]], np.r_[values, coming[0]]
    theft[-30:-26] += 20 * values.max()
    assert incidents(series(usual), found) == []
    (incident,) = incidents(series(theft), found)
    assert incident.direction == "more"
    assert incident.hours <= 24


def test_what_keeps_to_its_hours_is_not_rare() -> None:
    values = np.zeros(8 * WEEK)
    for week in range(8):
        values[week * WEEK + 26 : week * WEEK + 30] = 50.0
        values[week * WEEK + 98 : week * WEEK + 101] = 30.0
    assert rare_use(values, 0) is None
    found = made(values)
    assert found.mean[27] == pytest.approx(50, rel=0.2)
    assert rare_use(working_week(8), 0) is None


@pytest.mark.few(2)
@pytest.mark.parametrize("wrong", [-5.0, -1e300, 1e300, 1e31])
def test_values_that_no_traffic_can_have_count_as_missing_and_are_told(wrong: float) -> None:
    values = working_week(6)
    values[[100, 500]] = wrong
    found = made(values)
    assert "Hours below zero or beyond what traffic can be: 2; they count as missing" in said(found)
    assert "without data" not in said(found)
    assert np.abs(found.mean - truth()).mean() < 0.2 * truth().mean()


@pytest.mark.parametrize("factor", [-1.0, 1e300])
def test_a_series_of_such_values_has_no_forecast_but_a_reason(factor: float) -> None:
    found = forecast(series(factor * working_week(4)))
    assert isinstance(found, NotEnoughHistory)
    assert (found.hours, found.impossible) == (0, 4 * WEEK)
    assert "672 hours are below zero" in message_said(found.reason, english())
    assert "672 horas" in message_said(found.reason, Language("pt-BR"))


def test_values_of_next_to_nothing_are_zero() -> None:
    assert made(1e-300 * working_week(4)).mean.max() == 0


def test_an_hour_that_summer_time_leaves_out_lacks_no_data() -> None:
    start = MONDAY + timedelta(days=7)  # summer time begins on 30 March
    history = HourlySeries("made", "bytes", start, working_week(4))
    found = forecast(history, zone="Europe/Berlin")
    assert isinstance(found, Forecast)
    assert "without data" not in said(found)
    gap = working_week(4)
    gap[300] = np.nan
    found = forecast(HourlySeries("made", "bytes", start, gap), zone="Europe/Berlin")
    assert isinstance(found, Forecast)
    assert "1 of 672 hours is without data" in said(found)


def by_the_wall(start: datetime, hours: int, zone: str, noise: float = 0.1) -> np.ndarray:
    """Return hours that are busy from 7 to 18 on weekdays by the clock of a zone."""
    wall = wall_hours(start, hours, zone)
    busy = ((wall // 24) % 7 < 5) & (wall % 24 >= 7) & (wall % 24 < 18)
    spread = np.exp(noise * np.random.default_rng(1).standard_normal(hours))
    return np.where(busy, 100.0, 10.0) * spread


# The summer times that began and ended by the old rules of Sao Paulo: at midnight, ten in 2017/18.
CHANGES = {
    "Europe/Berlin": ((2025, 3, 30, 1), (2025, 10, 26, 1)),
    "America/Sao_Paulo": ((2017, 10, 15, 3), (2018, 2, 18, 2)),
    "Australia/Lord_Howe": ((2025, 4, 5, 15),),  # by half an hour
}


@pytest.mark.few(6)
@pytest.mark.parametrize("days", [7, 15])
@pytest.mark.parametrize("since", [1, 30, 7 * 24])
@pytest.mark.parametrize(
    ("zone", "change"), [(zone, change) for zone, every in CHANGES.items() for change in every]
)
def test_a_week_in_which_the_clock_moves_is_a_week(
    zone: str, change: tuple[int, int, int, int], since: int, days: int
) -> None:
    end = datetime(*change, tzinfo=UTC) + timedelta(hours=since)
    start = end - timedelta(days=days)
    past = HourlySeries("made", "bytes", start, by_the_wall(start, days * 24, zone))
    found = forecast(past, zone=zone)
    assert isinstance(found, Forecast)
    assert said(found) == ""
    truth = by_the_wall(end, WEEK, zone, noise=0.0)
    assert np.abs(found.mean - truth).mean() < 0.15 * truth.mean()
    short = HourlySeries("made", "bytes", start, np.r_[past.values[:167], np.nan])
    if days == 7:
        none = forecast(short, zone=zone)
        assert isinstance(none, NotEnoughHistory)
        assert none.hours == 167


def test_an_hour_that_autumn_repeats_is_counted_twice_and_each_judged_alone() -> None:
    start = datetime(2025, 10, 6, tzinfo=UTC)
    values = by_the_wall(start, 4 * WEEK, "Europe/Berlin")
    repeated = int((datetime(2025, 10, 26, tzinfo=UTC) - start) / timedelta(hours=1))
    values[repeated + 1] = -40.0
    values[repeated + 100] = np.nan
    found = forecast(HourlySeries("made", "bytes", start, values), zone="Europe/Berlin")
    assert isinstance(found, Forecast)
    assert "beyond what traffic can be: 1;" in said(found)
    assert "1 of 672 hours is without data" in said(found)


@pytest.mark.parametrize("week", [0, 3, 5])
def test_one_week_amid_nothing_has_the_interval_of_its_days(week: int) -> None:
    values = np.full(6 * WEEK, np.nan)
    values[week * WEEK : (week + 1) * WEEK] = working_week(1)
    found = made(values)
    told = f"{said(found)} {message_said(found.verdict.message, english())}"
    assert "168 hours are too few to hold some back" in told
    assert ("hours are without data: the forecast rests on what came before" in told) == (week < 5)
    width = (found.upper95 - found.lower95)[: 4 * 24]
    assert width.mean() > 0.5 * truth().mean()


def test_weeks_without_data_at_the_end_are_told_and_forecast_over() -> None:
    values = working_week(8)
    values[5 * WEEK :] = np.nan
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        found = made(values)
    assert "The last 504 hours are without data" in said(found)
    assert np.abs(found.mean - truth()).mean() < 0.15 * truth().mean()


def test_hours_below_zero_are_no_incident() -> None:
    values = working_week(5)
    values[4 * WEEK + 30 : 4 * WEEK + 60] *= -1
    assert anomalies(series(values)) == []


def test_one_value_is_said_of_the_forecast_and_not_of_a_history_with_more() -> None:
    stopped = np.r_[working_week(4), np.zeros(3 * WEEK)]
    spike = np.full(4 * WEEK, 7.0)
    spike[300] = 9e5
    for values in (stopped, spike):
        found = made(values)
        assert len(found.notes) == 1
        told = message_said(found.verdict.message, english())
        assert told.startswith("One value stands for every hour")


def test_weekends_that_were_never_seen_are_told() -> None:
    values = working_week(6)
    values[(np.arange(values.size) // 24) % 7 >= 5] = np.nan
    assert "Of 48 of the 168 hours of the week the history holds no data" in said(made(values))
    values[5 * 24 : 7 * 24] = 10.0
    assert "of the week the history" not in said(made(values))


@pytest.mark.few(1)
@pytest.mark.parametrize("seed", range(4))
def test_seldom_events_that_do_not_come_at_the_hour_are_no_incident(seed: int) -> None:
    rng = np.random.default_rng(seed)
    seldom = HourlySeries("made", "connections", MONDAY, rng.poisson(0.05, 8 * WEEK))
    assert anomalies(seldom) == []
    many = np.r_[seldom.values[:-30], np.full(4, 9.0), seldom.values[-26:]]
    (burst,) = anomalies(HourlySeries("made", "connections", MONDAY, many))
    assert (burst.direction, burst.hours) == ("more", 4)
