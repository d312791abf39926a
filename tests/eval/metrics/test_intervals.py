from __future__ import annotations

import numpy as np
import pytest

from eval.metrics.intervals import WEIGHTS_AT_ONCE, bootstrap_interval


def test_equals_a_loop_over_resamples() -> None:
    rng = np.random.default_rng(1)
    counts = rng.integers(1, 5, (2, 3, 12)).astype(float)
    sums = counts[..., None] * rng.random((2, 3, 12, 2))
    weights = np.random.default_rng(7).multinomial(12, np.full(12, 1 / 12), size=200)
    estimates = []
    for chosen in weights:
        people = np.repeat(np.arange(12), chosen)
        cells = [
            [sums[p, d, people, m].sum() / counts[p, d, people].sum() for p in range(2) for d in range(3)]
            for m in range(2)
        ]
        estimates.append([sum(cell) / len(cell) for cell in cells])
    expected = np.quantile(np.array(estimates), [0.025, 0.975], axis=0).T
    found = bootstrap_interval(sums, counts, 200, np.random.default_rng(7))
    assert found is not None
    np.testing.assert_allclose(found, expected)


def test_many_units_are_resampled_in_pieces() -> None:
    units = WEIGHTS_AT_ONCE // 4
    hits = (np.arange(units) % 2).astype(float).reshape(1, 1, units, 1)
    found = bootstrap_interval(hits, np.ones((1, 1, units)), 6, np.random.default_rng(0))
    assert found is not None
    assert found[0, 0] < found[0, 1]
    np.testing.assert_allclose(found, 0.5, atol=0.01)


@pytest.mark.parametrize(("units", "resamples"), [(1, 100), (5, 0)])
def test_no_interval_without_units_or_resamples(units: int, resamples: int) -> None:
    ones = np.ones((1, 1, units))
    assert bootstrap_interval(ones[..., None], ones, resamples, np.random.default_rng(0)) is None


def test_a_resample_in_which_a_draw_has_no_query_is_left_out() -> None:
    counts = np.array([[[1.0, 0.0], [0.0, 1.0]]])
    found = bootstrap_interval(
        counts[..., None] * [[[[0.2], [0.2]], [[0.6], [0.6]]]], counts, 100, np.random.default_rng(0)
    )
    assert found is not None
    np.testing.assert_allclose(found, 0.4)


def test_covers_the_truth_as_often_as_it_says() -> None:
    """Re-ID in small: 100 people of different difficulty, 2 to 9 queries each, 3 draws of the same people.

    Queries of one person are not independent, nor are draws. 2,500 repetitions: the coverage found has a standard
    error of 0.4 points, so 93 to 97 % is five of them around the nominal 95.
    """
    rng = np.random.default_rng(0)
    repetitions, people, draws = 2500, 100, 3
    covered = 0
    for _ in range(repetitions):
        ease = rng.beta(1.0, 0.7, people)
        queries = np.broadcast_to(rng.integers(2, 10, people), (draws, people)).astype(float)
        hits = rng.binomial(queries.astype(int), np.clip(ease + rng.normal(0, 0.05, (draws, people)), 0, 1))
        found = bootstrap_interval(hits[None, ..., None].astype(float), queries[None], 400, rng)
        assert found is not None
        covered += found[0, 0] <= TRUE_SHARE <= found[0, 1]
    assert 0.93 <= covered / repetitions <= 0.97


TRUE_SHARE = 0.5870
"""Mean of clip(ease + noise, 0, 1) in the simulation: how often a query of a person never seen hits."""


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
