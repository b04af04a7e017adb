"""Forecast with statsforecast, in an environment of its own: the anchors of the benchmark.

Reads one JSON job a line on standard input, writes one JSON answer a line on standard output.
It imports nothing of pacsflow: statsforecast 2.1 needs pandas below 3, pacsflow does not.
"""

import json
import sys
import time
from typing import Any

import numpy as np


def model_of(name: str) -> Any:
    """Return the anchor called `name`, configured as a careful user of statsforecast would."""
    from statsforecast.models import MSTL, AutoARIMA

    if name == "AutoARIMA24-approximate":  # as R does by default over 150 values
        return AutoARIMA(season_length=24, approximation=True)
    if name == "AutoARIMA24":
        return AutoARIMA(season_length=24)
    if name == "MSTL-AutoARIMA":
        return MSTL(season_length=[24, 168], trend_forecaster=AutoARIMA())
    if name == "MSTL":  # its default trend forecaster, AutoETS
        return MSTL(season_length=[24, 168])
    raise SystemExit(f"no anchor is called {name}")


def taylor() -> list[float]:
    """Return the half-hourly demand that pmdarima carries, two weeks a row of its source."""
    from pmdarima.datasets import load_taylor

    return [float(v) for v in load_taylor()]


def main() -> None:
    """Answer every job; a failure of an anchor is an answer, too."""
    for line in sys.stdin:
        job = json.loads(line)
        if job.get("dataset") == "taylor":
            print(json.dumps({"id": job["id"], "values": taylor()}), flush=True)
            continue
        y = np.asarray(job["values"], dtype=float)
        answer = {"id": job["id"], "model": job["model"]}
        wall, cpu = time.perf_counter(), time.process_time()
        try:
            model = model_of(job["model"])
            if job.get("fit_only"):
                model.fit(y)
            else:
                found = model.forecast(y=y, h=job["horizon"], level=[95])
                answer |= {
                    "mean": [float(v) for v in found["mean"]],
                    "lower95": [float(v) for v in found["lo-95"]],
                    "upper95": [float(v) for v in found["hi-95"]],
                }
        except Exception as error:  # noqa: BLE001  the table says what an anchor could not do
            answer["error"] = f"{type(error).__name__}: {error}"
        answer |= {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
