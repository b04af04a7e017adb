"""What a week's numbers rest on: hours, gaps, files with their fate, and what must be known."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pacsflow.ledger.records import of_time
from pacsflow.ledger.series import IMAGING
from pacsflow.printable import escape_controls
from pacsflow.series import HOUR
from pacsflow.terms import message
from pacsflow.terms.counted import is_sampled
from pacsflow.week import sample_notes
from pacsflow.week.facts import Coverage, Gap, SourceFile

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from pacsflow.errors import InputError
    from pacsflow.inventory import Inventory
    from pacsflow.ledger import Entry, Ledger
    from pacsflow.terms.message import Message
    from pacsflow.week.traffic import Scope

FILES_NAMED = 400
NOT_READ = "not read"


def coverage_of(
    ledger: Ledger,
    scope: Scope,
    covered: set[datetime],
    there: Sequence[str],
    inventory: Inventory,
    problems: Sequence[InputError],
) -> Coverage:
    """Return what the week's numbers rest on.

    Parameters
    ----------
    covered
        The hours (UTC) in which the origin's sensors saw anything.
    there
        The origins that the ledger has.
    problems
        Inputs that could not be read just now; else those that the ledger remembers.
    """
    week = scope.week
    hours = [week.start + i * HOUR for i in range(int((week.end - week.start) / HOUR))]
    entries = ledger.entries(of_time(week.start, week.end))
    files = [*map(_read, entries), *map(_not_read, problems or ledger.problems())]
    files.sort(key=lambda f: (f.kind != NOT_READ, not f.problem, not f.unreadable_rows))
    missed, samples, by_port, imaging = scope.ask(
        "SELECT coalesce(sum(missed_bytes), 0)::BIGINT, coalesce(sum(samples), 0)::BIGINT,"
        f" count(*) FILTER ({IMAGING} AND service = 'dicom?'), count(*) FILTER ({IMAGING})"
        " FROM rows"
    )[0]
    return Coverage(
        hours_expected=len(hours),
        hours_with_data=sum(hour in covered for hour in hours),
        gaps=tuple(_gaps(hours, covered)),
        rows=sum(e.rows for e in entries),
        unreadable_rows=sum(e.unreadable for e in entries),
        missed_bytes=missed or _missed_by_captures(scope),
        origins=tuple(there),
        sampled=is_sampled(scope.origin),
        samples=samples,
        origin=scope.origin,
        files=tuple(files[:FILES_NAMED]),
        notes=tuple(_notes(scope, there, inventory, by_port, imaging)),
        other_files=len(files[FILES_NAMED:]),
    )


def _missed_by_captures(scope: Scope) -> int:
    """Return the bytes that are missing of associations in captures, also between two files.

    Frames that are not there say nothing of themselves: of captures, associations alone know.
    """
    if scope.origin != "capture":
        return 0
    found = scope.connection.execute(
        "SELECT coalesce(sum(missed_bytes), 0)::BIGINT FROM associations WHERE ts >= ? AND ts < ?",
        [scope.week.start, scope.week.end],
    ).fetchall()
    return int(found[0][0])


def _read(entry: Entry) -> SourceFile:
    return SourceFile(
        name=escape_controls(Path(entry.path).name),
        kind=entry.kind,
        sha256=entry.sha256,
        size_bytes=entry.size,
        rows=entry.rows,
        unreadable_rows=entry.unreadable,
        first=entry.first,
        last=entry.last,
        problem="; ".join(entry.notes),
        examples=entry.examples,
    )


def _not_read(error: InputError) -> SourceFile:
    """Return the file that an error is about, with what is wrong with it."""
    problem = error.problem + (f" ({error.hint})" if error.hint else "")
    if error.line is not None:
        problem = f"line {error.line}: {problem}"
    name = escape_controls(Path(error.path).name)
    return SourceFile(name, NOT_READ, "", 0, 0, 0, None, None, problem=escape_controls(problem))


def _notes(
    scope: Scope,
    there: Sequence[str],
    inventory: Inventory,
    by_port: int,
    imaging: int,
) -> Iterator[Message]:
    """Yield what a reader of the numbers has to know."""
    for problem in inventory.problems:
        yield message.message("inventory", problem=message.text(problem))
    others = [origin for origin in there if origin != scope.origin]
    if others:
        yield message.message(
            "other-origins", origin=message.code(scope.origin), others=message.texts(others)
        )
    if scope.origin == "zeek" and imaging and not _has_connections(scope):
        yield message.message("no-connections")
    yield from sample_notes.notes(scope)
    if by_port:
        yield message.message("by-port-alone")


def _has_connections(scope: Scope) -> bool:
    query = "SELECT 1 FROM connections WHERE ts >= ? AND ts < ? LIMIT 1"
    return bool(scope.connection.execute(query, [scope.week.start, scope.week.end]).fetchall())


def _gaps(hours: list[datetime], covered: set[datetime]) -> list[Gap]:
    gaps: list[Gap] = []
    for hour in hours:
        if hour in covered:
            continue
        if gaps and gaps[-1].end == hour:
            gaps[-1] = Gap(gaps[-1].start, hour + HOUR, gaps[-1].hours + 1)
        else:
            gaps.append(Gap(hour, hour + HOUR, 1))
    return gaps
