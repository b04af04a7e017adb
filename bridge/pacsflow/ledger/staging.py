"""Reads sources into Parquet files in a staging folder; touches nothing of the ledger itself."""

from __future__ import annotations

import re
import shutil
from copy import deepcopy
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from pacsflow.errors import InputError, NoRoomError, PacsflowError, let_interrupts_pass
from pacsflow.ledger.connections import Connections, Learnt
from pacsflow.ledger.engine import engine
from pacsflow.ledger.fingerprints import Fingerprint, Held, held
from pacsflow.ledger.frame_hours import frame_hours
from pacsflow.ledger.parquet import Writers
from pacsflow.ledger.records import IN_SECONDS
from pacsflow.ledger.reread import KeptRows
from pacsflow.ledger.schemas import OF_CONN, OF_FRAMES, REMARKS
from pacsflow.ledger.sensors import sensor_column
from pacsflow.ledger.store import STAGING, no_room
from pacsflow.ledger.tables import OF_LOG, TABLES
from pacsflow.ledger.times import LOG as TIMES_LOG
from pacsflow.ledger.times import RAW as RAW_TIMES
from pacsflow.ledger.times import TimesHours
from pacsflow.readers import Format, Quality, Source, read
from pacsflow.readers.arrays import repeated
from pacsflow.terms.ports import DICOM_PORTS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from pacsflow.ledger.records import Kept
    from pacsflow.ledger.rolled import Rolled

MUCH = 400_000
"""Rows of a source that may wait until it has been read to its end."""
WHOLE = 5
"""From so many rows on it is no chance that all times are whole seconds."""
PLAIN = {Format.ZEEK_TSV, Format.ZEEK_JSON}
"""Formats that pacsflow reads itself, through the file that it holds open."""
GROWING = PLAIN | {Format.CAPTURE}
"""Formats of which a file that has grown begins with what it was before."""


@dataclass(frozen=True, slots=True)
class Task:
    """A source to be read, and what is known of it beforehand.

    Parameters
    ----------
    sensor
        Whose it is; empty where its own rows may say so.
    earlier
        Sizes of logs that it may have grown from, bytes.
    """

    source: Source
    sensor: str = ""
    earlier: tuple[int, ...] = ()

    @property
    def size(self) -> int:
        """Bytes of the source; 0 where it is gone."""
        try:
            return self.source.path.stat().st_size
        except OSError:
            return 0


@dataclass(frozen=True, slots=True)
class Known:
    """What a ledger holds already, as far as reading a source has to know it.

    Parameters
    ----------
    hashes
        SHA-256 of the sources that are in.
    tunnels
        Connections (`uid`) that carry others.
    drop
        Keys of connections that are told elsewhere, by the mark of the file that has them, too.
    rolled
        Connections that other sensors told, of months in which no sensor can be chosen any more.
    """

    hashes: frozenset[str] = frozenset()
    tunnels: frozenset[str] = frozenset()
    drop: dict[str, NDArray[np.int64]] = field(default_factory=dict)
    rolled: Rolled | None = None


@dataclass(slots=True)
class Staged:
    """What one source came to."""

    task: Task
    print: Fingerprint | None = None
    quality: Quality = field(default_factory=Quality)
    first: datetime | None = None
    last: datetime | None = None
    sensors: set[str] = field(default_factory=set)
    twins: int = 0
    whole: bool = True
    """Whether all its times are whole seconds: no copy of it is known again by them."""
    sampled: bool = False
    """Whether some of its rows are estimates from samples."""
    known: bool = False
    """Whether its content is in the ledger already: then nothing of it was read."""
    error: PacsflowError | None = None


@dataclass(slots=True)
class Batch:
    """Several sources that share files, and come into the ledger together."""

    folder: Path
    staged: list[Staged] = field(default_factory=list)
    files: list[Kept] = field(default_factory=list)


class Hands(Protocol):
    """Who reads batches of sources: processes of this machine, or a cluster's."""

    def each(
        self, batches: Sequence[list[Task]], folder: Path, known: Callable[[], Known]
    ) -> Iterator[Batch]:
        """Yield the batches as they are read, each below a folder of its own in `folder`.

        `known` says what is known at that moment.
        """

    def one(self, tasks: list[Task], folder: Path, known: Known) -> Batch:
        """Read one batch into a folder, as `stage` does."""


class _SpoiledError(Exception):
    """Rows of a source that may not stay are in the files already: all is to be read again."""


@dataclass(slots=True)
class _Lesson:
    """What reading a source has taught, for reading it again."""

    kept: KeptRows
    failed: PacsflowError | None = None
    learnt: Learnt = field(default_factory=Learnt)


def stage(tasks: list[Task], folder: Path, known: Known, *, threads: int | None = None) -> Batch:
    """Read sources into ``folder/TABLE/day=YYYY-MM-DD/....parquet``.

    A source's error is kept with it, so that one bad file stops no other; of one that is known
    by its content, or failed, no row is in the files.
    """
    aside = folder.with_name(f"{folder.name}.read")
    lessons = [_Lesson(KeptRows(aside / str(number))) for number, _ in enumerate(tasks)]
    try:
        while True:
            shutil.rmtree(folder, ignore_errors=True)
            try:
                folder.mkdir(parents=True)
                return _stage(tasks, folder, known, lessons, threads)
            except _SpoiledError:
                continue
            except OSError as error:
                shutil.rmtree(folder, ignore_errors=True)
                ours = folder.parent.name == STAGING
                told: PacsflowError = no_room(folder.parents[1] if ours else folder, error)
                if not isinstance(told, NoRoomError):
                    told = InputError(folder, f"cannot be written: {error.strerror or error}")
                return Batch(folder, [Staged(task, error=told) for task in tasks])
    finally:
        for lesson in lessons:
            lesson.kept.give_up()
        shutil.rmtree(aside, ignore_errors=True)


def _stage(
    tasks: list[Task],
    folder: Path,
    known: Known,
    lessons: list[_Lesson],
    threads: int | None,
) -> Batch:
    batch, seen = Batch(folder), set(known.hashes)
    writers = Writers(folder)
    try:
        with engine(threads=threads) as duck:
            times = TimesHours(duck)
            for task, lesson in zip(tasks, lessons, strict=True):
                staged = Staged(task, error=lesson.failed)
                batch.staged.append(staged)
                if staged.error:
                    continue
                rows = _Rows(writers, times)
                try:
                    _read(staged, rows, seen, known, lesson, duck)
                    rows.give()
                except PacsflowError as error:
                    staged.error = lesson.failed = error
                    if rows.given:
                        raise _SpoiledError from None
                if staged.print and not staged.error:
                    seen.add(staged.print.sha256)
            for hours in times.finish():
                writers.add("times", hours)
        batch.files = writers.close()
    except BaseException:
        writers.abandon()
        raise
    return batch


class _Rows:
    """Rows of one source, which wait until it has been read to its end where they are not many."""

    def __init__(self, writers: Writers, times: TimesHours) -> None:
        self.writers = writers
        self.times = times
        self.waiting: list[tuple[str, pa.Table]] = []
        self.count = 0
        self.given = False

    def add(self, table: str, rows: pa.Table) -> None:
        self.waiting.append((table, rows))
        self.count += rows.num_rows
        if self.count > MUCH:
            self.give()

    def give(self) -> None:
        for table, rows in self.waiting:
            for made in self.times.take(rows) if table == "times" else (rows,):
                self.writers.add(table, made)
        self.given |= bool(self.waiting)
        self.waiting, self.count = [], 0


def _read(
    staged: Staged,
    rows: _Rows,
    seen: set[str],
    known: Known,
    lesson: _Lesson,
    duck: duckdb.DuckDBPyConnection,
) -> None:
    """Read one source; `PacsflowError` where it cannot be used, or changed meanwhile."""
    source = staged.task.source
    with held(source.path) as file:
        earlier = staged.task.earlier if source.format in GROWING else ()
        staged.print = file.fingerprint(earlier)
        if staged.print.sha256 in seen:
            staged.known = True
            return
        try:
            if source.log == "frames":
                _read_frames(staged, rows, staged.print.sha256[:16], duck)
            else:
                _read_log(staged, file, rows, known, lesson, duck)
        finally:
            # What changed under the reader may look damaged to it: say what happened instead.
            file.check(by_name=source.format not in PLAIN)
    if staged.quality.rows and staged.first is None:
        raise _no_times(staged)
    if (made := _remarks(staged, lesson.learnt)).num_rows:
        rows.add("remarks", _marked("remarks", made, staged.print.sha256[:16]))
    if not staged.quality.rows and staged.quality.unreadable:
        raise InputError(source.path, f"no row of it can be read; {staged.quality.examples[0]}")


def _read_log(
    staged: Staged,
    file: Held,
    rows: _Rows,
    known: Known,
    lesson: _Lesson,
    duck: duckdb.DuckDBPyConnection,
) -> None:
    """Read a Zeek log, again where its own connections turn out to be told twice."""
    assert staged.print is not None  # noqa: S101 - for the reader of types: it was just made
    mark = staged.print.sha256[:16]
    source = replace(staged.task.source, path=file.path)
    while True:
        drop = known.drop.get(mark)
        connections = Connections(
            duck, source.path.name, known.tunnels, drop, lesson.learnt, known.rolled
        )
        for log, batch in _log_rows(source, staged, lesson.kept):
            _watch_time(staged, batch)
            sensor = sensor_column(batch, staged.task.sensor)
            if log == "conn":
                made = connections.add(batch, sensor)
            else:
                made = _others(log, batch, sensor, "zeek")
            for table, part in made:
                rows.add(table, _marked(table, part, mark))
        if not connections.again():
            break
        if rows.given:
            raise _SpoiledError
        rows.waiting, rows.count = [], 0
    for table, made in connections.finish():
        rows.add(table, _marked(table, made, mark))
    staged.twins, staged.sensors = connections.twins, connections.sensors
    for text in connections.told():
        staged.quality.note(text)
    if staged.whole and source.log == "conn" and staged.quality.rows >= WHOLE:
        staged.quality.note(IN_SECONDS)


def _log_rows(
    source: Source, staged: Staged, kept: KeptRows
) -> Iterator[tuple[str, pa.RecordBatch]]:
    """Yield a log's rows, as an earlier reading has kept them where reading them is dear."""
    if kept.read is not None:
        staged.quality = deepcopy(kept.read)
        yield from kept.rows()
        return
    staged.quality = quality = Quality()
    for log, batch in read(source, quality, OF_CONN if source.log == "conn" else None):
        if not quality.dear:
            kept.give_up()
        kept.add(log, batch)
        yield log, batch
    kept.finish(quality)


def _remarks(staged: Staged, learnt: Learnt) -> pa.Table:
    """Return what holds of a source as a whole, as rows of ``remarks``."""
    copies, frames, _ = staged.quality.repeated
    told = ("copies", copies, frames), ("spread", learnt.split, staged.quality.rows)
    sensors = {staged.task.sensor} - {""} or staged.sensors
    common = {
        "ts": staged.first,
        "name": re.sub(r"\d+", "*", staged.task.source.path.name)[:200],
        "sensor": next(iter(sensors)) if len(sensors) == 1 else None,
    }
    rows = [{**common, "what": what, "number": n, "total": of} for what, n, of in told if n]
    return pa.Table.from_pylist(rows if staged.first else [], REMARKS)


def _others(
    log: str, batch: pa.RecordBatch, sensor: pa.Array, origin: str
) -> Iterator[tuple[str, pa.Table]]:
    """Yield what is kept of a log that tells no traffic, with its table; nothing of other logs."""
    if log == TIMES_LOG:
        rows = _kept(log, batch, sensor)
        named = pa.repeat(pa.scalar(origin, pa.string()), rows.num_rows)
        yield "times", rows.append_column("origin", named)
    elif log in OF_LOG:
        yield OF_LOG[log], _kept(log, batch, sensor)


def _read_frames(staged: Staged, rows: _Rows, mark: str, duck: duckdb.DuckDBPyConnection) -> None:
    aside: list[tuple[str, pa.RecordBatch]] = []
    associations: list[pa.RecordBatch] = []

    def frames() -> Iterator[pa.RecordBatch]:
        for log, batch in read(staged.task.source, staged.quality, OF_FRAMES):
            _watch_time(staged, batch)
            if log == "frames":
                yield batch
            else:
                aside.append((log, batch))
                associations.extend([batch] if log == "dicom" else [])

    try:
        hours, said = frame_hours(duck, frames(), associations)
    except (duckdb.Error, pa.ArrowException) as error:
        let_interrupts_pass(error)
        told = str(error).splitlines()[0][:300]
        raise InputError(staged.task.source.path, f"cannot be read: {told}") from error
    for sentence in said:
        staged.quality.note(sentence)
    for log, batch in aside:
        sensor = sensor_column(batch, staged.task.sensor)
        for table, part in _others(log, batch, sensor, "capture"):
            rows.add(table, _marked(table, part, mark))
    for table, made in hours:
        if "origin" in made.column_names:
            staged.sampled |= "sflow" in made["origin"].unique().to_pylist()
        rows.add(table, _marked(table, _named(made, staged.task.sensor), mark))


def _named(rows: pa.Table, sensor: str) -> pa.Table:
    """Return rows with the sensor that they are of, where one is known."""
    if not sensor:
        return rows
    place = rows.schema.get_field_index("sensor")
    return rows.set_column(place, "sensor", pa.array([sensor] * len(rows), pa.string()))


def _marked(table: str, rows: pa.Table, mark: str) -> pa.Table:
    """Return rows in a table's columns, with the mark of the file that they are of."""
    made = repeated(mark, rows.num_rows)
    place = rows.schema.get_field_index("file")
    rows = rows.set_column(place, "file", made) if place >= 0 else rows.append_column("file", made)
    return rows.select(RAW_TIMES if table == "times" else TABLES[table].names)


def _no_times(staged: Staged) -> InputError:
    for note in staged.quality.notes:
        if "no column Time" in note:
            hint = "export it too, as UTC date and time"
            return InputError(staged.task.source.path, note, hint=hint)
    problem = "its times are seconds since the capture began, not dates"
    hint = "give --capture-start 2026-03-02T08:00, or export with UTC date and time"
    return InputError(staged.task.source.path, problem, hint=hint)


def _kept(log: str, batch: pa.RecordBatch, sensor: pa.Array) -> pa.Table:
    """Return a log's rows with their sensor; of ssl.log connections to DICOM ports alone."""
    rows = pa.Table.from_batches([batch])
    if "sensor" in rows.column_names:
        rows = rows.drop_columns(["sensor"])
    rows = rows.append_column("sensor", sensor)
    if log != "ssl":
        return rows
    return rows.filter(pc.is_in(rows["id.resp_p"], pa.array(DICOM_PORTS, pa.int32())))


def _watch_time(staged: Staged, batch: pa.RecordBatch) -> None:
    found = pc.min_max(batch["ts"]).as_py()
    if staged.whole and batch.num_rows:
        steps = batch["ts"].cast(pa.int64()).drop_null().to_numpy(zero_copy_only=False)
        staged.whole = not bool((steps % 1_000_000).any())
    if found["min"] is not None:
        low, high = found["min"].astimezone(UTC), found["max"].astimezone(UTC)
        staged.first = min(staged.first or low, low)
        staged.last = max(staged.last or high, high)
