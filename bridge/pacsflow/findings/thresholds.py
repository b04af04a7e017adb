"""From when on each rule speaks."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from pacsflow.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Thresholds:
    """From when on a rule speaks. Every one can be set in the configuration file, ``[findings]``.

    docs/findings.md says what each means and which rule it belongs to; `off` lists rules that say
    nothing, and a threshold of 0 switches its rule off. Names end in their units.
    """

    off: tuple[str, ...] = ()
    reject_percent: float = 5.0
    abort_percent: float = 5.0
    failure_percent: float = 5.0
    least_associations: int = 20
    reject_rise_factor: float = 2.0
    reject_rise_count: int = 10
    missed_percent: float = 1.0
    missed_least_bytes: float = 10e6
    retransmit_percent: float = 1.0
    retransmit_packets: int = 100
    gap_hours: int = 1
    incident_deviations: float = 4.0
    silent_days: int = 3
    pacs_silent_hours: int = 4
    modality_silent_days: int = 2
    slow_link_mbits: float = 100.0
    uncompressed_bytes: float = 1e9
    prefetch_bytes: float = 1e9
    prefetch_until_hour: int = 7
    ahead_hours: float = 1.0
    skew_seconds: float = 5.0
    learning_days: float = 7.0
    history_factor: float = 4.0
    outside_associations: int = 1
    across_sites_bytes: float = 1.0
    guess_pairs: int = 4
    guess_hours: float = 24.0
    find_results: int = 5000
    find_hours: float = 1.0
    retrieve_requests: int = 200
    retrieve_hours: float = 1.0
    retrieve_bytes: float = 10e9
    move_requests: int = 1
    new_peer_associations: int = 1
    ae_hosts: int = 3
    shared_ae_titles: tuple[str, ...] = (
        "ANY-SCU", "ECHOSCU", "FINDSCU", "GETSCU", "MOVESCU", "STORESCU", "PYNETDICOM",
    )  # fmt: skip
    flood_associations: int = 600
    flood_seconds: float = 60.0
    echo_endpoints: int = 10
    echo_hours: float = 24.0
    unknown_sender_objects: int = 1
    part10_associations: int = 1
    credentials_associations: int = 1
    malformed_associations: int = 1
    reserved_associations: int = 1


def _near(name: str, known: Iterable[str]) -> str:
    """Return which name was meant, or all that there are."""
    import difflib  # noqa: PLC0415 - only where a name is wrong

    near = difflib.get_close_matches(name, list(known), n=1)
    return f"did you mean {near[0]}?" if near else f"there are {', '.join(sorted(known))}"


def read_thresholds(path: Path) -> Thresholds:
    """Read thresholds from a TOML file's ``[findings]``; `InputError` names what is wrong."""
    import tomllib  # noqa: PLC0415 - only where there is a file

    try:
        with path.open("rb") as file:
            whole = tomllib.load(file)
    except OSError as error:
        raise InputError(path, f"cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(path, f"expected TOML: {error}") from None
    if others := [section for section in whole if section != "findings"]:
        told = f"there is no section [{others[0][:40]}]; expected [findings]"
        raise InputError(path, told)
    given = whole.get("findings", {})
    known = {f.name: getattr(Thresholds(), f.name) for f in fields(Thresholds)}
    if not isinstance(given, dict):
        raise InputError(path, "expected a table [findings]")
    for name, value in given.items():
        if name not in known:
            raise InputError(
                path, f"[findings] has no threshold {name[:40]!r}; {_near(name, known)}"
            )
        if isinstance(known[name], tuple):
            if not isinstance(value, list) or not all(isinstance(v, str) for v in value):
                raise InputError(path, f"[findings] {name}: expected a list of texts")
        elif (
            isinstance(value, bool)
            or not isinstance(value, (int, float))
            or not 0 <= value < math.inf
        ):
            raise InputError(path, f"[findings] {name}: expected a number from 0 on")
    return Thresholds(**{name: type(known[name])(value) for name, value in given.items()})
