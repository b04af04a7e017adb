"""Benchmark of the weekly page: its size and the time to render it.

    python tests/bench/bench_report.py

Bars: a hospital of 50 PACS endpoints and 2,000 hosts renders in under 3 s (CPU, templates and
catalogue compiled within them) to under 1 MB, in each language. The same report written as JSON
(`to_json_value`, then orjson) stands beside it as the same work in the same run.
"""

from __future__ import annotations

import gzip
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import orjson

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from pacsflow.json_values import to_json_value
from pacsflow_reports import languages, render_html
from pacsflow_reports.render import environment
from reports import factory

if TYPE_CHECKING:
    from collections.abc import Callable

SECONDS, BYTES = 3.0, 1_000_000


def timed(work: Callable[[], bytes]) -> tuple[float, bytes]:
    """Return the CPU seconds that `work` took, and what it made."""
    begin = time.process_time()
    made = work()
    return time.process_time() - begin, made


def main() -> int:
    report = factory.hospital(pacs=50, hosts=2000)
    print(f"{'':34} {'CPU s':>7} {'kB':>7} {'kB .gz':>7}")
    missed = 0
    for lang in languages():
        environment.cache_clear()
        for state in ("first", "again"):
            seconds, html = timed(lambda lang=lang: render_html(report, lang=lang).encode())
            size, small = len(html) / 1000, len(gzip.compress(html)) / 1000
            print(f"page, {lang}, {state:22} {seconds:7.2f} {size:7.0f} {small:7.0f}")
            missed += seconds >= SECONDS or len(html) >= BYTES
    seconds, text = timed(lambda: orjson.dumps(to_json_value(report)))
    size, small = len(text) / 1000, len(gzip.compress(text)) / 1000
    print(f"{'the same report as JSON':34} {seconds:7.2f} {size:7.0f} {small:7.0f}")
    for kind in ("sampled", "empty", "hostile", "huge"):
        made = factory.ALL[kind]()
        seconds, html = timed(lambda made=made: render_html(made).encode())
        size, small = len(html) / 1000, len(gzip.compress(html)) / 1000
        print(f"page, {kind:28} {seconds:7.2f} {size:7.0f} {small:7.0f}")
    print("missed" if missed else "every bar met")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
