"""The hook, run as ZeekControl's archive-log runs it: it adds the log, and harms no archive."""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from conftest import json_log, wait_for
from pacsflow.cli import main
from pacsflow.ledger import Ledger
from pacsflow.ledger.locking import lock
from pacsflow.ledger.store import MARKER
from pacsflow.programs import install_zeekctl

ARCHIVE_LOG = r"""
cd "$1" && shift
for hook in "$HOOKS"/*; do nice "$hook" $@ || echo "the hook failed"; done
mv "$1" "$ARCHIVE/" 2>&1
"""
"""What archive-log does with a rotated log: the names unquoted, its end waited for, then moved."""
WRITTEN = ("26-03-02_08.00.00", "26-03-02_09.00.00", "0", "ascii")
PROGRAM = '#!/bin/sh\nexec "{}" -m pacsflow "$@"\n'


@dataclass
class Sensor:
    """A prefix with blanks as ZeekControl lays it out, a logger's folder, and a ledger."""

    place: Path

    def __post_init__(self) -> None:
        self.hooks = self.prefix / install_zeekctl.PLACE
        self.node = self.prefix / "spool" / "logger-1"
        self.archive = self.prefix / "logs"
        for folder in (self.hooks, self.node, self.archive, self.place / "bin"):
            folder.mkdir(parents=True)
        config = f'spooldir="{self.prefix / "spool"}"\nledger="none"\n'
        (self.hooks.parent / "zeekctl-config.sh").write_text(config)
        self.program("pacsflow", PROGRAM.format(sys.executable))
        self.program("logger", f'#!/bin/sh\nsed "s/^/$4 /" >> "{self.place}/journal"\n')

    @property
    def prefix(self) -> Path:
        return self.place / "opt zeek"

    @property
    def ledger(self) -> Path:
        return self.place / "the ledger"

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "PATH": f"{self.place / 'bin'}:{os.environ['PATH']}"}

    @property
    def queue(self) -> list[str]:
        return sorted(p.name for p in self.prefix.glob("spool/pacsflow/*.log*"))

    @property
    def journal(self) -> str:
        file = self.place / "journal"
        return file.read_text() if file.is_file() else ""

    def program(self, name: str, text: str) -> Path:
        path = self.place / "bin" / name
        path.write_text(text)
        path.chmod(0o755)
        return path

    def install(self, *options: str) -> None:
        text = install_zeekctl.hook(self.place / "bin" / "pacsflow", self.ledger, options)
        install_zeekctl.install_zeekctl(self.prefix, text)

    def rotate(self, name: str, content: bytes, log: str = "conn", writer: str = "ascii") -> None:
        """Run what archive-log does; the archive has the log within five seconds."""
        (self.node / name).write_bytes(content)
        ran = subprocess.run(
            ["sh", "-c", ARCHIVE_LOG, "archive-log", self.node, name, log, *WRITTEN[:3], writer],
            env=self.environment | {"HOOKS": str(self.hooks), "ARCHIVE": str(self.archive)},
            capture_output=True, text=True, timeout=5, check=True,
        )  # fmt: skip
        assert (ran.stdout, ran.stderr) == ("", "")
        assert (self.archive / name).read_bytes() == content

    def communications(self) -> int:
        if not self.ledger.is_dir():
            return 0
        with Ledger(self.ledger).connect() as database:
            found = database.execute("SELECT sum(communications)::BIGINT FROM traffic").fetchone()
        return (found or (0,))[0] or 0


@pytest.fixture
def sensor(tmp_path: Path) -> Sensor:
    return Sensor(tmp_path)


def rows(first: int, count: int) -> bytes:
    return json_log(
        [{"uid": f"C{n}", "id.orig_p": 40000 + n} for n in range(first, first + count)]
    ).encode()


def test_each_log_is_added_and_the_ledger_knows_it_from_then_on(sensor: Sensor) -> None:
    sensor.install()
    sensor.rotate("conn-26-03-02_08.00.00.log", rows(0, 5))
    wait_for(lambda: "1 file added (5 rows)" in sensor.journal)
    sensor.rotate("conn-26-03-02_08.00.00.log", rows(0, 5))
    wait_for(lambda: "1 was in it already" in sensor.journal)
    packed = sensor.archive / "conn.08:00:00-09:00:00.log.gz"
    packed.write_bytes(gzip.compress(rows(0, 5)))
    assert main(["ingest", str(packed), "--ledger", str(sensor.ledger)]) == 0
    assert sensor.communications() == 5
    wait_for(lambda: not sensor.queue)


def test_what_zeek_packed_itself_and_what_is_no_log_of_ours(sensor: Sensor) -> None:
    sensor.install("--sensor", "north wing")
    for name, log, writer in (("stderr.log", "stderr", "ascii"), ("conn.sqlite", "conn", "sqlite")):
        sensor.rotate(name, b"nothing of ours\n", log, writer)
    sensor.rotate("conn-26-03-02_08.00.00.log.gz", gzip.compress(rows(0, 7)))
    wait_for(lambda: "1 file added (7 rows)" in sensor.journal)
    assert sensor.journal.count("\n") == 1
    assert {entry.sensor for entry in Ledger(sensor.ledger).entries()} == {"north wing"}


def test_a_program_that_is_missing_costs_a_line_and_the_next_log_makes_good(
    sensor: Sensor,
) -> None:
    sensor.install()
    (sensor.place / "bin" / "pacsflow").rename(sensor.place / "away")
    sensor.rotate("conn-26-03-02_08.00.00.log", rows(0, 3))
    wait_for(lambda: "tried again with the next log" in sensor.journal)
    assert "daemon.warning" in sensor.journal
    assert len(sensor.queue) == 1
    (sensor.place / "away").rename(sensor.place / "bin" / "pacsflow")
    sensor.rotate("conn-26-03-02_09.00.00.log", rows(3, 4))
    wait_for(lambda: "2 files added (7 rows)" in sensor.journal)
    assert sensor.communications() == 7


def test_a_ledger_that_is_locked_is_waited_for_in_the_background(sensor: Sensor) -> None:
    sensor.install()
    Ledger(sensor.ledger, create=True)
    with lock(sensor.ledger / MARKER):
        sensor.rotate("conn-26-03-02_08.00.00.log", rows(0, 3))
        time.sleep(1)
        assert sensor.journal == ""
    wait_for(lambda: "1 file added (3 rows)" in sensor.journal)


def test_a_full_disk_harms_no_archive_and_what_is_old_gives_its_room_back(
    sensor: Sensor,
) -> None:
    sensor.install()
    sensor.program("pacsflow", "#!/bin/sh\necho 'pacsflow: ledger: No space left' >&2\nexit 2\n")
    sensor.rotate("conn-26-03-02_08.00.00.log", rows(0, 3))
    wait_for(lambda: "No space left" in sensor.journal)
    (waiting,) = sensor.prefix.glob("spool/pacsflow/*.log")
    os.utime(waiting, (0, 0))
    sensor.rotate("conn-26-03-02_09.00.00.log", rows(3, 4))
    wait_for(lambda: sensor.journal.count("No space left") == 2 and len(sensor.queue) == 1)
    assert waiting.name not in sensor.queue


def test_a_run_that_hangs_is_given_up(sensor: Sensor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(install_zeekctl, "PATIENCE", 1)
    sensor.install()
    sensor.program("pacsflow", "#!/bin/sh\nexec sleep 60\n")
    sensor.rotate("conn-26-03-02_08.00.00.log", rows(0, 3))
    wait_for(lambda: "given up after 1 s" in sensor.journal)


def test_names_with_blanks_arrive_in_pieces(sensor: Sensor) -> None:
    sensor.install()
    node, archive = sensor.node, sensor.archive
    (node / "north conn.log").write_bytes(rows(0, 3))
    hook = sensor.hooks / "pacsflow"
    ran = subprocess.run(
        [hook, "north", "conn.log", "conn", *WRITTEN], cwd=node, capture_output=True, check=True,
        env=sensor.environment,
    )  # fmt: skip
    assert (ran.stdout, ran.stderr) == (b"", b"")
    (node / "north conn.log").rename(archive / "north conn.log")
    wait_for(lambda: "1 file added (3 rows)" in sensor.journal)


@pytest.mark.parametrize("given", [(), ("conn.log",), ("none.log", "conn", *WRITTEN)])
def test_it_ends_well_whatever_it_is_given(sensor: Sensor, given: tuple[str, ...]) -> None:
    sensor.install()
    (sensor.hooks.parent / "zeekctl-config.sh").unlink()
    (sensor.node / "conn.log").write_bytes(rows(0, 3))
    for more in (given, ("conn.log", "conn", *WRITTEN)):
        ran = subprocess.run(
            [sensor.hooks / "pacsflow", *more], cwd=sensor.node, capture_output=True, check=False
        )
        assert (ran.returncode, ran.stdout, ran.stderr) == (0, b"", b"")
    assert not sensor.queue


def test_a_ledger_of_another_user_is_left_alone(sensor: Sensor) -> None:
    sensor.install()
    sensor.ledger.symlink_to("/proc/1" if os.geteuid() else sensor.place / "other")
    if not os.geteuid():
        (sensor.place / "other").mkdir()
        os.chown(sensor.place / "other", 65534, 65534)
    sensor.rotate("conn-26-03-02_08.00.00.log", rows(0, 3))
    assert "is another user's; conn is left to" in sensor.journal
    assert not sensor.queue


def test_install_says_what_it_does_and_takes_its_own_back(
    sensor: Sensor, capsys: pytest.CaptureFixture[str]
) -> None:
    where = ["install", "zeekctl", "--zeek", str(sensor.prefix)]
    assert main(where) == 2
    assert "--ledger names the ledger" in capsys.readouterr().err
    config = sensor.place / "pacsflow.toml"
    config.write_text(f'[ledger]\nfolder = "{sensor.ledger}"\n[inputs]\nsensor = "north"\n')
    configured = [*where, "--config", str(config)]
    hook = sensor.hooks / "pacsflow"
    assert main([*configured, "--dry-run"]) == 0
    out = capsys.readouterr().out
    assert "would be new" in out
    assert f"ingest --ledger '{sensor.ledger}' --config {config} --sensor north " in out
    assert not hook.exists()
    assert main(configured) == 0
    assert hook.stat().st_mode & 0o777 == 0o755
    assert main([*where, "--ledger", "elsewhere"]) == 0
    assert ": replaced" in capsys.readouterr().out
    assert str(Path("elsewhere").resolve()) in hook.read_text()
    hook.write_text("#!/bin/sh\n")
    assert main(configured) == 2
    assert "not of pacsflow" in capsys.readouterr().err
    hook.unlink()
    assert main(configured) == main([*where, "--uninstall"]) == 0
    assert not hook.exists()
    assert main([*where[:3], str(sensor.place), "--uninstall"]) == 2
    assert "--zeek names Zeek's prefix" in capsys.readouterr().err
