"""Tells a sentence under a key: words that pacsflow says itself stay, whatever else is left out."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from zoneinfo import available_timezones

GAP = "\u2026"
QUOTED = re.compile(r"(?<!\w)(['\"])(?:\\.|(?!\1).)*\1(?!\w)")
"""A value that a sentence quotes."""
NUMBER = re.compile(r"[+-]?\d{1,3}(?:(?:,\d{3})+|\.\d{1,2})?%?")
"""A count; longer without groups it may be anybody's number, and so may a date."""
EDGES = "([{<)]}>.,;:!?-"


@cache
def own_words() -> frozenset[str]:
    """Return the words of what pacsflow says (`tests/pseudonyms/own_words.py` gathers them)."""
    text = (files(__package__) / "own_words.txt").read_text(encoding="ascii")
    return frozenset(text.split()) | available_timezones()


def told(sentence: str) -> str:
    """Return a sentence with what it quotes or names left out."""
    pieces = [_piece(piece) for piece in QUOTED.sub(GAP, sentence).split()]
    kept = [one for one, before in zip(pieces, ["", *pieces], strict=False) if one != before]
    return " ".join(kept)


def _piece(piece: str) -> str:
    core = piece.strip(EDGES)
    if not core or core == GAP:
        return piece
    return piece if core in own_words() or NUMBER.fullmatch(core) else GAP
