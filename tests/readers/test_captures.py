"""Given this capture, these frames and associations, with the totals of tshark's statistics."""

from __future__ import annotations

import bz2
import gzip
import lzma
import re
import struct
import subprocess
from collections import Counter
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from tests.wireshark import pieces, test_networks

from conftest import CAPTURES
from pacsflow.errors import InputError
from pacsflow.readers import Format, Quality, capture_plain, find, read, recognise

if TYPE_CHECKING:
    from pathlib import Path

NAMES = sorted(path.name for path in CAPTURES.glob("*.pcap*"))


def rows_of(path: Path) -> tuple[dict[str, list[dict[str, Any]]], Quality]:
    quality, rows = Quality(), {}
    for log, batch in read(recognise(path), quality):
        rows.setdefault(log, []).extend(batch.to_pylist())
    return rows, quality


@pytest.mark.few(1)
@pytest.mark.parametrize("name", NAMES)
def test_every_frame_is_there_once(tshark: str, name: str) -> None:
    rows, quality = rows_of(CAPTURES / name)
    told = subprocess.run(
        [tshark, "-r", str(CAPTURES / name), "-q", "-z", "io,stat,0"],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    found = re.search(r"<>\s*[\d.Dur]+\s*\|\s*(\d+)\s*\|\s*(\d+)", told)
    assert found is not None
    frames = rows["frames"]
    assert (len(frames), sum(f["length"] for f in frames)) == (int(found[1]), int(found[2]))
    assert quality.unreadable == 0


def test_tagged_and_untagged_frames_have_the_same_columns() -> None:
    services = Counter(
        f["service"] for f in rows_of(CAPTURES / "tls_echo_2762.pcapng")[0]["frames"]
    )
    assert services == {None: 28}


def test_the_association_comes_with_the_frames() -> None:
    rows, _ = rows_of(CAPTURES / "store_ct_mr.pcapng")
    (row,) = rows["dicom"]
    assert (row["result"], row["end"], row["store_rq"]) == ("accepted", "released", 2)
    assert {e["role"] for e in rows["known_dicom"]} == {"scu", "scp"}


def test_the_plain_way_sees_the_same_frames(tshark: str) -> None:
    """What is read where the plugin cannot run: the same frames, Wireshark's own DICOM."""
    quality = Quality()
    path = CAPTURES / "store_ct_mr.pcapng"
    plain = [r for b in capture_plain.read(path, quality, tshark=tshark) for r in b.to_pylist()]
    tagged = rows_of(path)[0]["frames"]
    apart = [abs(a["ts"] - b["ts"]).total_seconds() for a, b in zip(plain, tagged, strict=True)]
    assert max(apart) <= 1e-6, "nanoseconds are rounded"
    for column in ("id.orig_h", "id.orig_p", "id.resp_h", "length", "hw_source", "proto"):
        assert [r[column] for r in plain] == [r[column] for r in tagged], column


@pytest.mark.few(2)
@pytest.mark.parametrize(
    "content",
    [b"\xd4\xc3\xb2\xa1", b"\x0a\x0d\x0d\x0a" + b"\xff" * 60, b"\xa1\xb2\xc3\xd4" + b"\0" * 40],
)
def test_a_capture_that_tshark_cannot_open(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "bad.pcap"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"^[^\n]*bad\.pcap[^\n]*$"):
        rows_of(path)


def test_a_cut_capture_says_so(tmp_path: Path) -> None:
    path = tmp_path / "cut.pcapng"
    path.write_bytes((CAPTURES / "store_ct_mr.pcapng").read_bytes()[:20_000])
    rows, quality = rows_of(path)
    assert 0 < len(rows["frames"]) < 81
    assert quality.notes[0].startswith("the capture ends in the middle of a packet")


def test_a_capture_without_a_packet(tmp_path: Path) -> None:
    rows, quality = rows_of(pieces.write(tmp_path / "empty.pcap", []))
    assert (rows.get("frames", []), quality.notes) == ([], ["there is no packet in the capture"])


def test_what_was_left_out_is_said(tmp_path: Path) -> None:
    base = pieces.read(CAPTURES / "networks" / "base.pcap")
    rows, quality = rows_of(pieces.write(tmp_path / "mirror.pcap", pieces.copied(base, 0.0001)))
    assert sum(f["length"] for f in rows["frames"]) == 319_906
    assert quality.notes[0].startswith("332 of 664 frames are copies of others")
    arp = [(ts, d[:12] + b"\x08\x06" + d[14:], w) for ts, d, w in base[:3]]
    _, quality = rows_of(pieces.write(tmp_path / "arp.pcap", arp))
    assert quality.notes == ["3 frames without IP addresses, in no host's total: 3 ARP"]
    path = (*base[0][:1], *test_networks.opening(test_networks.JOIN)[1:])
    _, quality = rows_of(pieces.write(tmp_path / "paths.pcap", [path]))
    assert quality.notes[0].startswith("1 connection is a further path of others")


def test_fragments_that_come_late_in_a_capture(tmp_path: Path) -> None:
    """The beginning does not show that packets have to be put together."""
    base = pieces.read(CAPTURES / "networks" / "base.pcap")
    quiet = [(base[0][0] - 10 + n * 1e-4, base[0][1][:38] + n.to_bytes(4, "big") + base[0][1][42:],
              base[0][2]) for n in range(6000)]  # fmt: skip
    frames = [
        (ts + k * 1e-6, piece, len(piece))
        for number, (ts, data, _) in enumerate(base)
        for k, piece in enumerate(pieces.fragments(data, number + 1))
    ]
    rows, _ = rows_of(pieces.write(tmp_path / "late.pcap", [*quiet, *frames]))
    assert rows["dicom"][-1]["data_bytes_orig"] == 300_000


def packed(how: str, data: bytes) -> bytes:
    plain = {"gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress}
    if how in plain:
        return plain[how](data)
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, {"zst": "zstd"}.get(how, how)) as out:
        out.write(data)
    return sink.getvalue().to_pybytes()


@pytest.mark.few(1)
@pytest.mark.parametrize("how", ["gz", "bz2", "xz", "zst", "lz4"])
def test_packed_captures_in_a_folder(tshark: str, tmp_path: Path, how: str) -> None:
    """Whole, put together of two packed parts, and cut, which is named."""
    assert tshark
    data = (CAPTURES / "networks" / "base.pcap").read_bytes()
    (tmp_path / f"whole.pcap.{how}").write_bytes(packed(how, data))
    parts = packed(how, data[:99_999]) + packed(how, data[99_999:])
    (tmp_path / f"parts.pcap.{how}").write_bytes(parts)
    found = find([tmp_path])
    assert [len(rows_of(source.path)[0]["frames"]) for source in found.sources] == [332, 332]
    cut = tmp_path / f"cut.pcap.{how}"
    cut.write_bytes(parts[: len(parts) // 3])
    told, frames = "", 0
    try:
        rows, quality = rows_of(cut)
        told, frames = " ".join(quality.notes), len(rows["frames"])
    except InputError as error:
        told = str(error)
    assert "ends" in told
    assert frames < 332


@pytest.mark.few(1)
@pytest.mark.parametrize("late", [0.01, 0.1, 0.5])
def test_frames_of_a_queue_that_comes_late(tmp_path: Path, late: float) -> None:
    """What one host sends stands so much later in the file than its time says."""
    base = pieces.read(CAPTURES / "networks" / "base.pcap")
    mine = bytes((10, 1, 0, 11))
    frames = sorted(base, key=lambda f: f[0] + late * (f[1][26:30] == mine) + late * (f[2] % 7) / 7)
    rows, quality = rows_of(pieces.write(tmp_path / "queues.pcap", frames))
    (row,) = rows["dicom"]
    assert (row["store_rq"], row["data_bytes_orig"], row["missed_bytes"]) == (3, 300_000, 0)
    assert (row["end"], row["flags"]) == ("released", None)
    assert any("out of the order of their times" in note for note in quality.notes)


@pytest.mark.few(1)
@pytest.mark.parametrize(
    "form", ["snoop", "netmon1", "netmon2", "ngsniffer", "ngwsniffer_2_0", "5views"]
)
def test_captures_that_are_no_pcap(tshark: str, tmp_path: Path, form: str) -> None:
    """As the same capture in pcapng; some forms round times."""
    assert tshark
    whole, foreign = CAPTURES / "store_ct_mr.pcapng", tmp_path / f"a.{form}"
    subprocess.run(
        ["editcap", "-F", form, str(whole), str(foreign)], check=True, capture_output=True
    )
    kept = ("id.orig_h", "id.orig_p", "id.resp_h", "id.resp_p", "length", "calling_ae", "store_rq",
            "data_bytes_orig", "missed_bytes", "end", "flags")  # fmt: skip
    (one, quality), (other, _) = rows_of(foreign), rows_of(whole)
    for log in ("frames", "dicom"):
        found, wanted = (
            [{name: row[name] for name in kept if name in row} for row in rows[log]]
            for rows in (one, other)
        )
        assert found == wanted
    assert (quality.notes, quality.unreadable) == ([], 0)


def erf(frames: list[pieces.Frame]) -> bytes:
    """Return the frames as records of Endace's cards."""
    out = b""
    for ts, data, wire in frames:
        body = b"\0\0" + data + bytes(-(18 + len(data)) % 8)
        out += struct.pack("<II", round(ts % 1 * 2**32), int(ts))
        out += struct.pack(">BBHHH", 2, 4, 16 + len(body), 0, wire) + body
    return out


def test_records_of_a_card_that_have_no_header(tmp_path: Path) -> None:
    """In a folder, too, whatever they are called."""
    base = pieces.read(CAPTURES / "networks" / "base.pcap")
    (tmp_path / "cards").mkdir()
    path = tmp_path / "cards" / "port0"
    path.write_bytes(erf(base))
    (source,) = find([path.parent]).sources
    assert source.format is Format.CAPTURE
    rows, quality = rows_of(path)
    assert [(r["store_rq"], r["data_bytes_orig"]) for r in rows["dicom"]] == [(3, 300_000)]
    assert (sum(f["length"] for f in rows["frames"]), quality.notes) == (319_906, [])
    path.write_bytes(erf(base[:1]))
    assert recognise(path).format is Format.CAPTURE


@pytest.mark.parametrize("at", [4, 8, 10])
def test_what_only_looks_like_records_of_a_card(tmp_path: Path, at: int) -> None:
    data = bytearray(erf(pieces.read(CAPTURES / "networks" / "base.pcap")[:1]) * 3)
    data[at : at + 2] = b"\0\0"
    (tmp_path / "port0").write_bytes(data if at != 4 else bytes(8) + data)
    with pytest.raises(InputError, match="not a Zeek log, a capture"):
        recognise(tmp_path / "port0")
