"""Says where the time of some operations went: server, network, sender or receiver, and why.

Estimates from sums of seconds, by the rules in docs/speed.md. A round trip is part of each
operation: of its response time where the capture was made near the client, of the pause after it
where it was made near the server.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pacsflow.ledger.response_times import OperationTimes

NEAR = 0.9
"""Where no response time is below so many round trips, each holds one."""
SHORT_TRIP = 0.01
"""Seconds: a shorter round trip explains no silence of 20 ms."""
CLOSED = 0.1
"""Share of the time in which data flowed: with its window closed longer, the receiver is slow."""
PATTERN = 0.5
"""Share of all time that a pattern has to explain."""
SINGLE = 0.8
"""Share of associations for one request alone, from which on they are opened for every image."""
RESENT = 0.005
"""Segments that came again, of those with data, from which on losses are named."""
SEGMENT = 1400
"""Bytes of a segment, about."""
STEPS = ((0.038, 0.06), (0.195, 0.26))
"""Seconds after which a delayed acknowledgment comes (40 and 200 ms), with what is done then."""


@dataclass(frozen=True, slots=True)
class Where:
    """Seconds by who took them, and a pattern that explains most of them.

    Parameters
    ----------
    server
        From request to response, without the network's part.
    network
        Round trips, set-up, and bytes on their way.
    sender
        Pauses between operations and silences within data sets.
    receiver
        With a closed window, and what waited for it.
    why
        ``association-each``, ``losses``, ``round-trips``, ``delayed-acknowledgments`` or empty.
    """

    server: float
    network: float
    sender: float
    receiver: float
    why: str = ""

    @property
    def seconds(self) -> float:
        """Return all of them."""
        return self.server + self.network + self.sender + self.receiver

    @property
    def most(self) -> str:
        """Return who took most of them; empty where no time passed."""
        parts = {part: getattr(self, part) for part in ("server", "network", "sender", "receiver")}
        return max(parts, key=lambda part: parts[part]) if self.seconds > 0 else ""


def where(times: OperationTimes) -> Where:
    """Return where the time went."""
    trip = times.mean("round_trip_seconds", "round_trips") or 0.0
    responses, pauses, trips = _without_trips(times, trip)
    accepting, calls = _setup(times, trip)
    flow, silences, waits, closed = _flow(times)
    why = _why(times, trip, accepting + calls, waits)
    receiver, sender, network = closed, pauses + silences, trips + calls
    if closed and closed >= CLOSED * flow:
        receiver = flow - silences
    elif why == "delayed-acknowledgments":
        sender += waits
    network += max(flow - silences - receiver - (sender - pauses - silences), 0.0)
    return Where(responses + accepting, network, sender, receiver, why)


def _without_trips(times: OperationTimes, trip: float) -> tuple[float, float, float]:
    """Return seconds of responses and pauses without the round trips in them, and these."""
    response = times.seconds["response_seconds"] or 0.0
    pauses = times.seconds["pause_seconds"] or 0.0
    least = times.seconds["response_min"]
    if least is not None and least >= NEAR * trip:
        trips = min(response, trip * times.counts["timed"])
        return response - trips, pauses, trips
    between = max(times.counts["count"] - times.counts["associations"], 0)
    trips = min(pauses, trip * between)
    return response, pauses - trips, trips


def _setup(times: OperationTimes, trip: float) -> tuple[float, float]:
    """Return seconds in which servers accepted associations, and those of round trips for it.

    Handshake, negotiation and release cost one each; in what was seen the second is or is not.
    """
    seconds, trips = times.seconds["setup_seconds"] or 0.0, trip * times.counts["setups"]
    holds_one = (times.mean("setup_seconds", "setups") or 0.0) >= NEAR * trip
    accepting = max(seconds - trips, 0.0) if holds_one else seconds
    return accepting, 3 * trip * times.counts["opened"]


def _flow(times: OperationTimes) -> tuple[float, float, float, float]:
    """Return seconds of flow, and in them of unexplained silences, waits, and closed windows."""
    flow = times.seconds["data_seconds"] or 0.0
    silent = min(times.seconds["silent_seconds"] or 0.0, flow)
    waits = min(times.seconds["ack_wait_seconds"] or 0.0, silent)
    closed = min(times.seconds["server_closed_seconds"] or 0.0, flow)
    return flow, silent - max(waits, min(closed, silent)), max(waits - closed, 0.0), closed


def _why(times: OperationTimes, trip: float, setup: float, waits: float) -> str:
    seconds, counts = times.seconds, times.counts
    whole = sum(
        seconds[name] or 0.0 for name in ("response_seconds", "data_seconds", "pause_seconds")
    )
    alone = counts["single"] >= SINGLE * counts["associations"] and counts["associations"] > 1
    if alone and setup >= PATTERN * (whole + setup):
        return "association-each"
    if counts["resent"] > max(3, RESENT * counts["data_bytes"] / SEGMENT):
        return "losses"
    if trip < SHORT_TRIP and whole > 0:
        delayed = waits + _in_steps(times) >= PATTERN * whole
        return "delayed-acknowledgments" if delayed else ""
    return "round-trips" if trip * counts["count"] + waits >= PATTERN * whole > 0 else ""


def _in_steps(times: OperationTimes) -> float:
    """Return the seconds of responses, where nearly all of them took a delayed acknowledgment."""
    least, mean = times.seconds["response_min"], times.mean("response_seconds", "timed")
    if least is None or mean is None:
        return 0.0
    in_steps = any(low <= least and mean <= high for low, high in STEPS)
    return times.seconds["response_seconds"] or 0.0 if in_steps else 0.0
