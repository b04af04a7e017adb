"""What tests of ledgers share: logs of single days, a ledger's sums, and runs that are killed."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from typing import TYPE_CHECKING

from conftest import ROOT, tsv

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from pacsflow.ledger import Ledger

T0 = 1772438400
"""2026-03-02 08:00 UTC, a Monday."""
DAY = 86400
ONE = 1820
"""Bytes of the connection of `conftest.CONN_ROW`."""


def sums(ledger: Ledger) -> tuple[int, int]:
    """Return all bytes and communications."""
    with ledger.connect() as connection:
        found = connection.sql(
            "SELECT coalesce(sum(bytes), 0)::BIGINT, coalesce(sum(communications), 0)::BIGINT"
            " FROM traffic"
        ).fetchall()
    return found[0]


def log(
    write: Callable[[str, str | bytes], Path], day: int, count: int = 1, *, close: bool = True
) -> Path:
    """Write a log of so many connections of one day, counted from `T0`."""
    rows = [
        {"uid": f"C{day}_{n}", "ts": f"{T0 + day * DAY + n}.0", "duration": "4000"}
        for n in range(count)
    ]
    return write(f"logs/conn.{day:03d}.log", tsv(rows, close=close))


def files(folder: Path) -> int:
    """Return how many files of tables there are, while others move and remove them."""
    return sum(n.endswith(".parquet") for _, _, names in os.walk(folder) for n in names)


def killed(run: Sequence[str | Path], has_begun: Callable[[], bool], seconds: float = 0) -> bool:
    """Start a command, and kill it with all that it started so long after it has begun.

    Returns whether that met it at work.
    """
    process = subprocess.Popen(run, cwd=ROOT, start_new_session=True, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None and not has_begun():
        time.sleep(0.002)
    time.sleep(seconds)
    at_work = process.poll() is None
    if at_work:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    return at_work
