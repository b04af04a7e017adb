"""Totals estimated from packet samples, each with its 95 % interval.

With w the weight of one sample (its sampling rate for packets, rate times original frame length
for bytes), the total is the sum of w, its relative error ``1.96 sqrt(sum w^2) / sum w``, and the
interval ``total * exp(+-error)``: it cannot reach below zero and holds its coverage down to ten
samples. For packets at one rate the error is the ``196 sqrt(1/c)`` percent of Phaal and Panchen,
"Packet Sampling Basics". For bytes that formula is too narrow, because large frames weigh more.
A sampled count of connections is not a count of connections, and no function here makes one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

Z = 1.959963984540054
"""97.5 % quantile of the normal distribution."""
WIDEST = 0.5
"""An estimate whose interval reaches further from it than by this fraction is marked: it comes from
too few samples. Of packets it takes 24 samples, of bytes more, as their lengths differ."""
UNSEEN = 3.0
"""Upper 95 % bound of the mean of a Poisson count of which none was seen (-ln 0.05 = 3.0)."""


@dataclass(frozen=True, slots=True)
class Total:
    """A total of packets or bytes, estimated from samples.

    Parameters
    ----------
    value
        The estimate.
    lower, upper
        Its 95 % interval.
    samples
        How many samples it comes from.
    """

    value: float
    lower: float
    upper: float
    samples: int

    @property
    def error(self) -> float:
        """Relative distance of the upper end, the one farther away; infinite at zero."""
        return self.upper / self.value - 1 if self.value else math.inf

    @property
    def few(self) -> bool:
        """Whether it comes from too few samples to lean on."""
        return self.error > WIDEST


def from_sums(weights: float, squares: float, samples: int) -> Total:
    """Return a total from sums that a ledger keeps; sums of several sources add up.

    Parameters
    ----------
    weights
        Sum of w over the samples.
    squares
        Sum of w^2.
    samples
        How many there are; at least 1.
    """
    if samples < 1 or weights <= 0:
        raise ValueError("an estimate needs at least one sample; see nothing_seen")
    factor = math.exp(Z * math.sqrt(squares) / weights)
    return Total(weights, weights / factor, weights * factor, samples)


def estimated(weights: float | None, squares: float | None, samples: float | None) -> Total | None:
    """Return the total from a ledger's sums, None where there is no sample to estimate from."""
    if not samples or weights is None or weights <= 0:
        return None
    return from_sums(float(weights), float(squares or 0.0), int(samples))


def nothing_seen(rate: float, length: float = 1.0) -> Total:
    """Return what no sample at a known rate means: zero, but perhaps up to three times the rate.

    Parameters
    ----------
    rate
        The sampling rate.
    length
        The longest frame in bytes for a total of bytes, 1 for packets.
    """
    return Total(0.0, 0.0, UNSEEN * rate * length, 0)
