"""What clients and servers with a stopwatch measured, against what the capture tells.

The captures were recorded by tests/lab/speeds.py, the stopwatches' notes with them.
"""

from __future__ import annotations

import gzip
import json
import math
from typing import TYPE_CHECKING, Any

import pytest

from conftest import ROOT
from pacsflow.ledger import Ledger
from pacsflow.ledger.response_times import OperationTimes, read_times
from pacsflow.readers import find
from pacsflow.week.where import where

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

RECORDED = ROOT / "tests" / "times" / "captures"
NAMES = sorted(path.name.removesuffix(".json") for path in RECORDED.glob("*.json"))
FROM_THE_CLIENT = {"slow_server_far", "long_path_from_the_client"}
"""Captured at the client's end."""
CLIENTS_WATCH = {*FROM_THE_CLIENT, "small_answers"}
"""Measured by the client: a server does not know when what it wrote went out."""
READS_LATE = {"slow_reader"}
"""The server's stopwatch begins when it has read what had arrived long before."""
KINDS = {1: "store", 0x20: "find", 0x30: "echo"}


def truth_of(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((RECORDED / f"{name}.json").read_text())
    return found


@pytest.fixture(scope="module")
def measured(tshark: str) -> Iterator[Callable[[str], dict[str, OperationTimes]]]:
    """Return what a capture tells, by operation; each is read once."""
    assert tshark
    known: dict[str, dict[str, OperationTimes]] = {}

    def of(name: str) -> dict[str, OperationTimes]:
        if name not in known:
            with Ledger.temporary() as ledger:
                ledger.add(find([str(RECORDED / f"{name}.pcap.gz")]).sources)
                with ledger.connect() as connection:
                    by = read_times(connection, ["operation"])
                    whole = read_times(connection, [])
            known[name] = {key[0]: value for key, value in by.items()}
            known[name]["all"] = next(iter(whole.values()))
        return known[name]

    return of


def close(found: float, truth: float) -> bool:
    """Return whether a time is right to 2 ms or 2 %."""
    return abs(found - truth) <= max(0.002, 0.02 * truth)


def responses(name: str) -> dict[str, list[float]]:
    """Return the response times that the stopwatch of the capture's end measured."""
    truth, found = truth_of(name), {}
    if name in CLIENTS_WATCH:
        notes = [(n["operation"], n["response"]) for n in truth["client"] if "operation" in n]
    else:
        notes = [(KINDS[n["command"]], n["response"]) for n in truth["server"]]
    for kind, seconds in notes:
        found.setdefault(kind, []).append(seconds)
    return found


@pytest.mark.few(1)
@pytest.mark.parametrize("name", NAMES)
def test_response_times(name: str, measured: Callable[..., dict[str, OperationTimes]]) -> None:
    for kind, times in responses(name).items():
        found = measured(name)[kind]
        assert found.counts["count"] == found.counts["timed"] == len(times)
        if name in READS_LATE:
            assert (found.seconds["response_min"] or 0) > max(times)
            continue
        assert close(found.seconds["response_min"] or -1, min(times))
        assert close(found.seconds["response_max"] or -1, max(times))
        assert close(found.mean("response_seconds", "timed") or -1, sum(times) / len(times))
        for share in (0.5, 0.95):
            high = found.percentile(share)
            assert high is not None
            exact = sorted(times)[math.ceil(share * len(times)) - 1]
            assert high.lower - 0.002 <= exact <= high.upper + 0.002


@pytest.mark.few(1)
@pytest.mark.parametrize("name", NAMES)
def test_every_response(name: str, run: Callable[..., str], tmp_path: Path) -> None:
    """Each one by itself, on its frame."""
    capture = tmp_path / "c.pcap"
    capture.write_bytes(gzip.decompress((RECORDED / f"{name}.pcap.gz").read_bytes()))
    shown = run(capture, "-Y", "pacsflow.response_time", "-T", "fields", "-e",
                "pacsflow.operation", "-e", "pacsflow.response_time")  # fmt: skip
    found: dict[str, list[float]] = {}
    for line in shown.splitlines():
        operation, seconds = line.split("\t")
        found.setdefault(operation.removeprefix("C-").lower(), []).append(float(seconds))
    wanted = responses(name)
    assert found.keys() == wanted.keys()
    for kind, times in wanted.items():
        assert len(times) == len(found[kind])
        assert name in READS_LATE or all(map(close, found[kind], times)), (found[kind], times)


@pytest.mark.few(3)
@pytest.mark.parametrize("name", NAMES)
def test_transfer_rates(name: str, measured: Callable[..., dict[str, OperationTimes]]) -> None:
    """To 3 %, where bytes flowed for 50 ms or more."""
    stored = [n for n in truth_of(name)["server"] if n["command"] == 1]
    seconds, size = sum(n["data"] for n in stored), sum(n["bytes"] for n in stored)
    if not stored:
        assert "store" not in measured(name)
        return
    found = measured(name)["store"]
    assert found.counts["data_bytes"] == size
    if seconds >= 0.05:
        assert found.rate == pytest.approx(size / seconds, rel=0.03)


@pytest.mark.few(1)
@pytest.mark.parametrize("name", NAMES)
def test_where_the_time_went(name: str, measured: Callable[..., dict[str, OperationTimes]]) -> None:
    truth, found = truth_of(name), where(measured(name)["all"])
    assert (found.most, found.why) == (truth["where"], truth["why"])


def test_first_responses(measured: Callable[..., dict[str, OperationTimes]]) -> None:
    found = measured("slow_query")["find"]
    times = [n["first"] for n in truth_of("slow_query")["server"]]
    assert close(found.mean("first_response_seconds", "first_responses") or 0,
                 sum(times) / len(times))  # fmt: skip
    assert close(found.seconds["first_response_max"] or 0, max(times))


@pytest.mark.few(1)
@pytest.mark.parametrize(
    ("name", "trip"), [("long_path", 0.12), ("slow_server_far", 0.04), ("one_image_each", 0.03)]
)
def test_round_trips_and_set_up(
    name: str, trip: float, measured: Callable[..., dict[str, OperationTimes]]
) -> None:
    found = measured(name)["all"]
    assert close(found.mean("round_trip_seconds", "round_trips") or 0, trip)
    if name in FROM_THE_CLIENT:
        setups = [n["setup"] for n in truth_of(name)["client"] if "setup" in n]
        assert close(found.mean("setup_seconds", "setups") or 0, sum(setups) / len(setups))


def test_of_real_programs(tshark: str) -> None:
    """DCMTK writes small, and Orthanc too, and both wait 40 ms for the other's acknowledgment."""
    assert tshark
    capture = ROOT / "tests" / "captures" / "lab" / "store.pcap"
    with Ledger.temporary() as ledger:
        ledger.add(find([str(capture)]).sources)
        with ledger.connect() as connection:
            (found,) = read_times(connection, ["operation"]).values()
    assert where(found).why == "delayed-acknowledgments"
