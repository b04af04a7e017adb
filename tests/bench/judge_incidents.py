"""Incidents found and told in vain, on weeks into which events are put.

    python tests/bench/judge_incidents.py FOLDER/judging/*.csv     # public_series.py writes them

Each series is forecast from up to four origins at histories of 4 and 8 weeks, each forecast once.
An outage is six hours of zeros at any hour of the week; a burst is one to four hours raised by 0.7
to 1.8 times the 99th percentile. Beside ours: hours six deviations (median absolute, of the same
hour's weeks) from their median. "Told" counts what really happened, too.
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pacsflow.forecasting import Forecast, forecast, incidents
from pacsflow.forecasting.csv_input import read_series_csv
from pacsflow.series import HOUR, HourlySeries

if TYPE_CHECKING:
    from collections.abc import Callable

WEEK = 168
EVENTS = 8
Notes = dict[tuple[str, str], list[float]]
"""Of each rule and question, what was found."""
Found = list[tuple[int, int, str]]
"""First hour, the one after the last, and direction."""


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="+", type=Path)
    total: Notes = defaultdict(list)
    print("| series | weeks | told | outages | bursts | median and MAD: told | outages | bursts |")
    print("|---|---|---|---|---|---|---|---|")
    for path in parser.parse_args().files:
        one = read_series_csv(path).series
        found: Notes = defaultdict(list)
        for weeks in (4, 8):
            last = len(one) - WEEK
            for origin in sorted(
                {*np.linspace(weeks * WEEK, last, 4).round().astype(int).tolist()}
            ):
                if last >= weeks * WEEK:
                    judge(one, origin, weeks, found)
        if found:
            print(row(path.stem, found), flush=True)
        for name, values in found.items():
            total[name] += values
    print(row("all", total))
    return 0


def row(name: str, found: Notes) -> str:
    """Return a row of the table."""

    def cell(rule: str) -> str:
        told, outage, burst = (np.mean(found[rule, what]) for what in ("told", "outage", "burst"))
        return f"{told:.2f} | {100 * outage:.0f} % | {100 * burst:.0f} %"

    cells = [cell(rule) for rule in ("ours", "mad")]
    return f"| {name} | {len(found['ours', 'told'])} | " + " | ".join(cells) + " |"


def judge(one: HourlySeries, origin: int, weeks: int, found: Notes) -> None:
    """Forecast a week, put events into it, and note what is found."""
    begin = origin - weeks * WEEK
    past = HourlySeries(one.name, one.unit, one.start + begin * HOUR, one.values[begin:origin])
    expected = forecast(past)
    if not isinstance(expected, Forecast):
        return
    week = one.values[origin : origin + WEEK]
    rules: dict[str, Callable[[np.ndarray], Found]] = {
        "ours": lambda seen: ours(past, expected, seen), "mad": lambda seen: mad(past, seen)
    }  # fmt: skip
    rng = np.random.default_rng(7)
    events = [("outage", int(rng.integers(0, WEEK - 6)), 6, 0.0) for _ in range(EVENTS)]
    for _ in range(EVENTS):
        hours = int(rng.integers(1, 5))
        events.append(("burst", int(rng.integers(0, WEEK - hours)), hours, rng.uniform(0.7, 1.8)))
    for name, rule in rules.items():
        found[name, "told"].append(len(rule(week)))
        for kind, at, hours, size in events:
            seen = week.copy()
            seen[at : at + hours] += size * np.nanquantile(past.values, 0.99)
            if kind == "outage":
                seen[at : at + hours] = 0.0
            if np.isfinite(week[at : at + hours]).all():
                way = "less" if kind == "outage" else "more"
                hit = [f for f in rule(seen) if f[2] == way and f[0] < at + hours and f[1] > at]
                found[name, kind].append(bool(hit))


def ours(past: HourlySeries, expected: Forecast, seen: np.ndarray) -> Found:
    """Return the incidents of a week."""
    whole = HourlySeries(past.name, past.unit, past.start, np.r_[past.values, seen])
    return [
        (int((i.start - expected.start) / HOUR), int((i.end - expected.start) / HOUR), i.direction)
        for i in incidents(whole, expected)
    ]


def mad(past: HourlySeries, seen: np.ndarray) -> Found:
    """Return runs of hours over six deviations from the median of their hour."""
    table = past.values.reshape(-1, WEEK)
    usual = np.nanmedian(table, axis=0)
    off = seen - usual
    sigma = 1.4826 * np.nanmedian(np.abs(table - usual), axis=0)
    places = np.flatnonzero((np.abs(off) > 6 * sigma) & (off != 0))
    cuts = [0, *(np.flatnonzero(np.diff(places) > 3) + 1).tolist(), len(places)]
    runs = [places[a:b] for a, b in pairwise(cuts) if b > a]
    return [(int(r[0]), int(r[-1]) + 1, "more" if np.nansum(off[r]) > 0 else "less") for r in runs]


if __name__ == "__main__":
    sys.exit(main())
