"""dicom_times.log of the Zeek package: of the same associations the same rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.times.conversations import SCENARIOS, write
from tests.times.test_plugin import check

from pacsflow.programs.zeek import export_zeek_logs

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.few(1)
@pytest.mark.parametrize("name", SCENARIOS)
def test_times_of_a_conversation(name: str, tmp_path: Path, zeek_modules: Path) -> None:
    capture = tmp_path / "capture.pcap"
    wanted = write(capture, name)
    logs = export_zeek_logs(capture, tmp_path / "logs", modules=zeek_modules)
    check(logs.dicom_times, wanted)
