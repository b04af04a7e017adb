"""Keeps of a ledger's rows those of a period, of some hosts, AE titles, services or a sensor."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pacsflow.errors import UsageError

if TYPE_CHECKING:
    from datetime import datetime

    import duckdb

    from pacsflow.inventory import Inventory

HOURLY = ("traffic", "coverage", "times")
TIMED = ("connections", "associations", "endpoints", "notices", "tls", "sampling")
HOSTS = {
    "traffic": ("source", "destination"),
    "connections": ("source", "destination"),
    "times": ("client", "server"),
    "associations": ('"id.orig_h"', '"id.resp_h"'),
    "endpoints": ("host",),
    "notices": ("src", "dst"),
    "tls": ('"id.orig_h"', '"id.resp_h"'),
}
"""Columns that name a host, by table."""
TITLES = {"associations": ("calling_ae", "called_ae"), "endpoints": ("ae_title",)}
PROVEN = "dicom"


@dataclass(frozen=True, slots=True)
class Selection:
    """Which rows count; what is empty selects nothing away.

    Parameters
    ----------
    start, end
        UTC, the hour of `start` included, that of `end` not.
    host
        An address, a network, or a name of the inventory, on either side.
    ae
        An AE title on either side; of traffic, that of the hosts that go by it.
    service
        Of traffic as Zeek names it (``dicom`` is also what is DICOM by its port), of associations
        as tag logs do (``storage``, ``worklist``).
    sensor
        Who saw it.
    """

    start: datetime | None = None
    end: datetime | None = None
    host: str = ""
    ae: str = ""
    service: str = ""
    sensor: str = ""


def select(
    connection: duckdb.DuckDBPyConnection, selection: Selection, inventory: Inventory
) -> None:
    """Put tables of the selected rows before the ledger's views of the same names.

    Raises
    ------
    UsageError
        If what was asked for occurs nowhere in the ledger.
    """
    if selection.host:
        _choose("chosen_hosts", connection, _of_host(connection, selection.host, inventory))
    if selection.ae:
        _choose("titled_hosts", connection, _of_title(connection, selection.ae))
    if selection.service:
        _known_service(connection, selection.service)
    if selection.sensor:
        _known_sensor(connection, selection.sensor)
    for table in (*HOURLY, *TIMED):
        # What a sensor saw itself, also where another saw more of it.
        seen = "seen_traffic" if table == "traffic" and selection.sensor else table
        columns = {row[0] for row in connection.sql(f"DESCRIBE {table}").fetchall()}
        where, values = _where(table, selection, columns)
        if where:
            connection.execute(
                f"CREATE TEMP TABLE selected_{table} AS SELECT * FROM {seen}"
                f" WHERE {' AND '.join(where)}",
                values,
            )
            connection.execute(f"CREATE TEMP VIEW {table} AS SELECT * FROM selected_{table}")


def _where(
    table: str, selection: Selection, columns: set[str]
) -> tuple[list[str], list[datetime | str]]:
    """Return the conditions on one table's rows, and the values of their ``?``."""
    where: list[str] = []
    values: list[datetime | str] = []
    time = "hour" if table in HOURLY else "ts"
    for moment, than in ((selection.start, ">="), (selection.end, "<")):
        if moment:
            where.append(f"{time} {than} ?")
            values.append(moment)
    hosts, titles = HOSTS.get(table, ()), TITLES.get(table, ())
    if selection.host and hosts:
        where.append(_any(hosts, "IN (SELECT host FROM chosen_hosts)"))
    if selection.ae and titles:
        where.append(_any(titles, "= ?"))
        values += [selection.ae] * len(titles)
    elif selection.ae and hosts:
        where.append(_any(hosts, "IN (SELECT host FROM titled_hosts)"))
    if selection.service and table == "associations" and selection.service != PROVEN:
        where.append("list_contains(services, ?)")
        values.append(selection.service)
    elif selection.service and table in {"traffic", "connections"}:
        where.append(f"(service = ? OR ? = '{PROVEN}' AND service = '{PROVEN}?')")
        values += [selection.service] * 2
    if selection.sensor and "sensor" in columns:
        where.append("sensor = ?")
        values.append(selection.sensor)
    return where, values


def _any(columns: tuple[str, ...], condition: str) -> str:
    return "(" + " OR ".join(f"{column} {condition}" for column in columns) + ")"


def _choose(table: str, connection: duckdb.DuckDBPyConnection, hosts: list[str]) -> None:
    connection.execute(f"CREATE OR REPLACE TEMP TABLE {table} AS SELECT unnest(?) AS host", [hosts])


def _all_hosts(connection: duckdb.DuckDBPyConnection) -> list[str]:
    parts = (
        f"SELECT {column} AS host FROM {table}"
        for table, columns in HOSTS.items()
        for column in columns
    )
    rows = connection.execute(f"SELECT DISTINCT host FROM ({' UNION '.join(parts)})").fetchall()
    return [row[0] for row in rows if row[0]]


def _of_host(connection: duckdb.DuckDBPyConnection, asked: str, inventory: Inventory) -> list[str]:
    """Return the addresses in the ledger that are this host's, or in this network."""
    every = _all_hosts(connection)
    try:
        network = ipaddress.ip_network(asked, strict=False)
    except ValueError:
        items = ((host, inventory.find(host, ())) for host in every)
        found = [host for host, item in items if host == asked or (item and item.name == asked)]
    else:
        found = [host for host in every if _is_in(host, network)]
    if not found:
        raise UsageError(f"no host {asked!r} in it: an address, a network or a name was expected")
    return found


def _is_in(host: str, network: ipaddress.IPv4Network | ipaddress.IPv6Network) -> bool:
    try:
        return ipaddress.ip_address(host) in network
    except ValueError:
        return False


def _of_title(connection: duckdb.DuckDBPyConnection, title: str) -> list[str]:
    """Return the hosts that go by an AE title."""
    rows = connection.execute(
        """SELECT "id.orig_h" FROM associations WHERE calling_ae = $title
           UNION SELECT "id.resp_h" FROM associations WHERE called_ae = $title
           UNION SELECT host FROM endpoints WHERE ae_title = $title""",
        {"title": title},
    ).fetchall()
    if not rows:
        raise UsageError(f"no AE title {title!r} in it")
    return [row[0] for row in rows]


def _known_service(connection: duckdb.DuckDBPyConnection, service: str) -> None:
    rows = connection.execute(
        """SELECT service FROM traffic UNION SELECT 'dicom' FROM traffic WHERE service = 'dicom?'
           UNION SELECT unnest(services) FROM associations ORDER BY 1"""
    ).fetchall()
    known = [row[0] for row in rows if row[0]]
    if service not in known:
        there = ", ".join(known[:12]) + (", ..." if len(known) > 12 else "")
        raise UsageError(f"no service {service!r} in it; there is {there or 'none'}")


def _known_sensor(connection: duckdb.DuckDBPyConnection, sensor: str) -> None:
    rows = connection.execute("SELECT DISTINCT sensor FROM seen_traffic ORDER BY 1").fetchall()
    known = [row[0] for row in rows if row[0]]
    if not known:
        raise UsageError("nothing in it says which sensor saw it: --sensor has no effect")
    if sensor not in known:
        raise UsageError(f"no sensor {sensor!r} in it; there is {', '.join(known[:12])}")
