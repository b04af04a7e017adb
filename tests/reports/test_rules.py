"""Findings, verdicts and notes that come in English are said in the page's language."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import pacsflow.findings
from pacsflow_reports.language import Language
from pacsflow_reports.phrases import model_said, said
from pacsflow_reports.rules import NOTICES, RULES

FINDINGS = Path(pacsflow.findings.__file__).parent
NOTICE_DOCS = Path(__file__).parents[2] / "docs" / "zeek-notices.md"


def test_every_rule_of_the_findings_has_its_text() -> None:
    found: set[str] = set()
    for path in FINDINGS.glob("*.py"):
        text = path.read_text("utf-8")
        found |= set(re.findall(r'\bid="([a-z0-9]+(?:-[a-z0-9]+)*)"', text))
        found |= set(
            re.findall(r'_(?:share|silence|far_above|flagged)\(\s*\w+, "([a-z0-9-]+)"', text)
        )
        found |= set(re.findall(r'RULE = \{"more": "([a-z-]+)", "less": "[a-z-]+"\}', text))
    assert len(found) >= 8
    assert found <= set(RULES), "rules without a text in pacsflow_reports/rules.py"


@pytest.mark.skipif(not NOTICE_DOCS.exists(), reason="the documents are not beside the tests")
def test_every_notice_of_the_zeek_package_has_its_text() -> None:
    names = set(re.findall(r"^\| `(\w+)` \|", NOTICE_DOCS.read_text("utf-8"), re.MULTILINE))
    assert names
    assert names <= set(NOTICES)


@pytest.mark.parametrize(
    ("english", "portuguese"),
    [
        (
            "120 hours with data are too few: a forecast needs 168 (one week).",
            "120 horas com dados são poucas: uma previsão precisa de 168 (uma semana).",
        ),
        (
            "ARIMA(2,0,1)(0,1,0)168 suits: 14 % better than last week's values.",
            "ARIMA(2,0,1)(0,1,0)168 serve: 14 % melhor que os valores da semana anterior.",
        ),
        (
            "Mean of ARIMA(2,0,1)(0,1,0)168, MSTL(24,168) + ARIMA(2,1,1) and day types + ARMA(1,1) "
            "does not suit: it is 3 % worse than last week's values, which the report shows "
            "instead.",
            "Média de ARIMA(2,0,1)(0,1,0)168, MSTL(24,168) + ARIMA(2,1,1) e tipos de dia + "
            "ARMA(1,1) não serve: é 3 % pior que os valores da semana anterior, que o relatório "
            "mostra em seu lugar.",
        ),
        (
            "Day types + ARMA(3,0) suits: 20 % better than last week's values.",
            "Tipos de dia + ARMA(3,0) serve: 20 % melhor que os valores da semana anterior.",
        ),
        (
            "12345 more files were read than are listed.",
            "Foram lidos mais 12.345 arquivos além dos listados.",
        ),
        ("something nobody has heard of 100 %(x)s", "something nobody has heard of 100 %(x)s"),
        ("", ""),
    ],
)
def test_known_sentences_are_recognised_with_their_values(english: str, portuguese: str) -> None:
    assert said(english, Language("pt-BR")) == portuguese
    assert said(english, Language("en")).replace(", and ", " and ") == english.replace(
        "12345", "12,345"
    )


def test_what_the_forecasts_say_today_is_recognised() -> None:
    np = pytest.importorskip("numpy")
    from datetime import UTC, datetime

    from pacsflow.forecasting import NotEnoughHistory, forecast
    from pacsflow.series import HourlySeries

    language = Language("pt-BR")
    hours = np.arange(24 * 9)
    values = 100 + 50 * np.sin(hours * np.pi / 12)
    start = datetime(2026, 3, 2, tzinfo=UTC)
    short = forecast(HourlySeries("x", "bytes", start, values[:100]))
    assert isinstance(short, NotEnoughHistory)
    assert said(short.reason, language) != short.reason
    longer = forecast(HourlySeries("x", "bytes", start, values))
    assert not isinstance(longer, NotEnoughHistory)
    assert said(longer.verdict.sentence, language) != longer.verdict.sentence
    assert not re.search(r"\b(mean|and|day types|terms)\b", model_said(longer.model, language))


def test_every_text_finds_its_values_among_the_rules_own() -> None:
    checked = 0
    for path in FINDINGS.glob("*.py"):
        for call in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(call, ast.Call) or getattr(call.func, "id", "") != "Finding":
                continue
            given = {keyword.arg: keyword.value for keyword in call.keywords}
            rule, params = given.get("id"), given.get("params")
            if not isinstance(rule, ast.Constant) or not isinstance(params, ast.Tuple):
                continue
            names = {pair.elts[0].value for pair in params.elts}  # type: ignore[attr-defined]
            names |= {name for name in ("start", "end") if name in given}
            text = RULES[str(rule.value)]
            said_ = " ".join((text.title, *(text.evidence or ()), text.action))
            assert set(re.findall(r"%\((\w+)\)s", said_)) <= names, rule.value
            checked += 1
    assert checked >= 3


def test_messages_of_the_notices_are_said_as_the_zeek_package_writes_them() -> None:
    notices = NOTICE_DOCS.parent.parent / "zeek_scripts" / "scripts" / "notices.zeek"
    if not notices.exists():
        pytest.skip("the Zeek package is not beside the tests")
    pattern = re.compile(r'(?:msg = fmt|\$msg=fmt|^\s*fmt)\("([^"]+)"', re.MULTILINE)
    templates = pattern.findall(notices.read_text())
    told = [text for text in templates if " " in text and not text.startswith("%s to %s")]
    assert len(told) >= 10
    for text in told:
        line = text.replace("%d", "5000").replace("%s the outside", "to the outside")
        line = line.replace("%s", "10.20.0.7")
        assert said(line, Language("pt-BR")) != line, line
        assert said(line, Language("en")).replace("5,000", "5000") == line


def test_sentences_name_hosts_and_the_line_below_has_their_addresses() -> None:
    from dataclasses import replace

    from pacsflow.weekly import Finding, Party, Severity
    from pacsflow_reports.rules import finding_said

    parties = (Party("10.0.0.1", "ct1"), Party("10.0.0.2"))
    made = Finding(
        "loss-on-path", Severity.LOW, "traffic", "t", ("e",), "a", parties=parties,
        params=(("percent", "2"), ("host", "ct1 (10.0.0.1)"), ("peer", "10.0.0.2"),
                ("missed", "5")),
    )  # fmt: skip
    assert "between ct1 and 10.0.0.2 are missing" in finding_said(made, Language("en")).title
    params = (("seen_bytes", "9"), ("expected_bytes", "1"), ("who", "ct1 (10.0.0.1), 10.0.0.2"))
    above = replace(made, id="traffic-above", params=params)
    assert finding_said(above, Language("en")).evidence[1] == "Moved most: ct1, 10.0.0.2"
