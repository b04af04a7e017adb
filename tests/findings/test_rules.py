"""Each rule speaks from its threshold on, and not just below it; odd input makes none fail."""

from __future__ import annotations

import math
import re
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from ipaddress import ip_network
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast
from zoneinfo import ZoneInfo

import duckdb
import pyarrow as pa
import pytest

from pacsflow.findings import rules
from pacsflow.findings.clocks import shift
from pacsflow.findings.facts import Facts
from pacsflow.findings.finding import Finding
from pacsflow.findings.interruptions import Week as Activity
from pacsflow.findings.interruptions import longest_run, unusual_run
from pacsflow.findings.rules import RULES, findings
from pacsflow.findings.thresholds import Thresholds
from pacsflow.inventory import Inventory, Item
from pacsflow.ledger.engine import empty
from pacsflow.ledger.tables import TABLES
from pacsflow.ledger.times import ELEMENTS, SECONDS, SUMS
from pacsflow.terms.severity import Severity
from pacsflow.week import dicom, traffic
from pacsflow.week.facts import Coverage, Gap, Incident
from pacsflow.week.hosts import Hosts
from pacsflow.week.period import parse_week
from pacsflow.week.sensors import sensors
from pacsflow.week.snapshot import sum_imaging
from pacsflow.words.language import Language, languages
from pacsflow.words.saying import finding_said

if TYPE_CHECKING:
    from collections.abc import Callable

    Rule = Callable[["Facts"], list[Finding]]

ROOT = Path(__file__).parents[2]
WEEK = parse_week("2026-W11", ZoneInfo("UTC"))
T0 = WEEK.start
"""Monday 2026-03-09 00:00 UTC."""
PACS, CT, VIEWER, STRANGER, OUTSIDE = "10.0.0.2", "10.0.0.1", "10.0.0.4", "10.0.0.9", "8.8.4.4"
Row = dict[str, Any]
NUMBERS = (
    "reject_source", "reject_reason", "echo_rq", "store_rq", "find_rq", "get_rq", "move_rq",
    "rsp_pending", "rsp_failure", "data_pdus", "data_bytes_orig", "data_bytes_resp",
)  # fmt: skip


def at(hours: float) -> datetime:
    return T0 + timedelta(hours=hours)


def assoc(hours: float = 1, n: int = 0, **row: Any) -> Row:
    base: Row = {
        "ts": at(hours), "uid": f"C{hours:g}-{n}", "id.orig_h": CT, "id.resp_h": PACS,
        "id.resp_p": 104, "calling_ae": "CT1", "called_ae": "PACS1", "result": "accepted",
        "end": "released", "duration": 1.0, **dict.fromkeys(NUMBERS, 0),
    }  # fmt: skip
    base.update({name.replace("__", "."): value for name, value in row.items()})
    return base


def old(**row: Any) -> Row:
    """Return an association of a month before, so that there is a history."""
    return assoc(-24 * 28, **row)


def hourly(source: str, destination: str, octets: int, hours: range | list[int]) -> list[Row]:
    return [
        {
            "hour": at(h), "source": source, "destination": destination, "service": "dicom",
            "origin": "zeek", "communications": 1, "packets": 1, "bytes": octets, "samples": 0,
            "missed_bytes": 0, "weight_squares": 0.0,
        }
        for h in hours
    ]  # fmt: skip


def connections_of(flows: list[Row]) -> list[Row]:
    """Return one connection an hour and pair, as conn.log would have them."""
    return [
        {
            "ts": r["hour"], "uid": f"K{r['hour']:%j%H}{r['source']}", "source": r["source"],
            "destination": r["destination"], "service": r["service"], "source_packets": 1,
            "destination_packets": 1, "bytes": r["bytes"], "missed_bytes": r["missed_bytes"],
            "history": "ShADadFf",
        }
        for r in flows
    ]  # fmt: skip


def facts_of(
    associations: list[Row] | None = None,
    flows: list[Row] | None = None,
    *,
    inventory: Inventory | None = None,
    thresholds: Thresholds | None = None,
    cover: range | None = None,
    origins: tuple[str, ...] = ("zeek",),
    gaps: tuple[Gap, ...] = (),
    incidents: tuple[Incident, ...] = (),
    **tables: list[Row],
) -> Facts:
    connection = duckdb.connect(config={"threads": 1})
    connection.execute("SET TimeZone = 'UTC'")
    hours = cover or range(-24 * 28, 168)
    rows = {
        "associations": associations or [],
        "traffic": flows or [],
        "connections": connections_of(flows or []),
        "coverage": [{"hour": at(h), "origin": "zeek", "rows": 1} for h in hours],
        **tables,
    }
    for name, schema in TABLES.items():
        if made := rows.get(name):
            connection.register(f"_{name}", pa.Table.from_pylist(made, schema=schema))
            connection.execute(f"CREATE TABLE {name} AS SELECT * FROM _{name}")
        else:
            connection.execute(f"CREATE VIEW {name} AS {empty(schema)}")
    connection.execute("CREATE VIEW seen_traffic AS FROM traffic")
    inventory = inventory or Inventory()
    sum_imaging(connection, "zeek", WEEK)
    scope = traffic.Scope(connection, "zeek", WEEK)
    hosts = Hosts(inventory, connection)
    totals = traffic.totals(scope)
    missed = scope.ask("SELECT coalesce(sum(missed_bytes), 0)::BIGINT FROM rows")[0][0]
    coverage = Coverage(168, 168, gaps, 1, 0, missed, origins, sampled=False)
    limits = thresholds or Thresholds()
    return Facts(
        scope, hosts, inventory, coverage, totals, dicom.associations(scope, hosts),
        dicom.equipment(
            scope, hosts, at(min(hours)),
            silent_days=limits.silent_days, learning_days=limits.learning_days,
        ),
        incidents, limits, sensors=sensors(scope, hosts),
    )  # fmt: skip


def told(facts: Facts) -> dict[str, Finding]:
    found = findings(facts)
    assert "rule-failed" not in {f.rule for f in found}, [
        f for f in found if f.rule == "rule-failed"
    ]
    return {f.rule: f for f in found}


INVENTORY = Inventory.of(
    [
        Item(PACS, "pacs1", "pacs", site="north"),
        Item(CT, "ct1", "modality", "CT", site="north", capacity=50),
        Item(VIEWER, "read1", "workstation", site="south"),
    ]
)


def rejected(pairs: int) -> list[Row]:
    return [
        assoc(1 + i, calling_ae=f"X{i}", result="rejected", reject_source=1, reject_reason=3,
              id__orig_h=STRANGER)
        for i in range(pairs)
    ]  # fmt: skip


def finds(pending: int, before: int = 0) -> list[Row]:
    mine: Row = {"id__orig_h": VIEWER, "find_rq": 1, "services": ["query"]}
    return [old(rsp_pending=before, **mine), assoc(5, rsp_pending=pending, **mine)]


def gets(number: int, before: int = 0) -> list[Row]:
    return [old(id__orig_h=VIEWER, get_rq=before), assoc(5, id__orig_h=VIEWER, get_rq=number)]


def flood(number: int) -> list[Row]:
    return [assoc(2 + i / 36000, i) for i in range(number)]


def echoes(number: int, start: float = 3) -> list[Row]:
    return [assoc(start, i, id__resp_h=f"10.0.1.{i}", echo_rq=1) for i in range(number)]


def callers(hosts: int) -> list[Row]:
    return [old(), *(assoc(4, i, id__orig_h=f"10.0.2.{i}", calling_ae="CR7") for i in range(hosts))]


def moves(title: str) -> list[Row]:
    return [
        old(calling_ae="READ1", id__orig_h=VIEWER),
        assoc(9, id__orig_h=VIEWER, calling_ae="READ1", move_rq=1, move_destinations=[title]),
    ]


def plain(octets: int, syntax: str = "ExplicitVRLittleEndian") -> list[Row]:
    return [assoc(store_rq=9, data_bytes_orig=octets, transfer_syntaxes=[syntax])]


def stored(host: str) -> list[Row]:
    return [assoc(store_rq=1, id__orig_h=host, calling_ae="NEW")]


def flagged(flag: str) -> list[Row]:
    return [assoc(flags=[flag])]


def identity(kind: str) -> list[Row]:
    return [assoc(user_identity=kind)]


def rejects(before: int, now: int) -> list[Row]:
    rows = []
    for start, count in ((-24 * 7, before), (0, now)):
        rows += [
            assoc(start + 1 + i / 100, i, **({"result": "rejected"} if i < count else {}))
            for i in range(300)
        ]
    return rows


def twice(seconds: list[float]) -> list[Row]:
    return [
        {**assoc(i + 1 + late / 3600, i, community_id=f"1:{i}", data_pdus=i), "uid": f"{sensor}{i}"}
        for i, late_by in enumerate(seconds)
        for sensor, late in (("A", 0.0), ("B", late_by))
    ]


def some(number: int, of: int, **what: Any) -> list[Row]:
    return [assoc(1 + i / 100, i, **(what if i < number else {})) for i in range(of)]


def seen_on(days: int) -> list[Row]:
    """Return traffic of so many days before the week, and of others in it."""
    return hourly(CT, PACS, 9, [-24 * d for d in range(1, days + 1)]) + hourly(
        VIEWER, STRANGER, 9, range(168)
    )


def missing(lost: int) -> list[Row]:
    return [{**r, "missed_bytes": lost} for r in hourly(CT, PACS, 10_000 - lost, [5])]


def sent_again(history: str, packets: int) -> list[Row]:
    """Return one connection from CT to PACS that began as its history says."""
    (row,) = connections_of(hourly(CT, PACS, 9, [3]))
    return [{**row, "history": history, "source_packets": packets}]


def timed(week: int, times: int = 20, **what: Any) -> Row:
    """Return an hour of a week (0 is this one) with so many answers of 512 to 1,024 ms."""
    row: Row = dict.fromkeys(SUMS, 0) | dict.fromkeys(ELEMENTS, 0) | dict.fromkeys(SECONDS, 0.0)
    row |= {
        "hour": at(week * 168 + 3), "client": CT, "server": PACS, "operation": "store",
        "origin": "zeek", "associations": times, "count": times, "timed": times, "opened": times,
        "round_trips": times, "t10": times, "response_seconds": times * 0.8, "response_min": 0.6,
        "response_max": 1.0, "outstanding": 1.0, "slowest": f"C{week}",
    }  # fmt: skip
    return row | what


def slower(high: float, trips: tuple[float, float] = (0.0, 0.0)) -> Row:
    """Return a week before with answers of 0.6 s, and this one with answers of `high` seconds."""
    element = f"t{math.floor(math.log2(high * 1000)) + 1:02d}"
    slow = {"t10": 0, element: 20, "response_min": high, "response_max": high,
            "response_seconds": 20 * high, "round_trip_seconds": 20 * trips[1]}  # fmt: skip
    quick = {"response_max": 0.6, "response_min": 0.6, "round_trip_seconds": 20 * trips[0]}
    return {"times": [timed(-1, **quick), timed(0, **slow)], "inventory": INVENTORY}


def farther(trip: float) -> Row:
    return {
        "times": [timed(-2, round_trip_seconds=20 * 0.01), timed(0, round_trip_seconds=20 * trip)]
    }


def pausing(gap: float) -> Row:
    quick: Row = {"response_seconds": 0.2, "response_min": 0.01, "t10": 0, "t04": 20}
    return {"times": [timed(-3, pause_seconds=20 * 0.1, **quick),
                      timed(0, pause_seconds=20 * gap, **quick)]}  # fmt: skip


def crowded(hours: int, at_once: int = 10, before: int = 0) -> Row:
    """Return hours in which so many associations were open at once; of the weeks before, others."""
    full = [*range(5, 5 + hours), *(-100 - 2 * n for n in range(before))]
    rows = [assoc(hour + n / 1000, n, duration=600.0) for hour in full for n in range(at_once)]
    return {"associations": [*rows, old()]}


def gap(hours: int) -> tuple[Gap, ...]:
    return (Gap(at(30), at(30 + hours), hours),)


def incident(direction: str, deviations: float, *, silent: bool = False) -> tuple[Incident, ...]:
    found = Incident("imaging", at(9), at(11), direction, 9e9, 1e9, deviations, silent=silent)
    return (found,)


def ahead(hours: int) -> list[Row]:
    now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    return [{"ts": now + timedelta(hours=hours), "uid": "F1", "source": CT, "destination": PACS}]


def covering(*hours: int) -> list[Row]:
    now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    return [{"hour": now + timedelta(hours=h), "origin": "zeek", "rows": 7} for h in hours]


def two_sensors(silent: int) -> Row:
    """Return two weeks of two sensors, the second silent for some hours and alone with the PACS."""
    gone = range(50, 50 + silent)
    seen = [("north", h) for h in range(-168, 168)]
    seen += [("south", h) for h in range(-168, 168) if h not in gone]
    pairs = {"north": (CT, VIEWER), "south": (STRANGER, PACS)}
    flows = [{**hourly(*pairs[name], 9, [h])[0], "sensor": name} for name, h in seen]
    return {
        "flows": flows,
        "inventory": INVENTORY,
        "coverage": [{"hour": at(h), "origin": "zeek", "rows": 1, "sensor": n} for n, h in seen],
        "connections": [
            {**connection, "sensor": flow["sensor"]}
            for connection, flow in zip(connections_of(flows), flows, strict=True)
        ],
    }


PATTERN = [1 + (h % 24) ** 2 % 17 + (h // 24) for h in range(168)]


def logged(late: int) -> Row:
    """Return a week of connections, and associations whose log is so many hours late."""
    flows = hourly(CT, PACS, 9, range(168))
    return {
        "flows": [{**r, "communications": PATTERN[i]} for i, r in enumerate(flows)],
        "associations": [assoc(h + late, n) for h in range(168 - late) for n in range(PATTERN[h])],
    }


SENT = hourly(CT, PACS, 10_000_000, range(-24 * 28, 168))
NIGHTS = [d * 24 + h for d in range(7) for h in range(1, 8)]
ALL_WEEK = range(-24 * 21, 168)


def tried(hosts: int) -> list[Row]:
    """Return one host's looks at the DICOM ports of so many, none of which answered."""
    return [
        {**row, "service": "tcp/104"}
        for n in range(hosts)
        for row in hourly(STRANGER, f"10.0.7.{n}", 60, [5])
    ]


def remarked(what: str, number: int) -> list[Row]:
    """Return what a source of 100 rows or frames says of so many of them."""
    return [{"ts": at(3), "what": what, "number": number, "total": 100, "name": "x*.pcap",
             "file": "f"}]  # fmt: skip


CASES: dict[str, tuple[Row, Row]] = {
    # rule: (what makes it speak, what is just below)
    "ae-guessing": ({"associations": rejected(4)}, {"associations": rejected(3)}),
    "find-enumeration": ({"associations": finds(4999)}, {"associations": finds(4998)}),
    "bulk-requests": ({"associations": gets(200)}, {"associations": gets(199)}),
    "association-flood": ({"associations": flood(600)}, {"associations": flood(599)}),
    "echo-scan": ({"associations": echoes(10)}, {"associations": echoes(9)}),
    "ae-on-several-hosts": ({"associations": callers(3)}, {"associations": callers(2)}),
    "move-to-unknown": ({"associations": moves("THIEF")}, {"associations": moves("READ1")}),
    "uncompressed-slow-link": (
        {"associations": plain(10**9), "inventory": INVENTORY},
        {"associations": plain(10**9 - 1), "inventory": INVENTORY},
    ),
    "unknown-sender": (
        {"associations": stored(STRANGER), "inventory": INVENTORY},
        {"associations": stored(CT), "inventory": INVENTORY},
    ),
    "part10-in-data-set": (
        {"associations": flagged("part10_in_dataset")},
        {"associations": flagged("midstream")},
    ),
    "malformed": ({"associations": flagged("malformed")}, {"associations": [assoc()]}),
    "reserved-bits": (
        {"associations": flagged("reserved_nonzero")},
        {"associations": [assoc()]},
    ),
    "cleartext-credentials": (
        {"associations": identity("username_passcode")},
        {"associations": identity("username")},
    ),
    "outside": (
        {"associations": [assoc(id__orig_h=OUTSIDE)]},
        {"associations": [assoc(id__orig_h=STRANGER)]},
    ),
    "cleartext-across-sites": (
        {"associations": [assoc(id__orig_h=VIEWER, data_bytes_resp=9)], "inventory": INVENTORY},
        {"associations": [assoc(data_bytes_orig=9)], "inventory": INVENTORY},
    ),
    "new-peer": (
        {"associations": [old(), assoc(id__orig_h=VIEWER)], "inventory": INVENTORY, "flows": SENT},
        {"associations": [old(id__orig_h=VIEWER), assoc(id__orig_h=VIEWER)],
         "inventory": INVENTORY, "flows": SENT},
    ),
    "rejects-rising": ({"associations": rejects(10, 40)}, {"associations": rejects(21, 40)}),
    "clock-skew": (
        {"associations": twice([5, 6, 5, 7, 5])},
        {"associations": twice([4.9, 4, 5, 4.9, 5])},
    ),
    "pacs-silent": (
        {"flows": seen_on(3), "inventory": INVENTORY},
        {"flows": seen_on(2), "inventory": INVENTORY},
    ),
    "device-silent": (
        {"flows": seen_on(3), "inventory": INVENTORY},
        {"flows": seen_on(2), "inventory": INVENTORY},
    ),
    "device-new": (
        {"flows": hourly(CT, PACS, 9, [1]), "cover": range(-168, 168)},
        {"flows": hourly(CT, PACS, 9, [1]), "cover": range(-167, 168)},
    ),
    "rejects-high": (
        {"associations": some(1, 20, result="rejected")},
        {"associations": some(1, 21, result="rejected")},
    ),
    "aborts-high": (
        {"associations": some(1, 20, end="aborted")},
        {"associations": some(1, 21, end="aborted")},
    ),
    "failures-high": (
        {"associations": some(1, 20, rsp_failure=1)},
        {"associations": some(1, 21, rsp_failure=1)},
    ),
    "loss-high": ({"flows": missing(100)}, {"flows": missing(99)}),
    "retransmissions-high": (
        {"connections": sent_again("ShADaTTTdFf", 10_000)},
        {"connections": sent_again("ShADaTTTdFf", 10_001)},
    ),
    "pacs-slow": (slower(1.2), slower(1.19)),
    "path-slow": (farther(0.05), farther(0.049)),
    "device-slow": (pausing(0.5), pausing(0.49)),
    "queueing": (crowded(3), crowded(2)),
    "sensor-gap": (
        {"gaps": gap(1), "flows": SENT},
        {"gaps": gap(2), "flows": SENT, "thresholds": Thresholds(gap_hours=3)},
    ),
    "sensor-silent": (two_sensors(6), two_sensors(5)),
    "future-rows": (
        {"coverage": covering(-1, 0, 3), "connections": ahead(3)},
        {"coverage": covering(-1, 0)},
    ),
    "hours-disagree": (logged(3), logged(0)),
    "traffic-above": (
        {"incidents": incident("more", 4.0), "flows": SENT},
        {"incidents": incident("more", 3.99), "flows": SENT},
    ),
    "traffic-below": (
        {"incidents": incident("less", 4.0), "flows": SENT},
        {"incidents": incident("less", 3.99), "flows": SENT},
    ),
    "traffic-silent": (
        {"incidents": incident("less", 3.2, silent=True), "flows": SENT},
        {"incidents": incident("less", 3.2), "flows": SENT},
    ),
    "bulk-retrieval": (
        {"flows": [*SENT, *hourly(PACS, VIEWER, 10**6, ALL_WEEK),
                   *hourly(PACS, VIEWER, 10**10, [50])], "inventory": INVENTORY},
        {"flows": [*SENT, *hourly(PACS, VIEWER, 10**6, ALL_WEEK),
                   *hourly(PACS, VIEWER, 10**10 - 25 * 10**6, [50])], "inventory": INVENTORY},
    ),
    "pacs-interrupted": (
        {"flows": [r for r in SENT if not at(60) <= r["hour"] < at(64)]},
        {"flows": [r for r in SENT if not at(60) <= r["hour"] < at(63)]},
    ),
    "modality-stopped": (
        {"flows": [r for r in SENT if r["hour"] < at(120)] + hourly(VIEWER, PACS, 9, ALL_WEEK),
         "inventory": INVENTORY},
        {"flows": [r for r in SENT if r["hour"] < at(144)] + hourly(VIEWER, PACS, 9, ALL_WEEK),
         "inventory": INVENTORY},
    ),
    "loss-on-path": (
        {"flows": [{**r, "missed_bytes": 110_000} for r in hourly(CT, PACS, 10**7, range(100))]
         + hourly(VIEWER, PACS, 10**8, range(100))},
        {"flows": [{**r, "missed_bytes": 99_000} for r in hourly(CT, PACS, 10**7, range(100))]
         + hourly(VIEWER, PACS, 10**8, range(100))},
    ),
    "port-scan": ({"flows": tried(10)}, {"flows": tried(9)}),
    "copies-seen": (
        {"remarks": remarked("copies", 10), "associations": [assoc(file="f")]},
        {"remarks": remarked("copies", 9), "associations": [assoc(file="f")]},
    ),
    "spread-by-cluster": (
        {"remarks": remarked("spread", 10), "associations": [assoc(file="f")]},
        {"remarks": remarked("spread", 9), "associations": [assoc(file="f")]},
    ),
    "two-networks": (
        {"associations": [assoc(1, 1, vlan=10, id__orig_p=4), assoc(1, 2, vlan=20, id__orig_p=4)]},
        {"associations": [assoc(1, 1, vlan=10, id__orig_p=4), assoc(2, 2, vlan=20, id__orig_p=4)]},
    ),
    "prefetch-into-morning": (
        {"flows": [*SENT, *hourly(PACS, VIEWER, 2 * 10**8, NIGHTS)], "inventory": INVENTORY},
        {"flows": [*SENT, *hourly(PACS, VIEWER, 2 * 10**8, [h for h in NIGHTS if h % 24 < 7])],
         "inventory": INVENTORY},
    ),
}  # fmt: skip


OFF = {
    "port-scan": "scan_hosts", "copies-seen": "copies_percent",
    "spread-by-cluster": "spread_connections", "two-networks": "mixed_associations",
    "ae-guessing": "guess_pairs", "find-enumeration": "find_results",
    "bulk-requests": "retrieve_requests", "association-flood": "flood_associations",
    "echo-scan": "echo_endpoints", "ae-on-several-hosts": "ae_hosts",
    "move-to-unknown": "move_requests", "uncompressed-slow-link": "uncompressed_bytes",
    "unknown-sender": "unknown_sender_objects", "part10-in-data-set": "part10_associations",
    "malformed": "malformed_associations", "reserved-bits": "reserved_associations",
    "cleartext-credentials": "credentials_associations", "outside": "outside_associations",
    "cleartext-across-sites": "across_sites_bytes", "new-peer": "new_peer_associations",
    "rejects-rising": "reject_rise_factor", "clock-skew": "skew_seconds",
    "pacs-silent": "silent_days", "device-silent": "silent_days", "device-new": "learning_days",
    "rejects-high": "reject_percent", "aborts-high": "abort_percent",
    "failures-high": "failure_percent", "loss-high": "missed_percent",
    "retransmissions-high": "retransmit_percent", "sensor-gap": "gap_hours",
    "sensor-silent": "sensor_silent_hours",
    "pacs-slow": "slow_response_seconds", "path-slow": "path_round_trip_seconds",
    "device-slow": "device_gap_seconds", "queueing": "queue_associations",
    "future-rows": "ahead_hours", "hours-disagree": "skew_seconds",
    "traffic-above": "incident_deviations", "traffic-below": "incident_deviations",
    "traffic-silent": "incident_deviations",
    "bulk-retrieval": "retrieve_bytes", "pacs-interrupted": "pacs_silent_hours",
    "modality-stopped": "modality_silent_days", "loss-on-path": "missed_percent",
    "prefetch-into-morning": "prefetch_bytes",
}  # fmt: skip
"""Which threshold switches a rule off when it is 0."""


def value_of(finding: Finding, name: str) -> Any:
    """Return one of a finding's values."""
    return dict(finding.values)[name].value


@cache
def heard(rule: str) -> tuple[Facts, dict[Rule, list[Finding]]]:
    """Return the facts of a rule's case at its threshold, and what each function says of them."""
    facts = facts_of(**CASES[rule][0])
    return facts, {one: one(facts) for one in RULES}


def spoken(rule: str) -> tuple[Facts, dict[str, Finding]]:
    """Return the facts of a rule's case at its threshold, and what is told of them."""
    facts, said = heard(rule)
    return facts, {finding.rule: finding for found in said.values() for finding in found}


@pytest.mark.few(2)
@pytest.mark.parametrize("rule", CASES)
def test_a_rule_speaks_from_its_threshold_on(rule: str) -> None:
    _, found = spoken(rule)
    assert rule in found
    finding = found[rule]
    said = [finding_said(finding, Language(tag)) for tag in languages()]
    assert all(text.title and all(text.evidence) and text.action for text in said)
    assert len({text.title for text in said}) == len(said), "each language has its own words"
    assert finding.rows, "a finding names the log rows that it rests on"


def speaking(rule: str) -> tuple[Rule, ...]:
    """Return the functions that speak in a rule's case."""
    _, said = heard(rule)
    return tuple(one for one, found in said.items() if rule in {f.rule for f in found})


@pytest.fixture
def alone(rule: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the registry, only what speaks in the rule's case."""
    monkeypatch.setattr("pacsflow.findings.rules.RULES", speaking(rule))


@pytest.mark.few(10)
@pytest.mark.usefixtures("alone")
@pytest.mark.parametrize("rule", CASES)
def test_a_threshold_of_zero_switches_its_rule_off(rule: str) -> None:
    facts, _ = spoken(rule)
    assert rule in told(facts)
    assert rule not in told(replace(facts, thresholds=Thresholds(**{OFF[rule]: 0})))


def test_every_rule_of_the_registry_has_a_case_at_its_threshold() -> None:
    """By function: each speaks in a case that is its own. By id: none is made without a case."""
    silent = {rule.__name__ for rule in RULES} - {
        rule.__name__ for name in CASES for rule in speaking(name)
    }
    assert silent == {"from_zeek"}, "the notices have a test of their own"
    ids: set[str] = set()
    for path in (ROOT / "bridge" / "pacsflow" / "findings").glob("*.py"):
        ids |= set(re.findall(r'"([a-z0-9]+(?:-[a-z0-9]+)+)"', path.read_text("utf-8")))
    assert ids - {"rule-failed"} == set(CASES) - {"outside", "malformed", "queueing"}


@pytest.mark.few(4)
@pytest.mark.usefixtures("alone")
@pytest.mark.parametrize("rule", CASES)
def test_a_rule_is_silent_just_below(rule: str) -> None:
    assert rule not in told(facts_of(**CASES[rule][1]))


@pytest.mark.usefixtures("alone")
@pytest.mark.parametrize("rule", CASES)
def test_a_rule_can_be_switched_off(rule: str) -> None:
    facts, _ = spoken(rule)
    assert rule not in told(replace(facts, thresholds=Thresholds(off=(rule,))))


NOTICED = {
    "ae-guessing": "AE_Title_Guessing", "find-enumeration": "Find_Enumeration",
    "bulk-requests": "Bulk_Retrieval", "association-flood": "Association_Flood",
    "echo-scan": "Echo_Scan", "ae-on-several-hosts": "AE_Title_On_Several_Hosts",
    "move-to-unknown": "Move_To_Unknown_Destination", "new-peer": "New_Peer",
    "unknown-sender": "Store_From_Unknown_Sender", "part10-in-data-set": "Part10_In_Data_Set",
    "malformed": "Malformed", "reserved-bits": "Reserved_Bits_Set",
    "cleartext-credentials": "Cleartext_Credentials", "outside": "External_Association",
    "cleartext-across-sites": "Cleartext_Across_Sites", "bulk-retrieval": "Bulk_Retrieval",
}  # fmt: skip


@pytest.mark.few(1)
@pytest.mark.parametrize("rule", NOTICED)
def test_what_a_notice_says_is_not_said_twice(rule: str) -> None:
    case = CASES[rule][0]
    hosts = [r["id.orig_h"] for r in case.get("associations", [])][-1:] or [VIEWER]
    notice = {
        "ts": at(10), "uid": "N1", "note": f"DICOM::{NOTICED[rule]}", "msg": "it was so",
        "id.orig_h": hosts[0], "id.resp_h": PACS, "src": hosts[0], "dst": PACS,
    }  # fmt: skip
    found = told(facts_of(**case, notices=[notice]))
    assert rule not in found
    assert f"notice-{NOTICED[rule]}" in found
    other = {**notice, "id.orig_h": "10.9.9.9", "src": "10.9.9.9"}
    assert rule in told(facts_of(**case, notices=[other])), "a notice of another host hides none"


def test_the_names_of_notices_are_those_of_the_zeek_package() -> None:
    from pacsflow.findings.notices import HIGH, LOW

    text = (ROOT / "zeek_scripts" / "scripts" / "notices.zeek").read_text()
    body = text[text.index("Notice::Type += {") : text.index("option notice_external")]
    names = {line.strip(" \t,") for line in body.splitlines() if line.strip().endswith(",")}
    assert names >= HIGH | LOW
    assert names >= set(NOTICED.values())


def test_tls_is_not_in_the_clear() -> None:
    case = [assoc(id__orig_h=OUTSIDE, user_identity="username_passcode", id__resp_p=2762)]
    found = told(facts_of(case))
    assert {"outside", "cleartext-credentials"} <= set(found)
    ssl = [{"ts": at(1), "uid": case[0]["uid"], "id.orig_h": OUTSIDE, "id.resp_h": PACS}]
    assert not {"outside", "cleartext-credentials"} & set(told(facts_of(case, tls=ssl)))
    known = [{"ts": at(1), "host": PACS, "port_num": 2762, "tls": True}]
    assert not {"outside", "cleartext-credentials"} & set(told(facts_of(case, endpoints=known)))


def on_campus(**tables: Any) -> list[str]:
    """Return the hosts that are told as outside where two of a hospital have public addresses."""
    case = [assoc(store_rq=1, id__orig_h="143.107.1.2", id__resp_h="143.107.1.3")]
    inventory = Inventory.of([], local=tables.pop("local", ()))
    found = findings(facts_of(case, inventory=inventory, **tables))
    return sorted(f.parties[0].address for f in found if f.rule == "outside")


def said(host: str, hours: float, *, local: bool | None, sensor: str = "a") -> Row:
    return {"ts": at(hours), "host": host, "local": local, "sensor": sensor}


def test_who_is_outside_is_written_or_said_by_the_sensor_or_a_matter_of_the_address() -> None:
    a, b = "143.107.1.2", "143.107.1.3"
    assert on_campus() == [a, b]
    assert on_campus(local=[ip_network("143.107.0.0/16")]) == []
    assert on_campus(local=[ip_network(f"{a}/32")]) == [b]
    assert on_campus(endpoints=[said(a, 1, local=True), said(b, 1, local=None)]) == [b]
    assert on_campus(endpoints=[said(a, 1, local=False), said(a, 2, local=True)]) == [b]
    assert on_campus(endpoints=[said(a, 1, local=True), said(a, 2, local=False)]) == [a, b]
    two = [said(a, 1, local=True), said(a, 2, local=False, sensor="b")]
    assert on_campus(endpoints=two) == [b]
    conn = {"ts": at(1), "source": a, "destination": b, "service": "dicom", "bytes": 1}
    assert on_campus(connections=[conn | {"source_local": True, "destination_local": False}]) == [b]
    assert on_campus(connections=[conn | {"source_local": False, "destination_local": True}]) == [a]


def test_a_sensor_that_calls_a_private_address_foreign_is_believed() -> None:
    facts = facts_of([assoc(store_rq=1)], endpoints=[said(PACS, 1, local=False)])
    assert [f.parties[0].address for f in findings(facts) if f.rule == "outside"] == [PACS]


def test_what_a_host_always_did_is_no_news() -> None:
    assert "find-enumeration" not in told(facts_of(finds(9000, before=4000)))
    assert "bulk-requests" not in told(facts_of(gets(900, before=300)))
    assert "echo-scan" not in told(facts_of([*echoes(12, -24 * 14), *echoes(12)]))
    before = [{**r, "ts": at(-200), "uid": f"O{i}"} for i, r in enumerate(callers(4))]
    assert "ae-on-several-hosts" not in told(facts_of([*before, *callers(4)]))
    always = [old(flags=["reserved_nonzero"]), *flagged("reserved_nonzero")]
    assert told(facts_of(always))["reserved-bits"].severity.value == "info"


def test_a_long_association_counts_by_its_share() -> None:
    (row,) = finds(20_000)[1:]
    assert "find-enumeration" in told(facts_of([row]))
    assert "find-enumeration" not in told(facts_of([{**row, "duration": 86_400.0}]))


def test_worklist_queries_are_no_enumeration() -> None:
    (row,) = finds(90_000)[1:]
    assert "find-enumeration" not in told(facts_of([{**row, "services": ["worklist"]}]))


def test_rows_of_the_future_are_counted() -> None:
    assert value_of(spoken("future-rows")[1]["future-rows"], "number") == 7


def test_hours_in_local_time_are_seen_as_shifted() -> None:
    assert value_of(spoken("hours-disagree")[1]["hours-disagree"], "shift") == "+3"


def test_letters_of_zeeks_history_are_powers_of_ten_and_capitals_the_originators() -> None:
    found = told(facts_of(connections=sent_again("ShADaTTTdwFf", 10_000)))["retransmissions-high"]
    low, high, percent = (
        value_of(found, f"{name}") for name in ("low_number", "high_number", "percent")
    )
    assert (low, high, round(percent, 1)) == (100, 999, 1.0)
    assert value_of(found, "closed_number") == 1
    assert [p.address for p in found.parties] == [CT, PACS]
    back = [{**r, "destination_packets": 900} for r in sent_again("ShADattttdFf", 9)]
    found = told(facts_of(connections=back))["retransmissions-high"]
    assert [p.address for p in found.parties] == [PACS, CT]
    assert value_of(found, "high_number") == 900, "no more than there were"
    few = sent_again("ShADaTTdFf", 100)
    assert "retransmissions-high" not in told(facts_of(connections=few)), "10 packets are too few"


def test_few_associations_have_no_rate() -> None:
    assert "rejects-high" not in told(facts_of(some(9, 19, result="rejected")))


def test_what_fell_silent_is_linked_to_its_last_rows_and_what_is_new_to_its_first() -> None:
    last = spoken("device-silent")[1]["device-silent"].rows
    assert last[0] == connections_of(seen_on(1))[0]["uid"]
    new = spoken("device-new")[1]["device-new"].rows
    assert new == (connections_of(hourly(CT, PACS, 9, [1]))[0]["uid"],)


def test_runs_of_silence() -> None:
    busy: Activity = [True] * 10
    assert longest_run([True, False, False, True], [busy, busy]).length == 2
    assert longest_run([True, False, None, False], [busy, busy]) == (2, 1, 3, True)
    nights: Activity = [True, False] * 5
    assert longest_run([False] * 10, [nights, busy]).length == 5, "unusual parts do not count"
    holiday: Activity = [scope < 4 for scope in range(10)]
    now: Activity = [scope < 7 for scope in range(10)]
    silent: Activity = [False] * 10
    assert unusual_run([silent, busy], 2) is None, "one week is no history"
    assert unusual_run([now, busy, busy], 3) is not None
    assert unusual_run([now, busy, busy, holiday], 3) is None


def test_an_outage_of_the_sensor_is_not_the_silence_of_a_pacs() -> None:
    flows = [r for r in SENT if not at(60) <= r["hour"] < at(70)]
    facts = facts_of(flows=flows, coverage=[
        {"hour": at(h), "origin": "zeek", "rows": 1} for h in range(-24 * 28, 168)
        if not 60 <= h < 70])  # fmt: skip
    assert "pacs-interrupted" not in told(facts)


def test_nothing_and_odd_values_make_no_rule_fail() -> None:
    assert told(facts_of()) == {}
    nulls = dict.fromkeys(assoc()) | {"ts": at(1), "id.orig_h": CT, "id.resp_h": PACS}
    huge = assoc(2, store_rq=2**61, find_rq=2**61, get_rq=2**61, duration=-1e300,
                 rsp_pending=2**61, data_bytes_orig=2**61, data_bytes_resp=2**61,
                 calling_ae="%(host)s\x1b'; DROP TABLE traffic; --" * 200, move_rq=2**61,
                 move_destinations=["%s", "'", ""], echo_rq=1, flags=["malformed", ""])  # fmt: skip
    inf = assoc(3, duration=float("inf"), find_rq=1, get_rq=1)
    nan = assoc(4, duration=float("nan"), find_rq=1, get_rq=1)
    told(facts_of([nulls, nulls, huge, huge, inf, nan], hourly(CT, PACS, 2**62, range(9)),
                  inventory=INVENTORY))  # fmt: skip


def test_a_rule_that_fails_is_a_finding_and_no_rule_floods_the_page() -> None:
    broken = replace(facts_of([assoc()]), scope=cast("Any", SimpleNamespace()))
    failed = [f for f in findings(broken) if f.rule == "rule-failed"]
    assert failed
    many = [assoc(2, i, id__orig_h=f"10.1.{i // 250}.{i % 250}", flags=["malformed"])
            for i in range(1000)]  # fmt: skip
    found = [f for f in findings(facts_of(many)) if f.rule == "malformed"]
    assert [f.more for f in found] == [0] * 24 + [975], "the last says how many more there are"
    assert sum(f.count for f in found) == 1000


def test_of_many_findings_of_a_rule_the_most_severe_are_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def rule(_: Facts) -> list[Finding]:
        return [*low, Finding("r", Severity.HIGH, "data")]

    monkeypatch.setattr(rules, "RULES", (rule,))
    for number, more, last in ((24, 0, 2), (25, 1, 3)):
        low = [Finding("r", Severity.LOW, "data", count=2)] * number
        found = findings(facts_of())
        assert [f.severity for f in found] == [Severity.HIGH] + [Severity.LOW] * 24
        assert [(f.more, f.count) for f in found[1:]] == [(0, 2)] * 23 + [(more, last)]


def test_every_threshold_is_documented_with_its_default() -> None:
    text = (ROOT / "docs" / "findings.md").read_text()
    for field in fields(Thresholds):
        value = getattr(Thresholds(), field.name)
        shown = ", ".join(value) or "none" if isinstance(value, tuple) else f"{value:g}"
        shown = shown.replace("e+0", "e").replace("e+", "e")
        assert f"| `{field.name}` | {shown} |" in text, field.name


def test_every_rule_is_documented() -> None:
    text = (ROOT / "docs" / "findings.md").read_text()
    for rule in [*CASES, "rule-failed"]:
        assert f"`{rule}`" in text, rule
    assert len(RULES) > 30


def test_a_pair_of_time_series_that_do_not_vary_has_no_shift() -> None:
    import numpy as np

    assert shift(np.ones(168), np.ones(168)) == 0
    assert shift(np.empty(0), np.empty(0)) == 0
