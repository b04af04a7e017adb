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
    N_("%(there)s hour with data is too few: a forecast needs %(needed)s (one week)."),
    N_("%(there)s hours with data are too few: a forecast needs %(needed)s (one week)."),
    N_(
        "%(model)s: %(hours)s hours are too few to hold some back, so nothing tells yet how good "
        "it is."
    ),
    N_("%(model)s suits: %(gain)s %% better than last week's values."),
    N_("%(model)s is not proven to suit: it does as well as last week's values, no better."),
    N_(
        "%(model)s is not proven to suit: %(loss)s %% worse than last week's values, no more than "
        "chance does, so it is kept for what it does on most series."
    ),
    N_(
        "%(model)s does not suit: it is no better than last week's values, which the report shows "
        "instead."
    ),
    N_(
        "%(model)s does not suit: it is %(loss)s %% worse than last week's values, which the "
        "report shows instead."
    ),
    N_(
        "%(model)s does not suit: the report shows yesterday's values instead, which are %(gain)s "
        "%% better than last week's."
    ),
    # findings
    N_("and %(more)s more of this rule"),
    # messages of the Zeek package's notices
    N_("C-MOVE to %(title)s, which is not known"),
    N_("DICOM association to the outside, %(titles)s"),
    N_("DICOM association from the outside, %(titles)s"),
    N_("user name and password in clear text, %(titles)s"),
    N_("DICOM in clear text from site %(here)s to site %(there)s, %(titles)s"),
    N_("objects from %(host)s, which the inventory does not know, %(titles)s"),
    N_("PDUs or command sets that violate the standard, %(titles)s"),
    N_("reserved bytes that are not zero, %(titles)s"),
    N_("header of a file in a data set, %(titles)s"),
    N_("%(host)s has an association with %(peer)s for the first time"),
    N_("%(host)s was rejected with %(number)s pairs of AE titles"),
    N_("%(host)s sent or got %(number)s C-FIND requests and results"),
    N_("%(host)s sent %(number)s C-GET and C-MOVE requests"),
    N_("%(host)s requested %(number)s associations"),
    N_("%(host)s sent C-ECHO to %(number)s endpoints"),
    N_("AE title %(title)s called from %(number)s hosts"),
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
    N_(
        "This week was added to the ledger by a pacsflow that did not keep connections: nothing is "
        "said of retransmissions, and findings from conn.log name no rows. Adding its logs to a "
        "new ledger brings both."
    ),
    N_(
        "In %(few)s of %(hours)s hours with data there are too few samples: the 95 %% "
        "interval of their bytes reaches further than 50 %%."
    ),
    N_(
        "%(lost)s of %(sent)s samples (%(percent)s %%) were lost on the way from the agents: "
        "their sequence numbers have gaps."
    ),
    N_(
        "By the agents' sample pools and sequence numbers, estimates are about %(percent)s %%"
        " too low."
    ),
    N_(
        "By the agents' sample pools and sequence numbers, estimates are about %(percent)s %%"
        " too high."
    ),
    N_("The agents dropped %(samples)s samples for want of resources."),
    N_(
        "The sample pool of %(source)s does not fit the declared rate: 1 in %(declared)s "
        "declared, 1 in %(pool)s by the pool."
    ),
    N_(
        "%(restarts)s restarts of agents: what passed between the last datagram before and "
        "the first after is not known."
    ),
    N_(
        "%(outside)s of %(all)s interface counters are outside the 95 %% interval of their "
        "estimate (1 in 20 is by chance): pacsflow sampling lists them."
    ),
    N_("%(still)s of %(all)s interface counters never moved."),
    N_("%(agents)s agents sampled: a packet that passes several of them counts at each."),
    N_("%(number)s sFlow datagrams that are not well-formed."),
    N_("%(number)s sFlow datagrams that the capture cut short."),
    N_("%(number)s sFlow datagrams that were captured twice, and counted once."),
    N_("%(number)s samples with a rate of zero, which say nothing of a total."),
    N_("%(number)s samples without a sampled header, which name no address."),
    N_("estimated from %(samples)s samples"),
    N_("IP bytes of Zeek's conn.log, headers of IP and TCP included"),
    N_("bytes of whole frames on the wire"),
    N_("bytes of whole frames, estimated from sFlow samples"),
)

OPTIONS = (N_("latest"), N_("the one that covers most hours"), N_("yes"), N_("no"))
MODELS = (N_("day types"), N_("Fourier terms"), N_("seasonal naive"))

_MEAN = re.compile(r"[Mm]ean of (.+) and (.+)")
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
            values = {
                name: model_said(value, language) if name == "model" else _number(value, language)
                for name, value in found.groupdict().items()
            }
            template = language.gettext(phrase)
            return template % values if "%" in phrase else template
    return text


def option_said(text: str, language: Language) -> str:
    """Return the value of an option in `language`, where it is a word and not a name."""
    return language.gettext(text) if text in OPTIONS else text


def model_said(text: str, language: Language) -> str:
    """Return the name of a model, or of the mean of several, in `language`."""
    _ = language.gettext
    found = _MEAN.fullmatch(text)
    if found:
        parts = [part for part in re.split(r", (?=\D)", found[1]) if part]
        mean = _("mean of %(models)s") % {
            "models": language.listing([*parts, found[2]], most=len(parts) + 1)
        }
        text = mean[:1].upper() + mean[1:] if text[:1] == "M" else mean
    for word in MODELS:
        told = _(word)
        text = text.replace(word, told)
        text = text.replace(word[:1].upper() + word[1:], told[:1].upper() + told[1:])
    return text


def _number(text: str, language: Language) -> str:
    return language.number(int(text)) if re.fullmatch(r"\d{1,15}", text) else text
