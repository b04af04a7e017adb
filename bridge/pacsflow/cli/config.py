"""`config`: the one file in which everything can be set for good."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from pacsflow.cli import UNUSABLE, USABLE, app
from pacsflow.cli.console import say, tell, warn
from pacsflow.cli.options import FormatOption, speaking
from pacsflow.cli.tables import OutputFormat, emit
from pacsflow.errors import UsageError

commands = typer.Typer(
    name="config",
    help="The one file in which everything can be set for good; nothing needs it.\n\n"
    "Example: `pacsflow config init`",
    no_args_is_help=True,
)
app.add_typer(commands, name="config")
File = Annotated[
    Path | None, typer.Argument(help="The file; by default those of the usual places.")
]


@commands.command()
@speaking
def init(
    file: Annotated[Path | None, typer.Argument(help="By default the usual place.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace what is there.")] = False,
) -> None:
    """Write a file that names every setting with what it is for; all are commented out.

    For root it is /etc/pacsflow/pacsflow.toml, for others one below ~/.config.

    Example: `pacsflow config init pacsflow.toml`
    """
    from pacsflow.configuration.files import places
    from pacsflow.configuration.reference import as_file
    from pacsflow.outputs import write_text
    from pacsflow.programs.unprivileged import is_root

    usual = places() or [Path("pacsflow.toml")]
    target = file or usual[0 if is_root() else -1]
    if target.exists() and not force:
        raise UsageError(f"{target}: is there already; --force replaces it")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{target.parent}: cannot be made: {error.strerror}") from None
    write_text(target, as_file())
    tell(f"{target}")


@commands.command()
@speaking
def check(file: File = None) -> int:
    """Name everything that cannot be used, with file and line; ends with 2 where there is any.

    Example: `pacsflow config check /etc/pacsflow/pacsflow.toml`
    """
    from pacsflow.configuration.files import load, places
    from pacsflow.configuration.missing import missing

    settings, problems = load(file)
    told = [*map(str, problems), *missing(settings)]
    for line in told:
        warn(line)
    if told:
        return UNUSABLE
    looked = [file] if file else places()
    there = [str(path) for path in looked if path.is_file()]
    sys.stdout.write(
        f"{', '.join(there) or 'no file'}: {len(settings.origins)} settings, all usable\n"
    )
    return USABLE


@commands.command()
@speaking
def show(file: File = None, how: FormatOption = OutputFormat.TABLE) -> int:
    """Show every value, and where it comes from: a file and line, a variable, or the default.

    Example: `pacsflow config show --format json`
    """
    from pacsflow.configuration.files import load
    from pacsflow.configuration.reference import as_toml
    from pacsflow.configuration.schema import every_setting

    settings, problems = load(file)
    rows = [
        [
            section, name, as_toml(getattr(getattr(settings, section), name)),
            settings.origins.get((section, name), "default"),
        ]
        for section, name in every_setting()
    ]  # fmt: skip
    emit("Settings", ["section", "setting", "value", "from"], rows, how)
    for problem in problems:
        warn(str(problem))
    if not settings.origins and not problems and how is OutputFormat.TABLE:
        say("nothing is set: `pacsflow config init` writes a file to begin with")
    return UNUSABLE if problems else USABLE
