"""`top`, `series`, `map`: who sends how much to whom, and when."""

from __future__ import annotations

import sys
from enum import StrEnum
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pacsflow.cli import app
from pacsflow.cli.console import remarks, tell
from pacsflow.cli.options import EVERYTHING, FormatOption, NumberOption, Request, reading
from pacsflow.cli.tables import OutputFormat, emit
from pacsflow.errors import InputError, UsageError
from pacsflow.terms.counted import counted, is_sampled

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pacsflow.library.questions import Question
    from pacsflow.terms.party import Party

DicomOption = Annotated[bool, typer.Option("--dicom", help="Imaging traffic only.")]


class By(StrEnum):
    """What `top` ranks by."""

    SOURCE = "source"
    DESTINATION = "destination"
    PAIR = "pair"
    SERVICE = "service"
    TIME = "time"
    PROTOCOL = "protocol"
    HW_SOURCE = "hw-source"
    HW_DESTINATION = "hw-destination"
    VLAN = "vlan"
    LENGTH = "length"
    INFO = "info"
    RESPONSE_TIME = "response-time"


LEDGER_COLUMNS = {
    By.SOURCE: "source",
    By.DESTINATION: "destination",
    By.PAIR: "source, destination",
    By.SERVICE: "service",
    By.TIME: "strftime(hour, '%Y-%m-%dT%H:%MZ')",
}


NINE = {By.SOURCE, By.DESTINATION, By.TIME}
"""Columns that the ledger and a table of frames both have."""


def are_tables(request: Request) -> bool:
    """Say whether the inputs are tables of frames and nothing else."""
    files = [Path(given) for given in request.inputs or ()]
    tables = all(file.suffix.lower() in {".xlsx", ".csv"} and file.is_file() for file in files)
    return bool(files) and request.ledger is None and tables and not any(map(_is_log, files))


def _is_log(file: Path) -> bool:
    """Say whether a file is a log after all, as one that a spreadsheet has written as .csv."""
    from pacsflow.readers import recognise

    try:
        return recognise(file).log != "frames"
    except InputError:
        return False


def who(party: Party) -> str:
    """Return a host's name, or its first AE title."""
    return party.name or (party.ae_titles[0] if party.ae_titles else "")


@app.command()
@reading((*EVERYTHING, "with_info", "about"))
def top(
    request: Request,
    by: Annotated[By, typer.Option("--by", help="What to rank.")] = By.SOURCE,
    number: NumberOption = 10,
    dicom: DicomOption = False,
    how: FormatOption = OutputFormat.TABLE,
) -> None:
    """Rank senders, receivers, pairs, services or hours, with counts, bytes and percentages.

    By response-time, operations and pairs of hosts are ranked by their 95th percentile.

    By source, destination, pair, service and time every input is ranked; by the other columns of
    a capture (protocol, hw-source, hw-destination, vlan, length, info) captures and tables of
    frames are. In a table of frames (.xlsx, .csv) every row counts as one, and the most frequent
    come first. A communication counts once, at the host that opened it: what a host fetches comes
    back over one of its own. Of samples (sFlow) samples are counted, never communications, and
    packets and bytes are estimates with their 95 % interval.

    Example: `pacsflow top logs/ --by destination -n 5 --dicom`
    """
    if by is not By.INFO:
        request.refuse(["with_info"], f"on --by {by.value}")
    if by is By.RESPONSE_TIME:
        from pacsflow.cli.times import top_times

        top_times(request, number, how)
        return
    if by not in LEDGER_COLUMNS or (by in NINE and are_tables(request)):
        from pacsflow.cli.frames import top_frames

        if by not in LEDGER_COLUMNS and request.ledger:
            raise UsageError(f"--by {by.value} ranks frames, which a ledger does not keep")
        top_frames(request, by.value, number, dicom, how)
        return
    from pacsflow.cli.inputs import asked, told_of_no_traffic, told_of_samples

    with asked(request) as question:
        columns, rows = _ranked(question, by, number, dicom)
        told_of_no_traffic(question)
        told_of_samples(question)
    title = f"Top {by.value}, of {'imaging' if dicom else 'all'} traffic"
    emit(title, columns, rows, how, spare=SPARE, ranked="bytes")
    if how is OutputFormat.TABLE:
        _tell_of_none(columns, rows)


SPARE = {"lower_packets", "upper_packets", "few_samples", "source_role", "destination_role"}
"""What a narrow terminal has no room for first."""


def _ranked(
    question: Question, by: By, number: int, dicom: bool
) -> tuple[list[str], list[list[Any]]]:
    from pacsflow.ledger.series import IMAGING

    keys = LEDGER_COLUMNS[by]
    width = keys.count(",") + 1 if by is By.PAIR else 1
    found = question.connection.execute(
        f"""WITH rows AS (SELECT * FROM traffic
                          WHERE origin = ? AND {IMAGING if dicom else "TRUE"})
            SELECT {keys}, sum(communications)::BIGINT, sum(packets)::BIGINT, sum(bytes)::BIGINT,
                   {_errors()}, (SELECT sum(communications) FROM rows)::DOUBLE,
                   (SELECT sum(bytes) FROM rows)::DOUBLE
            FROM rows GROUP BY {", ".join(str(i + 1) for i in range(width))}
            ORDER BY {width + 3} DESC, {width + 1} DESC, 1 LIMIT ?""",
        [question.origin, number],
    ).fetchall()
    names = ["source", "destination"] if by is By.PAIR else [by.value]
    is_host = by in {By.SOURCE, By.DESTINATION, By.PAIR}
    columns = ["rank"]
    for name in names:
        columns += [name, f"{name}_name", f"{name}_role"] if is_host else [name]
    sampled = is_sampled(question.origin)
    columns += [counted(question.origin), "percent"]
    columns += [*_estimated("packets", sampled), *_estimated("bytes", sampled), "percent_of_bytes"]
    columns += ["few_samples"] if sampled else []
    rows = []
    for rank, row in enumerate(found, 1):
        cells: list[Any] = [rank]
        for key in row[:width]:
            party = question.hosts.party(key) if is_host else None
            cells += [key, who(party), party.role] if party else [key]
        began, packets, octets, *sums, all_began, all_octets = row[width:]
        cells += [began, 100 * began / all_began if all_began else 0.0]
        share = 100 * octets / all_octets if all_octets else 0.0
        rows.append([*cells, *_cells(packets, octets, sums, share, sampled=sampled)])
    return columns, rows


def _errors() -> str:
    from pacsflow.ledger.series import SQUARES

    return f"sum({SQUARES['packets']}), sum({SQUARES['bytes']}), sum(samples)::BIGINT"


def _estimated(name: str, sampled: bool) -> list[str]:
    return [name, f"lower_{name}", f"upper_{name}"] if sampled else [name]


def _cells(
    packets: int, octets: int, sums: Sequence[Any], *share: float, sampled: bool
) -> list[Any]:
    """Return packets and bytes, as estimates with their intervals and a mark where sampled.

    `sums` are those of `_errors`.
    """
    if not sampled:
        return [packets, octets, *share]
    from pacsflow import sampling

    cells: list[Any] = []
    few = True
    for value, squares in zip((packets, octets), sums[:2], strict=True):
        total = sampling.estimated(value, squares, sums[2])
        cells += [value, round(total.lower), round(total.upper)] if total else [value, None, None]
        few = total is None or total.few
    return [*cells, *share, few]


class Column(StrEnum):
    """What `series` sums an hour."""

    BYTES = "bytes"
    PACKETS = "packets"
    COMMUNICATIONS = "communications"
    RESPONSE_TIME_MEDIAN = "response-time-median"
    RESPONSE_TIME_P95 = "response-time-p95"


SHARES = {Column.RESPONSE_TIME_MEDIAN: 0.5, Column.RESPONSE_TIME_P95: 0.95}


@app.command()
@reading((*EVERYTHING, "about"))
def series(
    request: Request,
    column: Annotated[
        Column, typer.Option("--column", "--of", help="What to sum, or which response times.")
    ] = Column.BYTES,
    dicom: DicomOption = False,
    source: Annotated[str, typer.Option(help="Only from this host, or what it asked.")] = "",
    destination: Annotated[str, typer.Option(help="Only to this host, or what it was asked.")] = "",
    operation: Annotated[
        str, typer.Option(help="Of response times: echo, store, find, get, move or n alone.")
    ] = "",
    how: FormatOption = OutputFormat.CSV,
) -> None:
    """Print an hourly series on a regular UTC grid.

    An empty value (null in JSON) is an hour without data; 0 is an hour in which the sensor
    watched and nothing passed. Estimates from samples have their 95 % interval, the number of
    samples, and a mark where those are too few: the interval reaches further than 50 %.
    Of response times an hour without any is empty; a percentile lies between its lower and upper.

    Example: `pacsflow series logs/ --dicom --destination 10.1.1.5 > pacs-in.csv`
    """
    if column in SHARES:
        from pacsflow.cli.times import series_of_times

        series_of_times(request, SHARES[column], (source, destination, operation), how)
        return
    if operation:
        raise UsageError(
            "--operation has an effect on response times alone: --of response-time-p95"
        )
    from pacsflow.cli.inputs import asked, told_of_no_traffic, told_of_samples
    from pacsflow.ledger.series import IMAGING, estimates, read_series

    where, values, key = [IMAGING if dicom else "TRUE"], [], request.key()
    for side, host in (("source", source), ("destination", destination)):
        if host:
            where.append(f"{side} = ?")
            values.append(key.address(host) if key else host)
    with asked(request) as question:
        made = read_series(
            question.connection, column.value, column=column.value, where=" AND ".join(where),
            values=values, origin=question.origin, start=question.selection.start,
            end=question.selection.end,
        )  # fmt: skip
        sampled = is_sampled(question.origin)
        errors = {}
        if sampled and column is not Column.COMMUNICATIONS:
            errors = estimates(
                question.connection, column.value, where=" AND ".join(where), values=values,
                origin=question.origin,
            )  # fmt: skip
        told_of_no_traffic(question)
        told_of_samples(question)
    name = counted(question.origin) if column is Column.COMMUNICATIONS else column.value
    columns = ["hour_utc", name]
    if errors:
        columns += [f"lower_{name}", f"upper_{name}", "samples", "few_samples"]
    rows = []
    for hour, value in zip(made.hours(), made.values.tolist(), strict=True):
        # An hour without data is no number; what is counted is whole.
        row = [hour.isoformat().replace("+00:00", "Z"), round(value) if isfinite(value) else None]
        total = errors.get(hour)
        if total is not None:
            row += [round(total.lower), round(total.upper), total.samples, total.few]
        rows.append(row + [None] * (len(columns) - len(row)))
    emit(f"{name} an hour", columns, rows, how)


class MapFormat(StrEnum):
    """How `map` is written."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"
    DOT = "dot"
    GRAPHML = "graphml"


@app.command("map")
@reading((*EVERYTHING, "about"))
def flow_map(
    request: Request,
    everything: Annotated[bool, typer.Option("--all", help="Not imaging traffic only.")] = False,
    how: Annotated[
        MapFormat, typer.Option("--format", "-f", help="dot and graphml are for other programs.")
    ] = MapFormat.TABLE,
) -> None:
    """Show every piece of equipment and its connections: who sends images to whom.

    Example: `pacsflow map logs/ -f dot | dot -Tsvg > map.svg`
    """
    from pacsflow.cli.inputs import asked, told_of_no_traffic, told_of_samples
    from pacsflow.export.about import about
    from pacsflow.ledger.series import IMAGING

    with asked(request) as question:
        edges = question.connection.execute(
            f"""SELECT source, destination, sum(communications)::BIGINT, sum(packets)::BIGINT,
                       sum(bytes)::BIGINT, {_errors()} FROM traffic
                WHERE origin = ? AND {"TRUE" if everything else IMAGING}
                GROUP BY 1, 2 ORDER BY 5 DESC, 1, 2""",
            [question.origin],
        ).fetchall()
        parties = {h: question.hosts.party(h) for edge in edges for h in edge[:2]}
        sampled = is_sampled(question.origin)
        told_of_no_traffic(question)
        told_of_samples(question)
        told_about = about(question.connection, question.origin, request.clock().said)
    if how in {MapFormat.DOT, MapFormat.GRAPHML}:
        from pacsflow.export.graphs import to_dot, to_graphml

        sys.stdout.write(
            (to_dot if how is MapFormat.DOT else to_graphml)(
                parties,
                [edge[:5] for edge in edges],
                told_about,
                counted(question.origin),
            )
        )
        return
    amounts = [counted(question.origin)]
    amounts += [*_estimated("packets", sampled), *_estimated("bytes", sampled)]
    amounts += ["few_samples"] if sampled else []
    if how is MapFormat.JSON:
        from pacsflow.export.rows import to_json

        nodes = [
            {"address": p.address, "name": p.name, "role": p.role, "basis": p.basis}
            | {"modality": p.modality, "ae_titles": p.ae_titles}
            for p in parties.values()
        ]
        names = ["source", "destination", *amounts]
        links = [
            dict(zip(names, [*e[:3], *_cells(e[3], e[4], e[5:], sampled=sampled)], strict=True))
            for e in edges
        ]
        told = remarks()
        made: dict[str, Any] = {"nodes": nodes, "edges": links, "about": told_about}
        made |= {"remarks": told} if told else {}
        sys.stdout.write(to_json(made))
        return
    columns = ["source", "source_name", "source_role", "destination", "destination_name"]
    columns += ["destination_role", *amounts]
    rows = [
        [
            e[0],
            who(parties[e[0]]),
            parties[e[0]].role,
            e[1],
            who(parties[e[1]]),
            parties[e[1]].role,
            e[2],
            *_cells(e[3], e[4], e[5:], sampled=sampled),
        ]
        for e in edges
    ]
    emit("Connections", columns, rows, OutputFormat(how.value), spare=SPARE, ranked="bytes")
    if how is MapFormat.TABLE:
        _tell_of_none(columns, rows)


def _tell_of_none(columns: list[str], rows: list[list[Any]]) -> None:
    """Say why a host has bytes and no communications, where one has."""
    from pacsflow.words.tables import BEGAN

    if "communications" in columns:
        began, octets = columns.index("communications"), columns.index("bytes")
        if any(row[octets] and not row[began] for row in rows):
            tell(BEGAN)
