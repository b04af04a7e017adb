"""Draws one forecast as an SVG document: the page's chart, and correlograms below it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pacsflow.words.saying import message_said, models_said
from pacsflow.words.text import cleaned

from .charts import WIDE, curve_chart
from .render import asset, environment

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pacsflow.week.facts import Curve

SHAPE = replace(WIDE, top=64, height=360, short_days=True)
LAGS, HALF = 520, 50
"""Width of a correlogram, and how far up and down 1 reaches, in the viewBox."""


@dataclass(frozen=True, slots=True)
class Correlogram:
    """Bars at lags 1 on: an SVG path around the middle line, and where the days are."""

    name: str
    path: str
    band: float
    days: tuple[tuple[float, int], ...]


def forecast_svg(
    curve: Curve,
    acf: Sequence[float],
    pacf: Sequence[float],
    band: float,
    *,
    lang: str = "en",
    zone: str = "UTC",
) -> str:
    """Return a standalone SVG document; nothing in it is run or fetched.

    Parameters
    ----------
    curve
        What was seen and, where there is one, what is forecast after it.
    acf, pacf
        Correlations of the weekly difference at lags 0 on, hours; empty where there are none.
    band
        95 % limits of white noise, plus and minus.
    lang, zone
        BCP 47 tag, and the zone on whose clock the hours are.
    """
    language, templates = environment(lang, zone)
    curve = cleaned(curve)
    return templates.get_template("plot.svg.jinja").render(
        curve=curve,
        chart=curve_chart(curve, language, "plot", SHAPE),
        model=models_said(curve.models, language) if curve.models else "",
        verdict=message_said(curve.verdict, language) if curve.verdict else "",
        correlograms=[
            _correlogram(name, values, band)
            for name, values in (("ACF", acf), ("PACF", pacf))
            if values
        ],
        width=LAGS,
        half=HALF,
        style=asset("plot.css"),
    )


def _correlogram(name: str, values: Sequence[float], band: float) -> Correlogram:
    lags = max(1, len(values) - 1)
    bars = (
        f"M{LAGS * lag / lags:.1f} 0V{-HALF * max(-1.0, min(1.0, value)):.1f}"
        for lag, value in enumerate(values)
        if lag
    )
    days = tuple((LAGS * lag / lags, lag) for lag in range(24, lags + 1, 24))
    return Correlogram(name, "".join(bars), HALF * band, days)
