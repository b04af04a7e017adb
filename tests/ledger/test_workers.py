"""Processes side by side: a script needs no guard to start them, and a signal ends them."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from pacsflow.workers import pool

if TYPE_CHECKING:
    from pathlib import Path

UNGUARDED = """
from pacsflow.workers import pool
print("begins")
with pool(2, {preload}) as executor:
    print(sorted(executor.map(abs, [-1, -2, 3])))
"""


@pytest.mark.few(1)
@pytest.mark.parametrize("preload", [[], ["json"]])
def test_a_script_without_a_guard_runs_once(tmp_path: Path, preload: list[str]) -> None:
    script = tmp_path / "script.py"
    script.write_text(UNGUARDED.format(preload=preload))
    for command in ([sys.executable, script], [sys.executable, "-c", script.read_text()]):
        ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        assert ran.stdout.splitlines() == ["begins", "[1, 2, 3]"], ran.stderr


def _fails() -> None:
    with pool(2) as executor:
        running = [executor.submit(time.sleep, 60) for _ in range(4)]
        executor.submit(abs, 1)
        while not any(job.running() for job in running):
            time.sleep(0.01)
        raise ValueError


def test_an_error_ends_them_at_once() -> None:
    began = time.monotonic()
    with pytest.raises(ValueError, match=r"^$"):
        _fails()
    assert time.monotonic() - began < 10


SLEEPING = """
import signal, sys, time
from pacsflow.workers import pool
def end(*_):
    raise KeyboardInterrupt
signal.signal(signal.SIGTERM, end)
with pool(2) as executor:
    jobs = [executor.submit(time.sleep, 60) for _ in range(2)]
    while not all(job.running() for job in jobs):
        time.sleep(0.01)
    time.sleep(1)
    print(*executor._processes, flush=True)
    time.sleep(60)
"""


def test_a_signal_to_their_parent_ends_them(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(SLEEPING)
    with subprocess.Popen(
        [sys.executable, script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        children = [int(word) for word in process.stdout.readline().split()]
        assert len(children) == 2
        process.send_signal(signal.SIGTERM)
        process.wait(10)
        deadline = time.monotonic() + 5
        while any(_lives(child) for child in children) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not [child for child in children if _lives(child)]


def _lives(process: int) -> bool:
    import psutil

    return psutil.pid_exists(process) and psutil.Process(process).status() != "zombie"
