"""Languages that pages and messages are written in."""

from __future__ import annotations

from enum import StrEnum


class LanguageCode(StrEnum):
    """A language of the page, by its BCP 47 tag."""

    EN = "en"
    PT_BR = "pt-BR"
