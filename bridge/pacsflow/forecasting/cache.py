"""Forecasts kept in a ledger: the same hours are forecast once, whoever asks and however often.

A forecast is known by the hash of what it was made from: values, their first hour, horizon, zone,
the code and the versions of what made it. Kept are the curve, its bands and its verdict, not the
identification, the other candidates' scores and the notes. A file that cannot be read or written
costs time, no answer.
"""

from __future__ import annotations

import hashlib
import sqlite3
from contextlib import closing
from dataclasses import fields, replace
from datetime import datetime
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson

from pacsflow.forecasting.results import (
    Diagnostics,
    Forecast,
    JointError,
    LeftOut,
    NotEnoughHistory,
    Verdict,
)
from pacsflow.rollback import names_another, rollback_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pacsflow.forecasting.calendar import HolidayCalendar
    from pacsflow.series import HourlySeries

FILE = "forecasts.sqlite"
MOST = 3000
"""So many forecasts are kept, about 7 kB each; the oldest go."""
BANDS = ("mean", "lower80", "upper80", "lower95", "upper95")
NOT_KEPT = {*BANDS, "diagnostics", "scores", "notes"}
_TABLE = """
CREATE TABLE IF NOT EXISTS forecasts (
    key TEXT PRIMARY KEY, number INTEGER NOT NULL, told TEXT NOT NULL, bands BLOB NOT NULL
) STRICT
"""
_TABLE_AS_KEPT = _TABLE.lstrip().replace(" IF NOT EXISTS", "")
_ONE = "SELECT told, bands FROM forecasts WHERE key = ?"
LARGEST = 10_000_000
"""Bytes of a row that is read: a forecast of a year of hours has 350 kB."""
Answer = Forecast | NotEnoughHistory


@cache
def _made_by() -> tuple[str, ...]:
    """Return what makes forecasts: the code of this package, and the libraries' versions."""
    code = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        code.update(path.read_bytes())
    return (code.hexdigest(), *(version(name) for name in ("statsmodels", "numpy", "scipy")))


def key_of(
    series: HourlySeries, horizon: int, zone: str, holidays: HolidayCalendar | None = None
) -> str:
    """Return what a forecast is known by."""
    told = [*_made_by(), series.unit, series.start, horizon, zone]
    if holidays:
        told += [version("holidays"), holidays.country, holidays.subdivision]
    head = orjson.dumps(told)
    return hashlib.sha256(head + series.values.astype("<f8").tobytes()).hexdigest()


def forecast_many_kept(
    folder: Path | None,
    series: Sequence[HourlySeries],
    *,
    horizon: int,
    zone: str,
    holidays: HolidayCalendar | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> list[Answer]:
    """Return the forecast of each series: those kept in `folder`, and the others, then kept too.

    Parameters
    ----------
    folder
        A ledger's; None keeps nothing.
    series, horizon, zone, holidays, progress
        As for `forecast_many`.
    """
    keys = [key_of(one, horizon, zone, holidays) for one in series]
    found = _read(folder, keys, horizon)
    missing = [place for place, key in enumerate(keys) if key not in found]
    if missing:
        # statsmodels takes seconds to import, and is not needed where all is kept
        from pacsflow.forecasting.batch import forecast_many  # noqa: PLC0415

        new = forecast_many(
            [series[place] for place in missing],
            horizon=horizon,
            zone=zone,
            holidays=holidays,
            progress=progress,
        )
        fresh = {keys[place]: answer for place, answer in zip(missing, new, strict=True)}
        _write(folder, fresh)
        found |= fresh
    return [_named(found[key], one) for key, one in zip(keys, series, strict=True)]


def _named(answer: Answer, series: HourlySeries) -> Answer:
    """Return an answer under the name that its series has now."""
    return replace(answer, series=series.name)


def _read(folder: Path | None, keys: Sequence[str], horizon: int) -> dict[str, Answer]:
    if folder is None or not (folder / FILE).is_file():
        return {}
    found: dict[str, Answer] = {}
    path = (folder / FILE).resolve()
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as database:
            _distrust(database)
            for key in dict.fromkeys(keys):
                row = database.execute(_ONE, (key,)).fetchone()
                if row is not None and (answer := _restored(row[0], row[1], horizon)) is not None:
                    found[key] = answer
    except sqlite3.Error:
        return found
    return found


def _distrust(database: sqlite3.Connection) -> None:
    """Raise `sqlite3.DatabaseError` where there is more than our table, or another: it may compute.

    A ledger that somebody else made may have views without end and triggers in its place.
    """
    database.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, LARGEST)
    database.execute("PRAGMA trusted_schema = OFF")
    found = database.execute("SELECT type, substr(sql, 1, 999) FROM sqlite_master").fetchall()
    if not {("table", _TABLE_AS_KEPT), ("index", None)} >= set(found):
        raise sqlite3.DatabaseError("not the table of forecasts")


def _restored(told: str, bands: bytes, horizon: int) -> Answer | None:
    try:
        values: dict[str, Any] = orjson.loads(told)
        if not bands:
            changed = values.pop("changed")
            since = datetime.fromisoformat(changed) if changed else None
            return NotEnoughHistory(**values, changed=since)
        curves = np.frombuffer(bands, dtype="<f8").reshape(len(BANDS), -1)
        if curves.shape[1] != horizon or not np.isfinite(curves).all():
            return None
        low, high = values.pop("total95")
        values |= dict(zip(BANDS, curves, strict=True))
        return Forecast(
            start=datetime.fromisoformat(values.pop("start")),
            total95=(float(low), float(high)),
            verdict=_verdict(**values.pop("verdict")),
            models=tuple(values.pop("models")),
            left_out=tuple(
                LeftOut(datetime.fromisoformat(one["start"]), one["hours"], one["direction"])
                for one in values.pop("left_out")
            ),
            joint=_joint(values.pop("joint")),
            diagnostics=Diagnostics(),
            **values,
        )
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError):
        return None


def _verdict(models: list[str], **values: Any) -> Verdict:  # noqa: ANN401 - as JSON has them
    return Verdict(models=tuple(models), **values)


def _joint(told: dict[str, list[float]] | None) -> JointError | None:
    if told is None:
        return None
    return JointError(**{name: tuple(map(float, values)) for name, values in told.items()})


def _write(folder: Path | None, fresh: dict[str, Answer]) -> None:
    if folder is None:
        return
    rows = []
    for key, answer in fresh.items():
        told: object = answer
        bands = b""
        if isinstance(answer, Forecast):
            names = [one.name for one in fields(answer) if one.name not in NOT_KEPT]
            told = {name: getattr(answer, name) for name in names}
            bands = b"".join(np.asarray(getattr(answer, n), "<f8").tobytes() for n in BANDS)
        text = orjson.dumps(told, option=orjson.OPT_SERIALIZE_NUMPY).decode()
        rows.append((key, text, bands))
    try:
        _insert(folder / FILE, rows)
    except sqlite3.OperationalError:
        return  # somebody else has it, or the disk is full
    except sqlite3.DatabaseError:
        _replace(folder / FILE, rows)


def _insert(path: Path, rows: Sequence[tuple[str, str, bytes]]) -> None:
    if names_another(path):
        raise sqlite3.DatabaseError("its rollback journal names another file")
    with closing(sqlite3.connect(path, timeout=10)) as database, database:
        database.execute(_TABLE)
        _distrust(database)
        last = database.execute("SELECT coalesce(max(number), 0) FROM forecasts").fetchone()[0]
        database.executemany(
            "INSERT OR REPLACE INTO forecasts VALUES (?, ?, ?, ?)",
            [(key, last + n, *rest) for n, (key, *rest) in enumerate(rows, 1)],
        )
        database.execute("DELETE FROM forecasts WHERE number <= ?", (last + len(rows) - MOST,))


def _replace(path: Path, rows: Sequence[tuple[str, str, bytes]]) -> None:
    """Begin anew where the file is damaged: what it held can be made again."""
    try:
        for gone in (rollback_of(path), path):
            gone.unlink(missing_ok=True)
        _insert(path, rows)
    except (sqlite3.Error, OSError):
        return
