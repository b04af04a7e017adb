"""A browser for the pages, and pages rendered once for all tests."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pacsflow_reports import find_chromium, render_html
from reports import factory

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

WIDEST = "dejavu"
FONTS = {
    WIDEST: "/usr/share/fonts/truetype/dejavu",
    "liberation": "/usr/share/fonts/truetype/liberation",
}
"""The widest and the narrowest of the fonts that systems come with; Noto Sans is between them."""
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@cache
def page_of(kind: str, lang: str = "en") -> str:
    """The page of one of the factory's reports."""
    made = {"ward": lambda: factory.hospital(pacs=4, hosts=60)}.get(kind) or factory.ALL[kind]
    return render_html(made(), lang=lang)


@pytest.fixture(scope="module")
def browsers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], object]]:
    """Return a function that gives a browser which has one family of fonts alone (`FONTS`).

    They end with the file of tests: one that waits takes a twentieth of a core.
    """
    chromium = find_chromium()
    if chromium is None:
        pytest.skip("no Chromium: apt-get install chromium")
    playwright = pytest.importorskip("playwright.sync_api", reason="no playwright for Python")
    folder = tmp_path_factory.mktemp("fonts")
    with playwright.sync_playwright() as p:

        @cache
        def browser_with(fonts: str) -> Any:
            if not [path for path in Path(FONTS[fonts]).glob("*.ttf") if path.is_file()]:
                pytest.skip(f"no fonts in {FONTS[fonts]}: apt-get install fonts-{fonts}")
            settings = folder / f"{fonts}.conf"
            settings.write_text(
                "<fontconfig><include>/etc/fonts/conf.d</include>"
                f"<dir>{FONTS[fonts]}</dir><cachedir>{folder}</cachedir></fontconfig>"
            )
            return p.chromium.launch(
                executable_path=str(chromium),
                args=FLAGS,
                env={**os.environ, "FONTCONFIG_FILE": str(settings)},
            )

        yield browser_with


@pytest.fixture
def fonts() -> str:
    """The fonts that the browser has; the widest, unless a test asks for both ends."""
    return WIDEST


@pytest.fixture
def browser(browsers: Callable[[str], object], fonts: str) -> object:
    return browsers(fonts)


@pytest.fixture(scope="session")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, str], Path]:
    folder = tmp_path_factory.mktemp("pages")

    def save(kind: str, lang: str = "en") -> Path:
        path = folder / f"{kind}-{lang}.html"
        if not path.exists():
            path.write_text(page_of(kind, lang), encoding="utf-8")
        return path

    return save
