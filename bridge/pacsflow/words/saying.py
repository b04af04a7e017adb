"""Says values, messages and findings in a language: the one way from what is told to words."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, cast

from pacsflow.terms.message import Kind, Message, Value
from pacsflow.terms.party import Party
from pacsflow.words.catalogue import NOTICE, NOTICES, RULES, Text
from pacsflow.words.codes import words
from pacsflow.words.language import NOTHING, Language
from pacsflow.words.marks import N_
from pacsflow.words.notes import MORE, NOTES
from pacsflow.words.nouns import MARK, counted_said, value_of
from pacsflow.words.text import neutralise, shorten

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pacsflow.findings.finding import Finding
    from pacsflow.report.weekly import AreaStatus, WeeklyReport

NOTICE_PREFIX = "notice-"
MODEL_WORDS = (
    N_("day types"),
    N_("levelled week"),
    N_("trimmed week"),
    N_("seasonal naive"),
    N_("constant"),
    N_("rare traffic"),
)
"""Parts of models' names that are words."""


@dataclass(frozen=True, slots=True)
class Said:
    """A finding in one language."""

    title: str
    evidence: tuple[str, ...]
    action: str


def party_name(party: Party) -> str:
    """Return what people call a host: its name, an AE title, or the address; shortened."""
    known = party.name or (party.ae_titles[0] if party.ae_titles else "") or party.address
    return shorten(neutralise(known))


def directed_said(name: str, way: str, language: Language) -> str:
    """Return the name of what a host took in, or gave out (`way` is ``in`` or ``out``)."""
    _ = language.gettext
    text = _("%(name)s, in") if way == "in" else _("%(name)s, out")
    return text % {"name": name}


def value_said(value: Value, language: Language) -> str:
    """Return a value as `language` writes it; a dash where it is not known."""
    told = value.value
    if isinstance(told, tuple):
        return _several(value, language)
    if isinstance(told, Party):
        return party_name(told)
    if isinstance(told, datetime):
        return language.moment(told)
    if told is None:
        return language.gettext("an unknown host") if value.kind is Kind.HOST else NOTHING
    if isinstance(told, str):
        return words(language)(told) if value.kind is Kind.CODE else neutralise(told)
    return _NUMBERS[value.kind](language, told)


_NUMBERS: dict[Kind, Callable[[Language, float], str]] = {
    Kind.COUNT: lambda language, number: language.number(number),
    Kind.NUMBER: lambda language, number: language.number(
        number, 0 if number == int(number) else 2
    ),
    Kind.PERCENT: lambda language, number: language.percent(
        number, 0 if isinstance(number, int) else None
    ),
    Kind.CHANGE: lambda language, number: language.signed(number),
    Kind.PROBABILITY: lambda language, number: language.probability(number),
    Kind.BYTES: lambda language, number: language.bytes(number),
    Kind.SECONDS: lambda language, number: language.duration(number),
}


def _several(value: Value, language: Language) -> str:
    if value.kind is Kind.MONTHS:
        return language.months(*cast("tuple[float, float]", value.value))
    items = cast("tuple[str, ...] | tuple[Party, ...]", value.value)
    if not items:
        return NOTHING
    if value.kind is Kind.MODELS:
        return models_said(cast("tuple[str, ...]", items), language)
    names = [party_name(item) if isinstance(item, Party) else neutralise(item) for item in items]
    if value.beyond:
        more = language.ngettext("%(count)s more", "%(count)s more", value.beyond)
        names.append(more % {"count": language.number(value.beyond)})
    return language.listing(names, most=len(names))


def models_said(names: Sequence[str], language: Language) -> str:
    """Return the name of a model, or of the mean of several; a sentence can begin with it."""
    told = [_model(part, language) for name in names for part in _averaged(name)]
    if len(told) == 1:
        text = told[0]
    else:
        listed = language.listing(told, most=len(told))
        text = language.gettext("weighted mean of %(models)s") % {"models": listed}
    return text[:1].upper() + text[1:]


HOLE = re.compile(r"%\((\w+)\)s")
"""Where a value stands; a line of evidence without its values is not said."""
_MEAN, _BETWEEN = "weighted mean of ", re.compile(r", | and ")
_DECIMAL = re.compile(r"\d+\.\d+")


def _averaged(name: str) -> list[str]:
    """Return the models of which one name says that they are averaged, or the one that it is."""
    return _BETWEEN.split(name.removeprefix(_MEAN)) if name.startswith(_MEAN) else [name]


def _model(name: str, language: Language) -> str:
    for word in MODEL_WORDS:
        name = name.replace(word, language.gettext(word))
    return _DECIMAL.sub(lambda found: _decimal(found[0], language), name)


def _decimal(text: str, language: Language) -> str:
    return language.number(float(text), len(text.partition(".")[2]))


def message_said(message: Message | None, language: Language) -> str:
    """Return a message in `language`; empty for none.

    Raises
    ------
    KeyError
        The catalogue has no text of that key, or the text names a value that is not there.
    """
    if message is None:
        return ""
    text = NOTES[message.key]
    values = {name: value_said(value, language) for name, value in message.values}
    if isinstance(text, tuple):
        name, one, several = text
        text = one if dict(message.values)[name].value == 1 else several
    return language.gettext(text) % values


def at_length(key: str, language: Language) -> str:
    """Return a note and what is told behind it."""
    return f"{language.gettext(str(NOTES[key]))}. {language.gettext(MORE[key])}"


def text_of(rule: str) -> Text:
    """Return the catalogue's text of a rule or notice; a notice of another version has one, too."""
    if rule.startswith(NOTICE_PREFIX):
        return NOTICES.get(rule.removeprefix(NOTICE_PREFIX), NOTICE)
    return RULES[rule]


def finding_said(finding: Finding, language: Language) -> Said:
    """Return what a finding says in `language`: the same on a terminal, a page and in a mail."""
    text = text_of(finding.rule)
    values = dict(finding.values)
    known = [
        line for line in text.evidence if values.keys() >= {*map(value_of, HOLE.findall(line))}
    ]
    evidence = [_filled(line, values, language) for line in known]
    if finding.more:
        more = language.gettext("and %(more)s more of this rule")
        evidence.append(more % {"more": language.number(finding.more)})
    return Said(
        _filled(text.title, values, language),
        tuple(evidence),
        _filled(text.action, values, language),
    )


def _filled(text: str, values: Mapping[str, Value], language: Language) -> str:
    """Return a text in `language` with its values, counts with their nouns among them."""
    said = {name: value_said(value, language) for name, value in values.items()}
    for hole in HOLE.findall(text):
        name, mark, noun = hole.partition(MARK)
        if mark:
            said[hole] = counted_said(values[name], said[name], noun, language)
    return language.gettext(text) % said


def reason_said(status: AreaStatus, report: WeeklyReport, language: Language) -> str:
    """Return why an area has its state: the title of its gravest finding, or another reason."""
    if status.finding is not None:
        return finding_said(report.findings[status.finding], language).title
    return message_said(Message(status.reason), language)


def title_said(report: WeeklyReport, language: Language) -> str:
    """Return the report's title, the usual one where nobody gave one."""
    return report.title or language.gettext("Medical image traffic")


def byte_basis_said(origin: str, language: Language) -> str:
    """Return which bytes are counted of an origin."""
    _ = language.gettext
    return {
        "zeek": _("IP bytes of Zeek's conn.log, headers of IP and TCP included"),
        "capture": _("bytes of whole frames on the wire"),
        "sflow": _("bytes of whole frames, estimated from sFlow samples"),
    }.get(origin, "")
