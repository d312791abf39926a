"""Pooling of prompts: the score of a class from the similarities of an image x to the prompts p of that class.

With s_p = cos(x, p):

- ``mean-embedding``: the cosine of x and the normalised mean of the class's prompts, CLIP's prompt ensembling
  (Radford et al. 2021, section 3.1.4).
- ``softmax``: sum_p w_p s_p with w = softmax_p(s_p / T) over the prompts of the class. A low temperature T gives the
  nearest prompt more weight (T -> 0 is ``max``), a high one weighs all alike (T -> infinity is ``mean-score``).
- ``max``: the largest s_p.
- ``mean-score``: the mean of s_p.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal, TypeAlias

import numpy as np

from eval.scorers.banks import Segments, class_segments
from eval.scorers.similarity import similarity_blocks
from eval.seams.scorer import ClassBank
from retrieval.errors import InputError
from retrieval.types import Float32

PoolMethod: TypeAlias = Literal["mean-embedding", "softmax", "max", "mean-score"]

SWEPT_TEMPERATURES = (0.05, 0.08, 0.1, 0.12, 0.15, 0.2, 0.3, 0.5)
"""Values of T for ``temperature=sweep``: the useful range for cosines of CLIP."""

CHUNK_BYTES = 1 << 20
"""Size of the block of similarities that is pooled at a time: it fits a cache, which nearly halves the time."""


def pool_scores(
    queries: Float32, bank: ClassBank, classes: int, pool: PoolMethod, temperatures: Sequence[float] = ()
) -> Float32:
    """Score every class for every query.

    Args:
        queries: (q, d) unit vectors.
        bank: prompts, unit vectors.
        classes: C, the size of the label universe.
        pool: method that pools the prompts of a class.
        temperatures: values of T for ``softmax``, each above 0; the other methods ignore them.

    Returns:
        (temperatures, q, C) for ``softmax``, (1, q, C) for the others: scores in [-1, 1]; -inf for a class without a
        prompt, and with ``mean-embedding`` for a class whose prompts cancel, since their mean has no direction.

    Raises:
        InputError: the bank does not hold unit vectors, or has no class of the universe.
    """
    _require_unit(bank)
    segments = class_segments(bank)
    if pool in {"mean-embedding", "mean-score"}:
        segments, means = _means(bank, segments, unit=pool == "mean-embedding")
        blocks = ((start, scores[None]) for start, scores in similarity_blocks(queries, means))
    elif pool == "max":
        blocks = ((start, _maxima(scores, segments)[None]) for start, scores in _edge_blocks(queries, bank))
    else:
        blocks = ((start, _weighted(scores, segments, temperatures)) for start, scores in _edge_blocks(queries, bank))
    class_scores = np.full((len(temperatures) if pool == "softmax" else 1, len(queries), classes), -np.inf, np.float32)
    for start, scores in blocks:
        class_scores[:, start : start + scores.shape[1], segments.classes] = scores
    return class_scores


def class_texts(bank: ClassBank, classes: int) -> Float32:
    """Compute the normalised mean of the prompts of each class, as ``mean-embedding`` compares it.

    Args:
        bank: prompts, unit vectors.
        classes: C, the size of the label universe.

    Returns:
        (C, d) unit vectors; NaN for a class without a prompt, or whose prompts cancel.

    Raises:
        InputError: the bank does not hold unit vectors, or has no class of the universe.
    """
    _require_unit(bank)
    segments, means = _means(bank, class_segments(bank), unit=True)
    texts = np.full((classes, bank.vectors.shape[1]), np.nan, np.float32)
    texts[segments.classes] = means
    return texts


def _require_unit(bank: ClassBank) -> None:
    squares = np.einsum("ij,ij->i", bank.vectors, bank.vectors)
    if bank.bias is not None or not (np.abs(squares - 1) < 2e-3).all():
        raise InputError(
            f"Bank '{bank.name}' holds a classifier or vectors that are not of length one, and prompts are compared "
            "by cosine; score it with 'classifier', or name a bank of texts."
        )


def _means(bank: ClassBank, segments: Segments, *, unit: bool) -> tuple[Segments, Float32]:
    """Mean of the prompts of each class, (C', d). With ``unit``, normalised, without classes whose prompts cancel."""
    prompts = bank.vectors[bank.edge_vector].astype(np.float64)
    sizes = np.diff(segments.starts, append=len(prompts))
    means = np.add.reduceat(prompts, segments.starts) / sizes[:, None]
    if unit:
        lengths = np.linalg.norm(means, axis=1)
        directed = lengths > 1e-6
        if not directed.any():
            raise InputError(
                f"The prompts of every class of bank '{bank.name}' cancel; take another pool, such as max."
            )
        segments = Segments(segments.classes[directed], segments.starts[directed])
        means = means[directed] / lengths[directed, None]
    return segments, means.astype(np.float32)


def _edge_blocks(queries: Float32, bank: ClassBank) -> Iterator[tuple[int, Float32]]:
    """Yield blocks of queries: the first query, and the similarities (rows, e) to the prompt of every edge."""
    step = max(1, CHUNK_BYTES // (4 * len(bank.edge_vector)))
    for first, scores in similarity_blocks(queries, bank.vectors):
        for start in range(0, len(scores), step):
            yield first + start, np.take(scores[start : start + step], bank.edge_vector, axis=1)


def _maxima(scores: Float32, segments: Segments) -> Float32:
    """Largest similarity of each class: (rows, e) to (rows, C')."""
    largest: Float32 = np.maximum.reduceat(scores, segments.starts, axis=1)
    return largest


def _weighted(scores: Float32, segments: Segments, temperatures: Sequence[float]) -> Float32:
    """Softmax-weighted means of ``scores`` (rows, e), which are overwritten: (temperatures, rows, C').

    With z_p = s_p - m and m the largest s_p of the class, the mean is m + sum_p e^(z_p / T) z_p / sum_p e^(z_p / T).
    Nothing overflows, since the largest weight is 1 at every T.
    """
    largest = _maxima(scores, segments)
    scores -= np.repeat(largest, np.diff(segments.starts, append=scores.shape[1]), axis=1)
    pooled = np.empty((len(temperatures), *largest.shape), np.float32)
    weights = np.empty_like(scores)
    for at, temperature in enumerate(temperatures):
        np.exp(np.divide(scores, np.float32(temperature), out=weights), out=weights)
        total = np.add.reduceat(weights, segments.starts, axis=1)
        weights *= scores
        pooled[at] = largest + np.add.reduceat(weights, segments.starts, axis=1) / total
    return pooled
