"""Counts what could not be read, so that nothing is lost in silence."""

from __future__ import annotations

from dataclasses import dataclass, field

EXAMPLES = 5


@dataclass(slots=True)
class Quality:
    """What one source gave, filled while it is read.

    `examples` hold the first few unreadable rows as ``line 12: expected 21 columns, found 3``;
    `notes` what touches the whole source (cut capture, clock, sampling).
    """

    rows: int = 0
    unreadable: int = 0
    examples: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def bad_row(self, line: int, problem: str) -> None:
        """Count one row that cannot be read."""
        self.unreadable += 1
        if len(self.examples) < EXAMPLES:
            self.examples.append(f"line {line}: {problem}")

    def note(self, text: str) -> None:
        """Keep one remark, once."""
        if text not in self.notes:
            self.notes.append(text)
