"""Puts a week's report together: the one place that knows all its parts."""

from __future__ import annotations

import platform
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

from pacsflow import __version__
from pacsflow.errors import UsageError
from pacsflow.findings import Facts, findings
from pacsflow.inventory import Inventory
from pacsflow.ledger.series import IMAGING, covered_hours, origins
from pacsflow.series import HOUR
from pacsflow.week import capacity, dicom, flows, sampled, traffic
from pacsflow.week.curves import HISTORY_WEEKS, Made, Request, curves
from pacsflow.week.cut import cut
from pacsflow.week.hosts import Hosts
from pacsflow.week.incidents import incidents
from pacsflow.week.options import Options
from pacsflow.week.period import latest_week, parse_week, week_of, zone_of
from pacsflow.weekly import (
    AreaStatus,
    Coverage,
    Finding,
    Gap,
    ModalityFlow,
    PacsFlow,
    Party,
    Provenance,
    Severity,
    SourceFile,
    Status,
    WeeklyReport,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pacsflow.errors import PacsflowError
    from pacsflow.ledger import Ledger
    from pacsflow.week.flows import Flow
    from pacsflow.weekly import Associations, Totals

PACS_LIMIT = 50
MODALITY_LIMIT = 12
PEERS = 5
FILES_NAMED = 400
NO_HISTORY = (
    "This week was added to the ledger by a pacsflow that did not keep connections: nothing is "
    "said of retransmissions, and findings from conn.log name no rows. Adding its logs to a new "
    "ledger brings both."
)
AREAS = ("traffic", "pacs", "modalities", "associations", "security", "data")


def build_report(
    ledger: Ledger,
    inventory: Inventory | None = None,
    options: Options | None = None,
    *,
    problems: Sequence[PacsflowError] = (),
    progress: Callable[[int, int], None] | None = None,
) -> WeeklyReport:
    """Return the finished report of one week of a ledger.

    Parameters
    ----------
    ledger
        With the week and, for forecasts, the weeks before it.
    inventory
        What the hospital knows of its equipment.
    options
        See `Options`.
    problems
        Inputs that could not be read, to be listed beside those that could.
    progress
        Called with the forecasts made and their number.

    Raises
    ------
    UsageError
        Where a week, zone or origin is asked for that cannot be.
    """
    inventory, options = inventory or Inventory(), options or Options()
    zone = zone_of(options.zone)
    with ledger.connect() as connection:
        there = origins(connection)
        if options.origin and options.origin not in there:
            raise UsageError(
                f"no data of origin {options.origin!r}; there is {', '.join(there) or 'none'}"
            )
        origin = options.origin or (there[0] if there else "zeek")
        covered = covered_hours(connection, origin)
        if options.week:
            week = parse_week(options.week, zone)
        else:
            week = latest_week(covered, zone) or week_of(datetime.now(UTC), zone)
        cut(connection, origin, week)
        part = traffic.Slice(connection, origin, week)
        return _build(ledger, part, covered, there, inventory, options, problems, progress)


def _build(
    ledger: Ledger,
    part: traffic.Slice,
    covered: set[datetime],
    there: list[str],
    inventory: Inventory,
    options: Options,
    problems: Sequence[PacsflowError],
    progress: Callable[[int, int], None] | None,
) -> WeeklyReport:
    week, hosts = part.week, Hosts(inventory, part.connection)
    coverage = _coverage(ledger, part, covered, there, inventory, problems)
    totals = traffic.totals(part)
    pacs_sums, modality_sums = _pacs_sums(part, hosts), _modality_sums(part, hosts)
    linked = _linked_equipment(part, hosts, inventory) if options.forecasts else []
    made = curves(
        _requests(part, covered, pacs_sums, modality_sums, linked),
        week,
        forecasts=options.forecasts,
        folder=ledger.folder,
        progress=progress,
    )
    associations = dicom.associations(part, hosts)
    past = [hour for hour in covered if hour < week.end]
    equipment = dicom.equipment(part, hosts, min(past) if past else None, options.thresholds)
    unusual = incidents(part, hosts, made["imaging"])
    facts = Facts(
        part, hosts, inventory, coverage, totals, associations, equipment, unusual,
        options.thresholds,
    )  # fmt: skip
    found = findings(facts)
    imaging = made["imaging"].series.between(week.start, week.end)
    return WeeklyReport(
        title=options.title,
        site=options.site,
        zone=week.zone.key,
        week=week.name,
        first_day=week.monday,
        last_day=week.monday + timedelta(days=6),
        start=week.start,
        end=week.end,
        coverage=coverage,
        totals=totals,
        traffic=made["traffic"].curve,
        communications=made["communications"].curve,
        imaging=made["imaging"].curve,
        pacs=_pacs(part, hosts, pacs_sums, made),
        modalities=_modalities(part, modality_sums, made),
        senders=traffic.ranking(part, hosts, "source", limit=options.top),
        receivers=traffic.ranking(part, hosts, "destination", limit=options.top),
        imaging_senders=traffic.ranking(
            part, hosts, "source", table="pair_weeks", limit=options.top
        ),
        imaging_receivers=traffic.ranking(
            part, hosts, "destination", table="pair_weeks", limit=options.top
        ),
        pairs=traffic.pair_ranking(part, hosts),
        flow_map=traffic.flow_map(part, hosts),
        heat_map=traffic.heat_map(imaging, week),
        associations=associations,
        equipment=equipment,
        software=dicom.software(part, hosts),
        findings=found,
        incidents=unusual,
        status=_status(found, coverage, totals, associations, bool(pacs_sums)),
        capacity=capacity.notes(made["imaging"], _links(made, pacs_sums, linked, inventory)),
        provenance=_provenance(ledger, options),
    )


def _coverage(
    ledger: Ledger,
    part: traffic.Slice,
    covered: set[datetime],
    there: list[str],
    inventory: Inventory,
    problems: Sequence[PacsflowError],
) -> Coverage:
    week = part.week
    hours = [week.start + i * HOUR for i in range(int((week.end - week.start) / HOUR))]
    entries = [
        e
        for e in ledger.entries()
        if e.first is None or e.last is None or (e.first < week.end and e.last >= week.start)
    ]
    files = [
        SourceFile(
            name=Path(e.path).name,
            kind=e.kind,
            sha256=e.sha256,
            size_bytes=e.size,
            rows=e.rows,
            unreadable_rows=e.unreadable,
            first=e.first,
            last=e.last,
            problem="; ".join(e.notes),
            examples=e.examples,
        )
        for e in entries
    ]
    bad = [str(error) for error in problems] or ledger.problems()
    for text in bad:
        name, _, problem = text.partition(": ")
        files.append(
            SourceFile(Path(name).name, "not read", "", 0, 0, 0, None, None, problem=problem)
        )
    files.sort(key=lambda f: (f.kind != "not read", not f.problem, not f.unreadable_rows))
    notes = list(inventory.problems)
    others = [o for o in there if o != part.origin]
    if others:
        notes.append(
            f"Totals are those of origin {part.origin}; {', '.join(others)} is in the ledger too "
            "and not added to them, so that nothing is counted twice."
        )
    if len(files) > FILES_NAMED:
        notes.append(f"{len(files) - FILES_NAMED} more files were read than are listed.")
    sums = part.ask(
        "SELECT coalesce(sum(missed_bytes), 0)::BIGINT, coalesce(sum(samples), 0)::BIGINT,"
        f" count(*) FILTER ({IMAGING} AND service = 'dicom?'), count(*) FILTER ({IMAGING})"
        " FROM rows"
    )[0]
    if part.origin == "zeek" and sums[3] and not _has_connections(part):
        notes.append(NO_HISTORY)
    notes += sampled.notes(part)
    if sums[2]:
        notes.append(
            "Some imaging traffic was recognised by its port alone (service dicom?): it is "
            "counted as imaging, and nobody has looked into it."
        )
    return Coverage(
        hours_expected=len(hours),
        hours_with_data=sum(hour in covered for hour in hours),
        gaps=tuple(_gaps(hours, covered)),
        rows=sum(e.rows for e in entries),
        unreadable_rows=sum(e.unreadable for e in entries),
        missed_bytes=sums[0],
        origins=tuple(there),
        sampled=part.origin == "sflow",
        sampling_note=f"estimated from {sums[1]} samples" if sums[1] else "",
        byte_basis={
            "zeek": "IP bytes of Zeek's conn.log, headers of IP and TCP included",
            "capture": "bytes of whole frames on the wire",
            "sflow": "bytes of whole frames, estimated from sFlow samples",
        }.get(part.origin, ""),
        files=tuple(files[:FILES_NAMED]),
        notes=tuple(notes),
    )


def _has_connections(part: traffic.Slice) -> bool:
    query = "SELECT 1 FROM connections WHERE ts >= ? AND ts < ? LIMIT 1"
    found = part.connection.execute(query, [part.week.start, part.week.end]).fetchall()
    return bool(found)


def _gaps(hours: list[datetime], covered: set[datetime]) -> list[Gap]:
    gaps: list[Gap] = []
    for hour in hours:
        if hour in covered:
            continue
        if gaps and gaps[-1].end == hour:
            gaps[-1] = Gap(gaps[-1].start, hour + HOUR, gaps[-1].hours + 1)
        else:
            gaps.append(Gap(hour, hour + HOUR, 1))
    return gaps


def _pacs_sums(part: traffic.Slice, hosts: Hosts) -> list[tuple[Party, Flow]]:
    parties = hosts.of_role("pacs")
    found = flows.sums(part, {party.address: (party.address,) for party in parties})
    sums = [
        (party, flow)
        for party in parties
        for flow in [found[party.address]]
        if flow.received.value + flow.sent.value
        + (flow.previous_received or 0) + (flow.previous_sent or 0)
    ]  # fmt: skip
    sums.sort(key=lambda pair: -(pair[1].received.value + pair[1].sent.value))
    return sums[:PACS_LIMIT]


def _modality_sums(part: traffic.Slice, hosts: Hosts) -> list[tuple[str, list[str], Flow]]:
    groups: dict[str, list[str]] = {}
    for party in hosts.of_role("modality"):
        groups.setdefault(party.modality or "not known", []).append(party.address)
    found = flows.sums(part, groups)
    sums = [(name, devices, found[name]) for name, devices in groups.items()]
    sums.sort(key=lambda row: (-row[2].sent.value, row[0]))
    return sums[:MODALITY_LIMIT]


def _requests(
    part: traffic.Slice,
    covered: set[datetime],
    pacs: list[tuple[Party, Flow]],
    modalities: list[tuple[str, list[str], Flow]],
    linked: list[Party],
) -> list[Request]:
    week = part.week
    past = [hour for hour in covered if week.shifted(-HISTORY_WEEKS).start <= hour < week.end]
    grid = flows.Grid(min(past) if past else week.start, week.end, covered)
    found = [Request(key, series.name, series) for key, series in flows.whole(part, grid).items()]
    parties = [*(party for party, _ in pacs), *linked]
    groups = {party.address: [party.address] for party in parties}
    groups |= {f"modality {name}": devices for name, devices, _ in modalities}
    series = flows.hourly(part, groups, grid)
    for party in parties:
        for way in flows.WAYS:
            title = f"{_name(party)}, {way}"
            one = replace(series[party.address, way], name=title)
            found.append(Request(f"{party.address} {way}", title, one))
    for name, _, _ in modalities:
        one = replace(series[f"modality {name}", "out"], name=name)
        found.append(Request(f"modality {name}", name, one))
    return found


def _name(party: Party) -> str:
    return party.name or (party.ae_titles[0] if party.ae_titles else party.address)


def _linked_equipment(part: traffic.Slice, hosts: Hosts, inventory: Inventory) -> list[Party]:
    """Return equipment other than PACS with a capacity in the inventory, the busiest of it."""
    if not any(item.capacity for item in inventory.items):
        return []
    rows = part.ask(
        """SELECT h, sum(bytes) FROM (
               SELECT source h, bytes FROM rows UNION ALL SELECT destination, bytes FROM rows)
           GROUP BY 1 ORDER BY 2 DESC, 1""",
        table="pair_weeks",
    )
    parties = [hosts.party(row[0]) for row in rows]
    with_capacity = [p for p in parties if p.role != "pacs" and capacity.capacity_of(p, inventory)]
    return with_capacity[: capacity.DEVICES]


def _links(
    made: dict[str, Made],
    pacs: list[tuple[Party, Flow]],
    linked: list[Party],
    inventory: Inventory,
) -> list[capacity.Link]:
    return [
        capacity.Link(
            _name(party),
            way,
            made[f"{party.address} {way}"],
            capacity.capacity_of(party, inventory),
        )
        for party in [*(party for party, _ in pacs), *linked]
        for way in ("in", "out")
    ]


def _pacs(
    part: traffic.Slice, hosts: Hosts, sums: list[tuple[Party, Flow]], made: dict[str, Made]
) -> tuple[PacsFlow, ...]:
    peers = flows.peers(part, hosts, [party.address for party, _ in sums], PEERS)
    return tuple(
        PacsFlow(
            party=party,
            bytes_in=flow.received,
            bytes_out=flow.sent,
            previous_bytes_in=flow.previous_received,
            previous_bytes_out=flow.previous_sent,
            curve_in=made[f"{party.address} in"].curve,
            curve_out=made[f"{party.address} out"].curve,
            senders=peers[party.address, "in"],
            receivers=peers[party.address, "out"],
        )
        for party, flow in sums
    )


def _modalities(
    part: traffic.Slice, sums: list[tuple[str, list[str], Flow]], made: dict[str, Made]
) -> tuple[ModalityFlow, ...]:
    total = part.ask("SELECT sum(bytes) FROM rows", table="pair_weeks")[0][0] or 0.0
    return tuple(
        ModalityFlow(
            modality=name,
            devices=len(devices),
            bytes=flow.sent,
            communications=flow.began,
            percent_bytes=traffic.percent(flow.sent.value, total),
            previous_bytes=flow.previous_sent,
            curve=made[f"modality {name}"].curve,
        )
        for name, devices, flow in sums
    )


def _status(
    found: tuple[Finding, ...],
    coverage: Coverage,
    totals: Totals,
    associations: Associations | None,
    has_pacs: bool,
) -> tuple[AreaStatus, ...]:
    lights = []
    for area in AREAS:
        mine = [f for f in found if f.area == area]
        worst = max((f.severity for f in mine), key=lambda s: s.rank, default=Severity.INFO)
        if not coverage.hours_with_data:
            light, reason = Status.UNKNOWN, "no-data"
        elif area == "associations" and associations is None:
            light, reason = Status.UNKNOWN, "no-dicom-log"
        elif area == "pacs" and totals.imaging_hosts and not has_pacs:
            light, reason = Status.UNKNOWN, "no-pacs"
        elif area in {"pacs", "modalities"} and not (has_pacs or totals.imaging_hosts):
            light, reason = Status.UNKNOWN, "no-imaging"
        elif worst.rank >= Severity.HIGH.rank:
            light, reason = Status.ACT, mine[0].title
        elif worst.rank >= Severity.LOW.rank:
            light, reason = Status.LOOK, mine[0].title
        else:
            light, reason = Status.GOOD, "nothing-unusual"
        params = (("findings", str(len(mine))), ("rule", mine[0].id if mine else ""))
        lights.append(AreaStatus(area, light, reason, params))
    return tuple(lights)


def _provenance(ledger: Ledger, options: Options) -> Provenance:
    libraries = []
    for name in ("duckdb", "jinja2", "numpy", "pandas", "pyarrow", "statsmodels", "zat"):
        try:
            libraries.append((name, version(name)))
        except PackageNotFoundError:
            continue
    return Provenance(
        pacsflow_version=__version__,
        created=datetime.now(UTC).replace(microsecond=0),
        command=options.command,
        options=(
            ("week", options.week or "latest"),
            ("zone", options.zone),
            ("origin", options.origin or "the one that covers most hours"),
            ("forecasts", "yes" if options.forecasts else "no"),
        ),
        versions=(("python", platform.python_version()), *libraries),
        simulated=any(entry.simulated for entry in ledger.entries()),
        pseudonymised=ledger.pseudonyms is not None,
    )
