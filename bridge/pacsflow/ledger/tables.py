"""The tables of a ledger: which there are, their columns, and which log feeds them."""

from __future__ import annotations

import pyarrow as pa

from pacsflow.ledger.schemas import (
    CONNECTIONS,
    COVERAGE,
    CROSSING,
    EDGES,
    KEYS,
    LASTING,
    ORIGINS,
    REMARKS,
    TRAFFIC,
    TUNNELS,
)
from pacsflow.ledger.times import TIMES
from pacsflow.terms.log_fields import DICOM, KNOWN_DICOM, NOTICE, SFLOW, SSL


def _kept(log: pa.Schema) -> pa.Schema:
    """Return the columns of a log whose rows are kept as they are."""
    return pa.schema([*(f for f in log if f.name not in {"sensor", "file"}), *ORIGINS])


TABLES: dict[str, pa.Schema] = {
    "traffic": TRAFFIC,
    "coverage": COVERAGE,
    "connections": CONNECTIONS,
    "associations": _kept(DICOM),
    "endpoints": _kept(KNOWN_DICOM),
    "notices": _kept(NOTICE),
    "tls": _kept(SSL),
    "sampling": _kept(SFLOW),
    "times": TIMES,
    "keys": KEYS,
    "lasting": LASTING,
    "tunnels": TUNNELS,
    "crossing": CROSSING,
    "edges": EDGES,
    "remarks": REMARKS,
}
"""``traffic`` is the ledger proper (contract 3); ``keys``, ``lasting``, ``tunnels``, ``crossing``,
``edges`` are what it needs to count a connection once; the others keep what the week's page
needs."""

NUMBERED = pa.dictionary(pa.int32(), pa.string())
"""Texts as numbers that stand for them, beside the texts: few that come often."""
WRITTEN = TABLES | {
    "traffic": pa.schema(
        [f.with_type(NUMBERED) if pa.types.is_string(f.type) else f for f in TRAFFIC]
    )
}
"""The columns as they are handed to Parquet's writer; in the files they are those of `TABLES`."""

OF_LOG = {
    "dicom": "associations",
    "known_dicom": "endpoints",
    "notice": "notices",
    "ssl": "tls",
    "sflow": "sampling",
    "edges": "edges",
}
"""Logs whose rows are kept as they are. conn and frames become ``traffic`` and ``coverage``, and
of conn the imaging ``connections`` are kept."""

ORDER = {
    "traffic": ("hour", "source", "destination", "service", "origin"),
    "coverage": ("hour", "origin"),
    "keys": ("key",),
    "times": ("hour", "client", "server", "operation"),
}
"""By which columns a table's files are sorted, where that is not their time alone."""


def time_column(table: str) -> str:
    """Return the column by which a table is partitioned into days (UTC)."""
    return {"traffic": "hour", "coverage": "hour", "times": "hour", "keys": "day"}.get(table, "ts")


def order_of(table: str) -> tuple[str, ...]:
    """Return the columns by which the rows of a table's files are sorted."""
    return ORDER.get(table, (time_column(table),))
