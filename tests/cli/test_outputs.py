"""Every output is whole or not there, and never goes through a link."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from pacsflow.cli import console, main
from pacsflow.errors import UsageError
from pacsflow.outputs import replacing, write_bytes, write_text

if TYPE_CHECKING:
    from pathlib import Path


def test_a_link_is_replaced_and_what_it_points_to_is_not_touched(tmp_path: Path) -> None:
    victim, target = tmp_path / "victim", tmp_path / "week.html"
    victim.write_text("mine")
    target.symlink_to(victim)
    write_text(target, "page")
    assert victim.read_text() == "mine"
    assert not target.is_symlink()
    assert target.read_text() == "page"


def test_what_was_there_stays_where_writing_fails(tmp_path: Path) -> None:
    target = tmp_path / "week.csv"
    target.write_text("last week")

    def full() -> None:
        with replacing(target) as part:
            part.write_text("half")
            raise OSError(28, "No space left on device")

    with pytest.raises(UsageError, match=r"week\.csv: cannot be written: No space left"):
        full()
    assert target.read_text() == "last week"
    assert [path.name for path in tmp_path.iterdir()] == ["week.csv"]


@pytest.mark.parametrize("ending", [KeyboardInterrupt, SystemExit])
def test_nothing_half_stays_where_a_signal_ends_it(
    tmp_path: Path, ending: type[BaseException]
) -> None:
    def ended() -> None:
        with replacing(tmp_path / "week.csv") as part:
            part.write_text("half")
            raise ending

    with pytest.raises(ending):
        ended()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("where", [".", "pipe", "missing/week.csv", "x" * 300])
def test_what_is_no_place_for_a_file_is_said_in_a_line(tmp_path: Path, where: str) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UsageError, match=r"name a file|cannot be written"):
        write_bytes(tmp_path / where, b"")
    assert [path.name for path in tmp_path.iterdir()] == ["pipe"]


def test_a_long_name_is_written(tmp_path: Path) -> None:
    write_bytes(tmp_path / f"{'x' * 245}.html", b"1")
    assert (tmp_path / f"{'x' * 245}.html").read_bytes() == b"1"


def test_the_umask_decides_who_may_read(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write_text(tmp_path / "a", "")
    finally:
        os.umask(before)
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize(("number", "told"), [(28, "make room"), (30, "read-only"), (5, "log")])
def test_what_the_system_refuses_is_one_line_that_says_what_to_do(
    number: int, told: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from pacsflow import simulator

    def refused(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number), "/srv/demo/conn.log.gz")

    monkeypatch.delenv("PACSFLOW_DEBUG", raising=False)
    monkeypatch.setattr(simulator, "write_logs", refused)
    with tempfile.TemporaryDirectory() as folder:
        assert main(["demo", folder]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert said.startswith("pacsflow: /srv/demo/conn.log.gz: ")
    assert told in said
    assert "should not have happened" not in said


def test_a_stage_that_failed_is_not_done(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(console._Lines, "PATIENCE", 0.0)
    with suppress(ValueError), console.progress("reading") as update:
        update(1, 2)
        raise ValueError
    told = capsys.readouterr().err
    assert "reading: 1 of 2" in told
    assert "done" not in told
    with console.progress("reading") as update:
        update(1, 2)
    assert "reading: done" in capsys.readouterr().err
