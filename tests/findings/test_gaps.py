"""How unlikely a silence is by a device's own gaps, and where it is told."""

from __future__ import annotations

import numpy as np
import pytest

from pacsflow.findings.gaps import chance_of_silence
from pacsflow.findings.interruptions import BY_CHANCE, Activity

WEEKS, HOURS = 5, 168
WATCHED = np.ones((WEEKS, HOURS), bool)
DAY_OF_WEEK = np.arange(HOURS) // 24
WORKING = (DAY_OF_WEEK < 5) & (np.arange(HOURS) % 24 >= 8) & (np.arange(HOURS) % 24 < 18)
WEEKEND = slice(120, 168)
FROM_WEDNESDAY = slice(48, 168)


def silent(active: np.ndarray, when: slice) -> np.ndarray:
    out = active.copy()
    out[-1, when] = False
    return out


def regular(hours: np.ndarray) -> np.ndarray:
    return np.tile(hours, (WEEKS, 1))


def seldom(seed: int, at_work: float = 0.6, else_: float = 0.1) -> np.ndarray:
    """Return weeks of a device that sends now and then, on weekends too."""
    rng = np.random.default_rng(seed)
    return rng.random((WEEKS, HOURS)) < np.where(WORKING, at_work, else_)


def told(active: np.ndarray, watched: np.ndarray = WATCHED) -> bool:
    return bool([*Activity(["x"], active[None], watched[None]).stopped(24, 2)])


@pytest.mark.parametrize(
    ("hours", "when", "is_told"),
    [
        (np.ones(HOURS, bool), WEEKEND, True),
        (WORKING, slice(72, 120), True),
        (WORKING, WEEKEND, False),
        (np.arange(HOURS) % 24 == 9, slice(72, 120), False),
        (np.arange(HOURS) % 24 == 9, slice(72, 168), True),
    ],
    ids=["never sleeps", "two working days", "no weekends", "once a day, two", "once a day, four"],
)
def test_a_device_that_keeps_to_its_hours(hours: np.ndarray, when: slice, is_told: bool) -> None:
    assert told(silent(regular(hours), when)) is is_told


def test_a_quiet_weekend_of_what_seldom_sends_is_no_stop() -> None:
    """Four weekends in a row with some image: the fifth may have none."""
    quiet = [silent(seldom(seed), WEEKEND) for seed in range(200)]
    assert sum(told(active) for active in quiet) <= 2
    stopped = [silent(seldom(seed), FROM_WEDNESDAY) for seed in range(200)]
    assert all(told(active) for active in stopped)


def test_how_often_chance_tells_a_stop() -> None:
    """Each of 2,000 devices that go on as ever: the rule keeps its promise."""
    assert sum(told(seldom(seed)) for seed in range(2000)) <= 2000 * BY_CHANCE


def test_a_weekend_counts_what_weekends_are_worth() -> None:
    active = seldom(3)
    weekend, work = (
        chance_of_silence(silent(active, when), WATCHED, when) for when in (WEEKEND, slice(72, 120))
    )
    assert weekend > 0.01
    assert work < BY_CHANCE


def test_examinations_that_come_in_runs_are_few() -> None:
    """Six hours in a row are one stay: silence of a weekend with two of five stays is usual."""
    active = np.zeros((WEEKS, HOURS), bool)
    for week, starts in enumerate([(9, 80, 125, 150), (30, 101, 130, 155), (20, 60, 122, 151),
                                   (10, 90, 126, 149), (33, 57)]):  # fmt: skip
        for start in starts:
            active[week, start : start + 6] = True
    assert not told(active)


def test_hours_that_no_sensor_saw_count_for_nothing() -> None:
    active, watched = silent(regular(np.ones(HOURS, bool)), FROM_WEDNESDAY), WATCHED.copy()
    assert told(active, watched)
    watched[-1, FROM_WEDNESDAY] = False
    assert not told(active, watched)
    assert chance_of_silence(active, watched, FROM_WEDNESDAY) > BY_CHANCE


def test_one_other_week_says_what_is_usual() -> None:
    active, watched = silent(regular(np.ones(HOURS, bool)), FROM_WEDNESDAY), WATCHED.copy()
    watched[:-2] = False
    assert chance_of_silence(active, watched, FROM_WEDNESDAY) < BY_CHANCE


def test_without_any_activity_nothing_is_unlikely() -> None:
    nothing = np.zeros((WEEKS, HOURS), bool)
    assert chance_of_silence(nothing, WATCHED, WEEKEND) == 1.0
    assert chance_of_silence(nothing, nothing, WEEKEND) == 1.0
