"""How much one input may ask of a reader: checked before the work, or while it is done.

Every limit can be raised: ``PACSFLOW_LIMITS="expansion=200 sheets=1000"`` in the environment.
docs/reading.md has them as a table.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, fields
from functools import cache

from pacsflow.errors import InputError, UsageError

VARIABLE = "PACSFLOW_LIMITS"


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits, each with its unit."""

    expansion: int = 40
    """A packed file may unpack to so many times its size ..."""
    unpacked: int = 256 << 20
    """... or to so many bytes, whichever is more."""
    line: int = 1 << 20
    """Bytes of one line of a log or table."""
    fields: int = 2_000
    """Columns that a log or table may declare."""
    headers: int = 1_000
    """Different headers in one log: logs put behind each other have one each, mostly the same."""
    object: int = 32 << 20
    """Bytes of one packet in a JSON export."""
    unreadable: int = 200_000
    """Unreadable rows after which a source that has no more readable ones is given up."""
    sheets: int = 256
    """Sheets of one workbook."""
    workbook: int = 64 << 20
    """Bytes that a workbook's parts may declare, where `expansion` does not allow more."""
    memory: int = 256
    """Megabytes of memory for reading a workbook, and 20 more a megabyte of it."""
    seconds: int = 10
    """Seconds of CPU for reading a workbook, and half a second more a megabyte of it."""
    spool: int = 64 << 30
    """Bytes of standard input or of a pipe."""


@cache
def limits() -> Limits:
    """Return the limits that hold; raises `UsageError` where the environment names another."""
    known = {field.name for field in fields(Limits)}
    told: dict[str, int] = {}
    for item in os.environ.get(VARIABLE, "").replace(",", " ").split():
        name, _, value = item.partition("=")
        if name not in known or not value.isdecimal():
            names = ", ".join(sorted(known))
            raise UsageError(f"{VARIABLE}: {item[:40]!r} is no limit=NUMBER; limits are {names}")
        told[name] = int(value)
    return Limits(**told)


def exceeded(path: object, limit: str, problem: str, line: int | None = None) -> InputError:
    """Return the one line that names the file and the limit."""
    value = getattr(limits(), limit)
    hint = f"limit {limit}={value}; {VARIABLE}={limit}=NUMBER raises it"
    return InputError(str(path), problem, hint=hint, line=line)
