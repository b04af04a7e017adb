"""The rows of a ledger that concern one host, AE title or connection."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from pacsflow.library.dicom import Table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pacsflow.library.questions import Question

KEYS = (
    "uid", "community_id", "id.orig_h", "id.resp_h", "source", "destination", "host", "src", "dst",
    "calling_ae", "called_ae", "ae_title", "evidence_uid",
)  # fmt: skip
"""Columns in which one is named."""
SHOWN = {
    "connections": (
        "ts", "uid", "source", "destination", "service", "bytes", "source_packets",
        "destination_packets", "missed_bytes", "history", "sensor",
    ),
    "associations": (
        "ts", "uid", "id.orig_h", "calling_ae", "id.resp_h", "called_ae", "result", "end",
        "duration", "services", "modalities", "store_rq", "find_rq", "move_rq", "rsp_failure",
        "data_bytes_orig", "data_bytes_resp", "flags", "sensor",
    ),
    "endpoints": (
        "ts", "host", "port_num", "ae_title", "role", "category", "basis", "services",
        "modalities", "impl_uid", "impl_version", "sensor",
    ),
    "notices": ("ts", "uid", "note", "msg", "src", "dst", "sensor"),
    "tls": (
        "ts", "uid", "id.orig_h", "id.resp_h", "id.resp_p", "version", "cipher", "server_name",
        "sensor",
    ),
}  # fmt: skip
"""The tables of a ledger that hold rows, and the columns that are told of each."""


def rows_of(question: Question, wanted: Sequence[str], most: int) -> dict[str, Table]:
    """Return the first `most` rows of each table that name it, in the order of time."""
    found: dict[str, Table] = {}
    for table, shown in SHOWN.items():
        there = question.connection.execute(f"SELECT * FROM {table} LIMIT 0").description
        keys = [name for name, *_ in there if name in KEYS]
        where = " OR ".join(f'list_contains($wanted, "{key}")' for key in keys)
        columns = ", ".join(f'"{name}"' for name in shown if name != "ts")
        rows = question.connection.execute(
            f"SELECT epoch_us(ts), {columns} FROM {table} WHERE {where} ORDER BY ts LIMIT {most:d}",
            {"wanted": [*wanted]},
        ).fetchall()
        if rows:
            found[table] = Table(shown, [[_moment(row[0]), *row[1:]] for row in rows])
    return found


def _moment(micro: int | None) -> datetime | None:
    return None if micro is None else datetime(1970, 1, 1, tzinfo=UTC) + timedelta(0, 0, micro)
