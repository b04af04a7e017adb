"""The rooms of the house: no import from a lower room to a higher one, no circle between rooms."""

from __future__ import annotations

import ast
from pathlib import Path

import pacsflow
import pacsflow_reports

PACKAGES = (Path(pacsflow.__file__).parent, Path(pacsflow_reports.__file__).parent)
FLOORS = (
    {"__version__", "errors", "printable", "series", "sampling", "terms", "threads", "lean"},
    {"agents", "outputs", "rollback", "site"},
    {"workers"},
    {"forecasting"},
    {"programs"},
    {"readers"},
    {"inventory"},
    {"pseudonyms"},
    {"ledger"},
    {"week"},
    {"findings"},
    {"report"},
    {"configuration"},
    {"words"},
    {"explore", "export", "simulator"},
    {"pacsflow_reports"},
    {"library", "service"},
    {"cli", "pacsflow"},
    {"__main__"},
)
"""The rooms from the ground up; those of one floor import nothing of each other.

docs/architecture.md says what each is for.
"""
FLOOR = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}


def room_of(path: Path, package: Path) -> str:
    parts = path.relative_to(package).with_suffix("").parts
    return package.name if package.name != "pacsflow" else parts[0].replace("__init__", "pacsflow")


def named(node: ast.AST) -> list[str]:
    """Return the modules of ours that a statement imports, also inside functions."""
    if isinstance(node, ast.ImportFrom) and node.module and not node.level:
        if node.module == "pacsflow":
            return [f"pacsflow.{alias.name}" for alias in node.names]
        return [node.module]
    return [alias.name for alias in node.names] if isinstance(node, ast.Import) else []


def imports() -> list[tuple[str, str, str]]:
    """Return every import between two rooms: the module, its room, and the room imported."""
    found = []
    for package in PACKAGES:
        for path in sorted(package.rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                for module in named(node):
                    head, _, rest = module.partition(".")
                    room = rest.split(".")[0] if head == "pacsflow" else head
                    own = room_of(path, package)
                    if head in {"pacsflow", "pacsflow_reports"} and room and room != own:
                        found.append((f"{package.name}/{path.relative_to(package)}", own, room))
    return found


def test_every_room_has_its_floor() -> None:
    rooms = {room_of(path, package) for package in PACKAGES for path in package.rglob("*.py")}
    assert rooms <= set(FLOOR)
    assert set(FLOOR) <= rooms | {"__version__"}, "a room that is no longer there"


def test_a_room_imports_from_lower_rooms_alone() -> None:
    found = imports()
    assert len(found) > 300
    wrong = [f"{path} imports {room}" for path, own, room in found if FLOOR[room] >= FLOOR[own]]
    assert not wrong, "\n".join(wrong)


def test_the_check_finds_what_it_is_for() -> None:
    tree = ast.parse("def f():\n    from pacsflow.findings import access\n")
    assert [module for node in ast.walk(tree) for module in named(node)] == ["pacsflow.findings"]
    assert FLOOR["findings"] > FLOOR["week"]


def test_every_room_is_in_the_architecture() -> None:
    document = PACKAGES[0].parents[1] / "docs" / "architecture.md"
    text = document.read_text("utf-8")
    rooms = {room for room in FLOOR if not room.startswith("__")}
    assert not [room for room in sorted(rooms) if f"`{room}" not in text]
