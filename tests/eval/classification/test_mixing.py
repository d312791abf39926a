from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from eval.classification.mixing import mix, mix_per_class, per_class_alphas, rerank_best, weight_grid
from retrieval.errors import InputError

if TYPE_CHECKING:
    from retrieval.types import Float32

ALPHAS = (0.0, 0.25, 0.5, 0.75, 1.0)


def probabilities(seed: int, n: int, classes: int, *, some_zero: bool = False) -> Float32:
    rng = np.random.default_rng(seed)
    raw = rng.exponential(size=(n, classes)) ** 3
    if some_zero:
        raw[rng.random(raw.shape) < 0.4] = 0
        raw[np.arange(n), rng.integers(0, classes, n)] += 0.5
    return np.asarray(raw / raw.sum(axis=1, keepdims=True), np.float32)


def test_mixing_is_the_formula_and_leaves_the_arms_alone() -> None:
    a, b, c = (probabilities(seed, 20, 5) for seed in range(3))
    kept = a.copy()
    np.testing.assert_allclose(mix((a, b), (0.7, 0.3)), 0.7 * a + 0.3 * b, rtol=1e-6)
    np.testing.assert_allclose(mix((a, b, c), (0.2, 0.3, 0.5)), 0.2 * a + 0.3 * b + 0.5 * c, rtol=1e-6)
    np.testing.assert_array_equal(mix((a, b), (1, 0)), a)
    np.testing.assert_array_equal(mix((a, b), (0, 1)), b)
    np.testing.assert_array_equal(a, kept)


def test_weights_of_two_arms_are_the_alphas_as_given() -> None:
    assert weight_grid(2, (0.5, 0.0, 0.5, 1.0)) == [(0.5, 0.5), (1.0, 0.0), (0.0, 1.0)]


@pytest.mark.parametrize(("arms", "alphas", "steps"), [(3, ALPHAS, 4), (4, (0, 0.5), 2), (3, (0,), 1), (3, (0.3,), 3)])
def test_weights_of_more_arms_are_every_way_to_share(arms: int, alphas: tuple[float, ...], steps: int) -> None:
    grid = weight_grid(arms, alphas)
    expected = {parts for parts in product(range(steps + 1), repeat=arms) if sum(parts) == steps}
    assert [tuple(round(weight * steps) for weight in weights) for weights in grid] == sorted(expected)
    np.testing.assert_allclose(np.sum(grid, axis=1), 1)


def test_too_many_weights_are_refused_with_the_number() -> None:
    with pytest.raises(InputError, match=r"6 arms in steps of 1/20 are 53,130 weights; pass coarser"):
        weight_grid(6, (0, 0.05))


def slow_per_class(a: Float32, b: Float32, labels: list[int], overall: float, shrinkage: float) -> list[float]:
    found = []
    for code in range(a.shape[1]):
        images = labels.count(code)
        if not images:
            found.append(overall)
            continue
        scores = {
            alpha: f1_score(labels, ((1 - alpha) * a + alpha * b).argmax(axis=1), labels=[code], average=None,
                            zero_division=0)[0]
            for alpha in ALPHAS
        }  # fmt: skip
        best = min((alpha for alpha in ALPHAS if scores[alpha] >= max(scores.values()) - 1e-12),
                   key=lambda alpha: abs(alpha - overall))  # fmt: skip
        found.append((images * best + shrinkage * overall) / (images + shrinkage))
    return found


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 30), st.integers(2, 6), st.sampled_from([0.0, 3.0]))
def test_weights_per_class_as_written_out(seed: int, n: int, classes: int, shrinkage: float) -> None:
    a, b = probabilities(seed, n, classes), probabilities(seed + 1, n, classes)
    labels = np.random.default_rng(seed).integers(0, classes, n)
    found = per_class_alphas(a, b, labels, ALPHAS, 0.5, shrinkage)
    np.testing.assert_allclose(found, slow_per_class(a, b, labels.tolist(), 0.5, shrinkage))


def test_with_much_shrinkage_all_classes_share_a_weight() -> None:
    a, b = probabilities(0, 50, 4), probabilities(1, 50, 4)
    labels = np.arange(50) % 3  # class 3 is absent
    np.testing.assert_allclose(per_class_alphas(a, b, labels, ALPHAS, 0.25, 1e9), 0.25, atol=1e-6)
    assert per_class_alphas(a, b, labels, ALPHAS, 0.25, 0)[3] == 0.25
    np.testing.assert_allclose(mix_per_class(a, b, np.full(4, 0.25)), mix((a, b), (0.75, 0.25)), rtol=1e-5)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 8), st.integers(2, 6))
def test_mixed_per_class_rows_sum_to_one_whatever_is_zero(seed: int, n: int, classes: int) -> None:
    a, b = (probabilities(seed + at, n, classes, some_zero=True) for at in range(2))
    weights = np.random.default_rng(seed).choice([0.0, 0.5, 1.0], classes)
    found = mix_per_class(a, b, weights)
    assert found.dtype == np.float32
    assert (found >= 0).all()
    np.testing.assert_allclose(found.sum(axis=1), 1, rtol=1e-5)


def test_what_no_weight_listens_to_is_the_mean_of_the_arms() -> None:
    a, b = np.array([[1, 0]], np.float32), np.array([[0, 1]], np.float32)
    np.testing.assert_array_equal(mix_per_class(a, b, np.array([1.0, 0.0])), [[0.5, 0.5]])


def slow_rerank(base: Float32, other: Float32, k: int) -> list[list[float]]:
    answer = []
    for row, opinion in zip(base.tolist(), other.tolist(), strict=True):
        best = sorted(range(len(row)), key=lambda c: (-row[c], c))[:k]
        values = [row[c] for c in best]
        for c, value in zip(sorted(best, key=lambda c: (-opinion[c], best.index(c))), values, strict=True):
            row[c] = value
        answer.append(row)
    return answer


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 6), st.integers(1, 6), st.integers(1, 9), st.sampled_from([1, 8]))
def test_reranking_as_written_out(seed: int, n: int, classes: int, k: int, digits: int) -> None:
    base, other = probabilities(seed, n, classes), probabilities(seed + 1, n, classes, some_zero=True)
    base, other = np.round(base, digits), np.round(other, digits)  # one digit makes ties
    found = rerank_best(base, other, k)
    np.testing.assert_array_equal(found, np.array(slow_rerank(base, other, k), np.float32))
    np.testing.assert_array_equal(np.sort(found, axis=1), np.sort(base, axis=1))


def test_a_depth_of_one_changes_nothing_and_one_beyond_all_gives_the_others_order() -> None:
    base, other = probabilities(0, 9, 5), probabilities(1, 9, 5)
    np.testing.assert_array_equal(rerank_best(base, other, 1), base)
    np.testing.assert_array_equal(rerank_best(base, other, 50).argsort(axis=1), other.argsort(axis=1))
