"""The manual page, from the commands: `python -m pacsflow.cli.manual > docs/pacsflow.1`."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING

from pacsflow import __version__
from pacsflow.cli.commands import every

if TYPE_CHECKING:
    from collections.abc import Iterator

    from typer._click import Command

FILES = """\
.SH FILES
.TP
.I /etc/pacsflow/pacsflow.toml, ~/.config/pacsflow/pacsflow.toml
What is set for good; see
.B pacsflow config init
and
.BR "pacsflow config show" .
.SH EXIT STATUS
0 done; 1 findings at or above the severity of \\-\\-fail\\-on; 2 wrong use or unusable input, with
one line that says which file, which line and what was expected.
.SH SEE ALSO
.BR tshark (1),
.BR zeek (8)
"""


def manual() -> Iterator[str]:
    """Yield the page in the man macros of troff."""
    yield f'.TH PACSFLOW 1 "" "pacsflow {__version__}" "User Commands"\n'
    yield ".SH NAME\npacsflow \\- eyes for medical-image traffic\n"
    yield ".SH SYNOPSIS\n.B pacsflow\n.I COMMAND\n[\\fIARGUMENTS\\fR] [\\fIOPTIONS\\fR]\n"
    yield ".SH COMMANDS\n"
    for name, command in every():
        yield from _command(name, command)
    yield FILES


def _command(name: str, command: Command) -> Iterator[str]:
    yield f".SS pacsflow {_plain(name)}\n{_prose(command.help or '')}\n"
    for param in command.params:
        told = getattr(param, "help", None) or ""
        if getattr(param, "hidden", False) or param.name == "help":
            continue
        names = ", ".join((*param.opts, *param.secondary_opts))
        shown = names if param.param_type_name == "option" else (param.metavar or names.upper())
        yield f".TP\n.B {_plain(shown)}\n{_prose(told)}\n"


def _prose(text: str) -> str:
    """Return text as troff has it: code in bold, no line that begins as a request does."""
    lines = [line.strip() for line in _plain(text).splitlines()]
    joined = "\n".join(line or ".PP" for line in lines).strip()
    return re.sub(r"`([^`]*)`", r"\\fB\1\\fR", joined)


def _plain(text: str) -> str:
    escaped = text.replace("\\", "\\e").replace("-", "\\-")
    return re.sub(r"(?m)^\s*([.'])", r"\\&\1", escaped)


if __name__ == "__main__":
    sys.stdout.write("".join(manual()))
