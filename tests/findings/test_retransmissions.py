"""What the real Zeek writes of packets sent again, and what is made of it."""

from __future__ import annotations

import struct
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from conftest import CAPTURES
from findings.a_week import CT, PACS, VIEWER, Row, a_week, at, conn, shown
from pacsflow.findings.retransmissions import retransmissions_high
from pacsflow.ledger import Ledger
from pacsflow.ledger.records import Change
from pacsflow.programs import tools
from pacsflow.readers import find
from pacsflow.report.build import build_report
from pacsflow.report.options import Options
from pacsflow.terms.message import message

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pacsflow.findings.finding import Finding
    from pacsflow.report.weekly import WeeklyReport

TIMES = 10
"""So often every packet with payload is sent again: over 100 in a connection, so that Zeek's letter
is there three times."""


def repeated(capture: Path, target: Path) -> tuple[int, int]:
    """Write a capture with its client's payload sent again; return packets of it, and those again.

    The frames are Ethernet, IPv4 and TCP, the client's port the higher one.
    """
    plain = target.with_suffix(".plain")
    subprocess.run(["editcap", "-F", "pcap", str(capture), str(plain)], check=True)
    data = plain.read_bytes()
    out, at, again, sent = [data[:24]], 24, 0, 0
    while at < len(data):
        length = struct.unpack_from("<I", data, at + 8)[0]
        frame = data[at : at + 16 + length]
        at += 16 + length
        ip, tcp = 16 + 14, 16 + 14 + 20
        total = struct.unpack_from(">H", frame, ip + 2)[0]
        payload = total - 20 - (frame[tcp + 12] >> 4) * 4
        source, destination = struct.unpack_from(">HH", frame, tcp)
        more = TIMES if payload > 0 and source > destination else 0
        out += [frame] * (1 + more)
        again += more
        sent += (1 + more) * (source > destination)
    target.write_bytes(b"".join(out))
    return sent, again


def report_of(*inputs: Path, book: Path) -> WeeklyReport:
    ledger = Ledger(book, create=True)
    ledger.add(find(inputs).sources, workers=1)
    return build_report(ledger, None, Options(forecasts=False))


def sent_again(history: str, packets: int, **row: Any) -> Row:
    return conn(3, f"{history}{packets}", history=history, source_packets=packets, **row)


def told(*rows: Row, **more: Any) -> list[Finding]:
    return retransmissions_high(a_week(connections=list(rows), **more))


def test_what_the_letters_of_both_sides_mean() -> None:
    rows = [
        sent_again("ShADTTTw", 5000), sent_again("ShADTTTWT", 400) | {"uid": "FEW"},
        sent_again("ShADt", 9, destination_packets=3000), sent_again("ShAD", 4500),
        sent_again("ShADTTT", 99) | {"ts": at(-0.1)}, sent_again("ShADTTT", 99) | {"ts": at(168)},
        sent_again("T", 10) | {"history": None}, sent_again("ShADTTT", 1) | {"uid": None},
    ]  # fmt: skip
    assert shown(told(*rows), "retransmissions-high", "traffic") == {
        "severity": "medium", "start": None, "end": None, "parties": [CT, PACS], "host": CT,
        "peer": PACS, "count": 3, "total": 5, "low_number": 100 + 400 + 1, "closed_number": 1,
        "high_number": 999 + 400 + 1, "packets_number": 5000 + 400 + 9 + 4500 + 1,
        "percent": pytest.approx(100 * 501 / 9910), "rows": ["FEW", "ShADTTTw5000"],
    }  # fmt: skip


def test_the_way_back_has_letters_of_its_own() -> None:
    rows = [sent_again("ShADttt", 9, destination_packets=5000)]
    found = shown(told(*rows), "retransmissions-high", "traffic")
    assert (found["host"], found["peer"], found["closed_number"]) == (PACS, CT, 0)
    assert shown(told(sent_again("ttt", 9, destination_packets=5000) | {"history": "tttW"}),
                 "retransmissions-high", "traffic")["closed_number"] == 1  # fmt: skip


def test_what_is_told_begins_at_its_thresholds() -> None:
    assert [f.severity.value for f in told(sent_again("TTT", 10_000))] == ["low"]
    assert not told(sent_again("TTT", 10_001)), "less than one percent"
    assert not told(sent_again("TTT", 99)), "99 packets of 99"
    assert told(sent_again("TTT", 100))
    assert [f.severity.value for f in told(sent_again("TTT", 2500))] == ["medium"]
    assert [f.severity.value for f in told(sent_again("TTT", 2501))] == ["low"]
    assert not told(sent_again("TTT", 2500), known={"retransmit_percent": 0})
    assert not told(sent_again("TT", 2), known={"retransmit_packets": 3})
    assert told(sent_again("T", 2), known={"retransmit_packets": 0})
    assert not told(sent_again("S", 2), known={"retransmit_packets": 0})


def test_the_most_first() -> None:
    rows = [sent_again("TTT", 500), sent_again("TTTT", 5000, source=VIEWER)]
    assert [f.parties[0].address for f in told(*rows)] == [VIEWER, CT]
    least = [sent_again("TTT", 150), sent_again("TTT", 999, source=VIEWER),
             sent_again("T", 1, source=CT)]  # fmt: skip
    assert [f.parties[0].address for f in told(*least)] == [CT, VIEWER], "the least it can mean"


def test_several_connections_of_a_way_are_one() -> None:
    rows = [sent_again("TT", 200) | {"uid": f"U{n}"} for n in range(10)]
    assert [(f.count, dict(f.values)["low_number"].value) for f in told(*rows)] == [(10, 100)]
    assert not told(*rows[:9])
    assert not told(sent_again("TTT", 5001), sent_again("S", 5000)), "less than one percent"
    assert told(sent_again("TTT", 200) | {"ts": at(0)}), "the first moment of the week"


def test_a_letter_alone_is_one_packet_to_nine() -> None:
    (found,) = told(sent_again("T", 50), known={"retransmit_packets": 0})
    values = {name: value.value for name, value in found.values}
    assert (values["low_number"], values["high_number"], found.rows) == (1, 9, ("T50",))


def test_zeeks_letters_become_a_finding(tmp_path: Path) -> None:
    zeek = tools.zeek()
    if zeek is None:
        pytest.skip("no zeek on PATH, in /opt/zeek or /usr/local/zeek")
    sent, again = repeated(CAPTURES / "lab" / "store.pcap", tmp_path / "again.pcap")
    subprocess.run([str(zeek.path), "-C", "-r", "again.pcap"], cwd=tmp_path, check=True)
    log = (tmp_path / "conn.log").read_text()
    assert any(cell.count("T") == 3 for line in log.splitlines() for cell in line.split("\t"))
    made = report_of(tmp_path / "conn.log", book=tmp_path / "ledger")
    (finding,) = [f for f in made.findings if f.rule == "retransmissions-high"]
    values = {name: value.value for name, value in finding.values}
    assert again > 100
    assert values["packets_number"] == sent
    assert values["low_number"] <= again <= values["high_number"]
    assert finding.rows[0] in log
    assert message("no-connections") not in made.coverage.notes


def test_a_ledger_from_before_says_what_it_lacks(
    tmp_path: Path, write: Callable[[str, str | bytes], Path]
) -> None:

    from conftest import tsv

    book = tmp_path / "ledger"
    assert (
        message("no-connections")
        not in report_of(write("conn.log", tsv([{}])), book=book).coverage.notes
    )
    old = Ledger(book)
    gone = [kept.name for kept in old.journal.files() if kept.table == "connections"]
    old.store.commit(Change(dropped=gone), [])
    made = build_report(Ledger(book), None, Options(forecasts=False))
    assert message("no-connections") in made.coverage.notes
    assert made.totals.imaging_communications.value == 1
