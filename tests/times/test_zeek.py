"""dicom_times.log of the Zeek package: of the same associations the same rows."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest
from tests.conftest import ROOT
from tests.times.conversations import SCENARIOS, write
from tests.times.test_plugin import check

from pacsflow.programs import tools
from pacsflow.programs.zeek import export_zeek_logs

if TYPE_CHECKING:
    from pathlib import Path

sys.path.insert(0, str(ROOT / "tests" / "zeek"))


@pytest.fixture(scope="module")
def modules() -> Path:
    """Return the folder with Zeek's compiled analyzers."""
    if tools.zeek() is None:
        pytest.skip("no zeek on PATH, in /opt/zeek or /usr/local/zeek")
    from zeek_package import build_package

    return build_package()


@pytest.mark.parametrize("name", SCENARIOS)
def test_times_of_a_conversation(name: str, tmp_path: Path, modules: Path) -> None:
    capture = tmp_path / "capture.pcap"
    wanted = write(capture, name)
    logs = export_zeek_logs(capture, tmp_path / "logs", modules=modules)
    check(logs.dicom_times, wanted)
