"""Samples of one packet that come more than once, and samples without a header."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import pytest
from tests.sampling import sflow_encoder as sflow
from tests.sampling.test_agents import CT, PACS, RATE, read

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def header(seq: int) -> bytes:
    head = sflow.tcp(CT, 40000, PACS, 104, length=1500, payload=b"\xaa" * 74, seq=seq)
    return sflow.raw_header(head[:128], 1518)


def through(samples: int, sources: tuple[int, ...], *, expanded: bool = False) -> Iterator[bytes]:
    """Give samples of packets that come in by interface 3 and go out by 4."""
    for number in range(1, samples + 1):
        for source in sources:
            yield sflow.flow_sample(
                number, source, RATE, number * RATE, [header(number * 10 + source)],
                into=3, out_of=4, expanded=expanded,
            )  # fmt: skip


def datagrams(samples: Iterator[bytes], *, port: int = 6343, first: int = 1) -> list[bytes]:
    return [
        sflow.udp(sflow.datagram("10.9.0.1", number, number * 1000, [sample]), port=port)
        for number, sample in enumerate(samples, first)
    ]


@pytest.mark.few(1)
@pytest.mark.parametrize("expanded", [False, True])
def test_on_the_way_in_and_out_of_one_agent(tmp_path: Path, *, expanded: bool) -> None:
    found = read(tmp_path, list(enumerate(datagrams(through(40, (3, 4), expanded=expanded)))))
    assert found.rows == [("sflow", 40, 40 * RATE, 40 * RATE * 1518)]
    assert any(note.startswith("40 samples were taken of packets on") for note in found.notes)


def test_on_the_way_out_alone(tmp_path: Path) -> None:
    found = read(tmp_path, list(enumerate(datagrams(through(40, (4,))))))
    assert found.rows == [("sflow", 40, 40 * RATE, 40 * RATE * 1518)]


def test_one_stream_to_two_collectors(tmp_path: Path) -> None:
    one, other = (
        datagrams(through(40, (3,)), port=port, first=first)
        for port, first in ((6343, 1), (6344, 9000))
    )
    frames = [
        (number + k / 1000, frame)
        for number, pair in enumerate(zip(one, other, strict=True))
        for k, frame in enumerate(pair)
    ]
    found = read(tmp_path, frames)
    assert found.rows == [("sflow", 40, 40 * RATE, 40 * RATE * 1518)]


@pytest.mark.few(1)
@pytest.mark.parametrize("version", [4, 6])
def test_fields_instead_of_a_header(tmp_path: Path, version: int) -> None:
    ends = (CT, PACS) if version == 4 else ("2001:db8::1", "2001:db8::2")
    packed = b"".join(map(sflow.address, ends))
    body = struct.pack(">II", 1500, 6) + packed + struct.pack(">IIII", 40000, 104, 16, 0)
    told = struct.pack(">II", 3 if version == 4 else 4, len(body)) + body
    samples = (sflow.flow_sample(n, 3, RATE, n * RATE, [told]) for n in range(1, 21))
    found = read(tmp_path, list(enumerate(datagrams(samples))))
    assert found.rows == [("sflow", 20, 20 * RATE, 20 * RATE * 1518)]


def test_a_length_that_the_packet_contradicts(tmp_path: Path) -> None:
    head = sflow.tcp(CT, 40000, PACS, 104, length=1500, payload=b"\xaa" * 74)
    samples = (
        sflow.flow_sample(n, 3, RATE, n * RATE, [sflow.raw_header(head[:128], length)])
        for n, length in enumerate((128, 9000, 1518), 1)
    )
    found = read(tmp_path, list(enumerate(datagrams(samples))))
    assert found.rows == [("sflow", 3, 3 * RATE, 3 * RATE * 1518)]
