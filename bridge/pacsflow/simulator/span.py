"""One week after the other: all rows of a simulated span, in the order of Zeek's writing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import numpy as np

from pacsflow.simulator.equipment import ZONE
from pacsflow.simulator.imaging import imaging
from pacsflow.simulator.office import everything_else
from pacsflow.simulator.rhythm import HOUR_US, local_hours
from pacsflow.simulator.servers import servers
from pacsflow.simulator.story import (
    Story,
    extraordinary,
    microseconds,
    mishaps,
    put_off,
    story,
)
from pacsflow.simulator.tables import (
    ASSOCIATION,
    CONNECTION,
    HISTORIES,
    RESULTS,
    SERVICES,
    STATES,
    Rows,
    concatenate,
    count_packets,
    end_of,
)
from pacsflow.simulator.wire import connections_of, dial

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pacsflow.simulator.equipment import Hospital

HOURS_A_WEEK = 168
DEFAULT_START = datetime(2026, 3, 2, tzinfo=ZoneInfo(ZONE))


@dataclass(frozen=True, slots=True)
class Span:
    """What is simulated: from when (UTC), how many weeks, in which zone, and what happens."""

    hospital: Hospital
    start: datetime
    weeks: int
    zone: ZoneInfo
    story: Story

    @property
    def hours(self) -> int:
        """Number of hours."""
        return self.weeks * HOURS_A_WEEK

    @property
    def end(self) -> datetime:
        """End (exclusive), UTC."""
        return self.start + timedelta(hours=self.hours)

    @property
    def outage_hours(self) -> range:
        """Hours (from the start) of which there is no log at all."""
        hour = timedelta(hours=1)
        return range(
            (self.story.outage_start - self.start) // hour,
            (self.story.outage_end - self.start) // hour,
        )


def span(hospital: Hospital, *, weeks: int, start: datetime | None) -> Span:
    """Return the span of `weeks` weeks from local midnight of the day of `start`.

    Raises
    ------
    ValueError
        If `weeks` is below 1, or `start` has no zone.
    """
    if weeks < 1:
        raise ValueError(f"weeks must be at least 1, not {weeks}")
    moment = DEFAULT_START if start is None else start
    if moment.tzinfo is None:
        raise ValueError("start must have a time zone")
    zone = moment.tzinfo if isinstance(moment.tzinfo, ZoneInfo) else ZoneInfo(ZONE)
    local = moment.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
    begin = local.astimezone(UTC).replace(minute=0)
    return Span(hospital, begin, weeks, zone, story(hospital, weeks, begin, zone))


@dataclass(frozen=True, slots=True, eq=False)
class SimulatedWeek:
    """Rows that ended in one week, sorted by their end: connections and their associations."""

    number: int
    start_us: int
    connections: Rows
    associations: Rows


def weeks_of(what: Span) -> Iterator[SimulatedWeek]:
    """Yield each week of a span; what is open at the end of the last is not logged.

    The rows of a week depend on seed, scale and start alone, not on the number of weeks, except
    for the story.
    """
    hospital = what.hospital
    open_connections = np.zeros(0, CONNECTION)
    open_associations = np.zeros(0, ASSOCIATION)
    for number in range(what.weeks):
        start = what.start + timedelta(weeks=number)
        start_us = microseconds(start)
        local = local_hours(start, HOURS_A_WEEK, what.zone, holidays=True)
        rng = np.random.default_rng([hospital.seed, number])
        tables = [imaging(rng, hospital, local, start_us), mishaps(rng, hospital, local, start_us)]
        if number == what.weeks - 1:
            tables.append(extraordinary(rng, hospital, what.story, local, start_us))
        associations = concatenate(tables, ASSOCIATION)
        put_off(
            np.random.default_rng([hospital.seed, number, 9]), hospital, what.story, associations
        )
        dial(rng, hospital, associations)
        associations = _blind(associations, what.story)
        carried = connections_of(rng, associations)
        # without its beginning an association shows only where a whole command follows
        seen = ~associations["midstream"] | (associations["store_rq"] > 0)
        carried["service"][~seen] = SERVICES.index("-")
        associations = associations[seen]
        large = servers(hospital, what.story, start, local, what.zone)
        others = concatenate([everything_else(rng, hospital, local, start_us), large], CONNECTION)
        others = _blind(others, what.story)
        connections = concatenate([open_connections, carried, others], CONNECTION)
        associations = concatenate([open_associations, associations], ASSOCIATION)
        limit = start_us + HOURS_A_WEEK * HOUR_US
        connections, open_connections = _split(connections, limit)
        associations, open_associations = _split(associations, limit)
        yield SimulatedWeek(number, start_us, connections, associations)


def _split(table: Rows, limit_us: int) -> tuple[Rows, Rows]:
    """Return the rows that ended before `limit_us`, sorted by end, and the others."""
    end = end_of(table)
    ended = end < limit_us
    return table[ended][np.argsort(end[ended], kind="stable")], table[~ended]


def _blind(table: Rows, told: Story) -> Rows:
    """Take away what the sensor did not see in its outage.

    What ended before is there; what ended during it is lost; of what went on when the sensor came
    back, the rest is seen, without its beginning.
    """
    off, on = microseconds(told.outage_start), microseconds(told.outage_end)
    end = end_of(table)
    table = table[(end < off) | (end >= on)]
    end = end_of(table)
    cut = (table["start"] < on) & (end >= on) & (table["duration"] > 0)
    if not cut.any():
        return table
    share = (end[cut] - on) / table["duration"][cut]
    names = table.dtype.names or ()
    scaled = (
        ("store_rq", "data_orig", "data_resp", "data_pdus", "rsp_pending", "missed")
        if "store_rq" in names
        else ("orig_bytes", "resp_bytes", "missed")
    )
    table["duration"][cut] = end[cut] - on
    table["start"][cut] = on
    for name in scaled:
        table[name][cut] = np.maximum(table[name][cut] * share, 0).astype(np.int64)
    if "store_rq" in names:
        table["midstream"][cut] = True
        table["result"][cut] = RESULTS.index("unknown")
        for name in ("echo_rq", "find_rq", "get_rq", "move_rq", "n_rq", "rsp_warning"):
            table[name][cut] = 0
        table["rsp_failure"][cut], table["failure_code"][cut] = 0, -1
        table["rsp_success"][cut] = table["store_rq"][cut]
    else:
        table["state"][cut] = STATES.index("OTH")
        table["history"][cut] = HISTORIES.index("DadAfF")
        table["service"][cut] = SERVICES.index("-")
        count_packets(table)
    return table
