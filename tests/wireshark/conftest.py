"""Runs tshark with the plugin."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[2]
PLUGIN = ROOT / "wireshark_plugin" / "pacsflow.lua"


@pytest.fixture
def run(tshark: str, tmp_path: Path) -> Callable[..., str]:
    """Return a function that runs tshark with the plugin; a Lua error is a failure."""
    home = tmp_path / "home"
    home.mkdir()
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PACSFLOW_")}
    environment |= {"HOME": str(home), "WIRESHARK_CONFIG_DIR": str(home)}

    def run_tshark(capture: Path, *arguments: str, plugin: bool = True, **settings: str) -> str:
        command = [tshark, "-n", "-r", str(capture), *arguments]
        if plugin:
            command += ["-X", f"lua_script:{PLUGIN}"]
        done = subprocess.run(
            command,
            capture_output=True,
            check=False,
            timeout=120,
            env=environment | {f"PACSFLOW_{k.upper()}": v for k, v in settings.items()},
        )
        output, errors = done.stdout.decode("utf-8", "replace"), done.stderr.decode()
        assert done.returncode == 0, errors
        assert "Lua Error" not in output, output
        assert "Lua: Error" not in errors, errors
        return output

    return run_tshark
