"""Mutated associations through the real Zeek; `tests/zeek/fuzz.py 50000` for more of them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import fuzz
from zeek_package import find_zeek


@pytest.mark.skipif(find_zeek() is None, reason="no zeek here")
def test_mutants_do_no_harm() -> None:
    rows, memory, problems = fuzz.run(2000, seed=20240229)
    assert problems == []
    assert rows > 500
    assert memory < 1 << 30


@pytest.mark.thorough
def test_mutants_differ_and_are_reproducible(tmp_path: Path) -> None:
    import random

    base = fuzz.seeds()
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        fuzz.capture(tmp_path / name, 50, base, random.Random(seed))
    contents = [(tmp_path / name).read_bytes() for name in "abc"]
    assert contents[0] == contents[1] != contents[2]
