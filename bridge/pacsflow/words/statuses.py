"""Status codes of DIMSE responses in words: PS3.7 annex C, and PS3.4 of each service."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pacsflow.words.marks import N_

if TYPE_CHECKING:
    from pacsflow.words.language import Language

STATUSES = {
    # PS3.7 annex C
    "0105": N_("no such attribute"),
    "0106": N_("invalid attribute value"),
    "0110": N_("processing failure"),
    "0111": N_("duplicate SOP instance"),
    "0112": N_("no such SOP instance"),
    "0113": N_("no such event type"),
    "0114": N_("no such argument"),
    "0115": N_("invalid argument value"),
    "0117": N_("invalid SOP instance"),
    "0118": N_("no such SOP class"),
    "0119": N_("class and instance do not fit"),
    "0120": N_("missing attribute"),
    "0121": N_("missing attribute value"),
    "0122": N_("SOP class not supported"),
    "0123": N_("no such action"),
    "0124": N_("not authorized"),
    "0210": N_("duplicate invocation"),
    "0211": N_("unrecognized operation"),
    "0212": N_("mistyped argument"),
    "0213": N_("out of resources"),
    # PS3.4 annexes B, C and J
    "A701": N_("out of resources: matches cannot be counted"),
    "A702": N_("out of resources: sub-operations cannot be performed"),
    "A801": N_("move destination unknown"),
    "A7": N_("out of resources"),
    "A9": N_("data set or query does not fit the SOP class"),
    "C": N_("cannot be understood or processed"),
}
"""By code, or by what the codes of a class begin with."""


def status_said(label: str, language: Language) -> str:
    """Return a failure code such as ``0xA801`` with what it means, where the standard says it."""
    code = label.upper().removeprefix("0X")
    text = next((STATUSES[code[:n]] for n in (4, 2, 1) if code[:n] in STATUSES), "")
    return f"{label} – {language.gettext(text)}" if text and len(code) == 4 else label
