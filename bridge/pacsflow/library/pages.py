"""A week's page in a notebook, and in a file."""

from __future__ import annotations

import html
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pacsflow.outputs import write_text
from pacsflow_reports import render_digest, render_html

if TYPE_CHECKING:
    from pacsflow.report.weekly import WeeklyReport


@dataclass(frozen=True, slots=True)
class Page:
    """The page on a report; a notebook shows it in a frame of its own.

    Parameters
    ----------
    report
        From `Records.report`.
    lang
        ``en`` or ``pt-BR``.
    """

    report: WeeklyReport
    lang: str = "en"

    @property
    def html(self) -> str:
        """The page's text: one file that needs no network."""
        return render_html(self.report, lang=self.lang)

    @property
    def digest(self) -> str:
        """The first screen as plain text."""
        return render_digest(self.report, lang=self.lang)

    def save(self, path: str | Path) -> Path:
        """Write the page to a file, whole or not at all; returns where it is."""
        target = Path(path)
        write_text(target, self.html)
        return target

    def __repr__(self) -> str:
        return f"Page({self.report!r}, lang={self.lang!r})"

    def _repr_html_(self) -> str:
        shown = html.escape(self.html, quote=True)
        return f'<iframe srcdoc="{shown}" width="100%" height="700" style="border:0"></iframe>'
