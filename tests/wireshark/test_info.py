"""What Wireshark says of a frame is told only in forms that hold nothing of what it carried."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import pytest

from pacsflow.programs.tshark import export_logs
from wireshark.capture import conversation, write_pcap

if TYPE_CHECKING:
    from pathlib import Path

MARK = "MARY^DOE"


def element(tag: int, value: bytes) -> bytes:
    value += b"\0" * (len(value) % 2)
    return struct.pack("<HHI", 0, tag, len(value)) + value


def refused_store() -> bytes:
    """Return a P-DATA-TF with a C-STORE-RSP that failed, and an Error Comment."""
    command = b"".join(
        element(tag, value)
        for tag, value in (
            (0x0002, b"1.2.840.10008.5.1.4.1.1.2"),
            (0x0100, struct.pack("<H", 0x8001)),
            (0x0120, struct.pack("<H", 7)),
            (0x0800, struct.pack("<H", 0x0101)),
            (0x0900, struct.pack("<H", 0xC000)),
            (0x0902, MARK.encode()),
        )
    )
    command = element(0, struct.pack("<I", len(command))) + command
    value = struct.pack(">IBB", len(command) + 2, 1, 3) + command
    return struct.pack(">BBI", 4, 0, len(value)) + value


CARRIED = {
    "comment": (104, refused_store()),
    "http": (80, f"GET /wado?patientID={MARK} HTTP/1.1\r\nHost: pacs\r\n\r\n".encode()),
    "ftp": (21, f"USER {MARK}\r\n".encode()),
}


@pytest.mark.few(1)
@pytest.mark.parametrize("name", CARRIED)
def test_nothing_carried_is_told_but_when_asked_for(tshark: str, tmp_path: Path, name: str) -> None:
    port, first = CARRIED[name]
    frames = conversation("10.0.0.1", "10.0.0.2", port, first, syn=True)
    capture = write_pcap(tmp_path / "one.pcap", frames)

    def told(*, with_info: bool) -> str:
        logs = export_logs(capture, tmp_path / str(with_info), tshark=tshark, with_info=with_info)
        return logs.frames.read_text()

    assert MARK in told(with_info=True)
    closed = told(with_info=False)
    assert MARK not in closed
    assert "[SYN] Seq=0" in closed
