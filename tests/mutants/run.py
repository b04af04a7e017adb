"""Runs mutants: how many of them the unit tests of their module notice.

``make mutants`` takes of each group of `targets.toml` all, or a sample where it names one, the same
on every machine as long as the modules are; ``ARGS="findings --all"`` takes all of a group. Of a
mutant run the tests that run its line, the quickest first, as many as take `SECONDS`. It is killed
where one fails, or all take several times their time. What cannot be noticed, because it changes
nothing that anybody could see, stands in `equivalent.tsv` with the reason, and does not count.
"""

from __future__ import annotations

import argparse
import importlib.abc
import importlib.util
import io
import json
import os
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from concurrent.futures import ThreadPoolExecutor
from contextlib import redirect_stdout, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).parent))

from mutate import Mutant, of_lua, of_python

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from importlib.machinery import ModuleSpec
    from types import CodeType, FrameType

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
ENOUGH = 85.0
"""Percent of the mutants of a group that have to be killed."""
SECONDS = 10.0
"""Of processor time that the tests of one mutant take together, as measured without it."""
ON_ITS_OWN = ["-x", "-q", "--no-header", "-p", "no:cacheprovider", "-p", "no:xdist", "-p",
              "no:randomly"]  # fmt: skip


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


class _Mutated(importlib.abc.MetaPathFinder, importlib.abc.SourceLoader):
    """Gives one module with another source."""

    def __init__(self, path: Path, text: str) -> None:
        self.path, self.text, self.used = path, text, False

    def find_spec(self, name: str, path: Any, target: Any = None) -> ModuleSpec | None:  # noqa: ARG002
        where = ROOT / "bridge" / Path(*name.split("."))
        for file in (where.with_suffix(".py"), where / "__init__.py"):
            if file == self.path:
                self.used = True
                folders = [str(file.parent)] if file.name == "__init__.py" else None
                return importlib.util.spec_from_file_location(
                    name, file, loader=self, submodule_search_locations=folders
                )
        return None

    def get_filename(self, fullname: str) -> str:  # noqa: ARG002
        return str(self.path)

    def get_data(self, path: str) -> bytes:
        return self.text.encode() if path == str(self.path) else Path(path).read_bytes()

    def path_stats(self, path: str) -> Any:  # noqa: ARG002
        raise OSError  # no compiled code is kept of it

    def get_code(self, fullname: str) -> CodeType:  # noqa: ARG002
        return compile(self.text, str(self.path), "exec", dont_inherit=True)


class _Lines:
    """A pytest plugin: which lines of some files each test runs, and how long it takes."""

    def __init__(self, files: set[str]) -> None:
        self.files, self.seen = files, dict[str, dict[str, Any]]()
        self.now: set[tuple[str, int]] = set()

    def _trace(self, frame: FrameType, event: str, _: Any) -> Any:
        if frame.f_code.co_filename not in self.files:
            return None
        if event == "line":
            self.now.add((frame.f_code.co_filename, frame.f_lineno))
        return self._trace

    def pytest_runtest_protocol(self) -> None:
        self.now = set()
        self.begun = time.process_time()
        sys.settrace(self._trace)

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        sys.settrace(None)
        seconds = time.process_time() - self.begun
        self.seen[nodeid] = {"lines": sorted(self.now), "seconds": seconds}


def _child(work: Any, limit: int | None = None, log: Path | None = None) -> int:
    """Run something in a process of its own; return its exit code."""
    pid = os.fork()
    if pid:
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    code = 99
    try:
        if limit is not None:
            resource.setrlimit(resource.RLIMIT_CPU, (limit, limit + 1))
        sink = os.open(log or os.devnull, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(sink, 1)
        os.dup2(sink, 2)
        code = int(work())
    finally:
        os._exit(code)


def _baseline(tests: Sequence[str], files: Sequence[Path], out: Path) -> int:
    import pytest

    lines = _Lines({str(path) for path in files})
    code = pytest.main([*ON_ITS_OWN, *tests], plugins=[lines])
    out.write_text(json.dumps({"tests": lines.seen, "imported": _foreign()}))
    return int(code)


def _is_own(module: Any) -> bool:
    """Say whether a module is of this tree: one that lies beside the installed packages."""
    file = getattr(module, "__file__", None) or ""
    return file.startswith(str(ROOT)) and "site-packages" not in file


def _foreign() -> list[str]:
    """Return the modules that tests import and that are not this tree's."""
    return [
        name
        for name, module in list(sys.modules.items())
        if getattr(module, "__file__", None)
        and getattr(module, "__name__", "") == name
        and not _is_own(module)
    ]


def _of_mutant(path: Path, text: str, tests: Sequence[str]) -> int:
    import pytest

    finder = _Mutated(path, text)
    sys.meta_path.insert(0, finder)
    code = int(pytest.main([*ON_ITS_OWN, *tests]))
    return code if finder.used else 98


def _chosen(
    name: str, modules: Sequence[Path], of: Callable[[str], list[Mutant]], most: int
) -> list[tuple[Path, str, list[Mutant]]]:
    """Return each module's text and mutants, or of all of them a sample whose seed is the name."""
    texts = {path: path.read_text("utf-8") for path in modules}
    every = [(path, mutant) for path, text in texts.items() for mutant in of(text)]
    some = every if len(every) <= most else random.Random(name).sample(every, most)
    print(f"{name}: {len(some)} of {len(every)} mutants", flush=True)
    return [
        (path, text, sorted(mutant for p, mutant in some if p == path))
        for path, text in texts.items()
    ]


def _equivalents() -> set[tuple[str, str, str, str]]:
    rows = (HERE / "equivalent.tsv").read_text("utf-8").splitlines()
    return {tuple(row.split("\t")[:4]) for row in rows if row and not row.startswith("#")}  # type: ignore[misc]


def _known(module: str, text: str, mutant: Mutant, known: set[tuple[str, str, str, str]]) -> bool:
    line = text.splitlines()[mutant.line - 1].strip()
    return (module, line, " ".join(mutant.old.split()), " ".join(mutant.new.split())) in known


def python_group(name: str, group: dict[str, Any], most: int, jobs: int) -> list[Tally]:
    """Run the mutants of a group of Python modules."""
    modules = [ROOT / module for module in group["modules"]]
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "lines.json"
        code = _child(lambda: _baseline(group["tests"], modules, out), log=Path(folder) / "log")
        if code:
            sys.exit(
                f"{name}: the tests fail without a mutant:\n{(Path(folder) / 'log').read_text()}"
            )
        known = json.loads(out.read_text())
    seen = known["tests"]
    _warm_up(group["tests"], known["imported"])
    whole = sum(test["seconds"] for test in seen.values())
    print(f"{name}: {len(seen)} tests, {whole:.1f} s with their lines followed", flush=True)
    return [
        _tally(path, text, mutants, partial(_is_noticed, path, seen), jobs)
        for path, text, mutants in _chosen(name, modules, of_python, most)
    ]


def _warm_up(tests: Sequence[str], imported: Sequence[str]) -> None:
    """Import what each mutant's tests import besides this tree's modules: it is a fork that has it.

    What pytest itself does once takes longer than most tests, so it collects them here, too.
    """
    import pytest

    for name in imported:
        with suppress(Exception):
            importlib.import_module(name)
    with redirect_stdout(io.StringIO()):
        pytest.main([*ON_ITS_OWN, "--collect-only", *tests])
    for name, module in list(sys.modules.items()):
        if _is_own(module) and name not in {"__main__", "mutate"}:
            del sys.modules[name]


def _is_noticed(path: Path, seen: dict[str, Any], text: str, mutant: Mutant) -> bool:
    """Run the tests that run the mutant's line, the quickest first, until one fails."""
    covering = [
        (test["seconds"], node)
        for node, test in seen.items()
        if _runs(test["lines"], str(path), mutant, text)
    ]
    if not covering:
        return False
    nodes, whole = list[str](), 0.0
    for seconds, node in sorted(covering):
        if nodes and whole + seconds > SECONDS:
            break
        nodes.append(node)
        whole += seconds
    limit = 8 + round(5 * whole)
    return _child(lambda: _of_mutant(path, mutant.applied(text), nodes), limit) != 0


def _runs(lines: list[tuple[str, int]], path: str, mutant: Mutant, text: str) -> bool:
    """Say whether a test may run the line of a mutant: any may, where it is no function's."""
    own = {line for file, line in lines if file == path}
    first, last = _statement(text, mutant.line)
    return not _inside(text, mutant.line) or bool(own & set(range(first, last + 1)))


_TREES: dict[str, Any] = {}


def _nodes(text: str) -> Any:
    import ast

    if text not in _TREES:
        tree = ast.parse(text)
        functions = [
            (n.body[0].lineno, n.end_lineno)
            for n in ast.walk(tree)
            if isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef))
        ]
        simple = [
            (n.lineno, n.end_lineno if not hasattr(n, "body") else n.lineno)
            for n in ast.walk(tree)
            if isinstance(n, ast.stmt)
        ]
        _TREES[text] = (functions, simple)
    return _TREES[text]


def _inside(text: str, line: int) -> bool:
    return any(first <= line <= last for first, last in _nodes(text)[0])


def _statement(text: str, line: int) -> tuple[int, int]:
    """Return the lines of the smallest statement that a line belongs to."""
    fitting = [span for span in _nodes(text)[1] if span[0] <= line <= span[1]]
    if fitting:
        return min(fitting, key=lambda span: span[1] - span[0])
    heads = [span for span in _nodes(text)[1] if span[0] <= line]
    return (max(heads)[0], line) if heads else (line, line)


def lua_group(name: str, group: dict[str, Any], most: int, jobs: int) -> list[Tally]:
    """Run the mutants of a group of Lua modules, in the first Lua that there is."""
    lua = next(found for name in ("lua5.4", "lua5.2") if (found := shutil.which(name)))
    tests = [ROOT / test for test in group["tests"]]
    for test in tests:
        if _lua_fails(lua, test, ROOT / "wireshark_plugin" / "src"):
            sys.exit(f"{name}: {test.name} fails without a mutant")
    modules = [ROOT / module for module in group["modules"]]
    return [
        _tally(path, text, mutants, partial(_is_noticed_in_lua, lua, path, tests), jobs)
        for path, text, mutants in _chosen(name, modules, of_lua, most)
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
    counted = [m for m in chosen if not _known(tally.module, text, m, known)]
    tally.equivalent = len(chosen) - len(counted)
    with ThreadPoolExecutor(jobs) as pool:
        for mutant, noticed in zip(
            counted, pool.map(partial(is_noticed, text), counted), strict=True
        ):
            if noticed:
                tally.killed += 1
            else:
                tally.survived.append(mutant)
                line = text.splitlines()[mutant.line - 1].strip()
                old, new = (" ".join(part.split()) for part in (mutant.old, mutant.new))
                print(f"  {tally.module}:{mutant.line}\t{line}\t{old}\t{new}", flush=True)
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
    parser.add_argument("--module", default="", help="modules whose path has this in it alone")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    asked = parser.parse_args()
    os.chdir(ROOT)
    sys.path[:0] = [str(ROOT / part) for part in ("bridge", "reports", "tests")]
    below = False
    for name in asked.groups or targets:
        group = dict(targets[name])
        group["modules"] = [module for module in group["modules"] if asked.module in module]
        if not group["modules"]:
            continue
        run = lua_group if group["modules"][0].endswith(".lua") else python_group
        most = sys.maxsize if asked.all else asked.most or group.get("sample", sys.maxsize)
        below |= _together(name, run(name, group, most, asked.jobs)) < ENOUGH
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
