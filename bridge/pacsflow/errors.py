"""The tree of errors that a user can act on; each message is one clear line."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path


class PacsflowError(Exception):
    """Anything pacsflow refuses; the command line prints it as one line and exits with 2."""


class InputError(PacsflowError):
    """An input that cannot be used.

    Parameters
    ----------
    path
        The file or folder.
    problem
        What was found and what was expected instead.
    hint
        What the user can do about it.
    line
        Line number (from 1) where the problem shows, where there is one.
    """

    def __init__(
        self, path: Path | str, problem: str, *, hint: str = "", line: int | None = None
    ) -> None:
        self.path = str(path)
        self.problem = problem
        self.hint = hint
        self.line = line
        where = self.path if line is None else f"{self.path}, line {line}"
        super().__init__(f"{where}: {problem}" + (f" ({hint})" if hint else ""))

    def __reduce__(self) -> tuple[Any, ...]:
        # Errors cross process borders; the default would call __init__ with the message alone.
        return (_input_error, (type(self), self.path, self.problem, self.hint, self.line))


def _input_error(
    kind: type[InputError], path: str, problem: str, hint: str, line: int | None
) -> InputError:
    return kind(path, problem, hint=hint, line=line)


class ForeignError(InputError):
    """A file of a kind that is not read; `what` names the kind."""

    def __init__(self, path: Path | str, what: str, *, hint: str = "") -> None:
        self.what = what
        super().__init__(path, f"{what}, which pacsflow does not read", hint=hint)

    def __reduce__(self) -> tuple[Any, ...]:
        return (partial(ForeignError, self.path, self.what, hint=self.hint), ())


class ClosedError(InputError):
    """An input that may not be read by whoever runs this."""


def unreadable(path: Path | str, error: OSError, problem: str = "cannot be read") -> InputError:
    """Return what the system's refusal says of an input."""
    kind = ClosedError if isinstance(error, PermissionError) else InputError
    return kind(path, f"{problem}: {error.strerror or error}")


class UsageError(PacsflowError):
    """Options that do not go together, or a value out of range."""


class ToolError(PacsflowError):
    """A program that pacsflow needs is missing, too old, or failed."""


class LedgerError(PacsflowError):
    """A ledger folder that is not one, is locked, or was written by a newer version."""


class NoRoomError(LedgerError):
    """The disk of a ledger is full; it is as it was before."""


def let_interrupts_pass(error: Exception) -> None:
    """Raise KeyboardInterrupt where an engine's error says that the program was asked to end.

    DuckDB puts an error of its own (InterruptException), or of Python's (RuntimeError), in the
    place of what a signal raised while it worked; who catches any error asks this first.
    """
    if type(error).__name__ == "InterruptException" or str(error) == "Query interrupted":
        raise KeyboardInterrupt from error
