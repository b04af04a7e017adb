"""Keeps linear algebra to one thread: our matrices are small, and threads that wait take a core."""

from __future__ import annotations

import os

NAMES = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
"""What says how many threads there are, read when NumPy and SciPy are imported."""


def one() -> None:
    """Have one thread in this process and in those that it starts, unless somebody set another."""
    for name in NAMES:
        os.environ.setdefault(name, "1")
