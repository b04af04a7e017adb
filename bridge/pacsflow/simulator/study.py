"""A sample with the published counts of the hospital study: nine columns, 568,691 rows.

de Moraes et al., "Medical image dataflow in a public hospital": one week of sFlow of HCFMUSP,
opened in Wireshark and exported to a spreadsheet. The rows here are made up; how often the five
busiest senders and receivers stand in them is not.

Run as ``python -m pacsflow.simulator.study study.xlsx`` (or ``study.csv``).
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import xlsxwriter

from pacsflow.simulator.equipment import ZONE
from pacsflow.simulator.rhythm import HOUR_US, local_hours, shape
from pacsflow.simulator.story import microseconds

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

COMMUNICATIONS = 568_691
"""The only total that all ten published percentages allow."""
SENDERS = (89_059, 57_750, 53_205, 41_554, 41_489)
RECEIVERS = (423_348, 27_353, 20_529, 8_493, 7_259)
PACS = "10.65.143.6"
"""The address whose frames the study's figure 5 lists."""
COLUMNS = (
    "Time", "Protocol", "Source", "Destination", "Hardware Source", "Hardware Destination",
    "VLAN", "Length", "Info",
)  # fmt: skip
START = datetime(2026, 3, 2, 3, tzinfo=UTC)

# the busiest receiver is the PACS, the busiest sender is not
_TOP_SENDERS = ("10.65.143.21", PACS, "10.65.140.33", "10.65.144.12", "10.65.139.8")
_TOP_RECEIVERS = (PACS, "10.65.143.7", "10.65.150.40", "10.65.140.33", "10.65.151.9")
_OTHERS = 240
_CHUNK = 50_000
_BYTES = (68, 132, 576, 1036, 1522)


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """The columns, in order of time, shape (568691,); text columns as indices into their names."""

    time_us: NDArray[np.int64]
    protocol: NDArray[np.int64]
    source: NDArray[np.int64]
    destination: NDArray[np.int64]
    vlan: NDArray[np.int64]
    length: NDArray[np.int64]
    port: NDArray[np.int64]
    hosts: tuple[str, ...]
    macs: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.time_us)


PROTOCOLS = ("DICOM", "TCP", "TLSv1.2", "HTTP", "SMB2", "DNS")


def sample(seed: int = 1) -> Sample:
    """Return a week's sample with the published counts, deterministic by seed."""
    rng = np.random.default_rng([seed, COMMUNICATIONS])
    others = tuple(f"10.65.{136 + i // 40}.{100 + i % 40}" for i in range(_OTHERS))
    hosts = tuple(dict.fromkeys((*_TOP_SENDERS, *_TOP_RECEIVERS, *others)))
    number = {address: i for i, address in enumerate(hosts)}
    macs = tuple(
        f"02:65:{i >> 8:02x}:{i & 255:02x}:0a:{i * 7 & 255:02x}" for i in range(len(hosts))
    )
    source = _side(rng, [number[a] for a in _TOP_SENDERS], SENDERS, number, others)
    destination = _side(rng, [number[a] for a in _TOP_RECEIVERS], RECEIVERS, number, others)
    _nobody_talks_to_himself(rng, source, destination)
    time_us = _week(rng)
    pacs = (source == number[PACS]) | (destination == number[PACS])
    protocol = np.where(
        pacs & (rng.random(COMMUNICATIONS) < 0.62), 0,
        rng.choice(5, COMMUNICATIONS, p=[0.62, 0.16, 0.10, 0.08, 0.04]) + 1,
    )  # fmt: skip
    length = np.where(
        protocol == 0,
        rng.choice([1522, 132, 576], COMMUNICATIONS, p=[0.86, 0.1, 0.04]),
        rng.choice(_BYTES, COMMUNICATIONS),
    )
    return Sample(
        time_us, protocol, source, destination, rng.choice([143, 140, 150], COMMUNICATIONS),
        length, rng.integers(49152, 65536, COMMUNICATIONS), hosts, macs,
    )  # fmt: skip


def _side(
    rng: np.random.Generator,
    busiest: list[int],
    counts: Sequence[int],
    number: dict[str, int],
    others: tuple[str, ...],
) -> NDArray[np.int64]:
    """Return one column of hosts, shuffled: the busiest as often as published, the rest less."""
    rest = COMMUNICATIONS - sum(counts)
    weights = rng.pareto(2.5, len(others)) + 0.2
    weights = np.minimum(weights, 0.3 * min(counts) / rest * weights.sum())
    spread = rng.multinomial(rest, weights / weights.sum())
    assert spread.max() < min(counts)  # noqa: S101 - the ranks would be others
    names = np.concatenate([busiest, [number[a] for a in others]])
    column: NDArray[np.int64] = np.repeat(names, np.concatenate([counts, spread]))
    rng.shuffle(column)
    return column


def _nobody_talks_to_himself(
    rng: np.random.Generator, source: NDArray[np.int64], destination: NDArray[np.int64]
) -> None:
    """Swap destinations until no row has the same host on both sides, in place."""
    while len(same := np.flatnonzero(source == destination)):
        partner = rng.integers(0, len(source), len(same))
        fine = (source[partner] != destination[same]) & (destination[partner] != source[same])
        for a, b in zip(same[fine].tolist(), partner[fine].tolist(), strict=True):
            if source[a] == destination[a] != source[b] and destination[b] != source[a]:
                destination[a], destination[b] = destination[b], destination[a]


def _week(rng: np.random.Generator) -> NDArray[np.int64]:
    """Return sorted times of one working week, microseconds since the epoch."""
    local = local_hours(START, 168, ZoneInfo(ZONE))
    weight = shape("appointments", local) + 0.2 * shape("emergency", local)
    hours = rng.choice(168, COMMUNICATIONS, p=weight / weight.sum())
    return np.sort(microseconds(START) + hours * HOUR_US + rng.integers(0, HOUR_US, COMMUNICATIONS))


def write_study(path: Path, seed: int = 1) -> int:
    """Write the sample as ``.xlsx`` or ``.csv`` and return its number of rows.

    Raises
    ------
    ValueError
        If the name ends with neither.
    """
    if path.suffix not in {".xlsx", ".csv"}:
        raise ValueError(f"{path}: expected a name that ends with .xlsx or .csv")
    made = sample(seed)
    (_write_xlsx if path.suffix == ".xlsx" else _write_csv)(path, made)
    return len(made)


def _info(made: Sample, part: slice) -> list[str]:
    """Return the Info column as Wireshark words it."""
    told = []
    for protocol, port, length in zip(
        made.protocol[part].tolist(), made.port[part].tolist(), made.length[part].tolist(),
        strict=True,
    ):  # fmt: skip
        if protocol == 0:
            told.append(f"P-DATA, len={length - 72}" if length > 600 else "P-DATA, C-STORE-RSP")
        else:
            told.append(
                f"{port} \u2192 104 [ACK] Seq={length * 17} Ack=1 Win=501 Len={length - 58}"
            )
    return told


def _parts(made: Sample) -> Iterator[slice]:
    for first in range(0, len(made), _CHUNK):
        yield slice(first, min(first + _CHUNK, len(made)))


def _write_csv(path: Path, made: Sample) -> None:
    """Write it as Wireshark's File > Export Packet Dissections > As CSV does: all quoted."""
    with path.open("wb") as file:
        file.write((",".join(f'"{name}"' for name in COLUMNS) + "\n").encode())
        for part in _parts(made):
            time = pa.array(made.time_us[part]).cast(pa.timestamp("us"))
            columns = [
                pc.strftime(time, format="%Y-%m-%d %H:%M:%S"),
                *(
                    pa.array(names).take(pa.array(index[part]))
                    for names, index in (
                        (PROTOCOLS, made.protocol), (made.hosts, made.source),
                        (made.hosts, made.destination), (made.macs, made.source),
                        (made.macs, made.destination),
                    )
                ),
                pa.array(made.vlan[part]).cast(pa.string()),
                pa.array(made.length[part]).cast(pa.string()),
                pa.array(_info(made, part)),
            ]  # fmt: skip
            rows = pc.binary_join_element_wise('"', pc.binary_join_element_wise(*columns, '","'),
                                               '"\n', "")  # fmt: skip
            file.write("".join(rows.to_pylist()).encode())


def _write_xlsx(path: Path, made: Sample) -> None:
    """Write it as a spreadsheet program does: dates as dates, texts in the shared table."""
    book = xlsxwriter.Workbook(str(path), {"strings_to_formulas": False, "strings_to_urls": False})
    date = book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss.000"})
    sheet = book.add_worksheet("sflow")
    sheet.set_column(0, 8, 18)
    for column, name in enumerate(COLUMNS):
        sheet.write_string(0, column, name)
    epoch = datetime(1899, 12, 30, tzinfo=UTC)
    base = (datetime(1970, 1, 1, tzinfo=UTC) - epoch) / timedelta(days=1)
    row = 0
    for part in _parts(made):
        days = (base + made.time_us[part] / (24 * HOUR_US)).tolist()
        for day, protocol, source, destination, vlan, length, info in zip(
            days, made.protocol[part].tolist(), made.source[part].tolist(),
            made.destination[part].tolist(), made.vlan[part].tolist(),
            made.length[part].tolist(), _info(made, part), strict=True,
        ):  # fmt: skip
            row += 1
            sheet.write_number(row, 0, day, date)
            sheet.write_string(row, 1, PROTOCOLS[protocol])
            sheet.write_string(row, 2, made.hosts[source])
            sheet.write_string(row, 3, made.hosts[destination])
            sheet.write_string(row, 4, made.macs[source])
            sheet.write_string(row, 5, made.macs[destination])
            sheet.write_number(row, 6, vlan)
            sheet.write_number(row, 7, length)
            sheet.write_string(row, 8, info)
    book.close()


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the sample to the file that is named."""
    parser = argparse.ArgumentParser(prog="python -m pacsflow.simulator.study", description=__doc__)
    parser.add_argument("path", type=Path, help="study.xlsx or study.csv")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args(arguments)
    try:
        rows = write_study(asked.path, asked.seed)
    except (ValueError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    sys.stdout.write(f"{asked.path}: {rows:,} communications, made up\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
