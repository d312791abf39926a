from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import log_softmax as scipy_log_softmax
from sklearn.metrics import brier_score_loss, log_loss

from eval.metrics.calibration import TEMPERATURES, fit_temperature
from eval.metrics.probabilities import (
    CELLS_AT_ONCE,
    accuracy_coverage,
    bin_of,
    brier,
    ece,
    log_softmax,
    nll,
    reliability,
    softmax,
)
from retrieval.errors import InputError
from retrieval.types import Int64

if TYPE_CHECKING:
    from numpy.typing import NDArray


def problem(n: int = 200, classes: int = 7, seed: int = 0) -> tuple[NDArray[np.float64], Int64]:
    """Logits (n, C) and labels that occur all."""
    rng = np.random.default_rng(seed)
    labels = np.concatenate([np.arange(classes), rng.integers(0, classes, n - classes)])
    logits = rng.standard_normal((n, classes))
    logits[np.arange(n), labels] += 1
    return logits, labels


def test_softmax_is_that_of_scipy_also_for_large_logits_and_several_blocks() -> None:
    logits = 300 * problem(CELLS_AT_ONCE // 7 + 10)[0]
    logits[3, 1:] = -np.inf
    expected = scipy_log_softmax(logits, axis=1)
    np.testing.assert_allclose(log_softmax(logits), expected, rtol=1e-12, atol=1e-12)
    probs = softmax(logits)
    assert probs.dtype == np.float32
    np.testing.assert_allclose(probs, np.exp(expected), rtol=1e-6, atol=1e-30)
    assert probs[3].tolist() == [1, 0, 0, 0, 0, 0, 0]


@pytest.mark.parametrize("bad", [[-np.inf, -np.inf], [np.nan, 1.0], [np.inf, 1.0]])
def test_rows_without_probabilities_are_refused(bad: list[float]) -> None:
    logits = np.array([[0.0, 1.0], bad])
    for function in (softmax, log_softmax):
        with pytest.raises(InputError, match="no probabilities"):
            function(logits)


def test_losses_are_those_of_scikit_learn() -> None:
    logits, labels = problem()
    probs = np.exp(log_softmax(logits))
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


def test_golden_temperature() -> None:
    rng = np.random.RandomState(0)
    base = rng.randn(1000, 5)
    likely = np.exp(base) / np.exp(base).sum(axis=1, keepdims=True)
    labels = np.array([rng.choice(5, p=row) for row in likely])
    found = fit_temperature(2.5 * base, labels)
    assert found.temperature == pytest.approx(2.442977, abs=1e-5)
    assert (found.nll_before, found.nll_after) == pytest.approx((1.616062, 1.301635), abs=1e-6)
    assert (found.ece_before, found.ece_after) == pytest.approx((0.247283, 0.042297), abs=1e-6)
    assert (found.at_bound, found.rows, found.left_out) == (False, 1000, 0)
    probs = softmax(2.5 * base / found.temperature)
    assert ece(probs.max(axis=1), probs.argmax(axis=1) == labels) == pytest.approx(found.ece_after, abs=1e-6)
    assert nll(probs, labels).mean() == pytest.approx(found.nll_after, abs=1e-6)


def test_cosines_in_float32_have_their_temperature_found() -> None:
    """Raw cosines of CLIP lie near 0.25; their temperature is about 0.008, and float32 losses do not show it."""
    rng = np.random.default_rng(0)
    clean = rng.standard_normal((4000, 20))
    labels = (clean + rng.gumbel(size=clean.shape)).argmax(axis=1)  # drawn from softmax(clean)
    found = fit_temperature((0.25 + 0.008 * clean).astype(np.float32), labels)
    assert found.temperature == pytest.approx(0.008, rel=0.06)
    assert found.nll_after < found.nll_before - 0.3


def test_samples_that_cannot_be_answered_are_left_out_and_counted() -> None:
    logits, labels = problem(500)
    plain = fit_temperature(logits, labels)
    more = np.concatenate([logits, logits[:3]])
    more[500, labels[0]] = -np.inf
    more[501:503] = -np.inf
    found = fit_temperature(more, np.concatenate([labels, labels[:3]]))
    assert found == plain._replace(left_out=3)


@pytest.mark.parametrize(("sign", "bound"), [(1, TEMPERATURES[0]), (-1, TEMPERATURES[1])])
def test_all_right_or_all_wrong_ends_at_a_bound(sign: int, bound: float) -> None:
    labels = np.arange(40) % 4
    found = fit_temperature(sign * np.eye(4)[labels], labels)
    assert found.at_bound
    assert found.temperature == pytest.approx(bound)
    assert found.nll_after == pytest.approx(0 if sign > 0 else np.log(4), abs=1e-3)


def test_too_little_to_fit_is_refused() -> None:
    logits, labels = problem(20)
    with pytest.raises(InputError, match="they are of 1;"):
        fit_temperature(logits, np.zeros(20, np.int64))
    with pytest.raises(InputError, match="they are of 0;"):
        fit_temperature(logits[:0], labels[:0])
    logits[4, 2] = np.nan
    with pytest.raises(InputError, match="NaN"):
        fit_temperature(logits, labels)
    with pytest.raises(InputError, match="outside the label universe"):
        fit_temperature(logits, labels + 1)
