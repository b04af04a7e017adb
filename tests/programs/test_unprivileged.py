"""Who dissects: as root an account that owns nothing, and what it may and may not do."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.conftest import CAPTURES

from pacsflow.cli.doctor import doctor
from pacsflow.cli.tables import OutputFormat
from pacsflow.errors import InputError, ToolError
from pacsflow.programs import tools, unprivileged
from pacsflow.programs.dissection import NO_LUA_AS_ROOT, dissecting, without_plugin
from pacsflow.programs.pyshark_view import association_frames, live_frames
from pacsflow.programs.tools import Tool, tshark
from pacsflow.programs.tshark import export_logs

if TYPE_CHECKING:
    from collections.abc import Iterator

ECHO = CAPTURES / "echo_ok.pcapng"
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes another")


@pytest.fixture
def shell() -> Iterator[Path]:
    """A folder that everybody may enter, for programs in place of tshark."""
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


def program(folder: Path, script: str) -> Tool:
    path = folder / "tshark"
    path.write_text(f"#!/bin/sh\n[ $1 = --version ] && exec echo 4.4.0\n{script}\n")
    path.chmod(0o755)
    return Tool("tshark", path, (4, 4, 0))


@as_root
def test_root_dissects_as_nobody(shell: Path) -> None:
    tool = program(shell, "id -u; id -G; cat >read; wc -c <read")
    with dissecting(tool, ECHO, []) as running:
        said, _ = running.process.communicate()
    uid, groups, size = said.split()
    assert int(uid) != 0
    assert groups.split() != [b"0"]
    assert int(size) == ECHO.stat().st_size


@as_root
def test_what_only_root_may_read_is_read(tmp_path: Path) -> None:
    """Capture, inventory and key log may all belong to root; tshark still has no right to them."""
    usable = tmp_path / "root's"
    usable.mkdir(mode=0o700)
    for name in ("tls_store_2762.pcapng", "tls_store_2762.keys"):
        (usable / name).write_bytes((CAPTURES / name).read_bytes())
        (usable / name).chmod(0o600)
    inventory = usable / "inventory.log"
    inventory.write_text(
        "#separator \\x09\n#fields\tmatch\tname\trole\nae:TLSPACS\tArchive\tpacs\nx\n"
    )
    inventory.chmod(0o600)
    old = os.umask(0o077)
    try:
        logs = export_logs(
            usable / "tls_store_2762.pcapng",
            tmp_path / "logs",
            keylog=usable / "tls_store_2762.keys",
            inventory=inventory,
        )
    finally:
        os.umask(old)
    assert b"TLSCT" in logs.dicom.read_bytes()
    assert b"Archive" in logs.frames.read_bytes()
    assert [w for w in logs.warnings if str(inventory) in w], "the file is named as the user does"
    assert {path.stat().st_uid for path in (tmp_path / "logs").iterdir()} == {0}


@as_root
@pytest.mark.parametrize(
    "script",
    ["ln -s /etc/passwd dicom.log", "mkfifo dicom.log", "mkdir dicom.log"],
)
def test_a_tshark_that_was_taken_over_leads_nowhere(
    shell: Path, tmp_path: Path, script: str
) -> None:
    """It may write its logs; where it lays something else in their place, nothing is followed."""
    said = "pacsflow: wrote 1 dicom, 0 known_dicom, 0 frames"
    tool = program(shell, f"{script}; touch known_dicom.log frames.log; echo {said} >&2")
    with pytest.raises(ToolError, match=r"dicom\.log is no ordinary file"):
        export_logs(ECHO, tmp_path / "logs", tshark=str(tool.path))
    assert not list((tmp_path / "logs").iterdir())


def test_where_there_is_no_other_account_the_way_out_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(unprivileged, "account_for", lambda _: None)
    later = Tool("tshark", Path("/opt/tshark"), (4, 4, 2))
    monkeypatch.setattr(tools, "tshark", lambda: later)
    doctor(OutputFormat.JSON)
    rows = json.loads(capsys.readouterr().out)
    told = {row["what"]: row["state"] for row in rows if "what" in row}
    assert told["tshark"] == "no plugin"
    assert "run pacsflow as another user" in str(without_plugin(later))
    assert without_plugin(Tool("tshark", Path("/opt/tshark"), (4, 2, 0))) is None
    with pytest.raises(ToolError, match="cannot be started as nobody"), dissecting(later, ECHO, []):
        pass


def test_an_older_tshark_that_dissects_as_root_says_so(
    monkeypatch: pytest.MonkeyPatch, shell: Path, tmp_path: Path
) -> None:
    monkeypatch.setattr(unprivileged, "is_root", lambda: True)
    monkeypatch.setattr(unprivileged, "account_for", lambda _: None)
    real = tshark().path
    older = shell / "tshark"
    older.write_text(f'#!/bin/sh\n[ $1 = --version ] && exec echo 4.2.0\nexec {real} "$@"\n')
    older.chmod(0o755)
    way_out = f"{older} runs as root: it cannot be started as nobody here; run pacsflow as another"
    warned: list[str] = []
    if os.geteuid() or tshark().version < NO_LUA_AS_ROOT:
        assert way_out in export_logs(ECHO, tmp_path / "logs", tshark=str(older)).warnings[-1]
        assert list(association_frames(ECHO, 1, tshark=str(older), warn=warned.append))
    else:
        with pytest.raises(InputError, match=r"cannot read it \(.*pacsflow.assoc.id"):
            list(association_frames(ECHO, 1, tshark=str(older), warn=warned.append))
    with pytest.raises(ToolError):
        list(live_frames("nosuch0", tshark=str(older), warn=warned.append))
    assert [way_out in line for line in warned] == [True, True]


def test_what_tshark_says_of_itself_is_no_remark_on_a_capture(shell: Path, tmp_path: Path) -> None:
    own = shell / "tshark"
    told = "tshark: Couldn't load plugin 'falco-events.so': libre2.so.11: no such file"
    own.write_text(f'#!/bin/sh\necho "{told}" >&2\nexec {tshark().path} "$@"\n')
    own.chmod(0o755)
    assert export_logs(ECHO, tmp_path / "logs", tshark=str(own)).warnings == ()


def test_nothing_is_left_behind(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with unprivileged.scratch(None, "pacsflow-") as folder:
        assert folder.parent == tmp_path
        assert folder.stat().st_mode & 0o777 == 0o700
    assert not list(tmp_path.iterdir())


@as_root
def test_a_folder_for_temporary_files_that_only_root_may_enter(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    tmp_path.chmod(0o700)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    account = unprivileged.account_for(Path("/bin/true"))
    assert account is not None
    with unprivileged.scratch(account, "pacsflow-") as folder:
        assert folder.parent != tmp_path
        assert folder.stat().st_uid == account.uid


def test_the_tshark_that_is_named_is_the_one_that_runs(
    shell: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Under any name: PACSFLOW_TSHARK holds for logs and for `show`."""
    real = tshark()
    named = shell / "wireshark-cli"
    named.write_text(f'#!/bin/sh\necho run >>/{shell}/runs\nexec {real.path} "$@"\n')
    named.chmod(0o755)
    (shell / "runs").touch()
    (shell / "runs").chmod(0o666)
    monkeypatch.setenv("PACSFLOW_TSHARK", str(named))
    assert tshark().path == named
    export_logs(ECHO, tmp_path / "logs")
    before = (shell / "runs").read_text().count("run")
    done = subprocess.run(
        [sys.executable, "-m", "pacsflow", "show", "association:1", ECHO],
        check=False,
        capture_output=True,
    )
    assert done.returncode == 0, done.stderr
    assert (shell / "runs").read_text().count("run") > before
    monkeypatch.setenv("PACSFLOW_TSHARK", "/nonexistent/tshark")
    with pytest.raises(ToolError, match="PACSFLOW_TSHARK"):
        tshark()
