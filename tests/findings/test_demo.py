"""On the simulated hospital a normal week is quiet, and the planted story is found."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING

from pacsflow.inventory import read_inventory
from pacsflow.ledger import Ledger
from pacsflow.readers import find
from pacsflow.report.build import build_report
from pacsflow.report.options import Options
from pacsflow.simulator import hospital, write_logs

if TYPE_CHECKING:
    from pathlib import Path


def joined(logs: Path, target: Path, name: str) -> None:
    """Write one log of all hourly ones: a few large files are read sooner than thousands."""
    with target.open("wb") as out:
        for i, path in enumerate(sorted(logs.glob(f"*/{name}.*.log.gz"))):
            for line in gzip.decompress(path.read_bytes()).splitlines(keepends=True):
                if not line.startswith(b"#") or (i == 0 and not line.startswith(b"#close")):
                    out.write(line)


def test_a_normal_week_is_quiet_and_the_story_is_found(tmp_path: Path) -> None:
    logs, few = tmp_path / "logs", tmp_path / "few"
    few.mkdir()
    write_logs(hospital(5, scale=0.2), logs, weeks=4)
    for name in ("conn", "dicom", "known_dicom", "ssl"):
        joined(logs, few / f"{name}.log", name)
    inventory = read_inventory(logs / "inventory.tsv")
    found = {}
    with Ledger.temporary() as ledger:
        ledger.add(find([few]).sources, workers=1)
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
