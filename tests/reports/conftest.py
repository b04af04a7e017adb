"""A browser for the pages, and pages rendered once for all tests."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import pytest

from pacsflow_reports import find_chromium, render_html
from reports import factory

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

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


@pytest.fixture(scope="session")
def browser() -> Iterator[object]:
    chromium = find_chromium()
    if chromium is None:
        pytest.skip("no Chromium: apt-get install chromium")
    playwright = pytest.importorskip("playwright.sync_api", reason="no playwright for Python")
    with playwright.sync_playwright() as p:
        made = p.chromium.launch(executable_path=str(chromium), args=FLAGS)
        yield made
        made.close()


@pytest.fixture(scope="session")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, str], Path]:
    folder = tmp_path_factory.mktemp("pages")

    def save(kind: str, lang: str = "en") -> Path:
        path = folder / f"{kind}-{lang}.html"
        if not path.exists():
            path.write_text(page_of(kind, lang), encoding="utf-8")
        return path

    return save
