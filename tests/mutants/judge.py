"""Judges mutants of Python: collects the tests once, and runs those of a mutant in a fork.

A fork has all that is imported, and its own caches, fixtures and folders, in memory where the
system has one. Which tests run a line is followed once, without a mutant.
"""

from __future__ import annotations

import ast
import importlib.abc
import importlib.util
import json
import os
import resource
import shutil
import signal
import sys
import tempfile
import time
from contextlib import suppress
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from in_place import around, defined, exchange, functions_of, mentioning, renew, renewable, spans

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from importlib.machinery import ModuleSpec
    from types import CodeType, FrameType

    from mutate import Mutant

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 20.0
"""Of processor time that the tests of one mutant take together, as measured without it."""
ON_ITS_OWN = ["-x", "-q", "--no-header", "-p", "no:cacheprovider", "-p", "no:xdist", "-p",
              "no:randomly", "--capture=sys", "-m", "not thorough"]  # fmt: skip
OWN = {"__main__", "in_place", "judge", "mutate"}
IN_MEMORY = Path("/dev/shm")  # noqa: S108 - a folder of a random name is made in it


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


Lines = set[tuple[str, int]]


class _Lines:
    """A pytest plugin: which lines of some files each test runs, and how long it takes."""

    def __init__(self, files: set[str]) -> None:
        self.files, self.now = files, Lines()
        self.seen: dict[str, dict[str, Any]] = {}
        self.of_fixtures: dict[str, Lines] = {}

    def _trace(self, frame: FrameType, event: str, _: Any) -> Any:
        if frame.f_code.co_filename not in self.files:
            return None
        if event == "line":
            self.now.add((frame.f_code.co_filename, frame.f_lineno))
        return self._trace

    def begin(self) -> None:
        """Follow lines from here on."""
        self.now = Lines()
        sys.settrace(self._trace)

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: pytest.FixtureDef[Any]) -> Iterator[None]:
        """Keep what a fixture runs for several tests: each of them is its judge."""
        before, self.now = self.now, Lines()
        try:
            return (yield)
        finally:
            if fixturedef.scope != "function":
                self.of_fixtures.setdefault(fixturedef.argname, set()).update(self.now)
            self.now |= before

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        """Follow a test."""
        self.begin()
        begun, at = time.process_time(), time.monotonic()
        try:
            return (yield)
        finally:
            sys.settrace(None)
            for name in getattr(item, "fixturenames", ()):
                self.now |= self.of_fixtures.get(name, set())
            self.seen[item.nodeid] = {
                "lines": sorted(self.now),
                "seconds": time.process_time() - begun,
                "wall": time.monotonic() - at,
            }


def forked(work: Callable[[], int], *, processor: int, wall: float, folder: Path) -> int:
    """Run something in a process of its own; return its exit code, not 0 where it took too long.

    Parameters
    ----------
    processor, wall
        Seconds that it may take.
    folder
        Of its temporary files.
    """
    pid = os.fork()
    if not pid:
        code = 99
        try:
            _settle(processor, folder)
            code = work()
        finally:
            os._exit(code)
    with suppress(OSError):
        os.setpgid(pid, pid)
    until, pause = time.monotonic() + wall, 0.002
    while time.monotonic() < until:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(pause)
        pause = min(0.05, pause * 1.3)
    os.killpg(pid, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def _settle(processor: int, folder: Path) -> None:
    with suppress(OSError):
        os.setpgid(0, 0)
    resource.setrlimit(resource.RLIMIT_CPU, (processor, processor + 1))
    sink = os.open(os.devnull, os.O_WRONLY)
    os.dup2(sink, 1)
    os.dup2(sink, 2)
    os.environ["TMPDIR"] = os.environ["PYTEST_DEBUG_TEMPROOT"] = tempfile.tempdir = str(folder)


def _is_own(module: Any) -> bool:
    """Say whether a module is of this tree: one that lies beside the installed packages."""
    file = getattr(module, "__file__", None) or ""
    return file.startswith(str(ROOT)) and "site-packages" not in file


def _imported_anew(path: Path, text: str, tests: Sequence[str]) -> int:
    """Run tests on modules that are imported anew, one of them changed."""
    for name, module in list(sys.modules.items()):
        if _is_own(module) and name not in OWN:
            del sys.modules[name]
    finder = _Mutated(path, text)
    sys.meta_path.insert(0, finder)
    code = int(pytest.main([*ON_ITS_OWN, *tests]))
    return code if finder.used else 98


class Judge:
    """A pytest plugin that has the tests of a group, and runs of them those that a mutant needs."""

    def __init__(
        self, modules: Sequence[Path], work: Callable[[Judge], None], most: float = SECONDS
    ) -> None:
        self.texts = {str(path): path.read_text("utf-8") for path in modules}
        self.follower, self.work = _Lines(set(self.texts)), work
        self.seen, self.most = dict[str, dict[str, Any]](), most
        self.items: dict[str, pytest.Item] = {}
        self.failed = ""

    def judge(self, tests: Sequence[str]) -> int:
        """Collect tests and do the work with them; return what pytest says of it."""
        with tempfile.TemporaryDirectory(
            dir=IN_MEMORY if os.access(IN_MEMORY, os.W_OK) else None
        ) as folder:
            self.folder = Path(folder)
            self.follower.begin()
            return int(pytest.main([*ON_ITS_OWN, "-q", "--no-summary", *tests], plugins=[self]))

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Do the work, in the place of running all tests."""
        sys.settrace(None)
        if session.testsfailed:
            self.failed = "tests cannot be collected"
            return True
        self.imported = {file: set[int]() for file in self.texts}
        for file, line in self.follower.now:
            self.imported[file].add(line)
        self.functions = functions_of(self.texts)
        self.items = {item.nodeid: item for item in session.items}
        out = self.folder / "lines.json"
        self._forked(lambda: self._follow(session, out), 3600, 7200)
        self.seen = json.loads(out.read_text()) if out.exists() else {}
        if len(self.seen) < len(self.items):
            self.failed = f"a test fails without a mutant: {[*self.seen][-1:]}"
            return True
        for test in self.seen.values():
            lines: dict[str, set[int]] = {}
            for file, line in test["lines"]:
                lines.setdefault(file, set()).add(line)
            test["lines"] = lines
        self.work(self)
        return True

    def _forked(self, work: Callable[[], int], processor: int, wall: float) -> int:
        folder = Path(tempfile.mkdtemp(dir=self.folder))
        try:
            return forked(work, processor=processor, wall=wall, folder=folder)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _follow(self, session: pytest.Session, out: Path) -> int:
        lines = self.follower
        session.config.pluginmanager.register(lines)
        code = _run(session, list(self.items.values()))
        if code:
            lines.seen.pop([*lines.seen][-1])
        out.write_text(json.dumps(lines.seen))
        return code

    def is_noticed(self, path: Path, mutant: Mutant) -> bool:
        """Run the tests that run the mutant's line, those of little else first, until one fails."""
        nodes, whole = list[str](), 0.0
        for node in self._judges_of(str(path), mutant):
            seconds = self.seen[node]["seconds"]
            if nodes and whole + seconds > self.most:
                break
            nodes.append(node)
            whole += seconds
        if not nodes:
            return False
        work = self._changed(path, mutant, nodes)
        return self._forked(work, 8 + round(5 * whole), 60 + 20 * whole) != 0

    def is_broken(self, path: Path) -> bool:
        """Say whether a test fails where a module is imported anew, and is what it was."""
        nodes = [node for node, test in self.seen.items() if str(path) in test["lines"]]
        quick = sorted(nodes, key=lambda node: self.seen[node]["seconds"])[:3]
        work = partial(_imported_anew, path, self.texts[str(path)], quick)
        return bool(quick) and self._forked(work, 60, 600) != 0

    def _changed(self, path: Path, mutant: Mutant, nodes: list[str]) -> Callable[[], int]:
        text = self.texts[str(path)]
        span, changes = around(text, mutant.line), []
        if span and not span.body & self.imported[str(path)]:
            changes = exchange(self.functions, str(path), text, mutant)
        names = set() if span else renewable(str(path), text, mutant.line)
        if not changes and not names:
            return lambda: _imported_anew(path, mutant.applied(text), nodes)
        items = [self.items[node] for node in nodes]

        def changed() -> int:
            for function, code in changes:
                function.__code__ = code
            if names:
                renew(str(path), mutant.applied(text), names)
            return _run(items[0].session, items)

        return changed

    def _dear(self, node: str) -> tuple[int, float]:
        """Return how much of the modules a test runs: those that look at little look closely."""
        return sum(map(len, self.seen[node]["lines"].values())), self.seen[node]["seconds"]

    def _judges_of(self, path: str, mutant: Mutant) -> list[str]:
        """Return the tests that run a mutant's line, or functions that mention what it defines.

        Quick tests that run none at all may look at definitions. Where no function is known that
        mentions what is defined, any test may notice.
        """
        text = self.texts[path]
        ordered = sorted(self.seen, key=self._dear)
        first, last = statement(text, mutant.line)
        lines = set(range(first, last + 1))
        if around(text, mutant.line) and not lines & self.imported[path]:
            return [n for n in ordered if lines & self.seen[n]["lines"].get(path, set())]
        wanted = self._lines_of(path, mutant)
        near = [
            node
            for node in ordered
            if any(lines & self.seen[node]["lines"].get(f, set()) for f, lines in wanted.items())
        ]
        looking = [n for n in ordered if not self.seen[n]["lines"] and self.seen[n]["wall"] < 1]
        return [*looking, *near] if near else ordered

    def _lines_of(self, path: str, mutant: Mutant) -> dict[str, set[int]]:
        text = self.texts[path]
        for span in spans(text):
            if span.head <= mutant.line < span.first:
                return {path: span.body}
        names = defined(text, mutant.line)
        return {file: mentioning(text, names) for file, text in self.texts.items()}


def _run(session: pytest.Session, items: list[pytest.Item]) -> int:
    for item, following in zip(items, [*items[1:], None], strict=True):
        session.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        if session.testsfailed:
            return 1
    return 0


@cache
def _statements(text: str) -> tuple[tuple[int, int], ...]:
    return tuple(
        (n.lineno, n.end_lineno or n.lineno if not hasattr(n, "body") else n.lineno)
        for n in ast.walk(ast.parse(text))
        if isinstance(n, ast.stmt)
    )


def statement(text: str, line: int) -> tuple[int, int]:
    """Return the lines of the smallest statement that a line belongs to."""
    fitting = [span for span in _statements(text) if span[0] <= line <= span[1]]
    if fitting:
        return min(fitting, key=lambda span: span[1] - span[0])
    heads = [span for span in _statements(text) if span[0] <= line]
    return (max(heads)[0], line) if heads else (line, line)
