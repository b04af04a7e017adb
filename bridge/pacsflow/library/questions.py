"""One question to a ledger: whose rows count, who is who, and which rows were chosen."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pacsflow.errors import UsageError
from pacsflow.ledger.selection import Selection, select
from pacsflow.ledger.series import origins
from pacsflow.week.hosts import Hosts

if TYPE_CHECKING:
    from collections.abc import Iterator

    import duckdb

    from pacsflow.inventory import Inventory
    from pacsflow.ledger import Ledger
    from pacsflow.terms.networks import Network


@dataclass(frozen=True, slots=True)
class Question:
    """A connection to ask, one origin's rows, who is who, and which rows were chosen."""

    connection: duckdb.DuckDBPyConnection
    origin: str
    hosts: Hosts
    selection: Selection
    others: tuple[str, ...] = ()
    """Origins that the ledger has, too, and whose rows are not counted."""
    has_traffic: bool = True
    """Whether the ledger was ever told of connections or frames."""


@contextmanager
def ask(
    ledger: Ledger,
    inventory: Inventory,
    selection: Selection | None = None,
    *,
    origin: str = "",
    local_networks: tuple[Network, ...] = (),
) -> Iterator[Question]:
    """Open a ledger, pick the origin, and keep the rows that were asked for.

    Parameters
    ----------
    ledger, inventory
        Under one key, where there is any.
    origin
        zeek, capture or sflow; by default the one that covers most hours.

    Raises
    ------
    UsageError
        What was asked for is nowhere in it.
    """
    chosen = selection or Selection()
    with ledger.connect() as connection:
        there = origins(connection)
        if origin and origin not in there:
            raise UsageError(f"no data of origin {origin!r}; there is {', '.join(there) or 'none'}")
        # roles by all that is known, not by what is chosen
        hosts = Hosts(inventory, connection, local_networks)
        select(connection, chosen, inventory)
        counted = origin or (there[0] if there else "zeek")
        others = tuple(name for name in there if name != counted)
        yield Question(connection, counted, hosts, chosen, others, bool(there))
