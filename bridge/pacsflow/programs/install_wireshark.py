"""Puts the Wireshark plugin, and on request its profile, where Wireshark looks for them."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from pacsflow.errors import ToolError
from pacsflow.programs.tools import BUNDLE, plugin_folder

PROFILE = "PACS flow"


def personal_folders() -> tuple[Path, Path]:
    """Return this user's folder for Wireshark plugins and the one for profiles.

    Wireshark User's Guide, appendix B: ``~/.local/lib/wireshark/plugins`` and
    ``~/.config/wireshark``, on Windows both below ``%APPDATA%``.
    """
    if sys.platform == "win32":
        roaming = Path(os.environ.get("APPDATA") or Path.home() / "AppData" / "Roaming")
        return roaming / "Wireshark" / "plugins", roaming / "Wireshark" / "profiles"
    configured = os.environ.get("XDG_CONFIG_HOME")
    settings = Path(configured) if configured else Path.home() / ".config"
    plugins = Path.home() / ".local" / "lib" / "wireshark" / "plugins"
    return plugins, settings / "wireshark" / "profiles"


def install_wireshark(destination: Path | None = None, *, profile: bool = False) -> list[Path]:
    """Install the plugin and return the files written.

    Parameters
    ----------
    destination
        Folder for ``pacsflow.lua`` (and for a folder ``profiles`` beside it); by default this
        user's own folders.
    profile
        Also install the profile "PACS flow": columns, filter buttons, colour rules. It is a
        profile of its own (Edit > Configuration Profiles), never laid over the user's; where one
        of that name exists already its files stay as they are.

    Raises
    ------
    ToolError
        The plugin is missing from this installation, or the folder cannot be written.
    """
    source = plugin_folder()
    plugins, profiles = personal_folders()
    if destination is not None:
        plugins = destination.expanduser()
        profiles = plugins / "profiles"
    try:
        plugins.mkdir(parents=True, exist_ok=True)
        written = [_replace(source / BUNDLE, plugins / BUNDLE)]
        if profile:
            folder = profiles / PROFILE
            folder.mkdir(parents=True, exist_ok=True)
            for file in sorted((source / "profiles" / PROFILE).iterdir()):
                target = folder / file.name
                if not target.exists():
                    shutil.copyfile(file, target)
                    written.append(target)
    except OSError as error:
        raise ToolError(f"cannot install: {error.filename}: {error.strerror}") from error
    return written


def _replace(source: Path, target: Path) -> Path:
    """Copy so that a Wireshark that starts meanwhile finds the old file or the new one."""
    part = target.with_suffix(".part")
    shutil.copyfile(source, part)
    part.replace(target)
    return target
