"""What the real Zeek writes of packets sent again, and what is made of it."""

from __future__ import annotations

import struct
import subprocess
from typing import TYPE_CHECKING

import pytest

from conftest import CAPTURES
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
