"""Every sentence of the page: said where it is true, and not where it is not; none is unheard."""

from __future__ import annotations

from dataclasses import replace
from gettext import NullTranslations
from typing import TYPE_CHECKING, Any

import pytest
from babel.messages.extract import extract_from_dir

from pacsflow.findings.finding import Finding
from pacsflow.ledger.vantage import Offset
from pacsflow.terms.message import at, count, host, message, values
from pacsflow.terms.severity import Severity
from pacsflow.week.facts import CapacityNote, Count, Estimate, Gap
from pacsflow.week.sensors import SensorView
from pacsflow.words import language as language_module
from pacsflow_reports import WeekLinks, render_digest, render_html, write_archive
from pacsflow_reports.render import environment
from reports import factory
from reports.test_language import HERE, METHODS, OPTIONS, PAGE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pacsflow.report.weekly import WeeklyReport

    Change = Callable[[WeeklyReport], WeeklyReport]
    Key = str | tuple[str, ...]

ELSEWHERE = {"codes.py", "catalogue.py", "notes.py", "nouns.py", "statuses.py", "tables.py",
             "templates/plot.svg.jinja"}  # fmt: skip
"""What has tests of its own: codes and tables of texts, and the chart of `pacsflow forecast`."""


class Heard(NullTranslations):
    """English, and what was asked of it."""

    def __init__(self) -> None:
        super().__init__()
        self.keys: set[Key] = set()

    def gettext(self, message: str) -> str:
        self.keys.add(message)
        return message

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        self.keys.add((msgid1, msgid2))
        return msgid1 if n == 1 else msgid2


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> Iterator[Heard]:
    """Return what hears every message that pages and digests are made of."""
    ear = Heard()
    monkeypatch.setattr(language_module, "_translations", lambda _name: ear)
    environment.cache_clear()
    yield ear
    environment.cache_clear()


def quiet_week() -> WeeklyReport:
    """A week of a clinic with a forecast, of which nothing has to be told."""
    base = factory.hospital(pacs=1, hosts=20, simulated=False)
    active = tuple(e for e in base.equipment if e.state == "active")
    whole = replace(base.coverage, hours_with_data=168, gaps=(), unreadable_rows=0, notes=())
    return replace(base, coverage=whole, equipment=active, findings=(), incidents=(), capacity=(),
                   status=tuple(replace(s, finding=None, reason="nothing-unusual", findings=0)
                                for s in base.status))  # fmt: skip


def totals(**changed: float | None) -> Change:
    """Change totals; names that are no number before are estimates."""

    def made(r: WeeklyReport) -> WeeklyReport:
        new = {n: v if n.startswith("previous") else Estimate(v or 0) for n, v in changed.items()}
        return replace(r, totals=replace(r.totals, **new))  # type: ignore[arg-type]

    return made  # fmt: skip


def of_week_before(ratio: float) -> Change:
    """Make the week `ratio` times as much as the one before."""
    return totals(imaging_bytes=ratio * 1e12, bytes=ratio * 2e12, previous_imaging_bytes=1e12)


def sampled(imaging: float) -> Change:
    def made(r: WeeklyReport) -> WeeklyReport:
        new = totals(imaging_bytes=imaging)(r)
        return replace(new, coverage=replace(r.coverage, sampled=True, samples=9))

    return made  # fmt: skip


def with_pacs(number: int) -> Change:
    return lambda r: replace(r, pacs=r.pacs[:number])


def new_equipment(number: int) -> Change:
    return lambda r: replace(r, equipment=tuple(
        replace(r.equipment[0], state="new", party=factory.party(n)) for n in range(number)
    ))  # fmt: skip


def view(name: str, silent: int, offset: float | None = None) -> SensorView:
    gaps = (Gap(factory.START, factory.START + silent * factory.HOUR, silent),) if silent else ()
    clock = Offset(name, "north", offset, 0.1, 9) if offset else None
    return SensorView(name, 168 - silent, factory.END, 9e9, 1e9, 8e9, 0.1, 2, gaps, (), clock)


def sensors(*views: SensorView) -> Change:
    return lambda r: replace(r, sensors=views)


def link(peak: float, **more: Any) -> Change:
    note = CapacityNote("core", 100.0, peak, more.pop("reached", None), "in", 3.0, 1.0, 5.0, **more)
    return lambda r: replace(r, capacity=(note,))


def growth(low: float, high: float) -> Change:
    note = CapacityNote("Imaging traffic", None, 9e9, None, "", 3.0, low, high)
    return lambda r: replace(r, capacity=(note,))


def found(number: int, severity: Severity, *, more: int = 0, rule: str = "outside",
          **of: Any) -> Change:  # fmt: skip
    one = Finding(rule, severity, "security", values(**of), more=more)
    return lambda r: replace(r, findings=(one,) * number)


def curve(**changed: Any) -> Change:
    """Change the forecast of imaging traffic."""
    return lambda r: replace(r, imaging=replace(r.imaging, **changed))


def no_forecast(reason: Any) -> Change:
    def made(r: WeeklyReport) -> WeeklyReport:
        plain = {"forecast": None, "expected": None, "reason": reason}
        bare = {
            n: replace(getattr(r, n), **plain) for n in ("imaging", "traffic", "communications")
        }
        pacs = tuple(replace(f, curve_in=replace(f.curve_in, **plain),
                             curve_out=replace(f.curve_out, **plain)) for f in r.pacs)  # fmt: skip
        kinds = tuple(replace(m, curve=None) for m in r.modalities)
        return replace(r, **bare, pacs=pacs, modalities=kinds)

    return made  # fmt: skip


def unlike(direction: str, *, day: int) -> Change:
    """A week without a forecast to compare with, and an hour that the coming one leaves out."""
    when = factory.START + day * 24 * factory.HOUR
    note = message(f"imaging-left-out-{direction}", start=at(when), hours=count(1))

    def made(r: WeeklyReport) -> WeeklyReport:
        bare = no_forecast(None)(r)
        return replace(bare, coverage=replace(r.coverage, notes=(note,)))

    return made


def services(*shares: float) -> Change:
    def made(r: WeeklyReport) -> WeeklyReport:
        rows = tuple(Count(f"s{n}", 9, share) for n, share in enumerate(shares))
        return replace(r, associations=replace(r.associations, services=rows))  # type: ignore[type-var]

    return made  # fmt: skip


def incident(**changed: Any) -> Change:
    one = replace(factory.hospital(pacs=1, hosts=3).incidents[0], **changed)
    return lambda r: replace(r, incidents=(one,))


def incidents(number: int) -> Change:
    return lambda r: replace(r, incidents=incident()(r).incidents * number)


def provenance(**changed: Any) -> Change:
    return lambda r: replace(r, provenance=replace(r.provenance, **changed))


def nothing(r: WeeklyReport) -> WeeklyReport:
    return r


def unread(origin: str) -> Change:
    return lambda r: replace(r, associations=None, coverage=replace(r.coverage, origin=origin))


def unmeasured(r: WeeklyReport) -> WeeklyReport:
    assert r.speed is not None
    return replace(r, speed=replace(r.speed, answers=(), pairs=()))


HOST = host(factory.party(1))
MINOR = "nothing pressing, though %(COUNT)s can be read below"
SILENT = (
    "sensor %(SENSOR)s saw nothing in %(count)s hour, and what it alone sees is missing",
    "sensor %(SENSOR)s saw nothing in %(count)s hours, and what it alone sees is missing",
)


def a_file(kind: str) -> Change:
    """A file of which something is told: that it was not read, or of what was read of it."""

    def change(r: WeeklyReport) -> WeeklyReport:
        file = replace(r.coverage.files[0], kind=kind, problem="said")
        return replace(r, coverage=replace(r.coverage, files=(file,)))

    return change


SAYS: dict[Key, tuple[Change, Change]] = {
    ("%(count)s file not read", "%(count)s files not read"):
        (a_file("not read"), a_file("capture")),
    ("%(count)s file with remarks", "%(count)s files with remarks"):
        (a_file("capture"), a_file("not read")),
    "no traffic was recorded": (totals(bytes=0, communications=0), totals(bytes=1)),
    "the network moved an estimated %(VOLUME)s, judged from samples": (sampled(0), sampled(1)),
    "imaging moved an estimated %(VOLUME)s, judged from samples": (sampled(1), sampled(0)),
    "%(NAME)s received the most, %(volume)s": (with_pacs(0), with_pacs(1)),
    "%(NAME)s took in %(volume_in)s and gave out %(volume_out)s": (with_pacs(1), with_pacs(0)),
    SILENT: (sensors(view("north", 0), view("south", 1)), sensors(view("north", 0))),
    "with no week before to compare with": (totals(previous_imaging_bytes=None), nothing),
    "after a week with none": (totals(previous_imaging_bytes=0), totals(previous_imaging_bytes=1)),
    "%(TIMES)s as much as the week before": (of_week_before(2), of_week_before(1.99)),
    "%(PERCENT)s more than the week before": (of_week_before(1.011), of_week_before(1.009)),
    "as much as the week before": (of_week_before(1.009), of_week_before(1.011)),
    "%(PERCENT)s less than the week before": (of_week_before(0.99), of_week_before(0.991)),
    "every hour stayed within reach of its forecast": (nothing, incidents(1)),
    "once": (incidents(1), nothing),
    ("%(count)s time", "%(count)s times"): (incidents(2), nothing),
    "there was no forecast yet to compare this week with": (no_forecast(None), nothing),
    ("%(hours)s hour from %(when)s on was far more than in other weeks",
     "%(hours)s hours from %(when)s on were far more than in other weeks"):
        (unlike("more", day=6), unlike("more", day=7)),
    ("%(hours)s hour from %(when)s on was far less than in other weeks",
     "%(hours)s hours from %(when)s on were far less than in other weeks"):
        (unlike("less", day=0), unlike("less", day=-1)),
    "no equipment came or fell silent": (nothing, new_equipment(1)),
    ("%(NAMES)s is new", "%(NAMES)s are new"): (new_equipment(1), nothing),
    ("%(count)s more", "%(count)s more"): (new_equipment(3), new_equipment(2)),
    "there is no forecast yet": (no_forecast(None), no_forecast(factory.TOO_FEW)),
    "no forecast yet": (no_forecast(factory.TOO_FEW), no_forecast(None)),
    "about %(TOTAL)s of imaging is expected (%(days)s)": (nothing, no_forecast(None)),
    "take it with care, as it has not done better than last week's hours":
        (curve(suits=False), curve(suits=None)),
    "the link of %(NAME)s may be full on %(when)s":
        (link(101, reached=factory.END), link(99)),
    "the link of %(NAME)s may carry up to %(PERCENT)s of its capacity": (link(70), link(69.9)),
    "at its growth the link of %(NAME)s is full %(when)s":
        (link(60, months_soon=6.0, months_late=6.0), link(60, months_soon=6.1, months_late=8.0)),
    ("in %(count)s month", "in %(count)s months"):
        (link(60, months_soon=5.0, months_late=5.0), link(60, months_soon=5.0, months_late=6.0)),
    "in %(soon)s to %(late)s months":
        (link(60, months_soon=5.0, months_late=6.0), link(60, months_soon=5.0, months_late=5.0)),
    "in %(soon)s months or more":
        (link(60, months_soon=5.0, months_late=1e3), link(60, months_soon=5.0, months_late=9.0)),
    "in over %(count)s months":
        (link(60, months_soon=1e3, months_late=1e3), link(60, months_soon=5.0, months_late=1e3)),
    "nothing, no finding asks for it": (nothing, found(1, Severity.LOW, host=HOST)),
    MINOR: (found(1, Severity.LOW, host=HOST), found(1, Severity.MEDIUM, host=HOST)),
    ("%(count)s minor finding", "%(count)s minor findings"):
        (found(2, Severity.LOW, host=HOST), found(2, Severity.MEDIUM, host=HOST)),
    ("%(count)s more finding asks for attention", "%(count)s more findings ask for attention"):
        (found(2, Severity.HIGH, host=HOST), found(1, Severity.HIGH, host=HOST)),
    "and %(more)s more of this rule":
        (found(1, Severity.HIGH, more=1, host=HOST), found(1, Severity.HIGH, host=HOST)),
    "an unknown host":
        (found(1, Severity.HIGH, host=host(None)), found(1, Severity.HIGH, host=HOST)),
    "weighted mean of %(models)s":
        (curve(models=("levelled week", "trimmed week")), curve(models=("constant",))),
    "Medical image traffic": (lambda r: replace(r, title=""), nothing),
    "next to nothing passed, while the sensor saw the rest":
        (incident(silent=True), incident(silent=False)),
    "by chance in %(PERCENT)s of weeks": (incident(probability=0.01), incident(probability=None)),
    "An association may have several: the shares add up to more than 100 %%.":
        (services(60, 41), services(60, 40)),
    "No series has enough history for a forecast.":
        (no_forecast(None), no_forecast(factory.TOO_FEW)),
    "fair": (curve(suits=True, mase=0.96, mase_naive168=1.0), nothing),
    "weak": (curve(suits=False), curve(suits=True)),
    "No growth of imaging traffic is proven: %(rate)s a month (95 %%: %(low)s to %(high)s), judged "
    "by its weekly totals.": (growth(-0.1, 6.0), growth(0.1, 6.0)),
    "Imaging traffic changes by %(rate)s a month (95 %%: %(low)s to %(high)s), judged by its "
    "weekly totals.": (growth(0.1, 6.0), growth(-0.1, 6.0)),
    "not in sight": (link(60), link(60, months_soon=5.0, months_late=6.0)),
    "Hours that any sensor saw":
        (sensors(view("north", 0), view("south", 0)), sensors(view("north", 0))),
    "There is no gap in the week.": (nothing, sensors(view("north", 0), view("south", 1))),
    "Sensors: what each saw, alone and with others": (sensors(view("north", 0)), nothing),
    "%(seconds)s s against %(sensor)s":
        (sensors(view("south", 0, 2.5)), sensors(view("south", 0))),
    "each of %(all)s hours":
        (sensors(view("north", 0), view("south", 0)), sensors(view("north", 0))),
    "the sensor with fewest: %(sensor)s":
        (sensors(view("north", 0), view("south", 0)), sensors(view("north", 0))),
    "none": (nothing, sensors(view("north", 0), view("south", 1))),
    "Addresses and AE titles are pseudonyms.":
        (provenance(pseudonymised=True), provenance(pseudonymised=False)),
    "Too few responses were timed to tell percentiles.": (unmeasured, nothing),
}  # fmt: skip
"""By sentence, what makes a quiet week say it, and what is nearest to that and does not."""
NOTED: dict[Key, tuple[Change, Change]] = {
    "Nothing is known about associations: the pacsflow plugin for Wireshark and the pacsflow "
    "package for Zeek write one.": (unread("zeek"), unread("capture")),
    "Tables hold none; in captures none passed, or what passed was encrypted or cut short.":
        (unread("capture"), unread("sflow")),
    "One is seen only where a sample holds its request, its answer or a command.":
        (unread("sflow"), unread("zeek")),
}  # fmt: skip
"""The same of notes, which commands say, too."""


def told(heard: Heard, report: WeeklyReport) -> set[Key]:
    """Return what the page and the digest of a week say."""
    heard.keys.clear()
    render_html(report)
    render_digest(report)
    return set(heard.keys)


@pytest.mark.few(2)
@pytest.mark.parametrize("sentence", {**SAYS, **NOTED}, ids=lambda key: str(key)[:60])
def test_a_sentence_is_said_where_it_is_true_and_only_there(heard: Heard, sentence: Key) -> None:
    loud, quiet = {**SAYS, **NOTED}[sentence]
    base = quiet_week()
    assert sentence in told(heard, loud(base))
    assert sentence not in told(heard, quiet(base))


def wanted() -> set[Key]:
    """Return every message of templates and sentences."""
    keywords = {"_": None, "gettext": None, "ngettext": (1, 2), "_count": (1, 2)}
    return {
        message
        for folder in (PAGE, HERE)
        for file, _line, message, _comments, _context in extract_from_dir(
            str(folder), METHODS, OPTIONS, keywords=keywords
        )
        if file not in ELSEWHERE
    }


def test_no_sentence_is_unheard_and_none_is_said_of_every_week(
    heard: Heard, tmp_path: Path
) -> None:
    """Messages with values that all weeks share are headings; others have a case above."""
    pages = [told(heard, make()) for kind, make in factory.ALL.items() if kind != "huge"]
    pages.append(told(heard, sensors(view("north", 0), view("south", 1, 2.5))(quiet_week())))
    heard.keys.clear()
    render_html(factory.small(), links=WeekLinks("index.html", "before.html", "after.html"))
    for week in ("2026-W46", "2026-W47", "2026-W48"):
        write_archive(replace(factory.small(), week=week), tmp_path)
    write_archive(replace(factory.hospital(pacs=1, hosts=20), week="2026-W49"), tmp_path)
    ever = set.union(*pages, set(heard.keys), {*SAYS})
    assert wanted() - ever == set()
    assert {*SAYS} <= wanted()
    assert not {*SAYS} & set.intersection(*pages)
