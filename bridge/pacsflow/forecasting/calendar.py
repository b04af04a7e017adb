"""Public holidays as the history may show them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class HolidayCalendar:
    """Public holidays of a country and, where given, a subdivision (ISO 3166-2).

    Parameters
    ----------
    country
        ISO 3166-1 alpha-2, ``BR``.
    subdivision
        Part after the hyphen of ISO 3166-2, ``SP``; empty for the whole country.
    """

    country: str
    subdivision: str = ""

    @classmethod
    def parse(cls, text: str) -> HolidayCalendar:
        """Read ``BR`` or ``BR-SP``."""
        country, _, subdivision = text.strip().partition("-")
        return cls(country.upper(), subdivision)
