"""Help as text: a list by use, folded between words, so that nothing is cut in any terminal."""

from __future__ import annotations

import inspect
import shutil
from typing import TYPE_CHECKING

from typer.core import TyperCommand, TyperGroup

from pacsflow.cli.tables import fold

if TYPE_CHECKING:
    from collections.abc import Iterator

    from typer._click import Command, Context, HelpFormatter

NARROW, MOST = 72, 100
"""Columns: with fewer, what a name is for stands below it; more are not used."""
NAMES = 30
"""Columns that names have at most before what they are for stands below them."""


class Told(TyperCommand):
    """A command whose help is whole."""

    def format_help(self, ctx: Context, formatter: HelpFormatter) -> None:
        """Write usage, purpose and options."""
        formatter.write("\n".join(_lines(self, ctx)))


class ToldGroup(TyperGroup):
    """A command of several parts, whose help is whole."""

    def format_help(self, ctx: Context, formatter: HelpFormatter) -> None:
        """Write usage, purpose, options and the parts."""
        formatter.write("\n".join(_lines(self, ctx)))


def _lines(command: Command, ctx: Context) -> Iterator[str]:
    width = min(shutil.get_terminal_size().columns, MOST)
    usage = " ".join(["Usage:", ctx.command_path, *command.collect_usage_pieces(ctx)])
    yield from fold(usage, width)
    for paragraph in inspect.cleandoc(command.help or "").split("\n\n"):
        yield ""
        yield from fold(" ".join(paragraph.split()), width)
    for panel, rows in _panels(command, ctx).items():
        yield from ("", f"{panel}:", *_listed(rows, width))


def _panels(command: Command, ctx: Context) -> dict[str, list[tuple[str, str]]]:
    """Return names and what they are for, by what they are used for."""
    panels: dict[str, list[tuple[str, str]]] = {}
    for param in command.get_params(ctx):
        usual = "Options" if param.param_type_name == "option" else "Arguments"
        if record := param.get_help_record(ctx):
            panels.setdefault(getattr(param, "rich_help_panel", None) or usual, []).append(record)
    if isinstance(command, TyperGroup):
        for name in command.list_commands(ctx):
            if part := command.get_command(ctx, name):
                panel = getattr(part, "rich_help_panel", None) or "Commands"
                panels.setdefault(panel, []).append((name, part.get_short_help_str(limit=200)))
    return panels


def _listed(rows: list[tuple[str, str]], width: int) -> Iterator[str]:
    longest = max(len(name) for name, _ in rows)
    start = 6 if width < NARROW else min(longest, NAMES) + 4
    for name, told in rows:
        first, *rest = fold(" ".join(told.split()), width - start)
        if len(name) + 4 <= start:
            yield f"  {name:<{start - 2}}{first}".rstrip()
        else:
            yield from (f"  {line}" for line in fold(name.replace("|", " | "), width - 2))
            yield f"{'':{start}}{first}".rstrip()
        yield from (f"{'':{start}}{line}" for line in rest)
