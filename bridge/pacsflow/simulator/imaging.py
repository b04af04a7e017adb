"""The imaging traffic: every examination and what follows from it, as associations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pacsflow.simulator.profiles import profile
from pacsflow.simulator.rhythm import HOUR_US, arrivals, shape
from pacsflow.simulator.tables import ASSOCIATION, Rows, concatenate, new_associations

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pacsflow.simulator.equipment import Hospital

SECOND = 1_000_000
MINUTE = 60 * SECOND


@dataclass(frozen=True, slots=True)
class Examinations:
    """How a modality works.

    Parameters
    ----------
    per_day
        Examinations of one device on a mean weekday.
    emergency
        Share of them that comes at the hours of the emergency room, not by appointment.
    images, spread
        Median number of objects of an examination, and the standard deviation of its logarithm.
    most
        Largest number of objects.
    size
        Mean bytes of an object's data set on its way from the modality.
    size_spread
        Standard deviation of the logarithm of the mean object size.
    speed
        Median throughput of the device, bytes per second.
    archived
        Size in the archive (JPEG 2000 lossless) relative to `size`.
    """

    per_day: float
    emergency: float
    images: float
    spread: float
    most: int
    size: int
    size_spread: float
    speed: float
    archived: float


EXAMINATIONS = {
    "CT": Examinations(40, 0.25, 360, 0.50, 2500, 526_000, 0.02, 28e6, 0.45),
    "MR": Examinations(15, 0.05, 420, 0.55, 2500, 210_000, 0.30, 16e6, 0.50),
    "CR": Examinations(42, 0.2, 2, 0.40, 8, 8_400_000, 0.15, 9e6, 0.80),
    "DX": Examinations(60, 0.35, 2, 0.45, 9, 15_600_000, 0.12, 30e6, 0.50),
    "US": Examinations(13, 0.1, 34, 0.50, 160, 740_000, 0.60, 4e6, 0.95),
    "MG": Examinations(21, 0, 4, 0.25, 10, 27_500_000, 0.10, 35e6, 0.40),
    "XA": Examinations(6, 0.3, 16, 0.45, 60, 46_000_000, 0.50, 30e6, 0.85),
    "NM": Examinations(7, 0, 6, 0.45, 30, 2_300_000, 0.60, 6e6, 0.60),
}
_OUTSIDE_SHARE = 0.02


def imaging(
    rng: np.random.Generator, hospital: Hospital, local: NDArray[np.int64], start_us: int
) -> Rows:
    """Return the associations that begin with one week's examinations and night work.

    Parameters
    ----------
    rng
        Source of randomness of this week.
    hospital
        The equipment; its newcomer takes no part.
    local
        Hour of the day and weekday of each hour of the week, shape (hours, 2).
    start_us
        Start of the week, microseconds since the epoch.
    """
    tables = []
    for modality, how in EXAMINATIONS.items():
        who = np.array(hospital.of("modality", modality))
        week = how.emergency * shape("emergency", local)
        week += (1 - how.emergency) * shape("appointments", local)
        device, when = arrivals(rng, how.per_day, week, who, start_us)
        tables.append(
            examine(rng, hospital, modality, device=device, when=when, earliest_us=start_us)
        )
    tables += [
        _prefetch(rng, hospital, local, start_us),
        _backfill(rng, hospital, local, start_us),
        _echoes(rng, hospital, local, start_us),
        _prints(rng, hospital, local, start_us),
    ]
    return concatenate(tables, ASSOCIATION)


def examine(
    rng: np.random.Generator,
    hospital: Hospital,
    modality: str,
    *,
    device: NDArray[np.int64],
    when: NDArray[np.int64],
    earliest_us: int,
) -> Rows:
    """Return all associations of some examinations of one modality.

    Parameters
    ----------
    rng, hospital
        As in `imaging`.
    modality
        A key of EXAMINATIONS.
    device, when
        Index of the device and time (microseconds) at which its images are sent.
    earliest_us
        Nothing starts before this time (microseconds).
    """
    how = EXAMINATIONS[modality]
    earliest_us += SECOND
    pacs1, pacs2, ris = (hospital.index(name) for name in ("pacs1", "pacs2", "ris"))
    n = len(when)
    images = np.clip(rng.lognormal(np.log(how.images), how.spread, n), 1, how.most).astype(np.int64)
    size = how.size * rng.lognormal(0, how.size_spread, n)
    stores = store(
        rng, f"store {modality}", when, orig=device, resp=pacs1, images=images, size=size,
        speed=how.speed,
    )  # fmt: skip
    _go_wrong(rng, stores)
    done = stores["start"] + stores["duration"]
    good = stores["end"] == 0

    before = np.maximum(when - rng.integers(8 * MINUTE, 25 * MINUTE, n), earliest_us)
    found = rng.poisson(9, n)
    worklist = new_associations(
        before, orig=device, resp=ris, profile=profile("worklist"), find_rq=1, rsp_success=1,
        rsp_pending=found, duration=rng.integers(40_000, 900_000, n), data_orig=310,
        data_resp=found * 940,
    )  # fmt: skip
    steps = new_associations(
        np.maximum(when - rng.integers(2 * MINUTE, 7 * MINUTE, n), earliest_us), orig=device,
        resp=ris, profile=profile("mpps"), n_rq=2, rsp_success=2,
        duration=rng.integers(60 * SECOND, 110 * SECOND, n), data_orig=3_900, data_resp=0,
    )  # fmt: skip

    asked = good & (rng.random(n) < 0.6)
    commit = new_associations(
        done[asked] + rng.integers(SECOND, 20 * SECOND, asked.sum()), orig=device[asked],
        resp=pacs1, profile=profile("commit"), n_rq=1, rsp_success=1,
        duration=rng.integers(20_000, 200_000, asked.sum()), data_orig=120 + 150 * images[asked],
    )  # fmt: skip
    result = new_associations(
        commit["start"] + rng.integers(20 * SECOND, 90 * SECOND, asked.sum()), orig=pacs1,
        resp=device[asked], profile=profile("commit result"), n_rq=1, rsp_success=1,
        duration=rng.integers(20_000, 200_000, asked.sum()), data_orig=120 + 150 * images[asked],
    )  # fmt: skip

    kept = images[good]
    forward = store(
        rng, f"archive {modality}", done[good] + _lognormal(rng, 12 * MINUTE, 0.7, good),
        orig=pacs1, resp=pacs2, images=kept, size=size[good] * how.archived, speed=40e6,
    )  # fmt: skip
    return concatenate(
        [
            worklist, steps, stores, commit, result, forward,
            *_reading(rng, hospital, modality, done=done[good], images=kept, size=size[good]),
            *_wards(rng, hospital, modality, done=done[good], images=kept, size=size[good]),
        ],
        ASSOCIATION,
    )  # fmt: skip


def store(
    rng: np.random.Generator,
    name: str,
    when: NDArray[np.int64],
    *,
    orig: NDArray[np.int64] | int,
    resp: NDArray[np.int64] | int,
    images: NDArray[np.int64],
    size: NDArray[np.float64],
    speed: float,
) -> Rows:
    """Return associations that send `images` objects of `size` bytes each with C-STORE."""
    data = (images * size).astype(np.int64) // 2 * 2  # data sets have even length (PS3.5 7.1)
    seconds = images * 0.012 + data / (speed * rng.lognormal(0, 0.35, len(when)))
    table = new_associations(
        when, orig=orig, resp=resp, profile=profile(name), store_rq=images, rsp_success=images,
        data_orig=data, duration=((seconds + 0.05) * SECOND).astype(np.int64),
    )  # fmt: skip
    warned = rng.random(len(when)) < 0.006
    table["rsp_warning"][warned] = 1
    table["rsp_success"][warned] -= 1
    return table


def _lognormal(
    rng: np.random.Generator, median_us: float, spread: float, chosen: NDArray[np.bool_]
) -> NDArray[np.int64]:
    """Return delays in microseconds, one for each chosen row."""
    drawn: NDArray[np.int64] = rng.lognormal(np.log(median_us), spread, int(chosen.sum())).astype(
        np.int64
    )
    return drawn


def _go_wrong(rng: np.random.Generator, table: Rows) -> None:
    """Let some transfers abort and some objects be refused, in place."""
    fate = rng.random(len(table))
    aborted = fate < 0.012
    share = rng.random(int(aborted.sum()))
    for column in ("store_rq", "data_orig", "duration"):
        table[column][aborted] = np.maximum(table[column][aborted] * share, 1).astype(np.int64)
    table["rsp_warning"][aborted] = 0
    table["rsp_success"][aborted] = np.maximum(table["store_rq"][aborted] - 1, 0)
    table["end"][aborted] = 1
    table["abort_source"][aborted] = rng.choice([0, 2], int(aborted.sum()))
    table["abort_reason"][aborted] = 0
    failed = (fate >= 0.012) & (fate < 0.02) & (table["rsp_success"] > 0)
    table["rsp_success"][failed] -= 1
    table["rsp_failure"][failed] = 1
    table["failure_code"][failed] = rng.choice([0xA700, 0x0110, 0xA900, 0xC000], int(failed.sum()))
    dropped = (fate >= 0.02) & (fate < 0.024)
    table["end"][dropped] = 2


def _reading(
    rng: np.random.Generator,
    hospital: Hospital,
    modality: str,
    *,
    done: NDArray[np.int64],
    images: NDArray[np.int64],
    size: NDArray[np.float64],
) -> list[Rows]:
    """Return what radiologists fetch with C-FIND and C-MOVE: the study, often a prior too."""
    pacs1 = hospital.index("pacs1")
    readers = np.array(hospital.of("workstation"))
    readers = readers[[hospital.devices[i].port > 0 for i in readers]]
    chosen = rng.random(len(done)) < 0.8
    m = int(chosen.sum())
    station = rng.choice(readers, m)
    when = done[chosen] + _lognormal(rng, 35 * MINUTE, 0.9, chosen)
    priors = rng.integers(0, 2, m)
    objects = images[chosen] * (1 + priors)
    finds = 1 + rng.poisson(0.7, m)
    find = new_associations(
        when - rng.integers(3 * SECOND, 40 * SECOND, m), orig=station, resp=pacs1,
        profile=profile("find"), find_rq=finds, rsp_success=finds, rsp_pending=(p := finds * 6),
        duration=rng.integers(60_000, 1_500_000, m), data_orig=finds * 260, data_resp=p * 420,
    )  # fmt: skip
    sent = store(
        rng, f"store {modality}", when + 80_000, orig=pacs1, resp=station, images=objects,
        size=size[chosen], speed=55e6,
    )  # fmt: skip
    move = new_associations(
        when, orig=station, resp=pacs1, profile=profile("move"), move_rq=1 + priors,
        move_destination=station, rsp_success=1 + priors, rsp_pending=objects,
        duration=sent["duration"] + 200_000, data_orig=(1 + priors) * 110,
    )  # fmt: skip
    lost = rng.random(m) < 0.004
    move["rsp_success"][lost] = 0
    move["move_rq"][lost] = 1
    move["rsp_pending"][lost] = 0
    move["rsp_failure"][lost] = 1
    move["failure_code"][lost] = 0xA801  # move destination unknown (PS3.4 C.4.2.1.5)
    move["duration"][lost] = 90_000
    return [find, move, sent[~lost]]


def _wards(
    rng: np.random.Generator,
    hospital: Hospital,
    modality: str,
    *,
    done: NDArray[np.int64],
    images: NDArray[np.int64],
    size: NDArray[np.float64],
) -> list[Rows]:
    """Return what clinical viewers fetch with C-GET, and what the gateway takes for outside."""
    pacs1, gateway = hospital.index("pacs1"), hospital.index("dicom-gw")
    viewers = [i for i in hospital.of("workstation") if not hospital.devices[i].port]
    chosen = rng.random(len(done)) < 0.22
    m = int(chosen.sum())
    # viewers ask for the key images, lossy: a tenth of a large study, all of a small one
    objects = np.maximum(np.minimum(images[chosen], 4), images[chosen] // 10)
    data = (objects * size[chosen] * 0.25).astype(np.int64) // 2 * 2
    seconds = objects * 0.015 + data / (9e6 * rng.lognormal(0, 0.4, m)) + 0.3
    get = new_associations(
        done[chosen] + _lognormal(rng, 70 * MINUTE, 0.8, chosen), orig=rng.choice(viewers, m),
        resp=pacs1, profile=profile(f"get {modality}"), find_rq=1, get_rq=1, store_rq=objects,
        rsp_success=objects + 2, rsp_pending=objects + 3, data_orig=400, data_resp=data,
        duration=(seconds * SECOND).astype(np.int64),
    )  # fmt: skip
    outside = rng.random(len(done)) < _OUTSIDE_SHARE
    sent = store(
        rng, f"archive {modality}", done[outside] + _lognormal(rng, 20 * MINUTE, 0.4, outside),
        orig=pacs1, resp=gateway, images=images[outside],
        size=size[outside] * EXAMINATIONS[modality].archived, speed=40e6,
    )  # fmt: skip
    return [get, sent]


def _prefetch(
    rng: np.random.Generator, hospital: Hospital, local: NDArray[np.int64], start_us: int
) -> Rows:
    """Return the night's pushes of prior studies from the PACS to the reading stations."""
    stations = np.array(
        [i for i in hospital.of("workstation") if hospital.devices[i].port], dtype=np.int64
    )
    station, when = arrivals(rng, 14, shape("night", local), stations, start_us)
    n = len(when)
    tables = []
    modality = rng.choice(["CT", "MR", "MG"], n, p=[0.5, 0.35, 0.15])
    for name in ("CT", "MR", "MG"):
        how = EXAMINATIONS[name]
        mine = modality == name
        m = int(mine.sum())
        images = np.clip(rng.lognormal(np.log(how.images), how.spread, m), 1, how.most)
        tables.append(
            store(
                rng, f"store {name}", when[mine], orig=hospital.index("pacs1"),
                resp=station[mine], images=images.astype(np.int64),
                size=np.full(m, float(how.size)), speed=45e6,
            )
        )  # fmt: skip
    return concatenate(tables, ASSOCIATION)


def _backfill(
    rng: np.random.Generator, hospital: Hospital, local: NDArray[np.int64], start_us: int
) -> Rows:
    """Return the migration of old studies between the PACS: one association of hours, at night."""
    nights = np.flatnonzero((local[:, 0] == 21) & (local[:, 1] < 5))
    when = start_us + nights * HOUR_US + rng.integers(0, HOUR_US, len(nights))
    images = rng.integers(15_000, 32_000, len(nights))
    return store(
        rng, "backfill", when, orig=hospital.index("pacs2"), resp=hospital.index("pacs1"),
        images=images, size=np.full(len(nights), 260_000.0), speed=0.9e6,
    )  # fmt: skip


def _echoes(
    rng: np.random.Generator, hospital: Hospital, local: NDArray[np.int64], start_us: int
) -> Rows:
    """Return the monitoring's C-ECHO every half hour, and those of devices switched on."""
    slots = start_us + np.arange(2 * len(local)) * HOUR_US // 2
    tables = [
        new_associations(
            slots + rng.integers(SECOND // 100, 3 * SECOND, len(slots)),
            orig=hospital.index("monitor"),
            resp=hospital.index(name), profile=profile("echo"), echo_rq=1, rsp_success=1,
            duration=rng.integers(6_000, 90_000, len(slots)),
        )
        for name in ("pacs1", "pacs2", "ris")
    ]  # fmt: skip
    who, when = arrivals(
        rng, 1.2, shape("appointments", local), np.array(hospital.of("modality")), start_us
    )
    tables.append(
        new_associations(
            when, orig=who, resp=hospital.index("pacs1"), profile=profile("echo"), echo_rq=1,
            rsp_success=1, duration=rng.integers(9_000, 200_000, len(when)),
        )
    )  # fmt: skip
    return concatenate(tables, ASSOCIATION)


def _prints(
    rng: np.random.Generator, hospital: Hospital, local: NDArray[np.int64], start_us: int
) -> Rows:
    """Return films sent to the printer by the CR and MR consoles."""
    who = np.array([*hospital.of("modality", "CR"), *hospital.of("modality", "MR")])
    device, when = arrivals(rng, 3, shape("appointments", local), who, start_us)
    n = len(when)
    return new_associations(
        when, orig=device, resp=hospital.index("film1"), profile=profile("print"), n_rq=8,
        rsp_success=8, data_orig=rng.integers(8, 34, n) * 1_000_000,
        duration=rng.integers(4 * SECOND, 40 * SECOND, n),
    )  # fmt: skip
