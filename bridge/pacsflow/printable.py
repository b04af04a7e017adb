"""Makes text of strangers fit to be shown: nothing in it steers a terminal or hides from a reader.

One place escapes, for the readers, tables, CSV, JSON, graphs and workbooks alike.
"""

from __future__ import annotations

import re

_INVISIBLE = (
    # controls, and what reorders or separates lines
    r"\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\ud800-\udfff"
    # what fonts leave out: Default_Ignorable_Code_Point of Unicode's DerivedCoreProperties.txt
    r"\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0"
    r"\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
    # noncharacters: XML does not take them
    r"\ufdd0-\ufdef" + "".join(rf"\U{plane:04x}fffe\U{plane:04x}ffff" for plane in range(17))
)
CONTROL = re.compile(f"[{_INVISIBLE}]")


COPIES: dict[str, str] = {}
"""Files that are copies of what was asked for (of a pipe, say), and what it is called."""


def as_asked(text: str) -> str:
    """Return what is said of files, with copies called by what was asked for."""
    for copy, name in COPIES.items():
        text = text.replace(copy, name)
    return text


def escape_controls(text: str) -> str:
    r"""Return `text` with what cannot be seen in it as ``\xHH`` by UTF-8, as Zeek writes them.

    That is control and bidirectional characters, those that take no room (soft hyphen, word joiner,
    byte order mark, tags), lone surrogates and noncharacters.
    """
    if text.isascii() and text.isprintable():
        return text
    return CONTROL.sub(_escaped, text)


def _escaped(match: re.Match[str]) -> str:
    return "".join(f"\\x{byte:02x}" for byte in match.group().encode("utf-8", "surrogatepass"))


def counted(count: int, one: str, several: str) -> str:
    """Return a count with what is counted, of one or of several."""
    return f"{count:,} {one if count == 1 else several}"
