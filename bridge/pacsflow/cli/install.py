"""`install`: puts the Wireshark plugin and the Zeek package where their programs look."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from pacsflow.cli import app

commands = typer.Typer(help="Put the taggers where their programs look.", no_args_is_help=True)
app.add_typer(commands, name="install")
To = Annotated[Path | None, typer.Option("--to", help="Another folder than the usual one.")]


@commands.command()
def wireshark(
    to: To = None,
    profile: Annotated[
        bool, typer.Option("--profile", help="Also a profile with columns, buttons and colours.")
    ] = False,
) -> None:
    """Install the plugin for Wireshark and tshark 4.0 to 4.6, for this user."""
    from pacsflow.programs.install_wireshark import install_wireshark

    for path in install_wireshark(to, profile=profile):
        sys.stdout.write(f"{path}\n")


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
