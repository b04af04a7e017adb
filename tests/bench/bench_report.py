"""Benchmark of the weekly page: from a ledger, and from a finished report alone.

    python tests/bench/bench_report.py

A hospital of 50 PACS endpoints, 400 other DICOM devices and 2,000 hosts, eight weeks of a sensor's
logs in a ledger. Bars: from that ledger to the page in under 3 s and under 1 MB; from the finished
`WeeklyReport` to the page in under 3 s, in each language. The command is run anew, so that its
imports count. Seconds are those of the processor in all threads and of the wall; the bars are held
by the smaller, for others may use this machine too.

The forecasts lie in the ledger already, as after any earlier report, digest or page in another
language on it. Making them is another benchmark's figure (bench_forecasting.py), and takes most of
a first report: here one forecast is kept under every series' name, since reading is what counts.
"""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench import large_hospital
from pacsflow.forecasting import batch
from pacsflow.report.build import build_report
from pacsflow.report.options import Options
from pacsflow_reports import languages, render_html
from pacsflow_reports.render import environment
from reports import factory

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pacsflow.forecasting import Forecast, NotEnoughHistory
    from pacsflow.ledger import Ledger
    from pacsflow.series import HourlySeries

SECONDS, BYTES, WEEKS = 3.0, 1_000_000, 8
NO_BYTECODE = "PYTHONDONTWRITEBYTECODE"


def timed(work: Callable[[], bytes]) -> tuple[float, float, bytes]:
    """Return the processor's and the wall's seconds that `work` took, and what it made."""
    begin, wall = time.process_time(), time.perf_counter()
    made = work()
    return time.process_time() - begin, time.perf_counter() - wall, made


def keep_forecasts(ledger: Ledger) -> None:
    """Let the ledger keep a forecast of every series of its last two weeks' pages."""
    real, kept = batch.forecast_many, {}

    def one_for_all(
        series: Sequence[HourlySeries], **options: Any
    ) -> list[Forecast | NotEnoughHistory]:
        for length in {len(one) for one in series} - set(kept):
            kept[length] = real([one for one in series if len(one) == length][:1], **options)[0]
        return [replace(kept[len(one)], start=one.end) for one in series]

    batch.forecast_many = one_for_all
    try:
        build_report(ledger, None, Options())
    finally:
        batch.forecast_many = real


def from_ledger(ledger: Ledger, folder: Path) -> tuple[float, float, bytes]:
    """Run the command on the ledger and return its seconds and its page.

    Modules and templates are compiled when it runs first, as after any installation.
    """
    page = folder / "page.html"
    variables = {key: text for key, text in os.environ.items() if key != NO_BYTECODE}
    variables["PYTHONPYCACHEPREFIX"] = str(folder / "bytecode")
    command = [
        sys.executable,
        "-m",
        "pacsflow",
        "report",
        "-l",
        str(ledger.folder),
        "-o",
        str(page),
    ]
    before, wall = os.times(), time.perf_counter()
    subprocess.run(command, check=True, env=variables, stdout=subprocess.DEVNULL)
    after = os.times()
    cpu = after.children_user + after.children_system
    cpu -= before.children_user + before.children_system
    return cpu, time.perf_counter() - wall, page.read_bytes()


def line(name: str, seconds: float, wall: float, made: bytes) -> bool:
    """Print one line and say whether it misses a bar."""
    size, small = len(made) / 1000, len(gzip.compress(made)) / 1000
    print(f"{name:34} {seconds:7.2f} {wall:7.2f} {size:7.0f} {small:7.0f}")
    return min(seconds, wall) >= SECONDS or len(made) >= BYTES


def main() -> int:
    print(f"{'':34} {'CPU s':>7} {'wall s':>7} {'kB':>7} {'kB .gz':>7}")
    missed = 0
    with tempfile.TemporaryDirectory() as name:
        ledger = large_hospital.make(Path(name), weeks=WEEKS)
        keep_forecasts(ledger)
        missed += min(
            line(f"from the ledger, {nth}", *from_ledger(ledger, Path(name)))
            for nth in ("first", "again", "and again")
        )
    report = factory.hospital(pacs=50, hosts=2000)
    for lang in languages():
        environment.cache_clear()
        for state in ("first", "again"):
            made = timed(lambda lang=lang: render_html(report, lang=lang).encode())
            missed += line(f"page, {lang}, {state}", *made)
    line("the same report as JSON", *timed(lambda: orjson.dumps(report)))
    for kind in ("sampled", "empty", "hostile", "huge"):
        odd = factory.ALL[kind]()
        line(f"page, {kind}", *timed(lambda odd=odd: render_html(odd).encode()))
    print("missed" if missed else "every bar met")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
