from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eval.statistics import class_sums
from eval.statistics.class_summary import class_table
from eval.statistics.class_sums import MetricRule, metrics_of_all, metrics_of_sums, sum_by_unit, unit_hits, unit_shares

RULE = MetricRule((1, 2), "present", 2)
PROBS = np.array([[0.6, 0.3, 0.1], [0.2, 0.5, 0.3], [0.75, 0.25, 0.0], [0.1, 0.1, 0.8]], np.float32)
LABELS = np.array([0, 0, 2, 2])


def test_sums_are_by_class_then_over_samples_then_by_bin() -> None:
    table = class_table(np.arange(4), PROBS, LABELS, np.arange(4))
    units = np.array([0, 1, 1, 1])
    counted = sum_by_unit(table, units, 2, 3, RULE)
    assert counted.lone.tolist() == [-1, -1, 1]
    losses = [[each[0], each[1:].sum()] for each in (table.nll, table.brier)]
    expected = [
        [1, 1], [0, 0], [0, 2],  # samples of classes 0, 1, 2
        [1, 1], [0, 1], [0, 1],  # predicted
        [1, 0], [0, 0], [0, 1],  # hits
        [1, 3], [1, 1], [1, 1],  # samples, top 1, top 2: the second and the third sample have rank 3
        *losses,
        [0, -0.5], [1 - 0.6, -0.75 + 1 - 0.8],  # hits less confidence, up to one half and above
    ]  # fmt: skip
    np.testing.assert_allclose(counted.rows(0, len(expected)), expected, rtol=1e-6, atol=1e-7)


def test_weighted_units_and_emphasised_classes() -> None:
    table = class_table(np.arange(4), PROBS, LABELS, np.arange(4))
    counted = sum_by_unit(table, np.arange(4), 4, 3, RULE)
    weights = np.array([[1.0, 0.0], [1.0, 2.0], [1.0, 0.0], [1.0, 2.0]])
    found = metrics_of_sums(counted.sums @ weights, 3, RULE)
    np.testing.assert_allclose(found[:, 0], metrics_of_all(counted, 3, RULE))
    top_1, _, recall, f1, jaccard, *_ = found[:, 1]
    # The second sample, a 0 taken for 1, and the fourth, a 2 taken for 2, twice each.
    assert (top_1, recall) == (0.5, 0.5)
    np.testing.assert_allclose([f1, jaccard], [1 / 3, 1 / 3])
    emphasis = np.array([[1.0, 1.0], [1.0, 1.0], [1.0, 3.0]])
    assert metrics_of_sums(counted.sums @ weights, 3, RULE, emphasis)[2, 1] == 0.75


def test_no_weight_at_all_is_not_a_number() -> None:
    table = class_table(np.arange(4), PROBS, LABELS, np.arange(4))
    counted = sum_by_unit(table, np.arange(4), 4, 3, RULE)
    assert np.isnan(metrics_of_sums(counted.sums @ np.zeros((4, 1)), 3, RULE)).all()


@given(seed=st.integers(0, 2**32 - 1), n=st.integers(1, 30), count=st.integers(1, 8))
@settings(max_examples=30)
def test_sparse_sums_are_the_dense_ones(seed: int, n: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    probs = rng.dirichlet(np.ones(3), n).astype(np.float32)
    table = class_table(np.arange(n), probs, rng.integers(0, 3, n), np.arange(n))
    units, weights = rng.integers(0, count, n), rng.poisson(1.0, (count, 5)).astype(float)
    dense = sum_by_unit(table, units, count, 3, RULE)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(class_sums, "DENSE", 0)
        sparse = sum_by_unit(table, units, count, 3, RULE)
    assert isinstance(dense.sums, np.ndarray)
    assert not isinstance(sparse.sums, np.ndarray)
    np.testing.assert_array_equal(sparse.lone, dense.lone)
    np.testing.assert_allclose(sparse.rows(0, 12), dense.rows(0, 12), atol=1e-12)
    np.testing.assert_allclose((sparse.sums - sparse.sums) @ weights, 0 * (dense.sums @ weights), atol=1e-12)
    for made in (unit_hits, unit_shares):
        np.testing.assert_allclose(made(sparse, 3, RULE), made(dense, 3, RULE), atol=1e-12)
    np.testing.assert_allclose(
        metrics_of_sums(sparse.sums @ weights, 3, RULE), metrics_of_sums(dense.sums @ weights, 3, RULE), atol=1e-12
    )
