"""Of one it is said in the singular, of none and of several in the plural: everywhere."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import pacsflow
from pacsflow.findings.finding import Finding
from pacsflow.terms import message as told
from pacsflow.terms.party import Party
from pacsflow.terms.severity import Severity
from pacsflow.words.catalogue import NOTICES, RULES
from pacsflow.words.language import Language, languages
from pacsflow.words.notes import NOTES
from pacsflow.words.nouns import MARK, NOUNS, value_of
from pacsflow.words.saying import finding_said, message_said, text_of

if TYPE_CHECKING:
    from collections.abc import Iterator

HOLE = re.compile(r"%\((\w+)\)s")
SINGULAR = {
    "en": "association connection object hour day host request endpoint pair row file frame packet "
    "sample datagram restart forecast source line record finding remark problem duration fault",
    "pt-BR": "associação conexão objeto hora dia equipamento pedido destino par linha amostra "
    "datagrama reinício previsão",
}
PLURAL = {
    "en": " ".join(f"{noun}s" for noun in SINGULAR["en"].split()),
    "pt-BR": "associações conexões objetos horas dias equipamentos pedidos destinos pares linhas "
    "amostras datagramas reinícios previsões",
}
CT = Party("10.0.0.1", "CT")
OTHERS = {
    "host": told.host(CT), "peer": told.host(CT), "bytes": told.octets(10e9),
    "percent": told.percent(5.2), "needed": told.count(168), "sent": told.count(400),
    "total": told.count(400), "all": told.count(400), "model": told.text("M"),
}  # fmt: skip
"""What stands for values that are no such count, or one of many."""


def wrong(text: str, count: int, tag: str) -> list[str]:
    """Return where a text has a count beside a noun in the other number."""
    nouns = (PLURAL if count == 1 else SINGULAR)[tag].replace(" ", "|")
    return re.findall(rf"(?<![\d.,])(?<!of )(?<!de ){count} (?:(?:sFlow|log) )?(?:{nouns})\b", text)


def sentences(count: int, language: Language) -> Iterator[str]:
    """Yield every rule, notice and note in which each count is this one."""
    for rule in (*RULES, *(f"notice-{name}" for name in NOTICES)):
        text = text_of(rule)
        names = map(value_of, HOLE.findall(" ".join((text.title, *text.evidence, text.action))))
        values = {name: OTHERS.get(name, told.count(count)) for name in names}
        said = finding_said(
            Finding(rule, Severity.HIGH, "security", told.values(**values), parties=(CT,)), language
        )
        yield from (said.title, *said.evidence, said.action)
    for key, text in NOTES.items():
        if key == "left-out-many" and count < 2:  # of one there is another note
            continue
        forms = " ".join(text[1:]) if isinstance(text, tuple) else text
        values = {name: OTHERS.get(name, told.count(count)) for name in HOLE.findall(forms)}
        yield message_said(told.message(key, **values), language)


@pytest.mark.parametrize("tag", languages())
@pytest.mark.parametrize("count", [0, 1, 2])
def test_every_sentence_of_a_count(tag: str, count: int) -> None:
    said = list(sentences(count, Language(tag)))
    assert sum(str(count) in text for text in said) > 60
    assert [text for text in said if wrong(text, count, tag)] == []


def test_the_sentences_of_commands_and_readers_count_by_one_function() -> None:
    """A number before a noun in the plural is `counted`; where it is one of many, "of" tells."""
    found = [
        f"{path.name}:{node.lineno}: {bad}"
        for path in sorted(Path(pacsflow.__file__).parent.rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.JoinedStr) and (bad := beside_a_plural(node))
    ]
    assert [one for one in found if not any(may in one for may in SEVERAL)] == []


SEVERAL = (
    "rows with a time are no series", "rows an hour were", "hours apart",
    "rows cannot be read, the first",
)  # fmt: skip
"""Sentences that are said of two or more alone."""


def beside_a_plural(text: ast.JoinedStr) -> str:
    """Return what stands behind a number in a text where that is a noun in the plural."""
    parts = text.values
    for before, number, after in zip(
        [ast.Constant(""), *parts], parts, [*parts[1:], ast.Constant("")], strict=False
    ):
        if not isinstance(number, ast.FormattedValue) or not isinstance(after, ast.Constant):
            continue
        if isinstance(number.value, ast.Call) and ast.unparse(number.value.func) == "counted":
            continue
        ahead = str(before.value) if isinstance(before, ast.Constant) else ""
        behind = str(after.value)
        if re.match(rf" (?:{PLURAL['en'].replace(' ', '|')})\b", behind) and not ahead.endswith(
            (" of ", "than ", "within ")
        ):
            return behind.strip()
    return ""


def test_every_noun_stands_in_a_text() -> None:
    texts = [
        part
        for text in (*RULES.values(), *NOTICES.values())
        for part in (text.title, *text.evidence, text.action)
    ]
    used = {hole.partition(MARK)[2] for part in texts for hole in HOLE.findall(part)}
    assert used - {""} == NOUNS.keys()
