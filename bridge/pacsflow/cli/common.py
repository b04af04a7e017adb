"""What the commands share: inputs, ledgers, progress bars and tables."""

from __future__ import annotations

import csv
import io
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import orjson
import typer

from pacsflow.errors import InputError, PacsflowError, UsageError
from pacsflow.inventory import Inventory, read_inventory
from pacsflow.ledger import Ledger
from pacsflow.ledger.series import origins
from pacsflow.printable import escape_controls
from pacsflow.readers import CaptureOptions, find
from pacsflow.week.hosts import Hosts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    import duckdb
    from rich.console import Console

    from pacsflow.pseudonyms import Pseudonyms

Inputs = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="INPUTS...",
        help="Zeek logs (TSV or JSON, plain or .gz), captures, exports, spreadsheets; files, "
        "folders or globs. Each is recognised by its content.",
        show_default=False,
    ),
]
LedgerOption = Annotated[
    Path | None,
    typer.Option(
        "--ledger", "-l", help="Ask this ledger (see `pacsflow ingest`) instead of files."
    ),
]
InventoryOption = Annotated[
    Path | None,
    typer.Option(
        "--inventory", "-i", help="Which host is which: Zeek TSV with match, name, role, ..."
    ),
]
SamplingOption = Annotated[
    int | None,
    typer.Option(
        "--sampling-rate", min=1, help="Captures hold one frame in so many (sflowtool -t)."
    ),
]
PseudonymOption = Annotated[
    Path | None,
    typer.Option(
        "--pseudonymise",
        metavar="KEYFILE",
        help="Write pseudonyms for addresses, AE titles and names; the same key gives the same "
        "ones (openssl rand -out KEYFILE 32).",
    ),
]
KeylogOption = Annotated[
    Path | None, typer.Option("--keylog", help="TLS key log, to see associations inside TLS.")
]
StartOption = Annotated[
    datetime | None,
    typer.Option(
        "--capture-start",
        formats=["%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d"],
        help="When a table of frames begins (UTC), where its times are seconds since then.",
    ),
]
OriginOption = Annotated[
    str,
    typer.Option(
        "--origin", help="zeek, capture or sflow; by default the one that covers most hours."
    ),
]
NumberOption = Annotated[int, typer.Option("-n", "--number", min=1, help="How many rows.")]


class Format(StrEnum):
    """How a result is written to standard output."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"


FormatOption = Annotated[
    Format, typer.Option("--format", "-f", help="table for people; json or csv for programs.")
]


EMPTY: tuple[object, ...] = (None, "", [], ())
WHOLE = {
    "source", "destination", "host", "orig", "resp", "id.orig_h", "id.resp_h", "ts", "time",
    "hw_source", "hw_destination", "time_utc", "hour_utc", "first_utc", "last_utc", "uid", "src",
    "dst",
}  # fmt: skip
"""Columns that are useless when cut; a terminal too narrow for them folds the others."""
PIPE_WIDTH = 160
LEGIBLE = 12
"""Characters of a folded column that are always shown side by side."""


def capture_options(
    sampling_rate: int | None = None,
    keylog: Path | None = None,
    inventory: Path | None = None,
    start: datetime | None = None,
) -> CaptureOptions:
    """Return what the user said of captures and tables that these do not say themselves."""
    begun = start.replace(tzinfo=UTC) if start else None
    return CaptureOptions(sampling_rate, keylog, inventory, begun)


def errors() -> Console:
    """Return the console for everything that is not the result: standard error."""
    from rich.console import Console  # noqa: PLC0415 - what says nothing needs none of rich

    return Console(stderr=True, highlight=False, soft_wrap=True)


def say(text: str, style: str = "") -> None:
    """Say a line on standard error, whoever wrote it: what would steer a terminal is shown."""
    errors().print(escape_controls(text), style=style, markup=False, emoji=False)


def warn(text: str) -> None:
    """Say a line on standard error, in yellow."""
    say(text, "yellow")


@contextmanager
def progress(what: str) -> Iterator[Callable[[int, int], None]]:
    """Show a bar on standard error while a loop runs; call what it yields with done and all."""
    if not sys.stderr.isatty():
        yield lambda _done, _total: None
        return
    from rich import progress as bars  # noqa: PLC0415 - likewise

    bar = bars.Progress(
        bars.TextColumn("{task.description}"),
        bars.BarColumn(),
        bars.MofNCompleteColumn(),
        bars.TimeElapsedColumn(),
        console=errors(),
        transient=True,
    )
    with bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


@dataclass(frozen=True, slots=True)
class Opened:
    """A ledger to ask, and what could not be read on the way to it."""

    ledger: Ledger
    problems: tuple[PacsflowError, ...]
    inputs: tuple[str, ...] = ()
    pseudonyms: Pseudonyms | None = None


def key_of(path: Path | None) -> Pseudonyms | None:
    """Return the pseudonyms of a key file, where one was named."""
    if path is None:
        return None
    from pacsflow.pseudonyms import Pseudonyms  # noqa: PLC0415 - only where it is asked for

    return Pseudonyms.read(path)


@contextmanager
def opened(
    inputs: list[str] | None,
    ledger: Path | None,
    capture: CaptureOptions | None = None,
    pseudonyms: Pseudonyms | None = None,
) -> Iterator[Opened]:
    """Open the ledger that was named, or read the inputs into one that is gone afterwards.

    With `pseudonyms` nothing that is asked of it names anybody.
    Problems of a mixed set are listed on standard error at the end; where nothing could be read,
    the first problem is raised.
    """
    if ledger is not None:
        if inputs:
            raise UsageError(
                "give either inputs or --ledger; pacsflow ingest adds inputs to a ledger"
            )
        book = Ledger(ledger)
        book.pseudonyms = pseudonyms
        yield Opened(book, (), pseudonyms=pseudonyms)
        return
    if not inputs:
        raise UsageError("nothing to read: name logs, captures or folders, or give --ledger")
    found = find(inputs, capture)
    problems: tuple[PacsflowError, ...] = found.problems
    if not found.sources:
        name_unread(problems[1:])
        if problems:
            raise problems[0]
        unused = ", ".join(sorted({s.kind for s in found.unused})[:8])
        hint = f"there is {unused}" if unused else "conn.log, dicom.log or a capture was expected"
        raise InputError(inputs[0], "no log or capture that pacsflow reads", hint=hint)
    with Ledger.temporary() as temporary:
        with progress("reading") as update:
            added = temporary.add(found.sources, simulated=found.simulated, progress=update)
        problems += added.problems
        if not added.added:
            name_unread(problems[1:])
            raise problems[0]
        temporary.pseudonyms = pseudonyms
        told = pseudonyms.problems(problems) if pseudonyms else problems
        try:
            yield Opened(temporary, told, tuple(inputs), pseudonyms)
        finally:
            name_unread(problems)


def name_unread(problems: Iterable[PacsflowError]) -> None:
    """Say on standard error what could not be read, a line each."""
    for problem in problems:
        warn(f"not read: {problem}")


def inventory_of(
    path: Path | None, inputs: Sequence[str] = (), pseudonyms: Pseudonyms | None = None
) -> Inventory:
    """Read the inventory that was named, or the one beside the inputs, or return an empty one."""
    if path is None:
        beside = (Path(given) / "inventory.tsv" for given in inputs if Path(given).is_dir())
        path = next((found for found in beside if found.is_file()), None)
    if path is None:
        return Inventory()
    inventory = read_inventory(path)
    for problem in inventory.problems[:10]:
        warn(f"inventory: {problem}")
    return pseudonyms.inventory(inventory) if pseudonyms else inventory


@dataclass(frozen=True, slots=True)
class Question:
    """A connection to ask, one origin's rows, and who is who."""

    connection: duckdb.DuckDBPyConnection
    origin: str
    hosts: Hosts


@contextmanager
def asked(
    inputs: list[str] | None,
    ledger: Path | None,
    inventory: Path | None,
    origin: str,
    capture: CaptureOptions | None = None,
    pseudonyms: Pseudonyms | None = None,
) -> Iterator[Question]:
    """Open what `opened` opens and pick the origin."""
    with opened(inputs, ledger, capture, pseudonyms) as found, found.ledger.connect() as connection:
        there = origins(connection)
        if origin and origin not in there:
            raise UsageError(f"no data of origin {origin!r}; there is {', '.join(there) or 'none'}")
        hosts = Hosts(inventory_of(inventory, inputs or (), pseudonyms), connection)
        yield Question(connection, origin or (there[0] if there else "zeek"), hosts)


def told_of_samples(question: Question) -> None:
    """Say on standard error what a reader of estimates has to know, where they are estimates."""
    if question.origin != "sflow":
        return
    from pacsflow.agents import read_sampling  # noqa: PLC0415 - only of sampled traffic

    for note in read_sampling(question.connection).notes():
        warn(f"sampled: {note}")


def emit(title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]], how: Format) -> None:
    """Write a result to standard output as a table, JSON objects or CSV.

    Text is free of control characters in all three; a CSV cell cannot become a formula.
    """
    if how is Format.JSON:
        objects = [dict(zip(columns, row, strict=True)) for row in rows]
        sys.stdout.write(orjson.dumps(objects, option=orjson.OPT_INDENT_2).decode() + "\n")
        return
    if how is Format.CSV:
        sys.stdout.write(to_csv(columns, rows))
        return
    from rich import box  # noqa: PLC0415 - likewise
    from rich.console import Console  # noqa: PLC0415
    from rich.measure import Measurement  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    keep = [i for i in range(len(columns)) if any(row[i] not in EMPTY for row in rows)] or [0]
    table = Table(title=title or None, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for place in keep:
        numeric = any(isinstance(row[place], (int, float)) for row in rows)
        table.add_column(
            columns[place].replace("_", " "),
            justify="right" if numeric else "left",
            no_wrap=numeric or columns[place] in WHOLE,
            overflow="fold",
            min_width=_least_width(columns[place], [row[place] for row in rows]),
        )
    for row in rows:
        table.add_row(*(Text(shown(row[i], columns[i])) for i in keep))
    console = Console(highlight=False)
    needed = Measurement.get(console, console.options.update(width=1000), table).minimum
    wanted = PIPE_WIDTH if not console.is_terminal else console.width
    console.width = max(wanted, needed)
    console.print(table if rows else Text("nothing"))


def _least_width(column: str, cells: Sequence[Any]) -> int:
    """Return the width below which a column is but a heap of letters."""
    words = [*column.split("_"), *(word for cell in cells for word in shown(cell).split())]
    return min(LEGIBLE, max(map(len, words), default=1))


def shown(cell: Any, column: str = "") -> str:  # noqa: ANN401 - a cell is of any type
    """Return a cell as people read it: grouped digits, bytes in units, no control characters."""
    if cell is None:
        return "-"
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, (list, tuple)):
        return ", ".join(shown(item) for item in cell)
    if isinstance(cell, (int, float)) and column.endswith("bytes") and "percent" not in column:
        return octets(cell)
    if isinstance(cell, int):
        return f"{cell:,}"
    if isinstance(cell, float):
        return f"{cell:,.2f}"
    return escape_controls(str(cell))


def octets(value: float) -> str:
    """Return bytes in decimal units, as network people count: 1 MB is 1,000,000 bytes."""
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if abs(value) < 1000 or unit == "TB":
            return f"{value:,.0f} {unit}" if unit == "B" else f"{value:,.2f} {unit}"
        value /= 1000
    return ""


def safe_cell(cell: Any) -> Any:  # noqa: ANN401 - a cell is of any type
    """Return a cell that no spreadsheet takes for a formula."""
    if isinstance(cell, (list, tuple)):
        cell = ", ".join(map(str, cell))
    if isinstance(cell, str):
        cell = escape_controls(cell)
        return f"'{cell}" if cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell
    return cell


def to_csv(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """Return RFC 4180 text, with a header."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(columns)
    writer.writerows([safe_cell(cell) for cell in row] for row in rows)
    return text.getvalue()
