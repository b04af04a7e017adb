"""One association with three stores, however it is wrapped, doubled, cut or put in pieces."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from tests.conftest import CAPTURES
from tests.wireshark import pieces, wrapping

if TYPE_CHECKING:
    from pathlib import Path

    Export = Callable[..., "Told"]

BASE = pieces.read(CAPTURES / "networks" / "base.pcap")
CLIENT = bytes((10, 1, 0, 11))
STORES, DATA, FRAMES, BYTES = 3, 300_000, 332, 319_906


class Told:
    """The logs of one run."""

    def __init__(self, folder: Path) -> None:
        self.dicom, self.frames, self.capture = (
            self._rows(folder / f"{name}.log") for name in ("dicom", "frames", "capture")
        )

    @staticmethod
    def _rows(path: Path) -> list[dict[str, str]]:
        lines = path.read_text().splitlines()
        names = next(x for x in lines if x.startswith("#fields")).split("\t")[1:]
        rows = [x.split("\t") for x in lines if not x.startswith("#")]
        return [dict(zip(names, row, strict=True)) for row in rows]

    @property
    def sums(self) -> tuple[int, int, int]:
        """Associations, stores, bytes of data sets."""
        rows = self.dicom
        data = sum(int(r["data_bytes_orig"]) + int(r["data_bytes_resp"]) for r in rows)
        return len(rows), sum(int(r["store_rq"]) for r in rows), data

    @property
    def bytes(self) -> int:
        """Bytes of all frames that are rows."""
        return sum(int(f["length"]) for f in self.frames)

    def count(self, what: str) -> int:
        """Frames of which capture.log says this."""
        return sum(int(row["frames"]) for row in self.capture if row["what"] == what)


@pytest.fixture
def export(run: Callable[..., str], tmp_path: Path) -> Export:
    def export_frames(frames: list[pieces.Frame], link: int = 1) -> Told:
        logs = tmp_path / "logs"
        logs.mkdir(exist_ok=True)
        run(pieces.write(tmp_path / "capture.pcap", frames, link), export=logs)
        return Told(logs)

    return export_frames


def wrapped(wrap: Callable[[bytes], bytes]) -> list[pieces.Frame]:
    return [(ts, wrap(data), len(wrap(data))) for ts, data, _ in BASE]


@pytest.mark.few(1)
@pytest.mark.parametrize("name", wrapping.TUNNELS)
def test_through_a_tunnel(export: Export, name: str) -> None:
    tunnel, wrap = wrapping.TUNNELS[name]
    told = export(wrapped(wrap))
    assert told.sums == (1, STORES, DATA)
    (row,) = told.dicom
    assert (row["id.orig_h"], row["id.resp_h"], row["tunnel"]) == (
        "10.1.0.11", "10.1.0.5", ",".join(dict.fromkeys(tunnel.split(","))),
    )  # fmt: skip
    tags = 4 * FRAMES if "tag inside" in name else 0
    assert told.bytes == BYTES + tags, "as the frames would be without the tunnel"
    assert {f["service"] for f in told.frames} == {"dicom"}
    assert told.count(f"through {tunnel}") == FRAMES


@pytest.mark.few(2)
@pytest.mark.parametrize("name", wrapping.LAYERS)
def test_behind_labels_tags_and_other_links(export: Export, name: str) -> None:
    link, wrap = wrapping.LAYERS[name]
    told = export(wrapped(wrap), link)
    assert told.sums == (1, STORES, DATA)
    (row,) = told.dicom
    assert (row["id.orig_h"], row["id.resp_h"], row["tunnel"]) == ("10.1.0.11", "10.1.0.5", "-")
    assert len(told.frames) == FRAMES
    if name.startswith(wrapping.WHOLE):
        assert told.bytes == BYTES


@pytest.mark.few(2)
@pytest.mark.parametrize("name", ["Linux cooked", "raw IP", "802.11 with radiotap"])
def test_sections_of_other_links(run: Callable[..., str], tmp_path: Path, name: str) -> None:
    """The second section of the file was made by another machine, at an interface of its own."""
    link, wrap = wrapping.LAYERS[name]
    half = [(ts, wrap(data), len(wrap(data))) for ts, data, _ in BASE[160:]]
    path = tmp_path / "capture.pcapng"
    pieces.write_sections(path, [("<", 1, BASE[:160]), (">", link, half)])
    run(path, export=tmp_path)
    told = Told(tmp_path)
    assert told.sums == (1, STORES, DATA)
    assert (told.dicom[0]["end"], told.count("no address")) == ("released", 0)


@pytest.mark.parametrize("order", ["<", ">"])
def test_what_a_capture_says_it_has_dropped(
    run: Callable[..., str], tmp_path: Path, order: str
) -> None:
    """Statistics come again with larger numbers; the last hold, of each interface and section."""
    path = tmp_path / "capture.pcapng"
    pieces.write_sections(path, [(order, 1, BASE[:160]), (order, 1, BASE[160:])])
    with path.open("ab") as capture:
        for in_interface, in_system in ((3, 0), (7, 5)):
            options = [(4, 332), (5, in_interface), (7, in_system)]
            counts = b"".join(struct.pack(order + "HHQ", kind, 8, n) for kind, n in options)
            body = struct.pack(order + "III", 0, 0, 0) + counts + bytes(4)
            size = struct.pack(order + "I", len(body) + 12)
            capture.write(struct.pack(order + "I", 5) + size + body + size)
    run(path, export=tmp_path)
    told = Told(tmp_path)
    assert (told.sums, told.count("dropped")) == ((1, STORES, DATA), 12)


EXTENSIONS = [
    (0, b"\0\1\4\0\0\0\0"), (51, b"\4\0\0" + bytes(20)), (60, b"\0\1\4\0\0\0\0"),
    (140, b"\0\1\4\0\0\0\0"),
]  # fmt: skip


def test_behind_headers_of_ipv6(export: Export) -> None:
    frames = []
    for ts, data, _ in BASE:
        frame = pieces.ipv6(data)
        for kind, header in reversed(EXTENSIONS):
            frame = pieces.extended(frame, kind, header)
        frames.append((ts, frame, len(frame)))
    assert export(frames).sums == (1, STORES, DATA)


@pytest.mark.parametrize("option", [True, False])
def test_a_packet_longer_than_its_length_can_say(export: Export, *, option: bool) -> None:
    assert export(longer(option=option)).sums == (1, STORES, DATA)


def longer(*, option: bool) -> list[pieces.Frame]:
    """Return jumbograms, or what a network card cuts up later."""
    frames = []
    for ts, data, _ in pieces.put_together(BASE, 60_000):
        frame = pieces.ipv6(data)
        if len(frame) > 1600:
            jumbo = b"\0\xc2\4" + len(frame).to_bytes(4, "big")
            frame = pieces.extended(frame, 0, jumbo) if option else frame
            frame = frame[:18] + b"\0\0" + frame[20:]
        frames.append((ts, frame, len(frame)))
    return frames


def together(frames: list[pieces.Frame], most: int = 3) -> list[pieces.Frame]:
    """Send up to so many packets of one side, one after the other, in one frame of 802.11."""
    out: list[pieces.Frame] = []
    run: list[bytes] = []
    for number, (_, data, _) in enumerate(frames):
        run.append(data)
        last = number + 1 == len(frames) or frames[number + 1][1][26:30] != data[26:30]
        if last or len(run) == most:
            whole = wrapping.aggregated(run)
            out.append((frames[number][0], whole, len(whole)))
            run = []
    return out


def test_several_packets_in_one_frame(export: Export) -> None:
    frames = together(BASE)
    assert len(frames) < FRAMES
    told = export(frames, wrapping.WLAN)
    assert (told.sums, len(told.frames), told.bytes) == ((1, STORES, DATA), FRAMES, BYTES)
    assert told.count("seen") == len(frames)


def test_what_access_points_put_into_gre(export: Export) -> None:
    """Those of Aruba: 802.11 under a number of their own."""
    told = export(wrapped(lambda f: wrapping.gre(0, 0x8200, wrapping.wlan(f))))
    assert (told.sums, told.bytes) == ((1, STORES, DATA), BYTES)
    assert (told.dicom[0]["tunnel"], told.count("closed, gre")) == ("gre", 0)


def test_between_access_point_and_controller(export: Export) -> None:
    told = export(wrapped(wrapping.lwapp))
    assert (told.sums, told.bytes) == ((1, STORES, DATA), BYTES)
    assert (told.dicom[0]["tunnel"], told.count("through lwapp")) == ("lwapp", FRAMES)


CLOSED = {
    "WireGuard": wrapping.wireguard, "ESP": wrapping.encrypted, "DTLS": wrapping.secured,
    "CAPWAP": wrapping.secured_capwap, "l2tp": wrapping.compressed,
}  # fmt: skip


@pytest.mark.parametrize("name", CLOSED)
def test_what_is_encrypted_is_said_to_be(export: Export, name: str) -> None:
    told = export(wrapped(CLOSED[name]))
    assert (told.sums, len(told.frames)) == ((0, 0, 0), FRAMES)
    assert (told.count(f"closed, {name}"), told.count("through")) == (FRAMES, 0)


def test_what_a_wireless_link_encrypts_is_told_from_frames_without_a_packet(export: Export) -> None:
    beacon = b"\x80\0\0\0" + b"\xff" * 6 + b"\2\0\0\0\2\0" * 2 + bytes(10) + b"\x64\0\1\4\0\4test"
    frames = [*wrapped(wrapping.protected), (BASE[-1][0], beacon, len(beacon))]
    told = export(frames, wrapping.WLAN)
    named = {row["what"]: int(row["frames"]) for row in told.capture if "address" in row["what"]}
    assert named == {
        "no address, 802.11, encrypted": FRAMES, "no address, 802.11 without a packet": 1,
    }  # fmt: skip


def test_pieces_of_several_links_are_put_together(export: Export) -> None:
    """PPP multilink (RFC 1990): what has all of a packet counts, as the packet."""
    frames, number = [], 0
    for ts, data, _ in BASE:
        packet = b"\0\x21" + wrapping.inner(data)
        half = len(packet) // 2
        for piece, flag in ((packet[:half], 0x80), (packet[half:], 0x40)):
            frame = b"\xff\x03\0\x3d" + struct.pack(">I", flag << 24 | number) + piece
            frames.append((ts, frame, len(frame)))
            number += 1
    told = export(frames, wrapping.PPP)
    assert told.sums == (1, STORES, DATA)
    assert sum(int(f["length"]) for f in told.frames if f["id.orig_h"] != "-") == BYTES
    assert told.count("no address, PPP multilink") == FRAMES


def routed(data: bytes, kind: int) -> bytes:
    """Return a frame on its way to a host on the path, as a routing header of IPv6 says."""
    frame = pieces.ipv6(data)
    on_the_path, receiver = pieces.ENDS6[bytes((10, 1, 0, 77))], frame[38:54]
    more = on_the_path if kind == 4 else b""
    header = bytes([2 + len(more) // 8, kind, 1, 0, 0, 0, 0]) + receiver + more
    frame = pieces.extended(frame, 43, header)
    return frame[:38] + on_the_path + frame[54:]


@pytest.mark.few(1)
@pytest.mark.parametrize("kind", [0, 2, 4])
def test_on_the_way_to_the_next_of_a_route(export: Export, kind: int) -> None:
    told = export(wrapped(lambda frame: routed(frame, kind)))
    assert told.sums == (1, STORES, DATA)
    assert told.dicom[0]["id.resp_h"] == "2001:db8::5"


def test_tunnels_in_tunnels_without_end(export: Export) -> None:
    def nest(frame: bytes, times: int) -> bytes:
        packet = wrapping.inner(frame)
        for _ in range(times):
            packet = wrapping.ipv4(4, packet)
        return wrapping.ethernet(0x0800, packet)

    assert export(wrapped(lambda f: nest(f, 8))).sums == (1, STORES, DATA)
    deep = export(wrapped(lambda f: nest(f, 100)))
    assert deep.sums == (0, 0, 0)
    assert deep.count("nested too deeply") == FRAMES


@pytest.mark.few(1)
@pytest.mark.parametrize("later", [0.000002, 0.0004, 0.003, 0.05, 0.3, 0.9])
def test_each_packet_twice(export: Export, later: float) -> None:
    told = export(pieces.copied(BASE, later))
    assert told.sums == (1, STORES, DATA)
    assert (len(told.frames), told.bytes) == (FRAMES, BYTES)
    assert told.count("copy, same") == FRAMES


@pytest.mark.few(1)
@pytest.mark.parametrize("later", [0.00001, 0.7])
def test_before_and_after_a_router(export: Export, later: float) -> None:
    told = export(pieces.copied(BASE, later, routed=True))
    assert (told.sums, told.bytes) == ((1, STORES, DATA), BYTES)
    assert told.count("copy, elsewhere") == FRAMES


def changed(data: bytes) -> bytes:
    """The frame as another place of capture has it, whose network card makes checksums."""
    return data[:50] + b"\x12\x34" + data[52:]


WAYS = {
    "a distance that varies": lambda n: 1e-5 + (n * 7 % 10) * 1e-3,
    "one packet of two": lambda n: 0.002 if n % 2 else None,
    "another checksum": lambda _: 0.005,
}


@pytest.mark.few(1)
@pytest.mark.parametrize("way", WAYS)
def test_copies_without_identification(export: Export, way: str) -> None:
    """Packets whose IP header has no number."""
    frames = []
    for number, (ts, data, wire) in enumerate(BASE):
        later = WAYS[way](number)
        frames.append((ts, data, wire))
        if later is not None:
            frames.append((ts + later, changed(data) if way == "another checksum" else data, wire))
    told = export(sorted(frames))
    assert (told.sums, told.bytes) == ((1, STORES, DATA), BYTES)


def test_copies_in_segments_of_other_sizes(export: Export) -> None:
    """One place of capture is before, the other behind a network card that cuts segments up."""
    whole = list(pieces.put_together(BASE))
    told = export(sorted([*BASE, *((ts + 1e-4, data, wire) for ts, data, wire in whole)]))
    assert told.sums == (1, STORES, DATA)
    assert told.count("brought again") > FRAMES / 2


def test_acknowledgments_after_a_segment_that_came_again_are_new(export: Export) -> None:
    at = next(n for n, (_, d, _) in enumerate(BASE) if d[26:30] != CLIENT and len(d) > 100)
    ts, data, wire = BASE[at]
    again = data[:18] + b"\x7f\xff" + data[20:]
    told = export([*BASE[: at + 1], (ts + 1e-6, again, wire), *BASE[at + 1 :]])
    assert told.count("brought again") == 1


@pytest.mark.few(1)
@pytest.mark.parametrize("second", [(192, 168, 99, 1), (10, 1, 0, 11)])
def test_before_and_behind_a_load_balancer(export: Export, second: tuple[int, ...]) -> None:
    """It begins a connection of its own, to a server that the client does not know."""
    frames = []
    for ts, data, wire in BASE:
        other, mine = bytearray(data), data[26:30] == bytes((10, 1, 0, 11))
        client, server = (26, 30) if mine else (30, 26)
        other[client : client + 4] = bytes(second)
        other[server : server + 4] = bytes((172, 16, 0, 9))
        for at in (38, 42):
            pieces.add(other, at, 5_000_000 if (at == 38) == mine else 9_000_000)
        frames += [(ts, data, wire), (ts + 0.0004, bytes(other), wire)]
    assert export(frames).sums == (1, STORES, DATA)


def test_one_object_to_two_archives_is_sent_twice(export: Export) -> None:
    frames = []
    for ts, data, wire in BASE:
        other, mine = bytearray(data), data[26:30] == bytes((10, 1, 0, 11))
        server, port = (30, 34) if mine else (26, 36)
        other[server : server + 4] = bytes((10, 1, 0, 6))
        other[port : port + 2] = (40002).to_bytes(2, "big")
        for at in (38, 42):
            pieces.add(other, at, 5_000_000 if (at == 38) == mine else 9_000_000)
        frames += [(ts, data, wire), (ts + 0.0004, bytes(other), wire)]
    assert export(frames).sums == (2, 2 * STORES, 2 * DATA)


def test_before_and_after_a_router_in_two_vlans(export: Export) -> None:
    frames = []
    for number, (ts, data, wire) in enumerate(pieces.copied(BASE, 0.00001, routed=True)):
        tagged = wrapping.vlan(data, 10 if number % 2 == 0 else 20)
        frames.append((ts, tagged, wire + 4))
    told = export(frames)
    assert (told.sums, len(told.frames)) == ((1, STORES, DATA), FRAMES)


def behind_a_firewall(data: bytes, client: int, server: int) -> bytes:
    """The frame behind a firewall that gives each side sequence numbers of its own."""
    out, mine = bytearray(data), data[26:30] == bytes((10, 1, 0, 11))
    pieces.add(out, 38, client if mine else server)
    if data[47] & 16:
        pieces.add(out, 42, server if mine else client)
    out[22] -= 1
    return bytes(out)


def on_both_sides(steps: tuple[int, int], later: float) -> list[pieces.Frame]:
    copies = [(ts + later, behind_a_firewall(data, *steps), wire) for ts, data, wire in BASE]
    return sorted([*BASE, *copies])


@pytest.mark.few(1)
@pytest.mark.parametrize("later", [0.0004, 0.1])
@pytest.mark.parametrize("steps", [(123_456_789, 0), (0, 123_456_789), (7_000_000, 3_987_654_321)])
def test_before_and_behind_a_firewall(export: Export, steps: tuple[int, int], later: float) -> None:
    told = export(on_both_sides(steps, later))
    assert (told.sums, told.bytes) == ((1, STORES, DATA), BYTES)
    assert told.count("copy, elsewhere") == FRAMES


@pytest.mark.few(1)
@pytest.mark.parametrize(
    ("place", "steps", "later"),
    [
        (range(6, 326), (123_456_789, 0), 0.0004),
        (range(41, 327), (0, 123_456_789), 0.0004),
        (range(41, 327), (7_000_000, 3_987_654_321), 0.1),
    ],
)
def test_before_and_behind_a_firewall_without_the_beginning(
    export: Export, place: range, steps: tuple[int, int], later: float
) -> None:
    here = BASE[place.start : place.stop]
    copies = [(ts + later, behind_a_firewall(data, *steps), wire) for ts, data, wire in here]
    once = export(here)
    told = export(sorted([*here, *copies]))
    assert (told.sums, told.bytes) == (once.sums, once.bytes)
    assert {row["missed_bytes"] for row in told.dicom} == {"0"}
    assert told.count("copy, elsewhere") == len(here)


def test_one_object_sent_again_elsewhere_in_a_connection_is_no_copy(export: Export) -> None:
    """The numbers go so far because packets were lost, and do not come back."""
    data = [frame for frame in BASE if len(frame[1]) > 500 and of_client(frame[1])]
    again = []
    for ts, frame, wire in data:
        moved = bytearray(frame)
        pieces.add(moved, 38, 50_000_000)
        again.append((ts + 0.3, bytes(moved), wire))
    told = export([*BASE[:6], *data, *again])
    assert len(told.frames) == 6 + 2 * len(data)


def test_copies_of_copies(export: Export) -> None:
    told = export(pieces.copied(pieces.copied(BASE, 0.000002), 0.2))
    assert (told.sums, told.bytes) == ((1, STORES, DATA), BYTES)
    assert told.count("copy, same") == 3 * FRAMES


@pytest.mark.few(1)
@pytest.mark.parametrize("ident", [0, 1])
def test_a_retransmission_is_no_copy(export: Export, ident: int) -> None:
    """Every tenth segment is sent again a quarter of a second later."""
    again = []
    for ts, data, wire in BASE[20:300:10]:
        repeated = bytearray(data)
        repeated[18:20] = ident.to_bytes(2, "big")
        again.append((ts + 0.25, bytes(repeated), wire))
    told = export(sorted([*BASE, *again]))
    assert told.sums == (1, STORES, DATA)
    assert len(told.frames) == FRAMES + len(again)


def renumbered(data: bytes) -> bytes:
    """The frame with the sequence numbers of another connection."""
    out = bytearray(data)
    for at in (38, 42):
        pieces.add(out, at, 50_000_000)
    return bytes(out)


Wrap = Callable[[bytes], bytes]
PAIRS: tuple[tuple[Wrap, Wrap], ...] = (
    (lambda f: wrapping.vlan(f, 10), lambda f: wrapping.vlan(f, 20)),
    (lambda f: wrapping.vxlan(f, 1), lambda f: wrapping.vxlan(f, 2)),
    (lambda f: f, lambda f: wrapping.vlan(f, 20)),
)


def in_two_networks(one: Wrap, other: Wrap) -> list[pieces.Frame]:
    frames = [(ts, one(data), len(one(data))) for ts, data, _ in BASE]
    frames += [(ts + 0.0001, other(renumbered(d)), len(other(d))) for ts, d, _ in BASE]
    return sorted(frames)


def test_one_address_pair_in_two_networks(export: Export) -> None:
    for one, other in PAIRS:
        told = export(in_two_networks(one, other))
        assert told.sums == (2, 2 * STORES, 2 * DATA)
        assert len({f["flow"] for f in told.frames}) == 2
        assert told.count("alike, in another network") == 1


def test_each_direction_in_a_network_of_its_own(export: Export) -> None:
    frames = []
    for ts, data, wire in BASE:
        tag = 10 if data[26:30] == bytes((10, 1, 0, 11)) else 20
        frames.append((ts, wrapping.vlan(data, tag), wire + 4))
    assert export(frames).sums == (1, STORES, DATA)


@pytest.mark.few(1)
@pytest.mark.parametrize("size", [600, 1400])
def test_fragments(export: Export, size: int) -> None:
    frames = []
    for number, (ts, data, _) in enumerate(BASE):
        for k, piece in enumerate(pieces.fragments(data, number + 1, size)):
            frames.append((ts + k * 1e-6, piece, len(piece)))
    told = export(frames)
    assert told.sums == (1, STORES, DATA)
    assert {f["id.resp_p"] for f in told.frames} == {"104", "40001"}
    assert {f["service"] for f in told.frames} == {"dicom"}


@pytest.mark.few(1)
@pytest.mark.parametrize("size", [600, 1400])
def test_fragments_of_ipv6(export: Export, size: int) -> None:
    frames = []
    for number, (ts, data, _) in enumerate(BASE):
        for k, piece in enumerate(pieces.fragments6(pieces.ipv6(data), number + 1, size)):
            frames.append((ts + k * 1e-6, piece, len(piece)))
    told = export(frames)
    assert told.sums == (1, STORES, DATA)
    assert told.bytes == sum(wire for _, _, wire in frames)
    assert {f["service"] for f in told.frames} == {"dicom"}
    assert {f["id.orig_h"] for f in told.frames} == {"2001:db8::b", "2001:db8::5"}


@pytest.mark.few(1)
@pytest.mark.parametrize("apart", [0.00002, 0.02])
def test_a_retransmission_before_and_after_a_router(export: Export, apart: float) -> None:
    """Every packet is seen twice; so is every tenth segment, which is sent again."""
    sent = list(BASE)
    for number, (ts, data, wire) in enumerate(BASE[20:300:10]):
        repeated = bytearray(data)
        repeated[18:20] = (40000 + number).to_bytes(2, "big")
        sent.append((ts + 0.25, bytes(repeated), wire))
    told = export(pieces.copied(sorted(sent), apart, routed=True))
    assert told.sums == (1, STORES, DATA)
    assert (len(told.frames), told.count("copy, elsewhere")) == (len(sent), len(sent))


def fragments_of_a_tunnel() -> list[pieces.Frame]:
    frames = []
    for number, (ts, data, _) in enumerate(BASE):
        for k, piece in enumerate(pieces.fragments(wrapping.vxlan(data), number + 1)):
            frames.append((ts + k * 1e-6, piece, len(piece)))
    return frames


def test_fragments_of_a_tunnel(export: Export) -> None:
    """Every piece counts as what it carries of the frame inside; together they are that frame."""
    frames = fragments_of_a_tunnel()
    told = export(frames)
    assert (told.sums, told.bytes) == ((1, STORES, DATA), BYTES)
    assert {f["service"] for f in told.frames} == {"dicom"}
    assert {f["id.orig_h"] for f in told.frames} == {"10.1.0.11", "10.1.0.5"}
    assert told.count("through vxlan") == len(frames)


def test_fragments_of_a_tunnel_without_their_first(export: Export) -> None:
    """Nothing tells what these carry: they are the tunnel's."""
    frames = [f for f in fragments_of_a_tunnel() if f[1][20:22] != b"\x20\0"]
    others = [f for f in frames if f[1][20:22] != bytes(2)]
    told = export(frames)
    assert {f["service"] for f in told.frames} == {"-", "dicom"}
    assert sum(int(f["length"]) for f in told.frames if f["proto"] == "udp") == sum(
        wire for _, _, wire in others
    )


def opening(options: bytes, port: int = 40777) -> pieces.Frame:
    """Return what accepts a connection, with options."""
    tcp = struct.pack(">HHIIBBHHH", 104, port, 1, 1, (20 + len(options)) * 4, 18, 65000, 0, 0)
    frame = (
        BASE[1][1][:16] + struct.pack(">H", 40 + len(options)) + BASE[1][1][18:34] + tcp + options
    )
    return BASE[-1][0], frame, len(frame)


JOIN, CAPABLE, MSS = b"\x1e\x0c\x10\1" + bytes(8), b"\x1e\4\1\0", b"\2\4\5\xb4"


@pytest.mark.few(2)
@pytest.mark.parametrize(
    ("options", "paths"),
    [
        (MSS + b"\1\1\1\1" + JOIN, 1),
        (CAPABLE + MSS, 0),
        (JOIN, 1),
        (MSS + b"\x1e\0\x10\1", 0),
        (b"\1" * 40, 0),
    ],
)
def test_further_paths_of_a_connection_are_said(export: Export, options: bytes, paths: int) -> None:
    """Multipath TCP (RFC 8684) spreads a stream over several connections."""
    told = export([*BASE, opening(options)])
    assert (told.sums, told.count("another path")) == ((1, STORES, DATA), paths)
    ts, data, wire = opening(options)
    cut = export([*BASE, (ts, data[:56], wire)])
    assert (cut.sums, len(cut.frames)) == ((1, STORES, DATA), FRAMES + 1)


@pytest.mark.few(2)
@pytest.mark.parametrize("every", [2, 3, 5, 7])
def test_segments_out_of_order(export: Export, every: int) -> None:
    """Each so many frames one stands behind the next, acknowledgments too."""
    frames = list(BASE)
    for at in range(8, len(frames) - 6, every):
        frames[at], frames[at + 1] = frames[at + 1], frames[at]
    told = export(frames)
    assert told.sums == (1, STORES, DATA)
    assert told.dicom[0]["missed_bytes"] == "0"


@pytest.mark.few(1)
@pytest.mark.parametrize("size", [67, 50, 19, 111])
def test_pieces_of_a_capture(export: Export, size: int) -> None:
    """Whatever begins in the middle tells all bytes whose PDUs begin in it."""
    data = [export(BASE[at : at + size]).sums[2] for at in range(0, FRAMES, size)]
    assert sum(data) == DATA
    if size == 67:
        assert data == [65_512, 67_244, 65_512, 50_866, 50_866]


def test_what_is_cut_too_short_speaks_no_other_protocol(export: Export) -> None:
    told = export([(ts, data[:58], wire) for ts, data, wire in BASE])
    assert (told.sums, {f["service"] for f in told.frames}) == ((0, 0, 0), {"-"})


@pytest.mark.few(1)
@pytest.mark.parametrize("number", [128, 200])
def test_more_contexts_than_the_standard_allows(export: Export, number: int) -> None:
    """All that are offered count, though no more than 128 are kept."""
    request = bytearray(BASE[3][1])
    at = request.index(b"\x20\0", 128)
    context = request[at : at + 4 + int.from_bytes(request[at + 2 : at + 4], "big")]
    before = request[54:].count(bytes(context[8:]))
    more = bytes(context) * (number - before)
    request[at:at] = more
    request[16:18] = (int.from_bytes(request[16:18], "big") + len(more)).to_bytes(2, "big")
    pieces.add(request, 56, len(more))
    frames = [*BASE[:3], (BASE[3][0], bytes(request), len(request))]
    for ts, data, wire in BASE[4:]:
        out = bytearray(data)
        pieces.add(out, 38 if of_client(data) else 42, len(more))
        frames.append((ts, bytes(out), wire))
    told = export(frames)
    assert (told.sums, told.dicom[0]["ctx_offered"]) == ((1, STORES, DATA), str(number))


@pytest.mark.few(1)
@pytest.mark.parametrize("there", [68, 64, 60])
def test_a_request_of_which_the_header_was_captured(export: Export, there: int) -> None:
    told = export([(ts, data[:there], wire) for ts, data, wire in BASE])
    (row,) = told.dicom
    assert (row["result"], row["flags"]) == ("accepted", "truncated")
    assert row["missed_bytes"] == str(sum(max(0, wire - there) for _, _, wire in BASE))


def test_what_only_begins_like_a_request_is_none(export: Export) -> None:
    """Its length is another one than that of what was sent."""
    frames = [(ts, bytearray(data[:64]), wire) for ts, data, wire in BASE]
    frames[3][1][59] -= 1
    assert export([(ts, bytes(data), wire) for ts, data, wire in frames]).sums == (0, 0, 0)


def of_client(data: bytes) -> bool:
    return data[26:30] == bytes((10, 1, 0, 11))


def test_what_one_side_lost_the_other_has(export: Export) -> None:
    frames = [f for n, f in enumerate(BASE) if of_client(f[1]) or not 100 < n < 200]
    # Another connection, much later: nothing of the first is late then.
    later = [(ts + 60, data[:34] + b"\x77\x77" + data[36:], wire) for ts, data, wire in BASE[:1]]
    told = export([*frames, *later])
    (row,) = told.dicom
    assert (told.sums, row["end"], row["missed_bytes"]) == ((1, STORES, DATA), "released", "98")


def test_after_a_loss_what_follows_counts(export: Export) -> None:
    frames = [f for n, f in enumerate(BASE) if not (of_client(f[1]) and 100 < n < 200)]
    (row,) = export([*frames[:-3], (BASE[-1][0] + 60, *BASE[-1][1:])]).dicom
    assert (row["store_rq"], row["rsp_success"]) == ("2", "3")
    assert int(row["data_bytes_orig"]) >= 200_000
    assert float(row["duration"]) < 1


def data_in(stream: bytes) -> tuple[int, int]:
    """Return the bytes of data sets in what one side said, and how many its last header lacks."""
    at = data = 0
    while at + 12 <= len(stream):
        kind, length = stream[at], int.from_bytes(stream[at + 2 : at + 6], "big")
        if kind == 4 and not stream[at + 11] & 1:
            data += min(length - 6, len(stream) - at - 12)
        at += 6 + length
    return data, at - len(stream)


@pytest.mark.few(2)
@pytest.mark.parametrize("at", [60, 100, 205])
@pytest.mark.parametrize("end", [4, 20, 17])
def test_a_connection_that_ends_inside_a_pdu(export: Export, at: int, end: int) -> None:
    """The client dies, or goes, while it sends an object: what it never sent is none."""
    last = next(data for _, data, _ in reversed(BASE[:at]) if of_client(data))
    final = bytearray(last[:54])
    final[16:18], final[47] = b"\0\x28", end
    pieces.add(final, 38, len(last) - 54)
    told = export([*BASE[:at], (BASE[at][0], bytes(final), 54)])
    sent = b"".join(wrapping.inner(data)[40:] for _, data, _ in BASE[3:at] if of_client(data))
    came, lacking = data_in(sent)
    (row,) = told.dicom
    assert (row["data_bytes_orig"], row["flags"], row["missed_bytes"]) == (
        str(came), "unfinished", "0",
    )  # fmt: skip
    (said,) = [row for row in told.capture if row["what"] == "unfinished"]
    assert (said["frames"], said["bytes"]) == ("1", str(lacking))


@pytest.mark.few(1)
@pytest.mark.parametrize(("at", "by_client"), [(4, False), (150, False), (150, True)])
def test_a_reset_without_an_acknowledgment(export: Export, at: int, *, by_client: bool) -> None:
    """It ends the connection as one with an acknowledgment does."""
    (ends,) = {
        (row["end"], row["result"], row["flags"], row["missed_bytes"])
        for flags in (4, 20)
        for row in export(reset(at, flags, by_client=by_client)).dicom
    }
    assert ends[:2] == ("closed", "no_reply" if at == 4 else "accepted")


def reset(at: int, flags: int, *, by_client: bool) -> list[pieces.Frame]:
    """Return the first frames of the capture and a reset behind them."""
    last = next(d for _, d, _ in reversed(BASE[:at]) if of_client(d) == by_client)
    final = bytearray(last[:54])
    final[16:18], final[46:48] = b"\0\x28", bytes((0x50, flags))
    pieces.add(final, 38, 1 if last[47] & 2 else int.from_bytes(last[16:18], "big") - 40)
    if flags == 4:
        final[42:46] = bytes(4)
    else:
        final[42:46] = (1190).to_bytes(4, "big") if at == 4 else final[42:46]
    return [*BASE[:at], (BASE[at][0], bytes(final), 54)]


def test_what_was_not_captured_is_missed(export: Export) -> None:
    cut = [(ts, data[:96], wire) for ts, data, wire in BASE]
    told = export(cut)
    lost = sum(max(0, wire - 96) for _, _, wire in BASE)
    (row,) = told.dicom
    assert (row["missed_bytes"], row["flags"]) == (str(lost), "truncated")
    assert sum(int(row["bytes"]) for row in told.capture if row["what"] == "cut") == lost


@pytest.mark.parametrize("told", [0, 40, 2**31 - 1])
def test_a_length_that_cannot_be(export: Export, told: int) -> None:
    found = export(with_lengths(told))
    assert (found.sums, found.bytes) == ((1, STORES, DATA), BYTES)
    assert (found.count("length impossible"), found.count("cut")) == (FRAMES // 2, 0)


def set_while_it_runs() -> list[pieces.Frame]:
    return [(ts - BASE[0][0] + 100 if n < 20 else ts, d, w) for n, (ts, d, w) in enumerate(BASE)]


def jumps(step: int) -> list[pieces.Frame]:
    return [(ts + (step if n >= 200 else 0), d, w) for n, (ts, d, w) in enumerate(BASE)]


def with_lengths(told: int) -> list[pieces.Frame]:
    return [(ts, data, told if n % 2 else wire) for n, (ts, data, wire) in enumerate(BASE)]


def test_a_clock_that_is_set_while_it_runs(export: Export) -> None:
    told = export(set_while_it_runs())
    assert told.sums == (1, STORES, DATA)
    assert float(told.dicom[0]["duration"]) < 1
    assert told.count("clock not set") == 20
    assert min(float(f["ts"]) for f in told.frames) > BASE[0][0] - 1


@pytest.mark.few(1)
@pytest.mark.parametrize("step", [400 * 86400, -7200])
def test_a_clock_that_jumps(export: Export, step: int) -> None:
    told = export(jumps(step))
    assert (told.sums, float(told.dicom[0]["duration"]) < 1) == ((1, STORES, DATA), True)
    assert told.count("clock forward") + told.count("clock backward") == 1


def translated(data: bytes) -> bytes:
    other = bytearray(data)
    client = 26 if data[26:30] == bytes((10, 1, 0, 11)) else 30
    other[client : client + 4] = bytes((192, 168, 99, 1))
    at = 34 if client == 26 else 36
    other[at : at + 2] = (61000).to_bytes(2, "big")
    return bytes(other)


@pytest.mark.few(1)
@pytest.mark.parametrize("seen", [range(FRAMES), range(40, FRAMES), range(5, FRAMES), range(200)])
@pytest.mark.parametrize("late", [0.00005, -0.00005])
def test_one_side_of_a_translation_is_seen_in_part(
    export: Export, seen: range, late: float
) -> None:
    frames = []
    for n, (ts, data, wire) in enumerate(BASE):
        both = [(ts, data, wire)] + [(ts + late, translated(data), wire)] * (n in seen)
        frames += sorted(both)
    told = export(frames)
    assert told.sums == (1, STORES, DATA)
    (twin,) = [row for row in told.capture if row["what"] == "translated"]
    assert int(twin["frames"]) == len(seen)


def test_the_other_side_of_a_translation_does_not_say_who_asked(export: Export) -> None:
    """Of one side there is no beginning, of the other hardly more than beginning and end."""
    request = bytearray(BASE[3][1][:94])
    request[16:18] = b"\0\x50"
    here = [*BASE[:3], (BASE[3][0], bytes(request), len(request)), *BASE[328:]]
    there = [(ts - 5e-5, translated(data), wire) for ts, data, wire in BASE[5:]]
    told = export(sorted([*here, *there]))
    assert (told.sums, told.dicom[0]["id.orig_h"]) == ((1, STORES, DATA), "192.168.99.1")


def test_before_and_after_address_translation(export: Export) -> None:
    frames = []
    for ts, data, wire in BASE:
        frames += [(ts, data, wire), (ts + 0.00005, translated(data), wire)]
    told = export(frames)
    assert told.sums == (1, STORES, DATA)
    (twin,) = [row for row in told.capture if row["what"] == "translated"]
    kept = [f for f in told.frames if f["flow"] != twin["detail"]]
    assert (int(twin["frames"]), sum(int(f["length"]) for f in kept)) == (FRAMES, BYTES)


LOCAL = b"\r\n\r\n\0\r\nQUIT\n\x20\x11\0\x0c" + bytes(12)
V1 = b"PROXY TCP4 203.0.113.7 10.1.0.5 56324 104\r\n"
V2 = (
    b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c" + bytes((203, 0, 113, 7, 10, 1, 0, 5)) + b"\xdc\x04\0\x68"
)


@pytest.mark.few(1)
@pytest.mark.parametrize("header", [V1, V2, V2[:15] + b"\x0f" + V2[16:] + b"\4\0\0", LOCAL])
@pytest.mark.parametrize("own_segment", [True, False])
def test_behind_a_load_balancer(export: Export, header: bytes, *, own_segment: bool) -> None:
    frames = []
    for number, (ts, data, wire) in enumerate(BASE):
        out, mine = bytearray(data), data[26:30] == bytes((10, 1, 0, 11))
        if number == 3:
            first = bytearray(data[:54]) + header + (b"" if own_segment else data[54:])
            first[16:18] = (len(first) - 14).to_bytes(2, "big")
            frames.append((ts - 1e-4 * own_segment, bytes(first), len(first)))
        if mine and (number > 3 or (number == 3 and own_segment)):
            pieces.add(out, 38, len(header))
        if number != 3 or own_segment:
            frames.append((ts, bytes(out), wire))
    told = export(frames)
    assert told.sums == (1, STORES, DATA)
    (row,) = told.dicom
    named = "-" if header == LOCAL else "203.0.113.7"
    assert (row["proxied_for"], row["id.orig_h"]) == (named, "10.1.0.11")
    assert float(row["ts"]) == pytest.approx(BASE[3][0], abs=1e-5)


def asked_first(talk: list[tuple[bool, bytes]]) -> list[pieces.Frame]:
    """Return the capture with what a client (True) and a proxy say before the association."""
    frames, said = list(BASE[:3]), {True: 0, False: 0}

    def moved(frame: bytes, *, mine: bool) -> bytes:
        out = bytearray(frame)
        for at, whose in ((38, mine), (42, not mine)):
            pieces.add(out, at, said[whose])
        return bytes(out)

    for mine, words in talk:
        frame = bytearray(moved(BASE[3 if mine else 5][1][:54] + words, mine=mine))
        # The answer to the request acknowledges it; these come before.
        pieces.add(frame, 42, 0 if mine else 54 - len(BASE[3][1]))
        frame[16:18] = (len(frame) - 14).to_bytes(2, "big")
        frames.append((BASE[3][0] - 1e-4, bytes(frame), len(frame)))
        said[mine] += len(words)
    frames += [(ts, moved(data, mine=of_client(data)), wire) for ts, data, wire in BASE[3:]]
    return frames


CONNECT = [
    (True, b"CONNECT pacs:104 HTTP/1.1\r\nHost: pacs:104\r\n\r\n"),
    (False, b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n"),
    (True, b"CONNECT pacs:104 HTTP/1.1\r\nProxy-Authorization: Basic eA==\r\n\r\n"),
    (False, b"HTTP/1.1 200 Connection established\r\n\r\n"),
]
SOCKS4 = [(True, b"\4\1\0\x68\0\0\0\1me\0pacs\0"), (False, b"\0\x5a" + bytes(6))]
SOCKS5 = [
    (True, b"\5\2\0\2"), (False, b"\5\2"), (True, b"\1\2me\6secret"), (False, b"\1\0"),
    (True, b"\5\1\0\3\4pacs\0\x68"), (False, b"\5\0\0\1" + bytes(6)),
]  # fmt: skip


@pytest.mark.few(1)
@pytest.mark.parametrize("talk", [CONNECT, SOCKS4, SOCKS5, [(True, V2), (True, V1)]])
@pytest.mark.parametrize("by_bytes", [False, True])
def test_through_a_proxy(export: Export, talk: list[tuple[bool, bytes]], *, by_bytes: bool) -> None:
    """What is agreed on with it stands before the association, in segments of any size."""
    if by_bytes:
        talk = [(mine, words[n : n + 1]) for mine, words in talk for n in range(len(words))]
    assert export(asked_first(talk)).sums == (1, STORES, DATA)


def test_what_only_begins_like_a_proxy_is_another_protocol(export: Export) -> None:
    told = export(asked_first([(True, b"\5\1\0"), (False, b"\5\0"), (True, b"something else")]))
    assert (told.sums, {f["service"] for f in told.frames}) == ((0, 0, 0), {"-", "other"})


def test_ports_that_are_used_again(export: Export) -> None:
    frames = []
    for turn in range(3):
        for ts, data, wire in BASE:
            out = bytearray(data)
            mine = data[26:30] == bytes((10, 1, 0, 11))
            for at in (38, 42):
                step = 7_000_000 * turn if (at == 38) == mine else 9_000_000 * turn
                pieces.add(out, at, step)
            frames.append((ts + turn, bytes(out), wire))
    told = export(frames)
    assert told.sums == (3, 3 * STORES, 3 * DATA)
    assert len({f["flow"] for f in told.frames}) == 3


@pytest.mark.few(1)
@pytest.mark.parametrize("how", ["the same numbers", "no beginning"])
def test_ports_that_are_used_again_alike(export: Export, how: str) -> None:
    frames = []
    for turn in range(3):
        for ts, data, wire in BASE if how == "the same numbers" else BASE[3:]:
            out, mine = bytearray(data), data[26:30] == bytes((10, 1, 0, 11))
            for at in (38, 42) if how == "no beginning" else ():
                pieces.add(out, at, 70_000_000 * turn if (at == 38) == mine else 90_000_000 * turn)
            frames.append((ts + 30 * turn, bytes(out), wire))
    told = export(frames)
    assert told.sums == (3, 3 * STORES, 3 * DATA)
    assert {row["missed_bytes"] for row in told.dicom} == {"0"}
    assert told.count("alike, at another time") == (2 if how == "the same numbers" else 0)


@pytest.mark.few(2)
@pytest.mark.parametrize("kind", [0x888E, 0x8892, 0x1234, 0x88CC])
def test_no_host_is_made_up(export: Export, kind: int) -> None:
    """An IP header behind an ethertype that is none of IP's is no IP header."""
    frames = [(ts, d[:12] + kind.to_bytes(2, "big") + d[14:], w) for ts, d, w in BASE[:10]]
    told = export(frames)
    assert {(f["id.orig_h"], f["id.resp_h"]) for f in told.frames} == {("-", "-")}
    assert {row["what"].split(",")[0] for row in told.capture} == {"seen", "no address"}
