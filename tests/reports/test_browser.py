"""The page in a real browser: quiet, self-contained, accessible, at every width, by keyboard."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

from pacsflow_reports import write_archive
from reports import factory
from reports.conftest import FONTS, WIDEST

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

WIDTHS = (360, 414, 600, 768, 1000, 1280, 1440, 1920, 2560)
MANY = {("hospital", WIDEST), ("hostile", WIDEST)}
KINDS = [kind for kind in factory.ALL if kind != "huge"]
A4_WIDTH, A4_HEIGHT = 688, 1002
"""The printable part of an A4 page in CSS pixels: 210 - 28 mm by 297 - 31 mm."""


class Opened:
    """A page in the browser, with what it said and asked for."""

    def __init__(self, browser: Any, path: Path, **options: Any) -> None:
        self.context = browser.new_context(
            **{"viewport": {"width": 1280, "height": 800}, **options}
        )
        self.page = self.context.new_page()
        self.trouble: list[str] = []
        self.requests: list[str] = []
        self.page.on("console", lambda message: self.trouble.append(message.text))
        self.page.on("pageerror", lambda error: self.trouble.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(path.as_uri())

    def close(self) -> None:
        self.context.close()


@pytest.fixture
def opened(browser: Any, saved: Callable[..., Path]) -> Iterator[Callable[..., Opened]]:
    there: list[Opened] = []

    def open_it(kind: str | Path, lang: str = "en", **options: Any) -> Opened:
        path = kind if isinstance(kind, Path) else saved(kind, lang)
        there.append(Opened(browser, path, **options))
        return there[-1]

    yield open_it
    for one in there:
        one.close()


def too_wide(page: Any) -> list[str]:
    """Elements that reach past the window though no box of their own scrolls them."""
    return page.evaluate("""() => {
      const width = document.documentElement.clientWidth;
      if (document.documentElement.scrollWidth <= width) return [];
      return [...document.querySelectorAll("body *")]
        .filter((e) => e.getBoundingClientRect().right > width + 1 && !e.closest(".scroll, .sr"))
        .map((e) => e.tagName + "." + e.className + "#" + e.id).slice(0, 8)
        .concat("scrollWidth " + document.documentElement.scrollWidth + " > " + width);
    }""")


@pytest.mark.few(5)
@pytest.mark.parametrize("fonts", FONTS)
@pytest.mark.parametrize("kind", KINDS)
def test_quiet_alone_and_never_wider_than_the_window(
    opened: Callable[..., Opened], saved: Callable[..., Path], kind: str, fonts: str
) -> None:
    one = opened(kind)
    for width in WIDTHS if (kind, fonts) in MANY else (360, 1280, 2560):
        one.page.set_viewport_size({"width": width, "height": 900})
        assert too_wide(one.page) == [], f"at {width} px"
    assert one.trouble == []
    assert one.requests == [saved(kind).as_uri()]


@pytest.mark.parametrize("fonts", FONTS)
def test_portuguese_is_quiet_and_fits_too(opened: Callable[..., Opened], fonts: str) -> None:
    one = opened("ward", "pt-BR")
    for width in WIDTHS if fonts == WIDEST else (360, 1280, 2560):
        one.page.set_viewport_size({"width": width, "height": 900})
        assert too_wide(one.page) == [], f"at {width} px"
    assert one.trouble == []
    assert one.page.evaluate("document.documentElement.lang") == "pt-BR"


def test_all_is_readable_without_scripts(opened: Callable[..., Opened]) -> None:
    one = opened("ward", java_script_enabled=False)
    assert one.page.locator("table").count() > 20
    assert one.page.locator("#imaging-w path.seen").is_visible()
    assert one.page.locator("#top-is tbody tr").first.is_visible()
    one.page.locator("#week details.behind summary").click()
    assert one.page.locator("#imaging-table tbody tr").count() == 336
    assert one.page.locator("#imaging-table tbody tr").first.is_visible()
    assert one.page.locator("button, input").count() == 0


@pytest.mark.few(2)
@pytest.mark.parametrize(
    ("kind", "lang", "scheme", "width"),
    [
        ("ward", "en", "light", 1280),
        ("ward", "pt-BR", "dark", 1280),
        ("ward", "en", "light", 360),
        ("small", "en", "dark", 2560),
        ("empty", "en", "light", 1280),
        ("one_row", "en", "dark", 360),
        ("no_dicom", "pt-BR", "light", 1280),
        ("sampled", "en", "light", 1280),
        ("hostile", "en", "light", 1280),
    ],
)
def test_axe_finds_nothing(
    opened: Callable[..., Opened], kind: str, lang: str, scheme: str, width: int
) -> None:
    one = opened(
        kind, lang, color_scheme=scheme, viewport={"width": width, "height": 900}, bypass_csp=True
    )
    assert violations(one.page) == []


def violations(page: Any) -> list[str]:
    axe = pytest.importorskip("axe_playwright_python", reason="no axe-playwright-python")
    # Rows beyond the sixth are like those before them; without them axe is ten times as quick.
    page.evaluate("""() => {
      for (const d of document.querySelectorAll("details")) d.open = true;
      for (const b of document.querySelectorAll("tbody"))
        for (const r of [...b.rows].slice(6)) r.remove();
      for (const a of [...document.querySelectorAll("article")].slice(24)) a.remove();
    }""")
    page.add_script_tag(content=(Path(axe.__file__).parent / "axe.min.js").read_text("utf-8"))
    found = page.evaluate("""async () => (await axe.run(document, {
        resultTypes: ["violations"], elementRef: false})).violations
        .map((v) => v.id + ": " + v.help + " " + v.nodes.slice(0, 3)
          .map((n) => n.target.join(" ") + " " + n.failureSummary).join(" | "))""")
    return list(found)


def press(page: Any, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def focused(page: Any) -> str:
    return str(
        page.evaluate(
            "(document.activeElement.className.baseVal ?? document.activeElement.className)"
            " + ' ' + document.activeElement.tagName + ' ' + document.activeElement.id"
        )
    )


def tab_to(page: Any, selector: str, most: int = 400) -> None:
    for _ in range(most):
        page.keyboard.press("Tab")
        if page.evaluate("s => document.activeElement.matches(s)", selector):
            return
    pytest.fail(f"{selector} is not reached with the Tab key")


def test_everything_works_with_the_keyboard_alone(opened: Callable[..., Opened]) -> None:
    page = opened("ward").page
    press(page, "Tab")
    assert focused(page).startswith("skip ")
    press(page, "Enter")
    assert page.evaluate("location.hash") == "#main"

    tab_to(page, "#imaging-w")
    press(page, "ArrowRight", "ArrowRight")
    assert page.locator("#tip").is_visible()
    spoken = page.locator("#say").text_content()
    assert "Mon 01:00" in spoken
    assert "Seen: " in spoken
    press(page, "End")
    assert "Sun 23:00" in page.locator("#say").text_content()
    press(page, "Escape")
    assert not page.locator("#tip").is_visible()

    tab_to(page, "#week summary")
    press(page, "Enter")
    assert page.locator("#imaging-table").is_visible()

    tab_to(page, "#equipment .filter input")
    page.keyboard.type("us-new")
    rows = page.locator("#equipment-table tbody tr")
    assert [row.is_visible() for row in rows.all()].count(True) == 1
    for _ in range(6):
        press(page, "Backspace")
    assert rows.last.is_visible()

    tab_to(page, "#equipment-table th:nth-child(8) button")
    press(page, "Enter")
    head = page.locator("#equipment-table th:nth-child(8)")
    assert head.get_attribute("aria-sort") == "descending"
    values = [
        float(v)
        for v in page.eval_on_selector_all(
            "#equipment-table tbody td:nth-child(8)", "cells => cells.map(c => c.dataset.v)"
        )
    ]
    assert values == sorted(values, reverse=True)
    press(page, "Enter")
    assert head.get_attribute("aria-sort") == "ascending"


def test_a_focused_element_is_seen(opened: Callable[..., Opened]) -> None:
    page = opened("small").page
    for _ in range(40):
        page.keyboard.press("Tab")
        outline = page.evaluate(
            "(() => { const s = getComputedStyle(document.activeElement);"
            " return document.activeElement === document.body || parseFloat(s.outlineWidth) >= 2"
            " && s.outlineStyle !== 'none'; })()"
        )
        assert outline, focused(page)


@pytest.mark.parametrize("fonts", FONTS)
def test_hovering_reads_the_chart_and_stays_in_the_window(opened: Callable[..., Opened]) -> None:
    one = opened("ward", viewport={"width": 360, "height": 800})
    chart = one.page.locator("#imaging-n")
    chart.scroll_into_view_if_needed()
    box = chart.bounding_box()
    for part in (0.2, 0.5, 0.97):
        one.page.mouse.move(box["x"] + box["width"] * part, box["y"] + 60)
        tip = one.page.locator("#tip").bounding_box()
        assert tip["x"] >= 0
        assert tip["x"] + tip["width"] <= 360
        assert too_wide(one.page) == []
    assert one.trouble == []


def test_dark_and_light_differ_and_print_is_always_light(opened: Callable[..., Opened]) -> None:
    paper = "getComputedStyle(document.body).backgroundColor"
    light = opened("small", color_scheme="light").page.evaluate(paper)
    dark = opened("small", color_scheme="dark").page
    assert dark.evaluate(paper) != light
    dark.emulate_media(media="print", color_scheme="dark")
    assert dark.evaluate(paper) == "rgb(255, 255, 255)"


@pytest.mark.few(3)
@pytest.mark.parametrize("fonts", FONTS)
@pytest.mark.parametrize("kind", ["hospital", "odd", "hostile"])
@pytest.mark.few(2)
def test_no_name_reaches_out_of_the_flow_map(opened: Callable[..., Opened], kind: str) -> None:
    page = opened(kind).page
    for width, media in ((360, "screen"), (1280, "screen"), (A4_WIDTH, "print")):
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(media=media)
        cut = page.evaluate("""() => {
          const map = document.querySelector("svg.map").getBoundingClientRect();
          return [...document.querySelectorAll("svg.map text")].filter((t) => {
            const box = t.getBoundingClientRect();
            return box.left < map.left - 1 || box.right > map.right + 1;
          }).map((t) => t.textContent);
        }""")
        assert cut == [], f"{media}, {width} px"


@pytest.mark.parametrize("fonts", FONTS)
@pytest.mark.parametrize("kind", ["hospital", "hostile", "empty"])
def test_on_paper_no_chart_is_cut_and_nothing_reaches_past_the_edge(
    opened: Callable[..., Opened], kind: str
) -> None:
    page = opened(kind, viewport={"width": A4_WIDTH, "height": A4_HEIGHT}).page
    page.emulate_media(media="print")
    figures = page.evaluate("""() => [...document.querySelectorAll("figure, .card, .finding")]
      .filter((e) => e.getClientRects().length)
      .map((e) => [e.getBoundingClientRect().height, e.getBoundingClientRect().right,
                   getComputedStyle(e).breakInside])""")
    assert figures
    for height, right, inside in figures:
        assert height < A4_HEIGHT, "higher than a page: it would be cut"
        assert right <= A4_WIDTH + 1
        assert inside == "avoid"
    assert too_wide(page) == []
    wide = page.evaluate(
        """width => [...document.querySelectorAll("table")]
      .filter((t) => t.getClientRects().length && t.getBoundingClientRect().right > width + 2)
      .map((t) => t.id + " " + t.getBoundingClientRect().right)""",
        A4_WIDTH,
    )
    assert wide == []
    heads = page.evaluate("""() => [...document.querySelectorAll("thead:not(.sr)")]
      .filter((t) => t.getClientRects().length).map((t) => getComputedStyle(t).display)""")
    assert set(heads) <= {"table-header-group"}


@pytest.mark.few(1)
@pytest.mark.parametrize("fonts", FONTS)
def test_the_archive_index_is_quiet_accessible_and_fits(
    opened: Callable[..., Opened], tmp_path: Path
) -> None:
    from dataclasses import replace

    for number in (44, 45, 46, 47):
        report = replace(factory.hospital(pacs=2, hosts=40), week=f"2026-W{number}")
        paths = write_archive(report, tmp_path)
    one = opened(paths.index, bypass_csp=True)
    for width in (360, 1280, 2560):
        one.page.set_viewport_size({"width": width, "height": 900})
        assert too_wide(one.page) == []
    assert one.trouble == []
    assert one.requests == [paths.index.as_uri()]
    assert violations(one.page) == []
    one.page.get_by_role("link", name="2026-W46", exact=True).last.click()
    one.page.get_by_role("link", name="2026-W47 →").click()
    one.page.get_by_role("link", name="all weeks").click()
    assert one.page.url == paths.index.as_uri()


@pytest.mark.few(3)
@pytest.mark.parametrize("fonts", FONTS)
@pytest.mark.parametrize("kind", ["ward", "no_dicom", "sampled", "one_row", "odd"])
def test_no_column_of_the_busiest_is_cut_on_a_desk(
    opened: Callable[..., Opened], kind: str
) -> None:
    one = opened(kind)
    for width in (1280, 1440, 2560):
        one.page.set_viewport_size({"width": width, "height": 900})
        cut = one.page.evaluate("""() => [...document.querySelectorAll("#top .scroll")]
          .filter((e) => e.scrollWidth > e.clientWidth)
          .map((e) => e.querySelector("table").id + " " + (e.scrollWidth - e.clientWidth))""")
        assert cut == [], f"at {width} px"


OVERLAPS = (Path(__file__).parent / "overlaps.js").read_text("utf-8")
"""A function of the page: how many texts lie over another, of how many, and the first of them."""


@pytest.mark.few(2)
@pytest.mark.parametrize(
    ("kind", "lang"),
    [("ward", "en"), ("ward", "pt-BR"), ("hostile", "en"), ("hostile", "pt-BR"),
     ("sampled", "pt-BR"), ("empty", "pt-BR"), ("one_row", "en")],
)  # fmt: skip
def test_no_text_lies_over_another(opened: Callable[..., Opened], kind: str, lang: str) -> None:
    for scheme in ("light", "dark"):
        page = opened(kind, lang, color_scheme=scheme).page
        for width in (360, 768, 1280):
            page.set_viewport_size({"width": width, "height": 900})
            count, texts, first = page.evaluate(OVERLAPS)
            assert (count, first) == (0, []), f"{scheme} at {width} px"
            assert texts > 100
    page.set_viewport_size({"width": A4_WIDTH, "height": A4_HEIGHT})
    page.emulate_media(media="print")
    assert page.evaluate(OVERLAPS)[::2] == [0, []], "on paper"


@pytest.mark.parametrize("lang", ["en", "pt-BR"])
def test_at_twice_the_size_nothing_is_lost(opened: Callable[..., Opened], lang: str) -> None:
    """200 % zoom of a window of 1280 is half as many CSS pixels, each twice as large."""
    page = opened("ward", lang, viewport={"width": 640, "height": 450}, device_scale_factor=2).page
    assert page.evaluate(OVERLAPS)[::2] == [0, []]
    assert too_wide(page) == []


def test_overlaps_are_seen(opened: Callable[..., Opened]) -> None:
    page = opened("small").page
    page.evaluate("document.querySelector('.told li:nth-child(2)').style.marginTop = '-2rem'")
    assert page.evaluate(OVERLAPS)[0] > 0


def test_the_weeks_chart_is_copied_as_a_table(opened: Callable[..., Opened]) -> None:
    one = opened("ward", permissions=["clipboard-read", "clipboard-write"])
    page = one.page
    page.locator("#week summary").click()
    tab_to(page, "#week button.copy")
    press(page, "Enter")
    expect(page.locator("#say")).to_have_text("copied")
    lines = page.evaluate("navigator.clipboard.readText()").splitlines()
    assert lines[0].split("\t")[:3] == ["Hour", "Seen", "Week before"]
    assert len(lines) == 337
    assert {line.count("\t") for line in lines} <= {3, 5}
    assert one.trouble == []


HALF = """() => [...document.querySelectorAll(".scroll")].flatMap((box) => {
  const edge = box.getBoundingClientRect();
  if (!edge.width) return [];
  return [...box.querySelectorAll("th, td")].filter((cell) => {
    const range = document.createRange();
    range.selectNodeContents(cell);
    const text = range.getBoundingClientRect();
    const column = cell.getBoundingClientRect();
    return getComputedStyle(cell).opacity !== "0" && column.width < edge.width && cell.colSpan === 1
      && (text.left < edge.left - 1.5 && text.right > edge.left + 1.5
        || text.right > edge.right + 1.5 && text.left < edge.right - 1.5);
  }).map((cell) => `${cell.closest("table").id}: ${cell.textContent.trim().slice(0, 30)}`);
})"""
"""Cells that the edge of their box cuts, though a column is narrower than the box."""
TWO_FRAMES = "() => new Promise((r) => requestAnimationFrame(() => requestAnimationFrame(r)))"


@pytest.mark.parametrize("lang", ["en", "pt-BR"])
def test_a_figure_at_an_edge_is_whole_or_not_seen(opened: Callable[..., Opened], lang: str) -> None:
    page = opened("ward", lang, viewport={"width": 360, "height": 800}).page
    for details in page.locator("details summary").all():
        details.click()
    for width in (320, 360, 390, 768, 1280):
        page.set_viewport_size({"width": width, "height": 900})
        for left in (37, 10_000):
            page.evaluate(
                "x => { for (const b of document.querySelectorAll('.scroll')) b.scrollLeft = x; }",
                left,
            )
            page.evaluate(TWO_FRAMES)
            assert page.evaluate(HALF) == [], f"at {width} px, scrolled by {left}"
    page.emulate_media(media="print")
    assert page.evaluate("() => [...document.querySelectorAll('.half')]"
                         ".every((e) => getComputedStyle(e).opacity === '1')")  # fmt: skip


TALL = """() => [...document.querySelectorAll(".scroll tr")].flatMap((row) => {
  const box = row.closest(".scroll").getBoundingClientRect();
  if (!row.getClientRects().length) return [];
  const line = 1.35 * parseFloat(getComputedStyle(row).fontSize);
  const heights = [...row.cells].map((cell) => {
    const range = document.createRange();
    range.selectNodeContents(cell);
    const seen = cell.getBoundingClientRect().left < box.right - 8;
    return seen ? range.getBoundingClientRect().height : 0;
  });
  const empty = row.getBoundingClientRect().height - Math.max(...heights);
  return empty > 2.4 * line
    ? [`${row.closest("table").id}: ${Math.round(empty)} px of ${row.textContent.slice(0, 40)}`]
    : [];
})"""
"""Rows that are tall for what a column out of sight holds."""


@pytest.mark.few(2)
@pytest.mark.parametrize("fonts", FONTS)
@pytest.mark.parametrize(
    ("kind", "lang"), [("ward", "en"), ("odd", "pt-BR"), ("ward", "pt-BR"), ("one_hour", "pt-BR")]
)
def test_no_row_is_tall_and_empty(opened: Callable[..., Opened], kind: str, lang: str) -> None:
    page = opened(kind, lang).page
    for width in (360, 768, 1280):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate(TALL) == [], f"at {width} px"
