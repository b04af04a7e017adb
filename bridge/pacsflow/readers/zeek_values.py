"""Turns the text of one Zeek field into a value; raises ValueError with what was expected."""

from __future__ import annotations

import ipaddress
import math
import re
import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation, Overflow
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from pacsflow.printable import escape_controls
from pacsflow.terms.dicom_times import BUCKETS
from pacsflow.terms.log_fields import COUNTS, INTERVALS, TEXTS, TIME

if TYPE_CHECKING:
    from collections.abc import Callable

COUNT_MAX = 2**53
"""9 petabytes in one row is no traffic, and sums of it would not fit 64 bits."""
EARLIEST = Decimal(631152000)
LATEST = Decimal(4102444800)
"""1990-01-01 and 2100-01-01: outside, a time is a broken clock or an attack, not traffic."""
LONGEST = 366 * 86400.0
ROUNDING = 1e-3
"""Seconds that a duration may lie below zero, by the rounding of its writer's clock."""
RELEASED = datetime(2026, 12, 1, tzinfo=UTC).timestamp()
AHEAD = 366 * 86400
"""Seconds that a row may lie ahead of this machine's clock, or of this release where that clock
is not set: what lies further is no traffic, and would move the week and the forecasts."""
_OF_GO = re.compile(r"(?:(\d+)h)?(?:(\d+)m(?!s))?(?:(\d+(?:\.\d+)?)s)?")
_SMALL = re.compile(r"(\d+(?:\.\d+)?)(ms|us|\u00b5s|ns)")
_SMALLER = {"ms": 1e3, "us": 1e6, "\u00b5s": 1e6, "ns": 1e9}
_ZONELESS = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?")
NO_ZONE = "its times have no zone and were read as UTC"
_OF_THREE = re.compile(r"[0-9]{3}(?:\.[0-9]{3}){3}")
ESCAPES = re.compile(r"\\\\|((?:\\x[0-9a-fA-F]{2})+)")


class SenselessError(ValueError):
    """A number that can be no duration: it costs its value, and not the row."""


def unescape(text: str) -> str:
    r"""Return what Zeek's ASCII writer escaped as it was, controls still as ``\xHH``.

    The writer puts ``\\`` for a backslash and ``\xHH`` for bytes that would not be plain text.
    """
    if "\\" not in text:
        return text

    def plain(match: re.Match[str]) -> str:
        if match.group(1) is None:
            return "\\"
        raw = bytes.fromhex(match.group(1).replace("\\x", ""))
        return escape_controls(raw.decode("utf-8", "backslashreplace"))

    return ESCAPES.sub(plain, text)


def latest() -> int:
    """Return the time, seconds since 1970, from which on no row is believed."""
    return min(int(LATEST), int(max(time.time(), RELEASED)) + AHEAD)


SCALES = ((10**11, 1), (10**14, 1_000), (10**17, 1_000_000), (10**20, 1_000_000_000))
"""Numbers below these are seconds, milli-, micro- or nanoseconds; in the years that are read none
can be taken for another. Zeek's ``TS_MILLIS`` and shippers write them."""
DATE = len("2026-03-02")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def is_rounded(number: Decimal) -> bool:
    """Say whether a time's number is written so short that its seconds are lost: 1.77245E+09."""
    exponent = number.as_tuple().exponent
    if not isinstance(exponent, int) or exponent <= 0:
        return False
    scale = next((scale for most, scale in SCALES if number < most), 1)
    return exponent >= len(str(scale))


def has_no_zone(value: object) -> bool:
    """Say whether a time is a date and a time of day, of which nobody says where.

    >>> has_no_zone("2026-03-02 08:05:00"), has_no_zone("2026-03-02T08:05:00Z"), has_no_zone(1.5)
    (True, False, False)
    """
    return isinstance(value, str) and _ZONELESS.fullmatch(value) is not None


def to_time(value: object) -> int:
    """Return microseconds since 1970 UTC from numbers since then or ISO 8601 text."""
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise ValueError(f"expected a time, found {str(value)[:40]!r}")  # noqa: TRY004 - a bad row
    text = str(value)
    try:
        # Most texts are dates: that one is no number is dear to find out.
        seconds = _of_date(text) if text[4:5] == "-" else Decimal(text)
    except (InvalidOperation, Overflow):
        seconds = _of_date(text)
    if isinstance(value, str) and is_rounded(seconds):
        raise ValueError(f"expected a time to the second, found {text[:40]!r}, a rounded one")
    if seconds.is_finite() and seconds >= SCALES[0][0]:
        seconds /= next((scale for most, scale in SCALES if seconds < most), 1)
    if not seconds.is_finite() or not EARLIEST <= seconds < LATEST:
        raise ValueError(f"expected a time between 1990 and 2100, found {text[:40]!r}")
    if seconds >= latest():
        day = datetime.fromtimestamp(int(seconds), UTC).date().isoformat()
        raise ValueError(f"{day} lies in the future: a clock that was not set")
    return round(seconds * 1_000_000)


def _of_date(text: str) -> Decimal:
    """Return seconds since 1970 UTC from ISO 8601 text; without a zone it is UTC."""
    try:
        moment = datetime.fromisoformat(text.removesuffix(" UTC"))
    except ValueError:
        moment = None
    if moment is None or len(text) <= DATE:  # a date is no time
        raise ValueError(f"expected a time, found {text[:40]!r}")
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return Decimal((moment - _EPOCH) // _MICROSECOND) / 1_000_000


def spoken_seconds(text: str) -> float | None:
    """Return seconds from ``1h2m3.5s`` or ``12ms``, as programs in Go write durations, else None.

    >>> spoken_seconds("1m2.5s"), spoken_seconds("12ms"), spoken_seconds("1.5")
    (62.5, 0.012, None)
    """
    if found := _SMALL.fullmatch(text):
        return float(found[1]) / _SMALLER[found[2]]
    if (found := _OF_GO.fullmatch(text)) and any(found.groups()):
        hours, minutes, seconds = (float(part or 0) for part in found.groups())
        return (hours * 60 + minutes) * 60 + seconds
    return None


def to_interval(value: str | float) -> float:
    """Return seconds, from 0 to a year; zq writes those of JSON as ``1.5s``."""
    if isinstance(value, str) and value[-1:] in {"s", "m", "h"}:
        value = value if (spoken := spoken_seconds(value)) is None else spoken
    seconds = to_float(value)
    if -ROUNDING <= seconds < 0:
        return 0.0
    if not 0 <= seconds <= LONGEST:
        problem = f"expected a duration from 0 to 366 days, found {str(value)[:40]!r}"
        raise SenselessError(problem)
    return seconds


def to_float(value: str | float) -> float:
    """Return a finite number."""
    try:
        number = float(value)
    except ValueError:
        raise ValueError(f"expected a number, found {str(value)[:40]!r}") from None
    if isinstance(value, bool) or not math.isfinite(number):
        raise SenselessError(f"expected a finite number, found {str(value)[:40]!r}")
    return number


def to_count(value: str | float) -> int:
    """Return a whole number from 0 to 2^53."""
    if type(value) is int and 0 <= value <= COUNT_MAX:
        return value
    try:
        number = int(value)
        exact = not isinstance(value, (bool, float)) or (type(value) is float and number == value)
    except (ValueError, OverflowError):
        exact, number = False, -1
    if not exact or not 0 <= number <= COUNT_MAX:
        raise ValueError(f"expected a count, found {str(value)[:40]!r}")
    return number


def to_counts(value: object, separator: str = ",") -> list[int]:
    """Return the counts of a histogram, from a JSON array or a cell of a log."""
    found = value.split(separator) if isinstance(value, str) else value
    if not isinstance(found, list) or not 0 < len(found) <= BUCKETS:
        raise ValueError(f"expected up to {BUCKETS} counts, found {str(value)[:40]!r}")
    return [to_count(item) for item in found]


def to_port(value: str | float) -> int:
    """Return a port from 0 to 65535, also from Zeek's ``80/tcp``."""
    text = value.split("/", 1)[0] if isinstance(value, str) else value
    number = to_count(text)
    if number > 65535:
        raise ValueError(f"expected a port, found {str(value)[:40]!r}")
    return number


def to_bool(value: str | bool) -> bool:
    """Return Zeek's T or F, or a boolean of JSON, also one in quotes."""
    if isinstance(value, bool):
        return value
    if str(value).lower() in {"t", "true", "f", "false"}:
        return str(value).lower().startswith("t")
    raise ValueError(f"expected T or F, found {str(value)[:40]!r}")


def to_text(value: object) -> str:
    """Return text that a terminal and a page can show as it is."""
    return escape_controls(value if isinstance(value, str) else str(value))


def to_texts(value: object) -> list[str]:
    """Return the elements of a JSON array."""
    return [to_text(item) for item in value] if isinstance(value, list) else [to_text(value)]


def _unpadded(text: str) -> str:
    """Return an address of three digits everywhere, as tables are padded, without the zeros.

    Where only some numbers begin with a zero, some programs would take them for octal ones.
    """
    if not _OF_THREE.fullmatch(text):
        return text
    return ".".join(str(int(part)) for part in text.split("."))


@lru_cache(maxsize=65536)
def to_address(value: str) -> str:
    """Return an address in its canonical text, without a zone, and that of IPv4 where it is one."""
    try:
        found = ipaddress.ip_address(_unpadded(value.split("%", maxsplit=1)[0]))
    except (ValueError, AttributeError):
        raise ValueError(f"expected an address, found {str(value)[:45]!r}") from None
    return str(getattr(found, "ipv4_mapped", None) or found)


def converter(name: str, kind: pa.DataType) -> Callable[[Any], Any]:
    """Return the function that reads one value of column `name` of Arrow type `kind`."""
    if name in {"id.orig_h", "id.resp_h", "host"}:
        return to_address
    if kind == TIME:
        return to_time
    if kind == TEXTS:
        return to_texts
    if kind == COUNTS:
        return to_counts
    if pa.types.is_int32(kind):
        return to_port
    if pa.types.is_int64(kind):
        return to_count
    if pa.types.is_floating(kind):
        return to_interval if name in INTERVALS else to_float
    return to_bool if pa.types.is_boolean(kind) else to_text
