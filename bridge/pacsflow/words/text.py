"""Makes hostile text harmless: control, invisible and direction characters become visible."""

from __future__ import annotations

import dataclasses
import operator
import re
import unicodedata
from typing import TypeVar, cast

T = TypeVar("T")

CAP = 2000
"""No string of a report is longer on the page; what was cut is said in its place."""

# What `str.isprintable` lets through and yet does not show, or hides or turns its neighbours:
# joiners, marks, variation selectors, fillers, and any run of more than four combining marks.
_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e"
    "\u2060-\u206f\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U000e0000-\U000e0fff]"
)
_STACKED = re.compile(
    "([\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff]{4})"
    "[\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff]+"
)
_LONG_WORD = re.compile(r"\S{61,}")


def neutralise(text: str) -> str:
    r"""Return `text` with every character that is not plainly visible written as ``\u202e``.

    Plain printable text comes back as it is. Strings over `CAP` characters are cut.
    """
    if len(text) > CAP:
        text = f"{text[: CAP - 40]}… ({len(text)} characters)"
    if text.isascii() and text.isprintable():
        return text
    text = _STACKED.sub(r"\1", text)
    text = _INVISIBLE.sub(lambda found: _visible(found[0]), text)
    if text.isprintable():
        return text
    # Unlike `isprintable`, spaces of all widths may stay: they are part of numbers and names.
    return "".join(
        char if char.isprintable() or char in "\u00a0\u2007\u202f" else _visible(char)
        for char in text
    )


def _visible(char: str) -> str:
    code = ord(char)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def cleaned(value: T) -> T:
    """Return `value` (a tree of frozen dataclasses and tuples) with every string neutralised."""
    return cast("T", _clean(value))


_FIELDS: dict[type, tuple[str, ...]] = {}


def _fields(kind: type) -> tuple[str, ...]:
    """Return the names of a dataclass's fields, none for another type."""
    names = _FIELDS.get(kind)
    if names is None:
        there = dataclasses.is_dataclass(kind)
        names = tuple(f.name for f in dataclasses.fields(kind)) if there else ()
        _FIELDS[kind] = names
    return names


def _clean(value: object) -> object:
    """Return `value` itself where nothing in it had to change: most of a report is clean."""
    kind = type(value)
    if kind is str:
        return neutralise(cast("str", value))
    if kind is tuple:
        items = cast("tuple[object, ...]", value)
        if items and type(items[0]) is float:
            return value  # hourly values
        cleaned_items = tuple(map(_clean, items))
        same = all(map(operator.is_, cleaned_items, items))
        return value if same else cleaned_items
    names = _fields(kind)
    if not names:
        return value
    old = {name: getattr(value, name) for name in names}
    new = {name: _clean(item) for name, item in old.items()}
    return value if all(new[name] is old[name] for name in names) else kind(**new)


def shorten(text: str, limit: int = 34) -> str:
    """Return `text` cut in its middle to at most `limit` characters, an ellipsis between.

    A mark that belongs to a letter is not left without it: it would stand on the ellipsis.
    """
    if len(text) <= limit:
        return text
    rest = limit // 3
    tail = text[-rest:]
    while tail and unicodedata.combining(tail[0]):
        tail = tail[1:]
    return f"{text[: limit - rest - 1]}…{tail}"


def prose(text: str) -> str:
    """Return `text` with its over-long words shortened, so that a sentence stays one."""
    return _LONG_WORD.sub(lambda found: shorten(found[0], 40), text)
