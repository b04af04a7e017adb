"""What a report looks at is what the ledger shows of that time, each row once."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest

from conftest import tsv
from ledger.books import T0
from pacsflow.inventory import Inventory
from pacsflow.ledger import Ledger
from pacsflow.ledger.records import Chosen, of_hashes, of_kinds, of_paths, of_time
from pacsflow.ledger.selection import Selection, select
from pacsflow.ledger.series import covered_hours
from pacsflow.readers import find
from pacsflow.week.period import latest_week
from pacsflow.week.snapshot import cut

if TYPE_CHECKING:
    from pathlib import Path

    from pacsflow.week.period import Week

UTC = ZoneInfo("UTC")
PACS = "10.20.0.10"
SUMS = (
    "SELECT epoch_us(hour), client, server, operation, sum(count), sum(data_bytes), sum(t07),"
    " round(sum(response_seconds), 6) FROM times WHERE hour >= ? AND hour < ? GROUP BY ALL",
    "SELECT epoch_us(ts), uid, source, destination, bytes FROM connections"
    " WHERE ts >= ? AND ts < ?",
    "SELECT epoch_us(ts), uid, calling_ae, called_ae, services, store_rq, sensor FROM associations"
    " WHERE ts >= ? AND ts < ?",
)


@pytest.fixture(scope="module")
def several(hospital_logs: Path, tmp_path_factory: pytest.TempPathFactory) -> Ledger:
    """Return a ledger in which two sensors, and two logs of one of them, tell the same."""
    folder = tmp_path_factory.mktemp("several")
    book = Ledger(folder / "ledger", create=True)
    for sensor in ("east", "west"):
        assert not book.add(find([hospital_logs]).sources, sensor=sensor).problems
        again = folder / sensor
        again.mkdir()
        for name in ("conn", "dicom_times"):
            lines = (hospital_logs / f"{name}.log").read_text().splitlines(keepends=True)
            head = sum(line.startswith("#") for line in lines)
            part = lines[:head] + lines[head : len(lines) // (2 if sensor == "west" else 1)]
            (again / f"{name}.log").write_text("".join(part).replace("\n#close", "\n# close"))
        book.add(find([again]).sources, sensor="west")
    return book


def week(ledger: Ledger) -> Week:
    with ledger.connect() as connection:
        found = latest_week(covered_hours(connection, "zeek"), UTC)
    assert found
    return found


@pytest.mark.thorough
@pytest.mark.parametrize(
    "chosen",
    [Selection(), Selection(sensor="east"), Selection(service="dicom"), Selection(host=PACS)],
)
def test_what_is_cut_is_what_the_ledger_shows(several: Ledger, chosen: Selection) -> None:
    asked = week(several)
    times = [asked.start, asked.end]
    with several.connect() as connection:
        select(connection, chosen, Inventory())

        def shown() -> list[list[tuple[object, ...]]]:
            return [connection.execute(f"{sql} ORDER BY ALL", times).fetchall() for sql in SUMS]

        before = shown()
        assert min(map(len, before)) > 10
        cut(connection, "zeek", asked)
        assert shown() == before


@pytest.mark.few(1)
@pytest.mark.parametrize("many", [False, True])
def test_sources_are_chosen_as_all_of_them_would_be(tmp_path: Path, many: bool) -> None:
    for number in range(30):
        row = {"uid": f"C{number}", "ts": f"{T0 + number * 7000}.25", "id.orig_p": 40000 + number}
        bad = ["not a row"] if number % 7 == 0 else []
        (tmp_path / f"conn.{number}.log").write_text(tsv([row, *bad]))
        if many:
            write = {"uid": f"N{number}", "ts": row["ts"], "note": "X::Y"}
            kinds = {"ts": "time", "uid": "string", "note": "enum"}
            (tmp_path / f"notice.{number}.log").write_text(
                tsv([write], path="notice", fields=kinds)
            )
    book = Ledger(tmp_path / "ledger", create=True)
    book.add(find([tmp_path]).sources)
    every = book.entries()
    assert len(every) >= 30
    start = min(e.first for e in every if e.first) + timedelta(hours=5)
    choices: list[Chosen] = [
        of_time(start, start + timedelta(hours=9)),
        of_kinds({every[0].kind}),
        of_paths({e.path for e in every[3:9]}),
        of_hashes({e.sha256 for e in every[::4]}),
        of_hashes({e.sha256 for e in every} | {f"{n:064x}" for n in range(600)}),
    ]
    for chosen in choices:
        assert book.entries(chosen) == [e for e in every if chosen.holds(e)]
        assert book.entries(chosen)
    told = [e for e in every if e.unreadable or e.notes]
    assert told
    assert book.entries_with_remarks() == told
