"""Selection by rolling origin: what each candidate is given, and which of them is taken."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from forecasting.shapes import WEEK, working_week
from pacsflow.forecasting import selection
from pacsflow.forecasting.profiles import Regression
from pacsflow.forecasting.selection import (
    DEFAULT,
    MIX,
    Rolling,
    Trial,
    fit_chosen,
    log_loss,
    rolling_origin,
    weigh,
)
from pacsflow.forecasting.weeks import LevelledWeeks


@dataclass
class Recorder:
    """A model that forecasts `value`, and keeps what it was given."""

    key: str
    value: float = 1.0
    fits: list[tuple[int, bool]] = field(default_factory=list)
    asked: list[tuple[int, list[int], int]] = field(default_factory=list)

    @property
    def name(self) -> str:
        return f"the {self.key}, {len(self.fits)}"

    def fit(self, y: np.ndarray, *, exact: bool) -> Recorder:
        self.fits.append((len(y), exact))
        return self

    def paths(self, y: np.ndarray, origins: np.ndarray, horizon: int) -> np.ndarray:
        self.asked.append((len(y), origins.tolist(), horizon))
        return np.full((len(origins), horizon), self.value)


def rolled(
    monkeypatch: pytest.MonkeyPatch, y: np.ndarray, *models: Recorder, first: int = 0
) -> tuple[Rolling, list[tuple[int, int]]]:
    """Return what rolling origins give of these models, and what candidates were asked for."""
    asked: list[tuple[int, int]] = []

    def candidates(hours: int, begin: int) -> tuple[Recorder, ...]:
        asked.append((hours, begin))
        return models

    monkeypatch.setattr(selection, "candidates", candidates)
    return rolling_origin(y, first, WEEK), asked


def test_no_model_is_fitted_to_what_it_is_judged_on(monkeypatch: pytest.MonkeyPatch) -> None:
    y, model = np.arange(3.0 * WEEK), Recorder("m")
    found, asked = rolled(monkeypatch, y, model, first=5)
    origins = [252, 277, 303, 328, 353, 379, 404, 429, 455, 480]
    assert found.origins.tolist() == origins
    assert asked == [(252, 5)], "of what the history allowed before the first origin"
    assert model.fits == [(252, False), (379, False)], "before the first, and before the middle one"
    assert model.asked == [(353, origins[:5], WEEK), (480, origins[5:], WEEK)]
    (trial,) = found.trials
    assert (trial.key, trial.name, trial.paths.shape) == ("m", "the m, 2", (10, WEEK))
    for row, origin in enumerate(origins):
        there = y[origin : origin + WEEK]
        assert found.actual[row, : len(there)].tolist() == there.tolist()
        assert np.isnan(found.actual[row, len(there) :]).all()


@pytest.mark.parametrize(
    ("hours", "origins"),
    [
        (215, []), (216, [192]), (239, [192]), (240, [192, 216]), (288, [192, 216, 240, 264]),
        (383, [192, 220, 248, 276, 303, 331, 359]), (386, [193, 217, 241, 265, 290, 314, 338, 362]),
    ],
)  # fmt: skip
def test_origins_are_a_day_apart_in_the_later_half(
    monkeypatch: pytest.MonkeyPatch, hours: int, origins: list[int]
) -> None:
    model = Recorder("m")
    found, _ = rolled(monkeypatch, np.ones(hours), model)
    assert found.origins.tolist() == origins
    assert (len(found.trials), found.actual.shape) == (bool(origins), (len(origins), WEEK))
    assert len(model.fits) == (0 if not origins else 1 if len(origins) <= 3 else 2)


def test_an_origin_after_which_nothing_came_judges_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    y = np.ones(3 * WEEK)
    y[-WEEK:] = np.nan
    found, _ = rolled(monkeypatch, y, Recorder("m"))
    assert found.origins.tolist() == [252, 277, 303, 328]
    nothing, _ = rolled(monkeypatch, np.r_[np.ones(200), np.full(304, np.nan)], Recorder("m"))
    assert (nothing.origins.size, nothing.trials, nothing.actual.shape) == (0, (), (0, WEEK))


def test_the_mean_of_both_that_is_compared_with_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    models = [Recorder("arima168", 2.0), Recorder("mstl1", 4.0), Recorder("daytypes", -3.0)]
    found, _ = rolled(monkeypatch, np.ones(2 * WEEK), *models)
    paths = {trial.key: float(trial.paths[0, 0]) for trial in found.trials}
    assert paths == {"arima168": 2.0, "mstl1": 4.0, "daytypes": 0.0, DEFAULT: 3.0}
    assert found.trial(DEFAULT).name == "weighted mean of the arima168, 2 and the mstl1, 2"
    found, _ = rolled(monkeypatch, np.ones(2 * WEEK), models[0])
    assert [trial.key for trial in found.trials] == ["arima168"]


@pytest.mark.parametrize(
    ("hours", "keys"),
    [
        (167, ["naive24"]),
        (168, ["naive168", "naive24", "daytypes", "trimmed"]),
        (191, ["naive168", "naive24", "daytypes", "trimmed"]),
        (192, ["naive168", "naive24", "arima168", "mstl1", "daytypes", "levelled", "trimmed"]),
    ],
)  # fmt: skip
def test_what_a_history_allows(hours: int, keys: list[str]) -> None:
    assert [model.key for model in selection.candidates(hours, 0)] == keys


def test_profiles_begin_with_the_series_and_forget_a_fifth_a_week() -> None:
    models = selection.candidates(999, 7)
    (profile,) = [m for m in models if isinstance(m, Regression)]
    assert (profile.terms.first, profile.terms.memory) == (7, 0.8)
    assert [m.first for m in models if isinstance(m, LevelledWeeks)] == [7]


def rolling(**losses: Any) -> Rolling:
    """Return trials with these losses, one an origin."""
    several = {name.replace("_", "+"): np.atleast_1d(loss) for name, loss in losses.items()}
    count = max(map(len, several.values()))
    trials = [
        Trial(key, key, np.broadcast_to(loss, count)[:, None].astype(float))
        for key, loss in several.items()
    ]
    return Rolling(np.arange(count), np.zeros((count, 1)), tuple(trials))


EIGHT = np.array([1.0, 1.02, 0.98, 1.01, 0.99, 1.0, 1.01, 0.99])
LONG = WEEK + 24


def weighed(hours: int = 999, **losses: Any) -> dict[str, float]:
    return weigh(rolling(**{"naive168": 2 * EIGHT, **losses}), np.ones(hours), 0)


def test_a_loss_of_three_percent_more_halves_a_weight() -> None:
    found = weighed(arima168=EIGHT, mstl1=1.0293 * EIGHT, arima168_mstl1=EIGHT)
    assert list(found) == ["arima168", "mstl1"]
    assert found["arima168"] == pytest.approx(2 / 3, abs=0.01)
    assert sum(found.values()) == pytest.approx(1)
    found = weighed(arima168=EIGHT, mstl1=EIGHT, arima168_mstl1=EIGHT, levelled=0.8 * EIGHT)
    assert found == {"levelled": 1.0}, "a share below a tenth is left out"


def test_before_two_origins_the_mean_is_even_and_day_types_are_of_it_where_days_are_alike() -> None:
    for count in (0, 1):
        held_back = rolling(arima168_mstl1=EIGHT[:count]) if count else rolling(other=[1.0])
        days = working_week(8 / 7)
        found = weigh(held_back, days, 0)
        assert found == dict.fromkeys(["arima168", "mstl1", "daytypes"], pytest.approx(1 / 3))
        timetable = np.random.default_rng(3).poisson(5.0, WEEK).astype(float)
        found = weigh(held_back, np.r_[timetable, timetable[:LONG]], 0)
        assert found == {"arima168": 0.5, "mstl1": 0.5}
        assert weigh(held_back, days[: WEEK + 23], 0) == {"naive168": 1.0}


def test_last_week_is_taken_alone_where_every_model_loses_by_a_twentieth() -> None:
    for times, taken in ((1.04, False), (1.06, True)):
        much = times * EIGHT
        models = {"arima168": much, "mstl1": much, "arima168_mstl1": much, "daytypes": 2 * much}
        found = weighed(naive168=EIGHT, trimmed=EIGHT, levelled=much, **models)
        assert (found == {"naive168": 1.0}) == taken
        assert weighed(naive168=EIGHT, levelled=EIGHT, **models).keys() >= {"levelled"}


def test_a_trimmed_mean_that_trims_what_matters_has_no_weight() -> None:
    paths = {"arima168": 9.0, "mstl1": 9.0, DEFAULT: 9.0, "naive168": 9.0, "trimmed": 10.0}
    for came, there in ((10.0, True), (14.0, False)):
        trials = tuple(Trial(key, key, np.full((3, 4), path)) for key, path in paths.items())
        held_back = Rolling(np.arange(3), np.full((3, 4), came), trials)
        assert ("trimmed" in weigh(held_back, np.ones(999), 0)) == there


def test_the_mean_is_a_trial_of_its_own_where_its_parts_are() -> None:
    held_back = rolling(a=[1.0, 2.0], b=[3.0, 6.0])
    found, key = held_back.with_mean({"b": 0.75, "a": 0.25})
    assert (key, found.trial(key).name) == (MIX, "weighted mean of b and a")
    assert found.trial(key).paths[:, 0].tolist() == [2.5, 5.0]
    assert held_back.with_mean({"a": 1.0}) == (held_back, "a")
    same, key = held_back.with_mean({"a": 0.5, "c": 0.5})
    assert not same.tried(key)


def test_losses_are_over_what_came() -> None:
    actual = np.array([[1.0, np.nan, 4.0], [2.0, 2.0, np.nan]])
    tried = Rolling(np.arange(2), actual, (Trial("a", "A", np.zeros((2, 3))),))
    assert tried.losses("a").tolist() == [2.5, 2.0]
    assert tried.mae("a") == pytest.approx(9 / 4)
    assert tried.errors("a")[0, 2] == 4
    assert (tried.tried("a"), tried.tried("b")) == (True, False)
    with pytest.raises(KeyError, match="b"):
        tried.trial("b")


def test_a_loss_of_nothing_is_no_infinity() -> None:
    held_back = rolling(a=[0.0, 1.0, 3.0], naive24=[1.0, 1.0, 4.0])
    assert log_loss(held_back, "a") == pytest.approx(np.log(0.002 * 3) / 3)
    assert np.isfinite(log_loss(rolling(a=[0.0, 0.0]), "a"))


def test_the_chosen_are_fitted_to_all_that_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    a, b, c = (Recorder(key) for key in ("a", "b", "c"))
    monkeypatch.setattr(selection, "_every", lambda _: (a, b, c))
    assert fit_chosen({"c": 0.6, "a": 0.4}, np.ones(500), 3) == (c, a)
    assert (a.fits, b.fits, c.fits) == ([(500, True)], [], [(500, True)])
