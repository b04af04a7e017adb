"""Compiling ends with whoever asked for it: no compiler lives on, none of its files stays."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import psutil
import pytest

from conftest import wait_for
from pacsflow.errors import ToolError
from pacsflow.programs import install_zeek

if TYPE_CHECKING:
    from pathlib import Path

ASKING = """
import signal
import sys
from pacsflow.cli import ended
from pacsflow.programs.install_zeek import _run
for number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(number, signal.SIG_DFL)  # whoever runs the tests may ignore some
ended.unwind()
try:
    _run(sys.argv[1:])
except KeyboardInterrupt:
    sys.exit(ended.code())
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_compilers_too(tmp_path: Path, number: signal.Signals) -> None:
    told = tmp_path / "told"
    compiler = 'touch "$TMPDIR/left"; sleep 300 & echo $! >"$0"; mv "$0" "$0.whole"; wait'
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    process = subprocess.Popen(
        [sys.executable, "-c", ASKING, "sh", "-c", compiler, told],
        env=os.environ | {"TMPDIR": str(temporary)},
    )
    whole = told.with_suffix(".whole")
    wait_for(whole.exists)
    sleeping = psutil.Process(int(whole.read_text()))
    process.send_signal(number)
    assert process.wait(30) == 128 + number
    _, alive = psutil.wait_procs([sleeping], timeout=10)
    assert [one for one in alive if one.status() != psutil.STATUS_ZOMBIE] == []
    assert list(temporary.iterdir()) == []


def test_what_a_compiler_said_last_is_told() -> None:
    assert install_zeek._run(["sh", "-c", "echo done"]) == "done\n"
    with pytest.raises(ToolError, match=r"^sh failed: no such grammar$"):
        install_zeek._run(["sh", "-c", "echo first >&2; echo no such grammar >&2; exit 3"])
    with pytest.raises(ToolError, match=r"^/nowhere/spicyz does not run: No such file"):
        install_zeek._run(["/nowhere/spicyz"])
