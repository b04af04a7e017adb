"""Associations with known times, as captures: the same for both taggers."""

from __future__ import annotations

import struct
import sys
from typing import TYPE_CHECKING, Self

from tests.conftest import ROOT

if TYPE_CHECKING:
    from pathlib import Path

sys.path.insert(0, str(ROOT / "zeek_scripts" / "testing" / "Scripts"))

import traffic as t

FIND_RSP = t.FIND_RQ | t.RSP
STUDY = t.STUDY_FIND


class Timed(t.Conversation):
    """A conversation each of whose segments comes so many seconds after the frame before it."""

    def __init__(self, **how: object) -> None:
        super().__init__(step=0.0, **how)  # type: ignore[arg-type]
        self.window = [65535, 65535]

    def wait(self, seconds: float) -> Self:
        """Let time pass, to the microsecond."""
        self.time = round(self.time + seconds, 6)
        return self

    def say(self, side: int, data: bytes, after: float = 0.0) -> Self:
        """Send one segment, not acknowledged."""
        self.wait(after)
        self.frame(side, t.PSH | t.ACK, data)
        self._next[side] += len(data)
        return self

    def ack(self, side: int, after: float = 0.0) -> Self:
        """Acknowledge what came."""
        self.wait(after)
        self.frame(side, t.ACK)
        return self

    def shake(self, there: float = 0.0, back: float = 0.0) -> Self:
        """Shake hands; SYN-ACK and the acknowledgment come so many seconds later."""
        self.frame(0, t.SYN)
        self._next[0] += 1
        self.wait(there)
        self.frame(1, t.SYN | t.ACK)
        self._next[1] += 1
        return self.ack(0, back)

    def begin(self, setup: float = 0.003, extra: bytes = b"") -> Self:
        """Open the connection (4 ms round trip) and the association."""
        self.shake(0.001, 0.003)
        contexts = [t.VERIFICATION, t.CT_STORAGE, STUDY, t.STUDY_MOVE, t.STUDY_GET]
        self.say(0, t.associate_rq(contexts, extra=extra), 0.001)
        return self.say(1, t.associate_ac([0] * 5, extra=extra), setup)

    def end(self, after: float = 0.001) -> Self:
        """Release the association and close the connection."""
        self.say(0, t.RELEASE_RQ, after).say(1, t.RELEASE_RP, 0.001)
        self.step = 0.001
        self.close()
        return self

    def frame(self, side: int, flags: int, data: bytes = b"", seq: int | None = None) -> None:
        """Append one frame, with the window of its side."""
        super().frame(side, flags, data, seq)
        when, frame = self.frames[-1]
        if self.window[side] != 65535:
            changed = bytearray(frame)
            changed[48:50] = struct.pack(">H", self.window[side])
            self.frames[-1] = (when, bytes(changed))


def ask(command: int, sop: bytes = t.VERIFICATION, number: int = 1) -> bytes:
    """Return a request without a data set."""
    return t.message(t.command_set(command, sop, number=number))


def query(command: int, sop: bytes, number: int = 1, size: int = 40) -> tuple[bytes, bytes]:
    """Return a request's command and its identifier, as two PDUs."""
    whole = t.message(t.command_set(command, sop, number=number, data=t.DATA_SET), bytes(size))
    first = 6 + struct.unpack(">I", whole[2:6])[0]
    return whole[:first], whole[first:]


def answer(command: int, sop: bytes = t.VERIFICATION, number: int = 1, status: int = 0) -> bytes:
    """Return a response without a data set."""
    return t.message(t.command_set(command | t.RSP, sop, number=number, status=status))


def stored(size: int, number: int = 1, pdu: int = 16376) -> tuple[bytes, bytes]:
    """Return a C-STORE-RQ's command and its object."""
    command = t.command_set(t.STORE_RQ, t.CT_STORAGE, number=number, data=t.DATA_SET)
    whole = t.message(command, bytes(size), size=pdu)
    first = 6 + struct.unpack(">I", whole[2:6])[0]
    return whole[:first], whole[first:]


def echo() -> tuple[Timed, list[dict[str, object]]]:
    """Three C-ECHO with 2, 5 and 2.5 ms, and pauses of 10 and 100 ms between them."""
    c = Timed().begin()
    for number, (pause, response) in enumerate([(0.5, 0.002), (0.01, 0.005), (0.1, 0.0025)]):
        c.say(0, ask(t.ECHO_RQ, number=number), pause)
        c.say(1, answer(t.ECHO_RQ, number=number), response)
    row = {
        "operation": "echo", "requestor": "orig", "count": 3, "failed": 0, "data_sets": 0,
        "data_bytes": 0, "data_time": None, "pause_time": 0.11, "response_min": 0.002,
        "response_mean": 0.003167, "response_max": 0.005, "response_times": "0,0,2,1",
        "first_response_mean": None, "outstanding": 1, "ops_window": 1, "setup_time": 0.003,
        "round_trip": 0.004, "orig_closed_time": 0.0, "resp_closed_time": 0.0, "tls": "F",
    }  # fmt: skip
    return c.end(), [row]


def store() -> tuple[Timed, list[dict[str, object]]]:
    """Two objects: 300 kB in 96 ms, answered after 30 ms; one in a single segment."""
    c = Timed().begin()
    command, data = stored(300_000)
    c.say(0, command, 0.02)
    pieces = [data[at : at + 3200] for at in range(0, len(data), 3200)]
    for piece in pieces:
        c.say(0, piece, 0.001).ack(1)
    c.say(1, answer(t.STORE_RQ, t.CT_STORAGE), 0.03)
    command, data = stored(500, 2)
    c.say(0, command, 0.001).say(0, data, 0.0005)
    c.say(1, answer(t.STORE_RQ, t.CT_STORAGE, 2, 0xA700), 0.25)
    row = {
        "operation": "store", "count": 2, "failed": 1, "data_sets": 2, "data_pdvs": 20,
        "data_bytes": 300_500, "data_time": len(pieces) * 0.001 + 0.0005, "silent_time": 0.0,
        "ack_wait_time": 0.0, "pause_time": 0.001, "response_min": 0.03, "response_mean": 0.14,
        "response_max": 0.25, "response_times": "0,0,0,0,0,1,0,0,1",
    }  # fmt: skip
    return c.end(), [row]


def silences() -> tuple[Timed, list[dict[str, object]]]:
    """An object whose sender pauses 30 ms by itself, and waits 40 ms for an acknowledgment."""
    c = Timed().begin()
    command, data = stored(8000)
    c.say(0, command, 0.01)
    c.say(0, data[:2000], 0.001).ack(1, 0.001)
    c.say(0, data[2000:4000], 0.030)  # by itself: 29 ms after the acknowledgment
    c.ack(1, 0.040).say(0, data[4000:6000], 0.004)  # the acknowledgment was late
    c.say(0, data[6000:], 0.019)  # short of a silence
    c.say(1, answer(t.STORE_RQ, t.CT_STORAGE), 0.001)
    row = {
        "operation": "store", "data_time": 0.095, "silent_time": 0.075, "ack_wait_time": 0.044,
        "response_mean": 0.001,
    }  # fmt: skip
    return c.end(), [row]


def find() -> tuple[Timed, list[dict[str, object]]]:
    """Two queries: three results, the first after 70 ms; none, after 8 ms."""
    c = Timed().begin()
    command, data = query(t.FIND_RQ, STUDY)
    c.say(0, command, 0.01).say(0, data, 0.002)
    for number in range(3):
        pending = t.command_set(FIND_RSP, STUDY, status=0xFF00, data=t.DATA_SET)
        c.say(1, t.message(pending, bytes(60)), 0.07 if number == 0 else 0.01)
    c.say(1, answer(t.FIND_RQ, STUDY), 0.01)
    command, data = query(t.FIND_RQ, STUDY, 2)
    c.say(0, command + data, 1.0)
    c.say(1, answer(t.FIND_RQ, STUDY, 2), 0.008)
    row = {
        "operation": "find", "count": 2, "data_sets": 5, "data_bytes": 2 * 40 + 3 * 60,
        "data_time": 0.002, "pause_time": 1.0, "response_min": 0.008, "response_max": 0.1,
        "response_times": "0,0,0,0,1,0,0,1", "first_response_mean": 0.039,
        "first_response_max": 0.07,
    }  # fmt: skip
    return c.end(), [row]


def get() -> tuple[Timed, list[dict[str, object]]]:
    """A C-GET whose object comes from the other side, which the requestor acknowledges in 6 ms."""
    c = Timed().begin()
    command, data = query(t.GET_RQ, t.STUDY_GET, 7)
    c.say(0, command + data, 0.01)
    command, data = stored(20_000, 1)
    c.say(1, command, 0.1).say(1, data, 0.02)
    c.say(0, answer(t.STORE_RQ, t.CT_STORAGE), 0.006)
    c.say(1, answer(t.GET_RQ, t.STUDY_GET, 7), 0.001)
    rows = [
        {"operation": "store", "requestor": "resp", "count": 1, "data_bytes": 20_000,
         "data_time": 0.02, "response_mean": 0.006},
        {"operation": "get", "requestor": "orig", "response_mean": 0.127,
         "first_response_mean": 0.127, "data_bytes": 40},
    ]  # fmt: skip
    return c.end(), rows


def move_cancelled() -> tuple[Timed, list[dict[str, object]]]:
    """A C-MOVE with one pending response after 50 ms, cancelled; another that fails."""
    c = Timed().begin()
    command, data = query(t.MOVE_RQ, t.STUDY_MOVE)
    c.say(0, command + data, 0.01)
    c.say(1, answer(t.MOVE_RQ, t.STUDY_MOVE, status=0xFF00), 0.05)
    cancel = t.message(t.command_set(t.CANCEL_RQ, t.STUDY_MOVE))
    c.say(0, cancel, 0.1).say(1, answer(t.MOVE_RQ, t.STUDY_MOVE, status=0xFE00), 0.3)
    command, data = query(t.MOVE_RQ, t.STUDY_MOVE, 2)
    c.say(0, command + data, 0.2)
    c.say(1, answer(t.MOVE_RQ, t.STUDY_MOVE, 2, 0xA801), 0.012)
    row = {
        "operation": "move", "count": 2, "failed": 1, "response_times": "0,0,0,0,1",
        "response_max": 0.012, "first_response_max": 0.05, "first_response_mean": 0.031,
        "pause_time": 0.2,
    }  # fmt: skip
    return c.end(), [row]


def several() -> tuple[Timed, list[dict[str, object]]]:
    """Three C-ECHO under way at once, where four may be; one Message ID is used twice."""
    window = t.item(0x53, struct.pack(">HH", 4, 2))
    c = Timed().begin(extra=window)
    for number in (1, 2, 3):
        c.say(0, ask(t.ECHO_RQ, number=number), 0.001)
    c.say(1, answer(t.ECHO_RQ, number=2), 0.01)
    c.say(1, answer(t.ECHO_RQ, number=1), 0.01)
    c.say(1, answer(t.ECHO_RQ, number=3), 0.01)
    c.say(0, ask(t.ECHO_RQ, number=9), 0.05).say(0, ask(t.ECHO_RQ, number=9), 0.001)
    c.say(1, answer(t.ECHO_RQ, number=9), 0.01).say(1, answer(t.ECHO_RQ, number=9), 0.01)
    c.say(0, ask(t.ECHO_RQ, number=9), 0.02).say(1, answer(t.ECHO_RQ, number=9), 0.1)
    row = {
        "operation": "echo", "count": 6, "outstanding": 3, "ops_window": 4,
        "response_times": "0,0,0,0,1,2,0,1", "response_min": 0.011, "response_max": 0.1,
        "pause_time": 0.07,
    }  # fmt: skip
    return c.end(), [row]


def closed_window() -> tuple[Timed, list[dict[str, object]]]:
    """A receiver that closes its window for 400 ms amid an object, and a sender's for 20 ms."""
    c = Timed().begin()
    command, data = stored(6000)
    c.say(0, command + data[:3000], 0.01)
    c.window[1] = 0
    c.ack(1, 0.001).ack(1, 0.1)
    c.window[1] = 4000
    c.ack(1, 0.3).say(0, data[3000:], 0.001)
    c.window[0] = 0
    c.ack(0, 0.01)
    c.window[0] = 500
    c.ack(0, 0.02).say(1, answer(t.STORE_RQ, t.CT_STORAGE), 0.01)
    row = {
        "operation": "store", "data_time": 0.402, "silent_time": 0.402, "ack_wait_time": 0.402,
        "orig_closed_time": 0.02, "resp_closed_time": 0.4, "response_mean": 0.04,
    }  # fmt: skip
    return c.end(), [row]


def sent_again() -> tuple[Timed, list[dict[str, object]]]:
    """A request that is sent again counts from its first copy; the SYN, too, was sent again."""
    c = Timed()
    c.frame(0, t.SYN)
    c.wait(1.0).begin()
    request = ask(t.ECHO_RQ)
    c.say(0, request, 0.01).wait(0.2)
    c.frame(0, t.PSH | t.ACK, request, c._next[0] - len(request))
    c.say(1, answer(t.ECHO_RQ), 0.003)
    row = {
        "operation": "echo", "count": 1, "response_mean": 0.203, "round_trip": None,
        "setup_time": 0.003,
    }  # fmt: skip
    return c.end(), [row]


def late_bytes() -> tuple[Timed, list[dict[str, object]]]:
    """A request waits for a part of it; a response, for bytes that the network lost."""
    c = Timed().begin()
    request = ask(t.ECHO_RQ)
    first, rest = request[:20], request[20:]
    c.wait(0.01)
    c.frame(0, t.PSH | t.ACK, rest, c._next[0] + len(first))
    c.wait(0.1)
    c.frame(0, t.PSH | t.ACK, first)
    c._next[0] += len(request)
    c.say(1, answer(t.ECHO_RQ), 0.004)
    c.say(0, ask(t.ECHO_RQ, number=2), 0.01)
    response = answer(t.ECHO_RQ, number=2)
    c.wait(0.003)
    c.frame(1, t.PSH | t.ACK, response[20:], c._next[1] + 20)
    c.wait(0.25)
    c.frame(1, t.PSH | t.ACK, response[:20])
    c._next[1] += len(response)
    row = {"operation": "echo", "count": 2, "response_times": "0,0,0,1", "response_max": 0.004}
    return c.end(), [row]


def before_the_end() -> tuple[Timed, list[dict[str, object]]]:
    """A C-STORE that is refused before its object has come, and a response to nothing."""
    c = Timed().begin()
    command, data = stored(4000)
    c.say(0, command + data[:2000], 0.01)
    c.say(1, answer(t.STORE_RQ, t.CT_STORAGE, status=0xA700), 0.001)
    c.say(0, data[2000:], 0.5)
    c.say(1, answer(t.ECHO_RQ, number=44), 0.1)
    c.say(1, answer(t.STORE_RQ, t.CT_STORAGE, number=44), 0.1)
    row = {
        "operation": "store", "count": 1, "failed": 1, "data_sets": 1, "data_bytes": 4000,
        "response_times": None, "response_min": None, "response_mean": None, "outstanding": 1,
    }  # fmt: skip
    return c.end(), [row]


def lost() -> tuple[Timed, list[dict[str, object]]]:
    """Bytes of an object are missing: neither it nor its answer has a time; what follows has."""
    c = Timed().begin()
    command, data = stored(9000)
    c.say(0, command + data[:3000], 0.01)
    c.lose(0, 3000)
    c.say(0, data[6000:], 0.02).ack(1, 0.001)
    c.say(1, answer(t.STORE_RQ, t.CT_STORAGE), 0.1)
    command, data = stored(1000, 2)
    c.say(0, command + data, 0.1).say(1, answer(t.STORE_RQ, t.CT_STORAGE, 2), 0.02)
    row = {
        "operation": "store", "count": 2, "failed": 0, "data_sets": 1, "data_bytes": 1000,
        "response_times": "0,0,0,0,0,1", "response_max": 0.02,
    }  # fmt: skip
    return c.end(), [row]


def lost_on_the_way() -> tuple[Timed, list[dict[str, object]]]:
    """Segments of an object come again: one amid it, its last one after what follows it."""
    c = Timed().begin()
    command, data = stored(8000)
    c.say(0, command, 0.01)
    first = c._next[0]
    pieces = [data[at : at + 1400] for at in range(0, len(data), 1400)]
    order = [(0, 0.002), (2, 0.002), (3, 0.002), (1, 0.06), (4, 0.002), (5, 0.08)]
    for number, after in order:
        c.wait(after)
        c.frame(0, t.PSH | t.ACK, pieces[number], first + 1400 * number)
        c.ack(1)
    c._next[0] = first + len(data)
    c.say(1, answer(t.STORE_RQ, t.CT_STORAGE), 0.03)
    row = {
        "operation": "store", "data_sets": 1, "data_bytes": 8000, "data_time": 0.148,
        "response_times": "0,0,0,0,0,1", "response_max": 0.03, "orig_resent": 1, "resp_resent": 0,
        "silent_time": 0.08,
    }  # fmt: skip
    return c.end(), [row]


def end_lost_on_the_way() -> tuple[Timed, list[dict[str, object]]]:
    """The segment before the last one comes after it: the object is whole then, and not before."""
    c = Timed().begin()
    command, data = stored(4200)
    c.say(0, command, 0.01)
    first = c._next[0]
    for at, end, after in ((0, 1400, 0.002), (2800, len(data), 0.002), (1400, 2800, 0.3)):
        c.wait(after)
        c.frame(0, t.PSH | t.ACK, data[at:end], first + at)
    c._next[0] = first + len(data)
    c.ack(1, 0.001).say(1, answer(t.STORE_RQ, t.CT_STORAGE), 0.009)
    row = {
        "operation": "store", "data_sets": 1, "data_bytes": 4200, "data_time": 0.304,
        "response_max": 0.01, "response_times": "0,0,0,0,1", "orig_resent": 1,
    }  # fmt: skip
    return c.end(), [row]


def two_associations() -> tuple[Timed, list[dict[str, object]]]:
    """Two associations on one connection: what was measured is that of each."""
    c = Timed().begin()
    c.say(0, ask(t.ECHO_RQ), 0.01).say(1, answer(t.ECHO_RQ), 0.002)
    c.say(0, t.RELEASE_RQ, 0.01).say(1, t.RELEASE_RP, 0.001)
    c.say(0, t.associate_rq([t.VERIFICATION]), 0.5).say(1, t.associate_ac(), 0.009)
    c.say(0, ask(t.ECHO_RQ), 0.01).say(1, answer(t.ECHO_RQ), 0.02)
    rows = [
        {"operation": "echo", "response_mean": 0.002, "setup_time": 0.003, "pause_time": 0.0},
        {"operation": "echo", "response_mean": 0.02, "setup_time": 0.009, "pause_time": 0.0},
    ]
    return c.end(), rows


def both_ask() -> tuple[Timed, list[dict[str, object]]]:
    """N-ACTION of one side, N-EVENT-REPORT of the other."""
    commitment = b"1.2.840.10008.1.20.1"
    c = Timed().begin()
    c.say(0, ask(0x0130, commitment), 0.01).say(1, answer(0x0130, commitment), 0.002)
    c.say(1, ask(0x0100, commitment), 0.3).say(0, answer(0x0100, commitment), 0.008)
    rows = [
        {"operation": "n", "requestor": "orig", "count": 1, "response_mean": 0.002},
        {"operation": "n", "requestor": "resp", "count": 1, "response_mean": 0.008},
    ]
    return c.end(), rows


def many() -> tuple[Timed, list[dict[str, object]]]:
    """2,000 requests under way at once, and their responses."""
    c = Timed().begin()
    for number in range(2000):
        c.say(0, ask(t.ECHO_RQ, number=number), 0.00001)
    for number in range(2000):
        c.say(1, answer(t.ECHO_RQ, number=number), 0.00001)
    row = {"operation": "echo", "count": 2000, "outstanding": 2000, "failed": 0}
    return c.end(), [row]


def clock_back() -> tuple[Timed, list[dict[str, object]]]:
    """The clock steps back by 5 s while a request is under way."""
    c = Timed().begin()
    c.say(0, ask(t.ECHO_RQ), 0.01).say(1, answer(t.ECHO_RQ), -5.0)
    c.say(0, ask(t.ECHO_RQ, number=2), 0.01).say(1, answer(t.ECHO_RQ, number=2), 0.004)
    row = {"operation": "echo", "count": 2, "response_times": "0,0,0,1", "pause_time": 0.01}
    return c.end(), [row]


def no_start() -> tuple[Timed, list[dict[str, object]]]:
    """Neither request nor acceptance was seen."""
    c = Timed()
    for number in range(3):
        c.say(0, ask(t.ECHO_RQ, number=number), 0.01)
        c.say(1, answer(t.ECHO_RQ, number=number), 0.004)
    return c.end(), []


def encrypted() -> tuple[Timed, list[dict[str, object]]]:
    """TLS on a DICOM port: two objects of five segments, a silence amid one, and their answers."""
    hello, record = b"\x16\x03\x01\x02\x00\x01" + bytes(500), b"\x17\x03\x03" + bytes(1300)
    c = Timed(resp_port=2762)
    c.shake(0.001, 0.003)
    c.say(0, hello, 0.001).say(1, b"\x16\x03\x03" + bytes(1200), 0.005).say(1, record, 0.001)
    c.say(0, b"\x14\x03\x03\x00\x01\x01" + bytes(70), 0.002)
    for pause in (0.001, 0.030):
        c.wait(0.2)
        for number in range(5):
            c.say(0, record, pause if number == 3 else 0.001).ack(1)
        c.say(1, bytes(100), 0.05)
    c.say(0, record, 0.1).wait(0.3)
    c.frame(0, t.PSH | t.ACK, record, c._next[0] - len(record))  # sent again
    c.step = 0.001
    c.close()
    of_all = {
        "operation": "tls", "count": 1, "failed": 0, "setup_time": 0.008, "round_trip": 0.004,
        "response_times": None, "orig_resent": 1, "resp_resent": 0, "tls": "T", "pause_time": None,
    }  # fmt: skip
    size = len(record)
    rows = [
        {**of_all, "requestor": "orig", "data_sets": 2, "data_bytes": 9 * size,
         "data_time": 0.201 + 0.004 + 0.003 + 0.030, "silent_time": 0.201 + 0.030},
        {**of_all, "requestor": "resp", "data_sets": 1, "data_bytes": size, "data_time": 0.001,
         "silent_time": 0.0},
    ]  # fmt: skip
    return c, rows


def encrypted_elsewhere() -> tuple[Timed, list[dict[str, object]]]:
    """TLS on a port that is not DICOM's: nothing is told."""
    c = Timed(resp_port=443)
    c.shake(0.001, 0.003)
    c.say(0, b"\x16\x03\x01\x02\x00\x01" + bytes(500), 0.001).say(1, bytes(100), 0.01)
    c.step = 0.001
    c.close()
    return c, []


def encrypted_with_a_gap() -> tuple[Timed, list[dict[str, object]]]:
    """TLS of which bytes are missing."""
    c = Timed(resp_port=2762)
    c.shake(0.001, 0.003)
    c.say(0, b"\x16\x03\x01\x02\x00\x01" + bytes(500), 0.001).say(1, bytes(100), 0.01)
    c.say(0, bytes(1000), 0.001).lose(0, 400)
    c.say(0, bytes(1000), 0.001).ack(1, 0.001).say(1, bytes(50), 0.001)
    c.step = 0.001
    c.close()
    return c, []


SCENARIOS = {
    made.__name__: made
    for made in (
        echo, store, silences, find, get, move_cancelled, several, closed_window,
        sent_again, late_bytes, before_the_end, lost, lost_on_the_way, end_lost_on_the_way,
        two_associations, both_ask, many, clock_back, no_start, encrypted, encrypted_elsewhere,
        encrypted_with_a_gap,
    )
}  # fmt: skip


def write(path: Path, name: str) -> list[dict[str, object]]:
    """Write a scenario's capture, in the order of its frames; return the rows that it gives."""
    made, rows = SCENARIOS[name]()
    with path.open("wb") as out:
        out.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 1))
        for when, data in made.frames:
            micro = round(when * 1e6)
            size = len(data)
            out.write(struct.pack("<IIII", micro // 10**6, micro % 10**6, size, size) + data)
    return rows
