"""The settings that count for a command: read once, when the first of them is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from pacsflow.configuration.schema import Settings

_chosen: Path | None = None
_read: Settings | None = None


def use(path: Path | None) -> None:
    """Let this file alone count from now on; None lets the usual ones count, read anew."""
    global _chosen, _read
    _chosen, _read = path, None


def settings() -> Settings:
    """Return what files and environment say.

    Raises
    ------
    InputError
        The first thing in them that cannot be used.
    """
    global _read  # noqa: PLW0603 - likewise
    if _read is None:
        from pacsflow.configuration.files import load

        made, problems = load(_chosen)
        if problems:
            raise problems[0]
        _read = made
    return _read
