"""Score normalisation by a cohort: samples of other identities, whose scores estimate the impostor distribution.

With mean m(x) and standard deviation s(x) of the cosines of a sample x and the samples of the cohort:

- ``z`` (Li and Porter, ICASSP 1988; the zero normalisation of speaker verification): (score - m(g)) / s(g) for a
  gallery sample g.
- ``s`` (Kenny, Odyssey 2010): the mean of ``z`` and (score - m(q)) / s(q) for the query q.

The second term alone is t-norm (Auckenthaler, Carey, Lloyd-Thomas, Digital Signal Processing 2000). It changes no
ranking, since all scores of a query have the same m(q) and s(q), so it is not offered.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from eval.scorers.similarity import similarity_blocks
from retrieval.errors import InputError, TestDataError
from retrieval.types import Float32, Int64

if TYPE_CHECKING:
    from numpy.typing import NDArray

ScoreNorm = Literal["z", "s"]

LEAST_SPREAD = 1e-6
"""A smaller standard deviation of cosines is only float32 rounding."""


class CohortStatistics(NamedTuple):
    """Per sample: ``mean`` and ``spread`` (standard deviation), both (n,), of its cosines to the cohort."""

    mean: Float32
    spread: Float32


def normalised_blocks(
    queries: Float32, gallery: Float32, cohort: Float32, norm: ScoreNorm
) -> Iterator[tuple[int, Float32]]:
    """Yield (first query of the block, scores (rows, gallery)), normalised, in standard deviations, higher is better.

    Args:
        queries: (n, d) of length one.
        gallery: (m, d) of length one.
        cohort: (c, d) of length one, of identities that are neither queries nor in the gallery.
        norm: the normalisation.

    Raises:
        InputError: the cohort has no spread.
    """
    of_gallery = cohort_statistics(gallery, cohort)
    of_queries = cohort_statistics(queries, cohort) if norm == "s" else None
    for start, scores in similarity_blocks(queries, gallery):
        normal = (scores - of_gallery.mean) / of_gallery.spread
        if of_queries is not None:
            rows = slice(start, start + len(scores))
            normal = (normal + (scores - of_queries.mean[rows, None]) / of_queries.spread[rows, None]) / 2
        yield start, normal.astype(np.float32, copy=False)


def cohort_statistics(vectors: Float32, cohort: Float32) -> CohortStatistics:
    """Compute mean and standard deviation (ddof 0) of every sample's cosines to the cohort.

    Args:
        vectors: (n, d) of length one.
        cohort: (c, d) of length one.

    Raises:
        InputError: a sample has the same cosine to all of the cohort.
    """
    mean, spread = (np.empty(len(vectors), np.float32) for _ in range(2))
    for start, scores in similarity_blocks(vectors, cohort):
        rows = slice(start, start + len(scores))
        mean[rows] = scores.mean(axis=1, dtype=np.float64)
        spread[rows] = scores.std(axis=1, dtype=np.float64)
    if not (spread > LEAST_SPREAD).all():
        raise InputError(
            f"Scores cannot be normalised: the {len(cohort)} samples of the cohort (the train split) are all equally "
            "similar to some sample; use more of them, or leave out `score_norm`."
        )
    return CohortStatistics(mean, spread)


def cohort_mask(cohort: Int64, tested: Int64) -> NDArray[np.bool_]:
    """Which samples (c,) may be in a cohort: those of known identities (>= 0) that are not tested.

    Args:
        cohort: (c,) identity numbers of the samples of the train split.
        tested: identity numbers of queries and gallery.

    Raises:
        InputError: no sample of the train split has an identity.
        TestDataError: all identities of the train split are tested.
    """
    identified = cohort >= 0
    if not identified.any():
        raise InputError(
            "score_norm compares with the train split, and no sample of a known identity has split 'train' here; leave "
            "score_norm out, or give samples a split."
        )
    others: NDArray[np.bool_] = identified & ~np.isin(cohort, tested)
    if not others.any():
        raise TestDataError(
            "score_norm would take test data for its cohort: every identity of the train split is also tested; "
            "leave score_norm out, or make splits that share no identity."
        )
    return others
