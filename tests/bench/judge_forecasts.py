"""Forecasts of public series, a cell for each kind of series and length of history.

    python tests/bench/judge_forecasts.py FOLDER/judging/*.csv    # public_series.py writes them

Each series is forecast for a week from evenly spread origins (`--origins`). Beside ours stand last
week's values, the mean and the median of the last four weeks, and the medians of fracast, a public
foundation model (in `.bench/fracast`, made on first use; a line where torch cannot be had, as with
`--no-fracast`). MASE and RMSSE are scaled by the
24-hour differences of the history; the pinball loss is the mean over the bounds of both intervals
and the forecast itself, scaled as MASE. Values of a cell are means over its forecasts.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import warnings
from collections import defaultdict
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.environments import python_with
from pacsflow.forecasting import Forecast, forecast_many
from pacsflow.forecasting.csv_input import read_series_csv
from pacsflow.series import HOUR, HourlySeries

DAY, WEEK = 24, 168
HISTORIES = {"8 days": 192, "2 weeks": 336, "4 weeks": 672, "8 weeks": 1344}
ANCHORS = ("naive 168", "mean 4", "median 4")
FRACAST = "fracast"
FRACAST_NEEDS = ("torch==2.13.0", "fracast==0.1.0")
LEVELS = {"lower95": 0.025, "lower80": 0.1, "mean": 0.5, "upper80": 0.9, "upper95": 0.975}
Scores = dict[str, list[float]]


def main() -> int:
    """Print the table, and the mean over its cells."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--origins", type=int, default=3)
    parser.add_argument("--no-fracast", action="store_true", help="without the foundation model")
    options = parser.parse_args()
    model = None if options.no_fracast else Foundation.start()
    names = (*ANCHORS, FRACAST) if model else ANCHORS
    print("| kind | history | forecasts | MASE | RMSSE | in 95 % | in 80 % | pinball | "
          + " | ".join(f"MASE {name}" for name in names) + " | ours / best |")  # fmt: skip
    print("|---" * (9 + len(names)) + "|")
    found: dict[tuple[str, str], Scores] = defaultdict(lambda: defaultdict(list))
    for path in options.files:
        judge(read_series_csv(path).series, kind_of(path.stem), options.origins, found, model)
    ratios = [row(cell, scores, names) for cell, scores in sorted(found.items()) if scores["MASE"]]
    for name in names:
        against = [np.mean(scores["MASE"]) / np.nanmean(scores[name]) for scores in found.values()]
        print(f"\nours / {name} {geometric(against):.3f}", end="")
    print(f"\n{len(ratios)} cells: ours / best anchor {geometric(ratios):.3f} (geometric mean), "
          f"no worse by 2 % in {sum(r <= 1.02 for r in ratios)}, "
          f"better in {sum(r < 1 for r in ratios)}")  # fmt: skip
    return 0


class Foundation:
    """A process with fracast, asked a history at a time."""

    def __init__(self, python: Path) -> None:
        """Start it; its package writes nothing to standard output but the answers."""
        script = Path(__file__).with_name("fracast_anchor.py")
        self._process = subprocess.Popen(
            [python, "-W", "ignore", script],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    @classmethod
    def start(cls) -> Foundation | None:
        """Return it, or None and a line where its packages cannot be had."""
        try:
            return cls(python_with("fracast", FRACAST_NEEDS))
        except subprocess.CalledProcessError:
            print("fracast is left out: torch cannot be had here", file=sys.stderr)
            return None

    def path(self, past: np.ndarray) -> np.ndarray:
        """Return the median of the week after."""
        told, heard = self._process.stdin, self._process.stdout
        assert told is not None
        assert heard is not None
        told.write(json.dumps([float(v) if np.isfinite(v) else None for v in past]) + "\n")
        told.flush()
        return np.array(json.loads(heard.readline()))


def geometric(ratios: list[float]) -> float:
    """Return the geometric mean."""
    return float(np.exp(np.mean(np.log(ratios))))


def kind_of(name: str) -> str:
    """Return the kind of a series by its name: M4's are one."""
    return "M4" if name[:1] == "H" and name[1:].isdigit() else name.partition("-")[0]


def judge(
    one: HourlySeries,
    kind: str,
    origins: int,
    found: dict[tuple[str, str], Scores],
    model: Foundation | None = None,
) -> None:
    """Forecast a series at all lengths of history and note how it went."""
    for name, hours in HISTORIES.items():
        last = len(one) - WEEK
        points = np.unique(np.linspace(hours, last, origins).round()).astype(int).tolist()
        points = [point for point in points if last >= hours]
        pasts = [part(one, point - hours, point) for point in points]
        for past, made, point in zip(pasts, forecast_many(pasts), points, strict=True):
            actual = one.values[point : point + WEEK]
            if isinstance(made, Forecast) and np.isfinite(actual).mean() > 0.5:
                rivals = anchors(past.values)
                if model:
                    rivals[FRACAST] = model.path(past.values)
                score(past.values, made, actual, rivals, found[kind, name])


def part(one: HourlySeries, begin: int, end: int) -> HourlySeries:
    """Return the hours of a series from `begin` to `end`."""
    return HourlySeries(one.name, one.unit, one.start + begin * HOUR, one.values[begin:end])


def score(
    past: np.ndarray,
    made: Forecast,
    actual: np.ndarray,
    rivals: dict[str, np.ndarray],
    into: Scores,
) -> None:
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
    for name, path in rivals.items():
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


def row(cell: tuple[str, str], scores: Scores, names: tuple[str, ...]) -> float:
    """Print a row; return ours over the best anchor."""
    mean = {name: float(np.nanmean(values)) for name, values in scores.items()}
    ratio = mean["MASE"] / min(mean[name] for name in names)
    print(f"| {cell[0]} | {cell[1]} | {len(scores['MASE'])} | {mean['MASE']:.3f} | "
          f"{mean['RMSSE']:.3f} | {100 * mean['95']:.1f} | {100 * mean['80']:.1f} | "
          f"{mean['pinball']:.3f} | " + " | ".join(f"{mean[name]:.3f}" for name in names)
          + f" | {ratio:.3f} |", flush=True)  # fmt: skip
    return ratio


if __name__ == "__main__":
    sys.exit(main())
