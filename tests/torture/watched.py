"""A log that is rotated every hour, while `watch` takes it in, is ended and is started again."""

from __future__ import annotations

import gzip
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import psutil

from conftest import CONN_FIELDS, CONN_ROW, tsv
from pacsflow.ledger import Ledger
from pacsflow.ledger.upkeep import verify
from pacsflow.readers import find

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator
    from pathlib import Path

T0 = 1772409600
"""2026-03-02 00:00 UTC."""
ENDS = (signal.SIGTERM, signal.SIGINT, signal.SIGKILL)
PAUSE = 1.0
"""Seconds between two things that happen to the log; `watch` looks as often."""
MOST_GROWN = 1.25
"""What memory may be at the end, of what it was after a quarter of the hours."""


def rows(hour: int, numbers: range) -> list[dict[str, str]]:
    """Return connections of an hour; each tenth goes on into the next."""
    return [
        {"uid": f"C{hour}_{n}", "ts": f"{T0 + 3600 * hour + 9 * n}.5",
         "id.orig_h": f"10.0.{hour % 7}.{n % 9 + 1}", "id.orig_p": str(30000 + n),
         "duration": "3000.0" if n % 10 == 0 else "1.5",
         "orig_ip_bytes": str(1000 + 37 * hour + n)}
        for n in numbers
    ]  # fmt: skip


def line(row: dict[str, str]) -> str:
    return "\t".join({**CONN_ROW, **row}[name] for name in CONN_FIELDS) + "\n"


class Watch:
    """`watch` in a process of its own, and the most memory that it was seen to have."""

    def __init__(self, logs: Path, ledger: Path) -> None:
        self.command = [
            sys.executable,
            "-m",
            "pacsflow",
            "watch",
            str(logs),
            "--ledger",
            str(ledger),
        ]
        self.memory: list[int] = []
        self.start()

    def start(self) -> None:
        self.process = psutil.Popen(
            [*self.command, "--every", "1"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )

    def look(self) -> None:
        self.memory.append(self.process.memory_info().rss)

    def end(self, number: signal.Signals) -> list[str]:
        """End it; returns what it should not have said or left."""
        self.process.send_signal(number)
        said = self.process.communicate(timeout=120)[1].decode()
        return [said[-300:]] if "Traceback" in said else []


def hours(count: int, chance: random.Random, place: Path) -> Iterator[list[str]]:
    """Yield what went wrong in each hour; in the last, what the figures are not."""
    logs, ledger = place / "spool", place / "watched"
    logs.mkdir()
    current = logs / "conn.log"
    if not count:
        return
    watch = Watch(logs, ledger)
    for hour in range(count):
        wrong = []
        half = chance.randrange(1, 180)
        current.write_text(tsv(rows(hour, range(half)), close=False))
        time.sleep(PAUSE * chance.random())
        with current.open("a") as file:
            file.writelines(map(line, rows(hour, range(half, 200))))
            file.flush()
            time.sleep(PAUSE * chance.random())
            file.write("#close\t2026-03-02-01-00-00\n")
        current.rename(logs / f"conn.{hour:03}.log")
        if chance.random() < 0.8:
            packed = gzip.compress((logs / f"conn.{hour:03}.log").read_bytes(), mtime=0)
            (logs / ".packing").write_bytes(packed)
            (logs / ".packing").rename(logs / f"conn.{hour:03}.log.gz")
            (logs / f"conn.{hour:03}.log").unlink()
        watch.look()
        if hour % 9 == 8:
            wrong = watch.end(chance.choice(ENDS))
            watch.start()
        yield wrong
    time.sleep(5 * PAUSE)
    wrong = watch.end(signal.SIGTERM)
    Ledger(ledger).add(find([logs]).sources)
    yield wrong + _grown(watch.memory) + _differs(place, logs, ledger, count)


def _grown(memory: list[int]) -> list[str]:
    """Say where it had more memory at the end than after a quarter of the hours."""
    quarter = len(memory) // 4
    if not quarter:
        return []
    before, after = max(memory[quarter : 2 * quarter]), max(memory[-quarter:])
    sys.stdout.write(f"memory: {before / 1e6:.0f} MB, in the last quarter {after / 1e6:.0f}\n")
    return [f"its memory grew from {before} to {after}"] if after > MOST_GROWN * before else []


def _differs(place: Path, logs: Path, ledger: Path, count: int) -> list[str]:
    """Say what of the ledger is not as one run over all logs makes it, and as they were written."""
    batch = Ledger(place / "batch", create=True)
    batch.add(find([logs]).sources)
    of_hours = (
        "SELECT epoch(hour), source, destination, sum(bytes)::BIGINT, sum(packets)::BIGINT,"
        " sum(communications)::BIGINT FROM traffic GROUP BY ALL ORDER BY ALL"
    )
    found = []
    for each in (Ledger(ledger), batch):
        with each.connect() as connection:
            found.append(connection.sql(of_hours).fetchall())
    written = sum(int(r["orig_ip_bytes"]) + 420 for h in range(count) for r in rows(h, range(200)))
    told = sum(row[3] for row in found[0])
    wrong = [] if found[0] == found[1] else ["its hours are not those of one run"]
    wrong += [] if told == written else [f"{told} bytes, {written} were written"]
    return wrong + [f"{fault.name} {fault.problem}" for fault in verify(Ledger(ledger))]
