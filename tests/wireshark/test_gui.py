"""The real Wireshark under a virtual screen: its windows open, and a reload changes no tag."""

from __future__ import annotations

import os
import shutil
import time
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
    with wireshark(CAPTURES / "qr_move_3party.pcapng") as (screen, main):
        before = {}
        for title in WINDOWS:
            table = screen.open_table(main, title)
            time.sleep(1.0)
            before[title] = tmp_path / f"{title[:5]}.ppm"
            screen.picture(table, before[title])
            screen.call("xdotool", "windowfocus", table)
            screen.key("Escape")
        screen.call("xdotool", "windowfocus", main)
        screen.key("ctrl+r")
        time.sleep(3.0)
        table = screen.open_table(main, "Associations")
        time.sleep(1.0)
        after = tmp_path / "after.ppm"
        screen.picture(table, after)
        assert after.read_bytes() == before["Associations"].read_bytes()
        assert "Lua" not in screen.log.read_text()
    # Five windows with five different tables.
    assert len({path.read_bytes() for path in before.values()}) == len(WINDOWS)
