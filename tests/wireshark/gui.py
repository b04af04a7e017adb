"""Drives the real Wireshark under a virtual screen; run as a script it makes the docs' pictures."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

PROGRAMS = ("Xvfb", "wireshark", "xdotool", "import")
# As the menu sorts them.
WINDOWS = (
    "Associations", "Input/output per PACS", "Operations", "PACS endpoints", "Response times",
    "Top talkers",
)  # fmt: skip
PATIENCE = 60.0


class Screen:
    """One Wireshark with one capture on a screen of its own."""

    def __init__(self, environment: dict[str, str], log: Path, capture: Path) -> None:
        self.environment = environment
        self.log = log
        self.capture = capture

    def call(self, *command: str) -> str:
        """Run an X program; what it prints is empty where it fails."""
        done = subprocess.run(
            command, env=self.environment, capture_output=True, text=True, check=False, timeout=60
        )
        return done.stdout.strip() if done.returncode == 0 else ""

    def window(self, name: str, patience: float = PATIENCE) -> str:
        """Wait for a window whose title holds `name`; return its id."""
        until = time.monotonic() + patience
        while time.monotonic() < until:
            found = self.call("xdotool", "search", "--onlyvisible", "--name", name)
            if found:
                return found.splitlines()[-1]
            time.sleep(0.1)
        raise TimeoutError(f"no window {name!r}: {self.log.read_text()[-2000:]}")

    def key(self, *keys: str) -> None:
        """Press keys, one after the other, in the window that has the focus."""
        for key in keys:
            self.call("xdotool", "key", key)
            time.sleep(0.5)

    def picture(self, window: str, path: Path) -> None:
        """Save what the window shows."""
        self.call("import", "-window", window, str(path))

    def settled(self, window: str, path: Path) -> bytes:
        """Save what the window shows once it has stopped changing; return the picture."""
        last, until = b"", time.monotonic() + PATIENCE
        while time.monotonic() < until:
            time.sleep(1.0)
            self.picture(window, path)
            now = path.read_bytes() if path.is_file() else b""
            if now and now == last:
                return now
            last = now
        raise TimeoutError("the window never came to rest")

    def comes_to_show(self, window: str, expected: bytes, path: Path) -> bool:
        """Whether the window shows just this before patience ends, its frame aside.

        Toolbar and status bar (load time, hints) change without a change of a packet.
        """
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            shown = self.settled(window, path)
            part = slice(len(shown) // 6, len(shown) * 19 // 20)
            if len(shown) == len(expected) and shown[part] == expected[part]:
                return True
        return False

    def open_table(self, main: str, title: str) -> str:
        """Open Tools > PACS flow > title and return the window's id.

        A busy machine may lose a key: then it is tried again.
        """
        downs = ["Down"] * WINDOWS.index(title)
        for patience in (10.0, PATIENCE):
            self.call("xdotool", "windowfocus", main)
            self.key("Escape", "alt+t", "Up", "Right", *downs, "Return")
            try:
                return self.window(f"PACS flow: {title}", patience)
            except TimeoutError:
                if patience == PATIENCE:
                    raise
        raise AssertionError

    def hide(self, window: str) -> None:
        """Take a table off the screen, and leave it open.

        Where Wireshark closes a plugin's window it cuts what tells Qt that the window is gone: from
        Qt 6.8 on, the next window that comes to lie at its address ends Wireshark.
        """
        self.call("xdotool", "windowunmap", "--sync", window)

    def click(self, window: str, x: int, y: int) -> None:
        """Click into a window."""
        self.call("xdotool", "mousemove", "--window", window, str(x), str(y), "click", "1")
        time.sleep(1.0)


@contextmanager
def wireshark(capture: Path, *arguments: str) -> Iterator[tuple[Screen, str]]:
    """Start Wireshark with the plugin and profile installed; give the screen and its window."""
    from tests.wireshark import tagging

    from pacsflow.programs.install_wireshark import install_wireshark
    from pacsflow.programs.unprivileged import account_for, scratch, start

    program_path = shutil.which("wireshark") or "wireshark"
    account = account_for(Path(program_path))
    with scratch(account, "pacsflow-gui-") as home:
        environment = {k: v for k, v in os.environ.items() if not k.startswith("PACSFLOW_")}
        environment |= {"HOME": str(home), "QT_QPA_PLATFORM": "xcb", "XDG_RUNTIME_DIR": str(home)}
        environment.pop("XDG_CONFIG_HOME", None)
        before = os.environ.get("HOME")
        os.environ["HOME"] = str(home)
        try:
            install_wireshark(profile=True)
        finally:
            if before is not None:
                os.environ["HOME"] = before
        shown = home / capture.name
        shutil.copyfile(capture, shown)
        log = home / "log"
        tagging.give(home, account)
        read, write = os.pipe()
        screen_command = [
            "Xvfb",
            "-ac",
            "-noreset",
            "-displayfd",
            str(write),
            "-screen",
            "0",
            "1500x950x24",
        ]
        options: dict[str, Any] = {"env": environment, "stdout": subprocess.DEVNULL}
        server = subprocess.Popen(
            screen_command, pass_fds=[write], stderr=subprocess.DEVNULL, **options
        )
        os.close(write)
        with os.fdopen(read) as number:
            environment["DISPLAY"] = ":" + number.readline().strip()
        with log.open("wb") as errors:
            command = [program_path, "-C", "PACS flow", *arguments, "-r", str(shown)]
            program = start(command, account, folder=home, environment=environment, stderr=errors)
            try:
                screen = Screen(environment, log, shown)
                main = screen.window(capture.name)
                screen.call("xdotool", "windowsize", main, "1480", "920")
                screen.call("xdotool", "windowmove", main, "0", "0")
                time.sleep(3.0)
                yield screen, main
            finally:
                for process in (program, server):
                    process.terminate()
                    process.wait()


def main(capture: Path, folder: Path) -> None:
    """Save pictures of the main window and of the tables, each as it opens."""
    with wireshark(capture) as (screen, window):
        screen.picture("root", folder / "wireshark-frames.png")
        for title in WINDOWS:
            table = screen.open_table(window, title)
            screen.call("xdotool", "windowmove", table, "60", "200")
            time.sleep(1.5)
            name = title.lower().replace("/", "-").replace(" ", "-")
            screen.picture(table, folder / f"wireshark-{name}.png")
            if title == "Associations":
                # "Filter first row" sets the display filter of the main window.
                screen.click(table, 472, 427)
                time.sleep(2.0)
                screen.picture("root", folder / "wireshark-filtered.png")
            screen.hide(table)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
