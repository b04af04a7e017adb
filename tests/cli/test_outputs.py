"""Every output is whole or not there, and never goes through a link."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

import pytest

from pacsflow.cli import console, main
from pacsflow.errors import UsageError
from pacsflow.outputs import replacing, write_bytes, write_text


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


def test_a_demo_that_finds_no_room_says_where(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from pacsflow import simulator

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(simulator, "write_logs", full)
    assert main(["demo", str(tmp_path / "demo")]) == 2
    told = capsys.readouterr().err.splitlines()[-1]
    assert told.startswith(f"pacsflow: {tmp_path}/demo/logs: the disk is full; make room")


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


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device of Linux")
def test_a_workbook_that_finds_no_room_is_one_line(tmp_path: Path) -> None:
    """What it is written with would else tell of it again where it is thrown away."""
    script = f"""
from contextlib import contextmanager
from pathlib import Path
from pacsflow.export import workbook
@contextmanager
def full(path):
    yield Path("/dev/full")
workbook.replacing = full
try:
    with workbook.workbook(Path({str(tmp_path)!r}) / "week.xlsx") as book:
        book.sheet("hours", [workbook.Column("host")], [["a"]])
except OSError as error:
    print(error.strerror, error.filename)
"""
    run = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    assert run.stdout == f"No space left on device {tmp_path}/week.xlsx\n"
    assert not run.stderr


@pytest.mark.parametrize("ending", ["csv", "json"])
def test_a_table_and_what_it_is_of_are_written_both_or_neither(tmp_path: Path, ending: str) -> None:
    import pyarrow as pa

    from pacsflow.cli.export import _write

    table, out = pa.table({"host": ["a"]}), tmp_path / f"week.{ending}"
    _write(table, out, {"week": "1"}, decimal_comma=False)
    beside = tmp_path / f"week.{ending}-metadata.json"
    before = out.read_text(), beside.read_text()
    out.unlink()
    out.mkdir()
    with pytest.raises(UsageError, match="is a folder"):
        _write(table, out, {"week": "2"}, decimal_comma=False)
    assert beside.read_text() == before[1]
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([out.name, beside.name])


def test_a_plugin_that_finds_no_room_names_where_it_was_to_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from pacsflow.programs import install_wireshark

    def full(source: Path, part: Path) -> None:
        part.write_text("half")
        raise OSError(28, os.strerror(28), str(source))

    monkeypatch.setattr(install_wireshark.shutil, "copyfile", full)
    assert main(["install", "wireshark", "--to", str(tmp_path)]) == 2
    assert f"{tmp_path}/pacsflow.lua: No space left" in capsys.readouterr().err
    assert not list(tmp_path.rglob("*.part"))
