"""A site with two weeks of logs, and a service that is told what time it is."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from conftest import json_log
from pacsflow.configuration.schema import Archive, Events, Inputs, Kept, Metrics, Settings, Site
from pacsflow.service.rounds import run_round

if TYPE_CHECKING:
    from pathlib import Path

T0 = 1772409600
"""2026-03-02 00:00 UTC, a Monday."""
MONDAY = datetime(2026, 3, 16, 9, 30, tzinfo=UTC)
"""06:30 in São Paulo; the page on week 11 is due since half an hour."""


@dataclass
class Service:
    """One service; each round is at a time that the test says."""

    settings: Settings
    said: list[str] = field(default_factory=list)
    warned: list[str] = field(default_factory=list)

    def run(self, now: datetime = MONDAY) -> bool:
        self.said.clear()
        self.warned.clear()
        return run_round(self.settings, self.said.append, self.warned.append, now)

    def set(self, section: str, **changes: Any) -> None:
        changed = replace(getattr(self.settings, section), **changes)
        self.settings = replace(self.settings, **{section: changed})


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Service:
    monkeypatch.setattr("pacsflow.week.curves.forecast_many_kept", _no_forecasts)
    rows = [
        {"uid": f"C{h}", "ts": T0 + h * 3600.0, "id.resp_h": "200.1.2.3"}
        for h in range(14 * 24)
        if h != 200
    ]
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "conn.log").write_text(json_log(rows))
    return Service(
        Settings(
            inputs=Inputs(paths=(tmp_path / "logs",)),
            ledger=Kept(folder=tmp_path / "ledger"),
            site=Site(name="St. Ann", time_zone="America/Sao_Paulo"),
            archive=Archive(folder=tmp_path / "pages"),
            metrics=Metrics(textfile=tmp_path / "pacsflow.prom"),
            events=Events(file=tmp_path / "findings.jsonl"),
        )
    )


def _no_forecasts(_folder: object, series: list[Any], **_: object) -> list[None]:
    return [None] * len(series)


def later(hours: float) -> datetime:
    return MONDAY + timedelta(hours=hours)
