"""Connections of months that are rolled up are known again, whichever sensor tells them late."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from pacsflow.ledger.keys import STEP_US, connection_keys
from pacsflow.ledger.rolled import Rolled
from pacsflow.readers.arrays import repeated
from pacsflow.terms.log_fields import VLANS, ZEEK_LOGS

START = 1772438400_000_000


def rows(*steps: float, **more: Any) -> pa.RecordBatch:
    """Return connections of one flow that began so many steps of keys after `START`."""
    row = {"id.orig_h": "10.0.0.1", "id.orig_p": 4000, "id.resp_h": "9.9.9.9", "id.resp_p": 443,
           "proto": "tcp"} | more  # fmt: skip
    made = [row | {"ts": START + round(step * STEP_US)} for step in steps]
    schema = pa.schema([f for f in ZEEK_LOGS["conn"] if f.name in {*row, "ts", *VLANS}])
    return pa.RecordBatch.from_pylist(made, schema)


def counted(
    given: pa.RecordBatch, *sensors: str | None, ahead: dict[str, float] | None = None,
    whole: tuple[str, ...] = (), known: str = "north",
) -> list[bool]:  # fmt: skip
    """Return which rows are counted where `known` has told of one connection that began then."""
    keys = connection_keys(rows(0), repeated(known, 1))
    other = connection_keys(rows(0, **{"id.orig_p": 9}), repeated(known, 1))
    told = Rolled(
        {known: np.sort(np.concatenate([keys, other]))}, ahead or {}, pa.array(whole, pa.string())
    )
    sensor = pa.array(list(sensors) * given.num_rows if len(sensors) == 1 else sensors)
    return list(told.counts(given, sensor.cast(pa.string())))


def test_a_quarter_of_a_second_around_the_start() -> None:
    given = rows(-26, -25, -1, 0, 0.9, 25, 26)
    assert counted(given, "south") == [False, True, True, True, True, True, False]
    assert counted(rows(0, proto="udp"), "south") == [False]
    assert counted(rows(0, **{"id.resp_p": 80}), "south") == [False]


def test_a_sensors_own_rows_are_looked_for_elsewhere() -> None:
    given = rows(0, 1, 2)
    assert counted(given, "north", "south", None) == [False, True, True]
    assert counted(given, "north", "south", None, known="") == [True, True, False]


@pytest.mark.parametrize(
    ("ahead", "at"), [({"north": 3600.0}, -3600), ({"south": 7.0}, 7), ({"south": -7.0}, -7),
                      ({"south": 9.0, "north": 4.0}, 5)],
)  # fmt: skip
def test_clocks_that_are_apart(ahead: dict[str, float], at: int) -> None:
    given = rows(at * 100 - 26, at * 100 - 25, at * 100 + 25, at * 100 + 26)
    assert counted(given, "south", ahead=ahead) == [False, True, True, False]


def test_pairs_whose_rows_are_all_there_are_chosen_from_by_the_views() -> None:
    given = rows(0)
    assert counted(given, "south", whole=("10.0.0.1 9.9.9.9",)) == [False]
    assert counted(given, "south", whole=("9.9.9.9 10.0.0.1",)) == [True], "the lesser first"
    back = rows(0, **{"id.orig_h": "9.9.9.9", "id.resp_h": "10.0.0.1"})
    assert counted(back, "south") == [False], "the other way is another connection"
