"""`make lab`: plays the scenarios against real servers and writes captures with their truth.

`python tests/lab/run.py [--to FOLDER] [SCENARIO...]`; by default all, into tests/captures/lab.
Everything is on loopback addresses, and everything that is started is ended.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import traceback
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

import degrade
import servers
from play import Play
from recorder import public
from scenarios import SCENARIOS

SLOWER = 1800
"""Pauses of a second become half an hour."""
CAPTURES = Path(__file__).parents[1] / "captures" / "lab"


def play_one(scenario: Any, out: Path, scratch: Path) -> str:
    """Play a scenario and write NAME.pcap and NAME.json; return a line about it."""
    name = scenario.__name__
    folder = scratch / name
    folder.mkdir()
    play = Play(folder)
    before = servers.statistics()
    with servers.captured(out / f"{name}.pcap"):
        scenario(play)
    after = servers.statistics()
    if name == "slow":
        degrade.write(out / "slow.pcap", degrade.stretch(degrade.read(out / "slow.pcap"), SLOWER))
    rows = public(play.recorder.truth()) + play.told
    truth = {
        "scenario": scenario.__doc__,
        "associations": rows,
        "of_another_application_context": public(play.recorder.truth(), odd=True),
        "notes": play.notes,
        "orthanc": {key: after[key] - before[key] for key in after},
    }
    (out / f"{name}.json").write_text(json.dumps(truth, indent=1, sort_keys=True) + "\n")
    if (folder / "keys").is_file():
        shutil.copyfile(folder / "keys", out / f"{name}.keys")
    size = (out / f"{name}.pcap").stat().st_size
    return f"{name}: {len(rows)} associations, {size:,} bytes, Orthanc {truth['orthanc']}"


def main() -> int:
    """Play what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--to", type=Path, default=CAPTURES)
    parser.add_argument("names", nargs="*")
    asked = parser.parse_args()
    if missing := servers.missing():
        print(f"not there: {', '.join(missing)}; the lab was left out")
        return 2
    asked.to.mkdir(parents=True, exist_ok=True)
    failed = 0
    with (
        tempfile.TemporaryDirectory(prefix="pacsflow-lab-") as scratch,
        servers.servers(Path(scratch)),
    ):
        for scenario in SCENARIOS:
            if asked.names and scenario.__name__ not in asked.names:
                continue
            try:
                print(play_one(scenario, asked.to, Path(scratch)), flush=True)
            except Exception:  # noqa: BLE001 - the next scenario is played all the same
                traceback.print_exc()
                failed += 1
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
