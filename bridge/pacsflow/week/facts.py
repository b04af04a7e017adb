"""The facts of a week, computed from a ledger and finished.

Units: bytes are octets, times are UTC, durations are seconds. `None` is "not known", never zero.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from pacsflow.terms.message import Message
    from pacsflow.terms.party import Party


@dataclass(frozen=True, slots=True)
class Estimate:
    """A total; where it was estimated from samples, with its 95 % interval and sample count."""

    value: float
    lower: float | None = None
    upper: float | None = None
    samples: int | None = None


@dataclass(frozen=True, slots=True)
class Hours:
    """Hourly values of one line in a chart; `None` is an hour without data."""

    name: str
    unit: str
    start: datetime
    values: tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class Band:
    """A forecast's hourly mean with its 80 and 95 % intervals, all of one length."""

    start: datetime
    mean: tuple[float, ...]
    lower80: tuple[float, ...]
    upper80: tuple[float, ...]
    lower95: tuple[float, ...]
    upper95: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Curve:
    """What was seen, what was forecast before it happened, and what comes.

    `forecast` begins where the week ends. `expected` covers the week itself, made from what was
    known before it. When there is too little history either is `None` and `reason` says how much
    there is and how much is needed. `previous` is the week before, hour by hour.
    """

    title: str
    observed: Hours
    previous: Hours | None = None
    expected: Band | None = None
    forecast: Band | None = None
    models: tuple[str, ...] = ()
    verdict: Message | None = None
    suits: bool | None = None
    mase: float | None = None
    mase_naive168: float | None = None
    coverage95: float | None = None
    reason: Message | None = None


@dataclass(frozen=True, slots=True)
class Gap:
    """Hours in which no sensor saw anything."""

    start: datetime
    end: datetime
    hours: int


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One input with its fate."""

    name: str
    kind: str
    sha256: str
    size_bytes: int
    rows: int
    unreadable_rows: int
    first: datetime | None
    last: datetime | None
    problem: str = ""
    examples: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Coverage:
    """What the week's numbers rest on."""

    hours_expected: int
    hours_with_data: int
    gaps: tuple[Gap, ...]
    rows: int
    unreadable_rows: int
    missed_bytes: int
    origins: tuple[str, ...]
    sampled: bool
    samples: int = 0
    """Samples that the totals are estimated from; 0 where they are no estimates."""
    origin: str = ""
    """Whose rows are counted: zeek (IP bytes of conn.log), capture or sflow (bytes of frames)."""
    files: tuple[SourceFile, ...] = ()
    notes: tuple[Message, ...] = ()
    other_files: int = 0
    """How many were read besides those in the list."""


@dataclass(frozen=True, slots=True)
class Totals:
    """The week in numbers; `previous_*` are the week before, where there is one."""

    communications: Estimate
    bytes: Estimate
    packets: Estimate
    imaging_communications: Estimate
    imaging_bytes: Estimate
    hosts: int
    imaging_hosts: int
    previous_bytes: float | None = None
    previous_imaging_bytes: float | None = None
    previous_communications: float | None = None
    previous_imaging_communications: float | None = None


@dataclass(frozen=True, slots=True)
class Ranked:
    """One row of a table of the busiest; `percent` is of the total named in the table."""

    party: Party
    communications: int
    percent: float
    bytes: Estimate
    percent_bytes: float
    previous_bytes: float | None = None


@dataclass(frozen=True, slots=True)
class RankedPair:
    """One direction between two hosts."""

    source: Party
    destination: Party
    service: str
    communications: int
    percent: float
    bytes: Estimate
    percent_bytes: float


@dataclass(frozen=True, slots=True)
class Ranking:
    """A top table with the totals that its percentages refer to."""

    rows: tuple[Ranked, ...]
    total_communications: int
    total_bytes: float
    others: int
    """Hosts that are not in the rows."""


@dataclass(frozen=True, slots=True)
class PairRanking:
    """The busiest directions with the totals that the percentages refer to."""

    rows: tuple[RankedPair, ...]
    total_communications: int
    total_bytes: float
    others: int


@dataclass(frozen=True, slots=True)
class PacsFlow:
    """Input and output of one PACS: what it received (in) and what it sent (out)."""

    party: Party
    bytes_in: Estimate
    bytes_out: Estimate
    previous_bytes_in: float | None
    previous_bytes_out: float | None
    curve_in: Curve
    curve_out: Curve
    senders: tuple[Ranked, ...] = ()
    receivers: tuple[Ranked, ...] = ()


@dataclass(frozen=True, slots=True)
class ModalityFlow:
    """What one kind of equipment sent."""

    modality: str
    devices: int
    bytes: Estimate
    communications: int
    percent_bytes: float
    previous_bytes: float | None = None
    curve: Curve | None = None


@dataclass(frozen=True, slots=True)
class MapNode:
    """Equipment in the flow map; `layer` 0 sends to PACS, 1 is PACS, 2 receives from PACS."""

    id: int
    party: Party
    layer: int
    bytes_in: float
    bytes_out: float


@dataclass(frozen=True, slots=True)
class MapEdge:
    """Bytes and communications from one node to another."""

    source: int
    target: int
    bytes: float
    communications: int


@dataclass(frozen=True, slots=True)
class FlowMap:
    """Every piece of equipment and its connections; `omitted` counts what was too small to draw."""

    nodes: tuple[MapNode, ...]
    edges: tuple[MapEdge, ...]
    omitted_nodes: int = 0
    omitted_edges: int = 0
    omitted_bytes: float = 0.0


@dataclass(frozen=True, slots=True)
class HeatMap:
    """Mean imaging bytes an hour by weekday (Monday first) and hour, in the site's zone."""

    zone: str
    unit: str
    cells: tuple[tuple[float | None, ...], ...]


@dataclass(frozen=True, slots=True)
class Count:
    """A labelled count with its share."""

    label: str
    count: int
    percent: float
    previous: int | None = None


@dataclass(frozen=True, slots=True)
class AePair:
    """Associations between two AE titles."""

    calling_ae: str
    called_ae: str
    orig: Party
    resp: Party
    associations: int
    rejected: int
    aborted: int
    objects: int
    failures: int
    bytes: float
    median_seconds: float | None


@dataclass(frozen=True, slots=True)
class AssociationRow:
    """One association worth a look: rejected, aborted, with failures, or slow."""

    ts: datetime
    uid: str
    orig: Party
    resp: Party
    calling_ae: str
    called_ae: str
    result: str
    end: str
    why: str
    seconds: float | None
    bytes: float
    failures: int
    source: str = ""


@dataclass(frozen=True, slots=True)
class Associations:
    """What the dicom.log rows of the week say."""

    total: int
    results: tuple[Count, ...]
    ends: tuple[Count, ...]
    operations: tuple[Count, ...]
    responses: tuple[Count, ...]
    failure_codes: tuple[Count, ...]
    services: tuple[Count, ...]
    transfer_syntaxes: tuple[Count, ...]
    flags: tuple[Count, ...]
    pairs: tuple[AePair, ...]
    notable: tuple[AssociationRow, ...]
    seconds_median: float | None = None
    seconds_p95: float | None = None
    objects: int = 0
    previous_total: int | None = None
    other_pairs: int = 0
    """How many there are besides those in the list, as of the lists below."""
    other_notable: int = 0
    other_failure_codes: int = 0
    other_transfer_syntaxes: int = 0


@dataclass(frozen=True, slots=True)
class Software:
    """One implementation fingerprint and who runs it."""

    impl_uid: str
    impl_version: str
    parties: tuple[Party, ...]
    first_seen_this_week: bool


@dataclass(frozen=True, slots=True)
class Equipment:
    """One known endpoint: seen before, new this week, silent, or not to be seen this week."""

    party: Party
    state: str
    """active, new, silent; unseen where the sensors that see it mostly stood still."""
    last_seen: datetime | None
    first_seen: datetime | None
    services: tuple[str, ...] = ()
    modalities: tuple[str, ...] = ()
    bytes_in: float = 0.0
    bytes_out: float = 0.0
    connections: int = 0
    peers: int = 0


@dataclass(frozen=True, slots=True)
class Incident:
    """Hours whose sum was far from what had been forecast before they happened."""

    series: str
    start: datetime
    end: datetime
    direction: str
    """more or less."""
    bytes_seen: float
    bytes_expected: float
    unlikely: float
    """How seldom an hour of a week is so: 4.0, as a normal distribution's distance from its mean in
    standard deviations, is one week in a hundred."""
    parties: tuple[Party, ...] = ()
    probability: float = 0.0
    """That a week holds such an incident, or a larger one, by chance."""
    silent: bool = False
    """Next to nothing passed, while the sensor saw the rest."""


@dataclass(frozen=True, slots=True)
class CapacityNote:
    """When the forecast's upper 95 % bound reaches a capacity from the inventory, and growth.

    Growth is that of weekly totals over 30 days, percent, with its 95 % interval; at it the peak
    reaches the capacity in `months_soon` to `months_late` months.
    """

    name: str
    capacity_bytes_per_hour: float | None
    """None for all imaging traffic, of which growth alone is told."""
    peak_bytes_per_hour: float
    reached: datetime | None
    way: str = ""
    """in or out of the equipment that `name` names."""
    growth_percent_month: float | None = None
    growth_lower: float | None = None
    growth_upper: float | None = None
    months_soon: float | None = None
    months_late: float | None = None
