"""A client and a server with a stopwatch of their own: `python peers.py server|client OPTIONS`.

Options are one JSON object. What each measured is one JSON object on standard output. Nothing but
the standard library and the encoders of the Zeek package's tests.
"""

from __future__ import annotations

import json
import os
import socket
import struct
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2] / "zeek_scripts" / "testing" / "Scripts"))

import traffic as t

PORT = 11112
COMMAND, LAST = 1, 2


def at_once() -> None:
    """Run before others where that is allowed: a stopwatch that is not run is late."""
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(20))
    except OSError:
        return


class Reader:
    """Reads PDUs from a socket; a slow one pauses after so many bytes."""

    def __init__(self, connection: socket.socket, options: dict[str, Any]) -> None:
        self.connection = connection
        self.step = options.get("read_bytes", 1 << 16)
        self.pause = options.get("read_pause", 0.0)
        self.delays = options.get("delay_acks", False)

    def take(self, size: int) -> bytes:
        """Return so many bytes; raise EOFError where the other side is gone."""
        parts, left = [], size
        while left:
            if self.delays:
                self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 0)
            part = self.connection.recv(min(left, self.step))
            if not part:
                raise EOFError
            parts.append(part)
            left -= len(part)
            if self.pause:
                time.sleep(self.pause)
        return b"".join(parts)

    def pdu(self) -> tuple[int, bytes]:
        """Return the type and body of the next PDU."""
        kind, _, length = struct.unpack(">BBI", self.take(6))
        return kind, self.take(length)


def values(body: bytes) -> list[tuple[int, bytes]]:
    """Return control header and content of each presentation data value of a P-DATA-TF."""
    found, at = [], 0
    while at < len(body):
        (length,) = struct.unpack_from(">I", body, at)
        found.append((body[at + 5], body[at + 6 : at + 4 + length]))
        at += 4 + length
    return found


def elements(command: bytes) -> dict[int, int]:
    """Return the elements of two bytes of a command set."""
    found, at = {}, 0
    while at + 8 <= len(command):
        _, number, length = struct.unpack_from("<HHI", command, at)
        if length == 2:
            (found[number],) = struct.unpack_from("<H", command, at + 8)
        at += 8 + length
    return found


class Server:
    """Answers after as long as it is told; notes how long it took, and how long data took."""

    def __init__(self, options: dict[str, Any]) -> None:
        self.options = options
        self.sleeps = options.get("sleep", [0.0])
        self.notes: list[dict[str, Any]] = []

    def serve(self) -> None:
        """Serve so many connections."""
        listener = socket.create_server(("", PORT), backlog=16)
        if self.options.get("buffer"):
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self.options["buffer"])
        print("ready", flush=True)
        for _ in range(self.options.get("connections", 1)):
            connection, _ = listener.accept()
            if self.options.get("nodelay", True):
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with connection:
                self.associate(connection)

    def associate(self, connection: socket.socket) -> None:
        """Take part in one association."""
        reader = Reader(connection, self.options)
        try:
            while True:
                kind, body = reader.pdu()
                if kind == 1:
                    time.sleep(self.options.get("accept_sleep", 0.0))
                    extra = bytes.fromhex(self.options.get("extra", ""))
                    connection.sendall(t.associate_ac([0] * 4, extra=extra))
                elif kind == 4:
                    self.data(connection, body)
                elif kind == 5:
                    connection.sendall(t.RELEASE_RP)
                    connection.recv(1)
                    return
        except (EOFError, ConnectionError):
            return

    def data(self, connection: socket.socket, body: bytes) -> None:
        """Take a P-DATA-TF; answer where a message ends with it."""
        for control, content in values(body):
            if control & COMMAND:
                self.command = elements(content)
                self.begun, self.size = time.time(), 0
                whole = self.command[0x0800] == t.NO_DATA_SET
            else:
                self.size += len(content)
                whole = bool(control & LAST)
            if whole:
                self.answer(connection, time.time())

    def answer(self, connection: socket.socket, read: float) -> None:
        """Answer a request that was read to its end."""
        field, number = self.command[0x0100], self.command[0x0110]
        note: dict[str, Any] = {"command": field, "bytes": self.size, "data": read - self.begun}
        time.sleep(self.sleeps[len(self.notes) % len(self.sleeps)])
        for _ in range(self.options.get("results", 0) if field == t.FIND_RQ else 0):
            pending = t.command_set(
                field | t.RSP, t.STUDY_FIND, status=0xFF00, data=t.DATA_SET, number=number
            )
            note.setdefault("first", time.time() - read)
            connection.sendall(t.message(pending, bytes(200)))
            time.sleep(self.options.get("between", 0.0))
        sop = t.CT_STORAGE if field == t.STORE_RQ else t.VERIFICATION
        sop = t.STUDY_FIND if field == t.FIND_RQ else sop
        note["response"] = time.time() - read
        response = t.message(t.command_set(field | t.RSP, sop, status=0, number=number))
        cut = self.options.get("write_header_apart") and 12
        if cut:
            connection.sendall(response[:cut])
        connection.sendall(response[cut:])
        self.notes.append(note)


class Client:
    """Asks, and notes how long each answer took."""

    def __init__(self, options: dict[str, Any]) -> None:
        self.options = options
        self.notes: list[dict[str, Any]] = []

    def run(self) -> None:
        """Have the associations that it was told to have."""
        for _ in range(self.options.get("associations", 1)):
            self.associate()
            time.sleep(self.options.get("between", 0.0))

    def associate(self) -> None:
        """Have one association."""
        begun = time.time()
        connection = socket.create_connection((self.options["server"], PORT))
        shaken = time.time()
        if self.options.get("nodelay", True):
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self.options.get("buffer"):
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, self.options["buffer"])
        reader = Reader(connection, {"delay_acks": self.options.get("delay_acks", False)})
        sops = [t.VERIFICATION, t.CT_STORAGE, t.STUDY_FIND, t.STUDY_MOVE]
        extra = bytes.fromhex(self.options.get("extra", ""))
        connection.sendall(t.associate_rq(sops, extra=extra))
        asked = time.time()
        reader.pdu()
        self.notes.append({"shake": shaken - begun, "setup": time.time() - asked})
        for number, what in enumerate(self.options["operations"], 1):
            time.sleep(self.options.get("pause", 0.0) if number > 1 else 0.0)
            self.operate(connection, reader, what, number)
        connection.sendall(t.RELEASE_RQ)
        reader.pdu()
        connection.close()

    def operate(
        self, connection: socket.socket, reader: Reader, what: list[Any], number: int
    ) -> None:
        """Ask for one operation and wait for its final response."""
        kind, size = what
        field = {"echo": t.ECHO_RQ, "store": t.STORE_RQ, "find": t.FIND_RQ}[kind]
        sop = {"echo": t.VERIFICATION, "store": t.CT_STORAGE, "find": t.STUDY_FIND}[kind]
        data = t.DATA_SET if size else t.NO_DATA_SET
        command = t.command_set(field, sop, number=number, data=data)
        step = self.options.get("pdu", 16384) - 6
        message = t.message(command, bytes(size) if size else None, size=step)
        begun = time.time()
        self.send(connection, message)
        sent = time.time()
        while True:
            _, body = reader.pdu()
            control, content = values(body)[0]
            if control & COMMAND and elements(content).get(0x0900) != 0xFF00:
                break
        now = time.time()
        self.notes.append(
            {"operation": kind, "bytes": size, "sent": sent - begun, "response": now - sent}
        )

    def send(self, connection: socket.socket, message: bytes) -> None:
        """Send a message: at once, or PDU by PDU with pauses."""
        pause = self.options.get("pdu_pause")
        if pause is None:
            connection.sendall(message)
            return
        at = 0
        while at < len(message):
            size = 6 + struct.unpack_from(">I", message, at + 2)[0]
            connection.sendall(message[at : at + size])
            time.sleep(pause if at + size < len(message) else 0.0)
            at += size


def main() -> None:
    """Play the part that was asked for."""
    at_once()
    part, options = sys.argv[1], json.loads(sys.argv[2])
    peer: Server | Client = Server(options) if part == "server" else Client(options)
    if isinstance(peer, Server):
        peer.serve()
    else:
        peer.run()
    print(json.dumps(peer.notes), flush=True)


if __name__ == "__main__":
    main()
