"""Puts a mutant into a module that is imported already: the code of one function is exchanged.

That spares importing the tree anew for each mutant. It is not possible where the change is outside
of functions, or the function ran while the modules were imported; such mutants import their own.
"""

from __future__ import annotations

import ast
import gc
from functools import cache
from types import CodeType, FunctionType
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

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


@cache
def _alive(path: str) -> dict[tuple[str, int], list[FunctionType]]:
    found: dict[tuple[str, int], list[FunctionType]] = {}
    for thing in gc.get_objects():
        if isinstance(thing, FunctionType) and thing.__code__.co_filename == path:
            code = thing.__code__
            found.setdefault((code.co_qualname, code.co_firstlineno), []).append(thing)
    return found


def _codes(code: CodeType) -> Iterator[CodeType]:
    for part in code.co_consts:
        if isinstance(part, CodeType):
            yield part
            yield from _codes(part)


def exchange(path: str, text: str, mutant: Mutant) -> list[tuple[FunctionType, CodeType]]:
    """Return which functions get which code; none where that cannot be said."""
    span = around(text, mutant.line)
    if span is None:
        return []
    functions = _alive(path).get((span.name, span.head), [])
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
