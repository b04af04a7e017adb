"""Runs tshark with the plugin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.wireshark import tagging

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def run(tshark: str) -> Callable[..., str]:
    """Return a function that runs tshark with the plugin; a Lua error is a failure."""

    def run_tshark(capture: Path, *arguments: str, **options: Any) -> str:
        done = tagging.run(tshark, capture, *arguments, **options)
        assert done.returncode == 0, done.stderr
        assert "Lua Error" not in done.stdout, done.stdout
        assert "Lua: Error" not in done.stderr, done.stderr
        return done.stdout

    return run_tshark
