"""The real Wireshark under a virtual screen: its windows open, and a reload changes no tag."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest
from tests.conftest import CAPTURES
from tests.wireshark.gui import PROGRAMS, WINDOWS, wireshark

if TYPE_CHECKING:
    from pathlib import Path

missing = [program for program in PROGRAMS if not shutil.which(program)]
pytestmark = pytest.mark.skipif(
    bool(missing), reason=f"not installed: {', '.join(missing)} (xvfb, wireshark, xdotool, ...)"
)


def test_windows_open_and_a_reload_changes_nothing(tmp_path: Path) -> None:
    assert os.environ.get("HOME")
    original = CAPTURES / "qr_move_3party.pcapng"
    with wireshark(original) as (screen, main):

        def table(title: str) -> bytes:
            window = screen.open_table(main, title)
            shown = screen.settled(window, tmp_path / "table.ppm")
            screen.hide(window)
            return shown

        picture = tmp_path / "main.ppm"

        def reload(content: Path) -> None:
            shutil.copyfile(content, screen.capture)
            screen.call("xdotool", "windowfocus", main)
            screen.key("ctrl+r")

        reload(original)
        # The packets with the profile's columns, tags among them.
        packets = screen.settled(main, picture)
        before = {title: table(title) for title in WINDOWS}
        # Another capture of the same name shows that reloading does reload.
        reload(CAPTURES / "echo_ok.pcapng")
        screen.settled(main, picture)
        assert table("Associations") != before["Associations"]
        reload(original)
        assert screen.comes_to_show(main, packets, picture)
        assert {title: table(title) for title in WINDOWS} == before
        assert "Lua" not in screen.log.read_text()
    # Five windows with five different tables.
    assert len(set(before.values())) == len(WINDOWS)
