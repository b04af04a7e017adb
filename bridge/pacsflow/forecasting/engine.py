"""One series to one forecast: the order of the steps, each of which is a module of its own."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from pacsflow.forecasting import selection
from pacsflow.forecasting.calendar import HolidayEffect, holiday_effects, with_holidays
from pacsflow.forecasting.calibration import calibrate, total_width
from pacsflow.forecasting.capacity import capacity_outlook
from pacsflow.forecasting.condition import hours_unseen, make_ready, too_little
from pacsflow.forecasting.counts import is_count, whole, whole_bounds
from pacsflow.forecasting.diagnostics import diagnose
from pacsflow.forecasting.joint import joint_error
from pacsflow.forecasting.outliers import without_outliers
from pacsflow.forecasting.rare import rare_bands, rare_use
from pacsflow.forecasting.relevel import at_new_level
from pacsflow.forecasting.results import (
    HOURS_NEEDED,
    WEEK,
    Diagnostics,
    Forecast,
    LeftOut,
    NotEnoughHistory,
    Verdict,
)
from pacsflow.forecasting.steps import clock_drift, level_step
from pacsflow.forecasting.verdict import judge, scores
from pacsflow.series import HOUR
from pacsflow.terms.message import Message, at, code, count, message, number, octets, percent

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from numpy.typing import NDArray

    from pacsflow.forecasting.calendar import HolidayCalendar
    from pacsflow.forecasting.condition import HistoryCondition
    from pacsflow.forecasting.outliers import Excluded
    from pacsflow.forecasting.rare import RareUse
    from pacsflow.forecasting.results import Floats
    from pacsflow.forecasting.steps import Step
    from pacsflow.forecasting.transform import Wall
    from pacsflow.series import HourlySeries

_TOLD_UNSEEN = 3
"""From so many hours of the week on that were never seen they are told: a clock that moves hides
one or two."""
_TOLD_EACH = 3
"""Up to so many events that were left out have a note each."""


def forecast(
    series: HourlySeries,
    *,
    horizon: int = WEEK,
    holidays: HolidayCalendar | None = None,
    zone: str = "UTC",
    capacity: float | None = None,
) -> Forecast | NotEnoughHistory:
    """Choose a model on held-back hours, calibrate its intervals, and forecast.

    Parameters
    ----------
    series
        The history; NaN is no data, 0.0 a true zero.
    horizon
        Hours to forecast.
    holidays
        Public holidays, used where the history shows them.
    zone
        IANA zone whose clock the people of the series live by.
    capacity
        Capacity of the link or PACS, unit of the series an hour: adds a note on when it is
        reached.

    Raises
    ------
    UsageError
        When there is no such `zone`.
    """
    wall, found = make_ready(series, zone, horizon)
    if refused := too_little(series, found):
        return refused
    if found.level is not None:
        return _level(series, found, horizon)
    y, first, notes = found.y, found.first, list(found.notes)
    step = level_step(y, first)
    if step:
        since = _when(series, wall, first + step.first)
        if step.is_unit:
            y, first = y[step.first :], first + step.first
            there = int(found.data[step.first :].sum())
            if there < HOURS_NEEDED:
                return NotEnoughHistory(series.name, there, HOURS_NEEDED, changed=since)
        else:
            y = at_new_level(y, first, step.first)
        notes.append(_step_note(step, since))
    if drift := clock_drift(y):
        notes.append(message("clock-drifts", hours=count(abs(drift))))
    unseen = hours_unseen(y)
    if unseen >= _TOLD_UNSEEN:
        notes.append(message("hours-unseen", hours=count(unseen)))
    found = replace(found, y=y, first=first, notes=tuple(notes))
    use = rare_use(y, first)
    if use:
        return _rarely(series, wall, found, use)
    made = _modelled(series, wall, found, holidays)
    if capacity:
        outlook = capacity_outlook(series, made, capacity)
        made = replace(made, notes=(*made.notes, *outlook.notes))
    return made


def _modelled(
    series: HourlySeries, wall: Wall, found: HistoryCondition, holidays: HolidayCalendar | None
) -> Forecast:
    """Return the forecast of what was chosen on held-back hours."""
    y, first, notes = found.y, found.first, list(found.notes)
    shown: list[tuple[HolidayEffect, NDArray[np.bool_]]] = []
    if holidays:
        special = holidays.special_days(first, len(y) + wall.horizon)
        effects = holiday_effects(y, first, special)
        notes.extend(_holiday_notes(effects, special, len(y)))
        shown = [(effect, special[effect.kind]) for effect in effects if effect.shows]
        for _, mask in shown:
            y = np.where(mask[: len(y)], np.nan, y)
    y, events = without_outliers(y, first)
    left_out = _dated(series, wall, first, events)
    notes.extend(_left_out_notes(left_out))
    if np.ptp(y[np.isfinite(y)]) == 0:
        level = float(y[np.isfinite(y)][0])
        return _level(
            series, replace(found, level=level, notes=tuple(notes)), len(wall.future), left_out
        )
    held_back = selection.rolling_origin(y, first, WEEK)
    weights = selection.weigh(held_back, y, first)
    held_back, key = held_back.with_mean(weights)
    parts = selection.fit_chosen(weights, y, first)
    names = tuple(part.name for part in parts)
    origin = np.array([len(y)])
    each = np.stack([part.paths(y, origin, wall.horizon)[0] for part in parts])
    path = list(weights.values()) @ np.maximum(each, 0.0)
    for effect, mask in shown:
        path = with_holidays(path, y, first, mask[len(y) :], effect.share)
    errors = held_back.errors(key) if held_back.tried(key) else np.empty((0, WEEK))
    width = calibrate(y, first, errors, held_back.origins)
    low80, high80, low95, high95 = width.bounds(path, first + len(y))
    verdict = judge(y, first, held_back, key, names)
    mean = path[wall.future]
    total = float(mean.sum())
    if is_count(series.unit, series.values):
        mean = whole(mean)
        low80, high80 = whole_bounds(low80, high80)
        low95, high95 = whole_bounds(low95, high95)
    reach = total_width(width, errors, first + len(y) + wall.future)
    return Forecast(
        series=series.name,
        unit=series.unit,
        models=names,
        start=series.end,
        mean=mean,
        lower80=low80[wall.future],
        upper80=high80[wall.future],
        lower95=low95[wall.future],
        upper95=high95[wall.future],
        total95=(max(0.0, total - reach), total + reach),
        verdict=verdict,
        diagnostics=diagnose(y, parts, verdict.dm_p),
        scores=scores(y, first, held_back),
        notes=tuple(notes),
        left_out=left_out,
        joint=joint_error(errors, width.half95(first + held_back.origins, WEEK)),
    )


def _rarely(
    series: HourlySeries,
    wall: Wall,
    found: HistoryCondition,
    use: RareUse,
) -> Forecast:
    """Return the forecast of rare traffic: its week and its days, hours as they fell so far."""
    y, first = found.y, found.first
    path, high80, high95, total95 = rare_bands(y, first, wall.horizon)
    mean, high80, high95 = (band[wall.future] for band in (path, high80, high95))
    if is_count(series.unit, series.values):
        mean, high80, high95 = whole(mean), np.ceil(high80), np.ceil(high95)
        total95 = (float(np.floor(total95[0])), float(np.ceil(total95[1])))
    nothing = np.zeros(len(mean))
    each = (octets if series.unit == "bytes" else number)(use.each)
    days = message("rare-days", low=count(use.low), high=count(use.high), each=each)
    return Forecast(
        series=series.name,
        unit=series.unit,
        models=("rare traffic",),
        start=series.end,
        mean=mean,
        lower80=nothing,
        upper80=high80,
        lower95=nothing,
        upper95=np.maximum(high95, high80),
        total95=total95,
        verdict=Verdict("rare", None, hours=use.days, needed=use.all_days),
        diagnostics=Diagnostics(),
        notes=(*found.notes, days),
    )


def _when(series: HourlySeries, wall: Wall, hour: int) -> datetime:
    """Return the start of a wall-clock hour of the history, UTC."""
    return series.start + int(np.searchsorted(wall.past, hour)) * HOUR


def _step_note(step: Step, since: datetime) -> Message:
    way = "up" if step.times > 1 else "down"
    key = f"unit-{way}" if step.is_unit else f"level-{way}"
    return message(key, start=at(since), times=number(max(step.times, 1 / step.times)))


def _dated(
    series: HourlySeries, wall: Wall, first: int, events: tuple[Excluded, ...]
) -> tuple[LeftOut, ...]:
    """Return what was left out with its time."""
    return tuple(
        LeftOut(
            _when(series, wall, first + event.first),
            event.hours,
            event.direction,
        )
        for event in events
    )


def _left_out_notes(events: tuple[LeftOut, ...]) -> list[Message]:
    """Return what was left out: each, or where there are many, how many and the last."""
    if len(events) > _TOLD_EACH:
        hours = count(sum(event.hours for event in events))
        last = at(events[-1].start)
        return [message("left-out-many", times=count(len(events)), hours=hours, last=last)]
    return [
        message(f"left-out-{event.direction}", start=at(event.start), hours=count(event.hours))
        for event in events
    ]


def _holiday_notes(
    effects: tuple[HolidayEffect, ...], special: Mapping[str, NDArray[np.bool_]], known: int
) -> list[Message]:
    """Return what the history shows of each kind of day that is used or lies ahead."""
    told = []
    for effect in effects:
        kind, days, t = code(f"days-{effect.kind}"), count(effect.days), number(effect.t)
        ahead = special[effect.kind][known:].any()
        if effect.shows:
            share = percent(round(100 * effect.share))
            told.append(message("holidays", kind=kind, days=days, share=share, t=t))
        elif effect.days and ahead:
            told.append(message("holidays-hidden", kind=kind, days=days, t=t))
        elif ahead:
            told.append(message("holidays-none", kind=kind))
    return told


def _level(
    series: HourlySeries, found: HistoryCondition, horizon: int, left_out: tuple[LeftOut, ...] = ()
) -> Forecast:
    """Return the forecast of a series that has but one value, or has stopped."""
    level = found.level or 0.0
    mean: Floats = np.full(horizon, max(level, 0.0))
    return Forecast(
        series=series.name,
        unit=series.unit,
        models=("constant",),
        start=series.end,
        mean=mean,
        lower80=mean,
        upper80=mean,
        lower95=mean,
        upper95=mean,
        total95=(float(mean.sum()), float(mean.sum())),
        verdict=Verdict("level", None),
        diagnostics=Diagnostics(),
        notes=found.notes,
        left_out=left_out,
    )
