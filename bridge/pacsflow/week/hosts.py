"""Says who a host is: the inventory first, then what associations showed, then its traffic."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pacsflow.terms.networks import is_in, is_local
from pacsflow.terms.party import Party

if TYPE_CHECKING:
    import duckdb

    from pacsflow.inventory import Inventory
    from pacsflow.terms.networks import Network

CATEGORY_RANK = ("pacs", "worklist", "printer", "gateway", "workstation", "modality")


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
        self._local = _as_sensors_say(connection)
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
            local=self._is_local(address),
        )

    def _is_local(self, address: str) -> bool:
        """Say whether a host is the site's own: as written, else as sensors say, else by list."""
        if is_in(address, (*self.local, *self.inventory.local)):
            return True
        said = self._local.get(address)
        return is_local(address) if said is None else said

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


def _as_sensors_say(connection: duckdb.DuckDBPyConnection) -> dict[str, bool]:
    """Return which hosts are local by what each sensor said last; one that says so is enough."""
    rows = connection.sql(
        """
        WITH said AS (
            SELECT host, sensor, ts, local FROM endpoints
            UNION ALL SELECT source, sensor, ts, source_local FROM connections
            UNION ALL SELECT destination, sensor, ts, destination_local FROM connections
        ), last AS (
            SELECT host, arg_max(local, ts) AS local FROM said WHERE local IS NOT NULL
            GROUP BY host, sensor
        )
        SELECT host, bool_or(local) FROM last GROUP BY host
        """
    ).fetchall()
    return dict(rows)


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
