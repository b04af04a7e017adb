"""Everything in the hospital's network that is not an image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pacsflow.simulator.rhythm import arrivals, shape
from pacsflow.simulator.tables import (
    CONNECTION,
    HISTORIES,
    SERVICES,
    STATES,
    UNSET,
    Rows,
    concatenate,
    count_packets,
    new_connections,
    new_uids,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pacsflow.simulator.equipment import Hospital


@dataclass(frozen=True, slots=True)
class Habit:
    """One kind of conversation.

    Parameters
    ----------
    service
        As conn.log calls it, "-" where Zeek has no analyzer for it.
    servers
        Names of the devices that answer.
    port
        Port of the responder (for ICMP: the code, as Zeek writes it).
    per_day
        Connections of one client on a mean weekday.
    when
        Name of the weekly shape.
    request, reply
        Median payload bytes.
    seconds
        Median duration.
    proto
        IP protocol number.
    clients
        Roles (and, for other, sites) of those who ask.
    """

    service: str
    servers: tuple[str, ...]
    port: int
    per_day: float
    when: str
    request: float
    reply: float
    seconds: float
    proto: int = 6
    clients: tuple[str, ...] = ("office", "workstation")


_WEB = ("web1", "web2", "web3")
HABITS = (
    Habit("dns", ("dns1",), 53, 9, "office", 44, 120, 0.004, 17),
    Habit("dns", ("dns1",), 53, 1, "always", 42, 96, 0.003, 17, ("modality", "pacs", "worklist")),
    Habit("ssl", _WEB, 443, 4, "office", 2_800, 62_000, 6),
    Habit("ssl", ("ehr",), 443, 6, "office", 5_200, 140_000, 18),
    Habit("ssl", ("updates",), 443, 0.3, "always", 1_900, 2_400_000, 11),
    Habit("http", ("web1", "updates"), 80, 0.8, "office", 700, 21_000, 1.5),
    Habit("smb", ("files1",), 445, 1.5, "office", 26_000, 380_000, 45),
    Habit("ldap", ("ad1",), 389, 0.8, "office", 800, 2_400, 0.2),
    Habit("krb", ("ad1",), 88, 0.8, "office", 1_400, 1_500, 0.02),
    Habit("ntp", ("ad1",), 123, 0.6, "always", 48, 48, 0.001, 17, ("office", "modality", "pacs")),
    Habit("-", ("hl7",), 2575, 160, "emergency", 900, 130, 0.3, 6, ("worklist",)),
    Habit("snmp", ("pacs1", "pacs2", "film1"), 161, 48, "always", 90, 260, 0.01, 17, ("monitor",)),
    Habit("ssh", ("pacs1", "pacs2"), 22, 2, "office", 4_000, 9_000, 240, 6, ("monitor",)),
    Habit("-", ("dns1",), 0, 0.4, "always", 56, 56, 0.001, 1, ("office",)),
    # teleradiology: the gateway sends studies over TLS, its content is not to be seen
    Habit("ssl", ("teleradiology",), 2762, 12, "emergency", 70e6, 9_000, 90, 6, ("gateway",)),
)


def everything_else(
    rng: np.random.Generator, hospital: Hospital, local: NDArray[np.int64], start_us: int
) -> Rows:
    """Return one week of conn.log rows of offices, servers and the world outside.

    Parameters
    ----------
    rng
        Source of randomness of this week.
    hospital
        The equipment.
    local
        Hour of the day and weekday of each hour of the week, shape (hours, 2).
    start_us
        Start of the week, microseconds since the epoch.
    """
    tables = []
    for habit in HABITS:
        clients = np.array(sorted({i for kind in habit.clients for i in _clients(hospital, kind)}))
        who, when = arrivals(rng, habit.per_day, shape(habit.when, local), clients, start_us)
        n = len(when)
        servers = np.array([hospital.index(name) for name in habit.servers])
        rows = new_connections(
            when, orig=who, resp=rng.choice(servers, n), resp_p=habit.port, proto=habit.proto,
            orig_p=8 if habit.proto == 1 else rng.integers(32768, 61000, n),
            service=SERVICES.index(habit.service),
            orig_bytes=rng.lognormal(np.log(habit.request), 0.5, n),
            resp_bytes=rng.lognormal(np.log(habit.reply), 0.9, n),
            duration=rng.lognormal(np.log(habit.seconds), 0.8, n) * 1e6,
            history=HISTORIES.index("-" if habit.proto == 1 else "Dd") if habit.proto != 6
            else rng.choice(2, n), state=STATES.index("OTH" if habit.proto == 1 else "SF"),
        )  # fmt: skip
        if habit.proto == 6:
            _unanswered(rng, rows)
        tables.append(rows)
    tables.append(_knocks(rng, hospital, local, start_us))
    table = concatenate(tables, CONNECTION)
    table["uid"] = new_uids(rng, len(table))
    count_packets(table)
    return table


def _clients(hospital: Hospital, kind: str) -> list[int]:
    """Return the devices of a role, a site or a name."""
    if kind == "office":
        return [i for i, device in enumerate(hospital.devices) if device.site == "office"]
    if kind == "monitor":
        return [hospital.index("monitor")]
    return hospital.of(kind)


def _unanswered(rng: np.random.Generator, rows: Rows) -> None:
    """Let some TCP connections be reset or get no answer, in place."""
    fate = rng.random(len(rows))
    reset = fate < 0.03
    rows["state"][reset] = STATES.index("RSTO")
    rows["history"][reset] = HISTORIES.index("ShADadR")
    silent = fate > 0.994
    _no_answer(rows, silent, "S0", "S")
    refused = (fate > 0.99) & ~silent
    _no_answer(rows, refused, "REJ", "Sr")


def _no_answer(rows: Rows, chosen: NDArray[np.bool_], state: str, history: str) -> None:
    """Turn the chosen rows into attempts that carried no payload, in place."""
    rows["state"][chosen] = STATES.index(state)
    rows["history"][chosen] = HISTORIES.index(history)
    rows["service"][chosen] = 0
    if state == "S0":
        for column in ("duration", "orig_bytes", "resp_bytes"):
            rows[column][chosen] = UNSET
    else:
        rows["duration"][chosen] = 900
        rows["orig_bytes"][chosen] = rows["resp_bytes"][chosen] = 0


def _knocks(
    rng: np.random.Generator, hospital: Hospital, local: NDArray[np.int64], start_us: int
) -> Rows:
    """Return the background of a stranger's connection attempts at the gateway."""
    who = np.array([hospital.index("stranger")])
    _, when = arrivals(rng, 6, shape("always", local), who, start_us)
    n = len(when)
    rows = new_connections(
        when, orig=who[0], resp=hospital.index("dicom-gw"), orig_p=rng.integers(32768, 61000, n),
        resp_p=rng.choice([22, 104, 443, 3389, 11112], n),
    )  # fmt: skip
    _no_answer(rows, np.ones(n, dtype=np.bool_), "S0", "S")
    return rows
