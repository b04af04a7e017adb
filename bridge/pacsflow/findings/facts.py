"""What the rules may look at, and their thresholds."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from pacsflow.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

    from pacsflow.inventory import Inventory
    from pacsflow.week.hosts import Hosts
    from pacsflow.week.traffic import Slice
    from pacsflow.weekly import Associations, Coverage, Equipment, Incident, Totals


@dataclass(frozen=True, slots=True)
class Thresholds:
    """From when on a rule speaks. Every one can be set in the configuration file, ``[findings]``.

    Parameters
    ----------
    reject_percent, abort_percent, failure_percent
        Share of associations, percent, from which rejects, aborts and associations with failed
        responses are worth a finding.
    least_associations
        Fewer associations than this have no rate.
    missed_percent
        Share of bytes that Zeek missed, percent.
    gap_hours
        Hours without data from which a gap is a finding.
    """

    reject_percent: float = 5.0
    abort_percent: float = 5.0
    failure_percent: float = 5.0
    least_associations: int = 20
    missed_percent: float = 1.0
    gap_hours: int = 1


@dataclass(frozen=True, slots=True)
class Facts:
    """One week's facts, computed; rules only look."""

    part: Slice
    hosts: Hosts
    inventory: Inventory
    coverage: Coverage
    totals: Totals
    associations: Associations | None
    equipment: tuple[Equipment, ...]
    incidents: tuple[Incident, ...]
    thresholds: Thresholds


def read_thresholds(path: Path) -> Thresholds:
    """Read thresholds from a TOML file's ``[findings]``; `InputError` names what is wrong."""
    import tomllib  # noqa: PLC0415 - only where there is a file

    try:
        with path.open("rb") as file:
            given = tomllib.load(file).get("findings", {})
    except OSError as error:
        raise InputError(path, f"cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(path, f"expected TOML: {error}") from None
    kinds = {f.name: type(getattr(Thresholds(), f.name)) for f in fields(Thresholds)}
    for name, value in given.items():
        if name not in kinds:
            known = ", ".join(sorted(kinds))
            raise InputError(path, f"[findings] has no threshold {name!r}; there are {known}")
        if isinstance(value, bool) or not isinstance(value, (int, float)) or value < 0:
            raise InputError(path, f"[findings] {name}: expected a number from 0 on")
    return Thresholds(**{name: kinds[name](value) for name, value in given.items()})
