"""Reads captures through tshark alone, where the plugin cannot run: Wireshark's own DICOM."""

from __future__ import annotations

import tempfile
from typing import TYPE_CHECKING, Any

from pacsflow.errors import InputError
from pacsflow.programs import tools
from pacsflow.programs.dissection import dissecting
from pacsflow.readers.frame_rows import batch_of
from pacsflow.readers.zeek_values import to_address, to_text, to_time

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pyarrow as pa

    from pacsflow.readers.quality import Quality

UNIT = "\x1f"
FIELDS = (
    "frame.number", "frame.time_epoch", "_ws.col.Protocol", "ip.src", "ipv6.src", "ip.dst",
    "ipv6.dst", "tcp.srcport", "udp.srcport", "tcp.dstport", "udp.dstport", "eth.src", "eth.dst",
    "vlan.id", "frame.len", "tcp.stream", "udp.stream", "frame.protocols",
    "ip.proto", "arp.src.proto_ipv4", "arp.dst.proto_ipv4", "tcp.len", "tcp.flags",
)  # fmt: skip
BATCH = 20_000


def read(path: Path, quality: Quality, *, tshark: str | None = None) -> Iterator[pa.RecordBatch]:
    """Yield frames in the columns of ``log_fields.FRAMES``.

    Raises `InputError` where tshark cannot open the capture, `ToolError` without a tshark.
    """
    asked = ["-T", "fields", "-E", f"separator={UNIT}", "-E", "occurrence=f"]
    for field in FIELDS:
        asked += ["-e", field]
    tool = tools.tshark(tshark)
    rows: list[tuple[Any, ...]] = []
    with (
        tempfile.TemporaryFile() as errors,
        dissecting(tool, path, asked, plugin=False, stderr=errors) as running,
    ):
        for raw in running.process.stdout or ():
            _add(raw, rows, quality)
            if len(rows) == BATCH:
                yield batch_of(rows, quality)
                rows = []
        code = running.process.wait()
        errors.seek(0)
        told = errors.read(65536).decode("utf-8", "replace")
    _judge(path, code, told, quality, anything=bool(rows or quality.rows))
    yield batch_of(rows, quality)


def _judge(path: Path, code: int, told: str, quality: Quality, *, anything: bool) -> None:
    lines = [line.removeprefix("tshark: ") for line in told.splitlines() if line.strip()]
    lines = [line for line in lines if not line.startswith("Running as user")]
    if "cut short" in told:
        quality.note("the capture ends in the middle of a packet; what stands before it was read")
    elif code:
        problem = lines[-1] if lines else f"tshark ended with code {code}"
        if not anything:
            raise InputError(path, f"tshark cannot read it: {to_text(problem)[:300]}")
        quality.note(f"tshark stopped early: {to_text(problem)[:300]}")


def _add(raw: bytes, rows: list[tuple[Any, ...]], quality: Quality) -> None:
    cells = raw.decode("utf-8", "backslashreplace").rstrip("\n").split(UNIT)
    if len(cells) != len(FIELDS):
        quality.bad_row(quality.rows + len(rows) + 1, "tshark's row has other columns than asked")
        return
    (number, ts, protocol, ip4s, ip6s, ip4d, ip6d, tcps, udps, tcpd, udpd, eths, ethd, vlan,
     length, tcp, udp, protocols, ip_proto, arps, arpd, payload, flags) = cells  # fmt: skip
    source, destination = ip4s or ip6s or arps, ip4d or ip6d or arpd
    try:
        rows.append(
            (
                to_time(ts),
                protocol or None,
                to_address(source) if source else None,
                int(tcps or udps) if tcps or udps else None,
                to_address(destination) if destination else None,
                int(tcpd or udpd) if tcpd or udpd else None,
                eths or None,
                ethd or None,
                int(vlan) if vlan else None,
                int(length),
                None,
                1,
                None,
                "tcp" if tcps else "udp" if udps else "icmp" if ip_proto in {"1", "58"} else None,
                f"tcp {tcp}" if tcp else f"udp {udp}" if udp else None,
                "dicom" if "dicom" in protocols.split(":") else None,
                int(payload) if payload else None,
                int(flags, 16) if flags else None,
            )
        )
    except ValueError as error:
        quality.bad_row(int(number), str(error))
