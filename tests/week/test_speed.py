"""The order of what a week says of its speed: the same whatever order the rows come in."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from ledger.test_times import STORE, other, write
from pacsflow.inventory import Inventory, Item
from pacsflow.ledger import Ledger
from pacsflow.readers import find
from pacsflow.week.hosts import Hosts
from pacsflow.week.period import Week
from pacsflow.week.speed import Speed, speed
from pacsflow.week.traffic import Scope

if TYPE_CHECKING:
    from pathlib import Path

HOSTS = [f"10.0.1.{n}" for n in range(10, 50)]
"""As many as no order by chance puts in theirs."""
EQUAL = STORE | {"count": "30", "failed": "0", "response_times": "0,0,20,10"}


def speed_of_equals(folder: Path, inventory: Inventory) -> Speed:
    rows = [
        other(EQUAL, f"C{n}", n, 40000 + n) | {"id.orig_h": host}
        for n, host in enumerate(reversed(HOSTS))
    ]
    ledger = Ledger(folder / "ledger", create=True)
    ledger.add(find([write(folder / "dicom_times.log", rows)]).sources)
    with ledger.connect() as connection:
        scope = Scope(connection, "zeek", Week(date(2026, 3, 2), ZoneInfo("UTC")))
        found = speed(scope, Hosts(inventory, connection))
    assert found
    return found


def test_hosts_that_are_as_fast_stand_by_their_addresses(tmp_path: Path) -> None:
    pairs = speed_of_equals(tmp_path, Inventory()).pairs
    assert [pair.client.address for pair in pairs if pair.client] == HOSTS


def test_equipment_that_sends_as_fast_stands_by_its_kind(tmp_path: Path) -> None:
    kinds = [f"M{host}" for host in HOSTS]
    items = [Item(host, host, "modality", kind) for host, kind in zip(HOSTS, kinds, strict=True)]
    senders = speed_of_equals(tmp_path, Inventory.of(items)).senders
    assert [sender.modality for sender in senders] == kinds
