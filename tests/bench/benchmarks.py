"""Run the benchmarks and write what they measured to docs/benchmarks.md.

    python tests/bench/benchmarks.py                    # all of them: hours
    python tests/bench/benchmarks.py report spreadsheet # these; what the others measured stays

A benchmark's figures stand as it printed them, below the machine, the versions and the day. What
was not measured on this machine has no figures.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import subprocess
import sys
import time
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
PAGE = ROOT / "docs" / "benchmarks.md"
HEAD = """# Benchmarks

`make benchmarks` writes this page: it runs every file `tests/bench/bench_*.py` and puts down what
it printed. `make benchmarks ARGS="report year"` runs some of them and leaves what the others
measured as it was. Ratios are of runs that took turns on one machine; seconds are this machine's,
with whatever else it did (the load at the start). `MISSED` is a bar that was not held.
"""
SECTION = re.compile(r"^## (\w+)\n.*?(?=^## |\Z)", re.MULTILINE | re.DOTALL)
LIBRARIES = ("duckdb", "numpy", "pandas", "pyarrow", "statsmodels", "openpyxl", "jinja2")
PROGRAMS = {"tshark": ["tshark", "--version"], "zeek": ["zeek", "--version"]}


def machine() -> str:
    """Return the machine that this is, in a line."""
    about = Path("/proc/cpuinfo").read_text("utf-8") if sys.platform == "linux" else ""
    found = re.search(r"model name\s*: (.*)", about)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    name = found[1] if found else platform.processor() or platform.machine()
    return f"{os.cpu_count()} x {name}, {memory:.0f} GB, {platform.system()} {platform.release()}"


def versions() -> str:
    """Return the versions that figures depend on, in a line."""
    told = [f"Python {platform.python_version()}"]
    for name in LIBRARIES:
        try:
            told.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            continue
    for name, command in PROGRAMS.items():
        try:
            said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        except (OSError, subprocess.CalledProcessError):
            continue
        if number := re.search(r"\d+\.\d+\.\d+", said):
            told.append(f"{name} {number[0]}")
    return ", ".join(told)


def commit() -> str:
    """Return the commit that was measured."""
    words = ["git", "-C", str(ROOT), "describe", "--always", "--dirty=+"]
    return subprocess.run(words, capture_output=True, text=True, check=False).stdout.strip()


def measured(name: str) -> str:
    """Run a benchmark; returns its section of the page."""
    script = HERE / f"bench_{name}.py"
    what = (script.read_text("utf-8").split('"""')[1]).split("\n")[0]
    load, begun = os.getloadavg()[0], time.monotonic()
    environment = {**os.environ, "PYTHONPATH": f"{ROOT / 'bridge'}:{ROOT / 'reports'}"}
    command = [sys.executable, str(script)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    told = done.stdout.replace(str(ROOT), ".").strip()
    if done.returncode and not told:
        told = f"could not be run: {(done.stderr.strip().splitlines() or ['no reason given'])[-1]}"
        told = told.replace(str(ROOT), ".")
    lines = "\n".join(line.rstrip() for line in told.splitlines())
    took = f"{datetime.now(UTC):%Y-%m-%d}, commit {commit()}, {time.monotonic() - begun:.0f} s"
    where = f"{machine()}; {versions()}; load at the start {load:.1f}."
    run = f"`python tests/bench/{script.name}`, {took}. {where}"
    return f"## {name}\n\n{what}\n\n{run}\n\n```text\n{lines}\n```\n"


def main() -> int:
    """Measure and write."""
    every = [path.stem.removeprefix("bench_") for path in sorted(HERE.glob("bench_*.py"))]
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(every))
    options = parser.parse_args()
    if unknown := set(options.names) - set(every):
        parser.error(f"no benchmark {', '.join(sorted(unknown))}; there is {', '.join(every)}")
    kept = PAGE.read_text("utf-8") if PAGE.exists() else ""
    sections = {match[1]: match[0] for match in SECTION.finditer(kept)}
    for name in options.names or every:
        print(f"{name} ...", flush=True)
        sections[name] = measured(name)
        whole = [HEAD, *(sections[one].rstrip() + "\n" for one in sorted(sections))]
        PAGE.write_text("\n".join(whole), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
