"""`show` and the frame columns of `top`: single frames, connections and associations."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import pyarrow as pa
import pyarrow.compute as pc
import typer

from pacsflow.cli import app
from pacsflow.cli.common import (
    Format,
    FormatOption,
    NumberOption,
    PseudonymOption,
    emit,
    key_of,
    name_unread,
    progress,
    warn,
)
from pacsflow.errors import InputError, PacsflowError, UsageError
from pacsflow.explore import COLUMNS, rank_stream
from pacsflow.readers import CaptureOptions, Quality, Source, find, read
from pacsflow.readers import Format as Kind
from pacsflow.terms.log_fields import ZEEK_LOGS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pacsflow.explore import Ranked
    from pacsflow.pseudonyms import Pseudonyms

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
    "notice": ("ts", "uid", "note", "msg", "src", "dst"),
    "ssl": ("ts", "uid", "id.orig_h", "id.resp_h", "id.resp_p", "version", "cipher", "server_name"),
}  # fmt: skip
TITLES = {
    "frames": "Frames",
    "conn": "Connections",
    "dicom": "Associations",
    "known_dicom": "Endpoints",
    "notice": "Notices",
    "ssl": "TLS connections",
}


def sources_of(inputs: list[str] | None) -> list[Source]:
    """Return the inputs that can be read; name the others; raise where there are none."""
    if not inputs:
        raise UsageError("nothing to read: name logs, captures, tables of frames or folders")
    found = find(inputs)
    name_unread(found.problems[1 if not found.sources else 0 :])
    if not found.sources:
        raise (
            found.problems[0]
            if found.problems
            else InputError(inputs[0], "no log or capture that pacsflow reads")
        )
    return list(found.sources)


def _batches(sources: list[Source]) -> Iterator[tuple[str, pa.RecordBatch]]:
    """Yield all rows; a source that cannot be read is named, and the others go on."""
    failed: list[PacsflowError] = []
    with progress("reading") as update:
        for done, source in enumerate(sources, 1):
            quality = Quality()
            try:
                yield from read(source, quality)
            except PacsflowError as error:
                failed.append(error)
            if quality.unreadable:
                warn(f"{source.path}: {quality.unreadable} unreadable; {quality.examples[0]}")
            update(done, len(sources))
    if failed and len(failed) == len(sources):
        raise failed[0]
    name_unread(failed)


def _refuse(sources: list[Source], unread: list[InputError], ranked: Ranked) -> None:
    """Raise where nothing could be read, or the tables have no such column; name what was left."""
    if len(unread) == len(sources):
        raise unread[0]
    name_unread(unread)
    tables = all(source.format is Kind.TABLE for source in sources)
    if tables and ranked.rows and all(row[0] is None for row in ranked.rows):
        hint = "is there such a column?"
        raise InputError(sources[0].path, f"no row of it has a {ranked.by}", hint=hint)


def top_frames(
    inputs: list[str] | None,
    by: str,
    number: int,
    dicom: bool,
    how: Format,
    capture: CaptureOptions | None = None,
    key: Pseudonyms | None = None,
) -> None:
    """Rank frames by one of their own columns."""
    sources = [s for s in sources_of(inputs) if s.log == "frames"]
    if not sources:
        raise UsageError(f"--by {by} ranks frames: give captures or tables of frames, not logs")
    if capture is not None:
        sources = [replace(source, capture=capture) for source in sources]
    unread: list[InputError] = []
    with progress("reading") as update:
        done = 0

        def told(source: Source, quality: Quality) -> None:
            nonlocal done
            done += 1
            update(done, len(sources))
            for note in quality.notes:
                warn(f"{source.path}: {note}")
            if quality.unreadable and not quality.rows:
                problem = f"no row of it can be read; {quality.examples[0]}"
                unread.append(InputError(source.path, problem))
                return
            if quality.unreadable:
                warn(f"{source.path}: {quality.unreadable} unreadable; {quality.examples[0]}")

        ranked = rank_stream(sources, by, number, dicom=dicom, told=told)
    _refuse(sources, unread, ranked)
    # six decimals for people, all there are for programs
    rows = [
        [rank, value, frames, f"{percent:.6f}" if how is Format.TABLE else percent, *octets]
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
    emit(f"Top {by}, of {what} {ranked.total:,} frames", columns, rows, how)


@app.command(rich_help_panel="Look")
def show(
    what: Annotated[
        str, typer.Argument(metavar="WHAT", help="An address, an AE title, or a uid of Zeek.")
    ],
    inputs: Annotated[
        list[str] | None,
        typer.Argument(metavar="INPUTS...", help="Logs, captures, folders.", show_default=False),
    ] = None,
    dicom: Annotated[bool, typer.Option("--dicom", help="Imaging traffic only.")] = False,
    number: NumberOption = 100,
    pseudonymise: PseudonymOption = None,
    how: FormatOption = Format.TABLE,
) -> None:
    """Show the rows that concern one host, AE title or connection, from every input.

    Captures give frames, Zeek logs give connections, associations and notices. WHAT may also be
    `association:N`, the N-th association of one capture, frame by frame.

    Example: `pacsflow show 10.65.143.6 monday.pcap --dicom`
    """
    if (one := re.fullmatch(r"association:(\d{1,9})", what)) is not None:
        from pacsflow.cli.live import show_association  # noqa: PLC0415 - pyshark, for this alone

        if not inputs or len(inputs) != 1:
            raise UsageError(f"{what} is one of a capture: name that one capture")
        if pseudonymise:
            raise UsageError(f"{what} has no pseudonyms: show the host or AE title instead")
        show_association(Path(inputs[0]), int(one[1]), number, how)
        return
    wanted, key = _canonical(what), key_of(pseudonymise)
    kept: dict[str, list[pa.Table]] = {}
    for log, batch in _batches(sources_of(inputs)):
        rows = pa.Table.from_batches([batch.filter(_matches(log, batch, wanted, dicom))])
        have = sum(t.num_rows for t in kept.get(log, ()))
        if rows.num_rows and have < number:
            kept.setdefault(log, []).append(rows.slice(0, number - have))
    if not kept:
        raise UsageError(f"{what}: no row of these inputs has it")
    for log in (name for name in TITLES if name in kept):
        table = pa.concat_tables(kept[log]).select(list(SHOWN[log]))
        table = key.table(table) if key else table
        listed = table.to_pylist()
        for row in listed if log == "frames" else ():
            # What was seen whole has no rate to tell.
            if row["agent"] is None and row["sampling_rate"] == 1:
                row["sampling_rate"] = None
        rows_out = [[_cell(value) for value in row.values()] for row in listed]
        emit(f"{TITLES[log]} of {'it' if key else what}", list(SHOWN[log]), rows_out, how)


def _canonical(what: str) -> str:
    try:
        return str(ipaddress.ip_address(what))
    except ValueError:
        return what


def _matches(log: str, batch: pa.RecordBatch, wanted: str, dicom: bool) -> pa.Array:
    names = set(ZEEK_LOGS[log].names)
    keys = ["id.orig_h", "id.resp_h", "host", "uid", "calling_ae", "called_ae", "ae_title"]
    keys += ["src", "dst", "hw_source", "hw_destination", "community_id"]
    mask = pa.array([False] * batch.num_rows)
    for key in keys:
        if key in names:
            equal = pc.fill_null(pc.equal(batch[key], wanted), fill_value=False)
            mask = pc.or_(mask, equal)
    if dicom and "service" in names:
        is_dicom = pc.match_substring(pc.fill_null(batch["service"], ""), "dicom")
        mask = pc.and_(mask, is_dicom)
    return mask


def _cell(value: Any) -> Any:  # noqa: ANN401 - a cell is of any type
    if hasattr(value, "isoformat"):
        return value.isoformat(sep=" ", timespec="microseconds").replace("+00:00", "")
    return value
