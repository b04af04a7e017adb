"""Contract 2: the hospital's own knowledge of its equipment, one file in Zeek's TSV format."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pacsflow.errors import InputError
from pacsflow.printable import escape_controls
from pacsflow.readers.blocks import opened

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

ROLES = ("pacs", "modality", "workstation", "worklist", "printer", "gateway", "other")
FIELDS = ("match", "name", "role", "modality", "site")
MAC = re.compile(r"^[0-9a-f]{2}(:[0-9a-f]{2}){5}$")
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True)
class Item:
    """One line: `match` is an address, a CIDR, a MAC or ``ae:TITLE``.

    `capacity` is in megabits a second, 0 where the file does not say (an optional sixth column).
    """

    match: str
    name: str
    role: str
    modality: str = ""
    site: str = ""
    capacity: float = 0.0


@dataclass(frozen=True, slots=True)
class Inventory:
    """What the hospital wrote down. Written knowledge beats inference, everywhere."""

    items: tuple[Item, ...] = ()
    problems: tuple[str, ...] = ()
    """Lines that could not be used, each with file and line; the rest is used."""
    _exact: dict[str, Item] = field(default_factory=dict)
    _networks: tuple[tuple[Network, Item], ...] = ()

    @classmethod
    def of(cls, items: Iterable[Item], problems: Iterable[str] = ()) -> Inventory:
        """Return an inventory of `items`; of two with one `match` the first counts."""
        items = tuple(items)
        exact: dict[str, Item] = {}
        networks = []
        for item in items:
            if "/" in item.match and not item.match.startswith("ae:"):
                networks.append((ipaddress.ip_network(item.match), item))
            else:
                exact.setdefault(item.match, item)
        networks.sort(key=lambda pair: -pair[0].prefixlen)
        return cls(items, tuple(problems), exact, tuple(networks))

    def find(self, address: str, ae_titles: Iterable[str] = (), mac: str = "") -> Item | None:
        """Return what is written of a host: by address, MAC, AE title, then longest prefix."""
        if address in self._exact:
            return self._exact[address]
        if mac and mac.lower() in self._exact:
            return self._exact[mac.lower()]
        for title in ae_titles:
            if f"ae:{title}" in self._exact:
                return self._exact[f"ae:{title}"]
        if not self._networks:
            return None
        try:
            host = ipaddress.ip_address(address)
        except ValueError:
            return None
        return next((item for network, item in self._networks if host in network), None)


def read_inventory(path: Path) -> Inventory:
    """Read an inventory file; lines that cannot be used are named in `problems`.

    Raises `InputError` where the file cannot be opened or has no usable header.
    """
    from pacsflow.readers.zeek_tsv import parse_header  # noqa: PLC0415 - few commands read one

    with opened(path) as file:
        lines = file.read(64 << 20).decode("utf-8", "backslashreplace").split("\n")
    head = [f"{line}\n".encode() for line in lines if line.startswith("#")]
    try:
        header = parse_header(head, path)
    except InputError as error:
        expected = "#fields\t" + "\t".join(FIELDS)
        raise InputError(path, f"expected an inventory with the line {expected!r}") from error
    missing = {"match", "name", "role"} - set(header.fields)
    if missing:
        raise InputError(path, f"the inventory's columns lack {', '.join(sorted(missing))}")
    items, problems = [], []
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.startswith("#"):
            continue
        cells = line.rstrip("\r").split(header.separator)
        try:
            items.append(_item(cells, header.fields))
        except ValueError as error:
            problems.append(f"{path}, line {number}: {error}")
    return Inventory.of(items, problems)


def _item(cells: list[str], fields: tuple[str, ...]) -> Item:
    if len(cells) != len(fields):
        raise ValueError(f"expected {len(fields)} columns separated by tabs, found {len(cells)}")
    row = {
        name: "" if cell in {"-", "(empty)"} else escape_controls(cell.strip())
        for name, cell in zip(fields, cells, strict=True)
    }
    role = row["role"].lower()
    if role not in ROLES:
        raise ValueError(f"the role is {row['role'][:40]!r}; expected one of {', '.join(ROLES)}")
    try:
        capacity = float(row.get("capacity") or 0)
    except ValueError:
        raise ValueError("expected a number of megabits a second in column capacity") from None
    return Item(
        match=normalise_match(row["match"]),
        name=row["name"],
        role=role,
        modality=row.get("modality", "").upper(),
        site=row.get("site", ""),
        capacity=capacity,
    )


def normalise_match(text: str) -> str:
    """Return an address, CIDR, MAC or ``ae:TITLE`` in its one spelling; ValueError otherwise."""
    if text.lower().startswith("ae:") and text[3:].strip():
        return f"ae:{text[3:].strip()}"
    mac = text.lower().replace("-", ":")
    if MAC.match(mac):
        return mac
    try:
        if "/" in text:
            return str(ipaddress.ip_network(text, strict=False))
        return str(ipaddress.ip_address(text))
    except ValueError:
        raise ValueError(f"{text[:60]!r} is no address, network (CIDR), MAC or ae:TITLE") from None


def format_inventory(items: Iterable[Item]) -> str:
    """Return the text of an inventory file, as Zeek's Input framework reads it."""
    lines = ["#separator \\x09", "#set_separator\t,", "#empty_field\t(empty)", "#unset_field\t-"]
    lines += ["#path\tpacsflow_inventory", "#fields\t" + "\t".join(FIELDS)]
    lines += ["#types\t" + "\t".join(["string"] * len(FIELDS))]
    for item in items:
        cells = (item.match, item.name, item.role, item.modality, item.site)
        lines.append("\t".join(cell.replace("\t", " ") or "-" for cell in cells))
    return "\n".join(lines) + "\n"
