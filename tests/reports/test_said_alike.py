"""A finding reads the same, letter for letter, on terminal and page, in each language."""

from __future__ import annotations

import csv
import re
from dataclasses import replace
from datetime import UTC, datetime
from html import unescape
from typing import Any

import orjson
import pytest

from conftest import CAPTURES
from pacsflow.cli import main
from pacsflow.findings.finding import Finding
from pacsflow.terms import message as told
from pacsflow.terms.party import Party
from pacsflow.terms.severity import Severity
from pacsflow.words.catalogue import NOTICES, RULES
from pacsflow.words.language import Language, languages
from pacsflow.words.nouns import value_of
from pacsflow.words.saying import finding_said, text_of
from pacsflow_reports import render_html
from pacsflow_reports.render import environment
from reports.factory import hospital

HOLE = re.compile(r"%\((\w+)\)s")
CT = Party("10.0.0.1", "CT 1")
FOUND = [*RULES, *(f"notice-{name}" for name in NOTICES), "notice-Of_Another_Version"]
VALUES = {
    "host": told.host(CT), "peer": told.host(Party("10.0.0.2")), "who": told.hosts([CT]),
    "bytes": told.octets(10_024_000_000), "percent": told.percent(5.2),
    "first": told.at(datetime(2026, 3, 2, 4, tzinfo=UTC)), "titles": told.texts(["A > B", "C"]),
}  # fmt: skip


def example(rule: str) -> Finding:
    text = text_of(rule)
    names = map(value_of, HOLE.findall(" ".join((text.title, *text.evidence, text.action))))
    values = {name: VALUES.get(name, told.count(12_345)) for name in names}
    return Finding(rule, Severity.HIGH, "security", told.values(**values), parties=(CT,), more=2)


def plain(html: str) -> str:
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", html)))


@pytest.mark.parametrize("tag", languages())
def test_page_and_terminal_say_every_rule_and_notice_alike(tag: str) -> None:
    base = hospital(pacs=1, hosts=3)
    language = Language(tag, base.zone)
    found = [example(rule) for rule in FOUND]
    for some in (found[:40], found[40:]):
        page = plain(render_html(replace(base, findings=tuple(some), status=()), lang=tag))
        for finding in some:
            said = finding_said(finding, language)
            for line in (said.title, *said.evidence, said.action):
                assert plain(line) in page, finding.rule


def told_by_command(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tag: str, how: str
) -> list[dict[str, Any]]:
    """Return what `pacsflow findings` writes of every rule and notice."""
    found = tuple(example(rule) for rule in FOUND)
    report = replace(hospital(pacs=1, hosts=3), findings=found)
    monkeypatch.setattr("pacsflow.cli.findings.build", lambda *_, **__: report)
    assert main(["findings", str(CAPTURES), "--lang", tag, "--format", how]) == 0
    out = capsys.readouterr().out
    rows = orjson.loads(out) if how == "json" else [*csv.DictReader(out.splitlines())]
    assert [row["rule"] for row in rows] == FOUND
    return rows


@pytest.mark.parametrize("tag", languages())
@pytest.mark.parametrize("how", ["json", "csv"])
def test_the_terminal_says_every_rule_and_notice_as_the_page_does(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tag: str, how: str
) -> None:
    language = Language(tag, hospital(pacs=1, hosts=3).zone)
    for row in told_by_command(capsys, monkeypatch, tag, how):
        said = finding_said(example(row["rule"]), language)
        evidence = list(said.evidence) if how == "json" else "; ".join(said.evidence)
        assert (row["title"], row["evidence"], row["action"]) == (said.title, evidence, said.action)


def test_json_has_the_typed_values_of_every_rule_whatever_the_language(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = told_by_command(capsys, monkeypatch, "pt-BR", "json")
    for row in rows:
        values = dict(example(row["rule"]).values)
        assert row["values"] == orjson.loads(orjson.dumps(values)), row["rule"]
    values = {name: value for row in rows for name, value in row["values"].items()}
    assert values["bytes"] == {"kind": "bytes", "value": 10_024_000_000, "beyond": 0}
    assert values["percent"]["value"] == 5.2


def test_pages_in_turn_from_one_cache_keep_their_languages_words() -> None:
    base = hospital(pacs=1, hosts=20)
    pages = []
    for tag in ("en", "pt-BR", "en", "pt-BR"):
        environment.cache_clear()
        pages.append(render_html(base, lang=tag))
    assert pages[:2] == pages[2:]
    words = [{*re.findall(r">\s*(new|novo)\b", page)} for page in pages[:2]]
    assert words == [{"new"}, {"novo"}]
