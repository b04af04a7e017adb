"""Feeds mutated associations to the real Zeek: `fuzz.py COUNT [SEED]`.

Thousands of mutated connections share one capture, so that one run of Zeek parses all of them.
What may come out: rows, flags. What may not: a crash, a word on standard error, a reporter error,
a log line that is not one row.
"""

from __future__ import annotations

import os
import random
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "zeek_scripts" / "testing" / "Scripts"))
sys.path.insert(0, str(Path(__file__).parent))

import scenarios
import traffic as t
from zeek_package import PACKAGE, build_package, environment_path

BATCH = 5000
MEMORY_LIMIT = 3 << 30
Turns = list[tuple[int, bytes]]
DICOM_PORTS = (104, 11112, 4242, 2762, 31337)


def turns(conversation: t.Conversation) -> Turns:
    """Return what was sent, by whom, in order; retransmissions and handshake left out."""
    client = bytes(map(int, conversation.orig.split(".")))
    said = []
    for _, frame in conversation.frames:
        payload = frame[14 + 20 + 20 :]
        if payload:
            said.append((0 if frame[26:30] == client else 1, payload))
    return said


def seeds() -> list[Turns]:
    """Return the associations that are mutated: all scenarios that are not about TCP."""
    left_out = {"contexts_128", "long_association", "flood", "retransmitted", "split_commands"}
    made = [make() for name, make in scenarios.SCENARIOS.items() if name not in left_out]
    return [turns(conversation) for group in made for conversation in group]


def bend(data: bytes, random_: random.Random) -> bytes:
    """Return bytes with one thing wrong: a bit, a byte, a length, a part."""
    at = random_.randrange(min(len(data), random_.choice((16, 120, 6000))))
    few = random_.choice((1, 2, 4, 100))
    lengths = (b"\xff" * 4, b"\0" * 4, b"\x7f\xff\xff\xff", b"\0\0\0\1", b"\xff\xfe\xfd\xfc")
    types = b"\0\1\2\3\4\7\x10\x20\x50\x7f\x80\xff"
    kinds = (
        data[:at] + bytes([data[at] ^ 1 << random_.randrange(8)]) + data[at + 1 :],
        data[:at] + bytes([random_.choice(types)]) + data[at + 1 :],
        data[:at] + data[at + few :],
        data[:at] + random_.randbytes(few) + data[at:],
        data[:at] + random_.choice(lengths) + data[at + 4 :],
        data[:at],
        data + data[at:],
    )
    return random_.choice(kinds)


def mutate(said: Turns, random_: random.Random) -> Turns:
    """Return a mutant: what is said is bent, doubled or left out."""
    said = [(side, data[:6000]) for side, data in said[:40]]
    for _ in range(random_.choice((1, 1, 2, 3, 8))):
        if not said:
            break
        at = random_.randrange(min(len(said), random_.choice((3, 40))))
        side, data = said[at]
        kind = random_.randrange(9)
        if kind == 0:
            del said[at]
        elif kind == 1:
            said.insert(at, (side, data))
        elif data:
            said[at] = (side, bend(data, random_))
    return said


def capture(path: Path, count: int, base: list[Turns], random_: random.Random) -> None:
    """Write `count` mutants, each a connection of its own, some with gaps and odd ends."""
    conversations = []
    for number in range(count):
        c = t.Conversation(
            orig=f"10.3.{number // 250}.{number % 250 + 1}",
            resp_port=random_.choice(DICOM_PORTS),
            orig_port=20000 + number % 40000,
            time=1700000000.0 + number * 0.01,
            step=0.00001,
        )
        if random_.random() < 0.9:
            c.open()
        size = random_.choice((1448, 1448, 1448, 7, 1))
        for side, data in mutate(random_.choice(base), random_):
            c.send(side, data if size > 7 else data[:400], size)
            if random_.random() < 0.02:
                c.lose(side, random_.choice((1, 12, 1000, 100000)))
        if random_.random() < 0.7:
            c.close()
        elif random_.random() < 0.5:
            c.reset(random_.randrange(2))
        conversations.append(c)
    t.write(path, conversations)


def problems(folder: Path, said: bytes, code: int) -> list[str]:
    """Return what is wrong with the outcome of one run."""
    found = []
    if code or said:
        found.append(f"exit {code}: {said.decode(errors='replace')[:500]}")
    if (folder / "reporter.log").exists():
        found.append((folder / "reporter.log").read_text(errors="replace")[:1000])
    for name in ("dicom.log", "known_dicom.log", "dicom_times.log"):
        if not (folder / name).exists():
            continue
        columns = 0
        for line in (folder / name).read_bytes().split(b"\n"):
            if line.startswith(b"#fields"):
                columns = line.count(b"\t")
            elif line and not line.startswith(b"#"):
                if line.count(b"\t") != columns - 1:
                    found.append(f"{name}: {line[:200]!r}")
                if any(not 0x20 <= byte <= 0x7E and byte != 9 for byte in line):
                    found.append(f"{name}: bytes that are not printable: {line[:200]!r}")
    return found


def run(count: int, seed: int, keep: Path | None = None) -> tuple[int, int, list[str]]:
    """Run `count` mutants through Zeek; return the rows, the largest memory and the problems."""
    modules = build_package()
    base = seeds()
    rows = memory = 0
    found: list[str] = []
    env = {**os.environ, "PATH": environment_path(), "ZEEK_PLUGIN_PATH": str(modules)}
    for batch in range((count + BATCH - 1) // BATCH):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            pcap = folder / "mutants.pcap"
            capture(pcap, min(BATCH, count - batch * BATCH), base, random.Random(seed + batch))
            ran = subprocess.Popen(
                ["zeek", "-C", "-r", pcap, PACKAGE / "scripts"],
                cwd=folder,
                env=env,
                stderr=subprocess.PIPE,
                preexec_fn=lambda: resource.setrlimit(  # noqa: PLW1509
                    resource.RLIMIT_AS, (MEMORY_LIMIT, MEMORY_LIMIT)
                ),
            )
            assert ran.stderr is not None
            said = ran.stderr.read()
            _, status, usage = os.wait4(ran.pid, 0)
            ran.returncode = os.waitstatus_to_exitcode(status)
            memory = max(memory, usage.ru_maxrss * 1024)
            wrong = problems(folder, said, ran.returncode)
            if wrong and keep:
                keep.mkdir(parents=True, exist_ok=True)
                (keep / f"seed-{seed + batch}.pcap").write_bytes(pcap.read_bytes())
            found += [f"seed {seed + batch}: {problem}" for problem in wrong]
            if (folder / "dicom.log").exists():
                rows += sum(not line.startswith(b"#") for line in (folder / "dicom.log").open("rb"))
    return rows, memory, found


def main() -> int:
    """Run from the command line."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 20000
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    rows, memory, found = run(count, seed, keep=Path("fuzz-failures"))
    print(f"{count} mutants from seed {seed}: {rows} rows, {memory / 1e6:.0f} MB at most")
    for problem in found:
        print(problem)
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
