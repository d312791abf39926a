from __future__ import annotations

from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy.stats import binomtest, kurtosis
from scipy.stats import t as student

from eval.statistics.intervals import ENOUGH_ERRORS
from eval.statistics.mean_bootstrap import WEIGHTS_AT_ONCE, bootstrap_counts, mean_interval

if TYPE_CHECKING:
    from numpy.typing import NDArray


def slow_ends(value: float, estimates: list[float], left_out: list[float], units: int) -> list[float]:
    """BCa with expanded quantiles, one number after the other."""
    normal = NormalDist()
    freedom = 2 / (max(kurtosis(left_out), 0) / units + 2 / (units - 1))
    z = float(np.sqrt(units / (units - 1)) * student.ppf(0.025, min(freedom, units - 1)))
    bias = normal.inv_cdf(sum((e < value) + (e == value) / 2 for e in estimates) / len(estimates))
    influence = [sum(left_out) / len(left_out) - each for each in left_out]
    skew = sum(i**3 for i in influence) / 6 / sum(i**2 for i in influence) ** 1.5
    tails = [normal.cdf(bias + (bias + end) / (1 - skew * (bias + end))) for end in (z, -z)]
    return [float(np.quantile(estimates, tail)) for tail in tails]


def slow_share_ends(
    value: float, estimates: list[float], left_out: list[float], units: int, least: float, most: float
) -> list[float]:
    """With the bound of Wilson's interval, found by bisection: the rate from which the value is just t errors away."""
    low, high = slow_ends(value, estimates, left_out, units)
    error = min(value, 1 - value)
    variance = (units - 1) * float(np.var(left_out))
    trials = error * (1 - error) / variance
    known = min(min(trials, most) * error / ENOUGH_ERRORS, 1)
    trials = 1 / ((1 - known) / min(trials, least) + known / trials)
    inside, outside = error, 1.0
    for _ in range(60):
        rate = (inside + outside) / 2
        near = (rate - error) ** 2 <= student.ppf(0.025, units - 1) ** 2 * rate * (1 - rate) / trials
        inside, outside = (rate, outside) if near else (inside, rate)
    return [min(low, 1 - inside), high] if value >= 0.5 else [low, max(high, inside)]


@pytest.mark.parametrize("power", [0.02, 0.2, 1, 4])
def test_equals_a_loop_over_resamples(power: float) -> None:
    rng = np.random.default_rng(1)
    counts = rng.integers(1, 5, (2, 3, 12)).astype(float)
    sums = counts[..., None] * rng.random((2, 3, 12, 2)) ** power

    def mean(people: NDArray[np.int64], m: int) -> float:
        cells = [sums[p, d, people, m].sum() / counts[p, d, people].sum() for p in range(2) for d in range(3)]
        return float(sum(cells) / len(cells))

    everyone = np.arange(12)
    resamples = [np.repeat(everyone, w) for w in bootstrap_counts(12, 200, np.random.default_rng(7))]
    found = mean_interval(sums, counts, 200, np.random.default_rng(7))
    assert found is not None
    weight = [np.mean([counts[p, d, u] / counts[p, d].sum() for p in range(2) for d in range(3)]) for u in everyone]
    identities = 1 / sum(w**2 for w in weight)
    queries = [counts[p].sum() / 3 for p in range(2)]  # in a part, mean over draws; a query weighs 1 / (2 of these)
    most = 1 / sum(n * (1 / (2 * n)) ** 2 for n in queries)
    for m in range(2):
        left_out = [mean(np.delete(everyone, out), m) for out in everyone]
        estimates = [mean(people, m) for people in resamples]
        least = min(3 * identities, most)
        assert found[m] == pytest.approx(slow_share_ends(mean(everyone, m), estimates, left_out, 12, least, most))


@pytest.mark.parametrize("share", [0, 1])
@pytest.mark.parametrize("queries", [1, 2, 3, 20])
@pytest.mark.parametrize("units", [2, 5, 15, 60])
def test_no_error_seen_is_not_no_error(units: int, queries: int, share: int) -> None:
    counts = np.full((1, 1, units), float(queries))
    found = mean_interval(share * counts[..., None], counts, 50, np.random.default_rng(0))
    assert found is not None
    trials = min(units * queries, max(units, min(3 * units, 40)))
    square = student.ppf(0.975, units - 1) ** 2
    assert found[0, share] == share
    assert found[0, 1 - share] == pytest.approx(abs(share - square / (trials + square)))
    if units > 5:
        exact = binomtest(share * trials, trials).proportion_ci(method="exact")
        assert np.ptp(found) == pytest.approx(exact.high - exact.low, abs=0.1)


def test_many_errors_leave_the_bootstrap_alone() -> None:
    """With errors enough and few units that matter, both intervals agree; an end is moved outwards only."""
    rng = np.random.default_rng(4)
    sums, counts = rng.binomial(6, 0.6, (1, 1, 200, 1)).astype(float), np.full((1, 1, 200), 6.0)
    found = mean_interval(sums, counts, 2000, np.random.default_rng(0))
    assert found is not None
    hits = sums.ravel()
    estimates = bootstrap_counts(200, 2000, np.random.default_rng(0)) @ hits / 1200
    left_out = (hits.sum() - hits) / 1194
    plain = slow_ends(hits.sum() / 1200, estimates.tolist(), left_out.tolist(), 200)
    assert found[0, 0] <= plain[0] + 1e-12
    assert found[0, 1] == pytest.approx(plain[1])
    np.testing.assert_allclose(found[0], plain, atol=0.004)


def test_alike_is_not_sure() -> None:
    """Six people of whom one of two queries hits, each: n* is no more than the queries."""
    counts = np.full((1, 1, 6), 2.0)
    found = mean_interval(counts[..., None] / 2, counts, 100, np.random.default_rng(0))
    assert found is not None
    assert found[0, 0] < 0.3
    assert found[0, 1] > 0.7
    many = mean_interval(100 * counts[..., None] / 2, 100 * counts, 100, np.random.default_rng(0))
    assert many is not None
    assert np.ptp(many) < 0.2


def test_counts_are_those_of_draws_with_replacement() -> None:
    counts = bootstrap_counts(5, 20_000, np.random.default_rng(0))
    assert (counts.sum(axis=1) == 5).all()
    # Multinomial: mean 1, variance 1 - 1/n, covariance -1/n.
    np.testing.assert_allclose(np.cov(counts.T), np.eye(5) - 1 / 5, atol=0.04)
    np.testing.assert_allclose(counts.mean(axis=0), 1, atol=0.03)


def test_many_units_are_resampled_in_pieces() -> None:
    units = WEIGHTS_AT_ONCE // 4
    hits = (np.arange(units) % 2).astype(float).reshape(1, 1, units, 1)
    found = mean_interval(hits, np.ones((1, 1, units)), 6, np.random.default_rng(0))
    assert found is not None
    assert found[0, 0] < found[0, 1]
    np.testing.assert_allclose(found, 0.5, atol=0.01)


@pytest.mark.parametrize(("units", "resamples"), [(1, 100), (5, 0)])
def test_no_interval_without_units_or_resamples(units: int, resamples: int) -> None:
    ones = np.ones((1, 1, units))
    assert mean_interval(ones[..., None], ones, resamples, np.random.default_rng(0)) is None


def test_a_resample_in_which_a_draw_has_no_query_is_left_out() -> None:
    counts = np.array([[[1.0, 0.0], [0.0, 1.0]]])
    sums = counts[..., None] * [[[[0.2], [0.2]], [[0.6], [0.6]]]]
    found = mean_interval(sums, counts, 100, np.random.default_rng(0))
    assert found is not None
    assert found[0, 0] == pytest.approx(0.4)  # all other resamples would lack a draw
    assert found[0, 1] > 0.9


@pytest.mark.parametrize("people", [15, 30, 100])
@pytest.mark.parametrize(("hard", "noise", "most"), [(0.7, 0.05, 0.97), (0.12, 0, 1)])
def test_covers_the_truth_as_often_as_it_says(people: int, hard: float, noise: float, most: float) -> None:
    """Re-ID in small: people of different difficulty, 2 to 9 queries each, 3 draws of the same people.

    Queries of one person are not independent, nor are draws. 1,500 repetitions: the coverage found has a standard
    error of 0.6 points, so 93 to 97 % is four of them around the nominal 95. Where few people are hard (Beta(1, .12):
    89 % of the queries hit), many a small sample has none, and its interval holds the truth more often.
    """
    rng = np.random.default_rng(0)
    repetitions, draws = 1500, 3
    truth = mean_ease(hard, noise)
    covered = 0
    for _ in range(repetitions):
        ease = rng.beta(1.0, hard, people)
        queries = np.broadcast_to(rng.integers(2, 10, people), (draws, people)).astype(float)
        hits = rng.binomial(queries.astype(int), np.clip(ease + rng.normal(0, noise, (draws, people)), 0, 1))
        found = mean_interval(hits[None, ..., None].astype(float), queries[None], 400, rng)
        assert found is not None
        covered += found[0, 0] <= truth <= found[0, 1]
    assert 0.93 <= covered / repetitions <= most


def mean_ease(hard: float, noise: float) -> float:
    """How often a query of a person never seen hits: the mean of clip(ease + noise, 0, 1)."""
    rng = np.random.default_rng(99)
    return float(np.clip(rng.beta(1.0, hard, 4_000_000) + rng.normal(0, noise, 4_000_000), 0, 1).mean())


def test_an_interval_over_draws_would_not() -> None:
    """Why people are resampled: the same simulation with the spread of ten draws as its interval."""
    rng = np.random.default_rng(1)
    covered = 0
    for _ in range(300):
        ease = rng.beta(1.0, 0.7, 100)
        shares = rng.binomial(6, ease, (10, 100)).mean(axis=1) / 6
        half = 2.262 * shares.std(ddof=1) / np.sqrt(10)  # Student's t with nine degrees of freedom
        covered += abs(shares.mean() - 1 / 1.7) <= half
    assert covered / 300 < 0.6
