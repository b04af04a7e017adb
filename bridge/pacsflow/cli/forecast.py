"""`forecast`: what comes next week, how sure it is, and how last week's forecast did."""

from __future__ import annotations

import math
import sys
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pacsflow.cli import app
from pacsflow.cli.console import progress, remarks, say, tell, warn
from pacsflow.cli.options import (
    FILTERS,
    SOURCES,
    FormatOption,
    HolidaysOption,
    LanguageOption,
    Request,
    reading,
)
from pacsflow.cli.settings import settings
from pacsflow.cli.tables import OutputFormat, emit, quantity
from pacsflow.errors import UsageError
from pacsflow.terms.counted import directed, host_and_way

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pacsflow.forecasting import Backtest, Forecast, Incident, NotEnoughHistory
    from pacsflow.forecasting.results import CapacityOutlook
    from pacsflow.library.questions import Question
    from pacsflow.pseudonyms import Pseudonyms
    from pacsflow.series import HourlySeries
    from pacsflow.terms.message import Message
    from pacsflow.terms.party import Party
    from pacsflow.words.language import Language

_BUSY, _SENDERS = 10, 30
_MEGABIT = 125_000
WEEK = 168
IMAGING_NAME = "imaging traffic"


class Combine(StrEnum):
    """What becomes of csv rows that are less than an hour apart."""

    SUM = "sum"
    MEAN = "mean"


def _finite(number: float) -> float:
    if not number < math.inf:
        raise UsageError("--capacity: a number was expected, neither nan nor inf")
    return number


@app.command()
@reading()
def forecast(
    request: Request,
    backtest: Annotated[
        bool, typer.Option("--backtest", help="Forecast the past again and compare.")
    ] = False,
    unexpected: Annotated[
        bool, typer.Option("--anomalies", help="Hours of the last week outside their forecast.")
    ] = False,
    horizon: Annotated[
        int | None, typer.Option(min=1, max=8760, help="Hours to forecast; 168 by default.")
    ] = None,
    holidays: HolidaysOption = "",
    capacity: Annotated[
        float,
        typer.Option(min=0, callback=_finite, help="Capacity an hour, in the unit of the series."),
    ] = 0.0,
    plot: Annotated[
        Path | None, typer.Option("--plot", help="Write the first series' plot (.svg).")
    ] = None,
    everything: Annotated[
        bool, typer.Option("--each", help="Each PACS in and out, modality and busy device, too.")
    ] = False,
    column: Annotated[str, typer.Option(help="Of a csv: which column holds the values.")] = "",
    combine: Annotated[
        Combine | None,
        typer.Option(help="Of a csv: rows less than an hour apart are ...; sum by default."),
    ] = None,
    lang: LanguageOption = None,
    how: FormatOption = OutputFormat.TABLE,
) -> None:
    """Forecast the coming week by the hour, and say how far to trust it.

    Takes whatever pacsflow reads (then it forecasts the imaging traffic; with --each every PACS,
    modality and busy device as well), or any csv with a column of times and one of numbers.

    Example: `pacsflow forecast traffic.csv --zone Europe/Lisbon --plot next-week.svg`
    """
    if plot and plot.suffix.lower() != ".svg":
        raise UsageError(f"{plot.name}: a plot is written as .svg")
    _refuse(backtest, unexpected, {"--plot": plot, "--capacity": capacity, "--horizon": horizon})
    from pacsflow import forecasting
    from pacsflow.forecasting import Forecast, HolidayCalendar
    from pacsflow.forecasting.csv_input import is_series_csv
    from pacsflow.words.language import Language

    holidays = holidays or settings().site.holidays
    calendar = HolidayCalendar.parse(holidays) if holidays else None
    files = [Path(given) for given in request.inputs or ()]
    plain = all(f.is_file() and (column or is_series_csv(f)) for f in files)
    if files and request.ledger is None and plain:
        unheard = [n for n in (*SOURCES, "start", "end", "week", *FILTERS) if n != "inputs"]
        request.refuse(unheard, "on a csv of a series")
        if everything:
            raise UsageError("--each has no effect on a csv of a series")
        request.tell_clock()
        gathered = _from_csv(files, request.clock().zone, column, combine or Combine.SUM)
        if key := request.key():
            gathered = gathered.under(key)
    else:
        from pacsflow.cli.inputs import asked

        if column or combine:
            raise UsageError("--column and --combine have an effect on a csv of a series alone")
        with asked(request, by_clock=True) as question:
            gathered = _from_ledger(question, each=everything, senders=unexpected)
    series, notes, zone = gathered.series, gathered.notes, request.clock().zone
    language = Language(lang.value if lang else settings().site.language, zone)
    for note in notes:
        warn(note)
    if backtest:
        with progress("testing on the past") as update:
            tests = forecasting.backtest_many(
                series, horizon=horizon or WEEK, holidays=calendar, zone=zone, progress=update
            )
        _emit_backtests(tests, how, language)
        return
    if unexpected:
        found = [
            incident
            for place, s in enumerate(series)
            for incident in forecasting.anomalies(
                s, holidays=calendar, zone=zone, parts=() if place else gathered.senders
            )
        ]
        _emit_incidents(found, how, language)
        return
    with progress("forecasting") as update:
        made = forecasting.forecast_many(
            series, horizon=horizon or WEEK, holidays=calendar, zone=zone, progress=update
        )
    outlooks = [
        forecasting.capacity_outlook(s, f, capacity or gathered.capacities.get(s.name))
        if isinstance(f, Forecast)
        else None
        for s, f in zip(series, made, strict=True)
    ]
    if plot:
        _plot(plot, series, made, zone, language.tag)
    _emit_forecasts(made, outlooks, how, language)


def _refuse(backtest: bool, unexpected: bool, options: dict[str, object]) -> None:
    """Raise where options go with another question than the one asked."""
    if backtest and unexpected:
        raise UsageError("give either --backtest or --anomalies")
    unheard = {"--plot", "--capacity"} if backtest else {"--plot", "--capacity", "--horizon"}
    for option in sorted(unheard) if backtest or unexpected else ():
        if options[option]:
            raise UsageError(
                f"{option} has no effect with {'--backtest' if backtest else '--anomalies'}"
            )


@dataclass(frozen=True, slots=True)
class _Gathered:
    """The series to forecast, and what is known beside them.

    Parameters
    ----------
    series
        In the order in which they are shown.
    notes
        What to tell about how they were read.
    capacities
        Capacity an hour by name of series, from the inventory.
    senders
        Series of the busiest senders, whose sum (nearly) the first series is.
    """

    series: list[HourlySeries]
    notes: list[str]
    capacities: dict[str, float] = field(default_factory=dict)
    senders: tuple[HourlySeries, ...] = ()

    def under(self, key: Pseudonyms) -> _Gathered:
        """Return the same series under pseudonyms: a file's name may be a host's."""
        return _Gathered([replace(s, name=key.name(s.name)) for s in self.series], self.notes)


def _from_csv(files: list[Path], zone: str, column: str, combine: Combine) -> _Gathered:
    from pacsflow.forecasting.csv_input import read_series_csv

    read = [
        read_series_csv(path, column=column, zone=zone, combine=combine.value) for path in files
    ]
    notes = [f"{r.series.name}: {note}" for r in read for note in r.notes]
    return _Gathered([r.series for r in read], notes)


def _from_ledger(question: Question, *, each: bool, senders: bool) -> _Gathered:
    from pacsflow.cli.traffic import who
    from pacsflow.ledger.series import IMAGING, covered_hours, read_series
    from pacsflow.series import HourlySeries

    covered = covered_hours(question.connection, question.origin)

    def one(name: str, where: str, values: Sequence[object] = ()) -> HourlySeries:
        return read_series(
            question.connection, name, where=where, values=values, origin=question.origin,
            covered=covered,
        )  # fmt: skip

    series = [one(IMAGING_NAME, IMAGING)]
    capacities: dict[str, float] = {}
    busy = [question.hosts.party(address) for address in _busiest(question)]
    parties = question.hosts.imaging()
    known = Counter(who(party) for party in parties)

    def name_of(party: Party) -> str:
        """Return what people call a host, with its address where another is called so, too."""
        name = who(party)
        return name if name and known[name] < 2 else f"{name} {party.address}".strip()

    parts = tuple(one(name_of(p), f"{IMAGING} AND source = ?", [p.address]) for p in busy)
    if not each:
        return _Gathered(series, [], senders=parts if senders else ())
    for party in parties:
        if party.role == "pacs":
            name = name_of(party)
            series.append(
                one(directed(name, "in"), f"{IMAGING} AND destination = ?", [party.address])
            )
            series.append(one(directed(name, "out"), f"{IMAGING} AND source = ?", [party.address]))
            item = question.hosts.inventory.find(party.address, party.ae_titles)
            if item and item.capacity:
                an_hour = item.capacity * _MEGABIT * 3600
                capacities |= {directed(name, "in"): an_hour, directed(name, "out"): an_hour}
    for modality in sorted({party.modality for party in parties if party.modality}):
        devices = [party.address for party in parties if party.modality == modality]
        where = f"{IMAGING} AND list_contains(?, source)"
        series.append(one(modality, where, [devices]))
    for party, part in list(zip(busy, parts, strict=True))[:_BUSY]:
        if party.role != "pacs":
            series.append(
                HourlySeries(directed(part.name, "out"), part.unit, part.start, part.values)
            )
    return _Gathered(series, [], capacities, parts if senders else ())


def _busiest(question: Question) -> list[str]:
    """Return the addresses of those that sent most imaging traffic."""
    from pacsflow.ledger.series import IMAGING

    rows = question.connection.execute(
        f"SELECT source FROM traffic WHERE origin = ? AND {IMAGING}"
        " GROUP BY source ORDER BY sum(bytes) DESC, 1 LIMIT ?",
        [question.origin, _SENDERS],
    ).fetchall()
    return [row[0] for row in rows]


def _plot(
    path: Path,
    series: Sequence[HourlySeries],
    made: Sequence[Forecast | NotEnoughHistory],
    zone: str,
    lang: str,
) -> None:
    """Draw the first forecast there is, with two weeks of its history."""
    from pacsflow.forecasting import Forecast
    from pacsflow.library.plots import Plot

    for history, found in zip(series, made, strict=True):
        if isinstance(found, Forecast):
            Plot(history, found, zone, lang).save(path)
            say(f"plot: {found.series} in {path}")
            return
    warn("no plot: no series has enough history")


def _json(rows: list[Any]) -> None:
    from pacsflow.export.rows import to_json

    said = [{"remarks": told}] if (told := remarks()) else []
    sys.stdout.write(to_json([*rows, *said]))


def _emit_forecasts(
    made: Sequence[Forecast | NotEnoughHistory],
    outlooks: Sequence[CapacityOutlook | None],
    how: OutputFormat,
    language: Language,
) -> None:
    from pacsflow.forecasting import Forecast

    if how is OutputFormat.JSON:
        _json(
            [
                {
                    "forecast": f if isinstance(f, Forecast) else None,
                    "not_enough_history": None if isinstance(f, Forecast) else f,
                    "capacity": outlook,
                }
                for f, outlook in zip(made, outlooks, strict=True)
            ]
        )
    elif how is OutputFormat.CSV:
        columns = ["series", "hour_utc", "mean", "lower80", "upper80", "lower95", "upper95"]
        emit("", columns, [row for f in made if isinstance(f, Forecast) for row in _hours(f)], how)
    else:
        title, spans = _spans(made, language)
        emit(
            title,
            ["series", "coming", "95 %", "held", "verdict"],
            [_row(f, language) for f in made],
            how,
            language=language,
        )
        for name, span in spans:
            _say([span], language, name)
        _say(_by_design(made), language)
        told = _of_all(made)
        _say(told, language)
        for f, outlook in zip(made, outlooks, strict=True):
            if isinstance(f, Forecast) and outlook:
                _more(f, outlook, language, told, alone=len(made) == 1)


def _spans(
    made: Sequence[Forecast | NotEnoughHistory], language: Language
) -> tuple[str, list[tuple[str, Message]]]:
    """Return a title that tells which hours are forecast; where series differ, that of each."""
    from pacsflow.forecasting import Forecast
    from pacsflow.terms.message import at, count, message
    from pacsflow.words.tables import FORECAST, FORECAST_OF

    zone = str(language.zone)
    ahead = [(f, f.start + timedelta(hours=f.horizon)) for f in made if isinstance(f, Forecast)]
    if len({(f.start, end) for f, end in ahead}) == 1:
        first, end = ahead[0]
        return language.gettext(FORECAST_OF) % {
            "hours": language.number(first.horizon),
            "span": language.span(first.start, end),
            "zone": zone,
        }, []
    told = [
        (
            f.series,
            message("forecast-hours", hours=count(f.horizon), start=at(f.start), end=at(end)),
        )
        for f, end in ahead
    ]
    return language.gettext(FORECAST) % {"zone": zone}, told


def _hours(made: Forecast) -> list[list[Any]]:
    bands = (made.mean, made.lower80, made.upper80, made.lower95, made.upper95)
    columns = [band.round(6).tolist() for band in bands]
    return [
        [made.series, hour, *values] for hour, *values in zip(made.hours(), *columns, strict=True)
    ]


def _row(made: Forecast | NotEnoughHistory, language: Language) -> list[Any]:
    from pacsflow.forecasting import NotEnoughHistory
    from pacsflow.words.saying import message_said

    if isinstance(made, NotEnoughHistory):
        reason = message_said(made.reason, language)
        return [_series_said(made.series, language), None, None, None, reason]
    low, high = (_amount(bound, made.unit, language) for bound in made.total95)
    total = _amount(float(made.mean.sum()), made.unit, language)
    held = made.verdict.coverage95
    told = message_said(made.verdict.message, language)
    inside = None if held is None else language.percent(100 * held)
    name = _series_said(made.series, language)
    return [name, total, f"{low} \u2013 {high}", inside, told]


def _amount(value: float, unit: str, language: Language) -> str:
    """Return an amount as `language` writes it; the unit of a csv's column is its own word."""
    if unit == "bytes":
        return language.pointed(quantity(value, unit))
    return f"{language.pointed(quantity(value, ''))} {unit}".strip()


def _by_design(made: Sequence[Forecast | NotEnoughHistory]) -> list[Message]:
    """Return how many of the hours forecast are outside their interval though nothing happens."""
    from pacsflow.forecasting import Forecast
    from pacsflow.terms.message import count, message

    hours = max((f.horizon for f in made if isinstance(f, Forecast)), default=0)
    if not hours:
        return []
    return [message("by-design", outside=count(round(0.05 * hours)), hours=count(hours))]


def _of_all(made: Sequence[Forecast | NotEnoughHistory]) -> list[Message]:
    """Return the notes that every one of several forecasts has: they are told once."""
    from pacsflow.forecasting import Forecast

    notes = [f.notes for f in made if isinstance(f, Forecast)]
    if len(notes) < 2:
        return []
    return [note for note in notes[0] if all(note in others for others in notes[1:])]


def _more(
    made: Forecast,
    outlook: CapacityOutlook,
    language: Language,
    told: Sequence[Message],
    *,
    alone: bool,
) -> None:
    """Say what else is known of one forecast, but what was told; of a lone one, everything."""
    if alone:
        _details(made, language)
        _say((*made.diagnostics.messages(), *made.notes), language)
        _say(outlook.notes, language)
        return
    if outlook.capacity:
        _say(outlook.notes, language, made.series)
    _say([note for note in made.notes if note not in told], language, made.series)


def _series_said(name: str, language: Language) -> str:
    """Return the name of a series of a ledger as `language` has it; others are as they are."""
    from pacsflow.words.codes import words
    from pacsflow.words.saying import directed_said

    if name == IMAGING_NAME:
        return words(language)("Imaging traffic")
    host, way = host_and_way(name)
    return directed_said(host, way, language) if way else name


def _say(messages: Sequence[Message], language: Language, series: str = "") -> None:
    from pacsflow.words.saying import message_said

    name = f"{_series_said(series, language)}: " if series else ""
    for message in messages:
        tell(name + message_said(message, language))


def _details(made: Forecast, language: Language) -> None:
    """Show the identification and how every candidate did."""
    from pacsflow.words.saying import models_said
    from pacsflow.words.tables import HELD_BACK

    emit(
        language.gettext(HELD_BACK),
        ["model", "MASE", "sMAPE", "coverage 95 %"],
        [
            [
                models_said([s.model], language),
                s.mase,
                s.smape,
                None if s.coverage95 is None else 100 * s.coverage95,
            ]
            for s in made.scores
        ],
        OutputFormat.TABLE,
        language=language,
    )


def _emit_backtests(tests: Sequence[Backtest], how: OutputFormat, language: Language) -> None:
    if how is OutputFormat.JSON:
        _json(list(tests))
        return
    from pacsflow.words.saying import models_said
    from pacsflow.words.tables import PAST

    columns = ["series", "origin_utc", "model", "hours", "MASE", "MASE naive 168", "MASE naive 24"]
    columns += ["sMAPE", "coverage 95 %"]
    rows = [
        [
            _series_said(t.series, language) if how is OutputFormat.TABLE else t.series,
            row.origin.isoformat().replace("+00:00", "Z"),
            models_said([row.model], language) if how is OutputFormat.TABLE else row.model,
            row.hours,
            row.mase,
            row.mase_naive168,
            row.mase_naive24,
            row.smape,
            100 * row.coverage95,
        ]
        for t in tests
        for row in t.rows
    ]
    emit(language.gettext(PAST), columns, rows, how, language=language)
    if how is OutputFormat.TABLE:
        for t in tests:
            _say([t.outcome], language, t.series)


def _emit_incidents(found: Sequence[Incident], how: OutputFormat, language: Language) -> None:
    if how is OutputFormat.JSON:
        _json(list(found))
        return
    from pacsflow.words.codes import words
    from pacsflow.words.language import english
    from pacsflow.words.tables import UNEXPECTED

    people, word = how is OutputFormat.TABLE, words(language)
    figures = language if people else english()
    columns = ["series", "unit", "start_utc", "end_utc", "hours", "direction", "seen", "expected"]
    columns += ["standard deviations", "probability", "silent", "endpoints"]
    rows = [
        [
            _series_said(i.series, language) if people else i.series,
            i.unit,
            i.start,
            i.end,
            i.hours,
            word(i.direction) if people else i.direction,
            _amount(i.seen, i.unit, language) if people else i.seen,
            _amount(i.expected, i.unit, language) if people else i.expected,
            i.unlikely,
            language.probability(i.probability) if people else i.probability,
            word("yes" if i.silent else "no") if people else i.silent,
            [f"{name} {_signed(amount, i.unit, figures)}" for name, amount in i.endpoints],
        ]
        for i in found
    ]
    title = language.gettext(UNEXPECTED)
    emit(title, columns, rows, how, spare={"unit"}, language=language)


def _signed(amount: float, unit: str, language: Language) -> str:
    return ("+" if amount > 0 else "") + _amount(amount, unit, language)
