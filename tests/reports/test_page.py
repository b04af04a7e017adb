"""The page as a file: whole, small, quick, safe, in order, and in both languages."""

from __future__ import annotations

import base64
import hashlib
import re
import time
from dataclasses import replace
from html.parser import HTMLParser
from typing import TYPE_CHECKING

import pytest

from pacsflow.findings.finding import Finding
from pacsflow.terms.message import host, octets, values
from pacsflow.terms.severity import Severity
from pacsflow_reports import WeekLinks, render_html
from pacsflow_reports.render import asset, environment
from reports import factory
from reports.conftest import page_of

if TYPE_CHECKING:
    from pathlib import Path

VOID = {"meta", "link", "br", "img", "input"}
SECTIONS = [
    "week",
    "findings",
    "volume",
    "pacs",
    "map",
    "modalities",
    "hours",
    "top",
    "speed",
    "associations",
    "equipment",
    "software",
    "forecast",
    "data",
    "method",
    "glossary",
]


class Page(HTMLParser):
    """What a browser would make of the tags: names, ids, attributes, text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.raw: dict[str, str] = {}
        self._in = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._in = tag

    def handle_endtag(self, tag: str) -> None:  # noqa: ARG002 - the name is the base class's
        self._in = ""

    def handle_data(self, data: str) -> None:
        if self._in in {"style", "script"}:
            self.raw[self._in] = self.raw.get(self._in, "") + data
        else:
            self.text.append(data)

    def ids(self) -> list[str]:
        return [attrs["id"] or "" for _tag, attrs in self.tags if "id" in attrs]

    def sections(self) -> list[str]:
        return [attrs.get("id") or "" for tag, attrs in self.tags if tag == "section"]


@pytest.fixture(params=list(factory.ALL))
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.mark.few(3)
def test_every_report_gives_a_whole_page(kind: str) -> None:
    html = page_of(kind)
    page = Page(html)
    assert html.startswith("<!doctype html>")
    assert html.rstrip().endswith("</html>")
    assert page.sections() == SECTIONS
    assert len(page.ids()) == len(set(page.ids())), "an id twice"
    assert "None" not in page.text
    assert "nan" not in " ".join(page.text).split()
    html.encode("utf-8")


@pytest.mark.few(4)
def test_every_reference_inside_the_page_leads_somewhere(kind: str) -> None:
    page = Page(page_of(kind))
    ids = set(page.ids())
    for _tag, attrs in page.tags:
        for name in ("aria-labelledby", "aria-describedby", "data-table"):
            for target in (attrs.get(name) or "").split():
                assert target in ids or name == "data-table", f"{name}={target}"
        href = attrs.get("href") or ""
        if href.startswith("#"):
            assert href[1:] in ids, href


@pytest.mark.few(4)
def test_nothing_is_loaded_and_nothing_may_be(kind: str) -> None:
    page = Page(page_of(kind))
    for tag, attrs in page.tags:
        assert tag not in {"link", "iframe", "object", "embed", "base", "form", "audio", "video"}
        assert not [name for name in attrs if name.startswith("on")], f"<{tag}> has a handler"
        assert "style" not in attrs, f"<{tag}> has a style"
        for name in ("src", "href", "srcset", "action", "data", "poster"):
            value = attrs.get(name)
            assert value is None or value.startswith("#"), f"<{tag} {name}={value!r}>"


@pytest.mark.few(4)
def test_the_policy_names_exactly_the_style_and_the_script(kind: str) -> None:
    page = Page(page_of(kind))
    policy = next(a["content"] or "" for _t, a in page.tags if "http-equiv" in a)
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert rules["default-src"] == "'none'"
    assert rules["img-src"] == "'none'"
    assert rules["base-uri"] == rules["form-action"] == "'none'"
    assert "unsafe" not in policy
    for tag, rule in (("style", "style-src"), ("script", "script-src")):
        digest = hashlib.sha256(page.raw[tag].encode()).digest()
        assert rules[rule] == f"'sha256-{base64.b64encode(digest).decode()}'"
    assert [t for t, _ in page.tags].count("script") == 1
    assert [t for t, _ in page.tags].count("style") == 1


def test_hostile_names_add_no_element_and_no_attribute() -> None:
    report = factory.hostile()
    # The command is shown whole, so that it can be given again.
    pages = [Page(render_html(replace(report, provenance=replace(report.provenance, command=""))))]

    def counted(page: Page) -> set[tuple[str, str]]:
        return {(tag, name) for tag, attrs in page.tags for name in attrs}

    ordinary = counted(Page(page_of("hospital"))) | counted(Page(page_of("small")))
    extra = counted(pages[0]) - ordinary
    assert extra <= {("bdi", "title"), ("bdi", "class")}, extra
    text = "".join(pages[0].text)
    for char in "\u202e\u2066\u200f\u2028\x00\x1b\ud800":
        assert char not in text
    assert "\\u202e" in text
    assert "<script>alert(1)</script>" in text
    assert "W" * 80 not in text


@pytest.mark.thorough
def test_a_hospital_of_50_pacs_and_2000_hosts_stays_under_a_megabyte_in_both_languages() -> None:
    for lang in ("en", "pt-BR"):
        assert len(page_of("hospital", lang).encode()) < 1_000_000
    assert len(page_of("huge").encode()) < 1_050_000


def test_a_hospital_of_50_pacs_renders_in_under_three_seconds() -> None:
    report = factory.hospital()
    begin = time.process_time()
    render_html(report)
    assert time.process_time() - begin < 3.0


def test_the_same_report_gives_the_same_page() -> None:
    assert render_html(factory.small()) == render_html(factory.small())


def test_questions_are_answered_in_order_on_the_first_screen() -> None:
    html = page_of("hospital")
    places = [
        html.index(text)
        for text in (
            "Simulated data.</b>",
            'class="quality',
            ">What happened<",
            ">What is different<",
            ">What to do<",
            "Status by area",
            "<b>Next week:</b>",
            'id="imaging-w"',
            'id="findings"',
        )
    ]
    assert places == sorted(places)


def test_only_simulated_data_is_marked_as_such_and_on_every_printed_page() -> None:
    assert "Simulated data." not in page_of("small")
    assert '@top-center{content:"Simulated\\000020data\\00002e"' in page_of("hospital")
    assert '@top-center{content:"Dados\\000020simulados\\00002e"' in page_of("hospital", "pt-BR")


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("empty", "There is no data"),
        ("no_dicom", "no imaging traffic"),
        ("sampled", "estimated from samples"),
        ("one_row", "1.23 kB"),
        ("huge", "and 99,800 more"),
        ("small", "120 hours with data are too few: a forecast needs 168 (one week)"),
    ],
)
def test_odd_weeks_say_so(kind: str, said: str) -> None:
    assert said in page_of(kind).replace("\u00a0", " ")


def test_a_list_that_is_cut_says_how_many_more_there_are() -> None:
    made = factory.hospital()
    assert made.associations
    assert made.speed
    pairs = replace(made.associations, other_pairs=1201, other_notable=1202,
                    other_failure_codes=1203, other_transfer_syntaxes=1204)  # fmt: skip
    speed = replace(made.speed, other_answers=1205, other_pairs=1206, other_open_at_once=1207)
    shown = sorted(made.coverage.files, key=lambda f: (not f.problem, not f.unreadable_rows))[:100]
    files = len(made.coverage.files) - len(shown) + 1208
    coverage = replace(made.coverage, other_files=1208)
    page = render_html(
        replace(made, associations=pairs, speed=speed, coverage=coverage,
                other_pacs=1209, other_modalities=1210)
    )  # fmt: skip
    told = re.findall(r"and (\d,\d+) more", page)
    wanted = {1201, 1202, 1203, 1204, 1205, 1206, 1207, files, 1209, 1210}
    assert {int(n.replace(",", "")) for n in told} >= wanted
    assert "modalities sent" not in page, "of a part of them no share of all is told"


@pytest.mark.parametrize(
    ("why", "said"),
    [
        (["failures"], "Associations worth a look: failures"),
        (["failures", "rejected", "rejected"], "Associations worth a look: failures and rejected"),
        (["slow"], "Associations worth a look: slow"),
    ],
)
def test_the_associations_worth_a_look_are_called_what_they_are(why: list[str], said: str) -> None:
    base = factory.hospital(pacs=1, hosts=3)
    assert base.associations is not None
    row = base.associations.notable[0]
    notable = tuple(replace(row, why=one) for one in why)
    page = render_html(replace(base, associations=replace(base.associations, notable=notable)))
    assert re.search(r'id="a-notable-c">([^<]+)<', page)[1] == said  # type: ignore[index]


def test_portuguese_leaves_no_english_behind() -> None:
    words = re.compile(r"\b(the|and|week|bytes an|hour|seen|forecast|sender|rows|shown|none)\b")
    report = replace(factory.hospital(pacs=2, hosts=60), findings=(), status=(), capacity=())
    report = replace(report, coverage=replace(report.coverage, notes=(), origin="", files=()))
    plain = [
        replace(c, verdict="") for c in (report.traffic, report.imaging, report.communications)
    ]
    report = replace(
        report,
        traffic=plain[0],
        imaging=plain[1],
        communications=plain[2],
        pacs=(),
        modalities=(),
        title="T",
        site="S",
        provenance=replace(report.provenance, options=(), command=""),
    )
    page = Page(render_html(report, lang="pt-BR"))
    said = [text.strip() for text in page.text if words.search(text)]
    assert not said
    attributes = [a.get(n) or "" for _t, a in page.tags for n in ("aria-label", "title", "data-t")]
    assert not [text for text in attributes if words.search(text)]
    assert ("html", {"lang": "pt-BR"}) in page.tags


def test_equipment_of_an_unknown_kind_is_said_in_the_pages_language() -> None:
    """In the table of kinds and in that of forecasts."""
    report = factory.hospital(pacs=4, hosts=60)
    kind = replace(report.modalities[0], modality="not known")
    report = replace(report, modalities=(kind,), findings=(), status=())
    assert ">not known<" in render_html(report)
    assert "not known" not in render_html(report, lang="pt-BR")


def test_findings_speak_the_pages_language_with_its_numbers_and_clock() -> None:
    party = factory.party(1, name="X<b>")
    finding = Finding(
        "outside",
        Severity.HIGH,
        "security",
        values(host=host(party), bytes=octets(1_412_000_000)),
        parties=(party,),
    )
    report = replace(factory.small(), findings=(finding,))
    html = render_html(report, lang="pt-BR").replace("\u00a0", " ")
    assert "DICOM sem criptografia com X&lt;b&gt;, fora da instituição" in html
    assert "1,41 GB nesta semana" in html


def test_words_depend_on_the_language_and_not_on_who_compiled_the_template_first() -> None:
    report = factory.hospital(pacs=1, hosts=30)
    first = render_html(report, lang="pt-BR"), render_html(report, lang="en")
    environment.cache_clear()
    again = render_html(report, lang="en"), render_html(report, lang="pt-BR")
    assert first == again[::-1]
    assert "novo" in first[0]
    assert "novo" not in first[1]


def test_title_logo_and_links(tmp_path: Path) -> None:
    logo = tmp_path / "logo.svg"
    logo.write_text("<svg xmlns='http://www.w3.org/2000/svg'><script>1</script></svg>")
    html = render_html(
        factory.small(),
        title="Radiology & <i>more",
        logo=logo,
        links=WeekLinks("index.html", "2026-W46.html"),
    )
    assert "<h1>Radiology &amp; &lt;i&gt;more</h1>" in html
    assert '<img src="data:image/svg+xml;base64,' in html
    assert "img-src data:;" in html
    assert 'href="2026-W46.html"' in html
    big = tmp_path / "big.png"
    big.write_bytes(b"x" * 300_000)
    with pytest.raises(ValueError, match="300000 bytes"):
        render_html(factory.small(), logo=big)
    with pytest.raises(ValueError, match="a logo is one of"):
        render_html(factory.small(), logo=tmp_path / "logo.html")


def test_every_chart_has_title_description_and_a_table_behind_it() -> None:
    html = page_of("hospital")
    charts = re.findall(r'<svg class="(?:chart|map|heat)[^>]*>.*?</svg>', html, re.DOTALL)
    assert len(charts) > 100
    for chart in charts:
        assert re.search(r'<title id="[^"]+">[^<]+</title>\s*<desc id="[^"]+">[^<]+</desc>', chart)
    tables = set(re.findall(r'data-table="([^"]+)"', html))
    assert len(tables) >= 50 + 4
    for table in tables | {"map-table"}:
        assert f'<table id="{table}"' in html
        body = html[html.index(f'<table id="{table}"') :]
        assert body.index("<tr") < body.index("</table>")


def test_assets_lose_only_comments_and_indents() -> None:
    assert "/*" not in asset("report.css")
    assert "//" not in asset("report.js").replace("http://www.w3.org/2000/svg", "")
    assert "</" not in asset("report.css") + asset("report.js")
