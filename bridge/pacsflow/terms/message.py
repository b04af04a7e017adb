"""Values with their kind, and messages made of them: what is told, before any language says it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from pacsflow.terms.party import Party

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

NAMED = 5
"""So many names (AE titles, hosts) a list has at most; what is beyond is counted."""
LONGEST = 200
"""Characters that a text has at most."""


class Kind(StrEnum):
    """What a value is, and so how a language writes it."""

    COUNT = "count"
    NUMBER = "number"
    """With up to two decimals."""
    PERCENT = "percent"
    CHANGE = "change"
    """Percent, said with its sign."""
    PROBABILITY = "probability"
    """From 0 to 1, said with three decimals."""
    MONTHS = "months"
    """From now, as the first and the last."""
    BYTES = "bytes"
    SECONDS = "seconds"
    MOMENT = "moment"
    """UTC; said on the site's clock."""
    TEXT = "text"
    TEXTS = "texts"
    CODE = "code"
    """A word that every language has its own for (`pacsflow.words.codes`)."""
    HOST = "host"
    HOSTS = "hosts"
    MODELS = "models"
    """A forecasting model, or several of which the mean is meant."""


Scalar = float | str | Party | None


@dataclass(frozen=True, slots=True)
class Value:
    """One value; `value` is `None` where it is not known, a tuple for texts, hosts and models.

    `beyond` counts what a list leaves out.
    """

    kind: Kind
    value: Scalar | datetime | tuple[str, ...] | tuple[Party, ...] | tuple[float, float]
    beyond: int = 0


@dataclass(frozen=True, slots=True)
class Message:
    """Something to tell: the key of a text in the catalogue, and the values that it names."""

    key: str
    values: tuple[tuple[str, Value], ...] = ()


def values(**by_name: Value) -> tuple[tuple[str, Value], ...]:
    """Return values by name, as messages and findings hold them."""
    return tuple(by_name.items())


def message(key: str, /, **by_name: Value) -> Message:
    """Return a message with its values by name."""
    return Message(key, values(**by_name))


def count(number: float | None) -> Value:
    """Return a whole number."""
    return Value(Kind.COUNT, None if number is None or not math.isfinite(number) else round(number))


def number(value: float | None) -> Value:
    """Return a number that need not be whole."""
    return Value(Kind.NUMBER, value)


def percent(share: float | None) -> Value:
    """Return a share or a change, in percent; an `int` is said without decimals."""
    return Value(Kind.PERCENT, share)


def change(share: float | None) -> Value:
    """Return a change in percent, its sign said."""
    return Value(Kind.CHANGE, share)


def probability(p: float | None) -> Value:
    """Return a probability, 0 to 1."""
    return Value(Kind.PROBABILITY, p)


def months(soon: float, late: float) -> Value:
    """Return a span of months from now."""
    return Value(Kind.MONTHS, (soon, late))


def octets(amount: float | None) -> Value:
    """Return bytes."""
    return Value(Kind.BYTES, amount)


def seconds(span: float | None) -> Value:
    """Return a span of time, in seconds."""
    return Value(Kind.SECONDS, span)


def at(when: datetime | None) -> Value:
    """Return a moment, UTC."""
    return Value(Kind.MOMENT, when)


def text(what: object) -> Value:
    """Return a text that is a name in every language; an empty one is not known."""
    told = "" if what is None else str(what)[:LONGEST]
    return Value(Kind.TEXT, told or None)


def texts(names: Iterable[object], most: int = NAMED) -> Value:
    """Return the first few of many texts."""
    told = [str(name)[:64] for name in names if name]
    return Value(Kind.TEXTS, tuple(told[:most]), max(0, len(told) - most))


def code(word: str) -> Value:
    """Return a word of `pacsflow.words.codes`."""
    return Value(Kind.CODE, word)


def host(party: Party | None) -> Value:
    """Return a host."""
    return Value(Kind.HOST, party)


def hosts(parties: Iterable[Party], most: int = NAMED) -> Value:
    """Return the first few of many hosts."""
    told = tuple(parties)
    return Value(Kind.HOSTS, told[:most], max(0, len(told) - most))


def models(names: Iterable[str]) -> Value:
    """Return the names of a model, or of several that are averaged."""
    return Value(Kind.MODELS, tuple(names))
