"""The units: what they may do follows from the settings; nobody else's file is touched."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from pacsflow.cli import main

if TYPE_CHECKING:
    from pathlib import Path

STATE = "/var/lib/pacsflow"
QUIET = f'[ledger]\nfolder = "{STATE}/ledger"\n[archive]\nfolder = "{STATE}/pages"\n'


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "pacsflow.toml"
    path.write_text(QUIET)
    return path


def installed(config: Path, *more: str) -> int:
    return main(["install", "systemd", "--to", str(config.parent / "units"),
                 "--config", str(config), *more])  # fmt: skip


def unit(config: Path) -> str:
    return (config.parent / "units" / "pacsflow.service").read_text()


def test_a_service_that_sends_nothing_has_no_network(config: Path) -> None:
    assert installed(config, "--group", "zeek") == 0
    text = unit(config)
    for line in ("DynamicUser=yes", "ProtectSystem=strict", "PrivateNetwork=yes",
                 "SupplementaryGroups=zeek", "StateDirectory=pacsflow",
                 "RestrictAddressFamilies=AF_UNIX", "UMask=0077"):  # fmt: skip
        assert f"\n{line}\n" in text
    assert "\nProtectHome=" in text
    assert f"run --once --config {config}\n" in text
    assert "OnUnitInactiveSec=300s" in (config.parent / "units" / "pacsflow.timer").read_text()


def test_mail_has_the_network_that_it_needs(config: Path) -> None:
    config.write_text(f'{QUIET}[mail]\nserver = "mail.example.org"\n')
    assert installed(config) == 0
    assert "PrivateNetwork" not in unit(config)
    assert "AF_INET AF_INET6" in unit(config)


def test_folders_elsewhere_need_a_user(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config.write_text('[ledger]\nfolder = "/srv/pacs flow"\n')
    assert installed(config) == 2
    assert "--run-as" in capsys.readouterr().err
    assert installed(config, "--run-as", "pacsflow") == 0
    assert "User=pacsflow\n" in unit(config)
    assert 'ReadWritePaths="/srv/pacs flow"\n' in unit(config)
    assert "UMask=0027\n" in unit(config)


def test_a_dry_run_writes_nothing_and_shows_all(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert installed(config, "--dry-run") == 0
    out = capsys.readouterr().out
    assert "ProtectSystem=strict" in out
    assert "would be new" in out
    assert not (config.parent / "units").exists()


def test_its_own_files_are_replaced_and_removed_no_others(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    installed(config)
    config.write_text(f"{QUIET}[service]\nevery = 60\n")
    capsys.readouterr()
    installed(config)
    out = capsys.readouterr().out
    assert "pacsflow.service: as it was" in out
    assert "pacsflow.timer: replaced" in out
    timer = config.parent / "units" / "pacsflow.timer"
    timer.write_text("[Timer]\n")
    assert installed(config) == 2
    assert "not of pacsflow" in capsys.readouterr().err
    assert installed(config, "--uninstall") == 0
    assert [path.name for path in timer.parent.iterdir()] == ["pacsflow.timer"]


def test_without_a_configuration_there_is_nothing_to_install(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["install", "systemd", "--to", str(tmp_path)]) == 2
    assert "pacsflow config init" in capsys.readouterr().err


@pytest.mark.parametrize("own", [False, True])
def test_systemd_takes_the_units_and_finds_little_exposed(config: Path, own: bool) -> None:
    if not shutil.which("systemd-analyze"):
        pytest.skip("no systemd-analyze")
    installed(config, *["--user"] * own)
    folder = config.parent / "units"
    text = unit(config)
    start = next(line for line in text.splitlines() if line.startswith("ExecStart="))
    (folder / "pacsflow.service").write_text(text.replace(start, "ExecStart=/bin/true"))
    ran = subprocess.run(
        ["systemd-analyze", *["--user"] * own, "verify", folder / "pacsflow.timer"],
        capture_output=True, text=True, check=False,
        env={**os.environ, "XDG_RUNTIME_DIR": str(config.parent)},
    )  # fmt: skip
    ours = [line for line in ran.stderr.splitlines() if re.search(r"pacsflow\.(ser|ti)", line)]
    assert (ran.returncode, ours) == (0, []), ran.stderr
    if not own:
        told = subprocess.run(
            ["systemd-analyze", "security", "--offline=true", "--no-pager",
             folder / "pacsflow.service"], capture_output=True, text=True, check=False,
        ).stdout  # fmt: skip
        score = float(told.rsplit("pacsflow.service: ", 1)[1].split()[0])
        assert score <= 1.5, told


def test_the_manual_is_named_where_the_wheel_put_it(
    config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manual = tmp_path / "a place" / "pacsflow.1"
    monkeypatch.setattr("pacsflow.service.systemd.MANUAL", manual)
    assert installed(config) == 0
    assert "Documentation=" not in unit(config)
    manual.parent.mkdir()
    manual.touch()
    assert installed(config) == 0
    assert f"Documentation=file://{tmp_path}/a%%20place/pacsflow.1\n" in unit(config)
