"""What `make` says where a new machine lacks something: one line, with the way out."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parents[1]


def program(folder: Path, name: str, script: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def run(folder: Path, *command: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a script of the set-up where the programs in `folder` come before the machine's."""
    return subprocess.run(
        command,
        env={**os.environ, "PATH": f"{folder}:{os.environ['PATH']}", "TMPDIR": str(folder)},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def newcomer(tmp_path: Path) -> Path:
    """Programs of somebody without any rights."""
    for name, script in {"id": "echo 1000", "sudo": "exit 1", "apt-get": "exit 100"}.items():
        program(tmp_path, name, script)
    return tmp_path


def test_without_rights_the_administrator_is_asked_and_the_rest_runs(newcomer: Path) -> None:
    done = run(newcomer, HERE / "need.sh", "sh:dash", "nosuch:that", "lib/libnosuch.so:this")
    assert done.returncode == 0
    assert done.stderr == (
        "not there: nosuch, lib/libnosuch.so; what needs it is left out. "
        "Ask the administrator for: apt-get install that this\n"
    )


def test_with_rights_and_without_a_network_nobody_need_be_asked(newcomer: Path) -> None:
    program(newcomer, "id", "echo 0")
    done = run(newcomer, HERE / "need.sh", "nosuch:that")
    assert done.returncode == 0
    assert done.stderr.splitlines()[1:] == [
        "not there: nosuch; what needs it is left out. apt-get could not install it: "
        "is the network there? Run it again then, or apt-get install that"
    ]


@pytest.mark.parametrize("version", ["3.10.1", "3.15.0"])
def test_another_python_is_refused_with_the_reason(newcomer: Path, version: str) -> None:
    other = program(newcomer, "other", f'[ "$1" = -c ] && exit 1; echo Python {version}')
    done = run(newcomer, HERE / "setup.sh", other, newcomer / "venv", "run", "requirements.lock")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert f"{other} is Python {version}. Name another: make PYTHON=" in done.stderr


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("OSError: [Errno 28] No space left on device", "the disk is full: make room"),
        ("ERROR: No matching distribution found for x==1", "is the network there? Run it again"),
        ("ERROR: something else", "run it again, or make clean first"),
    ],
)
def test_what_pip_cannot_do_is_one_line_and_done_again(
    newcomer: Path, said: str, told: str
) -> None:
    """What an earlier run left half made is made anew."""
    venv, log = newcomer / "venv", newcomer / "log"
    program(
        newcomer / "half",
        "python",
        f'echo "$@" >>{log}; [ "$3" = --version ] || {{ echo "{said}"; exit 1; }}',
    )
    python = program(
        newcomer,
        "python",
        f'[ "$2" != venv ] || {{ mkdir -p "$3"; cp -r {newcomer}/half "$3/bin"; }}',
    )
    program(venv / "bin", "python", "exit 1")
    done = run(newcomer, HERE / "setup.sh", python, venv, "run", "requirements.lock")
    assert done.returncode == 2
    assert told in done.stderr
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
    assert "install" in log.read_text()
    assert not (venv / ".run").exists()
    assert not list(newcomer.glob("tmp.*")), "its log is removed"
