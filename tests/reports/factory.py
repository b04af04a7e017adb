"""Makes `WeeklyReport` values of every kind that a page must stand: big, small, empty, hostile."""

from __future__ import annotations

import math
import random
from dataclasses import fields, is_dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

from pacsflow.findings.finding import Finding
from pacsflow.report.weekly import AreaStatus, Provenance, Status, WeeklyReport
from pacsflow.terms.message import (
    at,
    count,
    host,
    message,
    models,
    octets,
    percent,
    seconds,
    text,
    texts,
    values,
)
from pacsflow.terms.party import Party
from pacsflow.terms.severity import Severity
from pacsflow.week.facts import (
    AePair,
    AssociationRow,
    Associations,
    Band,
    CapacityNote,
    Count,
    Coverage,
    Curve,
    Equipment,
    Estimate,
    FlowMap,
    Gap,
    HeatMap,
    Hours,
    Incident,
    MapEdge,
    MapNode,
    ModalityFlow,
    PacsFlow,
    PairRanking,
    Ranked,
    RankedPair,
    Ranking,
    Software,
    SourceFile,
    Totals,
)
from pacsflow.week.speed import AnswerTimes, EncryptedRate, OpenAtOnce, Range, SendingRate, Speed

if TYPE_CHECKING:
    from collections.abc import Callable

HOUR = timedelta(hours=1)
TOO_FEW = message("too-few-hours", there=count(120), needed=count(168))
SUITS = message("verdict-suits", model=models(["ARIMA(2,0,1)(0,1,0)168"]), percent=percent(16))
ZONE = "Europe/Berlin"
START = datetime(2026, 11, 15, 23, tzinfo=UTC)  # Monday 00:00 in Berlin
END = START + 168 * HOUR
GB, TB = 1e9, 1e12
SHAPE = [
    0.05,
    0.04,
    0.04,
    0.05,
    0.06,
    0.12,
    0.35,
    0.75,
    0.95,
    1.0,
    0.98,
    0.92,
    0.7,
    0.8,
    0.9,
    0.85,
    0.7,
    0.5,
    0.35,
    0.28,
    0.2,
    0.16,
    0.12,
    0.08,
]
OUTAGE = range(76, 81)


def _values(
    rng: random.Random, level: float, *, hours: int = 168, noise: float = 0.12, night: bool = False
) -> list[float]:
    made = []
    for hour in range(hours):
        weekend = (hour // 24) % 7 >= 5
        base = SHAPE[hour % 24] * (0.28 if weekend else 1)
        if night and hour % 24 in (2, 3, 4):
            base += 0.8
        made.append(round(level * base * math.exp(rng.gauss(0, noise))))
    return made


def _band(start: datetime, values: list[float], grow: float = 0.0) -> Band:
    def scaled(width: float) -> tuple[tuple[float, ...], tuple[float, ...]]:
        low = tuple(max(0.0, v * (1 - width * (1 + grow * i / 168))) for i, v in enumerate(values))
        return low, tuple(v * (1 + width * (1 + grow * i / 168)) for i, v in enumerate(values))

    low80, up80 = scaled(0.22)
    low95, up95 = scaled(0.36)
    return Band(start, tuple(values), low80, up80, low95, up95)


def curve(
    rng: random.Random,
    title: str,
    level: float,
    *,
    unit: str = "bytes",
    forecast: bool = True,
    gaps: bool = True,
    night: bool = False,
    burst: range | None = None,
    noise: float = 0.12,
) -> Curve:
    quiet = _values(rng, level, noise=0.02, night=night)
    seen: list[float | None] = list(_values(rng, level, noise=noise, night=night))
    for hour in burst or ():
        seen[hour] = level * (1.1 + 0.05 * (hour % 3))
    if gaps:
        for hour in OUTAGE:
            seen[hour] = None
    return Curve(
        title=title,
        observed=Hours(title, unit, START, tuple(seen)),
        previous=Hours(
            title,
            unit,
            START - 168 * HOUR,
            tuple(_values(rng, level * 0.93, noise=noise, night=night)),
        ),
        expected=_band(START, quiet) if forecast else None,
        forecast=_band(END, [v * 1.03 for v in quiet], 0.5) if forecast else None,
        models=("ARIMA(2,0,1)(0,1,0)168",) if forecast else (),
        verdict=SUITS if forecast else None,
        suits=True if forecast else None,
        mase=0.81 if forecast else None,
        mase_naive168=0.97 if forecast else None,
        coverage95=0.94 if forecast else None,
        reason=None if forecast else TOO_FEW,
    )


def party(
    number: int,
    role: str = "pacs",
    modality: str = "",
    basis: str = "association",
    name: str | None = None,
) -> Party:
    prefix = {"pacs": "PACS", "modality": modality, "workstation": "WS", "worklist": "RIS"}.get(
        role, "HOST"
    )
    label = name if name is not None else f"{prefix}-{number:02d}"
    block = {"pacs": 10, "modality": 20, "workstation": 30}.get(role, 40)
    return Party(
        f"10.{block}.{number // 250}.{number % 250 + 1}",
        label,
        role,
        modality,
        "Main site",
        (label.replace("-", ""),),
        basis,
    )


def ranking(rng: random.Random, parties: list[Party], total: float, others: int) -> Ranking:
    rest, rows = total, []
    for item in parties:
        part = rest * rng.uniform(0.18, 0.3)
        rest -= part
        rows.append(
            Ranked(
                item,
                int(part / 3e7),
                100 * part / total * 0.9,
                Estimate(part),
                100 * part / total,
                part * rng.uniform(0.7, 1.3),
            )
        )
    return Ranking(tuple(rows), int(total / 3e7), total, others)


KINDS = [
    ("CT", 3.1),
    ("MR", 2.2),
    ("MG", 0.9),
    ("XA", 0.7),
    ("CR", 0.4),
    ("DX", 0.5),
    ("US", 0.35),
    ("NM", 0.1),
    ("PT", 0.2),
]


def findings(pacs: list[Party], modalities: list[Party], unknown: Party) -> tuple[Finding, ...]:
    return (
        Finding(
            "outside",
            Severity.CRITICAL,
            "security",
            values(host=host(unknown), bytes=octets(14.2e9)),
            START + 50 * HOUR,
            START + 53 * HOUR,
            (pacs[0], unknown),
            41,
            tuple(f"CkQ{n:03d}x8fjq2" for n in range(41)),
        ),
        Finding(
            "modality-stopped",
            Severity.HIGH,
            "modalities",
            values(host=host(modalities[0]), days=count(3), last=at(START + 88 * HOUR)),
            START + 88 * HOUR,
            END,
            (modalities[0],),
        ),
        Finding(
            "rejects-rising",
            Severity.MEDIUM,
            "associations",
            values(
                percent=percent(7.6),
                before_percent=percent(1.1),
                count=count(312),
                total=count(4120),
                before_count=count(41),
                before_total=count(3702),
            ),
            START + 8 * HOUR,
            START + 130 * HOUR,
            tuple(modalities[2:9]),
            312,
        ),
        Finding(
            "prefetch-into-morning",
            Severity.LOW,
            "pacs",
            values(
                host=host(pacs[0]),
                peer=host(pacs[-1]),
                days=count(3),
                first=at(START + 26 * HOUR),
                bytes=octets(8.1e9),
            ),
            START + 26 * HOUR,
            START + 80 * HOUR,
            tuple(pacs[:2]),
        ),
        Finding(
            "clock-skew",
            Severity.INFO,
            "data",
            values(skew_seconds=seconds(14), count=count(8112)),
        ),
    )


def hospital(
    *,
    pacs: int = 50,
    hosts: int = 2000,
    simulated: bool = True,
    seed: int = 7,
    forecast: bool = True,
) -> WeeklyReport:
    """A hospital with `pacs` PACS endpoints among `hosts` hosts."""
    rng = random.Random(seed)
    servers = [party(n, basis="inventory" if n < 4 else "association") for n in range(1, pacs + 1)]
    scanners = [
        party(n, "modality", KINDS[n % len(KINDS)][0]) for n in range(min(60, max(3, hosts // 30)))
    ]
    stations = [party(n, "workstation") for n in range(min(40, max(2, hosts // 50)))]
    worklist = party(1, "worklist", name="RIS-01")
    unknown = Party("203.0.113.77", "", "unknown", "", "", (), "traffic", local=False)

    flows = []
    for number, item in enumerate(servers):
        level = 40 * GB / (number + 1) ** 0.9
        into = curve(rng, f"{item.name}, in", level, forecast=forecast)
        out = curve(rng, f"{item.name}, out", level * 0.7, night=number == 0, forecast=forecast)
        in_sum = sum(v or 0 for v in into.observed.values)
        out_sum = sum(v or 0 for v in out.observed.values)
        flows.append(
            PacsFlow(
                item,
                Estimate(in_sum),
                Estimate(out_sum),
                in_sum * 0.91,
                out_sum * 1.07,
                into,
                out,
                ranking(rng, scanners[:3], in_sum, 5).rows,
                ranking(rng, stations[:3], out_sum, 5).rows,
            )
        )
    imaging = sum(f.bytes_in.value + f.bytes_out.value for f in flows)

    nodes = [
        MapNode(n, item, layer, rng.uniform(1, 9) * GB, rng.uniform(1, 9) * GB)
        for n, (item, layer) in enumerate(
            [(s, 0) for s in scanners] + [(s, 1) for s in servers] + [(s, 2) for s in stations]
        )
    ]
    first, last = len(scanners), len(scanners) + len(servers)
    edges = [
        MapEdge(
            n,
            first + min(int(rng.expovariate(0.4)), len(servers) - 1),
            rng.lognormvariate(0, 1.1) * 80 * GB,
            rng.randint(50, 4000),
        )
        for n in range(first)
    ]
    edges += [
        MapEdge(
            first + min(int(rng.expovariate(0.5)), len(servers) - 1),
            n,
            rng.lognormvariate(0, 0.9) * 50 * GB,
            rng.randint(50, 4000),
        )
        for n in [*range(last, len(nodes)), *range(last, len(nodes))]
    ]
    if len(servers) > 1:
        edges.append(MapEdge(first, first + 1, 300 * GB, 900))
    edges = list({(e.source, e.target): e for e in edges}.values())
    nodes = [
        replace(
            n,
            bytes_in=sum(e.bytes for e in edges if e.target == n.id),
            bytes_out=sum(e.bytes for e in edges if e.source == n.id),
        )
        for n in nodes
    ]

    total = sum(level for _, level in KINDS)
    week = [SHAPE[h] * 40 * GB for h in range(24)]
    heat = tuple(
        tuple(
            None
            if d == 3 and h in (4, 5, 6, 7, 8)
            else v * (0.28 if d >= 5 else 1) * rng.uniform(0.85, 1.15)
            for h, v in enumerate(week)
        )
        for d in range(7)
    )
    equipment = [
        Equipment(
            item,
            "active",
            END - HOUR,
            START - 900 * HOUR,
            ("storage", "query"),
            (item.modality,) if item.modality else ("CT", "MR"),
            rng.uniform(1, 90) * GB,
            rng.uniform(1, 90) * GB,
            400,
            7,
        )
        for item in [*servers, *scanners, *stations, worklist]
    ]
    equipment += [
        Equipment(
            party(90, "modality", "US", name="US-NEW-3"),
            "new",
            END - 5 * HOUR,
            START + 33 * HOUR,
            ("storage",),
            ("US",),
            0,
            3 * GB,
            51,
            1,
        ),
        Equipment(
            scanners[1],
            "silent",
            START + 88 * HOUR,
            START - 900 * HOUR,
            ("storage",),
            ("MR",),
            0,
            0,
            0,
            0,
        ),
    ]
    burst = range(100, 104)
    return WeeklyReport(
        title="Medical-image traffic",
        site="St. Example University Hospital",
        zone=ZONE,
        week="2026-W47",
        first_day=date(2026, 11, 16),
        last_day=date(2026, 11, 22),
        start=START,
        end=END,
        coverage=Coverage(
            168,
            163,
            (Gap(START + 76 * HOUR, START + 81 * HOUR, 5),),
            12_412_903,
            3,
            48_112_000,
            ("zeek",),
            False,
            0,
            "zeek",
            tuple(
                SourceFile(
                    f"conn.2026-11-{16 + n // 24:02d}-{n % 24:02d}-00-00.log.gz",
                    "zeek-tsv",
                    f"{n:064x}",
                    12_000_000 + n,
                    74_000 + n,
                    3 if n == 17 else 0,
                    START + n * HOUR,
                    START + (n + 1) * HOUR,
                    "" if n != 17 else "3 rows have too few columns",
                    () if n != 17 else ("line 8112: 3 of 21 columns",),
                )
                for n in range(163)
            ),
            (message("by-port-alone"),),
        ),
        totals=Totals(
            Estimate(412_903),
            Estimate(imaging * 2.4),
            Estimate(imaging * 2.4 / 900),
            Estimate(61_204),
            Estimate(imaging),
            hosts,
            len(equipment),
            imaging * 2.3,
            imaging * 0.94,
            401_233,
            58_900,
        ),
        traffic=curve(rng, "All traffic", 300 * GB, forecast=forecast, burst=burst),
        communications=curve(rng, "Communications", 5200, unit="connections", forecast=forecast),
        imaging=curve(rng, "Imaging traffic", 130 * GB, forecast=forecast, burst=burst, night=True),
        pacs=tuple(flows),
        modalities=tuple(
            ModalityFlow(
                kind,
                rng.randint(1, 14),
                Estimate(level * TB),
                int(level * 5000),
                100 * level / total,
                level * TB * rng.uniform(0.8, 1.2),
                curve(rng, kind, level * 12 * GB, forecast=forecast),
            )
            for kind, level in KINDS
        ),
        senders=ranking(
            rng, [*servers[:6], worklist, unknown, *scanners[:4]], imaging * 2.4, hosts - 12
        ),
        receivers=ranking(rng, [*servers[:4], *stations[:8]], imaging * 2.4, hosts - 12),
        imaging_senders=ranking(rng, scanners[:12], imaging, 40),
        imaging_receivers=ranking(rng, [*servers[:6], *stations[:6]], imaging, 40),
        pairs=PairRanking(
            tuple(
                RankedPair(a, b, "dicom", 1200, 4.2, Estimate(200 * GB), 3.1)
                for a in scanners[:6]
                for b in servers[:3]
            ),
            412_903,
            imaging * 2.4,
            9000,
        ),
        flow_map=FlowMap(tuple(nodes), tuple(edges), 4, 9, 2 * GB),
        heat_map=HeatMap(ZONE, "bytes", heat),
        speed=speed_of(servers, scanners),
        associations=Associations(
            61_204,
            (
                Count("accepted", 60_801, 99.3, 58_000),
                Count("rejected", 312, 0.5, 41),
                Count("no_reply", 91, 0.15, 80),
            ),
            (
                Count("released", 60_412, 98.7),
                Count("aborted", 402, 0.7),
                Count("closed", 390, 0.6),
            ),
            (
                Count("C-STORE", 9_120_331, 91),
                Count("C-FIND", 412_000, 4.1),
                Count("C-MOVE", 61_000, 0.6),
                Count("C-ECHO", 32_000, 0.3),
            ),
            (
                Count("success", 9_500_000, 97),
                Count("pending", 200_000, 2),
                Count("failure", 2_412, 0.03),
            ),
            (Count("0xA700", 2000, 83), Count("0xC000", 412, 17)),
            (Count("storage", 48_000, 78), Count("query", 9_000, 15), Count("worklist", 4_000, 7)),
            (
                Count("Explicit VR Little Endian", 40_000, 66),
                Count("JPEG 2000 Image Compression (Lossless Only)", 20_000, 33),
            ),
            (Count("midstream", 44, 0.1), Count("malformed", 2, 0.01)),
            tuple(
                AePair(
                    s.ae_titles[0],
                    servers[n % len(servers)].ae_titles[0],
                    s,
                    servers[n % len(servers)],
                    900 - n,
                    n % 3,
                    n % 2,
                    90_000 - n * 37,
                    n % 5,
                    90 * GB / (n + 1),
                    12.4 + n,
                )
                for n, s in enumerate(scanners)
            ),
            tuple(
                AssociationRow(
                    START + n * 3 * HOUR,
                    f"CkQ{n:03d}x8fjq2",
                    scanners[n % len(scanners)],
                    servers[0],
                    scanners[n % len(scanners)].ae_titles[0],
                    "PACS_OLD",
                    "rejected",
                    "closed",
                    "rejected",
                    0.2,
                    0.0,
                    0,
                    "dicom.log",
                )
                for n in range(40)
            ),
            11.2,
            84.0,
            9_120_331,
            58_900,
        ),
        equipment=tuple(equipment),
        software=(
            Software("1.2.276.0.7230010.3.0.3.6.7", "OFFIS_DCMTK_367", tuple(scanners[:9]), False),
            Software("1.2.840.113619.6.408", "GE_CT_1", tuple(scanners[:3]), False),
            Software("1.2.826.0.1.3680043.9.3811.3.0.4", "PYNETDICOM_304", (unknown,), True),
        ),
        findings=findings(servers, scanners, unknown),
        incidents=(
            Incident(
                "Imaging traffic",
                START + 100 * HOUR,
                START + 104 * HOUR,
                "more",
                560 * GB,
                31 * GB,
                11.2,
                (servers[0], unknown),
                0.0002,
            ),
        ),
        status=(
            AreaStatus("traffic", Status.LOOK, "finding", 1, 3),
            AreaStatus("pacs", Status.GOOD, "nothing-unusual"),
            AreaStatus("modalities", Status.ACT, "finding", 1, 1),
            AreaStatus("associations", Status.LOOK, "finding", 1, 2),
            AreaStatus("security", Status.ACT, "finding", 1, 0),
            AreaStatus("data", Status.GOOD, "nothing-unusual"),
        ),
        capacity=(
            CapacityNote("Imaging traffic", None, 812 * GB, None, "", 3.1, 0.4, 5.9),
            CapacityNote("PACS-01", 450 * GB, 351 * GB, None, "in", 3.4, 1.1, 5.8, 4.4, 22.7),
            CapacityNote("PACS-01", 450 * GB, 201 * GB, None, "out", 0.2, -2.0, 2.4),
            CapacityNote("US-03", 4.5 * GB, 0.3 * GB, None, "out"),
        ),
        provenance=Provenance(
            "0.1.0",
            END + 6 * HOUR,
            "pacsflow report logs/ -o week.html --site-tz Europe/Berlin",
            (("site-tz", ZONE), ("history", "8 weeks")),
            (("Python", "3.11.2"), ("statsmodels", "0.15.0")),
            simulated,
            False,
        ),
    )


def small() -> WeeklyReport:
    """A clinic with two PACS, little history and no forecast."""
    report = hospital(pacs=2, hosts=40, simulated=False, forecast=False, seed=3)
    return replace(
        report,
        site="Clinic by the Sea",
        incidents=(),
        findings=(),
        status=tuple(AreaStatus(s.area, Status.GOOD, "nothing-unusual") for s in report.status),
    )


NO_HOURS: tuple[float | None, ...] = (None,) * 168
EMPTY_RANKING = Ranking((), 0, 0.0, 0)


def _flat(title: str, unit: str, values: tuple[float | None, ...]) -> Curve:
    return Curve(title, Hours(title, unit, START, values), reason=TOO_FEW)


def empty() -> WeeklyReport:
    """A week without any data."""
    base = hospital(pacs=1, hosts=3, simulated=False)
    zero = Estimate(0.0)
    return replace(
        base,
        coverage=Coverage(
            168,
            0,
            (Gap(START, END, 168),),
            0,
            0,
            0,
            (),
            False,
            0,
            "",
            (
                SourceFile(
                    "conn.log", "zeek-tsv", "0" * 64, 0, 0, 0, None, None, "the file is empty"
                ),
            ),
        ),
        totals=Totals(zero, zero, zero, zero, zero, 0, 0),
        traffic=_flat("All traffic", "bytes", NO_HOURS),
        communications=_flat("Communications", "connections", NO_HOURS),
        imaging=_flat("Imaging traffic", "bytes", NO_HOURS),
        pacs=(),
        modalities=(),
        senders=EMPTY_RANKING,
        receivers=EMPTY_RANKING,
        imaging_senders=EMPTY_RANKING,
        imaging_receivers=EMPTY_RANKING,
        pairs=PairRanking((), 0, 0.0, 0),
        flow_map=FlowMap((), ()),
        heat_map=HeatMap(ZONE, "bytes", ((None,) * 24,) * 7),
        associations=None,
        equipment=(),
        software=(),
        findings=(),
        incidents=(),
        capacity=(),
        status=tuple(AreaStatus(s.area, Status.UNKNOWN, "no-data") for s in base.status),
    )


def one_row() -> WeeklyReport:
    """A single connection in the whole week."""
    base = empty()
    values = tuple(1234.0 if h == 34 else None for h in range(168))
    a, b = party(1, "other", name=""), party(2, "other", name="")
    one = Estimate(1234.0)
    ranks = Ranking((Ranked(a, 1, 100.0, one, 100.0),), 1, 1234.0, 0)
    return replace(
        base,
        coverage=Coverage(
            168,
            1,
            (Gap(START, START + 34 * HOUR, 34), Gap(START + 35 * HOUR, END, 133)),
            1,
            0,
            0,
            ("zeek",),
            False,
        ),
        totals=Totals(Estimate(1), one, Estimate(9), Estimate(0), Estimate(0.0), 2, 0),
        traffic=_flat("All traffic", "bytes", values),
        senders=ranks,
        receivers=replace(ranks, rows=(Ranked(b, 1, 100.0, one, 100.0),)),
        pairs=PairRanking((RankedPair(a, b, "ssl", 1, 100.0, one, 100.0),), 1, 1234.0, 0),
    )


def speed_of(servers: list[Party], scanners: list[Party]) -> Speed:
    """Return how fast these servers answered."""
    answers = [
        AnswerTimes(
            server, None, operation, 4000 + n, Range(0.02 + 0.01 * n, 0.016, 0.9),
            Range(0.4 + 0.1 * n, 0.256, 6.0), (0.38, None, 0.41, 0.39),
            0.08 if operation == "C-FIND" else None, "server" if n % 3 else "network",
            "" if n % 4 else "association-each",
        )
        for n, (server, operation) in enumerate(
            (s, o) for s in servers[:6] for o in ("C-FIND", "C-STORE")
        )
    ]  # fmt: skip
    pairs = [replace(a, client=scanners[n % len(scanners)], before=()) for n, a in
             enumerate(answers)]  # fmt: skip
    night = tuple(0.04 + 0.002 * hour if hour > 5 else None for hour in range(24))
    return Speed(
        tuple(answers), tuple(pairs),
        (SendingRate("US", 912, 3.1e6, 2.9e6), SendingRate("CT", 90_412, 31e6, None)),
        (night,) * 7,
        tuple(OpenAtOnce(s, 12 + n, 14 if n else None, n) for n, s in enumerate(servers[:5])),
        "server", "round-trips", 61.2,
        tuple(EncryptedRate(a, b, 31 - n, 2e6 if n else None, 0.012, 0.004 if n else None)
              for n, (a, b) in enumerate(zip(scanners[:3], servers[:3], strict=False))),
    )  # fmt: skip


def no_dicom() -> WeeklyReport:
    """Plenty of traffic, none of it imaging."""
    base, void = hospital(pacs=2, hosts=300, simulated=False), empty()
    return replace(
        base,
        pacs=(),
        modalities=(),
        associations=None,
        speed=None,
        equipment=(),
        software=(),
        imaging=void.imaging,
        flow_map=void.flow_map,
        imaging_senders=EMPTY_RANKING,
        imaging_receivers=EMPTY_RANKING,
        incidents=(),
        findings=(),
        status=tuple(
            replace(s, status=Status.UNKNOWN, reason="no-imaging", findings=0, finding=None)
            for s in base.status
        ),
        heat_map=void.heat_map,
        totals=replace(
            base.totals,
            imaging_bytes=Estimate(0.0),
            imaging_communications=Estimate(0),
            imaging_hosts=0,
            previous_imaging_bytes=0.0,
        ),
    )


def sampled() -> WeeklyReport:
    """A week known from sFlow samples alone: every total is an estimate."""
    base = hospital(pacs=4, hosts=200, simulated=False)

    def guess(value: float) -> Estimate:
        return Estimate(value, value * 0.94, value * 1.063, 4112)

    return replace(
        base,
        associations=None,
        speed=None,
        coverage=replace(
            base.coverage,
            sampled=True,
            origins=("sflow",),
            samples=41_220,
        ),
        totals=replace(
            base.totals,
            bytes=guess(base.totals.bytes.value),
            imaging_bytes=guess(base.totals.imaging_bytes.value),
        ),
        pacs=tuple(
            replace(f, bytes_in=guess(f.bytes_in.value), bytes_out=guess(f.bytes_out.value))
            for f in base.pacs
        ),
        imaging_senders=replace(
            base.imaging_senders,
            rows=tuple(replace(r, bytes=guess(r.bytes.value)) for r in base.imaging_senders.rows),
        ),
    )


def huge() -> WeeklyReport:
    """100,000 hosts."""
    base = hospital(pacs=50, hosts=100_000)
    many = tuple(
        Equipment(
            Party(f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}", f"host-{n}", "other"),
            "active",
            END,
            START,
            bytes_in=float(n),
        )
        for n in range(100_000)
    )
    return replace(base, equipment=many)


EVIL = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "</title></style></script><h1>x",
    "{{ 7*7 }}{% raw %}",
    "\u202egnp.exe\u2066\u200f",
    "a\x00b\x07c\x1b[31m\r\nX: y",
    "Z\u0335" + "\u0335" * 400,
    "=cmd|' /C calc'!A0",
    "javascript:alert(1)",
    "<!--/weeks--><a href=//evil>",
    "\ud800lone",
    "\u2028\u2029\ufeff\u200b",
    "%(NAME)s %s %d {0}",
    "W" * 10_000,
    "מחשב רנטגן",
    "&amp;&lt;&#60;",
    "-->",
    "]]>",
)


def hostile() -> WeeklyReport:
    """Every string that somebody else wrote is an attack."""
    base = hospital(pacs=len(EVIL), hosts=100)
    turn = iter(range(10**9))

    def evil() -> str:
        return EVIL[next(turn) % len(EVIL)]

    def spoil(p: Party) -> Party:
        return replace(
            p,
            name=evil(),
            modality=evil(),
            site=evil(),
            ae_titles=(evil(),),
            role=evil() if next(turn) % 3 == 0 else p.role,
        )

    def spoil_ranking(r: Ranking) -> Ranking:
        return replace(r, rows=tuple(replace(x, party=spoil(x.party)) for x in r.rows))

    assert base.associations is not None
    return replace(
        base,
        title=evil(),
        site=evil(),
        pacs=tuple(replace(f, party=spoil(f.party)) for f in base.pacs),
        modalities=tuple(replace(m, modality=evil()) for m in base.modalities),
        senders=spoil_ranking(base.senders),
        receivers=spoil_ranking(base.receivers),
        imaging_senders=spoil_ranking(base.imaging_senders),
        imaging_receivers=spoil_ranking(base.imaging_receivers),
        pairs=replace(
            base.pairs,
            rows=tuple(
                replace(r, source=spoil(r.source), destination=spoil(r.destination), service=evil())
                for r in base.pairs.rows
            ),
        ),
        flow_map=replace(
            base.flow_map,
            nodes=tuple(replace(n, party=spoil(n.party)) for n in base.flow_map.nodes),
        ),
        associations=replace(
            base.associations,
            pairs=tuple(
                replace(x, calling_ae=evil(), called_ae=evil(), orig=spoil(x.orig))
                for x in base.associations.pairs
            ),
            notable=tuple(
                replace(x, calling_ae=evil(), called_ae=evil(), uid=evil(), why=evil())
                for x in base.associations.notable
            ),
            failure_codes=tuple(Count(text, 1, 1.0) for text in EVIL),
        ),
        equipment=tuple(
            replace(e, party=spoil(e.party), services=(evil(),), modalities=(evil(),))
            for e in base.equipment
        ),
        software=tuple(
            replace(s, impl_uid=evil(), impl_version=evil(), parties=tuple(map(spoil, s.parties)))
            for s in base.software
        ),
        findings=tuple(
            replace(
                f,
                values=tuple(
                    (name, text(evil()) if n % 2 else texts([evil(), evil()]))
                    for n, (name, _) in enumerate(f.values)
                ),
                area=evil(),
                rows=(evil(),),
                parties=tuple(map(spoil, f.parties)),
            )
            for f in base.findings
            for _ in EVIL
        ),
        coverage=replace(
            base.coverage,
            files=tuple(
                replace(f, name=evil(), problem=evil(), examples=(evil(),))
                for f in base.coverage.files[:40]
            ),
            notes=tuple(message("inventory", problem=text(evil_text)) for evil_text in EVIL),
            origin=evil(),
        ),
        provenance=replace(
            base.provenance,
            command=" ".join(EVIL),
            options=tuple((t, t) for t in EVIL),
            versions=((evil(), evil()),),
        ),
    )


ODD_TITLES = ("放射科工作站読影端末超音波室三番", "قسم الأشعة رقم ٣", "e\u0301" * 8, "W" * 16)
LONGEST_NAME = ".".join(["radiology-" + "x" * 40] * 5)[:253]
"""As long as the name of a host may be (RFC 1035, section 2.3.4)."""
MOST = 10**12


def rebuilt(value: Any, change: Callable[[Any], Any]) -> Any:
    """Return a tree of dataclasses and tuples in which `change` was asked for every part."""
    if isinstance(value, tuple):
        return tuple(rebuilt(item, change) for item in value)
    if is_dataclass(value) and not isinstance(value, type):
        parts = {f.name: rebuilt(getattr(value, f.name), change) for f in fields(value)}
        return change(replace(value, **parts))
    return value


def odd() -> WeeklyReport:
    """Names as wide, long and marked as they may be, and counts of a million millions."""
    turn = iter(range(10**9))

    def changed(part: Any) -> Any:
        if isinstance(part, Party):
            place = int(part.address.rpartition(".")[2]) % 12
            title = ODD_TITLES[place % 4]
            name = ("", LONGEST_NAME, title * 8)[place % 3]
            return replace(part, name=name, ae_titles=(title,), site=LONGEST_NAME)
        if isinstance(part, AePair | AssociationRow):
            titles = (ODD_TITLES[next(turn) % 4] for _ in range(2))
            return replace(part, **dict(zip(("calling_ae", "called_ae"), titles, strict=True)))
        many = {"count", "communications", "objects", "connections", "peers", "devices", "timed"}
        if isinstance(part, Totals):
            return replace(part, communications=Estimate(MOST), hosts=MOST)
        counts = {f.name for f in fields(part) if type(getattr(part, f.name)) is int} & many
        return replace(part, **dict.fromkeys(counts, MOST))

    return cast("WeeklyReport", rebuilt(hospital(pacs=4, hosts=60), changed))


def one_hour() -> WeeklyReport:
    """Imaging traffic between two hosts, in a single hour of the week."""
    base, alone = one_row(), hospital(pacs=1, hosts=3, simulated=False)
    values = tuple(1234.0 if h == 34 else None for h in range(168))
    flow, one = alone.pacs[0], Estimate(1234.0)
    curve_in = _flat(flow.curve_in.title, "bytes", values)
    curve_out = _flat(
        flow.curve_out.title, "bytes", tuple(None if v is None else 0.0 for v in values)
    )
    heat = tuple(tuple(1234.0 if (d, h) == (1, 10) else None for h in range(24)) for d in range(7))
    return replace(
        base,
        totals=replace(base.totals, imaging_communications=Estimate(1), imaging_bytes=one,
                       imaging_hosts=2),
        imaging=_flat("Imaging traffic", "bytes", values),
        pacs=(replace(flow, bytes_in=one, bytes_out=Estimate(0.0), previous_bytes_in=None,
                      previous_bytes_out=None, curve_in=curve_in, curve_out=curve_out,
                      senders=base.senders.rows, receivers=()),),
        imaging_senders=base.senders,
        imaging_receivers=base.receivers,
        heat_map=HeatMap(ZONE, "bytes", heat),
        flow_map=FlowMap((MapNode(0, party(1, "modality"), 0, 0.0, 1234.0),
                          MapNode(1, flow.party, 1, 1234.0, 0.0)), (MapEdge(0, 1, 1234.0, 1),)),
        equipment=alone.equipment[:1],
        associations=Associations(0, (), (), (), (), (), (), (), (), (), ()),
    )  # fmt: skip


ALL = {
    "hospital": hospital,
    "small": small,
    "empty": empty,
    "one_row": one_row,
    "no_dicom": no_dicom,
    "sampled": sampled,
    "huge": huge,
    "hostile": hostile,
    "odd": odd,
    "one_hour": one_hour,
}
