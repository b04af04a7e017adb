"""What moves much data and is no image: backup, streams, updates, month's end, a migration.

A sensor sees hundreds of such transfers a day, not millions: what a guest's network or a proxy
gathers comes from one address, and a night's backup of a server is one connection.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np

from pacsflow.simulator.rhythm import HOUR_US, arrivals, shape
from pacsflow.simulator.story import microseconds
from pacsflow.simulator.tables import (
    CONNECTION,
    HISTORIES,
    SERVICES,
    Rows,
    concatenate,
    count_packets,
    new_connections,
    new_uids,
)

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from numpy.typing import NDArray

    from pacsflow.simulator.equipment import Hospital
    from pacsflow.simulator.story import Story

GB = 1e9
_BACKUP = {"files1": 20 * GB, "ehr": 12 * GB, "ris": 3 * GB, "ad1": 1 * GB}
"""What the backup fetches of each server in a night."""
_FULL = 4
"""In the night to Sunday it fetches everything, so many times as much."""
_UPDATE, _UPDATES = 0.8 * GB, 35 * GB
"""A month's updates for one computer, and all that the hospital's server takes from outside."""
_ACCOUNTS = 18 * GB
"""What accounting is sent on each of the last two evenings of a month."""
_SPREAD = 0.12
"""Standard deviation of the logarithm of the sizes that machines decide."""


@dataclass(frozen=True, slots=True)
class Stream:
    """One kind of long conversation with the world outside.

    Parameters
    ----------
    client
        Name of a device, or the site of those that ask.
    servers, port, proto, service
        As in `office.Habit`.
    per_day
        Connections of one client on a mean weekday.
    when
        Name of the weekly shape.
    sent, got
        Median payload bytes.
    seconds
        Median duration.
    """

    client: str
    servers: tuple[str, ...]
    port: int
    proto: int
    service: str
    per_day: float
    when: str
    sent: float
    got: float
    seconds: float


_WEB = ("web1", "web2", "web3")
STREAMS = (
    # the patients' wireless network, behind one address: films in the evening
    Stream("guests", _WEB, 443, 17, "-", 110, "leisure", 3e6, 130e6, 1500),
    Stream("office", _WEB, 443, 17, "-", 0.8, "office", 2e6, 55e6, 600),
    Stream("office", ("meetings",), 3478, 17, "-", 0.35, "office", 230e6, 340e6, 2300),
    Stream("office", ("files1",), 445, 6, "smb", 0.5, "office", 9e6, 40e6, 300),
)


def servers(
    hospital: Hospital, told: Story, start: datetime, local: NDArray[np.int64], zone: ZoneInfo
) -> Rows:
    """Return the large connections that begin in one week.

    Parameters
    ----------
    hospital, told
        The equipment, whose seed decides, and what happens.
    start
        Start of the week, UTC.
    local
        Hour of the day and weekday of each of its hours, shape (hours, 2).
    zone
        The hospital's.
    """
    begin = microseconds(start)
    rng = np.random.default_rng([hospital.seed, begin // HOUR_US, 24])
    first = start.astimezone(zone).date()
    days = [first + timedelta(days=i) for i in range(len(local) // 24)]
    tables = [_streams(rng, hospital, stream, local, begin) for stream in STREAMS]
    for day in days:
        tables += [
            _backup(rng, hospital, day, zone),
            *_updates(rng, hospital, day, zone),
            *_accounts(rng, hospital, day, zone),
        ]
    if start <= told.migration_start < start + timedelta(weeks=1):
        tables.append(_migration(rng, hospital, told))
    table = concatenate(tables, CONNECTION)
    table["uid"] = new_uids(rng, len(table))
    count_packets(table)
    return table


def _streams(
    rng: np.random.Generator,
    hospital: Hospital,
    of: Stream,
    local: NDArray[np.int64],
    start_us: int,
) -> Rows:
    """Return a week's long conversations of one kind."""
    clients = [i for i, d in enumerate(hospital.devices) if of.client in (d.name, d.site)]
    per_day = of.per_day * (hospital.scale if of.client == "guests" else 1.0)
    who, when = arrivals(rng, per_day, shape(of.when, local), np.array(clients), start_us)
    n = len(when)
    seconds = rng.lognormal(np.log(of.seconds), 0.7, n)
    weight = seconds / of.seconds  # who stays longer moves more
    return new_connections(
        when, orig=who, resp=rng.choice([hospital.index(name) for name in of.servers], n),
        orig_p=rng.integers(32768, 61000, n), resp_p=of.port, proto=of.proto,
        service=SERVICES.index(of.service), duration=seconds * 1e6,
        orig_bytes=of.sent * weight * rng.lognormal(0, 0.4, n),
        resp_bytes=of.got * weight * rng.lognormal(0, 0.4, n),
        history=HISTORIES.index("Dd" if of.proto == 17 else "ShADadFf"),
    )  # fmt: skip


def _backup(rng: np.random.Generator, hospital: Hospital, day: date, zone: ZoneInfo) -> Rows:
    """Return a night's backup: one connection a server, one after the other from 22:30 on."""
    full = _FULL if day.weekday() == 5 else 1
    sizes = np.array(list(_BACKUP.values())) * full * hospital.scale
    sizes *= rng.lognormal(0, _SPREAD, len(sizes))
    lasted = sizes / 25e6 * rng.lognormal(0, 0.1, len(sizes)) * 1e6
    begun = _at(day, time(22, 30), zone) + np.concatenate([[0], np.cumsum(lasted + 60e6)[:-1]])
    names = [hospital.index(name) for name in _BACKUP]
    return _transfer(
        rng, begun, orig=hospital.index("backup1"), resp=names, port=10000, sent=sizes * 0.002,
        got=sizes, lasted=lasted,
    )  # fmt: skip


def _updates(rng: np.random.Generator, hospital: Hospital, day: date, zone: ZoneInfo) -> list[Rows]:
    """Return the updates of the second Tuesday's night: to the server, then to each computer."""
    if day.weekday() != 1 or not 8 <= day.day <= 14:
        return []
    server, outside = hospital.index("updates1"), hospital.index("updates")
    whole = np.array([_UPDATES * rng.lognormal(0, _SPREAD)])
    taken = _transfer(
        rng, np.array([_at(day, time(20), zone)]), orig=server, resp=outside, port=443,
        sent=whole * 0.001, got=whole, lasted=whole / 12e6 * 1e6,
    )  # fmt: skip
    computers = np.array([i for i, d in enumerate(hospital.devices) if d.site == "office"])
    n = len(computers)
    sizes = _UPDATE * rng.lognormal(0, 0.25, n)
    begun = _at(day + timedelta(days=1), time(5), zone) + rng.integers(0, 2 * HOUR_US, n)
    given = _transfer(
        rng, begun, orig=computers, resp=server, port=8530, sent=sizes * 0.001, got=sizes,
        lasted=sizes / 6e6 * 1e6,
    )  # fmt: skip
    return [taken, given]


def _accounts(
    rng: np.random.Generator, hospital: Hospital, day: date, zone: ZoneInfo
) -> list[Rows]:
    """Return what accounting is sent on a month's last two evenings."""
    if (day + timedelta(days=2)).day > 2:
        return []
    size = np.array([_ACCOUNTS * hospital.scale * rng.lognormal(0, _SPREAD)])
    begun = np.array([_at(day, time(18, 30), zone)])
    return [
        _transfer(
            rng, begun, orig=hospital.index("ehr"), resp=hospital.index("accounts1"), port=445,
            sent=size, got=size * 0.002, lasted=size / 3e6 * 1e6,
        )
    ]  # fmt: skip


def _migration(rng: np.random.Generator, hospital: Hospital, told: Story) -> Rows:
    """Return the move of all files to a new server: a connection an hour, through one night."""
    hours = (told.migration_end - told.migration_start) // timedelta(hours=1)
    sizes = np.full(hours, told.migration_bytes // hours)
    begun = microseconds(told.migration_start) + np.arange(hours) * HOUR_US
    return _transfer(
        rng, begun, orig=hospital.index("files1"), resp=hospital.index("files2"), port=445,
        sent=sizes, got=np.zeros(hours), lasted=np.full(hours, HOUR_US - 20e6),
    )  # fmt: skip


def _transfer(
    rng: np.random.Generator,
    begun: NDArray[Any],
    *,
    orig: NDArray[np.int64] | int,
    resp: list[int] | int,
    port: int,
    sent: NDArray[np.float64],
    got: NDArray[np.float64],
    lasted: NDArray[np.float64],
) -> Rows:
    """Return TCP connections of given payload bytes and microseconds."""
    service = {445: "smb", 443: "ssl"}.get(port, "-")
    return new_connections(
        begun.astype(np.int64), orig=orig, resp=resp, resp_p=port,
        orig_p=rng.integers(32768, 61000, len(begun)), service=SERVICES.index(service),
        orig_bytes=sent, resp_bytes=got, duration=lasted, history=HISTORIES.index("ShADadFf"),
    )  # fmt: skip


def _at(day: date, clock: time, zone: ZoneInfo) -> int:
    """Return microseconds since the epoch of a local time."""
    return microseconds(datetime.combine(day, clock, zone))
