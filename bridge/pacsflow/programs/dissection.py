"""Runs tshark on an opened capture, with the Wireshark plugin, in a home of its own.

As root it runs as an account that owns nothing: what dissects hostile packets has no rights, and
tshark 4.4 and later load a Lua script for anybody but root. The account needs no right to read the
capture, which is opened here and handed over; plugin, inventory and key log are copied for it.
"""

from __future__ import annotations

import os
import subprocess
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

from pacsflow.errors import InputError, ToolError
from pacsflow.programs import unprivileged
from pacsflow.programs.tools import BUNDLE, Tool, plugin_folder

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

NO_LUA_AS_ROOT = (4, 4)
"""From this version on, tshark started as root silently loads no Lua script."""
LENT_INVENTORY, LENT_KEYLOG = "lent-inventory", "lent-keylog"


@dataclass(frozen=True, slots=True)
class Dissection:
    """A tshark at work.

    Attributes
    ----------
    process
        It; what was asked for of its output is a pipe.
    folder
        Where it may write, and the folder that it runs in.
    account
        What it runs as in place of root, or None: it runs as whoever this is.
    named
        What the copies lent to it are called outside, by their name within.
    """

    process: subprocess.Popen[bytes]
    folder: Path
    account: unprivileged.Account | None
    named: Mapping[str, str]

    def said(self, line: bytes) -> str:
        """Return a line of its output, printable, with files named as the user names them."""
        text = line.decode("utf-8", "replace")
        for within, outside in self.named.items():
            text = text.replace(within, outside)
        return "".join(c if c.isprintable() else " " for c in text).strip()


def _alone(tool: Tool) -> bool:
    """Say whether this is root, and there is no other account for `tool` here."""
    return unprivileged.is_root() and unprivileged.account_for(tool.path) is None


def as_root(tool: Tool) -> str | None:
    """Return that `tool` loads the plugin as root, and what to do; None where it does not."""
    if tool.version >= NO_LUA_AS_ROOT or not _alone(tool):
        return None
    return (
        f"{tool.path} runs as root: it cannot be started as {unprivileged.NAME} here; run pacsflow "
        "as another user"
    )


def without_plugin(tool: Tool) -> str | None:
    """Return why `tool` loads no plugin for whoever this is, and what to do; None where it does."""
    if tool.version < NO_LUA_AS_ROOT or not _alone(tool):
        return None
    return (
        f"tshark {tool.version_text} loads no plugin for root, and {tool.path} cannot be started "
        f"as {unprivileged.NAME} here: run pacsflow as another user"
    )


@contextmanager
def dissecting(
    tool: Tool,
    source: Path | int,
    arguments: Sequence[str],
    *,
    plugin: bool = True,
    inventory: Path | None = None,
    keylog: Path | None = None,
    settings: Mapping[str, str] | None = None,
    stdout: int = subprocess.PIPE,
    stderr: int | IO[bytes] = subprocess.DEVNULL,
) -> Iterator[Dissection]:
    """Run tshark on a capture; it is ended and its folder removed at the end of the block.

    Parameters
    ----------
    tool
        tshark (`pacsflow.programs.tools.tshark`).
    source
        The capture, or an opened file or pipe (its descriptor) that gives one.
    arguments
        tshark's, beside those that name the capture and load the plugin.
    plugin
        Load the plugin.
    inventory, keylog
        The hospital's inventory, and a TLS key log (NSS format).
    settings
        Environment variables; none that the user has set for the plugin hold.
    stdout, stderr
        As for Popen.

    Raises
    ------
    InputError
        The capture, the inventory or the key log cannot be opened.
    ToolError
        tshark does not start, or loads no plugin for whoever this is.
    """
    reason = without_plugin(tool) if plugin else None
    if reason:
        raise ToolError(reason)
    account = unprivileged.account_for(tool.path)
    with ExitStack() as stack:
        opened = source if isinstance(source, int) else stack.enter_context(_opened(source))
        folder = stack.enter_context(unprivileged.scratch(account, "pacsflow-tshark-"))
        command = [str(tool.path), "-n", "-r", "-", *arguments]
        environment = _environment(folder) | dict(settings or {})
        named = {}
        if plugin:
            unprivileged.lend(plugin_folder() / BUNDLE, folder / BUNDLE, account)
            command += ["-X", f"lua_script:{folder / BUNDLE}"]
        if inventory is not None:
            lent = _lend(inventory, folder / LENT_INVENTORY, account)
            environment["PACSFLOW_INVENTORY"] = str(lent)
            named[str(lent)] = str(inventory)
        if keylog is not None:
            lent = _lend(keylog, folder / LENT_KEYLOG, account)
            command += ["-o", f"tls.keylog_file:{lent}"]
            named[str(lent)] = str(keylog)
        process = unprivileged.start(
            command,
            account,
            folder=folder,
            environment=environment,
            stdin=opened,
            stdout=stdout,
            stderr=stderr,
        )
        try:
            yield Dissection(process, folder, account, named)
        finally:
            if process.poll() is None:
                process.kill()
            process.wait()
            for stream in (process.stdout, process.stderr):
                if stream is not None:
                    stream.close()


@contextmanager
def _opened(capture: Path) -> Iterator[int]:
    if not capture.is_file():
        raise InputError(capture, "no such file", hint="expected a capture, pcap or pcapng")
    try:
        descriptor = os.open(capture, os.O_RDONLY)
    except OSError as error:
        raise InputError(capture, f"cannot be opened: {error.strerror}") from error
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _lend(source: Path, target: Path, account: unprivileged.Account | None) -> Path:
    if not source.is_file():
        raise InputError(source, "no such file")
    return unprivileged.lend(source, target, account)


def _environment(home: Path) -> dict[str, str]:
    # A home of its own: neither the user's preferences nor another copy of the plugin take part.
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PACSFLOW_")}
    at_home = ("HOME", "WIRESHARK_CONFIG_DIR", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "TMPDIR")
    return kept | dict.fromkeys(at_home, str(home))
