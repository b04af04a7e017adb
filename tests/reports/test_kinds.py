"""What an input is, in the language of the page."""

from __future__ import annotations

from pathlib import Path

import pytest

from pacsflow.readers.source import Format, Source
from pacsflow.report.coverage import NOT_READ
from pacsflow.terms.languages import LanguageCode
from pacsflow.words.codes import source_kinds
from pacsflow.words.language import Language

LOGS = {Format.ZEEK_TSV, Format.ZEEK_JSON, Format.OTHER_LOG, Format.ZEEK_TABLE}
KINDS = [
    *(Source(Path("x"), kind, "conn" if kind in LOGS else "frames").kind for kind in Format),
    *(
        Source(Path("x"), kind, "conn", several=True).kind
        for kind in (Format.ZEEK_TSV, Format.ZEEK_JSON, Format.ZEEK_TABLE)
    ),
    NOT_READ,
]


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_of_input_is_said_in_each_language(kind: str) -> None:
    assert source_kinds(Language(LanguageCode.EN))(kind) == kind
    portuguese = source_kinds(Language(LanguageCode.PT_BR))(kind)
    assert portuguese != kind
    assert "table" not in portuguese
    assert ("conn.log" in portuguese) == ("conn.log" in kind)


def test_an_unknown_kind_stays_as_it_is() -> None:
    assert source_kinds(Language(LanguageCode.EN))("file of tomorrow") == "file of tomorrow"
