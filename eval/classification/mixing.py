"""Mixing class probabilities of several arms: by one weight, by a weight per class, or by re-ranking one arm's best."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations, pairwise
from math import comb
from typing import TYPE_CHECKING

import numpy as np

from eval.metrics.classification import class_counts
from retrieval.errors import InputError
from retrieval.types import Float32, Int64

if TYPE_CHECKING:
    from numpy.typing import NDArray

MOST_WEIGHTS = 5_000
"""So many candidates take minutes at 16,000 samples of 169 classes."""


def mix(probs: Sequence[Float32], weights: Sequence[float]) -> Float32:
    """Weighted mean of class probabilities: sum_a w_a p_a, for two arms (1 - alpha) p_1 + alpha p_2.

    Args:
        probs: per arm (n, C), rows sum to 1.
        weights: one per arm, >= 0, together 1.
    """
    mixed = np.float32(weights[0]) * probs[0]
    for weight, each in zip(weights[1:], probs[1:], strict=True):
        mixed += np.float32(weight) * each
    return mixed


def weight_grid(arms: int, alphas: Sequence[float]) -> list[tuple[float, ...]]:
    """Candidate weights: (1 - alpha, alpha) for two arms; for more, every way to share 1 in equal steps.

    Args:
        arms: how many, >= 2.
        alphas: weights of the last of two arms. For more arms the step is the smallest positive one, or the nearest
            to it that divides 1.

    Raises:
        InputError: there would be more than :data:`MOST_WEIGHTS`.
    """
    if arms == 2:
        return [(1 - alpha, alpha) for alpha in dict.fromkeys(alphas)]
    steps = max((round(1 / alpha) for alpha in alphas if alpha > 0), default=1)
    places = steps + arms - 1
    if comb(places, arms - 1) > MOST_WEIGHTS:
        raise InputError(
            f"{arms} arms in steps of 1/{steps} are {comb(places, arms - 1):,} weights; pass coarser "
            "`alphas=0,0.25,1`, or `weights` with one weight per arm."
        )
    bars = ((-1, *chosen, places) for chosen in combinations(range(places), arms - 1))  # stars and bars
    return [tuple((right - left - 1) / steps for left, right in pairwise(edges)) for edges in bars]


def per_class_alphas(
    first: Float32, second: Float32, labels: Int64, alphas: Sequence[float], overall: float, shrinkage: float
) -> NDArray[np.float64]:
    """A weight of the second arm for every class (C,), drawn towards the overall one where a class has few images.

    The weight of class c is the one whose fusion, used for all classes, gives c the highest F1 (the nearest to
    ``overall`` of equals), then shrunk: (n_c alpha_c + m alpha) / (n_c + m) with n_c images of c and m = ``shrinkage``.

    Args:
        first: (n, C) class probabilities of val samples.
        second: the same of the other arm.
        labels: (n,) classes.
        alphas: candidates.
        overall: the weight that is best for all classes together.
        shrinkage: m, in images; 0 takes every class at its word.
    """
    classes = first.shape[1]
    ordered = sorted(alphas, key=lambda alpha: abs(alpha - overall))
    scores = [
        class_counts(labels, mix((first, second), (1 - alpha, alpha)).argmax(axis=1), classes).f1 for alpha in ordered
    ]
    best = np.array(ordered)[np.argmax(scores, axis=0)]
    images = np.bincount(labels, minlength=classes)
    weight = np.divide(images, images + shrinkage, out=np.zeros(classes), where=images > 0)
    found: NDArray[np.float64] = weight * best + (1 - weight) * overall
    return found


def mix_per_class(first: Float32, second: Float32, alphas: NDArray[np.float64]) -> Float32:
    """Mix with a weight per class and normalise: q_c = (1 - alpha_c) p_1c + alpha_c p_2c, over its sum.

    Args:
        first: (n, C) class probabilities.
        second: the same of the other arm.
        alphas: (C,) weights of the second.
    """
    weights = alphas.astype(np.float32)
    mixed = (1 - weights) * first + weights * second
    total = mixed.sum(axis=1, keepdims=True)
    empty = total[:, 0] <= 0
    if empty.any():  # what either arm believes in, its own weight leaves out
        mixed[empty] = 0.5 * (first[empty] + second[empty])
        total = mixed.sum(axis=1, keepdims=True)
    found: Float32 = mixed / total
    return found


def rerank_best(base: Float32, other: Float32, k: int) -> Float32:
    """Let another arm order the k classes that the base finds most probable.

    The k highest probabilities of the base are dealt out anew among their classes, the highest to the class that the
    other arm finds most probable of them, and so on; those that it finds alike stay in the base's order. All other
    classes keep what they have.

    Args:
        base: (n, C) class probabilities.
        other: the same of the arm that re-ranks.
        k: how many, at least 1; more than C is C.
    """
    k = min(k, base.shape[1])
    best = np.argsort(-base, axis=1, kind="stable")[:, :k]
    values = np.take_along_axis(base, best, axis=1)
    order = np.argsort(-np.take_along_axis(other, best, axis=1), axis=1, kind="stable")
    mixed = base.copy()
    np.put_along_axis(mixed, np.take_along_axis(best, order, axis=1), values, axis=1)
    return mixed
