"""Counts with what is counted, of one or of several: a text has them as ``%(count__objects)s``."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pacsflow.terms.message import Value
    from pacsflow.words.language import Language

MARK = "__"
"""Between the name of a value and the noun behind it."""


def _count(one: str, several: str) -> tuple[str, str]:
    """Mark both forms for the catalogues."""
    return one, several


NOUNS = {
    "associations": _count("%(count)s association", "%(count)s associations"),
    "connections": _count("%(count)s connection", "%(count)s connections"),
    "objects": _count("%(count)s object", "%(count)s objects"),
    "hours": _count("%(count)s hour", "%(count)s hours"),
    "days": _count("%(count)s day", "%(count)s days"),
    "hosts": _count("%(count)s host", "%(count)s hosts"),
    "requests": _count("%(count)s request", "%(count)s requests"),
    "endpoints": _count("%(count)s endpoint", "%(count)s endpoints"),
    "pairs": _count("%(count)s pair", "%(count)s pairs"),
}
"""By the name that stands in a text: one, and several."""


def value_of(hole: str) -> str:
    """Return the name of the value that a hole of a text is for.

    >>> value_of("before_count__objects"), value_of("host")
    ('before_count', 'host')
    """
    return hole.partition(MARK)[0]


def counted_said(value: Value, number: str, noun: str, language: Language) -> str:
    """Return a count, which is written as `number`, and its noun in a language."""
    text = language.ngettext(*NOUNS[noun], 1 if value.value == 1 else 2)
    return text % {"count": number}
