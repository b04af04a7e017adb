"""What Wireshark exports reads as the capture itself does."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from conftest import CAPTURES
from pacsflow.errors import InputError
from pacsflow.ledger import Ledger
from pacsflow.readers import Format, Quality, find, read, recognise

if TYPE_CHECKING:
    from pathlib import Path

CAPTURE = CAPTURES / "qr_move_3party.pcapng"


def run(tshark: str, *arguments: str) -> bytes:
    return subprocess.run(
        [tshark, "-n", "-r", str(CAPTURE), *arguments], capture_output=True, check=True
    ).stdout


def frames(path: Path) -> tuple[list[dict[str, Any]], Quality]:
    quality = Quality()
    return [r for _, b in read(recognise(path), quality) for r in b.to_pylist()], quality


def bytes_by_pair(path: Path) -> list[tuple[Any, ...]]:
    with Ledger.temporary() as ledger:
        assert ledger.add(find([path]).sources).problems == ()
        with ledger.connect() as connection:
            return connection.sql(
                "SELECT source, destination, sum(packets), sum(bytes) FROM traffic GROUP BY ALL"
                " ORDER BY ALL"
            ).fetchall()


def test_json_export(tshark: str, tmp_path: Path) -> None:
    path = tmp_path / "packets.json"
    path.write_bytes(run(tshark, "-T", "json"))
    assert recognise(path).format is Format.WIRESHARK_JSON
    rows, quality = frames(path)
    assert (len(rows), quality.unreadable) == (86, 0)
    assert {r["service"] for r in rows} == {"dicom", None}
    assert bytes_by_pair(path) == bytes_by_pair(CAPTURE)


def test_csv_export_with_utc_times(tshark: str, tmp_path: Path) -> None:
    path = tmp_path / "packets.csv"
    columns = ["-T", "fields", "-E", "header=y", "-E", "separator=,", "-E", "quote=d"]
    for field in ("frame.time_epoch", "_ws.col.Protocol", "ip.src", "ip.dst", "eth.src", "eth.dst",
                  "vlan.id", "frame.len", "_ws.col.Info"):  # fmt: skip
        columns += ["-e", field]
    path.write_bytes(run(tshark, *columns))
    assert recognise(path).format is Format.TABLE
    rows, quality = frames(path)
    assert (len(rows), quality.unreadable) == (86, 0)
    assert bytes_by_pair(path) == bytes_by_pair(CAPTURE)


def test_a_cut_or_broken_json_export_is_refused(tshark: str, tmp_path: Path) -> None:
    path = tmp_path / "packets.json"
    path.write_bytes(run(tshark, "-T", "json")[:50_000])
    with pytest.raises(InputError, match="damaged or ends early"):
        frames(path)
    path.write_text('[{"_source": {"layers": {"frame": {}}}}]')
    with pytest.raises(InputError, match=r"frame\.time_epoch"):
        frames(path)
