"""Says who a host is: the inventory first, then what associations showed, then its traffic."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pacsflow.terms.networks import is_in, is_local
from pacsflow.terms.party import Party
from pacsflow.week import roles

if TYPE_CHECKING:
    import duckdb

    from pacsflow.inventory import Inventory, Item
    from pacsflow.terms.networks import Network


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
        self._told = roles.told_endpoints(connection)
        self._shown = roles.from_associations(connection, self._told, self._written)
        self._traffic = roles.from_traffic(connection)
        self._local = _as_sensors_say(connection)
        self._parties: dict[str, Party] = {}

    def party(self, address: str) -> Party:
        """Return who has this address."""
        if address not in self._parties:
            self._parties[address] = self._look_up(address)
        return self._parties[address]

    def _look_up(self, address: str) -> Party:
        seen = self._told.get(address)
        titles = tuple(sorted(seen.ae_titles)) if seen else ()
        item = self.inventory.find(address, titles)
        known = self._role(address, item)
        modality = item.modality if item else ""
        if not modality and seen and known.role == "modality":
            modality = "/".join(sorted(seen.modalities)[:3])
        return Party(
            address=address,
            name=item.name if item else "",
            role=known.role,
            modality=modality,
            site=item.site if item else "",
            ae_titles=titles,
            basis=known.basis,
            evidence=known.why,
            local=self._is_local(address),
        )

    def _written(self, address: str) -> str:
        """Return the role that the inventory names, or empty."""
        seen = self._told.get(address)
        item = self.inventory.find(address, sorted(seen.ae_titles) if seen else ())
        return item.role if item else ""

    def _role(self, address: str, item: Item | None) -> roles.Role:
        if item:
            return roles.Role(item.role, "inventory")
        return self._shown.get(address) or self._traffic.get(address) or roles.Role()

    def _is_local(self, address: str) -> bool:
        """Say whether a host is the site's own: as written, else as sensors say, else by list."""
        if is_in(address, (*self.local, *self.inventory.local)):
            return True
        said = self._local.get(address)
        return is_local(address) if said is None else said

    def of_role(self, role: str) -> list[Party]:
        """Return every host known to the ledger that has this role."""
        addresses = {*self._told, *self._traffic}
        return sorted(
            (p for p in map(self.party, addresses) if p.role == role), key=lambda p: p.address
        )

    def imaging(self) -> list[Party]:
        """Return every host that took part in imaging traffic or associations."""
        return [self.party(address) for address in sorted({*self._told, *self._traffic})]


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
