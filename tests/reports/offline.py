"""Prints a page where every packet is seen: `offline.py PAGE PDF` in namespaces of its own.

The loopback is the way to everywhere, names are asked of it, and whatever goes out is counted.
"""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import threading
from pathlib import Path

from pacsflow_reports import html_to_pdf

ANY = 3
"""ETH_P_ALL: packets of every protocol."""


class Listener(threading.Thread):
    """Keeps every packet that goes out."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.packets: list[bytes] = []
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ANY))
        self._socket.bind(("lo", 0))

    def run(self) -> None:
        while True:
            packet, (_, _, way, *_) = self._socket.recvfrom(65535)
            if way == socket.PACKET_OUTGOING:
                self.packets.append(packet)

    def taken(self) -> list[bytes]:
        threading.Event().wait(1)
        found, self.packets = self.packets, []
        return found


def alone() -> None:
    """Make the loopback the only network there is."""
    for command in ("link set lo up", "route add default dev lo"):
        subprocess.run(["ip", *command.split()], check=True)
    names = Path(sys.argv[2]).with_name("resolv.conf")
    names.write_text("nameserver 192.0.2.53\noptions attempts:1 timeout:1\n")
    names.chmod(0o644)
    subprocess.run(["mount", "--bind", str(names), "/etc/resolv.conf"], check=True)


def main() -> None:
    alone()
    listener = Listener()
    listener.start()
    with contextlib.suppress(OSError):
        socket.getaddrinfo("pacsflow.example", 443)
    control = listener.taken()
    html_to_pdf(Path(sys.argv[1]), Path(sys.argv[2]))
    sent = listener.taken()
    named = [packet for packet in control if b"pacsflow" in packet]
    sys.stdout.write(f"{len(named)} {len(sent)}\n")
    for packet in sent:
        sys.stderr.write(f"{packet[14:120]!r}\n")


if __name__ == "__main__":
    main()
