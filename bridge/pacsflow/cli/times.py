"""`times`: how fast PACS answer, and how fast images move."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pacsflow.cli import app
from pacsflow.cli.options import (
    PERIOD,
    SOURCES,
    FormatOption,
    NumberOption,
    Request,
    reading,
)
from pacsflow.cli.tables import OutputFormat, emit
from pacsflow.errors import UsageError
from pacsflow.export.speeds import MEASURES, measures, milliseconds

if TYPE_CHECKING:
    from collections.abc import Iterator

    import duckdb

    from pacsflow.ledger.response_times import OperationTimes
    from pacsflow.week.hosts import Hosts

NO_TIMES = (
    "no dicom_times.log in it: response times come from captures through the Wireshark plugin, "
    "or from the logs of either tagger"
)


class Told(StrEnum):
    """What `times` tells apart, besides operations."""

    PAIR = "pair"
    SERVER = "server"
    CLIENT = "client"
    OPERATION = "operation"


KEYS = {
    Told.PAIR: ("operation", "client", "server"),
    Told.SERVER: ("operation", "server"),
    Told.CLIENT: ("operation", "client"),
    Told.OPERATION: ("operation",),
}
SPARE = {
    "client_role", "server_role", "p95_from_ms", "p95_to_ms", "mean_ms", "data_bytes",
    "data_seconds", "silent_seconds", "ack_wait_seconds", "pause_seconds",
    "client_closed_seconds", "server_closed_seconds", "outstanding",
}  # fmt: skip
"""What a narrow terminal has no room for first."""


def must_have_times(connection: duckdb.DuckDBPyConnection) -> None:
    """Raise `UsageError` where nothing that was read has response times."""
    if not connection.execute("SELECT 1 FROM main.times LIMIT 1").fetchall():
        raise UsageError(NO_TIMES)


def host_columns(names: tuple[str, ...]) -> list[str]:
    """Return the columns for the keys of a row; a host has its name and role beside it."""
    hosts = {"client", "server"}
    return [
        c for n in names for c in ([n, f"{n}_name", f"{n}_role"] if n in hosts else [n])
    ]  # fmt: skip


def host_cells(names: tuple[str, ...], key: tuple[Any, ...], hosts: Hosts) -> list[Any]:
    """Return the cells of `host_columns`."""
    from pacsflow.cli.traffic import who

    cells: list[Any] = []
    for name, value in zip(names, key, strict=True):
        cells.append(value)
        if name in {"client", "server"}:
            party = hosts.party(value)
            cells += [who(party), party.role]
    return cells


@app.command()
@reading((*SOURCES, *PERIOD, "sensor", "host", "ae", "about"))
def times(
    request: Request,
    by: Annotated[Told, typer.Option("--by", help="What to tell apart.")] = Told.PAIR,
    number: NumberOption = 50,
    how: FormatOption = OutputFormat.TABLE,
) -> None:
    """List response times and transfer rates by operation, the slowest first.

    A percentile of merged histograms lies certainly between p95_from_ms and p95_to_ms. What was
    not seen is empty, never 0. docs/tag-logs.md says what each time is.

    Example: `pacsflow times capture.pcapng --by server`
    """
    columns, rows = _slowest(request, KEYS[by])
    emit("Response times", columns, rows[:number], how, spare=SPARE, ranked="p95_ms")


def top_times(request: Request, number: int, how: OutputFormat) -> None:
    """Rank operations and pairs of hosts by the 95th percentile of their response times."""
    columns, rows = _slowest(request, KEYS[Told.PAIR])
    ranked = [[rank, *row] for rank, row in enumerate(rows[:number], 1)]
    emit("Top response times", ["rank", *columns], ranked, how, spare=SPARE, ranked="p95_ms")


def _slowest(request: Request, names: tuple[str, ...]) -> tuple[list[str], list[list[Any]]]:
    """Return the columns and rows of what is told apart, the highest 95th percentile first."""
    from pacsflow.cli.inputs import asked
    from pacsflow.ledger.response_times import read_times

    with asked(request, logs=("times",)) as question:
        must_have_times(question.connection)
        rows = [
            [*host_cells(names, key, question.hosts), *measures(value)]
            for key, value in read_times(question.connection, names).items()
        ]
    columns = [*host_columns(names), *MEASURES]
    slow = columns.index("p95_ms")
    rows.sort(key=lambda row: (-(row[slow] if row[slow] is not None else -1.0), *map(str, row[:3])))
    return columns, rows


def series_of_times(
    request: Request, share: float, of: tuple[str, str, str], how: OutputFormat
) -> None:
    """Print a percentile of the response times of each hour, on a regular UTC grid.

    Parameters
    ----------
    of
        Client, server and operation; what is empty selects nothing away.
    """
    from pacsflow.cli.inputs import asked
    from pacsflow.ledger.response_times import read_times
    from pacsflow.terms.dicom_times import OPERATIONS

    client, server, operation = of
    if operation and operation not in OPERATIONS:
        raise UsageError(f"--operation {operation}: one of {', '.join(OPERATIONS)} was expected")
    key = request.key()
    hosts = [key.address(host) if key and host else host for host in (client, server)]
    wanted = dict(zip(KEYS[Told.PAIR], (operation, *hosts), strict=True))
    chosen = {name: value for name, value in wanted.items() if value}
    with asked(request, logs=("times",)) as question:
        must_have_times(question.connection)
        hours = read_times(
            question.connection,
            ["epoch(hour)::BIGINT"],
            where=" AND ".join(f"{name} = ?" for name in chosen) or "TRUE",
            values=list(chosen.values()),
        )
    columns = ["hour_utc", "response_ms", "lower_response_ms", "upper_response_ms", "timed"]
    rows = list(_by_hour({key[0]: found for key, found in hours.items()}, share))
    emit("Response times by the hour", columns, rows, how)


def _by_hour(hours: dict[int, OperationTimes], share: float) -> Iterator[list[Any]]:
    """Yield a row for every hour from the first to the last, also for those without any."""
    for moment in range(min(hours), max(hours) + 1, 3600) if hours else ():
        found = hours[moment].percentile(share) if moment in hours else None
        cells = [found.value, found.lower, found.upper] if found else [None] * 3
        stamp = datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        timed = hours[moment].counts["timed"] if moment in hours else 0
        yield [stamp, *map(milliseconds, cells), timed]
