"""Locks on a ledger's folder that hold between processes, on every platform."""

from __future__ import annotations

import errno
from contextlib import contextmanager
from typing import TYPE_CHECKING

import portalocker

from pacsflow.errors import LedgerError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BUSY = {errno.EAGAIN, errno.EACCES, errno.EWOULDBLOCK}
"""What the system says where another holds the lock, rather than that there are no locks."""


@contextmanager
def lock(path: Path, *, shared: bool = False, wait: bool = True) -> Iterator[bool]:
    """Hold a file's lock; yields False where another holds it and `wait` says not to wait.

    Raises
    ------
    LedgerError
        Where the file cannot be opened, or lies on a file system that knows no locks.
    """
    how = portalocker.LockFlags.SHARED if shared else portalocker.LockFlags.EXCLUSIVE
    if not wait:
        how |= portalocker.LockFlags.NON_BLOCKING
    try:
        file = path.open("rb" if shared else "r+b")
    except OSError as error:
        raise LedgerError(f"{path.parent}: cannot be opened: {error.strerror}") from None
    with file:
        try:
            portalocker.lock(file, how)
        except (portalocker.exceptions.LockException, OSError) as error:
            if _busy(error):
                yield False
                return
            problem = f"{path.parent}: its file system knows no locks; keep the ledger on one that"
            raise LedgerError(f"{problem} does, such as a local disk") from None
        try:
            yield True
        finally:
            portalocker.unlock(file)


def _busy(error: Exception) -> bool:
    """Say whether a lock was refused because another holds it."""
    if isinstance(error, portalocker.exceptions.AlreadyLocked):
        return True
    causes = [error, error.__cause__, *error.args]
    return any(isinstance(c, OSError) and c.errno in BUSY for c in causes)
