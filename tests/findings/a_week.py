"""A week's facts, made of a few rows, and findings as plain values: for tests of one rule each.

Times are hours from Monday 2026-03-09 00:00 UTC on; the week before is below zero.
"""

from __future__ import annotations

from dataclasses import MISSING, fields, replace
from datetime import datetime, timedelta
from functools import cache
from itertools import count
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import duckdb
import pyarrow as pa

from pacsflow.findings.facts import Facts
from pacsflow.findings.thresholds import Thresholds
from pacsflow.inventory import Inventory
from pacsflow.ledger.engine import empty
from pacsflow.ledger.tables import TABLES
from pacsflow.terms.party import Party
from pacsflow.week import traffic
from pacsflow.week.facts import Associations, Count, Coverage, Estimate, Totals
from pacsflow.week.hosts import Hosts
from pacsflow.week.period import parse_week
from pacsflow.week.snapshot import sum_imaging

if TYPE_CHECKING:
    from pacsflow.findings.finding import Finding

Row = dict[str, Any]
T0 = parse_week("2026-W11", ZoneInfo("UTC")).start
CT, PACS, VIEWER, OTHER = "10.0.0.1", "10.0.0.2", "10.0.0.4", "10.0.0.9"
MONTH = 24 * 28


def at(hours: float) -> datetime:
    return T0 + timedelta(hours=hours)


def assoc(hours: float, uid: str = "", orig: str = CT, resp: str = PACS, **row: Any) -> Row:
    """Return a row of dicom.log: accepted, of one second."""
    base: Row = {
        "ts": at(hours), "uid": uid or f"C{hours:g}", "id.orig_h": orig, "id.resp_h": resp,
        "id.resp_p": 104, "calling_ae": "CT1", "called_ae": "PACS1", "result": "accepted",
        "end": "released", "duration": 1.0,
    }  # fmt: skip
    return base | row


def hour(at_hour: float, octets: int, source: str = CT, destination: str = PACS, **row: Any) -> Row:
    """Return a row of the ledger: what passed in one hour."""
    base: Row = {
        "hour": at(at_hour), "source": source, "destination": destination, "service": "dicom",
        "origin": "zeek", "communications": 1, "packets": 1, "bytes": octets, "samples": 0,
        "missed_bytes": 0, "weight_squares": 0.0,
    }  # fmt: skip
    return base | row


def conn(hours: float, uid: str = "", source: str = CT, destination: str = PACS, **row: Any) -> Row:
    """Return an imaging connection of conn.log."""
    base: Row = {
        "ts": at(hours), "uid": uid or f"K{hours:g}", "source": source, "service": "dicom",
        "destination": destination, "source_packets": 1, "destination_packets": 1, "bytes": 1,
        "missed_bytes": 0, "history": "ShADadFf",
    }  # fmt: skip
    return base | row


def notice(note: str, *, hours: float = 1, **hosts: str) -> Row:
    return {"ts": at(hours), "note": f"DICOM::{note}", **hosts}


def counted(total: int, previous: int | None = None, **kinds: dict[str, int]) -> Associations:
    """Return what a week says of its associations: how many, with what results and ends."""
    made = {
        kind: tuple(Count(label, number, 0.0) for label, number in labels.items())
        for kind, labels in kinds.items()
    }
    names = [f.name for f in fields(Associations) if f.default is MISSING]
    nothing: Row = dict.fromkeys(names, ())
    return Associations(**nothing | {"total": total, "previous_total": previous} | made)


_NUMBERS = count()


@cache
def _nothing() -> duckdb.DuckDBPyConnection:
    """Return an engine in which every table is empty: made once, it is most of a test's work."""
    connection = duckdb.connect(config={"threads": 1})
    for name, schema in TABLES.items():
        connection.execute(f"CREATE VIEW {name} AS {empty(schema)}")
    return connection


def a_week(
    *,
    zone: str = "UTC",
    origin: str = "zeek",
    inventory: Inventory | None = None,
    known: dict[str, Any] | None = None,
    totals: float = 0.0,
    missed: int = 0,
    facts: Row | None = None,
    origins: tuple[str, ...] = ("zeek",),
    gaps: tuple[Any, ...] = (),
    **tables: list[Row],
) -> Facts:
    """Return the facts of a week in which these tables are all that there is."""
    connection = _nothing().cursor()
    own = f"week_{next(_NUMBERS)}"  # a schema in front of that of the empty tables
    connection.execute(f"SET TimeZone = 'UTC'; CREATE SCHEMA {own}; SET search_path = '{own},main'")
    for name, rows in tables.items():
        if rows:
            connection.register(f"_{name}", pa.Table.from_pylist(rows, schema=TABLES[name]))
            connection.execute(f"CREATE VIEW {name} AS FROM _{name}")
    week = parse_week("2026-W11", ZoneInfo(zone))
    if tables.get("traffic"):
        sum_imaging(connection, origin, week)
    inventory = inventory or Inventory()
    thresholds = Thresholds(**(known or {}))
    coverage = Coverage(168, 168, gaps, 1, 0, missed, origins, sampled=False)
    seen = Totals(*[Estimate(totals)] * 5, hosts=2, imaging_hosts=2)
    made = Facts(
        traffic.Scope(connection, origin, week), Hosts(inventory, connection), inventory, coverage,
        seen, None, (), (), thresholds,
    )  # fmt: skip
    return replace(made, **(facts or {}))


def plain(value: Any) -> Any:
    """Return a value of a finding as tests write it: hosts by address, moments in hours."""
    if isinstance(value, Party):
        return value.address
    if isinstance(value, datetime):
        return round((value - T0) / timedelta(hours=1), 6)
    if isinstance(value, tuple):
        return [plain(item) for item in value]
    return value


def in_full(finding: Finding) -> Row:
    """Return all that a finding says but its rule and area."""
    values = {name: plain(value.value) for name, value in finding.values}
    return {
        "severity": finding.severity.value, "start": plain(finding.start),
        "end": plain(finding.end), "parties": [party.address for party in finding.parties],
        "count": finding.count, "rows": list(finding.rows),
    } | values  # fmt: skip


def shown(found: list[Finding], rule: str, area: str) -> Row:
    """Return what the one finding of a rule says."""
    assert [(f.rule, f.area) for f in found] == [(rule, area)]
    return in_full(found[0])
