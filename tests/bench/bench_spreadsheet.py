"""Benchmark of tables of frames: the study's sheet ranked, against a loop over openpyxl's cells.

    python tests/bench/bench_spreadsheet.py

Every contestant runs in a process of its own and is timed after its imports. Prints a table and
ends with 1 where a bar is missed: the sheet of 568,691 rows ranked at least 20 times faster than
a loop over openpyxl's cells (by wall clock and by CPU), in at most 250 MB more than at the start.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from pacsflow.simulator.study import COMMUNICATIONS, SENDERS, write_study

PLACE = Path(__file__).resolve().parents[2] / ".bench"
TIMES_FASTER, MEGABYTES = 20.0, 250.0
KINDS = ("one", "every")

BEFORE = """
import json, resource, sys, time
from collections import Counter
from pathlib import Path
{imports}
path = Path(sys.argv[1])
def cpu():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
memory, clock, used = peak(), time.perf_counter(), cpu()
{work}
print(json.dumps(dict(wall=time.perf_counter() - clock, cpu=cpu() - used,
                      memory=peak() - memory, top=[list(row)[:2] for row in top])))
"""
CONTESTANTS = {
    "openpyxl, loop over cells (read-only)": (
        "xlsx",
        "import openpyxl",
        """
count = Counter()
sheet = openpyxl.load_workbook(path, read_only=True).active
for row in sheet.iter_rows(min_row=2):
    count[row[2].value] += 1
top = count.most_common(5)
""",
    ),
    "calamine, loop over rows": (
        "xlsx",
        "from python_calamine import CalamineWorkbook",
        """
count = Counter()
for row in CalamineWorkbook.from_path(path).get_sheet_by_index(0).iter_rows():
    count[row[2]] += 1
top = count.most_common(5)
""",
    ),
    "csv module, loop over rows": (
        "csv",
        "import csv",
        """
count = Counter()
with path.open(newline="", encoding="utf-8") as file:
    rows = csv.reader(file)
    next(rows)
    for row in rows:
        count[row[2]] += 1
top = count.most_common(5)
""",
    ),
}
OURS = (
    "import duckdb, pandas, pyarrow.compute, pyarrow.csv\n"
    "from pacsflow.explore import rank_stream\nfrom pacsflow.readers import find",
    "top = rank_stream(find([path]).sources, 'source', 5).rows\n",
)
EVERY_COLUMN = (
    OURS[0] + "\nfrom pacsflow.readers import Quality, read",
    """
rows = 0
for source in find([path]).sources:
    for _, batch in read(source, Quality()):
        rows += batch.num_rows
top = [["rows", rows]]
""",
)


def measure(path: Path, imports: str, work: str, times: int) -> dict[str, Any]:
    """Return the best of several runs: seconds by the clock and of CPU, megabytes, the answer."""
    script = BEFORE.format(imports=imports, work=work)
    runs = [
        json.loads(
            subprocess.run(
                [sys.executable, "-c", script, str(path)],
                capture_output=True,
                text=True,
                check=True,
            ).stdout
        )
        for _ in range(times)
    ]
    best = min(runs, key=lambda run: run["cpu"])
    best["wall"] = min(run["wall"] for run in runs)
    best["memory"] = max(run["memory"] for run in runs)
    return best


def misses(found: dict[str, dict[str, Any]], base: dict[str, Any], endings: list[str]) -> list[str]:
    """Return a line for each bar that is missed."""
    lines = []
    for ending in endings:
        run = found[f"pacsflow, one column of the {ending}"]
        if [row[1] for row in run["top"]] != list(SENDERS):
            lines.append(f"{ending}: the five senders are {run['top']}")
        lines += [
            f"{ending}: {base[clock] / run[clock]:.1f} x by {clock}"
            for clock in ("wall", "cpu")
            if base[clock] / run[clock] < TIMES_FASTER
        ]
        memory = {k: found[f"pacsflow, {k} column of the {ending}"]["memory"] for k in KINDS}
        lines += [
            f"{ending}: {more:.0f} MB more for {kind} column"
            for kind, more in memory.items()
            if more > MEGABYTES
        ]
    return lines


def main() -> int:
    """Measure, print, and say whether the bars are held."""
    PLACE.mkdir(exist_ok=True)
    files = {ending: PLACE / f"study.{ending}" for ending in ("xlsx", "csv")}
    for path in files.values():
        if not path.is_file():
            write_study(path)
    found = {
        name: measure(files[ending], imports, work, 1)
        for name, (ending, imports, work) in CONTESTANTS.items()
    }
    for ending, path in files.items():
        found[f"pacsflow, one column of the {ending}"] = measure(path, *OURS, 3)
        found[f"pacsflow, every column of the {ending}"] = measure(path, *EVERY_COLUMN, 2)
    base = found["openpyxl, loop over cells (read-only)"]
    print(f"{COMMUNICATIONS:,} rows of nine columns")
    print(f"{'':<40}{'wall s':>9}{'CPU s':>9}{'MB more':>9}{'x wall':>9}{'x CPU':>9}")
    for name, run in found.items():
        print(
            f"{name:<40}{run['wall']:9.2f}{run['cpu']:9.2f}{run['memory']:9.0f}"
            f"{base['wall'] / run['wall']:9.1f}{base['cpu'] / run['cpu']:9.1f}"
        )
    missed = misses(found, base, list(files))
    print("missed: " + "; ".join(missed) if missed else "all bars are held")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
