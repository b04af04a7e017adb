"""What a ledger tells of its sources: all of them, or those that a question is about."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import replace
from itertools import accumulate
from typing import TYPE_CHECKING

from pacsflow.ledger.capture_places import overlap
from pacsflow.ledger.records import IN_SECONDS, Entry
from pacsflow.pseudonyms.masked import told

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from pacsflow.ledger.journal import Journal
    from pacsflow.ledger.records import Chosen
    from pacsflow.pseudonyms import Pseudonyms


def entries_of(journal: Journal, key: Pseudonyms | None, chosen: Chosen | None) -> list[Entry]:
    """Return the sources that are asked for, with the remarks that hold now.

    Parameters
    ----------
    key
        Names them, where there is one.
    chosen
        Which; None for all.
    """
    lost, found = journal.lost(), journal.entries(chosen)
    if any(IN_SECONDS in entry.notes for entry in found):
        # Whether that matters depends on all others.
        every = without_idle(journal.entries())
        found = [entry for entry in every if chosen is None or chosen.holds(entry)]
    if lost:
        found = [_with_loss(entry, lost.get(entry.file, [])) for entry in found]
    return [_unnamed(entry, key) for entry in found] if key else found


def _unnamed(entry: Entry, key: Pseudonyms) -> Entry:
    """Return a source that names neither its file nor what stands in it."""
    notes = tuple(map(told, entry.notes))
    return replace(
        entry, path=key.source(entry.path), kind=told(entry.kind), examples=(), notes=notes,
        sensors=(), options="", stamp="", sha256=key.token(entry.sha256),
    )  # fmt: skip


def without_idle(entries: list[Entry]) -> list[Entry]:
    """Return logs of whole seconds without that remark where no other tells of their time."""
    if not any(IN_SECONDS in entry.notes for entry in entries):
        return entries
    others = [
        e for e in entries
        if e.first and e.last and IN_SECONDS not in e.notes
        and ("conn" in e.kind or e.kind.endswith("logs"))
    ]  # fmt: skip
    others.sort(key=_first)
    firsts = [_first(e) for e in others]
    latest = list(accumulate((e.last or _first(e) for e in others), max))

    def is_alone(entry: Entry) -> bool:
        for at in range(bisect_right(firsts, entry.last or _first(entry)) - 1, -1, -1):
            if latest[at] < _first(entry):
                break
            if overlap(entry, others[at]):
                return False
        return True

    return [
        replace(e, notes=tuple(note for note in e.notes if note != IN_SECONDS))
        if IN_SECONDS in e.notes and (not e.first or is_alone(e))
        else e
        for e in entries
    ]


def _first(entry: Entry) -> datetime:
    assert entry.first is not None  # noqa: S101 - for the reader of types: asked before
    return entry.first


def _with_loss(entry: Entry, lost: Sequence[str]) -> Entry:
    """Return a source with the remark that rows of it are lost, where any are."""
    if not lost:
        return entry
    days = sorted({name.split("/")[1].partition("=")[2] for name in lost})
    told = f"rows of it ({days[0]} to {days[-1]}) were in {len(lost)} damaged files and are lost"
    return replace(entry, notes=(*entry.notes, f"{told} until the log is added again"))
