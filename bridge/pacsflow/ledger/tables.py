"""The tables of a ledger: which there are, their columns, and which log feeds them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pacsflow.hourly import CONNECTIONS, COVERAGE, TRAFFIC
from pacsflow.terms.log_fields import DICOM, KNOWN_DICOM, NOTICE, SFLOW, SSL

if TYPE_CHECKING:
    import pyarrow as pa

TABLES: dict[str, pa.Schema] = {
    "traffic": TRAFFIC,
    "coverage": COVERAGE,
    "connections": CONNECTIONS,
    "associations": DICOM,
    "endpoints": KNOWN_DICOM,
    "notices": NOTICE,
    "tls": SSL,
    "sampling": SFLOW,
}
"""``traffic`` is the ledger proper (contract 3); the others keep what the week's page needs."""

OF_LOG = {
    "dicom": "associations",
    "known_dicom": "endpoints",
    "notice": "notices",
    "ssl": "tls",
    "sflow": "sampling",
}
"""Logs whose rows are kept as they are. conn and frames become ``traffic`` and ``coverage``, and
of conn the imaging ``connections`` are kept."""


def time_column(table: str) -> str:
    """Return the column by which a table is partitioned into days (UTC)."""
    return "hour" if table in {"traffic", "coverage"} else "ts"
