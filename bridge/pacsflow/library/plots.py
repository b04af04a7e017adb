"""A series and its forecast as a picture: the page's own chart."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pacsflow.forecasting import Forecast
from pacsflow.outputs import write_text
from pacsflow.series import HOUR
from pacsflow.week.curves import band, hours_of
from pacsflow.week.facts import Curve
from pacsflow_reports.plot import forecast_svg

if TYPE_CHECKING:
    from pacsflow.forecasting import NotEnoughHistory
    from pacsflow.series import HourlySeries

SHOWN = 336
"""Hours of history before a forecast."""


@dataclass(frozen=True, slots=True)
class Plot:
    """A picture (SVG); a notebook shows it.

    Parameters
    ----------
    series
        Drawn whole, or its last two weeks where a forecast follows.
    forecast
        Of `series`; what had not enough history is not drawn.
    zone, lang
        Whose clock the hours are on; ``en`` or ``pt-BR``.
    """

    series: HourlySeries
    forecast: Forecast | NotEnoughHistory | None = None
    zone: str = "UTC"
    lang: str = "en"

    @property
    def svg(self) -> str:
        """A standalone SVG document; nothing in it is run or fetched."""
        made = self.forecast
        if not isinstance(made, Forecast):
            return forecast_svg(self._curve(), (), (), 0.0, lang=self.lang, zone=self.zone)
        shown = made.diagnostics
        return forecast_svg(
            self._curve(made), shown.acf, shown.pacf, shown.band, lang=self.lang, zone=self.zone
        )

    def _curve(self, made: Forecast | None = None) -> Curve:
        series = self.series
        if made is None:
            return Curve(series.name, hours_of(series, series.start, series.end))
        begin = max(series.start, made.start - SHOWN * HOUR)
        return Curve(
            made.series,
            hours_of(series, begin, made.start),
            forecast=band(made, made.start, made.horizon),
            models=made.models,
            verdict=made.verdict.message,
        )

    def save(self, path: str | Path) -> Path:
        """Write the picture to a file, whole or not at all; returns where it is."""
        target = Path(path)
        write_text(target, self.svg)
        return target

    def __repr__(self) -> str:
        return f"Plot({self.series!r}, {self.forecast!r}, {self.zone}, lang={self.lang!r})"

    def _repr_svg_(self) -> str:
        return self.svg
