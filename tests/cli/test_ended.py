"""A command that a signal ends leaves no process and no temporary file behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import psutil
import pytest

from conftest import CAPTURES, tsv, wait_for
from pacsflow.ledger.engine import engine
from pacsflow.workers import pool
from wireshark import pieces

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals of Unix")


@pytest.fixture(scope="module")
def long_work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A capture and a log that keep any machine busy for a while."""
    folder = tmp_path_factory.mktemp("long")
    frames = pieces.read(CAPTURES / "networks" / "base.pcap")
    capture = folder / "long.pcap"
    pieces.write(capture, frames * 200)
    os.utime(capture, (1772438400, 1772438400))  # nobody writes it any more: watch reads it
    rows = [{"uid": f"C{n}", "ts": f"{1772438400 + n // 9}.{n:06d}"} for n in range(150_000)]
    (folder / "conn.log").write_text(tsv(rows))
    return folder


def tshark_runs(process: psutil.Process) -> bool:
    return any("tshark" in child.name() for child in process.children(recursive=True))


def reads(process: psutil.Process) -> bool:
    """Say whether it is past its imports for a while, however busy the machine is."""
    started = Path(process.cwd(), "started")
    return started.exists() and time.time() - started.stat().st_mtime > 0.5


COMMAND = """
import signal
from pacsflow.cli import entry
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    signal.signal(number, signal.SIG_DFL)  # whoever runs the tests may ignore some
open("started", "x").close()
entry()
"""
LOADING = """
import signal
from pacsflow.__main__ import entry
signal.signal(signal.SIGINT, signal.default_int_handler)
print("loading", flush=True)
entry()
"""
CASES = {
    "endpoints": (["endpoints", "long.pcap"], tshark_runs),
    "ingest": (["ingest", "long.pcap", "conn.log", "--ledger", "book"], tshark_runs),
    "top": (["top", "conn.log"], reads),
    "watch": (["watch", "long.pcap", "--ledger", "book", "--once"], tshark_runs),
}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_worker_that_waits_ends_in_silence(
    number: signal.Signals, capfd: pytest.CaptureFixture[str]
) -> None:
    with pool(1) as executor:
        worker = psutil.Process(executor.submit(os.getpid).result())
        worker.send_signal(number)
        worker.wait(10)
    assert capfd.readouterr().err == ""


def test_a_worker_that_is_at_work_ends_as_well() -> None:
    """The pool catches whatever its work raises, and asks for more work."""
    with pool(1) as executor:
        worker = psutil.Process(executor.submit(os.getpid).result())
        told = executor.submit(signal.raise_signal, signal.SIGTERM)
        assert isinstance(told.exception(), SystemExit | BrokenProcessPool)
        worker.wait(10)


def busy(marker: str) -> None:
    """Hold a folder to spill to in one call of minutes, in which no signal is heard."""
    with engine():
        Path(marker).touch()
        sum(range(10**11))


def test_a_worker_that_cannot_hear_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is killed, and its folder is the pool's to remove."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    workers: list[psutil.Process] = []

    def interrupted() -> None:
        with pool(2) as executor:
            for name in ("one", "two"):
                executor.submit(busy, str(tmp_path / name))
            wait_for(lambda: (tmp_path / "one").exists() and (tmp_path / "two").exists())
            workers.extend(psutil.Process().children(recursive=True))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    _, alive = psutil.wait_procs(workers, timeout=2)
    assert [one for one in alive if "spawn_main" in " ".join(one.cmdline())] == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one", "two"]


@pytest.mark.few(1)
@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("endpoints", signal.SIGTERM),
        ("ingest", signal.SIGHUP),
        ("top", signal.SIGINT),
        ("top", signal.SIGTERM),
        ("watch", signal.SIGTERM),
    ],
)
def test_a_signal_leaves_nothing(
    tshark: str, long_work: Path, tmp_path: Path, name: str, number: signal.Signals
) -> None:
    assert tshark
    arguments, is_at_work = CASES[name]
    inputs = [str(long_work / word) if (long_work / word).exists() else word for word in arguments]
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    temporary.chmod(0o755)
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_uid == os.geteuid() and folder != Path("/"):
            folder.chmod(folder.stat().st_mode | 0o111)
    process = psutil.Popen(
        [sys.executable, "-c", COMMAND, *inputs], cwd=tmp_path, stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE, env=os.environ | {"TMPDIR": str(temporary)},
    )  # fmt: skip
    wait_for(lambda: is_at_work(process))
    started = process.children(recursive=True)
    process.send_signal(number)
    code = process.wait(10)
    said = process.stderr.read().decode()
    assert "Traceback" not in said
    assert code == (130 if number is signal.SIGINT else 128 + number), said
    assert list(temporary.iterdir()) == []
    _, alive = psutil.wait_procs(started, timeout=5)
    # A container's first process may be none that takes note of orphans that ended.
    assert [process for process in alive if process.status() != psutil.STATUS_ZOMBIE] == []


@pytest.mark.parametrize("seconds", [0.1, 0.3, 0.6])
def test_interrupted_while_it_loads(seconds: float) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", LOADING, "--version"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    process.stdout.readline()
    time.sleep(seconds)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=30)
    assert said == b""
    # The last where it falls into a text that Python 3.11 executes, as for a module's dataclasses.
    assert process.returncode in {0, 130, -signal.SIGINT}


def test_what_is_imported_is_there_first(tmp_path: Path) -> None:
    """A module in C++ that is interrupted while it makes its types known aborts the program."""
    (tmp_path / "slow.py").write_text(
        "import os, signal, time\n"
        "os.kill(os.getpid(), signal.SIGTERM)\n"
        "time.sleep(0.2)\n"
        "print('whole', flush=True)\n"
    )
    script = (
        "import time\nfrom pacsflow.cli import ended\nended.unwind()\n"
        "try:\n    import slow\n    time.sleep(60)\n"
        "except KeyboardInterrupt:\n    raise SystemExit(ended.code())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, timeout=50, check=False
    )
    assert (done.stdout, done.returncode) == (b"whole\n", 128 + signal.SIGTERM)
