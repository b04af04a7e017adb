"""dicom_times.log, read: histograms are counts, bad rows are named, no other is lost."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from conftest import tsv
from pacsflow.readers import Quality, read, recognise
from pacsflow.terms.dicom_times import FIELDS

if TYPE_CHECKING:
    from pathlib import Path

KINDS = {field.name: field.kind for field in FIELDS}
ROW = {
    "ts": "1772438400.000001", "uid": "C1", "id.orig_h": "10.0.0.1", "id.orig_p": "40000",
    "id.resp_h": "10.0.0.2", "id.resp_p": "104", "operation": "store", "requestor": "orig",
    "count": "3", "failed": "0", "response_min": "0.0005", "response_mean": "0.002",
    "response_max": "0.005", "response_times": "1,0,1,1", "tls": "F",
}  # fmt: skip


def rows(path: Path) -> tuple[list[dict[str, object]], Quality]:
    quality = Quality()
    found = [row for log, batch in read(recognise(path), quality) for row in batch.to_pylist()]
    return found, quality


def test_a_row_in_both_forms(tmp_path: Path) -> None:
    text = tmp_path / "dicom_times.log"
    text.write_text(tsv([ROW, ROW | {"response_times": "-"}], path="dicom_times", fields=KINDS))
    first, second = rows(text)[0]
    assert first["response_times"] == [1, 0, 1, 1]
    assert (first["response_max"], first["data_time"], first["tls"]) == (0.005, None, False)
    assert second["response_times"] is None
    plain = {k: float(v) if "." in v and k[0] != "i" else v for k, v in ROW.items()}
    plain |= {"response_times": [1, 0, 1, 1], "count": 3, "failed": 0, "tls": False}
    other = tmp_path / "json" / "dicom_times.log"
    other.parent.mkdir()
    other.write_text(json.dumps(plain) + "\n")
    assert rows(other)[0] == [first]


@pytest.mark.parametrize(
    "change",
    [
        {"response_times": "1,x"},
        {"response_times": "1,,2"},
        {"response_times": "1,-2"},
        {"response_times": ",".join(["1"] * 33)},
        {"response_times": "(empty)"},
        {"response_mean": "-4"},
        {"setup_time": "1e300"},
        {"operation": "-"},
    ],
)
def test_a_bad_row_is_named(tmp_path: Path, change: dict[str, str]) -> None:
    path = tmp_path / "dicom_times.log"
    path.write_text(tsv([ROW, ROW | change, ROW], path="dicom_times", fields=KINDS))
    found, quality = rows(path)
    assert len(found) == 2
    assert (quality.unreadable, len(quality.examples)) == (1, 1)


def test_it_is_known_by_its_fields(tmp_path: Path) -> None:
    path = tmp_path / "something.log"
    path.write_text(tsv([ROW], path="site_times", fields=KINDS))
    assert recognise(path).log == "dicom_times"
