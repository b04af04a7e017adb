"""Findings as a SIEM takes them: a line of JSON each, in the fields of ECS or of OCSF.

Elastic Common Schema 8 (event, rule, related, observer); Open Cybersecurity Schema Framework 1,
class Detection Finding (2004).
"""

from __future__ import annotations

import hashlib
import ipaddress
from typing import TYPE_CHECKING, Any

import orjson

from pacsflow import __version__
from pacsflow.export.rows import to_line
from pacsflow.printable import escape_controls
from pacsflow.terms.severity import Severity
from pacsflow.words.saying import finding_said

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from pacsflow.findings.finding import Finding
    from pacsflow.report.weekly import WeeklyReport
    from pacsflow.words.language import Language

LEVELS = {
    Severity.INFO: (1, 21), Severity.LOW: (2, 47), Severity.MEDIUM: (3, 73),
    Severity.HIGH: (4, 89), Severity.CRITICAL: (5, 100),
}  # fmt: skip
"""``severity_id`` of OCSF, and a number from 1 to 100 as Elastic's rules have it."""


def identity(week: str, finding: Finding) -> str:
    """Return what a finding is known by: the same one found again is not told again."""
    hosts = sorted(escape_controls(party.address) for party in finding.parties)
    start = finding.start.isoformat() if finding.start else ""
    told = orjson.dumps([week, finding.rule, hosts, start])
    return f"{week} {hashlib.sha256(told).hexdigest()[:20]}"


def lines(
    made: WeeklyReport, language: Language, form: str, least: Severity, told: dict[str, str]
) -> Iterator[bytes]:
    """Yield a line for each finding that is new, or graver than it was told before.

    `told` is kept up to date: severities by `identity`, of this week and the one before.
    """
    _forget(told, made.week)
    for finding in made.findings:
        known = identity(made.week, finding)
        before = told.get(known)
        if finding.severity.rank < least.rank:
            continue
        if before and Severity(before).rank >= finding.severity.rank:
            continue
        told[known] = finding.severity.value
        write = _ocsf if form == "ocsf" else _ecs
        line = write(known, made, finding, language)
        yield to_line(line).encode()


def _forget(told: dict[str, str], week: str) -> None:
    """Let go what was told of weeks other than the last two."""
    weeks = sorted({known.split(" ")[0] for known in told} | {week})[-2:]
    for known in [known for known in told if known.split(" ")[0] not in weeks]:
        del told[known]


def _ecs(known: str, made: WeeklyReport, finding: Finding, language: Language) -> dict[str, Any]:
    said = finding_said(finding, language)
    return {
        "@timestamp": _utc(finding.end or finding.start or made.provenance.created),
        "ecs": {"version": "8.17.0"},
        "event": {
            "kind": "alert", "category": ["network"], "type": ["info"], "module": "pacsflow",
            "dataset": "pacsflow.findings", "id": known, "code": finding.rule,
            "severity": LEVELS[finding.severity][1], "reason": " ".join(said.evidence),
            "start": _utc(finding.start), "end": _utc(finding.end),
            "created": _utc(made.provenance.created),
        },
        "log": {"level": finding.severity.value},
        "message": said.title,
        "rule": {"id": finding.rule, "name": said.title, "category": finding.area,
                 "description": said.action},
        "related": {"ip": _addresses(finding), "hosts": _names(finding)},
        "observer": {"vendor": "pacsflow", "product": "pacsflow", "version": __version__,
                     "type": "ids", "name": made.site},
        "labels": {"week": made.week, "simulated": made.provenance.simulated},
        "pacsflow": _values(finding),
    }  # fmt: skip


def _ocsf(known: str, made: WeeklyReport, finding: Finding, language: Language) -> dict[str, Any]:
    said = finding_said(finding, language)
    moment = finding.end or finding.start or made.provenance.created
    return {
        "activity_id": 1, "category_uid": 2, "class_uid": 2004, "type_uid": 200401,
        "severity_id": LEVELS[finding.severity][0], "severity": finding.severity.value.capitalize(),
        "status_id": 1, "time": _milliseconds(moment), "message": said.title,
        "metadata": {
            "version": "1.3.0", "uid": known, "log_name": "findings",
            "product": {"name": "pacsflow", "vendor_name": "pacsflow", "version": __version__},
        },
        "finding_info": {
            "uid": known, "title": said.title, "desc": " ".join(said.evidence),
            "types": [finding.area], "analytic": {"type_id": 1, "uid": finding.rule},
            "first_seen_time": _milliseconds(finding.start),
            "last_seen_time": _milliseconds(finding.end),
        },
        "remediation": {"desc": said.action},
        "observables": [{"name": "ip", "type_id": 2, "value": ip} for ip in _addresses(finding)],
        "unmapped": _values(finding) | {"week": made.week, "site": made.site},
    }  # fmt: skip


def _values(finding: Finding) -> dict[str, Any]:
    titles = sorted({title for party in finding.parties for title in party.ae_titles})
    return {
        "count": finding.count,
        "ae_titles": titles,
        "uids": list(finding.rows),
        "values": {name: value.value for name, value in finding.values},
    }


def _addresses(finding: Finding) -> list[str]:
    return sorted({p.address for p in finding.parties if _is_address(p.address)})


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _names(finding: Finding) -> list[str]:
    return sorted({party.name for party in finding.parties if party.name})


def _utc(moment: datetime | None) -> str | None:
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z") if moment else None


def _milliseconds(moment: datetime | None) -> int | None:
    return round(moment.timestamp() * 1000) if moment else None
