"""Holidays and days like them: which days they are, and what a history shows of them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from forecasting.shapes import WEEK, series, working_week
from pacsflow.errors import UsageError
from pacsflow.forecasting import Forecast, HolidayCalendar, forecast
from pacsflow.forecasting.calendar import KINDS, holiday_effects
from pacsflow.forecasting.transform import wall_hours
from pacsflow.words.language import english
from pacsflow.words.saying import message_said

NOON = 12


def kinds_of(calendar: str, begin: date, days: int) -> dict[date, str]:
    """Return the kind of each special day."""
    start = datetime(begin.year, begin.month, begin.day, tzinfo=UTC)
    first = int(wall_hours(start, 1, "UTC")[0])
    found = HolidayCalendar.parse(calendar).special_days(first, days * 24)
    assert all(mask.shape == (days * 24,) for mask in found.values())
    assert set(found) <= set(KINDS)
    return {
        begin + timedelta(days=int(place) // 24): kind
        for kind, mask in found.items()
        for place in np.flatnonzero(mask)
    }


@pytest.mark.parametrize(
    ("calendar", "day", "kind"),
    [
        ("BR", "2026-02-16", "half-holidays"),  # Carnival
        ("BR", "2026-02-17", "half-holidays"),
        ("BR", "2026-02-18", "half-holidays"),  # Ash Wednesday, until the afternoon
        ("BR", "2026-02-19", None),
        ("BR", "2026-02-13", None),
        ("BR", "2026-04-20", "bridges"),  # Monday before Tiradentes
        ("BR", "2026-04-21", "holidays"),
        ("BR", "2026-06-04", "half-holidays"),  # Corpus Christi
        ("BR", "2026-06-05", "bridges"),
        ("BR", "2025-11-20", "holidays"),
        ("BR", "2025-11-21", "bridges"),
        ("BR", "2026-07-09", None),
        ("BR", "2026-07-10", None),
        ("BR-SP", "2026-07-09", "holidays"),  # of the state alone
        ("BR-SP", "2026-07-10", "bridges"),
        ("BR", "2025-12-24", "year-end"),
        ("BR", "2025-12-25", "holidays"),
        ("BR", "2025-12-26", "year-end"),
        ("BR", "2025-12-27", None),  # a Saturday
        ("BR", "2025-12-31", "year-end"),
        ("BR", "2026-01-01", "holidays"),
        ("BR", "2026-01-02", "bridges"),
        ("BR", "2026-01-05", None),
        ("DE", "2026-02-16", "half-holidays"),
        ("DE", "2026-05-14", "holidays"),  # Ascension
        ("DE", "2026-05-15", "bridges"),
        ("DE-BY", "2026-06-05", "bridges"),
        ("DE-BE", "2026-06-05", None),
        ("DE-BY", "2026-01-05", "bridges"),  # Monday before Epiphany
        ("DE-BE", "2026-01-05", None),
        ("DE", "2025-12-23", None),
        ("DE", "2025-12-29", "year-end"),
    ],
)
def test_the_kind_of_a_day(calendar: str, day: str, kind: str | None) -> None:
    begin = date.fromisoformat(day)
    assert kinds_of(calendar, begin, 1).get(begin) == kind
    assert kinds_of(calendar, begin - timedelta(days=400), 500).get(begin) == kind


def history(begin: date, end: date, quiet: dict[date, float]) -> Any:
    """Return working weeks, some days of which do that share of an ordinary day's work."""
    start = datetime(begin.year, begin.month, begin.day, tzinfo=UTC)
    days = (end - begin).days
    monday = begin - timedelta(days=begin.weekday())
    y = working_week((days + 7) / 7 + 1, noise=0.05)[(begin - monday).days * 24 :][: days * 24]
    for day, share in quiet.items():
        at = (day - begin).days * 24
        if 0 <= at < len(y):
            y[at : at + 24] = 10 + (y[at : at + 24] - 10) * share
    return series(y, start)


def noon(found: Any, day: date) -> float:
    assert isinstance(found, Forecast)
    start = datetime(day.year, day.month, day.day, NOON, tzinfo=UTC)
    return float(found.mean[int((start - found.start).total_seconds()) // 3600])


def said(found: Any) -> str:
    return " ".join(message_said(note, english()) for note in found.notes)


def test_bridges_are_forecast_as_the_history_shows_them_and_by_state() -> None:
    holidays = dict.fromkeys([date(2025, 4, 18), date(2025, 4, 21), date(2025, 5, 1),
                              date(2025, 5, 29), date(2025, 6, 9)], 0.0)  # fmt: skip
    bridges = dict.fromkeys([date(2025, 5, 2), date(2025, 5, 30)], 0.5)
    past = history(date(2025, 3, 31), date(2025, 6, 16), holidays | bridges)
    bavaria = forecast(past, holidays=HolidayCalendar.parse("DE-BY"))
    berlin = forecast(past, holidays=HolidayCalendar.parse("DE-BE"))
    assert noon(bavaria, date(2025, 6, 19)) < 25
    assert 40 < noon(bavaria, date(2025, 6, 20)) < 70
    assert noon(bavaria, date(2025, 6, 18)) > 85
    assert "Working days between free ones: 2 in the history" in said(bavaria)
    for day in (19, 20):
        assert noon(berlin, date(2025, 6, day)) > 85
    without = forecast(history(date(2025, 3, 31), date(2025, 6, 16), holidays),
                       holidays=HolidayCalendar.parse("DE-BY"))  # fmt: skip
    assert noon(without, date(2025, 6, 20)) > 85
    assert "do not show" in said(without)


@pytest.mark.few(1)
@pytest.mark.parametrize("calendar", ["BR-SP", "DE"])
def test_what_the_days_after_christmas_show_holds_until_the_year_ends(calendar: str) -> None:
    quiet = {date(2025, 12, 24): 0.3, date(2025, 12, 25): 0.0, date(2025, 12, 26): 0.3}
    if calendar == "BR-SP":
        quiet |= {date(2025, 11, 20): 0.0}
    past = history(date(2025, 11, 3), date(2025, 12, 28), quiet)
    found = forecast(past, holidays=HolidayCalendar.parse(calendar))
    for day in (29, 30, 31):
        assert noon(found, date(2025, 12, day)) < 55
    assert noon(found, date(2026, 1, 1)) < 25
    plain = forecast(past)
    assert noon(plain, date(2025, 12, 30)) > 80


def test_a_carnival_that_no_history_shows_is_told_and_not_guessed() -> None:
    past = history(date(2025, 12, 29), date(2026, 2, 15), {date(2026, 1, 1): 0.0})
    found = forecast(past, holidays=HolidayCalendar.parse("BR"))
    assert noon(found, date(2026, 2, 17)) > 85
    assert "Carnival and half or optional holidays are ahead and the history holds none" in said(
        found
    )
    later = forecast(past.between(past.start, past.start + timedelta(days=35)),
                     holidays=HolidayCalendar.parse("BR"))  # fmt: skip
    assert "Carnival" not in said(later)


def test_carnivals_two_days_show_on_ash_wednesday_and_shape_no_week() -> None:
    quiet = dict.fromkeys([date(2026, 2, 16), date(2026, 2, 17)], 0.0)
    past = history(date(2026, 1, 12), date(2026, 2, 18), quiet)
    found = forecast(past, holidays=HolidayCalendar.parse("BR"))
    assert noon(found, date(2026, 2, 18)) < 40
    assert noon(found, date(2026, 2, 23)) > 85
    assert noon(found, date(2026, 2, 24)) > 85


def test_kinds_do_not_hide_each_other() -> None:
    """An ordinary day beside holidays is compared with ordinary days alone."""
    y = working_week(6, noise=0.0)
    masks = {kind: np.zeros(6 * WEEK, bool) for kind in ("holidays", "bridges")}
    for week in (1, 2, 3, 4):
        at = week * WEEK + 3 * 24
        masks["holidays"][at : at + 24] = masks["bridges"][at + 24 : at + 48] = True
        y[at : at + 24] = 10
    holidays, bridges = holiday_effects(y, 0, masks)
    assert holidays.shows
    assert holidays.share == pytest.approx(1, abs=0.05)
    assert holidays.days == bridges.days == 4
    assert not bridges.shows


@pytest.mark.parametrize("name", ["XX", "BR-ZZ", "Brazil Federative", ""])
def test_an_unknown_holiday_calendar_is_a_clear_error(name: str) -> None:
    with pytest.raises(UsageError, match="no holidays are known"):
        HolidayCalendar.parse(name)
