"""A few mutants of every kind of file; `python -m tests.readers.fuzz 10000` makes many."""

from __future__ import annotations

import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.readers import fuzz

from pacsflow.errors import PacsflowError
from pacsflow.readers import Quality, find, read

if TYPE_CHECKING:
    import random


@pytest.mark.few(1)
@pytest.mark.parametrize("many", [60, 200])
def test_mutants_are_read_or_refused(many: int) -> None:
    assert fuzz.run(many) == []


KINDS = fuzz.sources()
CELL = st.text(st.characters(blacklist_categories=()), max_size=12) | st.sampled_from(
    ["-", "(empty)", "\\x09", "1e309", "NaN", "9" * 30, "0x1f", "::1", "1772438400.5"]
)


@given(
    st.sampled_from(KINDS),
    st.randoms(use_true_random=False),
    st.lists(st.lists(CELL, max_size=25), max_size=6),
    st.sampled_from(["\t", ",", ";"]),
)
@settings(max_examples=60, deadline=None)
def test_what_hypothesis_makes_of_them_is_read_or_refused(
    kind: tuple[str, bytes], chance: random.Random, rows: list[list[str]], separator: str
) -> None:
    name, content = kind
    more = "\n".join(separator.join(row) for row in rows).encode("utf-8", "surrogatepass")
    data = fuzz.mutate(content, content, chance) + more
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(data)
        with suppress(PacsflowError):
            assert fuzz.read_all(path, data, ledger=False) == ""


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
