"""Makes mutants of Python and Lua: one small change each, as text, where a test should notice.

Half of what the findings and the ledger decide is SQL inside of strings, which mutmut and
cosmic-ray change as a whole or not at all (a query that does not parse is found by any test): here
comparisons, operators, functions and numbers inside of it are changed as those of Python are.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True, slots=True, order=True)
class Mutant:
    """A change: the characters from `start` to `end` become `new`."""

    start: int
    end: int
    old: str
    new: str
    line: int
    """From 1."""

    def applied(self, text: str) -> str:
        """Return the source with the change."""
        return text[: self.start] + self.new + text[self.end :]


COMPARED: dict[type[ast.cmpop], tuple[str, str]] = {
    ast.Lt: ("<", "<="), ast.LtE: ("<=", "<"), ast.Gt: (">", ">="), ast.GtE: (">=", ">"),
    ast.Eq: ("==", "!="), ast.NotEq: ("!=", "=="), ast.Is: ("is", "is not"),
    ast.IsNot: ("is not", "is"), ast.In: ("in", "not in"), ast.NotIn: ("not in", "in"),
}  # fmt: skip
OPERATED: dict[type[ast.operator], tuple[str, str]] = {
    ast.Add: ("+", "-"), ast.Sub: ("-", "+"), ast.Mult: ("*", "/"), ast.Div: ("/", "*"),
    ast.FloorDiv: ("//", "*"), ast.Mod: ("%", "*"), ast.BitAnd: ("&", "|"), ast.BitOr: ("|", "&"),
    ast.LShift: ("<<", ">>"), ast.RShift: (">>", "<<"), ast.BitXor: ("^", "|"),
}  # fmt: skip
CALLED = {"min": "max", "max": "min", "any": "all", "all": "any", "minimum": "maximum",
          "maximum": "minimum"}  # fmt: skip
SEVERITIES = ("INFO", "LOW", "MEDIUM", "HIGH", "CRITICAL")
WORD = re.compile(r"[a-z0-9_?-]{1,40}")


class _Places:
    """Where lines and columns (of UTF-8, as `ast` counts them) are in the text."""

    def __init__(self, text: str) -> None:
        self.lines = text.splitlines(keepends=True)
        self.starts = [0]
        for line in self.lines:
            self.starts.append(self.starts[-1] + len(line))

    def of(self, line: int, column: int) -> int:
        head = self.lines[line - 1].encode()[:column].decode()
        return self.starts[line - 1] + len(head)


class _Python(ast.NodeVisitor):
    def __init__(self, text: str) -> None:
        self.text, self.places, self.found = text, _Places(text), list[Mutant]()

    def _span(self, node: ast.AST) -> tuple[int, int]:
        end = self.places.of(node.end_lineno, node.end_col_offset)  # type: ignore[attr-defined]
        return self.places.of(node.lineno, node.col_offset), end  # type: ignore[attr-defined]

    def _add(self, start: int, end: int, new: str) -> None:
        line = self.text.count("\n", 0, start) + 1
        self.found.append(Mutant(start, end, self.text[start:end], new, line))

    def _between(self, left: ast.AST, right: ast.AST, old: str, new: str) -> None:
        """Change an operator, which stands between two operands."""
        after, before = self._span(left)[1], self._span(right)[0]
        where = re.search(rf"(?<!\w){re.escape(old)}(?!\w)", self.text[after:before])
        if where:
            self._add(after + where.start(), after + where.end(), new)

    def visit_JoinedStr(self, node: ast.JoinedStr) -> None:
        """Leave f-strings to `_of_sql`: their places are not known before Python 3.12."""

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if node.value:
            self.visit(node.value)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        for part in (*node.args.defaults, *filter(None, node.args.kw_defaults), *node.body):
            self.visit(part)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        for part in node.body:
            self.visit(part)

    def visit_Compare(self, node: ast.Compare) -> None:
        operands = [node.left, *node.comparators]
        for left, kind, right in zip(operands, node.ops, operands[1:], strict=False):
            self._between(left, right, *COMPARED[type(kind)])
        self.generic_visit(node)

    def visit_BoolOp(self, node: ast.BoolOp) -> None:
        old, new = ("and", "or") if isinstance(node.op, ast.And) else ("or", "and")
        for left, right in zip(node.values, node.values[1:], strict=False):
            self._between(left, right, old, new)
        self.generic_visit(node)

    def visit_BinOp(self, node: ast.BinOp) -> None:
        if type(node.op) in OPERATED:
            self._between(node.left, node.right, *OPERATED[type(node.op)])
        self.generic_visit(node)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> None:
        start, end = self._span(node)
        if isinstance(node.op, (ast.Not, ast.Invert, ast.USub)):
            operand = self._span(node.operand)
            self._add(start, end, self.text[operand[0] : operand[1]])
        self.generic_visit(node)

    def visit_If(self, node: ast.If) -> None:
        if not (isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"):
            self._negate(node.test)
        self.generic_visit(node)

    def visit_While(self, node: ast.While) -> None:
        self._negate(node.test)
        self.generic_visit(node)

    def visit_IfExp(self, node: ast.IfExp) -> None:
        self._negate(node.test)
        self.generic_visit(node)

    def visit_comprehension(self, node: ast.comprehension) -> None:
        for test in node.ifs:
            self._negate(test)
        self.generic_visit(node)

    def _negate(self, test: ast.expr) -> None:
        if not isinstance(test, (ast.Compare, ast.UnaryOp)):  # those have mutants of their own
            start, end = self._span(test)
            self._add(start, end, f"(not ({self.text[start:end]}))")

    def visit_Constant(self, node: ast.Constant) -> None:
        start, end = self._span(node)
        value = node.value
        if isinstance(value, bool):
            self._add(start, end, str(not value))
        elif isinstance(value, int):
            self._add(start, end, str(value + 1))
        elif isinstance(value, float):
            self._add(start, end, repr(value * 1.5 + 1e-9 * (not value)))
        elif isinstance(value, str) and WORD.fullmatch(value):
            self._add(start, end, repr(value + "~"))

    def visit_Call(self, node: ast.Call) -> None:
        called = node.func
        name = called.id if isinstance(called, ast.Name) else getattr(called, "attr", "")
        if name in CALLED:
            end = self._span(called)[1]
            self._add(end - len(name), end, CALLED[name])
        self.generic_visit(node)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        if isinstance(node.value, ast.Name) and node.value.id == "Severity":
            end = self._span(node)[1]
            other = SEVERITIES[SEVERITIES.index(node.attr) - 1]
            self._add(end - len(node.attr), end, other)
        self.generic_visit(node)

    def visit_Expr(self, node: ast.Expr) -> None:
        if isinstance(node.value, ast.Call):
            self._add(*self._span(node), "pass")
        if not isinstance(node.value, ast.Constant):  # a docstring
            self.generic_visit(node)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        self._add(*self._span(node), "pass")
        self.generic_visit(node)

    def visit_Continue(self, node: ast.Continue) -> None:
        self._add(*self._span(node), "break")

    def visit_Break(self, node: ast.Break) -> None:
        self._add(*self._span(node), "continue")


SQL = re.compile(r"\b(SELECT|FROM|WHERE|CASE|HAVING|COALESCE|list_contains|QUALIFY)\b")
IN_SQL: tuple[tuple[str, str], ...] = (
    (r"<=", "<"), (r">=", ">"), (r"(?<![<>-])<(?![=>])", "<="), (r"(?<![<>-])>(?![=>])", ">="),
    (r"<>", "="), (r"(?<![<>:!=$])=(?!=)", "<>"), (r"\bAND\b", "OR"),
    (r"\bOR\b(?! REPLACE)", "AND"),
    (r"\bIS NOT NULL\b", "IS NULL"), (r"\bIS NULL\b", "IS NOT NULL"), (r"\bNOT (?!NULL|IN)", ""),
    (r" \+ ", " - "), (r" - ", " + "), (r" \* (?!FROM|EXCLUDE)", " / "), (r" / ", " * "),
    (r"\bmin\(", "max("), (r"\bmax\(", "min("), (r"\bsum\(", "max("), (r"\bleast\(", "greatest("),
    (r"\bgreatest\(", "least("), (r"\barg_min\(", "arg_max("), (r"\barg_max\(", "arg_min("),
    (r"\bbool_or\(", "bool_and("), (r"\bbool_and\(", "bool_or("), (r"\bDESC\b", ""),
    (r"\bDISTINCT ", ""), (r"\bUNION ALL\b", "UNION"), (r"\bLEFT JOIN\b", "JOIN"),
    (r"(?<![\w.$%{'])\d+(?![\w.'}])", "+1"),
)  # fmt: skip


def _of_sql(text: str) -> Iterator[Mutant]:
    """Yield changes inside of the strings that hold SQL, but for what f-strings put in."""
    places = _Places(text)
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type != tokenize.STRING or not SQL.search(token.string):
            continue
        if not re.match(r"[fr]*(\"|')", token.string) or token.string.startswith('"""Return'):
            continue
        base = places.starts[token.start[0] - 1] + token.start[1]
        inside = re.sub(r"\{[^{}]*\}", lambda hole: "\0" * len(hole[0]), token.string)
        for pattern, new in IN_SQL:
            for hit in re.finditer(pattern, inside):
                made = str(int(hit[0]) + 1) if new == "+1" else new
                start, end = base + hit.start(), base + hit.end()
                yield Mutant(start, end, hit[0], made, text.count("\n", 0, start) + 1)


def of_python(text: str) -> list[Mutant]:
    """Return the mutants of a Python module, those of the SQL in it among them."""
    tree = ast.parse(text)
    visitor = _Python(text)
    visitor.visit(tree)
    docstrings = {
        line
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        for line in range(node.lineno, (node.end_lineno or node.lineno) + 1)
    }
    found = [*visitor.found, *_of_sql(text)]
    return sorted({m for m in found if m.line not in docstrings and m.old != m.new})


IN_LUA: tuple[tuple[str, str], ...] = (
    (r"<=", "<"), (r">=", ">"), (r"<(?!=)", "<="), (r">(?!=)", ">="), (r"==", "~="), (r"~=", "=="),
    (r"\band\b", "or"), (r"\bor\b", "and"), (r"\bnot ", ""), (r" \+ ", " - "), (r" - ", " + "),
    (r" \* ", " / "), (r" / ", " * "), (r" % ", " * "), (r"\btrue\b", "false"),
    (r"\bfalse\b", "true"), (r"\bmath\.min\b", "math.max"), (r"\bmath\.max\b", "math.min"),
    (r"\bbreak\b", ""), (r"(?<![\w.])0x[0-9a-fA-F]+\b", "+1"), (r"(?<![\w.])\d+(?![\w.])", "+1"),
    (r"(?<=\bif )[^\n]+?(?= then\b)", "!"),
)  # fmt: skip
LUA_QUIET = re.compile(r"--\[\[.*?\]\]|--[^\n]*|\"(?:\\.|[^\"\\\n])*\"|\[\[.*?\]\]", re.DOTALL)


def of_lua(text: str) -> list[Mutant]:
    """Return the mutants of a Lua module; comments and strings stay as they are."""
    plain = LUA_QUIET.sub(lambda quiet: re.sub(r"[^\n]", "\0", quiet[0]), text)
    found = set()
    for pattern, new in IN_LUA:
        for hit in re.finditer(pattern, plain):
            old = text[hit.start() : hit.end()]
            if new == "+1":
                made = hex(int(old, 16) + 1) if old.startswith("0x") else str(int(old) + 1)
            else:
                made = f"not ({old})" if new == "!" else new
            line = text.count("\n", 0, hit.start()) + 1
            found.add(Mutant(hit.start(), hit.end(), old, made, line))
    return sorted(found)
