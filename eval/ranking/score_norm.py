"""Score normalisation against a cohort: other people's images, which say how high a score is by chance.

With mean m(x) and standard deviation s(x) of the cosines of an image x and the cohort's images:

- ``z`` (Li and Porter, ICASSP 1988; the zero normalisation of speaker verification): (score - m(g)) / s(g), for the
  enrolled side, the gallery.
- ``s`` (Kenny, Odyssey 2010): the mean of that and of (score - m(q)) / s(q) for the query.

The latter part alone is t-norm (Auckenthaler, Carey, Lloyd-Thomas, Digital Signal Processing 2000). It changes no
ranking, as a query's scores share m(q) and s(q); so there is no such option for rankings.
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
"""Below this standard deviation of cosines, float32 rounding is all there is."""


class Chance(NamedTuple):
    """Per image: ``mean`` and ``spread`` (standard deviation), both (n,), of its cosines to the cohort."""

    mean: Float32
    spread: Float32


def normalised_blocks(
    queries: Float32, gallery: Float32, cohort: Float32, norm: ScoreNorm
) -> Iterator[tuple[int, Float32]]:
    """Yield (first query of the block, scores (rows, gallery)), normalised; standard deviations, higher is better.

    Args:
        queries: (n, d) of length one.
        gallery: (m, d) of length one.
        cohort: (c, d) of length one, of people that are neither queries nor in the gallery.
        norm: which normalisation.

    Raises:
        InputError: the cohort has no spread.
    """
    enrolled = chance_scores(gallery, cohort)
    asked = chance_scores(queries, cohort) if norm == "s" else None
    for start, scores in similarity_blocks(queries, gallery):
        normal = (scores - enrolled.mean) / enrolled.spread
        if asked is not None:
            rows = slice(start, start + len(scores))
            normal = (normal + (scores - asked.mean[rows, None]) / asked.spread[rows, None]) / 2
        yield start, normal.astype(np.float32, copy=False)


def chance_scores(images: Float32, cohort: Float32) -> Chance:
    """Mean and standard deviation (ddof 0) of every image's cosines to the cohort.

    Args:
        images: (n, d) of length one.
        cohort: (c, d) of length one.

    Raises:
        InputError: an image has the same cosine to all of the cohort.
    """
    mean, spread = (np.empty(len(images), np.float32) for _ in range(2))
    for start, scores in similarity_blocks(images, cohort):
        rows = slice(start, start + len(scores))
        mean[rows] = scores.mean(axis=1, dtype=np.float64)
        spread[rows] = scores.std(axis=1, dtype=np.float64)
    if not (spread > LEAST_SPREAD).all():
        raise InputError(
            f"Scores cannot be normalised: the {len(cohort)} images of the cohort (the train split) are all equally "
            "similar to some image; use more of them, or leave out `score_norm`."
        )
    return Chance(mean, spread)


def strangers(cohort: Int64, tested: Int64) -> NDArray[np.bool_]:
    """Which images of a cohort (c,) may be compared with: those of known people (>= 0) that are not tested.

    Args:
        cohort: (c,) identity codes of the train split's images.
        tested: identity codes of queries and gallery.

    Raises:
        InputError: there is no cohort.
        TestDataError: it shows only people that are tested.
    """
    known = cohort >= 0
    if not known.any():
        raise InputError(
            "score_norm compares with the train split, and no sample of a known identity has split 'train' here; leave "
            "score_norm out, or give samples a split."
        )
    others: NDArray[np.bool_] = known & ~np.isin(cohort, tested)
    if not others.any():
        raise TestDataError(
            "score_norm would take test data for its cohort: every identity of the train split is also tested; "
            "leave score_norm out, or make splits that share nobody."
        )
    return others
