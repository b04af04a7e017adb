"""What a rule returns: a finding, with values and without words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from pacsflow.terms.message import Value
    from pacsflow.terms.party import Party
    from pacsflow.terms.severity import Severity


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that somebody should know; the catalogue of `pacsflow.words` says it.

    Parameters
    ----------
    rule
        The rule that found it, or ``notice-`` and the name of a notice of the Zeek package.
    values
        What the rule's text names, by name.
    count
        How many of what the rule counts.
    more
        Findings of the same rule that are left out of the list.
    rows
        The uids of the log rows that show it, the first few.
    """

    rule: str
    severity: Severity
    area: str
    values: tuple[tuple[str, Value], ...] = ()
    start: datetime | None = None
    end: datetime | None = None
    parties: tuple[Party, ...] = ()
    count: int = 1
    rows: tuple[str, ...] = ()
    more: int = 0
