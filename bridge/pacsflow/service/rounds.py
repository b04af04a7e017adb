"""One round of the service: every job that is due, one after the other, none in another's way.

A job that fails is told in one line, counted, and due again in the next round.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from pacsflow.configuration.choices import (
    capture_of,
    clock_of,
    inventory_of,
    key_of,
    options_of,
    own_of,
    sensor_of,
)
from pacsflow.configuration.kinds import days_of
from pacsflow.errors import InputError, PacsflowError, UsageError, let_interrupts_pass
from pacsflow.ledger import Ledger
from pacsflow.ledger.rollup import roll_up
from pacsflow.ledger.upkeep import prune
from pacsflow.printable import counted
from pacsflow.report.build import build_report
from pacsflow.service import events, mail, metrics, refusals
from pacsflow.service.arrivals import add_new, to_open
from pacsflow.service.schedule import is_due, latest
from pacsflow.service.state import State, alone, holder, name_of, read_state, save_state
from pacsflow.terms.severity import Severity
from pacsflow.week.period import Week, week_of, zone_of
from pacsflow.words.language import Language
from pacsflow_reports import write_archive

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from zoneinfo import ZoneInfo

    from pacsflow.configuration.schema import Settings
    from pacsflow.ledger import Added
    from pacsflow.report.weekly import WeeklyReport

    Say = Callable[[str], object]


AGAIN = ("look", "page", "mail")
"""Jobs that say something of a week."""
MOST_TOLD = 3
"""So many inputs that somebody has to open are named in one line."""
MOST_PROBLEMS = 1000
"""So many problems of a round are remembered, so that the next one does not tell them again."""


@dataclass(slots=True)
class Round:
    """What the jobs of one round share.

    Parameters
    ----------
    folder
        The ledger's.
    now
        When the round began, UTC.
    say, warn
        Called with a line that tells what was done, and one that tells what went wrong.
    """

    settings: Settings
    folder: Path
    now: datetime
    say: Say
    warn: Say
    state: State
    reports: dict[str, WeeklyReport] = field(default_factory=dict)

    def report(self, week: Week) -> WeeklyReport:
        """Return the report on a week, made once a round."""
        if week.name not in self.reports:
            ledger = Ledger(self.folder)
            ledger.pseudonyms = key_of(self.settings)
            self.reports[week.name] = build_report(
                ledger,
                inventory_of(self.settings),
                options_of(self.settings, week.name, "pacsflow run"),
            )
        return self.reports[week.name]


@dataclass(frozen=True, slots=True)
class Job:
    """Something to do from a moment on; None is in every round."""

    name: str
    since: datetime | None
    work: Callable[[Round], None]


def run_round(settings: Settings, say: Say, warn: Say, now: datetime | None = None) -> bool:
    """Do everything that is due; True where all of it ended well.

    Raises
    ------
    UsageError
        The settings name no ledger.
    """
    folder, now = settings.ledger.folder, now or datetime.now(UTC)
    if folder is None:
        raise UsageError("[ledger] folder: the service needs one (pacsflow config init)")
    Ledger(folder, create=True)
    name = name_of(settings)
    with alone(folder, name) as held:
        if not held:
            tell = say if holder(folder) == name else warn  # a long round of its own is no trouble
            tell(f"{folder}: another pacsflow run is at work on it; this round is left out")
            return True
        state = read_state(folder)
        if (failed := metrics.failures_unsaved(settings.metrics.textfile)) is not None:
            state.failed = failed
        round_ = Round(settings, folder, now, say, warn, state)
        well = [_done(round_, job) for job in jobs(settings, now) if _is_due(round_, job)]
        return all([*well, _counted(round_)])


def jobs(settings: Settings, now: datetime) -> Iterator[Job]:
    """Yield the jobs that the settings ask for, in the order in which they are done."""
    zone, service = _zone(settings), settings.service
    night = latest(now, service.night, zone)
    monday = latest(now, service.at, zone, service.day)
    if settings.inputs.paths:
        yield Job("add", None, _add)
    yield Job("look", night, _look)
    if settings.archive.folder:
        yield Job("page", monday, _page)
    if settings.mail.to:
        yield Job("mail", monday, _mail)
    yield Job("compact", night, _compact)
    if settings.ledger.keep:
        yield Job("prune", night, _prune)


def _zone(settings: Settings) -> ZoneInfo:
    return zone_of(clock_of(settings).zone)


def _is_due(round_: Round, job: Job) -> bool:
    return job.since is None or is_due(round_.state.done.get(job.name), job.since, round_.now)


def _done(round_: Round, job: Job) -> bool:
    """Do one job; what goes wrong is told, and costs no other job."""
    state = round_.state
    try:
        job.work(round_)
    except (PacsflowError, OSError) as error:
        told = str(error)
    except Exception as error:  # noqa: BLE001 - a fault in one job must not cost the others
        let_interrupts_pass(error)
        told = f"this should not have happened: {type(error).__name__}: {error}"[:300]
    else:
        state.done[job.name] = round_.now
        state.failed.pop(job.name, None)
        return True
    state.failed[job.name] = state.failed.get(job.name, 0) + 1
    round_.warn(f"{job.name}: {told}; the next round tries again")
    return False


def _counted(round_: Round) -> bool:
    """Write down what was done, and the metrics, each whether or not the other one can be."""
    kept = _tried(round_, lambda: save_state(round_.folder, round_.state))

    def count() -> None:
        if path := round_.settings.metrics.textfile:
            times = (round_.now, datetime.now(UTC))
            metrics.write_metrics(path, Ledger(round_.folder), round_.state, times, kept=kept)

    return _tried(round_, count) and kept


def _tried(round_: Round, write: Callable[[], None]) -> bool:
    try:
        write()
    except (PacsflowError, OSError) as error:
        round_.warn(str(error))
        return False
    return True


def _add(round_: Round) -> None:
    paths = [str(path) for path in round_.settings.inputs.paths]
    sensor = sensor_of(round_.settings.inputs, paths)
    added = add_new(paths, round_.folder, capture_of(round_.settings), sensor)
    if added.added:
        rows = sum(entry.rows for entry in added.added)
        round_.say(
            f"{round_.folder}: {counted(len(added.added), 'file', 'files')} added "
            f"({counted(rows, 'row', 'rows')})"
        )
    missing = to_open(added, paths)
    told = [f"not read: {problem}" for problem in added.problems if problem not in missing]
    for line in told:
        if line not in round_.state.problems:
            round_.warn(line)
    round_.state.problems = [*(f"not read: {p}" for p in missing), *told][:MOST_PROBLEMS]
    if round_.state.failed.get("add"):
        _make_good(round_, added)
    if missing:  # what was named itself: a disk that is not mounted, rights that are not given
        named = "; ".join(map(str, missing[:MOST_TOLD]))
        more = len(missing) - MOST_TOLD
        raise PacsflowError(named + (f"; and {more:,} more" if more > 0 else ""))


def _make_good(round_: Round, added: Added) -> None:
    """Let what was said of the last whole week without these inputs be said anew."""
    week = week_of(round_.now, _zone(round_.settings)).shifted(-1)
    spans = [(e.first, e.last) for e in added.added if e.first and e.last]
    if any(first < week.end and last >= week.start for first, last in spans):
        for job in AGAIN:
            round_.state.done.pop(job, None)


def _look(round_: Round) -> None:
    """Forecast, and look at the last whole week; tell the SIEM what is new.

    Of a week that goes on, hours to come would be gaps, and devices yet to send silent.
    """
    zone = _zone(round_.settings)
    made = round_.report(week_of(round_.now, zone).shifted(-1))
    round_.state.week = metrics.week_numbers(made)
    if file := round_.settings.events.file:
        _tell(round_, made, file)


def _tell(round_: Round, made: WeeklyReport, file: Path) -> None:
    wanted, told = round_.settings.events, dict(round_.state.told)
    language = Language(round_.settings.site.language, made.zone)
    text = b"".join(events.lines(made, language, wanted.form, Severity(wanted.least), told))
    if text:
        save_state(round_.folder, round_.state)  # a full disk says so before anything is told
        with file.open("ab") as out:
            out.write(text)
        count = text.count(b"\n")
        round_.say(f"{file}: {counted(count, 'finding', 'findings')} added")
    round_.state.told = told


def _page(round_: Round) -> None:
    settings = round_.settings
    if settings.archive.folder is None:
        return
    written = write_archive(
        round_.report(_last_week(round_)),
        settings.archive.folder,
        lang=settings.site.language,
        logo=settings.site.logo,
        pdf=settings.archive.pdf,
    )
    round_.say(str(written.page))


def _mail(round_: Round) -> None:
    settings, week = round_.settings, _last_week(round_)
    page = settings.archive.folder / f"{week.name}.html" if settings.archive.folder else None
    if page and settings.mail.page and not page.is_file():
        raise InputError(page, "the page that is to be sent is not there yet")
    message = mail.compose(round_.report(week), settings.mail, settings.site.language, page)
    save_state(round_.folder, round_.state)  # who cannot write down that it went sends it again
    refused = mail.send(message, settings.mail)
    to = len(settings.mail.to)
    if refused:  # the others have it: another try would send it to them again
        round_.warn(f"mail: not to all of them: {refusals.line(refused)}")
        round_.say(f"{week.name}: sent to {to - len(refused)} of {to}")
    else:
        round_.say(f"{week.name}: sent to {to}")


def _last_week(round_: Round) -> Week:
    """Return the week that was over when the page was due."""
    service, zone = round_.settings.service, _zone(round_.settings)
    return week_of(latest(round_.now, service.at, zone, service.day), zone).shifted(-1)


def _compact(round_: Round) -> None:
    ledger = Ledger(round_.folder)
    ledger.compact()
    if days := days_of(round_.settings.ledger.roll_up):
        before = (round_.now - timedelta(days=days)).date()
        was, left = roll_up(ledger, before, own_of(round_.settings))
        if left < was:
            round_.say(
                f"{round_.folder}: {counted(was, 'row', 'rows')} before {before:%Y-%m}, "
                f"{left:,} now"
            )


def _prune(round_: Round) -> None:
    days = days_of(round_.settings.ledger.keep)
    if days:
        before = (round_.now - timedelta(days=days)).date()
        gone = prune(Ledger(round_.folder), before)
        if gone:
            round_.say(f"{round_.folder}: days before {before} are gone")
