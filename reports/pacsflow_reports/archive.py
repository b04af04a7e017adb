"""Keeps a page a week in one folder, linked with each other, and an index with the trend."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from pacsflow.errors import InputError
from pacsflow.outputs import write_text
from pacsflow.words.codes import area_names
from pacsflow.words.language import languages
from pacsflow.words.text import cleaned

from .pdf import html_to_pdf
from .render import (
    WeekLinks,
    asset,
    content_security_policy,
    environment,
    logo_address,
    render_html,
    squeeze,
)

if TYPE_CHECKING:
    from jinja2 import Environment

    from pacsflow.report.weekly import WeeklyReport
    from pacsflow.words.language import Language

WEEK = re.compile(r"\d{4}-W\d{2}")
INDEX = "index.html"
_LINKS = re.compile(r"(<!--weeks-->).*?(<!--/weeks-->)", re.DOTALL)
_LANG = re.compile(r'<html lang="([A-Za-z-]{2,12})">')


@dataclass(frozen=True, slots=True)
class ArchivePaths:
    """What `write_archive` wrote for the week."""

    page: Path
    index: Path
    pdf: Path | None


@dataclass(frozen=True, slots=True)
class WeekSummary:
    """The few numbers of a week that the trend needs; bytes, hours and counts."""

    week: str
    first_day: str = ""
    last_day: str = ""
    title: str = ""
    site: str = ""
    zone: str = "UTC"
    simulated: bool = False
    sampled: bool = False
    bytes: float | None = None
    imaging_bytes: float | None = None
    imaging_communications: float | None = None
    associations: int | None = None
    hours_expected: int = 0
    hours_with_data: int = 0
    incidents: int = 0
    new: int = 0
    silent: int = 0
    findings: dict[str, int] = field(default_factory=dict)
    """Number of findings by severity."""
    status: dict[str, str] = field(default_factory=dict)
    """Status by area."""


def summary_of(report: WeeklyReport) -> WeekSummary:
    """Return the summary that is kept beside a week's page."""
    findings: dict[str, int] = {}
    for finding in report.findings:
        findings[finding.severity.value] = findings.get(finding.severity.value, 0) + 1
    known = report.coverage.hours_with_data > 0
    return WeekSummary(
        week=report.week,
        first_day=report.first_day.isoformat(),
        last_day=report.last_day.isoformat(),
        title=report.title,
        site=report.site,
        zone=report.zone,
        simulated=report.provenance.simulated,
        sampled=report.coverage.sampled,
        bytes=report.totals.bytes.value if known else None,
        imaging_bytes=report.totals.imaging_bytes.value if known else None,
        imaging_communications=report.totals.imaging_communications.value if known else None,
        associations=report.associations.total if report.associations else None,
        hours_expected=report.coverage.hours_expected,
        hours_with_data=report.hours_covered,
        incidents=len(report.incidents),
        new=sum(item.state == "new" for item in report.equipment),
        silent=sum(item.state == "silent" for item in report.equipment),
        findings=findings,
        status={s.area: s.status.value for s in report.status},
    )


def write_archive(
    report: WeeklyReport,
    directory: str | Path,
    *,
    lang: str = "en",
    title: str | None = None,
    logo: Path | None = None,
    pdf: bool = False,
) -> ArchivePaths:
    """Write the week's page into `directory`, link its neighbours to it, and renew the index.

    Writing the same week again replaces it and changes nothing else. Every file appears whole.

    Parameters
    ----------
    report
        The finished week.
    directory
        The archive; it is made where it is missing. Other files in it are left alone.
    lang, title, logo
        As in `render_html`.
    pdf
        Print the page to PDF as well, which needs Chromium.

    Raises
    ------
    InputError
        `directory` is a file, or the week has no ISO name.
    ToolError
        `pdf` was asked for and could not be printed; the page and the index are there.
    """
    directory = Path(directory)
    if not WEEK.fullmatch(report.week):
        raise InputError(directory, f"week {report.week!r} is not an ISO week like 2026-W47")
    if directory.exists() and not directory.is_dir():
        raise InputError(directory, "is a file", hint="--archive names a folder")
    directory.mkdir(parents=True, exist_ok=True)
    weeks = sorted({report.week, *_weeks(directory)})
    page = directory / f"{report.week}.html"
    links = _links(weeks, report.week)
    html = render_html(report, lang=lang, title=title, logo=logo, links=links)
    write_text(page, _linked(html, links))
    summary = asdict(summary_of(cleaned(report)))
    summary["title"] = cleaned(title) if title else summary["title"]
    write_text(
        directory / f"{report.week}.json",
        json.dumps(summary, ensure_ascii=False, indent=1, allow_nan=False, default=str) + "\n",
    )
    at = weeks.index(report.week)
    for other in (*weeks[max(0, at - 1) : at], *weeks[at + 1 : at + 2]):
        _relink(directory / f"{other}.html", _links(weeks, other))
    index = directory / INDEX
    write_text(index, _index(directory, weeks, report, lang, logo))
    printed = None
    if pdf:
        printed = directory / f"{report.week}.pdf"
        html_to_pdf(page, printed)
        write_text(index, _index(directory, weeks, report, lang, logo))
    return ArchivePaths(page, index, printed)


def _weeks(directory: Path) -> list[str]:
    return [path.stem for path in directory.glob("*.html") if WEEK.fullmatch(path.stem)]


def _links(weeks: list[str], week: str) -> WeekLinks:
    at = weeks.index(week)
    return WeekLinks(
        index=INDEX,
        previous=f"{weeks[at - 1]}.html" if at else "",
        next=f"{weeks[at + 1]}.html" if at + 1 < len(weeks) else "",
        previous_label=weeks[at - 1] if at else "",
        next_label=weeks[at + 1] if at + 1 < len(weeks) else "",
    )


def _relink(page: Path, links: WeekLinks) -> None:
    """Put new links into a page that is in the archive already."""
    html = page.read_text("utf-8")
    renewed = _linked(html, links)
    if renewed != html:
        write_text(page, renewed)


def _linked(html: str, links: WeekLinks) -> str:
    """Return a page with these links in place of its own, in the page's language."""
    found = _LANG.search(html)
    tag = found[1] if found and found[1] in languages() else "en"
    _, templates = environment(tag, "UTC")
    inner = squeeze(templates.get_template("weeks.jinja").render(links=links)).strip()
    return _LINKS.sub(lambda m: f"{m[1]}{inner}{m[2]}", html, count=1)


def _read(path: Path) -> WeekSummary:
    """Return a kept summary; one that cannot be read leaves its week without numbers."""
    nothing = WeekSummary(path.stem)
    try:
        kept: Any = json.loads(path.read_text("utf-8"), parse_constant=lambda _name: None)
    except (OSError, ValueError):
        return nothing
    if not isinstance(kept, dict):
        return nothing
    fields: dict[str, Any] = {}
    for name in WeekSummary.__dataclass_fields__:
        value, usual = kept.get(name), getattr(nothing, name)
        if name in {"findings", "status"}:
            kind = int if name == "findings" else str
            value = (
                {k: v for k, v in value.items() if isinstance(v, kind)}
                if isinstance(value, dict)
                else {}
            )
        elif isinstance(usual, (bool, str)):
            if not isinstance(value, type(usual)):
                continue
        elif isinstance(value, bool) or not isinstance(value, (int, float)):
            continue
        fields[name] = value
    return cleaned(WeekSummary(**{**fields, "week": path.stem}))


def _index(
    directory: Path, weeks: list[str], report: WeeklyReport, lang: str, logo: Path | None
) -> str:
    language, templates = environment(lang, report.zone)
    kept = [_read(directory / f"{week}.json") for week in weeks]
    pdfs = {week for week in weeks if (directory / f"{week}.pdf").is_file()}
    return _render_index(language, templates, kept, pdfs, logo)


def _render_index(
    language: Language,
    templates: Environment,
    kept: list[WeekSummary],
    pdfs: set[str],
    logo: Path | None,
) -> str:
    style, script = asset("report.css"), asset("report.js")
    image = logo_address(logo) if logo is not None else ""
    shown = kept[-104:]
    _ = language.gettext
    trends = [
        ("imaging", _("Imaging bytes a week"), "bytes", [w.imaging_bytes for w in shown]),
        (
            "findings",
            _("Findings, medium and above"),
            "findings",
            [
                float(sum(w.findings.get(level, 0) for level in ("medium", "high", "critical")))
                if w.hours_expected
                else None
                for w in shown
            ],
        ),
        (
            "coverage",
            _("Hours with data, percent"),
            "percent",
            [
                100.0 * w.hours_with_data / w.hours_expected if w.hours_expected else None
                for w in shown
            ],
        ),
    ]
    html = templates.get_template("archive.html.jinja").render(
        weeks=list(reversed(kept)),
        latest=kept[-1],
        trends=trends,
        shown=shown,
        pdfs=pdfs,
        before={b.week: a for a, b in pairwise(kept)},
        logo=image,
        style=Markup(style),  # noqa: S704 - our own file
        script=Markup(script),  # noqa: S704 - our own file
        policy=content_security_policy(style, script, image=bool(image)),
        areas=area_names(language),
    )
    return squeeze(html)
