"""Knows what is counted of months that are rolled up, so that no other sensor's late log adds it.

There a pair's rows are gone, and the sensor that saw most cannot be chosen any more; what is left
are the keys of connections. A key follows from the sensor, too: that of the same connection as the
other sensor would have it is looked for, a quarter of a second around its start.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pacsflow.ledger.keys import STEP_US, connection_keys, later, networks
from pacsflow.ledger.rollup import is_rolled
from pacsflow.ledger.views import select
from pacsflow.readers.arrays import repeated
from pacsflow.terms.networks import INTERNET

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import duckdb
    from numpy.typing import NDArray

    from pacsflow.ledger.clocks import Clock
    from pacsflow.ledger.records import Kept

STEPS = 25
"""Steps of keys by which the starts of one connection may differ at two sensors."""


@dataclass(frozen=True, slots=True)
class Rolled:
    """Connections that are counted in months that are rolled up.

    Parameters
    ----------
    keys
        By sensor, empty where nobody said; sorted.
    ahead
        Seconds by which sensors' clocks are ahead, of the same moment; the others' are 0.
    whole
        Pairs of hosts whose rows are all there, by `_pairs`: of them the views choose.
    """

    keys: dict[str, NDArray[np.int64]]
    ahead: dict[str, float]
    whole: pa.Array

    def counts(self, rows: pa.RecordBatch, sensor: pa.Array) -> NDArray[np.bool_]:
        """Return which rows of conn.log tell what another sensor's rows have told."""
        found = np.zeros(rows.num_rows, bool)
        gone = pc.invert(pc.is_in(_pairs(rows["id.orig_h"], rows["id.resp_h"]), self.whole))
        places = np.flatnonzero(gone.to_numpy(zero_copy_only=False))
        some, sensor = rows.take(places), pc.fill_null(sensor.take(places), "")
        tagged = networks(some).any()
        for name, known in self.keys.items():
            other = pc.not_equal(sensor, name).to_numpy(zero_copy_only=False)
            # Sensors on two sides of a router see one connection in two VLANs, or in none.
            sought = [
                connection_keys(some, repeated(name, len(places)), anywhere=anywhere)
                for anywhere in ((False, True) if tagged else (False,))
            ]
            for own in pc.unique(sensor).to_pylist():
                apart = self.ahead.get(name, 0.0) - self.ahead.get(own, 0.0)
                middle = round(apart * 1e6 / STEP_US)
                mine = np.flatnonzero(other & pc.equal(sensor, own).to_numpy(zero_copy_only=False))
                for steps, keys in product(range(middle - STEPS, middle + STEPS + 1), sought):
                    found[places[mine[_among(later(keys[mine], steps), known)]]] = True
        return found


def _among(keys: NDArray[np.int64], known: NDArray[np.int64]) -> NDArray[np.bool_]:
    places = np.minimum(np.searchsorted(known, keys), len(known) - 1)
    found: NDArray[np.bool_] = known[places] == keys
    return found


def _pairs(one: pa.Array, other: pa.Array) -> pa.Array:
    """Return both addresses as one text, the lesser one first."""
    text = [pc.cast(side, pa.string()) for side in (one, other)]
    first = pc.less_equal(*text)
    return pc.binary_join_element_wise(
        pc.if_else(first, *text), pc.if_else(first, text[1], text[0]), " "
    )


def rolled(
    duck: duckdb.DuckDBPyConnection,
    folder: Path,
    kept: Sequence[Kept],
    staged: Sequence[Kept],
    clocks: Sequence[Clock],
) -> Rolled | None:
    """Return what is counted of the months of new files that are rolled up; None for none.

    Parameters
    ----------
    folder, kept
        The ledger's.
    staged
        The new files.
    """
    months = {one.period[:7] for one in staged if one.table == "keys"}
    summed = [one for one in kept if one.period in months and is_rolled(one)]
    months = {one.period for one in summed}
    known = [one for one in kept if one.table == "keys" and one.period[:7] in months]
    if not known:
        return None
    keys = duck.sql(
        f"""SELECT coalesce(sensor, '') AS sensor, key
            FROM ({select(duck, folder, "keys", known)}) GROUP BY ALL HAVING sum(sign) > 0
            ORDER BY key"""
    ).to_arrow_table()
    whole = duck.sql(
        f"""SELECT DISTINCT least(source, destination) || ' ' || greatest(source, destination)
            FROM ({select(duck, folder, "traffic", summed)})
            WHERE '{INTERNET}' NOT IN (source, destination)"""
    ).to_arrow_table()
    by_sensor = {
        name: keys.filter(pc.equal(keys["sensor"], name))["key"].to_numpy()
        for name in pc.unique(keys["sensor"]).to_pylist()
    }
    ahead = {clock.sensor: clock.seconds for clock in clocks if str(clock.day)[:7] in months}
    return Rolled(by_sensor, ahead, whole.column(0).combine_chunks())
