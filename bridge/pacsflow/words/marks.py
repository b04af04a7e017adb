"""Marks what is to be translated; imports nothing, so that whoever lists texts starts fast."""

from __future__ import annotations

BYTE_UNITS = ("B", "kB", "MB", "GB", "TB", "PB", "EB")
"""Decimal units, as network people count, the same in every language."""


def N_(message: str) -> str:  # noqa: N802 - gettext's name for "translate later"
    """Mark `message` for the catalogues."""
    return message
