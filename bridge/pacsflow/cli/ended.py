"""Lets the signals that end a program unwind it first, as Ctrl-C does: nothing is left behind."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import FrameType

ENDING = tuple(
    getattr(signal, name)
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")
    if hasattr(signal, name)
)
"""What asks a program to end; Windows has no SIGHUP, others no SIGBREAK."""
_asked: list[int] = []


class Ended(KeyboardInterrupt):
    """A signal asks the program to end.

    A class of its own, since Python 3.11 and 3.12 end themselves by SIGINT, whatever becomes of
    it, where a plain KeyboardInterrupt leaves a text that is executed (a module's dataclasses).
    """


def unwind() -> None:
    """From now on, let the signals of `ENDING` raise `Ended` in the main thread.

    A signal that is ignored already (``nohup``) stays ignored.
    """
    _asked.clear()
    for number in ENDING:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _end)


def _end(number: int, _frame: FrameType | None) -> None:
    _asked.append(number)
    raise Ended


def was_asked() -> bool:
    """Say whether a signal has asked the program to end: then an error may be due to it."""
    return bool(_asked)


def code() -> int:
    """Return the exit code that shells expect of a program that a signal ended."""
    return 128 + (_asked[0] if _asked else signal.SIGINT)
