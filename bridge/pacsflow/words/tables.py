"""The catalogue of what tables of a terminal have around their values."""

from __future__ import annotations

from pacsflow.words.marks import N_

NONE = N_("nothing")
LEFT_OUT = N_("left out, for the terminal is too narrow: %(columns)s (--format csv has all)")
FINDINGS = N_("Findings of %(week)s, on the clock of %(zone)s")
HEADINGS = (
    N_("severity"), N_("area"), N_("title"), N_("evidence"), N_("action"), N_("count"),
    N_("rule"), N_("hosts"), N_("ae titles"), N_("start utc"), N_("end utc"),
    N_("start site"), N_("end site"), N_("uids"),
)  # fmt: skip
BEGAN = N_(
    "A communication counts at the host that opened it: what comes back over it has bytes and no "
    "communication of its own."
)
"""Under a table in which a host has bytes and no communications."""
FORECAST = N_("Forecast, on the clock of %(zone)s")
"""Of series whose hours ahead differ."""
FORECAST_OF = N_("Forecast of %(hours)s hours, %(span)s, on the clock of %(zone)s")
HELD_BACK = N_("On held-back hours, forecast from what was known before them")
PAST = N_("Forecasts of the past")
UNEXPECTED = N_("Hours that were not as forecast")
FORECAST_HEADINGS = (
    N_("series"), N_("coming"), N_("95 %"), N_("held"), N_("verdict"), N_("model"),
    N_("coverage 95 %"), N_("hours"), N_("origin utc"), N_("MASE naive 168"), N_("MASE naive 24"),
    N_("unit"), N_("direction"), N_("seen"), N_("expected"),
    N_("standard deviations"), N_("probability"), N_("silent"), N_("endpoints"),
)  # fmt: skip
