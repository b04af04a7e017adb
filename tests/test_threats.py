"""Each promise of the threat model names a test, and what it names is there."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
DOCUMENT = ROOT / "docs" / "threats.md"


def rows() -> list[list[str]]:
    """Return promise, attack and test of each row of the first table."""
    table = DOCUMENT.read_text("utf-8").split("| promise | attack | test |")[1].split("\n\n")[0]
    lines = table.strip().splitlines()[1:]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]


def test_each_promise_names_tests_that_are_there() -> None:
    assert len(rows()) > 15
    for promise, attack, test in rows():
        named = re.findall(r"`([^`]+)`", test)
        assert named, promise
        assert attack
        for path in named:
            assert (ROOT / path).exists(), path
            if path.endswith(".py"):
                assert "def test_" in (ROOT / path).read_text("utf-8"), path


def test_files_that_the_text_names_are_there() -> None:
    named = re.findall(r"`((?:bridge|reports|tests|zeek_scripts|wireshark_plugin)/[^`\s]+)`",
                       DOCUMENT.read_text("utf-8"))  # fmt: skip
    assert len(named) > 20
    assert not [path for path in named if not (ROOT / path).exists()]
