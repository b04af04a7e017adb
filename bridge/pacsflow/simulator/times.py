"""How fast simulated operations are: the rows of dicom_times.log that go with associations.

Servers differ, and are slower when the hospital is busy; times are log-normal. The histogram of an
association's times is that distribution, dealt out to whole numbers.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from pacsflow.simulator import schema
from pacsflow.simulator.encode import Field, chosen, seconds, text
from pacsflow.simulator.rhythm import HOUR_US
from pacsflow.simulator.tables import RESULTS, end_of
from pacsflow.terms.dicom_times import FIELDS, OPERATIONS

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from numpy.typing import NDArray

    from pacsflow.simulator.equipment import Hospital
    from pacsflow.simulator.tables import Rows

TIMES = tuple(Field(field.name, field.kind) for field in FIELDS)
MEDIANS = {"echo": 0.004, "store": 0.035, "find": 0.12, "get": 0.4, "move": 0.4, "n": 0.02}
"""Seconds that a response takes in the middle of a quiet night."""
SPREAD = 0.55
"""Standard deviation of the logarithm."""
ELEMENTS = 20
ROUND_TRIP = 0.0004
BUSY = 0.9
"""How much slower a server is at ten in the morning."""


def times_columns(
    hospital: Hospital, table: Rows, zone: ZoneInfo
) -> tuple[NDArray[np.int64], list[pa.Array]]:
    """Return when the rows of associations are written (microseconds), and their columns."""
    accepted = (table["result"] == RESULTS.index("accepted")) & ~table["midstream"]
    parts = [
        (operation, table[accepted & (table[f"{operation}_rq"] > 0)]) for operation in OPERATIONS
    ]
    rows = np.concatenate([part for _, part in parts])
    kinds = np.repeat(np.arange(len(OPERATIONS)), [len(part) for _, part in parts])
    order = np.argsort(end_of(rows), kind="stable")
    rows, kinds = rows[order], kinds[order]
    return end_of(rows), _columns(hospital, rows, kinds, zone)


def _columns(
    hospital: Hospital, rows: Rows, kinds: NDArray[np.int64], zone: ZoneInfo
) -> list[pa.Array]:
    number = np.zeros(len(rows), np.int64)
    for place, operation in enumerate(OPERATIONS):
        number = np.where(kinds == place, rows[f"{operation}_rq"], number)
    # In a C-GET the responder stores, and the originator answers.
    back = (kinds == OPERATIONS.index("store")) & (rows["get_rq"] > 0)
    middle = _medians(hospital, rows, kinds, zone)
    counts = _histograms(middle, number)
    is_store = kinds == OPERATIONS.index("store")
    size = np.where(is_store, np.maximum(rows["data_orig"], rows["data_resp"]), 60 * number)
    flow = np.where(is_store, rows["duration"] * 7 // 10, 300 * number)
    told = {
        "operation": chosen(OPERATIONS, kinds),
        "requestor": chosen(("orig", "resp"), back),
        "count": text(number),
        "failed": text(np.where(is_store, np.minimum(rows["rsp_failure"], number), 0)),
        "data_sets": text(np.where(kinds == 0, 0, number)),
        "data_pdvs": text(np.where(is_store, rows["data_pdus"], number)),
        "data_bytes": text(np.where(kinds == 0, 0, size)),
        "data_time": seconds(np.where(kinds == 0, -1, flow), -1),
        "silent_time": seconds(np.where(kinds == 0, -1, flow // 50), -1),
        "ack_wait_time": seconds(np.where(kinds == 0, -1, flow // 200), -1),
        "pause_time": seconds(np.maximum(number - 1, 0) * 4000),
        **_responses(counts),
        **_first(middle, kinds, number),
        "outstanding": text(np.ones(len(rows))),
        "ops_window": text(np.ones(len(rows))),
        "setup_time": seconds(1500 + rows["orig_p"] % 700),
        "round_trip": seconds(ROUND_TRIP * 1e6 + rows["orig_p"] % 200),
        **{name: text(np.zeros(len(rows))) for name in ("orig_resent", "resp_resent")},
        **{name: seconds(np.zeros(len(rows))) for name in _CLOSED},
        "tls": chosen(("F",), np.zeros(len(rows))),
    }
    given = [*schema.identity(hospital, rows), schema.community_ids(hospital, rows)]
    return [*given, *(told[field.name] for field in TIMES[len(given) :])]


_CLOSED = ("orig_closed_time", "resp_closed_time")


def _medians(
    hospital: Hospital, rows: Rows, kinds: NDArray[np.int64], zone: ZoneInfo
) -> NDArray[np.float64]:
    """Return the median response time of each row, seconds."""
    rng = np.random.default_rng([hospital.seed, 31])
    servers = rng.lognormal(0.0, 0.3, len(hospital.devices))[rows["resp"]]
    hour = (rows["start"] // HOUR_US + _hours_ahead(rows, zone)) % 24
    busy = 1 + BUSY * np.exp(-(((hour - 10) / 4.0) ** 2))
    made: NDArray[np.float64] = np.array([MEDIANS[o] for o in OPERATIONS])[kinds] * servers * busy
    return made


def _hours_ahead(rows: Rows, zone: ZoneInfo) -> int:
    """Return how far the zone's clock is ahead of UTC, at the first of the rows."""
    first = int(rows["start"][0]) / 1e6 if len(rows) else 0.0
    offset = datetime.fromtimestamp(first, UTC).astimezone(zone).utcoffset()
    return round(offset.total_seconds() / 3600) if offset else 0


def _histograms(middle: NDArray[np.float64], number: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return how many response times are in each element, shape (rows, elements)."""
    edges = np.log(0.001 * 2.0 ** np.arange(ELEMENTS - 1))
    place = (edges[None, :] - np.log(middle)[:, None]) / (SPREAD * math.sqrt(2))
    share = 0.5 * (1 + _erf(place))
    below = np.rint(share * number[:, None]).astype(np.int64)
    whole = np.concatenate([below, number[:, None]], axis=1)
    return np.diff(whole, axis=1, prepend=0)


def _erf(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the error function (Abramowitz and Stegun, 7.1.26: to 1.5e-7)."""
    t = 1 / (1 + 0.3275911 * np.abs(x))
    series = ((((1.061405429 * t - 1.453152027) * t) + 1.421413741) * t - 0.284496736) * t
    made: NDArray[np.float64] = np.sign(x) * (1 - (series + 0.254829592) * t * np.exp(-x * x))
    return made


def _responses(counts: NDArray[np.int64]) -> dict[str, pa.Array]:
    first = (counts > 0).argmax(axis=1)
    last = ELEMENTS - 1 - (counts[:, ::-1] > 0).argmax(axis=1)
    typical = 0.001 * 2.0 ** (np.arange(ELEMENTS) - 0.5)
    mean = (counts * typical).sum(axis=1) / np.maximum(counts.sum(axis=1), 1)
    least = np.minimum(0.001 * 2.0 ** (first - 0.7), mean)
    most = np.maximum(0.001 * 2.0 ** (last - 0.3), mean)
    texts = [
        ",".join(map(str, row[: end + 1]))
        for row, end in zip(counts.tolist(), last.tolist(), strict=True)
    ]
    return {
        "response_min": seconds(least * 1e6),
        "response_mean": seconds(mean * 1e6),
        "response_max": seconds(most * 1e6),
        "response_times": pa.array(texts, pa.string()),
    }


def _first(
    middle: NDArray[np.float64], kinds: NDArray[np.int64], number: NDArray[np.int64]
) -> dict[str, pa.Array]:
    often = np.isin(kinds, [OPERATIONS.index(o) for o in ("find", "get", "move")])
    took = np.where(often, middle * 0.6e6, -1)
    return {
        "first_responses": pa.array(number, mask=~often).cast(pa.string()),
        "first_response_mean": seconds(took, -1),
        "first_response_max": seconds(np.where(often, took * 1.5, -1), -1),
    }
