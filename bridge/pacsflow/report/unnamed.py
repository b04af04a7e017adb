"""Puts pseudonyms into a finished report: what was found does not depend on the key.

Titles are compared, hosts sorted and rows chosen by their own names; only then nobody is named.
"""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from datetime import date
from enum import Enum
from typing import TYPE_CHECKING, Any

from pacsflow.pseudonyms.kinds import Kind
from pacsflow.terms.counted import directed, host_and_way
from pacsflow.terms.message import Kind as ValueKind
from pacsflow.terms.message import Value
from pacsflow.terms.party import Party
from pacsflow.week.facts import SourceFile

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pacsflow.pseudonyms import Pseudonyms
    from pacsflow.report.weekly import WeeklyReport

FIELDS: dict[str, dict[str, Kind]] = {
    "WeeklyReport": dict.fromkeys(("title", "site", "zone", "week"), Kind.OWN),
    "Coverage": dict.fromkeys(("origin", "origins"), Kind.WORD),
    "SourceFile": {"kind": Kind.TOLD, "problem": Kind.TOLD, "sha256": Kind.DROP},
    "Message": {"key": Kind.OWN},
    "Party": {
        "address": Kind.ADDRESS, "name": Kind.NAME, "role": Kind.WORD, "modality": Kind.WORD,
        "site": Kind.NAME, "ae_titles": Kind.TITLE, "basis": Kind.WORD, "evidence": Kind.WORD,
    },
    "Curve": {"models": Kind.OWN},
    "Hours": {"unit": Kind.OWN},
    "ModalityFlow": {"modality": Kind.WORD},
    "RankedPair": {"service": Kind.WORD},
    "HeatMap": dict.fromkeys(("unit", "zone"), Kind.OWN),
    "Count": {"label": Kind.WORD},
    "AePair": dict.fromkeys(("calling_ae", "called_ae"), Kind.TITLE),
    "AssociationRow": dict.fromkeys(("calling_ae", "called_ae"), Kind.TITLE)
    | dict.fromkeys(("result", "end"), Kind.WORD)
    | {"uid": Kind.TOKEN, "source": Kind.OWN, "why": Kind.OWN},
    "Equipment": dict.fromkeys(("services", "modalities", "state"), Kind.WORD),
    "Software": {"impl_uid": Kind.MAKER, "impl_version": Kind.SOFTWARE},
    "Finding": {"area": Kind.OWN, "rows": Kind.TOKEN},
    "Incident": {"direction": Kind.OWN},
    "AreaStatus": dict.fromkeys(("area", "reason"), Kind.OWN),
    "CapacityNote": {"way": Kind.OWN},
    "Provenance": dict.fromkeys(("pacsflow_version", "options", "versions"), Kind.OWN),
    "Speed": dict.fromkeys(("where", "why"), Kind.OWN),
    "AnswerTimes": dict.fromkeys(("where", "why"), Kind.OWN) | {"operation": Kind.WORD},
    "SendingRate": {"modality": Kind.WORD},
    "SensorView": {"name": Kind.NAME},
    "Offset": dict.fromkeys(("sensor", "reference"), Kind.NAME),
}  # fmt: skip
"""Every field of text of a report's parts, and what becomes of it; one that is not here is emptied.
Those below need more than their text."""
SERIES = {("Curve", "title"), ("Hours", "name"), ("Incident", "series"), ("CapacityNote", "name")}
"""Fields that hold a host's name and a way."""
BY_HAND = SERIES | {
    ("Finding", "rule"), ("SourceFile", "name"), ("SourceFile", "examples"),
    ("Provenance", "command"), ("Value", "value"), ("Finding", "values"), ("Message", "values"),
}  # fmt: skip
VALUES: dict[str, Kind] = {
    "title": Kind.TITLE, "titles": Kind.TITLE, "sensor": Kind.NAME, "here": Kind.NAME,
    "there": Kind.NAME, "software": Kind.SOFTWARE, "note": Kind.WORD, "operation": Kind.WORD,
    "syntaxes": Kind.UID, "others": Kind.WORD, "zone": Kind.OWN, "problem": Kind.TOLD,
    "error": Kind.TOLD, "name": Kind.WORD, "one": Kind.OWN, "other": Kind.WORD, "shift": Kind.OWN,
    "what": Kind.DROP, "source": Kind.TOLD,
}  # fmt: skip
"""Every text of a finding or note by its name. `name` is that of a source; `one` and `other` are
VLANs or origins."""
WHOLE = ("All traffic", "Communications", "Samples", "Imaging traffic", "not known")
"""Series that are of no host."""
LEFT_OUT = "\u2026"


def unnamed(made: WeeklyReport, key: Pseudonyms) -> WeeklyReport:
    """Return a report in which pseudonyms stand for hosts, AE titles, names and files."""
    hidden: WeeklyReport = _Veil(key, made).part(made)
    origin = replace(hidden.provenance, pseudonymised=True, command="pacsflow")
    return replace(hidden, provenance=origin)


class _Veil:
    def __init__(self, key: Pseudonyms, made: WeeklyReport) -> None:
        self.key = key
        self._called = {_name(p): _name(self.part(p)) for p in _parties(made)}

    def part(self, part: Any) -> Any:  # noqa: ANN401 - any part of a report
        """Return a dataclass with every text decided."""
        if isinstance(part, Value):
            return self._value("", part)
        own = FIELDS.get(type(part).__name__, {})
        made = {f.name: self._field(part, f.name, own) for f in fields(part)}
        if isinstance(part, SourceFile):
            made |= {"name": self.key.source(part.sha256 or part.name), "examples": ()}
        return replace(part, **made)

    def _field(self, part: Any, name: str, own: dict[str, Kind]) -> Any:  # noqa: ANN401
        value, where = getattr(part, name), (type(part).__name__, name)
        if where in SERIES:
            return self._series(value)
        if where == ("Finding", "rule"):
            head, dash, notice = value.partition("notice-")
            return value if head or not dash else f"notice-{self.key.notice(notice)}"
        if name == "values" and type(part).__name__ in {"Finding", "Message"}:
            return tuple((what, self._value(what, one)) for what, one in value)
        return self._any(value, own.get(name, Kind.DROP))

    def _any(self, value: Any, kind: Kind) -> Any:  # noqa: ANN401
        if isinstance(value, (Enum, date, int, float)) or value is None:
            return value
        if isinstance(value, str):
            return self.key.value(kind, value) or ""
        if isinstance(value, tuple):
            return tuple(self._any(one, kind) for one in value)
        return self.part(value) if is_dataclass(value) else None

    def _value(self, name: str, value: Value) -> Value:
        """Return a value of a finding or note; codes and models are pacsflow's own words."""
        own = value.kind in {ValueKind.CODE, ValueKind.MODELS}
        kind = Kind.OWN if own else VALUES.get(name, Kind.DROP)
        told = self._any(value.value, kind)
        if isinstance(value.value, str) and not told:
            told = LEFT_OUT
        return replace(value, value=told)

    def _series(self, title: str) -> str:
        """Return the title of a series: of the whole network, of a modality, of a host's way."""
        if title in WHOLE:
            return title
        name, way = host_and_way(title)
        return directed(self._host(name), way) if way else self._host(title)

    def _host(self, name: str) -> str:
        return self._called.get(name) or self.key.value(Kind.WORD, name) or ""


def _name(party: Party) -> str:
    return party.name or (party.ae_titles[0] if party.ae_titles else party.address)


def _parties(part: Any) -> Iterator[Party]:  # noqa: ANN401 - any part of a report
    if isinstance(part, Party):
        yield part
    elif isinstance(part, tuple):
        for one in part:
            yield from _parties(one)
    elif is_dataclass(part):
        for field in fields(part):
            yield from _parties(getattr(part, field.name))
