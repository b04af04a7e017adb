"""Hashes files, and sees to it that they are on the disk."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def sha256_of(path: Path, *, sync: bool = False) -> str:
    """Return the hash of a file; with `sync` it is on the disk before."""
    found = hashlib.sha256()
    with path.open("r+b" if sync else "rb") as file:
        if sync:
            os.fsync(file.fileno())
        while data := file.read(1 << 20):
            found.update(data)
    return found.hexdigest()


def sync_folder(folder: Path) -> None:
    """Put a folder's list of files on the disk, where the platform can."""
    try:
        number = os.open(folder, os.O_RDONLY)
    except OSError:  # Windows opens no folders
        return
    try:
        os.fsync(number)
    finally:
        os.close(number)
