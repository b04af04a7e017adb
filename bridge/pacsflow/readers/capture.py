"""Reads captures (pcap, pcapng, also gzip) through tshark with the Wireshark plugin."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from pacsflow.agents import remarks
from pacsflow.errors import InputError
from pacsflow.outputs import scratch_folder
from pacsflow.programs import tools, unprivileged
from pacsflow.programs.dissection import without_plugin
from pacsflow.programs.tshark import ExportedLogs, export_logs
from pacsflow.readers import capture_log, capture_order, capture_plain, zeek_tsv
from pacsflow.readers.blocks import head
from pacsflow.readers.foreign_captures import is_foreign
from pacsflow.readers.quality import Quality
from pacsflow.readers.zeek_values import EARLIEST

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from pacsflow.programs.tools import Tool
    from pacsflow.readers.capture_log import Told
    from pacsflow.readers.source import CaptureOptions

NOT_BRIEF = frozenset({"hw_source", "hw_destination", "vlan", "info"})
NO_CLOCK = (
    "its clock was not set (frames from before 1990): they cannot be put into hours without "
    "--capture-start 2026-03-02T08:00"
)
ENDS_EARLY = "the capture ends in the middle of a packet; what stands before it was read"
EMPTY = "there is no packet in the capture"


def read(
    path: Path,
    quality: Quality,
    options: CaptureOptions,
    columns: Collection[str] | None = None,
) -> Iterator[tuple[str, pa.RecordBatch]]:
    """Yield ``(log, rows)`` of frames, the tag logs and sflow, as the plugin tells them.

    Where `columns` are given, other columns of frames may be null. Where the clock of whatever
    made the capture was not set, its times count from ``options.start``, and are null without one.
    Raises `InputError` where tshark cannot open the capture, `ToolError` without a tshark.
    """
    tshark = tools.tshark()
    if (reason := without_plugin(tshark)) is not None:
        quality.note(f"read without tags: {reason}")
        yield from (("frames", batch) for batch in capture_plain.read(path, quality))
        return
    with scratch_folder() as folder:
        path = _as_pcapng(path, Path(folder) / "rewritten", tshark)
        brief = columns is not None and NOT_BRIEF.isdisjoint(columns)
        logs, told, timeless = _exported(path, Path(folder), tshark, options, brief=brief)
        for note in _notes(logs, told, timeless=timeless):
            quality.note(note)
        copies, size = told.copies
        quality.repeated = copies, told.frames("seen"), size
        translated = pa.array(told.translated, pa.string())
        for batch in zeek_tsv.read(logs.frames, "frames", quality, columns):
            kept = batch.filter(pc.invert(pc.is_in(batch["flow"], translated)))
            yield "frames", _without_time(kept) if timeless else _since_clocks(kept)
        if timeless:
            return
        yield "edges", told.edges()
        tagged = ("dicom", logs.dicom), ("known_dicom", logs.known_dicom)
        for log, part in (*tagged, ("dicom_times", logs.dicom_times)):
            of_log = Quality()
            yield from ((log, batch) for batch in zeek_tsv.read(part, log, of_log))
            quality.unreadable += of_log.unreadable
        if logs.sflow is not None:
            of_log = Quality()
            found = list(zeek_tsv.read(logs.sflow, "sflow", of_log))
            for remark in remarks(pa.Table.from_batches(found)):
                quality.note(remark)
            yield from (("sflow", batch) for batch in found)


def _notes(logs: ExportedLogs, told: Told, *, timeless: bool) -> Iterator[str]:
    if timeless:
        yield NO_CLOCK
    if told.span is None:
        yield EMPTY
    for warning in logs.warnings:
        yield ENDS_EARLY if "cut short" in warning else warning[:300]
    yield from told.notes()


def _exported(
    path: Path, folder: Path, tshark: Tool, options: CaptureOptions, *, brief: bool
) -> tuple[ExportedLogs, Told, bool]:
    """Return the logs of a capture, what became of its frames, and whether its times mean nothing.

    They do not where its clock was not set at any time of it.
    """
    logs = _export(path, folder, tshark, options, brief=brief)
    told = capture_log.read(logs.capture)
    if capture_order.is_wanted(told, logs.dicom):
        logs, told = _sorted(path, folder, tshark, options, logs, told, brief=brief)
    if told.span is None or told.span[1] >= EARLIEST:
        return logs, told, False
    start = options.start.timestamp() if options.start else int(EARLIEST)
    moved = _moved(path, folder / "moved", Decimal(start) - told.span[0], tshark)
    if moved is not None:
        logs = _export(moved, folder, tshark, options, brief=brief)
        told = capture_log.read(logs.capture)
    return logs, told, options.start is None


def _sorted(
    path: Path,
    folder: Path,
    tshark: Tool,
    options: CaptureOptions,
    logs: ExportedLogs,
    told: Told,
    *,
    brief: bool,
) -> tuple[ExportedLogs, Told]:
    """Return what the capture tells in the order of its times, where that is not less."""
    ordered = capture_order.in_order(path, folder / "ordered", tshark)
    if ordered is None:
        return logs, told
    again = _export(ordered, folder / "again", tshark, options, brief=brief)
    if not _is_better(again, logs):
        return logs, told
    return again, capture_log.read(again.capture).out_of_order(told)


def _is_better(one: ExportedLogs, other: ExportedLogs) -> bool:
    missing, rows = capture_order.lost(one.dicom)
    before, fewer = capture_order.lost(other.dicom)
    return missing < before or (not fewer and rows > 0)


def _export(
    path: Path, folder: Path, tshark: Tool, options: CaptureOptions, *, brief: bool
) -> ExportedLogs:
    return export_logs(
        path,
        folder,
        tshark=str(tshark.path),
        inventory=options.inventory,
        sampling_rate=options.sampling_rate,
        keylog=options.keylog,
        brief=brief,
        with_info=options.with_info,
    )


def _as_pcapng(path: Path, target: Path, tshark: Tool) -> Path:
    """Return a capture in the form that plugin and bridge look into themselves."""
    if not is_foreign(head(path)):
        return path
    rewritten = _moved(path, target, Decimal(0), tshark)
    if rewritten is None:
        problem = "editcap, which comes with tshark, cannot rewrite it as pcapng"
        raise InputError(path, problem, hint="save it as pcapng in Wireshark")
    return rewritten


def _moved(path: Path, target: Path, seconds: Decimal, tshark: Tool) -> Path | None:
    """Write the capture with its times moved by `seconds`; None where that cannot be done."""
    editcap = tools.beside(tshark, "editcap")
    if editcap is None:
        return None
    account = unprivileged.account_for(editcap)
    with path.open("rb") as capture, target.open("wb") as moved:
        process = unprivileged.start(
            [editcap, "-t", f"{seconds:.6f}", "-", "-"],
            account,
            folder=Path("/"),
            stdin=capture,
            stdout=moved,
        )
        return target if process.wait() == 0 else None


def _since_clocks(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Return the rows without the times of a clock that was not set yet."""
    place = batch.schema.get_field_index("ts")
    ts = batch["ts"]
    limit = pa.scalar(int(EARLIEST) * 1_000_000, pa.int64()).cast(ts.type)
    return batch.set_column(
        place, batch.schema.field(place), pc.if_else(pc.less(ts, limit), None, ts)
    )


def _without_time(batch: pa.RecordBatch) -> pa.RecordBatch:
    place = batch.schema.get_field_index("ts")
    nulls = pa.nulls(batch.num_rows, batch.schema.field(place).type)
    return batch.set_column(place, batch.schema.field(place), nulls)
