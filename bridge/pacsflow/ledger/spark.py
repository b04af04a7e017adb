"""Reads logs on a Spark cluster, where they lie, into a ledger's staging folder.

Each batch of files is one task of Spark: `staging.stage`, the very code that reads on this machine,
so that both give the same rows. Addresses are listed and read by Spark's own means; the Parquet
files of a batch come back whole, are held against their hashes, and only this machine writes the
ledger. A task that dies is run again by Spark; a job that is killed leaves nothing.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
import warnings
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar, cast

from pacsflow import printable
from pacsflow.errors import InputError, ToolError, UsageError
from pacsflow.ledger.disk import sha256_of
from pacsflow.ledger.fingerprints import stamp
from pacsflow.ledger.records import checked
from pacsflow.ledger.staging import Batch, Staged, Task, stage
from pacsflow.outputs import scratch_folder
from pacsflow.readers import recognise
from pacsflow.readers.remote import RemotePath
from pacsflow.workers import cores

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from pacsflow.ledger.records import Kept
    from pacsflow.ledger.staging import Known
    from pacsflow.readers import Source

T = TypeVar("T")
R = TypeVar("R")
LARGEST = 128 << 20
"""Bytes of a file that Spark hands on whole: it holds it four times at a moment."""
TOGETHER = 64 << 20
"""Bytes of the files that one task looks at to say what they are."""
SET_UP = {"PYSPARK_GATEWAY_PORT", "PYSPARK_SUBMIT_ARGS", "SPARK_CONF_DIR", "SPARK_HOME"}
"""What is in the environment where somebody has set Spark up."""
ENDED = "Spark ended while it read: it may need more memory (--driver-memory, docs/spark.md)"
THIS_MACHINE = {
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.host": "127.0.0.1",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.sql.shuffle.partitions": "1",
}
"""Where nobody names a cluster."""
HINTS = (
    ("No FileSystem for scheme", "give Spark the store's classes (docs/spark.md)"),
    ("ClassNotFoundException", "give Spark the store's classes (docs/spark.md)"),
    ("Credential", "Spark has no credentials for it (docs/spark.md)"),
    ("AccessDenied", "Spark's credentials do not let it (docs/spark.md)"),
    ("UnknownHost", "the host of the address is not known here"),
    ("Connection refused", "nobody answers at the address"),
)  # fmt: skip


@contextmanager
def cluster() -> Iterator[Spark]:
    """Yield Spark as ``spark-submit`` set it up, or on this machine alone; it ends afterwards.

    Raises
    ------
    UsageError
        PySpark is not installed.
    ToolError
        Spark does not start.
    """
    try:
        from pyspark import SparkConf, SparkContext  # noqa: PLC0415 - an extra
        from pyspark.errors import PySparkException  # noqa: PLC0415 - likewise
        from pyspark.sql import SparkSession  # noqa: PLC0415 - likewise
    except ImportError:
        raise UsageError("--engine spark needs PySpark: pip install 'pacsflow[spark]'") from None
    warnings.filterwarnings("ignore", "PySpark does not yet fully support pandas", FutureWarning)
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    if not os.environ.keys() & SET_UP:
        os.environ["PYSPARK_SUBMIT_ARGS"] = f"--driver-memory {max(2, cores())}g pyspark-shell"
    with scratch_folder() as folder:
        log = Path(folder) / "spark.log"
        try:
            with _stderr_to(log):
                SparkContext._ensure_initialized()  # noqa: SLF001 - only Java knows what is set up
                conf = _without_doors(SparkConf())
                session = SparkSession.builder.appName("pacsflow").config(conf=conf).getOrCreate()
        except PySparkException as error:
            raise ToolError(f"Spark does not start: {_why(log, error)}") from None
        try:
            yield Spark(session)
        finally:
            with suppress(Exception):  # Java may be gone
                session.stop()


def _without_doors(conf: Any) -> Any:  # noqa: ANN401 - a SparkConf
    """Return Spark's settings; where it runs on this machine alone, with nothing open to others."""
    if conf.get("spark.master", "local").startswith("local"):
        for name, value in THIS_MACHINE.items():
            conf.setIfMissing(name, value)
    return conf


@contextmanager
def _stderr_to(log: Path) -> Iterator[None]:
    """Let what is started meanwhile write its errors to a file: Java, and Spark's workers."""
    sys.stderr.flush()
    before = os.dup(2)
    try:
        with log.open("wb") as file:
            os.dup2(file.fileno(), 2)
        yield
    finally:
        os.dup2(before, 2)
        os.close(before)


def _why(log: Path, error: Exception) -> str:
    """Return why Java did not start, in one line."""
    lines = [line.strip() for line in log.read_text("utf-8", "replace").splitlines()]
    said = next((line for line in lines if re.search(r"java|class file", line, re.IGNORECASE)), "")
    told = printable.escape_controls(said)[:200] or _told(error)
    return f"it needs Java 17 or later, as java or by JAVA_HOME ({told})"


@dataclass(slots=True)
class Spark:
    """A running Spark: a store of addresses, and hands that read.

    Parameters
    ----------
    session
        Spark's session.
    """

    session: Any
    known: dict[str, Source | InputError] = field(default_factory=dict)
    """What the files are that were listed, by address."""

    def files(self, address: str) -> Iterator[tuple[RemotePath, bool]]:
        """Yield the files at an address, or below it, with whether it names them."""
        told = ("path", "length", "unix_micros(modificationTime) AS changed")
        try:
            rows = self._reading([address]).selectExpr(*told).collect()
        except Exception as error:  # noqa: BLE001 - Spark's, Py4J's, Java's: of one address
            _refuse(address, error)
        paths = [
            RemotePath.of(row.path, row.length, f"{row.length} {row.changed * 1000}")
            for row in sorted(rows, key=lambda row: row.path)
        ]
        self._look_at(paths)
        for path in paths:
            yield path, len(paths) == 1 and address.endswith(path.name)

    def _reading(self, addresses: list[str]) -> Any:  # noqa: ANN401 - a DataFrame
        """Return files as rows of path, modificationTime, length and content."""
        # A task for each file that is listed would take longer than to list it.
        self.session.conf.set("spark.sql.files.openCostInBytes", "4096")
        reader = self.session.read.format("binaryFile").option("recursiveFileLookup", "true")
        return reader.load(addresses)

    def _contents(self, paths: Sequence[RemotePath]) -> Any:  # noqa: ANN401 - an RDD
        """Return addresses and contents of files, in one partition."""
        rows = self._reading([_literally(str(path)) for path in paths])
        return rows.select("path", "content").coalesce(1).rdd

    def recognise(self, path: RemotePath) -> Source | InputError:
        """Return what a listed file is."""
        return self.known[str(path)]

    def _look_at(self, paths: Sequence[RemotePath]) -> None:
        """Find out what files are."""
        large = [path for path in paths if path.size > LARGEST]
        for path in large:
            problem = f"larger than {LARGEST:,} bytes, which Spark hands on"
            hint = "let the log be rotated more often, or mount it and name it by its path"
            self.known[str(path)] = InputError(str(path), problem, hint=hint)
        parts = _parts([path for path in paths if path not in large])
        for part, found in self._side_by_side(parts, self._recognised):
            if not isinstance(found, BaseException):
                self.known.update(found)
            elif len(part) > 1:  # it is one of them: the others can be read
                for path in part:
                    self._look_at([path])
            else:
                address = str(part[0])
                self.known[address] = InputError(address, f"cannot be read: {_told(found)}")

    def _recognised(self, paths: Sequence[RemotePath]) -> dict[str, Source | InputError]:
        there = self._contents(paths).mapPartitions(partial(_look, paths))
        return cast("dict[str, Source | InputError]", _only(there))

    def each(
        self, batches: Sequence[list[Task]], folder: Path, known: Callable[[], Known]
    ) -> Iterator[Batch]:
        """Yield the batches as they are read."""
        parted = [part for batch in batches for part in _by_place(batch)]
        before = known()
        made = self._side_by_side(parted, lambda tasks: self._staged(tasks, before))
        for number, (tasks, found) in enumerate(made):
            if isinstance(found, BaseException) and len(tasks) > 1:  # likewise
                for place, task in enumerate(tasks):
                    yield self.one([task], folder / f"{number}-{place}", before)
            else:
                yield _put(tasks, found, folder / str(number))

    def one(self, tasks: list[Task], folder: Path, known: Known) -> Batch:
        """Read one batch."""
        try:
            return _put(tasks, self._staged(tasks, known), folder)
        except ToolError:
            raise
        except Exception as error:  # noqa: BLE001 - Spark's, Py4J's, Java's: of one batch
            self._must_live()
            return _put(tasks, error, folder)

    def _staged(self, tasks: list[Task], known: Known) -> Made:
        paths = [task.source.path for task in tasks]
        far = [path for path in paths if isinstance(path, RemotePath)]
        if far:
            rows = self._contents(far).mapPartitions(partial(_stage_contents, tasks, known))
        else:
            rows = self.session.sparkContext.parallelize([tasks], 1).map(partial(_stage, known))
        return cast("Made", _only(rows))

    def _must_live(self) -> None:
        """Raise `ToolError` where Spark has ended: no file is to blame for that."""
        try:
            ended = bool(self.session.sparkContext._jsc.sc().isStopped())  # noqa: SLF001
        except Exception:  # noqa: BLE001 - Java is gone, and all that it says is an error
            ended = True
        if ended:
            raise ToolError(ENDED)

    def _side_by_side(
        self, items: Sequence[T], work: Callable[[T], R]
    ) -> Iterator[tuple[T, R | BaseException]]:
        """Yield items and what became of them, as many at work as the cluster has cores."""
        self._must_live()
        context, waiting = self.session.sparkContext, iter(items)
        slots = max(1, context.defaultParallelism) + 1
        with ThreadPoolExecutor(slots) as threads:
            running: dict[Future[R], T] = {}
            try:
                while True:
                    for item in waiting:
                        running[threads.submit(work, item)] = item
                        if len(running) == slots:
                            break
                    if not running:
                        return
                    done, _ = wait(running, return_when=FIRST_COMPLETED)
                    for future in done:
                        error = future.exception()
                        if error:
                            self._must_live()
                        yield running.pop(future), error or future.result()
            except BaseException:
                with suppress(Exception):
                    context.cancelAllJobs()
                threads.shutdown(wait=False, cancel_futures=True)
                raise


@dataclass(frozen=True, slots=True)
class Made:
    """What a task of Spark made: a batch without its folder, and its files."""

    staged: list[Staged]
    files: list[Kept]
    contents: list[bytes]


def _look(
    paths: Sequence[RemotePath], rows: Iterable[tuple[str, bytearray]]
) -> Iterator[dict[str, Source | InputError]]:
    """Say what files are by their contents; runs on the cluster."""
    by_address = {str(path): path for path in paths}
    found: dict[str, Source | InputError] = {}
    for address, content in rows:
        with _here(address, bytes(content)) as path:
            try:
                found[address] = replace(recognise(path), path=by_address[address])
            except InputError as error:
                found[address] = _as_there(error)
    yield found


def _stage(known: Known, tasks: list[Task]) -> Made:
    """Read files that every machine of the cluster sees; runs on the cluster."""
    with scratch_folder() as folder:
        batch = stage(tasks, Path(folder) / "batch", known, threads=1)
        contents = [(batch.folder / kept.name).read_bytes() for kept in batch.files]
        return Made(batch.staged, batch.files, contents)


def _stage_contents(
    tasks: list[Task], known: Known, rows: Iterable[tuple[str, bytearray]]
) -> Iterator[Made]:
    """Read files by their contents; runs on the cluster."""
    there = {str(task.source.path): task for task in tasks}
    with ExitStack() as stack:
        mine, copies = [], []
        for address, content in rows:
            task, data = there[address], bytes(content)
            path = stack.enter_context(_here(address, data))
            mine.append((task, len(data)))
            copies.append(replace(task, source=replace(task.source, path=path)))
        made = _stage(known, copies)
        for staged, (task, size) in zip(made.staged, mine, strict=True):
            _call_as_asked(staged, task, size)
        yield made


def _call_as_asked(staged: Staged, task: Task, size: int) -> None:
    """Put the address in the place of the copy in what is told of a file."""
    path = task.source.path
    staged.task = task
    if staged.print:
        # One that has changed since it was listed is looked at again by the next run.
        listed = stamp(path) if path.stat().st_size == size else ""
        staged.print = replace(staged.print, stamp=listed)
    if isinstance(staged.error, InputError):
        staged.error = _as_there(staged.error)
    quality = staged.quality
    quality.examples[:] = map(printable.as_asked, quality.examples)
    quality.notes[:] = map(printable.as_asked, quality.notes)


@contextmanager
def _here(address: str, content: bytes) -> Iterator[Path]:
    """Yield a copy of a file under its own name."""
    with scratch_folder() as folder:
        path = Path(folder) / address.rpartition("/")[2]
        path.write_bytes(content)
        printable.COPIES[str(path)] = address
        yield path
        del printable.COPIES[str(path)]


def _as_there(error: InputError) -> InputError:
    address, problem = printable.as_asked(error.path), printable.as_asked(error.problem)
    return InputError(address, problem, hint=error.hint, line=error.line)


def _put(tasks: list[Task], found: Made | BaseException, folder: Path) -> Batch:
    """Write what a task made into a folder of the ledger's; its files are then on the disk."""
    if isinstance(found, BaseException):
        problem = f"Spark could not read it: {_told(found)}"
        told = [Staged(task, error=InputError(str(task.source.path), problem)) for task in tasks]
        return Batch(folder, told)
    shutil.rmtree(folder, ignore_errors=True)
    for kept, content in zip(found.files, found.contents, strict=True):
        path = folder / checked(kept.name, folder)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        if sha256_of(path, sync=True) != kept.sha256:
            raise ToolError(f"Spark gave back another {kept.name} than was written")
    return Batch(folder, found.staged, found.files)


def _parts(paths: Sequence[RemotePath]) -> list[list[RemotePath]]:
    """Return files in parts of `TOGETHER` bytes, or of one file."""
    parts: list[list[RemotePath]] = []
    size = TOGETHER + 1
    for path in paths:
        size += path.size
        if size > TOGETHER:
            parts.append([])
            size = path.size
        parts[-1].append(path)
    return parts


def _by_place(batch: list[Task]) -> list[list[Task]]:
    """Return a batch apart by where its files lie."""
    far = [task for task in batch if isinstance(task.source.path, RemotePath)]
    near = [task for task in batch if not isinstance(task.source.path, RemotePath)]
    return [part for part in (near, far) if part]


def _only(rows: Any) -> Any:  # noqa: ANN401 - an RDD of one row
    [found] = rows.collect()
    return found


def _literally(address: str) -> str:
    """Return an address in which nothing is a pattern (Hadoop's `FileSystem.globStatus`)."""
    return re.sub(r"([\\{}\[\]*?^])", r"\\\1", address)


def _told(error: BaseException) -> str:
    """Return the cause of Spark's error as one line."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    caused = [line for line in lines if line.startswith("Caused by: ")]
    said = caused[-1].removeprefix("Caused by: ") if caused else lines[0] if lines else repr(error)
    if said.startswith("An error occurred while calling") and len(lines) > 1:
        said = lines[1].removeprefix(": ")
    return printable.escape_controls(said)[:300]


def _refuse(address: str, error: Exception) -> NoReturn:
    """Raise `InputError` with what Spark said of an address, and what to do."""
    said = _told(error)
    if "PATH_NOT_FOUND" in str(error):
        raise InputError(
            address, "there is no such file or folder", hint="check the path"
        ) from None
    hint = next((hint for word, hint in HINTS if word in str(error)), "")
    raise InputError(address, f"Spark cannot list it: {said}", hint=hint) from None
