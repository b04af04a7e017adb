"""One language of the page: its catalogue, and its way to write numbers, units and times."""

from __future__ import annotations

import io
import math
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from babel import Locale
from babel.dates import format_date, format_datetime, get_day_names
from babel.lists import format_list
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import NumberPattern, format_compact_decimal, parse_pattern
from babel.support import NullTranslations, Translations

from pacsflow.words.marks import BYTE_UNITS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pacsflow.week.facts import Estimate

NBSP = "\u00a0"
LONG_COUNT = 100_000
"""From here on an axis says 2.5M."""
NOTHING = "–"
FAR = 36
"""Months from which on no number is given."""
MINUTE, HOUR, DAY = 60, 3600, 86400


def languages() -> tuple[str, ...]:
    """Return the languages there are, as BCP 47 tags: English and one for each catalogue."""
    found = (item.name for item in files(__package__).joinpath("locale").iterdir() if item.is_dir())
    return ("en", *sorted(name.replace("_", "-") for name in found))


@lru_cache(maxsize=8)
def _translations(name: str) -> NullTranslations:
    """Return the catalogue `name` (``pt_BR``), compiled in memory from its .po file."""
    if name == "en":
        return NullTranslations()
    source = files(__package__).joinpath("locale", name, "LC_MESSAGES", "pacsflow.po")
    compiled = io.BytesIO()
    with source.open("rb") as stream:
        write_mo(compiled, read_po(stream, locale=name))
    compiled.seek(0)
    return Translations(fp=compiled)


@lru_cache(maxsize=8)
def _zone(name: str) -> tzinfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return UTC


@lru_cache(maxsize=16)
def _pattern(pattern: str) -> NumberPattern:
    return parse_pattern(pattern)


class Language:
    """Says words, numbers, bytes and times in one language and one time zone.

    Parameters
    ----------
    tag
        BCP 47 tag, one of `languages()`; ``pt_BR`` and any case are understood too.
    zone
        IANA name of the site's zone; an unknown one is UTC.

    Raises
    ------
    ValueError
        There is no catalogue for `tag`.
    """

    def __init__(self, tag: str = "en", zone: str = "UTC") -> None:
        known = {known.lower(): known for known in languages()}
        wanted = tag.replace("_", "-").lower()
        if wanted not in known:
            wanted = wanted.split("-")[0]
        if wanted not in known:
            raise ValueError(f"no language {tag!r}; there are {', '.join(sorted(known.values()))}")
        self.tag = known[wanted]
        self.locale = Locale.parse(self.tag, sep="-")
        self.translations = _translations(str(self.locale))
        self.zone = _zone(zone)
        self._moments: dict[tuple[datetime, str], str] = {}
        self._numbers: dict[tuple[float, int], str] = {}
        self._midnights: dict[tuple[datetime, int], list[int]] = {}

    def gettext(self, message: str) -> str:
        """Return `message` in this language."""
        return str(self.translations.gettext(message)) if message else ""

    def ngettext(self, singular: str, plural: str, number: float) -> str:
        """Return the form of the message that goes with `number`."""
        return str(self.translations.ngettext(singular, plural, int(number)))

    # Numbers

    def number(self, value: float | None, digits: int = 0) -> str:
        """Return `value` with `digits` decimals and grouped thousands; a dash for `None`."""
        if value is None or value != value:  # noqa: PLR0124 - NaN
            return NOTHING
        value = round(value, digits)
        key = (value, digits)
        text = self._numbers.get(key)
        if text is None:
            pattern = "#,##0" + ("." + "0" * digits if digits else "")
            text = str(_pattern(pattern).apply(value, self.locale))
            text = text.replace("-", "\u2212")
            self._numbers[key] = text
        return text

    def pointed(self, figure: str) -> str:
        """Return a figure that was written as in English with this language's separators."""
        symbols = self.locale.number_symbols["latn"]
        return figure.translate({ord(","): symbols["group"], ord("."): symbols["decimal"]})

    def bytes(self, value: float | None) -> str:
        """Return bytes in decimal units with three significant digits: ``4.21 TB``."""
        if value is None or value != value:  # noqa: PLR0124 - NaN
            return NOTHING
        size, unit = abs(value), 0
        while size >= 999.5 and unit < len(BYTE_UNITS) - 1:
            size /= 1000
            unit += 1
        digits = 0 if unit == 0 or size >= 99.95 else 1 if size >= 9.995 else 2
        return self.number(size if value >= 0 else -size, digits) + NBSP + BYTE_UNITS[unit]

    def amount(self, value: float | None, unit: str) -> str:
        """Return `value` in its series' unit: bytes scaled, everything else counted."""
        if unit == "bytes":
            return self.bytes(value)
        return self.number(value, 0 if value is None or value >= 10 or value == int(value) else 1)

    def axis(self, value: float, unit: str) -> str:
        """Return `value` as an axis says it, which has little room: no zeros behind the point."""
        if unit != "bytes" and LONG_COUNT <= value < math.inf:
            return str(format_compact_decimal(value, locale=self.locale, fraction_digits=2))
        text = self.amount(value, unit)
        number, space, rest = text.partition(NBSP)
        point = str(self.locale.number_symbols["latn"]["decimal"])
        if point in number and value < 1e30:
            number = number.rstrip("0").rstrip(point)
        return "0" if value == 0 else number + space + rest

    def percent(self, value: float | None, digits: int | None = None) -> str:
        """Return `value` (already in percent) as ``12 %``; one decimal below ten.

        What is not everything is never said to be 100 %, nor something nothing.
        """
        if value is None:
            return NOTHING
        if digits is None:
            digits = 0 if abs(value) >= 9.95 or value == 0 else 1
        if 99 < value < 100 and value >= 100 - 0.5 * 10**-digits:
            value, digits = math.floor(value * 10) / 10, 1
        if 0 < value < 0.05:
            return "<" + NBSP + self.number(0.1, 1) + NBSP + "%"
        return self.number(value, digits) + NBSP + "%"

    def signed(self, percent: float) -> str:
        """Return a change in percent with its sign: ``+3.2 %``."""
        return ("+" if percent > 0 else "") + self.percent(percent)

    def probability(self, p: float) -> str:
        """Return a p value with three decimals, ``< 0.001`` below that."""
        return "<" + NBSP + self.number(0.001, 3) if p < 0.001 else self.number(p, 3)

    def months(self, soon: float, late: float) -> str:
        """Return a span of months from now: ``in 5 to 9 months``."""
        _ = self.gettext
        first, last = (round(max(1, min(value, FAR + 1))) for value in (soon, late))
        if first > FAR:
            return _("in over %(count)s months") % {"count": self.number(FAR)}
        if last > FAR:
            return _("in %(soon)s months or more") % {"soon": self.number(first)}
        if first == last:
            return self.ngettext("in %(count)s month", "in %(count)s months", first) % {
                "count": self.number(first)
            }
        return _("in %(soon)s to %(late)s months") % {
            "soon": self.number(first),
            "late": self.number(last),
        }

    def change(self, now: float | None, before: float | None) -> str:
        """Return how `now` differs from `before`: ``+12 %``; empty where nothing can be said."""
        if now is None or before is None or before <= 0:
            return ""
        ratio = now / before
        if ratio >= 10:
            return "×" + NBSP + self.number(ratio)
        value = (ratio - 1) * 100
        if abs(value) < 0.5:
            return "±" + NBSP + "0" + NBSP + "%"
        return ("+" if value > 0 else "") + self.number(value) + NBSP + "%"

    def interval(self, estimate: Estimate) -> str:
        """Return the 95 % interval of an estimated total, empty for an exact one."""
        if estimate.lower is None or estimate.upper is None:
            return ""
        return self.range(estimate.lower, estimate.upper, "bytes")

    def range(self, lower: float, upper: float, unit: str) -> str:
        """Return ``31.0 GB – 70.2 GB``, shorter where both ends share a unit."""
        low, high = self.amount(lower, unit), self.amount(upper, unit)
        if unit == "bytes" and low.split(NBSP)[-1] == high.split(NBSP)[-1]:
            low = low.split(NBSP)[0]
        elif lower == 0:
            low = "0"
        return f"{low}\u2009–\u2009{high}"

    # Times

    def _moment(self, moment: datetime, pattern: str) -> str:
        key = (moment, pattern)
        text = self._moments.get(key)
        if text is None:
            # A dot after a shortened day or month only adds noise to an axis or a table.
            local = moment.astimezone(self.zone)
            text = str(format_datetime(local, pattern, locale=self.locale)).replace(".", "")
            self._moments[key] = text
        return text

    def local(self, moment: datetime) -> datetime:
        """Return `moment` on the site's clock."""
        return moment.astimezone(self.zone)

    def midnights(self, start: datetime, hours: int) -> list[int]:
        """Return 0 and the hours after `start` at which a new day begins on the site's clock."""
        found = self._midnights.get((start, hours))
        if found is None:
            days = [self.local(start + timedelta(hours=hour)).date() for hour in range(hours)]
            found = [0, *(h for h in range(1, hours) if days[h] != days[h - 1])]
            self._midnights[(start, hours)] = found
        return found

    def weekday(self, moment: datetime) -> str:
        """Return ``Thu`` on the site's clock."""
        return self._moment(moment, "EEE")

    def weekdays(self) -> list[str]:
        """Return the short names of the weekdays, Monday first."""
        names = get_day_names("abbreviated", locale=self.locale)
        return [str(names[day]).replace(".", "") for day in range(7)]

    def clock(self, moment: datetime) -> str:
        """Return ``02:00`` on the site's clock."""
        return self._moment(moment, "HH:mm")

    def hour(self, moment: datetime) -> str:
        """Return ``Thu 02:00`` on the site's clock."""
        return self._moment(moment, "EEE HH:mm")

    def moment(self, moment: datetime | None) -> str:
        """Return ``Thu 19 Nov, 02:00`` on the site's clock."""
        return NOTHING if moment is None else self._moment(moment, "EEE d MMM, HH:mm")

    def stamp(self, moment: datetime | None) -> str:
        """Return ``19 Nov 2026, 02:00`` on the site's clock."""
        return NOTHING if moment is None else self._moment(moment, "d MMM yyyy, HH:mm")

    def day(self, moment: datetime) -> str:
        """Return ``Thu 19 Nov`` on the site's clock."""
        return self._moment(moment, "EEE d MMM")

    def span(self, start: datetime | None, end: datetime | None) -> str:
        """Return ``Thu 19 Nov, 02:00–06:00``, both days where they differ."""
        if start is None or end is None or end <= start:
            return "" if start is None else self.moment(start)
        last = end - timedelta(microseconds=1)
        if self.local(start).date() == self.local(last).date():
            # The end of the day is 24:00 of that day, not 00:00 of the next.
            clock = "24:00" if self.local(end).date() != self.local(start).date() else ""
            return f"{self.moment(start)}–{clock or self.clock(end)}"
        return f"{self.moment(start)} – {self.moment(end)}"

    def long_date(self, day: date) -> str:
        """Return ``22 November 2026``."""
        return str(
            format_date(day, "long" if self.tag != "en" else "d MMMM yyyy", locale=self.locale)
        )

    def dates(self, first: date, last: date) -> str:
        """Return ``16 – 22 November 2026``, with what both days share said once."""
        if first == last:
            return self.long_date(last)
        de = "" if self.tag == "en" else " 'de'"
        pattern = "d"
        if first.month != last.month:
            pattern = f"d{de} MMMM"
        if first.year != last.year:
            pattern = f"d{de} MMMM{de} yyyy"
        begin = format_date(first, pattern, locale=self.locale)
        return f"{begin} – {self.long_date(last)}"

    def duration(self, seconds: float | None) -> str:
        """Return ``4 h``, ``2 min 5 s``, ``0.35 s``."""
        if seconds is None:
            return NOTHING
        if seconds < MINUTE:
            digits = 0 if seconds >= 10 or seconds == 0 else 1 if seconds >= 1 else 2
            return self.number(seconds, digits) + NBSP + "s"
        whole = round(seconds)
        for size, name, below, small in (
            (DAY, "d", HOUR, "h"),
            (HOUR, "h", MINUTE, "min"),
            (MINUTE, "min", 1, "s"),
        ):
            if whole >= size:
                rest = whole % size // below
                text = self.number(whole // size) + NBSP + name
                return text + (NBSP + self.number(rest) + NBSP + small if rest else "")
        return NOTHING  # pragma: no cover - whole is at least a minute here

    def elapsed(self, seconds: float | None) -> str:
        """Return a short time: ``0.4 ms``, ``35 ms``, ``1.3 s``; longer ones as `duration` does."""
        if seconds is None or seconds >= 1:
            return self.duration(seconds)
        milliseconds = seconds * 1000
        return self.number(milliseconds, 0 if milliseconds >= 10 else 1) + NBSP + "ms"

    def listing(self, items: Sequence[str], *, most: int = 4) -> str:
        """Return ``a, b and c``; past `most` items the rest is counted."""
        shown = list(items[:most])
        rest = len(items) - len(shown)
        if rest:
            shown.append(
                self.ngettext("%(count)s more", "%(count)s more", rest)
                % {"count": self.number(rest)}
            )
        return str(format_list(shown, locale=self.locale)) if shown else ""


@lru_cache(maxsize=1)
def english() -> Language:
    """Return English with times in UTC, for what a terminal is told besides a report."""
    return Language()
