"""The hourly series that a perfect reader of the simulated logs would find, without the logs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pacsflow.series import HourlySeries
from pacsflow.simulator.rhythm import HOUR_US
from pacsflow.simulator.span import span, weeks_of
from pacsflow.simulator.story import microseconds
from pacsflow.simulator.tables import SERVICES, end_of

if TYPE_CHECKING:
    from datetime import datetime

    from numpy.typing import NDArray

    from pacsflow.simulator.equipment import Hospital
    from pacsflow.simulator.tables import Rows


def hourly_series(
    hospital: Hospital, *, weeks: int, start: datetime | None = None
) -> dict[str, HourlySeries]:
    """Return the true hourly traffic of a simulated span.

    Bytes are IP bytes (orig_ip_bytes and resp_ip_bytes) of the connections that `write_logs`
    writes with the same arguments, spread over the hours in proportion to the duration; hours of
    the outage are NaN. Only connections whose service is dicom count as imaging: what the gateway
    sends inside TLS does not.

    Parameters
    ----------
    hospital, weeks, start
        As in `write_logs`.

    Returns
    -------
    dict
        ``imaging`` (bytes, both directions), ``associations`` (connections that began in the
        hour), ``PACS1 in``, ``PACS1 out`` and so on by AE title, and ``CT`` and so on: bytes that
        the modality's devices sent, the newcomer's included.
    """
    what = span(hospital, weeks=weeks, start=start)
    first = microseconds(what.start)
    hours = what.hours
    pacs = hospital.of("pacs")
    kinds = sorted({device.modality for device in hospital.devices if device.modality})
    modality = np.array([device.modality for device in hospital.devices])
    sums = {
        name: np.zeros(hours)
        for name in (
            "imaging",
            "associations",
            *(f"{hospital.devices[i].ae_title} {way}" for i in pacs for way in ("in", "out")),
            *kinds,
        )
    }
    for week in weeks_of(what):
        rows = week.connections[week.connections["service"] == SERVICES.index("dicom")]
        out, back = rows["orig_ip"], rows["resp_ip"]
        sums["imaging"] += _hourly(rows, out + back, first, hours)
        began = (rows["start"] - first) // HOUR_US
        sums["associations"] += np.bincount(began[began >= 0], minlength=hours)[:hours]
        for i in pacs:
            to, by = rows["resp"] == i, rows["orig"] == i
            name = hospital.devices[i].ae_title
            sums[f"{name} in"] += _hourly(rows, out * to + back * by, first, hours)
            sums[f"{name} out"] += _hourly(rows, out * by + back * to, first, hours)
        for kind in kinds:
            sent = out * (modality[rows["orig"]] == kind) + back * (modality[rows["resp"]] == kind)
            sums[kind] += _hourly(rows, sent, first, hours)
    for values in sums.values():
        values[list(what.outage_hours)] = np.nan
    return {
        name: HourlySeries(
            name, "connections" if name == "associations" else "bytes", what.start, values
        )
        for name, values in sums.items()
    }


def _hourly(
    rows: Rows, amount: NDArray[np.int64], first_us: int, hours: int
) -> NDArray[np.float64]:
    """Return `amount` of each row spread over the hours it lasted, shape (hours,)."""
    start = rows["start"] - first_us
    end = end_of(rows) - first_us
    a, b = start // HOUR_US, end // HOUR_US
    one = a == b
    several = ~one
    one &= (a >= 0) & (a < hours)
    total = np.zeros(hours)
    np.add.at(total, a[one], amount[one])
    for s, e, value in zip(
        start[several].tolist(), end[several].tolist(), amount[several].tolist(), strict=True
    ):
        edges = np.arange(s // HOUR_US, e // HOUR_US + 2) * HOUR_US
        part = np.diff(np.clip(edges, s, e)) * (value / (e - s))
        hour = np.arange(len(part)) + s // HOUR_US
        inside = (hour >= 0) & (hour < hours)
        total[hour[inside]] += part[inside]
    return total
