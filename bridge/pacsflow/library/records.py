"""What was seen: a ledger, or logs and captures read into one that is gone afterwards."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

from pacsflow.errors import InputError, UsageError
from pacsflow.inventory import Inventory, for_taggers, read_inventory
from pacsflow.ledger import Ledger
from pacsflow.ledger.selection import Selection
from pacsflow.ledger.series import IMAGING, read_series
from pacsflow.library import dicom
from pacsflow.library.questions import Question, ask
from pacsflow.library.tables import Tables
from pacsflow.printable import counted
from pacsflow.pseudonyms import Pseudonyms
from pacsflow.readers import CaptureOptions, find
from pacsflow.report.options import Options
from pacsflow.series import whole_hour
from pacsflow.week.period import parse_week, zone_of
from pacsflow.words.language import Language
from pacsflow.words.saying import finding_said

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import pandas as pd
    import pyarrow as pa

    from pacsflow.forecasting import Forecast, NotEnoughHistory
    from pacsflow.library.plots import Plot
    from pacsflow.report.weekly import WeeklyReport
    from pacsflow.series import HourlySeries

    Moment = str | date | datetime | None
    Progress = Callable[[int, int], None]


class Chosen(TypedDict, total=False):
    """Which rows a question is about; see `Records`."""

    week: str
    start: Moment
    end: Moment
    host: str
    ae: str
    service: str
    sensor: str


COLUMNS = ("bytes", "packets", "communications", "samples")


def open_ledger(
    folder: str | Path,
    *,
    inventory: str | Path | Inventory | None = None,
    zone: str = "UTC",
    holidays: str = "",
    origin: str = "",
    key: str | Path | None = None,
) -> Records:
    """Open a ledger that `pacsflow ingest` keeps.

    Parameters
    ----------
    folder
        The ledger's.
    inventory
        The hospital's list of its equipment: a file, or what `read_inventory` gave.
    zone
        The site's time zone, by its IANA name: weeks and days are those of its clock.
    holidays
        Country, or country and state, ``BR-SP``, for forecasts.
    origin
        zeek, capture or sflow; by default the one that covers most hours.
    key
        A key file, under which everything that is given out names nobody.

    Raises
    ------
    LedgerError
        There is no ledger.
    UsageError
        There is no such zone.
    """
    ledger = Ledger(Path(folder))
    return _records(ledger, inventory, zone, holidays, origin, key)


def read(
    *paths: str | Path,
    inventory: str | Path | Inventory | None = None,
    zone: str = "UTC",
    holidays: str = "",
    origin: str = "",
    key: str | Path | None = None,
    keylog: str | Path | None = None,
    sampling_rate: int | None = None,
    start: datetime | None = None,
    progress: Progress | None = None,
) -> Records:
    """Read logs, captures, exports and spreadsheets, once; what is read is gone with the records.

    Parameters
    ----------
    paths
        Files, folders, globs; each is recognised by its content.
    keylog, sampling_rate, start
        What captures and tables do not say themselves: a TLS key log, one frame in so many, and
        when a table begins whose times are relative (UTC).
    progress
        Called with sources read and their number; without it nothing is printed.

    Other parameters are those of `open_ledger`. What could not be read is in `Records.problems`.

    Raises
    ------
    InputError
        Nothing could be read.
    """
    known = for_taggers(Path(inventory)) if isinstance(inventory, (str, Path)) else None
    capture = CaptureOptions(sampling_rate, Path(keylog) if keylog else None, known, start)
    found = find(paths, capture)
    if not found.sources:
        problem = InputError(", ".join(map(str, paths)) or "read", "no log or capture is there")
        raise found.problems[0] if found.problems else problem
    folder = Path(tempfile.mkdtemp(prefix="pacsflow-"))
    ledger = Ledger(folder / "ledger", create=True)
    ledger.lasts = False
    gone = weakref.finalize(ledger, shutil.rmtree, folder, ignore_errors=True)
    added = ledger.add(found.sources, simulated=found.simulated, progress=progress)
    problems = (*found.problems, *added.problems)
    if not added.added:
        gone()
        raise problems[0]
    made = _records(ledger, inventory, zone, holidays, origin, key)
    hidden = ledger.pseudonyms
    return replace(made, problems=hidden.problems(problems) if hidden else problems)


def _records(
    ledger: Ledger,
    inventory: str | Path | Inventory | None,
    zone: str,
    holidays: str,
    origin: str,
    key: str | Path | None,
) -> Records:
    zone_of(zone)
    known = inventory if isinstance(inventory, Inventory) else Inventory()
    if isinstance(inventory, (str, Path)):
        known = read_inventory(Path(inventory))
    pseudonyms = Pseudonyms.read(Path(key)) if key else None
    ledger.pseudonyms = pseudonyms
    shown = pseudonyms.inventory(known) if pseudonyms else known
    return Records(ledger, shown, zone, holidays, origin, _written=known)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Records:
    """What was seen, to be asked.

    Every question takes `week` (``2026-W10``, or one of its days) or `start` and `end` (on the
    site's clock where they name no zone; `end` itself is not meant), `host` (an address, network
    or name), `ae`, `service` and `sensor`; what is asked for and is nowhere raises `UsageError`.
    Frames are pandas', times in them UTC, bytes octets.
    """

    ledger: Ledger
    inventory: Inventory = field(default_factory=Inventory)
    zone: str = "UTC"
    holidays: str = ""
    origin: str = ""
    problems: tuple[InputError, ...] = ()
    """What could not be read."""
    _written: Inventory = field(default_factory=Inventory)
    """The inventory by its own names."""

    @contextmanager
    def ask(self, **chosen: Unpack[Chosen]) -> Iterator[Question]:
        """Open one question; its `connection` is a DuckDB with a view a table."""
        selection = _selection(zone=self.zone, **chosen)
        with ask(self.ledger, self.inventory, selection, origin=self.origin) as question:
            yield question

    @property
    def arrow(self) -> Tables:
        """The same frames as Arrow tables: ``records.arrow.traffic()``."""
        return Tables(self)

    def sql(self, query: str, **chosen: Unpack[Chosen]) -> pd.DataFrame:
        """Return what an SQL query says of the ledger's tables."""
        return _frame(self.arrow.sql(query, **chosen))

    def traffic(self, *, imaging: bool = False, **chosen: Unpack[Chosen]) -> pd.DataFrame:
        """Return a row an hour, source, destination, service and sensor, as the ledger has them."""
        return _frame(self.arrow.traffic(imaging=imaging, **chosen))

    def associations(self, *, result: str = "", **chosen: Unpack[Chosen]) -> pd.DataFrame:
        """Return DICOM associations, the latest first."""
        with self.ask(**chosen) as question:
            return dicom.associations(question, result).to_pandas()

    def endpoints(self, *, role: str = "", **chosen: Unpack[Chosen]) -> pd.DataFrame:
        """Return the hosts of imaging traffic, PACS first, with how each is known."""
        with self.ask(**chosen) as question:
            return dicom.endpoints(question, role).to_pandas()

    def hourly(
        self,
        column: str = "bytes",
        *,
        imaging: bool = True,
        source: str = "",
        destination: str = "",
        **chosen: Unpack[Chosen],
    ) -> HourlySeries:
        """Return the sum of a column by the hour: NaN is no data, 0 is no traffic.

        Parameters
        ----------
        column
            bytes, packets, communications or samples.
        imaging
            Imaging traffic alone.
        source, destination
            Addresses.
        """
        if column not in COLUMNS:
            raise UsageError(f"no column {column!r}; there are {', '.join(COLUMNS)}")
        where = [IMAGING if imaging else "TRUE"]
        where += [f"{side} = ?" for side, host in _sides(source, destination)]
        with self.ask(**chosen) as question:
            return read_series(
                question.connection,
                column,
                column=column,
                where=" AND ".join(where),
                values=[host for _, host in _sides(source, destination)],
                origin=question.origin,
                start=question.selection.start,
                end=question.selection.end,
            )

    def forecast(
        self, series: HourlySeries | None = None, *, horizon: int = 168
    ) -> Forecast | NotEnoughHistory:
        """Forecast a series of `hourly`, by default imaging bytes, for so many hours."""
        from pacsflow import forecasting  # noqa: PLC0415 - seconds, and only here

        calendar = forecasting.HolidayCalendar.parse(self.holidays) if self.holidays else None
        return forecasting.forecast(
            series or self.hourly(), horizon=horizon, holidays=calendar, zone=self.zone
        )

    def plot(
        self,
        series: HourlySeries | None = None,
        forecast: Forecast | NotEnoughHistory | None = None,
        *,
        lang: str = "en",
    ) -> Plot:
        """Draw a series of `hourly`, by default imaging bytes, and what is forecast after it."""
        from pacsflow.library.plots import Plot  # noqa: PLC0415 - the page's charts

        return Plot(series or self.hourly(), forecast, self.zone, lang)

    def report(
        self,
        week: str = "",
        *,
        forecasts: bool = True,
        progress: Progress | None = None,
        **options: Any,  # noqa: ANN401 - fields of `Options`
    ) -> WeeklyReport:
        """Return the finished report of a week, by default the latest that has data.

        `options` are further fields of `pacsflow.report.options.Options`.
        """
        from pacsflow.report.build import build_report  # noqa: PLC0415 - all of the rooms below

        made = Options(
            week=week, zone=self.zone, origin=self.origin, holidays=self.holidays,
            forecasts=forecasts, command="pacsflow.Records.report",
        )  # fmt: skip
        return build_report(
            self.ledger,
            self._written,
            replace(made, **options),
            problems=self.problems,
            progress=progress,
        )

    def findings(
        self, week: str | WeeklyReport = "", *, lang: str = "en", forecasts: bool = True
    ) -> pd.DataFrame:
        """Return what somebody should know of a week, the most severe first."""
        import pandas as pd  # noqa: PLC0415 - only where a frame is made

        made = self.report(week, forecasts=forecasts) if isinstance(week, str) else week
        language = Language(lang, made.zone)
        rows = []
        for one in made.findings:
            said = finding_said(one, language)
            hosts = [party.address for party in one.parties]
            rows.append([one.severity.value, one.area, one.rule, said.title, list(said.evidence),
                         said.action, hosts, one.count, one.start, one.end])  # fmt: skip
        columns = ["severity", "area", "rule", "title", "evidence", "action", "hosts", "count"]
        return pd.DataFrame(rows, columns=[*columns, "start_utc", "end_utc"])

    def __repr__(self) -> str:
        entries = self.ledger.entries()
        rows = sum(entry.rows for entry in entries)
        starts = [entry.first for entry in entries if entry.first]
        ends = [entry.last for entry in entries if entry.last]
        span = f", {min(starts):%Y-%m-%d} to {max(ends):%Y-%m-%d}" if starts and ends else ""
        problems = counted(len(self.problems), "problem", "problems")
        wrong = f", {problems}" if self.problems else ""
        has = f"{counted(len(entries), 'source', 'sources')}, {counted(rows, 'row', 'rows')}"
        return f"Records({has}{span}, {self.zone}{wrong})"


def _frame(table: pa.Table) -> pd.DataFrame:
    frame: pd.DataFrame = table.to_pandas()
    return frame


def _sides(source: str, destination: str) -> list[tuple[str, str]]:
    named = (("source", source), ("destination", destination))
    return [(side, host) for side, host in named if host]


def _selection(
    *,
    zone: str,
    week: str = "",
    start: Moment = None,
    end: Moment = None,
    host: str = "",
    ae: str = "",
    service: str = "",
    sensor: str = "",
) -> Selection:
    """Return which rows are chosen."""
    if week and (start or end):
        raise UsageError("give either week or start and end")
    if week:
        found = parse_week(week, zone_of(zone))
        return Selection(found.start, found.end, host, ae, service, sensor)
    return Selection(_hour(start, zone), _hour(end, zone), host, ae, service, sensor)


def _hour(moment: Moment, zone: str) -> datetime | None:
    """Return the hour (UTC) that is meant, on the site's clock where no zone is named.

    Of a day it is the first that begins in it.
    """
    if not moment:
        return None
    try:
        told = datetime.fromisoformat(str(moment))
    except ValueError:
        raise UsageError(
            f"{moment!r} is no time; expected such as 2026-03-02 or 2026-03-02T08:00"
        ) from None
    told = told if told.tzinfo else told.replace(tzinfo=zone_of(zone))
    hour = whole_hour(told)
    if hour != told and len(str(moment)) > len("2026-03-02"):
        raise UsageError(f"{moment}: traffic is counted by the hour (UTC)")
    return hour
