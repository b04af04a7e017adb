"""Lets the signals that end a program unwind it first, as Ctrl-C does: nothing is left behind."""

from __future__ import annotations

import signal
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import FrameType

ENDING = tuple(
    getattr(signal, name)
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")
    if hasattr(signal, name)
)
"""What asks a program to end; Windows has no SIGHUP, others no SIGBREAK."""
SOON = 0.02
"""Seconds after which an import is looked for once more."""
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


def _end(number: int, frame: FrameType | None) -> None:
    """End now, or as soon as what is being imported is there.

    A module in C++ that is interrupted while it makes itself known may abort the program.
    """
    if number in ENDING:
        _asked.append(number)
    if sys.platform != "win32" and _imports(frame):
        signal.signal(signal.SIGALRM, _end)
        signal.setitimer(signal.ITIMER_REAL, SOON)
        return
    raise Ended


def _imports(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_filename == "<frozen importlib._bootstrap>":
            return True
        frame = frame.f_back
    return False


def was_asked() -> bool:
    """Say whether a signal has asked the program to end: then an error may be due to it."""
    return bool(_asked)


def code() -> int:
    """Return the exit code that shells expect of a program that a signal ended."""
    return 128 + (_asked[0] if _asked else signal.SIGINT)
