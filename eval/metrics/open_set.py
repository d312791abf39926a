"""Open-set identification: scores of searches whose identity is, or is not, in the gallery.

A search returns the best gallery entry if its score is above the threshold. FPIR is the fraction of unmated searches
(identity not in the gallery) that return anything; FNIR at rank 1 is the fraction of mated searches whose mate is not
the entry returned (ISO/IEC 19795-1; Grother, Ngan and Hanaoka, NISTIR 8271, section 3). 1 - FNIR at rank 1 is the
detection and identification rate, DIR (Phillips, Grother and Micheals 2011, Handbook of Face Recognition).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from retrieval.types import Float32

NEVER_RETURNED = np.float32(-2.0)
"""Score below every cosine, for mates that are returned at no threshold."""


class BestScores(NamedTuple):
    """Best scores per query: ``mate`` (n,) among gallery entries of its identity, ``other`` (n,) among all others.

    A score is -inf if there is no such entry.
    """

    mate: Float32
    other: Float32


def mated_scores(searches: BestScores) -> Float32:
    """Score at which each mated search (n,) returns its mate at rank 1: the mate's, or :data:`NEVER_RETURNED`.

    A mate whose score only equals that of the best other entry counts as not returned, since chance would decide
    between the two. With these scores as genuine and those of :func:`unmated_scores` as impostor scores, the metrics
    of verification apply: FNMR is FNIR, FMR is FPIR.
    """
    return np.where(searches.mate > searches.other, searches.mate, NEVER_RETURNED).astype(np.float32)


def unmated_scores(searches: BestScores) -> Float32:
    """Score of the best gallery entry of each unmated search (n,); above the threshold it is a false positive."""
    return np.maximum(searches.other, NEVER_RETURNED)
