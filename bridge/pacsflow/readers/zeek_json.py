"""Reads Zeek's JSON logs, one object a line; types come from pacsflow's schemas, never guessed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
import pyarrow as pa

from pacsflow.errors import InputError
from pacsflow.readers.blocks import blocks
from pacsflow.readers.values import converter
from pacsflow.terms.log_fields import REQUIRED, ZEEK_LOGS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pacsflow.readers.quality import Quality


def read(path: Path, log: str, quality: Quality) -> Iterator[pa.RecordBatch]:
    """Yield the rows of one log in the columns of ``log_fields.ZEEK_LOGS[log]``.

    Raises `InputError` where no line at all is a row of that log.
    """
    schema = ZEEK_LOGS[log]
    columns = [
        (n, converter(n, t), n in REQUIRED[log])
        for n, t in zip(schema.names, schema.types, strict=True)
    ]
    for block in blocks(path, quality):
        rows: list[list[Any]] = [[] for _ in columns]
        for offset, raw in enumerate(block.data.split(b"\n")):
            if not raw.strip() or raw.startswith(b"#"):
                continue
            try:
                values = _row(raw, columns)
            except ValueError as error:
                quality.bad_row(block.line + offset, str(error))
                continue
            for column, value in zip(rows, values, strict=True):
                column.append(value)
        arrays = [pa.array(c, kind) for c, kind in zip(rows, schema.types, strict=True)]
        batch = pa.record_batch(arrays, schema=schema)
        quality.rows += batch.num_rows
        yield batch
    if quality.unreadable and not quality.rows:
        raise InputError(path, f"no row of {log}.log in it; {quality.examples[0]}")


def _row(raw: bytes, columns: list[tuple[str, Any, bool]]) -> list[Any]:
    try:
        found = orjson.loads(raw)
    except orjson.JSONDecodeError:
        try:
            found = orjson.loads(raw.decode("utf-8", "backslashreplace").replace("\\x", "\\\\x"))
        except orjson.JSONDecodeError as error:
            raise ValueError(f"expected a JSON object: {error}") from None
    if not isinstance(found, dict):
        raise ValueError("expected a JSON object")  # noqa: TRY004 - every bad row is one error
    values: list[Any] = []
    for name, convert, required in columns:
        value = found.get(name)
        if value is None and "." in name:
            outer, _, inner = name.partition(".")
            nested = found.get(outer)
            value = nested.get(inner) if isinstance(nested, dict) else None
        if value is None:
            if required:
                raise ValueError(f"{name} is not set")
            values.append(None)
            continue
        try:
            values.append(convert(value))
        except (ValueError, TypeError) as error:
            raise ValueError(f"{name}: {error}") from None
    return values
