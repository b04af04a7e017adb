"""Puts a week's report together: the one place that knows all its parts."""

from __future__ import annotations

import platform
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

from pacsflow import __version__
from pacsflow.errors import UsageError
from pacsflow.findings.facts import Facts
from pacsflow.findings.rules import findings
from pacsflow.inventory import Inventory
from pacsflow.ledger.selection import select
from pacsflow.ledger.series import covered_hours, origins
from pacsflow.report.coverage import coverage_of
from pacsflow.report.options import Options
from pacsflow.report.states import states
from pacsflow.report.unnamed import unnamed
from pacsflow.report.weekly import Provenance, WeeklyReport
from pacsflow.site import SaidBy
from pacsflow.terms import message
from pacsflow.terms.counted import WAYS, directed
from pacsflow.week import capacity, dicom, flows, traffic
from pacsflow.week.curves import HISTORY_WEEKS, CurveRequest, Made, curves
from pacsflow.week.facts import ModalityFlow, PacsFlow
from pacsflow.week.hosts import Hosts
from pacsflow.week.incidents import incidents
from pacsflow.week.period import latest_week, parse_week, week_of, zone_of
from pacsflow.week.sensors import sensors
from pacsflow.week.snapshot import cut
from pacsflow.week.speed import speed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import duckdb

    from pacsflow.errors import InputError
    from pacsflow.ledger import Ledger
    from pacsflow.terms.message import Message
    from pacsflow.terms.party import Party
    from pacsflow.week.flows import Flow

PACS_LIMIT = 50
MODALITY_LIMIT = 12
PEERS = 5
_LEFT_OUT_NAMED = 3


def build_report(
    ledger: Ledger,
    inventory: Inventory | None = None,
    options: Options | None = None,
    *,
    problems: Sequence[InputError] = (),
    progress: Callable[[int, int], None] | None = None,
) -> WeeklyReport:
    """Return the finished report of one week of a ledger.

    Parameters
    ----------
    ledger
        With the week and, for forecasts, the weeks before it. Where it has a key, all else here is
        given by its own name, and the report names nobody.
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
    if ledger.pseudonyms:
        named = build_report(
            ledger.named(), inventory, options, problems=problems, progress=progress
        )
        return unnamed(named, ledger.pseudonyms)
    inventory, options = inventory or Inventory(), options or Options()
    zone = zone_of(options.zone)
    with ledger.connect() as connection:
        select(connection, options.selection, inventory)
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
            told = covered or _hours_told(connection)
            week = latest_week(told, zone) or week_of(datetime.now(UTC), zone)
        cut(connection, origin, week)
        scope = traffic.Scope(connection, origin, week)
        return _build(ledger, scope, covered, there, inventory, options, problems, progress)


def _hours_told(connection: duckdb.DuckDBPyConnection) -> set[datetime]:
    """Return the hours (UTC) of which logs without traffic tell: dicom.log, notice.log."""
    rows = connection.execute(
        "SELECT DISTINCT epoch_us(date_trunc('hour', ts)) FROM"
        " (SELECT ts FROM associations UNION ALL SELECT ts FROM notices UNION ALL"
        " SELECT ts FROM endpoints UNION ALL SELECT ts FROM tls)"
    ).fetchall()
    return {datetime.fromtimestamp(row[0] / 1e6, UTC) for row in rows}


def _build(
    ledger: Ledger,
    scope: traffic.Scope,
    covered: set[datetime],
    there: list[str],
    inventory: Inventory,
    options: Options,
    problems: Sequence[InputError],
    progress: Callable[[int, int], None] | None,
) -> WeeklyReport:
    week, hosts = scope.week, Hosts(inventory, scope.connection, options.local_networks)
    coverage = coverage_of(ledger, scope, covered, there, inventory, problems)
    totals = traffic.totals(scope)
    every_pacs, every_modality = _pacs_sums(scope, hosts), _modality_sums(scope, hosts)
    pacs_sums, modality_sums = every_pacs[:PACS_LIMIT], every_modality[:MODALITY_LIMIT]
    linked = _linked_equipment(scope, hosts, inventory) if options.forecasts else []
    made = curves(
        _requests(scope, covered, pacs_sums, modality_sums, linked),
        week,
        forecasts=options.forecasts,
        holidays=options.holidays,
        folder=ledger.folder,
        progress=progress,
    )
    associations = dicom.associations(scope, hosts)
    past = [hour for hour in covered if hour < week.end]
    watching = sensors(scope, hosts)
    equipment = dicom.equipment(
        scope,
        hosts,
        min(past) if past else None,
        silent_days=options.thresholds.silent_days,
        learning_days=options.thresholds.learning_days,
        sensors=watching,
        most_seen=2 * coverage.hours_with_data >= coverage.hours_expected,
    )
    unusual = incidents(scope, hosts, made["imaging"])
    notes = (*_chosen(options), *coverage.notes, *_clock(options), *_left_out(made["imaging"]))
    coverage = replace(coverage, notes=notes)
    facts = Facts(
        scope, hosts, inventory, coverage, totals, associations, equipment, unusual,
        options.thresholds, clock_known=options.zone_said_by is not SaidBy.NOBODY,
        sensors=watching,
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
        pacs=_pacs(scope, hosts, pacs_sums, made),
        modalities=_modalities(scope, modality_sums, made),
        senders=traffic.ranking(scope, hosts, "source", limit=options.top),
        receivers=traffic.ranking(scope, hosts, "destination", limit=options.top),
        imaging_senders=traffic.ranking(
            scope, hosts, "source", table="pair_weeks", limit=options.top
        ),
        imaging_receivers=traffic.ranking(
            scope, hosts, "destination", table="pair_weeks", limit=options.top
        ),
        pairs=traffic.pair_ranking(scope, hosts),
        flow_map=traffic.flow_map(scope, hosts),
        heat_map=traffic.heat_map(imaging, week),
        associations=associations,
        equipment=equipment,
        software=dicom.software(scope, hosts),
        findings=found,
        incidents=unusual,
        status=states(
            found,
            coverage,
            totals,
            has_dicom=associations is not None,
            has_pacs=bool(pacs_sums),
            sensors=watching.views,
        ),
        capacity=capacity.notes(made["imaging"], _links(made, pacs_sums, linked, inventory)),
        provenance=_provenance(ledger, options),
        speed=speed(scope, hosts),
        sensors=watching.views,
        other_pacs=len(every_pacs[PACS_LIMIT:]),
        other_modalities=len(every_modality[MODALITY_LIMIT:]),
    )


def _chosen(options: Options) -> Iterator[Message]:
    """Yield a note on what counts, where it is not everything."""
    chosen = options.selection
    asked = {"--host": chosen.host, "--ae": chosen.ae, "--service": chosen.service,
             "--sensor": chosen.sensor}  # fmt: skip
    if any(asked.values()):
        told = [f"{option} {value}" for option, value in asked.items() if value]
        yield message.message("chosen-alone", what=message.texts(told))


CLOCK_NOTES = {SaidBy.MACHINE: "zone-machine", SaidBy.NOBODY: "zone-nobody"}


def _clock(options: Options) -> Iterator[Message]:
    """Yield a note on the site's clock, where nobody named the zone for this report."""
    if key := CLOCK_NOTES.get(options.zone_said_by):
        yield message.message(key, zone=message.text(options.zone))


def _left_out(imaging: Made) -> Iterator[Message]:
    """Yield a note on the last events that the coming week's forecast did not learn from."""
    for event in imaging.coming.left_out[-_LEFT_OUT_NAMED:] if imaging.coming else ():
        yield message.message(
            f"imaging-left-out-{event.direction}",
            start=message.at(event.start),
            hours=message.count(event.hours),
        )


def _pacs_sums(scope: traffic.Scope, hosts: Hosts) -> list[tuple[Party, Flow]]:
    parties = hosts.of_role("pacs")
    found = flows.sums(scope, {party.address: (party.address,) for party in parties})
    sums = [
        (party, flow)
        for party in parties
        for flow in [found[party.address]]
        if flow.received.value + flow.sent.value
        + (flow.previous_received or 0) + (flow.previous_sent or 0)
    ]  # fmt: skip
    sums.sort(key=lambda pair: -(pair[1].received.value + pair[1].sent.value))
    return sums


def _modality_sums(scope: traffic.Scope, hosts: Hosts) -> list[tuple[str, list[str], Flow]]:
    groups: dict[str, list[str]] = {}
    for party in hosts.of_role("modality"):
        groups.setdefault(party.modality or "not known", []).append(party.address)
    found = flows.sums(scope, groups)
    sums = [(name, devices, found[name]) for name, devices in groups.items()]
    sums.sort(key=lambda row: (-row[2].sent.value, row[0]))
    return sums


def _requests(
    scope: traffic.Scope,
    covered: set[datetime],
    pacs: list[tuple[Party, Flow]],
    modalities: list[tuple[str, list[str], Flow]],
    linked: list[Party],
) -> list[CurveRequest]:
    week = scope.week
    past = [hour for hour in covered if week.shifted(-HISTORY_WEEKS).start <= hour < week.end]
    grid = flows.Grid(min(past) if past else week.start, week.end, covered)
    found = [
        CurveRequest(key, series.name, series) for key, series in flows.whole(scope, grid).items()
    ]
    parties = [*(party for party, _ in pacs), *linked]
    groups = {party.address: [party.address] for party in parties}
    groups |= {f"modality {name}": devices for name, devices, _ in modalities}
    series = flows.hourly(scope, groups, grid)
    for party in parties:
        for way in WAYS:
            title = directed(_name(party), way)
            one = replace(series[party.address, way], name=title)
            found.append(CurveRequest(f"{party.address} {way}", title, one))
    for name, _, _ in modalities:
        one = replace(series[f"modality {name}", "out"], name=name)
        found.append(CurveRequest(f"modality {name}", name, one))
    return found


def _name(party: Party) -> str:
    return party.name or (party.ae_titles[0] if party.ae_titles else party.address)


def _linked_equipment(scope: traffic.Scope, hosts: Hosts, inventory: Inventory) -> list[Party]:
    """Return equipment other than PACS with a capacity in the inventory, the busiest of it."""
    if not any(item.capacity for item in inventory.items):
        return []
    rows = scope.ask(
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
    scope: traffic.Scope, hosts: Hosts, sums: list[tuple[Party, Flow]], made: dict[str, Made]
) -> tuple[PacsFlow, ...]:
    peers = flows.peers(scope, hosts, [party.address for party, _ in sums], PEERS)
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
    scope: traffic.Scope, sums: list[tuple[str, list[str], Flow]], made: dict[str, Made]
) -> tuple[ModalityFlow, ...]:
    total = scope.ask("SELECT sum(bytes) FROM rows", table="pair_weeks")[0][0] or 0.0
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
            ("zone-said-by", options.zone_said_by.value),
            ("origin", options.origin or "most-hours"),
            ("forecasts", "yes" if options.forecasts else "no"),
            *([("holidays", options.holidays)] if options.holidays else []),
        ),
        versions=(("python", platform.python_version()), *libraries),
        simulated=ledger.journal.simulated(),
        pseudonymised=False,
    )
