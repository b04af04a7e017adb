"""A command takes the core that it works on, and none to wait on."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

from pacsflow import threads

if TYPE_CHECKING:
    import pytest

COMMAND = """
import os, sys
from pacsflow.__main__ import entry
sys.argv = ["pacsflow", "--version"]
try:
    entry()
finally:
    print("numpy" in sys.modules, *(os.environ[name] for name in {names}))
"""


def test_linear_algebra_has_one_thread_before_it_is_loaded() -> None:
    code = COMMAND.format(names=threads.NAMES)
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.splitlines()[-1] == "False 1 1 1"


def test_who_set_another_number_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in threads.NAMES:
        monkeypatch.delenv(name)
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    threads.one()
    assert [os.environ[name] for name in threads.NAMES] == ["1", "3", "1"]
