"""Keeps pandas out of processes that have no use for it: its import is half of a short command."""

from __future__ import annotations

import sys


class _NoPandas:
    """Has an import of pandas fail."""

    @staticmethod
    def find_spec(name: str, *_: object) -> None:
        if name == "pandas":
            raise ModuleNotFoundError(name)


def without_pandas() -> None:
    """Have Arrow take lists and numpy's arrays for what they are, in this process.

    It imports pandas to ask whether they are a Series, once in a process; where that fails it goes
    without. What needs pandas itself (``to_pandas``) imports it still. For commands and workers:
    where somebody else's code runs, as in a notebook, a Series may well come along.
    """
    if "pandas" in sys.modules:
        return
    import pyarrow as pa  # noqa: PLC0415 - much that starts has no use for it either

    finder = _NoPandas()
    sys.meta_path.insert(0, finder)
    try:
        pa.array([])
    finally:
        sys.meta_path.remove(finder)
