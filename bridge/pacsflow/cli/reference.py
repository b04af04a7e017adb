"""The commands as a document: `python -m pacsflow.cli.reference > docs/commands.md`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from pacsflow.cli.commands import every

if TYPE_CHECKING:
    from collections.abc import Iterator

    from typer._click import Command

HEAD = """\
# Commands

Written by `python -m pacsflow.cli.reference`. `-h` shows the same; `pacsflow --install-completion`
makes a TAB offer commands, options and values. Exit codes: 0 done, 1 findings with `--fail-on`, 2
wrong use or unusable input.
"""


def reference() -> Iterator[str]:
    """Yield the document."""
    yield HEAD
    for name, command in every():
        yield from _command(name, command)


def _command(name: str, command: Command) -> Iterator[str]:
    prose = "\n".join(line.strip() for line in (command.help or "").splitlines()).strip()
    yield f"\n## pacsflow {name}\n\n{prose}\n"
    shown = [param for param in command.params if not getattr(param, "hidden", False)]
    if shown:
        yield "\n| | |\n|---|---|\n"
    for param in shown:
        told = " ".join((getattr(param, "help", None) or "").split()).replace("|", "\\|")
        names = "`, `".join((*param.opts, *param.secondary_opts))
        if param.param_type_name != "option":
            names = param.metavar or names.upper()
        yield f"| `{names}` | {told} |\n"


if __name__ == "__main__":
    sys.stdout.write("".join(reference()))
