"""Looks at what SQLite would roll back: a database of somebody else may name files to delete."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_MAGIC = bytes.fromhex("d9d505f920a163d7")


def rollback_of(path: Path) -> Path:
    """Return where SQLite keeps what it rolls back of a database."""
    return path.with_name(f"{path.name}-journal")


def names_another(path: Path) -> bool:
    """Say whether a database's rollback journal names another file, which SQLite would delete.

    Those of one database alone, as ours are, never do (SQLite, "Atomic Commit", 5.5).
    """
    try:
        with rollback_of(path).open("rb") as file:
            file.seek(-len(_MAGIC), os.SEEK_END)
            return file.read() == _MAGIC
    except OSError:
        return False
