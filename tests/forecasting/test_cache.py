"""Forecasts kept in a ledger: made once, the same again, and never trusted when odd."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from pacsflow.forecasting import Forecast, NotEnoughHistory, batch, cache
from pacsflow.forecasting.cache import BANDS, FILE, forecast_many_kept
from pacsflow.series import HourlySeries

HOURS = np.arange(24 * 9)
DAY = HourlySeries(
    "x", "bytes", datetime(2026, 3, 2, tzinfo=UTC), 100 + 50 * np.sin(HOURS * np.pi / 12)
)
SHORT = replace(DAY, name="short", values=DAY.values[:90])


def made(folder: Path | None, *series: HourlySeries) -> list[Forecast | NotEnoughHistory]:
    return forecast_many_kept(folder, series, horizon=24, zone="UTC")


def test_a_series_that_is_too_short_is_refused_without_the_libraries_of_models() -> None:
    script = """
import sys
from datetime import UTC, datetime
import numpy as np
from pacsflow.forecasting.batch import forecast_many
from pacsflow.series import HourlySeries
told = []
series = [HourlySeries("x", "bytes", datetime(2026, 3, 2, tzinfo=UTC), np.ones(90))] * 9
made = forecast_many(series, progress=lambda *done: told.append(done))
print([one.hours for one in made], told, {"statsmodels", "scipy"} & {*sys.modules})
"""
    run = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    assert run.stdout.strip() == f"{[90] * 9} [(9, 9)] set()"


def test_answers_stand_in_the_order_of_the_series_whatever_is_refused() -> None:
    told: list[tuple[int, int]] = []
    answers = batch.forecast_many(
        [SHORT, DAY, SHORT], horizon=24, progress=lambda *done: told.append(done)
    )
    assert [type(answer) for answer in answers] == [NotEnoughHistory, Forecast, NotEnoughHistory]
    assert told == [(2, 3), (3, 3)]


def test_what_was_forecast_is_not_forecast_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = made(tmp_path, DAY, SHORT)
    monkeypatch.chdir(tmp_path.parent)
    tmp_path = Path(tmp_path.name)
    monkeypatch.setattr(batch, "forecast_many", None)
    renamed = replace(DAY, name="y")
    again, short = made(tmp_path, renamed, SHORT)
    assert isinstance(again, Forecast)
    assert isinstance(first[0], Forecast)
    for name in BANDS:
        np.testing.assert_array_equal(getattr(again, name), getattr(first[0], name))
    assert (again.start, again.verdict, again.model) == (
        first[0].start,
        first[0].verdict,
        first[0].model,
    )
    assert again.series == "y"
    assert short == first[1]
    for other in (replace(DAY, values=DAY.values + 1), replace(DAY, unit="frames")):
        with pytest.raises(TypeError):
            made(tmp_path, other)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE forecasts SET told = '{'",
        "UPDATE forecasts SET told = '[]'",
        "UPDATE forecasts SET told = '7'",
        "UPDATE forecasts SET told = '\"x\"'",
        "UPDATE forecasts SET told = '{\"start\": 3}'",
        "UPDATE forecasts SET told = json_set(told, '$.joint', json('[1]')), bands = bands",
        "UPDATE forecasts SET bands = substr(bands, 1, 200)",
        "UPDATE forecasts SET bands = x'00112233445566'",
        "UPDATE forecasts SET bands = x'000000000000f87f'",
        "DROP TABLE forecasts",
    ],
)
def test_what_cannot_be_read_is_forecast_anew(tmp_path: Path, change: str) -> None:
    (first,) = made(tmp_path, SHORT if "bands" not in change else DAY)
    with sqlite3.connect(tmp_path / FILE) as database:
        database.execute(change)
    (again,) = made(tmp_path, SHORT if "bands" not in change else DAY)
    assert type(again) is type(first)
    (tmp_path / FILE).write_bytes(b"no database " * 99)
    assert type(made(tmp_path, SHORT)[0]) is NotEnoughHistory
    assert type(made(None, SHORT)[0]) is NotEnoughHistory


def test_what_is_told_in_numbers_of_numpy_is_kept(tmp_path: Path) -> None:
    (first,) = made(None, DAY)
    assert isinstance(first, Forecast)
    mase = np.float64(0.5)
    told = replace(first, verdict=replace(first.verdict, mase=mase), total95=(mase, mase))
    cache._write(tmp_path, {"key": told})
    kept = cache._read(tmp_path, ["key"], 24)["key"]
    assert isinstance(kept, Forecast)
    assert kept.verdict.mase == 0.5


ENDLESS = """
CREATE VIEW forecasts AS
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)
SELECT 'no' AS key, i AS number, '' AS told, x'' AS bands FROM n
"""


@pytest.mark.parametrize(
    "change",
    [
        f"DROP TABLE forecasts; {ENDLESS}",
        "CREATE TRIGGER t BEFORE INSERT ON forecasts BEGIN DELETE FROM forecasts; END",
        "CREATE TABLE other (x)",
        "UPDATE forecasts SET told = CAST(zeroblob(300000000) AS TEXT)",
    ],
    ids=["a view without end", "a trigger", "another table", "huge"],
)
def test_a_file_that_somebody_else_made_is_replaced(tmp_path: Path, change: str) -> None:
    """In a process of its own: what hangs or takes memory is ended."""
    made(tmp_path, SHORT)
    with sqlite3.connect(tmp_path / FILE) as database:
        database.executescript(change)
    script = f"""
import resource
from pathlib import Path
from forecasting import test_cache as this
from pacsflow.forecasting import cache
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
folder = Path({str(tmp_path)!r})
assert len(this.made(folder, this.SHORT)) == 1
key = cache.key_of(this.SHORT, 24, "UTC")
assert list(cache._read(folder, [key], 24)) == [key]
assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 150_000
"""
    tests = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
    subprocess.run([sys.executable, "-c", script], check=True, timeout=20, env=tests)


def test_a_rollback_journal_of_somebody_else_deletes_nothing(tmp_path: Path) -> None:
    made(tmp_path, SHORT)
    victim = tmp_path / "victim.txt"
    victim.write_text("mine")
    name = str(victim).encode()
    magic = bytes.fromhex("d9d505f920a163d7")
    told = len(name).to_bytes(4, "big") + sum(name).to_bytes(4, "big")
    numbers = b"".join(n.to_bytes(4, "big") for n in (0, 0, 1, 512, 4096))
    head = (magic + numbers).ljust(512, b"\0")
    (tmp_path / f"{FILE}-journal").write_bytes(head + b"\0\0\0\1" + name + told + magic)
    made(tmp_path, replace(SHORT, unit="frames"))
    assert victim.read_text() == "mine"
    assert len(cache._read(tmp_path, [cache.key_of(SHORT, 24, "UTC")], 24)) <= 1
