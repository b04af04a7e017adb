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
import os
import re
import stat
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from pacsflow.errors import InputError
from pacsflow.inventory import MAC, Inventory, Item
from pacsflow.pseudonyms.kinds import COLUMNS, Kind
from pacsflow.pseudonyms.known import NOTICES, UID, is_history, is_known, words
from pacsflow.pseudonyms.masked import told
from pacsflow.readers.arrays import flat
from pacsflow.terms.networks import INTERNET, LOCAL_NETWORKS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from pacsflow.terms.networks import Network

SEVERAL = re.compile(r"([,/])")
"""Between words that stand in one text (``ssl,http``; ``CT/MR``)."""
LEAST, MOST = 16, 4096
"""Bytes of a key file."""
VARIED = 8
"""Different bytes of one at least: of 32 that fell by chance fewer are never seen."""
SPECIAL = tuple(map(ipaddress.ip_network, (*LOCAL_NETWORKS, "224.0.0.0/4", "ff00::/8")))
"""Blocks whose addresses stay in them: those that are local where nobody says otherwise, and
multicast (IANA's special-purpose registries)."""
KEPT = frozenset(
    (network.version, depth, int(network.network_address) >> (network.max_prefixlen - depth))
    for network in SPECIAL
    for depth in range(network.prefixlen)
)
"""Prefixes on the way to a special block: the bit after them stays as it is."""


def _weakness(key: bytes) -> str:
    """Return why bytes cannot serve as a key; empty where they can."""
    if not LEAST <= len(key) <= MOST:
        found = str(len(key)) if len(key) <= MOST else "more"
        return f"expected a key of {LEAST} to {MOST} bytes, found {found}"
    different = len(set(key.strip()))
    if different < VARIED:
        return f"the key can be guessed: only {different} different characters are in it"
    return ""


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
        self.token = self._token
        self._makers: dict[Kind, Callable[[str], str]] = {
            Kind.OWN: str, Kind.WORD: self._known, Kind.HISTORY: self._history,
            Kind.ADDRESS: self.address, Kind.TITLE: self.title, Kind.NAME: self.name,
            Kind.SOFTWARE: self._software, Kind.UID: self._uid, Kind.MAKER: self._maker,
            Kind.TOKEN: self.token, Kind.TOLD: told,
        }  # fmt: skip

    @classmethod
    def read(cls, path: Path) -> Pseudonyms:
        """Return the pseudonyms of a key file; `InputError` where it cannot serve as a key."""
        make = f"(umask 077; openssl rand -out {path} 32) makes one; keep it secret and keep it"
        try:
            with path.open("rb") as file:
                rights = os.fstat(file.fileno()).st_mode
                key = file.read(MOST + 1)
        except OSError as error:
            raise InputError(path, f"no key to read: {error.strerror}", hint=make) from None
        if problem := _weakness(key):
            raise InputError(path, problem, hint=make)
        if os.name == "posix" and rights & stat.S_IRWXO:
            raise InputError(path, "the key is open to every user", hint=f"chmod 600 {path}")
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

    def _software(self, text: str) -> str:
        return f"software-{self._word('software', text).lower()}" if text else text

    def _uid(self, text: str) -> str:
        """Return a UID of the standard as it is, another's pseudonym (PS3.5, annex B.2)."""
        return text if text in words() else self._maker(text)

    def _maker(self, text: str) -> str:
        return f"2.25.{int.from_bytes(self._digest('uid', text)[:16])}" if text else text

    def _known(self, text: str) -> str:
        """Return words that name nobody as they are, others as pseudonyms."""
        if not text or is_known(text):
            return text
        parts = SEVERAL.split(text)
        if len(parts) > 1:
            return "".join(part if part in {",", "/"} else self._known(part) for part in parts)
        return self._maker(text) if UID.fullmatch(text) else f"word-{self._word('word', text)}"

    def network(self, network: Network) -> Network:
        """Return the network in which the pseudonyms of its hosts are."""
        return ipaddress.ip_network(self.address(str(network)))

    def notice(self, name: str) -> str:
        """Return the name of a notice: of the Zeek package's as it is."""
        return name if name in NOTICES else f"word-{self._word('word', name)}"

    def _history(self, text: str) -> str:
        return text if is_history(text) else self._known(text)

    def value(self, kind: Kind, text: str) -> str | None:
        """Return what stands in the place of one text of a kind."""
        make = self._makers.get(kind)
        return make(text) if make else None

    def cell(self, column: str, value: str | float | None) -> str | float | None:
        """Return what stands in the place of one cell of a column of `COLUMNS`."""
        if not isinstance(value, str):
            return value
        return self.value(COLUMNS.get(column, Kind.DROP), value)

    def _array(self, kind: Kind, array: Any) -> Any:  # noqa: ANN401 - an Arrow array of any type
        if pa.types.is_list(array.type):
            array = flat(array)
            if kind is Kind.DROP:
                return pa.nulls(len(array), array.type)
            parts = self._array(kind, array.values)
            return pa.ListArray.from_arrays(array.offsets, parts, mask=array.is_null())
        if kind is Kind.DROP:
            return pa.nulls(len(array), array.type)
        words = flat(array.dictionary_encode())
        made = [self.value(kind, word) for word in words.dictionary.to_pylist()]
        return pa.DictionaryArray.from_arrays(
            words.indices, pa.array(made, pa.string())
        ).dictionary_decode()

    def table(self, table: pa.Table) -> pa.Table:
        """Return a table with pseudonyms; text that nobody decided about is left empty."""
        for place, column in enumerate(table.schema):
            kind = COLUMNS.get(column.name, Kind.DROP)
            inner = column.type.value_type if pa.types.is_list(column.type) else column.type
            if pa.types.is_string(inner):
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
                modality=self._known(i.modality),
                site=self.name(i.site),
                capacity=i.capacity,
            )
            for i in inventory.items
        )
        problems = map(told, inventory.problems)
        return Inventory.of(items, problems, local=map(self.network, inventory.local))

    def problems(self, problems: Sequence[InputError]) -> tuple[InputError, ...]:
        """Return problems that name neither a file nor what stands in it."""
        return tuple(InputError(self.source(one.path), told(one.problem)) for one in problems)

    @staticmethod
    def told(sentence: str) -> str:
        """Return a sentence with what it quotes or names left out."""
        return told(sentence)

    def source(self, path: str) -> str:
        """Return what a file is called."""
        return f"input {self._word('file', path).lower()}"
