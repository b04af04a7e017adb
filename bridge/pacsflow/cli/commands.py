"""Which commands there are: each is imported when it is called, not when it is listed."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple

from typer.main import get_command_from_info, get_group_from_info

from pacsflow.cli.helping import Told, ToldGroup

if TYPE_CHECKING:
    from collections.abc import Iterator

    from typer._click import Command, Context


class Listed(NamedTuple):
    """A command's module, the panel that lists it, and what it is for."""

    module: str
    panel: str
    summary: str


START, REPORT, LOOK, SET_UP = "The first day", "Every week", "Look closer", "Set up"
COMMANDS = {
    "demo": Listed("simulate", START, "A simulated hospital's logs, and the report on them."),
    "report": Listed("report", START, "The weekly page, from logs and captures or a ledger."),
    "ingest": Listed("ingest", START, "Add logs and captures to a ledger that lasts."),
    "findings": Listed("findings", START, "What somebody should know of a week."),
    "doctor": Listed("doctor", START, "What is installed, what is missing, how to get it."),
    "digest": Listed("digest", REPORT, "The week in three sentences, for a mail or a chat."),
    "watch": Listed("watch", REPORT, "Keep a ledger and its pages up to date as logs arrive."),
    "run": Listed("run", REPORT, "Do what the configuration says, by itself: the service."),
    "forecast": Listed("forecast", REPORT, "The coming week by the hour, and how far to trust it."),
    "top": Listed("traffic", LOOK, "Rank senders, receivers, pairs, services or hours."),
    "associations": Listed("dicom", LOOK, "Who called whom, what was done, how it ended."),
    "endpoints": Listed("dicom", LOOK, "PACS, modalities, workstations, and how they are known."),
    "times": Listed("times", LOOK, "How fast PACS answer, and how fast images move."),
    "series": Listed("traffic", LOOK, "An hourly series; empty is no data, 0 is no traffic."),
    "map": Listed("traffic", LOOK, "Equipment and its connections, also as dot or graphml."),
    "show": Listed("frames", LOOK, "The rows that concern one host, AE title or connection."),
    "explore": Listed("explore", LOOK, "Frames in the terminal, key by key."),
    "live": Listed("live", LOOK, "Associations on an interface as they happen."),
    "sampling": Listed("sampling", LOOK, "How far sFlow estimates can be trusted."),
    "export": Listed("export", LOOK, "Hourly rows, associations, endpoints as xlsx, csv, ..."),
    "cross-check": Listed("cross_check", LOOK, "Whether Wireshark's plugin and Zeek agree."),
    "config": Listed("config", SET_UP, "The one file in which everything can be set for good."),
    "ledger": Listed("ledger", SET_UP, "What a ledger holds, whether it is whole, how long."),
    "install": Listed("install", SET_UP, "Put the taggers where their programs look."),
    "inventory": Listed("inventory", SET_UP, "The hospital's own list of its equipment."),
}
"""Every command, in the order in which they are needed."""


class Commands(ToldGroup):
    """The top of the command line: lists commands by use, and imports the one that is called."""

    def list_commands(self, ctx: Context) -> list[str]:
        """Return the names of all commands."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: Context, cmd_name: str) -> Command | None:
        """Return a command to be listed, which takes no import."""
        del ctx
        listed = COMMANDS.get(cmd_name)
        if listed is None:
            return None
        return Told(cmd_name, help=listed.summary, rich_help_panel=listed.panel, callback=None)

    def resolve_command(
        self, ctx: Context, args: list[str]
    ) -> tuple[str | None, Command | None, list[str]]:
        """Import the command that is called, and return it."""
        if args and args[0] in COMMANDS:
            return args[0], imported(args[0]), args[1:]
        self.commands = dict.fromkeys(COMMANDS, self)  # for "did you mean"
        return super().resolve_command(ctx, args)


def imported(name: str) -> Command:
    """Import a command's module, which registers it, and make a command of it."""
    from pacsflow.cli import app

    import_module(f"pacsflow.cli.{COMMANDS[name].module}")
    for group in app.registered_groups:
        if group.name == name and group.typer_instance:
            group.cls = ToldGroup
            for part in group.typer_instance.registered_commands:
                part.cls = Told
            return get_group_from_info(
                group, pretty_exceptions_short=True, suggest_commands=True,
                rich_markup_mode=app.rich_markup_mode,
            )  # fmt: skip
    found = next(
        command
        for command in app.registered_commands
        if name in {command.name, getattr(command.callback, "__name__", "")}
    )
    found.cls = Told
    return get_command_from_info(
        found, pretty_exceptions_short=True, rich_markup_mode=app.rich_markup_mode
    )


def every() -> Iterator[tuple[str, Command]]:
    """Import and yield every command that does something, those of a group as ``group part``."""
    for name in COMMANDS:
        command = imported(name)
        parts = getattr(command, "commands", None)
        if parts:
            yield from ((f"{name} {part}", one) for part, one in sorted(parts.items()))
        else:
            yield name, command
