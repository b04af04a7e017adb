"""One association of a capture, and an interface, through pyshark."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import TYPE_CHECKING

import pytest
from tests.conftest import CAPTURES
from tests.wireshark import golden

from pacsflow.errors import InputError, ToolError
from pacsflow.programs import pyshark_view
from pacsflow.programs.pyshark_view import LAYER, FrameView, association_frames, live_frames, news

if TYPE_CHECKING:
    from pathlib import Path

MOVE = CAPTURES / "qr_move_3party.pcapng"
pytestmark = pytest.mark.usefixtures("tshark")


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


@pytest.mark.few(1)
@pytest.mark.parametrize("name", golden.captures())
def test_frames_are_those_of_the_fields(name: str, tshark: str) -> None:
    """Whatever form a tshark gives times and booleans in, `show` tells what `-T fields` tells."""
    capture, keys = golden.captures()[name], golden.captures()[name].with_suffix(".keys")
    tags = ("calling_ae", "assoc.state", "operation", "status", "operation.inferred", "dst.tag")
    asked = ["frame.number", "frame.time_epoch", "frame.len", *(f"{LAYER}.{tag}" for tag in tags)]
    fields = [part for field in asked for part in ("-e", field)]
    chosen = ("-Y", "pacsflow.assoc.id == 1", "-T", "fields", "-E", "occurrence=f")
    text = golden.run(capture, *chosen, *fields, tshark=tshark)
    told = [line.split("\t") for line in text.splitlines()]
    frames = association_frames(capture, 1, keylog=keys if keys.is_file() else None)
    shown = [
        [
            str(frame.number),
            frame.ts,
            str(frame.length),
            *({"true": "1", "false": "0"}.get(t := frame.tags.get(tag, ""), t) for tag in tags),
        ]
        for frame in frames
    ]
    said = {"True": "1", "False": "0"}
    assert shown == [
        [number, float(ts), length, *(said.get(cell, cell) for cell in cells)]
        for number, ts, length, *cells in told
    ]


def test_no_such_association_and_no_such_capture(tmp_path: Path) -> None:
    assert list(association_frames(MOVE, 99)) == []
    with pytest.raises(InputError, match="no such file"):
        next(association_frames(tmp_path / "none.pcap", 1))


def test_a_notebook_may_look_too() -> None:
    """It runs an event loop of its own."""

    async def inside() -> FrameView:
        return next(association_frames(MOVE, 1))

    # In a thread of its own: a browser's test may have left a loop running in this one.
    with ThreadPoolExecutor(1) as pool:
        found = pool.submit(lambda: asyncio.run(inside())).result()
    assert found.tags["assoc.id"] == "1"


def test_command_shows_an_association() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pacsflow", "show", "association:2", str(MOVE), "--format", "json"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert {row["association"] for row in json.loads(done.stdout)["frames"]} == {"2"}


def test_news_are_the_steps_of_an_association() -> None:
    frames = list(association_frames(MOVE, 2))
    told = list(news(frames))
    assert 5 < len(told) < len(frames) / 2
    assert told[0] == frames[0]
    states = [frame.tags["assoc.state"] for frame in told]
    assert list(dict.fromkeys(states))[-4:] == ["requested", "accepted", "releasing", "released"]
    # Each store and its answer once, as awk counts them in the frames.
    pairs = {(f.tags["message_id"], f.tags.get("status")) for f in frames if "message_id" in f.tags}
    assert {
        (f.tags["message_id"], f.tags.get("status")) for f in told if "message_id" in f.tags
    } == pairs
    twice = FrameView(1, 0.0, 66, "", "", {"assoc.id": "1"})
    assert list(news([twice, twice])) == [twice]


def _echo(port: int) -> None:
    """Verify the connection to PACS1 as CT1, as an administrator would."""
    from pynetdicom import AE

    client = AE(ae_title="CT1")
    client.add_requested_context("1.2.840.10008.1.1")
    association = client.associate("127.0.0.1", port, ae_title="PACS1")
    association.send_c_echo()
    association.release()


@pytest.mark.few(1)
@pytest.mark.parametrize("how", ["table", "json"])
def test_command_shows_an_interface(how: str) -> None:
    """A real echo over loopback, told step by step; Ctrl-C ends it without a trace."""
    from pynetdicom import AE

    server = AE(ae_title="PACS1")
    server.add_supported_context("1.2.840.10008.1.1")
    listening = server.start_server(("127.0.0.1", 0), block=False)
    port = listening.server_address[1]
    command = [sys.executable, "-m", "pacsflow", "live", "lo", "--format", how]
    live = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    lines: list[str] = []

    def read() -> None:
        assert live.stdout
        lines.extend(iter(live.stdout.readline, ""))

    reader = threading.Thread(target=read)
    reader.start()
    try:
        end = time.monotonic() + 60
        while live.poll() is None and time.monotonic() < end:
            _echo(port)
            time.sleep(0.5)
            if sum("released" in line for line in lines) > 1:
                break
        # As a terminal does: tshark and dumpcap are interrupted too.
        if live.poll() is None:
            os.killpg(live.pid, signal.SIGINT)
        status = live.wait(30)
    finally:
        live.kill()
        reader.join()
        listening.shutdown()
    assert live.stderr
    said = live.stderr.read()
    if "cannot capture" in said or "no permission" in said:
        pytest.skip(f"no capturing here: {said}")
    assert status == 0, said
    assert re.fullmatch(r"capturing on lo, Ctrl-C ends\n\d+ lines? of \d+ associations?\n", said)
    if how == "json":
        rows = [row for line in lines if str(port) in str(row := json.loads(line))]
        steps = [(row["state"], row["operation"], row["status"]) for row in rows]
        assert ("accepted", "C-ECHO", "Success") in steps
        assert ("released", "C-ECHO", "Success") in steps
        assert {row["called_ae"] for row in rows} <= {"PACS1", ""}
    else:
        assert lines[0].split()[:4] == ["Time", "(UTC)", "From", "To"]
        told = "".join(line for line in lines if f"127.0.0.1 {port}" in line)
        assert re.search(r"CT1 +PACS1 +accepted +C-ECHO +Success", told)


def test_live_without_such_an_interface() -> None:
    command = [sys.executable, "-m", "pacsflow", "live", "nosuch0"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 2
    assert done.stdout == "", "no header of a table that never begins"
    last = done.stderr.splitlines()[-1]
    assert last.startswith("pacsflow: no interface nosuch0")
    assert "\\x" not in last
    assert "capturing on" not in done.stderr, "it never began"


PERMISSION = """\
Capturing on 'Loopback: lo'
dumpcap: You do not have permission to capture on device "lo".
(socket: Operation not permitted)
Please check to make sure you have sufficient permissions.

On Debian and Debian derivatives such as Ubuntu, if you have installed Wireshark from a package, \
try running

    sudo dpkg-reconfigure wireshark-common

If you did not install Wireshark from a package, ensure that Dumpcap has the needed CAP_NET_RAW \
and CAP_NET_ADMIN capabilities by running

    sudo setcap cap_net_raw,cap_net_admin=ep {path/to/}dumpcap

and then restarting Wireshark.
"""
NEITHER = """\
Capturing on '/etc/passwd'
dumpcap: The capture session could not be initiated because
"/etc/passwd" is neither an interface nor a socket nor a pipe.
"""


@pytest.mark.few(1)
@pytest.mark.parametrize(
    ("text", "interface", "told"),
    [
        (
            PERMISSION,
            "lo",
            'lo: You do not have permission to capture on device "lo"; capturing takes privileges',
        ),
        (
            NEITHER,
            "/etc/passwd",
            "/etc/passwd: The capture session could not be initiated because "
            '"/etc/passwd" is neither an interface nor a socket nor a pipe',
        ),
        ("", "lo", "lo: dumpcap ended"),
    ],
)
def test_why_nothing_can_be_captured(
    text: str, interface: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of dumpcap's many lines the sentence that says why; privileges where they are missing."""
    (tmp_path / "said").write_text(text)
    dumpcap = tmp_path / "dumpcap"
    dumpcap.write_text(
        f'#!/bin/sh\n[ "$1" = -D ] && {{ echo "1. lo (Loopback)"; exit; }}\n'
        f"cat {tmp_path}/said >&2; exit 1\n"
    )
    dumpcap.chmod(0o755)
    monkeypatch.setattr(pyshark_view, "_dumpcap", lambda _: str(dumpcap))
    with pytest.raises(ToolError) as said:
        list(live_frames(interface))
    assert str(said.value).startswith(f"cannot capture on {told}")
    assert ("takes privileges" in str(said.value)) == (text == PERMISSION)


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
        # Others may talk on loopback meanwhile.
        seen = live_frames("lo", count=10_000)
        mine = (frame for frame in seen if frame.tags.get("called_ae") == "LIVEPACS")
        frames = list(islice(mine, 3))
        seen.close()
    except ToolError as error:
        pytest.skip(f"no capturing here: {error}")
    finally:
        stop.set()
        thread.join()
    assert len(frames) == 3
