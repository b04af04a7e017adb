"""Wraps frames (Ethernet, IPv4, TCP) into what real networks carry them in."""

from __future__ import annotations

import hashlib
import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

ETHERNET, RAW, WLAN, RADIOTAP, SLL, SLL2, NULL, PPP = 1, 101, 105, 127, 113, 276, 0, 9
PKTAP, PPI, NFLOG = 258, 192, 239
"""Link types of a capture file (LINKTYPE_ of pcap)."""
MACS = b"\x02\0\0\0\1\1\x02\0\0\0\1\2"
OUTER = bytes((192, 0, 2, 1)), bytes((192, 0, 2, 2))


def ipv4(proto: int, payload: bytes, *, ident: int = 7, place: int = 0) -> bytes:
    """Return an IPv4 packet between the tunnel's ends."""
    size = 20 + len(payload)
    head = struct.pack(">BBHHHBBH", 0x45, 0, size, ident, place, 64, proto, 0)
    return head + OUTER[0] + OUTER[1] + payload


def ipv6(proto: int, payload: bytes) -> bytes:
    """Return an IPv6 packet between the tunnel's ends."""
    ends = b"\x20\x01\x0d\xb8" + bytes(11) + b"\1" + b"\x20\x01\x0d\xb8" + bytes(11) + b"\2"
    return struct.pack(">IHBB", 0x60000000, len(payload), proto, 64) + ends + payload


def udp(port: int, payload: bytes) -> bytes:
    """Return a UDP datagram in IPv4."""
    return ipv4(17, struct.pack(">HHHH", 50000, port, 8 + len(payload), 0) + payload)


def ethernet(kind: int, payload: bytes) -> bytes:
    """Return an Ethernet frame."""
    return MACS + struct.pack(">H", kind) + payload


def inner(frame: bytes) -> bytes:
    """Return the IP packet of a frame, without the padding behind it."""
    return frame[14 : 14 + int.from_bytes(frame[16:18], "big")]


def vxlan(frame: bytes, network: int = 5000, port: int = 4789) -> bytes:
    """Return the frame inside VXLAN (RFC 7348)."""
    return ethernet(0x0800, udp(port, struct.pack(">II", 0x08000000, network << 8) + frame))


def vlan(frame: bytes, *tags: int) -> bytes:
    """Return the frame with 802.1Q tags, the outermost first."""
    kinds = [0x8100] * len(tags)
    head = b"".join(struct.pack(">HH", k, t) for k, t in zip(kinds, tags, strict=True))
    return frame[:12] + head + frame[12:]


def gre(flags: int, proto: int, payload: bytes) -> bytes:
    """Return GRE (RFC 2784) between the tunnel's ends."""
    return ethernet(0x0800, ipv4(47, struct.pack(">HH", flags, proto) + payload))


def wlan(frame: bytes) -> bytes:
    """Return the packet of a frame in one of 802.11."""
    head = b"\x08\x01\0\0" + b"\x02\0\0\0\2\0" + frame[6:12] + frame[:6] + b"\0\0"
    return head + b"\xaa\xaa\3\0\0\0" + frame[12:14] + inner(frame)


def _erspan3(tail: bytes, frame: bytes) -> bytes:
    return gre(0x1000, 0x22EB, bytes(4) + b"\x20\0\0\1" + bytes(7) + tail + frame)


def _gtp(flags: int, options: bytes, frame: bytes) -> bytes:
    packet = options + inner(frame)
    head = struct.pack(">BBHI", flags, 255, len(packet), 9)
    return ethernet(0x0800, udp(2152, head + packet))


def _snap(frame: bytes) -> bytes:
    size = 8 + len(inner(frame))
    return MACS + struct.pack(">H", size) + b"\xaa\xaa\3\0\0\0\x08\0" + inner(frame)


def _mpls(label: int, payload: bytes, *, bottom: bool) -> bytes:
    return struct.pack(">I", label << 12 | bottom << 8 | 64) + payload


def _keyed(size: int, seed: bytes) -> bytes:
    """Return bytes as of a cipher."""
    parts = (hashlib.sha256(seed + bytes([n])).digest() for n in range(1 + size // 32))
    return b"".join(parts)[:size]


def wireguard(frame: bytes) -> bytes:
    """Return what WireGuard makes of the packet of a frame (its white paper, 5.4.6)."""
    size = -(-len(inner(frame)) // 16) * 16 + 16
    return ethernet(0x0800, udp(51820, b"\4\0\0\0\1\2\3\4" + bytes(8) + _keyed(size, frame)))


def encrypted(frame: bytes) -> bytes:
    """Return the packet of a frame as an encrypted payload of IP (RFC 4303)."""
    return ethernet(0x0800, ipv4(50, b"\0\0\1\0\0\0\0\1" + _keyed(len(frame), frame)))


def aggregated(frames: list[bytes]) -> bytes:
    """Return a frame of 802.11 with the packets of several (IEEE 802.11, 9.3.2.2)."""
    head = b"\x88\1\0\0" + b"\2\0\0\0\2\0" + frames[0][6:12] + frames[0][:6] + b"\0\0\x80\0"
    parts = []
    for frame in frames:
        body = b"\xaa\xaa\3\0\0\0" + frame[12:14] + inner(frame)
        parts.append(frame[:12] + struct.pack(">H", len(body)) + body)
    return head + b"".join(part + bytes(-len(part) % 4) for part in parts[:-1]) + parts[-1]


def authenticated(frame: bytes) -> bytes:
    """Return the frame with an authentication header between its hosts (RFC 4302)."""
    packet = inner(frame)
    header = struct.pack(">BBHII", packet[9], 4, 0, 9, 1) + bytes(12)
    head = packet[:2] + struct.pack(">H", len(packet) + 24) + packet[4:9] + b"\x33" + packet[10:20]
    return frame[:14] + head + header + packet[20:]


def _esp(frame: bytes) -> bytes:
    return b"\0\0\1\0\0\0\0\1" + inner(frame) + b"\1\2\2\4" + bytes(12)


def _pktap(frame: bytes) -> bytes:
    """Return the frame with the header of an interface's name and a process, as macOS has it."""
    interface, process = b"en0".ljust(24, b"\0"), b"storescu".ljust(20, b"\0")
    head = struct.pack("<III", 108, 1, 1) + interface + struct.pack("<IIIIi", 1, 2, 14, 0, 100)
    return (head + process).ljust(108, b"\0") + frame


def _isl(frame: bytes) -> bytes:
    head = b"\1\0\x0c\0\0\0\2\0\0\0\1\1" + struct.pack(">H", len(frame) + 16)
    return head + b"\xaa\xaa\3\0\0\0" + struct.pack(">HHH", 10, 1, 0) + frame


def _minimal(frame: bytes, *, sender: bool = True) -> bytes:
    """Return the packet of a frame in minimal encapsulation (RFC 2004)."""
    packet = inner(frame)
    hosts = packet[16:20] + (packet[12:16] if sender else b"")
    out = bytearray(ipv4(55, bytes([packet[9], 128 * sender, 0, 0]) + hosts + packet[20:]))
    out[12:16] = OUTER[0] if sender else packet[12:16]
    return ethernet(0x0800, bytes(out))


def lwapp(frame: bytes) -> bytes:
    """Return a frame between access point and controller (RFC 5412)."""
    head = struct.pack(">BBHBB", 0, 0, len(wlan(frame)), 0, 0)
    return ethernet(0x0800, udp(12222, head + wlan(frame)))


def secured(frame: bytes) -> bytes:
    """Return a frame as application data of DTLS (RFC 6347, 4.1), as VPNs send it."""
    head = b"\x17\xfe\xfd" + bytes(8) + struct.pack(">H", len(frame))
    return ethernet(0x0800, udp(443, head + _keyed(len(frame), frame)))


def secured_capwap(frame: bytes) -> bytes:
    """Return a frame between access point and controller, encrypted (RFC 5415, 4.2)."""
    head = b"\1\0\0\0\x17\xfe\xfd" + bytes(8) + struct.pack(">H", len(frame))
    return ethernet(0x0800, udp(5247, head + _keyed(len(frame), frame)))


def compressed(frame: bytes) -> bytes:
    """Return a frame as compressed PPP (RFC 1962) in L2TP 2."""
    head = b"\0\2\0\1\0\1\xff\3\0\xfd"
    return ethernet(0x0800, udp(1701, head + _keyed(len(frame), frame)))


def protected(frame: bytes) -> bytes:
    """Return the packet of a frame in an encrypted one of 802.11."""
    head = b"\x08\x41\0\0\2\0\0\0\2\0" + frame[6:12] + frame[:6] + b"\0\0"
    return head + b"\1\0\0\x20" + bytes(4) + _keyed(len(inner(frame)) + 16, frame)


def _cable(frame: bytes) -> bytes:
    """Return a frame as of a cable modem (DOCSIS), with the sums of its header and of itself."""
    head, crc = b"\0\0" + struct.pack(">H", len(frame) + 4), 0xFFFF
    for one in head:
        crc ^= one
        for _ in range(8):
            crc = crc >> 1 ^ (0x8408 if crc & 1 else 0)
    return head + struct.pack("<H", crc ^ 0xFFFF) + frame + bytes(4)


TUNNELS: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "ERSPAN I": ("gre", lambda f: gre(0, 0x88BE, f)),
    "ERSPAN II": ("gre", lambda f: gre(0x1000, 0x88BE, bytes(4) + b"\x10\0\0\1" + bytes(4) + f)),
    "ERSPAN III": ("gre", lambda f: _erspan3(b"\0", f)),
    "ERSPAN III with its own tail": ("gre", lambda f: _erspan3(b"\1" + bytes(8), f)),
    "GRE": ("gre", lambda f: gre(0, 0x0800, inner(f))),
    "GRE with key": ("gre", lambda f: gre(0x2000, 0x0800, b"\0\0\0\5" + inner(f))),
    "GRE with checksum, key and sequence": (
        "gre", lambda f: gre(0xB000, 0x0800, bytes(4) + b"\0\0\0\5" + bytes(4) + inner(f)),
    ),
    "GRE with source routes": (
        "gre",
        lambda f: gre(
            0x4000, 0x0800, bytes(4) + b"\0\2\0\4\xc0\0\2\x09" + bytes(4) + inner(f)
        ),
    ),
    "GRE, transparent bridging": ("gre", lambda f: gre(0, 0x6558, f)),
    "Ethernet over IP, of RouterOS": (
        "gre",
        lambda f: ethernet(
            0x0800, ipv4(47, b"\x20\1\x64\0" + struct.pack(">H", len(f)) + b"\7\0" + f)
        ),
    ),
    "NVGRE": ("gre", lambda f: gre(0x2000, 0x6558, b"\0\1\0\0" + f)),
    "VXLAN": ("vxlan", vxlan),
    "VXLAN as of Cisco's fabrics": (
        "vxlan", lambda f: ethernet(0x0800, udp(48879, b"\xc8\x80\x0a\x0b\0\1\2\0" + f)),
    ),
    "a switch's own mirror": (
        "udp", lambda f: ethernet(0x0800, udp(7932, bytes(12) + f)),
    ),
    "a switch's own mirror, tag inside": (
        "udp", lambda f: ethernet(0x0800, udp(7932, bytes(4) + vlan(f, 5))),
    ),
    "VXLAN on a port of its own": ("vxlan", lambda f: vxlan(vlan(f), port=14789)),
    "GENEVE on a port of its own": (
        "geneve", lambda f: ethernet(0x0800, udp(16081, b"\0\0\x65\x58\0\1\0\0" + f)),
    ),
    "VXLAN in VXLAN": ("vxlan,vxlan", lambda f: vxlan(vxlan(f), 6000)),
    "VXLAN behind a VLAN tag": ("vxlan", lambda f: vlan(vxlan(f), 100)),
    "VLAN tag inside VXLAN": ("vxlan", lambda f: vxlan(vlan(f, 100))),
    "GENEVE": (
        "geneve", lambda f: ethernet(0x0800, udp(6081, b"\2\0\x65\x58\0\1\0\0" + bytes(8) + f)),
    ),
    "GTP-U": ("gtpv1", lambda f: _gtp(0x30, b"", f)),
    "GTP-U with an extension": ("gtpv1", lambda f: _gtp(0x34, b"\0\0\0\x85\1\0\0\0", f)),
    "IP in IP": ("ip", lambda f: ethernet(0x0800, ipv4(4, inner(f)))),
    "IP in IPv6": ("ip", lambda f: ethernet(0x86DD, ipv6(4, inner(f)))),
    "GRE in IPv6": (
        "gre", lambda f: ethernet(0x86DD, ipv6(47, b"\0\0\x08\0" + inner(f))),
    ),
    "IP in IP in GRE": ("gre,ip", lambda f: gre(0, 0x0800, ipv4(4, inner(f)))),
    "L2TP 3 in IP": ("l2tp", lambda f: ethernet(0x0800, ipv4(115, b"\0\0\0\5" + f))),
    "L2TP 3 with a cookie and a sublayer": (
        "l2tp", lambda f: ethernet(0x0800, ipv4(115, b"\0\0\0\5" + b"\xc5" * 8 + bytes(4) + f)),
    ),
    "L2TP 3 in UDP": (
        "l2tp", lambda f: ethernet(0x0800, udp(1701, b"\0\3\0\0\0\0\0\5" + f)),
    ),
    "LISP": (
        "lisp", lambda f: ethernet(0x0800, udp(4341, b"\x88\0\0\1\0\0\5\1" + inner(f))),
    ),
    "LISP, any protocol": (
        "lisp", lambda f: ethernet(0x0800, udp(4341, b"\x8c\0\0\3\0\0\5\1" + f)),
    ),
    "GUE": ("gue", lambda f: ethernet(0x0800, udp(6080, b"\1\4\0\0" + bytes(4) + inner(f)))),
    "GUE, IP alone": ("gue", lambda f: ethernet(0x0800, udp(6080, inner(f)))),
    "minimal encapsulation": ("ip", _minimal),
    "minimal encapsulation by the sender": ("ip", lambda f: _minimal(f, sender=False)),
    "minimal encapsulation in GRE": (
        "gre,ip", lambda f: gre(0, 0x0800, _minimal(f)[14:]),
    ),
    "IP in IP, of radio amateurs": ("ip", lambda f: ethernet(0x0800, ipv4(94, inner(f)))),
    "a router's mirror of packets": (
        "udp", lambda f: ethernet(0x0800, udp(30030, bytes(8) + inner(f))),
    ),
    "AYIYA": (
        "ayiya", lambda f: ethernet(0x0800, udp(5072, b"\x44\x52\x11\4" + bytes(40) + inner(f))),
    ),
    "ESP without encryption": ("esp", lambda f: ethernet(0x0800, ipv4(50, _esp(f)))),
    "an Ethernet frame in segment routing": (
        "ip", lambda f: ethernet(0x86DD, ipv6(43, b"\x8f\2\4" + bytes(21) + f)),
    ),
}  # fmt: skip
"""By name: the tunnels as they are told, and what wraps a frame."""

LAYERS: dict[str, tuple[int, Callable[[bytes], bytes]]] = {
    "MPLS, two labels": (
        1, lambda f: ethernet(0x8847, _mpls(16, _mpls(17, inner(f), bottom=True), bottom=False)),
    ),
    "EoMPLS": (1, lambda f: ethernet(0x8847, _mpls(16, f, bottom=True))),
    "EoMPLS with a control word": (
        1, lambda f: ethernet(0x8847, _mpls(16, bytes(4) + f, bottom=True)),
    ),
    "PBB": (1, lambda f: ethernet(0x88A8, b"\0\x0a\x88\xe7\0\1\2\3" + f)),
    "EoMPLS, an address like IP's version": (
        1, lambda f: ethernet(0x8847, _mpls(16, b"\x46\0\0\0\1\1" + f[6:], bottom=True)),
    ),
    "Cisco's inter-switch link": (1, _isl),
    "MACsec without encryption": (
        1, lambda f: f[:12] + b"\x88\xe5\x20\0" + bytes(12) + f[12:] + bytes(16),
    ),
    "High-availability ring": (1, lambda f: f[:12] + b"\x89\x2f\0\x40\0\1" + f[12:]),
    "Frame replication": (1, lambda f: f[:12] + b"\xf1\xc1\0\0\0\1" + f[12:]),
    "a switch's chip": (1, lambda f: f[:12] + b"\xda\xda\0\0\xc0\0\0\1" + f[12:]),
    "DOCSIS": (143, _cable),
    "PPP multilink": (PPP, lambda f: b"\xff\x03\0\x3d\xc0\0\0\1\0\x21" + inner(f)),
    "Cisco metadata": (1, lambda f: ethernet(0x8909, b"\1\1\0\1\0\5" + f[12:14] + inner(f))),
    "SNAP": (1, _snap),
    "SNAP, longer than a length may be": (
        1,
        lambda f: ethernet(
            8 + len(inner(f)) + (7000 if len(f) > 1000 else 0), b"\xaa\xaa\3\0\0\0\x08\0" + inner(f)
        ),
    ),
    "PPPoE": (
        1,
        lambda f: ethernet(
            0x8864, struct.pack(">HHHH", 0x1100, 7, 2 + len(inner(f)), 33) + inner(f)
        ),
    ),
    "two VLAN tags": (1, lambda f: vlan(f, 10, 20)),
    "raw IP": (RAW, inner),
    "BSD loopback": (NULL, lambda f: b"\2\0\0\0" + inner(f)),
    "Linux cooked": (SLL, lambda f: b"\0\0\0\1\0\6" + f[6:12] + b"\0\0\x08\0" + inner(f)),
    "Linux cooked 2": (
        SLL2, lambda f: b"\x08\0\0\0\0\0\0\1\0\1\0\6" + f[6:12] + b"\0\0" + inner(f),
    ),
    "PPP": (PPP, lambda f: b"\xff\x03\0\x21" + inner(f)),
    "pktap": (PKTAP, _pktap),
    "PPI": (PPI, lambda f: b"\0\0\x14\0\1\0\0\0" + b"\x08\0\x08\0" + bytes(8) + f),
    "nflog": (
        NFLOG,
        lambda f: b"\2\0\0\0" + struct.pack("<HH", 4 + len(inner(f)), 9) + inner(f),
    ),
    "802.11": (WLAN, wlan),
    "802.11 with radiotap": (RADIOTAP, lambda f: b"\0\0\x08\0\0\0\0\0" + wlan(f)),
}  # fmt: skip
"""By name: the capture's link type, and what wraps a frame. None of these is a tunnel."""
WHOLE = ("EoMPLS", "PBB", "Cisco's", "pktap", "PPI", "nflog")
"""Those of them that wrap a whole frame, or a packet that counts as one."""
