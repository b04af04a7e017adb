"""Reads what the plugin says became of a capture's frames (capture.log), and puts it into notes."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

import pyarrow as pa

from pacsflow.printable import counted
from pacsflow.terms.log_fields import EDGES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

RARELY = 10
"""One frame in so many is sent again where something is very wrong, and hardly more."""
COPY, NO_ADDRESS, THROUGH, CLOSED = "copy, ", "no address, ", "through ", "closed, "


@dataclass(frozen=True, slots=True)
class FateCount:
    """Frames that one thing holds for: see docs/tag-logs.md, capture.log."""

    ts: Decimal
    last: Decimal
    what: str
    frames: int
    bytes: int
    detail: str


@dataclass(frozen=True, slots=True)
class Told:
    """All that capture.log says.

    Attributes
    ----------
    counts
        Its rows.
    """

    counts: tuple[FateCount, ...]

    def frames(self, what: str) -> int:
        """Return the frames of rows whose `what` begins so."""
        return sum(count.frames for count in self.counts if count.what.startswith(what))

    @property
    def copies(self) -> tuple[int, int]:
        """Return frames and bytes (on the wire) that repeat others and were left out."""
        rows = [count for count in self.counts if count.what.startswith(COPY)]
        return sum(row.frames for row in rows), sum(row.bytes for row in rows)

    @property
    def span(self) -> tuple[Decimal, Decimal] | None:
        """Return the earliest and the latest time, seconds since 1970; None without a frame."""
        return next(((c.ts, c.last) for c in self.counts if c.what == "seen"), None)

    @property
    def translated(self) -> tuple[str, ...]:
        """Return the conversations that are others before or after an address translation."""
        return tuple(count.detail for count in self.counts if count.what == "translated")

    def edges(self) -> pa.RecordBatch:
        """Return where associations go on beyond the file, in the columns of `EDGES`."""
        rows = []
        for count in self.counts:
            if count.what == "open":
                uid, *numbers = count.detail.split(" ")
                told = dict(zip(EDGES.names[2:], map(_number, numbers), strict=True))
                rows.append({"ts": int(count.ts * 1_000_000), "uid": uid, **told})
        return pa.RecordBatch.from_pylist(rows, EDGES)

    def out_of_order(self, before: Told) -> Told:
        """Return this with the frames that stood out of order before the capture was sorted."""
        kept = tuple(count for count in before.counts if count.what == "out of order")
        return Told(self.counts + kept)

    def notes(self) -> Iterator[str]:
        """Give what a reader of the totals has to know, a sentence each."""
        seen = self.frames("seen")
        copies, size = self.copies
        if copies:
            yield (
                f"{copies:,} of {seen:,} frames are copies of others, as a mirror port or a second "
                f"place of capture makes them: {size:,} bytes left out, everything counted once"
            )
        if self.translated:
            yield (
                f"{counted(len(self.translated), 'association was', 'associations were')}"
                " captured before and after an address "
                "translation: counted once"
            )
        yield from self._alike()
        yield from self._again()
        yield from self._cut()
        yield from self._impossible()
        yield from self._unfinished()
        yield from self._dropped()
        yield from self._paths()
        yield from self._nameless()
        through = Counter[str]()
        for count in self.counts:
            if count.what.startswith(THROUGH):
                through[count.what.removeprefix(THROUGH).replace(",", " in ")] += count.frames
        for tunnel, frames in through.most_common(5):
            yield (
                f"{counted(frames, 'frame', 'frames')}"
                f" came through {tunnel}: hosts, ports and bytes are those of the "
                "packets inside"
            )
        yield from self._closed()
        yield from self._sampled()
        yield from self._clock()

    def _closed(self) -> Iterator[str]:
        rows = [count for count in self.counts if count.what.startswith(CLOSED)]
        if rows:
            kinds = ", ".join(f"{r.frames:,} {r.what.removeprefix(CLOSED)}" for r in rows[:5])
            yield (
                f"{sum(r.frames for r in rows):,} of {self.frames('seen'):,} frames are of tunnels "
                f"that cannot be looked into, as if encrypted: {kinds}. They count between the "
                "tunnels' ends; imaging inside them is not seen"
            )

    def _sampled(self) -> Iterator[str]:
        for count in self.counts:
            if count.what == "sampled again, on its way out":
                yield (
                    f"{counted(count.frames, 'sample was', 'samples were')}"
                    " taken of packets on their way out of an agent "
                    "that samples the same packets on their way in: those coming in are counted, "
                    f"the others, which stand for {count.bytes:,} bytes, are not"
                )
            elif count.what == "sampled again, to another collector":
                yield (
                    f"{counted(count.frames, 'sample was', 'samples were')}"
                    " sent to a second collector, too: "
                    "counted once"
                )
            elif count.what == "sample, of a discarded packet":
                yield (
                    f"{counted(count.frames, 'sample is', 'samples are')}"
                    " of packets that an agent discarded: they went "
                    "nowhere, and are in no total"
                )
            elif count.what == "length contradicted":
                yield (
                    f"{counted(count.frames, 'sample tells', 'samples tell')}"
                    " a length of the frame that its packet "
                    "contradicts: the packet's length was taken"
                )

    def _alike(self) -> Iterator[str]:
        for count in self.counts:
            if count.what == "alike, in another network":
                yield (
                    f"{counted(count.frames, 'association is', 'associations are')}"
                    " like another one of the same addresses and "
                    "ports in another VLAN or tunnel, at the same time: two networks that use the "
                    "same addresses, or both sides of a firewall, and then "
                    f"{count.bytes:,} bytes count twice"
                )
            elif count.what == "alike, at another time":
                yield (
                    f"{counted(count.frames, 'association is', 'associations are')}"
                    " like an earlier one to the sequence "
                    "numbers of both hosts: captured at a second place whose clock is another one, "
                    f"and then {count.bytes:,} bytes count twice"
                )

    def _again(self) -> Iterator[str]:
        for count in self.counts:
            if count.what == "brought again" and count.frames * RARELY >= self.frames("seen"):
                yield (
                    f"{count.frames:,} of {self.frames('seen'):,} frames bring what was there in "
                    "segments of other sizes or with other numbers: sent again, or captured at a "
                    f"second place; totals may be {count.bytes:,} bytes too high"
                )

    def _cut(self) -> Iterator[str]:
        for count in self.counts:
            if count.what == "cut":
                yield (
                    f"{count.frames:,} of {self.frames('seen'):,} frames were captured in part: "
                    f"{count.bytes:,} bytes of them are not there. Their lengths count in full; "
                    "what stood in the rest is not seen"
                )

    def _impossible(self) -> Iterator[str]:
        if wrong := self.frames("length impossible"):
            yield (
                f"the capture tells a length of {counted(wrong, 'frame', 'frames')} that "
                "cannot be theirs, less than "
                "what is there of them, or more than 1 MiB: as many bytes count as are there"
            )

    def _unfinished(self) -> Iterator[str]:
        for count in self.counts:
            if count.what == "unfinished":
                yield (
                    f"{counted(count.frames, 'association', 'associations')}"
                    f" ended inside a PDU: {count.bytes:,} bytes that "
                    "its header announced never came, and do not count"
                )

    def _dropped(self) -> Iterator[str]:
        if dropped := self.frames("dropped"):
            yield (
                f"the capture says that {counted(dropped, 'frame was', 'frames were')} "
                "dropped while it was written, "
                f"beside {self.frames('seen'):,} that are in it: totals are too low"
            )

    def _paths(self) -> Iterator[str]:
        if paths := self.frames("another path"):
            told = counted(paths, "connection is a further path", "connections are further paths")
            yield (
                f"{told} of others (Multipath TCP): what one association sent over several is not "
                "put together, and its data sets are in no total of DICOM where they did not come "
                "over its first path"
            )

    def _nameless(self) -> Iterator[str]:
        why = Counter[str]()
        for count in self.counts:
            if count.what.startswith(NO_ADDRESS):
                why[count.what.removeprefix(NO_ADDRESS)] += count.frames
        if why:
            parts = ", ".join(f"{frames:,} {name}" for name, frames in why.most_common(5))
            more = f" and {len(why) - 5} other kinds" if len(why) > 5 else ""
            told = counted(why.total(), "frame", "frames")
            yield f"{told} without IP addresses, in no host's total: {parts}{more}"
        deep = sum(c.frames for c in self.counts if c.what == "nested too deeply")
        if deep:
            told = counted(deep, "frame", "frames")
            yield f"{told} in tunnels nested too deeply: counted as their outermost packet"

    def _clock(self) -> Iterator[str]:
        for count in self.counts:
            if count.what == "clock not set":
                told = counted(count.frames, "frame", "frames")
                yield (
                    f"the clock was set while it was captured: {told} from before 1990, placed "
                    "right before what follows"
                )
            elif count.what in {"clock forward", "clock backward"}:
                way = count.what.removeprefix("clock ")
                often = "" if count.frames == 1 else f" {count.frames:,} times"
                yield (
                    f"the clock of the capture jumps {way}{often}, first by {count.detail} "
                    "seconds: hours after it may be wrong"
                )
            elif count.what == "out of order":
                told = counted(count.frames, "frame stands", "frames stand")
                yield f"{told} out of the order of their times"


def _number(text: str) -> int | None:
    return None if text == "-" else int(text)


def read(path: Path) -> Told:
    """Return what capture.log says."""
    counts = []
    for line in path.read_text("ascii", "replace").splitlines():
        cells = line.split("\t")
        if not line.startswith("#") and len(cells) == 6:
            ts, last, what, frames, size, detail = cells
            counts.append(
                FateCount(Decimal(ts), Decimal(last), what, int(frames), int(size), detail)
            )
    return Told(tuple(counts))
