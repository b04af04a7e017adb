"""What sFlow costs: a million samples to the ledger against tshark dissecting them, in CPU."""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "sampling"))

import sflow_encoder as sflow  # noqa: E402 - the checkout's own tests are no package

from pacsflow.ledger import Ledger  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Iterator

PLUGIN = ROOT / "wireshark_plugin" / "pacsflow.lua"
SAMPLES = 1_000_000
CPU_BAR = 1.3
MEMORY_BAR = 2.0
IN_A_DATAGRAM = 7
HEADER = 128
RATE = 512
AGENTS = 8
PORTS = 24
HOURS = 24
FIELDS = (
    "frame.time_epoch", "pacsflow.sampling_rate", "pacsflow.estimated_bytes", "pacsflow.sample.src",
    "pacsflow.sample.dst",
)  # fmt: skip


def conversations(random_: random.Random) -> list[tuple[bytes, int]]:
    """Return sampled headers of a hospital: images to and from a PACS, and what else there is."""
    made = []
    for number in range(4000):
        client = f"10.{65 + number % 7}.{number % 250}.{1 + number % 200}"
        imaging = number % 3 == 0
        server = f"10.65.143.{6 + number % 2}" if imaging else f"10.70.{number % 90}.10"
        port = 104 if imaging else random_.choice((80, 443, 445, 1433, 3389))
        for full in (True, False):
            # Mostly the inside of a data set: bytes that say nothing.
            payload = random_.randbytes(HEADER - 54) if full else b""
            ends = (client, 40000 + number, server, port)
            ends = ends if full else (ends[2], ends[3], ends[0], ends[1])
            length = 1500 if full else 40
            header = sflow.tcp(*ends, length=length, payload=payload, seq=number * 99991)
            made.append((sflow.raw_header(header, max(64, length + 18)), length))
    return made


def frames(samples: int) -> Iterator[tuple[float, bytes]]:
    """Yield the datagrams of several switches over a day."""
    random_ = random.Random(8)
    known = conversations(random_)
    sequences = [0] * AGENTS
    ports = [[[0, 0, 0] for _ in range(PORTS)] for _ in range(AGENTS)]
    total = -(-samples // IN_A_DATAGRAM)
    for number in range(total):
        agent = number % AGENTS
        seconds = HOURS * 3600 * number / total
        parts = []
        for _ in range(min(IN_A_DATAGRAM, samples - number * IN_A_DATAGRAM)):
            index = random_.randrange(PORTS)
            port = ports[agent][index]
            record, length = random_.choices(known, k=1)[0]
            port[0] += 1
            port[1] += random_.randrange(1, 2 * RATE)
            port[2] += RATE * (length + 18)
            parts.append(
                sflow.flow_sample(port[0], index + 1, RATE, port[1], [record], expanded=agent == 1)
            )
        if number % 40 < AGENTS:
            index = number // 40 % PORTS
            port = ports[agent][index]
            counters = sflow.interface_counters(index + 1, port[2], port[1])
            parts.append(sflow.counter_sample(number, index + 1, [counters]))
        sequences[agent] += 1
        told = sflow.datagram(f"10.9.0.{agent + 1}", sequences[agent], int(seconds * 1000), parts)
        yield seconds, sflow.udp(told)


def run(*command: str) -> tuple[float, float]:
    """Return CPU seconds (user and system, its children's included) and peak MB of a command."""
    with tempfile.TemporaryDirectory() as home:
        environment = {**os.environ, "HOME": home, "WIRESHARK_CONFIG_DIR": home}
        # Modules are compiled once, as on any machine where they are used.
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        environment["PYTHONPYCACHEPREFIX"] = str(Path(tempfile.gettempdir()) / "pacsflow-bench-pyc")
        child = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment
        )
        _, status, used = os.wait4(child.pid, 0)
    if status:
        raise SystemExit(f"failed: {' '.join(command)}")
    return used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def report(name: str, value: str, bar: str, fine: bool | None) -> bool:
    """Print one line of the table; None: told, not promised."""
    verdict = "" if fine is None else "ok" if fine else "MISSED"
    sys.stdout.write(f"{name:<58} {value:>20}  {bar:>8}  {verdict}\n")
    sys.stdout.flush()
    return fine is not False


def ingest(capture: Path, ledger: Path) -> tuple[str, ...]:
    """Return the command that takes a capture into a ledger."""
    return (sys.executable, "-m", "pacsflow", "ingest", str(capture), "--ledger", str(ledger))


def main() -> int:
    """Measure and return 1 where a promise is not kept."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=SAMPLES, help=f"flow samples ({SAMPLES})")
    parser.add_argument("--rounds", type=int, default=1, help="runs of which the best counts (1)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        small = sflow.write_pcap(folder / "small.pcap", frames(max(1, options.samples // 4)))
        _, small_peak = run(*ingest(small, folder / "small"))
        capture = sflow.write_pcap(folder / "sflow.pcap", frames(options.samples))
        tshark = ("tshark", "-n", "-r", str(capture), "-X", f"lua_script:{PLUGIN}")
        fields = [part for field in FIELDS for part in ("-e", field)]
        # Where nothing of its own is asked for the plugin does nothing, unless it is told to.
        kinds = {
            "idle": tshark,
            "line": (*tshark, "-X", "lua_script1:always=1"),
            "fields": (*tshark, "-T", "fields", *fields),
        }
        best = dict.fromkeys([*kinds, "ledger"], (float("inf"), 0.0))
        for number in range(options.rounds):
            for kind, command in kinds.items():
                best[kind] = min(best[kind], run(*command))
            best["ledger"] = min(best["ledger"], run(*ingest(capture, folder / str(number))))
        with Ledger(folder / "0").connect() as connection:
            query = "SELECT sum(samples), sum(packets) FROM traffic WHERE origin = 'sflow'"
            kept = connection.execute(query).fetchone()
    expected = (options.samples, options.samples * RATE)
    results = [report(f"{options.samples:,} samples: all in the ledger", str(kept == expected),
                      "True", kept == expected)]  # fmt: skip
    seconds, peak = best["ledger"]
    for kind, label in (
        ("idle", "CPU of ingest / tshark, the plugin loaded and idle"),
        ("line", "CPU of ingest / tshark with the plugin tagging samples"),
        ("fields", "CPU of ingest / tshark with four of its fields printed"),
    ):
        ratio = seconds / best[kind][0]
        value = f"{seconds:.1f}/{best[kind][0]:.1f} = {ratio:.2f}"
        promised = kind != "idle"
        bar = f"<= {CPU_BAR}" if promised else ""
        results.append(report(label, value, bar, ratio <= CPU_BAR if promised else None))
    growth = peak / small_peak
    results.append(report(
        "peak MB of ingest, a quarter of the samples and all",
        f"{small_peak:.0f}, {peak:.0f}", f"<= x{MEMORY_BAR}", growth <= MEMORY_BAR,
    ))  # fmt: skip
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
