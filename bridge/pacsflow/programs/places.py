"""Where programs and people keep what pacsflow looks for, on Linux, macOS and Windows.

Pure functions of a `System`: what holds on the others can be tested on one. Wireshark's folders are
those of its User's Guide, appendix B.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path, PurePath, PurePosixPath, PureWindowsPath
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

CHROMIUM_NAMES = (
    "chromium", "chromium-browser", "google-chrome-stable", "google-chrome", "chrome",
    "microsoft-edge", "msedge",
)  # fmt: skip
_APPLICATIONS = PurePosixPath("/Applications")
_MAC_BROWSERS = ("Google Chrome", "Chromium", "Microsoft Edge")
_WINDOWS_BROWSERS = (
    r"Google\Chrome\Application\chrome.exe",
    r"Chromium\Application\chrome.exe",
    r"Microsoft\Edge\Application\msedge.exe",
)


class System(NamedTuple):
    """An operating system as a user meets it: ``sys.platform``, environment, home."""

    platform: str
    environment: Mapping[str, str]
    home: PurePath

    @property
    def is_windows(self) -> bool:
        """Say whether this is Windows."""
        return self.platform == "win32"

    @property
    def is_mac(self) -> bool:
        """Say whether this is macOS."""
        return self.platform == "darwin"

    def folder(self, variable: str, *otherwise: str) -> PurePath:
        """Return the folder that a variable names, else one below the home."""
        kind = PureWindowsPath if self.is_windows else PurePosixPath
        named = kind(self.environment.get(variable, ""))
        return named if named.is_absolute() else self.home.joinpath(*otherwise)


def here() -> System:
    """Return the system that this runs on."""
    return System(sys.platform, os.environ, Path.home())


def wireshark_plugins(system: System) -> PurePath:
    """Return the user's folder of Wireshark plugins."""
    if system.is_windows:
        return system.folder("APPDATA", "AppData", "Roaming") / "Wireshark" / "plugins"
    return system.home.joinpath(".local", "lib", "wireshark", "plugins")


def wireshark_profiles(system: System) -> PurePath:
    """Return the user's folder of Wireshark profiles."""
    if system.is_windows:
        return system.folder("APPDATA", "AppData", "Roaming") / "Wireshark" / "profiles"
    return system.folder("XDG_CONFIG_HOME", ".config") / "wireshark" / "profiles"


def cache(system: System) -> PurePath:
    """Return the folder of what can be made again."""
    if system.is_windows:
        return system.folder("LOCALAPPDATA", "AppData", "Local") / "pacsflow" / "Cache"
    if system.is_mac:
        return system.home.joinpath("Library", "Caches", "pacsflow")
    return system.folder("XDG_CACHE_HOME", ".cache") / "pacsflow"


def configuration(system: System) -> tuple[PurePath, PurePath]:
    """Return the folders of the configuration: the machine's, and the user's, which beats it."""
    if system.is_windows:
        machine = system.folder("PROGRAMDATA", "AppData", "Local")
        return machine / "pacsflow", system.folder("APPDATA", "AppData", "Roaming") / "pacsflow"
    user = system.folder("XDG_CONFIG_HOME", ".config") / "pacsflow"
    return PurePosixPath("/etc/pacsflow"), user


def wireshark_programs(system: System) -> tuple[PurePath, ...]:
    """Return the folders off PATH in which tshark, dumpcap and editcap may lie."""
    if system.is_windows:
        return tuple(folder / "Wireshark" for folder in _program_files(system))
    if system.is_mac:
        inside = ("Wireshark.app", "Contents", "MacOS")
        return tuple(p.joinpath(*inside) for p in (_APPLICATIONS, system.home / "Applications"))
    return ()


def browsers(system: System) -> tuple[PurePath, ...]:
    """Return the browsers off PATH that can print."""
    if system.is_windows:
        roots = (*_program_files(system), system.folder("LOCALAPPDATA", "AppData", "Local"))
        return tuple(root / browser for browser in _WINDOWS_BROWSERS for root in roots)
    if system.is_mac:
        return tuple(
            _APPLICATIONS.joinpath(f"{name}.app", "Contents", "MacOS", name)
            for name in _MAC_BROWSERS
        )
    return ()


def _program_files(system: System) -> Iterator[PurePath]:
    for variable in ("ProgramW6432", "ProgramFiles", "ProgramFiles(x86)"):
        if named := system.environment.get(variable):
            yield PureWindowsPath(named)


INSTALL = {
    "tshark": ("wireshark.org/download.html", "brew install --cask wireshark", "tshark"),
    "chromium": ("Edge or google.com/chrome", "brew install --cask google-chrome", "chromium"),
    "graphviz": ("winget install graphviz", "brew install graphviz", "graphviz"),
}


def how_to_get(name: str, system: System) -> str:
    """Return how a program is installed on a system."""
    windows, mac, package = INSTALL[name]
    return windows if system.is_windows else mac if system.is_mac else f"apt-get install {package}"
