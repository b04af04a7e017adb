"""How much of sampled imaging traffic is recognised: recall and precision by rate and by knowledge.

`python tests/sampling/recall.py` samples the lab's captures as a switch would (one frame in so many
at random, 128 bytes of each, in sFlow datagrams), among as many frames of other traffic, some of it
to and from the same hosts; reads what comes out; holds it against what the lab says happened; and
writes the table into docs/sflow.md. `--print` only prints it. Ends with 1 where precision is lost.
"""

from __future__ import annotations

import argparse
import csv
import json
import random
import re
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

import sflow_encoder as sflow

from pacsflow.ledger import Ledger
from pacsflow.programs.tshark import export_logs
from pacsflow.readers import CaptureOptions, find

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests" / "lab"))
import degrade  # noqa: E402 - the lab's tools are no package

LAB = ROOT / "tests" / "captures" / "lab"
MIX = ROOT.parent / "shared" / "data" / "captures" / "hospital_mix.pcapng"
"""Two CT, one MR, a PACS, two viewers: megabytes of images, where the lab has few each."""
PAGE = ROOT / "docs" / "sflow.md"
START, END = "<!-- made by tests/sampling/recall.py -->", "<!-- end -->"
RATES = (10, 100)
SEEDS = 6
SEEN = 128
IN_A_DATAGRAM = 7
PRECISION_BAR = 0.98
"""A connection to a PACS's own port without an association is taken for one, where it is met."""
INVENTORY_HEAD = (
    "#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n"
    "#path\tinventory\n"
    "#fields\tmatch\tname\trole\tmodality\tsite\n#types\tstring\tstring\tstring\tstring\tstring\n"
)
MODES = (
    "the stream's own bytes alone",
    "and endpoints remembered from the same capture",
    "and an inventory of the DICOM hosts",
    "in the ledger, without an inventory",
    "in the ledger, with it",
)
OTHER_STARTS = (
    b"GET /index.html HTTP/1.1\r\nHost: pacs\r\n\r\n", b"\x16\x03\x01\x02\x00\x01",
    b"\x17\x03\x03\x05\xa0", b"\x00\x00\x00\x90\xfeSMB@\x00", b"\x03\x00\x00\x13\x0e\xe0\x00\x00",
    b"MSH|^~\\&|", b"\x01\x00\x00\x00\x00\x10", b"\x04\x00\x00\x00\x05\x00",
)  # fmt: skip

Sample = tuple[bytes, int, bool]
"""First bytes of a frame, its length on the wire, and whether it is of a DICOM association."""


def mix(folder: Path) -> tuple[list[Sample], set[str]]:
    """Return the frames of a hospital's hour, all of them of its eight associations."""
    plain = folder / "mix.pcap"
    subprocess.run(["editcap", "-F", "pcap", str(MIX), str(plain)], check=True)
    return [(f.data, f.length, True) for f in degrade.read(plain)], {"127.0.0.2", "127.0.0.21"}


def lab() -> tuple[list[Sample], set[str]]:
    """Return the lab's frames outside TLS, and the hosts that its associations are with."""
    frames: list[Sample] = []
    hosts: set[str] = set()
    for path in sorted(LAB.glob("*.json")):
        if path.with_suffix(".keys").is_file():
            continue
        told = json.loads(path.read_text(encoding="utf-8"))["associations"]
        hosts |= {row["id.resp_h"] for row in told}
        for f in degrade.read(path.with_suffix(".pcap")):
            one, other = (_end(end) for end in f.ends)
            dicom = any(_fits(row, one, other) or _fits(row, other, one) for row in told)
            frames.append((f.data, f.length, dicom))
    return frames, hosts


def _fits(row: dict[str, object], orig: tuple[str, int], resp: tuple[str, int]) -> bool:
    """Say whether a connection has the ends that an association tells, as far as it tells them."""
    ends = dict(zip(("id.orig_h", "id.orig_p", "id.resp_h", "id.resp_p"), orig + resp, strict=True))
    return all(row[name] == value for name, value in ends.items() if name in row)


def _end(raw: bytes) -> tuple[str, int]:
    return ".".join(map(str, raw[:4])), int.from_bytes(raw[4:], "big")


def office(count: int, hosts: Sequence[str], random_: random.Random) -> list[Sample]:
    """Return frames of other protocols, half of them with the same hosts, on other ports."""
    made: list[Sample] = []
    while len(made) < count:
        client = f"10.20.{random_.randrange(4)}.{random_.randrange(1, 250)}"
        server = random_.choice([*hosts, *(f"10.30.0.{i}" for i in range(len(hosts)))])
        port = random_.choice((80, 443, 445, 3389, 5432, 2575, 8080))
        own, start = random_.randrange(32768, 60000), random_.choice(OTHER_STARTS)
        for number in range(random_.randrange(2, 40)):
            full = number % 3 != 2
            body = (start if number == 0 else random_.randbytes(1460)) if full else b""
            ends = (server, port, client, own) if number % 2 else (client, own, server, port)
            head = sflow.tcp(*ends, length=40 + len(body), payload=body, seq=number * 1460 + 1)
            made.append((head, max(60, len(head)), False))
    return made[:count]


def sampled(frames: Iterable[Sample], rate: int, random_: random.Random) -> list[Sample]:
    """Return one frame in `rate`, at random, and its first bytes alone."""
    return [(f[0][:SEEN], f[1], f[2]) for f in frames if random_.random() < 1 / rate]


def datagrams(samples: Sequence[Sample], rate: int) -> list[tuple[float, bytes]]:
    """Return the datagrams that a switch would send of them."""
    out = []
    for number in range(0, len(samples), IN_A_DATAGRAM):
        parts = [
            sflow.flow_sample(n + 1, 3, rate, (n + 1) * rate, [sflow.raw_header(head, length + 4)])
            for n, (head, length, _) in enumerate(samples[number : number + IN_A_DATAGRAM], number)
        ]
        sequence = number // IN_A_DATAGRAM + 1
        told = sflow.datagram("10.9.0.1", sequence, sequence * 1000, parts)
        out.append((float(sequence), sflow.udp(told)))
    return out


class Score:
    """Samples and their bytes: those of DICOM, those told to be, and those told rightly."""

    def __init__(self) -> None:
        self.sums = [[0, 0], [0, 0], [0, 0]]

    def add(self, length: int, *, truth: bool, told: bool) -> None:
        for place, counts in enumerate((truth, told, truth and told)):
            if counts:
                self.sums[place][0] += 1
                self.sums[place][1] += length

    def shares(self) -> list[float]:
        """Return recall and precision of samples, recall and precision of bytes."""
        wanted, told, right = self.sums
        return [
            part
            for i in (0, 1)
            for part in (right[i] / max(1, wanted[i]), right[i] / told[i] if told[i] else 1.0)
        ]


def measure(
    real: tuple[list[Sample], set[str]],
    rate: int,
    seed: int,
    folder: Path,
    scores: dict[str, Score],
) -> None:
    """Sample once, read what comes out with and without an inventory, and add to the scores."""
    random_ = random.Random(seed * 1000 + rate)
    frames, hosts = real
    inventory = folder / "inventory.tsv"
    entries = [f"{host}\tlab {i}\tpacs\t-\t-\n" for i, host in enumerate(sorted(hosts))]
    inventory.write_text(INVENTORY_HEAD + "".join(entries), encoding="ascii")
    mixed = frames + office(len(frames), sorted(hosts), random_)
    # Neighbours stay neighbours: the order of time within each, the two woven together.
    order = sorted(range(len(mixed)), key=lambda i: (i % len(frames), i // len(frames)))
    samples = sampled([mixed[i] for i in order], rate, random_)
    capture = sflow.write_pcap(folder / "sampled.pcap", datagrams(samples, rate))
    for known in (None, inventory):
        logs = export_logs(capture, folder / "logs", inventory=known)
        with logs.frames.open(encoding="utf-8") as text:
            lines = [
                line for line in text if not line.startswith("#") or line.startswith("#fields")
            ]
        lines[0] = lines[0].partition("\t")[2]
        rows = list(csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE))
        assert len(rows) == len(samples), "a row a sample"
        for row, (_, length, truth) in zip(rows, samples, strict=True):
            dicom, basis = row["service"] == "dicom", row["tag_basis"]
            if known is None:
                told = dicom and basis == "association"
                scores[MODES[0]].add(length, truth=truth, told=told)
                scores[MODES[1]].add(length, truth=truth, told=dicom)
            else:
                scores[MODES[2]].add(length, truth=truth, told=dicom)
        told_pairs = imaging_pairs(capture, known)
        score = scores[MODES[3 if known is None else 4]]
        for row, (_, length, truth) in zip(rows, samples, strict=True):
            pair = (row["id.orig_h"], row["id.resp_h"])
            score.add(length, truth=truth, told=pair in told_pairs)


def imaging_pairs(capture: Path, inventory: Path | None) -> set[tuple[str, str]]:
    """Return the pairs of hosts between which the ledger has imaging traffic.

    No pair of the lab's has other traffic besides.
    """
    with Ledger.temporary() as ledger:
        ledger.add(find([capture], CaptureOptions(inventory=inventory)).sources)
        with ledger.connect() as connection:
            rows = connection.execute(
                "SELECT source, destination FROM traffic WHERE service IN ('dicom', 'dicom?')"
            )
            return {(row[0], row[1]) for row in rows.fetchall()}


def table(rates: Sequence[int], seeds: int) -> tuple[str, bool]:
    """Return the table in Markdown, and whether nothing else was taken for DICOM."""
    lines = [
        "| capture | one in | recognised by | recall | precision | of bytes: recall | precision |",
        "|---|---:|---|---:|---:|---:|---:|",
    ]
    fine = True
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        captures = {"the lab's": lab()}
        if MIX.is_file():
            captures["hospital_mix"] = mix(folder)
        for capture, real in captures.items():
            for rate in rates:
                scores: dict[str, Score] = defaultdict(Score)
                for seed in range(seeds):
                    measure(real, rate, seed, folder, scores)
                for mode in MODES:
                    shares = scores[mode].shares()
                    fine = fine and shares[1] >= PRECISION_BAR
                    cells = " | ".join(f"{share:.3f}" for share in shares)
                    lines.append(f"| {capture} | {rate} | {mode} | {cells} |")
    return "\n".join(lines), fine


def main() -> int:
    """Print or write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--print", action="store_true", help="print it, write nothing")
    parser.add_argument("--seeds", type=int, default=SEEDS, help=f"draws for each rate ({SEEDS})")
    options = parser.parse_args()
    text, fine = table(RATES, options.seeds)
    if options.print:
        sys.stdout.write(text + "\n")
    else:
        page = PAGE.read_text(encoding="utf-8")
        made = f"{START}\n\n{text}\n\n{END}"
        page = re.sub(
            f"{re.escape(START)}.*?{re.escape(END)}", lambda _: made, page, flags=re.DOTALL
        )
        PAGE.write_text(page, encoding="utf-8")
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
