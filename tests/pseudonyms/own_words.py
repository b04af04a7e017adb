"""Gathers the words of what pacsflow says; run as a program it writes them anew."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pacsflow

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGE = Path(pacsflow.__file__).parent
FILE = PACKAGE / "pseudonyms" / "own_words.txt"
SPEAKING = ("agents.py", "errors.py", "inventory.py", "outputs.py", "sampling.py", "site.py", "cli",
            "configuration", "forecasting", "ledger", "programs", "readers", "service",
            "words/notes.py")  # fmt: skip
"""Modules and rooms whose sentences may be told under a key."""
WORD = re.compile(r"(?<![\w.%\\/{-])[A-Za-z][A-Za-z'-]*(?![\w/\\(-])")


def modules() -> Iterator[Path]:
    for name in SPEAKING:
        place = PACKAGE / name
        yield from sorted(place.rglob("*.py")) if place.is_dir() else [place]


def _docstrings(tree: ast.AST) -> set[int]:
    """Return the nodes of strings that stand as statements."""
    return {id(n.value) for n in ast.walk(tree) if isinstance(n, ast.Expr)}


def words() -> set[str]:
    """Return every word of every sentence: a string with a blank in it that is no SQL."""
    found: set[str] = set()
    for path in modules():
        tree = ast.parse(path.read_text("utf-8"))
        others = _docstrings(tree)
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                text = node.value
                if " " in text.strip() and id(node) not in others and "SELECT" not in text:
                    found.update(WORD.findall(text))
    return {word.strip("'-") for word in found} - {""}


def text() -> str:
    return "".join(f"{word}\n" for word in sorted(words()))


if __name__ == "__main__":
    FILE.write_text(text(), encoding="ascii")
