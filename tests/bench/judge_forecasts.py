"""Forecasts of public series, a cell for each kind of series and length of history.

    python tests/bench/judge_forecasts.py FOLDER/judging/*.csv    # public_series.py writes them

Each series is forecast for a week from evenly spread origins (`--origins`). Beside ours stand last
week's values, and the mean and the median of the last four weeks. MASE and RMSSE are scaled by the
24-hour differences of the history; the pinball loss is the mean over the bounds of both intervals
and the forecast itself, scaled as MASE. Values of a cell are means over its forecasts.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from collections import defaultdict
from pathlib import Path

import numpy as np

from pacsflow.forecasting import Forecast, forecast_many
from pacsflow.forecasting.csv_input import read_series_csv
from pacsflow.series import HOUR, HourlySeries

DAY, WEEK = 24, 168
HISTORIES = {"8 days": 192, "2 weeks": 336, "4 weeks": 672, "8 weeks": 1344}
ANCHORS = ("naive 168", "mean 4", "median 4")
LEVELS = {"lower95": 0.025, "lower80": 0.1, "mean": 0.5, "upper80": 0.9, "upper95": 0.975}
Scores = dict[str, list[float]]


def main() -> int:
    """Print the table, and the mean over its cells."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--origins", type=int, default=3)
    options = parser.parse_args()
    print("| kind | history | forecasts | MASE | RMSSE | in 95 % | in 80 % | pinball | "
          + " | ".join(f"MASE {name}" for name in ANCHORS) + " | ours / best |")  # fmt: skip
    print("|---" * (9 + len(ANCHORS)) + "|")
    found: dict[tuple[str, str], Scores] = defaultdict(lambda: defaultdict(list))
    for path in options.files:
        judge(read_series_csv(path).series, kind_of(path.stem), options.origins, found)
    ratios = [row(cell, scores) for cell, scores in sorted(found.items()) if scores["MASE"]]
    mean = float(np.exp(np.mean(np.log(ratios))))
    print(f"\n{len(ratios)} cells: ours / best anchor {mean:.3f} (geometric mean), "
          f"no worse by 2 % in {sum(r <= 1.02 for r in ratios)}")  # fmt: skip
    return 0


def kind_of(name: str) -> str:
    """Return the kind of a series by its name: M4's are one."""
    return "M4" if name[:1] == "H" and name[1:].isdigit() else name.partition("-")[0]


def judge(one: HourlySeries, kind: str, origins: int, found: dict[tuple[str, str], Scores]) -> None:
    """Forecast a series at all lengths of history and note how it went."""
    for name, hours in HISTORIES.items():
        last = len(one) - WEEK
        points = np.unique(np.linspace(hours, last, origins).round()).astype(int).tolist()
        points = [point for point in points if last >= hours]
        pasts = [part(one, point - hours, point) for point in points]
        for past, made, point in zip(pasts, forecast_many(pasts), points, strict=True):
            actual = one.values[point : point + WEEK]
            if isinstance(made, Forecast) and np.isfinite(actual).mean() > 0.5:
                score(past.values, made, actual, found[kind, name])


def part(one: HourlySeries, begin: int, end: int) -> HourlySeries:
    """Return the hours of a series from `begin` to `end`."""
    return HourlySeries(one.name, one.unit, one.start + begin * HOUR, one.values[begin:end])


def score(past: np.ndarray, made: Forecast, actual: np.ndarray, into: Scores) -> None:
    """Note the scores of one forecast; nothing where the history never changes."""
    change = past[DAY:] - past[:-DAY]
    scale, square = float(np.nanmean(np.abs(change))), float(np.nanmean(change**2))
    if not scale > 0:
        return
    seen = np.isfinite(actual)
    y = actual[seen]
    into["MASE"].append(float(np.mean(np.abs(y - made.mean[seen]))) / scale)
    into["RMSSE"].append(float(np.sqrt(np.mean((y - made.mean[seen]) ** 2) / square)))
    for level in ("95", "80"):
        low, high = (getattr(made, side + level)[seen] for side in ("lower", "upper"))
        into[level].append(float(np.mean((y >= low) & (y <= high))))
    losses = [pinball(y, getattr(made, name)[seen], q) for name, q in LEVELS.items()]
    into["pinball"].append(float(np.mean(losses)) / scale)
    for name, path in anchors(past).items():
        into[name].append(float(np.nanmean(np.abs(y - path[seen]))) / scale)


def pinball(y: np.ndarray, bound: np.ndarray, q: float) -> float:
    """Return the mean quantile loss, twice, so that it is the absolute error at one half."""
    return float(2 * np.mean(np.maximum(q * (y - bound), (q - 1) * (y - bound))))


def anchors(past: np.ndarray) -> dict[str, np.ndarray]:
    """Return what the last week, and the last four weeks, say of the next."""
    weeks = min(4, len(past) // WEEK)
    table = past[len(past) - weeks * WEEK :].reshape(weeks, WEEK)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # an hour without data in all weeks is NaN
        paths = (table[-1], np.nanmean(table, axis=0), np.nanmedian(table, axis=0))
    return dict(zip(ANCHORS, paths, strict=True))


def row(cell: tuple[str, str], scores: Scores) -> float:
    """Print a row; return ours over the best anchor."""
    mean = {name: float(np.nanmean(values)) for name, values in scores.items()}
    ratio = mean["MASE"] / min(mean[name] for name in ANCHORS)
    print(f"| {cell[0]} | {cell[1]} | {len(scores['MASE'])} | {mean['MASE']:.3f} | "
          f"{mean['RMSSE']:.3f} | {100 * mean['95']:.1f} | {100 * mean['80']:.1f} | "
          f"{mean['pinball']:.3f} | " + " | ".join(f"{mean[name]:.3f}" for name in ANCHORS)
          + f" | {ratio:.3f} |", flush=True)  # fmt: skip
    return ratio


if __name__ == "__main__":
    sys.exit(main())
