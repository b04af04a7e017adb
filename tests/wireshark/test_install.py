"""`pacsflow install wireshark`: where the files go, and what is left alone."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

import pytest
from tests.conftest import CAPTURES
from tests.wireshark import tagging

from pacsflow import __version__
from pacsflow.cli import main
from pacsflow.errors import ToolError
from pacsflow.programs import tools
from pacsflow.programs.install_wireshark import (
    PROFILE,
    Done,
    install_wireshark,
    uninstall_wireshark,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    return tmp_path


def test_plugin_alone(home: Path) -> None:
    written = install_wireshark()
    assert [step.path for step in written] == [home / ".local/lib/wireshark/plugins/pacsflow.lua"]
    assert tools.plugin_version(written[0].path) == __version__
    # Wireshark runs every .lua file of that folder and below.
    assert [p.name for p in (home / ".local").rglob("*.lua")] == ["pacsflow.lua"]
    assert not (home / ".config").exists()


def test_profile_is_never_laid_over_the_users_own(home: Path) -> None:
    folder = home / ".config/wireshark/profiles" / PROFILE
    folder.mkdir(parents=True)
    (folder / "preferences").write_text("mine")
    own = home / ".config/wireshark/preferences"
    own.write_text("mine too")
    written = install_wireshark(profile=True)
    assert (folder / "preferences").read_text() == "mine"
    assert own.read_text() == "mine too"
    done = {step.path.name: step.done for step in written}
    new = dict.fromkeys(("pacsflow.lua", "dfilter_buttons", "colorfilters"), Done.NEW)
    assert done == {**new, "preferences": Done.KEPT}
    again = {step.path.name: step.done for step in install_wireshark(profile=True)}
    assert again == {**dict.fromkeys(new, Done.SAME), "preferences": Done.KEPT}


def test_what_was_changed_is_kept_and_what_was_not_is_renewed(home: Path) -> None:
    install_wireshark(profile=True)
    plugin = home / ".local/lib/wireshark/plugins/pacsflow.lua"
    folder = home / ".config/wireshark/profiles" / PROFILE
    manifest = folder / "pacsflow-installed.json"
    (folder / "colorfilters").write_text("mine")
    old = (folder / "dfilter_buttons").read_text()
    (folder / "dfilter_buttons").write_text("an earlier version's")
    told = manifest.read_text().replace(sha256(old), sha256("an earlier version's"))
    manifest.write_text(told)
    plugin.write_text(plugin.read_text().replace(f'"{__version__}"', '"0.0.9"', 1))
    done = {step.path.name: step for step in install_wireshark(profile=True)}
    assert (done["pacsflow.lua"].done, done["pacsflow.lua"].before) == (Done.REPLACED, "0.0.9")
    assert done["colorfilters"].done is Done.KEPT
    assert done["dfilter_buttons"].done is Done.REPLACED
    assert (folder / "dfilter_buttons").read_text() == old
    gone = {step.path.name: step.done for step in uninstall_wireshark()}
    assert gone.pop("colorfilters") is Done.KEPT
    assert {*gone.values()} == {Done.REMOVED}
    assert [path.name for path in folder.iterdir()] == ["colorfilters"]
    (folder / "colorfilters").unlink()
    install_wireshark(profile=True)
    uninstall_wireshark()
    assert not folder.exists()
    assert not plugin.exists()
    assert uninstall_wireshark() == []


def test_the_command_says_what_it_did_and_what_comes_next(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["install", "wireshark", "--profile"]) == 0
    out, err = capsys.readouterr()
    assert f"{home / '.local/lib/wireshark/plugins/pacsflow.lua'}: new" in out
    assert "restart Wireshark" in err
    assert PROFILE in err
    assert main(["install", "wireshark", "--uninstall"]) == 0
    assert "pacsflow.lua: removed" in capsys.readouterr().out
    assert main(["install", "wireshark", "--uninstall", "--profile"]) == 2


@pytest.fixture
def told(home: Path, capsys: pytest.CaptureFixture[str]) -> Callable[[], tuple[str, ...]]:
    """Return what doctor says of the plugin: its state, its version, and how to get it."""

    def ask() -> tuple[str, ...]:
        assert home
        assert main(["doctor", "-f", "json"]) == 0
        rows = json.loads(capsys.readouterr().out)
        (row,) = (row for row in rows if row["what"] == "Wireshark plugin")
        return row["state"], row["version"], row["how_to_get_it"]

    return ask


def test_doctor_compares_the_plugin_with_the_package(told: Callable[[], tuple[str, ...]]) -> None:
    assert told() == ("missing", "-", "pacsflow install wireshark")
    plugin = install_wireshark()[0].path
    assert told() == ("ok", __version__, "")
    plugin.write_text(plugin.read_text().replace(f'"{__version__}"', '"0.0.9"', 1))
    assert told() == ("other version", "0.0.9", "pacsflow install wireshark")


def test_doctor_sees_that_somebody_changed_the_plugin(told: Callable[[], tuple[str, ...]]) -> None:
    plugin = install_wireshark()[0].path
    plugin.write_text(plugin.read_text() + "-- a port of ours\n")
    assert told() == ("changed", __version__, "pacsflow install wireshark")
    install_wireshark()
    assert told()[0] == "ok"


def test_doctor_goes_on_where_a_plugin_is_no_file(told: Callable[[], tuple[str, ...]]) -> None:
    plugin = install_wireshark()[0].path
    plugin.unlink()
    plugin.mkdir()
    assert told() == ("missing", "-", "pacsflow install wireshark")


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def test_another_folder(tmp_path: Path) -> None:
    written = install_wireshark(tmp_path / "here", profile=True)
    paths = [step.path for step in written]
    assert tmp_path / "here/pacsflow.lua" in paths
    assert tmp_path / "here/profiles" / PROFILE / "colorfilters" in paths


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ToolError, match="cannot install"):
        install_wireshark(tmp_path / "file" / "below")


def test_installed_plugin_and_profile_work(home: Path, tshark: str) -> None:
    """Columns of the profile, filter buttons' and colour rules' filters are ones tshark takes."""
    install_wireshark(profile=True)
    capture = CAPTURES / "qr_move_3party.pcapng"
    base = ("-C", PROFILE)
    done = tagging.run(tshark, capture, *base, "--color", home=home)
    assert done.returncode == 0
    assert "C-MOVE" in done.stdout
    assert "WS1 pacs" in done.stdout
    assert "rror" not in done.stderr
    folder = home / ".config/wireshark/profiles" / PROFILE
    filters = [
        line.split('","')[2].replace("\\x22", '"')
        for line in (folder / "dfilter_buttons").read_text().splitlines()
    ]
    filters += [
        line.split("@")[2]
        for line in (folder / "colorfilters").read_text().splitlines()
        if line.startswith("@")
    ]
    assert len(filters) > 10
    done = tagging.run(
        tshark, capture, *base, "-Y", " or ".join(f"({text})" for text in filters), home=home
    )
    assert done.returncode == 0, done.stderr
    assert "olor" not in done.stderr


def test_a_dry_run_says_what_would_be_done_and_does_nothing(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def said(*options: str) -> list[str]:
        assert main(["install", "wireshark", "--dry-run", *options]) == 0
        return [line.rpartition(": ")[2] for line in capsys.readouterr().out.splitlines()]

    assert said("--profile") == ["new"] * 4
    assert not list(home.iterdir())
    install_wireshark(profile=True)
    there = sorted(path for path in home.rglob("*") if path.is_file())
    assert said("--profile") == ["is the same"] * 4
    assert said("--uninstall") == ["removed"] * 4
    assert sorted(path for path in home.rglob("*") if path.is_file()) == there
