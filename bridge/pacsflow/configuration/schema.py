"""Every setting there is: its section, its kind, its default, and what it is for."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from datetime import time
from functools import cache
from typing import TYPE_CHECKING, Any

from pacsflow.configuration import kinds
from pacsflow.findings.thresholds import Thresholds
from pacsflow.terms.languages import LanguageCode
from pacsflow.terms.severity import Severity

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pacsflow.configuration.kinds import Kind
    from pacsflow.terms.networks import Network


def _set(kind: Kind, default: Any, told: str) -> Any:  # noqa: ANN401 - of any type
    return field(default=default, metadata={"kind": kind, "for": told})


SEVERITIES = kinds.choice(*(severity.value for severity in Severity))
PORT = kinds.number(1, 65535, whole=True)


@dataclass(frozen=True, slots=True)
class Inputs:
    """What is read, and what is known of it."""

    paths: tuple[Path, ...] = _set(kinds.PATHS, (), "Logs, captures, folders, globs.")
    sensor: str = _set(kinds.TEXT, "", "The sensor that saw all of it.")
    sensor_folders: bool = _set(
        kinds.SWITCH, False, "The folders right below the paths are sensors, and name them."
    )
    keylog: Path | None = _set(kinds.PATH, None, "TLS key log.")
    sampling_rate: int = _set(kinds.number(1, whole=True), 1, "Captures hold one frame in so many.")
    date_order: str = _set(
        kinds.choice("", "dmy", "mdy"), "", "Of tables whose dates could be either."
    )


@dataclass(frozen=True, slots=True)
class Kept:
    """Where it is kept, and how long."""

    folder: Path | None = _set(kinds.PATH, None, "The ledger.")
    keep: str = _set(kinds.PERIOD, "", "How long, such as 2y; nothing is let go without it.")
    roll_up: str = _set(
        kinds.PERIOD, "", "When the Internet's hosts become one, such as 13m; never without it."
    )


@dataclass(frozen=True, slots=True)
class Site:
    """What the hospital is, and knows."""

    name: str = _set(kinds.TEXT, "", "The hospital's name.")
    title: str = _set(kinds.TEXT, "", "The page's title.")
    logo: Path | None = _set(kinds.PATH, None, "PNG or SVG for the page's head.")
    time_zone: str = _set(kinds.ZONE, "", "The site's, by its IANA name; else this machine's.")
    language: str = _set(kinds.choice(*(c.value for c in LanguageCode)), "en", "Of pages and mail.")
    holidays: str = _set(kinds.HOLIDAYS, "", "Country, or country and state: BR, BR-SP.")
    inventory: Path | None = _set(kinds.PATH, None, "Which host is which.")
    local_networks: tuple[Network, ...] = _set(
        kinds.NETWORKS, (), "The site's own, beside private address space."
    )
    pseudonymise: Path | None = _set(kinds.PATH, None, "Key file: pages and mail name nobody.")


@dataclass(frozen=True, slots=True)
class Archive:
    """The folder of weekly pages."""

    folder: Path | None = _set(kinds.PATH, None, "A page a week and an index.")
    pdf: bool = _set(kinds.SWITCH, False, "Also a PDF, where there is a Chromium.")


@dataclass(frozen=True, slots=True)
class Service:
    """When `pacsflow run` does what, on the site's clock."""

    every: float = _set(kinds.number(1, 86400), 300.0, "Seconds between two looks for logs.")
    night: time = _set(kinds.CLOCK, time(3), "From then: forecasts, findings, upkeep.")
    day: str = _set(kinds.choice(*kinds.DAYS), "monday", "Day of the page on the week before.")
    at: time = _set(kinds.CLOCK, time(6), "From then: the page, and its mail.")


@dataclass(frozen=True, slots=True)
class Mail:
    """Who gets the week; nobody without an address."""

    to: tuple[str, ...] = _set(kinds.ADDRESSES, (), "Who gets the digest and the page.")
    sender: str = _set(kinds.ADDRESS, "", "From whom.")
    server: str = _set(kinds.TEXT, "", "SMTP server.")
    port: int = _set(PORT, 587, "Its port.")
    security: str = _set(kinds.choice("starttls", "tls", "none"), "starttls", "TLS, and how.")
    user: str = _set(kinds.TEXT, "", "For the server; none without it.")
    password_file: Path | None = _set(kinds.PATH, None, "Whose first line is the password.")
    program: Path | None = _set(kinds.PATH, None, "In place of a server, such as sendmail.")
    page: bool = _set(kinds.SWITCH, True, "Attach the page.")
    seconds: float = _set(kinds.number(1, 600), 60.0, "Until a server is given up.")


@dataclass(frozen=True, slots=True)
class Metrics:
    """Numbers of the service itself."""

    textfile: Path | None = _set(kinds.PATH, None, "For Prometheus's node exporter, *.prom.")


@dataclass(frozen=True, slots=True)
class Events:
    """Findings for a SIEM."""

    file: Path | None = _set(kinds.PATH, None, "JSON lines are added to it, a line a finding.")
    form: str = _set(kinds.choice("ecs", "ocsf"), "ecs", "Elastic Common Schema, or OCSF.")
    least: str = _set(SEVERITIES, "low", "From this severity on.")


@dataclass(frozen=True, slots=True)
class Settings:
    """All of it; `origins` says where each value comes from that is no default."""

    inputs: Inputs = field(default_factory=Inputs)
    ledger: Kept = field(default_factory=Kept)
    site: Site = field(default_factory=Site)
    archive: Archive = field(default_factory=Archive)
    service: Service = field(default_factory=Service)
    mail: Mail = field(default_factory=Mail)
    metrics: Metrics = field(default_factory=Metrics)
    events: Events = field(default_factory=Events)
    findings: Thresholds = field(default_factory=Thresholds)
    origins: Mapping[tuple[str, str], str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Setting:
    """One of them, as the table of all has it."""

    section: str
    name: str
    kind: Kind
    default: Any
    told: str

    @property
    def variable(self) -> str:
        """The environment variable that sets it."""
        return f"PACSFLOW_{self.section}_{self.name}".upper()


@cache
def sections() -> dict[str, type]:
    """Return the sections of a file, and the class that holds each one's values."""
    made = Settings()
    return {
        f.name: type(getattr(made, f.name))
        for f in dataclasses.fields(Settings)
        if f.name != "origins"
    }


@cache
def every_setting() -> dict[tuple[str, str], Setting]:
    """Return every setting by section and name, in the order in which a file has them."""
    return {
        (section, f.name): Setting(section, f.name, *_told(f))
        for section, holder in sections().items()
        for f in dataclasses.fields(holder)
    }


def _told(of: dataclasses.Field[Any]) -> tuple[Kind, Any, str]:
    """Return kind, default and purpose; those of a threshold follow from its default."""
    if "kind" in of.metadata:
        return of.metadata["kind"], of.default, of.metadata["for"]
    if isinstance(of.default, tuple):
        return kinds.TEXTS, of.default, "See the table of thresholds."
    kind = kinds.number(0, whole=isinstance(of.default, int))
    return kind, of.default, "See the table of thresholds."
