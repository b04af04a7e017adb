"""Slow PACS, slow paths, slow devices: plays each, and writes captures with what was measured.

`python tests/lab/speeds.py [--to FOLDER] [SCENARIO...]` (root): client and server are in two
network namespaces, with a link between them that delays, loses or is narrow, and both keep a
stopwatch. Captures are those of the server's end, packed; NAME.json has the truth.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

import link as links

HERE = Path(__file__).parent
CAPTURES = HERE.parent / "times" / "captures"
STORES = [["store", 100_000]] * 8
PLAIN = links.Network()


@dataclass(frozen=True, slots=True)
class Scenario:
    """What is played, and where its time goes.

    Parameters
    ----------
    where
        server, network, sender or receiver; why: the pattern behind it, where there is one.
    at
        At whose end it is captured: 1 the server's, 0 the client's.
    """

    where: str
    client: dict[str, Any]
    server: dict[str, Any] = field(default_factory=dict)
    path: links.Network = PLAIN
    why: str = ""
    at: int = 1


SCENARIOS = {
    "slow_server": Scenario(
        "server",
        {"operations": [*STORES, ["echo", 0], ["echo", 0]]},
        {"sleep": [0.3, 0.15, 0.6, 0.2]},
    ),
    "slow_query": Scenario(
        "server",
        {"operations": [["find", 60]] * 6},
        {"sleep": [0.25, 0.5], "results": 3, "between": 0.05},
    ),
    "slow_server_far": Scenario(
        "server",
        {"operations": [["echo", 0]] * 6 + [["find", 40]] * 4},
        {"sleep": [0.4]},
        links.Network(delay=0.02),
        at=0,
    ),
    "slow_reader": Scenario(
        "receiver",
        {"operations": [["store", 400_000]] * 3},
        {"read_bytes": 8192, "read_pause": 0.015, "buffer": 16384},
    ),
    "pausing_sender": Scenario("sender", {"operations": STORES, "pause": 0.35}),
    "slow_source": Scenario(
        "sender", {"operations": [["store", 200_000]] * 4, "pdu_pause": 0.06, "pdu": 16384}
    ),
    "long_path": Scenario(
        "network", {"operations": STORES}, path=links.Network(delay=0.06), why="round-trips"
    ),
    "long_path_from_the_client": Scenario(
        "network",
        {"operations": [["echo", 0]] * 6},
        path=links.Network(delay=0.06),
        why="round-trips",
        at=0,
    ),
    "lossy_path": Scenario(
        "network",
        {"operations": [["store", 300_000]] * 5},
        path=links.Network(delay=0.004, loss=0.03),
        why="losses",
    ),
    "narrow_path": Scenario(
        "network", {"operations": [["store", 250_000]] * 3}, path=links.Network(rate=4e6)
    ),
    "one_image_each": Scenario(
        "network",
        {"operations": [["store", 2000]], "associations": 12},
        {"connections": 12},
        links.Network(delay=0.015),
        why="association-each",
    ),
    "small_writes": Scenario(
        "sender",
        {"operations": [["store", 700]] * 12, "nodelay": False, "pdu_pause": 0.0},
        {"delay_acks": True},
        why="delayed-acknowledgments",
    ),
    "small_answers": Scenario(
        "server",
        {"operations": [["echo", 0]] * 10, "delay_acks": True},
        {"nodelay": False, "write_header_apart": True},
        why="delayed-acknowledgments",
    ),
}


def play(scenario: Scenario, out: Path) -> dict[str, Any]:
    """Play a scenario; write its capture and return its truth."""
    with links.link(scenario.path) as link:
        peers = [sys.executable, str(HERE / "peers.py")]
        server = links.inside(
            1, [*peers, "server", json.dumps(scenario.server)], stdout=subprocess.PIPE
        )
        assert server.stdout is not None
        assert server.stdout.readline() == "ready\n"
        options = json.dumps({"server": links.ADDRESSES[1], **scenario.client})
        client = links.inside(0, [*peers, "client", options], stdout=subprocess.PIPE)
        told = {"client": json.loads(client.communicate(timeout=120)[0])}
        told["server"] = json.loads(server.communicate(timeout=20)[0])
    with tempfile.TemporaryDirectory() as folder:
        link.write(scenario.at, Path(folder, "c.pcap"))
        with out.open("wb") as raw, gzip.GzipFile("", "wb", 9, raw, mtime=0) as packed:
            packed.write(Path(folder, "c.pcap").read_bytes())
    return {"where": scenario.where, "why": scenario.why, **told}


def main() -> int:
    """Play what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--to", type=Path, default=CAPTURES)
    parser.add_argument("names", nargs="*")
    asked = parser.parse_args()
    if not links.possible():
        print("no network namespaces here, or not root; nothing was played")
        return 2
    asked.to.mkdir(parents=True, exist_ok=True)
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(30))
    for name, scenario in SCENARIOS.items():
        if asked.names and name not in asked.names:
            continue
        truth = play(scenario, asked.to / f"{name}.pcap.gz")
        (asked.to / f"{name}.json").write_text(json.dumps(truth, indent=1) + "\n")
        print(f"{name}: {(asked.to / f'{name}.pcap.gz').stat().st_size:,} bytes", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
