"""What the metrics tell of a week."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pacsflow.ledger import Ledger
from pacsflow.service.metrics import week_numbers, write_metrics
from pacsflow.service.state import State
from reports import factory

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime(2026, 3, 16, 9, 30, tzinfo=UTC)


def told(tmp_path: Path, numbers: dict[str, float]) -> str:
    path = tmp_path / "pacsflow.prom"
    ledger = Ledger(tmp_path / "ledger", create=True)
    write_metrics(path, ledger, State(week=numbers), (NOW, NOW), kept=True)
    return path.read_text("utf-8")


def test_response_times_are_those_of_the_slowest_host(tmp_path: Path) -> None:
    made = factory.hospital()
    text = told(tmp_path, week_numbers(made))
    for operation in ("C-FIND", "C-STORE"):
        slowest = [a for a in made.speed.answers if a.operation == operation] if made.speed else []
        for quantile, value in (
            ("0.5", max(a.median.value for a in slowest)),
            ("0.95", max(a.high.value for a in slowest)),
        ):
            labels = f'operation="{operation}",quantile="{quantile}"'
            number = f"{value:.3f}".rstrip("0").rstrip(".")
            assert f"pacsflow_week_response_seconds{{{labels}}} {number}\n" in text
    assert made.speed
    assert not [a for a in made.speed.answers if a.server.address in text]


def test_without_response_times_there_are_none(tmp_path: Path) -> None:
    text = told(tmp_path, week_numbers(factory.no_dicom()))
    assert "pacsflow_week_hours_expected 168" in text
    assert "response_seconds" not in text


def test_an_operation_that_nobody_knows_has_no_numbers(tmp_path: Path) -> None:
    made = factory.hospital()
    assert made.speed
    strange = replace(made.speed.answers[0], operation="no_such_operation")
    made = replace(made, speed=replace(made.speed, answers=(strange, *made.speed.answers)))
    text = told(tmp_path, week_numbers(made))
    assert "no_such_operation" not in text
    assert 'operation="C-FIND"' in text
