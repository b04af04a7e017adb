"""Contract 2: the hospital's own knowledge of its equipment, one file in Zeek's TSV format."""

from __future__ import annotations

import atexit
import csv
import ipaddress
import math
import re
import shutil
import tempfile
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from pacsflow.errors import InputError
from pacsflow.printable import escape_controls

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pacsflow.terms.networks import Network

LOCAL = "local"
"""The role of a line that says of addresses that they are the site's own, and nothing else."""
ROLES = ("pacs", "modality", "workstation", "worklist", "printer", "gateway", "other")
FIELDS = ("match", "name", "role", "modality", "site")
MAC = re.compile(r"^[0-9a-f]{2}(:[0-9a-f]{2}){5}$")


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
    local: tuple[Network, ...] = ()
    """Networks that are the site's own, whatever their addresses look like."""
    _exact: dict[str, Item] = field(default_factory=dict)
    _networks: tuple[tuple[Network, Item], ...] = ()

    @classmethod
    def of(
        cls, items: Iterable[Item], problems: Iterable[str] = (), local: Iterable[Network] = ()
    ) -> Inventory:
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
        return cls(items, tuple(problems), tuple(local), exact, tuple(networks))

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


def read_inventory(path: str | Path) -> Inventory:
    """Read an inventory as people write it; lines that cannot be used are named in `problems`.

    Zeek's TSV, or a table of tabs, semicolons or commas with the column names in its first line;
    UTF-8, UTF-16 or Windows-1252. Of two lines with one `match` the first counts, and the other is
    a problem.

    Raises `InputError` where the file cannot be opened or has no usable header.
    """
    path = Path(path)
    from pacsflow.readers.blocks import opened  # noqa: PLC0415 - many commands read none

    with opened(path) as file:
        lines = _decoded(file.read(64 << 20)).splitlines()
    fields, separator, first = _header(lines, path)
    missing = {"match", "name", "role"} - set(fields)
    if missing:
        raise InputError(path, f"the inventory's columns lack {', '.join(sorted(missing))}")
    items: list[Item] = []
    problems: list[str] = []
    local: list[Network] = []
    seen: dict[str, int] = {}
    for number, line in enumerate(lines[first:], first + 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        try:
            cells = _cells(line, separator)
            if not any(cells):
                continue
            item = _item(cells, fields)
        except ValueError as error:
            problems.append(f"{path}, line {number}: {error}")
            continue
        if item.match in seen:
            told = f"{item.match} stands in line {seen[item.match]} already, which counts"
            problems.append(f"{path}, line {number}: {told}")
            continue
        written = cells[fields.index("match")]
        if "/" in item.match and _has_host_bits(written):
            problems.append(
                f"{path}, line {number}: {written} has bits of a host; {item.match} was read"
            )
        seen[item.match] = number
        if item.role == LOCAL:
            local.append(ipaddress.ip_network(item.match))
        else:
            items.append(item)
    return Inventory.of(items, problems, local)


def for_taggers(path: Path | None) -> Path | None:
    """Return an inventory as plugin and Zeek read it: a copy in Zeek's format.

    They know neither the tables nor the encodings that `read_inventory` does. The copy is gone when
    the program ends; a file that cannot be opened is named by whoever reads it.
    """
    if path is None or not path.is_file():
        return path
    state = path.stat()
    return _copy(path, state.st_mtime_ns, state.st_size)


@lru_cache(maxsize=4)
def _copy(path: Path, _changed: int, _size: int) -> Path:
    known = read_inventory(path)
    folder = Path(tempfile.mkdtemp(prefix="pacsflow-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    local = (Item(str(network), "", LOCAL) for network in known.local)
    target = folder / f"{path.stem}.tsv"
    target.write_text(format_inventory([*known.items, *local]), encoding="utf-8")
    return target


def _has_host_bits(network: str) -> bool:
    try:
        ipaddress.ip_network(network)
    except ValueError:
        return not network.startswith("ae:")
    return False


def _decoded(data: bytes) -> str:
    """Return text in any of the encodings that editors and spreadsheets write."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", "replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace")


def _header(lines: list[str], path: Path) -> tuple[tuple[str, ...], str, int]:
    """Return the columns, what separates them, and the number of lines up to them."""
    for number, line in enumerate(lines, 1):
        text = line.strip()
        named = text.startswith("#fields")
        if not text or (text.startswith("#") and not named):
            continue
        plain = text.removeprefix("#fields")
        separator = max("\t;,", key=plain.count)
        names = tuple(c.lower() for c in _cells(plain, separator) if c or not named)
        if "match" in names:
            return names, separator, number
        if not named:
            break
    expected = "#fields\t" + "\t".join(FIELDS)
    raise InputError(path, f"expected an inventory with the line {expected!r}")


def _cells(line: str, separator: str) -> list[str]:
    """Return a line's cells without blanks around them, and without empty ones at its end."""
    if separator == "\t":
        cells = line.split("\t")
    else:
        try:
            cells = next(csv.reader([line], delimiter=separator), [])
        except csv.Error as error:
            raise ValueError(f"expected cells separated by {separator!r} ({error})") from None
    cells = [cell.strip().strip("\ufeff") for cell in cells]
    while cells and not cells[-1]:
        cells.pop()
    return cells


def _item(cells: list[str], fields: tuple[str, ...]) -> Item:
    if not 3 <= len(cells) <= len(fields):
        raise ValueError(f"expected {len(fields)} columns, found {len(cells)}")
    cells = cells + [""] * (len(fields) - len(cells))
    row = {
        name: "" if cell in {"-", "(empty)"} else escape_controls(cell)
        for name, cell in zip(fields, cells, strict=True)
    }
    role = row["role"].lower()
    if role not in {*ROLES, LOCAL}:
        expected = ", ".join((*ROLES, LOCAL))
        raise ValueError(f"the role is {row['role'][:40]!r}; expected one of {expected}")
    match = normalise_match(row["match"])
    if role == LOCAL and (match.startswith("ae:") or MAC.match(match)):
        raise ValueError(f"the role local is for addresses and networks, not for {match[:60]!r}")
    try:
        capacity = float(row.get("capacity") or 0)
    except ValueError:
        capacity = math.nan
    if not 0 <= capacity < math.inf:
        raise ValueError("expected a number of megabits a second in column capacity")
    return Item(
        match=match,
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
    if re.fullmatch(r"[0-9a-f]{4}(?:\.[0-9a-f]{4}){2}", mac):
        plain = mac.replace(".", "")
        mac = ":".join(plain[i : i + 2] for i in range(0, 12, 2))
    if MAC.match(mac):
        return mac
    try:
        if "/" in text:
            return str(ipaddress.ip_network(text, strict=False))
        return str(ipaddress.ip_address(text))
    except ValueError:
        raise ValueError(f"{text[:60]!r} is no address, network (CIDR), MAC or ae:TITLE") from None


def format_inventory(items: Iterable[Item]) -> str:
    """Return the text of an inventory file, as Zeek's Input framework reads it.

    Lines without a role are comments, until somebody names one.
    """
    lines = ["#separator \\x09", "#set_separator\t,", "#empty_field\t(empty)", "#unset_field\t-"]
    lines += ["#path\tpacsflow_inventory", "#fields\t" + "\t".join(FIELDS)]
    lines += ["#types\t" + "\t".join(["string"] * len(FIELDS))]
    for item in items:
        cells = (item.match, item.name, item.role, item.modality, item.site)
        line = "\t".join(escape_controls(cell.replace("\t", " ")) or "-" for cell in cells)
        lines.append(line if item.role else f"#{line}")
    return "\n".join(lines) + "\n"
