"""Reads Zeek's JSON logs, an object a row; types come from pacsflow's schemas, never guessed."""

from __future__ import annotations

import json
import re
from itertools import islice
from typing import TYPE_CHECKING, Any

import orjson
import pyarrow as pa

from pacsflow.errors import InputError
from pacsflow.readers import json_packets
from pacsflow.readers.blocks import Block, blocks, head, pieces, without_comma
from pacsflow.readers.dialects import plain_row
from pacsflow.readers.json_columns import columns_of
from pacsflow.readers.json_rows import Rows
from pacsflow.readers.log_kinds import judged, log_of_name
from pacsflow.readers.zeek_tsv import is_wanted
from pacsflow.readers.zeek_values import NO_ZONE

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from pacsflow.readers.quality import Quality
    from pacsflow.readers.source import Source

_NAME = re.compile(rb'"\s*:')
"""Where a name ends; in texts, too, where it then only seems that one stands twice."""
OF_TABS = "a row with tabs in a log of JSON: give the rows of each as a file (grep -v '^{')"
_NAMED = b'":'
_BLANK_BEFORE = (b" :", b"\t:", b"\n:", b"\r:")
TOGETHER = 5_000
"""So many objects are a batch."""


class Judge:
    """Says which log a row belongs to; what was said of one declared path holds for the next."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.pure = not source.several and log_of_name(source.path.name) == source.log
        self.known: dict[str, str] = {}

    def __call__(self, declared: str, row: dict[str, Any]) -> str:
        """Return the log of a row, empty where it is not used."""
        if not declared and self.pure:
            return self.source.log
        if declared in self.known:
            return self.known[declared]
        log, twin = judged(declared, self.source.path.name, row)
        if not is_wanted(self.source, log, twin=twin):
            log = ""
        if declared:
            self.known[declared] = log
        return log


def read(
    source: Source, quality: Quality, columns: Collection[str] | None = None
) -> Iterator[tuple[str, pa.RecordBatch]]:
    """Yield ``(log, rows)`` in the columns of ``log_fields.ZEEK_LOGS[log]``.

    Where `columns` are given, others of the source's own log may be null. Each row goes to the log
    that it declares; those of logs that are not used are counted.
    Raises `InputError` where no line at all is a row of a log.
    """
    judge = Judge(source)
    logs = {source.log: Rows(source.log)}
    for some in _batches(source, quality, judge, columns):
        if isinstance(some, pa.RecordBatch):
            quality.rows += some.num_rows
            yield source.log, some
            continue
        quality.dear = True
        bad: dict[int, str] = {}
        _read_rows(some, judge, logs, bad, quality)
        batches = [(log, rows.batch(bad)) for log, rows in logs.items()]
        quality.senseless = sum(rows.senseless for rows in logs.values())
        if any(rows.zoneless for rows in logs.values()):
            quality.note(NO_ZONE)
        for number in sorted(bad):
            quality.bad_row(number, bad[number])
        for log, batch in batches:
            quality.rows += batch.num_rows
            if batch.num_rows or log == source.log:
                yield log, batch
    if quality.unreadable and not quality.rows:
        raise InputError(source.path, f"no row of {source.log}.log in it; {quality.examples[0]}")


def _batches(
    source: Source, quality: Quality, judge: Judge, columns: Collection[str] | None
) -> Iterator[Iterator[tuple[int, bytes]] | pa.RecordBatch]:
    """Yield numbered rows, some together: lines, or the objects of an array or of printed JSON.

    Of lines that are all as Zeek writes them come their columns.
    """
    if json_packets.are_lines(head(source.path)):
        for block in blocks(source.path, quality):
            if not _is_zeeks(block):
                yield _lines(block)
                continue
            whole = _columns(block, source, judge, columns)
            for piece in (block,) if whole is not None else pieces(block):
                made = whole if piece is block else _columns(piece, source, judge, columns)
                yield _lines(piece) if made is None else made
        return
    numbered = enumerate(json_packets.objects(source.path, bytes), 1)
    while some := list(islice(numbered, TOGETHER)):
        yield iter(some)


def _lines(block: Block) -> Iterator[tuple[int, bytes]]:
    lines = enumerate(block.data.split(b"\n"), block.line)
    return ((n, raw) for n, raw in lines if raw.strip() and not raw.startswith(b"#"))


def _is_zeeks(block: Block) -> bool:
    """Say whether a block begins with a row as Zeek writes it, and no shipper's document."""
    try:
        return "ts" in _object(block.data[: block.data.find(b"\n")])
    except ValueError:
        return True


def _columns(
    block: Block, source: Source, judge: Judge, columns: Collection[str] | None
) -> pa.RecordBatch | None:
    """Return the rows of a block where all are of the source's own log, and plain."""
    try:
        row, declared = plain_row(_object(block.data[: block.data.find(b"\n")]))
    except ValueError:
        return None
    if (not declared and not judge.pure) or judge(declared, row) != source.log:
        return None
    return columns_of(block, source.log, declared, columns)


def _read_rows(
    lines: Iterator[tuple[int, bytes]],
    judge: Judge,
    logs: dict[str, Rows],
    bad: dict[int, str],
    quality: Quality,
) -> None:
    for number, raw in lines:
        try:
            found = _object(raw)
            doubled = _has_doubled(raw, found)
            row, declared = plain_row(found)
            rows = rows_for(judge, declared, row, logs, quality)
            if rows is None:
                continue
            if doubled:
                _refuse_two(raw, row, rows.schema.names)
            rows.add(number, row)
        except ValueError as error:
            bad[number] = OF_TABS if b"\t" in raw and b"{" not in raw else str(error)


def rows_for(
    judge: Judge, declared: str, row: dict[str, Any], logs: dict[str, Rows], quality: Quality
) -> Rows | None:
    """Return the rows of the log that a row is of; None, and counted, where it is none to read."""
    log = judge(declared, row)
    if not log:
        quality.pass_over(declared or "unknown")
        return None
    if log not in logs:
        logs[log] = Rows(log)
    return logs[log]


def _has_doubled(raw: bytes, row: dict[str, Any]) -> bool:
    """Say whether a name may stand twice in one object of a row: of both the last was taken."""
    if not any(blank in raw for blank in _BLANK_BEFORE):
        again = orjson.dumps(row)  # without what was doubled; quicker than to walk through it
        if raw.count(_NAMED, raw.find(b"{")) == again.count(_NAMED):
            return False
    return len(_NAME.findall(raw)) != _names(row)


def _names(value: Any) -> int:  # noqa: ANN401 - of JSON
    if isinstance(value, dict):
        return len(value) + sum(map(_names, value.values()))
    return sum(map(_names, value)) if isinstance(value, list) else 0


def _refuse_two(raw: bytes, row: dict[str, Any], names: Iterable[str]) -> None:
    """Raise ValueError where a name that is read stands twice in a row, with different values."""
    try:
        first, _ = plain_row(json.loads(raw[raw.find(b"{") :], object_pairs_hook=_first_of_each))
    except ValueError:  # of a text that is not quite JSON
        return
    for name in (*names, "id"):
        if first.get(name) != row.get(name):
            raise ValueError(f"{name} stands in it twice, with different values")


def _first_of_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    return dict(reversed(pairs))


def _object(raw: bytes) -> dict[str, Any]:
    raw = without_comma(raw[max(0, raw.find(b"{")) :])  # a time and a tag may stand before it
    try:
        found = json_packets.lenient(raw)
    except orjson.JSONDecodeError as error:
        raise ValueError(f"expected a JSON object: {error}") from None
    if not isinstance(found, dict):
        raise ValueError("expected a JSON object")  # noqa: TRY004 - every bad row is one error
    return found
