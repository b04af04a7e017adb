"""`pacsflow install wireshark`: where the files go, and what is left alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.conftest import CAPTURES
from tests.wireshark import tagging

from pacsflow.errors import ToolError
from pacsflow.programs.install_wireshark import PROFILE, install_wireshark

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    return tmp_path


def test_plugin_alone(home: Path) -> None:
    written = install_wireshark()
    assert written == [home / ".local/lib/wireshark/plugins/pacsflow.lua"]
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
    assert {p.name for p in written} == {"pacsflow.lua", "dfilter_buttons", "colorfilters"}
    assert len(install_wireshark(profile=True)) == 1


def test_another_folder(tmp_path: Path) -> None:
    written = install_wireshark(tmp_path / "here", profile=True)
    assert tmp_path / "here/pacsflow.lua" in written
    assert tmp_path / "here/profiles" / PROFILE / "colorfilters" in written


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
    for text in filters:
        done = tagging.run(tshark, capture, *base, "-Y", text, home=home)
        assert done.returncode == 0, done.stderr
    assert "olor" not in done.stderr
