"""Says who a host is: the inventory first, then what associations showed, then its traffic."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

from pacsflow.terms.party import Party

if TYPE_CHECKING:
    import duckdb

    from pacsflow.inventory import Inventory, Network

CATEGORY_RANK = ("pacs", "worklist", "printer", "gateway", "workstation", "modality")


LOCAL = tuple(
    map(
        ipaddress.ip_network,
        (
            "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "127.0.0.0/8",
            "169.254.0.0/16", "fc00::/7", "fe80::/10", "::1/128",
        ),
    )
)  # fmt: skip
"""Private, shared, loopback and link-local address space, as Zeek takes for local."""


@lru_cache(maxsize=65536)
def is_local(address: str) -> bool:
    """Say whether an address is of private, loopback, link-local or shared address space."""
    try:
        ipaddress.ip_address(address)
    except ValueError:
        return True
    return _is_in(address, LOCAL)


def _is_in(address: str, networks: tuple[Network, ...]) -> bool:
    try:
        host = ipaddress.ip_address(address)
    except ValueError:
        return False
    return any(host in network for network in networks)


@dataclass(slots=True)
class _Evidence:
    """What known_dicom.log says of a host, all rows together."""

    category: str = "unknown"
    basis: str = ""
    ae_titles: set[str] = field(default_factory=set)
    modalities: set[str] = field(default_factory=set)


class Hosts:
    """Looks hosts up, each once; `local` are networks that are the site's own, too."""

    def __init__(
        self,
        inventory: Inventory,
        connection: duckdb.DuckDBPyConnection,
        local: tuple[Network, ...] = (),
    ) -> None:
        self.inventory = inventory
        self.local = local
        self._evidence = _from_endpoints(connection)
        self._traffic = _from_traffic(connection)
        self._parties: dict[str, Party] = {}

    def party(self, address: str) -> Party:
        """Return who has this address."""
        if address not in self._parties:
            self._parties[address] = self._look_up(address)
        return self._parties[address]

    def _look_up(self, address: str) -> Party:
        seen = self._evidence.get(address)
        titles = tuple(sorted(seen.ae_titles)) if seen else ()
        item = self.inventory.find(address, titles)
        modality = item.modality if item else ""
        role, basis = "unknown", ""
        if item:
            role, basis = item.role, "inventory"
        elif seen and seen.category != "unknown":
            role, basis = seen.category, seen.basis or "association"
        elif address in self._traffic:
            role, basis = self._traffic[address], "traffic"
        if not modality and seen and role == "modality":
            modality = "/".join(sorted(seen.modalities)[:3])
        return Party(
            address=address,
            name=item.name if item else "",
            role=role,
            modality=modality,
            site=item.site if item else "",
            ae_titles=titles,
            basis=basis,
            local=is_local(address) or _is_in(address, self.local),
        )

    def of_role(self, role: str) -> list[Party]:
        """Return every host known to the ledger that has this role."""
        addresses = {*self._evidence, *self._traffic}
        return sorted(
            (p for p in map(self.party, addresses) if p.role == role), key=lambda p: p.address
        )

    def imaging(self) -> list[Party]:
        """Return every host that took part in imaging traffic or associations."""
        return [self.party(address) for address in sorted({*self._evidence, *self._traffic})]


def _from_endpoints(connection: duckdb.DuckDBPyConnection) -> dict[str, _Evidence]:
    rows = connection.sql(
        "SELECT host, coalesce(ae_title, ''), coalesce(category, 'unknown'), coalesce(basis, ''),"
        " coalesce(modalities, []) FROM endpoints ORDER BY ts"
    ).fetchall()
    hosts: dict[str, _Evidence] = {}
    for host, title, category, basis, modalities in rows:
        seen = hosts.setdefault(host, _Evidence())
        if title:
            seen.ae_titles.add(title)
        seen.modalities.update(modalities)
        if _rank(category) < _rank(seen.category) or basis == "inventory":
            seen.category, seen.basis = category, basis
    return hosts


def _rank(category: str) -> int:
    return CATEGORY_RANK.index(category) if category in CATEGORY_RANK else len(CATEGORY_RANK)


def _from_traffic(connection: duckdb.DuckDBPyConnection) -> dict[str, str]:
    """Infer roles from who connects to whom: a first guess, and marked as one.

    A host that others connect to, without it connecting to them, is a PACS. Of the rest, one that
    sends more than it receives is a modality, one that receives more a workstation.
    """
    rows = connection.sql(
        """
        WITH pairs AS (
            SELECT source, destination, sum(communications) AS began, sum(bytes) AS bytes
            FROM traffic WHERE service IN ('dicom', 'dicom?') GROUP BY ALL
        ), served AS (
            SELECT a.destination AS host, count(*) AS clients
            FROM pairs a LEFT JOIN pairs b
                 ON a.source = b.destination AND a.destination = b.source AND b.began > 0
            WHERE a.began > 0 AND b.source IS NULL GROUP BY 1
        ), volume AS (
            SELECT host, sum(sent) AS sent, sum(received) AS received FROM (
                SELECT source AS host, bytes AS sent, 0 AS received FROM pairs
                UNION ALL SELECT destination, 0, bytes FROM pairs) GROUP BY 1
        )
        SELECT host, coalesce(clients, 0), sent, received
        FROM volume LEFT JOIN served USING (host)
        """
    ).fetchall()
    return {
        host: "pacs" if clients else "modality" if sent >= received else "workstation"
        for host, clients, sent, received in rows
    }
