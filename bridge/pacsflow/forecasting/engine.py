"""One series to one forecast: the order of the steps, each of which is a module of its own."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING

import numpy as np

from pacsflow.forecasting import selection
from pacsflow.forecasting.calibration import widths
from pacsflow.forecasting.diagnostics import diagnose
from pacsflow.forecasting.transform import to_wall
from pacsflow.forecasting.values import HOURS_NEEDED, WEEK, Forecast, NotEnoughHistory
from pacsflow.forecasting.verdict import judge, scores

if TYPE_CHECKING:
    from pacsflow.forecasting.calendar import HolidayCalendar
    from pacsflow.series import HourlySeries


def forecast(
    series: HourlySeries,
    *,
    horizon: int = WEEK,
    holidays: HolidayCalendar | None = None,  # noqa: ARG001
    zone: str = "UTC",
    capacity: float | None = None,  # noqa: ARG001
) -> Forecast | NotEnoughHistory:
    """Choose a model on held-back hours, calibrate its intervals, and forecast.

    Parameters
    ----------
    series
        The history; NaN is no data, 0.0 a true zero.
    horizon
        Hours to forecast.
    holidays
        Public holidays that the history may show.
    zone
        IANA zone whose clock the people of the series live by.
    capacity
        Capacity of the link or PACS in the unit of the series an hour.

    Raises
    ------
    UsageError
        When there is no such `zone`.
    """
    wall = to_wall(series, zone, horizon)
    y = wall.values
    there = int(np.isfinite(y).sum())
    if there < HOURS_NEEDED:
        return NotEnoughHistory(
            series.name,
            there,
            HOURS_NEEDED,
            f"{there} hours with data are too few: a forecast needs {HOURS_NEEDED} (one week).",
        )
    held_back = selection.rolling_origin(y, WEEK)
    key = selection.choose(held_back, len(y))
    parts = selection.fit_chosen(key, y)
    if not parts:
        key = "naive168"
        parts = selection.fit_chosen(key, y)
    origin = np.array([len(y)])
    path = np.mean([part.paths(y, origin, wall.horizon)[0] for part in parts], axis=0)
    mean = np.maximum(path, 0.0)[wall.future]
    tried = {trial.key for trial in held_back.trials}
    errors = held_back.errors(key) if key in tried else np.empty((0, WEEK))
    width = widths(y, wall.first, errors, held_back.origins)
    scale = width.scale[(wall.first + len(y) + wall.future) % WEEK]
    name = parts[0].name if len(parts) == 1 else "mean of " + " and ".join(p.name for p in parts)
    verdict = judge(y, held_back, key, name, width)
    return Forecast(
        series=series.name,
        unit=series.unit,
        model=name,
        start=series.end.astimezone(UTC),
        mean=mean,
        lower80=np.maximum(mean - width.q80 * scale, 0.0),
        upper80=mean + width.q80 * scale,
        lower95=np.maximum(mean - width.q95 * scale, 0.0),
        upper95=mean + width.q95 * scale,
        verdict=verdict,
        diagnostics=diagnose(y, parts, verdict.dm_p),
        scores=scores(y, held_back),
        notes=(),
    )
