"""Says the first screen of a week as plain text or Markdown, for a mail or a chat."""

from __future__ import annotations

import re
import textwrap
from typing import TYPE_CHECKING

from pacsflow.words.codes import area_names, words
from pacsflow.words.language import Language
from pacsflow.words.saying import reason_said, title_said
from pacsflow.words.sentences import Teller
from pacsflow.words.text import cleaned, prose, shorten

if TYPE_CHECKING:
    from pacsflow.report.weekly import WeeklyReport

MARKS = {"good": "✓", "look": "◆", "act": "▲", "unknown": "–"}
WIDTH = 78
# What Markdown (also of chats) would turn into format, links, mentions or HTML.
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#!|~@&]|:(?=//)|(?<=www)\.|^[-+=](?=\s)|^\d+(?=[.)]\s))")


def _markdown(text: str) -> str:
    return _SPECIAL.sub(r"\\\1", text)


def render_digest(report: WeeklyReport, *, lang: str = "en", markdown: bool = False) -> str:
    """Return the week's coverage, its three sentences and the status by area.

    Parameters
    ----------
    report
        The finished week. Its strings may be hostile.
    lang
        A tag of `pacsflow_reports.languages()`.
    markdown
        Write Markdown (CommonMark) in place of plain text wrapped at 78 columns.

    Raises
    ------
    ValueError
        There is no such language.
    """
    language = Language(lang, report.zone)
    report = cleaned(report)
    _ = language.gettext
    say = words(language)
    plain = _markdown if markdown else str
    teller = Teller(report, language, (lambda t: f"**{plain(t)}**") if markdown else str, plain)
    names = area_names(language)
    coverage = report.coverage
    hours = report.hours_covered
    share = 100 * hours / coverage.hours_expected if coverage.hours_expected else 0.0
    seen = _("%(seen)s of %(all)s hours") % {
        "seen": language.number(hours),
        "all": language.number(coverage.hours_expected),
    }
    head = plain(f"{prose(title_said(report, language))} – {report.week}")
    where = plain(f"{prose(report.site)} · " if report.site else "") + plain(
        f"{language.dates(report.first_day, report.last_day)} · {report.zone}"
    )
    covered, guessed, area_head, state_head = (
        _("Coverage"),
        _("estimated from samples"),
        _("Area"),
        _("Status"),
    )
    quality = f"{covered}: {plain(language.percent(share, 1))} ({plain(seen)})"
    if len(report.sensors) > 1:
        least = min(report.sensors, key=lambda view: view.hours)
        fewest = _("the sensor with fewest: %(sensor)s") % {
            "sensor": shorten(least.name) or say("unnamed")
        }
        quality += f", {plain(fewest)}"
    if coverage.sampled:
        quality += f"; {guessed}"
    if coverage.unreadable_rows:
        quality += "; " + language.ngettext(
            "%(count)s unreadable", "%(count)s unreadable", coverage.unreadable_rows
        ) % {"count": language.number(coverage.unreadable_rows)}
    simulated = _("Simulated data.") + " " + _("Nothing on this page was measured in a hospital.")

    def status(code: str) -> str:
        return _("not known") if code == "unknown" else say(code)

    lights = [
        (
            MARKS.get(area.status, "–"),
            plain(names.get(area.area, area.area)),
            status(area.status),
            plain(prose(reason_said(area, report, language))),
        )
        for area in report.status
    ]
    told = (*teller.sentences(), teller.next_week(), *teller.how_fast())
    if markdown:
        lines = [f"# {head}", "", where, ""]
        if report.provenance.simulated:
            lines += [f"> **{simulated}**", ""]
        lines += [quality, ""]
        lines += [f"- **{s.question}:** {s.answer}" for s in told]
        lines += ["", f"| | {area_head} | {state_head} | |", "|---|---|---|---|"]
        lines += [
            f"| {mark} | {area[:1].upper()}{area[1:]} | {state} | {reason} |"
            for mark, area, state, reason in lights
        ]
        return "\n".join(lines) + "\n"
    lines = [head, "=" * min(len(head), WIDTH), where]
    if report.provenance.simulated:
        lines.append(f"*** {simulated} ***")
    lines += ["", *_wrapped(quality), ""]
    for sentence in told:
        lines += _wrapped(sentence.answer, f"{sentence.question}: ", "  ")
    lines += ["", _("Status by area")]
    width = max((len(area) + len(state) for _mark, area, state, _why in lights), default=0) + 2
    for mark, area, state, reason in lights:
        left = f"  {mark} {area[:1].upper()}{area[1:]}: {state}".ljust(width + 6)
        lines += _wrapped(reason, left, " " * (width + 6))
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _wrapped(text: str, first: str = "", rest: str = "") -> list[str]:
    return textwrap.wrap(
        text, WIDTH, initial_indent=first, subsequent_indent=rest, break_on_hyphens=False
    ) or [first]
