"""Datagrams written by hand, with a known truth: what is lost, damaged or doubled is told."""

from __future__ import annotations

import random
import struct
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pacsflow.agents import Sampling, read_sampling
from pacsflow.cli import main
from pacsflow.ledger import Ledger
from pacsflow.readers import CaptureOptions, find
from pacsflow.sampling import from_sums
from pacsflow.words.language import english
from pacsflow.words.saying import message_said

sys.path.insert(0, str(Path(__file__).parent))
import sflow_encoder as sflow

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

CT, PACS, RATE = "10.0.0.11", "10.0.0.2", 100
pytestmark = pytest.mark.usefixtures("tshark")


def said(sampling: Any) -> list[str]:
    """Return what is to be known of samples, in English."""
    return [message_said(note, english()) for note in sampling.notes()]


def record(length: int = 1500, *, source: str = CT, destination: str = PACS) -> bytes:
    """Return a sampled header of a frame of `length` bytes and its Ethernet header and FCS."""
    head = sflow.tcp(source, 40000, destination, 104, length=length, payload=b"\xaa" * 74)
    return sflow.raw_header(head[:128], length + 18)


def stream(
    datagrams: int,
    *,
    agent: str = "10.9.0.1",
    per: int = 5,
    rate: int = RATE,
    pool_step: int | None = None,
    pool: int = 0,
    source: int = 3,
    start: float = 0.0,
    uptime: int = 1_000_000,
) -> Iterator[tuple[float, bytes]]:
    """Yield datagrams, one a second, of one source that sampled frames of 1518 bytes."""
    step, number = pool_step or rate, 0
    for sequence in range(1, datagrams + 1):
        samples = []
        for _ in range(per):
            number += 1
            pool += step
            samples.append(sflow.flow_sample(number, source, rate, pool, [record()]))
        told = sflow.datagram(agent, sequence, uptime + sequence * 1000, samples)
        yield start + sequence, sflow.udp(told)


class Read:
    """A ledger made of one capture: what it holds, and what was said of it."""

    def __init__(self, path: Path, options: CaptureOptions | None = None) -> None:
        with Ledger.temporary() as ledger:
            added = ledger.add(find([path], options).sources)
            self.problems = [str(problem) for problem in added.problems]
            self.notes = [note for entry in added.added for note in entry.notes]
            with ledger.connect() as connection:
                self.rows = connection.execute(
                    "SELECT origin, sum(samples)::BIGINT, sum(packets)::BIGINT, sum(bytes)::BIGINT"
                    " FROM traffic GROUP BY origin ORDER BY origin"
                ).fetchall()
                self.sampling: Sampling = read_sampling(connection)

    def only(self) -> Any:
        (source,) = self.sampling.sources
        return source


def read(tmp_path: Path, frames: Iterable[tuple[float, bytes]]) -> Read:
    return Read(sflow.write_pcap(tmp_path / "sflow.pcap", frames))


def test_totals_are_those_of_the_samples_and_of_nothing_else(tmp_path: Path) -> None:
    """The datagrams themselves are on the wire too: they are not added to what they tell."""
    found = read(tmp_path, stream(40))
    assert found.rows == [("sflow", 200, 200 * RATE, 200 * RATE * 1518)]
    source = found.only()
    assert (source.received, source.lost, source.pool_state) == (200, 0, "agrees")
    assert source.true_rate == RATE
    assert (found.sampling.agents[0].received, found.sampling.agents[0].lost) == (40, 0)
    assert (found.notes, found.sampling.notes(), found.sampling.low) == ([], [], 0)


def test_lost_datagrams_are_lost_samples_to_the_number(tmp_path: Path) -> None:
    frames = [f for i, f in enumerate(stream(60)) if i not in {7, 8, 30}]
    found = read(tmp_path, frames)
    assert found.sampling.agents[0].lost == 3
    assert found.only().lost == 15
    assert found.sampling.low == pytest.approx(15 / 299, abs=1e-9)
    assert "15 of 299 samples (5.0\u00a0%) were lost" in said(found.sampling)[0]
    assert "about 5.0\u00a0% too low" in said(found.sampling)[1]


def of_one_counter(datagrams: int, *, pools: bool) -> Iterator[tuple[float, bytes]]:
    """Yield datagrams of an agent that numbers the samples of two sources in one sequence.

    The first source gives two of three samples. pools: one pool counts the packets of both.
    """
    number, pool = 0, {3: 0, 4: 0}
    for sequence in range(1, datagrams + 1):
        samples = []
        for _ in range(5):
            number += 1
            source = 4 if number % 3 == 0 else 3
            pool[3 if pools else source] += RATE
            grown = pool[3 if pools else source]
            samples.append(sflow.flow_sample(number, source, RATE, grown, [record()]))
        told = sflow.datagram("10.9.0.1", sequence, 1_000_000 + sequence * 1000, samples)
        yield sequence, sflow.udp(told)


@pytest.mark.few(1)
@pytest.mark.parametrize("pools", [True, False])
def test_one_sequence_for_two_sources_is_no_loss(tmp_path: Path, *, pools: bool) -> None:
    found = read(tmp_path, of_one_counter(60, pools=pools))
    assert sum(s.received for s in found.sampling.sources) == 300
    assert [s.lost for s in found.sampling.sources] == [0, 0]
    assert (said(found.sampling), found.sampling.low) == ([], pytest.approx(0, abs=0.02))


def test_lost_datagrams_of_one_sequence_are_lost(tmp_path: Path) -> None:
    frames = [f for i, f in enumerate(of_one_counter(60, pools=True)) if i not in {7, 8, 30}]
    found = read(tmp_path, frames)
    assert sum(s.lost for s in found.sampling.sources) == 15


def test_losses_across_hours_add_up(tmp_path: Path) -> None:
    frames = [(seconds * 200, f) for seconds, f in stream(60)]
    found = read(tmp_path, [f for i, f in enumerate(frames) if i not in {17, 18, 36}])
    assert (found.only().lost, found.only().sequence, found.only().received) == (15, 299, 285)
    assert found.only().pool == 299 * RATE


def test_a_restart_is_no_loss(tmp_path: Path) -> None:
    before = list(stream(50, uptime=500_000_000))
    found = read(tmp_path, [*before, *stream(30, start=60, uptime=0)])
    assert (found.sampling.agents[0].restarts, found.only().lost) == (1, 0)
    assert (found.only().received, found.only().followed) == (400, 398)
    assert found.only().pool == 398 * RATE
    assert any("1 restart of an agent" in note for note in said(found.sampling))


def test_overtaken_and_doubled_datagrams_are_neither_lost_nor_counted_twice(tmp_path: Path) -> None:
    frames = list(stream(40))
    frames[10], frames[12] = (frames[10][0], frames[12][1]), (frames[12][0], frames[10][1])
    doubled = [f for frame in frames for f in (frame, frame)]
    found = read(tmp_path, doubled)
    assert found.rows == [("sflow", 200, 200 * RATE, 200 * RATE * 1518)]
    agent = found.sampling.agents[0]
    assert (agent.lost, agent.duplicates, agent.restarts) == (0, 40, 0)
    assert (found.only().lost, found.only().restarts) == (0, 0)
    assert found.notes == ["40 sFlow datagrams that were captured twice, and counted once"]


@pytest.mark.few(1)
@pytest.mark.parametrize("step", [50, 200, 100_000])
def test_a_rate_other_than_declared_shows_in_the_pool(tmp_path: Path, step: int) -> None:
    # The pool runs over its 32 bits on the way.
    found = read(tmp_path, stream(200, pool_step=step, pool=(1 << 32) - 1234))
    source = found.only()
    assert source.true_rate == step
    expected = {50: ("less", -1.0), 200: ("more", 0.5), 100_000: ("unfit", 0.0)}[step]
    assert (source.pool_state, found.sampling.low) == pytest.approx(expected)
    assert any(("does not fit" in n) == (step == 100_000) for n in said(found.sampling))


def test_an_agent_that_samples_everything_is_an_agent_still(tmp_path: Path) -> None:
    found = read(tmp_path, stream(10, rate=1))
    assert found.rows == [("sflow", 50, 50, 50 * 1518)]


def test_several_agents_ports_and_kinds_of_samples(tmp_path: Path) -> None:
    frames = []
    for i in range(1, 31):
        for agent, rate in (("10.9.0.1", 10), ("2001:db8::9", 50)):
            one = sflow.flow_sample(i, 3, rate, i * rate, [record()], expanded=agent != "10.9.0.1")
            two = sflow.flow_sample(i, 1000, rate, i * rate, [record(100)], expanded=True, kind=2)
            told = sflow.datagram(agent, i, i * 1000, [one, two], sub_agent=7)
            frames.append((float(i), sflow.udp(told, port=9999)))
    found = read(tmp_path, frames)
    # Both sample one path, and the second one clearly sees more of it.
    assert found.rows == [("sflow", 60, 30 * 2 * 50, 30 * 50 * (1518 + 118))]
    assert {(a.agent, a.sub_agent) for a in found.sampling.agents} == {
        ("10.9.0.1", 7), ("2001:db8::9", 7),
    }  # fmt: skip
    assert [(s.source_type, s.source, s.rate) for s in found.sampling.sources] == [
        (0, 3, 10), (2, 1000, 10), (0, 3, 50), (2, 1000, 50),
    ]  # fmt: skip
    assert any("2 agents sampled" in note for note in said(found.sampling))


def test_what_cannot_be_used_is_counted_and_named(tmp_path: Path) -> None:
    good = record()
    arp = sflow.raw_header(b"\xff" * 6 + b"\2" * 6 + b"\x08\x06" + b"\0" * 28, 64)
    switch = struct.pack(">II", 1001, 16) + b"\0" * 16
    samples = {
        "fine": [sflow.flow_sample(1, 3, RATE, RATE, [good])],
        "rate of zero": [sflow.flow_sample(2, 3, 0, 200, [good])],
        "no header": [sflow.flow_sample(3, 3, RATE, 300, [switch])],
        "no IP": [sflow.flow_sample(4, 3, RATE, 400, [arp])],
        "other formats too": [
            struct.pack(">II", 4413 << 12 | 1, 8) + b"\0" * 8,
            sflow.flow_sample(5, 3, RATE, 500, [switch, good]),
        ],
        "malformed": [
            sflow.flow_sample(6, 3, RATE, 600, [good[:4] + b"\0\xff\xff\xff" + good[8:]])
        ],
        "more than there is": [struct.pack(">II", 1, 5000) + b"\0" * 40],
    }
    frames = [
        (i, sflow.udp(sflow.datagram("10.9.0.1", i, i * 1000, parts)))
        for i, parts in enumerate(samples.values(), 1)
    ]
    whole = sflow.udp(
        sflow.datagram("10.9.0.1", 8, 8000, [sflow.flow_sample(7, 3, RATE, 700, [good])] * 2)
    )
    path = sflow.write_pcap(tmp_path / "bad.pcap", frames)
    with path.open("ab") as out:  # cut in the middle of the second sample, as by a snap length
        out.write(struct.pack("<IIII", sflow.START + 9, 0, 300, len(whole)) + whole[:300])
    found = Read(path)
    assert not found.problems
    sampled = [row for row in found.rows if row[0] == "sflow"]
    assert sampled == [("sflow", 3, 3 * RATE, 3 * RATE * 1518)]
    assert set(found.notes) == {
        "1 frame without IP addresses, in no host's total: 1 ARP",
        "2 sFlow datagrams that are not well-formed",
        "1 sFlow datagram that the capture cut short",
        "1 sample with a rate of zero, which says nothing of a total",
        "2 samples without a sampled header, which name no address",
    }  # fmt: skip
    assert found.only().lost == 0


def counters(seconds: float, number: int, octets: tuple[int, int]) -> tuple[float, bytes]:
    told = sflow.interface_counters(3, octets[0], 1, octets[1], 1)
    sample = sflow.counter_sample(number, 3, [told])
    return seconds, sflow.udp(sflow.datagram("10.9.0.1", number, int(seconds * 1000), [sample]))


@pytest.mark.few(1)
@pytest.mark.parametrize(
    ("grown", "state"), [(1.0, "agrees"), (1.05, "agrees"), (3.0, "outside"), (0.0, "still")]
)
def test_counters_of_an_interface_check_its_estimate(
    tmp_path: Path, grown: float, state: str
) -> None:
    """Samples before the first counter and after the last are not of the same time."""
    random_ = random.Random(4)
    lengths = [random_.choice((40, 1500)) for _ in range(1000)]
    truth = sum(RATE * (length + 18) for length in lengths[100:900])
    base = (1 << 40) - 17  # more than 32 bits
    frames = []
    for i, length in enumerate(lengths):
        if i in {100, 500, 900}:
            share = sum(RATE * (n + 18) for n in lengths[100:i])
            frames.append(counters(len(frames), len(frames) + 1, (base + int(grown * share), 9)))
        sample = sflow.flow_sample(i + 1, 3, RATE, (i + 1) * RATE, [record(length)])
        told = sflow.datagram("10.9.0.1", len(frames) + 1, len(frames) * 1000, [sample])
        frames.append((float(len(frames)), sflow.udp(told)))
    found = read(tmp_path, frames)
    (check,) = found.sampling.interfaces  # what goes out was never sampled
    assert check.estimate.value == truth
    assert check.estimate.samples == 800
    assert (check.way, check.counted, check.state) == ("in", int(grown * truth), state)
    assert check.seconds == 802
    assert any("outside" in n for n in said(found.sampling)) == (state == "outside")


def test_samples_of_both_directions_are_checked_apart(tmp_path: Path) -> None:
    frames = [counters(0, 1, (0, 0))]
    for i in range(1, 401):
        way = {"into": 3, "out_of": 9} if i % 2 else {"into": 9, "out_of": 3}
        sample = sflow.flow_sample(i, 3, RATE, i * RATE, [record(500 if i % 2 else 1000)], **way)
        frames.append((i / 2, sflow.udp(sflow.datagram("10.9.0.1", i + 1, i * 500, [sample]))))
    frames.append(counters(300, 402, (200 * RATE * 518, 200 * RATE * 1018)))
    found = read(tmp_path, frames)
    told = {i.way: (i.counted, i.estimate.value, i.state) for i in found.sampling.interfaces}
    octets = {"in": 200 * RATE * 518, "out": 200 * RATE * 1018}
    assert told == {way: (n, n, "agrees") for way, n in octets.items()}


@pytest.mark.thorough
def test_a_clock_that_was_not_set(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    frames = [(seconds - sflow.START, frame) for seconds, frame in stream(20)]
    path = sflow.write_pcap(tmp_path / "unset.pcap", frames)
    assert main(["series", str(path)]) == 2
    error = capsys.readouterr().err
    assert "--capture-start" in error
    assert error.count("\n") == 1
    assert main(["top", str(path), "--by", "protocol", "--format", "csv"]) == 0
    assert "1,TCP,100," in capsys.readouterr().out
    start = ["--capture-start", "2026-03-02T08:00"]
    assert main(["top", str(path), "--by", "time", "--format", "csv", *start]) == 0
    assert "2026-03-02T08:00Z,100," in capsys.readouterr().out


@pytest.mark.thorough
def test_hours_of_too_few_samples_are_marked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Fewer than 24 samples of one length: an interval further than 50 % from the estimate."""
    frames = list(stream(5)) + [(3600 + s, f) for s, f in stream(4, agent="10.9.0.2")]
    path = str(sflow.write_pcap(tmp_path / "few.pcap", frames))
    assert main(["series", path]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "hour_utc,bytes,lower_bytes,upper_bytes,samples,few_samples"
    assert [line.split(",")[4:] for line in lines[1:]] == [["25", "False"], ["20", "True"]]
    assert main(["top", path, "--by", "time", "--format", "csv"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split(",")[2] == "samples", "a count of samples is not one of connections"
    assert [line.split(",")[-1] for line in lines[1:]] == ["False", "True"]
    assert main(["top", path, "--by", "length", "--format", "csv"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].endswith(",estimated_bytes,lower_bytes,upper_bytes,few_samples")
    total = from_sums(45 * RATE * 1518, 45 * (RATE * 1518) ** 2, 45)
    told = [45 * 1518, int(total.value), round(total.lower), round(total.upper), total.few]
    assert lines[1].split(",")[4:] == [str(cell) for cell in told]


def test_the_exported_log_is_read_as_the_capture_is(tmp_path: Path) -> None:
    from pacsflow.programs.tshark import export_logs

    frames = [f for i, f in enumerate(stream(30)) if i != 4]
    path = sflow.write_pcap(tmp_path / "sflow.pcap", frames)
    export_logs(path, tmp_path / "logs")
    assert (tmp_path / "logs" / "sflow.log").is_file()
    assert Read(tmp_path / "logs").sampling == Read(path).sampling


def test_the_command_tells_it_all(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    frames = [f for i, f in enumerate(stream(30)) if i != 4]
    path = str(sflow.write_pcap(tmp_path / "sflow.pcap", frames))
    assert main(["sampling", path]) == 0
    out, err = capsys.readouterr()
    assert "10.9.0.1" in out
    assert "were lost on the way" in err
    assert main(["sampling", path, "--format", "json"]) == 0
    import json

    told = json.loads(capsys.readouterr().out)
    assert (told["samples_lost"], told["samples_sent"]) == (5, 149)
    assert told["sources"][0]["rate_by_pool"] == RATE
    assert told["estimates_low_by"] == pytest.approx(5 / 149)


@pytest.mark.few(1)
@pytest.mark.parametrize("name", ["sflow_hospital", "goflow2_sflow_test", "gopacket_sflow_test"])
def test_real_captures_give_what_tshark_counts(tshark: str, shared_data: Path, name: str) -> None:
    """Flow samples with a header and their rate x length, once for each datagram."""
    path = shared_data / "sflow" / f"{name}.pcap"
    told = subprocess.run(
        [tshark, "-r", str(path), "-T", "pdml", "-J", "sflow"],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    packets = octets = samples = 0
    seen = set()
    rate = None
    for packet in told.split("<packet>")[1:]:
        payload = packet.partition('<proto name="sflow"')[2]
        if payload in seen or "Malformed" in packet:
            continue
        seen.add(payload)
        for line in payload.splitlines():
            if 'name="sflow.flow_sample.sampling_rate"' in line:
                rate = int(line.partition("1 out of ")[2].split()[0])
            elif 'name="sflow_245.header.frame_length"' in line and rate:
                length = int(line.partition('show="')[2].partition('"')[0])
                samples, packets, octets = samples + 1, packets + rate, octets + rate * length
    found = Read(path)
    if name == "sflow_hospital":
        # Two agents sampled the 9,234 packets of one capture, each at its own rate.
        ((_, _, counted, _),) = (row for row in found.rows if row[0] == "sflow")
        assert (counted, packets) == (pytest.approx(9234, rel=0.05), pytest.approx(18468, rel=0.06))
    elif samples:
        assert [r for r in found.rows if r[0] == "sflow"] == [("sflow", samples, packets, octets)]
    assert samples


def test_mutated_datagrams_never_stop_it(tmp_path: Path) -> None:
    random_ = random.Random(9)
    frames = []
    for number, (seconds, frame) in enumerate(stream(400)):
        told = bytearray(frame)
        for _ in range(random_.randrange(1, 6)):
            told[random_.randrange(42, len(told))] = random_.choice((0, 1, 4, 127, 255))
        cut = random_.randrange(60, len(told)) if number % 5 == 0 else len(told)
        frames.append((seconds, bytes(told[:cut])))
    found = read(tmp_path, frames)
    assert not found.problems
    assert not [note for note in found.notes if "Lua" in note or "error" in note.lower()]
    assert sum(a.received + a.duplicates for a in found.sampling.agents) > 300


def test_the_page_says_what_its_estimates_rest_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import json

    frames = [f for i, f in enumerate(stream(60)) if i not in {7, 8}]
    frames += [(7200 + s, f) for s, f in stream(2, agent="10.9.0.2")]
    path = str(sflow.write_pcap(tmp_path / "week.pcap", frames))
    assert main(["report", path, "--format", "json", "--no-forecast"]) == 0
    coverage = json.loads(capsys.readouterr().out)["coverage"]
    assert coverage["sampled"]
    told = {
        note["key"]: {name: value["value"] for name, value in note["values"]}
        for note in coverage["notes"]
    }
    assert told["few-samples"] == {"few": 1, "hours": 2}
    assert {name: told["samples-lost"][name] for name in ("lost", "sent")} == {
        "lost": 10,
        "sent": 308,
    }
    assert told["several-agents"] == {"agents": 2}


NO_PACKETS = "its sFlow has no samples of packets"


@pytest.mark.few(1)
@pytest.mark.parametrize(
    ("kind", "said_of_it"),
    [(5, "12 samples are of packets that an agent discarded"), (4413 << 12 | 1, ""), (2, "")],
)  # fmt: skip
@pytest.mark.parametrize("alone", [True, False])
def test_samples_of_no_packet_that_passed_are_said(
    tmp_path: Path, kind: int, said_of_it: str, *, alone: bool
) -> None:
    """Discarded packets (sFlow's kind 5), a vendor's own samples, and counters."""
    frames = []
    for number in range(1, 13):
        body = struct.pack(">IIIIIII", number, 0, 3, 0, 3, 0, 256) + b"\0\0\0\1" + record()
        sample = struct.pack(">II", kind, len(body)) + body
        if kind == 2:
            sample = sflow.counter_sample(number, 3, [sflow.interface_counters(3, number, 1)])
        told = sflow.datagram("10.9.0.1", number, number * 1000, [sample])
        frames.append((float(number), sflow.udp(told)))
    found = read(tmp_path, frames if alone else [*stream(3, agent="10.9.0.9"), *frames])
    assert sum(row[1] for row in found.rows) == (0 if alone else 15)
    assert any(said_of_it in note for note in found.notes) or not said_of_it
    assert any(NO_PACKETS in note for note in found.notes) is alone
