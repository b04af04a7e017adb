"""Takes the pictures of the page in docs/img anew: ``pictures.py PAGE.html PAGE.pt-BR.html``.

PAGE is what `make report` prints; the other one is the same week with ``--lang pt-BR``.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

from pacsflow_reports import html_to_pdf
from pacsflow_reports.pdf import find_chromium

IMAGES = Path(__file__).parents[2] / "docs" / "img"
SCREEN, PHONE, SECTION = ((1440, 900), (390, 1400), (1440, 900))
PARTS = ("findings", "hours", "map", "pacs")
"""Sections of the page that have a picture of their own."""
COLOURS = "128"
SHEETS = (1, 2)


def shot(browser: Any, page: Path, name: str, size: tuple[int, int], **options: Any) -> None:
    """Take what somebody sees who opens the page."""
    made = browser.new_page(viewport=dict(zip(("width", "height"), size, strict=True)), **options)
    made.goto(page.as_uri())
    made.screenshot(path=IMAGES / f"report-{name}.png")
    made.close()


def parts(browser: Any, page: Path) -> None:
    """Take sections of the page, each whole."""
    made = browser.new_page(viewport={"width": SECTION[0], "height": SECTION[1]})
    made.goto(page.as_uri())
    for name in PARTS:
        made.locator(f"#{name}").screenshot(path=IMAGES / f"report-{name}.png")
    made.close()


def paper(page: Path) -> None:
    """Print, and lay the first sheets side by side."""
    with tempfile.TemporaryDirectory() as folder:
        printed = Path(folder) / "page.pdf"
        html_to_pdf(page, printed)
        first, last = (str(SHEETS[at]) for at in (0, -1))
        subprocess.run(
            ["pdftoppm", "-png", "-r", "102", "-f", first, "-l", last, printed, printed.stem],
            cwd=folder, check=True,
        )  # fmt: skip
        sheets = sorted(Path(folder).glob("page-*.png"))
        subprocess.run(
            ["convert", *sheets, "-bordercolor", "#bbb", "-border", "5", "+append",
             IMAGES / "report-paper.png"], check=True,
        )  # fmt: skip


def main(english: str, portuguese: str) -> None:
    """Take all of them, in few colours."""
    page, other = Path(english).absolute(), Path(portuguese).absolute()
    with sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=str(find_chromium()), args=["--no-sandbox", "--disable-gpu"]
        )
        shot(browser, page, "desktop", SCREEN)
        shot(browser, page, "dark", SCREEN, color_scheme="dark")
        shot(browser, page, "phone", PHONE)
        shot(browser, other, "pt-BR", SCREEN)
        parts(browser, page)
        browser.close()
    paper(page)
    for picture in IMAGES.glob("report-*.png"):
        subprocess.run(
            ["convert", picture, "-strip", "-colors", COLOURS, f"png8:{picture}"], check=True
        )


if __name__ == "__main__":
    main(*sys.argv[1:])
