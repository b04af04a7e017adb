"""Sentences that a `WeeklyReport` brings along in English, recognised and said in a language."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from .language import N_

if TYPE_CHECKING:
    from .language import Language


PHRASES = (
    N_("Medical image traffic"),
    # forecasts
    N_("%(there)s hours with data are too few: a forecast needs %(needed)s (one week)."),
    N_(
        "%(model)s: the history is too short to hold hours back, so nothing tells yet how good it "
        "is."
    ),
    N_("%(model)s suits: %(gain)s %% better than last week's values."),
    N_("No ARIMA model suits: the report shows last week's values instead."),
    N_("No ARIMA model suits: the report shows yesterday's values instead."),
    # data quality
    N_(
        "Totals are those of origin %(origin)s; %(others)s is in the ledger too and not added to "
        "them, so that nothing is counted twice."
    ),
    N_("%(more)s more files were read than are listed."),
    N_(
        "Some imaging traffic was recognised by its port alone (service dicom?): it is counted as "
        "imaging, and nobody has looked into it."
    ),
    N_("estimated from %(samples)s samples"),
    N_("IP bytes of Zeek's conn.log, headers of IP and TCP included"),
    N_("bytes of whole frames on the wire"),
    N_("bytes of whole frames, estimated from sFlow samples"),
)

_HOLE = re.compile(r"%\\\(([a-z]+)\\\)s")


@lru_cache(maxsize=1)
def _patterns() -> tuple[tuple[re.Pattern[str], str], ...]:
    return tuple(
        (re.compile(_HOLE.sub(r"(?P<\1>.{1,200}?)", re.escape(phrase)).replace("%%", "%")), phrase)
        for phrase in PHRASES
    )


def said(text: str, language: Language) -> str:
    """Return `text` in `language`; one that is not among `PHRASES` stays as it is."""
    for pattern, phrase in _patterns():
        found = pattern.fullmatch(text)
        if found:
            values = {name: _number(value, language) for name, value in found.groupdict().items()}
            template = language.gettext(phrase)
            return template % values if "%" in phrase else template
    return text


def _number(text: str, language: Language) -> str:
    return language.number(int(text)) if re.fullmatch(r"\d{1,15}", text) else text
