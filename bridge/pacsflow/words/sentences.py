"""The week in three sentences, each made of clauses that the data calls for."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, cast

from pacsflow.terms.severity import Severity
from pacsflow.words.codes import words
from pacsflow.words.saying import finding_said, message_said, party_name
from pacsflow.words.text import prose, shorten

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pacsflow.report.weekly import WeeklyReport
    from pacsflow.week.facts import CapacityNote, Equipment
    from pacsflow.words.language import Language

HOUR = timedelta(hours=1)
_AS_IS = "\u2063"
"""Before a clause that begins with a name: names keep their small letters. Never shown."""
_FIRST = re.compile(r"(?<=^<b>)\w|(?<=^\*\*)\w|^\w")


NEAR = 0.7
"""From this share of its capacity on a link is named with the forecast."""
SOON_MONTHS = 6


def _used(note: CapacityNote) -> float:
    return note.peak_bytes_per_hour / (note.capacity_bytes_per_hour or 1)


def _soon(note: CapacityNote) -> float:
    return math.inf if note.months_soon is None else note.months_soon


@dataclass(frozen=True, slots=True)
class Sentence:
    """The question that it answers, and the answer."""

    question: str
    answer: str


class Teller:
    """Writes the sentences of one report.

    Parameters
    ----------
    report
        A report whose strings are clean.
    language
        The language to write in.
    strong
        Marks a value as important; gets plain text and returns what the output wants.
    plain
        Passes ordinary text on (escapes it where the output wants that).
    """

    def __init__(
        self,
        report: WeeklyReport,
        language: Language,
        strong: Callable[[str], str],
        plain: Callable[[str], str],
    ) -> None:
        self.report = report
        self.language = language
        self.strong = strong
        self.plain = plain
        self._ = language.gettext

    def sentences(self) -> list[Sentence]:
        """Return what happened, what is different, what to do."""
        _ = self._
        made = (
            (_("What happened"), self.nothing_seen() or self.traffic()),
            (_("What is different"), self.changes()),
            (_("What to do"), self.to_do()),
        )
        return [Sentence(question, self._join(clauses)) for question, clauses in made]

    def next_week(self) -> Sentence:
        """Return what the forecast expects."""
        return Sentence(self._("Next week"), self._join(self.coming()))

    def how_fast(self) -> list[Sentence]:
        """Return who answered most slowly, and where the time went; nothing where none is known."""
        speed = self.report.speed
        if not speed or not speed.answers:
            return []
        return [Sentence(self._("How fast"), self._join([self._slowest(), self._where()]))]

    def _slowest(self) -> str:
        assert self.report.speed  # noqa: S101 - see how_fast
        slowest, elapsed = self.report.speed.answers[0], self.language.elapsed
        before = slowest.before[0] if slowest.before else None
        told = self._say(
            self._("%(NAME)s took longest, for %(operation)s: half within %(half)s, 95 of 100 "
                   "within %(HIGH)s"),
            NAME=party_name(slowest.server),
            operation=slowest.operation,
            half=elapsed(slowest.median.value),
            HIGH=elapsed(slowest.high.value),
        )  # fmt: skip
        if before is None:
            return told
        usual = self._say(self._("%(time)s the week before"), time=elapsed(before))
        return f"{told} ({usual})"

    def _where(self) -> str:
        assert self.report.speed  # noqa: S101 - see how_fast
        speed, say = self.report.speed, words(self.language)
        if not speed.where:
            return ""
        told = self._say(
            self._("%(PERCENT)s of all the time that was measured went to %(where)s."),
            PERCENT=self.language.percent(speed.share),
            where=say(f"where-{speed.where}"),
        ).rstrip(".")
        return f"{told} ({self.plain(say(f'why-{speed.why}'))})" if speed.why else told

    def _join(self, clauses: Sequence[str]) -> str:
        text = "; ".join(clause for clause in clauses if clause)
        if text.startswith(_AS_IS):
            text = text.removeprefix(_AS_IS)
        else:
            text = _FIRST.sub(lambda found: found[0].upper(), text, count=1)
        text = text.replace(_AS_IS, "")
        return text if text.endswith((".", "!", "?")) else text + "."

    def _say(self, template: str, /, **values: str) -> str:
        """Fill `template`; values in capitals are important, the others ordinary text."""
        filled = {
            key: self.strong(value) if key.isupper() else self.plain(value)
            for key, value in values.items()
        }
        name_first = template.startswith(("%(NAME)s", "%(NAMES)s"))
        return (_AS_IS if name_first else "") + template % filled

    def _count(self, singular: str, plural: str, number: int) -> str:
        return self.language.ngettext(singular, plural, number) % {
            "count": self.language.number(number)
        }

    def nothing_seen(self) -> list[str]:
        """Say that there is no data, where there is none."""
        coverage = self.report.coverage
        if coverage.hours_with_data:
            return []
        return [
            self._say(
                self._("%(NO)s for this week: nothing was seen in any of its %(hours)s hours"),
                NO=self._("There is no data"),
                hours=self.language.number(coverage.hours_expected),
            )
        ]

    def traffic(self) -> list[str]:
        """Say how much moved, against the week before, and who had the most of it."""
        _, report, language = self._, self.report, self.language
        totals = report.totals
        if totals.bytes.value <= 0 and totals.communications.value <= 0:
            return [_("no traffic was recorded")]
        imaging = totals.imaging_bytes.value > 0
        volume = totals.imaging_bytes if imaging else totals.bytes
        number = totals.imaging_communications if imaging else totals.communications
        before = totals.previous_imaging_bytes if imaging else totals.previous_bytes
        clauses: list[str] = []
        if report.coverage.sampled:
            template = (
                _("imaging moved an estimated %(VOLUME)s, judged from samples")
                if imaging
                else _("the network moved an estimated %(VOLUME)s, judged from samples")
            )
        elif imaging:
            template = language.ngettext(
                "imaging moved %(VOLUME)s in %(count)s communication",
                "imaging moved %(VOLUME)s in %(count)s communications",
                number.value,
            )
        else:
            template = language.ngettext(
                "the network moved %(VOLUME)s in %(count)s communication",
                "the network moved %(VOLUME)s in %(count)s communications",
                number.value,
            )
        text = self._say(
            template, VOLUME=language.bytes(volume.value), count=language.number(number.value)
        )
        interval = language.interval(volume) if report.coverage.sampled else ""
        if interval:
            text += f" ({self.plain(interval)})"
        comparison = self._comparison(volume.value, before)
        clauses.append(f"{text}, {comparison}" if comparison else text)
        clauses += self.unseen()
        if not imaging:
            clauses.append(self._say(_("%(NONE)s was seen among it"), NONE=_("no imaging traffic")))
            return clauses
        ranking = report.imaging_receivers.rows
        if report.pacs:
            busiest = max(report.pacs, key=lambda flow: flow.bytes_in.value)
            clauses.append(
                self._say(
                    _("%(NAME)s took in %(volume_in)s and gave out %(volume_out)s"),
                    NAME=party_name(busiest.party),
                    volume_in=language.bytes(busiest.bytes_in.value),
                    volume_out=language.bytes(busiest.bytes_out.value),
                )
            )
        elif ranking:
            clauses.append(
                self._say(
                    _("%(NAME)s received the most, %(volume)s"),
                    NAME=party_name(ranking[0].party),
                    volume=language.bytes(ranking[0].bytes.value),
                )
            )
        return clauses

    def unseen(self) -> list[str]:
        """Say of how many hours nothing is known, of all sensors or of the one that lacks most."""
        _, language, coverage = self._, self.language, self.report.coverage
        clauses = []
        missing = coverage.hours_expected - coverage.hours_with_data
        if missing:
            template = language.ngettext(
                "nothing is known of %(HOURS)s of its %(all)s hours",
                "nothing is known of %(HOURS)s of its %(all)s hours",
                missing,
            )
            hours, all_hours = (language.number(n) for n in (missing, coverage.hours_expected))
            clauses.append(self._say(template, HOURS=hours, all=all_hours))
        silent = [(sum(g.hours for g in view.silences), view.name) for view in self.report.sensors]
        hours_silent, name = max(silent, default=(0, ""))
        if hours_silent:
            template = language.ngettext(
                "sensor %(SENSOR)s saw nothing in %(count)s hour, and "
                "what it alone sees is missing",
                "sensor %(SENSOR)s saw nothing in %(count)s hours, and "
                "what it alone sees is missing",
                hours_silent,
            )
            told = shorten(name) or words(language)("unnamed")
            clauses.append(self._say(template, SENSOR=told, count=language.number(hours_silent)))
        return clauses

    def _comparison(self, now: float, before: float | None) -> str:
        _ = self._
        if before is None:
            return _("with no week before to compare with")
        if before <= 0:
            return _("after a week with none")
        ratio = now / before
        percent = self.language.percent(abs(ratio - 1) * 100, 0)
        if ratio >= 2:
            return self._say(
                _("%(TIMES)s as much as the week before"),
                TIMES=self.language.number(ratio, 1) + "\u00a0×",
            )
        if ratio >= 1.01:
            return self._say(_("%(PERCENT)s more than the week before"), PERCENT=percent)
        if ratio <= 0.99:
            return self._say(_("%(PERCENT)s less than the week before"), PERCENT=percent)
        return _("as much as the week before")

    def changes(self) -> list[str]:
        """Say what left the forecast's range and which equipment came or fell silent."""
        _, report, language = self._, self.report, self.language
        clauses: list[str] = []
        incidents = report.incidents
        forecast = any(c.expected for c in (report.imaging, report.traffic, report.communications))
        if incidents:
            worst = max(incidents, key=lambda item: item.unlikely)
            when = language.span(worst.start, worst.end)
            template = language.ngettext(
                "traffic left its forecast range %(ONCE)s, on %(when)s, with %(seen)s where "
                "%(expected)s was expected",
                "traffic left its forecast range %(TIMES)s, farthest on %(when)s, with %(seen)s "
                "where %(expected)s was expected",
                len(incidents),
            )
            clauses.append(
                self._say(
                    template,
                    ONCE=_("once"),
                    TIMES=self._count("%(count)s time", "%(count)s times", len(incidents)),
                    when=when,
                    seen=language.bytes(worst.bytes_seen),
                    expected=language.bytes(worst.bytes_expected),
                )
            )
        elif forecast and report.coverage.hours_with_data:
            clauses.append(self._say(_("every hour stayed within reach of its forecast")))
        elif report.coverage.hours_with_data:
            clauses.append(_("there was no forecast yet to compare this week with"))
            clauses += self._unlike()
        new = [item for item in report.equipment if item.state == "new"]
        silent = [item for item in report.equipment if item.state == "silent"]
        if new:
            clauses.append(
                self._say(
                    language.ngettext("%(NAMES)s is new", "%(NAMES)s are new", len(new)),
                    NAMES=self._names(new),
                )
            )
        if silent:
            clauses.append(
                self._say(
                    language.ngettext(
                        "%(NAMES)s fell silent", "%(NAMES)s fell silent", len(silent)
                    ),
                    NAMES=self._names(silent),
                )
            )
        known = report.equipment and report.totals.previous_bytes is not None
        if report.coverage.hours_with_data and not new and not silent and known:
            clauses.append(_("no equipment came or fell silent"))
        return clauses or [_("nothing to compare")]

    def _unlike(self) -> list[str]:
        """Say which hours of this week were like those of no other, where no forecast told it."""
        report, language = self.report, self.language
        for note in reversed(report.coverage.notes):
            if not note.key.startswith("imaging-left-out-"):
                continue
            told = dict(note.values)
            start, hours = told["start"].value, cast("int", told["hours"].value)
            if isinstance(start, datetime) and report.start <= start < report.end:
                template = (
                    language.ngettext(
                        "%(hours)s hour from %(when)s on was far more than in other weeks",
                        "%(hours)s hours from %(when)s on were far more than in other weeks",
                        hours,
                    )
                    if note.key.endswith("more")
                    else language.ngettext(
                        "%(hours)s hour from %(when)s on was far less than in other weeks",
                        "%(hours)s hours from %(when)s on were far less than in other weeks",
                        hours,
                    )
                )
                number, when = language.number(hours), language.moment(start)
                return [self._say(template, hours=number, when=when)]
        return []

    def _names(self, equipment: Sequence[Equipment]) -> str:
        return self.language.listing([party_name(item.party) for item in equipment], most=2)

    def coming(self) -> list[str]:
        """Say what the forecast expects of next week, or what it lacks."""
        _, report, language = self._, self.report, self.language
        imaging = report.imaging.forecast
        seen = report.totals.imaging_bytes.value > 0 or sum(imaging.mean if imaging else ()) > 0
        curve = report.imaging if imaging and seen else report.traffic
        band = curve.forecast
        if band is None or not band.mean:
            reason = message_said(report.imaging.reason or report.traffic.reason, language)
            if reason:
                lacking = _("no forecast yet")
                return [f"{lacking}: {self.plain(prose(reason).rstrip('.'))}"]
            return [_("there is no forecast yet")]
        unit = curve.observed.unit
        peak = max(range(len(band.mean)), key=band.mean.__getitem__)
        template = (
            _("about %(TOTAL)s of imaging is expected (%(days)s)")
            if curve is report.imaging
            else _("about %(TOTAL)s is expected (%(days)s)")
        )
        # "Next week" is told on other days by `forecast`, whose hours begin where the data end.
        last = language.local(band.start + len(band.mean) * HOUR - HOUR).date()
        days = language.dates(language.local(band.start).date(), last)
        clauses = [self._say(template, TOTAL=language.amount(sum(band.mean), unit), days=days)]
        clauses.append(
            self._say(
                _("the busiest hour should be %(when)s with %(peak)s (95 %%: %(range)s)"),
                when=language.moment(band.start + peak * HOUR),
                peak=language.amount(band.mean[peak], unit),
                range=language.range(band.lower95[peak], band.upper95[peak], unit),
            )
        )
        clauses += self._capacity()
        if curve.suits is False:
            clauses.append(_("take it with care, as it has not done better than last week's hours"))
        return clauses

    def _capacity(self) -> list[str]:
        """Say which link may fill first, where one is near it."""
        _, language = self._, self.language
        links = [note for note in self.report.capacity if note.capacity_bytes_per_hour]
        reached = [note for note in links if note.reached is not None]
        if reached:
            first = min(reached, key=lambda note: str(note.reached))
            return [
                self._say(
                    _("the link of %(NAME)s may be full on %(when)s"),
                    NAME=shorten(first.name),
                    when=language.moment(first.reached),
                )
            ]
        fullest = max(links, key=_used, default=None)
        if fullest is not None and _used(fullest) >= NEAR:
            return [
                self._say(
                    _("the link of %(NAME)s may carry up to %(PERCENT)s of its capacity"),
                    NAME=shorten(fullest.name),
                    PERCENT=language.percent(100 * _used(fullest), 0),
                )
            ]
        soonest = min(links, key=_soon, default=None)
        if soonest is not None and _soon(soonest) <= SOON_MONTHS:
            return [
                self._say(
                    _("at its growth the link of %(NAME)s is full %(when)s"),
                    NAME=shorten(soonest.name),
                    when=language.months(soonest.months_soon or 0, soonest.months_late or 0),
                )
            ]
        return []

    def to_do(self) -> list[str]:
        """Say the most pressing action and how many wait behind it."""
        _, report = self._, self.report
        serious = [f for f in report.findings if f.severity.rank >= Severity.MEDIUM.rank]
        if not report.coverage.hours_with_data:
            return [_("see below which files were given, and why they hold nothing of this week")]
        if not report.findings:
            return [_("nothing, no finding asks for it")]
        if not serious:
            return [
                self._say(
                    _("nothing pressing, though %(COUNT)s can be read below"),
                    COUNT=self._count(
                        "%(count)s minor finding", "%(count)s minor findings", len(report.findings)
                    ),
                )
            ]
        top = max(serious, key=lambda f: f.severity.rank)
        said = finding_said(top, self.language)
        title, action = (prose(text).rstrip(".") for text in (said.title, said.action))
        text = f"{_AS_IS}{self.strong(title)}: {self.plain(action)}"
        rest = len(serious) - 1
        if not rest:
            return [text]
        return [
            text,
            self._count(
                "%(count)s more finding asks for attention",
                "%(count)s more findings ask for attention",
                rest,
            ),
        ]
