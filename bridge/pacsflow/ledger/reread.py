"""Keeps the rows of logs that are dear to read, for the readings after the first."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING

import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pacsflow.readers import Quality

MOST = 1 << 30
"""Rows that take more bytes on the disk are given up: then their log is read again."""
_PACKED = pa.ipc.IpcWriteOptions(compression="lz4")


class KeptRows:
    """Rows of one log, each under the log that it belongs to, and what reading them told.

    Parameters
    ----------
    place
        What the names of the files begin with in which they are kept.
    """

    def __init__(self, place: Path) -> None:
        self.place = place
        self.writers: dict[str, tuple[pa.NativeFile, pa.RecordBatchStreamWriter]] = {}
        self.paths: dict[str, Path] = {}
        self.read: Quality | None = None
        """What all rows told, once all are kept; None before."""
        self.given_up = False

    def add(self, log: str, rows: pa.RecordBatch) -> None:
        """Keep rows, unless they have become too many."""
        if self.given_up:
            return
        if log not in self.writers:
            self.paths[log] = self.place.with_name(f"{self.place.name}-{log}.arrows")
            self.paths[log].parent.mkdir(parents=True, exist_ok=True)
            file = pa.OSFile(str(self.paths[log]), "wb")
            self.writers[log] = file, pa.ipc.new_stream(file, rows.schema, options=_PACKED)
        file, writer = self.writers[log]
        writer.write_batch(rows)
        if file.tell() > MOST:
            self.give_up()

    def finish(self, quality: Quality) -> None:
        """Say that all rows are there, and what they told."""
        self._close()
        if not self.given_up:
            self.read = deepcopy(quality)

    def give_up(self) -> None:
        """Keep nothing more, and forget what is kept."""
        self._close()
        for path in self.paths.values():
            path.unlink(missing_ok=True)
        self.paths, self.read, self.given_up = {}, None, True

    def _close(self) -> None:
        for file, writer in self.writers.values():
            writer.close()
            file.close()
        self.writers = {}

    def rows(self) -> Iterator[tuple[str, pa.RecordBatch]]:
        """Yield what is kept, log by log."""
        for log, path in self.paths.items():
            with pa.OSFile(str(path)) as file, pa.ipc.open_stream(file) as stream:
                for batch in stream:
                    yield log, batch
