"""Each text of a report, a finding, a note, a log and a sentence is decided about by name."""

from __future__ import annotations

import ast
import dataclasses
import re
import sys
import typing
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from pathlib import Path

import pytest

import pacsflow
from pacsflow.findings.finding import Finding
from pacsflow.ledger.vantage import Offset
from pacsflow.pseudonyms import Pseudonyms
from pacsflow.pseudonyms.kinds import Kind
from pacsflow.pseudonyms.known import NOTICES, is_history, is_known
from pacsflow.pseudonyms.masked import GAP, told
from pacsflow.report import unnamed, weekly
from pacsflow.report.weekly import WeeklyReport
from pacsflow.terms import message
from pacsflow.terms.message import Message, Value
from pacsflow.terms.party import Party
from pacsflow.week import facts, sensors, speed
from pseudonyms import own_words

ROOT = Path(pacsflow.__file__).parents[2]
KEY = Pseudonyms(bytes(range(32)))
NAMES = {
    **vars(weekly), **vars(facts), **vars(sensors), **vars(speed),
    "Finding": Finding, "Offset": Offset,
    "Party": Party, "Message": Message, "Value": Value, "date": date, "datetime": datetime,
    "Sequence": Sequence, "Mapping": Mapping, "Iterator": Iterator,
}  # fmt: skip


def texts_of(part: type, found: dict[str, set[str]]) -> dict[str, set[str]]:
    """Return the fields that may hold text, of a dataclass and all that it is made of."""
    if part.__name__ in found:
        return found
    found[part.__name__] = set()
    known = {**NAMES, **vars(sys.modules[part.__module__])}
    for field in dataclasses.fields(part):
        kind = eval(field.type, known) if isinstance(field.type, str) else field.type  # noqa: S307
        for inner in _within(kind):
            if inner is str:
                found[part.__name__].add(field.name)
            elif dataclasses.is_dataclass(inner):
                texts_of(inner, found)
    return found


def _within(kind: object) -> Iterator[type]:
    inner = typing.get_args(kind)
    if not inner:
        yield kind  # type: ignore[misc]
    for one in inner:
        yield from _within(one)


def test_every_text_of_a_report_is_decided() -> None:
    found = texts_of(WeeklyReport, {})
    assert len(found) > 30
    every = {(part, name) for part, names in found.items() for name in names}
    decided = {(part, name) for part, names in unnamed.FIELDS.items() for name in names}
    assert every - decided - unnamed.BY_HAND == set()
    assert decided - every == set(), "decided, and no longer there"


def given(name: str) -> set[str]:
    """Return the names under which messages and findings are given texts, of a kind of value."""
    found = set()
    for path in (ROOT / "bridge" / "pacsflow").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.keyword) or node.arg in {None, "values"}:
                continue
            calls = [n for n in ast.walk(node.value) if isinstance(n, ast.Call)]
            made = {n.func.attr for n in calls if isinstance(n.func, ast.Attribute)}
            if name in made and "message" in ast.unparse(node.value):
                found.add(node.arg)
    return found


def test_every_text_of_a_finding_or_note_is_decided() -> None:
    texts = given("text") | given("texts")
    assert {"title", "software", "problem"} <= texts
    assert texts <= set(unnamed.VALUES)


def test_a_text_that_nobody_decided_is_left_out() -> None:
    veil = unnamed._Veil(KEY, ())  # type: ignore[arg-type]
    value = message.text("SMITH^JOHN")
    assert veil._value("diary", value).value == unnamed.LEFT_OUT
    assert veil._value("title", value).value == KEY.title("SMITH^JOHN")

    @dataclasses.dataclass
    class Diary:
        entry: str = "SMITH^JOHN"
        number: int = 1

    assert veil.part(Diary()) == Diary("", 1)


def test_notices_are_those_of_the_package() -> None:
    script = (ROOT / "zeek_scripts" / "scripts" / "notices.zeek").read_text()
    listed = re.search(r"redef enum Notice::Type \+= \{(.*?)\};", script, re.DOTALL)
    assert listed
    plain = re.sub(r"##.*", "", listed[1])
    assert set(re.findall(r"\w+", plain)) <= NOTICES


def test_what_is_said_under_a_key_is_gathered_anew() -> None:
    """`python tests/pseudonyms/own_words.py` writes the words of a new sentence."""
    assert own_words.FILE.read_text("ascii") == own_words.text()


@pytest.mark.parametrize(
    ("said", "left"),
    [
        ("line 12: expected 21 columns, found 3", "line 12: expected 21 columns, found 3"),
        ("3 of 1,200 rows not read", "3 of 1,200 rows not read"),
        ("/srv/SMITH/conn.log: expected a time, found '19500101'",
         f"{GAP} expected a time, found {GAP}"),
        ("found 123456789 in 10.1.2.3", f"found {GAP} in {GAP}"),
        ("found 'it\\'s SMITH' there", f"found {GAP} there"),
        ("Zeek's rows and SMITH's", f"Zeek's rows and {GAP}"),
        ("Smith expected\x1b[31m 1950-01-01", f"{GAP} {GAP}"),
    ],
)  # fmt: skip
def test_a_sentence_keeps_its_own_words_alone(said: str, left: str) -> None:
    masked = told(said)
    assert masked.replace(f"{GAP} {GAP}", GAP) == left.replace(f"{GAP} {GAP}", GAP)
    assert "mith" not in masked.lower()


@pytest.mark.parametrize("word", ["accepted", "dicom?", "CTImageStorage", "0xA801", "TLSv12",
    "TLS_AES_128_GCM_SHA256", "DICOM::New_Peer", "1.2.840.10008.1.1"])  # fmt: skip
def test_words_of_standards_stay(word: str) -> None:
    assert is_known(word)
    assert KEY.value(Kind.WORD, word) == word


@pytest.mark.parametrize("name", ["SMITH", "smith", "DICOM::SMITH", "TLS_SMITH", "0xSMITH", "12345",
    "1.2.840.10008.99.1234", "accepted SMITH", "ssl,smith"])  # fmt: skip
def test_a_name_in_a_column_of_words_does_not(name: str) -> None:
    made = KEY.value(Kind.WORD, name)
    assert made != name
    assert "SMITH" not in str(made).upper()


@pytest.mark.parametrize(("text", "fits"), [("ShADadFf", True), ("^hCadCCfr", True),
    ("ShADdCtCTTtaFfR", True), ("GARCIA", False), ("Garcia", False), ("SMITH", False)])  # fmt: skip
def test_histories_are_those_of_zeek(text: str, fits: bool) -> None:
    assert is_history(text) is fits
    assert (KEY.value(Kind.HISTORY, text) == text) is fits
