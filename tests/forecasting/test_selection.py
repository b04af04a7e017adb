"""Selection by rolling origin: what each candidate is given, and which of them is taken."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from forecasting.shapes import WEEK
from pacsflow.forecasting import selection
from pacsflow.forecasting.profiles import Regression
from pacsflow.forecasting.selection import (
    DEFAULT,
    Rolling,
    Trial,
    choose,
    fit_chosen,
    log_ratio,
    rolling_origin,
)


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


def test_combinations_are_means_of_what_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    models = [Recorder("arima168", 2.0), Recorder("mstl1", 4.0), Recorder("daytypes", -3.0)]
    found, _ = rolled(monkeypatch, np.ones(2 * WEEK), *models)
    paths = {trial.key: float(trial.paths[0, 0]) for trial in found.trials}
    assert paths == {
        "arima168": 2.0, "mstl1": 4.0, "daytypes": 0.0, "arima168+mstl1": 3.0,
        "arima168+mstl1+daytypes": 2.0, "mstl1+daytypes": 2.0,
    }  # fmt: skip
    assert found.trial(DEFAULT).name == "mean of the arima168, 2 and the mstl1, 2"
    found, _ = rolled(monkeypatch, np.ones(2 * WEEK), models[0])
    assert [trial.key for trial in found.trials] == ["arima168"]


@pytest.mark.parametrize(
    ("hours", "keys"),
    [
        (95, ["naive24"]),
        (96, ["naive24", "plain0"]),
        (168, ["naive168", "naive24", "daytypes", "plain0"]),
        (191, ["naive168", "naive24", "daytypes", "plain0"]),
        (192, ["naive168", "naive24", "arima168", "mstl1", "daytypes", "plain0"]),
        (335, ["naive168", "naive24", "arima168", "mstl1", "daytypes", "plain0"]),
        (336, ["naive168", "naive24", "arima168", "mstl1", "daytypes", "fourier", "plain0"]),
        (359, ["naive168", "naive24", "arima168", "mstl1", "daytypes", "fourier", "plain0"]),
        (360, ["naive168", "naive24", "arima168", "mstl1", "smooth0.4", "smooth0.8", "daytypes",
               "fourier", "plain0"]),
    ],
)  # fmt: skip
def test_what_a_history_allows(hours: int, keys: list[str]) -> None:
    assert [model.key for model in selection.candidates(hours, 0)] == keys


def test_profiles_begin_with_the_series_and_forget_a_fifth_a_week() -> None:
    profiles = [m for m in selection.candidates(999, 7) if isinstance(m, Regression)]
    assert [(m.terms.first, m.terms.kind, m.terms.memory) for m in profiles] == [
        (7, "day types", 0.8), (7, "Fourier", 0.8),
    ]  # fmt: skip


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


def test_the_forecast_to_beat_is_taken_where_nothing_beats_it() -> None:
    assert (
        choose(rolling(arima168_mstl1=EIGHT, naive168=1.2 * EIGHT, other=0.97 * EIGHT), 999)
        == DEFAULT
    )
    assert choose(rolling(other=EIGHT), 999) == DEFAULT, "nothing was held back of it"
    assert choose(rolling(other=EIGHT), LONG - 1) == "naive168"
    assert choose(rolling(other=EIGHT), LONG) == DEFAULT


def test_another_is_taken_that_is_better_by_a_twentieth_and_by_more_than_chance() -> None:
    def taken(other: np.ndarray, **more: Any) -> str:
        return choose(rolling(arima168_mstl1=EIGHT, naive168=1.2 * EIGHT, other=other, **more), 999)

    assert taken(0.949 * EIGHT) == "other"
    assert taken(0.951 * EIGHT) == DEFAULT
    assert taken(0.8 * EIGHT, third=0.7 * EIGHT) == "third"
    assert taken(0.7 * EIGHT, third=0.8 * EIGHT) == "other"
    # Eight origins count as four: twice the standard deviation is what 3.5 standard errors are of.
    swing = np.array([1.0, -1.0] * 4)
    for size, sure in ((0.9, True), (1.1, False)):
        gain = 0.2  # of the logarithm
        deviation = size * gain * 2 / 3.5 / (np.std(swing, ddof=1) / 1.0)
        other = EIGHT * np.exp(-gain + deviation * swing)
        assert taken(other) == ("other" if sure else DEFAULT), size


def test_two_origins_tell_nothing_and_three_something() -> None:
    for count, taken in ((2, DEFAULT), (3, "other")):
        same = EIGHT[:1].repeat(count)
        held_back = rolling(arima168_mstl1=same, other=0.5 * same, naive168=same)
        assert choose(held_back, 999) == taken


def test_last_week_is_taken_where_the_forecast_to_beat_loses_by_a_tenth() -> None:
    unsure = EIGHT * np.exp(0.5 * np.array([1.0, -1.0] * 4))
    for times, taken in ((1.09, DEFAULT), (1.11, "naive168")):
        held_back = rolling(arima168_mstl1=times * EIGHT, naive168=unsure, other=times * EIGHT)
        assert choose(held_back, 999) == taken


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
    ratio = log_ratio(rolling(a=[0.0, 1.0, 3.0], b=[1.0, 1.0, 1.0]), "a", "b")
    assert ratio.tolist() == pytest.approx([np.log(1e-12), 0.0, np.log(3)])


def test_the_chosen_are_fitted_to_all_that_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    a, b, c = (Recorder(key) for key in ("a", "b", "c"))
    monkeypatch.setattr(selection, "candidates", lambda *_: (a, b, c))
    assert fit_chosen("c+a+x", np.ones(500), 3) == (c, a)
    assert (a.fits, b.fits, c.fits) == ([(500, True)], [], [(500, True)])
