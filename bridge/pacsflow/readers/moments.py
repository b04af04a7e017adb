"""Reads one written moment: dates in any order, month names, AM and PM, zones that are written."""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

from pacsflow.readers.zeek_values import latest, to_time

MONTHS = {
    name: month
    for month, names in enumerate(
        (
            "jan january janeiro januar janner enero ene janvier janv gennaio gen",
            ("feb february fevereiro fev februar "
            "febrero fevrier fevr febbraio"), "mar march marco marz mrz marzo mars",
            "apr april abril abr avril avr aprile",
            "may maio mai mayo maggio mag", "jun june junho juni junio juin giugno giu",
            "jul july julho juli julio juillet juil luglio lug",
            "aug august agosto ago aout",
            "sep sept september setembro set septiembre septembre settembre",
            "oct october outubro out oktober okt octubre octobre ottobre ott",
            "nov november novembro noviembre novembre",
            "dec december dezembro dez dezember diciembre dic decembre dicembre",
        ),
        1,
    )
    for name in names.split()
}  # fmt: skip
ZONES = {
    "UTC": 0, "GMT": 0, "Z": 0, "WET": 0, "WEST": 60, "CET": 60, "MEZ": 60, "CEST": 120,
    "MESZ": 120, "EET": 120, "EEST": 180, "SAST": 120, "WAT": 60, "CAT": 120, "EAT": 180,
    "BRT": -180, "BRST": -120, "EST": -300, "EDT": -240, "MDT": -360, "PDT": -420, "AKST": -540,
    "AKDT": -480, "HST": -600, "NDT": -150, "JST": 540, "HKT": 480, "AEST": 600, "AEDT": 660,
    "ACST": 570, "ACDT": 630, "AWST": 480, "NZST": 720, "NZDT": 780,
}  # fmt: skip
"""Abbreviations of zones that mean one thing, minutes east of UTC."""

_TIME = (
    r"(?P<h>\d{1,2})(?::|\s?h\s?)(?P<mi>\d\d)"
    r"(?:(?:\s?m(?:in)?\s?(?=\d\d)|:)(?P<s>\d\d)s?(?:[.,](?P<f>\d{1,12}))?|\s?m(?:in)?(?=\s|$))?"
    r"\s*(?P<ap>[AaPp]\.?\s?[Mm](?![A-Za-z])\.?)?\s*(?i:(?:uhr|hrs?|h)(?![a-z]))?"
    r"\s*(?P<z>\S.*)?"
)
_THEN = r"(?:[T:,\s]+(?:(?i:at|às|as|a\s+las|um)\s+|@\s*)?" + _TIME + ")?"
"""What may stand behind a date: a time of day, or nothing."""
_DAY = r"(?P<d>\d{1,2})(?i:st|nd|rd|th|º|°)?"
_FORMS = (
    re.compile(r"(?P<y>\d{4})[-/.](?P<mo>\d{1,2})[-/.](?P<d>\d{1,2})" + _THEN),
    re.compile(r"(?P<a>\d{1,2})[-/.](?P<b>\d{1,2})[-/.](?P<y>\d{4}|\d\d)" + _THEN),
    re.compile(
        r"(?:[^\W\d]+,\s+)?(?P<n>[^\W\d]+)\.?\s+" + _DAY + r",?\s+(?P<y>\d{4})" + _THEN
    ),
    re.compile(
        r"(?:[^\W\d]+,\s+)?" + _DAY + r"\.?[-/\s]+(?:(?:de|of)\s+)?(?P<n>[^\W\d]+)\.?,?[-/\s]+"
        r"(?:de\s+)?(?P<y>\d{4})" + _THEN
    ),
)  # fmt: skip
_OF_C = re.compile(
    r"(?:[^\W\d]{2,3}\s+)?(?P<n>[^\W\d]{3})\s+(?P<d>\d{1,2})\s+(?P<t>\d\d:\d\d:\d\d(?:\.\d+)?)\s+"
    r"(?:(?P<z>[A-Z]\S*|[+-]\d\S*)\s+)?(?P<y>\d{4})"
)
"""As C's ctime and the program date write it: the year last."""
_SHORT = re.compile(r"(\d\d)([-/.])(?:0[1-9]|1[0-2])\2([0-2]\d|3[01])(?:\D|$)")
_OLDEST_SHORT = 2015
"""Two digits that stand first are no year before this one, nor are those that stand last behind
a stroke or a point where the first may be one."""


_OF_YEAR = re.compile(r"(\d{4})[-/](\d{3})(?=[T\s])")
"""A year and a day of it, as Wireshark's "Year, Day of Year" writes them."""
_NAMED = re.compile(r"(?<=[\dZ])\s*\[[\w/+-]+\]$")
"""The name that Java writes behind an offset."""


def read_moment(value: str, *, day_first: bool = False) -> int:
    """Return microseconds since 1970 UTC of one written moment; one without a zone is UTC.

    Raises ValueError with what was expected.
    """
    text = value.strip().replace("\u2212", "-")
    if found := _OF_YEAR.match(text):
        text = _day_of_year(found) + text[found.end() :]
    if found := _OF_C.fullmatch(text):
        text = "{n} {d} {y} {t} {z}".format(**{k: v or "" for k, v in found.groupdict().items()})
    try:
        if text[:1].isdecimal():  # a word is dear to try
            return to_time(text)
    except ValueError as error:
        if "future" in str(error):
            raise
    if _may_begin_with_a_year(text):
        raise ValueError(f"the year of {text[:40]!r} may stand first or last; write 2026-03-02")
    for form in _FORMS:
        if found := form.fullmatch(text):
            return _moment(found, text, day_first=day_first)
    raise ValueError(f"expected a time between 1990 and 2100, found {text[:40]!r}")


def _day_of_year(found: re.Match[str]) -> str:
    try:
        return datetime.strptime("/".join(found.groups()), "%Y/%j").date().isoformat()  # noqa: DTZ007 - a date
    except ValueError:
        return found[0]


def _may_begin_with_a_year(text: str) -> bool:
    short = _SHORT.match(text)
    if not short or (short[2] != "-" and 2000 + int(short[3]) >= _OLDEST_SHORT):
        return False
    return _OLDEST_SHORT <= 2000 + int(short[1]) <= datetime.fromtimestamp(latest(), UTC).year


def _moment(found: re.Match[str], text: str, *, day_first: bool) -> int:
    parts = found.groupdict()
    year = int(parts["y"]) + (2000 if len(parts["y"]) == 2 else 0)
    if parts.get("n"):
        month, day = _month(parts["n"]), int(parts["d"])
    elif parts.get("a"):
        month, day = int(parts["b"]), int(parts["a"])
        if not (day_first or text[found.end("a")] == "."):
            month, day = day, month
    else:
        month, day = int(parts["mo"]), int(parts["d"])
    hour, minute, second = (int(parts[name] or 0) for name in ("h", "mi", "s"))
    if half := (parts["ap"] or "").lower()[:1]:
        if not 1 <= hour <= 12:
            raise ValueError(f"expected an hour from 1 to 12, found {text[:40]!r}")
        hour = hour % 12 + (12 if half == "p" else 0)
    # ISO 8601 ends a day at 24:00, and a minute with a leap second at :60.
    ends = (hour, minute, second) == (24, 0, 0), (minute, second) == (59, 60)
    try:
        whole = datetime(
            year, month, day, hour - ends[0], minute, second - ends[1], tzinfo=UTC
        ) + timedelta(hours=ends[0], seconds=ends[1])
    except ValueError as error:
        raise ValueError(f"expected a time, found {text[:40]!r} ({error})") from None
    micros = int((parts["f"] or "0").ljust(6, "0")[:6])
    moment = whole - _offset(parts["z"] or "", whole) + timedelta(microseconds=micros)
    made = (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    if not 631152000 <= made / 1e6 < latest():
        raise ValueError(f"expected a time between 1990 and now, found {text[:40]!r}")
    return made


@lru_cache(maxsize=256)
def _month(name: str) -> int:
    plain = unicodedata.normalize("NFKD", name.lower())
    month = MONTHS.get("".join(c for c in plain if not unicodedata.combining(c)))
    if month is None:
        raise ValueError(f"expected a month, found {name[:20]!r}")
    return month


def is_zone(text: str) -> bool:
    """Say whether this is a zone that means one thing."""
    try:
        _offset(text, datetime(2026, 1, 1, tzinfo=UTC))
    except ValueError:
        return False
    return True


def _offset(text: str, at: datetime) -> timedelta:
    """Return what a written zone is ahead of UTC; ValueError where it means several things."""
    text = _NAMED.sub("", text)
    if "/" not in text:
        return _fixed(text)
    return at.replace(tzinfo=_zone(text.strip().strip("()[]"))).utcoffset() or timedelta()


@lru_cache(maxsize=256)
def _zone(name: str) -> ZoneInfo:
    """Return a zone by its IANA name, in any case; ValueError where there is none."""
    there = {zone.lower(): zone for zone in available_timezones()}
    if name.lower() not in there:
        raise ValueError(f"expected a zone, found {name[:40]!r}")
    return ZoneInfo(there[name.lower()])


@lru_cache(maxsize=256)
def _fixed(text: str) -> timedelta:
    zone = text.strip().strip("()")
    found = re.fullmatch(r"(?i:UTC|GMT)?([+-])(\d{1,2}):?(\d\d)?", zone)
    if found:
        minutes = int(found[2]) * 60 + int(found[3] or 0)
        if minutes > 14 * 60:
            raise ValueError(f"expected a zone, found {zone[:20]!r}")
        return timedelta(minutes=-minutes if found[1] == "-" else minutes)
    if not zone:
        return timedelta()
    if zone.upper() in ZONES:
        return timedelta(minutes=ZONES[zone.upper()])
    raise ValueError(
        f"the zone {zone[:40]!r} is not the same everywhere; export UTC or its offset, as -03:00"
    )
