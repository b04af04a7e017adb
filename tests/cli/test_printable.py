"""Text of strangers: nothing steers a terminal, nothing hides."""

from __future__ import annotations

import unicodedata

import pytest

from pacsflow.printable import escape_controls


@pytest.mark.parametrize(
    "letter",
    ["\x00", "\x1b", "\x7f", "\x9b", "\u00ad", "\u061c", "\u200b", "\u202e", "\u2060", "\u2066",
     "\ufeff", "\ufffe", "\uffff", "\U000e0000", "\U000e0041", "\U000e007f", "\U0010ffff", "\ud800",
     "\u3164", "\ufe0f"],
)  # fmt: skip
def test_what_nobody_sees_is_shown(letter: str) -> None:
    shown = escape_controls(f"CT{letter}1")
    assert shown.startswith("CT\\x")
    assert shown.isascii()
    assert shown.isprintable()
    assert escape_controls(shown) == shown


@pytest.mark.parametrize("name", ["CT1", "é", "e\u0301", "放射科", "قسم", "😀", "\\x41", "a b"])
def test_what_people_write_stays(name: str) -> None:
    assert escape_controls(name) == name


def test_no_control_of_any_plane_is_left() -> None:
    every = (chr(point) for point in range(0x110000))
    left = [c for c in every if escape_controls(c) == c and unicodedata.category(c) in {"Cc", "Cs"}]
    assert not left
