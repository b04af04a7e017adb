"""What a conn.log costs on its way into a ledger, against DuckDB, Polars, pyarrow and zat.

    python tests/bench/bench_ledger.py                     # 2 million rows: TSV, JSON and .gz
    python tests/bench/bench_ledger.py --rows 20000000 --forms tsv --tools duckdb
    python tests/bench/bench_ledger.py --part cores

Whole processes, run in turns; of CPU (user and system) and wall time the median of the pairs'
ratios counts, of memory the largest resident set of any of a run's processes. The rivals make the
same two tables (`ledger_rivals.py`), in an environment of their own (.bench/rivals). What a ledger
does besides, they do not: hash the log, spread a connection over its hours, know it again, write
files by day that survive a power cut.
"""

from __future__ import annotations

import argparse
import gzip
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import duckdb

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.environments import PLACE, python_with  # noqa: E402 - the tests are no package
from pacsflow.simulator import write_conn_log  # noqa: E402

NEEDS = ("duckdb==2.0.0", "polars==2.1.0", "pyarrow==26.0.1", "pandas==3.1.1", "zat==0.4.9")
TOOLS = ("duckdb", "polars", "pyarrow", "zat", "zat-sum")
FORMS = {"tsv": "conn.log", "json": "conn.json.log", "gz": "conn.log.gz"}
UNABLE = {("zat", "json"), ("zat", "gz"), ("zat-sum", "json"), ("zat-sum", "gz")}
"""zat's `LogToDataFrame` reads neither."""
CPU_BAR = {("duckdb", "tsv"): 1.25}
WALL_BAR = {("zat", "tsv"): 1.0}
MEMORY_BAR, FLAT_BAR, CORES_BAR = 600e6, 1.1, 1.8
FEW = 1_000_000
"""Rows of the smaller log whose cost a row is compared with."""
TOTALS = "SELECT sum(bytes)::BIGINT, sum(packets)::BIGINT, sum(communications)::BIGINT FROM '{}'"


@dataclass(frozen=True, slots=True)
class Cost:
    """What one run took."""

    cpu: float
    """Seconds, user and system, of all its processes."""
    wall: float
    peak: int
    """Largest resident set of one of its processes, bytes."""


def run(command: list[str], cores: int = 0) -> Cost:
    """Run a command to its end, on the first `cores` cores where that is not 0."""
    if cores:
        command = ["taskset", "-c", ",".join(map(str, range(cores))), *command]
    environment = {**os.environ, "PYTHONPATH": f"{ROOT / 'bridge'}:{ROOT / 'reports'}"}
    begun = time.monotonic()
    with tempfile.TemporaryFile() as said:
        child = subprocess.Popen(command, stdout=said, stderr=said, env=environment)
        _, status, used = os.wait4(child.pid, 0)
        wall = time.monotonic() - begun
        if status:
            said.seek(0)
            sys.exit(f"{' '.join(command)} failed: {said.read().decode()[-800:]}")
    return Cost(used.ru_utime + used.ru_stime, wall, used.ru_maxrss * 1024)


def ours(log: Path, folder: Path, cores: int = 0) -> Cost:
    """Take a log into a new ledger."""
    shutil.rmtree(folder, ignore_errors=True)
    command = [sys.executable, "-m", "pacsflow", "ingest", str(log), "--ledger", str(folder)]
    return run(command, cores)


def theirs(tool: str, log: Path, folder: Path) -> Cost:
    """Let a rival make the tables."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    script = Path(__file__).with_name("ledger_rivals.py")
    return run([str(python_with("rivals", NEEDS)), str(script), tool, str(log), str(folder)])


def logs(folder: Path, rows: int) -> dict[str, Path]:
    """Write the simulator's log in each form; it is kept for the next time."""
    folder.mkdir(parents=True, exist_ok=True)
    made = {form: folder / name for form, name in FORMS.items()}
    for form in ("tsv", "json"):
        if not made[form].exists():
            part = folder / f"part{made[form].suffixes[0]}"
            write_conn_log(part, rows)
            part.replace(made[form])
    if not made["gz"].exists():
        with made["tsv"].open("rb") as plain, gzip.open(folder / "part", "wb", 6) as packed:
            shutil.copyfileobj(plain, packed, 1 << 20)
        (folder / "part").replace(made["gz"])
    return made


def same(ledger: Path, folder: Path, tool: str) -> bool:
    """Say whether both tell the same bytes, packets and connections."""
    if tool == "zat-sum":
        return True
    mine = duckdb.sql(TOTALS.format(ledger / "traffic/*/*.parquet")).fetchall()
    return mine == duckdb.sql(TOTALS.format(folder / "traffic.parquet")).fetchall()


def say(name: str, value: str, bar: str = "", fine: bool | None = None) -> bool:
    """Print one line of the table; None: told, not promised."""
    verdict = "" if fine is None else "ok" if fine else "MISSED"
    print(f"{name:<34} {value:<58} {bar:>9} {verdict}", flush=True)
    return fine is not False


def pair(tool: str, form: str, log: Path, place: Path, rounds: int) -> bool:
    """Compare with one rival on one log, the runs taking turns."""
    pairs = []
    for _ in range(rounds):
        pairs.append((ours(log, place / "ledger"), theirs(tool, log, place / "theirs")))
        if not same(place / "ledger", place / "theirs", tool):
            return say(f"{form}: {tool}", "other totals", "the same", fine=False)
    cpu = statistics.median(a.cpu / b.cpu for a, b in pairs)
    wall = statistics.median(a.wall / b.wall for a, b in pairs)
    mine, other = min(pairs, key=lambda p: p[0].cpu)
    told = f"{mine.cpu:.2f}/{other.cpu:.2f} s = {cpu:.2f}; wall x{wall:.2f}; "
    told += f"peak {mine.peak / 1e6:.0f}/{other.peak / 1e6:.0f} MB"
    cpu_bar, wall_bar = CPU_BAR.get((tool, form)), WALL_BAR.get((tool, form))
    fine = (not cpu_bar or cpu <= cpu_bar) and (not wall_bar or wall < wall_bar)
    bar = f"x{cpu_bar}" if cpu_bar else f"wall x{wall_bar}" if wall_bar else ""
    return say(f"{form}: CPU ours / {tool}", told, bar, fine if bar else None)


def forms(options: argparse.Namespace, place: Path) -> list[bool]:
    """Compare with every rival in every form."""
    made = logs(options.logs / str(options.rows), options.rows)
    return [
        pair(tool, form, made[form], place, options.rounds)
        for form in options.forms
        for tool in options.tools
        if (tool, form) not in UNABLE
    ]


def growth(options: argparse.Namespace, place: Path) -> list[bool]:
    """Compare CPU a row and peak of many rows with those of few."""
    found = []
    for form in options.forms:
        few = logs(options.logs / str(FEW), FEW)[form]
        many = logs(options.logs / str(options.rows), options.rows)[form]
        pairs = [
            (ours(few, place / "ledger"), ours(many, place / "ledger"))
            for _ in range(options.rounds)
        ]
        rows = options.rows / FEW
        ratio = statistics.median(b.cpu / rows / a.cpu for a, b in pairs)
        each = min(b.cpu for _, b in pairs) / options.rows * 1e6
        told = f"{each:.2f} us a row at {options.rows:,}, x{ratio:.2f} of that at {FEW:,}"
        found.append(say(f"{form}: CPU a row", told, f"<= x{FLAT_BAR}", ratio <= FLAT_BAR))
        peak = max(b.peak for _, b in pairs)
        told = f"{peak / 1e6:.0f} MB at {options.rows:,} rows, {pairs[0][0].peak / 1e6:.0f} MB at"
        found.append(
            say(f"{form}: peak", f"{told} {FEW:,}", f"{MEMORY_BAR / 1e6:.0f} MB", peak < MEMORY_BAR)
        )
    return found


def cores(options: argparse.Namespace, place: Path) -> list[bool]:
    """Compare the wall time of two cores with that of one."""
    found = []
    for form in options.forms:
        log = logs(options.logs / str(options.rows), options.rows)[form]
        pairs = [
            (ours(log, place / "ledger", 1), ours(log, place / "ledger", 2))
            for _ in range(options.rounds)
        ]
        ratio = statistics.median(one.wall / two.wall for one, two in pairs)
        one, two = pairs[0]
        told = f"{one.wall:.2f} s on one, {two.wall:.2f} s on two: x{ratio:.2f}"
        found.append(say(f"{form}: wall", told, f">= x{CORES_BAR}", ratio >= CORES_BAR))
    return found


PARTS = {"forms": forms, "growth": growth, "cores": cores}


def main() -> int:
    """Measure and return 1 where a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=2_000_000, help="of the log (2,000,000)")
    parser.add_argument("--rounds", type=int, default=3, help="pairs (3)")
    parser.add_argument("--forms", nargs="+", choices=FORMS, default=list(FORMS))
    parser.add_argument("--tools", nargs="+", choices=TOOLS, default=list(TOOLS))
    parser.add_argument("--part", choices=PARTS, action="append", help="all by default")
    parser.add_argument("--logs", type=Path, default=PLACE / "logs", help="where logs are kept")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=PLACE if PLACE.is_dir() else None) as folder:
        done = [PARTS[part](options, Path(folder)) for part in options.part or PARTS]
    return 0 if all(fine for part in done for fine in part) else 1


if __name__ == "__main__":
    sys.exit(main())
