"""Findings, verdicts and notes are said once, the same everywhere, in each language."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

import pacsflow
from pacsflow.findings.finding import Finding
from pacsflow.forecasting import Forecast, NotEnoughHistory, forecast
from pacsflow.series import HourlySeries
from pacsflow.terms import message as told
from pacsflow.terms.party import Party
from pacsflow.terms.severity import Severity
from pacsflow.words.catalogue import NOTICES, RULES
from pacsflow.words.language import NBSP, Language, english
from pacsflow.words.notes import NOTES
from pacsflow.words.saying import finding_said, message_said, value_said

BRIDGE = Path(pacsflow.__file__).parent
NOTICE_DOCS = Path(__file__).parents[2] / "docs" / "zeek-notices.md"
PORTUGUESE = Language("pt-BR")


def plain(text: str) -> str:
    return text.replace(NBSP, " ")


def test_every_notice_of_the_zeek_package_has_its_text() -> None:
    names = set(re.findall(r"^\| `(\w+)` \|", NOTICE_DOCS.read_text("utf-8"), re.MULTILINE))
    assert names
    assert names <= set(NOTICES)


def test_every_rule_of_the_findings_document_has_its_text() -> None:
    document = (NOTICE_DOCS.parent / "findings.md").read_text("utf-8")
    column = re.findall(r"^\| `[^|]*\|[^|]*\|([^|]*)\|", document, re.MULTILINE)
    rules = {rule for cell in column for rule in re.findall(r"`([a-z0-9-]+)`", cell)}
    assert len(rules) > 30
    assert rules <= set(RULES)


def test_every_key_that_is_told_has_its_text_and_every_text_is_told() -> None:
    keys: set[str] = set()
    made: set[str] = set()
    for path in BRIDGE.rglob("*.py"):
        if path.parent.name != "words":
            text = path.read_text("utf-8")
            keys |= set(re.findall(r'"([a-z0-9]+(?:-[a-z0-9]+)+)"', text))
            keys |= set(re.findall(r'[mM]essage\(\s*"([a-z0-9-]+)"', text))
            made |= set(re.findall(r'f"([a-z0-9]+(?:-[a-z0-9]+)*)-?\{', text))
    by_name = {key for key in NOTES if key.startswith(("verdict-", "sflow-", "left-out-"))}
    told = keys | {key for key in NOTES if any(f"{key}-".startswith(f"{start}-") for start in made)}
    assert set(NOTES) - by_name - {"inventory"} <= told


@pytest.mark.parametrize(
    ("message", "in_english", "in_portuguese"),
    [
        (
            told.message("too-few-hours", there=told.count(120), needed=told.count(168)),
            "120 hours with data are too few: a forecast needs 168 (one week).",
            "120 horas com dados são poucas: uma previsão precisa de 168 (uma semana).",
        ),
        (
            told.message("too-few-hours", there=told.count(1), needed=told.count(168)),
            "1 hour with data is too few: a forecast needs 168 (one week).",
            "1 hora com dados é pouco: uma previsão precisa de 168 (uma semana).",
        ),
        (
            told.message(
                "verdict-suits",
                model=told.models(["ARIMA(2,0,1)(0,1,0)168"]),
                percent=told.percent(14),
            ),
            "ARIMA(2,0,1)(0,1,0)168 suits: 14 % better than last week's values.",
            "ARIMA(2,0,1)(0,1,0)168 serve: 14 % melhor que os valores da semana anterior.",
        ),
        (
            told.message(
                "verdict-worse",
                model=told.models(
                    [
                        "ARIMA(2,0,1)(0,1,0)168",
                        "MSTL(24,168) + ARIMA(2,1,1)",
                        "day types + ARMA(1,1)",
                    ]
                ),
                percent=told.percent(3),
            ),
            "Weighted mean of ARIMA(2,0,1)(0,1,0)168, MSTL(24,168) + ARIMA(2,1,1), and day types + "
            "ARMA(1,1) does not suit: it is 3 % worse than last week's values, which the report "
            "shows instead.",
            "Média ponderada de ARIMA(2,0,1)(0,1,0)168, MSTL(24,168) + ARIMA(2,1,1) e tipos de dia "
            "+ ARMA(1,1) não serve: é 3 % pior que os valores da semana anterior, que o relatório "
            "mostra em seu lugar.",
        ),
    ],
)
def test_messages_are_said_with_their_values(
    message: told.Message, in_english: str, in_portuguese: str
) -> None:
    assert plain(message_said(message, english())) == in_english
    assert plain(message_said(message, PORTUGUESE)) == in_portuguese


def test_nothing_is_said_of_no_message() -> None:
    assert message_said(None, english()) == ""


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (told.count(12_345), "12,345"),
        (told.count(469.0), "469"),
        (told.count(None), "–"),
        (told.number(2.5), "2.50"),
        (told.number(100.0), "100"),
        (told.percent(7.61), "7.6 %"),
        (told.octets(10_024_000_000), "10.0 GB"),
        (told.seconds(3600 * 5), "5 h"),
        (told.at(datetime(2026, 11, 19, 2, tzinfo=UTC)), "Thu 19 Nov, 02:00"),
        (told.at(None), "–"),
        (told.text("CT\u202e1"), "CT\\u202e1"),
        (told.text(""), "–"),
        (told.texts([]), "–"),
        (told.texts(["A", "B"]), "A and B"),
        (told.texts("ABCDEFG"), "A, B, C, D, E, and 2 more"),
        (told.code("no_reply"), "no reply"),
        (told.host(Party("10.0.0.1", "ct1")), "ct1"),
        (told.host(Party("10.0.0.2")), "10.0.0.2"),
        (told.host(None), "an unknown host"),
        (told.hosts([Party("10.0.0.1", "ct1"), Party("10.0.0.2")]), "ct1 and 10.0.0.2"),
        (told.models(["day types + ARMA(3,0)"]), "Day types + ARMA(3,0)"),
    ],
)
def test_values_are_said_by_their_kind(value: told.Value, said: str) -> None:
    assert plain(value_said(value, english())) == said


def test_what_the_forecasts_tell_is_said_in_each_language() -> None:
    hours = np.arange(24 * 9)
    values = 100 + 50 * np.sin(hours * np.pi / 12)
    start = datetime(2026, 3, 2, tzinfo=UTC)
    short = forecast(HourlySeries("x", "bytes", start, values[:100]))
    assert isinstance(short, NotEnoughHistory)
    longer = forecast(HourlySeries("x", "bytes", start, values))
    assert isinstance(longer, Forecast)
    for message in (short.reason, longer.verdict.message):
        assert message_said(message, english()) != message_said(message, PORTUGUESE)


def test_sentences_name_hosts_and_findings_left_out_are_counted() -> None:
    parties = (Party("10.0.0.1", "ct1"), Party("10.0.0.2"))
    made = Finding(
        "loss-on-path",
        Severity.LOW,
        "traffic",
        told.values(
            percent=told.percent(2),
            host=told.host(parties[0]),
            peer=told.host(parties[1]),
            missed=told.octets(5),
        ),
        parties=parties,
        more=7,
    )
    said = finding_said(made, english())
    assert "between ct1 and 10.0.0.2 are missing" in said.title
    assert said.evidence[-1] == "and 7 more of this rule"
