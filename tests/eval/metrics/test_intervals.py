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


def test_covers_the_truth_about_as_often_as_it_says() -> None:
    """60 people of different difficulty, 4 queries each: queries of one person are not independent."""
    rng = np.random.default_rng(0)
    covered = 0
    for _ in range(300):
        ease = rng.beta(1, 1, 60)
        sums = rng.binomial(4, ease).astype(float).reshape(1, 1, 60, 1)
        found = bootstrap_interval(sums, np.full((1, 1, 60), 4.0), 300, rng)
        assert found is not None
        covered += found[0, 0] <= 0.5 <= found[0, 1]
    assert 0.91 <= covered / 300 <= 0.98
