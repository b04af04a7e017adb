"""A link between two network namespaces: delay, loss and a limited rate, and a capture at each end.

Packets go from one TUN device to another through this process, so no kernel module for queueing is
needed. Root is.
"""

from __future__ import annotations

import fcntl
import heapq
import os
import random
import select
import struct
import subprocess
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

SPACES = ("pacsflow-client", "pacsflow-server")
ADDRESSES = ("10.77.0.1", "10.77.0.2")
DEVICES = ("pfclient", "pfserver")
_TUNSETIFF, _IFF_TUN, _IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
_MACS = (b"\x02\0\0\0\0\1", b"\x02\0\0\0\0\2")
_QUEUE = 200_000
"""Bytes that wait for the link at most; what comes then is dropped, as routers do."""


@dataclass(frozen=True, slots=True)
class Network:
    """What the network between the two is like.

    Parameters
    ----------
    delay
        Seconds, each way.
    loss
        Share of packets with data that are lost.
    rate
        Bits a second; 0 is no limit.
    """

    delay: float = 0.0
    loss: float = 0.0
    rate: float = 0.0


def possible() -> bool:
    """Say whether this machine and user can have such a link."""
    return os.geteuid() == 0 and Path("/dev/net/tun").exists() and _ip("netns", "list") == 0


def _ip(*arguments: str) -> int:
    return subprocess.run(["ip", *arguments], capture_output=True, check=False).returncode


def _device(name: str, space: str, address: str) -> int:
    """Make a TUN device in a namespace; return what reads and writes its packets."""
    device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(device, _TUNSETIFF, struct.pack("16sH", name.encode(), _IFF_TUN | _IFF_NO_PI))
    inside = ["-n", space]
    for command in (
        ["netns", "add", space],
        ["link", "set", name, "netns", space],
        [*inside, "addr", "add", f"{address}/24", "dev", name],
        [*inside, "link", "set", name, "up"],
        [*inside, "link", "set", "lo", "up"],
    ):
        subprocess.run(["ip", *command], check=True, capture_output=True)
    return device


@dataclass(slots=True)
class Link:
    """Carries packets, and keeps those seen at the server's end and at the client's."""

    devices: tuple[int, int]
    path: Network
    seed: int = 1
    seen: tuple[list[tuple[float, bytes]], list[tuple[float, bytes]]] = field(
        default_factory=lambda: ([], [])
    )
    _over: bool = False

    def run(self) -> None:
        """Carry packets until `stop`."""
        chance, waiting, number = random.Random(self.seed), [], 0
        free = [0.0, 0.0]
        while not self._over:
            now = time.time()
            while waiting and waiting[0][0] <= now:
                _, _, side, packet = heapq.heappop(waiting)
                self._deliver(side, packet)
                now = time.time()
            wait = min(waiting[0][0] - now, 0.05) if waiting else 0.05
            ready, _, _ = select.select(self.devices, (), (), max(wait, 0))
            for device in ready:
                side = self.devices.index(device)
                for packet in self._read(device):
                    now = time.time()
                    self.seen[side].append((now, packet))
                    size = len(packet)
                    queued = max(free[side] - now, 0.0) * self.path.rate / 8
                    lost = size > 100 and chance.random() < self.path.loss
                    if lost or (self.path.rate and queued > _QUEUE):
                        continue
                    sent = max(free[side], now)
                    if self.path.rate:
                        sent += size * 8 / self.path.rate
                    free[side] = sent
                    number += 1
                    heapq.heappush(waiting, (sent + self.path.delay, number, 1 - side, packet))

    @staticmethod
    def _read(device: int) -> Iterator[bytes]:
        for _ in range(32):
            try:
                yield os.read(device, 65536)
            except BlockingIOError:
                return

    def _deliver(self, side: int, packet: bytes) -> None:
        self.seen[side].append((time.time(), packet))
        os.write(self.devices[side], packet)

    def stop(self) -> None:
        """End it."""
        self._over = True

    def write(self, side: int, path: Path) -> None:
        """Write what was seen at the client's (0) or the server's (1) end as a capture."""
        with path.open("wb") as out:
            out.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 1))
            for when, packet in sorted(self.seen[side], key=lambda seen: seen[0]):
                if packet[0] >> 4 != 4:
                    continue
                source = ADDRESSES.index(".".join(map(str, packet[12:16])))
                frame = _MACS[1 - source] + _MACS[source] + b"\x08\x00" + packet
                micro = round(when * 1e6)
                size = len(frame)
                out.write(struct.pack("<IIII", micro // 10**6, micro % 10**6, size, size) + frame)


@contextmanager
def link(path: Network) -> Iterator[Link]:
    """Make the two namespaces and the link between them."""
    for space in SPACES:
        _ip("netns", "del", space)
    made: list[int] = []
    try:
        for name, space, address in zip(DEVICES, SPACES, ADDRESSES, strict=True):
            made.append(_device(name, space, address))
        carried = Link((made[0], made[1]), path)
        thread = threading.Thread(target=carried.run)
        thread.start()
        try:
            yield carried
        finally:
            carried.stop()
            thread.join()
    finally:
        for space in SPACES:
            _ip("netns", "del", space)
        for device in made:
            os.close(device)


def inside(side: int, command: list[str], **how: object) -> subprocess.Popen[str]:
    """Start a program at the client's (0) or the server's (1) end."""
    return subprocess.Popen(
        ["ip", "netns", "exec", SPACES[side], *command],
        text=True,
        **how,  # type: ignore[call-overload]
    )
