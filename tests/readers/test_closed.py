"""Files and folders below an input that may not be opened: named, and nothing else is lost."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from conftest import tsv
from pacsflow.errors import ClosedError, InputError, unreadable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from conftest import Write

LOOKED = """
import json
import sys
from pacsflow.readers import find
found = find(sys.argv[1:])
print(json.dumps([[str(s.path) for s in found.sources],
                  [[type(p).__name__, p.path] for p in found.problems]]))
"""
PLAIN = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"] if not os.geteuid() else []
"""Root may read everything; without its capabilities it is like anybody."""


@pytest.fixture
def logs(tmp_path: Path, write: Write) -> Iterator[Path]:
    """A folder with a closed file, a closed folder, and one whose names alone may be read."""
    for name in ("open/conn.log", "file/conn.log", "shut/conn.log", "names/conn.log"):
        write(name, tsv([{}]))
    closed = (tmp_path / "file/conn.log", tmp_path / "shut", tmp_path / "names")
    modes = [(path, path.stat().st_mode) for path in closed]
    for path, mode in zip(closed, (0o000, 0o000, 0o444), strict=True):
        path.chmod(mode)
    yield tmp_path
    for path, mode in modes:
        path.chmod(mode)


def test_what_is_closed_is_named_and_the_others_are_found(logs: Path) -> None:
    if PLAIN and not shutil.which("setpriv"):
        pytest.fail("setpriv of util-linux is needed")
    ran = subprocess.run(
        [*PLAIN, sys.executable, "-c", LOOKED, logs], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    sources, problems = json.loads(ran.stdout)
    assert sources == [str(logs / "open/conn.log")]
    assert sorted(problems) == [
        ["ClosedError", str(logs / name)] for name in ("file/conn.log", "names", "shut")
    ]


def test_it_stays_what_it_is_between_processes() -> None:
    told = unreadable("/logs/conn.log", PermissionError(13, "Permission denied"))
    make, given = told.__reduce__()
    again = make(*given)
    assert (type(again), str(again)) == (
        ClosedError,
        "/logs/conn.log: cannot be read: Permission denied",
    )
    assert type(unreadable("/logs/conn.log", OSError(5, "Input/output error"))) is InputError
