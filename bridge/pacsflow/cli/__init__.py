"""The command line: `pacsflow COMMAND`. Each command stands in a module of its own."""

from __future__ import annotations

import errno
import gc
import os
import sys

import typer

from pacsflow import __version__, threads
from pacsflow.cli import ended
from pacsflow.cli.commands import COMMANDS, Commands
from pacsflow.cli.console import USUAL, LogFormat, fail, hide, remarks, set_form, set_level
from pacsflow.cli.settings import use
from pacsflow.errors import PacsflowError
from pacsflow.printable import escape_controls

__all__ = ["COMMANDS", "FOUND", "UNUSABLE", "USABLE", "app", "entry", "main"]

USABLE, FOUND, UNUSABLE = 0, 1, 2
"""Exit codes: done; findings at or above the asked severity; wrong use or unusable input."""

INTERRUPTED = 130
"""What typer makes of any signal that `ended` turns into an interruption."""

SYSTEM_SAYS = {
    errno.ENOSPC: "the disk is full; make room and give the same command again",
    errno.EDQUOT: "your quota of the disk is used up; make room and give the same command again",
    errno.EROFS: "cannot be written here, the file system is read-only; name another folder",
    errno.EACCES: "permission denied; name a folder or a file that you may use",
    errno.EMFILE: "too many files are open for this system; raise it with ulimit -n",
    errno.EIO: "the disk gave an error; look into the system's log before you go on",
}
"""What the system refuses wherever it is asked, and what to do about it."""

app = typer.Typer(
    name="pacsflow",
    cls=Commands,
    help=(
        "Eyes for medical-image traffic: reads Zeek logs, captures, sFlow and spreadsheets, "
        "keeps a ledger of who sent images to whom, forecasts the next week and writes a weekly "
        "report.\n\n"
        "Start with `pacsflow demo`, then `pacsflow report YOUR-LOGS -o week.html`."
    ),
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(*, show: bool) -> None:
    if show:
        typer.echo(f"pacsflow {__version__}")
        raise typer.Exit


@app.callback()
def _top(
    version: bool = typer.Option(
        False, "--version", help="Print the version and end.", callback=lambda v: _version(show=v)
    ),
) -> None:
    pass


def main(arguments: list[str] | None = None) -> int:
    """Run the command line and return its exit code; errors become one line on standard error."""
    set_level(USUAL)
    set_form(LogFormat.TEXT)
    remarks()
    hide(None)
    use(None)
    try:
        code = app(args=arguments, standalone_mode=False)
    except (typer.Abort, KeyboardInterrupt):
        return ended.code()
    except typer.TyperException as error:
        _said(error)
        return UNUSABLE
    except PacsflowError as error:
        fail(str(error))
        return UNUSABLE
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return USABLE
    except Exception as error:
        if ended.was_asked():
            return ended.code()
        if os.environ.get("PACSFLOW_DEBUG"):
            raise
        if isinstance(error, OSError) and error.errno in SYSTEM_SAYS:
            where = f"{error.filename}: " if error.filename else ""
            fail(f"{where}{SYSTEM_SAYS[error.errno]}")
            return UNUSABLE
        said = str(error).splitlines()[0][:300] if str(error) else ""
        fail(
            f"this should not have happened: {type(error).__name__}: {said} "
            "(PACSFLOW_DEBUG=1 shows where; please report it)"
        )
        return UNUSABLE
    if code == INTERRUPTED:
        return ended.code()
    return code if isinstance(code, int) else USABLE


def _said(error: typer.TyperException) -> None:
    """Say in one line what is wrong with the command line, and where help is."""
    context = getattr(error, "ctx", None)
    if type(error).__name__ == "NoArgsIsHelpError" and context is not None:
        sys.stdout.write(context.get_help() + "\n")
        return
    message = " ".join(error.format_message().split()) if hasattr(error, "format_message") else ""
    where = f" (see {context.command_path} --help)" if context is not None else ""
    sys.stderr.write(f"pacsflow: {escape_controls(message or str(error))}{where}\n")


def entry() -> None:
    """Entry point of the installed command."""
    # A report is made of some hundred thousand objects that all stay; by default the collector
    # walks them again and again, a twentieth of the whole time.
    gc.set_threshold(500_000, 50, 100)
    threads.one()
    ended.unwind()
    # What is left is not frozen (a tenth of a second): DuckDB's module tells of all it had left.
    sys.exit(main())
