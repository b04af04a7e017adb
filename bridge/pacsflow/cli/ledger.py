"""`ledger`: looks after a ledger that lasts."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pacsflow.cli import FOUND, app
from pacsflow.cli.console import name_unread, progress, tell
from pacsflow.cli.options import FormatOption, speaking
from pacsflow.cli.settings import settings
from pacsflow.cli.tables import OutputFormat, emit
from pacsflow.errors import UsageError
from pacsflow.printable import counted

if TYPE_CHECKING:
    from datetime import date

    from pacsflow.ledger import Ledger

Folder = Annotated[Path, typer.Argument(help="The ledger's folder.")]
PERIODS = {"d": 1, "w": 7, "m": 31, "y": 366}
"""Days of a period that is kept: rather one more than one too few."""

ledgers = typer.Typer(
    name="ledger",
    help="Look after a ledger: what is in it, whether it is whole, how long it is kept.\n\n"
    "Example: `pacsflow ledger info /srv/pacsflow`",
    no_args_is_help=True,
)
app.add_typer(ledgers, name="ledger")


def _opened(folder: Path) -> Ledger:
    from pacsflow.ledger import Ledger

    return Ledger(folder)


@ledgers.command()
@speaking
def info(
    ledger: Folder = Path("pacsflow-ledger"),
    sensors: Annotated[
        bool, typer.Option("--sensors", help="What each sensor saw in its last four weeks.")
    ] = False,
    how: FormatOption = OutputFormat.TABLE,
) -> None:
    """Say what is in a ledger: sources, days, files and their sizes, by table.

    Example: `pacsflow ledger info /srv/pacsflow --sensors`
    """
    book = _opened(ledger)
    if sensors:
        _sensors(book, how)
        return
    rows = []
    files = book.journal.files()
    for table in dict.fromkeys(kept.table for kept in files):
        mine = [kept for kept in files if kept.table == table]
        first, last = min(k.period for k in mine), max(k.period for k in mine)
        rows.append(
            [table, len(mine), sum(k.rows for k in mine), sum(k.size for k in mine), first, last]
        )
    emit(
        f"{ledger}: {counted(len(book.entries()), 'source', 'sources')}, sensors: "
        f"{', '.join(sorted(book.journal.sensors())) or 'none named'}",
        ["table", "files", "rows", "bytes", "first", "last"],
        rows,
        how,
    )


def _sensors(book: Ledger, how: OutputFormat) -> None:
    """Write what each sensor saw alone, with others, and how its clock goes."""
    from pacsflow.ledger.series import covered_hours, origins
    from pacsflow.ledger.vantage import offsets, vantages

    if not book.journal.sensors():
        raise UsageError(f"{book.folder}: nothing in it says which sensor saw it")
    columns = ["sensor", "bytes", "bytes_alone", "bytes_with_others", "lacks_percent",
               "clock_seconds", "clock_against", "compared"]  # fmt: skip
    with book.connect() as connection:
        origin = origins(connection)[0]
        end = max(covered_hours(connection, origin)) + timedelta(hours=1)
        start = end - timedelta(weeks=4)
        clocks = {o.sensor: o for o in offsets(connection, start, end)}
        rows = []
        for v in vantages(connection, origin, start, end):
            lacks = None if v.lacking is None else round(100 * v.lacking, 4)
            clock = clocks.get(v.sensor)
            told = [clock.seconds, clock.reference, clock.connections] if clock else [None] * 3
            rows.append([v.sensor or "-", v.bytes, v.alone, v.shared, lacks, *told])
    emit(f"{book.folder}: {origin}, {start:%Y-%m-%d} to {end:%Y-%m-%d}", columns, rows, how)


@ledgers.command()
@speaking
def compact(
    ledger: Folder = Path("pacsflow-ledger"),
    roll_up: Annotated[
        str,
        typer.Option(help="Also make the Internet's hosts one in months so old, such as 13m."),
    ] = "",
) -> None:
    """Make one sorted file a table of each closed day, and of each closed month.

    `ingest` and `watch` do it by themselves; this does it for what came late, too. With --roll-up,
    or as it is configured, remote hosts that never carried imaging become one in old months.
    """
    from pacsflow.configuration.choices import own_of
    from pacsflow.ledger.rollup import roll_up as rolled

    wanted = roll_up or settings().ledger.roll_up
    day = _day_before(wanted, "--roll-up") if wanted else None
    book = _opened(ledger)
    before, after = book.compact()
    tell(f"{ledger}: {counted(before, 'file', 'files')} before, {after:,} now")
    if day:
        was, left = rolled(book, day, own_of(settings()))
        tell(f"{ledger}: {counted(was, 'row', 'rows')} before {day:%Y-%m}, {left:,} now")


def _day_before(period: str, option: str) -> date:
    """Return the day (UTC) that lies a period such as 2y before now."""
    told = re.fullmatch(r"(\d{1,5})([dwmy])", period)
    if not told or not int(told[1]):
        raise UsageError(f"{option} {period}: expected a number and d, w, m or y, such as 2y")
    days = min(int(told[1]) * PERIODS[told[2]], 700_000)
    return (datetime.now(UTC) - timedelta(days=days)).date()


@ledgers.command()
@speaking
def verify(ledger: Folder = Path("pacsflow-ledger"), how: FormatOption = OutputFormat.TABLE) -> int:
    """Read every file of a ledger against its hash; exit code 1 where any is not as it was.

    Names the files that are missing, changed, or lie beside it, and whose rows they have.
    """
    from pacsflow.ledger.upkeep import verify as verified

    book = _opened(ledger)
    faults = verified(book)
    rows = [[fault.name, fault.problem, list(fault.sources)] for fault in faults]
    if faults or how is not OutputFormat.TABLE:
        emit(
            f"{ledger}: {counted(len(faults), 'fault', 'faults')}",
            ["file", "problem", "sources"],
            rows,
            how,
        )
        return FOUND if faults else 0
    tell(f"{ledger}: {counted(len(book.journal.files()), 'file', 'files')}, all as written")
    return 0


@ledgers.command()
@speaking
def repair(
    ledger: Folder = Path("pacsflow-ledger"),
    logs: Annotated[
        list[str] | None,
        typer.Argument(help="Where sources lie now; by default where they lay before."),
    ] = None,
) -> int:
    """Set damaged and foreign files aside and take their sources in again; exit code 1 for losses.

    Sources are known by their content, wherever they lie. Nothing is deleted: what is set aside
    lies in the ledger's folder aside. Without a journal everything that is named is taken in anew.

    Example: `pacsflow ledger repair /srv/pacsflow /opt/zeek/logs`
    """
    from pacsflow.ledger.repair import repair as repaired

    with progress("reading") as update:
        done = repaired(ledger, logs or (), update)
    for path in done.aside:
        tell(f"{path}: set aside")
    for name in done.missing:
        tell(f"{ledger / name}: was missing")
    for entry in done.again:
        tell(f"{entry.path}: taken in again, {counted(entry.rows, 'row', 'rows')}")
    for entry in done.lost:
        tell(f"{entry.path}: {entry.notes[-1]}; it was not found as it had been")
    name_unread(done.problems)
    what = (
        f"{counted(len(done.again), 'source', 'sources')} taken in again, {len(done.lost)} "
        "with losses"
    )
    tell(f"{ledger}: {counted(len(done.aside), 'file', 'files')} set aside, {what}")
    return FOUND if done.lost or done.problems else 0


@ledgers.command()
@speaking
def merge(
    ledger: Folder,
    others: Annotated[
        list[Path], typer.Argument(metavar="OTHER...", help="Ledgers to take sources from.")
    ],
) -> int:
    """Take in other ledgers' sources, as if their logs had been added; exit code 1 for losses.

    Sources, connections and associations count once, sensors keep their names, and a merge that is
    killed leaves the ledger as it was. The other ledgers stay as they are.

    Example: `pacsflow ledger merge /srv/group /mnt/north/pacsflow /mnt/south/pacsflow`
    """
    from pacsflow.ledger.merging import merge as merged
    from pacsflow.ledger.merging import read_again

    book, left = _opened(ledger), 0
    for folder in others:
        done = merged(book, _opened(folder))
        for entry in read_again(book, done.torn):
            left += 1
            why = "tells in part what is counted here already, and is not there to be read again"
            tell(f"{entry.path}: left out: {why}")
        for entry in done.lost:
            left += 1
            tell(f"{entry.path}: left out: rows of it are lost; repair {folder} first")
        for path, text in done.said:
            tell(f"{path}: {text}")
        if done.rolled:
            tell(
                f"{ledger}: in {counted(done.rolled, 'hour', 'hours')} the Internet's "
                "hosts are one in one of the "
                "ledgers already: what sensors of both saw of them counts twice; merge before "
                "rolling up"
            )
        came = len(done.added) + len(done.torn)
        what = (
            f"{counted(came, 'source', 'sources')} came in anew, {len(done.known):,} had been in it"
        )
        tell(f"{ledger}: {folder}: {what}")
    return FOUND if left else 0


@ledgers.command()
@speaking
def prune(
    ledger: Folder = Path("pacsflow-ledger"),
    keep: Annotated[str, typer.Option(help="How long, such as 90d, 26w, 18m, 2y.")] = "2y",
) -> None:
    """Let go the days that are older than what is to be kept, counted from now.

    Example: `pacsflow ledger prune /srv/pacsflow --keep 2y`
    """
    from pacsflow.ledger.upkeep import prune as pruned

    before = _day_before(keep, "--keep")
    changed = pruned(_opened(ledger), before)
    tell(f"{ledger}: days before {before} are gone, {counted(changed, 'file', 'files')} changed")


@ledgers.command()
@speaking
def export(
    ledger: Folder, to: Annotated[Path, typer.Argument(metavar="NEW", help="A new folder.")]
) -> None:
    """Copy a ledger as it is at this moment into a new folder.

    Example: `pacsflow ledger export /srv/pacsflow /mnt/stick/pacsflow`
    """
    from pacsflow.ledger.upkeep import export as exported

    count = exported(_opened(ledger), to)
    tell(f"{to}: {counted(count, 'file', 'files')}")
