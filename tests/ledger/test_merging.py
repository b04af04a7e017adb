"""Another ledger's sources come in under the promises of adding; sums are counted by hand."""

from __future__ import annotations

import shutil
import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa
import pytest
from tests.wireshark import pieces

from conftest import CAPTURES, json_log, tsv
from ledger.books import ONE, T0, killed, sums
from pacsflow.cli import main
from pacsflow.errors import LedgerError
from pacsflow.ledger import Ledger
from pacsflow.ledger.merging import _rolled_hours as rolled_hours
from pacsflow.ledger.merging import merge, read_again
from pacsflow.ledger.parquet import Writers
from pacsflow.ledger.tables import TABLES
from pacsflow.ledger.upkeep import verify
from pacsflow.readers import find
from pacsflow.terms.networks import INTERNET

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Write = Callable[[str, str | bytes], Path]


def rows(numbers: range, **change: Any) -> list[dict[str, Any]]:
    return [
        {"uid": f"C{n}", "ts": f"{T0 + 60 * n}.000001", "id.orig_p": str(40000 + n % 9999),
         **change}
        for n in numbers
    ]  # fmt: skip


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., Ledger]:
    """Return how a ledger of some files is made."""

    def made(name: str, *paths: Path, sensor: str = "") -> Ledger:
        ledger = Ledger(tmp_path / name, create=True)
        assert not ledger.add(find(paths).sources, sensor=sensor).problems
        return ledger

    return made


def test_sources_come_in_once(make: Callable[..., Ledger], write: Write) -> None:
    shared = write("shared/conn.log", tsv(rows(range(5))))
    ours = make("ours", shared, write("a/conn.log", tsv(rows(range(5, 15)))))
    theirs = make("theirs", shared, write("b/conn.log", tsv(rows(range(3000, 3020)))))
    done = merge(ours, theirs)
    assert (len(done.added), len(done.known)) == (1, 1)
    assert sums(ours) == (35 * ONE, 35)
    assert not verify(ours)
    assert sums(theirs) == (25 * ONE, 25)
    assert not merge(ours, theirs).added
    assert sums(ours) == (35 * ONE, 35)
    again = ours.add(find([write("b/conn.log", tsv(rows(range(3000, 3020))))]).sources)
    assert not again.added
    assert sums(ours) == (35 * ONE, 35)


def test_a_twin_of_the_same_connections_adds_nothing(
    make: Callable[..., Ledger], write: Write
) -> None:
    ours = make("ours", write("a/conn.log", tsv(rows(range(20)))))
    twin = json_log([{**r, "ts": float(r["ts"])} for r in rows(range(20))])
    half = tsv(rows(range(7)), close=False)
    paths = write("b/conn.json.log", twin), write("c/conn.log", half)
    theirs = make("theirs", *paths)
    merge(ours, theirs)
    assert sums(ours) == (20 * ONE, 20)
    assert len(ours.add(find(paths).sources).known) == 2


def test_a_log_that_has_grown_there_takes_the_place_of_its_earlier_self(
    make: Callable[..., Ledger], write: Write
) -> None:
    ours = make("ours", write("a/conn.log", tsv(rows(range(7)), close=False)))
    theirs = make("theirs", write("b/conn.log", tsv(rows(range(20)))))
    done = merge(ours, theirs)
    assert len(done.replaced) == 1
    assert sums(ours) == (20 * ONE, 20)
    assert len(ours.entries()) == 1


@pytest.mark.few(1)
@pytest.mark.parametrize("there", [True, False])
def test_logs_that_overlap_are_read_again_or_named(
    make: Callable[..., Ledger], write: Write, there: bool
) -> None:
    ours = make("ours", write("a/conn.log", tsv(rows(range(20)))))
    path = write("b/conn.log", tsv(rows(range(10, 30))))
    theirs = make("theirs", path)
    if not there:
        path.unlink()
    done = merge(ours, theirs)
    assert len(done.torn) == 1
    assert sums(ours) == (20 * ONE, 20)
    left = list(read_again(ours, done.torn))
    assert len(left) == (0 if there else 1)
    assert sums(ours) == ((30 * ONE, 30) if there else (20 * ONE, 20))


@pytest.mark.few(1)
@pytest.mark.parametrize("longer", ["ours", "theirs"])
def test_of_a_connection_that_both_tell_the_longer_counts(
    make: Callable[..., Ledger], write: Write, longer: str
) -> None:
    first = rows(range(1), duration="400", orig_ip_bytes="1000")
    last = rows(range(1), duration="4000", orig_ip_bytes="9000")
    logs = (
        {"ours": first, "theirs": last} if longer == "theirs" else {"ours": last, "theirs": first}
    )
    more = rows(range(100, 103))
    ours = make("ours", write("a/conn.log", tsv(logs["ours"] + more)))
    theirs = make("theirs", write("b/conn.log", tsv(logs["theirs"] + rows(range(200, 204)))))
    merge(ours, theirs)
    assert sums(ours) == (7 * ONE + 9420, 8)


def test_sensors_keep_their_names_and_what_both_saw_counts_once(
    make: Callable[..., Ledger], write: Write
) -> None:
    log = tsv(rows(range(10)))
    ours = make("ours", write("a/conn.log", log), sensor="north")
    theirs = make("theirs", write("b/conn.log", log + "#\n"), sensor="south")
    merge(ours, theirs)
    assert ours.journal.sensors() == {"north", "south"}
    assert sums(ours) == (10 * ONE, 10)


def test_years_of_compacted_months_come_in(make: Callable[..., Ledger], write: Write) -> None:
    logs = [
        write(f"b/conn.{n:03d}.log", tsv(rows(range(1440 * n, 1440 * n + 3)))) for n in range(40)
    ]
    theirs = make("theirs", *logs)
    theirs.compact()
    ours = make("ours", logs[4], write("a/conn.log", tsv(rows(range(9 * 1440, 9 * 1440 + 3)))))
    merge(ours, theirs)
    assert sums(ours) == (40 * 3 * ONE, 120)
    assert not verify(ours)


def test_what_is_no_ledger_or_damaged_is_refused_and_changes_nothing(
    make: Callable[..., Ledger], write: Write, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ours = make("ours", write("a/conn.log", tsv(rows(range(3)))))
    theirs = make("theirs", write("b/conn.log", tsv(rows(range(50, 60)))))
    with pytest.raises(LedgerError, match="is this ledger itself"):
        merge(ours, Ledger(ours.folder))
    for kept in theirs.journal.files():
        path = theirs.folder / kept.name
        path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(LedgerError, match="cannot be merged") as error:
        merge(ours, theirs)
    assert "\n" not in str(error.value)
    assert sums(ours) == (3 * ONE, 3)
    shutil.rmtree(theirs.folder / "traffic")
    with pytest.raises(LedgerError, match="missing"):
        merge(ours, theirs)
    assert main(["ledger", "merge", str(ours.folder), str(tmp_path / "nothing")]) == 2
    assert "there is no ledger here" in capsys.readouterr().err


@pytest.mark.few(1)
@pytest.mark.parametrize("seed", range(4))
def test_a_killed_merge_leaves_it_before_or_after(
    make: Callable[..., Ledger], write: Write, seed: int
) -> None:
    ours = make("ours", write("a/conn.log", tsv(rows(range(9)))))
    logs = [write(f"b/conn.{n}.log", tsv(rows(range(99 + 50 * n, 149 + 50 * n)))) for n in range(9)]
    theirs = make("theirs", *logs)
    run = [sys.executable, "-m", "pacsflow", "ledger", "merge", ours.folder, theirs.folder]
    killed(run, (ours.folder / ".staging" / "merge").is_dir, 0.05 * seed)
    again = Ledger(ours.folder)
    assert sums(again) in {(9 * ONE, 9), (459 * ONE, 459)}
    assert not verify(again)
    merge(again, theirs)
    assert sums(again) == (459 * ONE, 459)


def test_info_says_what_each_sensor_saw(
    make: Callable[..., Ledger], write: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    ours = make("ours", write("a/conn.log", tsv(rows(range(10)))), sensor="north")
    less = rows(range(10), orig_ip_bytes=700)
    theirs = make("theirs", write("b/conn.log", tsv(less)), sensor="south")
    merge(ours, theirs)
    assert main(["ledger", "info", str(ours.folder), "--sensors", "--format", "csv"]) == 0
    told = capsys.readouterr().out.splitlines()
    assert told[0].startswith("sensor,bytes,bytes_alone,bytes_with_others,lacks_percent")
    assert told[1].startswith("north,18200,0,18200,0,")
    assert told[2].startswith("south,11200,0,11200,38.4615,")
    assert main(["ledger", "info", str(make("none").folder), "--sensors"]) == 2


def test_a_watch_knows_whose_logs_it_takes(tmp_path: Path, write: Write) -> None:
    write("east/conn.log", tsv(rows(range(3))))
    asked = ["watch", str(tmp_path / "east"), "--ledger", str(tmp_path / "book"), "--once"]
    assert main([*asked, "--sensor", "east"]) == 0
    assert Ledger(tmp_path / "book").journal.sensors() == {"east"}
    assert main([*asked, "--sensor", "east", "--sensor-folders"]) == 2


ALIKE = "of its imaging connections are like those of conn.log"


@pytest.mark.few(2)
@pytest.mark.parametrize(
    ("number", "change", "late", "said"),
    [
        (9, {"orig_ip_bytes": "400000"}, 0.5, "0.50 seconds later"),
        (1, {"orig_ip_bytes": "400000"}, 3600.0, "3,600.00 seconds later"),
        (3, {}, -2.0, "2.00 seconds earlier"),
        (3, {}, 300.0, ""),
        (1, {}, 0.5, ""),
        (1, {"orig_ip_bytes": "400000"}, 86400.0, ""),
    ],
)
@pytest.mark.parametrize("merged", [True, False])
def test_the_same_traffic_by_two_clocks_is_said(
    make: Callable[..., Ledger],
    write: Write,
    capsys: pytest.CaptureFixture[str],
    number: int,
    change: dict[str, str],
    late: float,
    said: str,
    merged: bool,
) -> None:
    """However few the connections are; what is asked again later is not the same traffic."""
    first = rows(range(number), **change)
    again = [{**r, "uid": f"S{r['uid']}", "ts": f"{float(r['ts']) + late:.6f}"} for r in first]
    ours = make("ours", write("a/conn.log", tsv(first)))
    other = write("b/conn.log", tsv(again))
    if merged:
        theirs = make("theirs", other)
        assert main(["ledger", "merge", str(ours.folder), str(theirs.folder)]) == 0
        assert (ALIKE in capsys.readouterr().out) is bool(said)
    else:
        ours.add(find([other]).sources)
    assert sums(ours)[1] == 2 * number
    notes = [note for entry in ours.entries() for note in entry.notes if ALIKE in note]
    assert [said in note for note in notes] == [True] * bool(said)


def test_captures_of_one_traffic_by_two_zones_are_said(
    make: Callable[..., Ledger], tmp_path: Path, tshark: str
) -> None:
    assert tshark
    base = pieces.read(CAPTURES / "networks" / "base.pcap")
    ours = make("ours", pieces.write(tmp_path / "core.pcap", base))
    late = [(ts + 7200, data, wire) for ts, data, wire in base]
    merge(ours, make("theirs", pieces.write(tmp_path / "edge.pcap", late)))
    notes = [note for entry in ours.entries() for note in entry.notes]
    assert any("like those of core.pcap, 2 hours later" in note for note in notes)


HERE, THERE, PEER = "10.0.0.1", "10.0.0.2", "203.0.113.9"


@pytest.mark.parametrize(
    ("ours", "theirs", "hours"),
    [
        ([(0, HERE, INTERNET)], [(0, HERE, PEER)], 1),
        ([(0, HERE, PEER)], [(0, INTERNET, HERE)], 1),
        ([(0, HERE, INTERNET), (1, HERE, INTERNET)], [(n, PEER, HERE) for n in (0, 0, 1, 2)], 2),
        ([(0, HERE, INTERNET), (0, THERE, INTERNET)], [(0, HERE, PEER), (0, THERE, PEER)], 1),
        ([(0, HERE, INTERNET)], [(0, THERE, PEER)], 0),
        ([(0, HERE, INTERNET)], [(1, HERE, PEER)], 0),
        ([(0, HERE, PEER)], [(0, HERE, PEER)], 0),
        ([(0, HERE, INTERNET), (0, THERE, INTERNET)], [(0, HERE, THERE)], 0),
        ([(0, HERE, INTERNET), (0, HERE, PEER)], [], 0),
        ([], [(0, HERE, INTERNET)], 0),
    ],
)
def test_hours_in_which_one_has_the_internet_as_one_are_counted(
    tmp_path: Path, ours: list[Any], theirs: list[Any], hours: int
) -> None:
    """Of a host that both tell of: what sensors of both saw cannot be told apart any more."""
    files = []
    for name, rows in (("ours", ours), ("theirs", theirs)):
        writers, start = Writers(tmp_path / name), datetime(2026, 3, 2, 8, tzinfo=UTC)
        told = [
            {"hour": start + timedelta(hours=at), "source": a, "destination": b, "file": "m"}
            for at, a, b in rows
        ]
        writers.add("traffic", pa.Table.from_pylist(told, TABLES["traffic"]))
        files.append([str(tmp_path / name / kept.name) for kept in writers.close()])
    with duckdb.connect() as duck:
        assert rolled_hours(duck, *files) == hours
