"""Opens what a command asks: a ledger, or inputs read into one that is gone afterwards."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pacsflow.cli.console import name_unread, progress, warn
from pacsflow.cli.settings import settings
from pacsflow.errors import InputError, UsageError
from pacsflow.inventory import Inventory, read_inventory
from pacsflow.lean import without_pandas
from pacsflow.ledger import Ledger
from pacsflow.library.questions import Question, ask
from pacsflow.printable import counted
from pacsflow.readers import Format as Kind
from pacsflow.terms.counted import is_sampled

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from pacsflow.cli.options import Request
    from pacsflow.ledger import Entry
    from pacsflow.pseudonyms import Pseudonyms
    from pacsflow.readers import Inputs, Source
    from pacsflow.readers.remote import Store
    from pacsflow.terms.networks import Network

LOSSES = 10
"""So many sources are named of which rows were lost, and so many remarks said."""
COPIES = 3
"""So many copies are named, the others counted."""
GIVES_EFFECT = {
    "--keylog": ({Kind.CAPTURE}, "a capture"),
    "--sampling-rate": ({Kind.CAPTURE, Kind.TABLE}, "a capture or a table of frames"),
    "--capture-start": ({Kind.CAPTURE, Kind.TABLE}, "a capture or a table of frames"),
    "--date-order": ({Kind.TABLE, Kind.ZEEK_TABLE}, "a table"),
    "--with-info": ({Kind.CAPTURE}, "a capture"),
}


@dataclass(frozen=True, slots=True)
class Opened:
    """A ledger to ask, and what could not be read on the way to it."""

    ledger: Ledger
    problems: tuple[InputError, ...]
    inputs: tuple[str, ...] = ()
    pseudonyms: Pseudonyms | None = None


def sources(request: Request, store: Store | None = None) -> Inputs:
    """Return what the inputs are; the options about captures must have one to be about.

    A store opens addresses (``hdfs://``, ``s3a://``) among them.

    Raises
    ------
    UsageError
        If there are no inputs, or an option would have no effect on them.
    InputError
        If none of them can be read; the others are named.
    """
    if not request.inputs:
        raise UsageError("nothing to read: name logs, captures or folders, or give --ledger")
    without_pandas()
    if request.keylog is not None and not request.keylog.is_file():
        raise InputError(request.keylog, "there is no such key log")
    from pacsflow.readers import find

    found = find(request.inputs, request.capture(), store=store)
    if not found.sources:
        if found.problems:
            name_losses((), found.summary())
            name_unread(found.problems[1:])
            raise found.problems[0]
        hint = found.summary() or "conn.log, dicom.log or a capture was expected"
        raise InputError(request.inputs[0], "no log or capture that pacsflow reads", hint=hint)
    for option in request.of_captures():
        kinds, what = GIVES_EFFECT[option]
        if not any(source.format in kinds for source in found.sources):
            raise UsageError(f"{option} has no effect: {what} is not among the inputs")
    return found


@contextmanager
def opened(request: Request) -> Iterator[Opened]:
    """Open the ledger that was named, or read the inputs into one that is gone afterwards.

    With a key nothing that is asked of it names anybody.
    Problems of a mixed set are listed on standard error at the end; where nothing could be read,
    the first problem is raised.
    """
    without_pandas()
    key = request.key()
    if request.ledger is not None:
        if request.inputs:
            raise UsageError(
                "give either inputs or --ledger; pacsflow ingest adds inputs to a ledger"
            )
        for option in request.of_captures():
            raise UsageError(f"{option} has no effect with --ledger: give it to pacsflow ingest")
        book = Ledger(request.ledger)
        name_losses(book.entries_with_remarks())
        book.pseudonyms = key
        yield Opened(book, (), pseudonyms=key)
        return
    found = sources(request)
    problems: tuple[InputError, ...] = found.problems
    with Ledger.temporary() as temporary:
        with progress("reading") as update:
            added = temporary.add(found.sources, simulated=found.simulated, progress=update)
        problems += added.problems
        if not added.added:
            name_unread(problems[1:])
            raise problems[0]
        name_losses(temporary.entries_with_remarks(), found.summary())
        name_copies(added.known)
        temporary.pseudonyms = key
        try:
            yield Opened(temporary, problems, tuple(request.inputs or ()), key)
        finally:
            name_unread(problems)


def name_losses(entries: Iterable[Entry], passed: str = "") -> None:
    """Say what was not read of sources, and remarks on them; `passed` is what was passed over.

    Of many sources the first are named, the others counted.
    """
    if passed:
        warn(passed)
    entries = list(entries)
    short = [entry for entry in entries if entry.unreadable]
    for entry in short[:LOSSES]:
        all_rows = entry.rows + entry.unreadable
        example = f"; {entry.examples[0]}" if entry.examples else ""
        warn(
            f"{entry.path}: {entry.unreadable:,} of {all_rows:,} rows not read{example}",
            source=entry.path,
            rows_read=entry.rows,
            rows_not_read=entry.unreadable,
        )
    if len(short) > LOSSES:
        rows = sum(entry.unreadable for entry in short[LOSSES:])
        other = counted(len(short) - LOSSES, "other source", "other sources")
        warn(f"{other}: {counted(rows, 'row', 'rows')} not read", rows_not_read=rows)
    remarks = [(entry.path, note) for entry in entries for note in entry.notes]
    for path, note in remarks[:LOSSES]:
        warn(f"{path}: {note}", source=path)
    if len(remarks) > LOSSES:
        warn(f"{counted(len(remarks) - LOSSES, 'more remark', 'more remarks')} on sources")


def name_copies(sources: Sequence[Source]) -> None:
    """Say which inputs have the content of another one, and count once with it."""
    for source in sources[:COPIES]:
        warn(f"{source.path} is a copy of another input: counted once", source=str(source.path))
    if len(sources) > COPIES:
        more = counted(len(sources) - COPIES, "more input is a copy", "more inputs are copies")
        warn(f"{more}: counted once")


def inventory_of(
    path: Path | None, inputs: Sequence[str] = (), pseudonyms: Pseudonyms | None = None
) -> Inventory:
    """Read the inventory that was named, the one beside the inputs, or the configured one."""
    if path is None:
        beside = (Path(given) / "inventory.tsv" for given in inputs if Path(given).is_dir())
        path = next((found for found in beside if found.is_file()), settings().site.inventory)
    if path is None:
        return Inventory()
    inventory = read_inventory(path)
    for problem in inventory.problems[:10]:
        warn(f"inventory: {problem}")
    return pseudonyms.inventory(inventory) if pseudonyms else inventory


@contextmanager
def asked(
    request: Request, *, by_clock: bool = False, logs: Sequence[str] = ()
) -> Iterator[Question]:
    """Open what `opened` opens, pick the origin and keep the rows that were asked for.

    `by_clock` says that the command looks at the site's clock, whatever the period; `logs` are the
    tables of tag logs that its rows come from.
    """
    if not by_clock:
        request.refuse_idle_zone()
    with opened(request) as found:
        if by_clock or request.has_period:
            request.tell_clock()
        inventory = inventory_of(request.inventory, request.inputs or (), found.pseudonyms)
        with ask(
            found.ledger,
            inventory,
            request.selection(found.pseudonyms),
            origin=request.origin.value if request.origin else "",
            local_networks=own_networks(found.pseudonyms),
        ) as question:
            if not request.origin and question.others:
                counted = f"only rows of origin {question.origin} are counted"
                warn(f"{counted}; there are others: --origin {', '.join(question.others)}")
            if request.about:
                _write_about(request.about, question, request.clock().said, logs)
            yield question


def own_networks(key: Pseudonyms | None) -> tuple[Network, ...]:
    """Return the networks that are configured as the site's own, under a key theirs."""
    networks = settings().site.local_networks
    return tuple(map(key.network, networks)) if key else networks


def _write_about(file: Path, question: Question, zone: str, logs: Sequence[str]) -> None:
    """Write what the rows are of: a file beside them, for a reader of rows expects nothing else."""
    from pacsflow.export.about import about
    from pacsflow.export.rows import to_json
    from pacsflow.outputs import write_text

    if not file.parent.is_dir():
        raise UsageError(f"{file.parent}: there is no such folder")
    write_text(file, to_json(about(question.connection, question.origin, zone, logs)))


def told_of_no_traffic(question: Question) -> None:
    """Say on standard error that there is no traffic at all, which nothing counted is not."""
    if question.has_traffic:
        return
    ask = question.connection.execute
    told = [
        counted(rows, table.removesuffix("s"), table)
        for table in ("associations", "endpoints", "notices")
        if (rows := (ask(f"SELECT count(*) FROM {table}").fetchone() or (0,))[0])
    ]
    are = "is" if told and told[0].startswith("1 ") else "are"
    there = f"; there {are} {', '.join(told)}" if told else ""
    warn(f"no traffic was counted: connections (conn.log) or frames were expected{there}")


def told_of_samples(question: Question) -> None:
    """Say on standard error what a reader of estimates has to know, where they are estimates."""
    if not is_sampled(question.origin):
        return
    from pacsflow.agents import read_sampling
    from pacsflow.words.language import english
    from pacsflow.words.saying import message_said

    for note in read_sampling(question.connection).notes():
        warn(f"sampled: {message_said(note, english())}")
