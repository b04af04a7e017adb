"""Builds captures: TCP conversations of DICOM PDUs, byte by byte, whole or broken.

Standard library only, so that the package's tests need nothing but Zeek, btest and Python.
"""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

FIN, SYN, RST, PSH, ACK = 0x01, 0x02, 0x04, 0x08, 0x10
APPLICATION_CONTEXT = b"1.2.840.10008.3.1.1.1"
IMPLICIT_LE = b"1.2.840.10008.1.2"
VERIFICATION = b"1.2.840.10008.1.1"
CT_STORAGE = b"1.2.840.10008.5.1.4.1.1.2"
MR_STORAGE = b"1.2.840.10008.5.1.4.1.1.4"
STUDY_FIND = b"1.2.840.10008.5.1.4.1.2.2.1"
STUDY_MOVE = b"1.2.840.10008.5.1.4.1.2.2.2"
STUDY_GET = b"1.2.840.10008.5.1.4.1.2.2.3"
STORE_RQ, FIND_RQ, GET_RQ, MOVE_RQ, ECHO_RQ, CANCEL_RQ = 0x1, 0x20, 0x10, 0x21, 0x30, 0xFFF
RSP = 0x8000
NO_DATA_SET, DATA_SET = 0x0101, 0x0001


# PDUs (PS3.8, 9.3)


def pdu(kind: int, body: bytes, *, reserved: int = 0, length: int | None = None) -> bytes:
    """Return a PDU; `length` lies about its length."""
    return struct.pack(">BBI", kind, reserved, len(body) if length is None else length) + body


def item(kind: int, body: bytes, length: int | None = None) -> bytes:
    """Return a variable item or sub-item."""
    return struct.pack(">BBH", kind, 0, len(body) if length is None else length) + body


def user_information(
    uid: bytes = b"1.2.3.4", version: bytes = b"CRAFTED_1", extra: bytes = b"", max_pdu: int = 16384
) -> bytes:
    """Return the user information item (PS3.7, D.3.3)."""
    parts = item(0x51, struct.pack(">I", max_pdu)) + item(0x52, uid) + item(0x55, version)
    return item(0x50, parts + extra)


def role(sop_class: bytes, scu: int, scp: int) -> bytes:
    """Return an SCP/SCU role selection sub-item."""
    return item(0x54, struct.pack(">H", len(sop_class)) + sop_class + bytes([scu, scp]))


def user_identity(kind: int, primary: bytes, secondary: bytes = b"") -> bytes:
    """Return a user identity sub-item (PS3.7, D.3.3.7)."""
    body = struct.pack(">BBH", kind, 0, len(primary)) + primary
    return item(0x58, body + struct.pack(">H", len(secondary)) + secondary)


def fixed(called: bytes, calling: bytes) -> bytes:
    """Return the fixed fields of an A-ASSOCIATE PDU after its length."""
    return struct.pack(">HH", 1, 0) + called.ljust(16) + calling.ljust(16) + bytes(32)


def associate_rq(
    contexts: Iterable[bytes] = (VERIFICATION,),
    *,
    called: bytes = b"PACS",
    calling: bytes = b"CT1",
    extra: bytes = b"",
    context_name: bytes = APPLICATION_CONTEXT,
    syntaxes: Iterable[bytes] = (IMPLICIT_LE,),
) -> bytes:
    """Return an A-ASSOCIATE-RQ with one presentation context for each SOP class."""
    body = fixed(called, calling) + item(0x10, context_name)
    transfer = b"".join(item(0x40, syntax) for syntax in syntaxes)
    for number, sop_class in enumerate(contexts):
        body += item(0x20, bytes([number * 2 + 1, 0, 0xFF, 0]) + item(0x30, sop_class) + transfer)
    return pdu(0x01, body + user_information(extra=extra))


def associate_ac(
    results: Iterable[int] = (0,),
    *,
    called: bytes = b"PACS",
    calling: bytes = b"CT1",
    extra: bytes = b"",
    syntax: bytes = IMPLICIT_LE,
) -> bytes:
    """Return an A-ASSOCIATE-AC with one result for each presentation context."""
    body = fixed(called, calling) + item(0x10, APPLICATION_CONTEXT)
    for number, result in enumerate(results):
        body += item(0x21, bytes([number * 2 + 1, 0, result, 0]) + item(0x40, syntax))
    return pdu(0x02, body + user_information(b"1.2.3.5", b"CRAFTED_2", extra, 32768))


def associate_rj(result: int = 1, source: int = 1, reason: int = 7) -> bytes:
    """Return an A-ASSOCIATE-RJ."""
    return pdu(0x03, bytes([0, result, source, reason]))


RELEASE_RQ = pdu(0x05, bytes(4))
RELEASE_RP = pdu(0x06, bytes(4))


def abort(source: int = 0, reason: int = 0) -> bytes:
    """Return an A-ABORT."""
    return pdu(0x07, bytes([0, 0, source, reason]))


def pdv(data: bytes, control: int, context: int = 1, length: int | None = None) -> bytes:
    """Return a presentation data value; control bits: 1 command, 2 last."""
    return struct.pack(">IBB", len(data) + 2 if length is None else length, context, control) + data


def p_data(*pdvs: bytes, length: int | None = None) -> bytes:
    """Return a P-DATA-TF."""
    return pdu(0x04, b"".join(pdvs), length=length)


# Command sets (PS3.7, 6.3.1 and annex E)


def element(number: int, value: bytes, length: int | None = None) -> bytes:
    """Return a command element, Implicit VR Little Endian."""
    value += b"\0" * (len(value) % 2)
    return struct.pack("<HHI", 0, number, len(value) if length is None else length) + value


def command_set(
    command: int,
    sop_class: bytes = VERIFICATION,
    *,
    status: int | None = None,
    data: int = NO_DATA_SET,
    destination: bytes = b"",
    comment: bytes = b"",
    number: int = 1,
    instance: bytes = b"",
) -> bytes:
    """Return a whole command set; `number` is its Message ID, or that it responds to."""
    body = element(0x0002, sop_class) + element(0x0100, struct.pack("<H", command))
    body += element(0x0120 if command & RSP else 0x0110, struct.pack("<H", number))
    if destination:
        body += element(0x0600, destination)
    body += element(0x0800, struct.pack("<H", data))
    if status is not None:
        body += element(0x0900, struct.pack("<H", status))
    if comment:
        body += element(0x0902, comment)
    if instance:
        body += element(0x1000, instance)
    return element(0x0000, struct.pack("<I", len(body))) + body


def message(
    command: bytes, data: bytes | None = None, *, size: int = 16376, context: int = 1
) -> bytes:
    """Return a DIMSE message: a command set and, fragmented, a data set, one PDV in each PDU."""
    pdus = p_data(pdv(command, 3, context))
    if data is not None:
        for start in range(0, max(len(data), 1), size):
            part = data[start : start + size]
            pdus += p_data(pdv(part, 2 if start + size >= len(data) else 0, context))
    return pdus


def store(data: bytes, **how: int) -> bytes:
    """Return a C-STORE-RQ with its data set."""
    return message(command_set(STORE_RQ, CT_STORAGE, data=DATA_SET), data, **how)


def response(request: int, sop_class: bytes = VERIFICATION, status: int = 0, **how: int) -> bytes:
    """Return a response without a data set."""
    return message(command_set(request | RSP, sop_class, status=status), **how)


# Frames


def checksum(data: bytes) -> int:
    """Return the Internet checksum (RFC 1071)."""
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


@dataclass
class Conversation:
    """One TCP connection; what is sent becomes a list of timed frames."""

    orig: str = "10.1.0.10"
    resp: str = "10.1.0.20"
    orig_port: int = 40000
    resp_port: int = 104
    time: float = 1700000000.0
    step: float = 0.001
    mss: int = 1448
    frames: list[tuple[float, bytes]] = field(default_factory=list)
    _next: list[int] = field(default_factory=lambda: [1000, 5000])

    def frame(self, side: int, flags: int, data: bytes = b"", seq: int | None = None) -> None:
        """Append one frame of `side` (0 originator, 1 responder)."""
        source, target = (self.orig, self.resp) if side == 0 else (self.resp, self.orig)
        ports = (self.orig_port, self.resp_port) if side == 0 else (self.resp_port, self.orig_port)
        first = self._next[side] if seq is None else seq
        acked = self._next[1 - side] if flags & ACK else 0
        tcp = struct.pack(
            ">HHIIBBHHH", *ports, first & 0xFFFFFFFF, acked & 0xFFFFFFFF, 0x50, flags, 65535, 0, 0
        )
        addresses = socket.inet_aton(source) + socket.inet_aton(target)
        pseudo = addresses + struct.pack(">BBH", 0, 6, len(tcp) + len(data))
        tcp = tcp[:16] + struct.pack(">H", checksum(pseudo + tcp + data)) + tcp[18:]
        ip = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(tcp) + len(data), 0, 0x4000, 64, 6, 0)
        ip = ip[:10] + struct.pack(">H", checksum(ip + addresses)) + addresses
        mac = bytes([2, 0, 0, 0, 0, 1 + side]), bytes([2, 0, 0, 0, 0, 2 - side])
        self.time += self.step
        self.frames.append((self.time, mac[1] + mac[0] + b"\x08\x00" + ip + tcp + data))

    def open(self) -> Conversation:
        """Shake hands."""
        self.frame(0, SYN)
        self._next[0] += 1
        self.frame(1, SYN | ACK)
        self._next[1] += 1
        self.frame(0, ACK)
        return self

    def send(self, side: int, data: bytes, size: int | None = None) -> Conversation:
        """Send data in segments of at most `size` bytes, each acknowledged."""
        size = size or self.mss
        for start in range(0, len(data), size):
            part = data[start : start + size]
            self.frame(side, PSH | ACK, part)
            self._next[side] += len(part)
            self.frame(1 - side, ACK)
        return self

    def lose(self, side: int, amount: int) -> Conversation:
        """Leave a gap: bytes that were sent and acknowledged, and never captured."""
        self._next[side] += amount
        return self

    def send_lossy(self, side: int, data: bytes, start: int, end: int) -> Conversation:
        """Send data of which the bytes from `start` to `end` are not captured."""
        return self.send(side, data[:start]).lose(side, end - start).send(side, data[end:])

    def wait(self, seconds: float) -> Conversation:
        """Let time pass."""
        self.time += seconds
        return self

    def close(self) -> Conversation:
        """End with FIN from both sides."""
        self.frame(0, FIN | ACK)
        self._next[0] += 1
        self.frame(1, FIN | ACK)
        self._next[1] += 1
        self.frame(0, ACK)
        return self

    def reset(self, side: int) -> Conversation:
        """End with RST."""
        self.frame(side, RST | ACK)
        return self


def write(path: str | Path, conversations: Iterable[Conversation]) -> None:
    """Write a capture, in order of time."""
    frames = sorted(
        (frame for c in conversations for frame in c.frames), key=lambda frame: frame[0]
    )
    with Path(path).open("wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 1))
        for when, data in frames:
            seconds = int(when)
            micros = round((when - seconds) * 1e6)
            file.write(struct.pack("<IIII", seconds, micros, len(data), len(data)) + data)
