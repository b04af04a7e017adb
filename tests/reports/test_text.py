"""Text that somebody else wrote changes nothing but the text shown."""

from __future__ import annotations

import dataclasses
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pacsflow.words.text import CAP, cleaned, neutralise, prose, shorten
from reports import factory


@pytest.mark.parametrize(
    ("given_", "shown"),
    [
        ("CT-1 Room 3", "CT-1 Room 3"),
        ("Ünïcödé 放射線", "Ünïcödé 放射線"),
        ("a\x00b\x1b[31m", r"a\x00b\x1b[31m"),
        ("line\r\nnext", r"line\x0d\x0anext"),
        ("\u202egnp.exe", r"\u202egnp.exe"),
        ("\u2066x\u2069", r"\u2066x\u2069"),
        ("lone\ud800", r"lone\ud800"),
        ("\u200b\ufeff", r"\u200b\ufeff"),
        ("\U000e0041", r"\ue0041"),
        ("4.2\u00a0TB", "4.2\u00a0TB"),
    ],
)
def test_what_hides_or_turns_text_becomes_visible(given_: str, shown: str) -> None:
    assert neutralise(given_) == shown


@given(st.text())
def test_result_can_be_encoded_and_has_no_control_or_direction_characters(text: str) -> None:
    shown = neutralise(text)
    shown.encode("utf-8")
    for char in shown:
        assert unicodedata.category(char) not in {"Cc", "Cf", "Cs", "Zl", "Zp"}
    assert neutralise(shown) == shown


def test_stacked_marks_stay_within_their_line() -> None:
    assert len(neutralise("Z" + "\u0335" * 400)) <= 5


def test_ten_thousand_characters_are_cut_and_said_so() -> None:
    shown = neutralise("W" * 10_000)
    assert len(shown) <= CAP
    assert shown.endswith("(10000 characters)")
    assert len(shorten(shown)) == 34
    assert len(prose(f"host {shown} fell silent")) < 100


@given(st.text(), st.integers(min_value=4, max_value=60))
def test_shortening_keeps_both_ends(text: str, limit: int) -> None:
    shown = shorten(text, limit)
    assert len(shown) <= max(limit, 1)
    assert shown[:1] == text[:1]


def test_a_whole_report_is_cleaned_and_a_clean_one_is_left_alone() -> None:
    tame = factory.small()
    assert cleaned(tame) is tame
    wild = cleaned(factory.hostile())
    for text in strings(wild):
        assert neutralise(text) == text
    assert wild.findings[0].severity is factory.hostile().findings[0].severity


def strings(value: object) -> list[str]:
    if type(value) is str:
        return [value]
    if isinstance(value, tuple):
        return [text for item in value for text in strings(item)]
    if dataclasses.is_dataclass(value):
        return [t for f in dataclasses.fields(value) for t in strings(getattr(value, f.name))]
    return []


def test_a_mark_stays_with_its_letter_where_a_name_is_cut() -> None:
    for letters in range(34, 40):
        short = shorten("e\u0301\u0323" * letters, letters)
        assert len(short) <= letters
        assert short.partition("…")[2][:1] in {"e", ""}
    assert shorten("a" * 40) == "a" * 22 + "…" + "a" * 11
