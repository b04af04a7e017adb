"""A week is whole hours of the ledger, also where days begin at half past an hour of UTC."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest

import pacsflow as pf
from conftest import tsv
from pacsflow.cli import main
from pacsflow.errors import UsageError
from pacsflow.series import whole_hour
from pacsflow.week.period import parse_week, week_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Write = Callable[[str, str | bytes], Path]
INDIA = "Asia/Kolkata"
START = datetime(2026, 3, 1, 19, tzinfo=UTC)
"""Half past midnight in India, on a Monday."""
FIRST = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def log(write: Write) -> Path:
    """Return nine days of one connection an hour, ten minutes after it has begun."""
    begin = int(FIRST.timestamp()) + 600
    rows = [
        {"ts": f"{begin + 3600 * n}.5", "uid": f"C{n}", "id.orig_p": str(40000 + n)}
        for n in range(9 * 24)
    ]
    return write("conn.log", tsv(rows))


@pytest.mark.parametrize(
    ("zone", "start", "hours"),
    [
        ("UTC", "2026-03-02T00", 168), ("America/Sao_Paulo", "2026-03-02T03", 168),
        (INDIA, "2026-03-01T19", 168), ("Asia/Kathmandu", "2026-03-01T19", 168),
        ("America/St_Johns", "2026-03-02T04", 167), ("Australia/Lord_Howe", "2026-03-01T13", 168),
    ],
)  # fmt: skip
def test_a_week_is_the_hours_that_begin_in_it(zone: str, start: str, hours: int) -> None:
    week = parse_week("2026-W10", ZoneInfo(zone))
    assert week.start == datetime.fromisoformat(f"{start}:00:00+00:00")
    assert (week.end - week.start) / timedelta(hours=1) == hours
    assert (
        week_of(week.start, week.zone) == week == week_of(week.end - timedelta(hours=1), week.zone)
    )
    assert week_of(week.end, week.zone) == week.shifted(1)
    assert week_of(week.start - timedelta(hours=1), week.zone) == week.shifted(-1)


def test_a_whole_hour_is_this_one_or_the_next() -> None:
    assert whole_hour(START) == START
    assert whole_hour(START - timedelta(microseconds=1)) == START
    assert whole_hour(START + timedelta(seconds=1)) == START + timedelta(hours=1)


@pytest.mark.few(1)
@pytest.mark.parametrize(
    "period", [["--week", "2026-W10"], ["--from", "2026-03-02", "--to", "2026-03-08"]]
)
def test_a_series_has_all_hours_of_the_period_and_no_other(
    log: Path, capsys: pytest.CaptureFixture[str], period: list[str]
) -> None:
    assert main(["series", str(log), *period, "--site-tz", INDIA, "--format", "csv"]) == 0
    header, *rows = capsys.readouterr().out.splitlines()
    assert header == "hour_utc,bytes"
    assert rows[0] == "2026-03-01T19:00:00Z,1820"
    assert rows[-1] == "2026-03-08T18:00:00Z,1820"
    assert {row.split(",")[1] for row in rows} == {"1820"}
    assert len(rows) == 168


def test_a_report_of_such_a_zone_knows_the_hours_that_have_data(log: Path) -> None:
    records = pf.read(str(log), zone=INDIA)
    made = records.report(week="2026-W10", forecasts=False)
    seen = made.coverage
    assert (seen.hours_expected, seen.hours_with_data, seen.gaps) == (168, 168, ())
    assert made.totals.bytes.value == 168 * 1820


def test_records_of_a_day_are_those_of_its_hours(log: Path) -> None:
    records = pf.read(str(log), zone=INDIA)
    day = records.hourly(start="2026-03-02", end="2026-03-03")
    assert (day.start, day.values.tolist()) == (START, [1820.0] * 24)
    half = records.hourly(start="2026-03-02T00:30", end="2026-03-02T01:30")
    assert (half.start, len(half)) == (START, 1)
    with pytest.raises(UsageError, match="by the hour"):
        records.hourly(start="2026-03-02T08:00")
