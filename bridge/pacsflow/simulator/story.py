"""What is out of the ordinary in a simulated span: outages, a migration, a newcomer, a copy."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np

from pacsflow.simulator.imaging import SECOND, examine
from pacsflow.simulator.profiles import profile
from pacsflow.simulator.rhythm import arrivals, shape
from pacsflow.simulator.tables import ASSOCIATION, Rows, concatenate, foreign, new_associations

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from numpy.typing import NDArray

    from pacsflow.simulator.equipment import Hospital


@dataclass(frozen=True, slots=True)
class Story:
    """When and where the extraordinary happens; all times are UTC.

    Parameters
    ----------
    outage_start, outage_end
        The sensor writes no file at all for these hours; both on the hour.
    stopped, stopped_start, stopped_end
        Name of the archive that is out of service meanwhile: what it would have been sent waits.
    migration_start, migration_end, migration_bytes
        When the file server's files move to its successor, and how many payload bytes they are.
    newcomer, newcomer_since
        Name of a device in no inventory, and when it first sends images.
    bulk_host, bulk_start, bulk_end, bulk_bytes
        Name of the workstation that copies studies at night, when, and how many data-set bytes.
    """

    outage_start: datetime
    outage_end: datetime
    stopped: str
    stopped_start: datetime
    stopped_end: datetime
    migration_start: datetime
    migration_end: datetime
    migration_bytes: int
    newcomer: str
    newcomer_since: datetime
    bulk_host: str
    bulk_start: datetime
    bulk_end: datetime
    bulk_bytes: int


_BULK_ASSOCIATIONS = 12
_BULK_IMAGES = 17_500
_BULK_REQUESTS = 60
_BULK_IMAGE_BYTES = 526_000
_BULK_STEP = timedelta(minutes=13)
_STOPPED = timedelta(hours=3)
_MIGRATION_HOURS, _MIGRATION_BYTES = 10, 45_000_000_000
_QUEUE = 40 * 60 * SECOND
"""What waited for an archive is sent within so long (microseconds)."""


def story(hospital: Hospital, weeks: int, start: datetime, zone: ZoneInfo) -> Story:
    """Return what happens in `weeks` weeks from `start` (UTC).

    The sensor's outage is a Tuesday to Thursday afternoon in the middle of the span, and not in the
    last week where there is more than one; in the same week the second PACS is out of service on
    Monday, and the file server moves in the night to Sunday. Newcomer (Wednesday) and bulk
    retrieval (the night to Friday) are in the last week.
    """
    rng = np.random.default_rng([hospital.seed, 77])
    outage_day = int(rng.integers(1, 4))
    first = start.astimezone(zone)

    def at(week: int, weekday: int, hour: int, minute: int = 0) -> datetime:
        day = (first + timedelta(weeks=week)).date()
        day += timedelta(days=(weekday - day.weekday()) % 7)
        local = datetime(day.year, day.month, day.day, hour, minute, tzinfo=zone)
        return local.astimezone(UTC)

    outage = at((weeks - 1) // 2, outage_day, 13)
    stopped, moved = at((weeks - 1) // 2, 0, 9, 30), at((weeks - 1) // 2, 5, 20)
    bulk = at(weeks - 1, 4, 1, 4)
    viewers = [i for i in hospital.of("workstation") if not hospital.devices[i].port]
    return Story(
        outage_start=outage,
        outage_end=outage + timedelta(hours=5 + int(rng.integers(0, 3))),
        stopped="pacs2",
        stopped_start=stopped,
        stopped_end=stopped + _STOPPED,
        migration_start=moved,
        migration_end=moved + timedelta(hours=_MIGRATION_HOURS),
        migration_bytes=_MIGRATION_HOURS * int(_MIGRATION_BYTES * hospital.scale),
        newcomer=hospital.devices[hospital.newcomer].name,
        newcomer_since=at(weeks - 1, 2, 8),
        bulk_host=hospital.devices[viewers[int(rng.integers(len(viewers)))]].name,
        bulk_start=bulk,
        bulk_end=bulk + _BULK_ASSOCIATIONS * _BULK_STEP,
        bulk_bytes=_BULK_ASSOCIATIONS * _BULK_IMAGES * _BULK_IMAGE_BYTES,
    )


def microseconds(moment: datetime) -> int:
    """Return microseconds since the epoch."""
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def extraordinary(
    rng: np.random.Generator,
    hospital: Hospital,
    told: Story,
    local: NDArray[np.int64],
    start_us: int,
) -> Rows:
    """Return the associations of the last week's newcomer and bulk retrieval.

    Parameters
    ----------
    rng
        Source of randomness of the last week.
    hospital, told
        The equipment and what happens.
    local
        Hour of the day and weekday of each hour of the week, shape (hours, 2).
    start_us
        Start of the week, microseconds since the epoch.
    """
    since = microseconds(told.newcomer_since)
    device, when = arrivals(
        rng, 26, shape("appointments", local), np.array([hospital.newcomer]), start_us
    )
    later = when >= since
    return concatenate(
        [
            examine(rng, hospital, "DX", device=device[later], when=when[later], earliest_us=since),
            _bulk(rng, hospital, told),
        ],
        ASSOCIATION,
    )


def put_off(rng: np.random.Generator, hospital: Hospital, told: Story, table: Rows) -> None:
    """Let what an archive out of service would have been sent wait for its return, in place."""
    begin, end = microseconds(told.stopped_start), microseconds(told.stopped_end)
    waits = table["resp"] == hospital.index(told.stopped)
    waits &= (table["start"] >= begin) & (table["start"] < end)
    waits &= table["store_rq"] > 0
    table["start"][waits] = end + rng.integers(0, _QUEUE, int(waits.sum()))


def _bulk(rng: np.random.Generator, hospital: Hospital, told: Story) -> Rows:
    """Return one long enumeration by C-FIND and then C-GETs of everything."""
    host, pacs1 = hospital.index(told.bulk_host), hospital.index("pacs1")
    step = _BULK_STEP // timedelta(microseconds=1)
    start = microseconds(told.bulk_start) + np.arange(_BULK_ASSOCIATIONS) * step
    n = _BULK_ASSOCIATIONS
    get = new_associations(
        start, orig=host, resp=pacs1, profile=profile("get everything"), find_rq=1,
        get_rq=_BULK_REQUESTS, store_rq=_BULK_IMAGES, rsp_pending=_BULK_IMAGES,
        rsp_success=_BULK_IMAGES + _BULK_REQUESTS + 1, data_orig=9_000,
        data_resp=_BULK_IMAGES * _BULK_IMAGE_BYTES,
        duration=step - rng.integers(2 * SECOND, 20 * SECOND, n),
    )  # fmt: skip
    find = new_associations(
        start[:1] - 600 * SECOND, orig=host, resp=pacs1, profile=profile("find"), find_rq=90,
        rsp_success=90, rsp_pending=8_400, data_orig=23_400, data_resp=8_400 * 420,
        duration=540 * SECOND,
    )  # fmt: skip
    return concatenate([find, get], ASSOCIATION)


def mishaps(
    rng: np.random.Generator, hospital: Hospital, local: NDArray[np.int64], start_us: int
) -> Rows:
    """Return a week's refused and unanswered association requests."""
    pacs1 = hospital.index("pacs1")
    # an ultrasound device that still calls the PACS by the name of its predecessor
    mistaken, when = arrivals(
        rng, 2.5, shape("appointments", local), np.array(hospital.of("modality", "US")[-1:]),
        start_us,
    )  # fmt: skip
    wrong = new_associations(
        when, orig=mistaken, resp=pacs1, called=foreign("ARCHIVE"), result=1, end=2,
        reject_result=1, reject_source=1, reject_reason=7, profile=profile("store US"),
        duration=rng.integers(2_000, 30_000, len(when)),
    )  # fmt: skip
    # the second PACS is full of associations for a moment (PS3.8 9.3.4: local limit exceeded)
    sender, when = arrivals(rng, 1.5, shape("office", local), np.array([pacs1]), start_us)
    busy = new_associations(
        when, orig=sender, resp=hospital.index("pacs2"), result=1, end=2, reject_result=2,
        reject_source=3, reject_reason=2, profile=profile("archive CT"),
        duration=rng.integers(2_000, 30_000, len(when)),
    )  # fmt: skip
    asker, when = arrivals(
        rng, 0.5, shape("office", local), np.array(hospital.of("modality", "CR")[:1]), start_us
    )
    silent = new_associations(
        when, orig=asker, resp=hospital.index("film1"), result=2, end=2, profile=profile("print"),
        duration=30 * SECOND,
    )  # fmt: skip
    return concatenate([wrong, busy, silent], ASSOCIATION)
