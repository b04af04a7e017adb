"""Where Linux, macOS and Windows keep what is looked for, told by pure functions on any of them."""

from __future__ import annotations

import ast
from pathlib import Path, PurePosixPath, PureWindowsPath

import pytest

import pacsflow
import pacsflow_reports
from pacsflow.programs import places
from pacsflow.programs.places import System

LINUX = System("linux", {}, PurePosixPath("/home/ana"))
MAC = System("darwin", {}, PurePosixPath("/Users/ana"))
WINDOWS = System(
    "win32",
    {"APPDATA": r"D:\Profiles\ana\Roaming", "ProgramFiles": r"C:\Program Files",
     "LOCALAPPDATA": r"C:\Users\ana\AppData\Local"},
    PureWindowsPath(r"C:\Users\ana"),
)  # fmt: skip
BARE = System("win32", {}, PureWindowsPath(r"C:\Users\ana"))
PLUGINS = "/home/ana/.local/lib/wireshark/plugins"


@pytest.mark.parametrize(
    ("system", "plugins", "profiles", "cache"),
    [
        (LINUX, PLUGINS, "/home/ana/.config/wireshark/profiles", "/home/ana/.cache/pacsflow"),
        (LINUX._replace(environment={"XDG_CONFIG_HOME": "/c", "XDG_CACHE_HOME": "/k"}),
         PLUGINS, "/c/wireshark/profiles", "/k/pacsflow"),
        (LINUX._replace(environment={"XDG_CONFIG_HOME": "relative", "XDG_CACHE_HOME": ""}),
         PLUGINS, "/home/ana/.config/wireshark/profiles", "/home/ana/.cache/pacsflow"),
        (MAC, "/Users/ana/.local/lib/wireshark/plugins",
         "/Users/ana/.config/wireshark/profiles", "/Users/ana/Library/Caches/pacsflow"),
        (WINDOWS, r"D:\Profiles\ana\Roaming\Wireshark\plugins",
         r"D:\Profiles\ana\Roaming\Wireshark\profiles",
         r"C:\Users\ana\AppData\Local\pacsflow\Cache"),
        (BARE, r"C:\Users\ana\AppData\Roaming\Wireshark\plugins",
         r"C:\Users\ana\AppData\Roaming\Wireshark\profiles",
         r"C:\Users\ana\AppData\Local\pacsflow\Cache"),
    ],
)  # fmt: skip
def test_folders_of_a_user(system: System, plugins: str, profiles: str, cache: str) -> None:
    assert str(places.wireshark_plugins(system)) == plugins
    assert str(places.wireshark_profiles(system)) == profiles
    assert str(places.cache(system)) == cache


def test_programs_off_the_path() -> None:
    assert places.wireshark_programs(LINUX) == places.browsers(LINUX) == ()
    assert PurePosixPath("/Applications/Wireshark.app/Contents/MacOS") in (
        places.wireshark_programs(MAC)
    )
    assert places.wireshark_programs(WINDOWS) == (PureWindowsPath(r"C:\Program Files\Wireshark"),)
    assert places.wireshark_programs(BARE) == ()
    browsers = {str(path) for path in places.browsers(WINDOWS)}
    assert r"C:\Program Files\Google\Chrome\Application\chrome.exe" in browsers
    assert r"C:\Users\ana\AppData\Local\Google\Chrome\Application\chrome.exe" in browsers
    assert any("Google Chrome.app" in str(path) for path in places.browsers(MAC))


@pytest.mark.parametrize("name", places.INSTALL)
def test_what_is_missing_is_told_in_the_systems_own_way(name: str) -> None:
    told = [places.how_to_get(name, system) for system in (LINUX, MAC, WINDOWS)]
    assert told[0] == f"apt-get install {name}"
    assert told[1].startswith("brew install")
    assert "apt-get" not in told[2]


UNIX_ALONE = {"fcntl", "grp", "posix", "pty", "pwd", "resource", "termios", "tty"}


def test_no_module_of_one_system_is_imported_by_the_way() -> None:
    """On Windows an import of a module that only Unix has ends every command."""
    for package in (pacsflow, pacsflow_reports):
        for path in Path(package.__path__[0]).rglob("*.py"):
            for node in ast.parse(path.read_text("utf-8")).body:
                if isinstance(node, (ast.Import, ast.ImportFrom)):
                    names = [getattr(node, "module", None) or "", *(a.name for a in node.names)]
                    assert not UNIX_ALONE & {name.split(".")[0] for name in names}, path


@pytest.mark.parametrize(
    ("system", "machine", "user"),
    [
        (LINUX, "/etc/pacsflow", "/home/ana/.config/pacsflow"),
        (LINUX._replace(environment={"XDG_CONFIG_HOME": "/c"}), "/etc/pacsflow", "/c/pacsflow"),
        (MAC, "/etc/pacsflow", "/Users/ana/.config/pacsflow"),
        (WINDOWS._replace(environment={**WINDOWS.environment, "PROGRAMDATA": r"C:\ProgramData"}),
         r"C:\ProgramData\pacsflow", r"D:\Profiles\ana\Roaming\pacsflow"),
        (BARE, r"C:\Users\ana\AppData\Local\pacsflow",
         r"C:\Users\ana\AppData\Roaming\pacsflow"),
    ],
)  # fmt: skip
def test_configuration_of_machine_and_user(system: System, machine: str, user: str) -> None:
    assert [*map(str, places.configuration(system))] == [machine, user]
