"""Reads captures (pcap, pcapng, also gzip) through tshark with the Wireshark plugin."""

from __future__ import annotations

import tempfile
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from pacsflow.agents import remarks
from pacsflow.programs import located, unprivileged
from pacsflow.programs.dissection import without_plugin
from pacsflow.programs.tshark import ExportedLogs, export_logs
from pacsflow.readers import capture_plain, zeek_tsv
from pacsflow.readers.quality import Quality
from pacsflow.readers.values import EARLIEST

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from pacsflow.programs.located import Tool
    from pacsflow.readers.sniff import CaptureOptions

NOT_BRIEF = frozenset({"hw_source", "hw_destination", "vlan", "info"})
NO_CLOCK = (
    "its clock was not set (frames from before 1990): they cannot be put into hours without "
    "--capture-start 2026-03-02T08:00"
)


def read(
    path: Path,
    quality: Quality,
    options: CaptureOptions,
    columns: Collection[str] | None = None,
) -> Iterator[tuple[str, pa.RecordBatch]]:
    """Yield ``(log, rows)`` of frames, dicom, known_dicom and sflow, as the plugin tags them.

    Where `columns` are given, other columns of frames may be null. Where the clock of whatever
    made the capture was not set, its times count from ``options.start``, and are null without one.
    Raises `InputError` where tshark cannot open the capture, `ToolError` without a tshark.
    """
    tshark = located.tshark()
    if (reason := without_plugin(tshark)) is not None:
        quality.note(f"read without tags: {reason}")
        yield from (("frames", batch) for batch in capture_plain.read(path, quality))
        return
    with tempfile.TemporaryDirectory(prefix="pacsflow-") as folder:
        brief = columns is not None and NOT_BRIEF.isdisjoint(columns)
        logs, timeless = _exported(path, Path(folder), tshark, options, brief=brief)
        if timeless:
            quality.note(NO_CLOCK)
        for warning in logs.warnings:
            quality.note(warning[:300])
        nameless = 0
        for batch in zeek_tsv.read(logs.frames, "frames", quality, columns):
            nameless += batch["id.orig_h"].null_count if logs.sflow else 0
            yield "frames", _without_time(batch) if timeless else batch
        if nameless:
            quality.note(f"{nameless:,} frames without IP addresses, in no host's total")
        if timeless:
            return
        for log, part in (("dicom", logs.dicom), ("known_dicom", logs.known_dicom)):
            of_log = Quality()
            yield from ((log, batch) for batch in zeek_tsv.read(part, log, of_log))
            quality.unreadable += of_log.unreadable
        if logs.sflow is not None:
            of_log = Quality()
            found = list(zeek_tsv.read(logs.sflow, "sflow", of_log))
            for remark in remarks(pa.Table.from_batches(found)):
                quality.note(remark)
            yield from (("sflow", batch) for batch in found)


def _exported(
    path: Path, folder: Path, tshark: Tool, options: CaptureOptions, *, brief: bool
) -> tuple[ExportedLogs, bool]:
    """Return the logs of a capture, and whether their times mean nothing."""
    logs = _export(path, folder, tshark, options, brief=brief)
    first = _first(logs.sflow or logs.frames)
    if first is None or first >= EARLIEST:
        return logs, False
    start = options.start.timestamp() if options.start else int(EARLIEST)
    moved = _moved(path, folder / "moved", Decimal(start) - first, tshark)
    if moved is not None:
        logs = _export(moved, folder, tshark, options, brief=brief)
    return logs, options.start is None


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
    )


def _first(log: Path) -> Decimal | None:
    """Return the time of a log's first row, seconds since 1970."""
    with log.open("rb") as rows:
        for line in rows:
            if not line.startswith(b"#"):
                try:
                    return Decimal(line.split(b"\t", 1)[0].decode("ascii", "replace"))
                except InvalidOperation:
                    return None
    return None


def _moved(path: Path, target: Path, seconds: Decimal, tshark: Tool) -> Path | None:
    """Write the capture with its times moved by `seconds`; None where that cannot be done."""
    editcap = located.beside(tshark, "editcap")
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


def _without_time(batch: pa.RecordBatch) -> pa.RecordBatch:
    place = batch.schema.get_field_index("ts")
    nulls = pa.nulls(batch.num_rows, batch.schema.field(place).type)
    return batch.set_column(place, batch.schema.field(place), nulls)
