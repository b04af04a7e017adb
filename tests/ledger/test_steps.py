"""Numbers of which some occur again, or beside each other, are found however many there are."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from pacsflow.ledger import steps
from pacsflow.ledger.steps import Steps


def by_hand(numbers: list[int]) -> list[int]:
    known = sorted(numbers)
    close = {n for a, b in pairwise(known) if b - a <= 1 for n in (a, b)}
    return sorted(close)


@pytest.mark.parametrize("most", [1, 7, 10**6])
def test_what_occurs_again_or_beside_is_found(monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    monkeypatch.setattr(steps, "MOST", most)
    rng = np.random.default_rng(3)
    edge = 1 << 58
    kinds = [
        rng.integers(0, 400, 60), rng.integers(0, 1 << 63, 50),
        np.array([edge - 1, edge, 5 * edge, 9 * edge, 9 * edge, (1 << 63) - 1]),
    ]  # fmt: skip
    taken, given = Steps(), list[int]()
    assert not taken
    for part in (*kinds, kinds[1][:3]):
        taken.add(part.astype(np.uint64))
        given += part.tolist()
    assert taken
    found = taken.repeated()
    assert found.tolist() == by_hand(given)
    assert edge - 1 in found
    assert taken.among(found) == sum(n in set(found.tolist()) for n in given)


def test_none_of_none() -> None:
    assert Steps().repeated().tolist() == []
    assert Steps().among(np.array([1], np.uint64)) == 0
