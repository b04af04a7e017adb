"""Every source behind one face: `find` names the inputs, `read` yields their rows.

>>> for source in find(["logs/"]).sources:
...     for log, batch in read(source, Quality()):
...         ...
"""

from __future__ import annotations

import glob
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from pacsflow.errors import InputError
from pacsflow.readers.quality import Quality
from pacsflow.readers.sniff import CaptureOptions, Format, Source, recognise

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    import pyarrow as pa

__all__ = ["CaptureOptions", "Format", "Found", "Quality", "Source", "find", "read", "recognise"]

IGNORED_IN_FOLDERS = (
    ".json", ".parquet", ".sqlite", ".html", ".py", ".md", ".sh", ".zeek", ".status", ".sha256",
)  # fmt: skip
NOT_DATA = {"SIMULATED", "inventory.tsv"}


@dataclass(frozen=True, slots=True)
class Found:
    """The inputs that can be read, and those that cannot, each with its reason.

    `unused` are Zeek logs that pacsflow has no use for, such as dns.log.
    """

    sources: tuple[Source, ...]
    problems: tuple[InputError, ...]
    unused: tuple[Source, ...]
    simulated: bool = False
    """True where a folder says that its logs were simulated."""


def find(inputs: Iterable[str | Path], capture: CaptureOptions | None = None) -> Found:
    """Recognise files, folders (with what is below them) and globs.

    A file named by the user that is nothing pacsflow reads is a problem; one met inside a folder
    is passed over, unless its name says that it should have been a log or a capture.
    """
    sources: dict[Path, Source] = {}
    problems: list[InputError] = []
    unused: list[Source] = []
    simulated = False
    for path, named in _expand(inputs, problems):
        if path in sources:
            continue
        if not named and (path.name in NOT_DATA or path.name.startswith(".")):
            simulated |= path.name == "SIMULATED"
            continue
        simulated |= named and (path.parent / "SIMULATED").is_file()
        try:
            source = recognise(path)
        except InputError as error:
            if named or _should_be_data(path):
                problems.append(error)
            continue
        if capture and source.log == "frames":
            source = replace(source, capture=capture)
        if source.format is Format.OTHER_LOG:
            unused.append(source)
        else:
            sources[path] = source
    return Found(tuple(sources.values()), tuple(problems), tuple(unused), simulated)


def _expand(
    inputs: Iterable[str | Path], problems: list[InputError]
) -> Iterator[tuple[Path, bool]]:
    """Yield every file with whether the user named it."""
    for given in inputs:
        path = Path(given)
        if path.is_dir():
            inside = sorted(p for p in path.rglob("*") if p.is_file())
            if not inside:
                problems.append(InputError(path, "the folder has no files"))
            yield from ((p, False) for p in inside)
        elif path.exists():
            yield path, True
        elif matches := sorted(glob.glob(str(given), recursive=True)):  # noqa: PTH207
            for match in map(Path, matches):
                if match.is_dir():
                    yield from ((p, False) for p in sorted(match.rglob("*")) if p.is_file())
                else:
                    yield match, True
        else:
            hint = "the pattern matches nothing" if glob.has_magic(str(given)) else "check the path"
            problems.append(InputError(path, "there is no such file or folder", hint=hint))


def _should_be_data(path: Path) -> bool:
    name = path.name.lower()
    return name.endswith((".gz", ".pcap", ".pcapng", ".cap")) or ".log" in name


def read(
    source: Source, quality: Quality, columns: Collection[str] | None = None
) -> Iterator[tuple[str, pa.RecordBatch]]:
    """Yield ``(log, rows)``: the log's name as in ``log_fields.ZEEK_LOGS`` and rows in its columns.

    Where `columns` are given, others of the source's own log may be null.
    Rows that cannot be read are counted in `quality`; a source that cannot be used at all raises
    `InputError`.
    """
    if source.format is Format.ZEEK_TSV:
        from pacsflow.readers import zeek_tsv  # noqa: PLC0415 - a ledger is asked without any

        batches = zeek_tsv.read(source.path, source.log, quality, columns)
    elif source.format is Format.ZEEK_JSON:
        from pacsflow.readers import zeek_json  # noqa: PLC0415 - likewise

        batches = zeek_json.read(source.path, source.log, quality)
    elif source.format is Format.WIRESHARK_JSON:
        from pacsflow.readers import wireshark_json  # noqa: PLC0415 - likewise

        batches = wireshark_json.read(source.path, quality)
    elif source.format is Format.CAPTURE:
        from pacsflow.readers import capture  # noqa: PLC0415 - likewise

        yield from capture.read(source.path, quality, source.capture, columns)
        return
    elif source.format is Format.TABLE:
        from pacsflow.readers import spreadsheet  # noqa: PLC0415 - likewise

        batches = spreadsheet.read(
            source.path,
            quality,
            start=source.capture.start,
            sampling_rate=source.capture.sampling_rate or 1,
        )
    else:
        raise InputError(source.path, f"{source.kind}: pacsflow has no use for it")
    for batch in batches:
        yield source.log, batch
