"""The lights of the first screen: the state of each area, from its findings and what was seen."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pacsflow.report.coverage import NOT_READ
from pacsflow.report.weekly import AreaStatus, Status
from pacsflow.terms.severity import Severity

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pacsflow.findings.finding import Finding
    from pacsflow.week.facts import Coverage, Totals
    from pacsflow.week.sensors import SensorView

AREAS = ("traffic", "pacs", "modalities", "associations", "security", "data")


def states(
    found: Sequence[Finding],
    coverage: Coverage,
    totals: Totals,
    *,
    has_dicom: bool,
    has_pacs: bool,
    sensors: Sequence[SensorView] = (),
) -> tuple[AreaStatus, ...]:
    """Return the state of each area; `found` has the gravest first."""
    whole = coverage.hours_with_data >= coverage.hours_expected
    good = "nothing-unusual" if whole else "nothing-unusual-seen"
    made = [
        _state(area, found, _unknown(area, coverage, totals, has_dicom, has_pacs), good)
        for area in AREAS
    ]
    return tuple(_doubted(state, _lacking(state.area, coverage, sensors)) for state in made)


def _doubted(state: AreaStatus, lacking: str) -> AreaStatus:
    """Return the state, not good where something lacks."""
    if lacking and state.status is Status.GOOD:
        return replace(state, status=Status.LOOK, reason=lacking)
    return state


NO_ASSOCIATIONS = {"capture": "none-captured", "sflow": "none-sampled"}
"""By origin, why there is no association where it is not for want of a log."""
UNSEEN = {"pacs": "pacs", "modalities": "modality"}
"""By area, the role of the equipment that a sensor which stood still may leave unseen."""


def _lacking(area: str, coverage: Coverage, sensors: Sequence[SensorView]) -> str:
    """Return what the data of an area lack that is no finding of its own, or an empty text."""
    if area in UNSEEN:
        unseen = (party.role for view in sensors if view.silences for party in view.unseen)
        return "unseen-for-hours" if UNSEEN[area] in unseen else ""
    if area != "data":
        return ""
    if any(file.kind == NOT_READ for file in coverage.files):
        return "files-not-read"
    if coverage.unreadable_rows:
        return "rows-unreadable"
    if coverage.gaps:
        return "hours-missing"
    return "sensor-stood-still" if any(view.silences for view in sensors) else ""


def no_associations(origin: str) -> str:
    """Return the key of the note that says why rows of an origin tell no association."""
    return NO_ASSOCIATIONS.get(origin, "no-dicom-log")


def _unknown(area: str, coverage: Coverage, totals: Totals, has_dicom: bool, has_pacs: bool) -> str:
    """Return why nothing can be said of an area, or an empty text."""
    if not coverage.hours_with_data:
        return "no-data"
    if area == "associations" and not has_dicom:
        return no_associations(coverage.origin)
    if area == "pacs" and totals.imaging_hosts and not has_pacs:
        return "no-pacs"
    if area in {"pacs", "modalities"} and not (has_pacs or totals.imaging_hosts):
        return "no-imaging"
    return ""


def _state(area: str, found: Sequence[Finding], unknown: str, good: str) -> AreaStatus:
    mine = [place for place, finding in enumerate(found) if finding.area == area]
    worst = max((found[place].severity.rank for place in mine), default=0)
    if unknown:
        return AreaStatus(area, Status.UNKNOWN, unknown, len(mine))
    if worst >= Severity.LOW.rank:
        light = Status.ACT if worst >= Severity.HIGH.rank else Status.LOOK
        return AreaStatus(area, light, "finding", len(mine), mine[0])
    return AreaStatus(area, Status.GOOD, good, len(mine))
