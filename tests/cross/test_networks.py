"""Both taggers tell the same of what real networks do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.wireshark import pieces, wrapping
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
    "two load balancers": lambda: networks.asked_first([(True, networks.V2), (True, networks.V1)]),
    "a load balancer, in pieces": lambda: networks.asked_first(
        [(True, networks.V2[n : n + 1]) for n in range(len(networks.V2))]
    ),
    "PBB": lambda: networks.wrapped(wrapping.LAYERS["PBB"][1]),
    "AYIYA": lambda: networks.wrapped(wrapping.TUNNELS["AYIYA"][1]),
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


def stray_reset() -> list[pieces.Frame]:
    """Somebody else sends a reset whose number is far from what comes next."""
    ts, data, _ = BASE[150]
    reset = bytearray(data[:54])
    reset[16:18], reset[47] = (40).to_bytes(2, "big"), 4
    reset[46] = 0x50
    pieces.add(reset, 38, 500_000_000)
    return [*BASE[:150], (ts, bytes(reset), 54), *BASE[150:]]


def without_end() -> list[pieces.Frame]:
    """A PDU and its fragment announce all that can be announced."""
    changes = {33_087 + 2: b"\xff" * 4, 33_087 + 6: b"\xff" * 4}
    frames, start = [], int.from_bytes(BASE[0][1][38:42], "big") + 1
    for ts, data, wire in BASE:
        changed, head = bytearray(data), 34 + data[46] // 16 * 4
        if data[26:30] == networks.CLIENT:
            first = int.from_bytes(data[38:42], "big") - start
            for place, octets in changes.items():
                for at, octet in enumerate(octets, place - first + head):
                    if head <= at < len(data):
                        changed[at] = octet
        frames.append((ts, bytes(changed), wire))
    return frames


def simultaneous() -> list[pieces.Frame]:
    """Both sides begin (RFC 9293, 3.5): a SYN of each, then the answer of each."""
    (ts, syn, wire), (_, answer, size) = BASE[:2]
    other, mine = bytearray(answer), bytearray(syn)
    other[42:46], other[47], mine[47] = bytes(4), 2, 0x12
    mine[18:20], mine[42:46] = b"\x12\x34", answer[38:42]
    pieces.add(mine, 42, 1)
    return [
        BASE[0], (ts + 0.00001, bytes(other), size), (ts + 0.0003, bytes(mine), wire), *BASE[1:2],
        *BASE[3:],
    ]  # fmt: skip


REASONS: dict[str, tuple[str, int, Callable[[], list[pieces.Frame]]]] = {
    "several packets in a frame": (
        "several in one frame", wrapping.WLAN, lambda: networks.together(BASE),
    ),
    "an authentication header": (
        "not looked into", 1, lambda: networks.wrapped(wrapping.authenticated),
    ),
    "a reset from elsewhere": ("a reset that was ignored", 1, stray_reset),
    "a PDU without end": ("a PDU without end", 1, without_end),
    "both sides begin": ("both began", 1, simultaneous),
    "6in4 in GRE": (
        "tunnel in tunnel", 1,
        lambda: networks.wrapped(
            lambda f: wrapping.gre(0, 0x0800, wrapping.ipv4(41, pieces.ipv6(f)[14:]))
        ),
    ),
}  # fmt: skip


@pytest.mark.few(1)
@pytest.mark.parametrize("name", REASONS)
def test_what_zeek_does_not_tell_has_a_reason(name: str, modules: Path, tmp_path: Path) -> None:
    reason, link, frames = REASONS[name]
    capture = pieces.write(tmp_path / "capture.pcap", frames(), link)
    found = checking.cross_check(capture, modules=modules)
    assert {d.reason for d in found.differences} == {reason}


KNOWN: dict[str, Callable[[], list[pieces.Frame]]] = {
    "a clock that was set": networks.set_while_it_runs,
    "a clock that was set, forward": lambda: networks.jumps(400 * 86400),
    "a clock that was set, backward": lambda: networks.jumps(-7200),
    "lengths that cannot be": lambda: networks.with_lengths(40),
    "no lengths": lambda: networks.longer(option=False),
    "no lengths, jumbograms": lambda: networks.longer(option=True),
    "two networks": lambda: networks.in_two_networks(*networks.PAIRS[0]),
    "two networks, VXLAN": lambda: networks.in_two_networks(*networks.PAIRS[1]),
    "two numberings": lambda: networks.on_both_sides((0, 123_456_789), 0.0004),
    "two numberings, later": lambda: networks.on_both_sides((123_456_789, 0), 0.1),
    "a route of segments": lambda: networks.wrapped(lambda frame: networks.routed(frame, 4)),
    "behind a proxy": lambda: networks.asked_first(networks.SOCKS4),
}


@pytest.mark.few(3)
@pytest.mark.parametrize("name", KNOWN)
def test_where_the_plugin_knows_more(name: str, modules: Path, tmp_path: Path) -> None:
    """Every difference has a reason, and there is one of that name."""
    capture = pieces.write(tmp_path / "capture.pcap", KNOWN[name]())
    found = checking.cross_check(capture, modules=modules)
    assert found.unexplained == ()
    assert name.split(",", maxsplit=1)[0] in {d.reason for d in found.differences}
