"""Response times and transfer rates as cells, the same on the terminal and in a workbook."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pacsflow.ledger.response_times import OperationTimes

MEASURES = (
    "requests", "failed", "timed", "min_ms", "median_ms", "p95_ms", "p95_from_ms", "p95_to_ms",
    "max_ms", "mean_ms", "first_ms", "mbit_s", "data_bytes", "data_seconds", "silent_seconds",
    "ack_wait_seconds", "pause_seconds", "client_closed_seconds", "server_closed_seconds",
    "associations", "setup_ms", "round_trip_ms", "outstanding",
)  # fmt: skip
"""What is told of some operations: milliseconds, seconds, Mbit/s while data sets flowed."""


def measures(found: OperationTimes) -> list[Any]:
    """Return the cells of `MEASURES`."""
    median, high = found.percentile(0.5), found.percentile(0.95)
    counts, seconds = found.counts, found.seconds
    return [
        counts["count"],
        counts["failed"],
        counts["timed"],
        milliseconds(seconds["response_min"]),
        milliseconds(median.value if median else None),
        *map(milliseconds, (high.value, high.lower, high.upper) if high else (None, None, None)),
        milliseconds(seconds["response_max"]),
        milliseconds(found.mean("response_seconds", "timed")),
        milliseconds(found.mean("first_response_seconds", "first_responses")),
        None if found.rate is None else round(found.rate * 8e-6, 3),
        counts["data_bytes"],
        *(_seconds(seconds[name]) for name in _PASSED),
        counts["associations"],
        milliseconds(found.mean("setup_seconds", "setups")),
        milliseconds(found.mean("round_trip_seconds", "round_trips")),
        None if seconds["outstanding"] is None else round(seconds["outstanding"]),
    ]


_PASSED = (
    "data_seconds", "silent_seconds", "ack_wait_seconds", "pause_seconds",
    "client_closed_seconds", "server_closed_seconds",
)  # fmt: skip


def milliseconds(seconds: float | None) -> float | None:
    """Return seconds as milliseconds, to the microsecond."""
    return None if seconds is None else round(seconds * 1000, 3)


def _seconds(value: float | None) -> float | None:
    return None if value is None else round(value, 6)
