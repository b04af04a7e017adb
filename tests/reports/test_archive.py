"""An archive: a page a week, an index with the trend, weeks that link to each other."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from pacsflow.errors import InputError
from pacsflow.week.facts import Estimate
from pacsflow_reports import find_chromium, html_to_pdf, write_archive
from reports import factory

if TYPE_CHECKING:
    from pathlib import Path

    from pacsflow.report.weekly import WeeklyReport


def week(number: int, imaging: float = 4e12) -> WeeklyReport:
    base = factory.small()
    return replace(
        base,
        week=f"2026-W{number:02d}",
        totals=replace(base.totals, imaging_bytes=Estimate(imaging)),
    )


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_weeks_link_to_each_other_whatever_their_order(tmp_path: Path) -> None:
    for number in (45, 47, 46):
        paths = write_archive(week(number, number * 1e11), tmp_path / "archive")
    assert paths.page.name == "2026-W46.html"
    assert paths.pdf is None
    read = {n: (tmp_path / "archive" / f"2026-W{n}.html").read_text() for n in (45, 46, 47)}
    assert 'rel="next" href="2026-W46.html"' in read[45]
    assert 'rel="prev"' not in read[45]
    assert 'rel="prev" href="2026-W45.html"' in read[46]
    assert 'rel="next" href="2026-W47.html"' in read[46]
    assert 'rel="prev" href="2026-W46.html"' in read[47]
    assert 'rel="next"' not in read[47]
    assert all('href="index.html"' in html for html in read.values())
    index = paths.index.read_text()
    assert index.index('href="2026-W47.html"') < index.index('href="2026-W45.html"')
    assert "4.70\u00a0TB" in index
    assert "+2\u00a0%" in index


def test_writing_again_changes_nothing(tmp_path: Path) -> None:
    for number in (45, 46):
        write_archive(week(number), tmp_path)
    before = contents(tmp_path)
    for number in (45, 46, 45):
        write_archive(week(number), tmp_path)
    assert contents(tmp_path) == before


def test_other_files_and_broken_summaries_do_no_harm(tmp_path: Path) -> None:
    write_archive(week(45), tmp_path)
    (tmp_path / "2026-W45.json").write_text('{"bytes": "no number", "findings": []}')
    (tmp_path / "notes.html").write_text("mine")
    index = write_archive(week(46), tmp_path).index.read_text()
    assert 'href="2026-W45.html"' in index
    assert (tmp_path / "notes.html").read_text() == "mine"
    for text in (
        "[]",
        '{"findings": 3, "status": 7, "hours_expected": "x"}',
        "{",
        '{"bytes": NaN}',
        '{"findings": {"high": "<b>"}, "status": {"traffic": []}, "incidents": null}',
    ):
        (tmp_path / "2026-W45.json").write_text(text)
        assert 'href="2026-W45.html"' in write_archive(week(46), tmp_path).index.read_text()


def test_hostile_reports_stay_text_in_the_index(tmp_path: Path) -> None:
    report = replace(factory.hostile(), title="<script>x</script><!--/weeks-->")
    write_archive(report, tmp_path)
    index = write_archive(replace(report, week="2026-W48"), tmp_path).index.read_text()
    assert "<script>x" not in index
    page = (tmp_path / "2026-W47.html").read_text()
    assert page.count("<!--weeks-->") == page.count("<!--/weeks-->") == 1
    json.loads((tmp_path / "2026-W47.json").read_text())


def test_wrong_folder_and_wrong_week_are_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="is a file"):
        write_archive(week(45), tmp_path / "file")
    with pytest.raises(InputError, match="not an ISO week"):
        write_archive(replace(week(45), week="../../etc"), tmp_path)
    assert not list(tmp_path.glob("*.html"))


def test_portuguese_index(tmp_path: Path) -> None:
    index = write_archive(week(45), tmp_path, lang="pt-BR").index.read_text()
    assert "A tendência ao longo das semanas" in index
    assert "4,00\u00a0TB" in index


@pytest.mark.skipif(find_chromium() is None, reason="no Chromium: apt-get install chromium")
def test_a_pdf_beside_the_page(tmp_path: Path) -> None:
    paths = write_archive(week(45), tmp_path, pdf=True)
    assert paths.pdf is not None
    assert paths.pdf.read_bytes().startswith(b"%PDF-")
    assert 'href="2026-W45.pdf"' in paths.index.read_text()
    assert not list(tmp_path.glob(".*"))


def test_without_a_browser_printing_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pacsflow.errors import ToolError

    monkeypatch.setenv("PACSFLOW_CHROMIUM", str(tmp_path / "none"))
    with pytest.raises(ToolError, match="apt-get install chromium"):
        html_to_pdf(tmp_path / "x.html", tmp_path / "x.pdf")
