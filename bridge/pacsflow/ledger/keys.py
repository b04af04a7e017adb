"""Gives every connection a number by which it is known again, whichever log or tool tells it.

The number follows from sensor, VLAN, addresses, ports, protocol and start alone: a connection has
no `uid` in some logs and another one at every sensor. Starts are taken in steps of 10 ms, so that a
log that rounds its times is met in the same step or the one beside it.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from numpy.typing import NDArray

STEP_US = 10_000
"""Microseconds of a step: starts that differ by less may be one connection's."""
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX = (np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))


@lru_cache(maxsize=1 << 17)
def _number_of(text: str) -> int:
    """Return 64 bits that follow from a text on every machine and in every version (BLAKE2b)."""
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "little")


def _numbers(column: pa.Array) -> NDArray[np.uint64]:
    """Return `_number_of` of every text; nulls have that of the empty text."""
    words = column.fill_null("").dictionary_encode()
    made = np.array([_number_of(word) for word in words.dictionary.to_pylist()], dtype=np.uint64)
    found: NDArray[np.uint64] = made
    if len(words):
        found = made[words.indices.to_numpy(zero_copy_only=False)]
    return found


def _whole(column: pa.Array) -> NDArray[np.uint64]:
    values = column.cast(pa.int64()).fill_null(0).to_numpy(zero_copy_only=False)
    found: NDArray[np.uint64] = values.astype(np.uint64)
    return found


def _mixed(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Spread every bit over all others (the finaliser of SplitMix64, Steele et al. 2014)."""
    values = (values ^ (values >> np.uint64(30))) * _MIX[0]
    values = (values ^ (values >> np.uint64(27))) * _MIX[1]
    return values ^ (values >> np.uint64(31))


def networks(rows: pa.RecordBatch) -> NDArray[np.uint64]:
    """Return a number for the VLANs of each row of conn.log, 0 for none (or a priority alone)."""
    outer, inner = (
        _whole(pc.coalesce(rows[name], rows[f"id.ctx.{name}"])) for name in ("vlan", "inner_vlan")
    )
    found: NDArray[np.uint64] = (outer << np.uint64(16)) | inner
    return found


def _in_networks(key: NDArray[np.uint64], rows: pa.RecordBatch) -> NDArray[np.uint64]:
    """Tell connections of different VLANs apart; without a VLAN a key stays what it is."""
    network = networks(rows)
    if not network.any():
        return key
    return np.where(network != 0, _mixed(key * _GOLDEN + network), key)


def connection_keys(
    rows: pa.RecordBatch, sensor: pa.Array, *, anywhere: bool = False
) -> NDArray[np.int64]:
    """Return the key of each row of conn.log, shape (rows,).

    Parameters
    ----------
    rows
        In the columns of conn.log.
    sensor
        Which sensor saw each row, shape (rows,): connections of two sensors are two.
    anywhere
        Do not ask in which VLAN: the same addresses and ports in two are one connection.
    """
    key = _numbers(sensor)
    for name in ("id.orig_h", "id.orig_p", "id.resp_h", "id.resp_p", "proto"):
        column = rows.column(name)
        part = _numbers(column) if pa.types.is_string(column.type) else _whole(column)
        key = _mixed(key * _GOLDEN + part)
    if not anywhere:
        key = _in_networks(key, rows)
    steps = rows.column("ts").cast(pa.int64()).fill_null(0).to_numpy(zero_copy_only=False)
    step = (steps // STEP_US).astype(np.uint64)
    found: NDArray[np.int64] = (key + step * _GOLDEN).view(np.int64)
    return found


def alike_keys(keys: NDArray[np.int64], carried: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return keys that are the same only where connections carry as many bytes, too."""
    salt = _mixed(carried.astype(np.uint64) * _GOLDEN + np.uint64(1))
    found: NDArray[np.int64] = (keys.view(np.uint64) + salt).view(np.int64)
    return found


def neighbours(keys: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the keys that the same connections have one step earlier, and one later."""
    return later(keys, -1), later(keys, 1)


def later(keys: NDArray[np.int64], steps: int) -> NDArray[np.int64]:
    """Return the keys that the same connections have so many steps later."""
    by = np.int64(steps).view(np.uint64) * np.full(1, _GOLDEN)
    found: NDArray[np.int64] = (keys.view(np.uint64) + by).view(np.int64)
    return found


_LOW = np.uint64((1 << 24) - 1)


def flow_steps(
    keys: NDArray[np.int64], moments: NDArray[np.int64]
) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """Return numbers by which steps of one flow sort beside each other, and the flows' own.

    Parameters
    ----------
    keys
        Of connections.
    moments
        When they began, microseconds since 1970, shape as `keys`.
    """
    steps = (moments // STEP_US).astype(np.uint64)
    flows = keys.view(np.uint64) - steps * _GOLDEN
    sorting: NDArray[np.uint64] = (flows & ~_LOW) | (steps & _LOW)
    own: NDArray[np.int64] = flows.view(np.int64)
    return sorting, own
