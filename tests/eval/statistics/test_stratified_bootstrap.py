from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest, norm, t

from eval.statistics.stratified_bootstrap import CELLS_AT_ONCE, strata_of, stratified_interval, stratified_weights


def test_units_are_in_the_stratum_of_their_class() -> None:
    units = np.array([0, 1, 2, 3, 0, 2])
    labels = np.array([5, 9, 5, 9, 5, 5])
    assert strata_of(units, labels).tolist() == [0, 1, 0, 1]


def test_units_of_several_classes_and_lonely_ones_are_put_together() -> None:
    units = np.array([0, 0, 1, 2, 3, 4, 5])
    labels = np.array([0, 1, 2, 3, 3, 4, 4])  # unit 0 has two classes, unit 1 is the only one of class 2
    assert strata_of(units, labels).tolist() == [0, 0, 1, 1, 2, 2]


def test_a_single_common_unit_joins_the_smallest_stratum() -> None:
    labels = np.array([0, 0, 0, 1, 1, 2])
    assert strata_of(np.arange(6), labels).tolist() == [0, 0, 0, 1, 1, 1]
    assert strata_of(np.zeros(6, np.int64), labels).tolist() == [0]
    assert strata_of(np.arange(2), labels[2:4]).tolist() == [0, 0]


@given(st.lists(st.tuples(st.integers(0, 8), st.integers(0, 4)), min_size=1, max_size=30))
@settings(max_examples=100, deadline=None)
def test_no_stratum_is_left_with_one_unit(samples: list[tuple[int, int]]) -> None:
    units, labels = np.array(samples).T
    units = np.unique(units, return_inverse=True)[1]
    strata = strata_of(units, labels)
    assert len(strata) == units.max() + 1
    sizes = np.bincount(strata)
    assert sizes.min() >= min(2, len(strata))
    for label in np.unique(labels):  # units of one class and company are together
        pure = [u for u in np.unique(units) if (labels[units == u] == label).all()]
        assert len(pure) < 2 or len(np.unique(strata[pure])) == 1


def test_weights_sum_to_the_stratum_and_are_copies_of_one_draw() -> None:
    strata = np.array([0, 1, 0, 1, 1, 0, 2, 2])
    weights = np.concatenate(list(stratified_weights(strata, 500, np.random.default_rng(0))), axis=1)
    assert weights.shape == (8, 500)
    for stratum, size in ((0, 3), (1, 3), (2, 2)):
        inside = weights[strata == stratum]
        np.testing.assert_allclose(inside.sum(axis=0), size)
        copies = inside * (size - 1) / size
        np.testing.assert_allclose(copies, np.round(copies), atol=1e-12)
        np.testing.assert_allclose(inside.mean(axis=1), 1, atol=5 * (size / (size - 1) / 500) ** 0.5)


@pytest.mark.parametrize("size", [2, 3, 10])
def test_the_spread_of_a_stratum_mean_is_the_unbiased_one(size: int) -> None:
    """The plain bootstrap would have (size - 1) / size of it."""
    values = np.random.default_rng(size).standard_normal(size)
    weights = np.concatenate(
        list(stratified_weights(np.zeros(size, np.int64), 40_000, np.random.default_rng(1))), axis=1
    )
    assert (values @ weights / size).var() == pytest.approx(values.var(ddof=1) / size, rel=0.05)


def test_many_units_are_resampled_in_pieces() -> None:
    strata = np.arange(CELLS_AT_ONCE // 4) % 2
    pieces = [weights.shape for weights in stratified_weights(strata, 6, np.random.default_rng(0))]
    assert pieces == [(len(strata), 4), (len(strata), 2)]


def test_means_get_percentiles_and_biased_metrics_the_basic_interval() -> None:
    estimates = np.random.default_rng(0).gamma(2.0, size=(3, 4000))
    values = np.array([1.5, 1.5, 9.0])
    ends = stratified_interval(values, estimates, np.array([False, True, True]), 10**9, 1, np.zeros(3, bool))
    assert ends is not None
    low, high = np.quantile(estimates, [0.025, 0.975], axis=1)
    assert ends[0] == pytest.approx([low[0], high[0]], rel=1e-4)
    assert ends[1] == pytest.approx([3 - high[1], 3 - low[1]], rel=1e-3)
    assert ends[2] == pytest.approx([9, 18 - low[2]], rel=1e-3)  # drawn out: 18 - high is above 9


def test_few_units_widen_it_as_students_t_does() -> None:
    estimates = np.random.default_rng(1).standard_normal((1, 400_000))
    ends = stratified_interval(np.zeros(1), estimates, np.array([False]), 8, 3, np.zeros(1, bool))
    assert ends is not None
    assert ends[0] == pytest.approx(t.ppf([0.025, 0.975], 5), rel=0.02)
    assert ends[0, 1] > 1.2 * norm.ppf(0.975)


def test_proportions_are_widened_to_wilsons_interval_within_0_and_1() -> None:
    rng = np.random.default_rng(2)
    hits = np.array([0, 1, 60, 58, 60])
    estimates = rng.binomial(60, hits[:, None] / 60, (5, 4000)) / 60
    biased, shares = np.array([False] * 4 + [True]), np.array([True] * 5)
    plain = stratified_interval(hits / 60, estimates, biased, 60, 1, ~shares)
    ends = stratified_interval(hits / 60, estimates, biased, 60, 1, shares)
    assert plain is not None
    assert ends is not None
    for (low, high), (plain_low, plain_high), hit in zip(ends, plain, hits.tolist(), strict=True):
        wilson = binomtest(hit, 60).proportion_ci(method="wilson")
        if hit < 30:
            assert (low, high) == pytest.approx((max(plain_low, 0), wilson.high), abs=0.01)
        else:
            assert (low, high) == pytest.approx((wilson.low, min(plain_high, 1)), abs=0.01)
        assert high - low > plain_high - plain_low


def test_resamples_without_a_number_are_left_out() -> None:
    estimates = np.array([[0.25, np.nan, 0.25], [0.5, 0.5, 0.5]])
    ends = stratified_interval(np.array([0.25, 0.5]), estimates, np.array([False, True]), 12, 3, np.zeros(2, bool))
    assert ends is not None
    assert ends.tolist() == [[0.25, 0.25], [0.5, 0.5]]
    lost = estimates[:, [1, 1, 0]]  # what is left of most resamples is no random sample of them
    assert stratified_interval(np.array([0.25, 0.5]), lost, np.array([False, True]), 12, 3, np.zeros(2, bool)) is None
