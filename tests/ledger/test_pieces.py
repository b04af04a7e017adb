"""One capture in several files, and one traffic in several captures: counted once, in any order."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import pytest
from tests.wireshark import pieces

from conftest import CAPTURES
from pacsflow.ledger import Ledger
from pacsflow.readers import CaptureOptions, find

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

BASE = pieces.read(CAPTURES / "networks" / "base.pcap")
BYTES, PACKETS, DATA = 319_906, 332, 300_000
WHOLE = (1, 3, DATA, "CT1", "accepted", "released", [])


def told(ledger: Ledger) -> tuple[list[Any], tuple[int, ...]]:
    """Return the associations, and communications, packets and bytes of the traffic."""
    with ledger.connect() as connection:
        rows = connection.sql(
            'SELECT count(*) OVER (), store_rq, data_bytes_orig, calling_ae, result, "end",'
            " coalesce(flags, []) FROM associations ORDER BY ts"
        ).fetchall()
        sums = connection.sql(
            "SELECT sum(communications), sum(packets), sum(bytes) FROM traffic"
        ).fetchall()
    return rows, tuple(map(int, sums[0]))


def ring(folder: Path, size: int, name: str = "ring_{:05}.pcap") -> list[Path]:
    """Return files of one capture with so many frames each."""
    return [
        pieces.write(folder / name.format(number), BASE[at : at + size])
        for number, at in enumerate(range(0, len(BASE), size))
    ]


def later(path: Path, seconds: float, frames: Iterable[pieces.Frame] = BASE) -> Path:
    return pieces.write(path, [(ts + seconds, data, wire) for ts, data, wire in frames])


@pytest.fixture
def ledger(tshark: str, tmp_path: Path) -> Ledger:
    assert tshark
    return Ledger(tmp_path / "ledger", create=True)


@pytest.mark.few(1)
@pytest.mark.parametrize("size", [67, 111])
def test_pieces_of_one_capture_are_one(ledger: Ledger, tmp_path: Path, size: int) -> None:
    ledger.add(find(ring(tmp_path, size)).sources, workers=1)
    assert told(ledger) == ([WHOLE], (1, PACKETS, BYTES))


@pytest.mark.few(1)
@pytest.mark.parametrize(
    ("name", "flags"),
    [
        ("ring_{:05}_20251229092000.pcapng", ["pieces"]),
        ("r.pcap{}", ["pieces"]),
        ("20251229_0{}05.pcap", ["pieces"]),
        ("part of {}.pcap", ["pieces"]),
    ],
)
def test_a_number_that_is_missing_is_told(
    ledger: Ledger, tmp_path: Path, name: str, flags: list[str]
) -> None:
    files = ring(tmp_path, 84, name)
    ledger.add(find([files[0], files[1], files[3]]).sources, workers=1)
    ((_, _, data, *_, told_flags),) = told(ledger)[0]
    assert (data < DATA, told_flags) == (True, flags)


@pytest.mark.few(1)
@pytest.mark.parametrize("wrap", [0, 2**32 - 150_000])
@pytest.mark.parametrize("names", ["before behind", "behind before"])
@pytest.mark.parametrize("gone", [(100, 150), (67, 134), (101, 102), (326, 327), (150, 150)])
def test_what_no_file_has_is_missed(
    ledger: Ledger, tmp_path: Path, gone: tuple[int, int], names: str, wrap: int
) -> None:
    """However soon the next file begins, and whatever both are called."""
    frames = [numbered(frame, wrap) for frame in BASE]
    parts = frames[: gone[0]], frames[gone[1] :]
    files = [
        pieces.write(tmp_path / f"{name}.pcap", part)
        for name, part in zip(names.split(), parts, strict=True)
    ]
    ledger.add(find(files).sources, workers=1)
    ((*_, flags),), _ = told(ledger)
    with ledger.connect() as connection:
        (missed,) = connection.sql("SELECT missed_bytes FROM associations").fetchall()
    lost = sum(payload(data) for _, data, _ in frames[slice(*gone)])
    assert (missed, flags) == ((lost,), ["pieces"] * bool(lost))


def numbered(frame: pieces.Frame, step: int) -> pieces.Frame:
    """Return a frame with the client's sequence numbers so much higher."""
    ts, data, wire = frame
    out = bytearray(data)
    pieces.add(out, 38 if data[26:30] == bytes((10, 1, 0, 11)) else 42, step)
    return ts, bytes(out), wire


def payload(data: bytes) -> int:
    return int.from_bytes(data[16:18], "big") - 20 - (data[46] >> 4) * 4


def test_a_pause_between_files_is_no_loss(ledger: Ledger, tmp_path: Path) -> None:
    """The sequence numbers tell that nothing is missing, however late the next file begins."""
    files = [
        pieces.write(tmp_path / "one.pcap", BASE[:150]),
        later(tmp_path / "two.pcap", 20, BASE[150:]),
    ]
    ledger.add(find(files).sources, workers=1)
    assert told(ledger) == ([WHOLE], (1, PACKETS, BYTES))


def test_ports_used_again_in_a_piece_that_is_missing(ledger: Ledger, tmp_path: Path) -> None:
    """What goes on elsewhere in its numbers is another association."""
    files = [
        pieces.write(tmp_path / "one.pcap", BASE[:150]),
        pieces.write(tmp_path / "two.pcap", [numbered(f, 3_000_000_000) for f in BASE[200:]]),
    ]
    ledger.add(find(files).sources, workers=1)
    rows, _ = told(ledger)
    assert [row[0] for row in rows] == [2, 2]


@pytest.mark.few(1)
@pytest.mark.parametrize("at", [1, 2, 3, 4, 7, 150, 323, 328, 330, 331])
def test_a_capture_cut_anywhere(ledger: Ledger, tmp_path: Path, at: int) -> None:
    """Inside the handshake, the negotiation, a data set, and behind the last PDU, too."""
    files = [
        pieces.write(tmp_path / f"r_{number}.pcap", frames)
        for number, frames in enumerate((BASE[:at], BASE[at:]))
    ]
    ledger.add(find(files).sources, workers=1)
    assert told(ledger) == ([WHOLE], (1, PACKETS, BYTES))


@pytest.mark.thorough
@pytest.mark.parametrize("order", [*itertools.permutations(range(3))])
def test_pieces_that_come_in_any_order(
    ledger: Ledger, tmp_path: Path, order: tuple[int, ...]
) -> None:
    files = ring(tmp_path, 120)
    for number in order:
        ledger.add(find([files[number]]).sources, workers=1)
    assert told(ledger) == ([WHOLE], (1, PACKETS, BYTES))


def test_a_piece_is_missing(ledger: Ledger, tmp_path: Path) -> None:
    """What was between is not made up; where it may have taken a second the row says so."""
    frames = [(ts + 2 * (n >= 134), data, wire) for n, (ts, data, wire) in enumerate(BASE)]
    first = pieces.write(tmp_path / "a_1.pcap", frames[:67])
    last = pieces.write(tmp_path / "a_3.pcap", frames[134:])
    ledger.add(find([first, last]).sources, workers=1)
    (row,), sums = told(ledger)
    assert (row[0], row[3:]) == (1, ("CT1", "accepted", "released", ["pieces"]))
    assert row[2] < DATA
    assert sums == (1, 332 - 67, sum(w for _, _, w in frames[:67] + frames[134:]))


@pytest.mark.few(1)
@pytest.mark.parametrize("seconds", [0.0, 0.0004, 0.4, -0.4])
@pytest.mark.parametrize("together", [True, False])
def test_two_captures_of_one_traffic(
    ledger: Ledger, tmp_path: Path, seconds: float, *, together: bool
) -> None:
    """A copy of a capture under another name, or another place of capture with its own clock."""
    start = BASE[0][0]
    slow = [(start + (ts - start) * 20, data, wire) for ts, data, wire in BASE]
    one = pieces.write(tmp_path / "core.pcap", slow)
    other = later(tmp_path / "edge.pcap", seconds + 1e-6, slow)
    for given in [[one, other]] if together else [[one], [other]]:
        added = ledger.add(find(given).sources, workers=1)
    assert told(ledger) == ([WHOLE], (1, PACKETS, BYTES))
    assert any("counts once" in note for entry in added.added for note in entry.notes)


def by_direction(folder: Path, frames: list[pieces.Frame] = BASE) -> list[Path]:
    """Return two files as of a tap: what the client sent, and what the server sent."""
    client = bytes((10, 1, 0, 11))
    return [
        pieces.write(folder / name, [f for f in frames if (f[1][26:30] == client) == mine])
        for name, mine in (("tx.pcap", True), ("rx.pcap", False))
    ]


@pytest.mark.few(1)
@pytest.mark.parametrize("together", [True, False])
def test_a_file_for_each_direction(ledger: Ledger, tmp_path: Path, *, together: bool) -> None:
    tx, rx = by_direction(tmp_path)
    for given in [[tx, rx]] if together else [[rx], [tx]]:
        ledger.add(find(given).sources, workers=1)
    assert told(ledger) == ([WHOLE], (1, PACKETS, BYTES))


def test_files_for_each_direction_that_begin_in_the_middle(ledger: Ledger, tmp_path: Path) -> None:
    ledger.add(find(by_direction(tmp_path, BASE[50:])).sources, workers=1)
    ((_, stores, data, _, result, end, flags),), sums = told(ledger)
    assert (stores, data, result, end, flags) == (2, 250_866, "unknown", "released", ["midstream"])
    assert sums[1:] == (PACKETS - 50, sum(wire for _, _, wire in BASE[50:]))


@pytest.mark.thorough
def test_a_file_for_each_direction_beside_one_of_both(ledger: Ledger, tmp_path: Path) -> None:
    given = [*by_direction(tmp_path), pieces.write(tmp_path / "zz.pcap", BASE)]
    ledger.add(find(given).sources, workers=1)
    assert told(ledger) == ([WHOLE], (1, PACKETS, BYTES))


@pytest.mark.few(1)
@pytest.mark.parametrize("seconds", [-7, 240])
def test_two_captures_whose_clocks_are_apart(
    ledger: Ledger, tmp_path: Path, seconds: float
) -> None:
    """Each saw the same three associations, of which two had the same ports."""
    frames = []
    for number, port in enumerate((40001, 40002, 40002)):
        for ts, data, wire in BASE:
            out, mine = bytearray(data), data[26:30] == bytes((10, 1, 0, 11))
            at = 34 if mine else 36
            out[at : at + 2] = port.to_bytes(2, "big")
            for place in (38, 42):
                pieces.add(
                    out, place, number * (70_000_000 if (place == 38) == mine else 90_000_000)
                )
            frames.append((ts + 200 * number, bytes(out), wire))
    one = pieces.write(tmp_path / "core.pcap", frames)
    ledger.add(find([one, later(tmp_path / "edge.pcap", seconds, frames)]).sources, workers=1)
    rows, sums = told(ledger)
    assert (rows, sums) == ([(3, *WHOLE[1:])] * 3, (3, 3 * PACKETS, 3 * BYTES))


def remarks(ledger: Ledger) -> list[str]:
    return [n for entry in ledger.entries() for n in entry.notes if "another time zone" in n]


@pytest.mark.few(1)
@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize(
    ("seconds", "apart"),
    [(3600.25, "1 hour later"), (-19800, "5 hours and 1,800 seconds earlier")],
)
def test_two_captures_whose_clocks_show_other_zones(
    ledger: Ledger, tmp_path: Path, seconds: float, apart: str, *, together: bool
) -> None:
    """They count twice, for nothing tells which hours are right; that is said, with how much."""
    files = [later(tmp_path / "core.pcap", 0), later(tmp_path / "edge.pcap", seconds)]
    for given in [files] if together else [[path] for path in files]:
        ledger.add(find(given).sources, workers=1)
    assert told(ledger)[1] == (2, 2 * PACKETS, 2 * BYTES)
    (said,) = remarks(ledger)
    if together and seconds < 0:
        apart = apart.replace("earlier", "later").replace("edge", "core")
    assert apart in said
    assert said.startswith("1 association of it is like those of ")
    assert "300,000 bytes of data sets" in said


def lasting(port: int, stretch: float) -> list[pieces.Frame]:
    """Return the frames from another port, with other pauses between them."""
    start, frames = BASE[0][0], []
    for ts, data, wire in BASE:
        out, at = bytearray(data), 34 if data[26:30] == bytes((10, 1, 0, 11)) else 36
        out[at : at + 2] = port.to_bytes(2, "big")
        frames.append((start + (ts - start) * stretch, bytes(out), wire))
    return frames


@pytest.mark.few(1)
@pytest.mark.parametrize(
    ("frames", "seconds"),
    [(lasting(40002, 1), 3600), (lasting(40001, 9), 3600), (BASE[:40], 3600), (BASE, 27 * 3600)],
)
def test_other_traffic_of_another_hour(
    ledger: Ledger, tmp_path: Path, frames: list[pieces.Frame], seconds: float
) -> None:
    """Another port, another duration, other bytes; and what no two zones are apart."""
    files = [later(tmp_path / "a.pcap", 0), later(tmp_path / "b.pcap", seconds, frames)]
    ledger.add(find(files).sources, workers=1)
    assert len(told(ledger)[0]) == 2
    assert remarks(ledger) == []


@pytest.mark.thorough
def test_a_capture_that_is_still_written(ledger: Ledger, tmp_path: Path) -> None:
    """What it was before, cut inside a packet, is the beginning of what it is now."""
    first, last = ring(tmp_path, 200)
    whole = first.read_bytes()
    for size in (60_000, 120_000, len(whole)):
        first.write_bytes(whole[:size])
        ledger.add(find([first]).sources, workers=1)
    ledger.add(find([last]).sources, workers=1)
    assert told(ledger) == ([WHOLE], (1, PACKETS, BYTES))
    assert len(ledger.entries()) == 2


@pytest.mark.thorough
def test_two_rings_of_one_traffic(ledger: Ledger, tmp_path: Path) -> None:
    files = ring(tmp_path, 67, "core_{}.pcap")
    other = [(ts + 0.002, data, wire) for ts, data, wire in BASE]
    files += [
        pieces.write(tmp_path / f"edge_{at}.pcap", other[at : at + 90]) for at in range(0, 332, 90)
    ]
    ledger.add(find(files).sources, workers=1)
    assert told(ledger) == ([WHOLE], (1, PACKETS, BYTES))


@pytest.mark.thorough
def test_captures_of_several_days_add_up(ledger: Ledger, tmp_path: Path) -> None:
    """The same frames on another day are other traffic."""
    files = [later(tmp_path / f"day_{n}.pcap", n * 86400) for n in range(3)]
    ledger.add(find(files).sources, workers=1)
    rows, sums = told(ledger)
    assert (len(rows), sums) == (3, (3, 3 * PACKETS, 3 * BYTES))


def test_captures_of_one_time_and_other_hosts_add_up(ledger: Ledger, tmp_path: Path) -> None:
    other = []
    for ts, data, wire in BASE:
        changed = bytearray(data)
        client = 26 if data[26:30] == bytes((10, 1, 0, 11)) else 30
        changed[client : client + 4] = bytes((10, 1, 0, 12))
        pieces.add(changed, 38, 77)
        pieces.add(changed, 42, 77)
        other.append((ts, bytes(changed), wire))
    files = [pieces.write(tmp_path / "a.pcap", BASE), pieces.write(tmp_path / "b.pcap", other)]
    ledger.add(find(files).sources, workers=1)
    rows, sums = told(ledger)
    assert (len(rows), sums) == (2, (2, 2 * PACKETS, 2 * BYTES))


@pytest.mark.few(1)
@pytest.mark.parametrize("rate", [None, 10])
def test_what_is_said_of_samples_of_one_time(
    ledger: Ledger, tmp_path: Path, rate: int | None
) -> None:
    paths = [pieces.write(tmp_path / "a.pcap", BASE), pieces.write(tmp_path / "b.pcap", BASE[3:])]
    ledger.add(find(paths, CaptureOptions(sampling_rate=rate)).sources, workers=1)
    (said,) = [n for e in ledger.entries() for n in e.notes if "at the time of a.pcap" in n]
    assert ("samples that both have count twice" in said) is (rate is not None)
