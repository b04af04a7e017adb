"""`show` and the frame columns of `top`: single frames, connections and associations."""

from __future__ import annotations

import ipaddress
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pacsflow.cli import app
from pacsflow.cli.console import name_unread, progress, warn
from pacsflow.cli.options import (
    EVERYTHING,
    PERIOD,
    SOURCES,
    FormatOption,
    NumberOption,
    Request,
    reading,
)
from pacsflow.cli.tables import Listing, OutputFormat, emit, emit_several
from pacsflow.errors import InputError, PacsflowError, UsageError
from pacsflow.printable import counted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    import pyarrow as pa

    from pacsflow.explore import Ranked
    from pacsflow.readers import Quality, Source

SHOWN = {
    "frames": (
        "ts", "protocol", "id.orig_h", "id.resp_h", "hw_source", "hw_destination", "vlan",
        "length", "info", "sampling_rate", "agent",
    ),
    "conn": (
        "ts", "uid", "id.orig_h", "id.orig_p", "id.resp_h", "id.resp_p", "service", "duration",
        "orig_bytes", "resp_bytes", "conn_state", "history",
    ),
    "dicom": (
        "ts", "uid", "id.orig_h", "calling_ae", "id.resp_h", "called_ae", "result", "end",
        "duration", "services", "modalities", "store_rq", "find_rq", "move_rq", "rsp_failure",
        "data_bytes_orig", "data_bytes_resp", "flags",
    ),
    "known_dicom": (
        "ts", "host", "port_num", "ae_title", "role", "category", "basis", "services",
        "modalities", "impl_uid", "impl_version",
    ),
    "dicom_times": (
        "ts", "uid", "id.orig_h", "id.resp_h", "operation", "requestor", "count", "failed",
        "data_bytes", "data_time", "response_min", "response_mean", "response_max",
        "first_response_mean", "setup_time", "round_trip",
    ),
    "notice": ("ts", "uid", "note", "msg", "src", "dst"),
    "ssl": ("ts", "uid", "id.orig_h", "id.resp_h", "id.resp_p", "version", "cipher", "server_name"),
}  # fmt: skip
TABLES = {
    "frames": "frames", "conn": "connections", "dicom": "associations", "known_dicom": "endpoints",
    "dicom_times": "times", "notice": "notices", "ssl": "tls",
}  # fmt: skip
"""What a ledger calls what is in a log: `show` has the same words for both."""
TITLES = {"times": "Response times", "tls": "TLS connections"}
"""Of those tables that are not called by their name."""


def tell_notes(source: Source, quality: Quality) -> None:
    """Say what is to be known of a source."""
    for note in quality.notes:
        warn(f"{source.path}: {note}", source=str(source.path))


def tell_losses(source: Source, quality: Quality) -> None:
    """Say how many rows of a source could not be read, if any."""
    if not quality.unreadable:
        return
    warn(
        f"{source.path}: {quality.unreadable} unreadable; {quality.examples[0]}",
        source=str(source.path),
        rows_read=quality.rows,
        rows_not_read=quality.unreadable,
    )


def _batches(sources: list[Source]) -> Iterator[tuple[str, pa.RecordBatch]]:
    """Yield all rows; a source that cannot be read is named, and the others go on."""
    from pacsflow.readers import Quality, read

    failed: list[PacsflowError] = []
    with progress("reading") as update:
        for done, source in enumerate(sources, 1):
            quality = Quality()
            try:
                yield from read(source, quality)
            except PacsflowError as error:
                failed.append(error)
            tell_notes(source, quality)
            tell_losses(source, quality)
            update(done, len(sources))
    if failed and len(failed) == len(sources):
        raise failed[0]
    name_unread(failed)


def _refuse(sources: list[Source], unread: list[PacsflowError], ranked: Ranked) -> None:
    """Raise where nothing could be read, or the tables have no such column; name what was left."""
    from pacsflow.readers import Format as Kind

    if len(unread) == len(sources):
        raise unread[0]
    name_unread(unread)
    tables = all(source.format is Kind.TABLE for source in sources)
    if tables and ranked.rows and all(row[0] is None for row in ranked.rows):
        hint = "is there such a column?"
        raise InputError(sources[0].path, f"no row of it has a {ranked.by}", hint=hint)


def frame_sources(request: Request, otherwise: str) -> list[Source]:
    """Return the inputs that hold frames; `otherwise` is said where there are none of them."""
    from pacsflow.cli.inputs import sources
    from pacsflow.readers import without_copies

    found = sources(request)
    name_unread(found.problems)
    frames = [source for source in found.sources if source.log == "frames"]
    if not frames:
        raise UsageError(f"{otherwise}: give captures or tables of frames, not logs")
    kept, copies = without_copies(frames)
    for copy, first in copies:
        warn(f"{copy.path} is a copy of {first.path}: counted once", source=str(copy.path))
    return kept


def top_frames(request: Request, by: str, number: int, dicom: bool, how: OutputFormat) -> None:
    """Rank frames by one of their own columns."""
    from pacsflow.explore import COLUMNS, rank_stream

    unheard = [name for name in EVERYTHING if name not in {*SOURCES, "origin"}]
    request.refuse(["inventory", "origin", "about", *unheard], f"on frames, which --by {by} ranks")
    sources, key = frame_sources(request, f"--by {by} ranks frames"), request.key()
    unread: list[PacsflowError] = []
    with progress("reading") as update:
        done = 0

        def told(source: Source, quality: Quality) -> None:
            nonlocal done
            done += 1
            update(done, len(sources))
            tell_notes(source, quality)
            if quality.unreadable and not quality.rows:
                problem = f"no row of it can be read; {quality.examples[0]}"
                unread.append(InputError(source.path, problem))
                return
            tell_losses(source, quality)

        ranked = rank_stream(sources, by, number, dicom=dicom, told=told, unread=unread)
    _refuse(sources, unread, ranked)
    # six decimals for people, all there are for programs
    rows = [
        [rank, value, frames, f"{percent:.6f}" if how is OutputFormat.TABLE else percent, *octets]
        for rank, (value, frames, percent, *octets) in enumerate(ranked.rows, 1)
    ]
    if key:
        rows = [[rank, key.cell(COLUMNS[by], cell), *rest] for rank, cell, *rest in rows]
    columns = ["rank", by, "frames", "percent", "bytes", "estimated_bytes"]
    if any(ranked.estimates):
        columns += ["lower_bytes", "upper_bytes", "few_samples"]
        for row, total in zip(rows, ranked.estimates, strict=True):
            ends = [round(total.lower), round(total.upper), total.few] if total else [None] * 3
            row.extend(ends)
    what = "DICOM" if dicom else "all"
    title = f"Top {by}, of {what} {counted(ranked.total, 'frame', 'frames')}"
    emit(title, columns, rows, how, ranked="frames")


@app.command()
@reading((*SOURCES, "with_info", *PERIOD))
def show(
    request: Request,
    what: Annotated[
        str, typer.Argument(metavar="WHAT", help="An address, an AE title, or a uid of Zeek.")
    ],
    dicom: Annotated[bool, typer.Option("--dicom", help="Imaging traffic only.")] = False,
    number: NumberOption = 100,
    how: FormatOption = OutputFormat.TABLE,
) -> None:
    """Show the rows that concern one host, AE title or connection, from every input or a ledger.

    Captures give frames, Zeek logs give connections, associations and notices. WHAT may also be
    `association:N`, the N-th association of one capture, frame by frame. JSON has a list for each
    kind of row by its name; CSV is one table, whose first column says the kind.

    Example: `pacsflow show 10.65.143.6 monday.pcap --dicom`
    """
    if (one := re.fullmatch(r"association:(\d{1,9})", what)) is not None:
        from pacsflow.cli.live import show_association

        if not request.inputs or len(request.inputs) != 1:
            raise UsageError(f"{what} is one of a capture: name that one capture")
        if request.pseudonymise:
            raise UsageError(f"{what} has no pseudonyms: show the host or AE title instead")
        others = [name for name in (*SOURCES, "with_info", *PERIOD) if name != "inputs"]
        request.refuse(others, f"on {what}")
        show_association(Path(request.inputs[0]), int(one[1]), number, how)
        return
    if request.ledger is not None:
        _show_kept(request, what, number, how, dicom=dicom)
        return
    key = request.key()
    kept = _kept(request, _canonical(what), number, dicom=dicom)
    if not kept:
        raise UsageError(f"{what}: no row of these inputs has it")
    it = "it" if key else what
    listings = []
    for log in (name for name in TABLES if name in kept):
        table = kept[log].select(list(SHOWN[log]))
        table = key.table(table) if key else table
        listed = table.to_pylist()
        for row in listed if log == "frames" else ():
            # What was seen whole has no rate to tell.
            if row["agent"] is None and row["sampling_rate"] == 1:
                row["sampling_rate"] = None
        listings.append(_listing(TABLES[log], it, SHOWN[log], [row.values() for row in listed]))
    emit_several(listings, how)


def _listing(name: str, it: str, columns: Sequence[str], rows: Iterable[Iterable[Any]]) -> Listing:
    title = f"{TITLES.get(name, name.capitalize())} of {it}"
    return Listing(name, title, columns, [[_cell(cell) for cell in row] for row in rows])


def _show_kept(request: Request, what: str, number: int, how: OutputFormat, *, dicom: bool) -> None:
    """Show the rows that a ledger has kept."""
    from pacsflow.cli.inputs import asked
    from pacsflow.library.rows import rows_of

    if dicom:
        raise UsageError("--dicom has no effect with --ledger: filter its connections by service")
    request.refuse(["with_info"], "with --ledger, which keeps no frames")
    key, one = request.key(), _canonical(what)
    # Under a key the ledger knows an address or a title by its pseudonym alone, a uid by itself.
    hidden = [str(key.cell(name, one)) for name in ("id.orig_h", "calling_ae")] if key else []
    with asked(request) as question:
        found = rows_of(question, [one, *hidden], number)
    if not found:
        raise UsageError(f"{what}: no row of this ledger has it")
    it = "it" if request.pseudonymise else what
    emit_several([_listing(name, it, t.columns, t.rows) for name, t in found.items()], how)


def _kept(request: Request, wanted: str, number: int, *, dicom: bool) -> dict[str, pa.Table]:
    """Return the first rows of each log that have what is wanted, in the period asked for."""
    import pyarrow as pa

    from pacsflow.cli.inputs import sources
    from pacsflow.terms.log_fields import ZEEK_LOGS

    request.refuse_idle_zone()
    period, found = request.period(), sources(request)
    name_unread(found.problems)
    kept: dict[str, list[pa.Table]] = {}
    for log, batch in _batches(list(found.sources)):
        if log not in ZEEK_LOGS:
            continue  # for ledgers alone: where a capture begins and ends inside associations
        rows = pa.Table.from_batches([batch.filter(_matches(log, batch, wanted, dicom, period))])
        have = sum(t.num_rows for t in kept.get(log, ()))
        if rows.num_rows and have < number:
            kept.setdefault(log, []).append(rows.slice(0, number - have))
    return {log: pa.concat_tables(tables) for log, tables in kept.items()}


def _canonical(what: str) -> str:
    try:
        return str(ipaddress.ip_address(what))
    except ValueError:
        return what


def _matches(
    log: str,
    batch: pa.RecordBatch,
    wanted: str,
    dicom: bool,
    period: tuple[datetime | None, datetime | None],
) -> pa.Array:
    import pyarrow as pa
    import pyarrow.compute as pc

    from pacsflow.terms.log_fields import ZEEK_LOGS

    names = set(ZEEK_LOGS[log].names)
    keys = ["id.orig_h", "id.resp_h", "host", "uid", "calling_ae", "called_ae", "ae_title"]
    keys += ["src", "dst", "hw_source", "hw_destination", "community_id"]
    mask = pa.array([False] * batch.num_rows, pa.bool_())
    for key in keys:
        if key in names:
            equal = pc.fill_null(pc.equal(batch[key], wanted), fill_value=False)
            mask = pc.or_(mask, equal)
    if dicom and "service" in names:
        is_dicom = pc.match_substring(pc.fill_null(batch["service"], ""), "dicom")
        mask = pc.and_(mask, is_dicom)
    for moment, compare in zip(period, (pc.greater_equal, pc.less), strict=True):
        if moment:
            mask = pc.and_(mask, pc.fill_null(compare(batch["ts"], moment), fill_value=False))
    return mask


def _cell(value: Any) -> Any:  # noqa: ANN401 - a cell is of any type
    if hasattr(value, "isoformat"):
        return value.isoformat(sep=" ", timespec="microseconds").replace("+00:00", "Z")
    return value
