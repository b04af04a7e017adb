"""Puts frames that were read one by one into a batch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa

from pacsflow.terms.log_fields import FRAMES

if TYPE_CHECKING:
    from pacsflow.readers.quality import Quality


def batch_of(rows: list[tuple[Any, ...]], quality: Quality) -> pa.RecordBatch:
    """Return rows, in the first columns of ``log_fields.FRAMES``, as a batch, and count them."""
    quality.rows += len(rows)
    columns = list(zip(*rows, strict=True)) if rows else []
    columns += [(None,) * len(rows)] * (len(FRAMES) - len(columns))
    arrays = [pa.array(c, t) for c, t in zip(columns, FRAMES.types, strict=True)]
    return pa.record_batch(arrays, schema=FRAMES)
