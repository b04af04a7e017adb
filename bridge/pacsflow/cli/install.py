"""`install`: puts the Wireshark plugin and the Zeek package where their programs look."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from pacsflow.cli import app
from pacsflow.cli.console import say
from pacsflow.errors import UsageError

commands = typer.Typer(help="Put the taggers where their programs look.", no_args_is_help=True)
app.add_typer(commands, name="install")
To = Annotated[Path | None, typer.Option("--to", help="Another folder than the usual one.")]


@commands.command()
def wireshark(
    to: To = None,
    profile: Annotated[
        bool, typer.Option("--profile", help="Also a profile with columns, buttons and colours.")
    ] = False,
    uninstall: Annotated[
        bool, typer.Option("--uninstall", help="Remove both; what you changed of it stays.")
    ] = False,
) -> None:
    """Install the plugin for Wireshark and tshark 4.0 to 4.6, for this user.

    Example: `pacsflow install wireshark --profile`
    """
    from pacsflow.programs.install_wireshark import (
        PROFILE,
        Done,
        install_wireshark,
        uninstall_wireshark,
    )

    if uninstall and profile:
        raise UsageError("--profile has no effect with --uninstall, which removes the profile, too")
    steps = uninstall_wireshark(to) if uninstall else install_wireshark(to, profile=profile)
    for step in steps:
        before = f" {step.before}" if step.before and step.done is Done.REPLACED else ""
        sys.stdout.write(f"{step.path}: {step.done.value}{before}\n")
    if uninstall:
        say("nothing of it was there" if not steps else "restart Wireshark: it runs until then")
        return
    say("next: restart Wireshark (or Analyze > Reload Lua Plugins); tables: Tools > PACS flow")
    if profile:
        say(f"choose the profile {PROFILE!r}: Edit > Configuration Profiles, or tshark -C")


@commands.command()
def zeek(
    to: To = None,
    no_build: Annotated[bool, typer.Option("--no-build", help="Copy, do not compile.")] = False,
) -> None:
    """Install the package for Zeek 8.0 or later, compiled with the Zeek that is there."""
    from pacsflow.programs.install_zeek import install_zeek, next_steps

    for path in install_zeek(to, build=not no_build):
        sys.stdout.write(f"{path}\n")
    sys.stderr.write(f"{next_steps(to)}\n")
