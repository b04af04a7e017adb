"""Merge the ledgers of a group's sensors into one, and hold its totals against DuckDB and awk.

    python tests/scale/group.py                                 # 40 sensors
    python tests/scale/group.py --sensors 8 --connections 5000

Every sensor stands at a place of its own. A pair of hosts is seen by one to four of them, each of
which loses some of its packets. A log and a ledger a sensor are made, then the ledgers are merged
one after the other. Independently of them, DuckDB chooses from the logs themselves, of each (hour,
source, destination, service), the sensor that saw most; awk adds up what each log tells.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from conftest import CONN_FIELDS, tsv
from pacsflow.ledger import Ledger
from pacsflow.ledger.merging import merge
from pacsflow.ledger.upkeep import verify
from pacsflow.readers import find

if TYPE_CHECKING:
    from collections.abc import Iterator

MONDAY, WEEK_HOURS = 1772409600, 168
SERVICES = ("dicom", "ssl", "http", "smb", "dns")
COLUMNS = ", ".join(f"'{name}': 'VARCHAR'" for name in CONN_FIELDS)
TRUTH = f"""
    WITH conn AS (
        SELECT regexp_extract(filename, '(s\\d+)\\.conn\\.log', 1) AS sensor, * EXCLUDE (filename)
        FROM read_csv('{{logs}}/*.conn.log', delim='\t', header=false, comment='#', quote='',
                      escape='', auto_detect=false, filename=true, columns={{{{{COLUMNS}}}}})
    ), sides AS (
        SELECT sensor, floor(ts::DOUBLE / 3600)::BIGINT AS hour, "id.orig_h" AS source,
               "id.resp_h" AS destination, service, 1 AS begun, orig_pkts::BIGINT AS packets,
               orig_ip_bytes::BIGINT AS bytes FROM conn
        UNION ALL
        SELECT sensor, floor(ts::DOUBLE / 3600)::BIGINT, "id.resp_h", "id.orig_h", service, 0,
               resp_pkts::BIGINT, resp_ip_bytes::BIGINT FROM conn
    ), seen AS (
        SELECT sensor, hour, source, destination, service, sum(begun)::BIGINT AS begun,
               sum(packets)::BIGINT AS packets, sum(bytes)::BIGINT AS bytes FROM sides GROUP BY ALL
    ), most AS (
        SELECT * FROM seen QUALIFY row_number() OVER (
            PARTITION BY hour, source, destination, service
            ORDER BY bytes DESC, packets DESC, sensor) = 1
    )
    SELECT service, sum(bytes)::BIGINT, sum(packets)::BIGINT, sum(begun)::BIGINT FROM most
    GROUP BY 1 ORDER BY 1
"""
OURS = """
    SELECT service, sum(bytes)::BIGINT, sum(packets)::BIGINT, sum(communications)::BIGINT
    FROM traffic GROUP BY 1 ORDER BY 1
"""
SEEN = "SELECT sensor, sum(bytes)::BIGINT FROM seen_traffic GROUP BY 1 ORDER BY 1"
AWK = r"""BEGIN { FS = "\t" } !/^#/ { n += $16 + $18 } END { printf "%.0f", n }"""


def write_logs(folder: Path, sensors: int, connections: int, seed: int) -> int:
    """Write a conn.log a sensor, of so many connections on the whole; returns how many rows."""
    random = np.random.default_rng(seed)
    pairs = max(connections // 50, sensors)
    client, server = random.integers(1, 250, (2, pairs, 3))
    service = random.choice(len(SERVICES), pairs, p=(0.3, 0.4, 0.1, 0.1, 0.1))
    home = random.integers(0, sensors, pairs)
    others = random.choice(4, pairs, p=(0.55, 0.3, 0.1, 0.05))
    lines: list[list[str]] = [[] for _ in range(sensors)]
    for number in range(connections):
        pair = int(random.integers(pairs))
        kind = SERVICES[service[pair]]
        start = MONDAY + 3600 * int(random.integers(WEEK_HOURS)) + random.uniform(5, 3400)
        packets, answer = random.integers(4, 2000, 2)
        address = [
            f"10.{home[pair]}.{client[pair][0]}.{client[pair][1]}",
            f"10.{home[pair]}.{server[pair][0]}.{server[pair][1]}",
        ]
        for step in range(int(others[pair]) + 1):
            at = (int(home[pair]) + 7 * step) % sensors
            seen = [int(n) - int(random.integers(0, 3)) for n in (packets, answer)]
            moment = start + random.uniform(0, 0.002)
            lines[at].append(
                f"{moment:.6f}\tC{number}s{at}\t{address[0]}\t{1024 + number % 60000}\t{address[1]}"
                f"\t{104 if kind == 'dicom' else 443}\ttcp\t{kind}\t{random.uniform(0, 9):.6f}"
                f"\t{seen[0] * 900}\t{seen[1] * 90}\tSF\t0\tShADadFf\t{seen[0]}\t{seen[0] * 952}"
                f"\t{seen[1]}\t{seen[1] * 142}"
            )
    for at, rows in enumerate(lines):
        (folder / f"s{at:02d}.conn.log").write_text(tsv(sorted(rows), close=False), "ascii")
    return sum(map(len, lines))


def ledgers(logs: Path, folder: Path) -> Iterator[Ledger]:
    """Yield a ledger a sensor."""
    for log in sorted(logs.glob("*.conn.log")):
        name = log.name.split(".")[0]
        made = Ledger(folder / name, create=True)
        added = made.add(find([log]).sources, sensor=name, workers=1)
        assert len(added.added) == 1, added.problems
        yield made


def size(ledger: Ledger) -> int:
    """Return the bytes of a ledger's folder."""
    return sum(path.stat().st_size for path in ledger.folder.rglob("*") if path.is_file())


def prove(group: Ledger, logs: Path) -> None:
    """Hold a ledger's totals against the logs themselves; AssertionError where they differ."""
    truth = duckdb.sql(TRUTH.format(logs=logs)).fetchall()
    with group.connect() as connection:
        assert connection.sql(OURS).fetchall() == truth
        seen = connection.sql(SEEN).fetchall()
    for name, total in seen:
        told = subprocess.run(
            ["awk", AWK, logs / f"{name}.conn.log"], capture_output=True, check=True, text=True
        )
        assert int(told.stdout) == total, name
    assert len(seen) == len(list(logs.glob("*.conn.log")))
    assert not verify(group)
    shown = ", ".join(f"{name} {octets / 1e9:.2f} GB" for name, octets, *_ in truth)
    print(f"totals as DuckDB and awk have them from the logs: {shown}")


def main() -> int:
    """Make, merge and prove."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sensors", type=int, default=40)
    parser.add_argument("--connections", type=int, default=200_000, help="on the whole (200,000)")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        logs, place = Path(name) / "logs", Path(name)
        logs.mkdir()
        rows = write_logs(logs, options.sensors, options.connections, options.seed)
        print(f"{options.sensors} sensors, {options.connections:,} connections, {rows:,} rows")
        begun = time.process_time()
        made = list(ledgers(logs, place))
        print(f"ledgers: {time.process_time() - begun:.1f} s CPU, {sum(map(size, made)):,} bytes")
        group, begun, took = Ledger(place / "group", create=True), time.process_time(), []
        for one in made:
            before = time.process_time()
            done = merge(group, one)
            took.append(time.process_time() - before)
            assert len(done.added) == 1, done
        print(
            f"merged: {time.process_time() - begun:.1f} s CPU, the first {took[0]:.2f} s, the last"
            f" {took[-1]:.2f} s; {size(group):,} bytes, {len(group.journal.named())} files"
        )
        prove(group, logs)
        for one in made[:2]:
            assert not merge(group, one).added
        prove(group, logs)
        group.compact()
        prove(group, logs)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
        print(f"compacted: {size(group):,} bytes, {len(group.journal.named())} files")
        print(f"peak {peak:.0f} MB; merged again, nothing changes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
