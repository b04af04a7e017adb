"""Which addresses are a site's own where nobody says: Zeek's private address space."""

from __future__ import annotations

import ipaddress
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
LOCAL_NETWORKS = (
    "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
    "192.0.0.0/24", "192.0.2.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24",
    "203.0.113.0/24", "224.0.0.0/24", "239.0.0.0/8", "240.0.0.0/4", "::/128", "::1/128",
    "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:2::/48", "2001:db8::/32", "fc00::/7",
    "fe80::/10", "fec0::/10",
)  # fmt: skip
"""``Site::private_address_space`` of Zeek 8.0, the 6to4 forms of the IPv4 networks left out."""

INTERNET = "internet"
"""What all hosts outside are called where a ledger no longer keeps single ones."""

_NETWORKS = tuple(map(ipaddress.ip_network, LOCAL_NETWORKS))


def is_in(address: str, networks: Iterable[Network]) -> bool:
    """Say whether a text is an address of one of some networks."""
    try:
        host = ipaddress.ip_address(address)
    except ValueError:
        return False
    return any(host in network for network in networks)


@lru_cache(maxsize=65536)
def is_local(address: str) -> bool:
    """Say whether an address is of private address space; what is no address is no outsider."""
    try:
        ipaddress.ip_address(address)
    except ValueError:
        return True
    return is_in(address, _NETWORKS)
