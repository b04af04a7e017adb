"""Both taggers tell the same of what real networks do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.wireshark import pieces
from tests.wireshark import test_networks as networks

from pacsflow.programs import cross_check as checking

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

BASE = networks.BASE
REQUEST = BASE[3][1][54:]


def fast_open(*, taken: bool) -> list[pieces.Frame]:
    """The request comes with the SYN (RFC 7413); the server takes it, or lets it be sent again."""
    syn = bytearray(BASE[0][1][: 34 + BASE[0][1][46] // 16 * 4] + REQUEST)
    syn[16:18] = (len(syn) - 14).to_bytes(2, "big")
    first = (BASE[0][0], bytes(syn), len(syn))
    if not taken:
        return [first, *BASE[1:]]
    answer, ack = bytearray(BASE[1][1]), bytearray(BASE[2][1])
    pieces.add(answer, 42, len(REQUEST))
    pieces.add(ack, 38, len(REQUEST))
    return [
        first, (BASE[1][0], bytes(answer), BASE[1][2]), (BASE[2][0], bytes(ack), BASE[2][2]),
        *BASE[5:],
    ]  # fmt: skip


NETWORKS: dict[str, Callable[[], list[pieces.Frame]]] = {
    "a reset by the server": lambda: networks.reset(150, 4, by_client=False),
    "a request in the SYN": lambda: fast_open(taken=True),
    "a reset by the client": lambda: networks.reset(150, 4, by_client=True),
    "a reset in place of an answer": lambda: networks.reset(4, 4, by_client=False),
    "a request in the SYN, sent again": lambda: fast_open(taken=False),
}


@pytest.fixture
def modules(tshark: str, zeek_modules: Path) -> Path:
    """Return the folder with Zeek's compiled analyzers; both tools are there."""
    assert tshark
    return zeek_modules


@pytest.mark.few(1)
@pytest.mark.parametrize("name", NETWORKS)
def test_both_tell_the_same(name: str, modules: Path, tmp_path: Path) -> None:
    capture = pieces.write(tmp_path / "capture.pcap", NETWORKS[name]())
    found = checking.cross_check(capture, modules=modules)
    assert (found.associations, found.differences) == (1, ())


def test_lengths_of_zero_have_a_reason_of_their_own(modules: Path, tmp_path: Path) -> None:
    """What a network card cuts up later has none; Zeek says so, and misses what it carries."""
    frames = [
        (ts, data[:16] + bytes(2) + data[18:] if len(data) > 1600 else data, wire)
        for ts, data, wire in pieces.put_together(BASE, 60_000)
    ]
    found = checking.cross_check(pieces.write(tmp_path / "c.pcap", frames), modules=modules)
    assert {d.reason for d in found.differences} == {"no lengths"}
