#!/usr/bin/env python3
"""Writes the capture of one named scenario: `scenarios.py NAME PCAP`."""

from __future__ import annotations

import itertools
import struct
import sys
from typing import TYPE_CHECKING

import traffic as t
from traffic import Conversation

if TYPE_CHECKING:
    from collections.abc import Callable

PIXELS = bytes(range(256)) * 128  # 32 KiB that look like nothing
SCENARIOS: dict[str, Callable[[], list[Conversation]]] = {}


def scenario(make: Callable[[], list[Conversation]]) -> Callable[[], list[Conversation]]:
    """Register a scenario under its function's name."""
    SCENARIOS[make.__name__] = make
    return make


def associated(
    conversation: Conversation | None = None, *sop_classes: bytes, **names: bytes
) -> Conversation:
    """Return a conversation with an accepted association."""
    sop_classes = sop_classes or (t.CT_STORAGE,)
    conversation = conversation or Conversation()
    conversation.open().send(0, t.associate_rq(sop_classes, **names))
    return conversation.send(1, t.associate_ac([0] * len(sop_classes), **names))


def released(conversation: Conversation) -> Conversation:
    """Return the conversation with its orderly end."""
    return conversation.send(0, t.RELEASE_RQ).send(1, t.RELEASE_RP).close()


def carried_by(conversation: Conversation, carrier: str) -> Conversation:
    """Return the conversation with its frames rewritten: in VLANs, or with IPv6."""
    frames = []
    for when, frame in conversation.frames:
        macs, ethertype, ip = frame[:12], frame[12:14], frame[14:]
        if carrier == "ipv6":
            tcp = ip[20:]
            source, target = (b"\xfd" + bytes(11) + ip[at : at + 4] for at in (12, 16))
            pseudo = source + target + struct.pack(">II", len(tcp), 6)
            tcp = tcp[:16] + bytes(2) + tcp[18:]
            tcp = tcp[:16] + struct.pack(">H", t.checksum(pseudo + tcp)) + tcp[18:]
            ip = struct.pack(">IHBB", 6 << 28, len(tcp), 6, 64) + source + target + tcp
            ethertype = b"\x86\xdd"
        tags = {"vlan": [(0x8100, 7)], "qinq": [(0x88A8, 100), (0x8100, 7)]}.get(carrier, [])
        tagged = b"".join(struct.pack(">HH", *tag) for tag in tags)
        frames.append((when, macs + tagged + ethertype + ip))
    conversation.frames = frames
    return conversation


# What the standard allows


@scenario
def echo() -> list[Conversation]:
    """One C-ECHO, on a port that no analyzer is registered for."""
    c = associated(Conversation(resp_port=31337), t.VERIFICATION)
    c.send(0, t.message(t.command_set(t.ECHO_RQ))).send(1, t.response(t.ECHO_RQ))
    return [released(c)]


@scenario
def contexts_128() -> list[Conversation]:
    """128 presentation contexts with many transfer syntaxes: a request of over 16 kB."""
    classes = [t.CT_STORAGE + b".%d" % n for n in range(128)]
    syntaxes = [t.IMPLICIT_LE, *(t.IMPLICIT_LE + b".4.%d" % n for n in range(50, 56))]
    c = Conversation(resp_port=31337).open()
    c.send(0, t.associate_rq(classes, syntaxes=syntaxes)).send(1, t.associate_ac([0, 3] * 64))
    return [released(c)]


@scenario
def data_before_ac() -> list[Conversation]:
    """The requestor does not wait for the acceptance."""
    c = Conversation().open().send(0, t.associate_rq([t.CT_STORAGE]))
    c.send(0, t.store(PIXELS)).send(1, t.associate_ac()).send(
        1, t.response(t.STORE_RQ, t.CT_STORAGE)
    )
    return [released(c)]


@scenario
def roles() -> list[Conversation]:
    """C-GET: the requestor is SCP of storage by role selection, and gets two objects."""
    c = Conversation().open()
    chosen = t.role(t.CT_STORAGE, 0, 1)
    c.send(0, t.associate_rq([t.STUDY_GET, t.CT_STORAGE], extra=chosen))
    c.send(1, t.associate_ac([0, 0], extra=chosen))
    c.send(0, t.message(t.command_set(t.GET_RQ, t.STUDY_GET, data=t.DATA_SET), b"key"))
    for _ in range(2):
        c.send(1, t.store(PIXELS, context=3)).send(
            0, t.response(t.STORE_RQ, t.CT_STORAGE, context=3)
        )
        c.send(1, t.response(t.GET_RQ, t.STUDY_GET, 0xFF00))
    return [released(c.send(1, t.response(t.GET_RQ, t.STUDY_GET)))]


@scenario
def statuses() -> list[Conversation]:
    """Responses of every class (PS3.7, annex C)."""
    c = associated()
    for status in (
        0,
        1,
        0x107,
        0x116,
        0xB000,
        0xB007,
        0xFF00,
        0xFF01,
        0xFE00,
        0xA700,
        0xC123,
        0x110,
    ):
        c.send(0, t.store(b"x" * 10)).send(1, t.response(t.STORE_RQ, t.CT_STORAGE, status))
    return [released(c)]


@scenario
def identity() -> list[Conversation]:
    """User name and passcode; neither may show up anywhere."""
    secret = t.user_identity(2, b"jane.doe", b"correct horse")
    c = Conversation().open().send(0, t.associate_rq(extra=secret)).send(1, t.associate_ac())
    return [released(c)]


@scenario
def odd_titles() -> list[Conversation]:
    """AE titles with control characters, a backslash, UTF-8, a formula, a terminal escape."""
    odd = [
        b"A\tB\nC",
        b"D\\E",
        b"\xc3\xa9\xe2\x80\xae",
        b"=cmd|'/c'!A1",
        b"\x1b[31mRED",
        b"\x00 NUL \x00",
        b"",
        b"-",
        b"(empty)",
        b'a,b#c"d',
    ]
    return [
        released(
            associated(Conversation(orig_port=40000 + n, time=1700000000.0 + n), calling=title)
        )
        for n, title in enumerate(odd)
    ]


@scenario
def carriers() -> list[Conversation]:
    """The same association, plain, in a VLAN, in two (802.1ad), and over IPv6, on two ports."""
    result = []
    for number, carrier in enumerate(["plain", "vlan", "qinq", "ipv6"] * 2):
        c = associated(Conversation(orig_port=40000 + number, resp_port=(104, 31337)[number // 4]))
        c.send(0, t.store(PIXELS)).send(1, t.response(t.STORE_RQ, t.CT_STORAGE))
        result.append(carried_by(released(c), carrier))
    return result


@scenario
def rejected() -> list[Conversation]:
    """Rejected, and the connection closed."""
    return [Conversation().open().send(0, t.associate_rq()).send(1, t.associate_rj()).close()]


@scenario
def no_reply() -> list[Conversation]:
    """The responder never answers; the requestor aborts."""
    return [Conversation().open().send(0, t.associate_rq()).send(0, t.abort()).reset(0)]


@scenario
def many_pdvs() -> list[Conversation]:
    """Several PDVs in one PDU, command and data set among them."""
    c = associated()
    command = t.command_set(t.STORE_RQ, t.CT_STORAGE, data=t.DATA_SET)
    parts = [
        t.pdv(command[:10], 1),
        t.pdv(command[10:], 3),
        t.pdv(b"a" * 100, 0),
        t.pdv(b"b" * 50, 2),
    ]
    c.send(0, t.p_data(*parts)).send(1, t.response(t.STORE_RQ, t.CT_STORAGE))
    return [released(c)]


@scenario
def long_association() -> list[Conversation]:
    """An association of 25 minutes with an object a minute."""
    c = associated()
    for _ in range(25):
        c.wait(60).send(0, t.store(PIXELS)).send(1, t.response(t.STORE_RQ, t.CT_STORAGE))
    return [released(c)]


# Bad input


@scenario
def gap_in_data() -> list[Conversation]:
    """Bytes are missing inside a data set's PDV."""
    c = associated()
    c.send_lossy(0, t.store(PIXELS), 3000, 7000).send(1, t.response(t.STORE_RQ, t.CT_STORAGE))
    return [released(c)]


@scenario
def gap_in_header() -> list[Conversation]:
    """The header of a data set's second PDU is missing; a second object follows."""
    c = associated()
    data = t.store(PIXELS)
    boundary = data.index(b"\x04\x00", 20000 - 4000)
    boundary = len(t.message(t.command_set(t.STORE_RQ, t.CT_STORAGE, data=1))) + 12 + 16376
    c.send_lossy(0, data, boundary - 700, boundary + 700).send(
        1, t.response(t.STORE_RQ, t.CT_STORAGE)
    )
    c.send(0, t.store(PIXELS)).send(1, t.response(t.STORE_RQ, t.CT_STORAGE))
    return [released(c)]


@scenario
def gap_in_request() -> list[Conversation]:
    """A part of the request is missing."""
    c = Conversation().open().send_lossy(0, t.associate_rq([t.CT_STORAGE] * 60), 1000, 1500)
    c.send(1, t.associate_ac([0] * 60)).send(0, t.store(PIXELS))
    return [released(c.send(1, t.response(t.STORE_RQ, t.CT_STORAGE)))]


@scenario
def gap_at_start() -> list[Conversation]:
    """Request and acceptance are missing, but not the handshake."""
    c = Conversation().open().lose(0, len(t.associate_rq())).lose(1, len(t.associate_ac()))
    c.send(0, t.message(t.command_set(t.ECHO_RQ))).send(1, t.response(t.ECHO_RQ))
    return [released(c)]


@scenario
def cut_off() -> list[Conversation]:
    """The capture ends inside a data set."""
    return [associated().send(0, t.store(PIXELS)[:20000])]


@scenario
def cut_off_in_header() -> list[Conversation]:
    """A connection falls silent within a PDU's header, in a data set; hours later, another."""
    sent = t.store(bytes(400), size=100)
    later = Conversation(orig_port=40001, time=1700000000.0 + 4 * 3600)
    return [associated().send(0, sent[:-107], size=60), released(associated(later))]


@scenario
def reset_in_data() -> list[Conversation]:
    """The responder resets the connection inside a data set."""
    return [associated().send(0, t.store(PIXELS)[:20000]).reset(1)]


@scenario
def unended_pdus() -> list[Conversation]:
    """A second after the last whole PDU another begins, and the connection ends within it."""
    result = []
    for n, data in enumerate((t.store(PIXELS)[:20], t.store(PIXELS)[:-20], t.RELEASE_RQ[:3])):
        result.append(associated(following(n)).wait(1).send(0, data).wait(1).close())
    return result


@scenario
def unfinished() -> list[Conversation]:
    """Connections that end inside a PDU, and one whose end is not seen: ports say how much came.

    The PDUs have a small data set, a fragment in two PDVs, or are of a series; the end comes by
    RST of either side, or FIN; those of one segment, a byte at a time, and over three segments.
    """
    command = t.message(t.command_set(t.STORE_RQ, t.CT_STORAGE, data=t.DATA_SET))
    first = command + t.p_data(t.pdv(bytes(1000), 2))
    second = command + t.p_data(t.pdv(bytes(300), 0), t.pdv(bytes(700), 2))
    series = (t.store(PIXELS) * 2)[: 2 * len(t.store(PIXELS)) - len(PIXELS) % 16376 - 12]
    result = []
    for came in (1, 131, 132, 500, 1000):
        head = first[: len(command) + 12 + came]
        result += [(came, head, end) for end in ("reset 0", "reset 1", "close", "nothing")]
    for came, seen in ((299, 299), (303, 300), (400, 394), (1005, 999)):
        result.append((seen, second[: len(command) + 12 + came], "reset 1"))
    result.append((len(PIXELS) + 2 * 16376, series + t.p_data(t.pdv(PIXELS, 0))[:12], "reset 0"))
    result.append((len(PIXELS) + 2 * 16376, series + command[:20], "reset 0"))
    made = []
    for number, (came, sent, end) in enumerate(result):
        for size in (None, 1, 400) if len(sent) < 2000 else (None, 700):
            orig = f"10.1.{number}.{(size or 0) % 250 + 1}"
            c = associated(
                Conversation(orig=orig, orig_port=came, time=1700000000.0 + 10 * len(made))
            )
            c.send(0, sent, size)
            made.append(c.reset(int(end[-1])) if "reset" in end else c)
            if end == "close":
                c.close()
    return made


@scenario
def closed_in_data() -> list[Conversation]:
    """Both close inside a data set."""
    return [associated().send(0, t.store(PIXELS)[:20000]).close()]


@scenario
def retransmitted() -> list[Conversation]:
    """Every segment is sent twice, and segments arrive out of order."""
    c = associated()
    c.send(0, t.store(PIXELS)).send(1, t.response(t.STORE_RQ, t.CT_STORAGE))
    released(c)
    frames = []
    for number, (when, data) in enumerate(c.frames):
        frames += [(when, data), (when + 0.00001, data)]
        if number > 10 and number % 5 == 0 and number < len(c.frames) - 8:
            frames[-1], frames[-3] = (
                (frames[-3][0] + 0.00002, frames[-1][1]),
                (frames[-3][0], frames[-3][1]),
            )
    c.frames = frames
    return [c]


@scenario
def midstream() -> list[Conversation]:
    """The capture starts inside a data set; a second object follows."""
    c = Conversation()
    c.send(0, t.store(PIXELS)[5000:]).send(1, t.response(t.STORE_RQ, t.CT_STORAGE))
    c.send(0, t.store(PIXELS)).send(1, t.response(t.STORE_RQ, t.CT_STORAGE))
    return [released(c)]


@scenario
def originator_only() -> list[Conversation]:
    """Only what the originator sends was captured."""
    c = associated().send(0, t.store(PIXELS)).send(1, t.response(t.STORE_RQ, t.CT_STORAGE))
    released(c)
    c.frames = [f for f in c.frames if f[1][26:30] == bytes([10, 1, 0, 10])]
    return [c]


@scenario
def responder_only() -> list[Conversation]:
    """Only what the responder sends was captured."""
    c = associated().send(0, t.store(PIXELS)).send(1, t.response(t.STORE_RQ, t.CT_STORAGE))
    released(c)
    c.frames = [f for f in c.frames if f[1][26:30] == bytes([10, 1, 0, 20])]
    return [c]


@scenario
def half_with_pause() -> list[Conversation]:
    """Only what the originator sends was captured, with pauses, on a port that is not known."""
    c = associated(Conversation(resp_port=5678))
    for _ in range(3):
        c.wait(60).send(0, t.store(PIXELS)).send(1, t.response(t.STORE_RQ, t.CT_STORAGE))
    released(c)
    c.frames = [f for f in c.frames if f[1][26:30] == bytes([10, 1, 0, 10])]
    return [c]


@scenario
def half_used_again() -> list[Conversation]:
    """As before, the ports being used again for another association after a minute."""
    both = [associated(), associated(Conversation().wait(60))]
    for c in both:
        c.send(0, t.store(PIXELS))
        c.frames = [f for f in c.frames if f[1][26:30] == bytes([10, 1, 0, 10])]
    return both


@scenario
def answer_missed() -> list[Conversation]:
    """The answer to a request was not captured; that it was there shows when both close."""
    c = Conversation().open().send(0, t.associate_rq())
    return [c.lose(1, len(t.associate_rj())).close()]


@scenario
def responder_unheard() -> list[Conversation]:
    """Neither the responder's SYN nor its answer was captured, but its acknowledgments and FIN."""
    c = Conversation().open().send(0, t.associate_rq()).lose(1, len(t.associate_rj())).close()
    del c.frames[1]
    return [c]


@scenario
def unended_request() -> list[Conversation]:
    """The capture ends before a request is answered."""
    return [Conversation().open().send(0, t.associate_rq())]


@scenario
def half_handshake() -> list[Conversation]:
    """The responder's SYN was not captured, and later on some data."""
    c = associated()
    del c.frames[1]
    c.send_lossy(0, t.store(PIXELS), 3000, 7000).send(1, t.response(t.STORE_RQ, t.CT_STORAGE))
    return [released(c)]


@scenario
def half_handshake_with_pause() -> list[Conversation]:
    """The responder's SYN was not captured, and there are pauses; the port is not known."""
    c = associated(Conversation(resp_port=5678))
    del c.frames[1]
    for _ in range(3):
        c.wait(60).send(0, t.store(PIXELS)).send(1, t.response(t.STORE_RQ, t.CT_STORAGE))
    return [released(c)]


@scenario
def roles_without_request() -> list[Conversation]:
    """Roles are selected, but the request that says for what was not captured."""
    chosen = t.role(t.CT_STORAGE, 0, 1)
    c = Conversation().open().lose(0, len(t.associate_rq([t.CT_STORAGE], extra=chosen)))
    return [released(c.send(1, t.associate_ac([0], extra=chosen)))]


@scenario
def gap_in_answer() -> list[Conversation]:
    """A part of the acceptance is missing, behind which its role selection stands."""
    classes, chosen = [t.CT_STORAGE] * 60, t.role(t.CT_STORAGE, 0, 1)
    c = Conversation().open().send(0, t.associate_rq(classes, extra=chosen))
    answer = t.associate_ac([0] * 60, extra=chosen)
    return [released(c.send_lossy(1, answer, 1500, len(answer) - 20))]


@scenario
def responder_later() -> list[Conversation]:
    """The responder's packets are captured only from the third second on."""
    c = associated()
    for _ in range(5):
        c.wait(0.7).send(0, t.store(PIXELS)).send(1, t.response(t.STORE_RQ, t.CT_STORAGE))
    released(c)
    late = c.frames[0][0] + 2
    c.frames = [f for f in c.frames if f[0] > late or f[1][26:30] == bytes([10, 1, 0, 10])]
    return [c]


@scenario
def segmentations() -> list[Conversation]:
    """The same PDUs of a data set, cut into segments of many sizes, fast and slowly."""
    parts = [(bytes(50), 0, 1), (bytes(50), 0, 1), (bytes(50), 0, 1)] * 12
    parts[9] = (bytes(49), 0, 1)  # a shorter one
    parts[17] = (bytes(50), 0, 3)  # in another presentation context
    parts[35] = (bytes(50), 2, 1)  # the last
    data = [t.p_data(t.pdv(*part)) for part in parts]
    data[23] = t.p_data(t.pdv(bytes(19), 0), t.pdv(bytes(25), 0))  # two PDVs in as many bytes
    data[29] = data[29][:1] + b"\x01" + data[29][2:]  # a reserved byte that is not zero
    command = t.message(t.command_set(t.STORE_RQ, t.CT_STORAGE, data=t.DATA_SET))
    conversations = []
    for number, size in enumerate([1, 2, 5, 11, 12, 13, 61, 62, 63, 124, 1448, 60000] * 2):
        c = Conversation(orig_port=40000 + number, time=1700000000.0 + number * 100)
        associated(c, t.CT_STORAGE, t.CT_STORAGE)
        c.step = 0.0001 if number < 12 else 0.05 * min(size, 62) / 62
        c.send(0, command).send(0, b"".join(data), size)
        if number % 3 == 0:
            c.send(1, t.response(t.STORE_RQ, t.CT_STORAGE))
        conversations.append(c.reset(0) if number % 2 else released(c))
    return conversations


@scenario
def series() -> list[Conversation]:
    """Images of a series, cut into segments of many sizes; one of them begins as a file does.

    Each association has nine C-STORE, eight of them answered with success, and one with a failure.
    """
    conversations = []
    sizes = [1, 5, 11, 12, 13, 100, 1448, 60000]
    for number, (size, file) in enumerate(itertools.product(sizes, [0, 3, 6, 7, 8])):
        c = Conversation(orig_port=40000 + number, time=1700000000.0 + number * 100)
        associated(c, t.CT_STORAGE, t.MR_STORAGE)
        c.step = 0.0001 if number % 2 else 0.01
        for image in range(9):
            data = bytes(128) + (b"DICM" if image == file else b"none") + bytes(300)
            context, sop_class = (3, t.MR_STORAGE) if image in {4, 5} else (1, t.CT_STORAGE)
            what: dict[str, object] = {"number": image + 1, "instance": b"1.2.3.%d" % 4**image}
            command = t.command_set(t.STORE_RQ, sop_class, data=t.DATA_SET, **what)
            if image == 6:  # both in one PDU
                request = t.p_data(t.pdv(command, 3, context), t.pdv(data, 2, context))
            else:
                request = t.message(command, data, size=200, context=context)
            status = 0xA700 if image == 2 else 0
            answer = t.command_set(t.STORE_RQ | t.RSP, sop_class, status=status, **what)
            c.send(0, request, size).send(1, t.message(answer, context=context), size)
        conversations.append(released(c))
    return conversations


@scenario
def series_with_faults() -> list[Conversation]:
    """C-STORE that are sound, and among them some that are not, or the end of what is not."""
    sound = t.command_set(t.STORE_RQ, t.CT_STORAGE, data=t.DATA_SET)
    parts = [sound[:12], sound[12:-10], sound[-10:]]
    begun = t.p_data(t.pdv(parts[0], 1))
    bad_ones = [
        t.message(parts[0] + parts[2] + parts[1], PIXELS),  # elements that do not ascend
        t.message(sound[:-1], PIXELS),
        t.message(sound + b"\0", PIXELS),
        t.message(sound + t.element(0x0900, b""), PIXELS),  # a status of no length
        begun + t.message(sound, PIXELS),
    ]
    conversations = []
    for number, bad in enumerate(bad_ones):
        c = associated(Conversation(orig_port=40000 + number, time=1700000000.0 + number * 100))
        good = t.message(sound, PIXELS)
        for sent in (good, good, bad, bad, good):
            c.send(0, sent)
        conversations.append(released(c))
    # A PDV that runs past its PDU; what comes then repeats itself, and has no end.
    c = associated(Conversation(orig_port=40010))
    answer = t.response(t.STORE_RQ, t.CT_STORAGE)
    for sent in (good, good, t.p_data(t.pdv(b"1", 0), t.pdv(b"2", 0, length=100)), good):
        c.send(0, sent).send(1, answer)
    return [*conversations, c]


@scenario
def series_with_long_statuses() -> list[Conversation]:
    """A series whose responses have a Status of four bytes, of which the first two count."""
    command = t.command_set(t.STORE_RQ | t.RSP, t.CT_STORAGE)
    answer = t.message(command + t.element(0x0900, bytes(4)))
    c = associated()
    for _ in range(5):
        c.send(0, t.store(PIXELS)).send(1, answer)
    return [released(c)]


@scenario
def huge_length() -> list[Conversation]:
    """A P-DATA-TF that claims 4 GiB less one byte, and a PDV in it that does, too."""
    c = associated()
    body = struct.pack(">IBB", 0xFFFFFFFB, 1, 0) + PIXELS * 4
    return [c.send(0, t.p_data(body, length=0xFFFFFFFF)).close()]


@scenario
def huge_request() -> list[Conversation]:
    """A request that claims 4 GiB."""
    c = Conversation(resp_port=104).open()
    return [c.send(0, b"\x01\x00\xff\xff\xff\xff" + t.associate_rq()[6:]).send(0, PIXELS).close()]


@scenario
def short_pdvs() -> list[Conversation]:
    """PDVs of length 0 and 1, a P-DATA-TF without any, and one with a rest of three bytes."""
    c = associated()
    c.send(0, t.p_data(t.pdv(b"", 0, length=0)[:4])).send(0, t.p_data(t.pdv(b"", 0, length=1)[:5]))
    c.send(0, t.p_data()).send(0, t.p_data(t.pdv(b"", 2), b"\0\0\0")).send(
        0, t.p_data(t.pdv(b"", 2))
    )
    c.send(0, t.store(PIXELS)).send(1, t.response(t.STORE_RQ, t.CT_STORAGE))
    return [released(c)]


@scenario
def overlong_pdv() -> list[Conversation]:
    """A PDV that runs past the end of its PDU; the association goes on."""
    c = associated().send(0, t.p_data(t.pdv(b"x" * 20, 0, length=5000)))
    c.send(0, t.store(PIXELS)).send(1, t.response(t.STORE_RQ, t.CT_STORAGE))
    return [released(c)]


@scenario
def split_commands() -> list[Conversation]:
    """A command split at every byte: over PDVs, over PDUs, over segments."""
    command = t.command_set(t.ECHO_RQ)
    result = []
    for at in range(1, len(command)):
        c = associated(Conversation(orig_port=40000 + at, time=1700000000.0 + at), t.VERIFICATION)
        first, second = t.pdv(command[:at], 1), t.pdv(command[at:], 3)
        c.send(0, t.p_data(first, second) if at % 2 else t.p_data(first) + t.p_data(second))
        result.append(released(c.send(1, t.response(t.ECHO_RQ))))
    one_by_one = associated(Conversation(orig_port=41000, time=1700001000.0), t.VERIFICATION)
    one_by_one.send(0, t.message(command), size=1).send(1, t.response(t.ECHO_RQ), size=1)
    return [*result, released(one_by_one)]


@scenario
def request_by_bytes() -> list[Conversation]:
    """The request arrives byte by byte, on a port without an analyzer."""
    c = Conversation(resp_port=31337).open().send(0, t.associate_rq(), size=1)
    return [released(c.send(1, t.associate_ac(), size=1))]


@scenario
def unknown_pdu() -> list[Conversation]:
    """A PDU of type 0x2a within an association."""
    c = associated().send(0, t.store(PIXELS)).send(1, t.response(t.STORE_RQ, t.CT_STORAGE))
    c.send(0, t.pdu(0x2A, b"what is this")).send(0, t.store(PIXELS))
    return [released(c)]


@scenario
def bad_items() -> list[Conversation]:
    """Items that run past the end of the request; the rest of the association is sound."""
    c = Conversation().open()
    body = t.fixed(b"PACS", b"CT1") + t.item(0x10, t.APPLICATION_CONTEXT)
    c.send(0, t.pdu(0x01, body + t.item(0x20, b"\x01\x00\xff\x00", length=60000)))
    c.send(1, t.associate_ac()).send(0, t.store(PIXELS))
    return [released(c.send(1, t.response(t.STORE_RQ, t.CT_STORAGE)))]


@scenario
def bad_commands() -> list[Conversation]:
    """Command sets that violate PS3.7, each alone in an association."""
    good = t.command_set(t.ECHO_RQ)
    bad = {
        "overrun": good[:-10] + t.element(0x0900, b"\0\0", length=0xFFFFFFF0),
        "descending": good + t.element(0x0002, b"1.2"),
        "group": good + b"\x08\x00" + good[2:12],
        "no_field": t.element(0, struct.pack("<I", 0)) + t.element(0x0002, t.VERIFICATION),
        "unknown_field": t.command_set(0x7777),
        "long_uid": t.element(0, struct.pack("<I", 0)) + t.element(0x0002, b"1." * 40) + good[12:],
        "no_status": t.command_set(t.ECHO_RQ | t.RSP),
        "empty": b"",
    }
    result = []
    for number, body in enumerate(bad.values()):
        c = associated(
            Conversation(orig_port=40000 + number, time=1700000000.0 + number), t.VERIFICATION
        )
        c.send(0, t.message(body)).send(0, t.message(good)).send(1, t.response(t.ECHO_RQ))
        result.append(released(c))
    return result


@scenario
def reserved() -> list[Conversation]:
    """A reserved byte that is not zero."""
    c = associated().send(0, t.store(PIXELS)).send(1, t.response(t.STORE_RQ, t.CT_STORAGE))
    c.send(0, t.pdu(0x05, bytes(4), reserved=7)).send(1, t.RELEASE_RP)
    return [c.close()]


@scenario
def part10() -> list[Conversation]:
    """A file with its preamble in a C-STORE."""
    c = associated().send(0, t.store(b"MZ" + bytes(126) + b"DICM" + PIXELS))
    return [released(c.send(1, t.response(t.STORE_RQ, t.CT_STORAGE)))]


@scenario
def two_requests() -> list[Conversation]:
    """A second request within an association."""
    c = associated().send(0, t.associate_rq(calling=b"SECOND")).send(1, t.associate_ac())
    return [released(c)]


def stores(conversation: Conversation, number: int) -> Conversation:
    """Store objects, each answered."""
    for _ in range(number):
        conversation.send(0, t.store(PIXELS)).send(1, t.response(t.STORE_RQ, t.CT_STORAGE))
    return conversation


@scenario
def two_associations() -> list[Conversation]:
    """Three associations, one after the other, on one connection; the second was rejected."""
    c = stores(associated(), 2).send(0, t.RELEASE_RQ).send(1, t.RELEASE_RP)
    c.send(0, t.associate_rq([t.CT_STORAGE], calling=b"SECOND")).send(1, t.associate_rj())
    c.send(0, t.associate_rq([t.CT_STORAGE], calling=b"THIRD")).send(1, t.associate_ac())
    return [released(stores(c, 3))]


PROXY_TEXT = b"PROXY TCP4 192.0.2.7 10.0.0.2 40000 104\r\n"
PROXY_BINARY = b"\r\n\r\n\x00\r\nQUIT\n"


def proxied_by(header: bytes, number: int) -> Conversation:
    """Return a conversation on a port of its own that a load balancer's header begins."""
    c = Conversation(orig_port=41000 + number, resp_port=31337).wait(number).open()
    c.send(0, header + t.associate_rq([t.CT_STORAGE])).send(1, t.associate_ac())
    return released(stores(c, 1))


@scenario
def proxied() -> list[Conversation]:
    """PROXY headers of both versions: IPv4, IPv6, an extension, a health check, two in a row."""
    ipv4 = bytes([192, 0, 2, 7, 10, 0, 0, 2]) + struct.pack(">HH", 40000, 104)
    ipv6 = bytes.fromhex("20010db8") + bytes(11) + b"\x07" + bytes(16) + bytes(4)
    tlv = b"\x04\x00\x05hello"
    headers = [
        PROXY_TEXT,
        b"PROXY UNKNOWN\r\n",
        PROXY_BINARY + struct.pack(">BBH", 0x21, 0x11, len(ipv4)) + ipv4,
        PROXY_BINARY + struct.pack(">BBH", 0x21, 0x21, len(ipv6 + tlv)) + ipv6 + tlv,
        PROXY_BINARY + struct.pack(">BBH", 0x20, 0x00, 0),
        PROXY_BINARY + struct.pack(">BBH", 0x21, 0x11, len(ipv4)) + ipv4 + b"PROXY UNKNOWN\r\n",
    ]
    return [proxied_by(header, number) for number, header in enumerate(headers)]


@scenario
def proxied_others() -> list[Conversation]:
    """PROXY headers with another protocol behind, that lie, and that never end."""
    web = b"GET / HTTP/1.1\r\nHost: pacs\r\n\r\n"
    starts = [
        PROXY_TEXT + web,
        b"PROXY TCP4 " + b"9" * 400,
        PROXY_BINARY + struct.pack(">BBH", 0x21, 0x11, 3) + web,
        PROXY_BINARY + struct.pack(">BBH", 0x21, 0x11, 65535) + web,
    ]
    found = []
    for number, start in enumerate(starts):
        c = Conversation(orig_port=50000 + number).open()
        found.append(c.send(0, start).send(1, b"HTTP/1.1 200 OK\r\n\r\n").close())
    return found


@scenario
def wrong_context() -> list[Conversation]:
    """A request with another application context is no DICOM."""
    c = Conversation().open().send(0, t.associate_rq(context_name=b"1.2.840.10008.3.1.1.2"))
    return [c.send(1, t.associate_ac()[:40]).close()]


def lookalike_payloads() -> list[tuple[bytes, bytes]]:
    """Return what other protocols begin with, both sides: each resembles a PDU."""
    http = (
        b"GET / HTTP/1.1\r\nHost: pacs\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
    )
    tpkt = bytes.fromhex("0300001611e00000000100c1020100c2020102c0010a")
    s7_ac = bytes.fromhex("0300001611d00001000100c0010ac1020100c2020102")
    ethernet_ip = (
        bytes.fromhex("01000000") + bytes(20),
        bytes.fromhex("0100000000000000") + bytes(16),
    )
    hart_ip = (
        bytes.fromhex("010000000001000d01000075300000"),
        bytes.fromhex("010100000001000d0100007530"),
    )
    raft = (
        bytes.fromhex("0100000000000050") + b"request_vote" * 6,
        bytes.fromhex("0100000000000008"),
    )
    dce_rpc = bytes.fromhex("05000b03100000004800000001000000b810b810") + bytes(52)
    dce_ack = bytes.fromhex("05000c03100000003c00000001000000b810b810") + bytes(40)
    cassandra = bytes.fromhex("040000000500000000"), bytes.fromhex("840000000600000000")
    cassandra_data = (
        bytes.fromhex("0400000007000000460000003e") + b"SELECT * FROM system.local;" * 3
    )
    tls = (
        bytes.fromhex("16030100c8010000c40303") + bytes(190),
        bytes.fromhex("160303004a02000046") + bytes(70),
    )
    ssh = b"SSH-2.0-OpenSSH_9.6\r\n", b"SSH-2.0-OpenSSH_9.6\r\n"
    almost = t.associate_rq(context_name=b"1.2.840.10008.3.1.1.2"), t.associate_ac()[:30]
    inside = (
        b"POST /x HTTP/1.1\r\nContent-Length: 999\r\n\r\n" + t.associate_rq(),
        b"HTTP/1.1 200 OK\r\n\r\n",
    )
    command = t.message(t.command_set(t.ECHO_RQ))
    embedded = (
        b"PUT /dump HTTP/1.1\r\n\r\n" + command * 3,
        b"HTTP/1.1 201 Created\r\n\r\n" + command,
    )
    release = t.RELEASE_RQ * 3, t.RELEASE_RP * 3
    aborts = t.abort() * 3, t.associate_rj() * 2
    zeros = bytes(2000), bytes(2000)
    fours = b"\x04" * 3000, b"\x04\x00" * 1000
    return [
        http, (tpkt, s7_ac), ethernet_ip, hart_ip, raft, (dce_rpc, dce_ack), cassandra,
        (cassandra_data, cassandra_data), tls, ssh, almost, inside, embedded, release, aborts,
        zeros, fours,
    ]  # fmt: skip


@scenario
def lookalikes() -> list[Conversation]:
    """Other protocols on the ports of DICOM."""
    result = []
    for port in (104, 2761, 2762, 4242, 11112, 31337):
        for number, (request, answer) in enumerate(lookalike_payloads()):
            when = 1700000000.0 + len(result)
            c = Conversation(orig_port=42000 + number, resp_port=port, time=when).open()
            result.append(c.send(0, request).send(1, answer).send(0, request).close())
    return result


# What notices are for


def host(number: int) -> str:
    """Return the address of a host by its number."""
    return f"10.1.{number // 250}.{number % 250 + 1}"


def following(number: int, **who: object) -> Conversation:
    """Return the conversation number so-and-so, each a second after the one before."""
    return Conversation(orig_port=30000 + number % 30000, time=1700000000.0 + number, **who)


@scenario
def external() -> list[Conversation]:
    """One association from the outside and one to it."""
    pairs = (("8.8.4.4", "10.1.0.20"), ("10.1.0.10", "9.9.9.9"))
    return [
        released(associated(following(n, orig=orig, resp=resp)))
        for n, (orig, resp) in enumerate(pairs)
    ]


@scenario
def guessing() -> list[Conversation]:
    """One host is rejected with six called AE titles; another is, once, for another reason."""
    result = []
    for n in range(6):
        c = following(n).open().send(0, t.associate_rq(called=b"PACS%d" % n))
        result.append(c.send(1, t.associate_rj(1, 1, 7)).close())
    busy = following(9, orig="10.1.0.11").open().send(0, t.associate_rq())
    return [*result, busy.send(1, t.associate_rj(2, 3, 2)).close()]


@scenario
def enumeration() -> list[Conversation]:
    """60 C-FIND requests with two results each."""
    c = associated(None, t.STUDY_FIND)
    for _ in range(60):
        c.send(
            0, t.message(t.command_set(t.FIND_RQ, t.STUDY_FIND, data=t.DATA_SET), b"PATIENT^NAME")
        )
        pending = t.command_set(t.FIND_RQ | t.RSP, t.STUDY_FIND, status=0xFF00, data=t.DATA_SET)
        c.send(1, t.message(pending, b"DOE^JANE") * 2).send(1, t.response(t.FIND_RQ, t.STUDY_FIND))
    return [released(c)]


@scenario
def retrieval() -> list[Conversation]:
    """60 C-MOVE requests, to a destination that stores, and one to a destination unheard of."""
    stored = released(
        associated(following(0, orig="10.1.0.20", resp="10.1.0.30"), called=b"VIEWER")
    )
    c = associated(following(1), t.STUDY_MOVE)
    for n in range(60):
        destination = b"ELSEWHERE" if n == 59 else b"VIEWER"
        command = t.command_set(t.MOVE_RQ, t.STUDY_MOVE, data=t.DATA_SET, destination=destination)
        c.send(0, t.message(command, b"1.2.3")).send(1, t.response(t.MOVE_RQ, t.STUDY_MOVE))
    return [stored, released(c)]


@scenario
def peers() -> list[Conversation]:
    """A PACS with one peer, and after ten days with another."""
    late = Conversation(orig="10.1.0.99", time=1700000000.0 + 10 * 86400)
    return [
        released(associated(following(0), t.STUDY_FIND)),
        released(associated(following(1), t.STUDY_FIND)),
        released(associated(late, t.STUDY_FIND)),
    ]


@scenario
def peers_later() -> list[Conversation]:
    """The PACS of `peers` with a host of before, and with one more, after eleven days."""
    return [
        released(associated(Conversation(orig=who, time=1700000000.0 + 11 * 86400), t.STUDY_FIND))
        for who in ("10.1.0.10", "10.1.0.98")
    ]


@scenario
def same_title() -> list[Conversation]:
    """One AE title calls from four hosts; so does a toolkit's default."""
    return [
        released(associated(following(10 * n + m, orig=host(n)), calling=title))
        for n in range(4)
        for m, title in enumerate((b"CT1", b"STORESCU"))
    ]


@scenario
def flood() -> list[Conversation]:
    """80 associations of one host in a second."""
    return [
        released(associated(Conversation(orig_port=30000 + n, time=1700000000.0 + n / 80)))
        for n in range(80)
    ]


@scenario
def echo_scan() -> list[Conversation]:
    """C-ECHO to twelve endpoints."""
    result = []
    for n in range(12):
        c = associated(following(n, resp=host(100 + n)), t.VERIFICATION)
        c.send(0, t.message(t.command_set(t.ECHO_RQ))).send(1, t.response(t.ECHO_RQ))
        result.append(released(c))
    return result


@scenario
def becomes_slow() -> list[Conversation]:
    """302 C-ECHO answered in milliseconds; a quarter of an hour later 30 in two seconds each."""
    result = []
    for begin, number, after in ((0, 300, 0.005), (60, 2, 0.005), (900, 30, 2.0)):
        c = associated(following(begin), t.VERIFICATION)
        for _ in range(number):
            c.send(0, t.message(t.command_set(t.ECHO_RQ))).wait(after).send(
                1, t.response(t.ECHO_RQ)
            )
        result.append(released(c))
    return result


@scenario
def paused_series() -> list[Conversation]:
    """Images of a series, which the parser does not see one by one, with known times."""
    c = associated()
    for number in range(6):
        c.wait(0.1).send(0, t.store(PIXELS)).wait(0.02 * (number + 1))
        c.send(1, t.response(t.STORE_RQ, t.CT_STORAGE))
    return [released(c)]


@scenario
def two_senders() -> list[Conversation]:
    """Two hosts store; an inventory knows one of them."""
    result = []
    for n, orig in enumerate(("10.1.0.10", "10.1.0.66")):
        c = associated(following(n, orig=orig), calling=b"CT%d" % n).send(0, t.store(PIXELS))
        result.append(released(c.send(1, t.response(t.STORE_RQ, t.CT_STORAGE))))
    return result


@scenario
def same_again() -> list[Conversation]:
    """Four associations that say the same of their endpoints; the first ends as the third."""
    first = associated(following(0)).wait(60)
    return [released(first), *(released(associated(following(n))) for n in (10, 20, 100))]


@scenario
def hospital() -> list[Conversation]:
    """A CT, a PACS, a worklist, a printer and a workstation: one of each category."""
    worklist, print_meta = b"1.2.840.10008.5.1.4.31", b"1.2.840.10008.5.1.1.9"
    ct, pacs, mwl, printer, viewer = "10.1.0.10", "10.1.0.20", "10.1.0.30", "10.1.0.40", "10.1.0.50"
    stored = associated(following(0, orig=ct, resp=pacs), called=b"PACS").send(0, t.store(PIXELS))
    stored.send(1, t.response(t.STORE_RQ, t.CT_STORAGE))
    listed = associated(following(1, orig=ct, resp=mwl), worklist, called=b"MWL")
    listed.send(0, t.message(t.command_set(t.FIND_RQ, worklist, data=t.DATA_SET), b"today"))
    found = associated(
        following(2, orig=viewer, resp=pacs),
        t.STUDY_FIND,
        t.STUDY_MOVE,
        called=b"PACS",
        calling=b"VIEW",
    )
    found.send(0, t.message(t.command_set(t.FIND_RQ, t.STUDY_FIND, data=t.DATA_SET), b"all"))
    moved = associated(following(3, orig=pacs, resp=viewer), called=b"VIEW", calling=b"PACS")
    moved.send(0, t.store(PIXELS)).send(1, t.response(t.STORE_RQ, t.CT_STORAGE))
    printed = associated(
        following(4, orig=viewer, resp=printer), print_meta, called=b"FILM", calling=b"VIEW"
    )
    again = associated(following(5, orig=ct, resp=pacs), called=b"PACS").send(0, t.store(PIXELS))
    again.send(1, t.response(t.STORE_RQ, t.CT_STORAGE))
    return [released(c) for c in (stored, listed, found, moved, printed, again)]


# Two sensors that see one hospital


def sensor(first: int) -> list[Conversation]:
    """Return six C-ECHOs and one C-STORE; time goes on until all is over."""
    sop_class = t.CT_STORAGE if first else b"1.2.840.10008.5.1.4.1.1.4"
    result = []
    for n in range(6):
        c = associated(following(first + n, resp=host(100 + first + n)), t.VERIFICATION)
        c.send(0, t.message(t.command_set(t.ECHO_RQ))).send(1, t.response(t.ECHO_RQ))
        result.append(released(c))
    c = associated(following(first + 7), sop_class)
    c.send(0, t.message(t.command_set(t.STORE_RQ, sop_class, data=t.DATA_SET), PIXELS))
    result.append(released(c.send(1, t.response(t.STORE_RQ, sop_class))))
    late = Conversation(orig="10.1.0.1", resp="10.1.0.2", resp_port=80, time=1700000600.0)
    return [*result, late.open().close()]


@scenario
def sensor_1() -> list[Conversation]:
    """What the first worker sees."""
    return sensor(0)


@scenario
def sensor_2() -> list[Conversation]:
    """What the second worker sees."""
    return sensor(10)


# Other protocols of hospitals


@scenario
def hl7() -> list[Conversation]:
    """HL7 over MLLP on its port and on another."""
    adt = b"\x0bMSH|^~\\&|HIS|H|RIS|R|20240101||ADT^A01|1|P|2.5\rPID|||4711||DOE^JANE\r\x1c\r"
    orm = (
        b"\x0bMSH|^~\\&|HIS|H|RIS|R|20240101||ORM^O01^ORM_O01|2|P|2.5\rPID|||4711||DOE^JANE\r\x1c\r"
    )
    ack = b"\x0bMSH|^~\\&|RIS|R|HIS|H|20240101||ACK|1|P|2.5\rMSA|AA|1\r\x1c\r"
    result = []
    for n, port in enumerate((2575, 6661)):
        c = following(n, resp_port=port).open()
        for text in (adt, adt, orm):
            c.send(0, text, size=40 if n else None).send(1, ack)
        result.append(c.close())
    not_hl7 = (
        following(5, resp_port=2575).open().send(0, b"\x0bHELLO").send(1, b"GET / HTTP/1.0\r\n\r\n")
    )
    return [*result, not_hl7.close()]


def multipart(*bodies: bytes) -> bytes:
    """Return a multipart/related body of DICOM objects."""
    parts = b"".join(
        b"--b\r\nContent-Type: application/dicom\r\n\r\n" + body + b"\r\n" for body in bodies
    )
    return parts + b"--b--\r\n"


@scenario
def dicomweb() -> list[Conversation]:
    """STOW, QIDO, WADO by RS and by URI, UPS, and a page that is none of them."""
    part10 = bytes(128) + b"DICM" + PIXELS[:500]
    related = b'multipart/related; type="application/dicom"; boundary=b'
    json = b"HTTP/1.1 200 OK\r\nContent-Type: application/dicom+json\r\nContent-Length: 2\r\n\r\n[]"
    page = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 2\r\n\r\nok"
    body = multipart(part10, part10)
    objects = b"HTTP/1.1 200 OK\r\nContent-Type: %b\r\nContent-Length: %d\r\n\r\n%b" % (
        related,
        len(body),
        body,
    )
    head = b"POST /dicom-web/studies HTTP/1.1\r\nHost: p\r\n"
    stow = head + b"Content-Type: %b\r\nContent-Length: %d\r\n\r\n" % (related, len(body)) + body
    gets = [
        (b"/dicom-web/studies?PatientName=DOE*&limit=5", b"application/dicom+json", json),
        (b"/dicom-web/studies/1.2.840.1/series/1.2.840.2/instances/1.2.840.3", related, objects),
        (b"/wado?requestType=WADO&studyUID=1.2.840.1&objectUID=1.2.840.3", b"*/*", page),
        (
            b"/dicom-web/workitems?ScheduledProcedureStepStartDateTime=1",
            b"application/dicom+json",
            json,
        ),
        (b"/university/studies", b"text/html", page),
    ]
    pairs = [(stow, json)]
    for uri, accept, answer in gets:
        request = b"GET %b HTTP/1.1\r\nHost: p\r\nAccept: %b\r\n\r\n" % (uri, accept)
        pairs.append((request, answer))
    result = []
    for n, (request, answer) in enumerate(pairs):
        c = following(n, resp_port=8042).open().send(0, request).send(1, answer)
        result.append(c.close())
    return result


@scenario
def program_files() -> list[Conversation]:
    """DICOM files over HTTP: one plain, one that is a Windows program, too, one a script."""
    answers = []
    for head in (bytes(128), b"MZ\x90\x00\n" + bytes(123), b"#!/bin/sh\n" + b"x" * 118):
        body = head + b"DICM" + PIXELS[:5000]
        answers.append(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
    request = b"GET /image.dcm HTTP/1.1\r\nHost: p\r\n\r\n"
    return [
        following(n, resp_port=80).open().send(0, request).send(1, answer).close()
        for n, answer in enumerate(answers)
    ]


def main() -> int:
    """Write one capture."""
    name, path = sys.argv[1:]
    t.write(path, SCENARIOS[name]())
    return 0


if __name__ == "__main__":
    sys.exit(main())
