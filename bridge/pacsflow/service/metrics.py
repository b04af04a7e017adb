"""Numbers of the service for Prometheus, as a file that its node exporter reads."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING

from pacsflow.outputs import write_text
from pacsflow.service.state import skipped
from pacsflow.terms.severity import Severity
from pacsflow.week.speed import NAMES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path

    from pacsflow.ledger import Ledger
    from pacsflow.report.weekly import WeeklyReport
    from pacsflow.service.state import State

READABLE = 0o644
"""The exporter runs as somebody else, and there is nothing but counts in it."""
QUANTILES = {"0.5": "median", "0.95": "high"}
"""What response times are told of, and where a week has it."""
Sample = tuple[dict[str, str], float]


def week_numbers(made: WeeklyReport) -> dict[str, float]:
    """Return what the metrics tell of a week."""
    coverage = made.coverage
    numbers = {
        "hours_expected": float(coverage.hours_expected),
        "hours_with_data": float(coverage.hours_with_data),
        "unreadable_rows": float(coverage.unreadable_rows),
    }
    for finding in made.findings:
        key = f"findings_{finding.severity.value}"
        numbers[key] = numbers.get(key, 0.0) + 1
    return numbers | _slowest(made)


def _slowest(made: WeeklyReport) -> dict[str, float]:
    """Return by operation the percentiles of the host that answered slowest, seconds.

    The file is for everybody to read: which host it was stands on the page.
    """
    numbers: dict[str, float] = {}
    for answer in made.speed.answers if made.speed else ():
        for quantile, found in QUANTILES.items():
            key = _key(answer.operation, quantile)
            numbers[key] = max(numbers.get(key, 0.0), getattr(answer, found).value)
    return numbers


def _key(operation: str, quantile: str) -> str:
    return f"response_{operation}_{quantile}"


def write_metrics(
    path: Path, ledger: Ledger, state: State, times: tuple[datetime, datetime], *, kept: bool
) -> None:
    """Write the file whole, or leave the one that is there.

    Parameters
    ----------
    times
        When the round began, and ended.
    kept
        Whether the state could be written down.
    """
    began, now = times
    text = [*_text(ledger, state, began, now), *_of_inputs(state, kept=kept), *_of_week(state)]
    write_text(path, "".join(text))
    path.chmod(READABLE)


def failures_unsaved(path: Path | None) -> dict[str, int] | None:
    """Return each job's failures in a row as the last round told them, where nothing else has them.

    Returns
    -------
    By job; None where the state was saved, or there is no such file of ours.
    """
    try:
        with path.open(encoding="utf-8") if path else nullcontext(()) as file:
            told = dict(line.rpartition(" ")[::2] for line in file if line[:1] != "#")
        if int(told.get("pacsflow_state_saved", "1")):
            return None
        head, end = 'pacsflow_failures_in_a_row{job="', '"}'
        failed = {name: int(value) for name, value in told.items() if name.startswith(head)}
    except (OSError, ValueError):
        return None
    return {name.removeprefix(head).removesuffix(end): n for name, n in failed.items() if n}


def _of_inputs(state: State, *, kept: bool) -> Iterator[str]:
    told = "Inputs that the last round could not read, or not all of."
    yield from _metric("inputs_not_read", told, len(state.problems))
    yield from _metric("state_saved", "Whether the last round could note what it did.", kept)


def _text(ledger: Ledger, state: State, began: datetime, now: datetime) -> Iterator[str]:
    yield from _metric("last_run_timestamp_seconds", "When a round last ended.", now.timestamp())
    yield from _metric("run_seconds", "How long it took.", (now - began).total_seconds())
    yield from _metrics(
        "last_success_timestamp_seconds",
        "When a job last ended well.",
        [({"job": name}, moment.timestamp()) for name, moment in sorted(state.done.items())],
    )
    yield from _metrics(
        "failures_in_a_row",
        "How often a job failed since it last ended well.",
        [
            ({"job": name}, state.failed.get(name, 0))
            for name in sorted({*state.done, *state.failed})
        ],
    )
    yield from _of_ledger(ledger)


def _of_week(state: State) -> Iterator[str]:
    if not state.week:
        return
    for name, told in (
        ("hours_expected", "Hours of the last whole week."),
        ("hours_with_data", "Hours of that week that a sensor saw."),
        ("unreadable_rows", "Rows of that week's sources that could not be read."),
    ):
        yield from _metric(f"week_{name}", told, state.week.get(name, 0.0))
    levels = [({"severity": s.value}, state.week.get(f"findings_{s.value}", 0.0)) for s in Severity]
    yield from _metrics("week_findings", "Findings of that week.", levels)
    times = [
        ({"operation": operation, "quantile": quantile}, state.week[key])
        for operation in sorted(NAMES.values())
        for quantile in QUANTILES
        if (key := _key(operation, quantile)) in state.week
    ]
    told = "Response times of that week, of the host that answered slowest."
    yield from _metrics("week_response_seconds", told, times)


def _of_ledger(ledger: Ledger) -> Iterator[str]:
    files = ledger.journal.files()
    tables = sorted({kept.table for kept in files})
    rows = [({"table": t}, float(sum(k.rows for k in files if k.table == t))) for t in tables]
    size = [({"table": t}, float(sum(k.size for k in files if k.table == t))) for t in tables]
    yield from _metrics("ledger_rows", "Rows of the ledger.", rows)
    yield from _metrics("ledger_bytes", "Bytes of the ledger's files.", size)
    yield from _metric("ledger_sources", "Sources that are in it.", len(ledger.entries()))
    yield from _metric(
        "rounds_skipped", "Rounds that found another service here.", skipped(ledger.folder)
    )


def _metric(name: str, told: str, value: float) -> Iterator[str]:
    return _metrics(name, told, [({}, value)])


def _metrics(name: str, told: str, samples: list[Sample]) -> Iterator[str]:
    if not samples:
        return
    yield f"# HELP pacsflow_{name} {told}\n# TYPE pacsflow_{name} gauge\n"
    for labels, value in samples:
        shown = ",".join(f'{label}="{_escaped(text)}"' for label, text in labels.items())
        number = f"{value:.3f}".rstrip("0").rstrip(".")
        yield f"pacsflow_{name}{f'{{{shown}}}' if shown else ''} {number}\n"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
