"""One association of a capture, and an interface, through pyshark."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import pytest
from tests.conftest import CAPTURES

from pacsflow.errors import InputError, ToolError
from pacsflow.pyshark_view import association_frames, live_frames

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MOVE = CAPTURES / "qr_move_3party.pcapng"
pytestmark = pytest.mark.usefixtures("tshark")


@pytest.fixture(autouse=True)
def _no_event_loop() -> Iterator[None]:
    """Playwright leaves its loop running in a worker's main thread; these tests are outside it."""
    running = asyncio._get_running_loop()
    asyncio._set_running_loop(None)
    yield
    asyncio._set_running_loop(running)


def test_frames_of_one_association() -> None:
    frames = list(association_frames(MOVE, 2))
    assert len(frames) > 20
    assert {frame.tags["assoc.id"] for frame in frames} == {"2"}
    assert {frame.tags["called_ae"] for frame in frames} == {"WS1"}
    assert "C-STORE" in {frame.tags.get("operation") for frame in frames}
    assert "Success" in {frame.tags.get("status.name") for frame in frames}
    assert frames[0].source.startswith("127.0.0.1 ")
    numbers = [frame.number for frame in frames]
    assert numbers == sorted(numbers)


def test_no_such_association_and_no_such_capture(tmp_path: Path) -> None:
    assert list(association_frames(MOVE, 99)) == []
    with pytest.raises(InputError, match="no such file"):
        next(association_frames(tmp_path / "none.pcap", 1))


def test_inside_an_event_loop_says_so() -> None:
    async def inside() -> None:
        next(association_frames(MOVE, 1))

    with pytest.raises(ToolError, match="event loop"):
        asyncio.run(inside())


def test_command_shows_an_association() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pacsflow", "show", "association:2", str(MOVE), "--format", "json"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert {row["association"] for row in json.loads(done.stdout)} == {"2"}


@pytest.mark.skipif(os.geteuid() != 0, reason="capturing needs privileges")
def test_live_on_loopback() -> None:
    """Association requests over loopback are seen as they go by."""
    stop = threading.Event()

    def talk() -> None:
        title = b"LIVEPACS".ljust(16) + b"LIVECT".ljust(16)
        body = b"\0\1\0\0" + title + bytes(32) + b"\x10\0\0\x15" + b"1.2.840.10008.3.1.1.1"
        body += b"\x50\0\0\x08\x51\0\0\x04\0\0\x40\0"
        request = b"\1\0" + len(body).to_bytes(4, "big") + body
        while not stop.is_set():
            server = socket.create_server(("127.0.0.1", 0))
            with server, socket.create_connection(server.getsockname()) as client:
                client.sendall(request)
                accepted, _ = server.accept()
                accepted.recv(4096)
                accepted.close()
            time.sleep(0.5)

    thread = threading.Thread(target=talk)
    thread.start()
    try:
        frames = list(live_frames("lo", count=3))
    except ToolError as error:
        pytest.skip(f"no capturing here: {error}")
    finally:
        stop.set()
        thread.join()
    assert {frame.tags["called_ae"] for frame in frames} == {"LIVEPACS"}
    assert len(frames) == 3
