"""Known traffic, sampled many times: how often the interval holds the truth."""

from __future__ import annotations

import math

import numpy as np
import pytest

from pacsflow.sampling import Total, estimated, from_sums, nothing_seen

TRIALS = 4000


def packets(rates: np.ndarray) -> Total:
    """Return the total of the packets that samples, each at its own rate, stand for."""
    return from_sums(float(rates.sum()), float((rates.astype(float) ** 2).sum()), len(rates))


def octets(rates: np.ndarray, lengths: np.ndarray) -> Total:
    """Return the total of the bytes that samples, each at its own rate, stand for."""
    return packets(rates * lengths)


def traffic(rng: np.random.Generator, n: int) -> np.ndarray:
    """Return frame lengths as imaging traffic has them: full frames, acknowledgements, others."""
    return np.where(
        rng.random(n) < 0.55, 1518, np.where(rng.random(n) < 0.7, 66, rng.integers(64, 1519, n))
    )


@pytest.mark.few(3)
@pytest.mark.parametrize(("rate", "expected"), [(100, 12), (256, 40), (1000, 100), (512, 1000)])
@pytest.mark.parametrize("what", ["packets", "bytes"])
def test_95_percent_intervals_cover_93_to_97_percent(rate: int, expected: int, what: str) -> None:
    rng = np.random.default_rng([rate, expected])
    lengths = traffic(rng, rate * expected)
    truth = len(lengths) if what == "packets" else int(lengths.sum())
    hits = tried = 0
    for count in rng.binomial(len(lengths), 1 / rate, TRIALS):
        if count == 0:
            continue  # what nothing seen means is another test
        tried += 1
        seen = rng.choice(lengths, count)
        rates = np.full(count, rate)
        total = packets(rates) if what == "packets" else octets(rates, seen)
        hits += total.lower <= truth <= total.upper
    assert tried > 0.99 * TRIALS
    assert 0.93 <= hits / tried <= 0.97


def test_several_agents_each_with_its_own_rate() -> None:
    rng = np.random.default_rng(5)
    links = [(50, traffic(rng, 30_000)), (400, traffic(rng, 200_000)), (1000, traffic(rng, 90_000))]
    truth = sum(int(lengths.sum()) for _, lengths in links)
    hits = 0
    for _ in range(TRIALS // 2):
        rates, seen = [], []
        for rate, lengths in links:
            count = rng.binomial(len(lengths), 1 / rate)
            sample = rng.choice(lengths, count)
            seen.append(sample)
            rates.append(np.full(count, rate))
        total = octets(np.concatenate(rates), np.concatenate(seen))
        hits += total.lower <= truth <= total.upper
    assert 0.93 <= hits / (TRIALS // 2) <= 0.97


def test_the_packet_formula_would_be_too_narrow_for_bytes() -> None:
    rng = np.random.default_rng(6)
    lengths = np.where(rng.random(50_000) < 0.1, 9018, 66)
    truth, hits = int(lengths.sum()), 0
    for count in rng.binomial(len(lengths), 1 / 500, TRIALS):
        seen = rng.choice(lengths, count)
        value, error = float(seen.sum()) * 500, 1.96 / math.sqrt(count)
        hits += value * math.exp(-error) <= truth <= value * math.exp(error)
    assert hits / TRIALS < 0.85


def test_packets_at_one_rate_have_the_error_of_phaal_and_panchen() -> None:
    total = packets(np.full(400, 256))
    assert total.value == 400 * 256
    assert math.log(total.upper / total.value) == pytest.approx(1.96 * math.sqrt(1 / 400), rel=1e-4)


def test_no_sample_is_not_no_traffic() -> None:
    total = nothing_seen(1000)
    assert (total.value, total.lower, total.upper) == (0, 0, 3000)
    assert total.few
    rng = np.random.default_rng(1)
    # with a mean of three expected samples, one in twenty windows shows none
    assert np.mean(rng.binomial(3000, 1 / 1000, 50_000) == 0) == pytest.approx(0.05, abs=0.004)
    assert nothing_seen(10, 1518).upper == 45_540


def test_few_samples_are_marked() -> None:
    assert packets(np.full(23, 100)).few
    assert not packets(np.full(24, 100)).few
    lengths = np.array([66] * 20 + [1518] * 10)
    assert octets(np.full(30, 100), lengths).few, "thirty, but three in four bytes are of ten"


def test_the_interval_reaches_farther_up_than_down() -> None:
    total = from_sums(400.0, 1600.0, 100)
    assert (total.value, total.samples) == (400.0, 100)
    assert total.error == pytest.approx(math.exp(1.959963984540054 * 0.1) - 1)
    assert total.upper / total.value == pytest.approx(total.value / total.lower)
    assert math.isinf(Total(0.0, 0.0, 3.0, 0).error)
    assert (Total(2.0, 1.5, 3.0, 9).few, Total(2.0, 1.5, 3.01, 9).few) == (False, True)


@pytest.mark.parametrize(
    ("weights", "squares", "samples"),
    [(None, 1.0, 1), (0.0, 1.0, 1), (-1.0, 1.0, 1), (9.0, 1.0, None), (9.0, 1.0, 0)],
)
def test_nothing_is_estimated_from_nothing(
    weights: float | None, squares: float | None, samples: float | None
) -> None:
    assert estimated(weights, squares, samples) is None


def test_the_sums_of_a_ledger_make_an_estimate() -> None:
    assert estimated(9.0, 81.0, 1) == from_sums(9.0, 81.0, 1)
    assert estimated(0.5, None, 2.0) == Total(0.5, 0.5, 0.5, 2)
    assert nothing_seen(100, 2) == Total(0.0, 0.0, 600.0, 0)


@pytest.mark.parametrize(("weights", "samples"), [(9.0, 0), (0.0, 3), (-1.0, 3)])
def test_sums_of_no_sample_are_refused(weights: float, samples: int) -> None:
    with pytest.raises(ValueError, match="at least one sample"):
        from_sums(weights, 1.0, samples)
    assert from_sums(0.25, 1.0, 1).value == 0.25


def test_an_estimate_of_no_sample_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one sample"):
        from_sums(0, 0, 0)
