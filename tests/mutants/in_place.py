"""Puts a mutant into a module that is imported already: the code of one function is exchanged.

Or a module's plain values are. That spares importing the tree anew for each mutant. It is not
possible where the change is elsewhere, or ran while the modules were imported; such mutants import
their own.
"""

from __future__ import annotations

import ast
import gc
import sys
from functools import cache
from types import CodeType, FunctionType
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from types import ModuleType

    from mutate import Mutant

Function = ast.FunctionDef | ast.AsyncFunctionDef


class Span(NamedTuple):
    """Lines of a function of a module or class; `head` is that of its first decorator."""

    name: str
    head: int
    first: int
    last: int

    @property
    def body(self) -> set[int]:
        """The lines that run when it is called."""
        return set(range(self.first, self.last + 1))


@cache
def spans(text: str) -> tuple[Span, ...]:
    """Return the functions of a module and of its classes, those inside of them left out."""
    return tuple(_spans(ast.parse(text), ""))


def _spans(of: ast.Module | ast.ClassDef, prefix: str) -> Iterator[Span]:
    for node in of.body:
        if isinstance(node, ast.ClassDef):
            yield from _spans(node, f"{prefix}{node.name}.")
        elif isinstance(node, Function):
            head = min([node.lineno, *(d.lineno for d in node.decorator_list)])
            last = node.end_lineno or node.lineno
            yield Span(prefix + node.name, head, node.body[0].lineno, last)


def around(text: str, line: int) -> Span | None:
    """Return the function in whose body a line is; None where it is in none."""
    return next((span for span in spans(text) if span.first <= line <= span.last), None)


def mentioning(text: str, names: set[str]) -> set[int]:
    """Return the lines of the functions of a module that mention one of some names."""
    nodes = [
        node.lineno
        for node in ast.walk(ast.parse(text))
        if (isinstance(node, ast.Name) and node.id in names)
        or (isinstance(node, ast.Attribute) and node.attr in names)
    ]
    return {line for span in spans(text) if span.body.intersection(nodes) for line in span.body}


Functions = dict[tuple[str, str, int], list[FunctionType]]
"""By file, name and first line."""


def functions_of(paths: Iterable[str]) -> Functions:
    """Return the functions of some modules, wherever they are bound.

    No other thread may run meanwhile: an object that one is about to make is among the collector's,
    and whoever holds it spoils its making.
    """
    wanted, found = set(paths), Functions()
    for thing in gc.get_objects():
        if isinstance(thing, FunctionType) and thing.__code__.co_filename in wanted:
            code = thing.__code__
            name = code.co_filename, code.co_qualname, code.co_firstlineno
            found.setdefault(name, []).append(thing)
    return found


def _codes(code: CodeType) -> Iterator[CodeType]:
    for part in code.co_consts:
        if isinstance(part, CodeType):
            yield part
            yield from _codes(part)


def exchange(
    every: Functions, path: str, text: str, mutant: Mutant
) -> list[tuple[FunctionType, CodeType]]:
    """Return which functions get which code; none where that cannot be said."""
    span = around(text, mutant.line)
    if span is None:
        return []
    functions = every.get((path, span.name, span.head), [])
    module = compile(mutant.applied(text), path, "exec", dont_inherit=True)
    mutated = [
        code
        for code in _codes(module)
        if (code.co_qualname, code.co_firstlineno) == (span.name, span.head)
    ]
    if len(mutated) != 1:
        return []
    made = mutated[0]
    if any(function.__code__.co_freevars != made.co_freevars for function in functions):
        return []
    return [(function, made) for function in functions]


def _outside(body: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield statements, and those of classes; of functions none."""
    for node in body:
        yield node
        if isinstance(node, ast.ClassDef):
            yield from _outside(node.body)


@cache
def defined(text: str, line: int) -> set[str]:
    """Return the names outside of functions that a line gives a value, or has a part in it.

    The line of a function has, too, that is called when the module is imported.
    """
    given = [
        (node, _names([node]))
        for node in _outside(ast.parse(text).body)
        if isinstance(node, ast.Assign | ast.AnnAssign | ast.FunctionDef)
    ]
    names, through = set[str](), set[str]()
    for node, used in given:
        if not (node.lineno <= line <= (node.end_lineno or 0) or used & (names | through)):
            continue
        if isinstance(node, ast.FunctionDef):
            through.add(node.name)
        else:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names |= {target.id for target in targets if isinstance(target, ast.Name)}
    return names


def _names(nodes: Iterable[ast.AST]) -> set[str]:
    return {n.id for node in nodes for n in ast.walk(node) if isinstance(n, ast.Name)}


def _used_at_once(of: ast.AST) -> set[str]:
    """Return the names that a statement uses when a module is imported, but for assignments'."""
    if isinstance(of, Function):
        return _names([*of.decorator_list, of.args])
    if isinstance(of, ast.ClassDef):
        return _names([*of.decorator_list, *of.bases]).union(*map(_used_at_once, of.body))
    return _names([of])


def _is_plain(value: object) -> bool:
    if isinstance(value, dict):
        return all(_is_plain(item) for pair in value.items() for item in pair)
    if isinstance(value, tuple | list | set | frozenset):
        return all(map(_is_plain, value))
    return value is None or isinstance(value, str | bytes | int | float | range)


def _module(path: str) -> ModuleType | None:
    named = [m for m in list(sys.modules.values()) if getattr(m, "__file__", None) == path]
    return named[0] if named else None


def renewable(path: str, text: str, line: int) -> set[str]:
    """Return the names of what a line changes, where they are plain values of this module alone."""
    names, module = defined(text, line), _module(path)
    others = [s for s in ast.parse(text).body if not isinstance(s, ast.Assign | ast.AnnAssign)]
    if module is None or names & set().union(*map(_used_at_once, others)):
        return set()
    mine = {name: getattr(module, name, module) for name in names}
    elsewhere = any(
        vars(other).get(name) is value
        for other in list(sys.modules.values())
        if other is not module and hasattr(other, "__dict__")
        for name, value in mine.items()
    )
    return names if not elsewhere and all(map(_is_plain, mine.values())) else set()


def renew(path: str, text: str, names: set[str]) -> None:
    """Give a module the values that its changed source has for these names."""
    module = _module(path)
    assert module
    made = {"__name__": module.__name__, "__file__": path, "__package__": module.__package__}
    exec(compile(text, path, "exec", dont_inherit=True), made)  # noqa: S102 - a mutant of ours
    for name in names:
        setattr(module, name, made[name])
