"""The values that forecasting hands on: all frozen; orjson writes them (OPT_SERIALIZE_NUMPY)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from pacsflow.printable import counted
from pacsflow.terms import message

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from pacsflow.terms.message import Message

    Floats = NDArray[np.float64]

DAY = 24
WEEK = 168
HOURS_NEEDED = WEEK
"""Below one week there is no "same hour last week", so there is no forecast."""


def combined_name(names: Sequence[str]) -> str:
    """Return the name of a model, or of the mean of several."""
    if len(names) == 1:
        return names[0]
    return "weighted mean of " + ", ".join(names[:-1]) + " and " + names[-1]


@dataclass(frozen=True, slots=True)
class NotEnoughHistory:
    """Why there is no forecast: a value, not an error.

    Parameters
    ----------
    series
        Name of the series.
    hours
        Hours with data that there are.
    needed
        Hours with data that a forecast needs.
    began
        Hours since the series began, where the zeros before its first traffic are left out.
    changed
        Since when its values are hundreds of times what they were before, or a hundredth, UTC.
    impossible
        Hours below zero or beyond what traffic can be, which are not counted in `hours`.
    """

    series: str
    hours: int
    needed: int
    began: int | None = None
    changed: datetime | None = None
    impossible: int = 0

    @property
    def reason(self) -> Message:
        """The same, to be said."""
        there, needed = message.count(self.hours), message.count(self.needed)
        if self.changed is not None:
            since = message.at(self.changed)
            return message.message("unit-lately", start=since, there=there, needed=needed)
        if self.impossible:
            wrong = message.count(self.impossible)
            return message.message("impossible-hours", impossible=wrong, there=there, needed=needed)
        if self.began is None:
            return message.message("too-few-hours", there=there, needed=needed)
        began = message.count(self.began)
        return message.message("began-lately", began=began, there=there, needed=needed)


@dataclass(frozen=True, slots=True)
class Score:
    """How one model did on held-back hours, always forecast from what was known before them.

    Parameters
    ----------
    model
        Name of the model, ``ARIMA(2,0,1)(0,1,0)168``.
    mae
        Mean absolute error, unit of the series.
    mase
        Mean absolute scaled error (Hyndman and Koehler 2006): `mae` over the mean absolute
        24-hour difference of the history. Below 1 is better than yesterday's values in-sample.
    smape
        Symmetric mean absolute percentage error, percent, 0 to 200.
    coverage95
        Share of hours inside the 95 % interval, 0 to 1; None where there is no interval.
    origins
        Number of forecasts made.
    hours
        Number of forecast hours that were compared.
    """

    model: str
    mae: float
    mase: float
    smape: float
    coverage95: float | None
    origins: int
    hours: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the model earns its keep against last week's values.

    Parameters
    ----------
    state
        suits, as-good, not-proven, no-better, worse, untested, level or rare.
    models
        The model that it speaks of, or those whose mean it is.
    percent
        How much better (suits) or worse (not-proven, worse) than last week's values.
    hours
        How many hours there are, where none could be held back; days with traffic of a rare one.
    needed
        How many have to be there for that; days with data of a rare one.
    suits
        True where the model beat both naive forecasts on held-back hours, False where it did
        not (then the forecast *is* the naive one), None where nothing could be held back.
    mase, mase_naive168, mase_naive24
        Mean absolute scaled error of the model and both naive forecasts on the same held-back
        hours; None where nothing could be held back.
    smape, smape_naive168, smape_naive24
        Symmetric mean absolute percentage errors, percent, likewise.
    coverage95, coverage95_naive168
        Share of held-back hours inside the 95 % interval, 0 to 1. The interval is the calibrated
        one, its calibration taken from other held-back weeks than the one it is judged on.
    origins
        Number of rolling origins.
    improvement_percent
        How much smaller the model's error is than that of last week's values, percent.
    dm_p
        p value of the Diebold-Mariano test (Harvey, Leybourne and Newbold 1997) against last
        week's values; None where there are too few origins.
    """

    state: str
    suits: bool | None
    models: tuple[str, ...] = ()
    percent: float | None = None
    hours: int | None = None
    needed: int | None = None
    mase: float | None = None
    mase_naive168: float | None = None
    mase_naive24: float | None = None
    smape: float | None = None
    smape_naive168: float | None = None
    smape_naive24: float | None = None
    coverage95: float | None = None
    coverage95_naive168: float | None = None
    origins: int = 0
    improvement_percent: float | None = None
    dm_p: float | None = None

    @property
    def message(self) -> Message:
        """The verdict, to be said: its percent cut to a decimal, so that 5.0 is not short of 5."""
        percent = self.percent
        return message.message(
            f"verdict-{self.state}",
            model=message.models(self.models),
            percent=message.percent(None if percent is None else math.floor(10 * percent) / 10),
            hours=message.count(self.hours),
            needed=message.count(self.needed),
        )


@dataclass(frozen=True, slots=True)
class UnitRoot:
    """A test for stationarity: statistic, p value, and what they say, a word of `words.codes`."""

    statistic: float
    p: float
    says: str


@dataclass(frozen=True, slots=True, eq=False)
class Diagnostics:
    """The Box-Jenkins identification, shown.

    Parameters
    ----------
    adf, kpss
        Augmented Dickey-Fuller (null: unit root) and KPSS (null: stationary) on the series.
    adf_difference, kpss_difference
        The same on the difference to the same hour of last week, where there is one.
    difference
        What `acf` and `pacf` are of, in words.
    acf, pacf
        Autocorrelation and partial autocorrelation at lags 0 to ``len - 1``, hours.
    band
        95 % limits of `acf` and `pacf` of white noise, plus and minus.
    order, why
        The chosen order, and the reason.
    aicc
        AICc of the orders that were compared (on one and the same difference), best first.
    ljung_box_24, ljung_box_168
        p values of the residuals' Ljung-Box test at these lags, degrees of freedom less p + q.
    normality
        p value of the residuals' Jarque-Bera test.
    dm_p
        p value of the Diebold-Mariano test against last week's values.
    """

    adf: UnitRoot | None = None
    kpss: UnitRoot | None = None
    adf_difference: UnitRoot | None = None
    kpss_difference: UnitRoot | None = None
    difference: str = ""
    acf: tuple[float, ...] = ()
    pacf: tuple[float, ...] = ()
    band: float = math.nan
    order: str = ""
    why: tuple[Message, ...] = ()
    aicc: tuple[tuple[str, float], ...] = ()
    ljung_box_24: float | None = None
    ljung_box_168: float | None = None
    normality: float | None = None
    dm_p: float | None = None

    def messages(self) -> list[Message]:
        """Return the identification to be said, one step a message."""
        told = []
        for what, adf, kpss in (
            ("", self.adf, self.kpss),
            ("-difference", self.adf_difference, self.kpss_difference),
        ):
            if adf and kpss:
                told.append(
                    message.message(
                        f"unit-roots{what}",
                        adf=message.number(adf.statistic),
                        adf_p=message.probability(adf.p),
                        adf_says=message.code(adf.says),
                        kpss=message.number(kpss.statistic),
                        kpss_p=message.probability(kpss.p),
                        kpss_says=message.code(kpss.says),
                    )
                )
        told += self.why
        box = {"day": self.ljung_box_24, "week": self.ljung_box_168, "normality": self.normality}
        if self.ljung_box_24 is not None or self.ljung_box_168 is not None:
            shown = {name: message.probability(p) for name, p in box.items()}
            told.append(message.message("residuals", **shown))
        if self.dm_p is not None:
            told.append(message.message("diebold-mariano", p=message.probability(self.dm_p)))
        return told


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Hours of the history that a forecast did not learn from: they came once.

    Parameters
    ----------
    start
        Start of the first hour, UTC.
    hours
        Wall-clock hours, one after the other.
    direction
        ``more`` or ``less`` than the same hours of other weeks.
    """

    start: datetime
    hours: int
    direction: str


@dataclass(frozen=True, slots=True)
class JointError:
    """How far sums over windows of held-back forecasts were off, for each of `joint.LENGTHS`.

    Parameters
    ----------
    usual_more, rare_more, usual_less, rare_less
        90 and 99 % quantiles, to either side, in units of the window's summed 95 % half widths.
    """

    usual_more: tuple[float, ...]
    rare_more: tuple[float, ...]
    usual_less: tuple[float, ...]
    rare_less: tuple[float, ...]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Forecast:
    """What comes: mean with 80 and 95 % intervals, hour by hour.

    Parameters
    ----------
    series, unit
        As in `pacsflow.series.HourlySeries`.
    models
        Names of what made the mean, ``ARIMA(2,0,1)(0,1,0)168``; of several the mean is meant.
    start
        Start of the first forecast hour, UTC.
    mean, lower80, upper80, lower95, upper95
        Shape ``(horizon,)``, unit of the series, never below 0.
    total95
        95 % interval of the sum of all hours.
    verdict
        How far to trust it.
    diagnostics
        The identification.
    scores
        Rolling-origin results of every candidate, best first.
    notes
        What else a reader should know.
    left_out
        Hours that the forecast did not learn from, in the order of time; `notes` tells of them.
    joint
        What sums over neighbouring hours are off by; None where nothing was forecast by a model.
    """

    series: str
    unit: str
    models: tuple[str, ...]
    start: datetime
    mean: Floats
    lower80: Floats
    upper80: Floats
    lower95: Floats
    upper95: Floats
    total95: tuple[float, float]
    verdict: Verdict
    diagnostics: Diagnostics
    scores: tuple[Score, ...] = ()
    notes: tuple[Message, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    joint: JointError | None = None

    @property
    def model(self) -> str:
        """The models in one name, for tables."""
        return combined_name(self.models)

    @property
    def horizon(self) -> int:
        """Hours forecast."""
        return int(self.mean.shape[0])

    def to_pandas(self) -> pd.DataFrame:
        """Return mean and intervals as pandas has them: by the start of the hour, UTC."""
        import pandas as pd  # noqa: PLC0415 - only where somebody works with pandas

        index = pd.date_range(self.start, periods=self.horizon, freq="h", name="hour")
        names = ("mean", "lower80", "upper80", "lower95", "upper95")
        return pd.DataFrame({name: getattr(self, name) for name in names}, index=index)

    def __repr__(self) -> str:
        start = self.start.strftime("%Y-%m-%dT%H:%MZ")
        return (
            f"Forecast({self.series!r}, {self.unit}, "
            f"{counted(self.horizon, 'hour', 'hours')} from {start}, {self.model}, "
            f"{self.verdict.state})"
        )

    def hours(self) -> list[str]:
        """Return the start of every hour, ISO 8601 in UTC."""
        starts = (self.start + timedelta(hours=i) for i in range(self.horizon))
        return [start.isoformat().replace("+00:00", "Z") for start in starts]


@dataclass(frozen=True, slots=True)
class Incident:
    """Hours whose sum is off by more than forecasts of it are, once in several weeks.

    Parameters
    ----------
    series, unit
        As in the series.
    start, end
        First hour's start and last hour's end, UTC.
    hours
        Hours from `start` to `end`.
    direction
        ``more`` or ``less`` than expected.
    seen, expected
        Sum of the hours, seen and forecast, unit of the series.
    unlikely
        The same for one hour, a 168th of `probability`, in standard deviations of a normal
        distribution (two-sided): 3.2 is one in five weeks, 4.0 one in a hundred.
    probability
        That a week holds an incident as large or larger by chance.
    silent
        Whether next to nothing passed while the sensor saw the rest (without a sensor there is no
        data, and no incident).
    endpoints
        Who made the difference: name and surplus (or lack) in the unit, largest first.
    """

    series: str
    unit: str
    start: datetime
    end: datetime
    hours: int
    direction: str
    seen: float
    expected: float
    unlikely: float
    endpoints: tuple[tuple[str, float], ...] = ()
    probability: float = 0.0
    silent: bool = False


@dataclass(frozen=True, slots=True)
class BacktestRow:
    """One forecast of the past: made at `origin` from what was known then.

    `mase_naive168` and `mase_naive24` are of the naive forecasts from the same origin.
    """

    origin: datetime
    model: str
    hours: int
    mase: float
    mase_naive168: float
    mase_naive24: float
    smape: float
    coverage95: float
    dm_p: float | None = None


@dataclass(frozen=True, slots=True)
class Backtest:
    """Rolling-origin table of one series: everything chosen again at every origin."""

    series: str
    unit: str
    horizon: int
    rows: tuple[BacktestRow, ...]
    outcome: Message
    mase: float | None = None
    mase_naive168: float | None = None
    mase_naive24: float | None = None
    smape: float | None = None
    coverage95: float | None = None


@dataclass(frozen=True, slots=True)
class CapacityOutlook:
    """When a capacity is reached.

    Parameters
    ----------
    capacity
        Unit of the series an hour.
    peak
        Highest upper 95 % bound of the forecast.
    reached
        First hour whose upper 95 % bound is at or above `capacity`, UTC; None where none is.
    growth_percent_month
        Growth of a weekly total over 30 days, percent, with its 95 % interval; None before
        six whole weeks of history.
    notes
        The same, to be said.
    """

    capacity: float | None
    peak: float
    reached: datetime | None
    growth_percent_month: float | None
    growth_lower: float | None
    growth_upper: float | None
    notes: tuple[Message, ...]
    months_soon: float | None = None
    months_late: float | None = None
    """After so many months the growth, at its bounds, brings the peak to the capacity; None where
    it is reached in the forecast, or the growth may be none."""
