"""Files that lie where no path of this machine leads: on HDFS, S3 or another of Spark's stores."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, Self
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pacsflow.errors import InputError
    from pacsflow.readers.source import Source


def is_address(given: str | Path) -> bool:
    """Say whether an input is an address (``hdfs://``, ``s3a://``) and no path."""
    return re.match(r"(?!file:)[A-Za-z][A-Za-z0-9+.-]*://", str(given)) is not None


def as_path(given: str | Path) -> Path:
    """Return the path that an input is, also where it is written as ``file:///...``.

    Every machine of a cluster has to see it. Hadoop's own way to such a file stumbles over the
    colons in the names of Zeek's logs.
    """
    place = str(given)
    if not place.startswith("file://"):
        return Path(given)
    return Path(unquote(urlsplit(place).path))


class RemotePath(type(Path())):  # type: ignore[misc]
    """A path that is written as its address; only who has a `Store` can open it.

    `stamp` is the size and time of change that the store told, as `fingerprints.stamp` writes it.
    """

    address: str
    stamp: str
    size: int

    @classmethod
    def of(cls, address: str, size: int, stamp: str) -> Self:
        """Return the path of a file in a store."""
        made = cls(address)
        made.address, made.size, made.stamp = address, size, stamp
        return made

    def __str__(self) -> str:
        return getattr(self, "address", "") or str(super().__str__())

    def __reduce__(self) -> tuple[Any, ...]:
        return (RemotePath.of, (self.address, self.size, self.stamp))

    def resolve(self, strict: bool = False) -> Self:  # noqa: ARG002 - as Path has it
        """Return the same path: an address is whole."""
        return self

    def stat(self, *, follow_symlinks: bool = True) -> os.stat_result:  # noqa: ARG002 - likewise
        """Return its size; nothing else is known of it."""
        return os.stat_result((0, 0, 0, 0, 0, 0, self.size, 0, 0, 0))


class Store(Protocol):
    """What opens addresses."""

    def files(self, address: str) -> Iterator[tuple[RemotePath, bool]]:
        """Yield the files at an address, or below it, with whether it names them.

        Raises `InputError` where there is none.
        """

    def recognise(self, path: RemotePath) -> Source | InputError:
        """Return what a file is that `files` gave, or why nothing can be made of it."""
