"""Says which sensor a row is of: by the user's word, by the folder, or by the row's own columns."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

PART = re.compile(
    r"(?:^|[-_.])(?:zeek|bro|worker|proxy|logger|manager|lb|eth|af_packet)(?:[-_.]?\d+)*$",
    re.IGNORECASE,
)
"""What the parts of one sensor's cluster are called: each sees some of its connections."""
DATED = re.compile(r"^(?:\d{4}(?:-\d\d){0,2}|\d{8}|\d{2}|current|logs?|spool)$", re.IGNORECASE)
"""Folders that say when, or that logs are in them, and not where they come from."""
LONGEST = 64


def sensor_name(text: str) -> str:
    """Return the sensor that a name of a system or node is of; empty where it is but a part.

    >>> sensor_name("radiology-worker-1-3"), sensor_name("worker-2"), sensor_name("north")
    ('radiology', '', 'north')
    """
    name = text.strip()[:LONGEST]
    while True:
        shorter = PART.sub("", name).rstrip("-_.")
        if shorter == name:
            return name
        name = shorter


def sensor_of_folder(path: Path, roots: Iterable[Path]) -> str:
    """Return the name of the first folder below a root that does not say when; empty for none."""
    for root in roots:
        if path.is_relative_to(root):
            parts = path.relative_to(root).parts[:-1]
            return next((part[:LONGEST] for part in parts if not DATED.match(part)), "")
    return ""


def sensor_column(rows: pa.RecordBatch, known: str) -> pa.Array:
    """Return the sensor of each row: the one that is known of the file, else what the rows say."""
    if known:
        return pa.DictionaryArray.from_arrays(
            pa.array([0] * rows.num_rows, pa.int32()), pa.array([known])
        ).dictionary_decode()
    if "sensor" not in rows.schema.names or rows["sensor"].null_count == rows.num_rows:
        return pa.nulls(rows.num_rows, pa.string())
    words = rows["sensor"].dictionary_encode()
    names = [sensor_name(word) or None for word in words.dictionary.to_pylist()]
    named = pa.DictionaryArray.from_arrays(words.indices, pa.array(names, pa.string()))
    return named.cast(pa.string())
