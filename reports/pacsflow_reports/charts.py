"""Geometry of the hourly charts: scales, ticks, and paths, ready for the SVG macros."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from pacsflow.week.facts import Band, Curve, Incident
    from pacsflow.words.language import Language

HOUR = timedelta(hours=1)
STEPS = 260
"""Paths are drawn on a grid of hours by this many steps, and scaled: whole numbers stay short."""


@dataclass(frozen=True, slots=True)
class Tick:
    """A line across the plot and the words beside it; `at` is in the viewBox."""

    at: float
    label: str
    label_at: float = 0.0


@dataclass(frozen=True, slots=True)
class Region:
    """A stretch of hours to mark, in the viewBox."""

    x: float
    width: float


@dataclass(frozen=True, slots=True)
class CurveChart:
    """One hourly chart; paths are on the grid of hours by `STEPS`, the rest in the viewBox."""

    id: str
    width: int
    height: int
    left: float
    top: float
    plot_width: float
    plot_height: float
    scale_x: float
    scale_y: float
    hours: int
    week_hours: int
    y_ticks: tuple[Tick, ...]
    days: tuple[Tick, ...]
    observed: str
    previous: str
    mean: str
    band80: str
    band95: str
    gaps: tuple[Region, ...]
    incidents: tuple[Region, ...]
    empty: bool

    @property
    def right(self) -> float:
        """Right edge of the plot."""
        return self.left + self.plot_width

    @property
    def bottom(self) -> float:
        """Lower edge of the plot."""
        return self.top + self.plot_height

    @property
    def now(self) -> float:
        """Where the week ends and the forecast begins."""
        return self.left + self.week_hours * self.scale_x


@dataclass(frozen=True, slots=True)
class Shape:
    """Size of a chart's viewBox and of the margins that its labels need."""

    width: int
    height: int
    left: int
    right: int = 6
    top: int = 14
    bottom: int = 26
    ticks: int = 4
    short_days: bool = False
    steps: int = STEPS
    every: int = 1
    """Hours that are drawn as one, by their mean, where a page has very many charts."""
    inner_band: bool = True
    past: bool = True
    """Whether the forecast of the week itself is drawn under what was seen."""


WIDE = Shape(1200, 300, left=62, ticks=4, top=30)
HALF = Shape(600, 250, left=62, ticks=4, top=26, short_days=True)
PAPER = Shape(700, 300, left=62, ticks=4, top=30, short_days=True)
NARROW = Shape(420, 300, left=56, ticks=4, short_days=True, top=26)
CARD = Shape(
    350, 118, left=44, ticks=2, short_days=True, top=8, bottom=18, steps=100, inner_band=False
)
THIN_CARD = replace(CARD, every=3, past=False, steps=70)


def nice_ceiling(value: float, ticks: int) -> tuple[float, float]:
    """Return the top of an axis that holds `value` and its step: 1, 2, 2.5 or 5 x 10^n."""
    if not value > 0 or not math.isfinite(value):
        return 1.0, 1.0
    raw = value / ticks
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= raw * 0.999)
    return math.ceil(value / step * 0.999) * step, step


def whole_ceiling(value: float, ticks: int) -> tuple[float, float]:
    """Return the top of an axis of what is counted, and its step: no half a communication."""
    ceiling, step = nice_ceiling(value, ticks)
    if step.is_integer():
        return ceiling, step
    step = 5.0 if step > 1 else 1.0
    return math.ceil(value / step) * step, step


def runs(flags: Iterable[bool]) -> list[tuple[int, int]]:
    """Return the (first, end) of every run of true values."""
    found: list[tuple[int, int]] = []
    begin: int | None = None
    index = -1
    for index, flag in enumerate(flags):
        if flag and begin is None:
            begin = index
        elif not flag and begin is not None:
            found.append((begin, index))
            begin = None
    if begin is not None:
        found.append((begin, index + 1))
    return found


def line(points: Sequence[tuple[int, int] | None]) -> str:
    """Return an SVG path through `points`, broken where one is `None`, in relative steps.

    Points on a straight line between their neighbours are left out. An hour alone is a dash as long
    as the hour: a point of a week's line would hardly be seen.
    """
    parts: list[str] = []
    last: tuple[int, int] | None = None
    dx = dy = 0
    for point in (*points, None):
        if point is None:
            if dx or dy:
                parts.append(f"{dx} {dy}" if dy >= 0 else f"{dx}{dy}")
            last, dx, dy = None, 0, 0
        elif last is None:
            parts.append(f"M{point[0]} {point[1]}h0l")
            last = point
        else:
            step_x, step_y = point[0] - last[0], point[1] - last[1]
            if (dx or dy) and dx * step_y != dy * step_x:
                parts.append(f"{dx} {dy}" if dy >= 0 else f"{dx}{dy}")
                dx = dy = 0
            dx, dy = dx + step_x, dy + step_y
            last = point
    text = " ".join(parts).replace("l ", "l").replace(" M", "M").replace(" -", "-")
    return _ALONE.sub("h1", text.replace("lM", "M").removesuffix("l"))


_ALONE = re.compile("h0(?=M|$)")


def thinned(values: Sequence[float | None], every: int) -> list[float | None]:
    """Return the mean of each `every` values; `None` where any of them is unknown."""
    whole = len(values) - len(values) % every
    parts = zip(*(values[at:whole:every] for at in range(every)), strict=True)
    made = [None if None in part else sum(part) / every for part in parts]
    return made + [None] * (whole < len(values))


def ribbon(low: Sequence[tuple[int, int]], high: Sequence[tuple[int, int]]) -> str:
    """Return a closed SVG path between two lines of equal length."""
    return line([*high, *reversed(low)]) + "z" if high else ""


@dataclass(frozen=True, slots=True)
class _Grid:
    """Where hours and values lie: `start` and `hours` across, 0 to `ceiling` up."""

    shape: Shape
    start: datetime
    hours: int
    ceiling: float

    @property
    def plot_width(self) -> int:
        return self.shape.width - self.shape.left - self.shape.right

    @property
    def plot_height(self) -> int:
        return self.shape.height - self.shape.top - self.shape.bottom

    @property
    def scale_x(self) -> float:
        return self.plot_width / self.hours

    def points(self, values: Sequence[float | None], first: int) -> list[tuple[int, int] | None]:
        """Return the hours from `first` on as points of the grid, `None` without data."""
        every, steps, ceiling = self.shape.every, self.shape.steps, self.ceiling
        found: list[tuple[int, int] | None] = []
        x = first - every
        for value in thinned(values, every) if every > 1 else values:
            x += every
            if value is None or not math.isfinite(value):
                found.append(None)
            else:
                share = value / ceiling
                share = 0.0 if share < 0.0 else min(share, 1.02)
                found.append((x, steps - int(share * steps + 0.5)))
        return found

    def band(self, band: Band | None, level: int) -> str:
        """Return the outline of an 80 or 95 % band."""
        if band is None or (level == 80 and not self.shape.inner_band):
            return ""
        first = (band.start - self.start) // HOUR
        lower = self.points(band.lower80 if level == 80 else band.lower95, first)
        upper = self.points(band.upper80 if level == 80 else band.upper95, first)
        both = [(a, b) for a, b in zip(lower, upper, strict=True) if a and b]
        return ribbon([a for a, _ in both], [b for _, b in both])

    def mean(self, band: Band | None) -> str:
        """Return the line of a forecast."""
        return line(self.points(band.mean, (band.start - self.start) // HOUR)) if band else ""

    def regions(self, spans: Iterable[tuple[datetime, datetime]]) -> tuple[Region, ...]:
        """Return stretches of time as far as they lie in the chart."""
        found = []
        for first, last in spans:
            begin = max((first - self.start) / HOUR, 0.0)
            finish = min((last - self.start) / HOUR, float(self.hours))
            if finish > begin:
                found.append(
                    Region(
                        round(self.shape.left + begin * self.scale_x, 1),
                        round((finish - begin) * self.scale_x, 1),
                    )
                )
        return tuple(found)


def curve_chart(
    curve: Curve,
    language: Language,
    name: str,
    shape: Shape = WIDE,
    *,
    incidents: Sequence[Incident] = (),
    top_value: float = 0.0,
) -> CurveChart:
    """Return the geometry of `curve`: the week, the week before, and the forecast to its right.

    Parameters
    ----------
    curve
        What to draw; hours are UTC, labels are on the site's clock.
    language
        Writes the labels.
    name
        Prefix of the ids in the SVG.
    shape
        Size and margins.
    incidents
        Hours to mark.
    top_value
        The axis reaches at least this value, so that several charts can share one.
    """
    start, seen = curve.observed.start, curve.observed.values
    end = start + len(seen) * HOUR
    coming, expected = curve.forecast, curve.expected if shape.past else None
    if coming is not None and coming.mean:
        end = max(end, coming.start + len(coming.mean) * HOUR)
    ceiling, step = whole_ceiling(max(axis_top(curve), top_value), shape.ticks)
    grid = _Grid(shape, start, max(1, (end - start) // HOUR), ceiling)
    observed = grid.points(seen, 0)
    holes = ((start + a * HOUR, start + b * HOUR) for a, b in runs(v is None for v in seen))
    levels = [number * step for number in range(round(ceiling / step) + 1)]
    return CurveChart(
        id=name,
        width=shape.width,
        height=shape.height,
        left=shape.left,
        top=shape.top,
        plot_width=grid.plot_width,
        plot_height=grid.plot_height,
        scale_x=round(grid.scale_x, 5),
        scale_y=round(grid.plot_height / shape.steps, 5),
        hours=grid.hours,
        week_hours=len(seen),
        y_ticks=tuple(
            Tick(
                round(shape.top + grid.plot_height * (1 - level / ceiling), 1),
                language.axis(level, curve.observed.unit),
            )
            for level in levels
        ),
        days=_days(start, grid.hours, language, shape, grid.scale_x),
        observed=line(observed),
        previous=line(grid.points(curve.previous.values[: len(seen)], 0)) if curve.previous else "",
        mean=grid.mean(expected) + grid.mean(coming),
        band80=grid.band(expected, 80) + grid.band(coming, 80),
        band95=grid.band(expected, 95) + grid.band(coming, 95),
        gaps=grid.regions(holes),
        incidents=grid.regions((item.start, item.end) for item in incidents),
        empty=not any(observed),
    )


def axis_top(curve: Curve) -> float:
    """Return the value that the axis must reach; a wild upper bound may leave the plot."""
    solid = [value for value in curve.observed.values if value is not None]
    if curve.previous is not None:
        solid += [value for value in curve.previous.values if value is not None]
    upper: list[float] = []
    for band in (curve.expected, curve.forecast):
        if band is not None:
            solid += band.mean
            upper += band.upper95
    solid = [value for value in solid if math.isfinite(value)]
    highest = max(solid, default=0.0)
    bound = max((value for value in upper if math.isfinite(value)), default=0.0)
    return max(highest, min(bound, 1.5 * highest))


def _days(
    start: datetime, hours: int, language: Language, shape: Shape, scale_x: float
) -> tuple[Tick, ...]:
    """Return a tick at each local midnight, its label in the middle of the day."""
    midnights = language.midnights(start, hours)
    found: list[Tick] = []
    for index, hour in enumerate(midnights):
        until = midnights[index + 1] if index + 1 < len(midnights) else hours
        moment = start + hour * HOUR
        width = (until - hour) * scale_x
        text = language.weekday(moment)
        if not shape.short_days and width > 64:
            text = language.day(moment)
        elif width < 28:
            text = text[:1].upper() if width >= 9 else ""
        found.append(
            Tick(
                round(shape.left + hour * scale_x, 1),
                text,
                round(shape.left + (hour + until) / 2 * scale_x, 1),
            )
        )
    return tuple(found)
