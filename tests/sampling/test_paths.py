"""Several sFlow agents on one path: each packet counts once, and the interval holds the truth."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from tests.sampling import sflow_encoder as sflow
from tests.sampling.test_agents import CT, PACS, RATE, read

from pacsflow import sampling
from pacsflow.ledger.frame_hours import frame_hours
from pacsflow.terms.log_fields import FRAMES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

T0 = 1_772_438_400_000_000
"""2026-03-02 08:00 UTC."""
Sampled = tuple[int, int, str, int]
"""Pair, flow, agent, rate."""


def hours(rows: list[Sampled], length: int = 1518) -> tuple[dict[str, tuple[Any, ...]], str]:
    """Return bytes, packets, samples and squares by source, and the remark."""
    pair, flow, agent, rate = (np.array(part) for part in zip(*rows, strict=True))
    count = len(rows)
    columns: dict[str, Any] = {name: [None] * count for name in FRAMES.names}
    columns |= {
        "ts": pa.array(np.arange(count) + T0).cast(FRAMES.field("ts").type),
        "id.orig_h": [f"10.1.{p // 250}.{p % 250}" for p in pair],
        "id.orig_p": 40_000 + flow, "id.resp_h": ["10.0.0.5"] * count, "id.resp_p": [104] * count,
        "length": [length] * count, "sampling_rate": rate, "agent": agent, "proto": ["tcp"] * count,
        "flow": [f"tcp {p} {f}" for p, f in zip(pair, flow, strict=True)],
        "service": ["dicom"] * count,
    }  # fmt: skip
    arrays = [pa.array(columns[f.name]).cast(f.type) for f in FRAMES]
    reader = pa.RecordBatchReader.from_batches(FRAMES, [pa.record_batch(arrays, schema=FRAMES)])
    with duckdb.connect() as engine:
        engine.execute("SET TimeZone = 'UTC'")
        tables, said = frame_hours(engine, reader)
    found = dict(tables)["traffic"].to_pylist()
    return {
        row["source"]: (row["bytes"], row["packets"], row["samples"], row["weight_squares"])
        for row in found
    }, " ".join(said)


def drawn(
    rng: np.random.Generator, pairs: int, agents: dict[str, int], packets: int, flows: int
) -> Iterator[Sampled]:
    """Give what agents sample, each at its rate, of so many packets of each pair."""
    for pair in range(pairs):
        for agent, rate in agents.items():
            taken = np.flatnonzero(rng.random(packets) < 1 / rate)
            for packet in taken:
                yield pair, int(packet) * flows // packets, agent, rate


@pytest.mark.few(1)
@pytest.mark.parametrize(
    ("agents", "packets", "flows"),
    [
        ({"10.9.0.1": 20, "10.9.0.2": 20}, 2000, 4),
        ({"10.9.0.1": 50, "10.9.0.2": 20, "10.9.0.3": 20}, 2000, 40),
        ({"10.9.0.1": 100, "10.9.0.2": 25}, 4000, 1),
    ],
)
def test_the_interval_holds_the_truth(agents: dict[str, int], packets: int, flows: int) -> None:
    """In 93 to 97 % of 1,000 draws, without bias."""
    rng, pairs = np.random.default_rng(7), 1000
    found, said = hours(list(drawn(rng, pairs, agents, packets, flows)))
    truth, held, total = packets * 1518, 0, 0.0
    for octets, _, samples, squares in found.values():
        estimate = sampling.estimated(octets, squares, samples)
        assert estimate is not None
        held += estimate.lower <= truth <= estimate.upper
        total += octets
    assert 0.93 <= held / pairs <= 0.97
    assert total / (pairs * truth) == pytest.approx(1, abs=0.01)
    assert "one agent each counts" in said


def test_agents_on_ways_beside_one_another_add_up() -> None:
    """Each flow goes over one of two switches."""
    rng = np.random.default_rng(3)
    rows = [
        (0, flow, f"10.9.0.{1 + flow % 2}", 20)
        for flow in range(8)
        for _ in range(rng.binomial(1000, 1 / 20))
    ]
    found, said = hours(rows)
    assert found["10.1.0.0"][0] == len(rows) * 20 * 1518
    assert said == ""


def test_who_sees_clearly_less_does_not_count() -> None:
    """The finer agent lies on one of two ways; the coarser one before both."""
    rng = np.random.default_rng(5)
    rows = [
        (0, flow, agent, rate)
        for flow in range(8)
        for agent, rate in (("10.9.0.1", 10), ("10.9.0.2", 20))
        if agent == "10.9.0.2" or flow < 4
        for _ in range(rng.binomial(2000, 1 / rate))
    ]
    found, _ = hours(rows)
    assert found["10.1.0.0"][0] == sum(1 for row in rows if row[2] == "10.9.0.2") * 20 * 1518


def test_one_agent_is_left_alone() -> None:
    rows: list[Sampled] = [(0, 0, "10.9.0.1", 10), (1, 0, "10.9.0.2", 10)]
    found, said = hours(rows)
    assert ({octets for octets, *_ in found.values()}, said) == ({15_180}, "")


def test_in_a_capture(tmp_path: Path) -> None:
    """Two switches behind one another; it is said."""
    frames = []
    for number in range(1, 41):
        for k, agent in enumerate(("10.9.0.1", "10.9.0.2")):
            head = sflow.tcp(CT, 40000, PACS, 104, length=1500, payload=b"\xaa" * 74,
                             seq=number * 10 + k)  # fmt: skip
            sample = sflow.flow_sample(
                number, 3, RATE, number * RATE, [sflow.raw_header(head[:128], 1518)],
                into=3, out_of=4,
            )  # fmt: skip
            datagram = sflow.datagram(agent, number, number * 1000, [sample])
            frames.append((number + k / 10, sflow.udp(datagram)))
    found = read(tmp_path, frames)
    assert found.rows == [("sflow", 40, 40 * RATE, 40 * RATE * 1518)]
    assert any("40 samples of 10.9.0.2" in note for note in found.notes)
