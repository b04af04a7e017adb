"""Kinds of settings: what each expects, and what it makes of a value."""

from __future__ import annotations

import ipaddress
import math
import os
import re
from dataclasses import dataclass
from datetime import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pacsflow.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_PERIODS = {"d": 1, "w": 7, "m": 31, "y": 366}
"""Days of a period that is kept: rather one more than one too few."""
_LONGEST = 700_000
_ADDRESS = re.compile(r"[^@\s<>,;\x00-\x1f]{1,64}@[^@\s<>,;\x00-\x1f]{1,255}")


@dataclass(frozen=True, slots=True)
class Kind:
    """What a setting expects.

    Parameters
    ----------
    expected
        As a message says it: "a number from 1 on".
    take
        Returns the value that is meant; raises `ValueError` where it is none of this kind.
    spoken
        Turns the text of an environment variable into what a file would have in its place.
    """

    expected: str
    take: Callable[[Any], Any]
    spoken: Callable[[str], object] = str


def _text(value: object) -> str:
    if not isinstance(value, str) or not value.isprintable():
        raise ValueError
    return value


def _switch(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError  # noqa: TRY004 - one error for whatever is wrong
    return value


def _path(value: object) -> Path | None:
    told = _text(value)
    return Path(told).expanduser() if told else None


def _list(take: Callable[[object], Any]) -> Callable[[object], tuple[Any, ...]]:
    def taken(value: object) -> tuple[Any, ...]:
        if not isinstance(value, list):
            raise ValueError  # noqa: TRY004 - likewise
        return tuple(take(item) for item in value)

    return taken


def _zone(value: object) -> str:
    from pacsflow.week.period import zone_of  # noqa: PLC0415 - only where a zone is set

    if not _text(value):
        return ""
    try:
        return str(zone_of(_text(value)).key)
    except UsageError:
        raise ValueError from None


def days_of(value: object) -> int | None:
    """Return how many days a period such as ``2y`` has; None for an empty one."""
    told = _text(value)
    if not told:
        return None
    found = re.fullmatch(r"(\d{1,5})([dwmy])", told)
    if not found or not int(found[1]):
        raise ValueError
    return min(int(found[1]) * _PERIODS[found[2]], _LONGEST)


def _period(value: object) -> str:
    days_of(value)
    return _text(value)


def _clock(value: object) -> time:
    if isinstance(value, time):
        return value
    return time.fromisoformat(_text(value))


def _address(value: object) -> str:
    if not _ADDRESS.fullmatch(_text(value)):
        raise ValueError
    return _text(value)


def _holidays(value: object) -> str:
    told = _text(value).upper()
    if told and not re.fullmatch(r"[A-Z]{2}(-[A-Z0-9]{1,3})?", told):
        raise ValueError
    return told


def _network(value: object) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    return ipaddress.ip_network(_text(value))


def _number_told(text: str) -> object:
    """Return a number of an environment variable; what is none is refused by its kind."""
    try:
        return int(text)
    except ValueError:
        try:
            return float(text)
        except ValueError:
            return text


def _switch_told(text: str) -> object:
    return {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}.get(
        text.strip().lower(), text
    )


def _parts(separator: str) -> Callable[[str], object]:
    return lambda text: [part.strip() for part in text.split(separator) if part.strip()]


def number(least: float, most: float = math.inf, *, whole: bool = False) -> Kind:
    """Return the kind of a number within bounds, both included."""

    def taken(value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise ValueError  # noqa: TRY004 - likewise
        if not (
            math.isfinite(value) and least <= value <= most and (value == int(value) or not whole)
        ):
            raise ValueError
        return int(value) if whole else float(value)

    reach = f"from {least:g} on" if most == math.inf else f"from {least:g} to {most:g}"
    return Kind(f"a {'whole ' if whole else ''}number {reach}", taken, _number_told)


def choice(*names: str) -> Kind:
    """Return the kind of one of several words, in any case."""
    by_name = {name.lower(): name for name in names}

    def taken(value: object) -> str:
        found = by_name.get(_text(value).lower())
        if found is None:
            raise ValueError
        return found

    return Kind(f"one of {', '.join(name or 'nothing' for name in names)}", taken)


TEXT = Kind("a text", _text)
SWITCH = Kind("true or false", _switch, _switch_told)
PATH = Kind("a path", _path)
PATHS = Kind("a list of paths", _list(_path), _parts(os.pathsep))
TEXTS = Kind("a list of texts", _list(_text), _parts(","))
ZONE = Kind("an IANA time zone such as America/Sao_Paulo", _zone)
PERIOD = Kind("a number and d, w, m or y, such as 2y", _period)
CLOCK = Kind("a time of day such as 03:30", _clock)
ADDRESS = Kind("a mail address", lambda v: _address(v) if v != "" else "")
ADDRESSES = Kind("a list of mail addresses", _list(_address), _parts(","))
HOLIDAYS = Kind("a country, or country and state: BR, BR-SP", _holidays)
NETWORKS = Kind("a list of networks such as 10.0.0.0/8", _list(_network), _parts(","))
