"""How rules ask: associations of a week, what notices cover, and how far the history reaches."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from pacsflow.week.curves import HISTORY_WEEKS as KEPT_WEEKS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pacsflow.findings.facts import Facts

ROWS = 10
"""So many log rows a finding names at most."""
HISTORY_WEEKS = 4
"""A host's own history: so many weeks before the one that is looked at."""
ALL_WEEKS = -KEPT_WEEKS
"""The first of the weeks that a report keeps of the past, for `ask`."""

CLEAR = """
    NOT coalesce(uid IN (SELECT uid FROM tls WHERE uid IS NOT NULL)
        OR uid IN (SELECT evidence_uid FROM endpoints WHERE tls AND evidence_uid IS NOT NULL)
        OR "id.resp_h" || ' ' || "id.resp_p" IN
           (SELECT host || ' ' || port_num FROM endpoints WHERE tls AND port_num IS NOT NULL),
        FALSE)
"""
"""Associations of which nothing says that they are inside TLS: neither ssl.log nor known_dicom.log
by connection, nor known_dicom.log by the endpoint that was called."""


def ask(
    facts: Facts, query: str, values: Sequence[object] = (), *, first: int = 0, last: int = 0
) -> list[Any]:
    """Return the rows of a query over associations, named ``rows``, of weeks `first` to `last`.

    Weeks count from the report's own, 0; -1 is the one before. `t` is the start of an association
    and `until` its end, seconds since the epoch.
    """
    start, end = facts.scope.week.shifted(first).start, facts.scope.week.shifted(last).end
    head = """WITH rows AS (
        SELECT *, epoch_us(ts) / 1e6 AS t, epoch_us(ts) / 1e6 + coalesce(duration, 0) AS until
        FROM associations WHERE ts >= ? AND ts < ?) """
    return facts.scope.connection.execute(head + query, [start, end, *values]).fetchall()


LATEST, FIRST, LARGEST, GAPS = "max(ts) DESC", "min(ts)", "max(bytes) DESC", "max(missed) DESC"
"""Orders of `linked`."""
_LINKED = """
    SELECT uid FROM (
        SELECT uid, ts, source, destination, bytes, missed_bytes AS missed FROM connections
        UNION ALL
        SELECT uid, ts, "id.orig_h", "id.resp_h",
               coalesce(data_bytes_orig, 0)::DOUBLE + coalesce(data_bytes_resp, 0), missed_bytes
        FROM associations)
    WHERE uid IS NOT NULL AND ts >= ? AND ts < ? AND ({where})
    GROUP BY uid ORDER BY {order}, uid LIMIT {most}
"""


def linked(
    facts: Facts,
    start: datetime,
    end: datetime,
    where: str = "TRUE",
    values: Sequence[object] = (),
    *,
    order: str = FIRST,
) -> tuple[str, ...]:
    """Return the uids of imaging connections and associations, the first few in `order`.

    `where` may ask for ts, source (the originator), destination, bytes and missed.
    """
    query = _LINKED.format(where=where, order=order, most=ROWS)
    rows = facts.scope.connection.execute(query, [start, end, *values]).fetchall()
    return uids(row[0] for row in rows)


def linked_to(
    facts: Facts,
    start: datetime,
    end: datetime,
    *hosts: str,
    where: str = "TRUE",
    order: str = FIRST,
) -> tuple[str, ...]:
    """Return the uids of imaging connections on whose sides all of `hosts` are."""
    conditions = [where, *["? IN (source, destination)"] * len(hosts)]
    return linked(facts, start, end, " AND ".join(conditions), hosts, order=order)


def raised(facts: Facts, *names: str) -> list[set[str]]:
    """Return, for each DICOM notice of these names in the week, the hosts that it names."""
    week = facts.scope.week
    rows = facts.scope.connection.execute(
        """SELECT DISTINCT src, dst, "id.orig_h", "id.resp_h" FROM notices
           WHERE ts >= ? AND ts < ? AND list_contains(?, note)""",
        [week.start, week.end, [f"DICOM::{name}" for name in names]],
    ).fetchall()
    return [{host for host in row if host} for row in rows]


def covered(notices: Iterable[set[str]], *hosts: str) -> bool:
    """Say whether one notice names all of `hosts`: then the rule has nothing to add."""
    return any(named.issuperset(hosts) for named in notices)


def history_days(facts: Facts) -> float:
    """Return how many days before the week associations reach back, 0 where none is older."""
    week = facts.scope.week
    row = facts.scope.connection.execute(
        "SELECT epoch_us(min(ts)) FROM associations WHERE ts < ?", [week.start]
    ).fetchall()[0]
    return (week.start.timestamp() - row[0] / 1e6) / 86400 if row[0] is not None else 0.0


def has_learned(facts: Facts) -> bool:
    """Say whether there is enough history to call something new."""
    return history_days(facts) >= facts.thresholds.learning_days


def moment(seconds: float) -> datetime:
    """Return seconds since the epoch as UTC; what no calendar holds is its first or last day."""
    try:
        return datetime.fromtimestamp(0, UTC) + timedelta(seconds=seconds)
    except (OverflowError, ValueError):
        return datetime.max.replace(tzinfo=UTC) if seconds > 0 else datetime.min.replace(tzinfo=UTC)


def uids(values: Iterable[object]) -> tuple[str, ...]:
    """Return the first few uids of log rows."""
    return tuple([str(value) for value in values if value][:ROWS])
