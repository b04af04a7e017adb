"""Reads captures (pcap, pcapng, also gzip) through tshark with the Wireshark plugin."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from pacsflow import tools
from pacsflow.readers import capture_plain, zeek_tsv
from pacsflow.readers.quality import Quality
from pacsflow.tshark_export import export_logs

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa

    from pacsflow.readers.sniff import CaptureOptions

NO_LUA_AS_ROOT = (4, 4)
"""From this version on, tshark started as root silently loads no Lua script."""


def read(
    path: Path, quality: Quality, options: CaptureOptions
) -> Iterator[tuple[str, pa.RecordBatch]]:
    """Yield ``(log, rows)`` of frames, dicom and known_dicom, as the plugin tags them.

    Raises `InputError` where tshark cannot open the capture, `ToolError` without a tshark.
    """
    tshark = tools.tshark()
    if os.geteuid() == 0 and tshark.version >= NO_LUA_AS_ROOT:
        quality.note(
            f"read without tags: tshark {tshark.version_text} loads no plugin for root; "
            "run pacsflow as another user"
        )
        yield from (("frames", batch) for batch in capture_plain.read(path, quality))
        return
    with tempfile.TemporaryDirectory(prefix="pacsflow-") as folder:
        logs = export_logs(
            path,
            Path(folder),
            tshark=str(tshark.path),
            inventory=options.inventory,
            sampling_rate=options.sampling_rate,
            keylog=options.keylog,
        )
        for warning in logs.warnings:
            quality.note(warning[:300])
        yield from (("frames", b) for b in zeek_tsv.read(logs.frames, "frames", quality))
        for log, part in (("dicom", logs.dicom), ("known_dicom", logs.known_dicom)):
            of_log = Quality()
            yield from ((log, batch) for batch in zeek_tsv.read(part, log, of_log))
            quality.unreadable += of_log.unreadable
