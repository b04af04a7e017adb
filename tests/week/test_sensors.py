"""What each sensor saw of a week: shares worked out by hand, silences, clocks, unseen hosts."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from conftest import tsv
from pacsflow.inventory import Inventory, Item
from pacsflow.ledger import Ledger
from pacsflow.ledger.vantage import offsets, vantages
from pacsflow.readers import find
from pacsflow.report.build import build_report
from pacsflow.report.options import Options
from pacsflow.week.sensors import silences_of
from pacsflow_reports import render_digest, render_html
from pacsflow_reports.archive import summary_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pacsflow.report.weekly import WeeklyReport

    Write = Callable[[str, str | bytes], Path]
MONDAY = 1773014400
"""2026-03-09 00:00 UTC."""
HOUR = 3600


def rows(hours: range, client: str, server: str, **more: Any) -> list[dict[str, Any]]:
    """Return one connection an hour of 1,400 and 420 bytes, its packets counting up."""
    return [
        {"uid": f"C{client}{h}", "ts": f"{MONDAY + h * HOUR + 60:.1f}", "id.orig_h": client,
         "id.resp_h": server, "orig_pkts": 10 + h % 500, **more}
        for h in hours
    ]  # fmt: skip


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "ledger", create=True)


def add(ledger: Ledger, write: Write, name: str, *parts: list[dict[str, Any]]) -> None:
    path = write(f"{name}/conn.log", tsv([row for part in parts for row in part]))
    assert not ledger.add(find([path]).sources, sensor=name).problems


def report(ledger: Ledger) -> WeeklyReport:
    site = Inventory.of([Item("10.0.0.2", "pacs1", "pacs"), Item("10.1.0.2", "pacs2", "pacs")])
    return build_report(ledger, site, Options(week="2026-W11", forecasts=False))


ALL = range(-168 * 4, 168)
DEAD = range(50, 168)


@pytest.mark.thorough
def test_what_only_a_dead_sensor_sees_is_unseen_and_not_silent(
    ledger: Ledger, write: Write
) -> None:
    alive = [h for h in ALL if h not in DEAD]
    add(ledger, write, "north", rows(ALL, "10.0.0.1", "10.0.0.2"))
    south = [row for h in alive for row in rows(range(h, h + 1), "10.1.0.1", "10.1.0.2")]
    add(ledger, write, "south", south)
    made = report(ledger)
    views = {view.name: view for view in made.sensors}
    assert views["north"].hours == 168
    assert views["south"].hours == 50
    assert not views["north"].silences
    (gap,) = views["south"].silences
    assert gap.hours == 118
    assert {party.address for party in views["south"].unseen} == {"10.1.0.1", "10.1.0.2"}
    found = {finding.rule: finding for finding in made.findings}
    assert "pacs-interrupted" not in found
    assert found["sensor-silent"].severity.value == "high"
    assert {p.address for p in found["sensor-silent"].parties} == {"10.1.0.1", "10.1.0.2"}
    page = render_html(made)
    assert "Sensor south saw nothing for" in page
    assert "Sensors: what each saw, alone and with others" in page
    # Coverage is that of the sensor with fewest hours, wherever it is told.
    assert made.hours_covered == 50
    assert made.coverage.hours_with_data == 168
    said = " ".join(re.sub("<[^>]+>", " ", page).replace("\u00a0", " ").split())
    assert "29.8 % south 50, north 168, each of 168 hours" in said
    assert "longest Wed 11 Mar, 02:00 – Mon 16 Mar, 00:00 ( south )" in said
    assert "There is no gap in the week" not in said
    assert "29.8 %" in render_digest(made).replace("\u00a0", " ")
    assert "the sensor with fewest: south" in " ".join(render_digest(made).split())
    assert summary_of(made).hours_with_data == 50
    assert {area.area: area.status.value for area in made.status}["data"] == "act"
    assert {area.area: area.reason for area in made.status}["pacs"] == "unseen-for-hours"
    assert "sensor south saw nothing in 118 hours, and what it alone sees is missing" in said
    assert "O sensor south não viu nada por" in render_html(made, lang="pt-BR")


@pytest.mark.thorough
def test_equipment_of_a_sensor_that_was_dead_all_week_is_unseen(
    ledger: Ledger, write: Write
) -> None:
    add(ledger, write, "north", rows(ALL, "10.0.0.1", "10.0.0.2"))
    add(ledger, write, "south", rows(range(-168 * 4, -3), "10.1.0.1", "10.1.0.2"))
    made = report(ledger)
    states = {item.party.address: item.state for item in made.equipment}
    assert states["10.1.0.2"] == states["10.1.0.1"] == "unseen"
    assert "pacs-silent" not in {finding.rule for finding in made.findings}


@pytest.mark.thorough
def test_a_pacs_that_is_silent_before_a_living_sensor_is_interrupted(
    ledger: Ledger, write: Write
) -> None:
    """The other sensor's silence is no excuse for it."""
    quiet = [h for h in ALL if h not in DEAD]
    north = [row for h in quiet for row in rows(range(h, h + 1), "10.0.0.1", "10.0.0.2")]
    add(ledger, write, "north", north, rows(ALL, "10.0.0.8", "10.0.0.9"))
    add(ledger, write, "south", rows(range(-168 * 4, 20), "10.1.0.1", "10.1.0.2"))
    found = [f for f in report(ledger).findings if f.rule == "pacs-interrupted"]
    assert [party.address for finding in found for party in finding.parties] == ["10.0.0.2"]


def test_what_each_saw_alone_and_lacks(ledger: Ledger, write: Write) -> None:
    """South saw 900 of north's 1,400 in one hour of two, and a pair of its own."""
    add(ledger, write, "north", rows(range(2), "10.0.0.1", "10.0.0.2"))
    add(
        ledger, write, "south",
        rows(range(1), "10.0.0.1", "10.0.0.2", orig_ip_bytes=900),
        rows(range(1), "10.1.0.1", "10.1.0.2"),
    )  # fmt: skip
    from datetime import UTC, datetime

    span = datetime.fromtimestamp(MONDAY, UTC), datetime.fromtimestamp(MONDAY + 9 * HOUR, UTC)
    with ledger.connect() as connection:
        found = {v.sensor: v for v in vantages(connection, "zeek", *span)}
        whole = connection.sql("SELECT sum(bytes)::BIGINT FROM traffic").fetchall()[0][0]
    assert (found["north"].bytes, found["north"].alone, found["north"].shared) == (3640, 1820, 1820)
    assert (found["south"].bytes, found["south"].alone, found["south"].shared) == (3140, 1820, 1320)
    assert found["north"].lacking == 0
    assert found["south"].lacking == pytest.approx(500 / 1820)
    assert whole == 3640 + 1820
    most = sum(v.most for v in found.values()) / len(found)
    assert whole == sum(v.alone for v in found.values()) + most


@pytest.mark.few(1)
@pytest.mark.parametrize("apart", [0.0, 0.4, -7.25, 3600.0, -3600.0])
def test_clocks_are_compared_by_what_both_saw(ledger: Ledger, write: Write, apart: float) -> None:
    from datetime import UTC, datetime

    north = rows(range(20), "10.0.0.1", "10.0.0.2")
    add(ledger, write, "north", north)
    late = [{**r, "uid": f"S{r['uid']}", "ts": f"{float(r['ts']) + apart:.6f}"} for r in north]
    add(ledger, write, "south", late)
    span = datetime.fromtimestamp(MONDAY - 99999, UTC), datetime.fromtimestamp(MONDAY + 99999, UTC)
    with ledger.connect() as connection:
        found = {o.sensor: o for o in offsets(connection, *span)}
    assert found["south"].seconds == pytest.approx(apart, abs=1e-5)
    assert found["north"].seconds == pytest.approx(-apart, abs=1e-5)
    assert found["south"].connections == 20
    assert found["south"].reference == "north"


def test_connections_that_are_alike_tell_no_time(ledger: Ledger, write: Write) -> None:
    from datetime import UTC, datetime

    same = rows(range(20), "10.0.0.1", "10.0.0.2", orig_pkts=7)
    add(ledger, write, "north", same)
    add(ledger, write, "south", [{**r, "uid": f"S{r['uid']}"} for r in same])
    span = datetime.fromtimestamp(MONDAY, UTC), datetime.fromtimestamp(MONDAY + 99999, UTC)
    with ledger.connect() as connection:
        assert not offsets(connection, *span)


def covers(*spans: range) -> frozenset[int]:
    return frozenset(hour for span in spans for hour in span)


@pytest.mark.parametrize(
    ("mine", "hours"),
    [
        (covers(range(-672, 168)), []),
        (covers(range(-672, 50), range(60, 168)), [10]),
        (covers(range(-672, 50), range(51, 168)), []),
        (covers(range(-672, 50), range(53, 60), range(70, 168)), [3, 10]),
        (covers(range(-672, 160)), [8]),
        (covers(range(160, 168)), []),
    ],
)
def test_silences_of_a_sensor(mine: frozenset[int], hours: list[int]) -> None:
    covered = {"north": covers(range(-672, 168)), "south": mine}
    assert [gap.hours for gap in silences_of("south", covered, 0, 168)] == hours


def test_a_sensor_that_rests_at_night_is_not_silent() -> None:
    day = frozenset(h for h in range(-672, 168) if 8 <= h % 24 < 18)
    covered = {"north": covers(range(-672, 168)), "south": day}
    assert not silences_of("south", covered, 0, 168)
    gone = day - covers(range(24, 48))
    (gap,) = silences_of("south", {**covered, "south": gone}, 0, 168)
    assert gap.hours == 10


def test_one_sensor_alone_has_gaps_and_no_silence() -> None:
    covered = {"north": covers(range(-672, 50), range(90, 168))}
    assert not silences_of("north", covered, 0, 168)


def test_without_names_there_are_no_sensors(ledger: Ledger, write: Write) -> None:
    path = write("conn.log", tsv(rows(range(9), "10.0.0.1", "10.0.0.2")))
    ledger.add(find([path]).sources)
    assert report(ledger).sensors == ()


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("dead", "state", "reason"),
    [
        (range(50, 50), "good", "nothing-unusual"),
        (range(50, 55), "look", "sensor-stood-still"),
        (range(50, 56), "act", "finding"),
    ],
)
def test_data_are_not_good_where_a_sensor_stood_still(
    ledger: Ledger, write: Write, dead: range, state: str, reason: str
) -> None:
    add(ledger, write, "north", rows(ALL, "10.0.0.1", "10.0.0.2"))
    there = [r for h in ALL if h not in dead for r in rows(range(h, h + 1), "10.1.0.1", "10.1.0.2")]
    add(ledger, write, "south", there)
    made = report(ledger)
    data = made.status[-1]
    assert (data.area, data.status.value, data.reason) == ("data", state, reason)
    states = {area.area: area.reason for area in made.status}
    assert (states["pacs"] == "unseen-for-hours") is (len(dead) > 0)
    assert ("saw nothing in" in render_digest(made).replace("\n", " ")) is (len(dead) > 0)
