from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import (
    accuracy_score,
    balanced_accuracy_score,
    confusion_matrix,
    f1_score,
    jaccard_score,
    precision_score,
    recall_score,
    top_k_accuracy_score,
)

from eval.metrics.classification import ROWS_AT_ONCE, class_counts, confusion, true_ranks
from retrieval.errors import InputError
from retrieval.types import Float32, Int64

if TYPE_CHECKING:
    from eval.seams.options import MacroOver


SCORES = {"precision": precision_score, "recall": recall_score, "f1": f1_score, "jaccard": jaccard_score}


@st.composite
def answers(draw: st.DrawFn) -> tuple[Int64, Int64, int]:
    """Labels and predictions over 1 to 6 classes, of which some do not occur."""
    classes, n = draw(st.integers(1, 6)), draw(st.integers(1, 25))
    codes = st.lists(st.integers(0, classes - 1), min_size=n, max_size=n)
    return np.array(draw(codes)), np.array(draw(codes)), classes


@pytest.mark.filterwarnings("ignore:A single label was found")
@given(answers())
@settings(max_examples=60, deadline=None)
def test_counts_and_means_are_those_of_scikit_learn(problem: tuple[Int64, Int64, int]) -> None:
    labels, predicted, classes = problem
    counts = class_counts(labels, predicted, classes)
    everything = list(range(classes))
    for name, score in SCORES.items():
        values = getattr(counts, name)
        expected = score(labels, predicted, average=None, labels=everything, zero_division=0)
        np.testing.assert_allclose(values, expected)
        over: dict[MacroOver, list[int]] = {
            "present": sorted({*labels.tolist(), *predicted.tolist()}),
            "universe": everything,
            "truth": sorted(set(labels.tolist())),
        }
        for rule, chosen in over.items():
            mean = score(labels, predicted, average="macro", labels=chosen, zero_division=0)
            assert float(counts.macro(values, rule)) == pytest.approx(mean)
    recalls = [np.mean(predicted[labels == c] == c) for c in set(labels.tolist())]
    assert counts.balanced_accuracy == pytest.approx(np.mean(recalls))
    if len(recalls) > 1 and set(predicted.tolist()) <= set(labels.tolist()):  # scikit-learn warns of the rest
        assert counts.balanced_accuracy == pytest.approx(balanced_accuracy_score(labels, predicted))
    np.testing.assert_array_equal(
        confusion(labels, predicted, classes), confusion_matrix(labels, predicted, labels=everything)
    )


@given(answers(), st.integers(0, 2**31))
@settings(max_examples=40, deadline=None)
def test_a_weight_is_as_good_as_copies(problem: tuple[Int64, Int64, int], seed: int) -> None:
    labels, predicted, classes = problem
    copies = np.random.default_rng(seed).integers(0, 4, len(labels))
    weighted = class_counts(labels, predicted, classes, copies.astype(np.float64))
    repeated = class_counts(np.repeat(labels, copies), np.repeat(predicted, copies), classes)
    np.testing.assert_array_equal(np.array(weighted), np.array(repeated))


def test_resamples_stand_in_columns_and_classes_may_weigh() -> None:
    counts = class_counts(np.array([0, 0, 1]), np.array([0, 1, 1]), 3)
    twice = type(counts)(*(np.stack([each, 2 * each], axis=1) for each in counts))
    np.testing.assert_allclose(twice.f1, np.stack([counts.f1, counts.f1], axis=1))
    np.testing.assert_allclose(twice.macro(twice.recall, "truth"), [0.75, 0.75])
    weights = np.array([[1.0, 0.0], [1.0, 3.0], [1.0, 1.0]])
    np.testing.assert_allclose(twice.macro(twice.recall, "truth", weights), [0.75, 1.0])
    np.testing.assert_allclose(twice.macro(twice.recall, "universe", weights), [0.5, 0.75])


def test_a_mean_over_no_class_is_not_a_number() -> None:
    nothing = np.empty(0, np.int64)
    counts = class_counts(nothing, nothing, 3)
    assert np.isnan(counts.balanced_accuracy)
    assert float(counts.macro(counts.f1, "universe")) == 0


def slow_rank(scores: Float32, label: int) -> int:
    order = sorted(range(len(scores)), key=lambda c: (-scores[c], c))
    cannot_be = np.isneginf(scores[label]) and not np.isneginf(scores).all()
    return len(scores) if cannot_be else order.index(label) + 1


@given(st.integers(0, 2**31), st.integers(1, 7), st.integers(1, 4))
@settings(max_examples=60, deadline=None)
def test_ranks_with_ties_and_classes_that_cannot_be(seed: int, classes: int, values: int) -> None:
    rng = np.random.default_rng(seed)
    levels = np.array([-np.inf, 0.5, 0.0, -3.0], np.float32)[:values]
    scores = rng.choice(levels, (30, classes)).astype(np.float32)
    labels = rng.integers(0, classes, 30)
    ranks = true_ranks(scores, labels)
    assert ranks.tolist() == [slow_rank(*each) for each in zip(scores, labels.tolist(), strict=True)]
    np.testing.assert_array_equal(ranks == 1, scores.argmax(axis=1) == labels)


def test_ranks_over_several_blocks_give_top_k_of_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    n = 2 * ROWS_AT_ONCE + 5
    scores, labels = rng.standard_normal((n, 9)).astype(np.float32), rng.integers(0, 9, n)
    ranks = true_ranks(scores, labels)
    assert np.mean(ranks == 1) == accuracy_score(labels, scores.argmax(axis=1))
    for k in (2, 5, 8):
        assert np.mean(ranks <= k) == pytest.approx(top_k_accuracy_score(labels, scores, k=k))
    assert (ranks <= 20).all()
    assert true_ranks(scores[:0], labels[:0]).tolist() == []


def test_what_is_not_a_number_or_not_a_class_is_refused() -> None:
    scores = np.zeros((2, 3), np.float32)
    with pytest.raises(InputError, match="outside the label universe of 3"):
        true_ranks(scores, np.array([0, -1]))
    with pytest.raises(InputError, match="outside the label universe of 3"):
        class_counts(np.array([3]), np.array([0]), 3)
    scores[1, 2] = np.nan
    with pytest.raises(InputError, match="NaN"):
        true_ranks(scores, np.array([0, 1]))
