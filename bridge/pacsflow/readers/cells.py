"""Turns columns of text cells into columns of frames; counts the rows that do not fit."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from unicodedata import category

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pacsflow.errors import InputError
from pacsflow.printable import escape_controls
from pacsflow.readers.arrays import booleans, strings
from pacsflow.readers.columns import is_of_tshark, other_unit, unknown
from pacsflow.readers.flow_rows import FlowRows
from pacsflow.readers.number_cells import NumberCells
from pacsflow.readers.quality import Quality
from pacsflow.readers.sum_rows import COLUMNS as OF_SUMS
from pacsflow.readers.sum_rows import HOSTS, SumRows
from pacsflow.readers.time_cells import TimeCells
from pacsflow.readers.zeek_values import to_address
from pacsflow.terms.log_fields import FRAMES
from pacsflow.terms.ports import PORTS_BY_NAME

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping
    from datetime import datetime

    from numpy.typing import NDArray

    from pacsflow.readers.columns import Header

PORTS = ("id.orig_p", "id.resp_p")
TEXTS = ("protocol", "hw_source", "hw_destination", "info")
LARGEST = 2**20
"""No frame has more bytes than this (GSO makes up to half of it); sums and flows have."""
NUMBERS = {"length": LARGEST, "vlan": 4095, "id.orig_p": 65535, "id.resp_p": 65535}
"""Columns that hold whole numbers, and the largest each may have."""
LIKELY = {"length": (14.0, 262_144.0)}
"""Bytes that frames have: an Ethernet header at least, at most what captures keep."""
SEVERAL = ("hw_source", "hw_destination", "vlan", "length", *PORTS, *HOSTS)
"""Columns of which tshark writes several values where a frame has several such headers."""
LONGEST_TEXT = 1024
_SEVERAL = r"^[0-9a-fA-F:.]+(?:[,;|\s][0-9a-fA-F:.]+)+$"
"""Several values as tshark writes them, whatever ``-E aggregator=`` was given."""
_PORT = re.compile(
    r"(\d+(?:\.\d+){3})(?:[.:]\d{1,5}|/32)|\[([0-9a-fA-F:.]+)\](?::\d{1,5})?|([0-9a-fA-F:.]+)/128"
)
"""An address with a port behind it, as firewalls and tcpdump write it, in brackets, or a network
that is one address."""
_LIKE_ADDRESS = re.compile(r"\d+(?:\s*[.,]\s*\d+){3,}(?:/\d+)?|\d{8,10}|0x[0-9a-fA-F]{8}")
"""What is no name of a host, also as one number: where it is no address either, it would be a host
of its own."""
_NAMED = re.compile(r"(.*\S)\s*\((.+)\)")
"""An address and the name of its host, one behind the other, as Wireshark's details have them."""
_MARK = "'"
"""What makes a spreadsheet keep a cell as text."""
_NUMBERED = re.compile(r".*\((\d+)\)")
NEEDS = {
    "ts": ("ts", "date", "zone"),
    "protocol": ("protocol", "protocols"),
    "service": ("protocol", "protocols"),
    "id.orig_h": ("id.orig_h", "protocol", "protocols", "ipv6_source"),
    "id.resp_h": ("id.resp_h", "protocol", "protocols", "ipv6_destination"),
    "proto": ("tcp", "udp"),
    "flow": ("tcp_stream", "udp_stream", *HOSTS, *PORTS),
}
"""The columns of a table from which some columns of frames are made."""


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """Rows of a table as text: the line (or row) number of each, and the columns that it has."""

    lines: NDArray[np.int64]
    columns: Mapping[str, pa.Array]
    """String arrays by the names of ``columns.NAMES``; null where a cell is empty."""


def needed(header: Header, asked: Collection[str] | None) -> dict[str, tuple[int, ...]]:
    """Return the places of the columns that are needed for the asked columns of frames.

    Times are, and what tells sums, whatever is asked for: which rows are frames does not follow
    from the question.
    """
    if asked is None:
        return header.places
    wanted = _for((*OF_SUMS, *asked))
    return {name: places for name, places in header.places.items() if name in wanted}


def _for(asked: Collection[str]) -> set[str]:
    """Return the columns of a table from which those of frames are made, and the time."""
    return {need for name in ("ts", *asked) for need in NEEDS.get(name, (name,))}


def without_blank(cells: Cells) -> Cells:
    """Leave out rows in which no column has anything, as where a table beside is longer."""
    bare = np.ones(len(cells.lines), dtype=np.bool_)
    for column in cells.columns.values():
        bare &= pc.is_null(column).to_numpy(zero_copy_only=False)
    kept = {name: column.filter(booleans(~bare)) for name, column in cells.columns.items()}
    return Cells(cells.lines[~bare], kept) if bare.any() else cells


def joined(columns: list[pa.Array]) -> pa.Array:
    """Return the first value that any of several columns has in each row."""
    return columns[0] if len(columns) == 1 else pc.coalesce(*columns)


@dataclass(slots=True)
class Converter:
    """Converts batch after batch of one table.

    Parameters
    ----------
    quality
        Counts rows and unreadable rows, and keeps remarks.
    header
        Of the table.
    preview
        Yields a whole column of the table.
    asked
        The columns of frames that are asked for; None for all.
    start, sampling_rate, date_order
        What the user says that a table does not say of itself.
    where
        What stands before the reason of an unreadable row, such as the sheet's name.
    """

    quality: Quality
    header: Header
    preview: Callable[[str], Iterator[pa.Array]]
    asked: Collection[str] | None = None
    start: datetime | None = None
    sampling_rate: int = 1
    date_order: str = ""
    where: str = ""
    times: TimeCells = field(init=False)
    _numbers: dict[str, NumberCells] = field(default_factory=dict, init=False)
    _of_tshark: tuple[str, ...] = field(default=(), init=False)
    _readable: bool = field(default=True, init=False)
    _sums: SumRows = field(default_factory=SumRows, init=False)
    _flows: FlowRows = field(init=False)

    def __post_init__(self) -> None:
        time = "ts" if "ts" in self.header.places else "date"

        def whole(name: str) -> Iterator[pa.Array]:
            return self.preview(name or time)

        told = self.quality if self._timed else Quality(path=self.quality.path)
        self.times = TimeCells(told, self.header, whole, self.start, self.date_order)
        names, places = self.header.names, self.header.places
        self._of_tshark = tuple(
            name
            for name in SEVERAL
            if any(is_of_tshark(names[place]) for place in places.get(name, ()))
        )
        self._flows = FlowRows(self.quality, self.header)
        if "length" not in self.header.places:
            other = other_unit(self.header)[:40]
            why = f"column {other} is not in bytes" if other else "there is no column Length"
            self.quality.note(f"{why}: bytes are not known and shown as 0{unknown(self.header)}")
        for name in self.header.twice:
            self.quality.note(f"there are several columns {name[:40]}: the first was read")
        if not self.header.has_time:
            why = f"frames cannot be put into hours{unknown(self.header)}"
            self.quality.note(f"there is no column Time: {why}")

    @property
    def _timed(self) -> bool:
        """Say whether times are asked for; else they only show which rows are frames."""
        return self.asked is None or "ts" in self.asked

    def __call__(self, cells: Cells) -> pa.RecordBatch:
        """Return the rows that can be read, in the columns of ``log_fields.FRAMES``."""
        n = len(cells.lines)
        bad: dict[int, str] = {}
        made = self._columns(cells, bad)
        rows = [made.get(name, _absent(name, n, self.sampling_rate)) for name in FRAMES.names]
        batch = pa.record_batch(
            [a.cast(t) for a, t in zip(rows, FRAMES.types, strict=True)], schema=FRAMES
        )
        if bad:
            for place in sorted(bad):
                self.quality.bad_row(int(cells.lines[place]), self.where + bad[place])
            keep = np.ones(n, dtype=np.bool_)
            keep[list(bad)] = False
            batch = batch.filter(booleans(keep))
        self.quality.rows += batch.num_rows
        self.quality.nameless += self._nameless(batch)
        return batch

    def _nameless(self, batch: pa.RecordBatch) -> int:
        """Return how many rows say no source or no destination, where these are asked for."""
        asked = HOSTS if self.asked is None else [name for name in HOSTS if name in self.asked]
        if len(asked) < 2:
            return 0
        both = pc.and_(*(pc.is_valid(batch[name]) for name in asked))
        named: int = pc.sum(both).as_py() or 0
        return int(batch.num_rows) - named

    def _columns(self, cells: Cells, bad: dict[int, str]) -> dict[str, pa.Array]:
        columns = dict(cells.columns)
        for name in self._of_tshark:
            if name in columns:
                columns[name] = _one_of(columns[name], name, columns.get("protocol"))
        for name, other in zip(HOSTS, ("ipv6_source", "ipv6_destination"), strict=True):
            if name in columns and other in columns:
                columns[name] = self._inner(columns[name], columns[other], columns.get("protocols"))
        made: dict[str, pa.Array] = {}
        if "ts" in columns or "date" in columns:
            made["ts"] = self._times(columns, bad)
        columns |= {name: self._numbered(columns[name]) for name in PORTS if name in columns}
        for name, most in NUMBERS.items():
            if name in columns:
                made[name] = self._number(name, most, columns[name], bad)
        self._sums.find(columns, made.get("length"), bad)
        hosts = {name: _hosts(columns[name], bad) for name in HOSTS if name in columns}
        if self.asked is not None:
            asked = _for(self.asked)
            columns = {name: column for name, column in columns.items() if name in asked}
        made |= {name: column for name, column in hosts.items() if name in columns}
        made |= _texts_of(columns)
        made |= _conversations(columns, made)
        dicom = _is_dicom(made.get("protocol"), columns.get("protocols"))
        if dicom is not None:
            made["service"] = pc.if_else(dicom, "dicom", pa.scalar(None, pa.string()))
        return made

    def _times(self, columns: Mapping[str, pa.Array], bad: dict[int, str]) -> pa.Array:
        """Return times; where nobody asks for them, rows without any are no frames either."""
        if self._timed:
            return self.times(columns, bad)
        if self._readable:
            try:
                return self.times(columns, bad)
            except InputError:
                self._readable = False
        told = columns["ts" if "ts" in columns else "date"]
        for place in np.flatnonzero(pc.is_null(told).to_numpy(zero_copy_only=False)).tolist():
            bad.setdefault(place, "expected a time between 1990 and 2100, found 'nothing'")
        return pa.nulls(len(told))

    def _inner(self, found: pa.Array, ipv6: pa.Array, protocols: pa.Array | None) -> pa.Array:
        """Return of a frame with addresses of IPv4 and IPv6 those of the packet inside."""
        both = pc.and_(pc.is_valid(ipv6), pc.invert(pc.equal(ipv6, found)))
        if not pc.any(both).as_py():
            return found
        if protocols is None:
            self.quality.note(
                "frames have addresses of IPv4 and IPv6, one within the other: those of IPv4 were "
                "read (export frame.protocols, which tells)"
            )
            return found
        last = pc.extract_regex(protocols, r"^.*(?:^|:)(?P<ip>ip|ipv6)(?:$|:)")
        inside = pc.fill_null(pc.equal(pc.struct_field(last, "ip"), "ipv6"), False)
        return pc.if_else(inside, pc.coalesce(_one_of(ipv6, "", None), found), found)

    def _numbered(self, ports: pa.Array) -> pa.Array:
        """Return ports as numbers, where names of services stand: ``acr-nema(104)``."""
        named = pc.fill_null(pc.match_substring_regex(ports, r"\pL"), False)
        if not pc.any(named).as_py():
            return ports

        def number(text: str) -> str | None:
            plain = text.strip().lower()
            found = _NUMBERED.fullmatch(plain)
            known = found[1] if found else PORTS_BY_NAME.get(plain)
            if known is None:
                self.quality.note("ports that are names of services, not numbers, are left out")
            return known if known is None else str(known)

        return pc.if_else(named, _each(pc.if_else(named, ports, None), number), ports)

    def _number(self, name: str, most: int, column: pa.Array, bad: dict[int, str]) -> pa.Array:
        """Return whole numbers; cells that hold none go to `bad` (an empty length does too)."""
        try:
            plain = column.cast(pa.int64())
        except pa.ArrowInvalid:
            plain = None
        if name == "length" and plain is not None:
            self._flows.look(plain)
        if plain is not None and (not plain.null_count or name != "length"):
            least, found = pc.min_max(plain).as_py().values()
            if least is None or 0 <= least <= found <= most:
                return plain
        if name not in self._numbers:
            self._numbers[name] = NumberCells(
                name,
                self.quality,
                self.header.comma,
                likely=LIKELY.get(name),
                preview=lambda: self.preview(name),
            )
        values = self._numbers[name].floats(column)
        if name == "length" and plain is None:
            self._flows.look(values)
        within = pc.and_(pc.greater_equal(values, 0), pc.less_equal(values, most))
        whole = pc.and_(pc.equal(values, pc.floor(values)), within)
        fits = pc.fill_null(whole, False)
        empty = pc.is_null(column)
        wrong = pc.and_(pc.invert(fits), pc.invert(empty) if name != "length" else True)
        for place in np.flatnonzero(wrong.to_numpy(zero_copy_only=False)).tolist():
            told = (column[place].as_py() or "nothing")[:40]
            what = "the bytes of one frame" if name == "length" else f"a number in {name}"
            bad.setdefault(place, f"expected {what}, found {told!r}")
        return pc.if_else(fits, values, pa.scalar(None, pa.float64())).cast(pa.int64())


def _one_of(column: pa.Array, name: str, protocol: pa.Array | None) -> pa.Array:
    """Return of several values in one cell the last: that of the innermost header.

    What an error of ICMP quotes is not within it: of its addresses the first counts. So does the
    length of the whole frame.
    """
    several = pc.fill_null(pc.match_substring_regex(column, _SEVERAL), False)
    if not pc.any(several).as_py():
        return column
    first = pc.replace_substring_regex(column, r"[,;|\s].*$", "")
    if name == "length":
        return pc.if_else(several, first, column)
    last = pc.replace_substring_regex(column, r"^.*[,;|\s]", "")
    if protocol is not None:
        quoted = pc.fill_null(pc.match_substring_regex(protocol, r"(?i)^icmp"), False)
        last = pc.if_else(quoted, first, last)
    return pc.if_else(several, last, column)


def _texts_of(columns: Mapping[str, pa.Array]) -> dict[str, pa.Array]:
    """Return the texts among the columns of frames, addresses apart."""
    made = {name: _texts(columns[name]) for name in TEXTS if name in columns}
    if "protocols" in columns and "protocol" not in made:
        last = pc.utf8_upper(pc.replace_substring_regex(columns["protocols"], r"^.*:", ""))
        made["protocol"] = _texts(last)
    return made


def _conversations(
    columns: Mapping[str, pa.Array], read: Mapping[str, pa.Array]
) -> dict[str, pa.Array]:
    """Return the transport protocol, and what conversation a frame is of.

    By tshark's streams; where they are not told, by addresses and ports.
    """
    made: dict[str, pa.Array] = {}
    nothing = pa.scalar(None, pa.string())
    for kind in ("udp", "tcp"):
        if kind in columns:
            there = pc.is_valid(columns[kind])
            made["proto"] = pc.if_else(there, kind, made.get("proto", nothing))
        if f"{kind}_stream" in columns:
            number = pc.replace_substring_regex(columns[f"{kind}_stream"], r"^.*,", "")
            made["flow"] = pc.coalesce(
                pc.binary_join_element_wise(kind, number, " "), made.get("flow", nothing)
            )
    if "flow" not in made and read.keys() >= {*HOSTS, *PORTS}:
        ends = [
            pc.binary_join_element_wise(read[host], read[port].cast(pa.string()), " ")
            for host, port in zip(HOSTS, PORTS, strict=True)
        ]
        ends = [pc.min_element_wise(*ends, skip_nulls=False), pc.max_element_wise(*ends)]
        kind = pc.coalesce(made.get("proto", nothing), pa.scalar(""))
        made["flow"] = pc.binary_join_element_wise(kind, *ends, " ")
    return made


def _is_dicom(protocol: pa.Array | None, protocols: pa.Array | None) -> pa.Array | None:
    found = [
        pc.fill_null(pc.match_substring_regex(column, pattern), False)
        for column, pattern in ((protocol, r"(?i)^dicom$"), (protocols, r"(?i)(?:^|:)dicom(?:$|:)"))
        if column is not None
    ]
    return pc.or_(*found) if len(found) == 2 else (found[0] if found else None)


def _hosts(column: pa.Array, bad: dict[int, str]) -> pa.Array:
    """Return addresses in their canonical form, or names; places of what is neither go to `bad`."""
    coded = column.dictionary_encode()
    texts: list[str | None] = []
    wrong: list[int] = []
    for number, cell in enumerate(coded.dictionary.to_pylist()):
        text = _bare(cell) if cell else None
        address = _address(text) if text else None
        if text and address is None and _LIKE_ADDRESS.fullmatch(text):
            wrong.append(number)
        texts.append(address or (_clean(text) if text else None))
    if wrong:
        found = pc.is_in(coded.indices, pa.array(wrong, coded.indices.type))
        for place in np.flatnonzero(found.to_numpy(zero_copy_only=False)).tolist():
            bad.setdefault(place, f"expected an address, found {column[place].as_py()[:45]!r}")
    return strings(texts).take(coded.indices)


def _bare(text: str) -> str:
    """Return a cell without what is not seen of it, and without what keeps it text."""
    if not text.isascii():
        text = "".join(sign for sign in text if category(sign) != "Cf")
    return text.strip().removeprefix(_MARK).strip()


def _address(text: str) -> str | None:
    """Return an address in its canonical form, without a port; None where it is none."""
    named = _NAMED.fullmatch(text)
    for part in (text, _PORT.sub(r"\1\2\3", text), *(named.groups() if named else ())):
        try:
            return to_address(part)
        except ValueError:
            continue
    return None


def _clean(text: str) -> str | None:
    return escape_controls(text.strip())[:LONGEST_TEXT] or None


def _each(column: pa.Array, function: Callable[[str], str | None]) -> pa.Array:
    """Return the column with `function` applied to each different text once."""
    coded = column.dictionary_encode()
    texts = [None if v is None else function(v) for v in coded.dictionary.to_pylist()]
    return strings(texts).take(coded.indices)


def _texts(column: pa.Array) -> pa.Array:
    """Return texts without control characters, at most LONGEST_TEXT long."""
    trimmed = pc.utf8_trim_whitespace(column)
    plain = pc.and_(
        pc.utf8_is_printable(trimmed), pc.less_equal(pc.utf8_length(trimmed), LONGEST_TEXT)
    )
    if pc.all(plain, skip_nulls=True).as_py() is not False:
        return pc.if_else(pc.equal(trimmed, ""), pa.scalar(None, pa.string()), trimmed)
    return _each(column, _clean)


def _absent(name: str, n: int, sampling_rate: int) -> pa.Array:
    if name == "sampling_rate":
        return pa.repeat(pa.scalar(sampling_rate, pa.int64()), n)
    if name == "length":
        return pa.repeat(pa.scalar(0, pa.int64()), n)
    return pa.nulls(n)
