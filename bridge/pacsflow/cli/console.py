"""What is said beside the result: notes, warnings and progress, on standard error."""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from pacsflow.printable import as_asked, escape_controls

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from pacsflow.errors import PacsflowError
    from pacsflow.pseudonyms import Pseudonyms

    Progress = Callable[[int, int], None]


class LogFormat(StrEnum):
    """How lines on standard error are written."""

    TEXT = "text"
    JSON = "json"


QUIET, USUAL, TALKATIVE = 0, 1, 2
form = LogFormat.TEXT
"""For people, or an object a line with time, level and message."""
_key: Pseudonyms | None = None
level = USUAL
"""How much is said: ``-q`` leaves notes and progress out, ``-v`` tells each stage's time."""
_SECONDS_BETWEEN = 0.1
_BAR = 24


def hide(key: Pseudonyms | None) -> None:
    """Name nobody from now on, in whatever is said: no file, host or value that was read."""
    global _key  # noqa: PLW0603 - likewise
    _key = key


def _fit(text: str, source: str = "") -> str:
    """Return a line as it may be said; under a key its source goes by a pseudonym."""
    if _key is None:
        return text
    named = f"{_key.source(source)}: " if source else ""
    return named + _key.told(text)


def set_level(wanted: int) -> None:
    """Say less (`QUIET`) or more (`TALKATIVE`) from now on."""
    global level  # noqa: PLW0603 - one a process, as standard error is
    level = wanted


def set_form(wanted: LogFormat) -> None:
    """Write lines for people or for programs from now on."""
    global form  # noqa: PLW0603 - likewise
    form = wanted


def _object(severity: str, text: str) -> None:
    """Write a line as JSON."""
    moment = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    told = {"time": moment, "level": severity, "message": escape_controls(text)}
    sys.stderr.write(json.dumps(told, ensure_ascii=False) + "\n")
    sys.stderr.flush()


def say(text: str) -> None:
    """Say a line on standard error, whoever wrote it: what would steer a terminal is shown."""
    text = _fit(text)
    if level > QUIET and form is LogFormat.JSON:
        _object("info", text)
    elif level > QUIET:
        sys.stderr.write(escape_controls(text) + "\n")


def tell(text: str) -> None:
    """Write a line of the result on standard output; what would steer a terminal is shown."""
    sys.stdout.write(escape_controls(text) + "\n")
    sys.stdout.flush()


def warn(text: str, *, of_result: bool = True, **told: object) -> None:
    """Say a line that matters: in yellow on a terminal, and with ``-q``, too.

    A result in JSON has it as well (`remarks`), with what else is `told` of it, unless it says
    nothing of the result.
    """
    text, source = as_asked(text), as_asked(str(told.get("source", "")))
    if source:
        told["source"] = source
    text = _fit(text, source)
    if source and _key:
        told["source"] = _key.source(source)
    if of_result:
        _warned.append({"message": text, **told})
    if form is LogFormat.JSON:
        _object("warning", text)
        return
    yellow, plain = ("\x1b[33m", "\x1b[0m") if _is_terminal() else ("", "")
    sys.stderr.write(f"{yellow}{escape_controls(text)}{plain}\n")


_warned: list[dict[str, object]] = []


def remarks() -> list[dict[str, object]]:
    """Return what was warned of since it was last asked for: what is not counted, and why."""
    taken = _warned[:]
    _warned.clear()
    return taken


def fail(text: str) -> None:
    """Say why a command ends without what was asked."""
    text = as_asked(text)
    if _key and _key.told(text) != text:
        text = f"{_key.told(text)} (a key is in force; without it names are told)"
    if form is LogFormat.JSON:
        _object("error", text)
    else:
        sys.stderr.write(f"pacsflow: {escape_controls(text)}\n")


def name_unread(problems: Iterable[PacsflowError]) -> None:
    """Say what could not be read, a line each."""
    for problem in problems:
        warn(f"not read: {problem}", source=getattr(problem, "path", ""))


def _is_terminal() -> bool:
    return sys.stderr.isatty() and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"


@contextmanager
def progress(what: str) -> Iterator[Progress]:
    """Tell how far a loop is; call what it yields with done and all.

    A terminal has a line that changes; a file or a notebook one line for the stage, when there is
    anything to wait for.
    """
    if level == QUIET or form is LogFormat.JSON:
        yield lambda _done, _total: None
        return
    shown = _Bar(what) if sys.stderr.isatty() else _Lines(what)
    began = time.monotonic()
    whole = False
    try:
        yield shown.update
        whole = True
    finally:
        shown.end(whole=whole)
    if level == TALKATIVE:
        say(f"{what}: {time.monotonic() - began:.1f} s")


class _Bar:
    """One line that is written over."""

    def __init__(self, what: str) -> None:
        self.what, self.last = what, 0.0
        self._write(f"{what} ...")

    def update(self, done: int, total: int) -> None:
        now = time.monotonic()
        if now - self.last < _SECONDS_BETWEEN and done < total:
            return
        self.last = now
        full = _BAR * done // total if total else _BAR
        bar = "#" * full + "-" * (_BAR - full)
        self._write(f"{self.what} {bar} {done:,}/{total:,}")

    def end(self, *, whole: bool) -> None:  # noqa: ARG002
        self._write("")

    @staticmethod
    def _write(text: str) -> None:
        width = shutil.get_terminal_size().columns - 1
        sys.stderr.write(f"\r\x1b[K{text[:width]}")
        sys.stderr.flush()


class _Lines:
    """A line when a stage has been going on for a second: what is quick needs none."""

    PATIENCE = 1.0

    def __init__(self, what: str) -> None:
        self.what, self.began, self.told = what, time.monotonic(), False

    def update(self, done: int, total: int) -> None:
        if not self.told and done < total and time.monotonic() - self.began >= self.PATIENCE:
            self.told = True
            sys.stderr.write(f"{self.what}: {done:,} of {total:,} ...\n")
            sys.stderr.flush()

    def end(self, *, whole: bool) -> None:
        if self.told and whole:
            sys.stderr.write(f"{self.what}: done in {time.monotonic() - self.began:.0f} s\n")
            sys.stderr.flush()
