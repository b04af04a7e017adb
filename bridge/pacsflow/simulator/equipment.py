"""The equipment of the simulated hospital: what stands where, under which AE title."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

UID_ROOT = "2.25.303747"
"""Root of the simulated implementation class UIDs (PS3.5 B.2, derived from a number)."""

ZONE = "America/Sao_Paulo"
"""The zone whose working hours the simulated hospital keeps."""


@dataclass(frozen=True, slots=True)
class Device:
    """One host of the hospital.

    Parameters
    ----------
    name
        Host name as the inventory writes it.
    address
        IPv4 address.
    role
        A role of the inventory: pacs, modality, workstation, worklist, printer, gateway, other.
    modality
        DICOM modality (PS3.3 C.7.3.1.1.1) of a device with role modality, else empty.
    site
        Where in the hospital it stands; ``outside`` is not in it.
    ae_title
        Application entity title; empty where the host speaks no DICOM.
    port
        TCP port it accepts associations on, 0 where it accepts none.
    max_pdu
        Maximum length of P-DATA-TF PDUs it accepts, bytes.
    implementation
        Index of its software among the simulated implementations.
    """

    name: str
    address: str
    role: str
    modality: str = ""
    site: str = "main"
    ae_title: str = ""
    port: int = 0
    max_pdu: int = 16384
    implementation: int = 0


@dataclass(frozen=True)
class Hospital:
    """All equipment of one simulated hospital; `devices` is the order all tables index into."""

    seed: int
    scale: float
    devices: tuple[Device, ...] = field(repr=False)
    newcomer: int = field(repr=False)
    """Index of the device that appears in the last week and is in no inventory."""

    def of(self, role: str, modality: str = "") -> list[int]:
        """Return the indices of the known devices of a role (and modality)."""
        return [
            i
            for i, device in enumerate(self.devices)
            if device.role == role
            and (not modality or device.modality == modality)
            and i != self.newcomer
        ]

    def index(self, name: str) -> int:
        """Return the index of the device called `name`; KeyError where there is none."""
        return self._by_name[name]

    @cached_property
    def _by_name(self) -> dict[str, int]:
        return {device.name: i for i, device in enumerate(self.devices)}

    @cached_property
    def is_local(self) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        """Whether each device is the hospital's own, as a sensor says that is told 10.0.0.0/8."""
        local = ipaddress.ip_network("10.0.0.0/8")
        return np.array([ipaddress.ip_address(d.address) in local for d in self.devices])

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Names of all devices."""
        return tuple(device.name for device in self.devices)


# kind: (how many at scale 1, role, modality, AE prefix, port it listens on, maximum PDU)
_MODALITIES = (
    (3, "CT", 104, 65536),
    (2, "MR", 104, 32768),
    (2, "CR", 104, 16384),
    (2, "DX", 104, 28672),
    (5, "US", 104, 16384),
    (1, "MG", 104, 131072),
    (1, "XA", 104, 65536),
    (1, "NM", 104, 16384),
)
_MAX_SCALE = 150.0


def hospital(seed: int = 1, *, scale: float = 1.0) -> Hospital:
    """Return a hospital: two PACS, a worklist, modalities, workstations, offices.

    Parameters
    ----------
    seed
        Same seed, same hospital and (with the same arguments) the same logs.
    scale
        Factor on the number of modalities, workstations and office computers; traffic grows in
        proportion. At 1.0 the conn.log has about 30,000 rows a week.

    Raises
    ------
    ValueError
        If `scale` is not in (0, 150]; beyond it the address plan is exhausted.
    """
    if not 0 < scale <= _MAX_SCALE:
        raise ValueError(f"scale must be above 0 and at most {_MAX_SCALE:g}, not {scale}")

    def count(n: int) -> int:
        return max(1, round(n * scale))

    devices = [
        Device("pacs1", "10.20.0.10", "pacs", ae_title="PACS1", port=104, max_pdu=131072),
        Device("pacs2", "10.20.0.11", "pacs", ae_title="PACS2", port=11112, max_pdu=65536,
               implementation=1),
        Device("ris", "10.20.0.20", "worklist", ae_title="RIS_MWL", port=104, implementation=2),
        Device("dicom-gw", "10.20.0.30", "gateway", site="dmz", ae_title="GATEWAY", port=11112,
               max_pdu=65536, implementation=3),
        Device("film1", "10.20.0.40", "printer", ae_title="FILM1", port=104, implementation=4),
        Device("monitor", "10.20.0.50", "other", ae_title="MONITOR", implementation=3),
    ]  # fmt: skip
    block = ipaddress.IPv4Address("10.20.16.0")
    position = 9
    for n, modality, port, max_pdu in _MODALITIES:
        for i in range(count(n)):
            position += 1 if (position + 1) % 256 else 2
            devices.append(
                Device(
                    f"{modality.lower()}{i + 1}",
                    str(block + position),
                    "modality",
                    modality,
                    "radiology" if modality != "US" or i % 2 else "clinic",
                    f"{modality}{i + 1}",
                    port,
                    max_pdu,
                    5 + (sum(map(ord, modality)) + i) % 7,
                )
            )
    newcomer = len(devices)
    devices.append(
        Device("dx-portable", "10.20.18.77", "modality", "DX", "ward", "DX_PORT", 104, 16384, 12)
    )
    _add_people(devices, count)
    _add_servers(devices)
    return Hospital(seed, scale, tuple(devices), newcomer)


def _add_people(devices: list[Device], count: Callable[[int], int]) -> None:
    """Append reading stations, clinical viewers and office computers."""
    for prefix, ae, base, n, site in (
        ("read", "READ", "10.20.64.10", count(8), "radiology"),
        ("ward", "WARD", "10.20.96.10", count(14), "ward"),
    ):
        start = ipaddress.IPv4Address(base)
        devices.extend(
            Device(
                f"{prefix}{i + 1}",
                str(start + i),
                "workstation",
                site=site,
                ae_title=f"{ae}{i + 1}",
                port=11112 if prefix == "read" else 0,
                max_pdu=65536,
                implementation=13 if prefix == "read" else 14,
            )
            for i in range(n)
        )
    start = ipaddress.IPv4Address("10.32.1.10")
    devices.extend(
        Device(f"pc{i + 1}", str(start + i), "other", site="office") for i in range(count(60))
    )


def _add_servers(devices: list[Device]) -> None:
    """Append what everyone talks to, inside and (RFC 5737 addresses) outside."""
    devices.extend(
        Device(name, address, "other", site=site)
        for name, address, site in (
            ("dns1", "10.21.0.5", "datacentre"),
            ("ad1", "10.21.0.6", "datacentre"),
            ("files1", "10.21.0.7", "datacentre"),
            ("ehr", "10.21.0.8", "datacentre"),
            ("hl7", "10.21.0.9", "datacentre"),
            ("teleradiology", "203.0.113.40", "outside"),
            ("web1", "192.0.2.10", "outside"),
            ("web2", "192.0.2.80", "outside"),
            ("web3", "198.51.100.23", "outside"),
            ("updates", "198.51.100.61", "outside"),
            ("stranger", "203.0.113.199", "outside"),
            ("backup1", "10.21.0.12", "datacentre"),
            ("updates1", "10.21.0.13", "datacentre"),
            ("accounts1", "10.21.0.14", "datacentre"),
            ("files2", "10.21.0.15", "datacentre"),
            ("guests", "10.60.0.1", "guests"),
            ("meetings", "198.51.100.90", "outside"),
        )
    )


def implementation(device: Device) -> tuple[str, str]:
    """Return the device's implementation class UID and version name (at most 16 characters)."""
    n = device.implementation
    return f"{UID_ROOT}.{n + 1}", f"SIM_{n + 1}_{1 + n % 4}.{n % 3}"
