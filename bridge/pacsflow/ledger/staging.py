"""Reads one source into Parquet files in a staging folder; touches nothing of the ledger itself."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pacsflow.errors import InputError, PacsflowError
from pacsflow.hourly import DICOM_PORTS, OF_FRAMES, hourly
from pacsflow.ledger.tables import OF_LOG, TABLES, time_column
from pacsflow.readers import Format, Quality, Source, read
from pacsflow.readers.blocks import opened
from pacsflow.terms.log_fields import ZEEK_LOGS

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """A source's content: SHA-256 of its bytes after decompression, and their number.

    `prefixes` are the hashes of its first bytes, for every length that was asked for, the longest
    first; `stamp` is taken before the file is read, so that a change while reading shows.
    """

    sha256: str
    size: int
    prefixes: tuple[str, ...] = ()
    stamp: str = ""


@dataclass(slots=True)
class Staged:
    """What one source came to; `files` are paths below the staging folder, by table and day."""

    source: Source
    fingerprint: Fingerprint
    quality: Quality = field(default_factory=Quality)
    files: list[str] = field(default_factory=list)
    first: datetime | None = None
    last: datetime | None = None


def stamp(path: Path) -> str:
    """Return size and time of change of a file on disk; empty where it cannot be asked."""
    try:
        found = path.stat()
    except OSError:
        return ""
    return f"{found.st_size} {found.st_mtime_ns}"


def fingerprint(path: Path, lengths: Collection[int] = ()) -> Fingerprint:
    """Hash a file's content, gzip undone, so that a log and its packed copy are the same."""
    whole = hashlib.sha256()
    size, stamped = 0, stamp(path)
    waiting, prefixes = sorted(set(lengths) - {0}, reverse=True), []
    with opened(path) as file:
        while chunk := file.read(1 << 20):
            done = 0
            while waiting and waiting[-1] <= size + len(chunk):
                cut = waiting.pop() - size
                whole.update(chunk[done:cut])
                prefixes.append(whole.copy().hexdigest())
                done = cut
            whole.update(chunk[done:])
            size += len(chunk)
    return Fingerprint(whole.hexdigest(), size, tuple(reversed(prefixes)), stamped)


def stage(source: Source, print_: Fingerprint, staging: Path) -> Staged | PacsflowError:
    """Read `source` into ``staging/TABLE/day=YYYY-MM-DD/HASH.parquet``.

    Returns the error rather than raising it, so that one bad file stops no other.
    """
    staged = Staged(source, print_)
    staging.mkdir(parents=True, exist_ok=True)
    writers = _Writers(staging, print_.sha256[:32])
    try:
        if source.log in {"conn", "frames"}:
            batches = _Remembering(_traffic_rows(staged, writers))
            rows = pa.RecordBatchReader.from_batches(ZEEK_LOGS[source.log], batches)
            try:
                sums = hourly(source.log, rows)
            except Exception as error:
                if batches.error is not None:
                    raise batches.error from None
                told = str(error).splitlines()[0][:300]
                raise InputError(source.path, f"cannot be read: {told}") from error
            for table in ("traffic", "coverage", "connections"):
                writers.write(table, getattr(sums, table))
        else:
            for _ in _traffic_rows(staged, writers):
                pass
        if staged.quality.rows and staged.first is None:
            raise _no_times(staged)
        if not staged.quality.rows and staged.quality.unreadable:
            problem = f"no row of it can be read; {staged.quality.examples[0]}"
            raise InputError(source.path, problem)
    except PacsflowError as error:
        writers.close()
        return error
    staged.files = writers.close()
    return staged


def _no_times(staged: Staged) -> InputError:
    for note in staged.quality.notes:
        if "no column Time" in note:
            hint = "export it too, as UTC date and time"
            return InputError(staged.source.path, note, hint=hint)
    problem = "its times are seconds since the capture began, not dates"
    hint = "give --capture-start 2026-03-02T08:00, or export with UTC date and time"
    return InputError(staged.source.path, problem, hint=hint)


class _Remembering:
    """Iterates, and remembers the error that ended it: an engine's own error hides it."""

    def __init__(self, batches: Iterator[pa.RecordBatch]) -> None:
        self.batches = batches
        self.error: Exception | None = None

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        try:
            yield from self.batches
        except Exception as error:
            self.error = error
            raise


def _traffic_rows(staged: Staged, writers: _Writers) -> Iterator[pa.RecordBatch]:
    """Yield the rows for `hourly`, and write those of the other logs in passing."""
    columns = OF_FRAMES if staged.source.log == "frames" else None
    for log, batch in read(staged.source, staged.quality, columns):
        _watch_time(staged, batch)
        if log in OF_LOG:
            writers.write(OF_LOG[log], pa.Table.from_batches([_kept(log, batch)]))
        else:
            yield batch


def _kept(log: str, batch: pa.RecordBatch) -> pa.RecordBatch:
    """Of ssl.log only connections to DICOM ports are kept: the rest is the web."""
    if log != "ssl":
        return batch
    return batch.filter(pc.is_in(batch["id.resp_p"], pa.array(DICOM_PORTS, pa.int32())))


def _watch_time(staged: Staged, batch: pa.RecordBatch) -> None:
    found = pc.min_max(batch["ts"]).as_py()
    if found["min"] is not None:
        low, high = found["min"].astimezone(UTC), found["max"].astimezone(UTC)
        staged.first = min(staged.first or low, low)
        staged.last = max(staged.last or high, high)


class _Writers:
    """One Parquet file a table and day, all named by the source's hash."""

    def __init__(self, staging: Path, name: str) -> None:
        self.staging = staging
        self.name = name
        self.open: dict[str, pq.ParquetWriter] = {}

    def write(self, table: str, rows: pa.Table) -> None:
        rows = rows.filter(pc.is_valid(rows[time_column(table)]))
        days = pc.cast(rows[time_column(table)], pa.date32(), safe=False)
        for day in sorted(pc.unique(days).to_pylist()):
            part = rows.filter(pc.equal(days, pa.scalar(day, pa.date32())))
            place = f"{table}/day={day.isoformat()}/{self.name}.parquet"
            if place not in self.open:
                path = self.staging / place
                path.parent.mkdir(parents=True, exist_ok=True)
                self.open[place] = pq.ParquetWriter(path, TABLES[table], compression="zstd")
            self.open[place].write_table(part.cast(TABLES[table]))

    def close(self) -> list[str]:
        for writer in self.open.values():
            writer.close()
        return sorted(self.open)


def is_replaceable(source: Source) -> bool:
    """Say whether a file of this kind may still be growing (a log), unlike a capture or a sheet."""
    return source.format in {Format.ZEEK_TSV, Format.ZEEK_JSON}
