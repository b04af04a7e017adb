"""What the settings make of a question: the options of a report, what is known, what is read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pacsflow.inventory import Inventory, for_taggers, read_inventory
from pacsflow.ledger.sensors import sensor_of_folder
from pacsflow.pseudonyms import Pseudonyms
from pacsflow.readers import CaptureOptions
from pacsflow.readers.remote import as_path, is_address
from pacsflow.report.options import Options
from pacsflow.site import Clock, SaidBy, machine_clock
from pacsflow.terms.networks import is_in, is_local

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from pacsflow.configuration.schema import Inputs, Settings


def options_of(settings: Settings, week: str = "", command: str = "pacsflow") -> Options:
    """Return the options of a report as the settings have them."""
    site, clock = settings.site, clock_of(settings)
    return Options(
        week=week,
        zone=clock.zone,
        zone_said_by=clock.said_by,
        title=site.title,
        site=site.name,
        thresholds=settings.findings,
        holidays=site.holidays,
        local_networks=site.local_networks,
        command=command,
    )


def clock_of(settings: Settings) -> Clock:
    """Return the site's clock as the settings, or else this machine, have it."""
    zone = settings.site.time_zone
    return Clock(zone, SaidBy.CONFIGURATION) if zone else machine_clock()


def key_of(settings: Settings) -> Pseudonyms | None:
    """Return the key under which everything is written, where there is one."""
    file = settings.site.pseudonymise
    return Pseudonyms.read(file) if file else None


def inventory_of(settings: Settings) -> Inventory:
    """Return what the hospital knows of its equipment, by its own names."""
    file = settings.site.inventory
    return read_inventory(file) if file else Inventory()


def capture_of(settings: Settings) -> CaptureOptions:
    """Return what is known of captures and tables that these do not say themselves."""
    known = settings.inputs
    return CaptureOptions(
        known.sampling_rate if known.sampling_rate > 1 else None,
        known.keylog,
        for_taggers(settings.site.inventory),
        date_order=known.date_order,
    )


def own_of(settings: Settings) -> Callable[[str], bool]:
    """Return what says whether an address is one of the site's own, or of its equipment."""
    inventory = inventory_of(settings)
    networks = (*settings.site.local_networks, *inventory.local)

    def own(address: str) -> bool:
        known = is_local(address) or is_in(address, networks)
        return known or inventory.find(address, ()) is not None

    return own


def sensor_of(known: Inputs, paths: Sequence[str]) -> str | Callable[[Path], str]:
    """Return whose the inputs are, as `Ledger.add` wants it."""
    if not known.sensor_folders:
        return known.sensor
    roots = [as_path(path) for path in paths if as_path(path).is_dir() or is_address(path)]
    return lambda path: sensor_of_folder(path, roots)
