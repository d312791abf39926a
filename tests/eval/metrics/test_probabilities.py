from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import log_softmax
from sklearn.metrics import brier_score_loss, log_loss

from eval.metrics.probabilities import (
    CELLS_AT_ONCE,
    accuracy_coverage,
    bin_of,
    brier,
    ece,
    nll,
    reliability,
    softmax,
)
from retrieval.errors import InputError
from tests.support.class_metrics import logits_and_labels


def test_softmax_is_that_of_scipy_also_for_large_logits_and_several_blocks() -> None:
    logits = 300 * logits_and_labels(CELLS_AT_ONCE // 7 + 10)[0]
    logits[3, 1:] = -np.inf
    expected = log_softmax(logits, axis=1)
    probs = softmax(logits)
    assert probs.dtype == np.float32
    np.testing.assert_allclose(probs, np.exp(expected), rtol=1e-6, atol=1e-30)
    assert probs[3].tolist() == [1, 0, 0, 0, 0, 0, 0]


@pytest.mark.parametrize("bad", [[-np.inf, -np.inf], [np.nan, 1.0], [np.inf, 1.0]])
def test_rows_without_probabilities_are_refused(bad: list[float]) -> None:
    logits = np.array([[0.0, 1.0], bad])
    with pytest.raises(InputError, match="no probabilities"):
        softmax(logits)


def test_losses_are_those_of_scikit_learn() -> None:
    logits, labels = logits_and_labels()
    probs = np.exp(log_softmax(logits, axis=1))
    assert nll(probs, labels).mean() == pytest.approx(log_loss(labels, probs), rel=1e-12)
    each = [brier_score_loss(labels == c, probs[:, c]) for c in range(7)]
    assert brier(probs, labels).mean() == pytest.approx(sum(each))
    for row in range(5):
        truth = np.eye(7)[labels[row]]
        assert brier(probs, labels)[row] == pytest.approx(((probs[row] - truth) ** 2).sum())


def test_a_loss_is_clipped_and_finite() -> None:
    probs = np.array([[1.0, 0.0], [1.0, 0.0]])
    labels = np.array([0, 1])
    assert nll(probs, labels).mean() == pytest.approx(log_loss(labels, probs), rel=1e-12)
    assert nll(probs.astype(np.float32), labels) == pytest.approx([0, 36.0437], abs=1e-4)
    assert brier(probs, labels).tolist() == [0, 2]


def test_bins_are_closed_on_the_right() -> None:
    assert bin_of(np.array([0.0, 0.1, 0.25, 0.2500001, 0.75, 1.0, 1.0000001]), 4).tolist() == [0, 0, 0, 1, 2, 3, 3]
    assert bin_of(np.array([0.0, 1.0]), 1).tolist() == [0, 0]


@given(st.integers(0, 2**31), st.integers(1, 20), st.integers(1, 60))
@settings(max_examples=40, deadline=None)
def test_calibration_error_bin_by_bin(seed: int, bins: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    confidence = rng.choice(np.linspace(0, 1, 21), n)
    correct = rng.random(n) < confidence
    found = reliability(confidence, correct, bins)
    edges, total = np.linspace(0, 1, bins + 1), 0.0
    for b, (low, high) in enumerate(itertools.pairwise(edges)):
        inside = (confidence > low) & (confidence <= high) | ((confidence == 0) & (b == 0))
        assert found.count[b] == inside.sum()
        if inside.any():
            assert found.confidence[b] == pytest.approx(confidence[inside].mean())
            assert found.accuracy[b] == pytest.approx(correct[inside].mean())
            total += abs(correct[inside].mean() - confidence[inside].mean()) * inside.sum() / n
        else:
            assert found.confidence[b] == found.accuracy[b] == 0
    assert ece(confidence, correct, bins) == pytest.approx(total)


def test_accuracy_over_coverage_hangs_on_no_order_of_ties() -> None:
    confidence = np.array([0.9, 0.5, 0.5, 0.5, 0.2])
    correct = np.array([True, True, False, False, False])
    coverage, accuracy = accuracy_coverage(confidence, correct, 6)
    assert coverage == pytest.approx([0, 0.2, 0.4, 0.6, 0.8, 1])
    # Among two: the sure one, and one of the three tied, of which a third is right.
    assert accuracy == pytest.approx([1, 1, (1 + 1 / 3) / 2, (1 + 2 / 3) / 3, 2 / 4, 2 / 5])
    for order in itertools.permutations(range(5)):
        again = accuracy_coverage(confidence[list(order)], correct[list(order)], 6)[1]
        assert again == pytest.approx(accuracy)


def test_no_samples_are_refused() -> None:
    nothing = np.empty(0)
    with pytest.raises(InputError, match="no samples"):
        ece(nothing, nothing > 0)
    with pytest.raises(InputError, match="no samples"):
        accuracy_coverage(nothing, nothing > 0)
    assert reliability(nothing, nothing > 0, 3).count.tolist() == [0, 0, 0]
