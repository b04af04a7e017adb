"""Finds the programs that pacsflow drives, with their versions, and the plugin for tshark."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from pacsflow.errors import ToolError
from pacsflow.programs import places

TSHARK_MINIMUM = (4, 0)
ZEEK_MINIMUM = (8, 0)
ZEEK_FOLDERS = ("/opt/zeek/bin", "/usr/local/zeek/bin")
PACKAGED = Path(__file__).resolve().parents[1] / "_data" / "wireshark"
CHECKOUT = Path(__file__).resolve().parents[3] / "wireshark_plugin"
BUNDLE = "pacsflow.lua"
PLUGIN_VERSION = re.compile(r'^local VERSION = "([^"]{1,40})"$', re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Tool:
    """A program that is there."""

    name: str
    path: Path
    version: tuple[int, ...]

    @property
    def version_text(self) -> str:
        """Return the version with dots."""
        return ".".join(map(str, self.version))


def locate(name: str, folders: tuple[str, ...] = ()) -> Path | None:
    """Return the program's path, looked for on PATH and then in `folders`."""
    found = shutil.which(name) or next(
        (p for folder in folders if (p := shutil.which(name, path=folder))), None
    )
    return Path(found) if found else None


@cache
def version_of(path: Path) -> tuple[int, ...]:
    """Return the first version number that ``PATH --version`` prints, or an empty tuple."""
    try:
        ran = subprocess.run(
            [path, "--version"], capture_output=True, text=True, timeout=30, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ()
    found = re.search(r"(\d+)\.(\d+)(?:\.(\d+))?", ran.stdout + ran.stderr)
    return tuple(int(part) for part in found.groups() if part) if found else ()


def tshark(path: str | None = None) -> Tool:
    """Return tshark: `path`, or what PACSFLOW_TSHARK names, or the one on PATH.

    Raises
    ------
    ToolError
        It is missing, or older than 4.0.
    """
    chosen = path or os.environ.get("PACSFLOW_TSHARK")
    usual = tuple(map(str, places.wireshark_programs(places.here())))
    found = locate(chosen) if chosen else locate("tshark", usual)
    if found is None and chosen:
        raise ToolError(f"{chosen} was not found; PACSFLOW_TSHARK names the tshark to use")
    if found is None:
        raise ToolError(
            "tshark is not installed, and captures are read with it: "
            f"{places.how_to_get('tshark', places.here())}, or wireshark.org"
        )
    version = version_of(found)
    if version < TSHARK_MINIMUM:
        told = ".".join(map(str, version)) or "of unknown version"
        raise ToolError(f"{found} is {told}; pacsflow needs tshark 4.0 or later")
    return Tool("tshark", found, version)


def beside(tool: Tool, name: str) -> Path | None:
    """Return a program that came with `tool` (editcap and dumpcap with tshark), or one on PATH."""
    return locate(str(tool.path.parent / name)) or locate(name)


def zeek() -> Tool | None:
    """Return Zeek, on PATH or where its own packages put it, or None."""
    found = locate("zeek", ZEEK_FOLDERS)
    return Tool("zeek", found, version_of(found)) if found else None


def plugin_version(path: Path) -> str:
    """Return the version that a plugin file says it is; empty where it says none."""
    try:
        found = PLUGIN_VERSION.search(path.read_text("utf-8", "replace")[:4000])
    except OSError:
        return ""
    return found[1] if found else ""


def plugin_folder() -> Path:
    """Return the folder with the Wireshark plugin, from the wheel or from a checkout.

    Raises
    ------
    ToolError
        Neither is there.
    """
    for folder in (PACKAGED, CHECKOUT):
        if (folder / BUNDLE).is_file():
            return folder
    raise ToolError(f"the Wireshark plugin {BUNDLE} is missing from this installation of pacsflow")
