"""What comes out of the printer: numbered sheets, marks on each, heads repeated over tables."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from pacsflow.errors import ToolError
from pacsflow_reports import find_chromium, html_to_pdf, render_html
from reports import factory

pytestmark = [
    pytest.mark.skipif(find_chromium() is None, reason="no Chromium: apt-get install chromium"),
    pytest.mark.skipif(
        shutil.which("pdftotext") is None, reason="no pdftotext: apt-get install poppler-utils"
    ),
]


def test_every_sheet_is_numbered_and_marked_and_heads_are_repeated(tmp_path: Path) -> None:
    page, printed = tmp_path / "week.html", tmp_path / "week.pdf"
    page.write_text(render_html(factory.hospital(pacs=3, hosts=900)), encoding="utf-8")
    html_to_pdf(page, printed)
    text = subprocess.run(
        ["pdftotext", "-layout", str(printed), "-"], capture_output=True, check=True
    ).stdout.decode()
    sheets = text.split("\f")[:-1]
    assert 8 <= len(sheets) <= 20
    for number, sheet in enumerate(sheets, 1):
        assert f"{number} / {len(sheets)}" in sheet
        assert "Simulated data." in sheet
        assert "pacsflow · 2026-W47" in sheet
    listed = [sheet for sheet in sheets if "conn.2026-11-16-" in sheet]
    assert len(listed) >= 2
    assert all("SHA-256" in sheet for sheet in listed), "a part of the table has no head"
    assert "The numbers behind this chart" not in text
    assert "Filter rows" not in text


def test_the_browser_sends_nothing(tmp_path: Path) -> None:
    """Not even a question for its maker's hosts; a question of this test is seen."""
    namespaces = ["unshare", "--net", "--mount", "--kill-child"]
    if sys.platform != "linux" or subprocess.run([*namespaces, "true"], check=False).returncode:
        pytest.skip("no network namespace to be had: root on Linux has them")
    page, printed = tmp_path / "week.html", tmp_path / "week.pdf"
    page.write_text("<p>week</p><img src='https://pacsflow-page.example/logo.png'>")
    done = subprocess.run(
        [*namespaces, sys.executable, str(Path(__file__).with_name("offline.py")), page, printed],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    seen, sent = map(int, done.stdout.split())
    assert seen
    assert sent == 0, done.stderr
    assert printed.read_bytes().startswith(b"%PDF-")


@pytest.mark.parametrize(
    "words", ["No usable sandbox!", "The SUID sandbox helper binary was found"]
)
def test_without_a_sandbox_one_line_names_the_way_out(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, words: str
) -> None:
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        browser = Path(name) / "chromium"
        Path(name).chmod(0o755)
        browser.write_text(f"#!/bin/sh\necho '{words}' >&2; echo 'and more' >&2; exit 1\n")
        browser.chmod(0o755)
        monkeypatch.setenv("PACSFLOW_CHROMIUM", str(browser))
        page = tmp_path / "week.html"
        page.write_text("<p>week</p>")
        with pytest.raises(ToolError, match=r"chromium-sandbox.*PACSFLOW_NO_SANDBOX=1"):
            html_to_pdf(page, tmp_path / "week.pdf")
    assert [path.name for path in tmp_path.iterdir()] == ["week.html"]


def test_without_a_font_there_is_no_pdf_without_letters(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The real browser on a system with no font: it prints, and says so by the way."""
    none = tmp_path / "fonts.conf"
    none.write_text("<fontconfig><dir>/nowhere</dir></fontconfig>")
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_uid == os.geteuid() and folder != Path("/"):
            folder.chmod(folder.stat().st_mode | 0o111)
    monkeypatch.setenv("FONTCONFIG_FILE", str(none))
    page = tmp_path / "week.html"
    page.write_text("<p>week</p>")
    with pytest.raises(ToolError, match="no font to print with: install fonts-dejavu-core"):
        html_to_pdf(page, tmp_path / "week.pdf")
    assert not (tmp_path / "week.pdf").exists()
