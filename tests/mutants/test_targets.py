"""The targets of mutants: every module of the rooms that they are for, and files that are there."""

from __future__ import annotations

import tomllib
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
TARGETS = tomllib.loads((HERE / "targets.toml").read_text("utf-8"))
WITHOUT_DECISIONS = {"findings/__init__.py"}
WITH_A_CLUSTER = {"ledger/spark.py"}


def named(what: str) -> list[str]:
    return [path for group in TARGETS.values() for path in group[what]]


def test_every_module_of_findings_and_ledger_is_one() -> None:
    rooms = ROOT / "bridge" / "pacsflow"
    there = {
        path.relative_to(rooms).as_posix()
        for room in ("findings", "ledger")
        for path in (rooms / room).glob("*.py")
    }
    targets = {path.removeprefix("bridge/pacsflow/") for path in named("modules")}
    assert there - targets == WITHOUT_DECISIONS | WITH_A_CLUSTER


def test_each_is_named_once_and_is_there() -> None:
    modules, tests = named("modules"), set(named("tests"))
    assert len(modules) == len(set(modules))
    assert [path for path in {*modules, *tests} if not (ROOT / path).is_file()] == []


def test_every_fast_test_of_these_rooms_judges() -> None:
    """Those of findings but for the demo's week; of the ledger all."""
    there = {
        f"tests/{room}/{path.name}"
        for room in ("findings", "ledger")
        for path in (ROOT / "tests" / room).glob("test_*.py")
    }
    assert there - set(named("tests")) == {"tests/findings/test_demo.py"}


def test_what_nobody_can_notice_has_its_line() -> None:
    """A row of `equivalent.tsv` whose line is no longer there says nothing."""
    rows = (HERE / "equivalent.tsv").read_text("utf-8").splitlines()[1:]
    for module, line, old, _, reason in (row.split("\t") for row in rows):
        assert line in {text.strip() for text in (ROOT / module).read_text("utf-8").splitlines()}
        assert old.split()[0] in line
        assert reason
