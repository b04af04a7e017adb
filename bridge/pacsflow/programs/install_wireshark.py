"""Puts the Wireshark plugin, and on request its profile, where Wireshark looks for them."""

from __future__ import annotations

import hashlib
import json
import shutil
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from pacsflow.errors import ToolError
from pacsflow.programs import places
from pacsflow.programs.tools import BUNDLE, plugin_folder, plugin_version

if TYPE_CHECKING:
    from collections.abc import Iterator

PROFILE = "PACS flow"
WRITTEN = "pacsflow-installed.json"
"""Beside a profile's files: the hash of each as it was written, by which a change is known."""


class Done(StrEnum):
    """What became of a file."""

    NEW = "new"
    REPLACED = "replaced"
    SAME = "is the same"
    KEPT = "kept, for it was changed"
    REMOVED = "removed"


class Step(NamedTuple):
    """A file and what became of it; `before` is the version of the plugin that was there."""

    path: Path
    done: Done
    before: str = ""


def folders(destination: Path | None) -> tuple[Path, Path]:
    """Return the folder of the plugin and that of the profile."""
    if destination is not None:
        plugins = destination.expanduser()
        return plugins, plugins / "profiles" / PROFILE
    here = places.here()
    return Path(places.wireshark_plugins(here)), Path(places.wireshark_profiles(here)) / PROFILE


def install_wireshark(
    destination: Path | None = None, *, profile: bool = False, dry: bool = False
) -> list[Step]:
    """Install the plugin and return what became of each file.

    Parameters
    ----------
    destination
        Folder for ``pacsflow.lua`` (and for a folder ``profiles`` beside it); by default this
        user's own folders.
    profile
        Also install the profile "PACS flow": columns, filter buttons, colour rules. It is a
        profile of its own (Edit > Configuration Profiles), never laid over the user's; a file of
        it that the user changed stays as it is.
    dry
        Write nothing: the steps are what would be done.

    Raises
    ------
    ToolError
        The plugin is missing from this installation, or the folder cannot be written.
    """
    source = plugin_folder()
    plugins, ours = folders(destination)
    try:
        before = plugin_version(plugins / BUNDLE)
        steps = [
            Step(plugins / BUNDLE, _placed(source / BUNDLE, plugins / BUNDLE, dry=dry), before)
        ]
        if profile:
            steps += _profile(source / "profiles" / PROFILE, ours, dry=dry)
    except OSError as error:
        raise ToolError(f"cannot install: {error.filename}: {error.strerror}") from error
    return steps


def uninstall_wireshark(destination: Path | None = None, *, dry: bool = False) -> list[Step]:
    """Remove the plugin, and what the user did not change of the profile; `dry` only says so.

    Raises
    ------
    ToolError
        A file cannot be removed.
    """
    plugins, ours = folders(destination)
    known = _known(ours)
    steps = []
    try:
        for path in (plugins / BUNDLE, *_files(ours)):
            if not path.is_file():
                continue
            if path.name == BUNDLE or known.get(path.name) == _hash(path):
                if not dry:
                    path.unlink()
                steps.append(Step(path, Done.REMOVED))
            else:
                steps.append(Step(path, Done.KEPT))
        if not dry:
            _tidied(ours)
    except OSError as error:
        raise ToolError(f"cannot remove: {error.filename}: {error.strerror}") from error
    return steps


def _tidied(folder: Path) -> None:
    """Remove a profile's folder that nothing of the user's is left in."""
    (folder / WRITTEN).unlink(missing_ok=True)
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()


def _profile(source: Path, folder: Path, *, dry: bool) -> list[Step]:
    known, steps = _known(folder), []
    for file in sorted(source.iterdir()):
        target = folder / file.name
        if target.is_file() and _hash(target) not in {known.get(file.name), _hash(file)}:
            steps.append(Step(target, Done.KEPT))
            continue
        steps.append(Step(target, _placed(file, target, dry=dry)))
        known[file.name] = _hash(file)
    if not dry:
        (folder / WRITTEN).write_text(json.dumps(known, indent=1) + "\n", encoding="utf-8")
    return steps


def _known(folder: Path) -> dict[str, str]:
    try:
        found = json.loads((folder / WRITTEN).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _files(folder: Path) -> Iterator[Path]:
    if folder.is_dir():
        yield from sorted(path for path in folder.iterdir() if path.name != WRITTEN)


def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _placed(source: Path, target: Path, *, dry: bool) -> Done:
    """Copy so that a Wireshark that starts meanwhile finds the old file or the new one."""
    there = target.is_file()
    if there and _hash(source) == _hash(target):
        return Done.SAME
    if not dry:
        _copied(source, target)
    return Done.REPLACED if there else Done.NEW


def _copied(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f"{target.name}.part")
    try:
        shutil.copyfile(source, part)
        part.replace(target)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(target)) from None
    finally:
        part.unlink(missing_ok=True)
