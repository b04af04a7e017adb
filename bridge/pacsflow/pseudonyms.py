"""Puts pseudonyms in the place of addresses and names: one key always gives the same ones.

Addresses keep their prefixes: two that share their first n bits share the first n bits of their
pseudonyms (the property of Crypto-PAn: Xu et al., "Prefix-Preserving IP Address Anonymization",
2002), so networks written in an inventory still hold the same hosts. Whether an address is private,
loopback, link-local or multicast stays true of its pseudonym.
"""

from __future__ import annotations

import base64
import hashlib
import ipaddress
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from pacsflow.errors import InputError
from pacsflow.inventory import MAC, Inventory, Item
from pacsflow.readers.arrays import flat
from pacsflow.terms.networks import INTERNET

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

LEAST, MOST = 16, 4096
"""Bytes of a key file."""
SPECIAL = tuple(
    map(
        ipaddress.ip_network,
        (
            "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16",
            "172.16.0.0/12", "192.168.0.0/16", "224.0.0.0/4", "240.0.0.0/4",
            "::1/128", "fc00::/7", "fe80::/10", "ff00::/8",
        ),
    )
)  # fmt: skip
"""Blocks whose addresses stay in them (IANA's special-purpose registries)."""
KEPT = frozenset(
    (network.version, depth, int(network.network_address) >> (network.max_prefixlen - depth))
    for network in SPECIAL
    for depth in range(network.prefixlen)
)
"""Prefixes on the way to a special block: the bit after them stays as it is."""


class Kind(StrEnum):
    """What becomes of a column of text."""

    KEEP = "keep"
    ADDRESS = "address"
    TITLE = "title"
    NAME = "name"
    TOKEN = "token"  # noqa: S105 - an identifier that joins rows
    DROP = "drop"


KINDS = (
    dict.fromkeys(
        (
            "proto", "service", "origin", "conn_state", "history", "protocol", "result", "end",
            "sop_classes", "transfer_syntaxes", "services", "modalities", "orig_roles",
            "resp_roles", "orig_impl_uid", "orig_impl_version", "resp_impl_uid",
            "resp_impl_version", "impl_uid", "impl_version", "user_identity", "failure_codes",
            "flags", "tunnel", "operation", "requestor", "role", "category", "basis", "note",
            "actions", "version", "cipher", "what",
        ),
        Kind.KEEP,
    )
    | dict.fromkeys(
        (
            "source", "destination", "client", "server", "id.orig_h", "id.resp_h", "host", "src",
            "dst", "agent", "hw_source", "hw_destination", "proxied_for",
        ),
        Kind.ADDRESS,
    )
    | dict.fromkeys(("calling_ae", "called_ae", "ae_title", "move_destinations"), Kind.TITLE)
    | dict.fromkeys(("server_name", "sensor", "name"), Kind.NAME)
    | dict.fromkeys(
        ("uid", "evidence_uid", "slowest", "community_id", "flow", "tunnel_parents", "file"),
        Kind.TOKEN,
    )
    | dict.fromkeys(("msg", "sub", "info"), Kind.DROP)
)  # fmt: skip
"""Every column of text that pacsflow reads. One that is not named here is left empty."""


class Pseudonyms:
    """Pseudonyms of one key.

    Parameters
    ----------
    key
        Secret bytes. Who has them, and the logs, can tell who is who; without them nobody can
        do more than count.
    """

    def __init__(self, key: bytes) -> None:
        self._key = hashlib.blake2b(key).digest()
        self._trees: dict[tuple[int, bytes], bytes] = {}
        self.address = lru_cache(maxsize=1 << 18)(self._address)
        self.title = lru_cache(maxsize=1 << 16)(self._title)
        self.name = lru_cache(maxsize=1 << 16)(self._name)

    @classmethod
    def read(cls, path: Path) -> Pseudonyms:
        """Return the pseudonyms of a key file; `InputError` where it cannot serve as a key."""
        make = f"openssl rand -out {path} 32 makes one; keep it secret and keep it"
        try:
            with path.open("rb") as file:
                key = file.read(MOST + 1)
        except OSError as error:
            raise InputError(path, f"no key to read: {error.strerror}", hint=make) from None
        if not LEAST <= len(key) <= MOST:
            expected = f"expected a key of {LEAST} to {MOST} bytes, found {len(key)}"
            raise InputError(path, expected.replace(str(MOST + 1), "more"), hint=make)
        return cls(key)

    def _digest(self, kind: str, value: str) -> bytes:
        """Return 32 bytes that only the key tells from chance (BLAKE2b with a key, RFC 7693)."""
        text = f"{kind}\0{value}".encode("utf-8", "surrogatepass")
        return hashlib.blake2b(text, digest_size=32, key=self._key).digest()

    def _word(self, kind: str, value: str) -> str:
        return base64.b32encode(self._digest(kind, value)[:5]).decode()

    def _prefix(self, version: int, packed: bytes, length: int) -> bytes:
        """Return an address with its first `length` bits replaced, each by the bits before it."""
        out = bytearray(packed)
        for place in range((length + 7) // 8):
            before, byte = packed[:place], packed[place]
            if (version, before) not in self._trees:
                self._trees[version, before] = self._digest("bits", f"{version}/{before.hex()}")
            tree = self._trees[version, before]
            for depth in range(min(8, length - 8 * place)):
                part = byte >> (8 - depth)
                prefix = int.from_bytes(before) << depth | part
                node = 1 << depth | part
                if (version, 8 * place + depth, prefix) not in KEPT:
                    out[place] ^= (tree[node >> 3] >> (node & 7) & 1) << (7 - depth)
        return bytes(out)

    def _address(self, text: str) -> str:
        """Return the pseudonym of an IP or MAC address, or network; of anything else a name's."""
        if text == INTERNET:
            return text
        if MAC.match(text.lower()):
            octets = self._digest("mac", text.lower())[:6]
            first = octets[0] & 0xFC | 0x02  # locally administered, one station
            return ":".join(f"{octet:02x}" for octet in (first, *octets[1:]))
        try:
            if "/" in text:
                network = ipaddress.ip_network(text)
                length = network.prefixlen
                host = network.network_address
            else:
                host = ipaddress.ip_address(text)
                length = host.max_prefixlen
        except ValueError:
            return self.name(text)
        if isinstance(host, ipaddress.IPv6Address) and host.ipv4_mapped and "/" not in text:
            return f"::ffff:{self._address(str(host.ipv4_mapped))}"
        made = str(type(host)(self._prefix(host.version, host.packed, length)))
        return f"{made}/{length}" if "/" in text else made

    def _title(self, text: str) -> str:
        return f"AE_{self._word('title', text)}" if text else text

    def _name(self, text: str) -> str:
        return f"name-{self._word('name', text).lower()}" if text else text

    def _token(self, text: str) -> str:
        return f"P{self._digest('token', text)[:9].hex()}" if text else text

    def value(self, kind: Kind, text: str) -> str | None:
        """Return what stands in the place of one text of a kind."""
        if kind is Kind.DROP:
            return None
        if kind is Kind.KEEP:
            return text
        make = {Kind.ADDRESS: self.address, Kind.TITLE: self.title, Kind.NAME: self.name}
        return make.get(kind, self._token)(text)

    def cell(self, column: str, value: str | float | None) -> str | float | None:
        """Return what stands in the place of one cell of a column of `KINDS`."""
        if not isinstance(value, str):
            return value
        return self.value(KINDS.get(column, Kind.DROP), value)

    def _array(self, kind: Kind, array: Any) -> Any:  # noqa: ANN401 - an Arrow array of any type
        if pa.types.is_list(array.type):
            array = flat(array)
            if kind is Kind.DROP:
                return pa.nulls(len(array), array.type)
            parts = self._array(kind, array.values)
            return pa.ListArray.from_arrays(array.offsets, parts, mask=array.is_null())
        if kind is Kind.DROP:
            return pa.nulls(len(array), array.type)
        words = flat(pc.dictionary_encode(array))
        made = [self.value(kind, word) for word in words.dictionary.to_pylist()]
        return pa.DictionaryArray.from_arrays(
            words.indices, pa.array(made, pa.string())
        ).dictionary_decode()

    def table(self, table: pa.Table) -> pa.Table:
        """Return a table of `KINDS`' columns with pseudonyms; all other text is left empty."""
        for place, column in enumerate(table.schema):
            kind = KINDS.get(column.name, Kind.DROP)
            inner = column.type.value_type if pa.types.is_list(column.type) else column.type
            if pa.types.is_string(inner) and kind is not Kind.KEEP:
                table = table.set_column(place, column, self._array(kind, table.column(place)))
        return table

    def inventory(self, inventory: Inventory) -> Inventory:
        """Return the same equipment under pseudonyms; roles, modalities and capacities stay."""
        items = (
            Item(
                match=f"ae:{self.title(i.match[3:])}"
                if i.match.startswith("ae:")
                else self.address(i.match),
                name=self.name(i.name),
                role=i.role,
                modality=i.modality,
                site=self.name(i.site),
                capacity=i.capacity,
            )
            for i in inventory.items
        )
        local = (ipaddress.ip_network(self.address(str(network))) for network in inventory.local)
        return Inventory.of(items, local=local)

    @staticmethod
    def problems(problems: Sequence[InputError]) -> tuple[InputError, ...]:
        """Return problems that name neither a file nor what stands in it."""
        return tuple(InputError("an input", "could not be read") for _ in problems)
