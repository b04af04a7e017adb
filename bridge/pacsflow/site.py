"""The site's clock: who said which zone it has, and what the machine says where nobody did."""

from __future__ import annotations

import os
from dataclasses import dataclass
from enum import StrEnum


class SaidBy(StrEnum):
    """Who said which zone the site is in."""

    OPTION = "option"
    CONFIGURATION = "configuration"
    MACHINE = "machine"
    NOBODY = "nobody"


@dataclass(frozen=True, slots=True)
class Clock:
    """The site's zone by its IANA name, and who said so."""

    zone: str
    said_by: SaidBy

    @property
    def known(self) -> bool:
        """Say whether anybody said it: hours of the day mean nothing on a clock that is guessed."""
        return self.said_by is not SaidBy.NOBODY

    @property
    def said(self) -> str:
        """Return the zone where anybody said it, else nothing."""
        return self.zone if self.known else ""


UNIVERSAL = {"UTC", "UCT", "GMT", "GMT0", "GREENWICH", "UNIVERSAL", "ZULU"}


def machine_clock() -> Clock:
    """Return the clock of this machine; one that runs in UTC says nothing of where it stands."""
    zone = machine_zone()
    return Clock(zone, SaidBy.NOBODY if zone == "UTC" else SaidBy.MACHINE)


def machine_zone() -> str:
    """Return the zone that this machine is set to; UTC where it is set to none of a name."""
    from zoneinfo import ZoneInfoNotFoundError  # noqa: PLC0415 - only where nobody said the zone

    from tzlocal import get_localzone_name  # noqa: PLC0415 - likewise

    try:
        name = get_localzone_name() if os.environ.get("TZ") != "" else "UTC"
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return "UTC"
    return "UTC" if not name or name.removeprefix("Etc/").upper() in UNIVERSAL else name
