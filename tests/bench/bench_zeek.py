"""What the Zeek package costs: CPU and memory, against the same Zeek without it.

`python tests/bench/bench_zeek.py` prints a table and exits with 1 where a bar is missed. Runs with
and without the package take turns; of CPU time (user and system) the median of the pairs' ratios
counts, of memory the largest resident set. Captures are made for it: 120 MB of C-STORE in twelve
associations, in small segments and in large ones; each of them eight times in a row, so that Zeek's
own start weighs little; and 10,000 associations that are all open at once.
"""

from __future__ import annotations

import multiprocessing
import os
import statistics
import struct
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "zeek_scripts" / "testing" / "Scripts"))
sys.path.insert(0, str(ROOT / "tests" / "zeek"))

import traffic as t  # noqa: E402
from zeek_package import build_package, find_zeek  # noqa: E402

CPU_BAR, MEMORY_BAR = 1.15, 1.1
PARALLEL = 10_000
PARALLEL_MEMORY_BAR = 40_000  # bytes an open association may add to what Zeek needs for it
REPEATS = 9
TIMES, APART = 8, 4000
"""So often a long capture has the short one in a row, and how many seconds apart."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What one run took."""

    seconds: float
    """CPU time, user and system."""
    memory: int
    """Largest resident set, in bytes."""


def bulk(path: Path, mss: int = 1448) -> None:
    """Write 120 MB of C-STORE: twelve associations with twenty images of 512 KiB each."""
    image = bytes(range(256)) * 2048
    conversations = []
    for number in range(12):
        c = t.Conversation(
            orig=f"10.1.0.{number + 1}",
            resp="10.1.1.1",
            resp_port=104 if number % 2 else 31337,
            time=1700000000.0 + number,
            step=0.00002,
            mss=mss,
        )
        c.open().send(0, t.associate_rq([t.CT_STORAGE])).send(1, t.associate_ac())
        for _ in range(20):
            c.send(0, t.store(image)).send(1, t.response(t.STORE_RQ, t.CT_STORAGE))
        conversations.append(c.send(0, t.RELEASE_RQ).send(1, t.RELEASE_RP).close())
    t.write(path, conversations)


def bulk_large(path: Path) -> None:
    """Write the same in segments of 16 KiB, as a sensor sees them behind receive offload."""
    bulk(path, 16382)


def long(path: Path) -> None:
    """Write the first eight times in a row."""
    _repeat(path, bulk)


def long_large(path: Path) -> None:
    """Write the second eight times in a row."""
    _repeat(path, bulk_large)


def _repeat(path: Path, make: Callable[[Path], None]) -> None:
    make(path)
    short = path.read_bytes()
    with path.open("ab") as file:
        for number in range(1, TIMES):
            later, at = bytearray(short[24:]), 0
            while at < len(later):
                seconds, _, length, _ = struct.unpack_from("<IIII", later, at)
                struct.pack_into("<I", later, at, seconds + number * APART)
                at += 16 + length
            file.write(later)


def parallel(path: Path) -> None:
    """Write associations that are all open at once, each with an object of 2 kB."""
    conversations = []
    request, acceptance = t.associate_rq([t.CT_STORAGE]), t.associate_ac()
    stored, answer = t.store(bytes(2000)), t.response(t.STORE_RQ, t.CT_STORAGE)
    for number in range(PARALLEL):
        c = t.Conversation(
            orig=f"10.{2 + number // 60000}.{number // 250 % 250}.{number % 250 + 1}",
            resp=f"10.1.1.{number % 20 + 1}",
            time=1700000000.0 + number * 0.001,
            step=0.0001,
        )
        c.open().send(0, request).send(1, acceptance).send(0, stored).send(1, answer)
        c.time = 1700000030.0 + number * 0.001
        conversations.append(c.send(0, t.RELEASE_RQ).send(1, t.RELEASE_RP).close())
    t.write(path, conversations)


def run(command: list[str], env: dict[str, str], folder: Path) -> Cost:
    """Run a command to its end."""
    with subprocess.Popen(command, env=env, cwd=folder, stderr=subprocess.PIPE) as process:
        assert process.stderr is not None
        said = process.stderr.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode or said:
        sys.exit(f"{' '.join(command)} ended with {process.returncode}: {said.decode()[:500]}")
    return Cost(usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024)


def compare(capture: Path, zeek: Path, modules: Path) -> tuple[float, float, Cost, Cost]:
    """Return the ratios of CPU and memory, and the last pair of runs: without, with."""
    plain_env = {**os.environ, "ZEEK_PLUGIN_PATH": "/nonexistent"}
    package_env = {**os.environ, "ZEEK_PLUGIN_PATH": str(modules)}
    cpu, without, with_it = [], [], []
    for _ in range(REPEATS):
        with tempfile.TemporaryDirectory() as folder:
            base = [str(zeek), "-C", "-r", str(capture)]
            without.append(run(base, plain_env, Path(folder)))
            package = [*base, str(ROOT / "zeek_scripts" / "scripts")]
            with_it.append(run(package, package_env, Path(folder)))
            cpu.append(with_it[-1].seconds / without[-1].seconds)
    memory = statistics.median(c.memory for c in with_it) / statistics.median(
        c.memory for c in without
    )
    return statistics.median(cpu), memory, without[-1], with_it[-1]


def main() -> int:
    """Measure, print, compare with the bars."""
    zeek = find_zeek()
    if zeek is None:
        print("zeek: not here, nothing measured")
        return 0
    missed = False
    with tempfile.TemporaryDirectory() as folder:
        modules = build_package()
        for name, make in (
            ("bulk C-STORE, segments of 1448 bytes", bulk),
            ("bulk C-STORE, segments of 16 KiB", bulk_large),
            ("eight times that of 1448 bytes", long),
            ("eight times that of 16 KiB", long_large),
            ("10,000 in parallel", parallel),
        ):
            capture = Path(folder) / "capture.pcap"
            # In a process of its own: what this one once held, Linux counts for its children.
            maker = multiprocessing.Process(target=make, args=(capture,))
            maker.start()
            maker.join()
            megabytes = capture.stat().st_size / 1e6
            cpu, memory, without, with_it = compare(capture, zeek, modules)
            each = (with_it.memory - without.memory) / PARALLEL
            print(f"{name}, {megabytes:.0f} MB")
            if make is not parallel:
                verdict = cpu <= CPU_BAR and memory <= MEMORY_BAR
                print(
                    f"  CPU    {without.seconds:7.2f} s -> {with_it.seconds:7.2f} s, "
                    f"median ratio {cpu:.3f} (bar {CPU_BAR})"
                )
                print(
                    f"  memory {without.memory / 1e6:7.1f} MB -> {with_it.memory / 1e6:7.1f} MB, "
                    f"ratio {memory:.3f} (bar {MEMORY_BAR})"
                )
            else:
                verdict = each <= PARALLEL_MEMORY_BAR
                print(
                    f"  memory {without.memory / 1e6:7.1f} MB -> {with_it.memory / 1e6:7.1f} MB, "
                    f"{each:.0f} bytes an association (bar {PARALLEL_MEMORY_BAR})"
                )
            print(f"  {'reached' if verdict else 'MISSED'}")
            missed = missed or not verdict
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
