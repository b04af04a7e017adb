"""Starts the real servers on loopback addresses, captures, and ends both: all by process id."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.request
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import images

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NETWORK = "127.0.10.0/24"
ORTHANC, QRSCP, WORKLIST = "127.0.10.1", "127.0.10.2", "127.0.10.3"
PORT = 11112
ORTHANC_PORT, QRSCP_PORT, WORKLIST_PORT, REST_PORT = 4242, 11114, 11115, 18042
SPARE_PORT, MOVER = 11120, ("127.0.10.41", 11118)
VIEWER, CT = ("127.0.10.21", 11116), ("127.0.10.11", 11117)
PROGRAMS = (
    "Orthanc", "dcmqrscp", "wlmscpfs", "storescu", "dumpcap", "editcap", "openssl", "prlimit",
    "setpriv",
)  # fmt: skip


def missing() -> list[str]:
    """Return the programs that are not there."""
    return [p for p in PROGRAMS if not shutil.which(p, path=f"{os.environ['PATH']}:/usr/sbin")]


def wait_for(address: str, port: int, seconds: float = 60) -> None:
    """Wait until somebody listens."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with socket.socket() as s:
            if s.connect_ex((address, port)) == 0:
                return
        time.sleep(0.1)
    raise TimeoutError(f"nobody listens on {address}:{port}")


def _start(command: list[str], log: Path) -> subprocess.Popen[bytes]:
    found = shutil.which(command[0], path=f"{os.environ['PATH']}:/usr/sbin")
    with log.open("wb") as out:
        return subprocess.Popen(
            [found or command[0], *command[1:]], stdout=out, stderr=out, stdin=subprocess.DEVNULL
        )


def _stop(process: subprocess.Popen[bytes], how: signal.Signals = signal.SIGTERM) -> None:
    process.send_signal(how)
    try:
        process.wait(15)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def orthanc_settings(folder: Path, port: int, rest: int, *, open_to_all: bool = True) -> str:
    """Write Orthanc's settings; where it is not open to all it takes the known titles only."""
    settings: dict[str, Any] = {
        "Name": "lab", "DicomAet": "ORTHANC", "DicomPort": port, "HttpPort": rest,
        "StorageDirectory": str(folder / "orthanc"), "IndexDirectory": str(folder / "orthanc"),
        "RemoteAccessAllowed": False, "AuthenticationEnabled": False, "DicomCheckCalledAet": True,
        "Plugins": [], "ConcurrentJobs": 2,
        "DicomModalities": {"viewer": ["VIEWER", *VIEWER], "ct": ["CT1", *CT]},
    }  # fmt: skip
    for what in ("Echo", "Store", "Find", "FindWorklist", "Get", "Move"):
        settings[f"DicomAlwaysAllow{what}"] = open_to_all
    path = folder / f"orthanc-{port}.json"
    path.write_text(json.dumps(settings))
    return str(path)


def qrscp_settings(folder: Path, port: int, associations: int) -> str:
    """Write the settings of a dcmqrscp that takes so many associations at a time."""
    images = folder / f"images-{port}"
    images.mkdir(exist_ok=True)
    path = folder / f"qrscp-{port}-{associations}.cfg"
    path.write_text(
        f"NetworkTCPPort = {port}\nMaxPDUSize = 16384\nMaxAssociations = {associations}\n"
        f"HostTable BEGIN\nmover = (MOVER, {MOVER[0]}, {MOVER[1]})\nHostTable END\n"
        "VendorTable BEGIN\nVendorTable END\n"
        f"AETable BEGIN\nQRSCP {images} RW (100, 100mb) ANY\nAETable END\n"
    )
    return str(path)


def worklists(folder: Path) -> Path:
    """Write three worklist entries for the title WORKLIST; return the folder for wlmscpfs."""
    entries = folder / "worklists" / "WORKLIST"
    entries.mkdir(parents=True)
    (entries / "lockfile").touch()
    for number in (1, 2, 3):
        images.save(images.worklist_entry(number), entries / f"{number}.wl")
    return entries.parent


@contextmanager
def server(command: list[str], port: int, log: Path) -> Iterator[None]:
    """Run one more server, on a port of all addresses."""
    process = _start(command, log)
    try:
        wait_for("127.0.0.1", port)
        yield
    finally:
        if process.poll() is None:
            _stop(process)


@contextmanager
def servers(folder: Path) -> Iterator[None]:
    """Run Orthanc, dcmqrscp and wlmscpfs.

    Orthanc listens on all addresses: a service of it that the package started is in the way.
    """
    for port in (ORTHANC_PORT, REST_PORT, QRSCP_PORT, WORKLIST_PORT, SPARE_PORT):
        with socket.socket() as s:
            if s.connect_ex(("127.0.0.1", port)) == 0:
                raise OSError(f"something listens on port {port} already, perhaps a service")
    config = orthanc_settings(folder, ORTHANC_PORT, REST_PORT)
    archive = qrscp_settings(folder, QRSCP_PORT, 8)
    lists = ["wlmscpfs", "-s", "-dfp", str(worklists(folder)), str(WORKLIST_PORT)]
    with (
        server(["Orthanc", config], ORTHANC_PORT, folder / "orthanc.log"),
        server(["dcmqrscp", "-c", archive], QRSCP_PORT, folder / "qrscp.log"),
        server(lists, WORKLIST_PORT, folder / "worklist.log"),
    ):
        wait_for("127.0.0.1", REST_PORT)
        yield


def statistics() -> dict[str, int]:
    """Return Orthanc's own counts."""
    with urllib.request.urlopen(f"http://127.0.0.1:{REST_PORT}/statistics", timeout=20) as answer:
        told = json.load(answer)
    return {k: int(told[k]) for k in ("CountInstances", "CountSeries", "TotalUncompressedSize")}


@contextmanager
def captured(path: Path) -> Iterator[None]:
    """Capture the lab's addresses on the loopback interface into a file."""
    raw = path.with_suffix(".raw")
    command = ["dumpcap", "-q", "-i", "lo", "-f", f"tcp and net {NETWORK}", "-w", str(raw)]
    log = path.with_suffix(".log")
    process = _start(command, log)
    end = time.monotonic() + 20
    while "File:" not in log.read_text("utf-8", "replace"):
        if time.monotonic() > end or process.poll() is not None:
            raise TimeoutError(f"dumpcap did not start: {log.read_text('utf-8', 'replace')}")
        time.sleep(0.1)
    time.sleep(0.3)
    try:
        yield
        time.sleep(1.5)
    finally:
        _stop(process, signal.SIGINT)
        log.unlink()
    # Another writer leaves out the machine's name and hardware, which dumpcap notes.
    subprocess.run(["editcap", "-F", "pcap", str(raw), str(path)], check=True)
    raw.unlink()
