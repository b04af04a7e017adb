"""Rows of a time that has not come choose no week, stretch no forecast, and are told."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from conftest import tsv
from ledger.books import T0
from pacsflow.cli import main
from pacsflow.ledger import future

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Write = Callable[[str, str | bytes], Path]
NOW = datetime(2026, 12, 1, tzinfo=UTC)


def at_the(monkeypatch: pytest.MonkeyPatch, now: datetime) -> None:
    class Clock(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return now.astimezone(tz)

    monkeypatch.setattr(future, "datetime", Clock)


@pytest.mark.parametrize(
    ("now", "days", "left"),
    [
        (NOW, [-300, 0, 2], [-300, 0, 2]),
        (NOW, [-300, 0, 3], [-300, 0]),
        (NOW, [3, 200], [3, 200]),
        (datetime(1970, 1, 1, tzinfo=UTC), [-300, 3], [-300, 3]),
    ],
)
def test_hours_that_have_come(
    monkeypatch: pytest.MonkeyPatch, now: datetime, days: list[int], left: list[int]
) -> None:
    """A clock before this was written, or before all rows, is the one that is wrong."""
    at_the(monkeypatch, now)
    found = future.come(NOW + timedelta(days=day) for day in days)
    assert found == {NOW + timedelta(days=day) for day in left}


def test_a_row_ahead_neither_chooses_the_week_nor_makes_a_forecast_long(
    tmp_path: Path, write: Write, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    at_the(monkeypatch, NOW)
    rows = [{"uid": f"C{n}", "ts": f"{T0 + 3600 * n}.0"} for n in range(400)]
    ahead = {"uid": "F", "ts": f"{(NOW + timedelta(days=200)).timestamp():.1f}"}
    then = {"uid": "G", "ts": f"{datetime(2099, 1, 1, tzinfo=UTC).timestamp():.1f}"}
    write("logs/conn.log", tsv(rows))
    write("logs/late/conn.log", tsv([ahead]))
    write("logs/latest/conn.log", tsv([then]))
    ledger = str(tmp_path / "ledger")
    assert main(["ingest", str(tmp_path / "logs"), "--ledger", ledger]) == 0
    assert "2099-01-01 lies in the future" in capsys.readouterr().err
    began = time.monotonic()
    asked = ["report", "--ledger", ledger, "--site-tz", "UTC", "--format", "json"]
    assert main([*asked, "-o", str(tmp_path / "week.json")]) == 0
    assert main(["forecast", "--ledger", ledger, "--site-tz", "UTC", "--format", "csv"]) == 0
    assert time.monotonic() - began < 120
    told = (tmp_path / "week.json").read_text()
    assert '"week": "2026-W11"' in told
    assert "future-rows" in told
    hours = [
        x for x in capsys.readouterr().out.splitlines() if x.startswith("imaging traffic,2026")
    ]
    assert 0 < len(hours) < 24 * 30
