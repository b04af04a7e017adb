"""Finds the inputs: files, folders with what is below them, globs, and standard input."""

from __future__ import annotations

import glob
import hashlib
import os
import stat
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from pacsflow.errors import ForeignError, InputError, UsageError, unreadable
from pacsflow.readers.blocks import head, opened
from pacsflow.readers.remote import RemotePath, as_path, is_address
from pacsflow.readers.sniff import recognise
from pacsflow.readers.source import CaptureOptions, Format, Source
from pacsflow.readers.spooled import STANDARD_INPUT, spool

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from pacsflow.readers.remote import Store

NOT_DATA = {"SIMULATED", "inventory.tsv"}
ZEEKS_OWN = (
    "conn-summary", "stderr.", "stdout.", "stats.", "loaded_scripts.", "prof.", "debug.",
    "fatal_error", "reporter.", "crash-diag", "post-terminate",
)  # fmt: skip
"""What the names of files begin with that Zeek and ZeekControl write beside the logs."""
ARCHIVES = (".zip", ".tar", ".tgz", ".tar.gz", ".tar.bz2", ".tar.xz", ".7z", ".rar")
ARCHIVED, HIDDEN, OTHERS = "archives (unpack them first)", "hidden files", "other files"
ZEEKS = "files of Zeek's own"
ONE = {
    ARCHIVED: "archive (unpack it first)", HIDDEN: "hidden file", OTHERS: "other file",
    ZEEKS: "file of Zeek's own",
}  # fmt: skip
"""What one of several is called."""
LOGS = (".gz", ".zst", ".xz", ".bz2", ".lz4")
EXAMPLES = 5
"""So many files of a folder are named that are wrong in the same way; the others are counted."""
CAPTURES = (".pcap", ".pcapng", ".cap")
BEGIN = 4096
"""Bytes of an unpacked file that are compared before all of them."""


@dataclass(frozen=True, slots=True)
class Inputs:
    """The inputs that can be read, and those that cannot, each with its reason.

    `unused` are Zeek logs that pacsflow has no use for, such as dns.log, or whose rows stand in
    another log that is there, such as notice_alarm.log beside notice.log.
    """

    sources: tuple[Source, ...]
    problems: tuple[InputError, ...]
    unused: tuple[Source, ...]
    simulated: bool = False
    """True where a folder says that its logs were simulated."""
    passed: dict[str, int] = field(default_factory=dict)
    """Files in folders that are no logs, by kind."""

    def summary(self) -> str:
        """Return one line that says what was passed over; empty where nothing was."""
        twins = [s for s in self.unused if s.twin]
        parts = [f"{s.path.name} (its rows stand in {s.log}.log)" for s in twins[:3]]
        if len(twins) > 3:
            parts.append(f"{len(twins) - 3} more of that kind")
        logs = Counter(f"{s.log}.log" for s in self.unused if not s.twin)
        for counted in (logs, self.passed):
            most = sorted(counted.items(), key=lambda item: (-item[1], item[0]))
            parts += [_said(number, kind) for kind, number in most[:6]]
            if len(most) > 6:
                rest = sum(number for _, number in most[6:])
                parts.append(f"{rest:,} of {len(most) - 6} other kinds")
        return f"passed over: {', '.join(parts)}" if parts else ""


def _said(number: int, kind: str) -> str:
    """Return how many files there are of a kind, which has a suffix behind its name."""
    for several, one in ONE.items():
        if number == 1 and kind.startswith(several):
            kind = one + kind.removeprefix(several)
    return f"{number:,} {kind}"


def find(
    inputs: Iterable[str | Path],
    capture: CaptureOptions | None = None,
    *,
    store: Store | None = None,
) -> Inputs:
    """Recognise files, folders (with what is below them), globs, and ``-`` for standard input.

    With a store, addresses (``hdfs://``, ``s3a://``) too.

    A file named by the user that is nothing pacsflow reads is a problem; one met inside a folder
    is passed over and counted, unless its name says that it should have been a log or a capture.
    Raises `UsageError` where one moment is given as the start of several captures or tables.
    """
    sources: dict[Path, Source] = {}
    problems: list[InputError] = []
    unused: list[Source] = []
    passed: Counter[str] = Counter()
    told: Counter[str] = Counter()
    simulated = False
    for path, named in _expand(inputs, problems, store):
        real = _real(path)
        if real in sources:
            continue
        if not named and path.name in NOT_DATA:
            simulated |= path.name == "SIMULATED"
            continue
        simulated |= named and _beside(path, "SIMULATED").is_file()
        if not named and (kind := _no_log(path)):
            passed[kind] += 1
            continue
        try:
            source = _recognised(path, store)
        except InputError as error:
            told[error.problem] += 1
            if not named and error.problem.startswith("an archive"):
                passed[ARCHIVED] += 1
            elif named or (_should_be_data(path) and told[error.problem] <= EXAMPLES):
                problems.append(error)
            else:
                passed[_kind(path, error)] += 1
            continue
        if source.format is Format.OTHER_LOG:
            unused.append(source)
        else:
            sources[real] = source
    kept, twins = _without_twins(list(sources.values()))
    if capture:
        kept = _with_options(kept, capture)
    return Inputs(tuple(kept), tuple(problems), (*unused, *twins), simulated, dict(passed))


def _kind(path: Path, error: InputError) -> str:
    """Return the kind of a file that is not read: what it holds, else the end of its name."""
    what = path.suffix.lower()[:12]
    if isinstance(error, ForeignError):
        what = error.what.partition(" (")[0]
    return f"{OTHERS}{what and f' ({what})'}"


def without_copies(sources: Iterable[Source]) -> tuple[list[Source], list[tuple[Source, Source]]]:
    """Return sources of different content, and each copy with the source that it is a copy of.

    Packed files are compared unpacked.
    """
    whose: dict[tuple[Format, str], Source] = {}
    copies: list[tuple[Source, Source]] = []
    given = list(sources)
    for source in _that_begin_alike(given):
        first = whose.setdefault((source.format, _digest(source.path)), source)
        if first is not source:
            copies.append((source, first))
    left = {id(copy) for copy, _ in copies}
    return [source for source in given if id(source) not in left], copies


def _that_begin_alike(sources: Sequence[Source]) -> list[Source]:
    """Return the sources whose first bytes another one has, too: the others are no copies."""
    if len(sources) < 2:
        return []
    begins = [(source.format, _begin(source.path)) for source in sources]
    number = Counter(begins)
    return [source for source, begin in zip(sources, begins, strict=True) if number[begin] > 1]


def _begin(path: Path) -> bytes:
    """Return the first bytes of an unpacked file; one that cannot be read is like no other."""
    try:
        return head(path, BEGIN)
    except InputError:
        return os.fsencode(path)


def _digest(path: Path) -> str:
    """Return the SHA-256 of an unpacked file; one that cannot be read is like no other."""
    made = hashlib.sha256()
    try:
        with opened(path) as file:
            while data := file.read(1 << 20):
                made.update(data)
    except InputError:
        return str(path)
    return made.hexdigest()


def _without_twins(sources: list[Source]) -> tuple[list[Source], list[Source]]:
    """Return what counts, and logs whose rows stand in another one that is there.

    Of conn.log's twins every connection may be one that conn.log does not have (yet): the ledger
    knows each again.
    """
    there = {source.log for source in sources if not source.twin} - {"conn"}
    twins = [s for s in sources if s.twin and s.log in there]
    return [s for s in sources if not (s.twin and s.log in there)], twins


def _with_options(sources: list[Source], capture: CaptureOptions) -> list[Source]:
    """Return the sources with what the user said of captures and tables, each with its start."""
    frames = [s for s in sources if s.log == "frames"]
    if capture.start is not None and len(frames) > 1:
        raise UsageError(
            f"--capture-start is one moment, and there are {len(frames)} captures or tables; give "
            "each its own: --capture-start FILE=TIME"
        )
    used: set[str] = set()
    made: list[Source] = []
    for source in sources:
        if source.log == "frames":
            start = capture.start
            for name, moment in capture.starts:
                if _is_named(source.path, name):
                    start = moment
                    used.add(name)
            source = replace(source, capture=replace(capture, start=start))  # noqa: PLW2901
        elif source.format is Format.ZEEK_TABLE:
            source = replace(source, capture=CaptureOptions(date_order=capture.date_order))  # noqa: PLW2901
        made.append(source)
    if unknown := [name for name, _ in capture.starts if name not in used]:
        raise UsageError(f"--capture-start: there is no capture or table {unknown[0]!r}")
    return made


def _is_named(path: Path, name: str) -> bool:
    return name in {str(path), path.name} or _real(path) == _real(Path(name))


def _real(path: Path) -> Path:
    return path if isinstance(path, RemotePath) else Path(os.path.realpath(path))


def _beside(path: Path, name: str) -> Path:
    return Path(os.path.dirname(path)) / name  # noqa: PTH120 - also where it is an address


def _recognised(path: Path, store: Store | None) -> Source:
    if not isinstance(path, RemotePath) or store is None:
        return recognise(path)
    found = store.recognise(path)
    if isinstance(found, InputError):
        raise found
    return found


def _expand(
    inputs: Iterable[str | Path], problems: list[InputError], store: Store | None
) -> Iterator[tuple[Path, bool]]:
    """Yield every file with whether the user named it."""
    for given in inputs:
        there = _at(str(given), store) if is_address(given) else _files(given, problems)
        try:
            yield from there
        except InputError as error:
            problems.append(error)


def _at(address: str, store: Store | None) -> Iterator[tuple[Path, bool]]:
    """Yield the files at an address."""
    if store is None:
        hint = "pacsflow ingest --engine spark reads it where it lies"
        raise InputError(address, "an address, no path", hint=hint)
    yield from store.files(address)


def _files(given: str | Path, problems: list[InputError]) -> Iterator[tuple[Path, bool]]:
    path = as_path(given)
    if str(given) == STANDARD_INPUT:
        yield spool(None), True
    elif path.is_dir():
        yield from _inside(path, problems)
    elif _is_pipe(path):
        yield spool(path), True
    elif path.exists():
        yield path, True
    elif matches := sorted(glob.glob(str(given), recursive=True)):  # noqa: PTH207
        for match in map(Path, matches):
            if match.is_dir():
                yield from _inside(match, problems)
            else:
                yield match, True
    else:
        hint = "the pattern matches nothing" if glob.has_magic(str(given)) else "check the path"
        problems.append(InputError(path, "there is no such file or folder", hint=hint))


def _inside(folder: Path, problems: list[InputError]) -> Iterator[tuple[Path, bool]]:
    """Yield the files below a folder; links are followed, each folder is entered once."""
    been: set[tuple[int, int]] = set()
    anything = False

    def refused(error: OSError) -> None:
        where = error.filename or str(folder)
        problems.append(unreadable(where, error, "the folder cannot be read"))

    for where, folders, names in os.walk(folder, onerror=refused, followlinks=True):
        found = Path(where).stat()
        if (found.st_dev, found.st_ino) in been:
            folders.clear()
            continue
        been.add((found.st_dev, found.st_ino))
        folders.sort()
        try:
            for path in (Path(where, name) for name in sorted(names)):
                if path.is_file():
                    anything = True
                    yield path, False
                elif path.is_symlink() and _should_be_data(path):
                    problems.append(InputError(path, "the link leads nowhere"))
        except OSError as error:  # its names may be listed, and nothing behind them
            problems.append(unreadable(where, error, "what is in the folder cannot be read"))
    if not anything and not any(p.path.startswith(str(folder)) for p in problems):
        problems.append(InputError(folder, "the folder has no files"))


def _is_pipe(path: Path) -> bool:
    try:
        mode = path.stat().st_mode
    except OSError:
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or stat.S_ISCHR(mode)


def _no_log(path: Path) -> str:
    """Return the kind of a file that is none by its name, empty where it has to be opened."""
    name = path.name.lower()
    if name.startswith("."):
        return HIDDEN
    if name.endswith(ARCHIVES):
        return ARCHIVED
    return ZEEKS if name.startswith(ZEEKS_OWN) else ""


def _should_be_data(path: Path) -> bool:
    name = path.name.lower()
    for packed in LOGS:
        name = name.removesuffix(packed)
    return name.endswith((*CAPTURES, ".csv", ".xlsx")) or ".log" in name
