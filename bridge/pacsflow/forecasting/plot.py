"""Draws a forecast as SVG or PNG: what was, what comes, how sure it is; correlograms beside it."""

from __future__ import annotations

import io
import math
from dataclasses import dataclass
from datetime import timedelta
from html import escape
from typing import TYPE_CHECKING

import numpy as np

from pacsflow.errors import UsageError
from pacsflow.forecasting.transform import zone_of
from pacsflow.outputs import write_bytes, write_text
from pacsflow.printable import escape_controls
from pacsflow.series import HOUR

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime
    from pathlib import Path

    from pacsflow.forecasting.results import Floats, Forecast
    from pacsflow.series import HourlySeries

_WIDTH, _HEIGHT = 1000, 560
_LEFT, _RIGHT = 76, 16
_CHART = (56, 340)
_CORRELOGRAM = (410, 520)
_INK, _GREY, _GRID = "#1d1d1f", "#6e6e73", "#d9d9de"
_SEEN, _COMES, _BAND80, _BAND95 = "#33658a", "#c1440e", "#eab595", "#f6ddcf"

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Shape:
    """One thing to draw.

    Parameters
    ----------
    kind
        ``line``, ``area`` (a closed polygon) or ``text``.
    points
        Pixels from the upper left corner; one for a text.
    color
        Hexadecimal RGB.
    text, anchor, size
        What a text says, where its point is (``start``, ``middle``, ``end``) and its pixels.
    """

    kind: str
    points: tuple[Point, ...]
    color: str
    text: str = ""
    anchor: str = "start"
    size: int = 12


def save(
    path: Path, series: HourlySeries, made: Forecast, verdict: str, *, zone: str = "UTC"
) -> None:
    """Write the plot; the suffix of `path` says how (.svg or .png).

    Raises
    ------
    UsageError
        When the suffix is neither.
    """
    shapes = draw(series, made, verdict, zone=zone)
    suffix = path.suffix.lower()
    if suffix == ".svg":
        write_text(path, to_svg(shapes, made.series))
    elif suffix == ".png":
        write_bytes(path, to_png(shapes))
    else:
        raise UsageError(f"{path.name}: a plot is written as .svg or .png")


def draw(series: HourlySeries, made: Forecast, verdict: str, *, zone: str = "UTC") -> list[Shape]:
    """Return the shapes: two weeks of history, the forecast with its bands, the correlograms."""
    past = series.values[-336:]
    begin = made.start - len(past) * HOUR
    hours = len(past) + made.horizon
    tops = [np.nanmax(part) for part in (past, made.upper95) if np.isfinite(part).any()]
    step, top = _scale(max([float(v) for v in tops] or [1.0]))
    right = _WIDTH - _RIGHT
    upper, lower = _CHART

    def x(hour: float) -> float:
        return _LEFT + (right - _LEFT) * hour / hours

    def y(value: float) -> float:
        return lower - (lower - upper) * min(value, top) / top

    shapes = []
    for mark in np.arange(0, top + step / 2, step):
        shapes.append(Shape("line", ((_LEFT, y(mark)), (right, y(mark))), _GRID))
        shapes.append(Shape("text", ((_LEFT - 6, y(mark) + 4),), _GREY, _short(mark), "end", 11))
    shapes.extend(_days(begin, hours, zone, x))
    at = [x(len(past) + i + 0.5) for i in range(made.horizon)]
    for low, high, color in (
        (made.lower95, made.upper95, _BAND95),
        (made.lower80, made.upper80, _BAND80),
    ):
        edge = [(a, y(v)) for a, v in zip(at, high, strict=True)]
        edge += [(a, y(v)) for a, v in reversed(list(zip(at, low, strict=True)))]
        shapes.append(Shape("area", tuple(edge), color))
    shapes.extend(
        Shape("line", run, _SEEN) for run in _runs([x(i + 0.5) for i in range(len(past))], past, y)
    )
    shapes.extend(Shape("line", run, _COMES) for run in _runs(at, made.mean, y))
    title = f"{made.series} ({made.unit} an hour): {made.model}"
    shapes.append(Shape("text", ((_LEFT, 22),), _INK, escape_controls(title)[:130], size=15))
    shapes.append(Shape("text", ((_LEFT, 42),), _GREY, verdict[:150], size=12))
    for i, (color, label) in enumerate(
        ((_SEEN, "seen"), (_COMES, "forecast"), (_BAND80, "80 %"), (_BAND95, "95 %"))
    ):
        shapes.append(Shape("line", ((_LEFT + 90 * i, 382), (_LEFT + 90 * i + 18, 382)), color))
        shapes.append(Shape("text", ((_LEFT + 90 * i + 24, 386),), _GREY, label, size=11))
    shapes.extend(_correlogram("ACF", made.diagnostics.acf, made.diagnostics.band, _LEFT, 530))
    shapes.extend(_correlogram("PACF", made.diagnostics.pacf, made.diagnostics.band, 560, right))
    return shapes


def _runs(
    at: Sequence[float], values: Floats, y: Callable[[float], float]
) -> list[tuple[Point, ...]]:
    """Return the pieces of a line between gaps; a lone hour is a short dash."""
    runs: list[list[Point]] = [[]]
    for a, value in zip(at, values.tolist(), strict=True):
        if math.isfinite(value):
            runs[-1].append((a, y(value)))
        elif runs[-1]:
            runs.append([])
    return [
        tuple(run) if len(run) > 1 else ((run[0][0] - 1, run[0][1]), (run[0][0] + 1, run[0][1]))
        for run in runs
        if run
    ]


def _days(begin: datetime, hours: int, zone: str, x: Callable[[float], float]) -> list[Shape]:
    info = zone_of(zone)
    shapes = []
    for hour in range(hours + 1):
        local = (begin + timedelta(hours=hour)).astimezone(info)
        if local.hour == 0 and (local.weekday() == 0 or hours <= 24 * 10):
            shapes.append(Shape("line", ((x(hour), _CHART[0]), (x(hour), _CHART[1])), _GRID))
            label = f"{local:%a} {local.day} {local:%b}"
            shapes.append(Shape("text", ((x(hour), _CHART[1] + 16),), _GREY, label, "middle", 11))
    return shapes


def _correlogram(
    title: str, values: Sequence[float], band: float, left: float, right: float
) -> list[Shape]:
    """Return bars at lags 1 on, with the limits of white noise."""
    if not values:
        return []
    upper, lower = _CORRELOGRAM
    middle, half = (upper + lower) / 2, (lower - upper) / 2
    lags = len(values) - 1
    shapes = [
        Shape("text", ((left, upper - 8),), _GREY, f"{title} of the weekly difference", size=11),
        Shape("line", ((left, middle), (right, middle)), _GREY),
    ]
    for sign in (-1, 1):
        at = middle - sign * band * half
        shapes.append(Shape("line", ((left, at), (right, at)), _BAND80))
    for lag in range(1, lags + 1):
        at = left + (right - left) * lag / lags
        value = max(-1.0, min(1.0, values[lag]))
        shapes.append(Shape("line", ((at, middle), (at, middle - value * half)), _SEEN))
        if lag % 24 == 0 and (lags <= 200 or lag % 168 == 0):
            label = f"{lag} h"
            shapes.append(Shape("text", ((at, lower + 16),), _GREY, label, "middle", 10))
    return shapes


def _scale(largest: float) -> tuple[float, float]:
    """Return a round step and the axis' end for about five steps."""
    if not math.isfinite(largest) or largest <= 0:
        return 0.5, 1.0
    rough = largest / 5
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * m for m in (1, 2, 2.5, 5, 10) if power * m >= rough)
    return step, step * math.ceil(largest / step)


def _short(value: float) -> str:
    for size, letter in ((1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.3g} {letter}"
    return f"{value:.3g}"


def to_svg(shapes: Sequence[Shape], title: str) -> str:
    """Return a standalone SVG document; nothing in it is run or fetched."""
    parts = []
    parts.append(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" '
        f'font-family="system-ui, sans-serif"><title>{escape(escape_controls(title))}</title>'
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#ffffff"/>'
    )
    for shape in shapes:
        points = " ".join(f"{a:.1f},{b:.1f}" for a, b in shape.points)
        if shape.kind == "text":
            a, b = shape.points[0]
            parts.append(
                f'<text x="{a:.1f}" y="{b:.1f}" fill="{shape.color}" font-size="{shape.size}" '
                f'text-anchor="{shape.anchor}">{escape(escape_controls(shape.text))}</text>'
            )
        elif shape.kind == "area":
            parts.append(f'<polygon points="{points}" fill="{shape.color}"/>')
        else:
            parts.append(
                f'<polyline points="{points}" fill="none" stroke="{shape.color}" '
                'stroke-width="1.4" stroke-linejoin="round"/>'
            )
    return "\n".join([*parts, "</svg>", ""])


def to_png(shapes: Sequence[Shape], *, factor: int = 2) -> bytes:
    """Return a PNG of `factor` pixels for each pixel of the drawing."""
    from PIL import Image, ImageDraw, ImageFont  # noqa: PLC0415 - only where a PNG is asked for

    image = Image.new("RGB", (_WIDTH * factor, _HEIGHT * factor), "#ffffff")
    canvas = ImageDraw.Draw(image)
    anchors = {"start": "ls", "middle": "ms", "end": "rs"}
    for shape in shapes:
        points = [(a * factor, b * factor) for a, b in shape.points]
        if shape.kind == "text":
            canvas.text(
                points[0],
                shape.text,
                fill=shape.color,
                anchor=anchors[shape.anchor],
                font=ImageFont.load_default(shape.size * factor),
            )
        elif shape.kind == "area":
            canvas.polygon(points, fill=shape.color)
        else:
            canvas.line(points, fill=shape.color, width=factor, joint="curve")
    out = io.BytesIO()
    image.save(out, "PNG", optimize=True)
    return out.getvalue()
