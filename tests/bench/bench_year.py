"""What a ledger of a year costs: its page, and one more hour of logs.

    python tests/bench/bench_year.py                # 52 weeks of the demo's hospital, and 8 of them
    python tests/bench/bench_year.py --weeks 12

Logs and ledgers are made on first use and kept (.bench/year). Whole processes are measured, so that
their imports count; seconds are those of the processor in all threads and of the wall, the bars
are held by the smaller, for others may use this machine too. Forecasts lie in the ledgers, as after
any earlier report on them: one is kept under every series' name, since reading is what counts.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from bench.bench_ledger import Cost, run, say  # noqa: E402 - the tests are no package
from bench.bench_report import keep_forecasts  # noqa: E402 - likewise
from bench.environments import PLACE  # noqa: E402 - likewise
from pacsflow.ledger import Ledger  # noqa: E402 - likewise

FEW = 8
"""Weeks of the ledger that the long one is compared with."""
PAGE_BAR, HOUR_BAR, RATIO_BAR, FILES_BAR, SIZE_BAR = 3.0, 1.0, 1.2, 500, 300e6


def pacsflow(*words: object) -> Cost:
    """Run a command of ours."""
    return run([sys.executable, "-m", "pacsflow", *map(str, words)])


def made(place: Path, weeks: int) -> tuple[Path, Path, Path]:
    """Return ledgers of all weeks and of the last eight, and the hour of logs that both lack."""
    logs, hour = place / "demo" / "logs", place / "hour"
    if not hour.exists():
        shutil.rmtree(place, ignore_errors=True)
        pacsflow("demo", place / "demo", "--weeks", weeks, "--no-report")
        last = max(path for path in logs.iterdir() if path.is_dir())
        hour.mkdir()
        for path in last.glob("*.23:00:00-*"):
            path.rename(hour / path.name)
    long, short = place / "long", place / "short"
    days = sorted(path for path in logs.iterdir() if path.is_dir())
    for ledger, inputs in ((long, [logs]), (short, days[-7 * FEW :])):
        if not ledger.exists():
            part = ledger.with_suffix(".part")
            shutil.rmtree(part, ignore_errors=True)
            pacsflow("ingest", *inputs, "--ledger", part)
            part.rename(ledger)
        keep_forecasts(Ledger(ledger))  # those of other code are not found
    return long, short, hour


def page(ledger: Path, place: Path) -> Cost:
    """Write the page of a ledger in which the forecasts lie."""
    return pacsflow("report", "--ledger", ledger, "-o", place / "page.html")


def one_more(ledger: Path, place: Path, hour: Path) -> Cost:
    """Take an hour of logs into a copy of a ledger."""
    copy = place / "copy"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(ledger, copy)
    return pacsflow("ingest", hour, "--ledger", copy)


def told(cost: Cost) -> str:
    """Return what a run took, as a line of the table says it."""
    return f"{cost.cpu:.2f} s CPU, {cost.wall:.2f} s wall, peak {cost.peak / 1e6:.0f} MB"


def seconds(cost: Cost) -> float:
    """Return the seconds that a bar holds."""
    return min(cost.cpu, cost.wall)


def main() -> int:
    """Measure and return 1 where a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weeks", type=int, default=52)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--place", type=Path, default=PLACE / "year")
    options = parser.parse_args()
    place = options.place / str(options.weeks)
    long, short, hour = made(place, options.weeks)
    pairs = [(page(long, place), page(short, place)) for _ in range(options.rounds)]
    hours = [one_more(long, place, hour) for _ in range(options.rounds)]
    best = min((a for a, _ in pairs), key=seconds)
    more = min(hours, key=seconds)
    ratio = statistics.median(a.cpu / b.cpu for a, b in pairs)
    files = [path for path in long.rglob("*") if path.is_file()]
    size = sum(path.stat().st_size for path in files)
    weeks = f"{options.weeks} weeks"
    found = [
        say(f"page of {weeks}", told(best), f"{PAGE_BAR} s", seconds(best) < PAGE_BAR),
        say("CPU, against 8 weeks", f"x{ratio:.2f}", f"x{RATIO_BAR}", ratio <= RATIO_BAR),
        say("one more hour", told(more), f"{HOUR_BAR} s", seconds(more) < HOUR_BAR),
        say("files", str(len(files)), str(FILES_BAR), len(files) < FILES_BAR),
        say("size", f"{size / 1e6:.0f} MB", f"{SIZE_BAR / 1e6:.0f} MB", size < SIZE_BAR),
    ]
    return 0 if all(found) else 1


if __name__ == "__main__":
    sys.exit(main())
