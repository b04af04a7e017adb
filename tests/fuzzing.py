"""`make fuzz`: mutants for each reader, the plugin and Zeek, seeded and counted.

ARGS="--readers 20000 --plugin 100000 --zeek 50000 --guided 20000 --seed 0"
"""

from __future__ import annotations

import argparse
import importlib.util
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tests.readers import fuzz as readers
from tests.wireshark import mutants as plugin

from pacsflow.errors import ToolError

if TYPE_CHECKING:
    from collections.abc import Callable

    Told = tuple[str, list[str]]

ROOT = Path(__file__).parents[1]


def of_readers(count: int, seed: int) -> Told:
    """Give so many mutants to each kind of source."""
    kinds = len(readers.sources())
    found = readers.run(count * kinds, seed)
    return f"{count:,} mutants of each of {kinds} kinds of source", found


def of_plugin(count: int, seed: int) -> Told:
    """Give so many captures, wrapped, cut and reordered, to tshark with the plugin."""
    try:
        frames, found = plugin.run(count, seed)
    except ToolError as error:
        return f"no captures: {error}", []
    return f"{count:,} mutants of captures, {frames:,} frames", found


def of_zeek(count: int, seed: int) -> Told:
    """Give so many associations to Zeek with the package."""
    import fuzz as zeek
    from zeek_package import find_zeek

    if find_zeek() is None:
        return "no associations: there is no Zeek here", []
    rows, memory, found = zeek.run(count, seed + 1)
    return f"{count:,} mutants of associations, {rows:,} rows, {memory / 1e6:.0f} MB", found


def guided(count: int, seed: int) -> Told:
    """Let atheris look for new ways through the readers' code, where it is installed."""
    if importlib.util.find_spec("atheris") is None:
        return "nothing guided: atheris is not installed", []
    done = subprocess.run(
        [sys.executable, "-m", "tests.readers.guided", f"-runs={count}", f"-seed={seed + 1}"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    wrong = [] if not done.returncode else [done.stderr[-2000:]]
    return f"{count:,} inputs guided by coverage", wrong


PARTS: dict[str, tuple[Callable[[int, int], Told], int]] = {
    "readers": (of_readers, 20_000), "plugin": (of_plugin, 100_000), "zeek": (of_zeek, 50_000),
    "guided": (guided, 20_000),
}  # fmt: skip
"""What is fed, and how much of it where nothing else is said."""


def main(arguments: list[str] | None = None) -> int:
    """Feed what is asked for; the exit code is 1 where anything was taken amiss."""
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, (_, usual) in PARTS.items():
        asked.add_argument(f"--{name}", type=int, default=usual, metavar="N")
    asked.add_argument("--seed", type=int, default=0)
    args, bad = asked.parse_args(arguments), 0
    for name, (feed, _) in PARTS.items():
        if count := getattr(args, name):
            began = time.monotonic()
            told, wrong = feed(count, args.seed)
            sys.stdout.write("".join(f"{name}: {line}\n" for line in wrong))
            passed = time.monotonic() - began
            sys.stdout.write(f"{name}: {told}: {len(wrong)} taken amiss, {passed:.0f} s\n")
            sys.stdout.flush()
            bad += len(wrong)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
