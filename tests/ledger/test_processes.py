"""How many processes read a ledger's sources: none is started for less than it costs."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pacsflow.ledger import processes
from pacsflow.ledger.processes import Processes

if TYPE_CHECKING:
    from collections.abc import Iterator


class Task:
    """A source of so many bytes."""

    def __init__(self, size: int, name: str = "conn.log", log: str = "conn") -> None:
        self.size, self.source, self.log, self.path = size, self, log, Path(name)


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return how many processes were started, each time that some were."""
    found: list[int] = []

    class Done:
        def __init__(self, value: Any) -> None:
            self.result = lambda: value

    class Pool:
        def submit(self, work: Any, *arguments: Any, threads: int) -> Done:
            return Done((*work(*arguments), threads))

    @contextmanager
    def pool(workers: int) -> Iterator[Pool]:
        found.append(workers)
        yield Pool()

    monkeypatch.setattr(processes, "pool", pool)
    monkeypatch.setattr(processes, "as_completed", list)
    monkeypatch.setattr(processes, "cores", lambda: 3)
    monkeypatch.setattr(processes, "stage", lambda *told: told)
    return found


def each(batches: list[Any], workers: int = 0) -> list[Any]:
    known = iter(range(100))
    return list(Processes(workers).each(batches, Path("staging"), lambda: next(known)))


@pytest.mark.parametrize(
    ("batches", "number"),
    [
        ([[Task(15_999_999)], [Task(0)]], []),
        ([[Task(8_000_000)], [Task(8_000_000)]], [2]),
        ([[Task(16_000_000)]], []),
        ([[Task(16_000_000)]] * 5, [3]),
        ([[Task(1_999_999, "conn.log.gz"), Task(0)], [Task(0)]], []),
        ([[Task(2_000_000, "conn.log.gz")], [Task(0)]], [2]),
        ([[Task(0, "a.pcap", "frames")] * 3, [Task(3_999_999, "b.pcap")]], []),
        ([[Task(0, "a.pcap", "frames")] * 3, [Task(4_000_000, "b.pcap")]], [2]),
        ([], []),
    ],
)
def test_as_many_as_there_are_cores_for_what_is_much(
    started: list[int], batches: list[Any], number: list[int]
) -> None:
    """Packed logs are eight times as much, and a program that reads a capture 4 MB."""
    each(batches)
    assert started == number


def test_as_many_as_are_asked_for_however_little_it_is(started: list[int]) -> None:
    each([[Task(1)]] * 5, 2)
    each([[Task(1)]] * 5, 9)
    each([[Task(99_999_999)]] * 5, 1)
    assert started == [2, 5]


def test_each_batch_has_its_folder_and_what_is_known_by_then(started: list[int]) -> None:
    """One after the other each knows what came in before; side by side none does."""
    folders = [Path("staging/0"), Path("staging/1")]
    assert [told[1:] for told in each([["a"], ["b"]], 1)] == [(folders[0], 0), (folders[1], 1)]
    assert [told[1:] for told in each([["a"], ["b"]], 2)] == [
        (folders[0], 0, 1), (folders[1], 0, 1)
    ]  # fmt: skip
    assert started == [2]
