"""The ledger's promises: idempotent, atomic, late rows included, readable by any engine."""

from __future__ import annotations

import gzip
import subprocess
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pandas as pd
import pyarrow.dataset as ds
import pytest

from conftest import json_log, tsv
from ledger.books import T0, files, killed
from pacsflow.errors import LedgerError
from pacsflow.ledger import Ledger
from pacsflow.readers import find

if TYPE_CHECKING:
    from collections.abc import Callable

    Write = Callable[[str, str | bytes], Path]
"""2026-03-02 08:00 UTC."""


def traffic(ledger: Ledger) -> list[dict[str, Any]]:
    with ledger.connect() as connection:
        table = connection.sql(
            "SELECT * FROM traffic ORDER BY hour, source, destination, service"
        ).to_arrow_table()
    return table.to_pylist()


def total(ledger: Ledger, column: str = "bytes") -> int:
    return sum(row[column] for row in traffic(ledger))


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "ledger", create=True)


def test_one_connection_gives_one_row_a_direction(ledger: Ledger, write: Write) -> None:
    ledger.add(find([write("conn.log", tsv([{}]))]).sources)
    out, back = traffic(ledger)
    assert (out["source"], out["destination"], out["service"]) == ("10.0.0.1", "10.0.0.2", "dicom")
    assert (out["communications"], out["packets"], out["bytes"]) == (1, 10, 1400)
    assert (back["source"], back["communications"], back["bytes"]) == ("10.0.0.2", 0, 420)
    assert out["hour"] == datetime(2026, 3, 2, 8, tzinfo=UTC)
    assert out["origin"] == "zeek"
    assert out["samples"] == 0


def test_a_long_connection_is_spread_by_its_share_of_each_hour(
    ledger: Ledger, write: Write
) -> None:
    row = {"ts": f"{T0 + 1800}.0", "duration": "7200", "orig_ip_bytes": 1003, "orig_pkts": 7}
    ledger.add(find([write("conn.log", tsv([row]))]).sources)
    rows = [r for r in traffic(ledger) if r["source"] == "10.0.0.1"]
    assert [r["hour"].hour for r in rows] == [8, 9, 10]
    assert [r["bytes"] for r in rows] == [251, 501, 251]
    assert sum(r["bytes"] for r in rows) == 1003
    assert sum(r["packets"] for r in rows) == 7
    assert [r["communications"] for r in rows] == [1, 0, 0]


@pytest.mark.parametrize(("history", "service"), [("DadAt", "dicom?"), ("ShADad", "tcp")])
def test_a_pacs_that_was_seen_first_did_not_begin(
    ledger: Ledger, write: Write, history: str, service: str
) -> None:
    """Taken up in the middle; with a SYN from the port of a PACS it is as Zeek says."""
    row = {
        "id.orig_p": "104", "id.resp_p": "50000", "service": "-", "history": history,
        "orig_ip_bytes": "88000", "resp_ip_bytes": "900000",
    }  # fmt: skip
    ledger.add(find([write("conn.log", tsv([row]))]).sources)
    with ledger.connect() as connection:
        told = connection.sql(
            "SELECT source, service, communications, bytes FROM traffic ORDER BY bytes"
        ).fetchall()
        seen = connection.sql("SELECT source, history FROM connections").fetchall()
    turned = history == "DadAt"
    assert told == [
        ("10.0.0.1", service, int(not turned), 88000), ("10.0.0.2", service, int(turned), 900000)
    ]  # fmt: skip
    assert seen == ([("10.0.0.2", "dADaT")] if turned else [])


@pytest.mark.few(3)
@pytest.mark.parametrize(
    ("state", "history", "sent", "answered", "ip", "service"),
    [
        ("REJ", "Sr", "0", "0", (60, 40), "tcp/11112"),
        ("SF", "ShAFf", "0", "0", (216, 164), "tcp/11112"),
        ("RSTO", "ShAR", "0", "0", (152, 140), "tcp/11112"),
        ("SF", "ShADadFf", "900", "500", (1400, 800), "dicom?"),
        ("OTH", "^dA", "0", "70000", (9000, 90000), "dicom?"),
        ("SF", "ShADadFf", "98", "10", (400, 260), "tcp/11112"),
        ("SF", "ShADadFf", "99", "10", (400, 260), "dicom?"),
        ("OTH", "DadA", "98", "10", (400, 260), "dicom?"),
    ],
)
def test_a_port_that_says_nothing_is_no_imaging(
    ledger: Ledger, write: Write, state: str, history: str, sent: str, answered: str,
    ip: tuple[int, int], service: str,
) -> None:  # fmt: skip
    row = {"id.resp_p": "11112", "service": "-", "conn_state": state, "history": history,
           "orig_bytes": sent, "resp_bytes": answered, "orig_ip_bytes": str(ip[0]),
           "resp_ip_bytes": str(ip[1])}  # fmt: skip
    ledger.add(find([write("conn.log", tsv([row]))]).sources)
    assert {row["service"] for row in traffic(ledger)} == {service}


@pytest.mark.few(4)
@pytest.mark.parametrize(
    ("sent", "history", "service", "zeeks"),
    [
        ("621", "ShADadFf", "tcp/2762", "ssl"),
        ("699", "ShADadR", "tcp/2762", "ssl"),
        ("700", "ShADadFf", "dicom?", "ssl"),
        ("-", "ShADadFf", "dicom?", "ssl"),
        ("621", "DadA", "dicom?", "ssl"),
        ("621", "-", "dicom?", "ssl"),
        ("621", "ShADadFf", "ssl,dicom", "ssl,dicom"),
    ],
)
def test_a_tls_handshake_alone_is_no_imaging(
    ledger: Ledger, write: Write, sent: str, history: str, service: str, zeeks: str
) -> None:
    """Who looks what a port speaks leaves no more in conn.log than a handshake."""
    row = {"id.resp_p": "2762", "service": zeeks, "history": history, "orig_bytes": sent,
           "resp_bytes": "3000", "orig_ip_bytes": "1100", "resp_ip_bytes": "3500"}  # fmt: skip
    added = ledger.add(
        find([write("conn.log", tsv([row, row | {"uid": "C2", "id.orig_p": "3"}]))]).sources
    )
    imaging = {"ssl,dicom": "dicom"}.get(service, service)
    assert {row["service"] for row in traffic(ledger)} == {imaging}
    said = [note for note in added.added[0].notes if "2 TLS connections" in note]
    assert bool(said) == (service == "tcp/2762")


def test_adding_again_changes_nothing(ledger: Ledger, write: Write) -> None:
    text = tsv([{}, {"uid": "C2", "id.orig_p": "40002"}])
    first = ledger.add(find([write("conn.log", text)]).sources)
    before = traffic(ledger)
    packed = write("old/conn.2026-03-02.log.gz", gzip.compress(text.encode()))
    again = ledger.add([*find([packed]).sources, *find([packed.parents[1] / "conn.log"]).sources])
    assert len(first.added) == 1
    assert (len(again.added), len(again.known)) == (0, 2)
    assert traffic(ledger) == before


def test_two_files_of_one_run_with_one_content_count_once(ledger: Ledger, write: Write) -> None:
    paths = [write("a/conn.log", tsv([{}])), write("b/conn.log", tsv([{}]))]
    added = ledger.add(find(paths).sources)
    assert (len(added.added), len(added.known)) == (1, 1)
    assert total(ledger) == 1820


def test_late_rows_change_old_hours(ledger: Ledger, write: Write) -> None:
    ledger.add(find([write("conn.09.log", tsv([{}]))]).sources)
    late = {"ts": f"{T0}.5", "duration": "100000", "uid": "Clate", "orig_ip_bytes": 277777}
    ledger.add(find([write("conn.36.log", tsv([late]))]).sources)
    rows = [r for r in traffic(ledger) if r["source"] == "10.0.0.1"]
    assert len({r["hour"].date() for r in rows}) == 2
    assert sum(r["bytes"] for r in rows) == 1400 + 277777


def test_a_log_that_grew_replaces_its_earlier_self(ledger: Ledger, write: Write) -> None:
    text = tsv([{}, {"uid": "C2", "id.orig_p": "40002"}], close=False)
    path = write("conn.log", tsv([{}], close=False))
    ledger.add(find([path]).sources)
    path.write_text(text)
    ledger.add(find([path]).sources)
    assert total(ledger, "communications") == 2
    assert len(ledger.entries()) == 1
    path.write_text(tsv([{"uid": "C9", "id.orig_p": "40009", "orig_ip_bytes": "5"}]))
    ledger.add(find([path]).sources)
    assert total(ledger, "communications") == 3, "a rotated log is another log"


@pytest.mark.few(1)
@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("folder", [False, True])
def test_a_log_added_while_it_grew_is_known_when_it_is_rotated(
    ledger: Ledger, write: Write, packed: bool, folder: bool
) -> None:
    """Zeek moves current/conn.log away when it is full, packs it, and begins another."""
    current = write("spool/conn.log", tsv([{}], close=False))
    ledger.add(find([current]).sources)
    whole = tsv([{}, {"uid": "C2", "id.orig_p": "40002"}])
    name = "2026-03-02/conn.08:00:00-09:00:00.log"
    rotated = write(f"{name}.gz", gzip.compress(whole.encode())) if packed else write(name, whole)
    current.write_text(tsv([{"uid": "C3", "id.orig_p": "40003"}], close=False))
    given = [current.parents[1]] if folder else [rotated, current]
    ledger.add(find(given).sources)
    assert total(ledger, "communications") == 3
    assert len(ledger.entries()) == 2
    ledger.add(find(given).sources)
    assert total(ledger, "communications") == 3


@pytest.mark.few(1)
@pytest.mark.parametrize("made", [tsv, json_log])
def test_what_a_cluster_hands_on_counts_once_at_every_step(
    ledger: Ledger, write: Write, made: Callable[..., str]
) -> None:
    """zeek-archiver: the logger's log, its queue, a file half packed, the archive, and no queue."""
    rows = [{"uid": f"C{n}", "id.orig_p": 40000 + n} for n in range(2000)]
    texts = [{k: str(v) for k, v in row.items()} for row in rows] if made is tsv else rows
    whole = made(texts)
    packed = gzip.compress(whole.encode())
    current = write("spool/logger-1/conn.log", made(texts[:1000]))
    place = current.parents[2]

    def look() -> int:
        ledger.add(find([place]).sources)
        return total(ledger, "communications")

    assert look() == 1000
    queue = "spool/logger-1/log-queue/conn__2026-03-02-08-00-00__2026-03-02-09-00-00__.log"
    queued = write(queue, whole)
    current.write_text(made([{"uid": "D1", "id.orig_p": "50000" if made is tsv else 50000}]))
    assert look() == 2001
    archived = write("logs/2026-03-02/conn.08:00:00-09:00:00.log.gz", packed[: len(packed) // 2])
    assert look() == 2001
    archived.write_bytes(packed)
    assert look() == 2001
    queued.unlink()
    assert look() == 2001


def test_a_file_that_is_still_there_is_not_taken_for_the_start_of_another(
    ledger: Ledger, write: Write
) -> None:
    kept = write("a/conn.log", tsv([{}], close=False))
    ledger.add(find([kept]).sources)
    longer = write("b/conn.log", tsv([{}, {"uid": "C2", "id.orig_p": "40002"}]))
    ledger.add(find([longer]).sources)
    assert len(ledger.entries()) == 2, "nobody rotated it: that is another sensor's"


def test_a_bad_file_harms_nothing(ledger: Ledger, write: Write) -> None:
    ledger.add(find([write("good/conn.log", tsv([{}]))]).sources)
    before, files = traffic(ledger), sorted(p for p in ledger.folder.rglob("*.parquet"))
    text = gzip.compress(tsv([{"uid": f"C{n}"} for n in range(2000)]).encode())
    added = ledger.add(find([write("bad/conn.log.gz", text[: len(text) // 2])]).sources)
    assert len(added.problems) == 1
    assert traffic(ledger) == before
    assert sorted(p for p in ledger.folder.rglob("*.parquet")) == files
    assert len(ledger.journal.problems()) == 1


def test_a_problem_is_gone_when_its_file_is_mended(
    ledger: Ledger, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though it was named from the folder that it lies in."""
    whole = gzip.compress(tsv([{"uid": f"C{n}"} for n in range(2000)]).encode())
    path = write("conn.log.gz", whole[: len(whole) // 2])
    monkeypatch.chdir(path.parent)
    ledger.add(find([Path(path.name)]).sources)
    (told,) = ledger.problems()
    assert told.path == str(path.resolve())
    assert told.problem.startswith("the gzip data is damaged or ends early")
    path.write_bytes(whole)
    ledger.add(find([Path(path.name)]).sources)
    assert ledger.problems() == []


def test_other_engines_read_it(ledger: Ledger, write: Write) -> None:
    ledger.add(find([write("conn.log", json_log([{}, {"ts": T0 + 90000.0}]))]).sources)
    folder = ledger.folder / "traffic"
    arrow = ds.dataset(folder, partitioning="hive").to_table()
    frame = pd.read_parquet(folder)
    other = duckdb.sql(f"SELECT sum(bytes), count(DISTINCT day) FROM '{folder}/*/*.parquet'")
    assert arrow["bytes"].to_pylist() == frame["bytes"].tolist()
    assert other.fetchall() == [(3640, 2)]


def test_folders_that_are_no_ledger_are_left_alone(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match="there is no ledger here"):
        Ledger(tmp_path / "none")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("x")
    with pytest.raises(LedgerError, match="neither a ledger nor an empty folder"):
        Ledger(tmp_path / "mine", create=True)
    book = Ledger(tmp_path / "ledger", create=True)
    (book.folder / "journal.sqlite").write_bytes(b"not a database at all" * 100)
    with pytest.raises(LedgerError, match="not a ledger's journal"):
        Ledger(book.folder)


@pytest.mark.few(1)
@pytest.mark.parametrize(("staged", "kept"), [(0, 0), (1, 0), (3, 0), (0, 1), (0, 4), (0, 8)])
def test_a_killed_run_leaves_it_before_or_after(
    tmp_path: Path, write: Write, staged: int, kept: int
) -> None:
    """Kill an ingest at moments spread over its run; every file is then in whole, or not at all."""
    rows_each = 50
    for n in range(24):
        rows = [{"uid": f"C{n}_{m}", "ts": f"{T0 + n * 3600 + m}.0"} for m in range(rows_each)]
        write(f"logs/conn.{n:02d}.log", tsv(rows))

    def so_far(book: Path) -> bool:
        staging = book / ".staging"
        there = files(staging)
        return staging.is_dir() and there >= staged and files(book) - there >= kept

    command = [sys.executable, "-m", "pacsflow", "ingest", str(tmp_path / "logs"), "-l"]
    for number in range(9):  # on a busy machine it can be over before anybody looks
        book = tmp_path / f"ledger{number}"
        if killed([*command, str(book)], lambda book=book: so_far(book)):
            break
    else:
        pytest.fail("it never met the run at work")
    ledger, staging = Ledger(book), book / ".staging"
    done = len(ledger.entries())
    assert total(ledger, "communications") == done * rows_each
    assert not staging.exists()
    ledger.add(find([tmp_path / "logs"]).sources, workers=1)
    assert total(ledger, "communications") == 24 * rows_each
    assert len(ledger.entries()) == 24


def begun(ledger: Ledger, path: Path) -> None:
    """Leave the ledger as a writer leaves it that dies after moving its first file."""
    from pacsflow.ledger.staging import Known, Task, stage
    from pacsflow.ledger.store import STAGING

    batch = stage([Task(find([path]).sources[0])], ledger.folder / STAGING / "0", Known())
    names = [kept.name for kept in batch.files]
    ledger.journal.begin(names)
    first = ledger.folder / names[0]
    first.parent.mkdir(parents=True, exist_ok=True)
    (batch.folder / names[0]).rename(first)
    assert len(names) > 1


def test_what_a_writer_began_and_did_not_finish_is_undone(ledger: Ledger, write: Write) -> None:
    """Before the journal's last word nothing counts, whatever lies there already."""
    begun(ledger, write("conn.log", tsv([{}, {"ts": f"{T0 + 90000}.0", "uid": "C2"}])))
    assert total(ledger, "communications") == 0
    opened = Ledger(ledger.folder)
    assert total(opened, "communications") == 0
    assert not list(ledger.folder.glob("*/*/*.parquet"))
    opened.add(find([ledger.folder.parent / "conn.log"]).sources)
    assert total(opened, "communications") == 2


def test_who_reads_keeps_what_was_there_when_asked(ledger: Ledger, write: Write) -> None:
    """A log that grew replaces its earlier self: not under a reader, and not beside it."""
    rows = [{"uid": f"C{n}", "ts": f"{T0 + n}.0"} for n in range(3)]
    path = write("conn.log", tsv(rows[:2], close=False))
    ledger.add(find([path]).sources)
    path.write_text(tsv(rows, close=False))
    writer = threading.Thread(target=lambda: ledger.add(find([path]).sources))
    question = "SELECT sum(communications)::BIGINT FROM traffic"
    with ledger.connect() as connection:
        writer.start()
        writer.join(timeout=2)
        assert connection.execute(question).fetchone() == (2,)
    writer.join(timeout=60)
    assert total(ledger, "communications") == 3


def test_a_writer_that_waited_undoes_what_another_left(ledger: Ledger, write: Write) -> None:
    """One dies before the journal's last word while the next, open already, waits its turn."""
    waiting = Ledger(ledger.folder)
    begun(ledger, write("a/conn.log", tsv([{}, {"ts": f"{T0 + 90000}.0", "uid": "C2"}])))
    waiting.add(find([write("c/conn.log", tsv([{"ts": f"{T0 + 9}.0", "uid": "C4"}]))]).sources)
    assert total(waiting, "communications") == 1
    assert len(list(ledger.folder.glob("traffic/*/*.parquet"))) == 1


def test_no_row_of_a_wide_range_of_times_is_lost(ledger: Ledger, write: Write) -> None:
    rows = [
        {"uid": f"C{n}", "ts": f"{T0 + n * 7919}.{n:06d}", "duration": str(n * 997 % 20000)}
        for n in range(400)
    ]
    ledger.add(find([write("conn.log", tsv(rows))]).sources)
    assert total(ledger) == 400 * 1820
    assert total(ledger, "packets") == 400 * 18
    assert total(ledger, "communications") == 400


def test_shared_conn_logs_total_as_awk_totals_them(shared_data: Path) -> None:
    for path in sorted((shared_data / "logs").rglob("conn.log")):
        with Ledger.temporary() as one:
            one.add(find([path]).sources)
            awk = subprocess.run(
                ["awk", "-F", "\t", "/^#fields/{for(i=2;i<=NF;i++)c[$i]=i-1} "
                 '!/^#/{b+=$c["orig_ip_bytes"]+$c["resp_ip_bytes"];'
                 'p+=$c["orig_pkts"]+$c["resp_pkts"];n++} END{printf "%d %d %d",b,p,n}',
                 str(path)],
                capture_output=True, text=True, check=True,
            ).stdout  # fmt: skip
            sums = [total(one, c) for c in ("bytes", "packets", "communications")]
        assert sums == [int(v) for v in awk.split()], path


def test_shared_captures_total_as_tshark_totals_them(shared_data: Path, tshark: str) -> None:
    import re

    for path in sorted((shared_data / "captures").glob("*.pcap*")):
        with Ledger.temporary() as one:
            one.add(find([path]).sources)
            sums = total(one, "packets"), total(one)
        told = subprocess.run(
            [tshark, "-r", str(path), "-q", "-z", "io,stat,0"],
            capture_output=True, text=True, check=True,
        ).stdout  # fmt: skip
        found = re.search(r"<>\s*[\d.Dur]+\s*\|\s*(\d+)\s*\|\s*(\d+)", told)
        assert found, told
        assert sums == (int(found[1]), int(found[2])), path.name


def test_of_a_long_association_the_last_row_counts(ledger: Ledger, write: Write) -> None:
    fields = {
        "ts": "time", "uid": "string", "id.orig_h": "addr", "id.resp_h": "addr",
        "duration": "interval", "end": "string", "store_rq": "count",
    }  # fmt: skip
    start = f"{T0}.0\tC1\t10.0.0.1\t10.0.0.2"
    write(
        "a/dicom.log",
        tsv([f"{start}\t600\t-\t5", f"{start}\t1200\t-\t9"], path="dicom", fields=fields),
    )
    write("b/dicom.log", tsv([f"{start}\t1500\treleased\t12"], path="dicom", fields=fields))
    ledger.add(find([ledger.folder.parent / "a", ledger.folder.parent / "b"]).sources)
    with ledger.connect() as connection:
        rows = connection.sql('SELECT "end", store_rq FROM associations').fetchall()
    assert rows == [("released", 12)]


def test_a_file_that_did_not_change_is_not_read_again(
    ledger: Ledger, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pacsflow.ledger import staging

    sources = find([write("conn.log", tsv([{}]))]).sources
    ledger.add(sources)
    monkeypatch.setattr(staging, "held", lambda *_: pytest.fail("it was read"))
    assert len(ledger.add(sources).known) == 1
