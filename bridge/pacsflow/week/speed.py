"""How fast a week was: response times, transfer rates, waiting, and where the time went."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from pacsflow.ledger.response_times import OperationTimes, read_times
from pacsflow.terms.dicom_times import ENCRYPTED
from pacsflow.week.flows import columns, hold
from pacsflow.week.where import Where, where

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from pacsflow.terms.histogram import Percentile
    from pacsflow.terms.party import Party
    from pacsflow.week.hosts import Hosts
    from pacsflow.week.period import Week
    from pacsflow.week.traffic import Scope

BEFORE = 4
"""Weeks before, which a week is held against."""
ENOUGH = 20
"""Fewer response times have no 95th percentile worth telling."""
SHOWN = 50
NAMES = {
    "echo": "C-ECHO", "store": "C-STORE", "find": "C-FIND", "get": "C-GET", "move": "C-MOVE",
    "n": "DIMSE-N",
}  # fmt: skip
"""What people call the operations of dicom_times.log."""


@dataclass(frozen=True, slots=True)
class Range:
    """A percentile of response times, seconds, and the two between which it certainly lies."""

    value: float
    lower: float
    upper: float


@dataclass(frozen=True, slots=True)
class AnswerTimes:
    """How fast one host answered one operation; `client` is None where all who asked are meant.

    Parameters
    ----------
    timed
        How many response times there are.
    before
        The 95th percentiles of the weeks before, seconds, the latest first; None where there were
        too few.
    first
        Mean seconds to the first response of a query or retrieval.
    where
        server, network, sender or receiver: who took most of the time; why: the pattern, or empty.
    """

    server: Party
    client: Party | None
    operation: str
    timed: int
    median: Range
    high: Range
    before: tuple[float | None, ...]
    first: float | None
    where: str
    why: str


@dataclass(frozen=True, slots=True)
class SendingRate:
    """How fast one kind of equipment sent its objects, bytes a second while they flowed."""

    modality: str
    objects: int
    rate: float
    before: float | None


@dataclass(frozen=True, slots=True)
class OpenAtOnce:
    """How many associations one host had open at once: the most, and in the weeks before."""

    server: Party
    most: int
    before: int | None
    hours_at_most: int
    """Hours of the week in which it was nearly as many as ever."""


@dataclass(frozen=True, slots=True)
class EncryptedRate:
    """How fast one host sent to another inside TLS, where nobody sees what.

    Parameters
    ----------
    connections
        Of which `rate` is known, or `setup`, or `round_trip`.
    rate
        Bytes a second while it sent, those of TLS included.
    setup, round_trip
        Mean seconds of connections in which it sent the most.
    """

    sender: Party
    receiver: Party
    connections: int
    rate: float | None
    setup: float | None
    round_trip: float | None


@dataclass(frozen=True, slots=True)
class Speed:
    """Everything that the page says of it.

    Parameters
    ----------
    answers
        By server and operation, the slowest first.
    pairs
        The slowest pairs of hosts.
    senders
        By modality.
    hours
        Median seconds of response by weekday and hour of the site's zone; None without any.
    open_at_once
        By server, from dicom.log.
    where, why
        Of all operations of the week together.
    share
        Percent of the time that `where` took.
    encrypted
        Encrypted connections on DICOM's ports, the most bytes first.
    """

    answers: tuple[AnswerTimes, ...]
    pairs: tuple[AnswerTimes, ...]
    senders: tuple[SendingRate, ...]
    hours: tuple[tuple[float | None, ...], ...]
    open_at_once: tuple[OpenAtOnce, ...]
    where: str
    why: str
    share: float
    encrypted: tuple[EncryptedRate, ...] = ()
    other_answers: int = 0
    """How many there are besides those in the list, as of the lists below."""
    other_pairs: int = 0
    other_encrypted: int = 0
    other_open_at_once: int = 0


READ = f"operation <> '{ENCRYPTED}'"
"""A condition on operations: messages that were read."""


def of_week(
    scope: Scope, by: Sequence[str], week: Week, *, condition: str = "TRUE"
) -> dict[tuple[str, ...], OperationTimes]:
    """Return what was timed in a week, by columns of the ledger's table ``times``."""
    return read_times(
        scope.connection,
        by,
        where=f"hour >= ? AND hour < ? AND ({condition})",
        values=[week.start, week.end],
    )


def of_weeks(
    scope: Scope, by: Sequence[str], *, condition: str = "TRUE"
) -> list[dict[tuple[str, ...], OperationTimes]]:
    """Return the same of the week and of each of the `BEFORE` weeks before it, the week first."""
    weeks = [scope.week.shifted(-n) for n in range(BEFORE + 1)]
    begins = "".join(
        f" WHEN epoch(hour) >= {int(week.start.timestamp())} THEN {number}"
        for number, week in enumerate(weeks)
    )
    found: list[dict[tuple[str, ...], OperationTimes]] = [{} for _ in weeks]
    told = read_times(
        scope.connection,
        [f"CASE{begins} END", *by],
        where=f"hour >= ? AND hour < ? AND ({condition})",
        values=[weeks[-1].start, scope.week.end],
    )
    for (number, *key), times in told.items():
        found[number][tuple(key)] = times
    return found


def speed(scope: Scope, hosts: Hosts) -> Speed | None:
    """Return how fast the week was; None where nothing of it was timed."""
    week = scope.week
    encrypted = _encrypted(scope, hosts)
    whole = of_week(scope, [], week, condition=READ)
    if not whole and not encrypted:
        return None
    took = where(*whole.values()) if whole else Where(0.0, 0.0, 0.0, 0.0)
    by_pair = of_week(scope, ["server", "operation", "client"], week, condition=READ)
    answers, pairs = _answers(scope, hosts), _pairs(by_pair, hosts)
    at_once = open_at_once(scope, hosts)
    return Speed(
        answers=answers[:SHOWN],
        pairs=pairs[:SHOWN],
        senders=_senders(scope, hosts),
        hours=_hours(scope, week),
        open_at_once=at_once[:SHOWN],
        where=took.most,
        why=took.why,
        share=100 * getattr(took, took.most) / took.seconds if took.most else 0.0,
        encrypted=encrypted[:SHOWN],
        other_answers=len(answers[SHOWN:]),
        other_pairs=len(pairs[SHOWN:]),
        other_encrypted=len(encrypted[SHOWN:]),
        other_open_at_once=len(at_once[SHOWN:]),
    )


def _encrypted(scope: Scope, hosts: Hosts) -> tuple[EncryptedRate, ...]:
    condition = f"operation = '{ENCRYPTED}'"
    found = of_week(scope, ["client", "server"], scope.week, condition=condition)
    most = sorted(found.items(), key=lambda pair: (-pair[1].counts["data_bytes"], pair[0]))
    return tuple(
        EncryptedRate(
            hosts.party(client),
            hosts.party(server),
            times.counts["associations"],
            times.rate,
            times.mean("setup_seconds", "setups"),
            times.mean("round_trip_seconds", "round_trips"),
        )
        for (client, server), times in most
    )


def _answers(scope: Scope, hosts: Hosts) -> tuple[AnswerTimes, ...]:
    now, *weeks = of_weeks(scope, ["server", "operation"])
    told = [
        _told(hosts.party(key[0]), None, key[1], found, [w.get(key) for w in weeks])
        for key, found in sorted(now.items())
    ]
    return _slowest(told)


def _pairs(found: dict[tuple[str, ...], OperationTimes], hosts: Hosts) -> tuple[AnswerTimes, ...]:
    told = [
        _told(hosts.party(server), hosts.party(client), operation, times, ())
        for (server, operation, client), times in sorted(found.items())
    ]
    return _slowest(told)


def _slowest(told: Iterable[AnswerTimes | None]) -> tuple[AnswerTimes, ...]:
    """Return the slowest first; of those that are as slow the first that was given."""
    made = [answer for answer in told if answer is not None]
    return tuple(sorted(made, key=lambda a: -a.high.value))


def _told(
    server: Party,
    client: Party | None,
    operation: str,
    found: OperationTimes,
    before: Sequence[OperationTimes | None],
) -> AnswerTimes | None:
    median, high = found.percentile(0.5), found.percentile(0.95)
    if median is None or high is None or found.counts["timed"] < ENOUGH:
        return None
    took = where(found)
    return AnswerTimes(
        server=server,
        client=client,
        operation=NAMES.get(operation, operation),
        timed=found.counts["timed"],
        median=_range(median),
        high=_range(high),
        before=tuple(high_of(times) for times in before),
        first=found.mean("first_response_seconds", "first_responses"),
        where=took.most,
        why=took.why,
    )


def high_of(times: OperationTimes | None) -> float | None:
    """Return the 95th percentile, seconds; None where there are too few response times."""
    if times is None or times.counts["timed"] < ENOUGH:
        return None
    high = times.percentile(0.95)
    return high.value if high else None


def _range(found: Percentile) -> Range:
    return Range(found.value, found.lower, found.upper)


def usual(before: Sequence[float | None]) -> float | None:
    """Return the median of the weeks before that there are."""
    there = [value for value in before if value is not None]
    return statistics.median(there) if there else None


def _senders(scope: Scope, hosts: Hosts) -> tuple[SendingRate, ...]:
    condition = "operation = 'store'"
    every = of_weeks(scope, ["client"], condition=condition)
    now, *weeks = (_by_modality(found, hosts) for found in every)
    made = []
    for modality, (size, seconds, objects) in now.items():
        rates = [w[modality][0] / w[modality][1] for w in weeks if w.get(modality, (0, 0))[1]]
        if seconds:
            before = statistics.median(rates) if rates else None
            made.append(SendingRate(modality, objects, size / seconds, before))
    return tuple(sorted(made, key=lambda s: (s.rate, s.modality)))


def _by_modality(
    found: dict[tuple[str, ...], OperationTimes], hosts: Hosts
) -> dict[str, tuple[float, float, int]]:
    """Return bytes, seconds of flow and objects by the modality of who sent."""
    sums: dict[str, tuple[float, float, int]] = {}
    for (client,), times in found.items():
        party = hosts.party(client)
        modality = party.modality or party.role
        size, seconds, objects = sums.get(modality, (0.0, 0.0, 0))
        sums[modality] = (
            size + times.counts["data_bytes"],
            seconds + (times.seconds["data_seconds"] or 0.0),
            objects + times.counts["data_sets"],
        )
    return sums


def _hours(scope: Scope, week: Week) -> tuple[tuple[float | None, ...], ...]:
    cells: list[list[float | None]] = [[None] * 24 for _ in range(7)]
    for (second,), times in of_week(scope, ["epoch(hour)::BIGINT"], week).items():
        local = datetime.fromtimestamp(int(second), UTC).astimezone(week.zone)
        middle = times.percentile(0.5)
        cells[local.weekday()][local.hour] = middle.value if middle else None
    return tuple(map(tuple, cells))


HOUR_US = 3_600_000_000
NEARLY = 0.9
"""Of the most ever: so many open associations are nearly as many."""

_OPEN = """
    SELECT place, epoch_us(ts) AS begin, epoch_us(ts) + (duration * 1e6)::BIGINT AS finish
    FROM associations JOIN members ON "id.resp_h" = host
    WHERE result = 'accepted' AND duration BETWEEN 0 AND 2419200 AND ts >= $first AND ts < $end
"""


def open_by_hour(scope: Scope) -> dict[str, dict[datetime, int]]:
    """Return the most associations that each server had open at once, by hour, with the past."""
    week = scope.week
    servers = scope.connection.execute('SELECT DISTINCT "id.resp_h" FROM associations').fetchall()
    names = [row[0] for row in servers]
    hold(scope, {name: (name,) for name in names})
    span = {"first": week.shifted(-BEFORE).start, "end": week.end}
    place, begin, finish = columns(scope, _OPEN, span)
    order = np.argsort(place, kind="stable")
    edges = np.searchsorted(place[order], np.arange(len(names) + 1))
    parts = (order[low:high] for low, high in pairwise(edges))
    return {
        name: dict(_most_by_hour(begin[mine], finish[mine]))
        for name, mine in zip(names, parts, strict=True)
        if len(mine)
    }


def _most_by_hour(
    begin: NDArray[np.int64], finish: NDArray[np.int64]
) -> Iterator[tuple[datetime, int]]:
    """Yield the hours in which one of them began or ended, and the most there were in each."""
    marks = np.sort(np.concatenate([2 * begin + 1, 2 * finish]))  # at one moment, who ends is first
    there = np.cumsum(np.where(marks % 2, 1, -1))
    hours = marks // (2 * HOUR_US)
    starts = np.flatnonzero(np.diff(hours, prepend=hours[0] - 1))
    most = np.maximum.reduceat(there, starts)
    for hour, number in zip(hours[starts].tolist(), most.tolist(), strict=True):
        yield datetime.fromtimestamp(hour * 3600, UTC), number


def open_at_once(scope: Scope, hosts: Hosts) -> tuple[OpenAtOnce, ...]:
    """Return how many associations each server had open at once, of those that ever had two."""
    start = scope.week.start
    made = []
    for host, hours in open_by_hour(scope).items():
        now = [most for hour, most in hours.items() if hour >= start]
        then = [most for hour, most in hours.items() if hour < start]
        ever = max([*now, *then])
        if now and ever > 1:
            near = sum(most >= NEARLY * ever for most in now)
            made.append(OpenAtOnce(hosts.party(host), max(now), max(then, default=None), near))
    made.sort(key=lambda o: (-o.most, o.server.address))
    return tuple(made)
