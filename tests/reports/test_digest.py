"""The first screen as text and as Markdown."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from pacsflow.terms.message import at, count, host, values
from pacsflow.week.facts import CapacityNote
from pacsflow_reports import render_digest
from reports import factory

if TYPE_CHECKING:
    from datetime import datetime


def test_text_has_coverage_three_sentences_and_a_line_an_area() -> None:
    text = render_digest(factory.hospital(pacs=3, hosts=100)).replace("\u00a0", " ")
    lines = text.splitlines()
    assert lines[0] == "Medical-image traffic – 2026-W47"
    assert "*** Simulated data. Nothing on this page was measured in a hospital. ***" in lines
    order = [
        text.index(word)
        for word in (
            "Coverage: 97.0 %",
            "\nWhat happened:",
            "\nWhat is different:",
            "\nWhat to do:",
            "\nNext week:",
            "Status by area",
            "▲ Security: Act",
        )
    ]
    assert order == sorted(order)
    assert all(len(line) <= 78 for line in lines)


def test_sentences_follow_the_data() -> None:
    said = {
        kind: render_digest(factory.ALL[kind]()).replace("\u00a0", " ").replace("\n  ", " ")
        for kind in ("hospital", "small", "empty", "one_row", "no_dicom", "sampled")
    }
    assert len({text.split("Status by area")[0] for text in said.values()}) == len(said)
    assert "US-NEW-3 is new; MR-01 fell silent" in said["hospital"]
    assert "What to do: Nothing" in said["small"]
    assert "nothing was seen in any of its 168 hours" in said["empty"]
    assert "moved 1.23 kB in 1 communication," in said["one_row"]
    assert "no imaging traffic was seen among it" in said["no_dicom"]
    assert "an estimated" in said["sampled"]


def test_the_digest_says_who_was_slowest_and_where_the_time_went() -> None:
    report = factory.hospital(pacs=3, hosts=100)
    slowest = report.speed.answers[0] if report.speed else None
    assert slowest
    text = render_digest(report).replace("\u00a0", " ").replace("\n  ", " ")
    line = next(line for line in text.splitlines() if line.startswith("How fast: "))
    assert line == (
        f"How fast: {slowest.server.name} took longest, for C-FIND: half within 20 ms, 95 of 100 "
        "within 400 ms (380 ms the week before); 61 % of all the time that was measured went to "
        "the server (small steps that wait for a long round trip each)."
    )
    assert "- **How fast:** " in render_digest(report, markdown=True)
    assert "\nQuão rápido: " in render_digest(report, lang="pt-BR")
    assert "How fast" not in render_digest(factory.no_dicom())


@pytest.mark.parametrize(
    ("peak", "reached", "soon", "english", "portuguese"),
    [
        (60, None, None, "", ""),
        (69, None, 7.0, "", ""),
        (70, None, None, "the link of core may carry up to 70 % of its capacity",
         "o enlace de core pode levar até 70 % da sua capacidade"),
        (110, factory.END + 9 * factory.HOUR, None, "the link of core may be full on Mon",
         "o enlace de core pode ficar cheio em seg 23"),
        (50, None, 2.6, "at its growth the link of core is full in 3 to 9 months",
         "no ritmo do seu crescimento, o enlace de core fica cheio em 3 a 9 meses"),
    ],
)  # fmt: skip
def test_a_link_that_fills_is_told(
    peak: float, reached: datetime | None, soon: float | None, english: str, portuguese: str
) -> None:
    note = CapacityNote("core", 100.0, peak, reached, "in", 5.0, 1.0, 9.0, soon, soon and 9.4)
    growth = CapacityNote("imaging", None, 9e9, None, "", 5.0, 1.0, 9.0)
    report = replace(factory.hospital(pacs=2, hosts=40), capacity=(growth, note))
    for lang, clause, word in (("en", english, "link"), ("pt-BR", portuguese, "enlace")):
        said = render_digest(report, lang=lang).split("Status")[0].split("Situação por")[0]
        said = said.replace("\u00a0", " ").replace("\n  ", " ")
        assert clause in said if clause else word not in said


def test_markdown_keeps_hostile_names_from_becoming_markup() -> None:
    text = render_digest(factory.hostile(), markdown=True)
    assert text.startswith("# ")
    assert "<script" not in text.replace("\\<script", "")
    assert "](" not in text
    assert "\u202e" not in text
    for line in text.splitlines():
        if line.startswith("|"):
            assert line.count("|") - line.count("\\|") == 5


@pytest.mark.few(6)
@pytest.mark.parametrize("kind", [kind for kind in factory.ALL if kind != "huge"])
@pytest.mark.parametrize("markdown", [False, True])
def test_every_week_has_a_digest_in_both_languages(kind: str, markdown: bool) -> None:
    for lang in ("en", "pt-BR"):
        text = render_digest(factory.ALL[kind](), lang=lang, markdown=markdown)
        assert len(text) < 20_000
        assert "%(" not in text.replace("\\%(", "").replace("%(NAME)s %s", "")


def test_names_keep_their_small_letters_where_a_sentence_begins_with_them() -> None:
    base = factory.small()
    named = [
        replace(item, party=replace(item.party, name="us-new"))
        for item in base.equipment
        if item.state == "new"
    ]
    finding = replace(
        factory.hospital(pacs=1, hosts=30).findings[1],
        values=values(host=host(factory.party(1, name="ct1")), days=count(3), last=at(None)),
    )
    text = render_digest(
        replace(base, equipment=tuple(named), findings=(finding,), traffic=factory.empty().traffic)
    )
    text = " ".join(text.split())
    assert "us-new is new" in text
    assert "What to do: ct1 has stopped sending images: Ask whether" in text
    assert "\u2063" not in text
