"""A few mutants of every kind of file; `python -m tests.readers.fuzz 10000` makes many."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.readers import fuzz

from pacsflow.errors import PacsflowError
from pacsflow.readers import Quality, find, read

if TYPE_CHECKING:
    from pathlib import Path


def test_mutants_are_read_or_refused() -> None:
    assert fuzz.run(200) == []


@pytest.mark.parametrize("seed", [6329, 7013, 7544, 9380])
def test_blank_lines_are_no_rows_of_another_log(seed: int) -> None:
    """Mutants that were taken amiss once."""
    assert fuzz.run(1, seed) == []


def test_what_is_not_changed_is_read(tmp_path: Path) -> None:
    """Otherwise the mutants would show nothing."""
    for name, data in fuzz.sources():
        path = tmp_path / name
        path.write_bytes(data)
        (source,) = find([path]).sources
        quality = Quality()
        assert sum(batch.num_rows for _, batch in read(source, quality)) in {12, 24}, name


def test_most_mutants_are_read(tmp_path: Path) -> None:
    """What all is refused of is checked for nothing."""
    refused = 0
    for seed in range(100):
        name, data = fuzz.mutant(seed)
        path = tmp_path / name
        path.write_bytes(data)
        try:
            rows = sum(b.num_rows for s in find([path]).sources for _, b in read(s, Quality()))
            refused += not rows
        except PacsflowError:
            refused += 1
    assert refused < 60
