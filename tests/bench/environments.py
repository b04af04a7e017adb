"""Environments of their own for what a benchmark compares with, made on first use."""

from __future__ import annotations

import subprocess
import venv
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

PLACE = Path(__file__).resolve().parents[2] / ".bench"


def python_with(name: str, needs: Sequence[str]) -> Path:
    """Return the Python of environment ``.bench/NAME``, which has the distributions it needs."""
    folder = PLACE / name
    stamp = folder / "needs.txt"
    if not stamp.exists() or stamp.read_text() != "\n".join(needs):
        venv.create(folder, with_pip=True, clear=True)
        subprocess.run(
            [folder / "bin" / "python", "-m", "pip", "install", "-q", *needs], check=True
        )
        stamp.write_text("\n".join(needs))
    return folder / "bin" / "python"
