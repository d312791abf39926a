"""Mixing of class probabilities of several arms: one weight, weights per class, or re-ranking."""

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

MAX_WEIGHT_SETTINGS = 5_000
"""Largest number of weight settings; so many take minutes for 16,000 samples of 169 classes."""


def mix(probs: Sequence[Float32], weights: Sequence[float]) -> Float32:
    """Compute the weighted mean of class probabilities: sum_a w_a p_a; for two arms (1 - alpha) p_1 + alpha p_2.

    Args:
        probs: per arm (n, C) class probabilities.
        weights: one per arm, >= 0, with sum 1.

    Returns:
        (n, C) class probabilities.
    """
    mixed = np.float32(weights[0]) * probs[0]
    for weight, arm_probs in zip(weights[1:], probs[1:], strict=True):
        mixed += np.float32(weight) * arm_probs
    return mixed


def weight_grid(arms: int, alphas: Sequence[float]) -> list[tuple[float, ...]]:
    """List weights of arms: (1 - alpha, alpha) for two arms; for more, all multiples of a step that sum to 1.

    Args:
        arms: number of arms, >= 2.
        alphas: weights of the second of two arms. For more arms the step is 1 / k with the whole number k nearest to
            1 / the smallest positive alpha.

    Raises:
        InputError: there are more settings than :data:`MAX_WEIGHT_SETTINGS`.
    """
    if arms == 2:
        return [(1 - alpha, alpha) for alpha in dict.fromkeys(alphas)]
    steps = max((round(1 / alpha) for alpha in alphas if alpha > 0), default=1)
    places = steps + arms - 1
    if comb(places, arms - 1) > MAX_WEIGHT_SETTINGS:
        raise InputError(
            f"{arms} arms in steps of 1/{steps} are {comb(places, arms - 1):,} weights; pass coarser "
            "`alphas=0,0.25,1`, or `weights` with one weight per arm."
        )
    bars = ((-1, *chosen, places) for chosen in combinations(range(places), arms - 1))  # stars and bars
    return [tuple((right - left - 1) / steps for left, right in pairwise(edges)) for edges in bars]


def per_class_alphas(
    first: Float32, second: Float32, labels: Int64, alphas: Sequence[float], overall: float, shrinkage: float
) -> NDArray[np.float64]:
    """Fit a weight of the second arm for every class, shrunk towards one overall weight where a class has few samples.

    alpha_c is the weight with which class c has the highest F1 when all classes use it; of ties, the one nearest to
    ``overall``. The result is (n_c alpha_c + m alpha) / (n_c + m) with n_c samples of class c, m = ``shrinkage`` and
    alpha = ``overall``.

    Args:
        first: (n, C) class probabilities of val samples by the first arm.
        second: (n, C) class probabilities of the second arm.
        labels: (n,) true class codes.
        alphas: weights to compare.
        overall: the best single weight for all classes.
        shrinkage: m, in samples; 0 does not shrink.

    Returns:
        (C,) weights of the second arm.
    """
    classes = first.shape[1]
    ordered = sorted(alphas, key=lambda alpha: abs(alpha - overall))
    scores = [
        class_counts(labels, mix((first, second), (1 - alpha, alpha)).argmax(axis=1), classes).f1 for alpha in ordered
    ]
    best = np.array(ordered)[np.argmax(scores, axis=0)]
    samples = np.bincount(labels, minlength=classes)
    trust = np.divide(samples, samples + shrinkage, out=np.zeros(classes), where=samples > 0)
    shrunk: NDArray[np.float64] = trust * best + (1 - trust) * overall
    return shrunk


def mix_per_class(first: Float32, second: Float32, alphas: NDArray[np.float64]) -> Float32:
    """Mix with a weight per class and normalise: q_c = (1 - alpha_c) p_1c + alpha_c p_2c, divided by sum_c q_c.

    A row whose sum is 0 becomes the plain mean of both arms.

    Args:
        first: (n, C) class probabilities of the first arm.
        second: (n, C) class probabilities of the second arm.
        alphas: (C,) weights of the second arm.
    """
    weights = alphas.astype(np.float32)
    mixed = (1 - weights) * first + weights * second
    total = mixed.sum(axis=1, keepdims=True)
    empty = total[:, 0] <= 0
    if empty.any():  # the weights leave out every class that an arm gives a probability
        mixed[empty] = 0.5 * (first[empty] + second[empty])
        total = mixed.sum(axis=1, keepdims=True)
    normalised: Float32 = mixed / total
    return normalised


def rerank_best(base: Float32, other: Float32, k: int) -> Float32:
    """Re-rank the k most probable classes of one arm by the probabilities of another.

    The k highest probabilities of ``base`` are reassigned among their classes in the order of ``other``: the highest
    goes to the class with the highest probability in ``other``. Ties keep the order of ``base``, and all other classes
    keep their probabilities.

    Args:
        base: (n, C) class probabilities.
        other: (n, C) class probabilities of the arm that re-ranks.
        k: number of classes to re-rank, at least 1; values above C mean C.
    """
    k = min(k, base.shape[1])
    best = np.argsort(-base, axis=1, kind="stable")[:, :k]
    values = np.take_along_axis(base, best, axis=1)
    order = np.argsort(-np.take_along_axis(other, best, axis=1), axis=1, kind="stable")
    mixed = base.copy()
    np.put_along_axis(mixed, np.take_along_axis(best, order, axis=1), values, axis=1)
    return mixed
