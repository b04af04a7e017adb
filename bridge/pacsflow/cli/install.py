"""`install`: puts the taggers where their programs look, and the service where systemd does."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pacsflow.cli import app
from pacsflow.cli.console import say, tell, warn
from pacsflow.cli.options import speaking
from pacsflow.cli.settings import settings, use
from pacsflow.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pacsflow.programs.placing import Placed

commands = typer.Typer(
    help="Put the taggers where their programs look, and the service where systemd does.",
    no_args_is_help=True,
)
app.add_typer(commands, name="install")
To = Annotated[Path | None, typer.Option("--to", help="Another folder than the usual one.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")]
Uninstall = Annotated[bool, typer.Option("--uninstall", help="Remove what was put there.")]


def _told(placed: Iterable[Placed]) -> None:
    for one in placed:
        tell(f"{one}")


@commands.command()
@speaking
def wireshark(
    to: To = None,
    profile: Annotated[
        bool, typer.Option("--profile", help="Also a profile with columns, buttons and colours.")
    ] = False,
    uninstall: Annotated[
        bool, typer.Option("--uninstall", help="Remove both; what you changed of it stays.")
    ] = False,
    dry_run: DryRun = False,
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
    steps = (
        uninstall_wireshark(to, dry=dry_run)
        if uninstall
        else install_wireshark(to, profile=profile, dry=dry_run)
    )
    for step in steps:
        before = f" {step.before}" if step.before and step.done is Done.REPLACED else ""
        tell(f"{step.path}: {step.done.value}{before}")
    if dry_run:
        return
    if uninstall:
        say("nothing of it was there" if not steps else "restart Wireshark: it runs until then")
        return
    say("next: restart Wireshark (or Analyze > Reload Lua Plugins); tables: Tools > PACS flow")
    if profile:
        say(f"choose the profile {PROFILE!r}: Edit > Configuration Profiles, or tshark -C")


@commands.command()
@speaking
def zeek(
    to: To = None,
    no_build: Annotated[bool, typer.Option("--no-build", help="Copy, do not compile.")] = False,
    dry_run: DryRun = False,
    uninstall: Uninstall = False,
) -> None:
    """Install the package for Zeek 8.0 or later, compiled with the Zeek that is there."""
    from pacsflow.programs.install_zeek import install_zeek, next_steps, placed

    if uninstall or dry_run:
        _told(placed(to, dry=dry_run, remove=uninstall))
        return
    for path in install_zeek(to, build=not no_build):
        tell(f"{path}")
    sys.stderr.write(f"{next_steps(to)}\n")


@commands.command()
@speaking
def zeekctl(
    prefix: Annotated[
        Path | None, typer.Option("--zeek", metavar="PREFIX", help="Where Zeek is: /opt/zeek.")
    ] = None,
    ledger: Annotated[
        Path | None, typer.Option("--ledger", "-l", help="By default the configured one.")
    ] = None,
    config: Annotated[
        Path | None, typer.Option("--config", help="The configuration that the hook goes by.")
    ] = None,
    dry_run: DryRun = False,
    uninstall: Uninstall = False,
) -> None:
    """Install a hook of ZeekControl that adds each rotated log to a ledger; the service needs none.

    Example: `pacsflow install zeekctl --ledger /srv/pacsflow`
    """
    from pacsflow.programs import install_zeekctl as hooks
    from pacsflow.service.systemd import program_now

    if uninstall:
        _told(hooks.uninstall_zeekctl(prefix, dry=dry_run))
        return
    use(config)
    known = settings()
    folder = ledger or known.ledger.folder
    if folder is None:
        raise UsageError("--ledger names the ledger to add to; no configuration does")
    more = ["--config", str(config.resolve())] if config else []
    more += ["--sensor", known.inputs.sensor] if known.inputs.sensor else []
    text = hooks.hook(program_now(), folder.resolve(), more)
    _told(hooks.install_zeekctl(prefix, text, dry=dry_run))
    if hooks.is_of_another(prefix, folder):
        warn(f"{folder}: is not of the user that runs Zeek; the hook will leave it alone")
    if dry_run:
        sys.stdout.write(f"\n{text}")
    else:
        say("each log that is rotated is added from now on; journalctl -t pacsflow tells of it")


@commands.command()
@speaking
def systemd(
    to: To = None,
    config: Annotated[
        Path | None, typer.Option("--config", help="The file that says what the service does.")
    ] = None,
    own: Annotated[bool, typer.Option("--user", help="For this user's own services.")] = False,
    run_as: Annotated[
        str, typer.Option(help="A user of this machine; by default one of systemd's making.")
    ] = "",
    group: Annotated[
        str, typer.Option(help="The group that may read the logs, such as zeek.")
    ] = "",
    dry_run: DryRun = False,
    uninstall: Uninstall = False,
) -> None:
    """Install a unit and a timer for `pacsflow run`, hardened to what the configuration needs.

    Example: `pacsflow install systemd --group zeek --dry-run`
    """
    from pacsflow.configuration.files import load, places
    from pacsflow.programs.placing import place, take_back
    from pacsflow.service import systemd as units

    folder, mark = to or units.folder_of(own=own), units.MARK.encode()
    if uninstall:
        _told(take_back([folder / name for name in units.NAMES], mark, dry=dry_run))
        return
    if own and run_as:
        raise UsageError("--run-as has no effect with --user: the service runs as you")
    there = [path for path in ([config] if config else places()) if path.is_file()]
    if not there:
        raise UsageError(
            "there is no configuration that says what to do: pacsflow config init writes one"
        )
    settings, problems = load(there[-1])
    if problems:
        raise problems[0]
    plan = units.Plan(
        settings, there[-1].resolve(), units.program_now(), user=run_as, group=group, own=own
    )
    files = {folder / name: text.encode() for name, text in plan.units().items()}
    _told(place(files, mark, dry=dry_run))
    if not own and plan.at_home:
        warn(f"{plan.program}: lies in a home that the service's user may not be able to read")
    if dry_run:
        sys.stdout.write("".join(f"\n# {p}\n{text.decode()}" for p, text in files.items()))
    else:
        say(units.next_steps(own=own))
