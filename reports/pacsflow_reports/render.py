"""Renders one finished `WeeklyReport` as a self-contained HTML page."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from jinja2 import (
    Environment,
    FileSystemBytecodeCache,
    PackageLoader,
    StrictUndefined,
    pass_context,
)
from jinja2 import __version__ as jinja_version
from markupsafe import Markup, escape

from pacsflow.report.states import no_associations
from pacsflow.terms.severity import Severity
from pacsflow.words.codes import area_names, source_kinds, words
from pacsflow.words.glossary import OF_LABELS, glossary
from pacsflow.words.language import Language
from pacsflow.words.saying import (
    at_length,
    byte_basis_said,
    directed_said,
    finding_said,
    message_said,
    models_said,
    party_name,
    reason_said,
    title_said,
)
from pacsflow.words.sentences import Sentence, Teller
from pacsflow.words.statuses import status_said
from pacsflow.words.text import cleaned, prose, shorten

from . import charts, flowmap

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime
    from pathlib import Path

    from pacsflow.report.weekly import WeeklyReport
    from pacsflow.week.facts import Curve, Equipment, Incident, PacsFlow, Ranked
    from pacsflow.week.speed import AnswerTimes

LOGO_TYPES = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".svg": "image/svg+xml",
    ".webp": "image/webp",
    ".gif": "image/gif",
}
LOGO_LIMIT = 200_000
CARDS = 12
"""So many PACS are shown as charts at once; the rest opens on demand."""
ROWS = 100
"""Longest table; what is beyond is counted."""


@dataclass(frozen=True, slots=True)
class WeekLinks:
    """Where the pages beside this one are, as relative addresses; empty where there is none."""

    index: str = ""
    previous: str = ""
    next: str = ""
    previous_label: str = ""
    next_label: str = ""


@lru_cache(maxsize=4)
def environment(tag: str, zone: str) -> tuple[Language, Environment]:
    """Return a language and its templates: escaping always on, undefined names are errors."""
    language = Language(tag, zone)
    made = Environment(
        loader=PackageLoader("pacsflow_reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
        bytecode_cache=_compiled(),
    )
    made.install_gettext_translations(  # type: ignore[attr-defined]
        language.translations, newstyle=True
    )
    filters: dict[str, Callable[..., Any]] = {
        "bytes": language.bytes,
        "number": language.number,
        "percent": language.percent,
        "signed": language.signed,
        "seconds": language.duration,
        "elapsed": language.elapsed,
        "moment": language.moment,
        "stamp": language.stamp,
        "day": language.day,
        "hour": language.hour,
        "shorten": shorten,
        "label": flowmap.label,
        "prose": prose,
        "party": party_name,
        "listing": lambda items: language.listing(items, most=len(items)),
        "fixed": _fixed,
        "word": words(language),
        "source_kind": source_kinds(language),
        "told": lambda message: message_said(message, language),
        "said": lambda finding: finding_said(finding, language),
        "status": lambda label: status_said(label, language),
        "capitalise": lambda text: text[:1].upper() + text[1:],
    }
    made.filters |= {name: _never_folded(function) for name, function in filters.items()}
    made.globals.update(
        lang=language,
        amount=language.amount,
        change=language.change,
        months=language.months,
        span=language.span,
        models=lambda names: models_said(names, language) if names else "",
        no_associations=lambda origin: at_length(no_associations(origin), language),
        byte_basis=lambda origin: byte_basis_said(origin, language),
        glossary=lambda: glossary(language),
        glossary_of=OF_LABELS,
        much_better=much_better,
        verdict_alone=lambda curve: verdict_alone(curve, language),
    )
    return language, made


def _never_folded(function: Callable[..., Any]) -> Callable[..., Any]:
    """Keep Jinja from calling a filter while it compiles.

    Compiled templates are kept: ``'new'|word`` would say what the first reader's language says.
    """

    @pass_context
    def called(_context: object, *values: object, **named: object) -> object:
        return function(*values, **named)

    return called


def _compiled() -> FileSystemBytecodeCache | None:
    """Return where Jinja keeps compiled templates: a folder that is this user's alone."""
    try:
        # Jinja knows a changed template, and another Python, but not another Jinja.
        return FileSystemBytecodeCache(pattern=f"pacsflow-jinja-{jinja_version}-2-%s")
    except (OSError, RuntimeError):
        return None


def _fixed(value: float, digits: int = 1) -> str:
    """Return a number for an SVG attribute, whatever the language: a point, no zeros behind."""
    return f"{value:.{digits}f}".rstrip("0").rstrip(".") or "0"


@lru_cache(maxsize=8)
def asset(name: str) -> str:
    """Return a style sheet or script as it goes into the page: comments and indents off."""
    text = files(__package__).joinpath("assets", name).read_text("utf-8")
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)
    text = re.sub(r"^\s*//.*$", "", text, flags=re.MULTILINE)
    return squeeze(text).strip()


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode("utf-8")).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def content_security_policy(style: str, script: str, *, image: bool) -> str:
    """Return the page's policy: its own style and script by hash, nothing else at all."""
    return "; ".join(
        (
            "default-src 'none'",
            f"style-src {_hash(style)}",
            f"script-src {_hash(script)}",
            f"img-src {'data:' if image else chr(39) + 'none' + chr(39)}",
            "base-uri 'none'",
            "form-action 'none'",
        )
    )


def page_marks(language: Language, report: WeeklyReport) -> str:
    """Return the style of the printed pages' margins: page numbers, and what must be on each."""
    _ = language.gettext
    marks = {
        "bottom-left": _quoted(f"pacsflow · {report.week}"),
        "bottom-right": 'counter(page) " / " counter(pages)',
    }
    if report.provenance.simulated:
        marks["top-center"] = _quoted(_("Simulated data."))
    boxes = "".join(
        f"@{place}{{content:{text};font:8pt sans-serif;color:#4a5057}}"
        for place, text in marks.items()
    )
    return f"\n@page{{{boxes}}}"


def _quoted(text: str) -> str:
    """Return `text` as a CSS string in which every character but letters and digits is a code."""
    return (
        '"'
        + "".join(
            char if char.isascii() and char.isalnum() else f"\\{ord(char):06x}" for char in text
        )
        + '"'
    )


def logo_address(logo: Path) -> str:
    """Return `logo` as a ``data:`` address.

    Raises
    ------
    ValueError
        It is not an image of a known type, or it is over 200 kB.
    """
    kind = LOGO_TYPES.get(logo.suffix.lower())
    if kind is None:
        raise ValueError(f"{logo}: a logo is one of {', '.join(sorted(LOGO_TYPES))}")
    content = logo.read_bytes()
    if len(content) > LOGO_LIMIT:
        raise ValueError(f"{logo}: {len(content)} bytes, a logo may have {LOGO_LIMIT}")
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def strong(text: str) -> Markup:
    """Return `text` escaped and marked as important."""
    return Markup("<b>{}</b>").format(text)


def squeeze(html: str) -> str:
    """Return `html` without the white space that the templates' layout left in it."""
    return re.sub(r"\s*\n\s*", "\n", html)


def curves_of_first_screen(report: WeeklyReport) -> list[tuple[str, Curve]]:
    """Return the charts of the week: imaging first where there is any, all traffic after it."""
    curves = [("traffic", report.traffic), ("communications", report.communications)]
    if report.totals.imaging_bytes.value > 0:
        curves.insert(0, ("imaging", report.imaging))
    return curves


def incidents_by_curve(
    report: WeeklyReport, curves: Sequence[tuple[str, Curve]]
) -> dict[str, list[Incident]]:
    """Return each curve's incidents; those of series without a chart here are left to the text."""
    found: dict[str, list[Incident]] = {}
    for key, curve in curves:
        names = {curve.title, curve.observed.name, key}
        found[key] = [item for item in report.incidents if item.series in names]
    return found


def _context(report: WeeklyReport, language: Language) -> dict[str, Any]:
    """Return what the templates show; only layout is worked out here."""
    curves = curves_of_first_screen(report)
    marked = incidents_by_curve(report, curves)

    def drawn(key: str, curve: Curve) -> dict[str, Any]:
        wide = charts.WIDE if curve is curves[0][1] else charts.HALF
        shapes = [("w", wide), ("n", charts.NARROW)]
        if wide is charts.WIDE:
            shapes.append(("p", charts.PAPER))
        return {
            "key": key,
            "curve": curve,
            "incidents": marked[key],
            "charts": [
                charts.curve_chart(curve, language, f"{key}-{letter}", shape, incidents=marked[key])
                for letter, shape in shapes
            ],
        }

    def card(number: int, flow: PacsFlow) -> dict[str, Any]:
        top = max(charts.axis_top(flow.curve_in), charts.axis_top(flow.curve_out))
        return {
            "flow": flow,
            "number": number,
            "charts": [
                charts.curve_chart(
                    curve,
                    language,
                    f"p{number}-{way}",
                    charts.CARD if number <= CARDS else charts.THIN_CARD,
                    top_value=top,
                )
                for way, curve in (("in", flow.curve_in), ("out", flow.curve_out))
            ],
        }

    cards = [card(number, flow) for number, flow in enumerate(report.pacs, 1)]
    axes = {chart.days: chart for made in cards for chart in made["charts"]}
    return {
        "report": report,
        "week_charts": [drawn(key, curve) for key, curve in curves],
        "cards": cards,
        "axes": {days: f"days-{number}" for number, days in enumerate(axes, 1)},
        "axis_charts": list(axes.values()),
        "cards_shown": CARDS,
        "flow": flowmap.layout(report.flow_map),
        "rows_shown": ROWS,
        "findings": sorted(report.findings, key=lambda f: -f.severity.rank),
        "severities": [
            (level, sum(f.severity is level for f in report.findings))
            for level in reversed(Severity)
            if any(f.severity is level for f in report.findings)
        ],
        "dig": {
            "traffic": "volume",
            "pacs": "pacs",
            "modalities": "modalities",
            "associations": "associations",
            "security": "findings",
            "data": "data",
        },
        "row_of": row_numbers(report),
        "daily": lambda curve: daily(curve, language),
        "hourly": hourly,
        "heat": heat_levels(report),
        "speed_heat": shades(report.speed.hours if report.speed else ()),
        "heat_top": max(
            (v for row in report.heat_map.cells for v in row if v is not None), default=0.0
        ),
        "weekdays": language.weekdays(),
        "contents": contents(language),
        "equipment_rows": equipment_rows(report),
        "file_rows": sorted(
            report.coverage.files, key=lambda f: (not f.problem, not f.unreadable_rows)
        )[:ROWS],
        "forecasts": forecasts(report, curves, language),
        "nearly_all": is_nearly_all_imaging(report),
        "gaps": gaps(report),
        "inferred_note": lambda *rows: inferred_note(rows, language),
        "weeks_told": weeks_told,
    }


def _answer(sentence: Sentence) -> tuple[str, Markup]:
    return sentence.question, Markup(sentence.answer)  # noqa: S704 - escaped by the teller


IMAGING_ALONE = 0.95
"""From this share of all bytes on, tables of all traffic would say again what imaging's say."""


def is_nearly_all_imaging(report: WeeklyReport) -> bool:
    """Say whether all traffic is, but for little, imaging traffic."""
    totals = report.totals
    return totals.imaging_bytes.value >= IMAGING_ALONE * totals.bytes.value > 0


def row_numbers(report: WeeklyReport) -> dict[str, int]:
    """Return the place of each uid in the table of notable associations, to link evidence to it."""
    if report.associations is None:
        return {}
    return {row.uid: place for place, row in enumerate(report.associations.notable[:ROWS], 1)}


def contents(language: Language) -> list[tuple[str, str]]:
    """Return the sections of the page after its first screen: id and name."""
    _ = language.gettext
    return [
        ("findings", _("Findings")),
        ("volume", _("All traffic")),
        ("pacs", _("PACS: in and out")),
        ("map", _("Flow map")),
        ("modalities", _("Modalities")),
        ("hours", _("Hours of the week")),
        ("top", _("Who sends and who receives")),
        ("speed", _("How fast")),
        ("associations", _("Associations")),
        ("equipment", _("Equipment")),
        ("software", _("Software")),
        ("forecast", _("Forecast")),
        ("data", _("Data quality")),
        ("method", _("Method")),
        ("glossary", _("Glossary")),
    ]


def equipment_rows(report: WeeklyReport) -> list[Equipment]:
    """Return the equipment to list: new first, silent next, then the busiest."""
    order = {"new": 0, "silent": 1, "unseen": 2}
    return sorted(
        report.equipment,
        key=lambda item: (order.get(item.state, 3), -(item.bytes_in + item.bytes_out)),
    )[: 2 * ROWS]


def forecasts(
    report: WeeklyReport, curves: Sequence[tuple[str, Curve]], language: Language
) -> list[tuple[str, Curve]]:
    """Return every series that the page has a forecast, or a reason for none, of."""
    say = words(language)
    found = [(say(curve.title), curve) for _, curve in curves]
    for flow in report.pacs[:ROWS]:
        name = party_name(flow.party)
        found += [(directed_said(name, way, language), curve) for way, curve in (
            ("in", flow.curve_in), ("out", flow.curve_out))]  # fmt: skip
    found += [(say(item.modality), item.curve) for item in report.modalities[:ROWS] if item.curve]
    return [(name, curve) for name, curve in found if curve.forecast or curve.reason]


MUCH = 0.95
"""A forecast whose error is at most this share of repeating last week's is good."""


def much_better(curve: Curve) -> bool:
    """Say whether a forecast is worth more than last week's hours by more than a little."""
    naive = curve.mase_naive168
    return curve.mase is not None and naive is not None and curve.mase <= MUCH * naive


def verdict_alone(curve: Curve, language: Language) -> str:
    """Return the verdict without the model's name, which stands in the column beside it."""
    told = message_said(curve.verdict or curve.reason, language)
    if curve.models:
        told = told.removeprefix(models_said(curve.models, language)).lstrip(" :")
    return told[:1].upper() + told[1:]


@dataclass(frozen=True, slots=True)
class SensorGap:
    """Hours without data, of one of several sensors or (None) of all."""

    start: datetime
    end: datetime
    hours: int
    sensor: str | None


def gaps(report: WeeklyReport) -> list[SensorGap]:
    """Return the hours that no sensor saw, and those in which one of several stood still."""
    found = [SensorGap(gap.start, gap.end, gap.hours, None) for gap in report.coverage.gaps]
    found += [
        SensorGap(gap.start, gap.end, gap.hours, view.name)
        for view in report.sensors
        for gap in view.silences
    ]
    return sorted(found, key=lambda gap: gap.start)


def weeks_told(answers: Sequence[AnswerTimes]) -> list[int]:
    """Return how many weeks before have a value of any of the answers: 1 is the week before."""
    most = max(len(answer.before) for answer in answers)
    return [
        n
        for n in range(1, most + 1)
        if any(len(answer.before) >= n and answer.before[n - 1] is not None for answer in answers)
    ]


def inferred_note(tables: Sequence[Sequence[Ranked | Equipment]], language: Language) -> Markup:
    """Return the line that explains the asterisk, where these tables have one."""
    parties = [row.party for rows in tables for row in rows[: 2 * ROWS]]
    if not any(party.basis in ("association", "traffic") for party in parties):
        return Markup()
    return Markup('<p class="note">* {}</p>').format(
        language.gettext("inferred from traffic or associations, not from the inventory")
    )


def heat_levels(report: WeeklyReport) -> list[list[int | None]]:
    """Return a colour level of 0 to 7 for each cell of the heat map, `None` without data."""
    return shades(report.heat_map.cells)


def shades(cells: Sequence[Sequence[float | None]]) -> list[list[int | None]]:
    """Return a colour level of 0 to 7 for each value, `None` where there is none."""
    highest = max((v for row in cells for v in row if v is not None), default=0.0)
    if highest <= 0:
        return [[None if v is None else 0 for v in row] for row in cells]
    # The eye reads area and darkness by their root: a linear ramp hides the quiet hours.
    return [
        [
            None if v is None else 0 if v <= 0 else 1 + min(6, int((v / highest) ** 0.5 * 7))
            for v in row
        ]
        for row in cells
    ]


@dataclass(frozen=True, slots=True)
class HourRow:
    """One hour behind a chart."""

    start: Any
    seen: float | None
    previous: float | None
    mean: float | None
    range80: tuple[float, float]
    range95: tuple[float, float]
    future: bool


def _hours_shown(curve: Curve) -> int:
    """Return how many hours a chart has, from the week's first to the forecast's last."""
    count = len(curve.observed.values)
    if curve.forecast and curve.forecast.mean:
        ahead = (curve.forecast.start - curve.observed.start) // charts.HOUR
        count = max(count, ahead + len(curve.forecast.mean))
    return count


def _means(curve: Curve) -> list[float | None]:
    """Return what was expected of each hour of the week, and of each that comes."""
    seen, count = len(curve.observed.values), _hours_shown(curve)
    told: list[float | None] = [None] * count
    for band, first, end in ((curve.expected, 0, seen), (curve.forecast, seen, count)):
        if band is not None:
            shift = (band.start - curve.observed.start) // charts.HOUR
            for hour in range(max(first, shift), min(end, shift + len(band.mean))):
                told[hour] = band.mean[hour - shift]
    return told


def hourly(curve: Curve) -> list[HourRow]:
    """Return the rows behind a chart: every hour of the week and of the forecast."""
    start, seen = curve.observed.start, curve.observed.values
    previous = curve.previous.values if curve.previous else ()
    rows = []
    for index in range(_hours_shown(curve)):
        moment = start + index * charts.HOUR
        future = index >= len(seen)
        band = curve.forecast if future else curve.expected
        at = (moment - band.start) // charts.HOUR if band else -1
        inside = band is not None and 0 <= at < len(band.mean)
        rows.append(
            HourRow(
                start=moment,
                seen=None if future else seen[index],
                previous=previous[index] if index < len(previous) else None,
                mean=band.mean[at] if band and inside else None,
                range80=(band.lower80[at], band.upper80[at]) if band and inside else (0.0, 0.0),
                range95=(band.lower95[at], band.upper95[at]) if band and inside else (0.0, 0.0),
                future=future,
            )
        )
    return rows


@dataclass(frozen=True, slots=True)
class DayRow:
    """One day behind a small chart: sums of the hours that there are."""

    start: Any
    seen: float | None
    previous: float | None
    mean: float | None
    missing: int


def daily(curve: Curve, language: Language) -> list[DayRow]:
    """Return the hours behind a small chart added up by day of the site's clock."""
    start, seen, means = curve.observed.start, curve.observed.values, _means(curve)
    previous = curve.previous.values if curve.previous else ()
    midnights = language.midnights(start, len(means)) if means else []

    def total(values: Sequence[float | None]) -> float | None:
        there = [value for value in values if value is not None]
        return sum(there) if there else None

    return [
        DayRow(
            start + a * charts.HOUR,
            total(seen[a:b]),
            total(previous[a:b]),
            total(means[a:b]),
            sum(value is None for value in seen[a:b]),
        )
        for a, b in zip(midnights, [*midnights[1:], len(means)], strict=True)
    ]


def render_html(
    report: WeeklyReport,
    *,
    lang: str = "en",
    title: str | None = None,
    logo: Path | None = None,
    links: WeekLinks | None = None,
) -> str:
    """Return one week as a page that needs no network, no font and no file beside it.

    Parameters
    ----------
    report
        The finished week. Its strings may be hostile.
    lang
        A tag of `pacsflow_reports.languages()`: ``en``, ``pt-BR``.
    title
        Stands in place of the report's own title.
    logo
        An image of the site, at most 200 kB; it is put into the page.
    links
        Addresses of the weeks beside this one, for an archive.

    Raises
    ------
    ValueError
        The language or the logo cannot be used.
    """
    language, templates = environment(lang, report.zone)
    report = cleaned(replace(report, title=title or report.title))
    teller = Teller(report, language, strong, lambda text: str(escape(text)))
    style = asset("report.css") + page_marks(language, report)
    script = asset("report.js")
    image = logo_address(logo) if logo is not None else ""
    template = templates.get_template("report.html.jinja")
    html = template.render(
        **_context(report, language),
        next_week=_answer(teller.next_week()),
        sentences=[_answer(s) for s in teller.sentences()],
        title=title_said(report, language),
        reason=lambda status: reason_said(status, report, language),
        areas=area_names(language),
        logo=image,
        links=links,
        style=Markup(style),  # noqa: S704 - our own file
        script=Markup(script),  # noqa: S704 - our own file
        policy=content_security_policy(style, script, image=bool(image)),
    )
    return squeeze(html)
