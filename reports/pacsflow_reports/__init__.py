"""Turns one finished `pacsflow.report.weekly.WeeklyReport` into HTML; reads nothing else."""

from __future__ import annotations

from pacsflow.words.language import languages

from .archive import ArchivePaths, write_archive
from .digest import render_digest
from .pdf import find_chromium, html_to_pdf
from .render import WeekLinks, render_html

__all__ = [
    "ArchivePaths",
    "WeekLinks",
    "find_chromium",
    "html_to_pdf",
    "languages",
    "render_digest",
    "render_html",
    "write_archive",
]
