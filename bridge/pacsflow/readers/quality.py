"""Counts what could not be read, so that nothing is lost in silence."""

from __future__ import annotations

from dataclasses import dataclass, field

from pacsflow.printable import counted
from pacsflow.readers.limits import exceeded, limits

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
    others: dict[str, int] = field(default_factory=dict)
    """Rows of logs that pacsflow has no use for, by log, in a file of several."""
    repeated: tuple[int, int, int] = (0, 0, 0)
    """Frames of a capture that are copies of others, all frames, and bytes of the copies."""
    nameless: int = 0
    """Frames of a table that say no source or no destination."""
    senseless: int = 0
    """Durations that can be none, and are not set in what was read."""
    dear: bool = field(default=False, compare=False)
    """Whether its rows are read one by one, so that to read it again is worth avoiding."""
    path: str = field(default="", compare=False)

    def bad_row(self, line: int, problem: str) -> None:
        """Count one row that cannot be read; raises `InputError` where nearly none can be."""
        self.unreadable += 1
        if len(self.examples) < EXAMPLES:
            self.examples.append(f"line {line}: {problem}")
        if self.unreadable > max(limits().unreadable, self.rows):
            told = f"{self.unreadable:,} rows cannot be read, the first: {self.examples[0]}"
            raise exceeded(self.path, "unreadable", told)

    def note(self, text: str) -> None:
        """Keep one remark, once."""
        if text not in self.notes:
            self.notes.append(text)

    def pass_over(self, log: str, rows: int = 1) -> None:
        """Count rows of another log."""
        self.others[log] = self.others.get(log, 0) + rows

    def finish(self) -> None:
        """Say what was passed over."""
        if self.nameless:
            told = counted(self.nameless, "frame", "frames")
            self.note(f"{told} without addresses, in no host's total")
        if self.senseless:
            self.note(
                f"{counted(self.senseless, 'duration is', 'durations are')} negative, no number or "
                "longer than a year: left out"
            )
        if self.others:
            most = sorted(self.others.items(), key=lambda item: (-item[1], item[0]))
            told = ", ".join(f"{rows:,} of {log}.log" for log, rows in most[:8])
            more = f" and of {len(most) - 8} other logs" if len(most) > 8 else ""
            self.note(f"rows of logs that are not used: {told}{more}")
