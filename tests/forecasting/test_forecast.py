"""What `forecast` promises for every kind of series."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecasting.shapes import MONDAY, WEEK, series, working_week
from pacsflow.errors import UsageError
from pacsflow.export.rows import to_json
from pacsflow.forecasting import (
    Forecast,
    HolidayCalendar,
    NotEnoughHistory,
    forecast,
    forecast_many,
)
from pacsflow.series import HourlySeries
from pacsflow.words.language import english
from pacsflow.words.saying import message_said


def told(found: Forecast) -> list[str]:
    return [message_said(note, english()) for note in found.notes]


def made(values: np.ndarray, **options: Any) -> Forecast:
    found = forecast(series(values), **options)
    assert isinstance(found, Forecast)
    return found


def check(found: Forecast, horizon: int = WEEK) -> None:
    for band in (found.mean, found.lower80, found.upper80, found.lower95, found.upper95):
        assert band.shape == (horizon,)
        assert np.isfinite(band).all()
        assert (band >= 0).all()
    assert (found.lower95 <= found.lower80).all()
    assert (found.lower80 <= found.mean).all()
    assert (found.mean <= found.upper80).all()
    assert (found.upper80 <= found.upper95).all()
    assert message_said(found.verdict.message, english())
    assert "NaN" not in to_json(found)


@pytest.mark.few(6)
@pytest.mark.parametrize("hours", [168, 169, 191, 192, 215, 216, 336, 504])
def test_every_length_from_one_week_on_gives_a_whole_forecast(hours: int) -> None:
    found = made(working_week(8)[:hours])
    check(found)
    assert found.start == MONDAY + timedelta(hours=hours)


def test_less_than_a_week_says_how_much_is_there_and_needed() -> None:
    found = forecast(series(working_week(1)[:100]))
    assert isinstance(found, NotEnoughHistory)
    assert (found.hours, found.needed) == (100, 168)
    assert "100 hours" in message_said(found.reason, english())


def test_beats_last_week_where_weeks_differ_by_noise_alone() -> None:
    y = working_week(9, noise=0.3)
    found = made(y[:-WEEK])
    error = np.mean(np.abs(found.mean - y[-WEEK:]))
    naive = np.mean(np.abs(y[-2 * WEEK : -WEEK] - y[-WEEK:]))
    assert error < 0.9 * naive
    assert found.verdict.suits is True
    assert found.verdict.state == "suits"
    assert 0.9 <= np.mean((y[-WEEK:] >= found.lower95) & (y[-WEEK:] <= found.upper95)) <= 1


def test_a_random_walk_of_weeks_is_best_forecast_by_the_last_one_and_says_so() -> None:
    # Every week its own random shape around the week before: nothing beats repeating it.
    rng = np.random.default_rng(3)
    weeks = 100 + np.cumsum(rng.normal(0, 8, (10, WEEK)), axis=0)
    found = made(weeks.ravel())
    if found.verdict.suits:
        assert found.verdict.improvement_percent is not None
        assert found.verdict.improvement_percent < 8
    else:
        assert found.verdict.state in {"no-better", "worse", "as-good", "not-proven"}


def test_verdict_shows_last_week_instead_where_models_lose_by_a_tenth(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from pacsflow.forecasting import selection

    monkeypatch.setattr(selection, "_LOSS", 1e-9)  # every loss is now a tenth too much
    y = working_week(3)
    found = made(y)
    assert found.model == "seasonal naive 168"
    assert found.verdict.suits is False
    assert found.verdict.state in {"no-better", "worse"}
    assert found.mean == pytest.approx(y[-WEEK:])


@pytest.mark.parametrize(
    ("values", "word"),
    [
        (np.zeros(700), "zero"),
        (np.full(700, 42.0), "one value"),
        (np.r_[working_week(3), np.zeros(400)], "stopped"),
    ],
)
def test_series_without_a_question_explain_themselves(values: np.ndarray, word: str) -> None:
    found = made(values)
    check(found)
    assert found.verdict.state == "level"
    assert word in told(found)[-1]
    assert found.verdict.suits is None
    assert np.ptp(found.mean) == 0


def test_one_spike_is_told_and_not_expected_again() -> None:
    y = np.full(1000, 5.0)
    y[900] = 1e9
    found = made(y)
    check(found)
    assert found.mean.max() < 10
    assert any("did not come again" in note for note in told(found))
    y = np.zeros(1000)
    y[900] = 7.0
    assert made(y).mean.max() == 0


def test_a_series_that_starts_late_forgets_the_zeros_before() -> None:
    late = np.r_[np.zeros(5 * WEEK), working_week(2)]
    found = made(late)
    assert any("began" in note for note in told(found))
    assert found.mean == pytest.approx(made(working_week(2)).mean, rel=1e-6)
    early = forecast(series(np.r_[np.zeros(5 * WEEK), working_week(2)[:60] + 1]))
    assert isinstance(early, NotEnoughHistory)
    assert early.began is not None


def test_gaps_are_missing_and_not_zero() -> None:
    y = working_week(4)
    whole = made(y)
    holed = y.copy()
    holed[-30:-10] = np.nan
    holed[400:420] = np.nan
    with_gaps = made(holed)
    check(with_gaps)
    assert with_gaps.mean.sum() == pytest.approx(whole.mean.sum(), rel=0.1)
    zeros = np.nan_to_num(holed)
    assert made(zeros).mean.sum() < with_gaps.mean.sum()
    assert any("without data" in note for note in told(with_gaps))


def test_a_level_shift_is_followed() -> None:
    y = np.r_[working_week(4, seed=1), 2 * working_week(2, seed=2)]
    found = made(y)
    assert found.mean.sum() == pytest.approx(2 * working_week(1, seed=3).sum(), rel=0.2)


def test_bursts_explode_nothing() -> None:
    rng = np.random.default_rng(0)
    y = np.where(rng.random(1344) < 0.04, rng.lognormal(10, 2, 1344), 0.0)
    found = made(y)
    check(found)
    assert found.mean.max() <= y.max()


@given(
    hours=st.integers(0, 700),
    seed=st.integers(0, 10_000),
    kind=st.sampled_from(["lognormal", "counts", "sparse", "huge", "tiny", "gappy", "steps"]),
)
@settings(max_examples=12, deadline=None)
def test_nothing_raises(hours: int, seed: int, kind: str) -> None:
    rng = np.random.default_rng(seed)
    y = {
        "lognormal": lambda: rng.lognormal(0, 3, hours),
        "counts": lambda: rng.poisson(0.3, hours).astype(float),
        "sparse": lambda: np.where(rng.random(hours) < 0.01, 1.0, 0.0),
        "huge": lambda: rng.random(hours) * 1e15,
        "tiny": lambda: rng.random(hours) * 1e-9,
        "gappy": lambda: np.where(rng.random(hours) < 0.6, np.nan, rng.random(hours)),
        "steps": lambda: np.repeat(rng.random(hours // 50 + 1), 50)[:hours],
    }[kind]()
    found = forecast(series(y))
    if isinstance(found, Forecast):
        check(found)
    else:
        assert found.reason


def test_no_forecast_sees_what_comes_after_it() -> None:
    from pacsflow.forecasting.selection import candidates

    y = working_week(6)
    other = y.copy()
    other[700:] = 1e6
    at = np.array([700])
    for model in candidates(600, 0):
        fitted = model.fit(y[:600], exact=False)
        before, after = (fitted.paths(values, at, WEEK) for values in (y, other))
        assert before == pytest.approx(after), model.key


def test_summer_time_keeps_the_clock_on_the_wall() -> None:
    # Work begins at 7 by the clock of London; the clock moves on Sunday 30 March 2025.
    start = datetime(2025, 2, 24, tzinfo=UTC)
    hours = [start + timedelta(hours=h) for h in range(5 * WEEK + 2 * WEEK)]
    from zoneinfo import ZoneInfo

    local = [h.astimezone(ZoneInfo("Europe/London")) for h in hours]
    y = np.array([50.0 if 7 <= h.hour < 18 and h.weekday() < 5 else 2.0 for h in local])
    past = HourlySeries("made", "bytes", start, y[: 5 * WEEK - 24])  # until Sunday, before it
    known = forecast(past, zone="Europe/London")
    naive = forecast(past, zone="UTC")
    assert isinstance(known, Forecast)
    assert isinstance(naive, Forecast)
    actual = y[5 * WEEK - 24 :][:WEEK]
    assert np.abs(known.mean - actual).max() < 1
    assert np.abs(naive.mean - actual).max() > 20


def test_autumn_hour_that_comes_twice_is_one_hour_of_the_wall() -> None:
    start = datetime(2025, 10, 6, tzinfo=UTC)
    found = forecast(
        HourlySeries("made", "bytes", start, working_week(3, noise=0.0)), zone="Europe/London"
    )
    assert isinstance(found, Forecast)
    check(found)
    twice = int((datetime(2025, 10, 26, tzinfo=UTC) - found.start).total_seconds() // 3600)
    if 0 <= twice < WEEK - 1:
        assert found.mean[twice] == found.mean[twice + 1]


def test_an_unknown_zone_is_a_clear_error() -> None:
    with pytest.raises(UsageError, match="Mars/Phobos"):
        forecast(series(working_week(2)), zone="Mars/Phobos")


def test_holidays_that_the_history_shows_are_forecast() -> None:
    start = datetime(2025, 3, 31, tzinfo=UTC)  # Monday; in England 18 and 21 April, 5 and 26 May
    y = working_week(7.5, noise=0.05)
    quiet = working_week(8, noise=0.0)[6 * 24 : 7 * 24]  # a Sunday
    for day in (18, 21, 35):
        y[day * 24 : (day + 1) * 24] = quiet
    history = HourlySeries("made", "bytes", start, y[: 52 * 24])  # until Wednesday 22 May
    found = forecast(history, holidays=HolidayCalendar.parse("GB-ENG"))
    plain = forecast(history)
    assert isinstance(found, Forecast)
    assert isinstance(plain, Forecast)
    monday = slice((56 - 52) * 24 + 9, (56 - 52) * 24 + 16)  # 26 May, working hours
    assert found.mean[monday].max() < 30
    assert plain.mean[monday].min() > 60
    assert any("Public holidays: 3 in the history lie" in note for note in told(found))


def test_holidays_that_do_not_show_change_nothing() -> None:
    start = datetime(2025, 3, 31, tzinfo=UTC)
    history = HourlySeries("made", "bytes", start, working_week(7.5))
    with_them = forecast(history, holidays=HolidayCalendar.parse("GB-ENG"))
    without = forecast(history)
    assert isinstance(with_them, Forecast)
    assert isinstance(without, Forecast)
    assert with_them.mean == pytest.approx(without.mean)
    assert any("do not show" in note for note in told(with_them))


def test_identification_is_shown() -> None:
    rng = np.random.default_rng(2)
    x = np.zeros(1344)
    for t in range(1, x.size):
        x[t] = 0.8 * x[t - 1] + rng.normal(0, 5)
    found = made(working_week(8, noise=0.0) + 100 + x)
    shown = found.diagnostics
    assert shown.adf is not None
    assert shown.kpss is not None
    assert shown.acf[0] == pytest.approx(1)
    assert len(shown.acf) == len(shown.pacf) == 193
    assert shown.aicc[0][1] <= shown.aicc[-1][1]
    assert shown.order in message_said(shown.why[0], english())
    assert shown.ljung_box_24 is not None
    assert shown.ljung_box_168 is not None
    assert shown.normality is not None
    assert found.verdict.mase is not None
    assert found.verdict.coverage95 is not None
    assert found.scores[0].mae <= found.scores[-1].mae
    assert {"seasonal naive 24", "seasonal naive 168"} <= {s.model for s in found.scores}


def test_many_are_forecast_in_order_with_progress_and_as_one_alone() -> None:
    every = [series(working_week(3, seed=i), name=f"s{i}") for i in range(7)] + [series([1.0])]
    seen: list[tuple[int, int]] = []
    found = forecast_many(every, workers=2, progress=lambda done, all_: seen.append((done, all_)))
    assert seen == [(i + 1, 8) for i in range(8)]
    assert [f.series for f in found] == [f"s{i}" for i in range(7)] + ["made"]
    assert isinstance(found[-1], NotEnoughHistory)
    alone = forecast(every[3])
    assert isinstance(alone, Forecast)
    assert isinstance(found[3], Forecast)
    assert found[3].mean == pytest.approx(alone.mean)


@pytest.mark.parametrize(
    ("gain", "suits", "told"),
    [(12.0, True, "12 % better"), (0.4, False, "as well as"), (-0.9, False, "as well as"),
     (-3.0, False, "3.0 % worse"), (4.98, True, "4.9 % better")],
)  # fmt: skip
def test_a_gain_of_nothing_is_no_gain(gain: float, suits: bool, told: str) -> None:
    from pacsflow.forecasting.results import Verdict
    from pacsflow.forecasting.selection import DEFAULT, Rolling, Trial
    from pacsflow.forecasting.verdict import _state

    none = np.empty((0, 1))
    tried = Rolling(np.empty(0, dtype=np.int64), none, (Trial(DEFAULT, "the mean", none),))
    state, models, percent = _state(tried, "arima168", ("ARIMA",), gain, {"naive168": 1.0})
    verdict = Verdict(state, state == "suits", models, percent)
    sentence = message_said(verdict.message, english()).replace("\u00a0", " ")
    assert (verdict.suits, told in sentence) == (suits, True)
    assert " 0 %" not in sentence


def _office(weeks: int, seed: int = 3) -> np.ndarray:
    hours = np.arange(weeks * 168)
    busy = 1.0 + np.maximum(0.0, np.sin((hours % 24 - 6) / 12 * np.pi)) * (hours // 24 % 7 < 5) * 9
    return busy * np.random.default_rng(seed).lognormal(0, 0.2, len(hours)) * 1e9


@pytest.mark.parametrize("weeks", [4, 6])
def test_one_night_of_copying_is_not_forecast_again(weeks: int) -> None:
    values = _office(weeks)
    night = (weeks - 1) * 168 + 100
    values[night : night + 4] = [22e9, 60e9, 55e9, 41e9]
    found = made(values)
    assert found.mean[100:104].max() < 8e9
    assert [(event.hours, event.direction) for event in found.left_out] == [(4, "more")]
    assert found.left_out[0].start == MONDAY + timedelta(hours=night)
    assert any("did not come again" in note for note in told(found))


def test_what_comes_every_week_is_forecast_however_high() -> None:
    values = _office(5)
    for week in range(5):
        values[week * 168 + 100 : week * 168 + 104] = [30e9, 60e9, 55e9, 41e9]
    found = made(values)
    assert found.mean[101:103].min() > 40e9
    assert not found.left_out


def test_two_high_days_of_one_week_are_the_way_of_the_series() -> None:
    values = _office(5)
    for day in (30, 33):
        values[day * 24 + 2 : day * 24 + 5] = 60e9
    assert not made(values).left_out
