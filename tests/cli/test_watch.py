"""`watch`: what arrives is added, what grows and is rotated counts once, a signal ends it."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from pacsflow.cli import main
from pacsflow.cli.watch import look
from pacsflow.ledger import Ledger
from pacsflow.readers import CaptureOptions

if TYPE_CHECKING:
    from pathlib import Path

HEAD = (
    "#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n#path\tconn\n"
    "#fields\tts\tuid\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\tproto\tservice\tduration"
    "\torig_ip_bytes\tresp_ip_bytes\n"
    "#types\ttime\tstring\taddr\tport\taddr\tport\tenum\tstring\tinterval\tcount\tcount\n"
)


def row(number: int) -> str:
    return (
        f"{1772445600 + number}.0\tC{number}\t10.0.0.1\t{40000 + number}\t10.0.0.2\t104\ttcp\tdicom"
        "\t1.0\t1000\t200\n"
    )


def began(ledger: Path) -> int:
    with Ledger(ledger).connect() as connection:
        found = connection.execute("SELECT sum(communications)::BIGINT FROM traffic").fetchone()
    return (found or (0,))[0] or 0


def test_once_adds_what_is_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "conn.log").write_text(HEAD + row(1))
    asked = ["watch", str(tmp_path / "logs"), "--ledger", str(tmp_path / "ledger"), "--once"]
    asked += ["--archive", str(tmp_path / "pages")]
    assert main(asked) == 0
    out = capsys.readouterr().out
    assert "1 file added (1 row)" in out
    assert (tmp_path / "pages" / "index.html").is_file()
    assert main(asked) == 0
    assert capsys.readouterr().out == ""
    assert began(tmp_path / "ledger") == 1


def test_nothing_to_watch_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["watch"]) == 2
    assert "name folders" in capsys.readouterr().err


def test_once_ends_as_ingest_where_what_is_named_cannot_be_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ledger, missing = tmp_path / "ledger", str(tmp_path / "none")
    asked = ["watch", missing, "--ledger", str(ledger), "--once"]
    assert main(asked) == 2
    assert capsys.readouterr().err.startswith(f"not read: {missing}: there is no such file")
    assert not ledger.exists()
    (tmp_path / "conn.log").write_text(HEAD + row(1))
    assert main([*asked, str(tmp_path / "conn.log")]) == 2
    assert began(ledger) == 1
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "notes.log").write_text("nothing\n")
    (tmp_path / "logs" / "conn.log").write_text(HEAD + row(2))
    assert main(["watch", str(tmp_path / "logs"), "--ledger", str(ledger), "--once"]) == 0


@pytest.mark.parametrize("command", [["watch", "--once"], ["ingest"]])
@pytest.mark.parametrize("made", [False, True])
def test_a_ledger_that_finds_no_room_leaves_nothing(
    tmp_path: Path, command: list[str], made: bool, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    from pacsflow.ledger import staging

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    (tmp_path / "conn.log").write_text(HEAD + row(1))
    ledger = tmp_path / "new" / "ledger"
    if made:
        ledger.mkdir(parents=True)
    asked = [*command, str(tmp_path / "conn.log"), "--ledger", str(ledger)]
    with monkeypatch.context() as patched:
        patched.setattr(staging, "_stage", full)
        assert main(asked) == 2
    assert "the disk is full" in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.rglob("*")) == sorted(
        ["conn.log", *["new", "ledger"] * made]
    )
    assert main(asked) == 0
    (tmp_path / "more.log").write_text(HEAD + row(2))
    with monkeypatch.context() as patched:
        patched.setattr(staging, "_stage", full)
        assert main([*command, str(tmp_path / "more.log"), "--ledger", str(ledger)]) == 2
    assert began(ledger) == 1


def test_a_problem_is_told_once_and_a_log_that_was_moved_meanwhile_is_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from pacsflow.service import arrivals

    queue, ledger, told = tmp_path / "queue", tmp_path / "ledger", set[str]()
    (queue / "in").mkdir(parents=True)
    asked = [str(queue / "in"), str(tmp_path / "none")]
    for _ in range(2):
        look(asked, ledger, CaptureOptions(), told)
    lines = capsys.readouterr().err.splitlines()
    assert [line.partition(": ")[2].partition(": ")[2][:10] for line in lines] == [
        "the folder", "there is n"
    ]  # fmt: skip
    (queue / "in" / "conn.log").write_text(HEAD + row(1))
    find = arrivals.find

    def moved(*given: object) -> object:
        found = find(*given)  # type: ignore[arg-type]
        (queue / "in" / "conn.log").rename(queue / "conn.log")
        return found

    with monkeypatch.context() as patched:
        patched.setattr(arrivals, "find", moved)
        patched.setattr(arrivals, "ready", lambda found, _now: found)
        look(asked, ledger, CaptureOptions(), told)
    assert capsys.readouterr().err == ""
    look([str(queue), *asked], ledger, CaptureOptions(), told)
    assert began(ledger) == 1


def test_it_follows_a_log_through_its_rotation_and_ends_when_told(tmp_path: Path) -> None:
    logs, ledger = tmp_path / "logs", tmp_path / "ledger"
    logs.mkdir()
    current = logs / "conn.log"
    current.write_text(HEAD + row(1))
    command = [sys.executable, "-m", "pacsflow", "watch", str(logs), "--ledger", str(ledger)]
    process = subprocess.Popen(
        [*command, "--every", "1"], stdout=subprocess.PIPE, text=True, env=dict(os.environ)
    )
    try:
        assert process.stdout is not None
        assert "1 file added (1 row)" in process.stdout.readline()
        with current.open("a") as file:
            file.write(row(2))
        assert "1 file added (2 rows)" in process.stdout.readline()
        with current.open("a") as file:
            file.write(row(3) + "#close\t2026-03-02-11-00-00\n")
        current.rename(logs / "conn.10:00:00-11:00:00.log")
        (logs / ".new").write_text(HEAD + row(4))
        (logs / ".new").replace(current)
        wanted, deadline = 4, time.monotonic() + 60
        while began(ledger) != wanted and time.monotonic() < deadline:
            time.sleep(0.2)
        assert began(ledger) == wanted
    finally:
        process.send_signal(signal.SIGINT)
        code = process.wait(timeout=60)
    assert code == 0


def test_a_capture_is_left_until_nobody_writes_to_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], tshark: str
) -> None:
    assert tshark
    from tests.conftest import CAPTURES

    (tmp_path / "in").mkdir()
    copy = tmp_path / "in" / "echo.pcap"
    copy.write_bytes((CAPTURES / "lab" / "echo.pcap").read_bytes())
    asked = ["watch", str(tmp_path / "in"), "--ledger", str(tmp_path / "ledger"), "--once"]
    assert main(asked) == 0
    assert capsys.readouterr().out == ""
    long_ago = time.time() - 60
    os.utime(copy, (long_ago, long_ago))
    assert main(asked) == 0
    assert "1 file added" in capsys.readouterr().out
