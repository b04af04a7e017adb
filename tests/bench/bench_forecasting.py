"""Benchmark of the forecasts: accuracy, coverage and time against naive and statsforecast.

    python tests/bench/bench_forecasting.py             # everything, as the bars say
    python tests/bench/bench_forecasting.py --quick     # fewer origins and series
    python tests/bench/bench_forecasting.py --part accuracy --only mine.csv   # another series

Prints the tables of docs/forecasting.md and ends with 1 where a bar is missed. The anchors run in
an environment of their own (.bench/anchors: statsforecast 2.1 needs pandas below 3), which is made
on first use; their slow answers (AutoARIMA) are kept in .bench/answers.jsonl by the values asked.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.environments import PLACE, python_with
from pacsflow.forecasting import Forecast, forecast_many
from pacsflow.forecasting.csv_input import read_series_csv
from pacsflow.series import HourlySeries
from pacsflow.simulator import hospital, hourly_series

ROOT = Path(__file__).resolve().parents[2]
ANSWERS = PLACE / "answers.jsonl"
UK = ROOT.parent / "shared" / "data" / "series" / "uk_academic_backbone_hourly.csv"
NEEDS = ("statsforecast==2.1.0", "pandas<3", "pmdarima==2.1.1")
WEEK = 168
HISTORIES = {192: 16, 336: 16, 672: 12, 1344: 8}
"""Hours of history, and the number of origins, spread evenly over each series."""
RIVALS = ("naive168", "AutoARIMA24", "MSTL", "MSTL-AutoARIMA")
KEPT = ("AutoARIMA24",)
MONDAY = datetime(2024, 1, 1, tzinfo=UTC)
BEST_OF, TIMED, _ROUND = 1.02, 200, 40


def environment() -> Path:
    """Return the Python of the anchors' environment, making it on first use."""
    return python_with("anchors", NEEDS)


def ask(jobs: list[dict], cores: int, *, arima: bool = True) -> list[dict]:
    """Let the anchors answer, on as many processes as there are cores."""
    kept = {}
    if ANSWERS.exists():
        for line in ANSWERS.read_text().splitlines():
            answer = json.loads(line)
            kept[answer["key"]] = answer
    for job in jobs:
        told = json.dumps([NEEDS, job["model"], job["horizon"], job["values"]])
        job["key"] = hashlib.sha256(told.encode()).hexdigest()
    open_jobs = [
        job for job in jobs
        if job["key"] not in kept and (arima or not job["model"].startswith(KEPT))
    ]  # fmt: skip
    script = Path(__file__).with_name("forecasting_anchors.py")
    one_thread = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}

    def run(part: list[dict]) -> list[dict]:
        lines = "\n".join(json.dumps(job) for job in part)
        done = subprocess.run(
            [environment(), "-W", "ignore", script], input=lines, env=one_thread,
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True,
        )  # fmt: skip
        return [json.loads(line) for line in done.stdout.splitlines()]

    with ThreadPoolExecutor(cores) as pool:
        answers = [
            a for part in pool.map(run, (open_jobs[i::cores] for i in range(cores))) for a in part
        ]
    by_id = {(job["id"], job["model"]): job["key"] for job in jobs}
    with ANSWERS.open("a") as file:
        for answer in answers:
            answer["key"] = by_id[answer["id"], answer["model"]]
            kept[answer["key"]] = answer
            if answer["model"].startswith(KEPT):
                file.write(json.dumps(answer) + "\n")
    return [
        kept[job["key"]] | {"id": job["id"], "model": job["model"]}
        for job in jobs
        if job["key"] in kept
    ]


def taylor() -> np.ndarray:
    """Return pmdarima's half-hourly demand, summed to hours."""
    job = json.dumps({"id": "taylor", "dataset": "taylor"})
    script = Path(__file__).with_name("forecasting_anchors.py")
    done = subprocess.run(
        [environment(), script], input=job, stdout=subprocess.PIPE, text=True, check=True
    )
    return np.array(json.loads(done.stdout)["values"]).reshape(-1, 2).sum(axis=1)


def filled(values: np.ndarray) -> np.ndarray:
    """Return the values with gaps filled from the week before: the anchors take no gap."""
    out = values.copy()
    for place in np.flatnonzero(~np.isfinite(out)):
        out[place] = out[place - WEEK] if place >= WEEK else np.nanmean(values)
    return out


def the_series() -> dict[str, HourlySeries]:
    """Return what the bars are about."""
    found = {"demand": HourlySeries("demand", "MWh", MONDAY, taylor())}
    simulated = hourly_series(hospital(), weeks=15, start=datetime(2025, 3, 3, 3, tzinfo=UTC))
    imaging = simulated["imaging"]  # the last week holds the newcomer and the night of copying
    found["hospital"] = HourlySeries(
        "hospital", "bytes", imaging.start, imaging.values[: 14 * WEEK]
    )
    if UK.exists():
        found["UK backbone"] = read_series_csv(UK, zone="Europe/London").series
    else:
        print(f"{UK.name} is not here: its cells are left out", file=sys.stderr)
    return found


def accuracy(every: dict[str, HourlySeries], quick: bool, cores: int, *, arima: bool) -> bool:
    """Print MASE and coverage cell by cell; return whether every bar is reached."""
    cells, pasts, jobs = [], [], []
    for name, series in every.items():
        whole = filled(series.values)
        for hours, count in HISTORIES.items():
            if len(series) < hours + WEEK:
                continue
            points = np.linspace(hours, len(series) - WEEK, 4 if quick else count).round()
            for point in points.astype(int).tolist():
                cells.append((name, hours, point))
                start = series.start + (point - hours) * (series.end - series.start) / len(series)
                past = series.values[point - hours : point]
                pasts.append(HourlySeries(f"{name} {point}", series.unit, start, past))
                for model in ("AutoARIMA24-approximate", "MSTL", "MSTL-AutoARIMA"):
                    job = {"id": f"{name}|{hours}|{point}", "model": model, "horizon": WEEK}
                    jobs.append(job | {"values": whole[point - hours : point].tolist()})
    made = forecast_many(pasts)
    answers = {(a["id"], a["model"]): a for a in ask(jobs, cores, arima=arima)}
    table: dict[tuple[str, int], dict[str, list[float]]] = {}
    for (name, hours, point), past, ours in zip(cells, pasts, made, strict=True):
        actual = every[name].values[point : point + WEEK]
        whole = filled(every[name].values)[point - hours : point]
        scale = float(np.mean(np.abs(whole[24:] - whole[:-24])))
        row = table.setdefault((name, hours), {})

        def score(model: str, mean: np.ndarray) -> None:
            error = float(np.nanmean(np.abs(actual - mean)))  # noqa: B023  called at once
            row.setdefault(model, []).append(error / scale)  # noqa: B023

        assert isinstance(ours, Forecast), past.name
        seen = np.isfinite(actual)
        inside = (actual >= ours.lower95) & (actual <= ours.upper95)
        row.setdefault("coverage", []).append(float(inside[seen].mean()))
        score("ours", ours.mean)
        score("naive168", whole[-WEEK:])
        for model in ("AutoARIMA24-approximate", "MSTL", "MSTL-AutoARIMA"):
            answer = answers.get((f"{name}|{hours}|{point}", model), {})
            if "mean" in answer:
                mean, low, high = (np.array(answer[k]) for k in ("mean", "lower95", "upper95"))
                score(model.removesuffix("-approximate"), mean)
                held = ((actual >= low) & (actual <= high))[seen]
                row.setdefault(f"{model} coverage", []).append(float(held.mean()))
    return report(table)


def report(table: dict[tuple[str, int], dict[str, list[float]]]) -> bool:
    """Print the table and say which bars are missed."""
    print(
        "\nMASE (scale: mean absolute 24-hour difference), 168 hours ahead; coverage in percent\n"
    )
    print(
        "| series | history | origins | ours | naive 168 | AutoARIMA 24 | MSTL (AutoETS) "
        "| MSTL (AutoARIMA) | ours / best | coverage 95 | coverage MSTL (AutoARIMA) |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|---|")
    better = missed = wide = 0
    for (name, hours), row in table.items():
        mean = {model: float(np.mean(values)) for model, values in row.items()}
        count = len(row["ours"])
        whole = [m for m in RIVALS if len(row.get(m, ())) == count]
        ratio = mean["ours"] / min(mean[m] for m in whole)
        covered = 100 * mean["coverage"]
        better += ratio < 1
        missed += ratio > BEST_OF
        wide += not 92 <= covered <= 98
        others = " | ".join(f"{mean[m]:.3f}" if m in whole else "-" for m in RIVALS)
        print(
            f"| {name} | {hours} h | {len(row['ours'])} | {mean['ours']:.3f} | {others} "
            f"| {ratio:.3f} | {covered:.1f} | {100 * mean['MSTL-AutoARIMA coverage']:.1f} |"
        )
    cells = len(table)
    overall = 100 * float(np.mean([np.mean(row["coverage"]) for row in table.values()]))
    print(
        f"\n{cells} cells: no worse than the best of the rivals within 2 % in {cells - missed}, "
        f"better in {better}; coverage between 92 and 98 in {cells - wide}, {overall:.1f} overall"
    )
    return not missed and better > cells / 2 and not wide


def speed(number: int, cores: int, *, arima: bool) -> bool:
    """Time our whole forecast of many series against one fit of MSTL with AutoARIMA to each."""
    every: list[HourlySeries] = []
    seed = 1
    while len(every) < number:
        made = hourly_series(hospital(seed), weeks=9, start=datetime(2025, 3, 3, 3, tzinfo=UTC))
        every += [
            HourlySeries(f"{seed} {name}", s.unit, s.start, s.values[: 8 * WEEK])
            for name, s in made.items()
        ]
        seed += 1
    every = every[:number]
    forecast_many(every[:6], workers=cores)
    environment()
    ours = theirs = 0.0
    jobs = []
    for begin in range(0, number, _ROUND):  # in turns: the load of the machine may drift
        part = every[begin : begin + _ROUND]
        start = time.perf_counter()
        forecast_many(part, workers=cores)
        ours += time.perf_counter() - start
        asked = [
            {"id": s.name, "model": "MSTL-AutoARIMA", "horizon": WEEK, "fit_only": True}
            | {"values": filled(s.values).tolist()}
            for s in part
        ]
        theirs += sum(a["wall"] for a in ask(asked, cores)) / cores  # without its imports
        jobs += asked
    print(
        f"\n{number} series of 8 weeks on {cores} cores: ours, selected, calibrated and forecast, "
        f"{ours:.1f} s; MSTL with AutoARIMA, one fit each, {theirs:.1f} s: ours / theirs "
        f"{ours / theirs:.2f}",
        flush=True,
    )
    if arima:
        slow = ask([jobs[0] | {"model": "AutoARIMA24"}], cores)[0]["wall"]
        print(
            f"AutoARIMA season 24, exact: {slow:.0f} s for one of them, so about "
            f"{slow * number / cores:.0f} s: ours / theirs {ours * cores / slow / number:.4f}"
        )
    return ours <= theirs


def main() -> int:
    """Run the parts; 1 where a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--part", choices=("accuracy", "speed", "all"), default="all")
    parser.add_argument("--number", type=int, default=0, help="series to time")
    parser.add_argument(
        "--kept-arima", action="store_true", help="of AutoARIMA only the answers kept before"
    )
    parser.add_argument("--only", type=Path, metavar="CSV", help="judge this series alone")
    options = parser.parse_args()
    PLACE.mkdir(exist_ok=True)
    environment()
    cores = len(os.sched_getaffinity(0))
    good = True
    if options.part != "speed":
        only = options.only
        every = {only.stem: read_series_csv(only).series} if only else the_series()
        good &= accuracy(every, options.quick, cores, arima=not options.kept_arima)
    if options.part != "accuracy":
        number = options.number or (24 if options.quick else TIMED)
        good &= speed(number, cores, arima=not options.kept_arima)
    print("all bars reached" if good else "bars missed: see above")
    return 0 if good or options.quick else 1


if __name__ == "__main__":
    sys.exit(main())
