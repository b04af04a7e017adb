"""On the simulated hospital a normal week is quiet, and the planted story is found."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pacsflow.inventory import read_inventory
from pacsflow.ledger import Ledger
from pacsflow.readers import find
from pacsflow.report.build import build_report
from pacsflow.report.options import Options

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.thorough
def test_a_normal_week_is_quiet_and_the_story_is_found(hospital_logs: Path) -> None:
    inventory = read_inventory(hospital_logs / "inventory.tsv")
    # what the rules find themselves, not what the sensor's notices say of the same
    own = [path for path in hospital_logs.glob("*.log") if path.stem != "notice"]
    found = {}
    with Ledger.temporary() as ledger:
        ledger.add(find(own).sources, workers=1)
        for week in ("2026-W12", "2026-W13"):
            options = Options(week=week, forecasts=False, zone="America/Sao_Paulo")
            made = build_report(ledger, inventory, options)
            found[week] = {f.rule: f for f in made.findings if f.severity.rank > 0}
    assert set(found["2026-W12"]) <= {"sensor-gap"}
    story = found["2026-W13"]
    assert set(story) - {"bulk-requests"} == {
        "find-enumeration", "bulk-retrieval", "device-new", "unknown-sender",
    }  # fmt: skip
    assert story["unknown-sender"].parties[0].address == "10.20.18.77"
    assert story["bulk-retrieval"].rows
