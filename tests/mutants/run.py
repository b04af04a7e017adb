"""Runs mutants: how many of them the unit tests of their module notice.

``make mutants`` takes of each group of `targets.toml` all, or a sample where it names one, the same
on every machine as long as the modules are; ``ARGS="findings --all"`` takes all of a group. Of a
mutant run the tests that run its line, those of little else first, as many as take `judge.SECONDS`.
It is killed where one fails, or all take several times their time. What cannot be noticed, because
it changes nothing that anybody could see, stands in `equivalent.tsv` with the reason, and does not
count.
"""

from __future__ import annotations

import argparse
import os
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).parent))

from judge import SECONDS, Judge
from mutate import Mutant, of_lua, of_python

if TYPE_CHECKING:
    from collections.abc import Sequence

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
ENOUGH = 85.0
"""Percent of the mutants of a group that have to be killed."""


@dataclass(slots=True)
class Tally:
    """What became of a module's mutants."""

    module: str
    killed: int = 0
    survived: list[Mutant] = field(default_factory=list)
    equivalent: int = 0
    seconds: float = 0.0

    @property
    def percent(self) -> float:
        """Of those that could be noticed, how many were."""
        counted = self.killed + len(self.survived)
        return 100.0 * self.killed / counted if counted else 100.0


Tallies = list[Tally]
Rows = set[tuple[str, ...]]
Most = Callable[[dict[str, Any]], "int | Rows"]


def _chosen(
    name: str, modules: Sequence[Path], of: Callable[[str], list[Mutant]], most: int | Rows
) -> list[tuple[Path, str, list[Mutant]]]:
    """Return each module's text and mutants, or of all of them a sample whose seed is the name."""
    texts = {path: path.read_text("utf-8") for path in modules}
    every = [(path, mutant) for path, text in texts.items() for mutant in of(text)]
    if isinstance(most, int):
        some = every if len(every) <= most else random.Random(name).sample(every, most)
    else:
        some = [(p, m) for p, m in every if _row(str(p.relative_to(ROOT)), texts[p], m) in most]
    print(f"{name}: {len(some)} of {len(every)} mutants", flush=True)
    return [
        (path, text, sorted(mutant for p, mutant in some if p == path))
        for path, text in texts.items()
    ]


def _equivalents() -> set[tuple[str, ...]]:
    rows = (HERE / "equivalent.tsv").read_text("utf-8").splitlines()
    return {tuple(row.split("\t")[:4]) for row in rows if row and not row.startswith("#")}


def _alive(output: Path) -> Rows:
    """Return the mutants that a run printed as alive."""
    rows = [line.lstrip(" ").split("\t") for line in output.read_text("utf-8").splitlines()]
    return {(row[0].rpartition(":")[0], *row[1:]) for row in rows if len(row) == 4}


def _row(module: str, text: str, mutant: Mutant) -> tuple[str, ...]:
    """Return how a mutant is written down: its module, the line, what it was, and what it is."""
    line = text.splitlines()[mutant.line - 1].strip()
    return module, line, " ".join(mutant.old.split()), " ".join(mutant.new.split())


def python_groups(groups: dict[str, dict[str, Any]], most: Most, jobs: int) -> dict[str, Tallies]:
    """Run the mutants of groups of Python modules that have the same tests."""
    modules = {
        name: [ROOT / module for module in group["modules"]] for name, group in groups.items()
    }
    every = [path for paths in modules.values() for path in paths]
    tallies: dict[str, Tallies] = {}

    def work(judge: Judge) -> None:
        whole = sum(test["seconds"] for test in judge.seen.values())
        print(f"{len(judge.seen)} tests, {whole:.1f} s with their lines followed", flush=True)
        if judge.is_broken(every[0]):
            judge.failed = f"{every[0].name} fails without a mutant, imported anew"
            return
        for name, paths in modules.items():
            tallies[name] = [
                _tally(path, text, mutants, partial(_is_noticed, judge, path), jobs)
                for path, text, mutants in _chosen(
                    name + groups[name]["seed"], paths, of_python, most(groups[name])
                )
            ]

    judge = Judge(every, work, next(iter(groups.values()))["seconds"])
    judge.judge(next(iter(groups.values()))["tests"])
    if judge.failed or not tallies:
        sys.exit(f"{', '.join(groups)}: {judge.failed or 'no tests'}")
    return tallies


def _is_noticed(judge: Judge, path: Path, _: str, mutant: Mutant) -> bool:
    return judge.is_noticed(path, mutant)


def lua_groups(groups: dict[str, dict[str, Any]], most: Most, jobs: int) -> dict[str, Tallies]:
    """Run the mutants of groups of Lua modules, in the first Lua that there is."""
    lua = next(found for name in ("lua5.4", "lua5.2") if (found := shutil.which(name)))
    return {name: _lua_group(lua, name, group, most(group), jobs) for name, group in groups.items()}


def _lua_group(lua: str, name: str, group: dict[str, Any], most: int | Rows, jobs: int) -> Tallies:
    tests = [ROOT / test for test in group["tests"]]
    for test in tests:
        if _lua_fails(lua, test, ROOT / "wireshark_plugin" / "src"):
            sys.exit(f"{name}: {test.name} fails without a mutant")
    modules = [ROOT / module for module in group["modules"]]
    return [
        _tally(path, text, mutants, partial(_is_noticed_in_lua, lua, path, tests), jobs)
        for path, text, mutants in _chosen(name + group["seed"], modules, of_lua, most)
    ]


def _is_noticed_in_lua(lua: str, path: Path, tests: list[Path], text: str, mutant: Mutant) -> bool:
    with tempfile.TemporaryDirectory() as folder:
        sources = Path(folder)
        for file in path.parent.glob("*.lua"):
            if file != path:
                (sources / file.name).symlink_to(file)
        (sources / path.name).write_text(mutant.applied(text), "utf-8")
        return any(_lua_fails(lua, test, sources) for test in tests)


def _lua_fails(lua: str, test: Path, sources: Path) -> bool:
    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_CPU, (3, 4))
        resource.setrlimit(resource.RLIMIT_AS, (1 << 29, 1 << 29))

    done = subprocess.run(
        [lua, str(test), str(sources), "first"],
        capture_output=True,
        check=False,
        preexec_fn=limited,
    )
    return done.returncode != 0


def _tally(
    path: Path,
    text: str,
    chosen: list[Mutant],
    is_noticed: Callable[[str, Mutant], bool],
    jobs: int,
) -> Tally:
    """Run a module's mutants; print those that nobody noticed."""
    started = time.monotonic()
    tally, known = Tally(str(path.relative_to(ROOT))), _equivalents()
    counted = [m for m in chosen if _row(tally.module, text, m) not in known]
    tally.equivalent = len(chosen) - len(counted)
    with ThreadPoolExecutor(jobs) as pool:
        for mutant, noticed in zip(
            counted, pool.map(partial(is_noticed, text), counted), strict=True
        ):
            if noticed:
                tally.killed += 1
            else:
                tally.survived.append(mutant)
                module, *row = _row(tally.module, text, mutant)
                print(f"  {module}:{mutant.line}", *row, sep="\t", flush=True)
    tally.seconds = time.monotonic() - started
    _say(tally, tally.seconds)
    return tally


def _say(tally: Tally, seconds: float) -> None:
    counted = tally.killed + len(tally.survived)
    print(
        f"{tally.module}: {tally.killed} of {counted} killed, {tally.percent:.0f} %"
        f" ({tally.equivalent} equivalent, {seconds:.0f} s)",
        flush=True,
    )


def main() -> int:
    """Run what was asked for; 1 where a group is below what is enough."""
    targets = tomllib.loads((HERE / "targets.toml").read_text("utf-8"))
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("groups", nargs="*", help=f"of {', '.join(targets)}; all by default")
    parser.add_argument("--most", type=int, help="mutants of a group at most")
    parser.add_argument("--all", action="store_true", help="every mutant")
    parser.add_argument("--again", type=Path, help="those that a run before, of this output, left")
    parser.add_argument("--module", default="", help="modules whose path has this in it alone")
    parser.add_argument("--tests", default="", help="tests whose path has this in it alone")
    parser.add_argument("--seed", default="", help="another sample than that of the group's name")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="of tests for a mutant")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    asked = parser.parse_args()
    os.chdir(ROOT)
    sys.path[:0] = [str(ROOT / part) for part in ("bridge", "reports", "tests")]
    groups = {name: dict(targets[name]) for name in asked.groups or targets}
    for group in groups.values():
        group["modules"] = [module for module in group["modules"] if asked.module in module]
        group["tests"] = [test for test in group["tests"] if asked.tests in test]
        group |= {"seed": asked.seed, "seconds": asked.seconds}

    def most(group: dict[str, Any]) -> int | Rows:
        if asked.again:
            return _alive(asked.again)
        return sys.maxsize if asked.all else asked.most or group.get("sample", sys.maxsize)

    by_tests: dict[tuple[str, ...], dict[str, dict[str, Any]]] = {}
    for name, group in groups.items():
        if group["modules"]:
            by_tests.setdefault(tuple(group["tests"]), {})[name] = group
    below = False
    for same in by_tests.values():
        run = lua_groups if "lua" in same else python_groups
        for name, tallies in run(same, most, asked.jobs).items():
            below |= _together(name, tallies) < ENOUGH
    return 1 if below else 0


def _together(name: str, tallies: Sequence[Tally]) -> float:
    """Print a group's sum; return its percent."""
    whole = Tally(
        f"{name} together",
        sum(tally.killed for tally in tallies),
        [mutant for tally in tallies for mutant in tally.survived],
        sum(tally.equivalent for tally in tallies),
    )
    _say(whole, sum(tally.seconds for tally in tallies))
    return whole.percent


if __name__ == "__main__":
    sys.exit(main())
