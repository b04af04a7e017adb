"""What a ledger makes of captures: who began, who answers, what is no imaging traffic."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING

import pytest
from tests.sampling import sflow_encoder
from tests.wireshark import pieces, wrapping
from tests.wireshark.capture import ACK, PSH_ACK, SYN, conversation, segment, write_pcap

from conftest import CAPTURES
from pacsflow.cli import main
from pacsflow.inventory import Inventory
from pacsflow.ledger import Ledger
from pacsflow.readers import find
from pacsflow.week.hosts import Hosts

if TYPE_CHECKING:
    from pathlib import Path

NETWORKS = CAPTURES / "networks"
CLIENT, PACS = "10.1.0.11", "10.1.0.5"
RST_ACK, FIN_ACK = 20, 17
TPKT = b"\x03\0\0\x16\x11\xe0\0\0\0\1\0\xc1\2\1\0\xc2\2\1\2\xc0\1\x0a"
TLS = b"\x17\x03\x03\0\x30" + bytes(48)
HTTP = b"GET / HTTP/1.1\r\nHost: pacs\r\n\r\n"


class Seen:
    """A capture in a ledger of its own."""

    def __init__(self, path: Path) -> None:
        with Ledger.temporary() as ledger:
            ledger.add(find([path]).sources, workers=1)
            with ledger.connect() as connection:
                rows = connection.sql(
                    "SELECT source, destination, service, sum(communications), sum(packets) "
                    "FROM traffic GROUP BY ALL"
                ).fetchall()
                hosts = Hosts(Inventory(()), connection)
                self.roles = {party.address: party.role for party in hosts.imaging()}
        self.services = {row[2] for row in rows}
        self.began: Counter[str] = Counter()
        for row in rows:
            self.began[row[0]] += int(row[3])
        self.packets = sum(int(row[4]) for row in rows)


@pytest.fixture
def seen(tshark: str) -> type[Seen]:
    assert tshark
    return Seen


def handshake(port: int, *, answered: bool = True) -> list[bytes]:
    frames = [segment(CLIENT, 40000, PACS, port, b"", seq=999, flags=SYN)]
    if answered:
        frames += [
            segment(PACS, port, CLIENT, 40000, b"", seq=8999, flags=SYN | ACK),
            segment(CLIENT, 40000, PACS, port, b"", seq=1000, flags=ACK),
        ]
    return frames


def test_a_refused_port_is_no_pacs(seen: type[Seen]) -> None:
    told = seen(NETWORKS / "scan104.pcap")
    assert (told.services, told.roles) == ({"tcp/104"}, {})
    assert told.began["10.9.9.9"] == 40


@pytest.mark.few(1)
@pytest.mark.parametrize("port", [104, 11112, 2762])
@pytest.mark.parametrize("end", [FIN_ACK, RST_ACK])
def test_a_port_that_only_accepts_is_no_pacs(
    seen: type[Seen], tmp_path: Path, port: int, end: int
) -> None:
    close = [segment(CLIENT, 40000, PACS, port, b"", seq=1000, flags=end)]
    if end == FIN_ACK:
        close.append(segment(PACS, port, CLIENT, 40000, b"", seq=9000, flags=FIN_ACK))
    told = seen(write_pcap(tmp_path / "health.pcap", handshake(port) + close))
    assert (told.roles, told.services & {"dicom", "dicom?"}) == ({}, set())


@pytest.mark.few(1)
@pytest.mark.parametrize("first", [TPKT, HTTP])
def test_another_protocol_on_its_port_is_none(
    seen: type[Seen], tmp_path: Path, first: bytes
) -> None:
    frames = conversation(CLIENT, PACS, 104, first, syn=True)
    told = seen(write_pcap(tmp_path / "other.pcap", frames))
    assert (told.roles, told.services) == ({}, {"tcp/104"})


HELLO = b"\x16\3\1\2\0\1\0\1\xfc\3\3" + bytes(506)
ABORT = b"\7\0\0\0\0\4\0\0\2\1"
SERVER_HELLO = b"\x16\3\3\0\x7a\2\0\0\x76\3\3" + bytes(116) + TLS
FINISHED = b"\x14\3\3\0\1\1" + b"\x17\3\3\0\x45" + bytes(69)
REQUEST = b"\x17\3\3\0\xe0" + bytes(224)


@pytest.mark.few(1)
@pytest.mark.parametrize(
    ("answer", "then", "services"),
    [
        (ABORT, b"", {"tcp/2762"}),
        (SERVER_HELLO, b"", {"tcp/2762"}),
        (SERVER_HELLO, FINISHED + TLS, {"tcp/2762"}),
        (SERVER_HELLO, FINISHED + REQUEST, {"dicom?"}),
    ],
)
def test_a_tls_handshake_alone_is_no_pacs(
    seen: type[Seen], tmp_path: Path, answer: bytes, then: bytes, services: set[str]
) -> None:
    """Whoever looks what a port speaks says no more than that."""
    said = 1000 + len(HELLO)
    frames = [
        *handshake(2762),
        segment(CLIENT, 40000, PACS, 2762, HELLO, seq=1000, flags=PSH_ACK),
        segment(PACS, 2762, CLIENT, 40000, answer, seq=9000, flags=PSH_ACK),
        segment(CLIENT, 40000, PACS, 2762, then, seq=said, flags=PSH_ACK),
        segment(CLIENT, 40000, PACS, 2762, b"", seq=said + len(then), flags=FIN_ACK),
    ]
    assert seen(write_pcap(tmp_path / "looked.pcap", frames)).services == services


@pytest.mark.few(1)
@pytest.mark.parametrize("syn", [True, False])
@pytest.mark.parametrize("pacs_first", [True, False])
def test_who_listens_on_the_port_answers(
    seen: type[Seen], tmp_path: Path, *, syn: bool, pacs_first: bool
) -> None:
    """TLS: nothing but the ports and the SYN says who called."""
    frames = conversation(CLIENT, PACS, 2762, TLS, syn=syn)
    record = b"\x17\x03\x03\x05\xa0" + bytes(1440)
    data = [
        segment(CLIENT, 40000, PACS, 2762, record, seq=9000 + n * 1445, flags=PSH_ACK)
        for n in range(800)
    ]
    if pacs_first:
        frames = [frames[1], frames[0], *frames[2:]] if not syn else frames[1:]
    told = seen(write_pcap(tmp_path / "tls.pcap", frames + data))
    assert told.roles == {PACS: "pacs", CLIENT: "modality"}
    assert told.began == {CLIENT: 1, PACS: 0}
    assert told.packets == len(frames) + len(data)


def test_one_side_alone(seen: type[Seen]) -> None:
    """Of the responder alone were packets captured: its answers show who stored."""
    told = seen(NETWORKS / "oneside1.pcap")
    assert told.roles == {PACS: "unknown", CLIENT: "modality"}
    assert (told.began, told.packets) == ({CLIENT: 1, PACS: 0}, 114)


def test_who_answers_storage_commitment_is_the_archive(seen: type[Seen]) -> None:
    """The archive begins the association on which it reports."""
    told = seen(NETWORKS / "commit_rev.pcap")
    assert told.roles == {PACS: "pacs", CLIENT: "modality"}


def rules_of(capsys: pytest.CaptureFixture[str], path: Path) -> dict[str, dict[str, object]]:
    assert main(["findings", str(path), "--no-forecast", "--format", "json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    return {row["rule"]: row for row in rows if "rule" in row}


@pytest.mark.few(1)
@pytest.mark.parametrize("kept", [{0, 8, 40, 66}, {1, 8, 40, 66}, {8, 40, 66}])
def test_few_samples_of_a_connection_hide_that_both_sides_spoke(
    seen: type[Seen], tmp_path: Path, kept: set[int]
) -> None:
    """One of them may be the SYN or its answer; no answer with content need be among them."""
    frames = [
        data for n, (_, data, _) in enumerate(pieces.read(NETWORKS / "base.pcap")) if n in kept
    ]
    told = seen(sampled_by_an_agent(tmp_path / "s.pcap", frames))
    assert (told.services, told.packets) == ({"dicom?"}, 1000 * len(kept))


def test_samples_of_a_refusal_are_no_imaging(seen: type[Seen], tmp_path: Path) -> None:
    syn = segment(CLIENT, 40000, PACS, 104, b"", seq=999, flags=SYN)
    refusal = segment(PACS, 104, CLIENT, 40000, b"", seq=0, flags=RST_ACK)
    told = seen(sampled_by_an_agent(tmp_path / "s.pcap", [syn, refusal]))
    assert (told.services, told.roles) == ({"tcp/104"}, {})


def sampled_by_an_agent(path: Path, frames: list[bytes]) -> Path:
    """Write frames as the samples of one switch, one in 1,000."""
    sent = []
    for number, frame in enumerate(frames, 1):
        header = sflow_encoder.raw_header(frame[:128], len(frame) + 4)
        sample = sflow_encoder.flow_sample(number, 1, 1000, 1000 * number, [header])
        datagram = sflow_encoder.datagram("10.9.0.1", number, 1000 * number, [sample])
        sent.append((float(number), sflow_encoder.udp(datagram)))
    return sflow_encoder.write_pcap(path, sent)


def test_a_scan_is_a_finding(tshark: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert tshark
    found = rules_of(capsys, NETWORKS / "scan104.pcap")["port-scan"]
    assert (found["hosts"], found["count"]) == (["10.9.9.9"], 40)


def test_copies_and_mixed_networks_are_findings(
    tshark: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert tshark
    base = pieces.read(NETWORKS / "base.pcap")
    twice = pieces.write(tmp_path / "mirror_01.pcap", pieces.copied(base, 0.0003))
    found = rules_of(capsys, twice)["copies-seen"]
    assert (found["count"], found["title"]) == (
        332, "50\xa0% of the frames of mirror_*.pcap are copies of others",
    )  # fmt: skip
    other = []
    for ts, data, wire in base:
        moved = bytearray(data)
        pieces.add(moved, 38, 5_000_000)
        pieces.add(moved, 42, 5_000_000)
        other.append((ts + 0.001, wrapping.vlan(bytes(moved), 20), wire + 4))
    first = [(ts, wrapping.vlan(data, 10), wire + 4) for ts, data, wire in base]
    mixed = rules_of(capsys, pieces.write(tmp_path / "mixed.pcap", sorted(first + other)))
    assert mixed["two-networks"]["count"] == 2
    assert "copies-seen" not in mixed
