"""What is said of a capture: one of a thing is not said as several are."""

from __future__ import annotations

import re
from decimal import Decimal

import pytest

from pacsflow.readers.capture_log import FateCount, Told

FATES = (
    "sampled again, on its way out", "sampled again, to another collector",
    "sample, of a discarded packet", "length contradicted", "alike, in another network",
    "alike, at another time", "unfinished", "out of order", "clock not set", "nested too deeply",
    "no address, spanning tree", "through GRE",
)  # fmt: skip


def notes(what: str, frames: int) -> str:
    count = FateCount(Decimal(1), Decimal(2), what, frames, 500, "3")
    return " ".join(Told((count,)).notes())


@pytest.mark.parametrize("what", FATES)
def test_one_is_not_said_as_several_are(what: str) -> None:
    one, several = notes(what, 1), notes(what, 1234)
    counted = r"\b1 (frames|samples|associations)\b"
    assert not re.search(counted, one)
    assert re.search(r"\b1 (frame|sample|association)\b", one), one
    assert re.search(r"\b1,234 (frames|samples|associations)\b", several), several
