"""Rows that are dear to read are kept for the readings after the first, unless they are many."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from pacsflow.ledger import reread
from pacsflow.ledger.reread import KeptRows
from pacsflow.readers import Quality

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def rows(*values: int) -> pa.RecordBatch:
    return pa.RecordBatch.from_pydict({"n": list(values)})


def told(kept: KeptRows) -> list[tuple[str, list[int]]]:
    return [(log, batch["n"].to_pylist()) for log, batch in kept.rows()]


def test_rows_come_again_log_by_log(tmp_path: Path) -> None:
    kept, quality = KeptRows(tmp_path / "new" / "a"), Quality(rows=3)
    for log, batch in (("conn", rows(1)), ("dicom", rows(9)), ("conn", rows(2, 3))):
        kept.add(log, batch)
    assert kept.read is None, "not all are there"
    kept.finish(quality)
    quality.rows = 99
    assert kept.read == Quality(rows=3), "what was told then"
    for _ in range(2):
        assert told(kept) == [("conn", [1]), ("conn", [2, 3]), ("dicom", [9])]
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == [
        "a-conn.arrows", "a-dicom.arrows",
    ]  # fmt: skip


def test_too_many_are_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = KeptRows(tmp_path / "a")
    kept.add("conn", rows(1))
    size = kept.writers["conn"][0].tell()
    monkeypatch.setattr(reread, "MOST", size)
    other = KeptRows(tmp_path / "b")
    other.add("conn", rows(1))
    assert not other.given_up, "so many are not too many"
    kept.add("conn", rows(2))
    assert kept.given_up
    kept.add("conn", rows(3))
    kept.finish(Quality())
    assert (kept.read, told(kept), kept.writers) == (None, [], {})
    other.give_up()
    assert list(tmp_path.iterdir()) == []
